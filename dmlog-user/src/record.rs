//! E: capture → bounded queue → trace writer, with every loss accounted for.
//!
//! ```text
//! ring ─drain─▶ batch ─try_send─▶ queue (QUEUE_BATCHES) ─▶ writer thread ─▶ TraceWriter ─▶ file
//!                 └─ full for too long: the batch is dropped and counted; the next one starts with a gap that says so
//! ```
//!
//! Where somebody watches ([`watch`]), the same batches go to two places: to the screen, through a [`mailbox`] of bounded size,
//! and to a [`keeper`], which keeps the recent past in memory and writes a file when asked to. Where only numbers are made of
//! them ([`tap`]), the mailbox is all there is.
//!
//! The thread that drains the ring does nothing else, so that a slow disk costs whole batches that are counted, and never
//! records in the kernel. The writer seals at least once a second: a recorder that is killed loses no more than that. When
//! writing fails, the recording ends; the file stays readable up to the last seal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::drain::{Outlet, Second, Until, drain};
use self::feeder::Feeder;
use crate::capture::{Capture, Losses, use_normal_priority};
use crate::event::item::Item;
use crate::trace::error::TraceError;
use crate::trace::writer::{TraceTotals, TraceWriter};

mod drain;
mod feeder;
pub mod keeper;
mod mailbox;
pub mod past;
pub mod tap;
pub mod watch;

/// Batches that may wait for the writer. With [`BATCH_ITEMS`] of about 100 bytes each they stay below 32 MiB.
pub const QUEUE_BATCHES: usize = 64;

/// Items of one batch; also the most that is taken from the ring before other inputs are looked at.
pub const BATCH_ITEMS: usize = 4096;

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
    /// How long it recorded. To take the probes off takes seconds more on some kernels: they wait for every task, one probe at a time.
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
    let until = Until { duration, is_over: &|| false, on_user_signal: None };
    runtime.block_on(drain(&mut capture, &mut feeder, &until, &mut |second| {
        let bytes = shared.bytes.load(Ordering::Relaxed);
        let Second { events, ring_lost, dropped, .. } = *second;
        on_progress(Progress { events, lost: ring_lost + dropped, bytes, elapsed: start.elapsed() });
    }))?;
    let elapsed = start.elapsed();
    let mut rest = Vec::new();
    let losses = capture.stop(&mut rest);
    feeder.finish(rest);
    let (events, dropped) = feeder.seen();
    drop(feeder);
    Ok(conclude(writer, losses, dropped, events, elapsed))
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
