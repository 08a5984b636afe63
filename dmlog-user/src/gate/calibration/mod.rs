//! How often the gate would be wrong, and what it would see, found out from runs of one and the same thing.
//!
//! Two sides are dealt from the runs, so that nothing but chance tells them apart, and judged; again and again. Every side whose
//! difference is called a regression or an improvement is a false alarm. The slices of each run are drawn anew, in blocks ([`redraw`]), so that
//! a few runs make many different sides, whose neighbouring seconds are still alike.

use super::metric::Metric;
use super::rules::{Rule, RuleSet, Worse};
use super::run::Run;
use super::statistics::{bootstrap, rank, shift};
use super::verdict::judge::{Case, adjusted, away_from_zero, cases, floor_of, found, is_beyond};
use super::verdict::test::{Untested, drawn};
use super::verdict::{Finding, Shift, SideValue};

pub mod redraw;

/// How often two sides are dealt where nothing else is said.
pub const COMPARISONS: usize = 1_000;

/// How many of them are asked for the smallest shift that would have been seen.
const SHIFTS_ASKED: usize = 200;

/// The same with one run a side, where each takes longer.
const SHIFTS_ASKED_OF_ONE: usize = 50;

/// Power: how often a shift is to be seen.
pub const POWER: f64 = 0.9;

/// Largest shift that is tried: sixteen times as much.
const SHIFT_MAX: f64 = 15.0;

/// Steps of the search for a shift; the last one is below a tenth of a percent of what it finds.
const STEPS: u32 = 14;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfCheck {
    /// Runs given.
    pub runs: usize,
    /// Runs on each side of a comparison.
    pub runs_a_side: usize,
    /// There are too few for two sides without common runs, so a run may be on both, drawn anew.
    pub shares_runs: bool,
    /// Comparisons made.
    pub comparisons: usize,
    /// Those in which some rule found a regression or an improvement.
    pub false_alarms: usize,
    /// Those in which some rule found a regression.
    pub false_regressions: usize,
    /// Those in which some rule found an improvement.
    pub false_improvements: usize,
    /// One for each rule and mirror that has values.
    pub rules: Vec<RuleCheck>,
}

/// One rule for one mirror.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCheck {
    /// The metric.
    pub metric: Metric,
    /// The mirror, if it is of one.
    pub device: Option<String>,
    /// Which way is worse.
    pub worse: Worse,
    /// A mirror without the metric is not worth a word.
    pub is_optional: bool,
    /// The runs do not have the metric.
    pub is_absent: bool,
    /// It is zero in the runs, of which there is no share.
    pub is_zero: bool,
    /// Comparisons in which it could be judged.
    pub judged: usize,
    /// Those in which it found a regression or an improvement.
    pub false_alarms: usize,
    /// The smallest shift to the worse that it sees in [`POWER`] of the comparisons, as a share of the baseline; `None` if none
    /// that was tried, or if it was never judged.
    pub detectable: Option<f64>,
    /// Why it was not judged, if it never was.
    pub needs: Option<String>,
}

/// Deals two sides from the runs, one at least, `comparisons` times. With one run a side is its slices drawn anew.
pub fn check(runs: &[Run], rules: &RuleSet, comparisons: usize, seed: u64) -> SelfCheck {
    let mut random = fastrand::Rng::with_seed(seed);
    let runs_a_side = runs_a_side(runs.len());
    let shares_runs = runs.len() < 2 * runs_a_side;
    let mut found = SelfCheck {
        runs: runs.len(),
        runs_a_side,
        shares_runs,
        comparisons,
        false_alarms: 0,
        false_regressions: 0,
        false_improvements: 0,
        rules: Vec::new(),
    };
    let mut shifts: Vec<Vec<Option<f64>>> = Vec::new();
    let asked = if runs_a_side == 1 { SHIFTS_ASKED_OF_ONE } else { SHIFTS_ASKED };
    for number in 0..comparisons {
        let [left, right] = redraw::sides(runs, runs_a_side, &mut random);
        let sides = [left.as_slice(), right.as_slice()];
        let (cases, _) = cases(sides, rules);
        let adjusted = adjusted(&cases);
        let tests = adjusted.iter().flatten().count();
        let mut wrong = [false, false];
        for (place, (case, p)) in cases.iter().zip(&adjusted).enumerate() {
            if found.rules.len() <= place {
                found.rules.push(RuleCheck::of(case));
                shifts.push(Vec::new());
            }
            let (Some(check), Some(shifts)) = (found.rules.get_mut(place), shifts.get_mut(place)) else { continue };
            if let Some(is_worse) = check.count(case, *p, tests) {
                wrong[usize::from(is_worse)] = true;
            }
            if number < asked && case.tested.is_ok() {
                shifts.push(smallest_shift(case, sides, tests));
            }
        }
        found.false_alarms += usize::from(wrong[0] || wrong[1]);
        found.false_improvements += usize::from(wrong[0]);
        found.false_regressions += usize::from(wrong[1]);
    }
    for (check, shifts) in found.rules.iter_mut().zip(shifts) {
        check.detectable = with_power(shifts);
    }
    found
}

/// Half of the runs; with few, as many as there are, and one for one.
fn runs_a_side(runs: usize) -> usize {
    const ENOUGH: usize = 7;
    if runs == 1 { 1 } else { (runs / 2).max(ENOUGH) }
}

impl RuleCheck {
    fn of(case: &Case) -> Self {
        Self {
            metric: case.rule.metric.clone(),
            device: case.device.clone(),
            worse: case.rule.worse,
            is_optional: case.rule.is_optional,
            is_absent: matches!(case.tested, Err(Untested::Absent(_))),
            is_zero: case.values[0].value == Some(0.0),
            judged: 0,
            false_alarms: 0,
            detectable: None,
            needs: None,
        }
    }

    /// Counts a comparison; `Some` if it found something, and whether something worse.
    fn count(&mut self, case: &Case, p: Option<f64>, tests: usize) -> Option<bool> {
        match &case.tested {
            Err(Untested::Absent(text) | Untested::TooFew(text)) => {
                self.needs.get_or_insert_with(|| text.clone());
                None
            }
            Ok(tested) => {
                self.judged += 1;
                let is_worse = match found(tested, &case.rule, &case.values[0], p, tests) {
                    Some(Finding::Regression) => Some(true),
                    Some(Finding::Improvement) => Some(false),
                    _ => None,
                };
                self.false_alarms += usize::from(is_worse.is_some());
                is_worse
            }
        }
    }
}

/// The shift that so many of the comparisons would have seen.
fn with_power(mut shifts: Vec<Option<f64>>) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length")]
    let place = ((shifts.len() as f64 * POWER).ceil() as usize).checked_sub(1)?;
    // What none that was tried was enough for is the largest.
    shifts.sort_by(|one, other| one.unwrap_or(f64::INFINITY).total_cmp(&other.unwrap_or(f64::INFINITY)));
    shifts.get(place).copied().flatten()
}

/// By how much the candidate has to be worse so that the rule finds a regression; `None` if nothing that is tried is enough.
fn smallest_shift(case: &Case, sides: [&[Run]; 2], tests: usize) -> Option<f64> {
    let Case { rule, device, values, tested } = case;
    let factor = |share: f64| if rule.worse == Worse::Higher { 1.0 + share } else { 1.0 / (1.0 + share) };
    let pairs = match sides {
        [[left], [right]] => drawn(left, right, device.as_deref(), rule).and_then(|drawn| drawn.pairs),
        _ => None,
    };
    let alpha = (1.0 - rule.confidence) / tests.max(1) as f64;
    let floor = floor_of(rule, &values[0]);
    let away = tested.as_ref().map_or(0.0, |tested| away_from_zero(tested.method, floor, &values[0]));
    let is_seen = |share: f64| {
        let seen = match &pairs {
            Some(pairs) => seen_in_pairs(pairs, values, factor(share), rule),
            None => seen_in_runs(values, factor(share), rule),
        };
        let Some((shift, p)) = seen else { return false };
        let is_worse = (shift.estimate > 0.0) == (rule.worse == Worse::Higher);
        is_worse && p <= alpha && is_beyond(&shift, floor, away)
    };
    if !is_seen(SHIFT_MAX) {
        return None;
    }
    // By factors, for a shift of a percent matters as much to one of two as one of half to one of all.
    let (mut low, mut high) = (0.0, SHIFT_MAX);
    for _ in 0..STEPS {
        let middle = ((1.0_f64 + low) * (1.0 + high)).sqrt() - 1.0;
        if is_seen(middle) { high = middle } else { low = middle }
    }
    Some(if rule.worse == Worse::Higher { high } else { 1.0 - 1.0 / (1.0 + high) })
}

fn seen_in_pairs(pairs: &[(f64, f64)], values: &[SideValue; 2], factor: f64, rule: &Rule) -> Option<(Shift, f64)> {
    let drawn = bootstrap::judged(pairs, factor, rule.confidence);
    let [from, to] = values.each_ref().map(|side| side.value);
    let estimate = to? * factor - from?;
    Some((Shift { estimate, interval: Some(drawn.interval), relative: None }, drawn.p))
}

fn seen_in_runs(values: &[SideValue; 2], factor: f64, rule: &Rule) -> Option<(Shift, f64)> {
    let [left, right] = values;
    let shifted: Vec<f64> = right.runs.iter().map(|value| value * factor).collect();
    let test = rank::mann_whitney(&left.runs, &shifted)?;
    let shift = shift::hodges_lehmann(&left.runs, &shifted, rule.confidence)?;
    Some((Shift { estimate: shift.estimate, interval: shift.interval, relative: None }, test.p))
}

#[cfg(test)]
mod tests;
