//! `dmlog-top record`.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::ValueEnum;
use dmlog_common::hooks::HOOKS;
use dmlog_common::record::RING_BYTES;

use super::exit::{Exit, Failure};
use super::flight::{self, FlightArgs};
use crate::capture::plan::{ProbeChoice, Wishes};
use crate::capture::{Capture, CaptureOptions};
use crate::event::facts::{CaptureFacts, Probe};
use crate::record::{self, Progress, Recording, WriteFailure};

/// Arguments of `dmlog-top record`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only this mirror: dm name, vg/lv, path or MAJ:MIN (may be given more than once)
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// End after this time, for example 30s, 500ms, 5m; without it Ctrl-C ends the recording
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    flight: FlightArgs,
    #[command(flatten)]
    capture: CaptureArgs,
}

/// Arguments of every command that attaches to the kernel.
#[derive(Debug, clap::Args)]
pub struct CaptureArgs {
    /// Leave out single reads and writes, their processes and latencies
    #[arg(long)]
    no_io: bool,
    /// Record also the in-sync question of every read (hot)
    #[arg(long)]
    reads: bool,
    /// How to probe
    #[arg(long, value_enum, default_value_t = ProbeArg::Auto)]
    probe: ProbeArg,
    /// Probe only this kernel function (may be given more than once); `dmlog-top host` lists them
    #[arg(long = "hook", value_name = "FUNCTION", value_parser = parse_hook)]
    hooks: Vec<String>,
    /// Show what the BPF programs themselves find odd, on stderr
    #[arg(long)]
    bpf_log: bool,
    /// Size of the ring buffer: a power of two of at least 64 KiB, for example 512K or 8M
    #[arg(long, value_name = "BYTES", default_value_t = RING_BYTES, value_parser = parse_ring_size)]
    ring_size: u32,
}

/// How to probe.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProbeArg {
    /// fentry where the kernel has type information, kprobe elsewhere
    Auto,
    /// Kprobes only
    Kprobe,
}

impl CaptureArgs {
    /// Decisions for a capture of these devices.
    pub fn options(&self, devices: &[String]) -> CaptureOptions {
        CaptureOptions {
            devices: devices.to_vec(),
            wishes: self.wishes(),
            ring_bytes: self.ring_size,
            bpf_log: self.bpf_log,
            keeps_file_access: false,
            command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
        }
    }

    /// What is to be recorded.
    pub fn wishes(&self) -> Wishes {
        let probe = match self.probe {
            ProbeArg::Auto => ProbeChoice::Auto,
            ProbeArg::Kprobe => ProbeChoice::Kprobe,
        };
        Wishes { probe, io: !self.no_io, reads: self.reads, only: self.hooks.clone() }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(window) = args.flight.window {
        let options = args.capture.options(&args.devices);
        return flight::run(&args.flight, window, &args.output, options, args.duration);
    }
    // The output first: nothing is attached for a file that cannot be written.
    let sink = Sink::open(&args.output)?;
    let kept = sink.file()?;
    let capture = Capture::start(&args.capture.options(&args.devices))
        .map_err(|error| Failure::new(Exit::CaptureFailed, error))?;
    let mut greeting = Some(started(capture.facts(), &args.output));
    let shows_progress = std::io::stderr().is_terminal();
    let mut last = Progress::default();
    let recording = record::record(capture, sink, args.duration, |progress| {
        // Not before signals are looked at: whoever waits for this line may send one at once.
        if let Some(greeting) = greeting.take() {
            say(&greeting);
        }
        if shows_progress {
            show(&last, &progress);
            last = progress;
        }
    })
    .map_err(|error| Failure::new(Exit::CaptureFailed, anyhow!("the recorder cannot run: {error}")))?;
    if shows_progress {
        let _ = writeln!(std::io::stderr());
    }
    finish(&recording, &args.output, kept.as_ref())
}

fn finish(recording: &Recording, output: &Path, file: Option<&File>) -> Result<Exit, Failure> {
    let Recording { totals, losses, dropped, failure, elapsed } = recording;
    if let Some(WriteFailure { error, sealed, lost }) = failure {
        // What was written of the batch that failed is no use to anybody.
        let cut = file.is_some_and(|file| sealed.bytes == 0 || file.set_len(sealed.bytes).is_ok());
        let intact = if cut { "intact" } else { "intact up to the last seal" };
        return Err(Failure::new(
            Exit::Io,
            anyhow!(
                "`{}`: {}; the recording ended: {} events are in the file, which is {intact}, and {lost} events are lost; \
                 make room or record to another place",
                output.display(),
                full_text(error),
                sealed.events,
            ),
        ));
    }
    let lost = losses.ring + dropped;
    let more = [
        (losses.unpaired, "calls without their entry"),
        (losses.recursion, "probes that the kernel did not run"),
        (losses.forgotten, "objects beyond the limit"),
    ];
    let more = more
        .iter()
        .filter(|(count, _)| *count > 0)
        .fold(String::new(), |text, (count, what)| format!("{text}, {count} {what}"));
    say(&format!(
        "{}: {} events in {:.1} s, {lost} lost{more}, {} bytes",
        output.display(),
        totals.events,
        elapsed.as_secs_f64(),
        totals.bytes,
    ));
    Ok(Exit::Done)
}

/// An error with its causes, as text: a broken pipe at the output of a recorder is a loss, not the quiet end that it is for
/// a printer.
fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

fn started(facts: &CaptureFacts, output: &Path) -> String {
    let count = |probe: Probe| facts.coverage.iter().filter(|hook| hook.probe == probe).count();
    let mut text = format!(
        "recording to {}: {} hooks by fentry, {} by kprobe",
        output.display(),
        count(Probe::Fentry),
        count(Probe::Kprobe)
    );
    for (probe, what) in
        [(Probe::Absent, "absent (see `dmlog-top host`)"), (Probe::Waiting, "waiting for their module")]
    {
        if count(probe) > 0 {
            text.push_str(&format!(", {} {what}", count(probe)));
        }
    }
    text.push_str("; Ctrl-C ends");
    text
}

/// One line on stderr; if that is gone, nobody is there to be told.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn show(last: &Progress, now: &Progress) {
    let seconds = now.elapsed.saturating_sub(last.elapsed).as_secs_f64().max(0.001);
    let rate = now.events.saturating_sub(last.events) as f64 / seconds;
    let _ = write!(
        std::io::stderr(),
        "\r{:>6.0} s  {:>10} events  {rate:>9.0}/s  {} lost  {:>8.1} MiB\x1b[K",
        now.elapsed.as_secs_f64(),
        now.events,
        now.lost,
        now.bytes as f64 / f64::from(1 << 20),
    );
}

/// Where the trace goes.
#[derive(Debug)]
enum Sink {
    File(File),
    Stdout(std::io::Stdout),
}

impl Sink {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout(std::io::stdout()));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(|error| {
            Failure::new(
                Exit::Io,
                anyhow!("`{}` cannot be written ({error}); choose another output with `-o`", path.display()),
            )
        })?;
        Ok(Self::File(file))
    }

    /// A second handle on the file, to cut it after a failed write.
    fn file(&self) -> Result<Option<File>, Failure> {
        match self {
            Self::File(file) => {
                file.try_clone().map(Some).map_err(|error| Failure::new(Exit::Io, anyhow!("the output: {error}")))
            }
            Self::Stdout(_) => Ok(None),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// A time such as `30s`, `500ms`, `5m`, `2h`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor_ms = match &text[digits.len()..] {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" => 60e3,
        "h" => 3_600e3,
        unit => return Err(format!("unknown unit `{unit}`: use ms, s, m or h")),
    };
    let number: f64 = digits.parse().map_err(|_not_a_number| "expected a time such as `30s` or `500ms`".to_owned())?;
    let milliseconds = number * factor_ms;
    if !(1.0..=3.2e12).contains(&milliseconds) {
        return Err("expected a time between 1ms and a century".to_owned());
    }
    Duration::try_from_secs_f64(milliseconds / 1e3).map_err(|error| error.to_string())
}

fn parse_hook(text: &str) -> Result<String, String> {
    if HOOKS.iter().any(|hook| hook.function == text) {
        Ok(text.to_owned())
    } else {
        Err("no hook has this name; `dmlog-top host` lists them".to_owned())
    }
}

/// A size such as `512K` or `32M`; a bare number is bytes.
pub fn parse_bytes(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        _ => return None,
    };
    digits.parse::<u32>().ok().and_then(|number| number.checked_mul(1 << shift))
}

fn parse_ring_size(text: &str) -> Result<u32, String> {
    match parse_bytes(text) {
        Some(size) if size.is_power_of_two() && (64 << 10..=1 << 30).contains(&size) => Ok(size),
        _ => Err("expected a power of two between 64K and 1024M".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse_duration, parse_ring_size};

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "s", "-1s", "5x", "nan", "inf", "0s", "1e30h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ring_sizes_are_powers_of_two() {
        assert_eq!(parse_ring_size("65536"), Ok(65_536));
        assert_eq!(parse_ring_size("8M"), Ok(8 << 20));
        assert_eq!(parse_ring_size("512KiB"), Ok(512 << 10));
        for wrong in ["0", "1K", "100K", "8G", "4096M", "x"] {
            assert!(parse_ring_size(wrong).is_err(), "{wrong}");
        }
    }
}
