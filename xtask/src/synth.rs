//! `cargo xtask synth`: a trace of a mirror under load that never existed, for benches and for whoever needs a large one.
//!
//! The program is an example target of `dmlog-user`, because it uses the trace writer and this crate depends on nothing of
//! the product; so this only builds it and hands the arguments on.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::paths::{repo_root, target_dir};
use crate::process;

/// Makes a trace of a mirror under load, without a kernel; `--help` lists its options
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SynthArgs {
    /// Options of the program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Runs the command.
pub(crate) fn run_command(args: &SynthArgs) -> Result<ExitCode> {
    let program = build()?;
    process::run(Command::new(program).args(&args.options))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the program; returns where it is.
pub(crate) fn build() -> Result<PathBuf> {
    build_example("synth")
}

/// Builds an example of `dmlog-user` as it is measured: optimised, and without the kernel side.
pub(crate) fn build_example(name: &str) -> Result<PathBuf> {
    let package = ["build", "--release", "--package", "dmlog-user", "--no-default-features", "--example", name];
    process::run(process::cargo(&repo_root()).args(package))?;
    Ok(target_dir().join("release/examples").join(name))
}
