//! `cargo xtask fuzz`: runs the fuzz targets of `tests/fuzz`, one after the other or several at once, and prints a
//! line for each.
//!
//! What is found on the way stays below the target folder: the grown corpora, the output, and inputs that fail. Only the
//! seeds are committed, and the tier `properties` runs them without a fuzzer.

mod report;
mod tool;

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::fuzz::report::Run;
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::store::create_dir;

/// The targets: what each reads is at the top of `tests/fuzz/properties/NAME.rs`.
const TARGETS: [&str; 7] = ["codec", "disk_header", "trace_reader", "ring_decode", "text", "exports", "gate"];
/// An input that makes more memory necessary than this is a finding.
const MEMORY_LIMIT_MIB: u32 = 2048;
/// An input that takes longer is a finding.
const TIMEOUT_SECONDS: u32 = 10;

/// Fuzzes everything that reads foreign bytes; needs a nightly compiler
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// How many targets run at once
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
    /// Writes the committed corpora anew instead, all but what was found
    #[arg(long, conflicts_with_all = ["seconds", "jobs", "targets"])]
    seeds: bool,
    /// Which targets; all of them if none is named
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,
}

/// Runs the command.
pub(crate) fn run_command(args: &FuzzArgs) -> Result<ExitCode> {
    if args.seeds {
        let package = ["run", "--package", "dmlog-user", "--no-default-features", "--example", "seeds"];
        process::run(process::cargo(&repo_root()).args(package))?;
        return Ok(ExitCode::SUCCESS);
    }
    tool::ensure()?;
    let all = || TARGETS.map(str::to_owned).to_vec();
    let targets = if args.targets.is_empty() { all() } else { args.targets.clone() };
    let folder = target_dir().join("fuzz");
    let programs: Vec<_> = targets.iter().map(|target| tool::build(target, &folder)).collect::<Result<_>>()?;
    let fuzz = |(target, program): (&String, PathBuf)| {
        let run = run(target, &program, &folder.join("runs").join(target), args.seconds)?;
        let lines: Vec<String> = run.findings.iter().map(|finding| format!("\n{:<13} {finding}", "")).collect();
        let findings = lines.concat();
        println!("{target:<13} {run}{findings}");
        Ok(!run.findings.is_empty())
    };
    let results = in_parallel(args.jobs, targets.iter().zip(programs), fuzz);
    if results.into_iter().collect::<Result<Vec<bool>>>()?.contains(&true) {
        bail!("there are findings; `artifacts` and `output` in `{}/runs/TARGET` say which", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Does the same work for each, so many at once; the results come in no order.
fn in_parallel<T: Send, R: Send>(
    jobs: NonZeroUsize,
    each: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let (queue, results) = (Mutex::new(each), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _job in 0..jobs.get() {
            scope.spawn(|| {
                loop {
                    // A statement of its own, or the lock would be held through the work.
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(next) = next else { break };
                    let result = work(next);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one target with the corpus of earlier runs and the committed one.
fn run(target: &str, program: &Path, folder: &Path, seconds: u32) -> Result<Run> {
    let (grown, artifacts) = (folder.join("corpus"), folder.join("artifacts"));
    create_dir(&grown)?;
    create_dir(&artifacts)?;
    let log = folder.join("output");
    let output = File::create(&log).with_context(|| format!("`{}` cannot be written", log.display()))?;
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-rss_limit_mb={MEMORY_LIMIT_MIB}")).arg(format!("-timeout={TIMEOUT_SECONDS}"));
    // The trailing slash makes it a folder.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(grown).arg(repo_root().join("tests/fuzz/corpus").join(target));
    eprintln!("$ {}", process::shown(&command));
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).status();
    let status = status.with_context(|| format!("`{}` did not start", program.display()))?;
    let output = fs::read(&log).with_context(|| format!("`{}` cannot be read", log.display()))?;
    Ok(Run::parse(&String::from_utf8_lossy(&output), status.success()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Barrier;

    use super::in_parallel;

    #[test]
    fn everything_is_done_once_and_so_many_at_once() {
        // With one job less, the first would wait for ever.
        let both = Barrier::new(2);
        let work = |number: u32| {
            both.wait();
            number * 10
        };
        let mut results = in_parallel(NonZeroUsize::new(2).unwrap(), 0..6, work);
        results.sort_unstable();
        assert_eq!(results, [0, 10, 20, 30, 40, 50]);
    }
}
