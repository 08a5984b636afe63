//! `bench probes`: what one traced call costs, in guest instructions, beside libbpf-tools `funclatency` in the same boot.
//!
//! One processor whose clock counts instructions. The load is 4,000 direct writes of 4 KiB to a disk-log mirror on ram disks; each
//! kind of tracing runs it five times in each of three rounds, with untraced runs between. A round's figure is the median of
//! its runs less the median of all untraced runs, over the number of calls that were traced. The load takes one of two paths
//! (the worker is woken once more in some runs), which is why a median of many untraced runs is taken.

use anyhow::{Context, Result, bail};

use crate::bench::report::{Figure, Report};
use crate::guest::{self, Echo, GuestFile, GuestSpec, Timing};
use crate::paths::{repo_root, target_dir};
use crate::process;

const SCRIPT: &str = include_str!("probes.sh");

/// Runs of the load in one session of the script.
const RUNS: f64 = 5.0;
const COST: &str = "guest instructions/call";

/// Boots the kernel with counted instructions and runs the workload untraced, traced, and under the peer.
pub(crate) fn measure(kernel: &str) -> Result<Report> {
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", "dmlog-user", "--bins"]))?;
    let mut spec = GuestSpec::new(kernel, &format!("bench-probes-{kernel}"), SCRIPT);
    spec.files = vec![
        GuestFile { host: target_dir().join("release/dmlog-top"), guest: "/bin/dmlog-top".to_owned() },
        // busybox's does not say how long it took.
        GuestFile { host: GuestFile::program("dd")?.host, guest: "/bin/gnudd".to_owned() },
        GuestFile::program("funclatency")?,
    ];
    spec.machine.timing = Timing::InstructionCount;
    spec.machine.cpus = 1;
    spec.machine.memory_mib = 2048;
    spec.echo = Echo::Prefixed(format!("[{kernel}] "));
    guest::fresh_out(&spec.out)?;
    let run = guest::run(&spec)?;
    run.require_success()?;
    let sessions = Sessions::parse(run.output.iter().map(String::as_str))?;
    Ok(Report {
        bench: "probes".to_owned(),
        command: format!("cargo xtask bench probes --kernel {kernel}"),
        conditions: format!(
            "Linux {kernel} under QEMU TCG, one processor, time counts instructions; 4,000 direct writes of 4 KiB to a disk-log mirror on ram disks; three rounds of five runs"
        ),
        figures: figures(&sessions)?,
    })
}

/// What the guest measured.
#[derive(Debug, Default, PartialEq)]
struct Sessions {
    /// Name and the times of its runs, in nanoseconds of guest time, in order.
    runs: Vec<(String, Vec<f64>)>,
    /// Name, events, lost, bytes.
    recordings: Vec<(String, [f64; 3])>,
}

impl Sessions {
    fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut sessions = Self::default();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            let (Some(tag @ ("R" | "E")), Some(name)) = (words.next(), words.next()) else { continue };
            let numbers = words.map(str::parse::<f64>).collect::<Result<Vec<_>, _>>();
            let numbers = numbers.with_context(|| format!("the guest said `{line}`"))?;
            if tag == "R" {
                sessions.runs.push((name.to_owned(), numbers.iter().map(|seconds| seconds * 1e9).collect()));
            } else {
                let Ok(numbers) = <[f64; 3]>::try_from(numbers) else { bail!("the guest said `{line}`") };
                sessions.recordings.push((name.to_owned(), numbers));
            }
        }
        Ok(sessions)
    }

    /// Medians of the sessions with this name, one for each round.
    fn medians(&self, name: &str) -> Result<Vec<f64>> {
        let medians: Vec<f64> = self.runs.iter().filter(|(of, _)| of == name).map(|(_, runs)| median(runs)).collect();
        if medians.is_empty() {
            bail!("the guest did not measure `{name}`");
        }
        Ok(medians)
    }

    /// Median of all untraced runs.
    fn base(&self) -> Result<f64> {
        let all: Vec<f64> =
            self.runs.iter().filter(|(of, _)| of == "base").flat_map(|(_, runs)| runs.clone()).collect();
        if all.is_empty() {
            bail!("the guest did not measure `base`");
        }
        Ok(median(&all))
    }

    /// Events and bytes of the recordings with this name.
    fn recorded(&self, name: &str) -> Result<[f64; 3]> {
        let of: Vec<[f64; 3]> = self.recordings.iter().filter(|(of, _)| of == name).map(|(_, n)| *n).collect();
        if of.is_empty() {
            bail!("the guest did not record `{name}`");
        }
        Ok([0, 1, 2].map(|place| median(&of.iter().map(|numbers| numbers[place]).collect::<Vec<_>>())))
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn figures(sessions: &Sessions) -> Result<Vec<Figure>> {
    let base = sessions.base()?;
    let calls = sessions.recorded("two-fentry")?[0] / RUNS;
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
        let calls = sessions.recorded(name)?[0] / RUNS;
        figures.push(Figure::from_runs(&format!("{title}, each record"), cost(name, calls)?, COST, None, None));
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

    const OUTPUT: &str = "noise\nR base 0.100 0.102 0.100\nR two-fentry 0.106 0.106 0.106\nE two-fentry 60000 0 400000\n\
        R two-kprobe 0.112 0.112 0.112\nR funclatency 0.120 0.120 0.120\nR all-fentry 0.150 0.150 0.150\n\
        E all-fentry 400000 0 1600000\nR all-kprobe 0.2 0.2 0.2\nE all-kprobe 400000 0 1600000\n\
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
