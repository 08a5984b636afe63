//! Distributions of durations, with bounds that are fixed for every output of every run.
//!
//! Percentiles are nearest-rank and carry the histogram's relative error (0.1 % for devices, 1 % for processes); the
//! smallest, the largest and the sum are exact. A duration above [`DURATION_NS_MAX`] is recorded as that value *and*
//! counted as clamped, so that a wrong clock cannot hide.
//!
//! The buckets are those of `hdrhistogram`, to the last one, which a test compares; [`Latency::histogram`] gives one to
//! whoever needs its formats. Recording is done here: a replay does it more than once for every event, and a bucket that is
//! known to be there takes a third of the time of a call that keeps four totals of its own.

use std::borrow::Cow;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::spread::{Spread, step_of};

mod packed;

/// Longest duration that is told apart: 1000 s. A userspace log resends every 15 s without end and a held write waits
/// for an administrator, so minutes are real; hours would be a clock that jumped.
pub const DURATION_NS_MAX: u64 = 1_000_000_000_000;

/// Significant digits where there is one distribution per device and operation.
pub const DEVICE_DIGITS: u8 = 3;

/// Significant digits where there are many distributions, such as one per process.
pub const MANY_DIGITS: u8 = 2;

/// A distribution of durations in nanoseconds.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Latency {
    /// The latest durations, which are not counted yet. Counting many at once is faster: most buckets are in no near cache,
    /// and the waits for several overlap.
    recent: [u32; RECENT_MAX],
    recents: u8,
    scale: Scale,
    /// Takes memory only from the first values on, and grows with the largest.
    counted: Option<Box<Counted>>,
}

/// Only durations below this are kept before they are counted: 16.8 ms, what a 32-bit floating point number holds exactly.
const RECENT_END_NS: u64 = 1 << 24;

/// Durations that are kept before they are counted. Measured: with 12 a replay is 5 % slower, with 256 no faster.
const RECENT_MAX: usize = 60;

/// Buckets that are skipped at a time on the way to a percentile.
const LEAPS: [usize; 2] = [1024, 64];

const _: () = assert!(size_of::<Latency>() == 256);

/// Durations that are counted.
#[derive(Clone, Debug)]
struct Counted {
    /// How many durations fell into each bucket, up to the last one that ever got one; what is more than 16 bits hold is in
    /// `more`. Small ones, because with all operations of a device they have to stay in a near cache.
    counts: Vec<u16>,
    /// As long as `counts`, or empty as long as nothing had to go here.
    more: Vec<u64>,
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    clamped: u64,
}

/// How wide the buckets are: below `2^(magnitude + 1)` one for each value; then each power of two has `2^magnitude`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// 1024 buckets for each power of two.
    Device,
    /// 128.
    Many,
}

impl Scale {
    const fn magnitude(self) -> u32 {
        match self {
            Self::Device => 10,
            Self::Many => 7,
        }
    }

    const fn digits(self) -> u8 {
        match self {
            Self::Device => DEVICE_DIGITS,
            Self::Many => MANY_DIGITS,
        }
    }

    /// The bucket of a value.
    fn bucket(self, value: u64) -> usize {
        match self {
            Self::Device => bucket::<{ Self::Device.magnitude() }>(value),
            Self::Many => bucket::<{ Self::Many.magnitude() }>(value),
        }
    }

    /// The largest value of a bucket.
    fn largest_of(self, bucket: usize) -> u64 {
        let magnitude = self.magnitude();
        let bucket = bucket as u64;
        let shift = (bucket >> magnitude).saturating_sub(1);
        ((bucket - (shift << magnitude) + 1) << shift) - 1
    }
}

/// The bucket of a duration in a distribution of a device; too long ones are in the last.
pub fn device_bucket(duration_ns: u64) -> u32 {
    let bucket = Scale::Device.bucket(duration_ns.min(DURATION_NS_MAX));
    u32::try_from(bucket).unwrap_or(u32::MAX)
}

/// The longest duration of such a bucket.
pub fn longest_of_device_bucket(bucket: u32) -> u64 {
    Scale::Device.largest_of(device_bucket(DURATION_NS_MAX).min(bucket) as usize)
}

/// The bucket of a value.
#[inline]
fn bucket<const MAGNITUDE: u32>(value: u64) -> usize {
    let shift = (value | ((2 << MAGNITUDE) - 1)).ilog2() - MAGNITUDE;
    #[expect(clippy::cast_possible_truncation, reason = "below 64 times 1024")]
    let bucket = ((u64::from(shift) << MAGNITUDE) + (value >> shift)) as usize;
    bucket
}

/// The same for a value below [`RECENT_END_NS`]. A floating point number is a power of two and what follows it, which is what
/// a bucket is; and processors turn several integers into one at a time.
#[inline]
fn small_bucket<const MAGNITUDE: u32>(value: u32) -> u32 {
    const MANTISSA_BITS: u32 = 23;
    const BIAS: u32 = 127;
    #[expect(clippy::cast_possible_wrap, reason = "below 2^24, which is exact in both types")]
    let float = value as i32 as f32;
    let bucket = (float.to_bits() >> (MANTISSA_BITS - MAGNITUDE)).wrapping_sub((BIAS + MAGNITUDE - 1) << MAGNITUDE);
    if value < 1 << MAGNITUDE { value } else { bucket }
}

impl Latency {
    /// An empty distribution with [`DEVICE_DIGITS`] digits.
    pub fn of_device() -> Self {
        Self::new(Scale::Device)
    }

    /// An empty distribution with [`MANY_DIGITS`] digits.
    pub fn of_many() -> Self {
        Self::new(Scale::Many)
    }

    /// An empty distribution with as many digits.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self::new(self.scale)
    }

    fn new(scale: Scale) -> Self {
        Self { recent: [0; RECENT_MAX], recents: 0, scale, counted: None }
    }

    /// Adds one duration.
    #[inline]
    pub fn record(&mut self, duration_ns: u64) {
        match self.recent.get_mut(usize::from(self.recents)) {
            Some(slot) if duration_ns < RECENT_END_NS => {
                #[expect(clippy::cast_possible_truncation, reason = "just compared")]
                let small_ns = duration_ns as u32;
                *slot = small_ns;
                self.recents += 1;
            }
            _ => self.settle(duration_ns),
        }
    }

    /// Counts the latest durations, and one more.
    #[inline(never)]
    fn settle(&mut self, duration_ns: u64) {
        let counted = self.counted.get_or_insert_default();
        counted.add_recent(self.scale, self.recent.get(..usize::from(self.recents)).unwrap_or_default());
        counted.add(self.scale, duration_ns);
        self.recents = 0;
    }

    /// All durations, counted.
    fn settled(&self) -> Cow<'_, Counted> {
        match &self.counted {
            Some(counted) if self.recents == 0 => Cow::Borrowed(counted),
            counted => {
                let mut counted = counted.as_deref().cloned().unwrap_or_default();
                counted.add_recent(self.scale, self.recent.get(..usize::from(self.recents)).unwrap_or_default());
                Cow::Owned(counted)
            }
        }
    }

    /// Adds everything that another distribution holds.
    pub fn absorb(&mut self, other: &Self) {
        if other.count() == 0 {
            return;
        }
        let (scale, theirs) = (self.scale, other.settled());
        let mut ours = self.settled().into_owned();
        for (bucket, count) in theirs.buckets() {
            let bucket = if scale == other.scale {
                bucket
            } else {
                scale.bucket(other.scale.largest_of(bucket).min(DURATION_NS_MAX))
            };
            ours.add_to(scale, bucket, count);
        }
        ours.count += theirs.count;
        ours.sum_ns = ours.sum_ns.saturating_add(theirs.sum_ns);
        ours.min_ns = ours.min_ns.min(theirs.min_ns);
        ours.max_ns = ours.max_ns.max(theirs.max_ns);
        ours.clamped += theirs.clamped;
        (self.recents, self.counted) = (0, Some(Box::new(ours)));
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.counted.as_ref().map_or(0, |counted| counted.count) + u64::from(self.recents)
    }

    /// Sum of all durations in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        let recent = self.recent.iter().take(usize::from(self.recents)).map(|ns| u64::from(*ns)).sum();
        self.counted.as_ref().map_or(0, |counted| counted.sum_ns).saturating_add(recent)
    }

    /// The same buckets as an `hdrhistogram`, for its file formats; `None` while there is no duration.
    pub fn histogram(&self) -> Option<Histogram<u64>> {
        // Creation fails for more than five digits only.
        let mut histogram = Histogram::new(self.scale.digits()).ok().filter(|_| self.count() > 0)?;
        for (bucket, count) in self.settled().buckets() {
            // It grows by itself, so a value below its limit always fits.
            histogram.record_n(self.scale.largest_of(bucket), count).ok()?;
        }
        Some(histogram)
    }

    /// How the durations are spread: counts by powers of two of nanoseconds, without empty steps. A duration counts for the
    /// step that the largest of its bucket lies in.
    pub fn octaves(&self) -> Vec<(u64, u64)> {
        let mut steps: Vec<(u64, u64)> = Vec::new();
        for (bucket, count) in self.settled().buckets() {
            let step = 1 << self.scale.largest_of(bucket).max(1).ilog2();
            match steps.last_mut() {
                Some((last, sum)) if *last == step => *sum += count,
                _ => steps.push((step, count)),
            }
        }
        steps
    }

    /// How many durations were at most as long as each of these bounds, which rise. A bound that lies within a bucket counts
    /// the buckets below it, so it is exact to the histogram's relative error.
    pub fn at_most<const N: usize>(&self, bounds_ns: &[u64; N]) -> [u64; N] {
        let mut counts = [0; N];
        let place = |bucket: usize| bounds_ns.partition_point(|bound| *bound < self.scale.largest_of(bucket));
        for (bucket, count) in self.counted.iter().flat_map(|counted| counted.buckets()) {
            if let Some(counted) = counts.get_mut(place(bucket)) {
                *counted += count;
            }
        }
        for duration_ns in self.recent.iter().take(usize::from(self.recents)) {
            if let Some(counted) = counts.get_mut(place(self.scale.bucket(u64::from(*duration_ns)))) {
                *counted += 1;
            }
        }
        let mut sum = 0;
        for count in &mut counts {
            sum += *count;
            *count = sum;
        }
        counts
    }

    /// The same in steps that many moments can be kept of.
    pub fn spread(&self) -> Spread {
        let mut spread = Spread::default();
        // Counted here, for a copy of all buckets would take longer than to look at them.
        for (bucket, count) in self.counted.iter().flat_map(|counted| counted.buckets()) {
            spread.add(step_of(self.scale.largest_of(bucket)), count);
        }
        for duration_ns in self.recent.iter().take(usize::from(self.recents)) {
            let bucket = self.scale.bucket(u64::from(*duration_ns));
            spread.add(step_of(self.scale.largest_of(bucket)), 1);
        }
        spread
    }

    /// The durations that half, 90 %, 99 %, 99.9 % and 99.99 % do not exceed; `None` while there is no duration.
    pub fn percentiles(&self) -> Option<[u64; 5]> {
        (self.count() > 0).then(|| self.quantiles([5_000, 9_000, 9_900, 9_990, 9_999]))
    }

    /// Percentiles and bounds; `None` while there is no duration.
    pub fn summary(&self) -> Option<LatencySummary> {
        let (latency_count, latency_ns_sum) = (self.count(), self.sum_ns());
        let latency_ns_mean = latency_ns_sum.checked_div(latency_count)?;
        let (latency_ns_min, latency_ns_max) = self.bounds();
        let [p50, p90, p99, p999] = self.quantiles([5_000, 9_000, 9_900, 9_990]);
        Some(LatencySummary {
            latency_count,
            latency_ns_min,
            latency_ns_mean,
            latency_ns_p50: p50,
            latency_ns_p90: p90,
            latency_ns_p99: p99,
            latency_ns_p999: p999,
            latency_ns_max,
            latency_ns_sum,
            latency_clamped: self.counted.as_ref().map_or(0, |counted| counted.clamped),
        })
    }

    /// The shortest and the longest.
    fn bounds(&self) -> (u64, u64) {
        let recent = || self.recent.iter().take(usize::from(self.recents)).map(|ns| u64::from(*ns));
        let counted = self.counted.as_deref();
        let min = recent().chain(counted.map(|counted| counted.min_ns)).min();
        let max = recent().chain(counted.map(|counted| counted.max_ns)).max();
        (min.unwrap_or(0), max.unwrap_or(0))
    }

    /// The durations that so many of ten thousand, in rising order, do not exceed, by nearest rank. A screen asks for it of every
    /// operation of every mirror, so what is not counted yet stays so, and many buckets are skipped at a time.
    fn quantiles<const N: usize>(&self, ranks: [u64; N]) -> [u64; N] {
        let recent = self.recent.iter().take(usize::from(self.recents));
        let mut recent: Vec<usize> = recent.map(|ns| self.scale.bucket(u64::from(*ns))).collect();
        recent.sort_unstable();
        let (counts, more) = match &self.counted {
            Some(counted) => (counted.counts.as_slice(), counted.more.as_slice()),
            None => (&[][..], &[][..]),
        };
        let end = counts.len().max(recent.last().map_or(0, |bucket| bucket + 1));
        let within = |from: usize, to: usize| {
            let counts = counts.get(from..to.min(counts.len())).unwrap_or_default();
            let more = more.get(from..to.min(more.len())).unwrap_or_default();
            counts.iter().map(|count| u64::from(*count)).sum::<u64>() + more.iter().sum::<u64>()
        };
        let (min_ns, max_ns) = self.bounds();
        let (all, mut seen, mut next, mut recent) = (self.count(), 0, 0, recent.as_slice());
        ranks.map(|rank| {
            // As `hdrhistogram` does it, in floating point.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let wanted = ((rank as f64 / 10_000.0 * all as f64).ceil() as u64).max(1);
            while seen < wanted && next < end {
                let leap = LEAPS.iter().filter(|leap| next % *leap == 0).find_map(|leap| {
                    let of_recent = recent.partition_point(|bucket| *bucket < next + leap);
                    let seen = seen + within(next, next + leap) + of_recent as u64;
                    (seen < wanted).then_some((seen, next + leap, of_recent))
                });
                if let Some((seen_then, next_then, of_recent)) = leap {
                    (seen, next, recent) = (seen_then, next_then, &recent[of_recent..]);
                    continue;
                }
                let of_recent = recent.iter().take_while(|bucket| **bucket == next).count();
                seen += counts.get(next).map_or(0, |count| u64::from(*count)) + more.get(next).copied().unwrap_or(0);
                (seen, next, recent) = (seen + of_recent as u64, next + 1, &recent[of_recent..]);
            }
            self.scale.largest_of(next.saturating_sub(1)).clamp(min_ns, max_ns)
        })
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self { counts: Vec::new(), more: Vec::new(), count: 0, sum_ns: 0, min_ns: u64::MAX, max_ns: 0, clamped: 0 }
    }
}

impl Counted {
    /// Adds one duration.
    fn add(&mut self, scale: Scale, duration_ns: u64) {
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
        self.min_ns = self.min_ns.min(duration_ns);
        self.max_ns = self.max_ns.max(duration_ns);
        self.clamped += u64::from(duration_ns > DURATION_NS_MAX);
        self.add_to(scale, scale.bucket(duration_ns.min(DURATION_NS_MAX)), 1);
    }

    /// Adds some; none is long enough to be clamped.
    #[inline]
    fn add_recent(&mut self, scale: Scale, durations: &[u32]) {
        match scale {
            Scale::Device => self.add_recent_by::<{ Scale::Device.magnitude() }>(scale, durations),
            Scale::Many => self.add_recent_by::<{ Scale::Many.magnitude() }>(scale, durations),
        }
    }

    #[inline]
    fn add_recent_by<const MAGNITUDE: u32>(&mut self, scale: Scale, durations: &[u32]) {
        let (Some(min_ns), Some(max_ns)) = (durations.iter().min(), durations.iter().max()) else { return };
        self.min_ns = self.min_ns.min(u64::from(*min_ns));
        self.max_ns = self.max_ns.max(u64::from(*max_ns));
        self.count += durations.len() as u64;
        self.sum_ns = self.sum_ns.saturating_add(durations.iter().map(|ns| u64::from(*ns)).sum());
        let mut buckets = [0; RECENT_MAX];
        for (bucket, duration_ns) in buckets.iter_mut().zip(durations) {
            *bucket = small_bucket::<MAGNITUDE>(*duration_ns);
        }
        for bucket in buckets.iter().take(durations.len()) {
            match self.counts.get_mut(*bucket as usize) {
                Some(count) if *count < u16::MAX => *count += 1,
                _ => self.add_to(scale, *bucket as usize, 1),
            }
        }
    }

    /// Adds to a bucket; makes it, with all others of its power of two, if it is not there.
    fn add_to(&mut self, scale: Scale, bucket: usize, n: u64) {
        if self.counts.len() <= bucket {
            let buckets = (bucket + 1).next_multiple_of(1 << scale.magnitude());
            self.counts.resize(buckets, 0);
            if !self.more.is_empty() {
                self.more.resize(buckets, 0);
            }
        }
        let count = &mut self.counts[bucket];
        let sum = u64::from(*count) + n;
        if let Ok(small) = u16::try_from(sum) {
            *count = small;
            return;
        }
        *count = 0;
        self.more.resize(self.counts.len(), 0);
        self.more[bucket] += sum;
    }

    /// Buckets that have durations, and how many.
    fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        let more = self.more.iter().copied().chain(std::iter::repeat(0));
        let counts = self.counts.iter().zip(more).map(|(count, more)| u64::from(*count) + more);
        counts.enumerate().filter(|(_, count)| *count > 0)
    }
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

    /// Every bucket and its neighbours: the values where a mistake of one would show.
    fn edges() -> Vec<u64> {
        let powers = (0..64).map(|n| 1_u64 << n).take_while(|power| *power < DURATION_NS_MAX);
        let near = powers.flat_map(|power| [power - 1, power, power + 1, power / 5 * 7, power / 1000 * 1999]);
        let mut values: Vec<u64> = near.chain([0, DURATION_NS_MAX - 1, DURATION_NS_MAX]).collect();
        values.retain(|value| *value <= DURATION_NS_MAX);
        values
    }

    /// The end of the bucket of a quantile.
    fn quantiles_step(histogram: &hdrhistogram::Histogram<u64>, quantile: f64) -> u64 {
        histogram.value_at_quantile(quantile)
    }

    #[test]
    fn buckets_and_percentiles_are_those_of_hdrhistogram() {
        for (digits, latency) in
            [(super::DEVICE_DIGITS, Latency::of_device()), (super::MANY_DIGITS, Latency::of_many())]
        {
            for (n, value) in edges().into_iter().enumerate() {
                let (mut ours, mut theirs) = (latency.clone(), hdrhistogram::Histogram::<u64>::new(digits).unwrap());
                for value in edges().into_iter().take(n).chain(std::iter::repeat_n(value, n % 7 + 1)) {
                    ours.record(value);
                    theirs.record(value).unwrap();
                }
                let summary = ours.summary().unwrap();
                let (min, max) = (summary.latency_ns_min, summary.latency_ns_max);
                let told =
                    [summary.latency_ns_p50, summary.latency_ns_p90, summary.latency_ns_p99, summary.latency_ns_p999];
                let quantiles = theirs.value_at_quantiles([0.5, 0.9, 0.99, 0.999, 0.9999]);
                let quantiles: Vec<u64> = quantiles.map(|v| v.clamp(min, max)).collect();
                assert_eq!(told.to_vec(), quantiles[..4], "{n}");
                assert_eq!(ours.percentiles().unwrap().to_vec(), quantiles, "{n}");
                let by_step = ours.spread();
                let octaves = ours.octaves().into_iter().map(|(_, count)| count).sum::<u64>();
                assert_eq!(by_step.steps().map(|(_, count)| count).sum::<u64>(), octaves);
                assert_eq!(by_step.percentile(99), Some(super::step_of(quantiles_step(&theirs, 0.99))), "{n}");
                let steps = |histogram: &hdrhistogram::Histogram<u64>| {
                    let steps = histogram.iter_recorded();
                    steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect::<Vec<_>>()
                };
                assert_eq!(steps(&ours.histogram().unwrap()), steps(&theirs));
            }
        }
    }

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
    fn many_of_one_duration_are_counted_exactly() {
        let mut latency = Latency::of_many();
        for n in 0..400_000_u64 {
            latency.record(if n % 4 == 0 { 70_000 } else { 50 });
        }
        let (mut twice, more) = (latency.clone(), latency.clone());
        twice.absorb(&more);
        for (latency, times) in [(latency, 1), (twice, 2)] {
            let histogram = latency.histogram().unwrap();
            let counts = [50, 70_000].map(|value| histogram.count_at(value));
            assert_eq!(counts, [300_000 * times, 100_000 * times]);
            assert_eq!(
                (latency.count(), latency.sum_ns()),
                (400_000 * times, (100_000 * 70_000 + 300_000 * 50) * times)
            );
            assert_eq!(latency.summary().unwrap().latency_ns_p50, 50);
        }
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
    fn bounds_count_what_is_not_longer() {
        let mut latency = Latency::of_device();
        // The last one alone is not counted yet when it is asked.
        for duration_ns in [50, 100, 101, 1_000, 1_001_000, 20_000_000, u64::MAX, 7] {
            latency.record(duration_ns);
        }
        assert_eq!(latency.at_most(&[100, 1_000, 1_000_000, 1_000_000_000]), [3, 5, 5, 7]);
        assert_eq!(latency.at_most(&[6]), [0]);
        assert_eq!(Latency::of_device().at_most(&[1]), [0]);
    }

    #[test]
    fn nothing_recorded_is_no_summary() {
        assert_eq!(Latency::of_device().summary(), None);
        let mut latency = Latency::of_device();
        latency.absorb(&Latency::of_device());
        assert_eq!(latency.summary(), None);
        assert!(latency.histogram().is_none());
    }
}
