//! Judges two sides of runs: compares by every rule for every mirror, corrects for their number, and decides.

use super::compare::reasons;
use super::reason::{Reason, ReasonKind};
use super::test::{ONE_RUN_SHARE, Tested, Untested, compare, percent, values};
use super::{Finding, Judged, Method, Outcome, Shift, Side, SideValue, Verdict};
use crate::gate::metric::{Metric, MetricUnit};
use crate::gate::rules::{Rule, RuleSet, Worse};
use crate::gate::run::Run;
use crate::gate::statistics::holm;

/// Rules times mirrors that are judged; further mirrors are left out, with a note.
pub const CASES_MAX: usize = 4096;

/// Runs a side that are counted up to when a sentence says how many are needed.
const RUNS_MAX: usize = 64;

/// A rule for one mirror, and what the comparison said.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) rule: Rule,
    pub(crate) device: Option<String>,
    pub(crate) values: [SideValue; 2],
    pub(crate) tested: Result<Tested, Untested>,
}

/// The verdict over a baseline and a candidate, each of one run at least.
pub fn judge(sides: [&[Run]; 2], rules: &RuleSet) -> Verdict {
    let mut reasons = reasons(sides, &rules.allow);
    let is_comparable = reasons.iter().all(|reason| reason.is_allowed);
    let (cases, mut notes) = cases(sides, rules);
    let adjusted = adjusted(&cases);
    let tests = adjusted.iter().flatten().count();
    let judged: Vec<Judged> =
        cases.into_iter().zip(adjusted).map(|(case, p)| decide(case, p, tests, sides, is_comparable)).collect();
    reasons.extend(undecided(&judged, rules));
    notes.extend(judged.iter().filter_map(noisy));
    // What has no noise is the same however it was recorded.
    if judged.iter().any(|judged| matches!(judged.method, Method::RankTest | Method::Bootstrap { .. })) {
        notes.extend(one_after_the_other(sides).map(str::to_owned));
    }
    Verdict { outcome: outcome(&judged, &reasons), sides: sides.map(side), reasons, judged, notes }
}

/// What the way of recording leaves open.
fn one_after_the_other(sides: [&[Run]; 2]) -> Option<&'static str> {
    if let [[_], [_]] = sides {
        return Some(
            "there is one run a side: how runs of the same thing differ from each other is not known, so only what is surely a \
             change by half is called one; several runs, recorded alternately, see far less",
        );
    }
    let times = sides.map(|runs| {
        let begun = runs.iter().filter_map(|run| run.capture.as_ref()).map(|capture| capture.realtime_ns);
        let begun: Vec<u64> = begun.filter(|ns| *ns > 0).collect();
        begun.iter().min().copied().zip(begun.iter().max().copied())
    });
    let [Some(left), Some(right)] = times else { return None };
    (left.1 < right.0 || right.1 < left.0).then_some(
        "all runs of one side were recorded before those of the other: if the machine itself changed in between, that \
         looks the same; runs that are recorded alternately (A B B A) are surer",
    )
}

/// What every rule is compared by.
pub(crate) fn cases(sides: [&[Run]; 2], rules: &RuleSet) -> (Vec<Case>, Vec<String>) {
    let names = names(sides);
    let (mut cases, mut left_out, mut twice): (Vec<Case>, usize, Vec<String>) = (Vec::new(), 0, Vec::new());
    for rule in &rules.rules {
        let devices: Vec<Option<String>> = match rule.metric {
            Metric::Figure(_) => vec![None],
            Metric::Of(..) | Metric::Report(_) => of_rule(sides, rule, &names),
        };
        for device in devices {
            // A mirror may be named in two ways, and a rule of its own comes before the built-in one of all.
            if cases.iter().any(|case| case.rule.metric == rule.metric && case.device == device) {
                if !rule.is_optional {
                    let of = device.map_or_else(String::new, |name| format!(" of `{name}`"));
                    twice.push(format!("`{}`{of} has two rules: the first one holds", rule.metric));
                }
                continue;
            }
            if cases.len() >= CASES_MAX {
                left_out += 1;
                continue;
            }
            let values = values(sides, device.as_deref(), &rule.metric);
            let tested = compare(sides, device.as_deref(), rule, &values);
            cases.push(Case { rule: rule.clone(), device, values, tested });
        }
    }
    let note =
        (left_out > 0).then(|| format!("{left_out} pairs of rules and mirrors were left out: more than {CASES_MAX}"));
    twice.extend(note);
    (cases, twice)
}

/// Mirrors of all runs, in order of appearance.
fn names(sides: [&[Run]; 2]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for device in sides.iter().copied().flatten().flat_map(|run| &run.devices) {
        if !names.contains(&device.name) {
            names.push(device.name.clone());
        }
    }
    names
}

/// Mirrors that a rule holds for; one that is named and is nowhere still has a row.
fn of_rule(sides: [&[Run]; 2], rule: &Rule, names: &[String]) -> Vec<Option<String>> {
    if rule.devices.is_empty() {
        return names.iter().cloned().map(Some).collect();
    }
    let devices = || sides.iter().copied().flatten().flat_map(|run| &run.devices);
    let mut found: Vec<Option<String>> = Vec::new();
    for wanted in &rule.devices {
        let name = devices().find(|device| device.is_called(wanted)).map_or(wanted, |device| &device.name);
        if !found.iter().flatten().any(|known| known == name) {
            found.push(Some(name.clone()));
        }
    }
    found
}

/// Chances after Holm's correction over all that were tested.
pub(crate) fn adjusted(cases: &[Case]) -> Vec<Option<f64>> {
    let p = |case: &Case| case.tested.as_ref().ok().and_then(|tested| tested.p);
    let told: Vec<f64> = cases.iter().filter_map(p).collect();
    let mut adjusted = holm::adjusted(&told).into_iter();
    cases.iter().map(|case| p(case).and_then(|_| adjusted.next())).collect()
}

/// What a shift has to be beyond.
pub(crate) fn floor_of(rule: &Rule, baseline: &SideValue) -> f64 {
    (rule.relative_floor * baseline.value.unwrap_or(0.0).abs()).max(rule.absolute_floor)
}

/// Beyond the floor, and the interval on the same side of zero; by how much it has to be away from zero depends on the method.
pub(crate) fn is_beyond(shift: &Shift, floor: f64, away: f64) -> bool {
    let Shift { estimate, interval, .. } = shift;
    let near = interval.map_or(0.0, |(low, high)| if *estimate > 0.0 { low } else { -high });
    estimate.abs() > floor && near > away
}

/// How far from zero an interval has to be.
pub(crate) fn away_from_zero(method: Method, floor: f64, baseline: &SideValue) -> f64 {
    match method {
        Method::Bootstrap { .. } => floor.max(ONE_RUN_SHARE * baseline.value.unwrap_or(0.0).abs()),
        Method::Exact | Method::RankTest | Method::NotJudged => 0.0,
    }
}

fn decide(case: Case, p_adjusted: Option<f64>, tests: usize, sides: [&[Run]; 2], is_comparable: bool) -> Judged {
    let Case { rule, device, values, tested } = case;
    let floor = floor_of(&rule, &values[0]);
    let alpha = 1.0 - rule.confidence;
    let (method, shift, p, finding) = match tested {
        Err(Untested::Absent(what)) => (Method::NotJudged, None, None, Finding::Absent { what }),
        Err(Untested::TooFew(needs)) => (Method::NotJudged, None, None, Finding::TooFew { needs }),
        Ok(tested) => {
            let finding = found(&tested, &rule, &values[0], p_adjusted, tests);
            let too_few = || Finding::TooFew { needs: runs_needed(alpha, tests, &rule, sides) };
            (tested.method, Some(tested.shift), tested.p, finding.unwrap_or_else(too_few))
        }
    };
    let finding = match finding {
        Finding::Absent { .. } => finding,
        _ if !is_comparable => Finding::NotCompared,
        _ => finding,
    };
    let unit = unit_of(&rule.metric, sides);
    Judged { rule, device, unit, method, values, shift, p, p_adjusted, floor, finding }
}

/// What a comparison found that is one of so many; `None` where it has too few runs to be as sure as the rule asks.
pub(crate) fn found(
    tested: &Tested,
    rule: &Rule,
    baseline: &SideValue,
    p_adjusted: Option<f64>,
    tests: usize,
) -> Option<Finding> {
    let alpha = 1.0 - rule.confidence;
    if tested.p_least * tests as f64 > alpha {
        return None;
    }
    let floor = floor_of(rule, baseline);
    let is_large = is_beyond(&tested.shift, floor, away_from_zero(tested.method, floor, baseline));
    if !is_large || p_adjusted.is_some_and(|p| p > alpha) {
        return Some(Finding::Unchanged);
    }
    let is_worse = (tested.shift.estimate > 0.0) == (rule.worse == Worse::Higher);
    Some(if is_worse { Finding::Regression } else { Finding::Improvement })
}

fn runs_needed(alpha: f64, tests: usize, rule: &Rule, sides: [&[Run]; 2]) -> String {
    let wanted = alpha / tests as f64;
    let runs =
        (1..RUNS_MAX).find(|runs| super::super::statistics::rank::least_p(*runs, *runs) <= wanted).unwrap_or(RUNS_MAX);
    let [left, right] = sides.map(<[Run]>::len);
    let rules = if tests == 1 { "one comparison".to_owned() } else { format!("{tests} comparisons at once") };
    let sure = percent(rule.confidence);
    format!("{runs} runs a side are needed to be {sure} sure of {rules}; there are {left} and {right}")
}

fn unit_of(metric: &Metric, sides: [&[Run]; 2]) -> MetricUnit {
    if let Some(unit) = metric.unit() {
        return MetricUnit::Known(unit);
    }
    let Metric::Figure(name) = metric else { return MetricUnit::Own(String::new()) };
    let figures = sides.iter().copied().flatten().filter_map(|run| run.figures.get(name));
    MetricUnit::Own(figures.map(|figure| figure.unit.clone()).find(|unit| !unit.is_empty()).unwrap_or_default())
}

/// Why rules that had to decide could not. An optional one with too few samples decides nothing and stops nobody, unless none decided.
fn undecided(judged: &[Judged], rules: &RuleSet) -> Vec<Reason> {
    let is_allowed = rules.allow.contains(&ReasonKind::Samples);
    let decided = |judged: &Judged| {
        matches!(judged.finding, Finding::Regression | Finding::Improvement | Finding::Unchanged | Finding::NotCompared)
    };
    let mut texts: Vec<String> = Vec::new();
    for one in judged {
        let of = one.device.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
        let text = match &one.finding {
            Finding::TooFew { needs } if !one.rule.is_optional || one.method == Method::RankTest => needs.clone(),
            Finding::Absent { what } if !one.rule.is_optional => format!("`{}`{of}: {what}", one.rule.metric),
            _ => continue,
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() && !judged.iter().any(decided) {
        texts.extend(judged.iter().find_map(|one| match &one.finding {
            Finding::TooFew { needs } => Some(needs.clone()),
            _ => None,
        }));
        if texts.is_empty() {
            texts.push("no rule has anything to judge: neither side has what the rules are about".to_owned());
        }
    }
    texts.into_iter().map(|text| Reason { kind: ReasonKind::Samples, text, is_allowed }).collect()
}

fn outcome(judged: &[Judged], reasons: &[Reason]) -> Outcome {
    let stops = |reason: &&Reason| !reason.is_allowed;
    // A regression is one whatever else could not be decided; but not between sides that cannot be compared.
    if judged.iter().any(|one| one.finding == Finding::Regression) {
        Outcome::Failed
    } else if reasons.iter().any(|reason| stops(&reason)) {
        Outcome::Inconclusive
    } else {
        Outcome::Passed
    }
}

/// A metric that was declared to have no noise and has some.
fn noisy(judged: &Judged) -> Option<String> {
    if !judged.rule.is_exact || !matches!(judged.method, Method::RankTest | Method::Bootstrap { .. }) {
        return None;
    }
    let all = || judged.values.iter().flat_map(|side| &side.runs).copied();
    let (low, high) = (all().min_by(f64::total_cmp)?, all().max_by(f64::total_cmp)?);
    let of = judged.device.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
    Some(format!(
        "`{}`{of} is to be exact, and is not the same in all runs ({low:.4} to {high:.4}): judged like the others",
        judged.rule.metric
    ))
}

fn side(runs: &[Run]) -> Side {
    let mut machines: Vec<String> = Vec::new();
    for capture in runs.iter().filter_map(|run| run.capture.as_ref()) {
        let machine = format!("Linux {} on {}", capture.kernel_release, capture.host);
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    Side {
        runs: runs.iter().map(|run| run.name.clone()).collect(),
        duration_ns: runs.iter().fold(0, |sum, run| sum.saturating_add(run.duration_ns)),
        events: runs.iter().fold(0, |sum, run| sum.saturating_add(run.events)),
        machines,
    }
}

#[cfg(test)]
mod tests;
