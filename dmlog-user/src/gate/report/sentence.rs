//! What is said of a verdict and of each rule, in sentences that every format uses.
//!
//! They are one line each and harmless to a terminal; a format escapes them for itself.

use std::fmt::Write as _;

use super::{Report, quantity, worth_a_word};
use crate::export::number::{counted, duration, harmless, shortened};
use crate::gate::rules::{Rule, Worse};
use crate::gate::verdict::reason::Reason;
use crate::gate::verdict::{Finding, Judged, Method, Outcome, Shift, SideValue, Verdict};

/// Characters of a name in a sentence; device-mapper allows 127 bytes, and LVM's are twice that at most.
const NAME_SHOWN: usize = 60;
/// Characters of somebody else's sentence.
const SENTENCE_SHOWN: usize = 600;

/// The verdict in one line.
pub(super) fn headline(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let judged = worth_a_word(verdict);
    let all = of_rules(&judged);
    let found = |finding: &Finding| -> Vec<&Judged> {
        judged.iter().filter(|judged| judged.finding == *finding).copied().collect()
    };
    let (worse, better) = (found(&Finding::Regression), found(&Finding::Improvement));
    let regressions = || format!("{} of {all} found a regression: {}", worse.len(), first_of(&worse));
    let improvements = || format!("{} found an improvement: {}", better.len(), first_of(&better));
    let mut parts = Vec::new();
    match verdict.outcome {
        Outcome::Passed if judged.is_empty() => parts.push("there was nothing to judge".to_owned()),
        Outcome::Passed => parts.push(format!("none of {all} found a regression")),
        Outcome::Failed => parts.push(regressions()),
        Outcome::Inconclusive => {
            parts.push(why_nobody_can_tell(verdict, &judged));
            if !worse.is_empty() {
                parts.push(regressions());
            }
        }
    }
    if !better.is_empty() {
        parts.push(improvements());
    }
    let allowed = kinds(verdict, true);
    if !allowed.is_empty() {
        parts.push(format!("allowed: {}", allowed.join(", ")));
    }
    format!("{}: {}", verdict.outcome.name().to_uppercase(), parts.join("; "))
}

/// Names of the reasons that are allowed or are not, each once.
fn kinds(verdict: &Verdict, is_allowed: bool) -> Vec<&'static str> {
    let reasons = verdict.reasons.iter().filter(|reason| reason.is_allowed == is_allowed);
    let mut names: Vec<&str> = reasons.map(|reason| reason.kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// `7 rules`, or where rules were judged for several mirrors each, `14 comparisons`.
fn of_rules(judged: &[&Judged]) -> String {
    let mut rules: Vec<&Rule> = Vec::new();
    for judged in judged {
        if !rules.contains(&&judged.rule) {
            rules.push(&judged.rule);
        }
    }
    counted(judged.len() as u64, if rules.len() == judged.len() { "rule" } else { "comparison" })
}

fn first_of(judged: &[&Judged]) -> String {
    let Some(first) = judged.first() else { return String::new() };
    let more = judged.len() - 1;
    format!("{}{}", shift_of(first), if more > 0 { format!(", and {more} more") } else { String::new() })
}

fn why_nobody_can_tell(verdict: &Verdict, judged: &[&Judged]) -> String {
    let mut reasons = verdict.reasons.iter().filter(|reason| !reason.is_allowed);
    let Some(first) = reasons.next() else {
        let is_open = |judged: &&&Judged| matches!(judged.finding, Finding::TooFew { .. } | Finding::Absent { .. });
        return format!("{} of {} cannot be decided", judged.iter().filter(is_open).count(), of_rules(judged));
    };
    let more = reasons.count() as u64;
    let more = if more > 0 { format!(", and {}", counted(more, "more reason")) } else { String::new() };
    format!("{}{more}", clause(&first.text))
}

/// A reason as a sentence, with its name.
pub(super) fn reason(reason: &Reason) -> String {
    format!("{}: {}.", reason.kind.name(), clause(&reason.text))
}

/// What would make the verdict go without its reasons; `None` where nothing stands in its way.
pub(super) fn how_to_allow(verdict: &Verdict) -> Option<String> {
    let options: Vec<String> = kinds(verdict, false).iter().map(|name| format!("--allow {name}")).collect();
    (!options.is_empty()).then(|| format!("What is known and does no harm can be allowed: {}.", options.join(" ")))
}

/// The metric, with the unit where the catalogue does not know it.
pub(super) fn metric(judged: &Judged) -> String {
    let name = name(&judged.rule.metric.to_string());
    quantity::own_unit(&judged.unit).map_or_else(|| name.clone(), |unit| format!("{name} [{unit}]"))
}

/// The metric and its mirror.
pub(super) fn subject(judged: &Judged) -> String {
    let metric = name(&judged.rule.metric.to_string());
    judged.device.as_ref().map_or_else(|| metric.clone(), |device| format!("{metric} of {}", name(device)))
}

/// A name from outside.
pub(super) fn name(text: &str) -> String {
    shortened(&harmless(text), NAME_SHOWN)
}

/// A sentence from outside, without its full stop.
pub(super) fn clause(text: &str) -> String {
    let text = harmless(text);
    shortened(text.trim().trim_end_matches('.'), SENTENCE_SHOWN)
}

/// The rule and what it found.
pub(super) fn finding(judged: &Judged) -> String {
    match &judged.finding {
        Finding::Regression => format!("regression: {}", shift_of(judged)),
        Finding::Improvement => format!("improvement: {}", shift_of(judged)),
        Finding::Unchanged => format!("unchanged: {}", shift_of(judged)),
        Finding::TooFew { needs } => format!("{} cannot be decided: {}", subject(judged), clause(needs)),
        Finding::Absent { what } => format!("{} is absent: {}", subject(judged), clause(what)),
        Finding::NotCompared => {
            format!(
                "{} was not compared: nothing is claimed of sides that differ in more than what is tested",
                subject(judged)
            )
        }
    }
}

/// `flush.dirtied.p99 of vg/lv is 1.90 ms (+42 %) above the baseline's 4.52 ms`.
pub(super) fn shift_of(judged: &Judged) -> String {
    let subject = subject(judged);
    let Some(Shift { estimate, relative, .. }) = judged.shift else {
        return format!("{subject} has no value on one side");
    };
    let baseline = |before: &str| match judged.values[0].value {
        Some(value) => format!("{before} the baseline's {}", quantity::value(&judged.unit, value)),
        None => format!("{before} the baseline"),
    };
    if estimate == 0.0 {
        return format!("{subject} is {}", baseline("as").trim_end());
    }
    let by = quantity::change(&judged.unit, estimate.abs()).trim_start_matches('+').to_owned();
    let share = relative.map_or_else(String::new, |share| format!(" ({})", quantity::relative(share)));
    format!("{subject} is {by}{share} {}", baseline(if estimate > 0.0 { "above" } else { "below" }))
}

/// How sure it is and what would matter: interval, chance, floors.
pub(super) fn certainty(judged: &Judged) -> String {
    let mut parts = Vec::new();
    if let Some(interval) = interval(judged) {
        parts.push(format!("{interval} at {} confidence", percent_of(judged.rule.confidence)));
    }
    if let Some(p) = judged.p_adjusted.filter(|_| judged.finding != Finding::NotCompared) {
        parts.push(format!("p {} after Holm's correction", quantity::chance(p)));
    }
    let Rule { relative_floor, absolute_floor, .. } = judged.rule;
    let (share, amount) = (quantity::percent(relative_floor), quantity::value(&judged.unit, absolute_floor));
    let floors = match (relative_floor > 0.0, absolute_floor > 0.0) {
        (true, true) => format!(" (the larger of {share} and {amount})"),
        (true, false) => format!(" ({share})"),
        (false, _) => String::new(),
    };
    parts.push(format!("matters beyond {}{floors}", quantity::value(&judged.unit, judged.floor)));
    parts.join(", ")
}

/// 99 %, 99.9 %: to the digits that it was given with.
fn percent_of(confidence: f64) -> String {
    let text = format!("{:.4}", confidence * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `+1.20 ms to +2.60 ms`; of what has noise and was compared.
pub(super) fn interval(judged: &Judged) -> Option<String> {
    if judged.method == Method::Exact || judged.finding == Finding::NotCompared {
        return None;
    }
    let (low, high) = judged.shift?.interval?;
    Some(format!("{} to {}", quantity::change_cell(&judged.unit, low), quantity::change_cell(&judged.unit, high)))
}

/// How large a change for the worse is not ruled out; `None` but for what is unchanged.
pub(super) fn could_hide(judged: &Judged) -> Option<String> {
    if judged.finding != Finding::Unchanged || judged.method == Method::Exact {
        return None;
    }
    let (change, sign) = match judged.rule.worse {
        Worse::Higher => ("rise", 1.0),
        Worse::Lower => ("fall", -1.0),
    };
    let Some((low, high)) = judged.shift.and_then(|shift| shift.interval) else {
        return Some(format!("how large a {change} could hide is not known, for there is no interval"));
    };
    let worst = if sign > 0.0 { high } else { -low };
    if worst <= 0.0 {
        return Some(format!("no {change} is left in the interval"));
    }
    let share = judged.values[0].value.filter(|value| *value > 0.0);
    let share = share.map_or_else(String::new, |value| format!(" ({})", quantity::relative(sign * worst / value)));
    let mut said = format!("a {change} of {}{share} could still hide", quantity::value(&judged.unit, worst));
    if worst > judged.floor {
        said.push_str(", which is more than what matters: more or longer runs would tell");
    }
    Some(said)
}

/// By what method, and over what.
pub(super) fn method(judged: &Judged) -> String {
    let mut said = match judged.method {
        Method::Exact => "exact, without a test".to_owned(),
        Method::RankTest => "Mann-Whitney test of the runs' values".to_owned(),
        Method::Bootstrap { slice_ns, block, rounds } => format!(
            "block bootstrap: {} of slices of {} in blocks of {block}",
            counted(u64::from(rounds), "round"),
            duration(slice_ns)
        ),
        Method::NotJudged => "not judged".to_owned(),
    };
    let [baseline, candidate] = &judged.values;
    let _ = write!(said, "; {} against {}", of_side(baseline), of_side(candidate));
    said
}

fn of_side(side: &SideValue) -> String {
    format!("{} with {}", counted(side.runs.len() as u64, "run"), counted(side.samples, "sample"))
}
