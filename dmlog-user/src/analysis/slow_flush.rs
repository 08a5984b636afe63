//! The slowest flushes of a log, each with what it spent its time on and which writes waited for it.
//!
//! ```text
//!  pass begins         flush begins     legs flushed      header and bits written       flush ends
//!   └─ pass_to_flush ────┴─ leg_flush ────┴─ log_write: log device, its flush too ──────────┘
//!                             a write that came by here and went to the legs behind it waited
//! ```
//!
//! The kernel has no function of its own for the write of the header and for the flush of the log device, so these two are
//! one number: what the flush of the legs leaves of the whole.
//!
//! That writes waited is known when they end, and when its pass began at the end of the pass: both are added to flushes that
//! are kept, and cost a comparison otherwise.

use serde::Serialize;

use super::flush::{FlushSeen, KIND_NAMES, kind_index};
use super::processes::{ProcessName, Processes};
use crate::event::ids::{LogId, MonoNs};
use crate::event::op::FlushKind;

/// Slowest flushes kept per device; no output can show more.
pub const SLOWEST_MAX: usize = 100;

/// Processes of the writes that waited for one flush: those that came first.
pub const WAITERS_MAX: usize = 4;

/// One flush that is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    flush: FlushSeen,
    /// Its number in the [timeline](super::timeline::Timeline) of its device.
    number: u64,
    /// When the pass began that it was part of.
    pass_start_ns: Option<u64>,
    writes: u64,
    longest_wait_ns: u64,
    waiters: [Waiter; WAITERS_MAX],
}

/// A process, and its writes that waited; none is an empty place.
#[derive(Clone, Copy, Debug, Default)]
struct Waiter {
    process: u32,
    writes: u32,
    longest_wait_ns: u64,
}

impl Waiter {
    fn summary(&self, processes: &Processes) -> FlushWaiter {
        let Self { process, writes, longest_wait_ns } = *self;
        FlushWaiter { process: processes.name_of(process), writes, longest_wait_ns }
    }
}

/// The slowest flushes of one device.
#[derive(Clone, Debug, Default)]
pub struct SlowFlushes {
    kept: Vec<Kept>,
    /// No longer than the shortest of `kept`, once that is full.
    floor_ns: u64,
    /// Number behind the latest flush that was kept, and when that was over.
    newest: u64,
    newest_ns: u64,
}

/// A write that is over.
#[derive(Clone, Copy, Debug)]
pub struct WriteSeen {
    /// When it entered.
    pub entered: MonoNs,
    /// Number of the first flush that was over after it entered.
    pub first: u64,
    /// Number of the flush of its pass; `None` if that is not known.
    pub own: Option<u64>,
    /// When it was over.
    pub ended: MonoNs,
    /// Number of its process in the device.
    pub process: u32,
}

impl Kept {
    fn start_ns(&self) -> u64 {
        self.flush.time.0.saturating_sub(self.flush.duration_ns.unwrap_or(0))
    }

    fn wait(&mut self, write: &WriteSeen) {
        let end_ns = self.flush.time.0.min(write.ended.0);
        let wait_ns = end_ns.saturating_sub(self.start_ns().max(write.entered.0));
        if wait_ns == 0 {
            return;
        }
        self.writes += 1;
        self.longest_wait_ns = self.longest_wait_ns.max(wait_ns);
        let is_its = |waiter: &&mut Waiter| waiter.writes == 0 || waiter.process == write.process;
        if let Some(waiter) = self.waiters.iter_mut().find(is_its) {
            *waiter = Waiter {
                process: write.process,
                writes: waiter.writes.saturating_add(1),
                longest_wait_ns: waiter.longest_wait_ns.max(wait_ns),
            };
        }
    }
}

impl SlowFlushes {
    /// A flush is over; `number` is its own in the timeline.
    #[inline]
    pub fn observe(&mut self, flush: &FlushSeen, number: u64) {
        if flush.duration_ns > Some(self.floor_ns) {
            self.newest = self.newest.max(number + 1);
            self.newest_ns = self.newest_ns.max(flush.time.0);
            let waiters = [Waiter::default(); WAITERS_MAX];
            self.keep(&Kept { flush: *flush, number, pass_start_ns: None, writes: 0, longest_wait_ns: 0, waiters });
        }
    }

    /// Whether a flush was kept that has this number or a higher one.
    #[inline]
    pub fn has_since(&self, number: u64) -> bool {
        number < self.newest
    }

    /// A write is over: it waited for every flush from when it came to that of its pass.
    #[cold]
    pub fn wait(&mut self, write: &WriteSeen) {
        let last = write.own.unwrap_or(u64::MAX);
        for kept in self.kept.iter_mut().filter(|kept| (write.first..=last).contains(&kept.number)) {
            kept.wait(write);
        }
    }

    /// A pass of a log's worker is over.
    #[inline]
    pub fn pass(&mut self, log: LogId, tid: u32, start: MonoNs, end: MonoNs) {
        if start.0 <= self.newest_ns {
            self.pass_of_kept(log, tid, start, end);
        }
    }

    #[cold]
    fn pass_of_kept(&mut self, log: LogId, tid: u32, start: MonoNs, end: MonoNs) {
        let is_within = |kept: &&mut Kept| {
            let FlushSeen { log: of, tid: by, time, .. } = kept.flush;
            (of, by) == (log, tid) && start.0 <= kept.start_ns() && time <= end
        };
        for kept in self.kept.iter_mut().filter(is_within) {
            kept.pass_start_ns = Some(start.0);
        }
    }

    /// Adds another device's. Writes that end from now on wait for none of them, because its flushes have other numbers;
    /// `number_here` gives this device's number of a process.
    pub fn absorb(&mut self, other: &Self, number_here: impl Fn(u32) -> u32) {
        for theirs in other.kept.iter().filter(|theirs| theirs.flush.duration_ns > Some(self.floor_ns)) {
            let mut kept = Kept { number: u64::MAX, ..*theirs };
            for waiter in &mut kept.waiters {
                waiter.process = number_here(waiter.process);
            }
            self.kept.push(kept);
        }
        self.kept.sort_by_key(|kept| std::cmp::Reverse(kept.flush.duration_ns));
        self.kept.truncate(SLOWEST_MAX);
    }

    #[cold]
    fn keep(&mut self, kept: &Kept) {
        if self.kept.len() < SLOWEST_MAX {
            self.kept.push(*kept);
            return;
        }
        let shortest = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.flush.duration_ns);
        if let Some((place, shortest)) = shortest {
            let floor = shortest.flush.duration_ns;
            self.floor_ns = floor.unwrap_or(0);
            if kept.flush.duration_ns > floor {
                self.kept[place] = *kept;
            }
        }
    }

    /// The slowest first, at most `top`; times from `origin`. `processes` are those of the device.
    pub fn summary(&self, origin: MonoNs, top: usize, processes: &Processes) -> Vec<SlowFlush> {
        let mut slowest: Vec<&Kept> = self.kept.iter().collect();
        slowest
            .sort_unstable_by_key(|kept| (std::cmp::Reverse(kept.flush.duration_ns), kept.flush.time, kept.flush.log));
        slowest.into_iter().take(top).map(|kept| SlowFlush::of(kept, origin, processes)).collect()
    }
}

/// One slow flush.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlowFlush {
    /// When it began, from the start of the trace.
    pub start_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// One of [`KIND_NAMES`].
    pub kind: &'static str,
    /// 0 or a negative errno.
    pub result: i32,
    /// Number of its log in the trace.
    pub log: u32,
    /// From the begin of the worker's pass to its begin; `None` if no pass was seen around it.
    pub pass_to_flush_ns: Option<u64>,
    /// The flush of the legs within it; `None` if there was none, or none was seen.
    pub leg_flush_ns: Option<u64>,
    /// The rest: the write of header and bits and, of a dirtied flush, the flush of the log device. `None` of a flush without
    /// I/O, and where that is not known.
    pub log_write_ns: Option<u64>,
    /// Marks it carried.
    pub marks_carried: u64,
    /// Clears it carried.
    pub clears_carried: u64,
    /// The first regions of those marks, at most [`CARRIED_REGIONS_MAX`](super::flush::CARRIED_REGIONS_MAX).
    pub first_regions: Vec<u64>,
    /// Writes, of those that are over, that were there while it ran and could not go to the legs before its end.
    pub writes_waited: u64,
    /// The longest of their waits for it.
    pub longest_wait_ns: u64,
    /// Processes of these writes, most writes first; at most [`WAITERS_MAX`], those that came first.
    pub waiters: Vec<FlushWaiter>,
}

/// A process whose writes waited for a flush.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlushWaiter {
    /// Which one.
    #[serde(flatten)]
    pub process: ProcessName,
    /// How many of its writes did.
    pub writes: u32,
    /// The longest of their waits.
    pub longest_wait_ns: u64,
}

impl SlowFlush {
    fn of(kept: &Kept, origin: MonoNs, processes: &Processes) -> Self {
        let flush = &kept.flush;
        let duration_ns = flush.duration_ns.unwrap_or(0);
        let does_io = matches!(flush.kind, Some(FlushKind::Dirtied | FlushKind::CleanedOnly));
        let mut waiters = kept.waiters;
        waiters.sort_by_key(|waiter| std::cmp::Reverse(waiter.writes));
        let waiters = waiters.iter().filter(|waiter| waiter.writes > 0);
        Self {
            start_ns: kept.start_ns().saturating_sub(origin.0),
            duration_ns,
            kind: KIND_NAMES[kind_index(flush.kind)],
            result: flush.result,
            log: flush.log.0,
            pass_to_flush_ns: kept.pass_start_ns.map(|start_ns| kept.start_ns().saturating_sub(start_ns)),
            leg_flush_ns: flush.leg_flush_ns,
            log_write_ns: does_io.then(|| duration_ns.saturating_sub(flush.leg_flush_ns.unwrap_or(0))),
            marks_carried: flush.carried.marks(),
            clears_carried: flush.carried.clears,
            first_regions: flush.carried.first_regions().to_vec(),
            writes_waited: kept.writes,
            longest_wait_ns: kept.longest_wait_ns,
            waiters: waiters.map(|waiter| waiter.summary(processes)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOWEST_MAX, SlowFlush, SlowFlushes, WriteSeen};
    use crate::analysis::flush::{Carried, FlushSeen};
    use crate::analysis::processes::Processes;
    use crate::event::ids::{LogId, MonoNs, Region};
    use crate::event::op::FlushKind;

    fn flush(time: u64, duration_ns: u64) -> FlushSeen {
        FlushSeen {
            log: LogId(1),
            tid: 7,
            time: MonoNs(time),
            duration_ns: Some(duration_ns),
            leg_flush_ns: None,
            kind: Some(FlushKind::Dirtied),
            result: 0,
            carried: Carried::default(),
        }
    }

    fn told(slow: &SlowFlushes, top: usize) -> Vec<SlowFlush> {
        slow.summary(MonoNs(0), top, &Processes::default())
    }

    #[test]
    fn the_slowest_are_kept_with_what_they_carried() {
        let mut slow = SlowFlushes::default();
        let mut carried = Carried::default();
        for region in 10..20 {
            carried.mark(Region(region));
        }
        carried.clear(MonoNs(1));
        for n in 0..500 {
            slow.observe(&flush(n, n), n);
        }
        slow.observe(&FlushSeen { carried, result: -5, ..flush(5_000_000, 1_000_000) }, 500);
        let rows = told(&slow, SLOWEST_MAX);
        let durations: Vec<u64> = rows.iter().map(|row| row.duration_ns).collect();
        let expected: Vec<u64> = std::iter::once(1_000_000).chain((401..500).rev()).collect();
        assert_eq!(durations, expected);
        let first = &rows[0];
        assert_eq!((first.start_ns, first.marks_carried, first.clears_carried, first.result), (4_000_000, 10, 1, -5));
        assert_eq!(first.first_regions, [10, 11, 12, 13, 14, 15, 16, 17]);
    }

    #[test]
    fn a_flush_is_split_at_its_pass_and_its_legs() {
        let mut slow = SlowFlushes::default();
        slow.observe(&FlushSeen { leg_flush_ns: Some(30), ..flush(200, 100) }, 0);
        // Another worker's, and one that was over before.
        slow.pass(LogId(1), 8, MonoNs(80), MonoNs(300));
        slow.pass(LogId(1), 7, MonoNs(10), MonoNs(90));
        assert_eq!(told(&slow, 1)[0].pass_to_flush_ns, None);
        slow.pass(LogId(1), 7, MonoNs(80), MonoNs(300));
        let row = &told(&slow, 1)[0];
        assert_eq!((row.pass_to_flush_ns, row.leg_flush_ns, row.log_write_ns), (Some(20), Some(30), Some(70)));
        let mut slow = SlowFlushes::default();
        slow.observe(&FlushSeen { kind: Some(FlushKind::NoOp), ..flush(200, 100) }, 0);
        assert_eq!(told(&slow, 1)[0].log_write_ns, None);
    }

    #[test]
    fn writes_wait_from_when_they_come_to_the_flush_of_their_pass() {
        let mut slow = SlowFlushes::default();
        for (number, duration_ns) in [(0, 790), (1, 800), (2, 780)] {
            slow.observe(&flush((number + 1) * 1_000, duration_ns), number);
        }
        assert!(slow.has_since(2) && !slow.has_since(3));
        // It came within the first one and went to the legs behind the second: 300 and 800 of waiting.
        let write = WriteSeen { entered: MonoNs(700), first: 0, own: Some(1), ended: MonoNs(9_000), process: 4 };
        slow.wait(&write);
        slow.wait(&WriteSeen { entered: MonoNs(500), process: 5, ..write });
        slow.wait(&WriteSeen { entered: MonoNs(500), own: Some(0), process: 5, ..write });
        let rows: Vec<_> = told(&slow, 9).iter().map(|row| (row.writes_waited, row.longest_wait_ns)).collect();
        // By duration: the second, the first, the third.
        assert_eq!(rows, [(2, 800), (3, 500), (0, 0)]);
        let waiters = &told(&slow, 9)[1].waiters;
        let waiters: Vec<_> = waiters.iter().map(|waiter| (waiter.writes, waiter.longest_wait_ns)).collect();
        assert_eq!(waiters, [(2, 500), (1, 300)], "of the first flush, most writes first");
    }
}
