//! What pages for people have in common: which rules are shown, by mirror, in which table, and what is said of the sides.

use super::{Report, quantity, sentence, worth_a_word};
use crate::export::number::{count, counted, duration};
use crate::export::table::{MISSING, Table};
use crate::gate::verdict::{Finding, Judged, Side};

/// Names of runs, and of machines, that are listed of a side.
const NAMES_SHOWN: usize = 8;

/// Rules that are shown, and how many are not.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// The mirrors; those with regressions first.
    pub(super) parts: Vec<Part<'a>>,
    /// Comparisons that are not shown, the least interesting ones.
    pub(super) left_out: usize,
}

/// What was judged of one mirror.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Its name; `None` of numbers that belong to none.
    pub(super) device: Option<&'a str>,
    /// At least one.
    pub(super) judged: Vec<&'a Judged>,
}

impl<'a> Page<'a> {
    /// Of a report, with so many rows in all at most.
    pub(super) fn of(report: &Report<'a>, rows_max: usize) -> Self {
        let mut judged = worth_a_word(report.verdict);
        let left_out = judged.len().saturating_sub(rows_max);
        judged.truncate(rows_max);
        let mut parts: Vec<Part<'a>> = Vec::new();
        for judged in judged {
            let device = judged.device.as_deref();
            match parts.iter_mut().find(|part| part.device == device) {
                Some(part) => part.judged.push(judged),
                None => parts.push(Part { device, judged: vec![judged] }),
            }
        }
        Self { parts, left_out }
    }

    /// What is said of what is not shown.
    pub(super) fn left_out(&self) -> Option<String> {
        (self.left_out > 0)
            .then(|| format!("{} more are not shown here; JSON has them all.", count(self.left_out as u64)))
    }
}

impl Part<'_> {
    /// Its name in a heading.
    pub(super) fn title(&self) -> String {
        self.device.map_or_else(|| "Numbers of no mirror".to_owned(), sentence::name)
    }

    /// One row for each rule.
    pub(super) fn table(&self) -> Table {
        // What was found stands beside its name: a pull request shows as many columns as there is room for.
        let table =
            Table::default().words("metric").words("finding").mixed("baseline").mixed("candidate").mixed("change");
        let mut table = table.mixed("in %").mixed("interval").mixed("p").mixed("floor");
        for judged in &self.judged {
            table.row(row(judged));
        }
        table
    }

    /// What is said of each rule below the table: whether it is sure, how it was found, what could hide.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.judged.iter().map(|judged| remark(judged)).collect()
    }
}

fn row(judged: &Judged) -> Vec<String> {
    let missing = || MISSING.to_owned();
    let unit = &judged.unit;
    let side = |side: usize| judged.values[side].value.map_or_else(missing, |value| quantity::cell(unit, value));
    let shift = judged.shift;
    vec![
        sentence::metric(judged),
        match judged.finding {
            // What changes the verdict stands out, and so does what is good.
            Finding::Regression => "REGRESSION",
            Finding::Improvement => "IMPROVEMENT",
            Finding::Unchanged => "unchanged",
            Finding::TooFew { .. } => "too few",
            Finding::Absent { .. } => "absent",
            Finding::NotCompared => "not compared",
        }
        .to_owned(),
        side(0),
        side(1),
        shift.map_or_else(missing, |shift| quantity::change_cell(unit, shift.estimate)),
        shift.and_then(|shift| shift.relative).map_or_else(missing, quantity::relative),
        sentence::interval(judged).unwrap_or_else(missing),
        judged.p_adjusted.filter(|_| judged.finding != Finding::NotCompared).map_or_else(missing, quantity::chance),
        quantity::cell(unit, judged.floor),
    ]
}

fn remark(judged: &Judged) -> String {
    let mut parts = Vec::new();
    match &judged.finding {
        Finding::TooFew { needs: what } | Finding::Absent { what } => parts.push(sentence::clause(what)),
        Finding::Unchanged => parts.extend(sentence::could_hide(judged)),
        Finding::Regression | Finding::Improvement => parts.push(sentence::certainty(judged)),
        Finding::NotCompared => {}
    }
    parts.push(sentence::method(judged));
    format!("{}: {}.", sentence::metric(judged), parts.join("; "))
}

/// How much of one side was compared, and where it was made.
pub(super) fn sampled(side: &Side) -> String {
    let machines = if side.machines.is_empty() { String::new() } else { format!("; {}", names(&side.machines)) };
    format!(
        "{}, {}, {}{machines}",
        counted(side.runs.len() as u64, "run"),
        duration(side.duration_ns),
        counted(side.events, "event")
    )
}

/// Names, not more than a reader bears.
pub(super) fn names(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| sentence::name(name)).collect();
    if names.len() > NAMES_SHOWN {
        shown.push(format!("and {} more", names.len() - NAMES_SHOWN));
    }
    shown.join(", ")
}
