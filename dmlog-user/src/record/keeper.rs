//! Beside a screen or a flight recorder: keeps the recent past in memory, and writes a file from when it is told to until it is told to end.
//!
//! A recording begins with the identities of the logs that are alive, so that it can be read by itself. It may begin in the
//! past: then that is read back first, a batch at a time, while what comes meanwhile goes into the past as always; once the
//! recording has caught up with it, items go into both.

use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::past::{Identities, Past, PiecesReader};
use super::{QUEUE_BATCHES, SEAL_AFTER};
use crate::event::facts::CaptureFacts;
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::trace::error::TraceError;
use crate::trace::reader::TraceReader;
use crate::trace::writer::{TraceTotals, TraceWriter};

/// How long the keeper waits for items before it looks for orders.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the keeper is told.
#[derive(Debug)]
pub enum Order {
    /// Make everything so far readable, and say so.
    Seal(SyncSender<()>),
    /// Write a file.
    Record(Target),
    /// End the file.
    End,
}

/// A file to write.
#[derive(Debug)]
pub struct Target {
    /// Its name, for messages.
    pub name: String,
    /// Open for writing.
    pub file: File,
    /// Begin with what was at this time; `None` is now.
    pub from: Option<MonoNs>,
}

/// What the keeper tells.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The file that is being written.
    pub recording: Option<RecordingStatus>,
    /// Sentences that nobody has read yet.
    pub told: Vec<String>,
}

/// How far a recording is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingStatus {
    /// Name of the file.
    pub name: String,
    /// Events in it.
    pub events: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// A file that is being written.
#[derive(Debug)]
struct Recording {
    name: String,
    /// A second handle, to cut it after a failed write.
    file: File,
    writer: TraceWriter<File>,
    behind: Option<Behind>,
    /// Times of its first and last item.
    span: Option<(MonoNs, MonoNs)>,
}

impl Recording {
    fn push(&mut self, items: &[Item]) -> Result<(), TraceError> {
        if let (Some(first), Some(last)) = (items.first(), items.last()) {
            let first = self.span.map_or(first.time(), |(first, _)| first);
            self.span = Some((first, last.time()));
        }
        items.iter().try_for_each(|item| self.writer.push(item))
    }
}

/// A recording that began in the past and has not caught up.
#[derive(Debug)]
struct Behind {
    reader: TraceReader<PiecesReader>,
    from: MonoNs,
    /// Logs that were alive then; taken once they are written.
    identities: Option<Identities>,
}

/// Keeps the past, and the recording if there is one.
#[derive(Debug)]
pub(super) struct Keeper {
    facts: CaptureFacts,
    past: Past,
    /// The past could not be written, which has been told.
    has_no_past: bool,
    recording: Option<Recording>,
    last: MonoNs,
    status: Arc<Mutex<Status>>,
}

impl Keeper {
    pub(super) fn new(facts: &CaptureFacts, past: Past, status: Arc<Mutex<Status>>) -> Self {
        let last = MonoNs(facts.clock.monotonic_ns);
        Self { facts: facts.clone(), past, has_no_past: false, recording: None, last, status }
    }

    /// Works until nobody sends items any more; the recording is ended then.
    pub(super) fn run(mut self, queue: &Receiver<Vec<Item>>, orders: &Receiver<Order>) {
        let mut sealed_at = Instant::now();
        loop {
            let wait = if self.is_behind() { Duration::ZERO } else { LOOK_EVERY };
            match queue.recv_timeout(wait) {
                Ok(batch) => self.take(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for order in orders.try_iter() {
                // Whoever orders has seen no more than this; without a bound, a storm of writes would hold the order up.
                queue.try_iter().take(QUEUE_BATCHES).for_each(|batch| self.take(&batch));
                self.obey(order);
            }
            if sealed_at.elapsed() >= SEAL_AFTER {
                sealed_at = Instant::now();
                self.seal();
            }
            self.catch_up();
            self.tell_progress();
        }
        for order in orders.try_iter() {
            self.obey(order);
        }
        self.end();
    }

    fn is_behind(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.behind.is_some())
    }

    pub(super) fn take(&mut self, batch: &[Item]) {
        if let Some(last) = batch.last() {
            self.last = last.time();
        }
        let stays = self.is_behind();
        let kept = if self.has_no_past { Ok(()) } else { self.past.push(batch, stays) };
        self.note_past(kept);
        if let Some(recording) = self.recording.as_mut().filter(|recording| recording.behind.is_none()) {
            let written = recording.push(batch);
            self.note_file(written);
        }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Seal(done) => {
                self.seal();
                // Whoever does not wait for it any more needs no answer.
                let _ = done.try_send(());
            }
            Order::Record(target) => self.begin(target),
            Order::End => self.end(),
        }
    }

    fn seal(&mut self) {
        let sealed = if self.has_no_past { Ok(()) } else { self.past.seal() };
        self.note_past(sealed);
        if let Some(recording) = &mut self.recording {
            let sealed = recording.writer.flush_batch();
            self.note_file(sealed);
        }
    }

    fn begin(&mut self, target: Target) {
        self.end();
        let Target { name, file, from } = target;
        let begun = file
            .try_clone()
            .map_err(|source| TraceError::Write { sealed_batches: 0, source })
            .and_then(|writer| Ok((TraceWriter::new(writer, &self.facts)?, self.behind(from)?)));
        match begun {
            Ok((writer, behind)) => {
                let is_behind = behind.is_some();
                self.recording = Some(Recording { name, file, writer, behind, span: None });
                if !is_behind {
                    let identities: Vec<Item> = self.past.identities().told_at(self.last).collect();
                    self.write(&identities);
                }
            }
            Err(error) => self.tell(format!("`{name}` cannot be written: {error}")),
        }
    }

    fn behind(&self, from: Option<MonoNs>) -> Result<Option<Behind>, TraceError> {
        let Some(from) = from.filter(|_| !self.has_no_past) else { return Ok(None) };
        let reader = TraceReader::new(self.past.pieces().reader(true))?;
        Ok(Some(Behind { reader, from, identities: Some(Identities::default()) }))
    }

    fn write(&mut self, items: &[Item]) {
        if let Some(recording) = &mut self.recording {
            let written = recording.push(items);
            self.note_file(written);
        }
    }

    /// Writes the next batch of the past, if the recording is behind.
    fn catch_up(&mut self) {
        let Some(behind) = self.recording.as_mut().and_then(|recording| recording.behind.as_mut()) else { return };
        let mut items = Vec::new();
        match behind.reader.next_batch(&mut items) {
            Ok(Some(_)) => {
                let chosen = behind.choose(items);
                self.write(&chosen);
            }
            Ok(None) => self.reach_the_present(),
            Err(error) => self.note_file(Err(error)),
        }
    }

    /// What was sealed has been read: now the rest. Then nothing is missing any more.
    fn reach_the_present(&mut self) {
        let sealed = self.past.seal();
        self.note_past(sealed);
        let Some(behind) = self.recording.as_mut().and_then(|recording| recording.behind.as_mut()) else { return };
        let mut items = Vec::new();
        let read = behind.reader.go_to(behind.reader.mark()).and_then(|()| {
            while behind.reader.next_batch(&mut items)?.is_some() {}
            Ok(())
        });
        let mut chosen = behind.choose(items);
        // Nothing came since then: the logs are still there.
        chosen.extend(behind.identities.take().iter().flat_map(|logs| logs.told_at(behind.from)));
        self.write(&chosen);
        if let Some(recording) = &mut self.recording {
            recording.behind = None;
        }
        self.note_file(read);
    }

    /// Ends the recording, after it has caught up.
    fn end(&mut self) {
        while self.is_behind() {
            self.catch_up();
        }
        let Some(Recording { name, file, writer, span, .. }) = self.recording.take() else { return };
        let sealed = writer.sealed();
        match writer.finish() {
            Ok(TraceTotals { events, bytes, .. }) => {
                let span_ns = span.map_or(0, |(first, last)| last.0.saturating_sub(first.0));
                let tenths = span_ns / 100_000_000;
                let (seconds, tenth) = (tenths / 10, tenths % 10);
                self.tell(format!("wrote `{name}`: {events} events in {seconds}.{tenth} s, {bytes} bytes"));
            }
            Err(error) => self.tell_failure(&name, &file, sealed, &error),
        }
        self.tell_progress();
    }

    fn note_file(&mut self, result: Result<(), TraceError>) {
        if let Err(error) = result
            && let Some(Recording { name, file, writer, .. }) = self.recording.take()
        {
            self.tell_failure(&name, &file, writer.sealed(), &error);
        }
    }

    fn tell_failure(&self, name: &str, file: &File, sealed: TraceTotals, error: &TraceError) {
        // What was written of the batch that failed is no use to anybody.
        let cut = sealed.bytes == 0 || file.set_len(sealed.bytes).is_ok();
        let intact = if cut { "intact" } else { "intact up to the last seal" };
        let events = sealed.events;
        self.tell(format!(
            "`{name}`: {error}; the recording ended; {events} events are in the file, which is {intact}"
        ));
    }

    fn note_past(&mut self, result: Result<(), TraceError>) {
        if let Err(error) = result {
            self.has_no_past = true;
            self.tell(format!("the recent past is no longer kept: {error}"));
        }
    }

    fn tell(&self, sentence: String) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).told.push(sentence);
    }

    fn tell_progress(&self) {
        let recording = self.recording.as_ref().map(|recording| RecordingStatus {
            name: recording.name.clone(),
            events: recording.writer.events(),
            bytes: recording.writer.bytes_written(),
        });
        self.status.lock().unwrap_or_else(PoisonError::into_inner).recording = recording;
    }
}

impl Behind {
    /// Of these items, what belongs into the recording: those that are not too early, after the logs that were alive.
    fn choose(&mut self, items: Vec<Item>) -> Vec<Item> {
        let mut chosen = Vec::new();
        for item in items {
            if item.time() < self.from {
                if let Some(identities) = &mut self.identities {
                    identities.see(&item);
                    continue;
                }
            } else if let Some(identities) = self.identities.take() {
                chosen.extend(identities.told_at(self.from));
            }
            chosen.push(item);
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
