//! `dmlog-top export`: a trace in a format of other tools.
//!
//! The file gets its name when it is whole. Where events are rows, losses are rows too, never left out but by a range of time; every other
//! format tells them in its own way.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Progress;
use super::selection::{Devices, Selection};
use super::trace_file::{Source, TraceFile, TraceTime};
use super::whole;
use crate::export::csv::Csv;
use crate::export::hdr::hgrm::Hgrm;
use crate::export::hdr::hlog::Hlog;
use crate::export::jsonl::JsonLines;
use crate::export::openmetrics::REGIONS_MAX;
#[cfg(feature = "parquet")]
use crate::export::parquet::ParquetFile;
#[cfg(feature = "parquet")]
use crate::export::parquet::dataset::Dataset;
use crate::export::perfetto::Perfetto;
use crate::export::sink::ItemSink;
use crate::session::Session;
use crate::trace::reader::{Tail, TraceReader};

/// Arguments of `dmlog-top export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to read; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Format to write
    #[arg(long, value_enum)]
    to: Format,
    /// File to write, which gets its name when it is whole; `-` is stdout. For hgrm a folder, with a file for each tag
    #[arg(short, long, value_name = "OUT", required_unless_present = "dataset")]
    output: Option<PathBuf>,
    /// With `--to parquet`: put the rows into this folder, which the traces of many hosts and days share
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    dataset: Option<PathBuf>,
    /// Only this device: `vg/lv`, dm name, or MAJ:MIN (repeatable)
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Only from this time: `1.5s` or `250ms` from the start, or monotonic seconds as `print` shows them
    #[arg(long, value_name = "T")]
    since: Option<TraceTime>,
    /// Only before this time
    #[arg(long, value_name = "T")]
    until: Option<TraceTime>,
    /// With openmetrics: also the N most marked, written and re-marked regions of each mirror, 1 to 100
    #[arg(long, value_name = "N", value_parser = parse_regions)]
    top_regions: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated values, one row an event
    Csv,
    /// JSON lines, one object an event; `dmlog-top schema` describes them
    Jsonl,
    /// Track events for ui.perfetto.dev: passes, flushes, writes and their waits as slices, with arrows from one to the other
    Perfetto,
    /// An Apache Parquet file, one row an event
    #[cfg(feature = "parquet")]
    Parquet,
    /// One picture: heat maps of flushes, writes and marks over time
    Svg,
    /// An HdrHistogram log: durations by device, operation and kind of flush, a histogram of each a second
    Hlog,
    /// A folder of percentile distributions for HdrHistogram's plotters: by device, operation and kind of flush
    Hgrm,
    /// Counters, gauges and histograms at the end of the trace, for Prometheus
    Openmetrics,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for a device that is not in the trace, 5 for a file that cannot be
/// read or written or is corrupt, and for an interruption.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen().context("cannot listen for signals").map_err(io_failure)?;
    let file = TraceFile::from(args.file.as_path());
    if args.top_regions.is_some() && args.to != Format::Openmetrics {
        let error = anyhow::anyhow!("`--top-regions` belongs to `--to openmetrics`; leave it out");
        return Err(Failure::new(Exit::Usage, error));
    }
    // Numbers are chosen by device when they are there, single events by what names their logs.
    let by_log = !args.devices.is_empty() && !matches!(args.to, Format::Openmetrics | Format::Svg);
    let devices = if by_log { Some(Devices::find(&file, &args.devices)?) } else { None };
    let reader = file.open()?;
    let selection = Selection { devices, since: args.since, until: args.until, ..Selection::default() };
    let total_bytes = fs::metadata(&args.file).map_or(0, |known| known.len());
    let progress = Progress::new(format!("export of {}", file.name()), total_bytes);
    let target = args.output.as_deref().or(args.dataset.as_deref()).unwrap_or(Path::new("-"));
    let mut export = Export { file, reader, selection, interrupt, progress, output: target };
    if args.dataset.is_some() {
        add_to_dataset(&mut export, args.to)?;
    } else {
        write_as(args, &mut export)?;
    }
    if let Tail::Torn { bytes } = export.reader.tail() {
        let name = export.file.name();
        let _ = writeln!(
            io::stderr(),
            "dmlog-top: `{name}` was not ended by its recorder; {bytes} bytes behind the last seal cannot be read"
        );
    }
    Ok(Exit::Done)
}

fn write_as(args: &Args, export: &mut Export<'_>) -> Result<(), Failure> {
    let target = export.output;
    let failure = |error| write_failure(target, error);
    let open = || Output::open(target).map_err(failure);
    let output = match args.to {
        Format::Csv => {
            let sink = Csv::new(open()?);
            export.write(sink)?
        }
        Format::Jsonl => {
            let sink = JsonLines::new(open()?);
            export.write(sink)?
        }
        Format::Perfetto => {
            let sink = Perfetto::new(open()?, export.reader.facts());
            export.write(sink)?
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let sink = ParquetFile::new(open()?, export.reader.facts()).map_err(failure)?;
            export.write(sink)?
        }
        Format::Hlog => {
            let names = whole::names(&export.file)?;
            let sink = Hlog::new(open()?, export.reader.facts(), names);
            export.write(sink)?
        }
        Format::Hgrm => {
            let sink = Hgrm::new(whole::names(&export.file)?);
            let tags = export.write(sink)?;
            return whole::write_tags(target, &tags).map_err(|(path, error)| write_failure(&path, error));
        }
        Format::Openmetrics => {
            let mut output = open()?;
            let text = whole::openmetrics(export, &args.devices, args.top_regions.unwrap_or(0))?;
            output.write_all(text.as_bytes()).map_err(failure)?;
            output
        }
        Format::Svg => {
            let mut output = open()?;
            let picture = whole::heat_maps(export, &args.devices)?;
            output.write_all(picture.as_bytes()).map_err(failure)?;
            output
        }
    };
    output.commit().map_err(failure)
}

/// Writes the files of a dataset. They get their names one after the other when all are whole.
#[cfg(feature = "parquet")]
fn add_to_dataset(export: &mut Export<'_>, to: Format) -> Result<(), Failure> {
    let folder = export.output;
    if to != Format::Parquet {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("a dataset has Parquet files; add `--to parquet`")));
    }
    let open = |path: &PathBuf| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        Output::open(&path)
    };
    let sink = Dataset::new(export.reader.facts(), open).map_err(|error| Failure::new(Exit::Usage, error))?;
    for output in export.write(sink)? {
        output.commit().map_err(|error| write_failure(folder, error))?;
    }
    Ok(())
}

#[cfg(not(feature = "parquet"))]
fn add_to_dataset(_: &mut Export<'_>, _: Format) -> Result<(), Failure> {
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("this dmlog-top was built without Parquet, which datasets need")))
}

/// An export under way.
pub(super) struct Export<'a> {
    pub(super) file: TraceFile,
    pub(super) reader: TraceReader<Source>,
    pub(super) selection: Selection,
    interrupt: Interrupt,
    progress: Progress,
    output: &'a Path,
}

impl Export<'_> {
    /// Hands everything that was asked for to a format.
    fn write<S: ItemSink>(&mut self, mut sink: S) -> Result<S::Out, Failure> {
        let clock_start = self.reader.facts().clock.monotonic_ns;
        let mut start = None;
        loop {
            let mut written = Ok(());
            let selection = &self.selection;
            let batch = self.reader.next_batch_with(|item| {
                let start = *start.get_or_insert(Selection::start(clock_start, item.time()));
                if written.is_ok() && selection.takes(&item, start) {
                    written = sink.take(&item);
                } else if selection.precedes(&item, start) {
                    sink.pass_over(&item);
                }
            });
            written.map_err(|error| write_failure(self.output, error))?;
            self.go_on()?;
            match batch.map_err(|error| self.file.failure(error))? {
                Some(batch) => self.progress.at(batch.bytes.end),
                None => return sink.finish().map_err(|error| write_failure(self.output, error)),
            }
        }
    }
}

impl Export<'_> {
    /// Folds the whole trace.
    pub(super) fn fold(&mut self, session: &mut Session) -> Result<(), Failure> {
        loop {
            let batch = self.reader.next_batch_rows(|row| session.apply_row(row));
            self.go_on()?;
            match batch.map_err(|error| self.file.failure(error))? {
                Some(batch) => self.progress.at(batch.bytes.end),
                None => return Ok(()),
            }
        }
    }

    fn go_on(&self) -> Result<(), Failure> {
        if !self.interrupt.is_set() {
            return Ok(());
        }
        let name = TraceFile::from(self.output).name();
        Err(io_failure(anyhow::anyhow!("interrupted; `{name}` was not written")))
    }
}

fn parse_regions(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(regions) if (1..=REGIONS_MAX).contains(&regions) => Ok(regions),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {REGIONS_MAX}")),
    }
}

fn io_failure(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Io, error)
}

fn write_failure(path: &Path, error: io::Error) -> Failure {
    let name = if path == Path::new("-") { "stdout".to_owned() } else { format!("`{}`", TraceFile::from(path).name()) };
    io_failure(anyhow::Error::new(error).context(format!("cannot write {name}")))
}
