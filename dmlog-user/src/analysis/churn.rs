//! How long regions stay dirty, and how long a clear takes to get to the log device.
//!
//! ```text
//!  mark               last write ends      clear             end of the flush that writes it
//!   └────────────── lifetime ───────────────┘└──── clean-bit lag ────┘
//! ```
//!
//! A crash within the lag copies a region for nothing. Marks soon after a clear are counted with the regions
//! ([`super::regions`]).

use serde::Serialize;

use super::flush::{Carried, FlushSeen};
use super::latency::{Latency, LatencySummary};
use super::regions::RegionTotals;
use crate::event::op::FlushKind;

/// Lifetimes and lags of one device.
#[derive(Clone, Debug)]
pub struct Churn {
    lifetimes: Latency,
    /// Of each flush that wrote clears, the lag of the oldest.
    oldest_lags: Latency,
    clears: u64,
    lag_sum_ns: u64,
}

impl Default for Churn {
    fn default() -> Self {
        Self { lifetimes: Latency::of_device(), oldest_lags: Latency::of_device(), clears: 0, lag_sum_ns: 0 }
    }
}

impl Churn {
    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        [&mut self.lifetimes, &mut self.oldest_lags].into_iter()
    }

    /// A region was cleared that had been dirty for so long.
    #[inline]
    pub fn clear(&mut self, lifetime_ns: u64) {
        self.lifetimes.record(lifetime_ns);
    }

    /// A flush is over: what it wrote, if it did, has clears that took until now. A core log has no device to write to.
    #[inline]
    pub fn flush(&mut self, flush: &FlushSeen) {
        let Carried { clears, .. } = flush.carried;
        if clears == 0 || flush.result != 0 || flush.kind == Some(FlushKind::NoOp) {
            return;
        }
        let (oldest_ns, sum_ns) = flush.carried.clear_lags(flush.time);
        self.oldest_lags.record(oldest_ns);
        self.clears += clears;
        self.lag_sum_ns = self.lag_sum_ns.saturating_add(sum_ns);
    }

    /// How long regions stayed dirty, and of each flush that wrote clears, how long the oldest of them had waited.
    pub fn latencies(&self) -> [&Latency; 2] {
        [&self.lifetimes, &self.oldest_lags]
    }

    /// Adds another device's.
    pub fn absorb(&mut self, other: &Self) {
        self.lifetimes.absorb(&other.lifetimes);
        self.oldest_lags.absorb(&other.oldest_lags);
        self.clears += other.clears;
        self.lag_sum_ns = self.lag_sum_ns.saturating_add(other.lag_sum_ns);
    }

    /// What is told of it. `totals` are those of the device's regions.
    pub fn summary(&self, totals: &RegionTotals) -> ChurnSummary {
        let per = |all: u64, of: u64| if of == 0 { None } else { Some(all as f64 / of as f64) };
        ChurnSummary {
            marks_per_marked_region: per(totals.marks, totals.marked_regions),
            re_marks_ratio: per(totals.re_marks, totals.marks),
            mark_to_clear: self.lifetimes.summary(),
            clears_flushed: self.clears,
            clean_bit_lag_ns_mean: self.lag_sum_ns.checked_div(self.clears),
            clean_bit_lag: self.oldest_lags.summary(),
        }
    }
}

/// What is told of the churn of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChurnSummary {
    /// Marks of a region that was marked at all, on average.
    pub marks_per_marked_region: Option<f64>,
    /// Share of the marks that were soon after the region's clear.
    pub re_marks_ratio: Option<f64>,
    /// From a region's first mark to its clear, for each clear whose mark was seen.
    pub mark_to_clear: Option<LatencySummary>,
    /// Clears that a flush has taken to the log device.
    pub clears_flushed: u64,
    /// From a clear to the end of that flush, on average over these.
    pub clean_bit_lag_ns_mean: Option<u64>,
    /// The same for the oldest clear of each such flush.
    pub clean_bit_lag: Option<LatencySummary>,
}

#[cfg(test)]
mod tests {
    use super::Churn;
    use crate::analysis::flush::{Carried, FlushSeen};
    use crate::analysis::regions::RegionTotals;
    use crate::event::ids::{LogId, MonoNs};
    use crate::event::op::FlushKind;

    fn flush(kind: FlushKind, result: i32) -> FlushSeen {
        let mut carried = Carried::default();
        carried.clear(MonoNs(100));
        carried.clear(MonoNs(160));
        FlushSeen {
            log: LogId(1),
            tid: 7,
            time: MonoNs(200),
            duration_ns: None,
            leg_flush_ns: None,
            kind: Some(kind),
            result,
            carried,
        }
    }

    #[test]
    fn a_lag_ends_with_the_flush_that_writes() {
        let mut churn = Churn::default();
        // Neither writes: one fails, one is of a log without a device.
        churn.flush(&flush(FlushKind::CleanedOnly, -5));
        churn.flush(&flush(FlushKind::NoOp, 0));
        assert_eq!(churn.summary(&RegionTotals::default()), super::ChurnSummary::default());
        churn.flush(&flush(FlushKind::CleanedOnly, 0));
        churn.clear(5_000);
        let totals = RegionTotals { marks: 6, marked_regions: 4, re_marks: 3, ..RegionTotals::default() };
        let summary = churn.summary(&totals);
        // The two clears took 100 and 40.
        assert_eq!((summary.clears_flushed, summary.clean_bit_lag_ns_mean), (2, Some(70)));
        assert_eq!(summary.clean_bit_lag.unwrap().latency_ns_max, 100);
        assert_eq!(summary.mark_to_clear.unwrap().latency_ns_p50, 5_000);
        assert_eq!((summary.marks_per_marked_region, summary.re_marks_ratio), (Some(1.5), Some(0.5)));
    }
}
