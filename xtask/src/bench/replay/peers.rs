//! Programs that read traces of other things: `blkparse`, `btt` and `perf script`.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::bench::replay::blktrace::{self, RECORD_BYTES};
use crate::bench::replay::timed::timed;
use crate::bench::replay::{RUNS, folder};
use crate::process;

/// Events of the blktrace input.
const BLOCK_EVENTS: usize = 3_000_000;
/// One page fault in each page of 12 times 256 MiB.
const FAULTS: &str = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do dd if=/dev/zero of=/dev/null bs=256M count=1; done";

/// A peer and how fast it was.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What it did.
    pub(super) what: String,
    /// Of each run, in millions of events a second.
    pub(super) speeds: Vec<f64>,
}

impl Peer {
    /// Median.
    pub(super) fn speed(&self) -> f64 {
        let mut sorted = self.speeds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// All peers. One that cannot be measured here is named on stderr and left out.
pub(super) fn measure(folder: &Path) -> Result<Vec<Peer>> {
    let mut peers = block(folder)?;
    match perf() {
        Ok(peer) => peers.push(peer),
        Err(error) => eprintln!("bench: `perf script` is left out: {error:#}"),
    }
    Ok(peers)
}

fn block(folder: &Path) -> Result<Vec<Peer>> {
    let input = folder.join("peer.blktrace.0");
    let is_there = fs::metadata(&input).is_ok_and(|file| file.len() == (BLOCK_EVENTS * RECORD_BYTES) as u64);
    if !is_there {
        blktrace::write(&input, BLOCK_EVENTS)?;
    }
    let merged = folder.join("peer.bin");
    let directory = [OsStr::new("-D"), folder.as_os_str(), "-i".as_ref(), "peer".as_ref()];
    let text = directory.to_vec();
    let binary = [directory.as_slice(), &["-O".as_ref(), "-d".as_ref(), merged.as_os_str()]].concat();
    let peer = |name, what: &str, args: &[&OsStr]| -> Result<Peer> {
        Ok(Peer {
            name,
            what: format!("{what}, {} M events", BLOCK_EVENTS / 1_000_000),
            speeds: speeds(name, args, BLOCK_EVENTS)?,
        })
    };
    let peers = vec![
        peer("blkparse", "to text", &text)?,
        peer("blkparse", "to binary", &binary)?,
        // What `blkparse` has merged is what it reads.
        peer("btt", "statistics", &["-i".as_ref(), merged.as_os_str()])?,
    ];
    fs::remove_file(&merged).with_context(|| format!("`{}` cannot be removed", merged.display()))?;
    Ok(peers)
}

fn perf() -> Result<Peer> {
    let data = folder()?.join("perf.data");
    let record = ["record", "--event", "page-faults", "--count", "1", "--output"];
    let mut command = Command::new("perf");
    command.args(record).arg(&data).args(["--", "sh", "-c", FAULTS]);
    process::output(command.stderr(Stdio::null())).context("`perf record` of page faults is not permitted here")?;
    let mut report = Command::new("perf");
    let text = process::output(report.args(["script", "--fields", "time", "--input"]).arg(&data))?;
    let events = text.lines().count();
    let speeds = speeds("perf", &["script".as_ref(), "--input".as_ref(), data.as_os_str()], events)?;
    fs::remove_file(&data).with_context(|| format!("`{}` cannot be removed", data.display()))?;
    Ok(Peer { name: "perf script", what: format!("to text, {:.1} M events", events as f64 / 1e6), speeds })
}

fn speeds(program: &str, args: &[&OsStr], events: usize) -> Result<Vec<f64>> {
    let program = process::find_program(program).with_context(|| format!("`{program}` is not there"))?;
    (0..RUNS).map(|_| Ok(events as f64 / timed(&program, args)?.cpu_s / 1e6)).collect()
}
