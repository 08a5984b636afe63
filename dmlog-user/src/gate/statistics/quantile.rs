//! How sure a percentile of one run is, by order statistics: which of the sorted values lie below and above it at a confidence,
//! whatever the distribution. Right for values that do not depend on each other; those of neighbouring times do, which is what
//! [`bootstrap`](super::bootstrap) is for.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// Ranks, counted from 1, of the sorted values that bound a quantile `p` at a confidence, each with half of what is left; `None`
/// where no value is low or high enough.
pub fn ranks(n: u64, p: f64, confidence: f64) -> (Option<u64>, Option<u64>) {
    let Ok(below) = Binomial::new(p, n) else { return (None, None) };
    let tail = (1.0 - confidence) / 2.0;
    // How many values lie below the quantile is binomial. The r-th is above it if fewer than r are below.
    let low = last(n, |rank| below.cdf(rank - 1) <= tail);
    let high = last(n, |rank| below.sf(n - rank) <= tail).map(|rank| n + 1 - rank);
    (low, high)
}

/// Values that are needed for a bound above a quantile.
pub fn values_needed(p: f64, confidence: f64) -> u64 {
    let tail = (1.0 - confidence) / 2.0;
    let needed = (tail.ln() / p.ln()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and not above 2^63")]
    let needed = needed.clamp(1.0, 9e18) as u64;
    needed
}

/// The last number from 1 to `n` up to which something is true; `None` if it is not for 1.
fn last(n: u64, is_true: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (0, n + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_true(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low > 0).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::values_needed;

    #[test]
    fn so_many_values_are_needed() {
        let needed = [0.99, 0.999, 0.9999].map(|p| values_needed(p, 0.95));
        assert_eq!(needed, [368, 3_688, 36_887]);
    }
}
