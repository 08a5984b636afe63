//! When a device flushed its log lately, to tell what a write spent its time on.
//!
//! ```text
//!  Map                 IncPending            flush ends                     EndIo
//!   │ waits for the pass │ waits for its flush │ written to the legs          │
//!   └────────────────────┴─────────────────────┴──────────────────────────────┘
//!        └ a dirtied flush of an earlier pass may lie in here, and counts
//! ```
//!
//! A write is held up by a dirtied flush while both run and the write is not yet on its way to the legs. The worker of a
//! mirror runs one flush at a time, so a running sum over the flushes gives the overlap with any stretch of time in
//! constant time: the difference of two sums, less the part of the first flush that lies before the stretch.

use std::collections::VecDeque;

use super::flush::FlushSeen;
use crate::event::ids::{LogId, MonoNs};

/// Flushes remembered per device. A worker that does nothing but no-op flushes of 50 µs takes 200 ms for them; a write
/// that is under way for longer is counted as not explained.
pub const FLUSHES_REMEMBERED: usize = 4096;

/// One flush that is over.
#[derive(Clone, Copy, Debug)]
struct Interval {
    start_ns: u64,
    end_ns: u64,
    log: LogId,
    holds_writes: bool,
    /// Sum of the durations of all flushes that hold writes, up to and with this one.
    held_sum_ns: u64,
}

/// The latest flushes of a device.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    intervals: VecDeque<Interval>,
    /// Number of the first interval that is still there; intervals are numbered from 0.
    first: u64,
    held_sum_ns: u64,
}

/// A place between two flushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    next: u64,
    held_sum_ns: u64,
}

/// Where a write's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// Overlap with flushes that hold writes, before the write was on its way to the legs.
    pub dirtied_flush_ns: u64,
    /// When its own flush was over; `None` if that is not known.
    pub issued: Option<MonoNs>,
}

impl Position {
    /// Number of the next flush.
    pub fn next(self) -> u64 {
        self.next
    }
}

impl Timeline {
    /// Adds a flush that is over; returns its number.
    #[inline]
    pub fn push(&mut self, flush: &FlushSeen) -> u64 {
        let duration_ns = flush.duration_ns.unwrap_or(0);
        let holds_writes = flush.holds_writes();
        if holds_writes {
            self.held_sum_ns = self.held_sum_ns.saturating_add(duration_ns);
        }
        if self.intervals.len() == FLUSHES_REMEMBERED {
            self.intervals.pop_front();
            self.first += 1;
        }
        self.intervals.push_back(Interval {
            start_ns: flush.time.0.saturating_sub(duration_ns),
            end_ns: flush.time.0,
            log: flush.log,
            holds_writes,
            held_sum_ns: self.held_sum_ns,
        });
        self.first + self.intervals.len() as u64 - 1
    }

    /// The place behind the last flush.
    pub fn position(&self) -> Position {
        Position { next: self.first + self.intervals.len() as u64, held_sum_ns: self.held_sum_ns }
    }

    /// Where the time of a write of `log` went that entered at `entered_ns` and is over now; `None` if flushes that tell
    /// are no longer remembered. `picked` is the place at which a pass picked the write up, if that was seen.
    pub fn wait(&self, log: LogId, entered_ns: u64, entered: Position, picked: Option<Position>) -> Option<Wait> {
        if entered.next < self.first {
            return None;
        }
        let own = picked.and_then(|picked| self.from(picked.next).find(|interval| interval.log == log));
        let held_sum_ns = own.map_or(self.held_sum_ns, |own| own.held_sum_ns);
        let before_entry_ns = self
            .from(entered.next)
            .next()
            .filter(|first| first.holds_writes)
            .map_or(0, |first| entered_ns.clamp(first.start_ns, first.end_ns) - first.start_ns);
        let overlap_ns = held_sum_ns.saturating_sub(entered.held_sum_ns).saturating_sub(before_entry_ns);
        Some(Wait { dirtied_flush_ns: overlap_ns, issued: own.map(|own| MonoNs(own.end_ns)) })
    }

    /// Number of the flush of the pass that picked up a write of `log` at that place, if it is over and remembered.
    pub fn own(&self, log: LogId, picked: Position) -> Option<u64> {
        let after = self.from(picked.next).position(|interval| interval.log == log)?;
        Some(picked.next.max(self.first) + after as u64)
    }

    /// Intervals from the one with this number on.
    fn from(&self, number: u64) -> impl Iterator<Item = &Interval> {
        let skipped = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.intervals.range(skipped.min(self.intervals.len())..)
    }
}

#[cfg(test)]
mod tests {
    use super::{FLUSHES_REMEMBERED, Timeline, Wait};
    use crate::analysis::flush::{Carried, FlushSeen};
    use crate::event::ids::{LogId, MonoNs};
    use crate::event::op::FlushKind;

    fn flush(start: u64, end: u64, kind: FlushKind) -> FlushSeen {
        FlushSeen {
            log: LogId(1),
            tid: 7,
            time: MonoNs(end),
            duration_ns: Some(end - start),
            leg_flush_ns: None,
            kind: Some(kind),
            result: 0,
            carried: Carried::default(),
        }
    }

    #[test]
    fn a_write_waits_for_its_own_flush_and_not_for_those_after() {
        let mut timeline = Timeline::default();
        let entered = timeline.position();
        let picked = timeline.position();
        timeline.push(&flush(20, 50, FlushKind::Dirtied));
        timeline.push(&flush(60, 90, FlushKind::Dirtied));
        let wait = timeline.wait(LogId(1), 10, entered, Some(picked)).unwrap();
        assert_eq!(wait, Wait { dirtied_flush_ns: 30, issued: Some(MonoNs(50)) });
        let unclipped = timeline.wait(LogId(1), 10, entered, None).unwrap();
        assert_eq!(unclipped, Wait { dirtied_flush_ns: 60, issued: None });
    }

    #[test]
    fn the_part_of_a_flush_before_the_write_came_does_not_count() {
        let mut timeline = Timeline::default();
        timeline.push(&flush(0, 10, FlushKind::Dirtied));
        let entered = timeline.position();
        timeline.push(&flush(20, 50, FlushKind::Dirtied));
        let picked = timeline.position();
        timeline.push(&flush(55, 60, FlushKind::NoOp));
        timeline.push(&flush(60, 90, FlushKind::Dirtied));
        // It came at 40: 10 of the first flush; its own is the no-op at 60.
        let wait = timeline.wait(LogId(1), 40, entered, Some(picked)).unwrap();
        assert_eq!(wait, Wait { dirtied_flush_ns: 10, issued: Some(MonoNs(60)) });
    }

    #[test]
    fn flushes_of_another_log_of_the_device_are_not_its_own() {
        let mut timeline = Timeline::default();
        let entered = timeline.position();
        timeline.push(&FlushSeen { log: LogId(2), ..flush(20, 30, FlushKind::NoOp) });
        timeline.push(&flush(40, 50, FlushKind::Dirtied));
        let wait = timeline.wait(LogId(1), 10, entered, Some(entered)).unwrap();
        assert_eq!(wait, Wait { dirtied_flush_ns: 10, issued: Some(MonoNs(50)) });
        assert_eq!((timeline.own(LogId(1), entered), timeline.own(LogId(2), entered)), (Some(1), Some(0)));
        assert_eq!(timeline.own(LogId(1), timeline.position()), None, "its flush is not over");
    }

    #[test]
    fn what_is_no_longer_remembered_is_not_guessed() {
        let mut timeline = Timeline::default();
        let entered = timeline.position();
        for n in 0..=FLUSHES_REMEMBERED as u64 {
            timeline.push(&flush(n * 10, n * 10 + 5, FlushKind::Dirtied));
        }
        assert_eq!(timeline.wait(LogId(1), 0, entered, Some(entered)), None);
        assert_eq!(timeline.intervals.len(), FLUSHES_REMEMBERED);
    }

    #[test]
    fn no_flush_is_no_wait() {
        let timeline = Timeline::default();
        let wait = timeline.wait(LogId(1), 5, timeline.position(), Some(timeline.position())).unwrap();
        assert_eq!(wait, Wait::default());
    }
}
