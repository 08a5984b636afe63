//! What a self-check says: how often the gate would be wrong about these runs, and what it would see.

use serde::Serialize;

use super::json::escaped;
use super::quantity::{percent, relative};
use super::sentence;
use crate::export::number::{count, counted};
use crate::export::table::{MISSING, Table, note, paragraph};
use crate::gate::calibration::{POWER, RuleCheck, SelfCheck};
use crate::gate::rules::Worse;

/// Version of the JSON form. Names are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

/// The page.
pub fn text(found: &SelfCheck, rules_from: &str) -> String {
    let mut out = headline(found);
    out.push_str("\n\n");
    paragraph("runs", &dealt(found), &mut out);
    paragraph("rules", &sentence::name(rules_from), &mut out);
    out.push('\n');
    let mut table =
        Table::default().words("mirror").words("metric").mixed("judged").mixed("false alarms").mixed("sees from");
    for rule in found.rules.iter().filter(|rule| rule.judged > 0) {
        table.row(vec![
            rule.device.as_deref().map_or_else(|| MISSING.to_owned(), sentence::name),
            rule.metric.to_string(),
            count(rule.judged as u64),
            share(rule.false_alarms, rule.judged),
            detectable(rule),
        ]);
    }
    if !table.is_empty() {
        table.render(&mut out);
        out.push('\n');
        let power = percent(POWER);
        note(
            &format!("A change for the worse as large as in the last column is found in {power} of all comparisons."),
            &mut out,
        );
    }
    for rule in found.rules.iter().filter(|rule| rule.judged == 0 && !is_nowhere(rule)) {
        let needs = rule.needs.as_deref().unwrap_or("it was never judged");
        let of = rule.device.as_deref().map_or_else(String::new, |name| format!(" of {}", sentence::name(name)));
        note(&format!("{}{of} cannot be judged: {}.", rule.metric, sentence::clause(needs)), &mut out);
    }
    out
}

/// A mirror that does not have the metric at all.
fn is_nowhere(rule: &RuleCheck) -> bool {
    rule.is_optional && rule.is_absent
}

fn headline(found: &SelfCheck) -> String {
    if found.rules.iter().all(|rule| rule.judged == 0) {
        return "NOTHING JUDGED: no rule could be applied to these runs".to_owned();
    }
    format!(
        "{} of {} had a false alarm: {} a regression, {} an improvement that is none",
        share(found.false_alarms, found.comparisons),
        counted(found.comparisons as u64, "comparison"),
        count(found.false_regressions as u64),
        count(found.false_improvements as u64),
    )
}

fn dealt(found: &SelfCheck) -> String {
    let runs = counted(found.runs as u64, "run");
    let sides = counted(found.runs_a_side as u64, "run");
    let shared = if found.shares_runs {
        "; they are too few for sides without common runs: one run may be on both, so this looks better than it is"
    } else {
        ""
    };
    format!("{runs}, dealt into two sides of {sides}, the slices of each drawn anew in blocks{shared}")
}

fn share(part: usize, of: usize) -> String {
    if of == 0 { MISSING.to_owned() } else { percent(part as f64 / of as f64) }
}

fn detectable(rule: &RuleCheck) -> String {
    match (rule.detectable, rule.worse) {
        (Some(share), Worse::Higher) => relative(share),
        (Some(share), Worse::Lower) => relative(-share),
        (None, _) if rule.is_zero => MISSING.to_owned(),
        (None, _) => "nothing tried".to_owned(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    rules_from: &'a str,
    runs: usize,
    runs_a_side: usize,
    shares_runs: bool,
    comparisons: usize,
    false_alarms: usize,
    false_regressions: usize,
    false_improvements: usize,
    power: f64,
    rules: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    metric: String,
    device: Option<&'a str>,
    judged: usize,
    false_alarms: usize,
    /// Share of the baseline.
    detectable: Option<f64>,
    needs: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(rule: &'a RuleCheck) -> Self {
        Self {
            metric: rule.metric.to_string(),
            device: rule.device.as_deref(),
            judged: rule.judged,
            false_alarms: rule.false_alarms,
            detectable: rule.detectable,
            needs: rule.needs.as_deref(),
        }
    }
}

/// One JSON object, indented, with a line end.
///
/// # Errors
/// [`serde_json::Error`] if something has no place in JSON; nothing of ours is of that kind.
pub fn json(found: &SelfCheck, rules_from: &str) -> Result<String, serde_json::Error> {
    let SelfCheck {
        runs,
        runs_a_side,
        shares_runs,
        comparisons,
        false_alarms,
        false_regressions,
        false_improvements,
        rules,
    } = found;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        rules_from,
        runs: *runs,
        runs_a_side: *runs_a_side,
        shares_runs: *shares_runs,
        comparisons: *comparisons,
        false_alarms: *false_alarms,
        false_regressions: *false_regressions,
        false_improvements: *false_improvements,
        power: POWER,
        rules: rules.iter().map(Row::of).collect(),
    };
    Ok(escaped(&serde_json::to_string_pretty(&document)?) + "\n")
}

#[cfg(test)]
mod tests;
