//! Programs that read traces of other things: `blkparse`, `btt` and `perf script`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::bench::blktrace::{self, RECORD_BYTES};
use crate::bench::replay::{RUNS, folder};
use crate::bench::timed::timed;
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

/// Makes the input of `blkparse`, which looks for it by the name `peer`.
fn blktrace(folder: &Path) -> Result<()> {
    let input = folder.join("peer.blktrace.0");
    let is_there = fs::metadata(&input).is_ok_and(|file| file.len() == (BLOCK_EVENTS * RECORD_BYTES) as u64);
    if !is_there {
        blktrace::write(&input, BLOCK_EVENTS)?;
    }
    Ok(())
}

fn block(folder: &Path) -> Result<Vec<Peer>> {
    blktrace(folder)?;
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

/// A peer that exports, and how large what it writes is.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) peer: Peer,
    pub(super) bytes_per_event: f64,
}

/// `blkparse`, `perf script` and `perf data convert` on inputs of their own.
pub(super) fn exporters(folder: &Path) -> Result<Vec<Exporter>> {
    blktrace(folder)?;
    let text = ["-D".as_ref(), folder.as_os_str(), "-i".as_ref(), "peer".as_ref()];
    let bytes = output_bytes("blkparse", &text)?;
    let speeds_of = speeds("blkparse", &text, BLOCK_EVENTS)?;
    let what = format!("to text, {} M events", BLOCK_EVENTS / 1_000_000);
    let peer = Peer { name: "blkparse", what, speeds: speeds_of };
    let mut exporters = vec![Exporter { peer, bytes_per_event: bytes as f64 / BLOCK_EVENTS as f64 }];
    match perf_exporters(folder) {
        Ok(more) => exporters.extend(more),
        Err(error) => eprintln!("bench: `perf` is left out: {error:#}"),
    }
    Ok(exporters)
}

fn perf_exporters(folder: &Path) -> Result<Vec<Exporter>> {
    let (data, events) = page_faults()?;
    let json = folder.join("perf.json");
    let script = ["script".as_ref(), "--input".as_ref(), data.as_os_str()];
    let input = ["data", "convert", "--force", "--input"].map(OsStr::new);
    let convert = [&input[..], &[data.as_os_str(), "--to-json".as_ref(), json.as_os_str()]].concat();
    let exporter = |name, what: &str, args: &[&OsStr], bytes: u64| -> Result<Exporter> {
        let what = format!("{what}, {:.1} M events", events as f64 / 1e6);
        let peer = Peer { name, what, speeds: speeds("perf", args, events)? };
        Ok(Exporter { peer, bytes_per_event: bytes as f64 / events as f64 })
    };
    let script = exporter("perf script", "to text", &script, output_bytes("perf", &script)?)?;
    let mut converted = exporter("perf data convert", "to JSON", &convert, 0)?;
    let bytes = fs::metadata(&json).with_context(|| format!("`{}` was not written", json.display()))?.len();
    converted.bytes_per_event = bytes as f64 / events as f64;
    for path in [&data, &json] {
        fs::remove_file(path).with_context(|| format!("`{}` cannot be removed", path.display()))?;
    }
    Ok(vec![script, converted])
}

/// Bytes that a program writes to stdout.
fn output_bytes(program: &str, args: &[&OsStr]) -> Result<u64> {
    let program = process::find_program(program).with_context(|| format!("`{program}` is not there"))?;
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("`{}` did not start", process::shown(&command)))?;
    let mut stdout = child.stdout.take().context("stdout is piped")?;
    let bytes = io::copy(&mut stdout, &mut io::sink()).context("what it writes cannot be read")?;
    child.wait().context("it did not end")?;
    Ok(bytes)
}

fn perf() -> Result<Peer> {
    let (data, events) = page_faults()?;
    let speeds = speeds("perf", &["script".as_ref(), "--input".as_ref(), data.as_os_str()], events)?;
    fs::remove_file(&data).with_context(|| format!("`{}` cannot be removed", data.display()))?;
    Ok(Peer { name: "perf script", what: format!("to text, {:.1} M events", events as f64 / 1e6), speeds })
}

/// Records page faults; returns the file, and how many there are in it.
fn page_faults() -> Result<(PathBuf, usize)> {
    let data = folder()?.join("perf.data");
    let record = ["record", "--event", "page-faults", "--count", "1", "--output"];
    let mut command = Command::new("perf");
    command.args(record).arg(&data).args(["--", "sh", "-c", FAULTS]);
    process::output(command.stderr(Stdio::null())).context("`perf record` of page faults is not permitted here")?;
    let mut report = Command::new("perf");
    let text = process::output(report.args(["script", "--fields", "time", "--input"]).arg(&data))?;
    let events = text.lines().count();
    Ok((data, events))
}

fn speeds(program: &str, args: &[&OsStr], events: usize) -> Result<Vec<f64>> {
    let program = process::find_program(program).with_context(|| format!("`{program}` is not there"))?;
    (0..RUNS).map(|_| Ok(events as f64 / timed(&program, args)?.cpu_s / 1e6)).collect()
}
