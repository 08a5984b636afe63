//! `cargo-fuzz`, built from source into the cache, and the compiler that it needs: one with sanitizers, which only accepts
//! their options on nightly. It is the one that builds the BPF object.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::{cache_dir, repo_root};
use crate::process;
use crate::setup::store::CacheLock;

/// The release that is built.
const VERSION: &str = "0.13.1";

fn program() -> PathBuf {
    cache_dir().join("tools/bin/cargo-fuzz")
}

fn is_built() -> bool {
    process::output(Command::new(program()).arg("--version")).is_ok_and(|text| text.contains(VERSION))
}

/// Builds `cargo-fuzz` unless the cache has it.
pub(super) fn ensure() -> Result<()> {
    if is_built() {
        return Ok(());
    }
    let _lock = CacheLock::take()?;
    let mut command = process::plain_cargo();
    command.args(["install", "cargo-fuzz", "--version", VERSION, "--locked", "--force"]);
    process::run(command.arg("--root").arg(cache_dir().join("tools"))).context("cargo-fuzz was not built")
}

/// Builds one target; returns the program.
pub(super) fn build(target: &str, target_dir: &PathBuf) -> Result<PathBuf> {
    let mut command = Command::new(program());
    command.current_dir(repo_root()).args(["build", "--fuzz-dir", "tests/fuzz", "--target-dir"]).arg(target_dir);
    command.args(["--target", TRIPLE, target]);
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    // It starts `cargo` and `rustc` by their names.
    let compilers = bpf_toolchain::compilers();
    let compiler = compilers.first().context("no compiler with nightly options; run `cargo xtask setup`")?;
    let bin = compiler.cargo.parent().map(PathBuf::from).unwrap_or_default();
    let path = env::var_os("PATH").unwrap_or_default();
    let path: OsString = env::join_paths(std::iter::once(bin).chain(env::split_paths(&path)))?;
    command.env("PATH", path);
    if compiler.needs_bootstrap {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    process::run(&mut command).with_context(|| format!("fuzz target `{target}` was not built"))?;
    Ok(target_dir.join(TRIPLE).join("release").join(target))
}

/// Sanitizers need a target of their own, or build scripts would be built with them.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
