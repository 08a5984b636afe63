//! A capture that somebody watches: its items go to whoever looks, and to a [`keeper`](super::keeper).
//!
//! ```text
//! ring ─drain─▶ batch ─┬─▶ queue ─▶ keeper thread ─▶ the recent past in memory, a file when asked
//!                      └─▶ mailbox ─▶ whoever looks, in a thread of its own
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::QUEUE_BATCHES;
use super::drain::{Outlet, Second, Until, drain};
use super::feeder::Feeder;
use super::keeper::{Keeper, Order, Status, Target};
use super::mailbox::Mailbox;
use super::past::{PAST_BYTES, Past, Pieces};
use crate::capture::{Capture, Losses, use_normal_priority};
use crate::event::facts::CaptureFacts;
use crate::event::item::Item;

/// How long an order to make the past readable is waited for.
const SEAL_WITHIN: Duration = Duration::from_secs(1);

/// A capture, for whoever looks at it.
#[derive(Debug)]
pub struct Watch {
    facts: CaptureFacts,
    mailbox: Arc<Mailbox>,
    orders: Sender<Order>,
    status: Arc<Mutex<Status>>,
    past: Arc<Mutex<Pieces>>,
    is_over: Arc<AtomicBool>,
    /// SIGUSR1 came since it was asked last.
    is_asked: Arc<AtomicBool>,
}

/// How something is watched.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// Bytes of the recent past.
    pub past_bytes: u64,
    /// SIGUSR1 is told through [`Watch::is_asked`] instead of ending the program.
    pub takes_user_signal: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { past_bytes: PAST_BYTES, takes_user_signal: false }
    }
}

impl Watch {
    /// Facts of the capture.
    pub fn facts(&self) -> &CaptureFacts {
        &self.facts
    }

    /// Takes the items that came since the last time.
    pub fn take(&self, out: &mut Vec<Item>) {
        self.mailbox.take(out);
    }

    /// The recent past up to now. A keeper that is busy may take a moment; then its end is a little earlier.
    pub fn past(&self) -> Pieces {
        let (done, sealed) = sync_channel(1);
        if self.orders.send(Order::Seal(done)).is_ok() {
            let _ = sealed.recv_timeout(SEAL_WITHIN);
        }
        self.past.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a recording; one that is under way is ended before.
    pub fn record(&self, target: Target) {
        // Without a keeper the capture has ended, and this with it.
        let _ = self.orders.send(Order::Record(target));
    }

    /// Ends the recording.
    pub fn end_recording(&self) {
        let _ = self.orders.send(Order::End);
    }

    /// What the keeper tells; sentences are told once.
    pub fn status(&self) -> Status {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::take(&mut status.told);
        Status { told, ..status.clone() }
    }

    /// Whether SIGUSR1 came since the last time that somebody asked.
    pub fn is_asked(&self) -> bool {
        self.is_asked.swap(false, Ordering::Relaxed)
    }

    /// A signal asked the program to end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// How a watch went.
#[derive(Debug)]
pub struct Watched<T> {
    /// What the one who looked made of it.
    pub result: T,
    /// What was lost before it reached anybody.
    pub losses: Losses,
    /// What the keeper told last.
    pub told: Vec<String>,
}

/// To both: to the keeper first. Whoever has seen an item may order a file, and it must be in that file.
struct Fan {
    feeder: Feeder,
    mailbox: Arc<Mailbox>,
    /// What the feeder holds, as long as it does.
    held: Vec<Item>,
}

impl Fan {
    fn new(queue: SyncSender<Vec<Item>>, mailbox: Arc<Mailbox>) -> Self {
        Self { feeder: Feeder::new(queue), mailbox, held: Vec::new() }
    }

    fn show_what_is_not_held(&mut self) {
        if !self.feeder.is_holding() && !self.held.is_empty() {
            self.mailbox.put(&std::mem::take(&mut self.held));
        }
    }
}

impl Outlet for Fan {
    fn is_ready(&mut self) -> bool {
        let is_ready = self.feeder.is_ready();
        self.show_what_is_not_held();
        is_ready
    }

    fn feed(&mut self, items: Vec<Item>) {
        self.held.extend_from_slice(&items);
        self.feeder.feed(items);
        self.show_what_is_not_held();
    }

    fn is_closed(&self) -> bool {
        self.feeder.is_closed()
    }

    fn seen(&self) -> (u64, u64) {
        self.feeder.seen()
    }
}

/// Lets somebody look until they have seen enough. Signals are told through [`Watch::is_over`].
///
/// # Errors
/// An I/O error of the runtime itself.
pub fn watch<T: Send>(capture: Capture, look: impl FnOnce(Watch) -> T + Send) -> io::Result<Watched<T>> {
    watch_with(capture, WatchOptions::default(), look)
}

/// The same with other options.
///
/// # Errors
/// As of [`watch`].
pub fn watch_with<T: Send>(
    mut capture: Capture,
    options: WatchOptions,
    look: impl FnOnce(Watch) -> T + Send,
) -> io::Result<Watched<T>> {
    let facts = capture.facts().clone();
    let past = Past::new(&facts, options.past_bytes).map_err(io::Error::other)?;
    let shown = past.shown();
    let status = Arc::new(Mutex::new(Status::default()));
    let mailbox = Arc::new(Mailbox::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::new(AtomicBool::new(false));
    let (queue, received) = sync_channel(QUEUE_BATCHES);
    let (orders, ordered) = channel();
    let keeper = spawn_keeper(Keeper::new(&facts, past, Arc::clone(&status)), received, ordered)?;
    let mut fan = Fan::new(queue, Arc::clone(&mailbox));
    let watch = Watch {
        facts,
        mailbox,
        orders,
        status: Arc::clone(&status),
        past: shown,
        is_over: Arc::clone(&is_over),
        is_asked: Arc::clone(&is_asked),
    };
    let ask = || is_asked.store(true, Ordering::Relaxed);
    let signals = Signals { is_over: &is_over, on_user_signal: options.takes_user_signal.then_some(&ask) };
    let looked = look_beside(&mut capture, &mut fan, &signals, &mut |_| {}, || look(watch));
    let mut rest = Vec::new();
    let losses = capture.stop(&mut rest);
    fan.feeder.finish(rest);
    drop(fan);
    // A panic of the keeper is a bug of ours and goes on as one.
    keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let told = std::mem::take(&mut status.lock().unwrap_or_else(PoisonError::into_inner).told);
    Ok(Watched { result: looked?, losses, told })
}

/// What signals do while somebody looks.
pub(super) struct Signals<'a> {
    /// Set once one asks the program to end.
    pub(super) is_over: &'a AtomicBool,
    /// As of [`Until::on_user_signal`].
    pub(super) on_user_signal: Option<&'a dyn Fn()>,
}

/// Drains a capture while somebody looks in a thread of their own, until they have seen enough or a signal comes.
pub(super) fn look_beside<T: Send>(
    capture: &mut Capture,
    outlet: &mut impl Outlet,
    signals: &Signals<'_>,
    on_second: &mut impl FnMut(&Second<'_>),
    look: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let has_looked = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    std::thread::scope(|scope| {
        let looker = std::thread::Builder::new().name("looker".to_owned()).spawn_scoped(scope, || {
            use_normal_priority();
            // Also when it panics: the capture must not go on behind it.
            let _told = SetOnDrop(&has_looked);
            look()
        })?;
        let until = Until {
            duration: None,
            is_over: &|| has_looked.load(Ordering::Relaxed),
            on_user_signal: signals.on_user_signal,
        };
        let drained = runtime.block_on(drain(capture, outlet, &until, on_second));
        signals.is_over.store(true, Ordering::Relaxed);
        let result = looker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        drained.map(|()| result)
    })
}

fn spawn_keeper(
    keeper: Keeper,
    queue: Receiver<Vec<Item>>,
    orders: Receiver<Order>,
) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("keeper".to_owned()).spawn(move || {
        use_normal_priority();
        keeper.run(&queue, &orders);
    })
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
