//! `bench replay`: how fast a trace is read and folded, beside programs that read traces of their own.
//!
//! The trace is made by `cargo xtask synth` and kept in the cache. Everything runs on one CPU (`taskset`) and is told by the
//! time that it was on it, user and system together, as the scheduler counts it: on a machine that others use too, the
//! time on the clock says more about them. Peers read inputs of as many events as they take in a few seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::bench::report::{Figure, Report};
use crate::paths::{cache_dir, repo_root, target_dir};
use crate::process;
use crate::setup::store::{create_dir, sha256};
use crate::setup::{self, Scope};
use crate::synth;

use super::peers::{self, Peer};
use super::timed::{self, Run, timed};

/// Runs of everything; the median counts.
pub(super) const RUNS: usize = 5;
/// Events of the trace.
pub(crate) const EVENTS: u64 = 10_000_000;
/// Events and regions of the run that memory is measured in.
const MEMORY_EVENTS: u64 = 100_000_000;
const MEMORY_REGIONS: u64 = 1 << 20;
pub(super) const SPEED: &str = "M events/s";

/// Measures speed, or with `memory` the memory of one large replay and jumps within it.
pub(crate) fn measure(events: u64, memory: bool) -> Result<Report> {
    setup::ensure(&Scope::peers())?;
    let build = ["build", "--release", "--package", "dmlog-user", "--no-default-features", "--bins"];
    process::run(process::cargo(&repo_root()).args(build))?;
    let program = target_dir().join("release/dmlog-top");
    let mut runs = format!("warm cache, time on the CPU, median of {RUNS} runs");
    let (figures, option) = if memory {
        "one run, time on the CPU".clone_into(&mut runs);
        (memory_figures(&program)?, " --memory".to_owned())
    } else {
        let option = if events == EVENTS { String::new() } else { format!(" --events {events}") };
        (speed_figures(&program, events)?, option)
    };
    Ok(Report {
        bench: "replay".to_owned(),
        command: format!("cargo xtask bench replay{option}"),
        conditions: format!("{}, release build without LTO, one CPU unless said otherwise, {runs}", machine()),
        figures,
    })
}

fn speed_figures(program: &Path, events: u64) -> Result<Vec<Figure>> {
    let trace = trace(events)?;
    // Also warms the cache.
    let bytes = fs::read(&trace).with_context(|| format!("`{}` cannot be read", trace.display()))?.len();
    let peers = peers::measure(&folder()?)?;
    let best = peers.iter().map(Peer::speed).max_by(f64::total_cmp);
    let fastest = peers.iter().find(|peer| Some(peer.speed()) == best).map(|peer| (peer.name, peer.speed()));
    let whole =
        (0..RUNS).map(|_| timed(program, &["report".as_ref(), trace.as_os_str()])).collect::<Result<Vec<_>>>()?;
    let speeds = |runs: &[Run]| runs.iter().map(|run| events as f64 / run.cpu_s / 1e6).collect::<Vec<_>>();
    let mut figures =
        vec![Figure::from_runs("read and fold, whole report", speeds(&whole), SPEED, Some(20.0), fastest)];
    for peer in &peers {
        figures.push(Figure::from_runs(
            &format!("{} {}", peer.name, peer.what),
            peer.speeds.clone(),
            SPEED,
            None,
            None,
        ));
    }
    let replay = synth::build_example("replay")?;
    for (work, what) in [
        ("seals", "inflate and compare seals, from memory"),
        ("read", "the same, and take the rows"),
        ("fold", "the same, and fold with full statistics"),
    ] {
        let runs = inner(&replay, &trace, work, true)?;
        let speeds = runs.iter().map(|run| run.events as f64 / run.cpu_ns as f64 * 1e3).collect();
        figures.push(Figure::from_runs(what, speeds, SPEED, None, None));
    }
    let ahead = inner(&replay, &trace, "ahead", false)?;
    let busier = ahead.iter().map(|run| run.events as f64 / run.cpu_ns as f64 * 1e3).collect();
    let clock = ahead.iter().map(|run| run.events as f64 / run.wall_ns as f64 * 1e3).collect();
    for (what, speeds) in [("time of the busier one", busier), ("time on the clock of this machine", clock)] {
        let what = format!("read by one thread, fold by another, {what}");
        figures.push(Figure::from_runs(&what, speeds, SPEED, None, None));
    }
    let peak = whole.iter().map(|run| run.peak_mib).collect();
    figures.push(Figure::from_runs("peak memory of the whole report", peak, "MiB", None, None));
    figures.push(Figure::from_runs(
        "size of the trace",
        vec![bytes as f64 / events as f64],
        "B/event",
        Some(8.0),
        None,
    ));
    Ok(figures)
}

fn memory_figures(program: &Path) -> Result<Vec<Figure>> {
    let trace = folder()?.join("memory.dmlog");
    let (events, regions) = (MEMORY_EVENTS.to_string(), MEMORY_REGIONS.to_string());
    let made = process::run(
        Command::new(synth::build()?)
            .args(["--nosync", "--events", &events, "--regions", &regions])
            .arg("-o")
            .arg(&trace),
    );
    let run = made.and_then(|()| timed(program, &["report".as_ref(), trace.as_os_str()]));
    let jumps = synth::build_example("replay").and_then(|replay| inner(&replay, &trace, "jump", true));
    // Nearly a gigabyte, which nobody needs twice.
    fs::remove_file(&trace).with_context(|| format!("`{}` cannot be removed", trace.display()))?;
    let (run, jumps) = (run?, jumps?);
    let (to_end, jumps) = jumps.split_first().context("the program did not go to the end")?;
    let mut jumps_ms: Vec<f64> = jumps.iter().map(|run| run.wall_ns as f64 / 1e6).collect();
    jumps_ms.sort_by(f64::total_cmp);
    let jump = |what: &str, percent: usize| {
        let place = jumps_ms.len() * percent / 100;
        let value = jumps_ms.get(place).or(jumps_ms.last()).copied();
        let what = format!("jump to a random time in it, {what} of {} jumps, on the clock", jumps_ms.len());
        Figure::from_runs(&what, value.into_iter().collect(), "ms", Some(200.0), None)
    };
    let what = format!("peak memory, {} M events over 1 Mi regions", MEMORY_EVENTS / 1_000_000);
    let speed = MEMORY_EVENTS as f64 / run.cpu_s / 1e6;
    Ok(vec![
        Figure::from_runs(&what, vec![run.peak_mib], "MiB", Some(256.0), None),
        Figure::from_runs("read and fold of it", vec![speed], SPEED, None, None),
        Figure::from_runs(
            "the cursor's way to its end, which leaves keyframes",
            vec![to_end.events as f64 / to_end.cpu_ns as f64 * 1e3],
            SPEED,
            None,
            None,
        ),
        jump("median", 50),
        jump("99th percentile", 99),
        jump("slowest", 100),
    ])
}

/// The trace, made if it is not in the cache. Another generator, another name.
pub(super) fn trace(events: u64) -> Result<PathBuf> {
    let program = synth::build()?;
    let of = sha256(&program)?;
    let path = folder()?.join(format!("replay-{events}-{}.dmlog", of.get(..12).unwrap_or(&of)));
    if !path.is_file() {
        let unfinished = path.with_extension("unfinished");
        process::run(Command::new(program).args(["--events", &events.to_string()]).arg("-o").arg(&unfinished))?;
        fs::rename(&unfinished, &path).with_context(|| format!("`{}` cannot be renamed", unfinished.display()))?;
    }
    Ok(path)
}

pub(super) fn folder() -> Result<PathBuf> {
    let folder = cache_dir().join("bench");
    create_dir(&folder)?;
    Ok(folder)
}

/// What the program behind this bench says of one run.
#[derive(Debug, Deserialize)]
struct InnerRun {
    events: u64,
    wall_ns: u64,
    cpu_ns: u64,
}

/// Runs one kind of work within one process.
fn inner(program: &Path, trace: &Path, work: &str, one_cpu: bool) -> Result<Vec<InnerRun>> {
    let mut command = if one_cpu { timed::on_one_cpu(program) } else { Command::new(program) };
    let runs = RUNS.to_string();
    let text = process::output(command.arg(trace).args(["--work", work, "--runs", &runs]))?;
    let runs: Vec<InnerRun> = serde_json::from_str(&text).with_context(|| format!("the program said `{text}`"))?;
    if runs.is_empty() {
        bail!("the program measured nothing");
    }
    Ok(runs)
}

/// Model of the CPU, and how many there are.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    format!("{count} CPUs, {}", model.unwrap_or("model unknown"))
}
