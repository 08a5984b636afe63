//! Distributions of durations: `hdrhistogram` with bounds that are fixed for every output of every run.
//!
//! Percentiles are nearest-rank and carry the histogram's relative error (0.1 % for devices, 1 % for processes); the
//! smallest, the largest and the sum are exact. A duration above [`DURATION_NS_MAX`] is recorded as that value *and*
//! counted as clamped, so that a wrong clock cannot hide.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest duration that is told apart: 1000 s. A userspace log resends every 15 s without end and a held write waits
/// for an administrator, so minutes are real; hours would be a clock that jumped.
pub const DURATION_NS_MAX: u64 = 1_000_000_000_000;

/// Significant digits where there is one distribution per device and operation.
pub const DEVICE_DIGITS: u8 = 3;

/// Significant digits where there are many distributions, such as one per process.
pub const MANY_DIGITS: u8 = 2;

/// A distribution of durations in nanoseconds. Takes memory only from the first value on, and grows with the largest.
#[derive(Clone, Debug)]
pub struct Latency {
    digits: u8,
    histogram: Option<Box<Histogram<u64>>>,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    clamped: u64,
}

impl Latency {
    /// An empty distribution with [`DEVICE_DIGITS`] digits.
    pub fn of_device() -> Self {
        Self::with_digits(DEVICE_DIGITS)
    }

    /// An empty distribution with [`MANY_DIGITS`] digits.
    pub fn of_many() -> Self {
        Self::with_digits(MANY_DIGITS)
    }

    fn with_digits(digits: u8) -> Self {
        Self { digits, histogram: None, sum_ns: 0, min_ns: u64::MAX, max_ns: 0, clamped: 0 }
    }

    /// Adds one duration.
    pub fn record(&mut self, duration_ns: u64) {
        let value = if duration_ns > DURATION_NS_MAX {
            self.clamped += 1;
            DURATION_NS_MAX
        } else {
            duration_ns
        };
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
        self.min_ns = self.min_ns.min(duration_ns);
        self.max_ns = self.max_ns.max(duration_ns);
        let digits = self.digits;
        let histogram = self.histogram.get_or_insert_with(|| Box::new(empty(digits)));
        add(histogram, value, 1);
    }

    /// Adds everything that another distribution holds.
    pub fn absorb(&mut self, other: &Self) {
        let Some(theirs) = &other.histogram else { return };
        let digits = self.digits;
        let ours = self.histogram.get_or_insert_with(|| Box::new(empty(digits)));
        for step in theirs.iter_recorded() {
            let value = step.value_iterated_to().min(DURATION_NS_MAX);
            add(ours, value, step.count_at_value());
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.clamped += other.clamped;
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |h| h.len())
    }

    /// Sum of all durations in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// Percentiles and bounds; `None` while there is no duration.
    pub fn summary(&self) -> Option<LatencySummary> {
        let histogram = self.histogram.as_ref()?;
        let mut quantiles =
            histogram.value_at_quantiles([0.5, 0.9, 0.99, 0.999]).map(|v| v.clamp(self.min_ns, self.max_ns));
        let mut next = || quantiles.next().unwrap_or(self.max_ns);
        let count = histogram.len();
        Some(LatencySummary {
            latency_count: count,
            latency_ns_min: self.min_ns,
            latency_ns_mean: self.sum_ns / count.max(1),
            latency_ns_p50: next(),
            latency_ns_p90: next(),
            latency_ns_p99: next(),
            latency_ns_p999: next(),
            latency_ns_max: self.max_ns,
            latency_ns_sum: self.sum_ns,
            latency_clamped: self.clamped,
        })
    }
}

/// Adds a value that is at most [`DURATION_NS_MAX`].
fn add(histogram: &mut Histogram<u64>, value: u64, count: u64) {
    let recorded = histogram.record_n(value, count);
    // The histogram grows by itself, so a value below its limit always fits.
    debug_assert!(recorded.is_ok(), "a growing histogram takes every value below its limit");
}

fn empty(digits: u8) -> Histogram<u64> {
    #[expect(
        clippy::expect_used,
        reason = "creation fails only for more than five digits, and both constants are below"
    )]
    Histogram::new(digits).expect("two and three digits are valid")
}

/// What is told of a distribution. The names are those of the JSON report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LatencySummary {
    /// Number of durations.
    pub latency_count: u64,
    /// Shortest, exact.
    pub latency_ns_min: u64,
    /// Mean, rounded down.
    pub latency_ns_mean: u64,
    /// Half took at most this.
    pub latency_ns_p50: u64,
    /// 90 % took at most this.
    pub latency_ns_p90: u64,
    /// 99 % took at most this.
    pub latency_ns_p99: u64,
    /// 99.9 % took at most this.
    pub latency_ns_p999: u64,
    /// Longest, exact.
    pub latency_ns_max: u64,
    /// All together.
    pub latency_ns_sum: u64,
    /// How many were longer than [`DURATION_NS_MAX`] and count as that.
    pub latency_clamped: u64,
}

#[cfg(test)]
mod tests {
    use super::{DURATION_NS_MAX, Latency};

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut latency = Latency::of_device();
        for n in 1..=1000 {
            latency.record(n);
        }
        let summary = latency.summary().unwrap();
        assert_eq!(summary.latency_count, 1000);
        assert_eq!(summary.latency_ns_min, 1);
        assert_eq!(summary.latency_ns_mean, 500, "500.5 rounded down");
        assert_eq!(summary.latency_ns_p50, 500);
        assert_eq!(summary.latency_ns_p90, 900);
        assert_eq!(summary.latency_ns_p99, 990);
        assert_eq!(summary.latency_ns_p999, 999);
        assert_eq!(summary.latency_ns_max, 1000);
        assert_eq!(summary.latency_ns_sum, 500_500);
    }

    #[test]
    fn no_percentile_exceeds_the_exact_maximum() {
        let mut latency = Latency::of_many();
        latency.record(1_000_001);
        let summary = latency.summary().unwrap();
        assert_eq!(summary.latency_ns_p50, 1_000_001);
        assert_eq!(summary.latency_ns_p999, 1_000_001);
    }

    #[test]
    fn too_long_a_duration_is_clamped_and_counted() {
        let mut latency = Latency::of_device();
        latency.record(u64::MAX);
        latency.record(DURATION_NS_MAX);
        let summary = latency.summary().unwrap();
        assert_eq!(summary.latency_count, 2);
        assert_eq!(summary.latency_clamped, 1);
        assert_eq!(summary.latency_ns_max, u64::MAX, "the maximum stays exact");
    }

    #[test]
    fn absorbing_equals_recording_together() {
        let (mut left, mut right, mut both) = (Latency::of_device(), Latency::of_device(), Latency::of_device());
        for n in 0..500_u64 {
            left.record(n * 37);
            right.record(n * 5_001);
            both.record(n * 37);
            both.record(n * 5_001);
        }
        left.absorb(&right);
        assert_eq!(left.summary(), both.summary());
    }

    #[test]
    fn nothing_recorded_is_no_summary() {
        assert_eq!(Latency::of_device().summary(), None);
        let mut latency = Latency::of_device();
        latency.absorb(&Latency::of_device());
        assert_eq!(latency.summary(), None);
    }
}
