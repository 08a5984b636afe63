//! Hodges and Lehmann's estimate of by how much one sample is larger than another: the median of all differences between a value
//! of the one and a value of the other. Its interval holds every shift that the rank test would not refuse.

/// By how much the right sample is larger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Median of all differences.
    pub estimate: f64,
    /// The interval; `None` where there are too few values for that confidence.
    pub interval: Option<(f64, f64)>,
}

/// Estimates the shift from left to right; `None` if one sample is empty. `confidence` is below 1. Values must be numbers.
pub fn hodges_lehmann(left: &[f64], right: &[f64], confidence: f64) -> Option<Shift> {
    let mut differences: Vec<f64> = right.iter().flat_map(|y| left.iter().map(move |x| y - x)).collect();
    if differences.is_empty() {
        return None;
    }
    differences.sort_by(f64::total_cmp);
    let middle = differences.len() / 2;
    let estimate = if differences.len() % 2 == 1 {
        differences[middle]
    } else {
        f64::midpoint(differences[middle - 1], differences[middle])
    };
    let rank = rank(left.len(), right.len(), (1.0 - confidence) / 2.0);
    let bound = |place: usize| differences.get(place).copied();
    let interval = rank.checked_sub(1).and_then(|low| bound(low).zip(bound(differences.len() - rank)));
    Some(Shift { estimate, interval })
}

/// How many of the smallest values the statistic of the test takes less often than `tail`, all together.
fn rank(left: usize, right: usize, tail: f64) -> usize {
    let ways = ways(left, right);
    let all: f64 = ways.iter().sum();
    let mut below = 0.0;
    // What is equal but for rounding is not more.
    ways.iter()
        .take_while(|ways| {
            below += **ways;
            below / all <= tail + 1e-12
        })
        .count()
}

/// By the statistic, in how many ways it comes about without ties: partitions into at most `right` parts of at most `left`.
fn ways(left: usize, right: usize) -> Vec<f64> {
    let mut ways = vec![0.0_f64; left * right + 1];
    ways[0] = 1.0;
    // The product of (1 - q^(left + i)) / (1 - q^i), kept to the wanted length.
    for part in 1..=right {
        for place in (left + part..ways.len()).rev() {
            ways[place] -= ways[place - left - part];
        }
        for place in part..ways.len() {
            ways[place] += ways[place - part];
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::{Shift, hodges_lehmann, ways};

    #[test]
    fn the_statistic_of_few_values_is_counted() {
        assert_eq!(ways(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(ways(1, 3), [1.0; 4]);
        assert!((ways(3, 3).iter().sum::<f64>() - 20.0).abs() < 1e-9, "ways to choose three of six");
    }

    #[test]
    fn one_value_a_side_has_a_shift_and_no_interval() {
        assert_eq!(hodges_lehmann(&[1.0], &[4.0], 0.95), Some(Shift { estimate: 3.0, interval: None }));
        assert_eq!(hodges_lehmann(&[], &[4.0], 0.95), None);
    }
}
