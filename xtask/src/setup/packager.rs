//! `cargo-deb`, built from source into the cache: it turns what Cargo built into a package of Debian.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::cache_dir;
use crate::process;

/// The release that is built.
pub(crate) const VERSION: &str = "3.8.0";

/// Where the program is.
pub(crate) fn program() -> PathBuf {
    cache_dir().join("tools/bin/cargo-deb")
}

/// True when the cache holds it in this release.
pub(crate) fn is_built() -> bool {
    process::output(Command::new(program()).arg("--version")).is_ok_and(|text| text.contains(VERSION))
}

/// Builds it; Cargo puts the program in place in one step.
pub(crate) fn build() -> Result<()> {
    let mut command = process::plain_cargo();
    command.args(["install", "cargo-deb", "--version", VERSION, "--locked", "--force"]);
    process::run(command.arg("--root").arg(cache_dir().join("tools"))).context("cargo-deb was not built")
}
