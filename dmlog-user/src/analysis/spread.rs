//! How durations are spread, in steps coarse enough to keep many of them: four for each doubling.
//!
//! ```text
//! step   …  8       9       10      11  │ 12 …
//! ns     …  16-19   20-23   24-27   28-31  32 …      a step is never wider than a quarter of its shortest duration
//! ```
//!
//! Counts are since the start of the stream, so that what happened between two moments is the difference of two spreads.

/// A doubling has `2^STEP_BITS` steps.
const STEP_BITS: u32 = 2;

/// Steps of one doubling.
pub const STEPS_PER_DOUBLING: usize = 1 << STEP_BITS;

/// Counts of durations by steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The step of the first count.
    first: usize,
    /// They start again at 0 after `u32::MAX`; differences are right all the same.
    counts: Vec<u32>,
}

/// The step of a duration.
pub fn step_of(duration_ns: u64) -> usize {
    let shift = (duration_ns | ((2 << STEP_BITS) - 1)).ilog2() - STEP_BITS;
    #[expect(clippy::cast_possible_truncation, reason = "below 8")]
    let within = (duration_ns >> shift) as usize;
    ((shift as usize) << STEP_BITS) + within
}

/// The shortest duration of a step, in nanoseconds.
pub fn shortest_of(step: usize) -> u64 {
    let shift = (step >> STEP_BITS).saturating_sub(1);
    ((step - (shift << STEP_BITS)) as u64).checked_shl(u32::try_from(shift).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
}

impl Spread {
    /// Adds durations of one step. Fastest in rising order of the steps.
    pub fn add(&mut self, step: usize, count: u64) {
        if self.counts.is_empty() {
            self.first = step;
        } else if step < self.first {
            let missing = self.first - step;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = step;
        }
        let place = step - self.first;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        #[expect(clippy::cast_possible_truncation, reason = "they start again at 0")]
        let count = count as u32;
        self.counts[place] = self.counts[place].wrapping_add(count);
    }

    fn count(&self, step: usize) -> u32 {
        step.checked_sub(self.first).and_then(|place| self.counts.get(place)).copied().unwrap_or(0)
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        for (step, count) in other.steps() {
            self.add(step, count);
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.steps().map(|(_, count)| count).sum()
    }

    /// What has come since an earlier spread of the same durations.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let steps = (self.first..).take(self.counts.len());
        let counts = steps.zip(&self.counts).map(|(step, count)| count.wrapping_sub(earlier.count(step))).collect();
        Self { first: self.first, counts }
    }

    /// Steps that have durations, and how many, in rising order.
    pub fn steps(&self) -> impl Iterator<Item = (usize, u64)> {
        let counted = (self.first..).zip(&self.counts).map(|(step, count)| (step, u64::from(*count)));
        counted.filter(|(_, count)| *count > 0)
    }

    /// The step that so many of a hundred durations, in rising order, do not exceed, by nearest rank; `None` without any.
    pub fn percentile(&self, rank: u64) -> Option<usize> {
        let all = self.total();
        let wanted = (all.saturating_mul(rank)).div_ceil(100).max(1);
        let mut seen = 0;
        self.steps()
            .find(|(_, count)| {
                seen += count;
                seen >= wanted
            })
            .map(|(step, _)| step)
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, shortest_of, step_of};

    #[test]
    fn steps_are_quarters_of_doublings_without_holes() {
        for step in 0..160 {
            let shortest_ns = shortest_of(step);
            assert_eq!(step_of(shortest_ns), step);
            assert_eq!(step_of(shortest_of(step + 1) - 1), step, "its longest");
        }
        assert_eq!([16, 20, 28, 32].map(step_of), [12, 13, 15, 16]);
        assert!(step_of(u64::MAX) < 256);
    }

    #[test]
    fn a_difference_is_what_came_in_between() {
        let mut earlier = Spread::default();
        earlier.add(20, 3);
        let mut later = earlier.clone();
        later.add(18, 1);
        later.add(20, 99);
        later.add(30, 1);
        let between = later.since(&earlier);
        assert_eq!(between.steps().collect::<Vec<_>>(), [(18, 1), (20, 99), (30, 1)]);
        assert_eq!([1, 50, 99, 100].map(|rank| between.percentile(rank)), [Some(20), Some(20), Some(20), Some(30)]);
        assert_eq!(later.since(&later).percentile(99), None);
        assert_eq!(earlier.since(&Spread::default()), earlier);
    }

    #[test]
    fn counts_that_start_again_are_still_right() {
        let mut earlier = Spread::default();
        earlier.add(5, u64::from(u32::MAX) - 1);
        let mut later = earlier.clone();
        later.add(5, 10);
        assert_eq!(later.since(&earlier).steps().collect::<Vec<_>>(), [(5, 10)]);
    }
}
