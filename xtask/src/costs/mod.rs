//! `cargo xtask costs`: what the program costs, in numbers that do not depend on how busy a machine is, held against a
//! committed baseline by the program's own gate.
//!
//! ```text
//! guest, one CPU, time counts instructions → probe.*, record.*  ┐
//! valgrind over the replay of a made trace → replay.*, trace.*  ┴→ target/costs.json → dmlog-top gate → one result a figure
//! ```
//!
//! Both parts run side by side: each keeps one CPU busy, and neither is disturbed by the other.

mod calls;
mod figures;
mod instructions;
mod probes;
mod replay;
pub(crate) mod verdict;

use std::fs;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::costs::figures::Costs;
use crate::costs::instructions::VALGRIND;
use crate::costs::verdict::Verdict;
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

/// The kernel that probes are measured on.
pub(crate) const KERNEL: &str = "6.12";
/// The figures that the gate holds the others against.
const BASELINE: &str = "tests/gate/costs-baseline.json";
/// By how much which figure may get worse, and why.
const RULES: &str = "tests/gate/costs.toml";
/// What a processor must have for the programs to take the paths that were counted for the baseline.
const PROCESSOR: [&str; 3] = ["avx2", "bmi2", "sse4_2"];

/// Measures probes and replay in instructions, and the trace in bytes, and holds them against the committed baseline
#[derive(Debug, Args)]
pub(crate) struct CostsArgs {
    /// Makes what was measured the baseline, instead of judging it
    #[arg(long)]
    bless: bool,
    /// Where the figures go as well
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run_command(args: &CostsArgs) -> Result<ExitCode> {
    setup::ensure(&Scope::costs())?;
    if let Some(reason) = obstacle() {
        bail!("{reason}");
    }
    let costs = measure()?;
    if let Some(path) = &args.write {
        costs.write(path)?;
    }
    if args.bless {
        costs.write(&repo_root().join(BASELINE))?;
        println!("`{BASELINE}` has the figures of this run now; say in the commit what made them change");
        return Ok(ExitCode::SUCCESS);
    }
    let verdict = judge(&costs)?;
    for better in verdict.judged.iter().filter(|judged| judged.is_improvement()) {
        println!("`{}` is better than the baseline; `cargo xtask costs --bless` holds it there", better.metric);
    }
    Ok(if verdict.outcome == "passed" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why nothing can be compared with the baseline on this machine, if so.
pub(crate) fn obstacle() -> Option<String> {
    if process::find_program(VALGRIND).is_none() {
        return Some(format!("`{VALGRIND}` is not installed, and only root of a Debian machine can have it installed"));
    }
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has = |feature: &str| cpu.split_ascii_whitespace().any(|word| word == feature);
    let missing = PROCESSOR.into_iter().find(|feature| !has(feature))?;
    Some(format!("this processor has no {missing}, so that programs take other paths than those of the baseline"))
}

/// Measures everything and judges it.
pub(crate) fn check() -> Result<Verdict> {
    judge(&measure()?)
}

fn judge(costs: &Costs) -> Result<Verdict> {
    let candidate = target_dir().join("costs.json");
    costs.write(&candidate)?;
    verdict::judge(&repo_root().join(BASELINE), &candidate, &repo_root().join(RULES))
}

fn measure() -> Result<Costs> {
    build()?;
    let started = Instant::now();
    let (probes, replay) = thread::scope(|scope| {
        let probes = scope.spawn(|| (probes::measure(), started.elapsed()));
        let replay = (replay::measure(), started.elapsed());
        (probes.join().unwrap_or_else(|panic| resume_unwind(panic)), replay)
    });
    eprintln!("costs: guest {:.0} s, valgrind {:.0} s", probes.1.as_secs_f64(), replay.1.as_secs_f64());
    let mut costs = Costs { name: measured_with()?, ..Costs::default() };
    costs.extend(probes.0?);
    costs.extend(replay.0?);
    Ok(costs)
}

/// One call builds all: examples add features to shared crates, and a second call for the program alone would build those twice.
fn build() -> Result<()> {
    let mut command = process::cargo(&repo_root());
    command.args(["build", "--release", "--package", "dmlog-user", "--bin", "dmlog-top"]);
    process::run(command.args(["--example", "replay", "--example", "synth"]))
}

/// What the figures depend on besides our code.
fn measured_with() -> Result<String> {
    let first_words = |program: &str, words: usize| -> Result<String> {
        let said = process::output(Command::new(program).arg("--version"))?;
        let line = said.lines().next().with_context(|| format!("`{program} --version` says nothing"))?;
        Ok(line.split_ascii_whitespace().take(words).collect::<Vec<_>>().join(" "))
    };
    Ok(format!(
        "{}, {}, {}, Linux {KERNEL}",
        first_words("rustc", 2)?,
        first_words(VALGRIND, 1)?,
        first_words("qemu-system-x86_64", 4)?
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BASELINE, RULES};
    use crate::paths::repo_root;

    /// A figure without a rule would be measured and never judged.
    #[test]
    fn every_figure_of_the_baseline_has_a_rule_and_every_rule_a_figure() {
        let text = fs::read_to_string(repo_root().join(BASELINE)).unwrap();
        let baseline: serde_json::Value = serde_json::from_str(&text).unwrap();
        let figures: Vec<String> = baseline["runs"][0]["figures"].as_object().unwrap().keys().cloned().collect();
        let rules = fs::read_to_string(repo_root().join(RULES)).unwrap();
        let named = rules.lines().filter_map(|line| line.strip_prefix("metric = \"figure.")?.strip_suffix('"'));
        let mut named: Vec<&str> = named.collect();
        named.sort_unstable();
        assert_eq!(figures, named);
    }
}
