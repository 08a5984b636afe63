//! `dmlog-top report`: a trace as one page, or as JSON.

use std::fs::File;
use std::io::{BufReader, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit::{Exit, Failure};
use crate::analysis::flush::SLOWEST_MAX;
use crate::event::facts::CaptureFacts;
use crate::event::ids::DurationNs;
use crate::export::{Report, TraceEnd, json, text};
use crate::session::snapshot::{Snapshot, TOP_DEFAULT};
use crate::session::{Session, Settings};
use crate::trace::reader::{Tail, TraceReader};

/// Arguments of `dmlog-top report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to summarise; `-` reads it from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A page for people, or one JSON object for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave out what was over before T, from the start of the trace, such as `1.5s` or `250ms`
    #[arg(long, value_name = "T", value_parser = parse_duration)]
    since: Option<DurationNs>,
    /// Leave out what was over at T or later
    #[arg(long, value_name = "T", value_parser = parse_duration)]
    until: Option<DurationNs>,
    /// Only this device: a name, `MAJ:MIN` or a path below `/dev`; may be given several times
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Rows in each list
    #[arg(long, value_name = "N", default_value_t = TOP_DEFAULT, value_parser = parse_top)]
    top: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for a device that is not in the trace, 5 for a file that cannot be
/// read or is corrupt.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let settings = Settings { since: args.since, until: args.until };
    if let (Some(since), Some(until)) = (args.since, args.until)
        && until <= since
    {
        let error = anyhow::anyhow!("`--until` must be later than `--since`: nothing lies between them");
        return Err(Failure::new(Exit::Usage, error));
    }
    let name = args.file.display().to_string();
    let source = open(&args.file).map_err(|error| Failure::new(Exit::Io, error))?;
    let fold = fold(source, settings, args.top).with_context(|| format!("cannot report on `{name}`"));
    let Fold { facts, mut snapshot, end } = fold.map_err(|error| Failure::new(Exit::Io, error))?;
    select(&mut snapshot, &args.devices).map_err(|error| Failure::new(Exit::Usage, error))?;
    let report = Report { source: &name, facts: &facts, snapshot: &snapshot, end };
    let bytes = match args.format {
        Format::Text => text::render(&report).into_bytes(),
        Format::Json => json::render(&report).map_err(|error| Failure::new(Exit::Io, error))?,
    };
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.context("cannot write the report to standard output").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot open the trace `{}`", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// A whole trace, folded.
struct Fold {
    facts: CaptureFacts,
    snapshot: Snapshot,
    end: TraceEnd,
}

fn fold(source: impl Read, settings: Settings, top: usize) -> anyhow::Result<Fold> {
    let mut reader = TraceReader::new(source)?;
    let mut session = Session::new(Some(reader.facts()), settings);
    while reader.next_batch_with(|item| session.apply(&item))?.is_some() {}
    let end = match reader.tail() {
        Tail::Torn { bytes } => TraceEnd::Torn { bytes },
        Tail::Clean | Tail::NotReached => TraceEnd::Clean,
    };
    Ok(Fold { facts: reader.facts().clone(), snapshot: session.snapshot(top), end })
}

/// Keeps the devices that were asked for.
fn select(snapshot: &mut Snapshot, wanted: &[String]) -> anyhow::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    for name in wanted {
        if !snapshot.devices.iter().any(|device| device.is_called(name)) {
            let known: Vec<String> = snapshot.devices.iter().map(|device| format!("`{}`", device.name)).collect();
            let known = if known.is_empty() { "no device".to_owned() } else { known.join(", ") };
            anyhow::bail!("the trace has no device `{name}`; it has {known}");
        }
    }
    snapshot.devices.retain(|device| wanted.iter().any(|name| device.is_called(name)));
    Ok(())
}

fn parse_top(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(top) if (1..=SLOWEST_MAX).contains(&top) => Ok(top),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {SLOWEST_MAX}")),
    }
}

/// A length of time with its unit: `ns`, `us`, `ms`, `s`, `m`, `h`.
fn parse_duration(text: &str) -> Result<DurationNs, String> {
    const UNITS: [(&str, u64); 7] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let problem = || "expected a number and a unit, such as `1.5s`, `250ms` or `2m`".to_owned();
    let end_of_number = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(problem)?;
    let (number, unit) = text.split_at(end_of_number);
    let (_, unit_ns) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(problem)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(problem());
    }
    let too_long = || "that is longer than any trace".to_owned();
    let mut total_ns = whole.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ns)).ok_or_else(too_long)?;
    let mut place_ns = unit_ns;
    for digit in fraction.bytes() {
        place_ns /= 10;
        total_ns = total_ns.checked_add(u64::from(digit - b'0') * place_ns).ok_or_else(too_long)?;
    }
    Ok(DurationNs(total_ns))
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_top};
    use crate::event::ids::DurationNs;

    #[test]
    fn durations_have_a_unit() {
        for (text, ns) in [
            ("0s", 0),
            ("1.5s", 1_500_000_000),
            ("250ms", 250_000_000),
            ("10us", 10_000),
            ("7ns", 7),
            ("2m", 120_000_000_000),
            ("0.000000001s", 1),
            ("0.0000000001s", 0),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(DurationNs(ns)), "{text}");
        }
        for text in ["", "5", "s", ".5s", "5.s", "1.2.3s", "-1s", "1 s", "1S", "99999999999999999999s", "1e3s", "٣s"] {
            assert!(parse_duration(text).is_err_and(|problem| !problem.is_empty()), "{text}");
        }
    }

    #[test]
    fn the_top_is_at_least_one_and_bounded() {
        assert_eq!([parse_top("1"), parse_top("100")], [Ok(1), Ok(100)]);
        assert!([parse_top("0"), parse_top("101"), parse_top("x")].iter().all(Result::is_err));
    }
}
