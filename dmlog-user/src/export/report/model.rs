//! What the models of the logs say: how much was compared, and where the kernel answered something else.

use crate::analysis::catalogue::{COMPARED, CONCURRENT, DIVERGENCES, UNKNOWN, UNSETTLED};
use crate::export::document::{Document, Topic};
use crate::export::number::{count, counted, harmless, moment};
use crate::export::table::Table;
use crate::session::difference::{DifferenceSnapshot, ModelSummary};
use crate::session::model::tally::ComparisonRow;

/// Differences that get a line each in a report; `verify` shows all, with the events before them.
const DIFFERENCES_SHOWN: usize = 8;

/// Appends the lines about all logs.
pub(super) fn summary(model: Option<&ModelSummary>, out: &mut Document) {
    let Some(model) = model else { return };
    if model.logs_not_modelled > 0 {
        let text =
            format!("{} too many, or with too many regions, for a model", counted(model.logs_not_modelled, "log"));
        out.alarm("LIMIT", text);
    }
    if model.divergences > 0 {
        out.alarm("DIVERGES", verdict(model));
    } else {
        out.fact("model", verdict(model));
    }
    for found in model.differences.iter().take(DIFFERENCES_SHOWN) {
        out.fact("", format!("{}: {}", title(found), answers(found)));
    }
    let more = model.differences.len().saturating_sub(DIFFERENCES_SHOWN);
    if !model.differences.is_empty() {
        let more = if more > 0 { format!("{} more; ", count(more as u64)) } else { String::new() };
        out.fact("", format!("{more}`dmlog-top verify` shows the events before each"));
    }
}

/// What was compared and what came of it, in a sentence.
pub fn verdict(model: &ModelSummary) -> String {
    let ModelSummary { compared, unknown, concurrent, divergences, unsettled, .. } = model;
    let mut parts = vec![format!("{} compared", counted(*compared, "answer"))];
    parts.push(match divergences {
        0 => "no divergence".to_owned(),
        some => counted(*some, "divergence"),
    });
    for (number, what) in [(unsettled, "unsettled"), (unknown, "unknown to the model"), (concurrent, "concurrent")] {
        if *number > 0 {
            parts.push(format!("{} {what}", count(*number)));
        }
    }
    parts.join(", ")
}

/// What differs and where, in a few words.
pub fn title(found: &DifferenceSnapshot) -> String {
    let region = found.region.map_or_else(String::new, |region| format!(", region {region}"));
    format!("at {} {} log {}, {}{region}", moment(found.time_ns), harmless(&found.device), found.log, found.comparison)
}

/// Both answers, and what may explain the difference.
pub fn answers(found: &DifferenceSnapshot) -> String {
    let reason = match found.reason {
        "loss" => "; events are missing that may explain it",
        "log_device" => "; the log device lost what was written last, or somebody else wrote there",
        "end" => "; the trace ends before it is certain that nothing is missing",
        _ => "",
    };
    format!("kernel {}, model {}{reason}", found.kernel, found.model)
}

/// Appends the table of comparisons of one mirror.
pub fn comparisons(rows: &[ComparisonRow], out: &mut Document) {
    if rows.is_empty() {
        return;
    }
    out.heading(Topic::Other, "Answers of the kernel, compared with the model of the log");
    let metrics = [COMPARED, DIVERGENCES, UNSETTLED, UNKNOWN, CONCURRENT];
    let mut table = Table::default().words("answer").numbers(&metrics);
    for row in rows {
        let ComparisonRow { name, compared, unknown, concurrent, divergences, unsettled } = row;
        let numbers = [compared, divergences, unsettled, unknown, concurrent];
        table.row(std::iter::once((*name).to_owned()).chain(numbers.map(|number| count(*number))).collect());
    }
    out.table(table);
    if rows.iter().any(|row| row.unsettled > 0) {
        out.note("unsettled: the kernel answered something else, and something that is missing may explain it");
    }
}
