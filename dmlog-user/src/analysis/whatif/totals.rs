//! What was counted under one region size.

use super::step::{FlushOrigin, FlushStep};
use super::weighted::{Gauge, Weighted};
use crate::event::ids::MonoNs;
use crate::event::op::FlushKind;

/// Counters of one region size, of one log or of all logs that a target has had.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    /// Writes that passes took up, after splitting.
    pub(super) writes: u64,
    pub(super) marks: u64,
    pub(super) clears: u64,
    /// Dirtied, cleaned-only, no-op.
    flushes: [u64; 3],
    /// Flushes that only a disk log makes, at suspension, by kind.
    suspend_flushes: [u64; 3],
    /// Dirtied flushes of passes that only smaller regions have: one per further region that recovery ends.
    pub(super) recovery_flushes: u64,
    /// Regions in sync whose clean bit is 0.
    pub(super) dirty_regions: Gauge,
    /// Regions whose clean bit is 0 on disk.
    pub(super) resync_regions: Gauge,
    /// Their bytes.
    pub(super) resync_bytes: Gauge,
    /// Gauges of logs that are gone.
    past: Past,
    /// How long writes waited for the dirtied flush of their pass, where the recorded flush was one too; 0 for those whose
    /// flush was none. A write counts once, however it is split.
    waits: Weighted,
    /// Writes that waited for a dirtied flush.
    waiting: u64,
    /// Those of them whose recorded flush was none.
    waits_not_recorded: u64,
    /// Regions that were left out because of a limit.
    pub(super) left_out: u64,
}

#[derive(Clone, Debug, Default)]
struct Past {
    dirty_regions: Weighted,
    resync_regions: Weighted,
    resync_bytes: Weighted,
}

/// Distributions over time.
#[derive(Clone, Debug)]
pub(super) struct OverTime {
    pub(super) dirty_regions: Weighted,
    pub(super) resync_regions: Weighted,
    pub(super) resync_bytes: Weighted,
}

/// How long writes waited for dirtied flushes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Waits {
    /// Writes.
    pub(super) writes: u64,
    /// Those that waited.
    pub(super) waiting: u64,
    /// Mean over all writes, in nanoseconds; `None` where a wait is not known.
    pub(super) mean_ns: Option<f64>,
    /// 99 % of the writes waited at most this.
    pub(super) p99_ns: Option<u64>,
}

impl Totals {
    pub(super) fn start(&mut self, time: MonoNs) {
        for gauge in self.gauges() {
            gauge.start(time);
        }
    }

    pub(super) fn stop(&mut self, time: MonoNs) {
        for gauge in self.gauges() {
            gauge.stop(time);
        }
    }

    fn gauges(&mut self) -> [&mut Gauge; 3] {
        [&mut self.dirty_regions, &mut self.resync_regions, &mut self.resync_bytes]
    }

    pub(super) fn count_flush(&mut self, kind: FlushKind, step: &FlushStep) {
        let slot = kind_slot(kind);
        if step.origin == FlushOrigin::Suspend {
            self.suspend_flushes[slot] += 1;
        } else {
            self.flushes[slot] += 1;
        }
        if kind != FlushKind::Dirtied {
            self.waits.record(0, step.writes);
            return;
        }
        self.waiting += step.writes;
        if let Some(duration_ns) = step.duration_ns.filter(|_| step.holds_writes) {
            self.waits.record(duration_ns, step.writes);
        } else {
            self.waits_not_recorded += step.writes;
        }
    }

    /// Flushes by kind as a log on a log device makes them: dirtied, cleaned-only, no-op.
    pub(super) fn disk_flushes(&self) -> [u64; 3] {
        let [dirtied, cleaned, no_op] = self.flushes;
        let [dirtied_suspend, cleaned_suspend, no_op_suspend] = self.suspend_flushes;
        [dirtied + dirtied_suspend + self.recovery_flushes, cleaned + cleaned_suspend, no_op + no_op_suspend]
    }

    /// Flushes of a log that is not flushed at suspension.
    pub(super) fn other_flushes(&self) -> [u64; 3] {
        let [dirtied, cleaned, no_op] = self.flushes;
        [dirtied + self.recovery_flushes, cleaned, no_op]
    }

    /// Distributions over the time in which the log was live.
    pub(super) fn over_time(&self) -> OverTime {
        let mut all = OverTime {
            dirty_regions: self.past.dirty_regions.clone(),
            resync_regions: self.past.resync_regions.clone(),
            resync_bytes: self.past.resync_bytes.clone(),
        };
        all.dirty_regions.absorb(self.dirty_regions.seen());
        all.resync_regions.absorb(self.resync_regions.seen());
        all.resync_bytes.absorb(self.resync_bytes.seen());
        all
    }

    /// How long writes waited, if one whose flush was not recorded as a dirtied one waited `other_ns`.
    pub(super) fn waits(&self, other_ns: Option<f64>) -> Waits {
        let writes = self.waits.weight().saturating_add(self.waits_not_recorded);
        let mut all = self.waits.clone();
        let is_known = self.waits_not_recorded == 0 || other_ns.is_some();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of durations")]
        let other_ns = other_ns.unwrap_or(0.0).round() as u64;
        all.record(other_ns, self.waits_not_recorded);
        let known = Some(all).filter(|_| is_known);
        Waits {
            writes,
            waiting: self.waiting,
            mean_ns: known.as_ref().and_then(Weighted::mean),
            p99_ns: known.as_ref().and_then(Weighted::p99),
        }
    }

    /// Adds the counters of another log of the same target.
    pub(super) fn absorb(&mut self, other: &Self) {
        let Self {
            writes,
            marks,
            clears,
            flushes,
            suspend_flushes,
            recovery_flushes,
            dirty_regions: _,
            resync_regions: _,
            resync_bytes: _,
            past: _,
            waits,
            waiting,
            waits_not_recorded,
            left_out,
        } = other;
        self.writes += writes;
        self.marks += marks;
        self.clears += clears;
        for (ours, theirs) in self.flushes.iter_mut().zip(flushes) {
            *ours += theirs;
        }
        for (ours, theirs) in self.suspend_flushes.iter_mut().zip(suspend_flushes) {
            *ours += theirs;
        }
        self.recovery_flushes += recovery_flushes;
        let theirs = other.over_time();
        self.past.dirty_regions.absorb(&theirs.dirty_regions);
        self.past.resync_regions.absorb(&theirs.resync_regions);
        self.past.resync_bytes.absorb(&theirs.resync_bytes);
        self.waits.absorb(waits);
        self.waiting += waiting;
        self.waits_not_recorded += waits_not_recorded;
        self.left_out += left_out;
    }
}

fn kind_slot(kind: FlushKind) -> usize {
    match kind {
        FlushKind::Dirtied => 0,
        FlushKind::CleanedOnly => 1,
        FlushKind::NoOp => 2,
    }
}
