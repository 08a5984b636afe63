//! The load that probes are measured under: a mirror on ram disks in a guest whose clock counts instructions.
//!
//! `load.sh` makes the mirror and knows three kinds of session: untraced, traced by a recorder that stands still, and recorded
//! by one that runs. Which of them run, and in which order, is in the script of whoever measures.

use anyhow::{Context, Result, bail};

use crate::guest::{self, Echo, GuestFile, GuestSpec, Timing};
use crate::paths::target_dir;

const LOAD: &str = include_str!("load.sh");

/// Boots the kernel with counted instructions and runs the sessions of a script with the program of the release build, which is
/// there already. The console goes to `NAME.log` below `target/guest`, the traces of the sessions into the folder `NAME` there.
pub(crate) fn run(kernel: &str, name: &str, script: &str, more_files: Vec<GuestFile>) -> Result<Sessions> {
    let mut spec = GuestSpec::new(kernel, name, &format!("{LOAD}\n{script}"));
    spec.files = vec![
        GuestFile { host: target_dir().join("release/dmlog-top"), guest: "/bin/dmlog-top".to_owned() },
        // busybox's does not say how long it took.
        GuestFile { host: GuestFile::program("dd")?.host, guest: "/bin/gnudd".to_owned() },
    ];
    spec.files.extend(more_files);
    spec.machine.timing = Timing::InstructionCount;
    spec.machine.cpus = 1;
    spec.machine.memory_mib = 2048;
    spec.echo = Echo::Prefixed(format!("[{kernel}] "));
    guest::fresh_out(&spec.out)?;
    let run = guest::run(&spec)?;
    run.require_success()?;
    Sessions::parse(run.output.iter().map(String::as_str))
}

/// What the guest measured.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sessions {
    /// Name and the times of its runs, in nanoseconds of guest time, in order.
    runs: Vec<(String, Vec<f64>)>,
    /// Name, events, lost, bytes.
    recordings: Vec<(String, [f64; 3])>,
}

impl Sessions {
    /// From what the guest printed; lines of others are passed over.
    pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self> {
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

    /// Medians of the sessions with this name, in instructions, one for each round.
    pub(crate) fn medians(&self, name: &str) -> Result<Vec<f64>> {
        let medians: Vec<f64> = self.runs.iter().filter(|(of, _)| of == name).map(|(_, runs)| median(runs)).collect();
        if medians.is_empty() {
            bail!("the guest did not measure `{name}`");
        }
        Ok(medians)
    }

    /// Runs of one session, the same for all of this name.
    pub(crate) fn runs_in(&self, name: &str) -> Result<usize> {
        let session = self.runs.iter().find(|(of, _)| of == name);
        Ok(session.with_context(|| format!("the guest did not measure `{name}`"))?.1.len())
    }

    /// Median of all untraced runs, in instructions.
    pub(crate) fn base(&self) -> Result<f64> {
        let all: Vec<f64> =
            self.runs.iter().filter(|(of, _)| of == "base").flat_map(|(_, runs)| runs.clone()).collect();
        if all.is_empty() {
            bail!("the guest did not measure `base`");
        }
        Ok(median(&all))
    }

    /// Events, lost and bytes of the recordings with this name; the median of each.
    pub(crate) fn recorded(&self, name: &str) -> Result<[f64; 3]> {
        let of: Vec<[f64; 3]> = self.recordings.iter().filter(|(of, _)| of == name).map(|(_, n)| *n).collect();
        if of.is_empty() {
            bail!("the guest did not record `{name}`");
        }
        Ok([0, 1, 2].map(|place| median(&of.iter().map(|numbers| numbers[place]).collect::<Vec<_>>())))
    }
}

/// The upper one of two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
