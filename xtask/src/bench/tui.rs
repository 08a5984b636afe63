//! `bench tui`: what the screen costs while a trace plays, and how soon it is there.
//!
//! The measuring program is `tests/bench/tui.rs`, an example of `dmlog-user`. It plays a trace of `cargo xtask synth` at a quarter
//! of its speed, which is 20 k events/s, and reads the CPU of the built program in a pseudo-terminal.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::bench::replay;
use crate::bench::report::{Figure, Report};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::synth;

/// Regions of both traces.
const REGIONS: u64 = 1 << 20;

/// Events of the trace that plays: more than are played.
const EVENTS: u64 = 1_000_000;

/// Events of the trace whose first frame is waited for.
const LARGE_EVENTS: u64 = 100_000_000;

/// Seconds of playing, and frames of each screen.
const SECONDS: u32 = 20;
const FRAMES: u32 = 200;

/// Starts of the program.
const STARTS: u32 = 5;

/// Numbers of one case.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    values: Vec<f64>,
}

/// Measures.
pub(crate) fn measure() -> Result<Report> {
    let build = ["build", "--release", "--package", "dmlog-user", "--no-default-features", "--features", "tui"];
    process::run(process::cargo(&repo_root()).args(build).args(["--bins", "--example", "tui"]))?;
    let release = target_dir().join("release");
    let (measuring, program) = (release.join("examples/tui"), release.join("dmlog-top"));
    let playing = trace(EVENTS)?;
    let cpu = run(&measuring, &playing, "cpu", SECONDS, &program)?;
    let frames = run(&measuring, &playing, "frames", FRAMES, &program)?;
    let first = run(&measuring, &trace(LARGE_EVENTS)?, "first", STARTS, &program)?;
    Ok(Report {
        bench: "tui".to_owned(),
        command: "cargo xtask bench tui".to_owned(),
        conditions: format!(
            "{}, release build, 120x40, 1 Mi regions, 20 k events/s at 10 frames/s; CPU of the program in a pseudo-terminal",
            replay::machine()
        ),
        figures: figures(&cpu, &frames, &first)?,
    })
}

/// The trace, made if it is not there. The large one takes nearly a gigabyte.
fn trace(events: u64) -> Result<std::path::PathBuf> {
    let folder = target_dir().join("bench");
    crate::setup::store::create_dir(&folder)?;
    let path = folder.join(format!("tui-{events}.dmlog"));
    if !path.is_file() {
        let unfinished = path.with_extension("unfinished");
        let (events, regions) = (events.to_string(), REGIONS.to_string());
        let options = ["--nosync", "--events", &events, "--regions", &regions, "-o"];
        process::run(Command::new(synth::build()?).args(options).arg(&unfinished))?;
        std::fs::rename(&unfinished, &path).with_context(|| format!("`{}` cannot be renamed", unfinished.display()))?;
    }
    Ok(path)
}

fn run(measuring: &Path, trace: &Path, work: &str, times: u32, program: &Path) -> Result<Vec<Case>> {
    let times = times.to_string();
    let mut command = Command::new(measuring);
    command.arg(trace).args(["--work", work, "--times", &times, "--program"]).arg(program);
    let text = process::output(&mut command)?;
    serde_json::from_str(&text).with_context(|| format!("the program said `{text}`"))
}

fn figures(cpu: &[Case], frames: &[Case], first: &[Case]) -> Result<Vec<Figure>> {
    let runs = |cases: &[Case], name: &str| {
        let case = cases.iter().find(|case| case.name == name);
        case.map(|case| case.values.clone()).with_context(|| format!("the program did not measure `{name}`"))
    };
    let mut figures = vec![Figure::from_runs(
        "CPU of the program, each second, of one core",
        runs(cpu, "cpu")?,
        "%",
        Some(5.0),
        None,
    )];
    for Case { name, values } in frames {
        for (what, percent, goal) in [("median", 50, None), ("99th percentile", 99, Some(16.0))] {
            let name = format!("frame of {name}, {what} of {}", values.len());
            figures.push(Figure::from_runs(&name, vec![ranked(values, percent)], "ms", goal, None));
        }
    }
    let million = LARGE_EVENTS / 1_000_000;
    figures.push(Figure::from_runs(
        &format!("first frame of {million} M events, from the start of the program"),
        runs(first, "first")?,
        "ms",
        Some(1000.0),
        None,
    ));
    figures.push(Figure::from_runs("all of it read, keyframes taken", runs(first, "whole")?, "ms", None, None));
    Ok(figures)
}

/// The value that so many of a hundred do not exceed, by nearest rank.
fn ranked(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Case, figures, ranked};

    #[test]
    fn ranks_are_nearest() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|percent| ranked(&values, percent).to_string()), ["100", "198", "200"]);
        assert!(ranked(&[], 99).is_nan());
    }

    #[test]
    fn every_goal_has_a_figure() {
        let case = |name: &str, values: &[f64]| Case { name: name.to_owned(), values: values.to_vec() };
        let first = [case("first", &[80.0]), case("whole", &[9000.0])];
        let figures = figures(&[case("cpu", &[2.0, 4.0, 3.0])], &[case("mirrors", &[1.0, 9.0])], &first).unwrap();
        let goals: Vec<_> = figures.iter().map(|figure| (figure.value.to_string(), figure.goal)).collect();
        let expected = [("3", Some(5.0)), ("1", None), ("9", Some(16.0)), ("80", Some(1000.0)), ("9000", None)];
        assert_eq!(goals, expected.map(|(value, goal)| (value.to_owned(), goal)));
    }
}
