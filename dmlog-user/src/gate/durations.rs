//! Durations of one stretch of time, as few numbers: only buckets that have some, in the buckets of the report (0.1 % wide).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::latency::{device_bucket, longest_of_device_bucket};

/// Counts of durations by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Bucket and how many, in rising order.
    buckets: Vec<(u32, u64)>,
    count: u64,
    sum_ns: u64,
    max_ns: u64,
}

impl Durations {
    /// Counts these.
    pub fn of(durations_ns: &[u64]) -> Self {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for duration_ns in durations_ns {
            *counts.entry(device_bucket(*duration_ns)).or_default() += 1;
        }
        Self {
            buckets: counts.into_iter().collect(),
            count: durations_ns.len() as u64,
            sum_ns: durations_ns.iter().fold(0, |sum, ns| sum.saturating_add(*ns)),
            max_ns: durations_ns.iter().copied().max().unwrap_or(0),
        }
    }

    /// All of these together.
    pub fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.buckets.extend_from_slice(&part.buckets);
            all.count = all.count.saturating_add(part.count);
            all.sum_ns = all.sum_ns.saturating_add(part.sum_ns);
            all.max_ns = all.max_ns.max(part.max_ns);
        }
        all.buckets.sort_unstable_by_key(|(bucket, _)| *bucket);
        all.buckets.dedup_by(|(bucket, count), (kept, sum)| {
            let is_same = bucket == kept;
            if is_same {
                *sum = sum.saturating_add(*count);
            }
            is_same
        });
        all
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Together, in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// Buckets and how many of each, in rising order.
    pub fn buckets(&self) -> &[(u32, u64)] {
        &self.buckets
    }

    /// The longest duration of each of these buckets.
    pub fn longest_ns(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(|(bucket, _)| longest_of_device_bucket(*bucket).min(self.max_ns))
    }

    /// The longest, exact; 0 without any.
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// Their mean; `None` without any.
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// What so many of ten thousand do not exceed, by nearest rank; `None` without any.
    pub fn quantile_ns(&self, ten_thousandths: u32) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
        let wanted = ((f64::from(ten_thousandths) / 10_000.0 * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let at = self.buckets.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        });
        at.map(|(bucket, _)| longest_of_device_bucket(*bucket).min(self.max_ns))
    }

    /// The same with every duration from a quantile on longer by a share: what a slower tail looks like.
    #[must_use]
    pub fn with_tail(&self, from_ns: u64, factor: f64) -> Self {
        let scaled = |ns: u64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are below 2^53")]
            let longer = (ns as f64 * factor) as u64;
            if ns >= from_ns { longer } else { ns }
        };
        let moved = |(bucket, count): &(u32, u64)| (device_bucket(scaled(longest_of_device_bucket(*bucket))), *count);
        let buckets = self.buckets.iter().map(moved).collect();
        let added: u64 = self
            .buckets
            .iter()
            .map(|(bucket, count)| {
                let ns = longest_of_device_bucket(*bucket);
                scaled(ns).saturating_sub(ns).saturating_mul(*count)
            })
            .sum();
        let part =
            Self { buckets, count: self.count, sum_ns: self.sum_ns.saturating_add(added), max_ns: scaled(self.max_ns) };
        Self::merged(std::iter::once(&part))
    }
}

/// In a file: buckets as their distance to the one before, each followed by its count.
#[derive(Serialize, Deserialize)]
struct InFile {
    #[serde(default)]
    sum_ns: u64,
    #[serde(default)]
    max_ns: u64,
    #[serde(default)]
    buckets: Vec<u64>,
}

impl Serialize for Durations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        let mut buckets = Vec::with_capacity(2 * self.buckets.len());
        for (bucket, count) in &self.buckets {
            buckets.extend([u64::from(bucket - before), *count]);
            before = *bucket;
        }
        InFile { sum_ns: self.sum_ns, max_ns: self.max_ns, buckets }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let InFile { sum_ns, max_ns, buckets } = InFile::deserialize(deserializer)?;
        let (pairs, rest) = buckets.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(D::Error::custom("`buckets` has an odd number of numbers"));
        }
        let mut durations = Self { buckets: Vec::with_capacity(pairs.len()), count: 0, sum_ns, max_ns };
        let mut at = 0_u64;
        for [step, count] in pairs {
            at = at.saturating_add(*step);
            let bucket = u32::try_from(at).map_err(|_too_large| D::Error::custom("`buckets` goes beyond the last"))?;
            durations.count = durations.count.saturating_add(*count);
            durations.buckets.push((bucket, *count));
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::Durations;
    use crate::analysis::latency::Latency;

    #[test]
    fn percentiles_are_those_of_the_report() {
        let durations_ns: Vec<u64> = (0..5_000).map(|n: u64| n * n * 37 % 90_000_000).collect();
        let mut latency = Latency::of_device();
        durations_ns.iter().for_each(|ns| latency.record(*ns));
        let parts: Vec<Durations> = durations_ns.chunks(700).map(Durations::of).collect();
        let merged = Durations::merged(parts.iter());
        let told = [5_000, 9_000, 9_900, 9_990, 9_999].map(|quantile| merged.quantile_ns(quantile).unwrap());
        assert_eq!(Some(told), latency.percentiles());
        assert_eq!((merged.count(), Some(merged.max_ns())), (5_000, durations_ns.iter().copied().max()));
        assert_eq!(merged.mean_ns().unwrap() as u64, latency.summary().unwrap().latency_ns_mean);
        assert_eq!(Durations::default().quantile_ns(5_000), None);
    }

    #[test]
    fn a_file_holds_all_of_it() {
        let durations = Durations::of(&[5, 5, 1_000, 77_000_123, u64::MAX]);
        let json = serde_json::to_string(&durations).unwrap();
        assert_eq!(serde_json::from_str::<Durations>(&json).unwrap(), durations);
        for wrong in [r#"{"buckets":[1]}"#, r#"{"buckets":[18446744073709551615,1]}"#, r#"{"buckets":[-1,1]}"#] {
            assert!(serde_json::from_str::<Durations>(wrong).is_err_and(|error| error.is_data()), "{wrong}");
        }
    }

    #[test]
    fn a_slower_tail_moves_what_is_above_it_only() {
        let durations = Durations::of(&(1..=1000).map(|n| n * 1_000).collect::<Vec<u64>>());
        let slower = durations.with_tail(900_000, 1.1);
        assert_eq!(slower.quantile_ns(5_000), durations.quantile_ns(5_000));
        let (before, after) = (durations.quantile_ns(9_900).unwrap(), slower.quantile_ns(9_900).unwrap());
        let ratio = after as f64 / before as f64;
        assert!((ratio - 1.1).abs() < 0.002, "{ratio}");
        assert_eq!(slower.count(), 1_000);
    }
}
