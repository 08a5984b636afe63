//! `bench probes`: what one traced call costs, in guest instructions, beside libbpf-tools `funclatency` in the same boot.
//!
//! One processor whose clock counts instructions. The load is 4,000 direct writes of 4 KiB to a disk-log mirror on ram disks; each
//! kind of tracing runs it five times in each of three rounds, with untraced runs between. A round's figure is the median of
//! its runs less the median of all untraced runs, over the number of calls that were traced. The load takes one of two paths
//! (the worker is woken once more in some runs), which is why a median of many untraced runs is taken.

pub(crate) mod load;

use anyhow::Result;

use crate::bench::probes::load::{Sessions, median};
use crate::bench::report::{Figure, Report};
use crate::guest::GuestFile;
use crate::paths::repo_root;
use crate::process;

const SCRIPT: &str = include_str!("rounds.sh");

const COST: &str = "guest instructions/call";

/// Boots the kernel with counted instructions and runs the workload untraced, traced, and under the peer.
pub(crate) fn measure(kernel: &str) -> Result<Report> {
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", "dmlog-user", "--bins"]))?;
    let name = format!("bench-probes-{kernel}");
    let sessions = load::run(kernel, &name, SCRIPT, vec![GuestFile::program("funclatency")?])?;
    Ok(Report {
        bench: "probes".to_owned(),
        command: format!("cargo xtask bench probes --kernel {kernel}"),
        conditions: format!(
            "Linux {kernel} under QEMU TCG, one processor, time counts instructions; 4,000 direct writes of 4 KiB to a disk-log mirror on ram disks; three rounds of five runs"
        ),
        figures: figures(&sessions)?,
    })
}

fn figures(sessions: &Sessions) -> Result<Vec<Figure>> {
    let base = sessions.base()?;
    let calls_in = |name: &str| -> Result<f64> { Ok(sessions.recorded(name)?[0] / sessions.runs_in(name)? as f64) };
    let calls = calls_in("two-fentry")?;
    let cost = |name: &str, calls: f64| -> Result<Vec<f64>> {
        Ok(sessions.medians(name)?.iter().map(|time| (time - base) / calls).collect())
    };
    let peer = cost("funclatency", calls)?;
    let mut figures = Vec::new();
    for (name, title, goal) in [
        ("two-fentry", "mark and dirtied or other flush, entry to return, fentry", 500.0),
        ("two-kprobe", "mark and dirtied or other flush, entry to return, kprobe", 1400.0),
    ] {
        figures.push(Figure::from_runs(
            title,
            cost(name, calls)?,
            COST,
            Some(goal),
            Some(("funclatency", median(&peer))),
        ));
    }
    figures.push(Figure::from_runs("funclatency mark and flush, two processes", peer.clone(), COST, None, None));
    for (name, title) in [("all-fentry", "all hooks, fentry"), ("all-kprobe", "all hooks, kprobe")] {
        let runs = cost(name, calls_in(name)?)?;
        figures.push(Figure::from_runs(&format!("{title}, each record"), runs, COST, None, None));
    }
    let slower = |name: &str| -> Result<Vec<f64>> {
        Ok(sessions.medians(name)?.iter().map(|time| (time - base) / base * 100.0).collect())
    };
    let peer = median(&slower("funclatency")?);
    for (name, title, goal) in [
        ("two-fentry", "slow-down, mark and flush, fentry", None),
        ("all-fentry", "slow-down, all hooks, fentry", Some(8.0)),
        ("all-kprobe", "slow-down, all hooks, kprobe", Some(8.0)),
        ("running-fentry", "slow-down, all hooks, fentry, with the recorder on the same processor", None),
    ] {
        figures.push(Figure::from_runs(title, slower(name)?, "%", goal, Some(("funclatency, two functions", peer))));
    }
    let [events, lost, bytes] = sessions.recorded("running-fentry")?;
    figures.push(Figure::from_runs("trace size, all hooks", vec![bytes / events], "B/event", Some(8.0), None));
    figures.push(Figure::from_runs("events lost while recording", vec![lost], "events", Some(0.0), None));
    figures.push(Figure::from_runs("untraced load", vec![base / 1e6], "ms", None, None));
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{Sessions, figures};

    const OUTPUT: &str = "noise\nR base 0.100 0.102 0.100\nR two-fentry 0.106 0.106 0.106\nE two-fentry 36000 0 400000\n\
        R two-kprobe 0.112 0.112 0.112\nR funclatency 0.120 0.120 0.120\nR all-fentry 0.150 0.150 0.150\n\
        E all-fentry 240000 0 1600000\nR all-kprobe 0.2 0.2 0.2\nE all-kprobe 240000 0 1600000\n\
        R running-fentry 0.3 0.3 0.3\nE running-fentry 400000 0 1600000\n";

    #[test]
    fn costs_are_differences_over_calls() {
        let sessions = Sessions::parse(OUTPUT.lines()).unwrap();
        let figures = figures(&sessions).unwrap();
        let value = |name: &str| figures.iter().find(|figure| figure.name.starts_with(name)).unwrap().value;
        assert!((value("mark and dirtied or other flush, entry to return, fentry") - 500.0).abs() < 0.01);
        assert!((value("funclatency mark") - 20e6 / 12_000.0).abs() < 0.01);
        assert!((value("slow-down, all hooks, fentry") - 50.0).abs() < 0.01);
        assert!((value("trace size") - 4.0).abs() < 0.01);
    }

    #[test]
    fn a_session_that_is_missing_is_named() {
        let sessions = Sessions::parse("R base 0.1\n".lines()).unwrap();
        assert_eq!(figures(&sessions).unwrap_err().to_string(), "the guest did not record `two-fentry`");
    }
}
