//! `dmlog-top export`: a trace in a format of other tools.
//!
//! The file gets its name when it is whole. Losses are rows too, never left out but by a range of time.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Progress;
use super::report::{moment, select};
use super::selection::{Devices, Selection};
use super::trace_file::{Source, TraceFile, TraceTime, end_of};
use crate::export::csv::Csv;
use crate::export::jsonl::JsonLines;
#[cfg(feature = "parquet")]
use crate::export::parquet::ParquetFile;
#[cfg(feature = "parquet")]
use crate::export::parquet::dataset::Dataset;
use crate::export::perfetto::Perfetto;
use crate::export::sink::ItemSink;
use crate::export::{Report, svg};
use crate::session::snapshot::TOP_DEFAULT;
use crate::session::{Session, Settings};
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
    /// File to write, which gets its name when it is whole; `-` is stdout
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated values, one row an event
    Csv,
    /// JSON lines, one object an event; `dmlog-top schema` describes them
    Jsonl,
    /// Perfetto track events, for ui.perfetto.dev: passes, flushes, writes, recoveries, flows between them
    Perfetto,
    /// An Apache Parquet file, one row an event
    #[cfg(feature = "parquet")]
    Parquet,
    /// One picture: heat maps of flushes, writes and marks over time
    Svg,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for a device that is not in the trace, 5 for a file that cannot be
/// read or written or is corrupt, and for an interruption.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen().context("cannot listen for signals").map_err(io_failure)?;
    let file = TraceFile::from(args.file.as_path());
    let devices = if args.devices.is_empty() { None } else { Some(Devices::find(&file, &args.devices)?) };
    let reader = file.open()?;
    let selection = Selection { devices, since: args.since, until: args.until, ..Selection::default() };
    let target = args.output.as_deref().or(args.dataset.as_deref()).unwrap_or(Path::new("-"));
    let total_bytes = fs::metadata(&args.file).map_or(0, |known| known.len());
    let progress = Progress::new(format!("export of {}", file.name()), total_bytes);
    let mut export = Export { file, reader, selection, interrupt, progress, output: target };
    if args.dataset.is_some() {
        add_to_dataset(&mut export, args.to)?;
    } else {
        write_file(&mut export, args)?;
    }
    tell_torn(&export.file, &export.reader);
    Ok(Exit::Done)
}

fn tell_torn(file: &TraceFile, reader: &TraceReader<Source>) {
    if let Tail::Torn { bytes } = reader.tail() {
        let name = file.name();
        let _ = writeln!(
            io::stderr(),
            "dmlog-top: `{name}` was not ended by its recorder; {bytes} bytes behind the last seal cannot be read"
        );
    }
}

/// Writes one file, or to stdout.
fn write_file(export: &mut Export<'_>, args: &Args) -> Result<(), Failure> {
    let target = export.output;
    let output = Output::open(target).map_err(|error| write_failure(target, error))?;
    let output = match args.to {
        Format::Csv => export.write(Csv::new(output))?,
        Format::Jsonl => export.write(JsonLines::new(output))?,
        Format::Perfetto => {
            let sink = Perfetto::new(output, export.reader.facts());
            export.write(sink)?
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let sink = ParquetFile::new(output, export.reader.facts());
            export.write(sink.map_err(|error| write_failure(target, error))?)?
        }
        Format::Svg => export.picture(args, output)?,
    };
    output.commit().map_err(|error| write_failure(target, error))
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
struct Export<'a> {
    file: TraceFile,
    reader: TraceReader<Source>,
    selection: Selection,
    interrupt: Interrupt,
    progress: Progress,
    output: &'a Path,
}

impl Export<'_> {
    /// Writes heat maps: what the report counts of the whole time that was asked for, over time.
    fn picture(&mut self, args: &Args, mut output: Output) -> Result<Output, Failure> {
        let Self { file, reader, interrupt, progress, .. } = self;
        let settings = Settings { since: args.since.map(moment), until: args.until.map(moment) };
        let mut session = Session::new(Some(reader.facts()), settings).with_maps();
        while let Some(batch) =
            reader.next_batch_rows(|row| session.apply_row(row)).map_err(|error| file.failure(error))?
        {
            if interrupt.is_set() {
                return Err(interrupted(self.output));
            }
            progress.at(batch.bytes.end);
        }
        let mut snapshot = session.snapshot(TOP_DEFAULT);
        select(&mut snapshot, &args.devices, file)?;
        let (source, facts) = (file.name(), reader.facts());
        let report = Report { source: &source, facts, snapshot: &snapshot, end: end_of(reader) };
        let picture = svg::render(&report, &session.maps().unwrap_or_default());
        output.write_all(picture.as_bytes()).map_err(|error| write_failure(self.output, error))?;
        Ok(output)
    }

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
            if self.interrupt.is_set() {
                return Err(interrupted(self.output));
            }
            match batch.map_err(|error| self.file.failure(error))? {
                Some(batch) => self.progress.at(batch.bytes.end),
                None => return sink.finish().map_err(|error| write_failure(self.output, error)),
            }
        }
    }
}

fn interrupted(output: &Path) -> Failure {
    io_failure(anyhow::anyhow!("interrupted; `{}` was not written", TraceFile::from(output).name()))
}

fn io_failure(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Io, error)
}

fn write_failure(path: &Path, error: io::Error) -> Failure {
    let name = if path == Path::new("-") { "stdout".to_owned() } else { format!("`{}`", TraceFile::from(path).name()) };
    io_failure(anyhow::Error::new(error).context(format!("cannot write {name}")))
}
