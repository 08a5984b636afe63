//! Items for somebody who looks now and then: a bounded heap that is taken away as a whole.
//!
//! A screen that stands still (its terminal was stopped, a connection hangs) must hold nothing up. What finds no room is
//! dropped and counted, and a gap before the next items says so; identities are kept, because what follows means nothing
//! without them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, Op};

/// Items that wait at most: about 25 MiB, a second of the fastest mirror seen, ten of a busy one.
pub(super) const MAILBOX_ITEMS: usize = 1 << 18;

/// A bounded heap of items.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    items: Vec<Item>,
    /// Events dropped since the last gap.
    unreported: u64,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held is told elsewhere; counters and a list are whole between two statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts items in, as far as there is room.
    pub(super) fn put(&self, batch: &[Item]) {
        let mut inner = self.lock();
        for item in batch {
            let is_kept = match item {
                Item::Gap(_) | Item::DecodeError(_) | Item::Event(Event { op: Op::Identity(_), .. }) => {
                    inner.items.len() < 2 * MAILBOX_ITEMS
                }
                Item::Event(_) => inner.items.len() < MAILBOX_ITEMS,
            };
            if is_kept {
                if inner.unreported > 0 && inner.items.len() < MAILBOX_ITEMS {
                    let gap = inner.gap(item);
                    inner.items.push(gap);
                }
                inner.items.push(item.clone());
            } else {
                inner.unreported += 1;
            }
        }
    }

    /// Takes everything out.
    pub(super) fn take(&self, out: &mut Vec<Item>) {
        let mut inner = self.lock();
        if inner.unreported > 0
            && let Some(last) = inner.items.last().cloned()
        {
            let gap = inner.gap(&last);
            inner.items.push(gap);
        }
        out.append(&mut inner.items);
    }
}

impl Inner {
    /// The gap for what was dropped, at the time of this item.
    fn gap(&mut self, beside: &Item) -> Item {
        let lost = Some(std::mem::take(&mut self.unreported));
        Item::Gap(Gap { time: beside.time(), cpu: None, lost, cause: LossCause::QueueFull })
    }
}

#[cfg(test)]
mod tests {
    use super::{MAILBOX_ITEMS, Mailbox};
    use crate::event::ids::{LogId, MonoNs, Region};
    use crate::event::item::{Gap, Item, LossCause};
    use crate::event::op::{Event, LogImpl, LogOp, Op};

    fn event(time: u64, op: Op) -> Item {
        Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
    }

    fn marks(times: std::ops::Range<u64>) -> Vec<Item> {
        times.map(|time| event(time, Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time) }))).collect()
    }

    fn gap(time: u64, lost: u64) -> Item {
        Item::Gap(Gap { time: MonoNs(time), cpu: None, lost: Some(lost), cause: LossCause::QueueFull })
    }

    #[test]
    fn what_has_room_comes_out_as_it_went_in() {
        let (mailbox, mut out) = (Mailbox::default(), Vec::new());
        mailbox.put(&marks(0..3));
        mailbox.put(&marks(3..5));
        mailbox.take(&mut out);
        assert_eq!(out, marks(0..5));
        mailbox.take(&mut out);
        assert_eq!(out.len(), 5, "once");
    }

    #[test]
    fn what_has_none_is_counted_and_told_and_identities_are_kept() {
        let full = MAILBOX_ITEMS as u64;
        let (mailbox, mut out) = (Mailbox::default(), Vec::new());
        mailbox.put(&marks(0..full + 7));
        let identity = event(full + 7, Op::Identity(Box::default()));
        mailbox.put(std::slice::from_ref(&identity));
        mailbox.put(&marks(full + 8..full + 10));
        mailbox.take(&mut out);
        assert_eq!(out.split_off(MAILBOX_ITEMS), [identity, gap(full + 7, 9)]);
        assert_eq!(out, marks(0..full));
        out.clear();
        mailbox.put(&marks(full + 10..full + 11));
        mailbox.take(&mut out);
        assert_eq!(out, marks(full + 10..full + 11), "said once");
    }
}
