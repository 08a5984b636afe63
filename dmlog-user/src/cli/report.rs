//! `dmlog-top report`: a trace as one page for a terminal, a ticket or a browser, or as JSON.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::trace_file::{TraceFile, TraceTime};
use crate::analysis::slow_flush::SLOWEST_MAX;
use crate::event::facts::CaptureFacts;
use crate::event::ids::DurationNs;
use crate::event::text::quote::quote;
use crate::export::{Report, TraceEnd, html, json, markdown, text};
use crate::session::maps::Maps;
use crate::session::snapshot::{Snapshot, TOP_DEFAULT};
use crate::session::window::Moment;
use crate::session::{Session, Settings};

/// Arguments of `dmlog-top report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to summarise; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to make of it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only from this time: `1.5s` or `250ms` from the start, or monotonic seconds as `print` shows them
    #[arg(long, value_name = "T")]
    since: Option<TraceTime>,
    /// Only before this time
    #[arg(long, value_name = "T")]
    until: Option<TraceTime>,
    /// Only this device: `vg/lv`, its dm name or `MAJ:MIN`; may be given several times
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Rows in each list, 1 to 100
    #[arg(long, value_name = "N", default_value_t = TOP_DEFAULT, value_parser = parse_top)]
    top: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A page for a terminal
    Text,
    /// One JSON object for programs
    Json,
    /// Tables for a ticket
    Markdown,
    /// A page for a browser, with charts; it fetches nothing
    Html,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for a device that is not in the trace, 5 for a file that cannot be
/// read or is corrupt.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let settings = Settings { since: args.since.map(moment), until: args.until.map(moment) };
    let file = TraceFile::from(args.file.as_path());
    let Fold { facts, mut snapshot, maps, end } = fold(&file, settings, args)?;
    select(&mut snapshot, &args.devices, &file)?;
    let report = Report { source: &file.name(), facts: &facts, snapshot: &snapshot, end };
    let bytes = match args.format {
        Format::Text => text::render(&report).into_bytes(),
        Format::Json => json::render(&report).map_err(|error| Failure::new(Exit::Io, error))?,
        Format::Markdown => markdown::render(&report).into_bytes(),
        Format::Html => html::render(&report, &maps.unwrap_or_default()).into_bytes(),
    };
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.context("cannot write the report to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}

/// A time as a session takes it.
pub(super) fn moment(time: TraceTime) -> Moment {
    match time {
        TraceTime::FromStart(ns) => Moment::FromStart(DurationNs(ns)),
        TraceTime::At(time) => Moment::At(time),
    }
}

/// A whole trace, folded.
struct Fold {
    facts: CaptureFacts,
    snapshot: Snapshot,
    /// Where the format has charts.
    maps: Option<Maps>,
    end: TraceEnd,
}

fn fold(file: &TraceFile, settings: Settings, args: &Args) -> Result<Fold, Failure> {
    let mut reader = file.open_for("report")?;
    let mut session = Session::new(Some(reader.facts()), settings);
    if args.format == Format::Html {
        session = session.with_maps();
    }
    let end = file.read_rows(&mut reader, |row| session.apply_row(row))?;
    Ok(Fold { facts: reader.facts().clone(), snapshot: session.snapshot(args.top), maps: session.maps(), end })
}

/// Keeps the devices that were asked for.
pub(super) fn select(snapshot: &mut Snapshot, wanted: &[String], file: &TraceFile) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    for name in wanted {
        if !snapshot.devices.iter().any(|device| device.is_called(name)) {
            let known: Vec<String> = snapshot
                .devices
                .iter()
                .map(|device| format!("{} ({})", quote(&device.name), device.device.as_deref().unwrap_or("unknown")))
                .collect();
            let there = if known.is_empty() {
                "it has no device".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            let error = anyhow::anyhow!("`{}` has no device {}; {there}", file.name(), quote(name));
            return Err(Failure::new(Exit::Usage, error));
        }
    }
    snapshot.devices.retain(|device| wanted.iter().any(|name| device.is_called(name)));
    if let Some(model) = &mut snapshot.model {
        model.differences.retain(|found| snapshot.devices.iter().any(|device| device.name == found.device));
    }
    Ok(())
}

fn parse_top(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(top) if (1..=SLOWEST_MAX).contains(&top) => Ok(top),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {SLOWEST_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_top;

    #[test]
    fn the_top_is_at_least_one_and_bounded() {
        assert_eq!([parse_top("1"), parse_top("100")], [Ok(1), Ok(100)]);
        for text in ["0", "101", "x", "-1"] {
            assert_eq!(parse_top(text), Err("expected a number from 1 to 100".to_owned()));
        }
    }
}
