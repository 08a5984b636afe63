//! The sending side of the queue between the ring and the writer.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use super::drain::Outlet;
use crate::capture::monotonic_ns;
use crate::event::ids::MonoNs;
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, Op};

/// How long a full queue is waited for before a batch is dropped. Meanwhile the ring keeps what comes: at its default size it
/// holds more than twice this of the fastest mirror seen.
const HOLD_FOR: Duration = Duration::from_millis(200);

/// The sending side of the queue.
pub(super) struct Feeder {
    queue: SyncSender<Vec<Item>>,
    /// Events dropped in all.
    pub(super) dropped: u64,
    /// Events dropped that no gap speaks of yet.
    unreported: u64,
    /// Identities and gaps of dropped batches: few, and what follows means nothing without them.
    kept: Vec<Item>,
    /// Events seen in all.
    pub(super) events: u64,
    /// The writer has ended.
    is_closed: bool,
    /// A batch that found the queue full, and since when it waits.
    held: Option<(Vec<Item>, std::time::Instant)>,
}

impl Feeder {
    pub(super) fn new(queue: SyncSender<Vec<Item>>) -> Self {
        Self { queue, dropped: 0, unreported: 0, kept: Vec::new(), events: 0, is_closed: false, held: None }
    }

    /// Whether a batch waits for the queue.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// The last items may wait for the writer as long as it takes.
    pub(super) fn finish(&mut self, items: Vec<Item>) {
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

impl Outlet for Feeder {
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

    fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn seen(&self) -> (u64, u64) {
        (self.events, self.dropped)
    }
}

pub(super) fn count_events(items: &[Item]) -> u64 {
    items.iter().filter(|item| matches!(item, Item::Event(_))).count() as u64
}

#[cfg(test)]
mod tests;
