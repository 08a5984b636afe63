//! `dmlog-top verify`: are all seals of a trace right, what is missing from it, and did the kernel answer what the model of
//! its logs says?
//!
//! Time is looked at only as far as the kernel promises it: a record's time is taken before its place in the ring, so that
//! an interrupt may put a later one first on the same CPU. What is older than its predecessor on that CPU by more than
//! [`MAX_BACKWARD_NS`] is counted and shown; it is no damage.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::trace_file::TraceFile;
use crate::event::ids::MonoNs;
use crate::event::item::{Gap, Item, LossCause};
use crate::event::text::{cause_name, push_time};
use crate::export::document::Document;
use crate::export::number::harmless;
use crate::export::report::model;
use crate::export::text;
use crate::session::snapshot::{Snapshot, TOP_DEFAULT};
use crate::session::{Session, Settings};
use crate::trace::error::TraceError;
use crate::trace::reader::{SealedBatch, Tail};

/// How much older than its predecessor on the same CPU an event may be before it is counted. An interrupt between the two
/// steps lasts microseconds; a stolen virtual CPU some milliseconds.
const MAX_BACKWARD_NS: u64 = 100_000_000;

/// Arguments of `dmlog-top verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to check, or `-` for stdin
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let file = TraceFile::from(args.file.as_path());
    let mut reader = file.open_for("check")?;
    let mut findings = Findings::default();
    let mut batches = Batches::default();
    let mut session = Session::new(Some(reader.facts()), Settings::default());
    let mut take = |item: Item| {
        findings.take(&item);
        session.apply(&item);
    };
    let failure = loop {
        match reader.next_batch_with(&mut take) {
            Ok(Some(batch)) => batches.push(&batch),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let mut text = findings.render(&file.name(), &batches, reader.tail(), failure.as_ref());
    let snapshot = session.snapshot(TOP_DEFAULT);
    render_model(&snapshot, &mut text);
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to stdout");
    let diverges = snapshot.model.is_some_and(|model| model.divergences > 0);
    if let Some(error) = failure {
        return Err(file.failure(error));
    }
    let exit = if diverges { Exit::Failed } else { Exit::Done };
    written.map(|()| exit).map_err(|error| Failure::new(Exit::Io, error))
}

/// Appends what the models of the logs say: a table for each mirror, and each difference with the events before it.
fn render_model(snapshot: &Snapshot, out: &mut String) {
    let Some(summary) = &snapshot.model else { return };
    out.push_str(&format!("model    {}\n", model::verdict(summary)));
    if summary.logs_not_modelled > 0 {
        out.push_str(&format!(
            "limit    {} logs have no model: too many, or too many regions\n",
            summary.logs_not_modelled
        ));
    }
    for device in &snapshot.devices {
        if !device.comparisons.is_empty() {
            out.push_str(&format!("\n{}", harmless(&device.name)));
            let mut page = Document::default();
            model::comparisons(&device.comparisons, &mut page);
            out.push_str(&text::of(&page));
        }
    }
    for found in &summary.differences {
        let label = if found.is_divergence() { "DIVERGENCE" } else { "unsettled" };
        out.push_str(&format!("\n{label} {}\n{}\n", model::title(found), model::answers(found)));
        for line in &found.context {
            out.push_str(&format!("  {line}\n"));
        }
    }
    let beyond = summary.divergences_beyond_limit + summary.unsettled_beyond_limit;
    if beyond > 0 {
        out.push_str(&format!("\nand {beyond} more, too many to keep\n"));
    }
}

/// The batches of a trace.
#[derive(Debug, Default)]
struct Batches {
    count: u64,
    bytes: u64,
}

impl Batches {
    fn push(&mut self, batch: &SealedBatch) {
        self.count += 1;
        self.bytes = batch.bytes.end;
    }
}

/// What a trace holds.
#[derive(Debug, Default)]
struct Findings {
    events: u64,
    decode_errors: u64,
    /// Gaps, events lost in those that tell, and gaps that do not, by cause.
    gaps: BTreeMap<LossCause, (u64, u64, u64)>,
    times: Option<(MonoNs, MonoNs)>,
    latest: BTreeMap<u16, MonoNs>,
    backwards: u64,
}

impl Findings {
    fn take(&mut self, item: &Item) {
        match item {
            Item::Event(event) => {
                self.events += 1;
                let time = event.time;
                let (first, last) = self.times.get_or_insert((time, time));
                (*first, *last) = ((*first).min(time), (*last).max(time));
                let latest = self.latest.entry(event.cpu).or_insert(time);
                if latest.0.saturating_sub(time.0) > MAX_BACKWARD_NS {
                    self.backwards += 1;
                }
                *latest = (*latest).max(time);
            }
            Item::Gap(Gap { lost, cause, .. }) => {
                let (gaps, known, unknown) = self.gaps.entry(*cause).or_default();
                *gaps += 1;
                match lost {
                    Some(lost) => *known = known.saturating_add(*lost),
                    None => *unknown += 1,
                }
            }
            Item::DecodeError(_) => self.decode_errors += 1,
        }
    }

    fn render(&self, name: &str, batches: &Batches, tail: Tail, failure: Option<&TraceError>) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!("trace    {name}"));
        line(format!("batches  {} sealed, {} bytes", batches.count, batches.bytes));
        let span = self.times.map_or_else(String::new, |(first, last)| {
            let mut span = String::from(" over ");
            push_time(last.0.saturating_sub(first.0), &mut span);
            span.push_str(" s");
            span
        });
        line(format!("events   {}{span}", self.events));
        if self.gaps.is_empty() {
            line("lost     0".to_owned());
        }
        for (cause, (gaps, known, unknown)) in &self.gaps {
            let unknown = if *unknown == 0 { String::new() } else { format!(", and {unknown} gaps of unknown size") };
            line(format!("lost     {known} {} in {gaps} gaps{unknown}", cause_name(*cause)));
        }
        if self.decode_errors > 0 {
            line(format!("unread   {} rows or records that could not be understood", self.decode_errors));
        }
        if self.backwards > 0 {
            line(format!("order    {} events are older than the one before on their CPU", self.backwards));
        }
        line(match (tail, failure) {
            (_, Some(_)) => format!("tail     corrupt behind batch {}; see the error", batches.count),
            (Tail::Clean, None) => "tail     clean: ended by its recorder".to_owned(),
            (Tail::Torn { bytes: 0 }, None) => {
                "tail     torn: not ended by its recorder; nothing stands behind the last seal".to_owned()
            }
            (Tail::Torn { bytes }, None) => {
                format!("tail     torn: {bytes} bytes behind the last seal, from which no event can be read")
            }
            (Tail::NotReached, None) => "tail     not reached".to_owned(),
        });
        out
    }
}
