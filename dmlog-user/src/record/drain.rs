//! Takes records out of the ring, and looks after modules, until something ends it.

use std::time::Duration;

use dmlog_common::record::RING_POLL_MS;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::BATCH_ITEMS;
use crate::capture::Capture;
use crate::event::item::Item;

/// Where items go.
pub(super) trait Outlet {
    /// Whether the ring may be drained further.
    fn is_ready(&mut self) -> bool;

    /// Takes items.
    fn feed(&mut self, items: Vec<Item>);

    /// Nobody is at the other end any more.
    fn is_closed(&self) -> bool;

    /// Events that came so far, and those of them that were dropped for want of room.
    fn seen(&self) -> (u64, u64);
}

/// What ends it, beside SIGINT, SIGTERM and an outlet without another end.
pub(super) struct Until<'a> {
    pub(super) duration: Option<Duration>,
    /// Asked after every look at the ring.
    pub(super) is_over: &'a dyn Fn() -> bool,
    /// What SIGUSR1 does, once the ring has been drained; `None` leaves it to the kernel.
    pub(super) on_user_signal: Option<&'a dyn Fn()>,
}

/// Where a capture stands, once a second.
pub(super) struct Second<'a> {
    pub(super) capture: &'a Capture,
    /// Events that came so far.
    pub(super) events: u64,
    /// Records that found no room in the ring, by the kernel's own count.
    pub(super) ring_lost: u64,
    /// Events dropped behind it for want of room.
    pub(super) dropped: u64,
}

/// Drains. `on_second` is told at once and then every second where it stands.
pub(super) async fn drain(
    capture: &mut Capture,
    outlet: &mut impl Outlet,
    until: &Until<'_>,
    on_second: &mut impl FnMut(&Second<'_>),
) -> std::io::Result<()> {
    let ring = capture.ring_readiness()?;
    let mut poll = interval(Duration::from_millis(RING_POLL_MS));
    poll.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut user = until.on_user_signal.map(|_| signal(SignalKind::user_defined1())).transpose()?;
    // A recording without an end is one that ends in a century.
    let end = Instant::now() + until.duration.unwrap_or(Duration::from_hours(100 * 365 * 24));
    loop {
        let mut is_asked = false;
        tokio::select! {
            ready = ring.readable() => ready?.clear_ready(),
            _ = poll.tick() => {}
            _ = second.tick() => {
                let mut items = Vec::new();
                capture.follow_modules(&mut items);
                outlet.feed(items);
                let (events, dropped) = outlet.seen();
                on_second(&Second { capture, events, ring_lost: capture.lost_so_far(), dropped });
            }
            Some(()) = received(&mut user) => is_asked = true,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = sleep_until(end) => return Ok(()),
        }
        while outlet.is_ready() {
            let mut items = Vec::with_capacity(BATCH_ITEMS);
            let taken = capture.drain(&mut items, BATCH_ITEMS);
            outlet.feed(items);
            if taken < BATCH_ITEMS || Instant::now() >= end {
                break;
            }
        }
        // What the ring held when the signal came was before it.
        if let Some(act) = until.on_user_signal.filter(|_| is_asked) {
            act();
        }
        if outlet.is_closed() || (until.is_over)() {
            return Ok(());
        }
    }
}

/// The next signal of those that are listened to, or never one.
async fn received(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
