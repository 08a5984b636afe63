//! An axis of durations by their logarithm, in the steps of a [`Spread`](crate::analysis::spread::Spread).

use crate::analysis::spread::{shortest_of, step_of};
use crate::export::number::duration;

/// Steps from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) first: usize,
    /// Behind the last.
    pub(super) end: usize,
}

impl Steps {
    pub(super) fn length(self) -> usize {
        self.end - self.first
    }

    /// Where a duration is, from 0 to 1.
    pub(super) fn share(self, ns: u64) -> f64 {
        let step = step_of(ns);
        let (begin, end) = (shortest_of(step), shortest_of(step + 1));
        let within = (ns - begin) as f64 / end.saturating_sub(begin).max(1) as f64;
        ((step as f64 - self.first as f64 + within) / self.length() as f64).clamp(0.0, 1.0)
    }

    /// Round durations on it: powers of ten, and between them 2 and 5 where there is room.
    pub(super) fn ticks(self, most: usize) -> Vec<(f64, String)> {
        let (least_ns, end_ns) = (shortest_of(self.first), shortest_of(self.end));
        let round = |digits: &[u64]| -> Vec<u64> {
            let all = (0..19).flat_map(|power| digits.iter().map(move |digit| digit * 10_u64.pow(power)));
            all.filter(|ns| (least_ns..=end_ns).contains(ns)).collect()
        };
        let candidates = [round(&[1, 2, 5]), round(&[1, 3]), round(&[1])];
        let fits = candidates.iter().find(|ticks| ticks.len() <= most);
        let ticks = fits.unwrap_or(&candidates[2]);
        let every = ticks.len().div_ceil(most).max(1);
        ticks.iter().step_by(every).map(|ns| (self.share(*ns), short(*ns))).collect()
    }
}

/// A round duration without zeros behind a point.
fn short(ns: u64) -> String {
    duration(ns).replace(".00", "").replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use super::Steps;
    use crate::analysis::spread::step_of;

    #[test]
    fn ticks_are_round_and_rise() {
        let steps = Steps { first: step_of(900), end: step_of(30_000_000) + 1 };
        let ticks = steps.ticks(6);
        let labels: Vec<&str> = ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms"]);
        assert!(ticks.is_sorted_by(|(low, _), (high, _)| low < high) && ticks[0].0 >= 0.0 && ticks[4].0 <= 1.0);
        let narrow = Steps { first: step_of(1_000_000), end: step_of(5_500_000) + 1 };
        assert_eq!(narrow.ticks(6).len(), 3, "{:?}", narrow.ticks(6));
    }
}
