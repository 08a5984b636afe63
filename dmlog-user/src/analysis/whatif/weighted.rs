//! Distributions of values that held for some time, or that many writes share: each value counts with a weight.
//!
//! ```text
//! value  3 ──────┐     ┌──────
//!        1       └─────┘           mean, percentiles and largest over time, not over changes
//! ```
//!
//! Mean and largest are exact. Percentiles are nearest-rank of an `hdrhistogram` with two digits: exact up to 255, 1 % too
//! large at most above that.

use hdrhistogram::Histogram;

use crate::event::ids::MonoNs;

/// Significant digits. There are several distributions per region size and log, and a third digit costs ten times the
/// memory.
const DIGITS: u8 = 2;

/// Weights are summed up to this, which in nanoseconds is 146 years: a trace that says more is damaged.
const WEIGHT_MAX: u64 = 1 << 62;

/// Larger values count as this in percentiles.
const VALUE_MAX: u64 = 1 << 62;

/// A distribution of weighted values. Takes memory only from the first value on.
#[derive(Clone, Debug, Default)]
pub(super) struct Weighted {
    histogram: Option<Box<Histogram<u64>>>,
    sum: u128,
    weight: u64,
    max: u64,
}

impl Weighted {
    /// Adds a value; with a weight of 0 it does not count.
    pub(super) fn record(&mut self, value: u64, weight: u64) {
        let weight = weight.min(WEIGHT_MAX - self.weight);
        if weight == 0 {
            return;
        }
        self.weight += weight;
        // 2^64 * 2^62 fits.
        self.sum += u128::from(value) * u128::from(weight);
        self.max = self.max.max(value);
        let histogram = self.histogram.get_or_insert_with(|| Box::new(empty()));
        let recorded = histogram.record_n(value.min(VALUE_MAX), weight);
        debug_assert!(recorded.is_ok(), "a growing histogram takes every value");
    }

    /// Adds everything that another distribution holds.
    pub(super) fn absorb(&mut self, other: &Self) {
        let Some(theirs) = &other.histogram else { return };
        let before = (self.sum, self.max);
        for step in theirs.iter_recorded() {
            self.record(step.value_iterated_to(), step.count_at_value());
        }
        self.sum = before.0.saturating_add(other.sum);
        self.max = before.1.max(other.max);
    }

    /// All weights together.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// The mean; `None` without values.
    pub(super) fn mean(&self) -> Option<f64> {
        if self.weight == 0 { None } else { Some(self.sum as f64 / self.weight as f64) }
    }

    /// The value that 99 % of the weight does not exceed.
    pub(super) fn p99(&self) -> Option<u64> {
        self.histogram.as_ref().map(|histogram| histogram.value_at_quantile(0.99).min(self.max))
    }

    /// The largest value.
    pub(super) fn max(&self) -> Option<u64> {
        (self.weight > 0).then_some(self.max)
    }
}

fn empty() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "creation fails only for more than five digits")]
    Histogram::new(DIGITS).expect("two digits are valid")
}

/// A value that changes over time, and the distribution of what it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    value: u64,
    /// Since when; `None` while the clock stands still.
    since: Option<MonoNs>,
    seen: Weighted,
}

impl Gauge {
    /// The clock begins to run.
    pub(super) fn start(&mut self, time: MonoNs) {
        self.since.get_or_insert(time);
    }

    /// The clock stops.
    pub(super) fn stop(&mut self, time: MonoNs) {
        self.pass(time);
        self.since = None;
    }

    /// The value is another one from now on.
    pub(super) fn set(&mut self, time: MonoNs, value: u64) {
        if value != self.value {
            self.pass(time);
            self.value = value;
        }
    }

    /// What the value was until the last change.
    pub(super) fn seen(&self) -> &Weighted {
        &self.seen
    }

    fn pass(&mut self, time: MonoNs) {
        if let Some(since) = &mut self.since {
            self.seen.record(self.value, time.0.saturating_sub(since.0));
            // Events of other CPUs may come a little out of order; the clock never runs backwards.
            *since = (*since).max(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gauge, WEIGHT_MAX, Weighted};
    use crate::event::ids::MonoNs;

    #[test]
    fn values_count_for_as_long_as_they_held() {
        let mut gauge = Gauge::default();
        gauge.set(MonoNs(5), 7);
        gauge.start(MonoNs(10));
        gauge.set(MonoNs(20), 1);
        gauge.set(MonoNs(1000), 3);
        gauge.set(MonoNs(990), 2);
        gauge.stop(MonoNs(1010));
        gauge.set(MonoNs(2000), 100);
        let seen = gauge.seen();
        // 7 for 10, 1 for 980, 3 for no time, 2 for 10.
        assert_eq!((seen.weight(), seen.sum), (1000, 70 + 980 + 20));
        assert_eq!((seen.p99(), seen.max()), (Some(2), Some(7)));
        assert!((seen.mean().unwrap() - 1.07).abs() < 1e-9);
    }

    #[test]
    fn absorbing_equals_recording_together() {
        let (mut left, mut right, mut both) = (Weighted::default(), Weighted::default(), Weighted::default());
        for n in 0..500_u64 {
            left.record(n * 37, n);
            right.record(n * 5_001, 3);
            both.record(n * 37, n);
            both.record(n * 5_001, 3);
        }
        left.absorb(&right);
        assert_eq!(
            (left.weight(), left.sum, left.p99(), left.max()),
            (both.weight(), both.sum, both.p99(), both.max())
        );
    }

    #[test]
    fn nothing_overflows() {
        let mut weighted = Weighted::default();
        assert_eq!((weighted.mean(), weighted.p99(), weighted.max()), (None, None, None));
        for _ in 0..3 {
            weighted.record(u64::MAX, u64::MAX);
        }
        assert_eq!((weighted.weight(), weighted.max()), (WEIGHT_MAX, Some(u64::MAX)));
        assert!(weighted.p99().is_some());
    }
}
