//! `bpf-linker`, built from source into the cache: no distribution packages it, and its LLVM has to be at least as new
//! as the compiler's.

use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::cache_dir;
use crate::process;

/// The release that is built.
pub(crate) const VERSION: &str = "0.13.0";
/// The LLVM it is built with: that of Debian's compiler.
pub(crate) const LLVM: u32 = bpf_toolchain::MINIMUM_LLVM;
/// A file of the package that holds that LLVM.
pub(crate) const LLVM_CONFIG: &str = "/usr/lib/llvm-22/bin/llvm-config";
/// Where that LLVM is.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";
/// Selects that LLVM; the crate's default is a newer one than Debian has.
const FEATURE: &str = "llvm-22";

/// True when the cache holds a linker that runs.
pub(crate) fn is_built() -> bool {
    process::output(Command::new(bpf_toolchain::bpf_linker_path()).arg("--version"))
        .is_ok_and(|text| text.contains(VERSION))
}

/// Builds it; Cargo puts the program in place in one step.
pub(crate) fn build() -> Result<()> {
    let mut command = process::plain_cargo();
    command.args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force"]);
    command.args(["--no-default-features", "--features", FEATURE]);
    command.arg("--root").arg(cache_dir().join("tools")).env("LLVM_PREFIX", LLVM_PREFIX);
    process::run(&mut command).context("bpf-linker was not built")
}
