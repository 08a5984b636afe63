//! Mann and Whitney's rank test of two samples.
//!
//! Exact where that takes a moment: the statistic's distribution is counted over all ways to deal the pooled values into two
//! samples, by their midranks, so that ties need no correction. Otherwise by the normal distribution with the correction for ties
//! and for continuity.

use statrs::distribution::{ContinuousCDF as _, Normal};

/// Most pairs of values that are counted exactly: fifty runs a side.
const EXACT_PAIRS_MAX: usize = 2_500;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankTest {
    /// Pairs in which the right value is the larger one; a tie is half of one.
    pub u: f64,
    /// Chance of a result that is as extreme, two-sided, where both samples are of one distribution.
    pub p: f64,
    /// Counted, not approximated.
    pub is_exact: bool,
}

/// Compares two samples; `None` if one is empty. Values must be numbers: none may be NaN.
pub fn mann_whitney(left: &[f64], right: &[f64]) -> Option<RankTest> {
    let ranks = Midranks::of(left, right)?;
    let pairs = left.len().checked_mul(right.len())?;
    if pairs <= EXACT_PAIRS_MAX {
        Some(RankTest { u: ranks.u(), p: ranks.exact_p(), is_exact: true })
    } else {
        Some(RankTest { u: ranks.u(), p: ranks.normal_p(), is_exact: false })
    }
}

/// The same by the normal distribution, whatever the sizes.
pub fn mann_whitney_normal(left: &[f64], right: &[f64]) -> Option<RankTest> {
    let ranks = Midranks::of(left, right)?;
    Some(RankTest { u: ranks.u(), p: ranks.normal_p(), is_exact: false })
}

/// The smallest chance that the test can say of so many values without ties.
pub fn least_p(left: usize, right: usize) -> f64 {
    // Ways to choose the one from all, from small factors to large ones.
    let ways = (1..=left).fold(1.0, |ways, n| ways * (right + n) as f64 / n as f64);
    (2.0 / ways).min(1.0)
}

/// Runs a side, the same number on both, from which on the test can say less than `p` at all.
pub fn runs_needed(p: f64) -> usize {
    // Of two ways in C(2n, n) no more extreme one is left.
    let mut ways = 1.0;
    for runs in 1..=64_u32 {
        let n = f64::from(runs);
        ways *= (2.0 * n) * (2.0 * n - 1.0) / (n * n);
        if 2.0 / ways <= p {
            return runs as usize;
        }
    }
    64
}

/// Ranks of the pooled values, doubled so that those of ties are whole numbers.
struct Midranks {
    left: usize,
    /// Of all values, in rising order.
    doubled: Vec<usize>,
    /// Of the right sample, summed.
    right_sum: usize,
    right: usize,
    /// How many values each tie has.
    ties: Vec<usize>,
}

impl Midranks {
    fn of(left: &[f64], right: &[f64]) -> Option<Self> {
        if left.is_empty() || right.is_empty() {
            return None;
        }
        let mut pooled: Vec<(f64, bool)> = left.iter().map(|value| (*value, false)).collect();
        pooled.extend(right.iter().map(|value| (*value, true)));
        pooled.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let (mut doubled, mut ties, mut right_sum) = (Vec::with_capacity(pooled.len()), Vec::new(), 0);
        // -0 and 0 are equal here.
        #[expect(clippy::float_cmp, reason = "ties are equal values")]
        for tie in pooled.chunk_by(|(one, _), (other, _)| one == other) {
            // The mean of its ranks, which are counted from 1, twice.
            let rank = 2 * doubled.len() + tie.len() + 1;
            doubled.extend(std::iter::repeat_n(rank, tie.len()));
            right_sum += rank * tie.iter().filter(|(_, is_right)| *is_right).count();
            ties.push(tie.len());
        }
        Some(Self { left: left.len(), doubled, right_sum, right: right.len(), ties })
    }

    fn u(&self) -> f64 {
        self.right_sum as f64 / 2.0 - (self.right * (self.right + 1)) as f64 / 2.0
    }

    /// Counts the ways to choose the right sample by the sum of its ranks.
    fn exact_p(&self) -> f64 {
        let sums: usize = self.doubled.iter().rev().take(self.right).sum::<usize>() + 1;
        // By values chosen, then by their sum. The numbers are whole up to 2^53 and near enough above.
        let mut ways = vec![vec![0.0_f64; sums]; self.right + 1];
        ways[0][0] = 1.0;
        for (seen, rank) in self.doubled.iter().enumerate() {
            for chosen in (1..=self.right.min(seen + 1)).rev() {
                let (fewer, here) = ways.split_at_mut(chosen);
                let (fewer, here) = (&fewer[chosen - 1], &mut here[0]);
                for (to, from) in here.iter_mut().skip(*rank).zip(fewer) {
                    *to += from;
                }
            }
        }
        let by_sum = &ways[self.right];
        let all: f64 = by_sum.iter().sum();
        let at_most: f64 = by_sum.iter().take(self.right_sum + 1).sum();
        let at_least: f64 = by_sum.iter().skip(self.right_sum).sum();
        (2.0 * at_most.min(at_least) / all).min(1.0)
    }

    fn normal_p(&self) -> f64 {
        let (left, right) = (self.left as f64, self.right as f64);
        let all = left + right;
        let cube = |tie: &usize| (*tie as f64).powi(3) - *tie as f64;
        let tied: f64 = self.ties.iter().map(cube).sum();
        let variance = left * right / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
        if variance <= 0.0 {
            // All are equal.
            return 1.0;
        }
        let from_middle = (self.u() - left * right / 2.0).abs() - 0.5;
        let z = from_middle / variance.sqrt();
        (2.0 * Normal::standard().sf(z)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{least_p, mann_whitney, mann_whitney_normal, runs_needed};

    #[test]
    fn the_smallest_chance_is_that_of_samples_that_do_not_overlap() {
        for (left, right) in [(1, 1), (3, 3), (5, 5), (4, 9), (10, 10)] {
            let low: Vec<f64> = (0..left).map(|n| n as f64).collect();
            let high: Vec<f64> = (0..right).map(|n| 100.0 + n as f64).collect();
            let told = mann_whitney(&low, &high).unwrap().p;
            assert!((told - least_p(left, right)).abs() < 1e-12, "{left} and {right}: {told}");
        }
    }

    #[test]
    fn nothing_is_no_sample() {
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[1.0], &[]), None);
    }

    #[test]
    fn many_runs_are_compared_by_the_normal_distribution_and_agree() {
        let left: Vec<f64> = (0..50).map(f64::from).collect();
        let right: Vec<f64> = (0..50).map(|run| f64::from(run) + 9.5).collect();
        let exact = mann_whitney(&left, &right).unwrap();
        let normal = mann_whitney_normal(&left, &right).unwrap();
        assert!(exact.is_exact && !normal.is_exact);
        assert!((exact.p - normal.p).abs() < 0.001, "{exact:?} {normal:?}");
        let more: Vec<f64> = (0..51).map(f64::from).collect();
        assert!(!mann_whitney(&left, &more).unwrap().is_exact);
    }

    #[test]
    fn so_many_runs_are_needed() {
        // The smallest p of n and n runs: 2 / C(2n, n).
        assert_eq!([0.1, 0.05, 0.03, 0.01, 0.001].map(runs_needed), [3, 4, 4, 5, 7]);
    }
}
