//! The order of runs: all sides alternate, and every second round goes backwards.
//!
//! A machine drifts: it warms up, a neighbour comes and goes. What drifts evenly hits A and B of `A B B A` alike; of `A B A B` it
//! would hit B more.

/// Indexes of the sides in the order of their runs, `runs` of each: 0 1 1 0 0 1 1 0 …
pub(crate) fn interleaved(sides: usize, runs: u32) -> Vec<usize> {
    let round = |number: u32| -> Vec<usize> {
        if number.is_multiple_of(2) { (0..sides).collect() } else { (0..sides).rev().collect() }
    };
    (0..runs).flat_map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::interleaved;

    #[test]
    fn two_sides_run_a_b_b_a() {
        assert_eq!(interleaved(2, 4), [0, 1, 1, 0, 0, 1, 1, 0]);
        assert_eq!(interleaved(3, 3), [0, 1, 2, 2, 1, 0, 0, 1, 2]);
        assert_eq!(interleaved(1, 2), [0, 0]);
    }

    /// Where each run costs more than the one before it, every side pays the same.
    #[test]
    fn an_even_drift_hits_all_sides_alike() {
        let order = interleaved(5, 8);
        let paid = |side: usize| -> usize { (0..order.len()).filter(|at| order[*at] == side).sum() };
        assert!((1..5).all(|side| paid(side) == paid(0)), "{order:?}");
    }
}
