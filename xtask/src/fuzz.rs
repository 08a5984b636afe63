//! `cargo xtask fuzz`: runs the targets of `tests/fuzz` one after the other and says how far each one came.
//!
//! They need a nightly compiler for its sanitizers, which only rustup has. Inputs that a run finds stay in the target folder;
//! the committed ones are where it starts from. A finding is kept as a file, named, and makes the task fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::paths::{cache_dir, repo_root, target_dir};
use crate::process;
use crate::setup::store::create_dir;

/// Every target, in the order of `tests/fuzz/README.md`.
const TARGETS: [&str; 5] = ["codec", "disk_header", "ring_decode", "text", "trace_reader"];
/// The release of cargo-fuzz that is built.
const VERSION: &str = "0.13.1";
/// An input that takes longer is a finding, in seconds.
const TIMEOUT_S: u32 = 10;
/// A process that takes more is a finding, in MiB.
const MEMORY_MIB: u32 = 2048;
const NO_NIGHTLY: &str =
    "fuzzing needs a nightly compiler of rustup, for its sanitizers: `rustup toolchain install nightly`";

/// Runs the fuzz targets
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// Which of them: codec, disk_header, ring_decode, text, trace_reader; all of them unless told
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
    /// How long each one runs
    #[arg(long, default_value_t = 600)]
    seconds: u32,
}

/// How far a target came.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reached {
    /// Inputs that were tried.
    executions: u64,
    per_second: u64,
    /// Edges of the code that were reached.
    edges: u64,
    /// Inputs that are worth keeping.
    inputs: u64,
}

/// Runs the command.
pub(crate) fn run_command(args: &FuzzArgs) -> Result<ExitCode> {
    let cargo_fuzz = tool()?;
    let all = TARGETS.map(str::to_owned);
    let targets = if args.targets.is_empty() { &all[..] } else { &args.targets };
    let mut found = Vec::new();
    for target in targets {
        let (is_whole, log) = run(&cargo_fuzz, target, args.seconds)?;
        let Reached { executions, per_second, edges, inputs } = reached(&log);
        println!("{target}: {executions} executions, {per_second}/s, {edges} edges, {inputs} inputs");
        if !is_whole {
            found.push(target.as_str());
        }
    }
    if found.is_empty() {
        println!("no finding");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("findings in {}; the logs are in `{}`", found.join(", "), folder().display());
    Ok(ExitCode::FAILURE)
}

/// cargo-fuzz, built if it is not there.
fn tool() -> Result<PathBuf> {
    let toolchains = process::output(Command::new("rustup").args(["toolchain", "list"])).context(NO_NIGHTLY)?;
    if !toolchains.lines().any(|line| line.starts_with("nightly")) {
        bail!(NO_NIGHTLY);
    }
    let path = cache_dir().join("tools/bin/cargo-fuzz");
    let is_there = process::output(Command::new(&path).arg("--version")).is_ok_and(|text| text.contains(VERSION));
    if !is_there {
        let mut command = process::plain_cargo();
        command.args(["install", "cargo-fuzz", "--version", VERSION, "--locked", "--force"]);
        process::run(command.arg("--root").arg(cache_dir().join("tools"))).context("cargo-fuzz was not built")?;
    }
    Ok(path)
}

fn folder() -> PathBuf {
    target_dir().join("fuzz")
}

/// Runs one target; `false` if it found something. The log is libFuzzer's.
fn run(cargo_fuzz: &Path, target: &str, seconds: u32) -> Result<(bool, String)> {
    let root = repo_root();
    let (found, seeds) = (folder().join("corpus").join(target), root.join("tests/fuzz/corpus").join(target));
    create_dir(&found)?;
    let log = folder().join(format!("{target}.log"));
    let file = File::create(&log).with_context(|| format!("`{}` cannot be written", log.display()))?;
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(cargo_fuzz).args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--target-dir"]);
    command.arg(folder()).arg(target).arg(&found).arg(&seeds).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={TIMEOUT_S}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}")).args(["-print_final_stats=1"]);
    command.current_dir(&root).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").stderr(file);
    let is_whole = process::succeeds(&mut command)?;
    let text = fs::read(&log).with_context(|| format!("`{}` cannot be read", log.display()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if !is_whole && !text.contains("stat::") {
        bail!("the target `{target}` did not run; its log is `{}`", log.display());
    }
    Ok((is_whole, text))
}

/// The last figures of a log.
fn reached(log: &str) -> Reached {
    let mut reached = Reached::default();
    for line in log.lines() {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let number = words.peek().and_then(|next| next.split('/').next()).and_then(|next| next.parse().ok());
            let place = match word {
                "stat::number_of_executed_units:" => &mut reached.executions,
                "stat::average_exec_per_sec:" => &mut reached.per_second,
                "cov:" => &mut reached.edges,
                "corp:" => &mut reached.inputs,
                _ => continue,
            };
            *place = number.unwrap_or(*place);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::{Reached, reached};

    #[test]
    fn the_last_figures_of_a_log_count() {
        let log = "#2\tINITED cov: 211 ft: 212 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                   #8\tNEW    cov: 230 ft: 241 corp: 4/92b lim: 4 exec/s: 0 rss: 31Mb L: 1/3\n\
                   stat::number_of_executed_units: 4711\nstat::average_exec_per_sec:     785\n";
        assert_eq!(reached(log), Reached { executions: 4711, per_second: 785, edges: 230, inputs: 4 });
        assert_eq!(reached("error: no such target"), Reached::default());
    }
}
