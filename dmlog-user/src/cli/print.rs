//! `dmlog-top print`: the items of a trace, one a line, as text or JSON.
//!
//! Losses are never filtered by device, operation or region: they may have been of any. Only a time range leaves them out.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::selection::{Devices, RegionRange, Selection, parse_op};
use super::trace_file::{TraceFile, TraceTime};
use crate::event::facts::CaptureFacts;
use crate::event::text::quote::quote;
use crate::event::text::{push_time, render_into};
use crate::export::jsonl::push_item;
use crate::trace::reader::Tail;

/// Arguments of `dmlog-top print`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to read, or `-` for stdin
    file: PathBuf,
    /// Only this device: `vg/lv`, dm name, or MAJ:MIN (repeatable)
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Only this operation, such as `flush` (repeatable)
    #[arg(long = "op", value_name = "OP")]
    ops: Vec<String>,
    /// Only these regions, `5` or `5-9`
    #[arg(long, value_name = "A-B")]
    region: Option<RegionRange>,
    /// Only from this time: `1.5s` or `250ms` from the start, or monotonic seconds as printed
    #[arg(long, value_name = "T")]
    since: Option<TraceTime>,
    /// Only before this time
    #[arg(long, value_name = "T")]
    until: Option<TraceTime>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line per event, as tests and bug reports take it
    Text,
    /// One JSON object per line
    Jsonl,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let ops = args.ops.iter().map(|op| parse_op(op)).collect::<Result<Vec<_>, _>>()?;
    let file = TraceFile::from(args.file.as_path());
    let devices = if args.devices.is_empty() { None } else { Some(Devices::find(&file, &args.devices)?) };
    let mut reader = file.open()?;
    let selection = Selection { devices, ops, region: args.region, since: args.since, until: args.until };

    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let printed = |result: io::Result<()>| {
        result.context("cannot write to stdout").map_err(|error| Failure::new(Exit::Io, error))
    };
    if args.format == Format::Text {
        printed(write_header(&mut out, reader.facts()))?;
    }
    let mut start = None;
    let clock_start = reader.facts().clock.monotonic_ns;
    let mut items = Vec::new();
    let mut line = String::new();
    let failure = loop {
        items.clear();
        match reader.next_batch(&mut items) {
            Ok(None) => break None,
            Ok(Some(_)) => {}
            Err(error) => break Some(error),
        }
        for item in &items {
            let start = *start.get_or_insert(Selection::start(clock_start, item.time()));
            if selection.takes(item, start) {
                line.clear();
                match args.format {
                    Format::Text => render_into(item, &mut line),
                    Format::Jsonl => push_item(item, &mut line),
                }
                line.push('\n');
                printed(out.write_all(line.as_bytes()))?;
            }
        }
    };
    if let (Tail::Torn { bytes }, Format::Text) = (reader.tail(), args.format) {
        printed(writeln!(out, "# not ended by its recorder; {bytes} bytes behind the last seal cannot be read"))?;
    }
    printed(out.flush())?;
    match failure {
        None => Ok(Exit::Done),
        Some(error) => Err(file.failure(error)),
    }
}

fn write_header(out: &mut impl Write, facts: &CaptureFacts) -> io::Result<()> {
    let words = |words: &[String]| words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    writeln!(out, "# recorded by dmlog-top {} as {}", quote(&facts.tool_version), words(&facts.command_line))?;
    writeln!(
        out,
        "# host {} kernel {} {} machine {} cpus {}",
        quote(&facts.host),
        quote(&facts.kernel_release),
        quote(&facts.kernel_version),
        quote(&facts.machine),
        facts.cpus
    )?;
    let mut clock = String::new();
    push_time(facts.clock.monotonic_ns, &mut clock);
    clock.push_str(" monotonic is ");
    push_time(facts.clock.realtime_ns, &mut clock);
    writeln!(out, "# clock {clock} seconds since 1970")?;
    if !facts.devices.is_empty() {
        writeln!(out, "# only devices {}", words(&facts.devices))?;
    }
    for hook in facts.coverage.iter().filter(|hook| !hook.loss.is_empty()) {
        let (module, function) = (quote(&hook.module), quote(&hook.function));
        writeln!(out, "# not probed {module} {function}: {} {}", quote(&hook.reason), quote(&hook.loss))?;
    }
    Ok(())
}
