//! E: capture → bounded queue → trace writer, with every loss accounted for.
//!
//! ```text
//! ring ─drain─▶ batch ─try_send─▶ queue (QUEUE_BATCHES) ─▶ writer thread ─▶ TraceWriter ─▶ file
//!                 └─ full for too long: the batch is dropped and counted; the next one starts with a gap that says so
//! ```
//!
//! The thread that drains the ring does nothing else, so that a slow disk costs whole batches that are counted, and never
//! records in the kernel. The writer seals at least once a second: a recorder that is killed loses no more than that. When
//! writing fails, the recording ends; the file stays readable up to the last seal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dmlog_common::record::RING_POLL_MS;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::capture::{Capture, Losses, monotonic_ns, use_normal_priority};
use crate::event::ids::MonoNs;
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, Op};
use crate::trace::error::TraceError;
use crate::trace::writer::{TraceTotals, TraceWriter};

/// Batches that may wait for the writer. With [`BATCH_ITEMS`] of about 100 bytes each they stay below 32 MiB.
pub const QUEUE_BATCHES: usize = 64;

/// Items of one batch; also the most that is taken from the ring before other inputs are looked at.
pub const BATCH_ITEMS: usize = 4096;

/// How long a full queue is waited for before a batch is dropped. Meanwhile the ring keeps what comes: at its default size it
/// holds more than twice this of the fastest mirror seen.
const HOLD_FOR: Duration = Duration::from_millis(200);

/// How long the writer waits for more before it seals what it has.
const SEAL_AFTER: Duration = Duration::from_secs(1);

/// How a recording went.
#[derive(Debug)]
pub struct Recording {
    /// What the trace holds.
    pub totals: TraceTotals,
    /// What was lost before it reached the recorder.
    pub losses: Losses,
    /// Events dropped because the writer could not keep up.
    pub dropped: u64,
    /// Why writing ended early, if it did.
    pub failure: Option<WriteFailure>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Writing ended early.
#[derive(Debug)]
pub struct WriteFailure {
    /// What went wrong.
    pub error: TraceError,
    /// What was sealed before; it is intact.
    pub sealed: TraceTotals,
    /// Events that were seen and are in no sealed batch.
    pub lost: u64,
}

/// Where a recording stands, for a progress line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Events seen so far.
    pub events: u64,
    /// Events lost so far, wherever.
    pub lost: u64,
    /// Bytes written so far.
    pub bytes: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

/// Counters that the writer thread shares.
#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
}

/// What the writer thread returns.
type Written = Result<TraceTotals, (TraceError, TraceTotals)>;

/// Records until a signal, the end of `duration`, or a failure of the writer. `on_progress` is called once a second.
///
/// # Errors
/// An I/O error of the runtime itself; failures of the trace are in [`Recording::failure`].
pub fn record<W: Write + Send + 'static>(
    mut capture: Capture,
    sink: W,
    duration: Option<Duration>,
    mut on_progress: impl FnMut(Progress),
) -> std::io::Result<Recording> {
    let start = std::time::Instant::now();
    let shared = Arc::new(Shared::default());
    let (queue, received) = sync_channel(QUEUE_BATCHES);
    let facts = capture.facts().clone();
    let writer = std::thread::Builder::new().name("trace-writer".to_owned()).spawn({
        let shared = Arc::clone(&shared);
        move || {
            use_normal_priority();
            match TraceWriter::new(sink, &facts) {
                Ok(writer) => write_all(writer, &received, &shared),
                Err(error) => Err((error, TraceTotals::default())),
            }
        }
    })?;
    let mut feeder = Feeder::new(queue);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(drain(&mut capture, &mut feeder, duration, start, &shared, &mut on_progress))?;
    let mut rest = Vec::new();
    let losses = capture.stop(&mut rest);
    feeder.finish(rest);
    let Feeder { queue, dropped, events, .. } = feeder;
    drop(queue);
    Ok(conclude(writer, losses, dropped, events, start.elapsed()))
}

fn conclude(writer: JoinHandle<Written>, losses: Losses, dropped: u64, events: u64, elapsed: Duration) -> Recording {
    // A panic of the writer is a bug of ours and goes on as one.
    let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match written {
        Ok(totals) => Recording { totals, losses, dropped, failure: None, elapsed },
        Err((error, sealed)) => {
            let lost = events.saturating_sub(sealed.events);
            Recording { totals: sealed, losses, dropped, failure: Some(WriteFailure { error, sealed, lost }), elapsed }
        }
    }
}

/// Takes records out of the ring until something ends the recording.
async fn drain(
    capture: &mut Capture,
    feeder: &mut Feeder,
    duration: Option<Duration>,
    start: std::time::Instant,
    shared: &Shared,
    on_progress: &mut impl FnMut(Progress),
) -> std::io::Result<()> {
    let ring = capture.ring_readiness()?;
    let mut poll = interval(Duration::from_millis(RING_POLL_MS));
    poll.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A recording without an end is one that ends in a century.
    let end = Instant::now() + duration.unwrap_or(Duration::from_hours(100 * 365 * 24));
    loop {
        tokio::select! {
            ready = ring.readable() => ready?.clear_ready(),
            _ = poll.tick() => {}
            _ = second.tick() => {
                let mut items = Vec::new();
                capture.follow_modules(&mut items);
                feeder.feed(items);
                let (events, dropped) = (feeder.events, feeder.dropped);
                on_progress(Progress {
                    events,
                    lost: capture.lost_so_far() + dropped,
                    bytes: shared.bytes.load(Ordering::Relaxed),
                    elapsed: start.elapsed(),
                });
            }
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = sleep_until(end) => return Ok(()),
        }
        while feeder.is_ready() {
            let mut items = Vec::with_capacity(BATCH_ITEMS);
            let taken = capture.drain(&mut items, BATCH_ITEMS);
            feeder.feed(items);
            if taken < BATCH_ITEMS || Instant::now() >= end {
                break;
            }
        }
        if feeder.is_closed {
            return Ok(());
        }
    }
}

/// The sending side of the queue.
struct Feeder {
    queue: SyncSender<Vec<Item>>,
    /// Events dropped in all.
    dropped: u64,
    /// Events dropped that no gap speaks of yet.
    unreported: u64,
    /// Identities and gaps of dropped batches: few, and what follows means nothing without them.
    kept: Vec<Item>,
    /// Events seen in all.
    events: u64,
    /// The writer has ended.
    is_closed: bool,
    /// A batch that found the queue full, and since when it waits.
    held: Option<(Vec<Item>, std::time::Instant)>,
}

impl Feeder {
    fn new(queue: SyncSender<Vec<Item>>) -> Self {
        Self { queue, dropped: 0, unreported: 0, kept: Vec::new(), events: 0, is_closed: false, held: None }
    }

    /// Whether the ring may be drained further: not while a batch waits for the queue. One that has waited [`HOLD_FOR`] is
    /// dropped and counted, because the ring has no room for ever.
    fn is_ready(&mut self) -> bool {
        let Some((batch, since)) = self.held.take() else { return true };
        match self.queue.try_send(batch) {
            Ok(()) => self.unreported = 0,
            Err(TrySendError::Full(batch)) if since.elapsed() < HOLD_FOR => {
                self.held = Some((batch, since));
                return false;
            }
            Err(TrySendError::Full(batch)) => self.drop_batch(batch),
            Err(TrySendError::Disconnected(_)) => self.is_closed = true,
        }
        true
    }

    fn feed(&mut self, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        self.events += count_events(&items);
        if let Some((batch, _)) = &mut self.held {
            batch.extend(items);
            return;
        }
        let batch = self.with_kept(items);
        match self.queue.try_send(batch) {
            Ok(()) => self.unreported = 0,
            Err(TrySendError::Full(batch)) => self.held = Some((batch, std::time::Instant::now())),
            Err(TrySendError::Disconnected(_)) => self.is_closed = true,
        }
    }

    /// The last items may wait for the writer as long as it takes.
    fn finish(&mut self, items: Vec<Item>) {
        self.events += count_events(&items);
        let held = self.held.take().map(|(batch, _)| batch);
        // What is held already begins with what was kept of dropped batches.
        let rest = if held.is_none() { self.with_kept(items) } else { items };
        let batch: Vec<Item> = held.into_iter().flatten().chain(rest).collect();
        if self.queue.send(batch).is_err() {
            self.is_closed = true;
        }
    }

    /// Puts what was kept of dropped batches, and the gap that speaks of them, before these items.
    fn with_kept(&mut self, items: Vec<Item>) -> Vec<Item> {
        if self.unreported == 0 && self.kept.is_empty() {
            return items;
        }
        let time = items.first().map_or(MonoNs(monotonic_ns()), Item::time);
        let mut batch = std::mem::take(&mut self.kept);
        if self.unreported > 0 {
            batch.push(Item::Gap(Gap { time, cpu: None, lost: Some(self.unreported), cause: LossCause::QueueFull }));
        }
        batch.extend(items);
        batch
    }

    fn drop_batch(&mut self, batch: Vec<Item>) {
        for item in batch {
            match item {
                // The gap for what is unreported is made anew each time.
                Item::Gap(Gap { cause: LossCause::QueueFull, .. }) => {}
                Item::Event(Event { op: Op::Identity(_), .. }) | Item::DecodeError(_) | Item::Gap(_) => {
                    self.kept.push(item);
                }
                Item::Event(_) => {
                    self.dropped += 1;
                    self.unreported += 1;
                }
            }
        }
    }
}

fn count_events(items: &[Item]) -> u64 {
    items.iter().filter(|item| matches!(item, Item::Event(_))).count() as u64
}

/// The writer thread: everything that comes, sealed at least once a second.
fn write_all<W: Write>(mut writer: TraceWriter<W>, queue: &Receiver<Vec<Item>>, shared: &Shared) -> Written {
    let mut sealed_at = std::time::Instant::now();
    loop {
        let result = match queue.recv_timeout(SEAL_AFTER) {
            Ok(batch) => batch.iter().try_for_each(|item| writer.push(item)),
            Err(RecvTimeoutError::Timeout) => writer.flush_batch(),
            Err(RecvTimeoutError::Disconnected) => {
                let sealed = writer.sealed();
                return writer.finish().map_err(|error| (error, sealed));
            }
        };
        let result = result.and_then(|()| {
            if sealed_at.elapsed() >= SEAL_AFTER {
                sealed_at = std::time::Instant::now();
                return writer.flush_batch();
            }
            Ok(())
        });
        if let Err(error) = result {
            return Err((error, writer.sealed()));
        }
        shared.bytes.store(writer.bytes_written(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
