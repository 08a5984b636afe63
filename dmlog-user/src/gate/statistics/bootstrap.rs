//! One run a side: how sure the difference is, by drawing the slices of each run again and again.
//!
//! Latencies of neighbouring seconds are alike, so seconds are drawn in blocks of several, in a circle (Politis and Romano). The
//! statistic is made anew from what was drawn, which suits a percentile of merged histograms as well as a rate.

/// Blocks that a run is cut into at least; with fewer there is nothing to draw.
pub const BLOCKS_MIN: usize = 5;

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draws {
    /// How often.
    pub rounds: u32,
    /// Slices that stay together.
    pub block: usize,
    /// Where the random numbers begin; the same seed, the same verdict.
    pub seed: u64,
    /// Of the interval, below 1.
    pub confidence: f64,
}

/// What the draws say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The interval of the difference.
    pub interval: (f64, f64),
    /// Chance of a difference that is as far from none, two-sided.
    pub p: f64,
}

/// Draws the slices of both runs, `left` and `right` many, and says how different they are. See [`pairs`].
pub fn difference(
    slices: [usize; 2],
    draws: &Draws,
    statistic: impl FnMut(Side, &[usize]) -> Option<f64>,
) -> Option<Drawn> {
    pairs(slices, draws, statistic).map(|pairs| judged(&pairs, 1.0, draws.confidence))
}

/// What was drawn of both runs, round by round. `statistic` gives the number of a side from the slices drawn; `None` where they
/// have none. Returns `None` if a run is too short, or too few draws had a number.
pub fn pairs(
    [left, right]: [usize; 2],
    draws: &Draws,
    mut statistic: impl FnMut(Side, &[usize]) -> Option<f64>,
) -> Option<Vec<(f64, f64)>> {
    let block = draws.block.max(1);
    if left.min(right) < block * BLOCKS_MIN {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(draws.seed);
    let mut pairs = Vec::new();
    let mut drawn = Vec::new();
    for _ in 0..draws.rounds {
        let mut side = |side, slices| {
            draw(&mut random, slices, block, &mut drawn);
            statistic(side, &drawn)
        };
        pairs.extend(side(Side::Left, left).zip(side(Side::Right, right)));
    }
    // A statistic that few draws have is none.
    let enough = pairs.len() * 10 >= draws.rounds as usize * 9 && !pairs.is_empty();
    enough.then_some(pairs)
}

/// What such pairs, one at least, say if the right one were larger by a factor.
pub fn judged(pairs: &[(f64, f64)], factor: f64, confidence: f64) -> Drawn {
    let mut differences: Vec<f64> = pairs.iter().map(|(left, right)| right * factor - left).collect();
    differences.sort_by(f64::total_cmp);
    let count = differences.len();
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length")]
        let place = (share * (count - 1) as f64).round() as usize;
        differences[place.min(count - 1)]
    };
    let tail = (1.0 - confidence) / 2.0;
    // One more than seen: no finite number of draws shows that something never happens.
    let share = |seen: usize| (seen + 1) as f64 / (count + 1) as f64;
    let at_most = share(differences.partition_point(|difference| *difference <= 0.0));
    let at_least = share(count - differences.partition_point(|difference| *difference < 0.0));
    Drawn { interval: (at(tail), at(1.0 - tail)), p: (2.0 * at_most.min(at_least)).min(1.0) }
}

/// Which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The baseline.
    Left,
    /// The candidate.
    Right,
}

/// Draws as many slices as there are, in blocks that begin anywhere.
pub fn draw(random: &mut fastrand::Rng, slices: usize, block: usize, drawn: &mut Vec<usize>) {
    drawn.clear();
    while drawn.len() < slices {
        let begin = random.usize(..slices);
        let wanted = block.min(slices - drawn.len());
        drawn.extend((0..wanted).map(|offset| (begin + offset) % slices));
    }
}

#[cfg(test)]
mod tests {
    use super::{Draws, Side, difference};

    const DRAWS: Draws = Draws { rounds: 2_000, block: 3, seed: 7, confidence: 0.95 };

    fn mean_of(left: &[f64], right: &[f64], draws: &Draws) -> Option<super::Drawn> {
        difference([left.len(), right.len()], draws, |side, slices| {
            let values = if side == Side::Left { left } else { right };
            Some(slices.iter().map(|slice| values[*slice]).sum::<f64>() / slices.len() as f64)
        })
    }

    /// Each value leans on the one before.
    fn run(seconds: usize, level: f64, seed: u64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut last = 0.0;
        let mut step = || {
            last = 0.7 * last + random.f64() - 0.5;
            level + last
        };
        (0..seconds).map(|_| step()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_and_a_shift_is_seen() {
        let (left, right) = (run(120, 10.0, 1), run(120, 11.0, 2));
        let drawn = mean_of(&left, &right, &DRAWS).unwrap();
        assert_eq!(mean_of(&left, &right, &DRAWS), Some(drawn));
        assert!(drawn.interval.0 > 0.0 && drawn.interval.1 < 2.0 && drawn.p < 0.01, "{drawn:?}");
        let other = mean_of(&right, &left, &DRAWS).unwrap();
        assert!(other.interval.1 < 0.0 && other.p < 0.01, "{other:?}");
    }

    /// Values that lean on each other need blocks: single ones are too sure of themselves.
    #[test]
    fn blocks_see_that_neighbours_are_alike() {
        let alarms = |block| {
            let draws = Draws { rounds: 200, block, seed: 3, confidence: 0.95 };
            (0..200)
                .filter(|pair| {
                    let (left, right) = (run(100, 10.0, 2 * pair), run(100, 10.0, 2 * pair + 1));
                    mean_of(&left, &right, &draws).unwrap().p < 0.05
                })
                .count()
        };
        let (single, blocks) = (alarms(1), alarms(10));
        assert!(single > 40 && blocks < single / 2, "{single} false alarms of 200 without blocks, {blocks} with");
    }

    #[test]
    fn what_is_too_short_or_has_no_number_is_not_judged() {
        let short = run(14, 1.0, 1);
        assert_eq!(mean_of(&short, &short, &DRAWS), None);
        assert_eq!(difference([30, 30], &DRAWS, |_, _| None), None);
    }
}
