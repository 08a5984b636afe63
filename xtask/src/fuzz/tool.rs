//! `cargo-fuzz`, built from source into the cache, and the compiler that it needs: one that brings the runtime of the address
//! sanitizer, and takes unstable options. The one that builds the BPF object may be another: Debian's has no runtime, and
//! rustup's needs no library sources for this.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
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
    let compiler = compiler().context(
        "no compiler of rustup has the runtime of the address sanitizer; `rustup toolchain install nightly` brings one",
    )?;
    let bin = compiler.sysroot.join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path: OsString = env::join_paths(std::iter::once(bin).chain(env::split_paths(&path)))?;
    command.env("PATH", path);
    if compiler.needs_bootstrap {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    process::run(&mut command).with_context(|| format!("fuzz target `{target}` was not built"))?;
    Ok(target_dir.join(TRIPLE).join("release").join(target))
}

/// A compiler that can build with the address sanitizer.
#[derive(Debug, PartialEq, Eq)]
struct Compiler {
    sysroot: PathBuf,
    /// A stable compiler takes unstable options only with `RUSTC_BOOTSTRAP=1`.
    needs_bootstrap: bool,
}

/// Rustup's nightly, else the toolchain that is in force.
fn compiler() -> Option<Compiler> {
    let sysroot = |rustc: &[&str]| {
        let (program, args) = rustc.split_first()?;
        let mut command = Command::new(program);
        command.args(args).args(["--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN");
        let sysroot = PathBuf::from(process::output(&mut command).ok()?.trim());
        has_runtime(&sysroot).then_some(sysroot)
    };
    let nightly = sysroot(&["rustup", "run", "nightly", "rustc"]);
    let nightly = nightly.map(|sysroot| Compiler { sysroot, needs_bootstrap: false });
    nightly.or_else(|| sysroot(&["rustc"]).map(|sysroot| Compiler { sysroot, needs_bootstrap: true }))
}

/// Does a toolchain bring the runtime of the address sanitizer?
fn has_runtime(sysroot: &Path) -> bool {
    let Ok(entries) = fs::read_dir(sysroot.join("lib/rustlib").join(TRIPLE).join("lib")) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with("librustc-") && name.ends_with("_rt.asan.a"))
    })
}

/// Sanitizers need a target of their own, or build scripts would be built with them.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{TRIPLE, has_runtime};
    use crate::setup::store::scratch_dir;

    #[test]
    fn a_toolchain_without_the_runtime_is_told() {
        let sysroot = scratch_dir("fuzz-sysroot").unwrap();
        assert!(!has_runtime(&sysroot));
        let libraries = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
        fs::create_dir_all(&libraries).unwrap();
        fs::write(libraries.join("libstd.rlib"), "").unwrap();
        assert!(!has_runtime(&sysroot));
        fs::write(libraries.join("librustc-nightly_rt.asan.a"), "").unwrap();
        assert!(has_runtime(&sysroot));
        fs::remove_dir_all(&sysroot).unwrap();
    }
}
