//! `bench export`: how fast each format is written, how large it is and how much memory that takes, beside programs that export
//! traces of their own.
//!
//! As `bench replay`: one CPU, time on it, a warm cache. Everybody writes where nothing is kept, so that no disk is measured; the
//! size is that of a file of ours, and of what comes out of a peer.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::peers;
use super::replay::{RUNS, SPEED, folder, machine, trace};
use super::report::{Figure, Report};
use super::timed::timed;
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

/// Formats, and how many million events a second each must reach.
const FORMATS: [(&str, Option<f64>); 7] = [
    ("csv", None),
    ("jsonl", Some(3.0)),
    ("parquet", Some(3.0)),
    ("perfetto", Some(2.0)),
    ("hlog", None),
    ("openmetrics", None),
    ("svg", None),
];

/// What any export may take.
const MEMORY_MIB: f64 = 256.0;

/// Measures all formats.
pub(crate) fn measure(events: u64) -> Result<Report> {
    setup::ensure(&Scope::peers())?;
    let build =
        ["build", "--release", "--package", "dmlog-user", "--no-default-features", "--features", "parquet", "--bins"];
    process::run(process::cargo(&repo_root()).args(build))?;
    let program = target_dir().join("release/dmlog-top");
    let trace = trace(events)?;
    // Also warms the cache.
    fs::read(&trace).with_context(|| format!("`{}` cannot be read", trace.display()))?;
    let peers = peers::exporters(&folder()?)?;
    let best = peers.iter().map(|exporter| &exporter.peer).max_by(|left, right| left.speed().total_cmp(&right.speed()));
    let best = best.map(|peer| (peer.name, peer.speed()));
    let mut figures = Vec::new();
    for (format, goal) in FORMATS {
        figures.extend(of_format(&program, &trace, events, format, goal, best)?);
    }
    for exporter in &peers {
        let name = format!("{} {}", exporter.peer.name, exporter.peer.what);
        figures.push(Figure::from_runs(&name, exporter.peer.speeds.clone(), SPEED, None, None));
        figures.push(Figure::from_runs(
            &format!("{name}, size"),
            vec![exporter.bytes_per_event],
            "B/event",
            None,
            None,
        ));
    }
    let option = if events == super::replay::EVENTS { String::new() } else { format!(" --events {events}") };
    Ok(Report {
        bench: "export".to_owned(),
        command: format!("cargo xtask bench export{option}"),
        conditions: format!(
            "{}, release build without LTO, one CPU, warm cache, time on the CPU, median of {RUNS} runs",
            machine()
        ),
        figures,
    })
}

fn of_format(
    program: &Path,
    trace: &Path,
    events: u64,
    format: &str,
    goal: Option<f64>,
    best: Option<(&str, f64)>,
) -> Result<[Figure; 3]> {
    let run = |output: &Path| {
        timed(
            program,
            &[
                "export".as_ref(),
                trace.as_os_str(),
                "--to".as_ref(),
                format.as_ref(),
                "-o".as_ref(),
                output.as_os_str(),
            ],
        )
    };
    let file = folder()?.join(format!("export.{format}"));
    run(&file)?;
    let bytes = fs::metadata(&file).with_context(|| format!("`{}` was not written", file.display()))?.len();
    fs::remove_file(&file).with_context(|| format!("`{}` cannot be removed", file.display()))?;
    let runs = (0..RUNS).map(|_| run(Path::new("/dev/null"))).collect::<Result<Vec<_>>>()?;
    let speeds = runs.iter().map(|run| events as f64 / run.cpu_s / 1e6).collect();
    let peaks = runs.iter().map(|run| run.peak_mib).collect();
    Ok([
        Figure::from_runs(format, speeds, SPEED, goal, best),
        Figure::from_runs(&format!("{format}, size"), vec![bytes as f64 / events as f64], "B/event", None, None),
        Figure::from_runs(&format!("{format}, peak memory"), peaks, "MiB", Some(MEMORY_MIB), None),
    ])
}
