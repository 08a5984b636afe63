//! Flushes of the log: how many of each kind, how long they took, what they carried. The slowest ones are
//! [`slow_flush`](super::slow_flush)'s.
//!
//! One isolated write costs three flush calls, one of each kind (KERNEL: `dm_rh_update_states` and `do_writes`), so one
//! percentile over all of them means nothing; everything here is told by kind.

use serde::Serialize;

use super::latency::{Latency, LatencySummary};
use super::slow_flush::{SlowFlush, SlowFlushes};
use super::{Named, by_name, rate_per_s};
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::op::FlushKind;

/// Regions of a flush that are named; of the others only the number is kept.
pub const CARRIED_REGIONS_MAX: usize = 8;

/// What was marked and cleared on a log since its last flush that succeeded: what the next one commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    marks: u64,
    /// Regions that were cleared.
    pub(super) clears: u64,
    /// When the first one was, and how much later the others were, together.
    first_clear_ns: u64,
    later_clears_ns: u64,
    first: [u64; CARRIED_REGIONS_MAX],
}

impl Carried {
    /// A region was marked.
    pub fn mark(&mut self, region: Region) {
        if let Ok(place) = usize::try_from(self.marks)
            && let Some(slot) = self.first.get_mut(place)
        {
            *slot = region.0;
        }
        self.marks += 1;
    }

    /// A region was cleared.
    pub fn clear(&mut self, time: MonoNs) {
        if self.clears == 0 {
            self.first_clear_ns = time.0;
        }
        self.clears += 1;
        let later_ns = time.0.saturating_sub(self.first_clear_ns);
        self.later_clears_ns = self.later_clears_ns.saturating_add(later_ns);
    }

    /// How long ago the first clear was, and how long ago all were, together.
    pub(super) fn clear_lags(&self, time: MonoNs) -> (u64, u64) {
        let oldest_ns = time.0.saturating_sub(self.first_clear_ns);
        let sum_ns = oldest_ns.saturating_mul(self.clears).saturating_sub(self.later_clears_ns);
        (oldest_ns, sum_ns)
    }

    /// Marks since the last flush that succeeded.
    pub fn marks(&self) -> u64 {
        self.marks
    }

    /// The first regions that were marked, in order of their marks.
    pub(super) fn first_regions(&self) -> &[u64] {
        let named = usize::try_from(self.marks).unwrap_or(usize::MAX).min(CARRIED_REGIONS_MAX);
        &self.first[..named]
    }
}

/// One flush, as the analyses see it.
#[derive(Clone, Copy, Debug)]
pub struct FlushSeen {
    /// Its log.
    pub log: LogId,
    /// Thread that ran it.
    pub tid: u32,
    /// When it was over.
    pub time: MonoNs,
    /// How long it took.
    pub duration_ns: Option<u64>,
    /// How much of that was the flush of the legs, if there was one and it was seen.
    pub leg_flush_ns: Option<u64>,
    /// What it did; `None` where the capture could not tell.
    pub kind: Option<FlushKind>,
    /// 0 or a negative errno.
    pub result: i32,
    /// What it committed.
    pub carried: Carried,
}

impl FlushSeen {
    /// Whether writes wait for it: a dirtied flush, or one of unknown kind that carries marks, which is what every
    /// flush of a userspace log is.
    pub fn holds_writes(&self) -> bool {
        match self.kind {
            Some(FlushKind::Dirtied) => true,
            Some(FlushKind::CleanedOnly | FlushKind::NoOp) => false,
            None => self.carried.marks > 0,
        }
    }
}

/// Counters of one kind of flush.
#[derive(Clone, Debug)]
struct KindCounters {
    count: u64,
    errors: u64,
    marks: u64,
    /// Flushes that carried marks.
    marking: u64,
    latency: Latency,
}

/// Flushes of one device.
#[derive(Clone, Debug)]
pub struct Flushes {
    /// Dirtied, cleaned-only, no-op, unknown.
    by_kind: [KindCounters; 4],
    pub(crate) slowest: SlowFlushes,
}

impl Default for Flushes {
    fn default() -> Self {
        let counters = || KindCounters { count: 0, errors: 0, marks: 0, marking: 0, latency: Latency::of_device() };
        Self { by_kind: [counters(), counters(), counters(), counters()], slowest: SlowFlushes::default() }
    }
}

/// Names of the kinds in their order, as all outputs spell them.
pub const KIND_NAMES: [&str; 4] = ["dirtied", "cleaned_only", "no_op", "unknown"];

pub(super) fn kind_index(kind: Option<FlushKind>) -> usize {
    match kind {
        Some(FlushKind::Dirtied) => 0,
        Some(FlushKind::CleanedOnly) => 1,
        Some(FlushKind::NoOp) => 2,
        None => 3,
    }
}

impl Flushes {
    /// Counts one flush; `number` is its own in the timeline of the device.
    pub fn observe(&mut self, flush: &FlushSeen, number: u64) {
        let counters = &mut self.by_kind[kind_index(flush.kind)];
        counters.count += 1;
        counters.marks += flush.carried.marks;
        counters.marking += u64::from(flush.carried.marks > 0);
        counters.errors += u64::from(flush.result != 0);
        if let Some(duration_ns) = flush.duration_ns {
            counters.latency.record(duration_ns);
        }
        self.slowest.observe(flush, number);
    }

    /// How many there were, in the order of [`KIND_NAMES`].
    pub fn counts(&self) -> [u64; 4] {
        self.by_kind.each_ref().map(|counters| counters.count)
    }

    /// How long they took, in the order of [`KIND_NAMES`].
    pub fn latencies(&self) -> impl Iterator<Item = &Latency> {
        self.by_kind.iter().map(|counters| &counters.latency)
    }

    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        self.by_kind.iter_mut().map(|counters| &mut counters.latency)
    }

    /// Adds another device's flushes. `number_here` gives this device's number of a process.
    pub fn absorb(&mut self, other: &Self, number_here: impl Fn(u32) -> u32) {
        for (ours, theirs) in self.by_kind.iter_mut().zip(&other.by_kind) {
            ours.count += theirs.count;
            ours.errors += theirs.errors;
            ours.marks += theirs.marks;
            ours.marking += theirs.marking;
            ours.latency.absorb(&theirs.latency);
        }
        self.slowest.absorb(&other.slowest, number_here);
    }

    /// What is told of the flushes, over a time of `span_ns`; `slowest` are the slow ones. `writes` is how many writes entered
    /// the mirror in that time, and nothing if there were flushes that were not for writes.
    pub fn summary(&self, span_ns: u64, slowest: Vec<SlowFlush>, writes: Option<u64>) -> FlushSummary {
        let kinds = KIND_NAMES.iter().zip(&self.by_kind).filter(|(_, counters)| counters.count > 0);
        let kinds = kinds.map(|(name, counters)| FlushKindSummary {
            kind: name,
            count: counters.count,
            rate_per_s: rate_per_s(counters.count, span_ns),
            errors: counters.errors,
            marks_carried: counters.marks,
            latency: counters.latency.summary(),
        });
        let [dirtied, cleaned_only, _, unknown] = &self.by_kind;
        let with_io = dirtied.count + cleaned_only.count;
        FlushSummary {
            kinds: kinds.collect(),
            marks_per_dirtied_flush: mean(dirtied.marks, dirtied.marking),
            io_flushes_per_write: writes
                .and_then(|writes| mean(with_io, writes))
                .filter(|_| with_io > 0 && unknown.count == 0),
            slowest,
        }
    }
}

fn mean(all: u64, of: u64) -> Option<f64> {
    if of == 0 { None } else { Some(all as f64 / of as f64) }
}

/// What is told of the flushes of a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlushSummary {
    /// One row per kind that was seen; in JSON an object by kind.
    #[serde(serialize_with = "by_name")]
    pub kinds: Vec<FlushKindSummary>,
    /// Marks that a dirtied flush carried on average, if it carried any: 1 means that the worker found no two writes to
    /// join. Recovery makes dirtied flushes without marks.
    pub marks_per_dirtied_flush: Option<f64>,
    /// Dirtied and cleaned-only flushes for every write that entered; `None` without either, where the kind of
    /// some flush is not known, and where recovery flushed too.
    pub io_flushes_per_write: Option<f64>,
    /// The slowest, slowest first.
    pub slowest: Vec<SlowFlush>,
}

impl FlushSummary {
    /// The row of a kind.
    pub fn kind(&self, name: &str) -> Option<&FlushKindSummary> {
        self.kinds.iter().find(|row| row.kind == name)
    }
}

/// What is told of one kind of flush.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlushKindSummary {
    /// One of [`KIND_NAMES`].
    #[serde(skip)]
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// How many per second of the covered time.
    pub rate_per_s: f64,
    /// How many failed.
    pub errors: u64,
    /// Marks they carried.
    pub marks_carried: u64,
    /// How long they took.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
}

impl Named for FlushKindSummary {
    fn name(&self) -> &'static str {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::{Carried, FlushSeen, Flushes};
    use crate::event::ids::{LogId, MonoNs, Region};
    use crate::event::op::FlushKind;

    fn flush(time: u64, duration_ns: u64, kind: Option<FlushKind>, result: i32) -> FlushSeen {
        let carried = Carried::default();
        FlushSeen {
            log: LogId(1),
            tid: 7,
            time: MonoNs(time),
            duration_ns: Some(duration_ns),
            leg_flush_ns: None,
            kind,
            result,
            carried,
        }
    }

    #[test]
    fn flushes_are_told_by_kind() {
        let mut flushes = Flushes::default();
        flushes.observe(&flush(10, 100, Some(FlushKind::Dirtied), 0), 0);
        flushes.observe(&flush(20, 300, Some(FlushKind::Dirtied), -5), 0);
        flushes.observe(&flush(30, 50, Some(FlushKind::CleanedOnly), 0), 0);
        flushes.observe(&flush(40, 1, Some(FlushKind::NoOp), 0), 0);
        flushes.observe(&flush(50, 9, None, 0), 0);
        let summary = flushes.summary(2_000_000_000, Vec::new(), Some(2));
        assert_eq!((summary.marks_per_dirtied_flush, summary.io_flushes_per_write), (None, None));
        let rows: Vec<_> = summary.kinds.iter().map(|k| (k.kind, k.count, k.errors)).collect();
        assert_eq!(rows, [("dirtied", 2, 1), ("cleaned_only", 1, 0), ("no_op", 1, 0), ("unknown", 1, 0)]);
        assert!((summary.kinds[0].rate_per_s - 1.0).abs() < 1e-12);
        assert_eq!(summary.kinds[0].latency.unwrap().latency_ns_p50, 100);
    }

    #[test]
    fn marks_are_told_by_the_flushes_that_carried_them() {
        let mut flushes = Flushes::default();
        let mut carried = Carried::default();
        for region in 10..20 {
            carried.mark(Region(region));
        }
        for number in 0..500 {
            flushes.observe(&flush(number, number, Some(FlushKind::Dirtied), 0), number);
        }
        flushes.observe(&FlushSeen { carried, ..flush(5_000, 1_000, Some(FlushKind::Dirtied), 0) }, 500);
        let summary = flushes.summary(1, Vec::new(), Some(1002));
        assert_eq!((summary.marks_per_dirtied_flush, summary.io_flushes_per_write), (Some(10.0), Some(0.5)));
    }

    #[test]
    fn a_flush_of_unknown_kind_holds_writes_if_it_carries_marks() {
        let mut unknown = flush(1, 1, None, 0);
        assert!(!unknown.holds_writes());
        unknown.carried.mark(Region(1));
        assert!(unknown.holds_writes());
        assert!(!flush(1, 1, Some(FlushKind::CleanedOnly), 0).holds_writes());
    }
}
