//! One rule for one mirror: its values, and how different they are. Whether that is a regression is decided over all of them.

use super::{Method, Shift, SideValue};
use crate::gate::metric::{Metric, Statistic};
use crate::gate::rules::Rule;
use crate::gate::run::value::{self, Drawable};
use crate::gate::run::{DeviceRun, Run};
use crate::gate::statistics::bootstrap::{self, BLOCKS_MIN, Draws};
use crate::gate::statistics::quantile::values_needed;
use crate::gate::statistics::{rank, shift};

/// How often slices are drawn: often enough that a chance of a thousandth can be told.
pub(crate) const ROUNDS: u32 = 3_999;

/// With one run a side, the whole interval has to be beyond this share of the baseline. Two runs of one and the same thing differ by more
/// than their seconds let expect, and one run a side does not show by how much. Measured (`cargo xtask bench gate`): without it, one comparison
/// in thirty of equal runs is a false alarm on a quiet machine and one in five on a busy one.
pub(crate) const ONE_RUN_SHARE: f64 = 0.5;

/// Where the random numbers begin: the same runs, the same verdict.
pub(crate) const SEED: u64 = 0x6d69_7252_646d_6c67;

/// Durations that a mean needs by itself.
const MEAN_SAMPLES: u64 = 30;

/// What a comparison of two samples of values said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tested {
    pub(crate) method: Method,
    pub(crate) shift: Shift,
    /// `None` where nothing was left to chance.
    pub(crate) p: Option<f64>,
    /// The smallest chance that a test of so many runs can say; 0 where it is not the number of runs that limits it.
    pub(crate) p_least: f64,
}

/// Why there is no comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untested {
    Absent(String),
    TooFew(String),
}

/// The values of a rule in the runs of both sides.
pub(crate) fn values(sides: [&[Run]; 2], name: Option<&str>, metric: &Metric) -> [SideValue; 2] {
    sides.map(|runs| {
        let found: Vec<value::Value> =
            runs.iter().filter_map(|run| value::of(run, device_of(run, name), metric)).collect();
        let values: Vec<f64> = found.iter().map(|found| found.value).collect();
        SideValue {
            value: median(&values),
            runs: values,
            samples: found.iter().fold(0, |sum, found| sum.saturating_add(found.samples)),
        }
    })
}

fn device_of<'a>(run: &'a Run, name: Option<&str>) -> Option<&'a DeviceRun> {
    name.and_then(|name| run.devices.iter().find(|device| device.name == name))
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper)) }
}

/// Compares the sides by one rule.
pub(crate) fn compare(
    sides: [&[Run]; 2],
    name: Option<&str>,
    rule: &Rule,
    values: &[SideValue; 2],
) -> Result<Tested, Untested> {
    const NAMES: [&str; 2] = ["the baseline", "the candidate"];
    for ((side, runs), said) in values.iter().zip(sides).zip(NAMES) {
        if side.runs.is_empty() {
            return Err(Untested::Absent(format!("{said} has no `{}`", rule.metric)));
        }
        if side.runs.len() < runs.len() {
            let (with, all) = (side.runs.len(), runs.len());
            return Err(Untested::Absent(format!("only {with} of {all} runs of {said} have `{}`", rule.metric)));
        }
    }
    let [left, right] = values;
    if rule.is_exact && is_noiseless(&rule.metric, left, right) {
        return Ok(exact(left, right));
    }
    enough(rule, values)?;
    if let [[baseline], [candidate]] = sides {
        return one_run(baseline, candidate, name, rule, values);
    }
    let shift = shift::hodges_lehmann(&left.runs, &right.runs, rule.confidence);
    let test = rank::mann_whitney(&left.runs, &right.runs);
    let (Some(shift), Some(test)) = (shift, test) else {
        return Err(Untested::Absent(format!("there is no `{}`", rule.metric)));
    };
    Ok(Tested {
        method: Method::RankTest,
        shift: shift_of(shift.estimate, shift.interval, left),
        p: Some(test.p),
        p_least: rank::least_p(left.runs.len(), right.runs.len()),
    })
}

/// All runs of a side agree; or there is one a side, of a number that is counted and not drawn from time.
fn is_noiseless(metric: &Metric, left: &SideValue, right: &SideValue) -> bool {
    let agree = |side: &SideValue| {
        let first = side.runs.first().copied().unwrap_or(0.0);
        side.runs.iter().all(|value| (value - first).abs() <= first.abs() * 1e-12)
    };
    let is_counted = matches!(metric, Metric::Figure(_) | Metric::Report(_) | Metric::Of(_, Statistic::Count));
    let one_each = left.runs.len() == 1 || right.runs.len() == 1;
    agree(left) && agree(right) && (is_counted || !one_each)
}

fn exact(left: &SideValue, right: &SideValue) -> Tested {
    let [from, to] = [left, right].map(|side| side.value.unwrap_or(0.0));
    let shift = shift_of(to - from, Some((to - from, to - from)), left);
    Tested { method: Method::Exact, shift, p: None, p_least: 0.0 }
}

fn shift_of(estimate: f64, interval: Option<(f64, f64)>, baseline: &SideValue) -> Shift {
    let base = baseline.value.unwrap_or(0.0).abs();
    Shift { estimate, interval, relative: (base > 0.0).then(|| estimate / base) }
}

/// Refuses what has too few durations or events.
fn enough(rule: &Rule, values: &[SideValue; 2]) -> Result<(), Untested> {
    let (by_itself, of_a_run) = match rule.metric {
        Metric::Of(_, Statistic::Quantile(ten_thousandths)) => {
            let p = f64::from(ten_thousandths) / 10_000.0;
            // In a run that has fewer, the percentile is the longest, or near it.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 10,000")]
            let of_a_run = (1.0 / (1.0 - p)).round() as u64;
            (values_needed(p, rule.confidence), of_a_run)
        }
        Metric::Of(_, Statistic::Mean | Statistic::Rate) => (MEAN_SAMPLES, 2),
        Metric::Of(..) | Metric::Report(_) | Metric::Figure(_) => (1, 0),
    };
    let needed = rule.minimum_samples.unwrap_or(by_itself);
    let [left, right] = values;
    let least = |side: &SideValue| side.samples / (side.runs.len() as u64).max(1);
    if left.samples.min(right.samples) < needed {
        let sure = percent(rule.confidence);
        return Err(Untested::TooFew(format!(
            "`{}` needs {needed} a side to be {sure} sure; there are {} and {}: record longer, or more runs",
            rule.metric, left.samples, right.samples
        )));
    }
    if least(left).min(least(right)) < of_a_run {
        return Err(Untested::TooFew(format!(
            "`{}` needs {of_a_run} in every run, or it is the longest; runs have {} and {} on average: record longer",
            rule.metric,
            least(left),
            least(right)
        )));
    }
    Ok(())
}

/// A share as people write it.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if (percent - percent.round()).abs() < 1e-9 { 0 } else { 2 };
    format!("{percent:.digits$} %")
}

/// Slices that stay together: more for longer runs, as their number's cube root, which is what blocks of such draws need to
/// grow by; never alone, for neighbours are alike.
pub(crate) fn block_of(slices: usize) -> usize {
    let mut block = 2;
    while block * block * block < slices {
        block += 1;
    }
    block
}

fn one_run(
    baseline: &Run,
    candidate: &Run,
    name: Option<&str>,
    rule: &Rule,
    values: &[SideValue; 2],
) -> Result<Tested, Untested> {
    let Some(DrawnRuns { slices, draws, pairs }) = drawn(baseline, candidate, name, rule) else {
        return Err(Untested::TooFew(format!(
            "`{}` cannot be judged by one run a side: record several, or declare it exact",
            rule.metric
        )));
    };
    let drawn = pairs.map(|pairs| bootstrap::judged(&pairs, 1.0, rule.confidence));
    let Some(drawn) = drawn else {
        let needed = draws.block * BLOCKS_MIN;
        return Err(Untested::TooFew(format!(
            "`{}` needs {needed} slices of time in each run where there is one a side; there are {} and {}: record longer, or \
             several runs",
            rule.metric, slices[0], slices[1]
        )));
    };
    let [from, to] = values.each_ref().map(|side| side.value.unwrap_or(0.0));
    let method = Method::Bootstrap { slice_ns: baseline.slice_ns, block: draws.block, rounds: ROUNDS };
    Ok(Tested { method, shift: shift_of(to - from, Some(drawn.interval), &values[0]), p: Some(drawn.p), p_least: 0.0 })
}

/// What is drawn of one run a side.
#[derive(Clone, Debug)]
pub(crate) struct DrawnRuns {
    /// How many slices they have.
    slices: [usize; 2],
    draws: Draws,
    /// The values of both, round by round; `None` where there are too few slices.
    pub(crate) pairs: Option<Vec<(f64, f64)>>,
}

/// Draws from both runs; `None` of a metric without slices.
pub(crate) fn drawn(baseline: &Run, candidate: &Run, name: Option<&str>, rule: &Rule) -> Option<DrawnRuns> {
    let drawable = |run| Drawable::new(run, device_of(run, name), &rule.metric);
    let (mut left, mut right) = (drawable(baseline)?, drawable(candidate)?);
    let slices = [left.slices(), right.slices()];
    let block = block_of(slices[0].min(slices[1]));
    let draws = Draws { rounds: ROUNDS, block, seed: SEED, confidence: rule.confidence };
    let pairs = bootstrap::pairs(slices, &draws, |side, places| match side {
        bootstrap::Side::Left => left.value(places),
        bootstrap::Side::Right => right.value(places),
    });
    Some(DrawnRuns { slices, draws, pairs })
}
