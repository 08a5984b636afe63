//! `bench gate`: how often the gate is wrong and what it sees, beside a flat threshold and benchstat's test on the same inputs.
//!
//! Two pools of real traces of one and the same thing, recorded in a guest: on a quiet machine, whose clock counts instructions
//! so that nothing else that runs here is in its times; and on a noisy one, whose clock is this machine's while it does other things as well.
//! Sides are dealt from each pool a thousand times (`tests/bench/gate.rs`). Pools are kept; delete `target/bench/gate` to record anew.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::report::{Figure, Report};
use crate::guest::{self, Echo, GuestFile, GuestSpec, Limits, Timing};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

const SCRIPT: &str = include_str!("gate.sh");

/// Traces of a pool: two sides of ten, and some to choose from.
const TRACES: usize = 24;

/// Runs on each side.
const RUNS: usize = 10;

/// Comparisons with and without something slower, of several runs and of one.
const COMPARISONS: usize = 1_000;

/// Length of a run: enough for slices to be drawn in blocks.
const SECONDS: u32 = 20;

/// What the gate must reach, in percent.
const FALSE_ALARMS: f64 = 1.0;
const POWER: f64 = 90.0;

/// A pool of traces.
#[derive(Clone, Copy, Debug)]
struct Pool {
    name: &'static str,
    timing: Timing,
    cpus: u32,
}

const POOLS: [Pool; 2] = [
    Pool { name: "quiet", timing: Timing::InstructionCount, cpus: 1 },
    Pool { name: "noisy", timing: Timing::Wall, cpus: 2 },
];

/// What the program that deals found.
#[derive(Debug, Deserialize)]
struct Found {
    name: String,
    value: f64,
    unit: String,
}

/// Records what is missing, deals, and tells.
pub(crate) fn measure(kernel: &str) -> Result<Report> {
    setup::ensure(&Scope::guest(kernel))?;
    let root = repo_root();
    process::run(process::cargo(&root).args([
        "build",
        "--release",
        "--package",
        "dmlog-user",
        "--bins",
        "--example",
        "gate",
    ]))?;
    let mut figures = Vec::new();
    for pool in POOLS {
        let traces = traces(pool, kernel)?;
        let mut command = Command::new(target_dir().join("release/examples/gate"));
        command.args(["--comparisons", &COMPARISONS.to_string(), "--runs", &RUNS.to_string()]).args(traces);
        let found: Vec<Found> =
            serde_json::from_str(&process::output(&mut command)?).context("the figures are no JSON")?;
        figures.extend(of_pool(pool, &found));
    }
    Ok(Report {
        bench: "gate".to_owned(),
        command: format!("cargo xtask bench gate --kernel {kernel}"),
        conditions: format!(
            "Linux {kernel} under QEMU TCG; disk log on a disk that serves one request after the other and that somebody else reads from; {TRACES} traces of \
             {SECONDS} s a pool, {COMPARISONS} comparisons dealt from them for each figure; built-in rules"
        ),
        figures,
    })
}

/// The traces of a pool, recorded if they are not there.
fn traces(pool: Pool, kernel: &str) -> Result<Vec<PathBuf>> {
    let folder = target_dir().join("bench/gate").join(format!("{}-{kernel}", pool.name));
    let listed = || -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
        paths.sort();
        Ok(paths)
    };
    if folder.is_dir() && listed()?.len() == TRACES {
        return listed();
    }
    let script = format!("export RUNS={TRACES} SECONDS_EACH={SECONDS}\n{SCRIPT}");
    let mut spec = GuestSpec::new(kernel, &format!("bench-gate-{}", pool.name), &script);
    spec.out.clone_from(&folder);
    spec.files = vec![
        GuestFile { host: target_dir().join("release/dmlog-top"), guest: "/bin/dmlog-top".to_owned() },
        GuestFile::program("fio")?,
    ];
    spec.machine.timing = pool.timing;
    spec.machine.cpus = pool.cpus;
    spec.machine.memory_mib = 2048;
    let minutes = std::time::Duration::from_mins(90);
    spec.limits = Limits { total: minutes, silence: minutes };
    spec.echo = Echo::Prefixed(format!("[{}] ", pool.name));
    guest::fresh_out(&spec.out)?;
    guest::run(&spec)?.require_success()?;
    let traces = listed()?;
    if traces.len() != TRACES {
        bail!("`{}` has {} traces, and not {TRACES}", folder.display(), traces.len());
    }
    Ok(traces)
}

/// Figures of a pool, with what the peers made of the same inputs beside ours.
fn of_pool(pool: Pool, found: &[Found]) -> Vec<Figure> {
    let named = |name: &str| found.iter().find(|found| found.name == name).map(|found| found.value);
    found
        .iter()
        .map(|Found { name, value, unit }| {
            let goal = match name.as_str() {
                name if name.contains("benchstat") || name.contains("flat") => None,
                name if name.contains("false alarms") => Some(FALSE_ALARMS),
                name if name.contains("power") && name.contains(&format!("{RUNS} runs")) => Some(POWER),
                _ => None,
            };
            let peer = goal.and_then(|_| {
                let (side, what) = name.split_once(": ")?;
                let other = if what.contains("power") {
                    named(&format!("{side}: benchstat: {what}"))
                } else {
                    named(&format!("{side}: benchstat, 0.05 for each metric: false alarms"))
                };
                other.map(|value| ("benchstat", value))
            });
            Figure::from_runs(&format!("{} machine, {name}", pool.name), vec![*value], unit, goal, peer)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Found, POOLS, of_pool};

    #[test]
    fn ours_stands_beside_the_peers() {
        let found = |name: &str, value| Found { name: name.to_owned(), value, unit: "%".to_owned() };
        let figures = of_pool(
            POOLS[0],
            &[
                found("10 runs a side: false alarms, all rules together", 0.2),
                found("10 runs a side: benchstat, 0.05 for each metric: false alarms", 17.0),
                found("10 runs a side: power, p99 +10 %", 93.0),
                found("10 runs a side: benchstat: power, p99 +10 %", 99.0),
                found("one run a side: power, p99 +10 %", 12.0),
            ],
        );
        let told: Vec<_> = figures.iter().map(|figure| (figure.value, figure.goal, figure.peer_value)).collect();
        let none = None::<f64>;
        assert_eq!(
            told,
            [
                (0.2, Some(1.0), Some(17.0)),
                (17.0, none, none),
                (93.0, Some(90.0), Some(99.0)),
                (99.0, none, none),
                (12.0, none, none)
            ]
        );
    }
}
