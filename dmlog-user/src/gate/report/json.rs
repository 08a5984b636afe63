//! A verdict as one JSON object: everything that the pages say, and what they have no room for. [`schema`](super::schema) is its schema.
//!
//! What is not known is `null`. Numbers are in the unit that stands beside them.

use serde::Serialize;

use super::{Report, in_order, sentence};
use crate::export::markup::misleads;
use crate::gate::rules::Worse;
use crate::gate::verdict::{Finding, Judged, Method, Side, SideValue};

/// Version of the shape. Names are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    outcome: &'static str,
    summary: String,
    rules_from: &'a str,
    command: &'a str,
    baseline: SideFacts<'a>,
    candidate: SideFacts<'a>,
    reasons: Vec<ReasonRow<'a>>,
    judged: Vec<Row<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct SideFacts<'a> {
    runs: &'a [String],
    duration_ns: u64,
    events: u64,
    machines: &'a [String],
}

#[derive(Serialize)]
struct ReasonRow<'a> {
    kind: &'static str,
    text: &'a str,
    allowed: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    metric: String,
    device: Option<&'a str>,
    unit: &'a str,
    finding: &'static str,
    /// The finding in words.
    sentence: String,
    needs: Option<&'a str>,
    what: Option<&'a str>,
    method: &'static str,
    bootstrap: Option<Bootstrap>,
    baseline: Values<'a>,
    candidate: Values<'a>,
    shift: Option<ShiftRow>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    floor: f64,
    worse: &'static str,
    relative_floor: f64,
    absolute_floor: f64,
    minimum_samples: Option<u64>,
    confidence: f64,
    exact: bool,
    optional: bool,
    devices: &'a [String],
}

#[derive(Serialize)]
struct Bootstrap {
    slice_ns: u64,
    block_slices: usize,
    rounds: u32,
}

#[derive(Serialize)]
struct Values<'a> {
    value: Option<f64>,
    runs: &'a [f64],
    samples: u64,
}

#[derive(Serialize)]
struct ShiftRow {
    estimate: f64,
    relative: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// The object, indented, with a line end.
///
/// # Errors
/// [`serde_json::Error`] if something has no place in JSON; nothing of ours is of that kind.
pub fn render(report: &Report<'_>) -> Result<String, serde_json::Error> {
    let verdict = report.verdict;
    let [baseline, candidate] = &verdict.sides;
    let reasons = verdict.reasons.iter();
    let document = Document {
        schema_version: SCHEMA_VERSION,
        outcome: verdict.outcome.name(),
        summary: sentence::headline(report),
        rules_from: report.rules_from,
        command: report.command,
        baseline: side(baseline),
        candidate: side(candidate),
        reasons: reasons
            .map(|reason| ReasonRow { kind: reason.kind.name(), text: &reason.text, allowed: reason.is_allowed })
            .collect(),
        judged: in_order(verdict).into_iter().map(row).collect(),
        notes: &verdict.notes,
    };
    let mut out = escaped(&serde_json::to_string_pretty(&document)?);
    out.push('\n');
    Ok(out)
}

fn side(side: &Side) -> SideFacts<'_> {
    let Side { runs, duration_ns, events, machines } = side;
    SideFacts { runs, duration_ns: *duration_ns, events: *events, machines }
}

fn row(judged: &Judged) -> Row<'_> {
    let Judged { rule, device, unit, method, values, shift, p, p_adjusted, floor, finding } = judged;
    let [baseline, candidate] = values;
    Row {
        metric: rule.metric.to_string(),
        device: device.as_deref(),
        unit: unit.name(),
        finding: finding.name(),
        sentence: sentence::finding(judged),
        needs: if let Finding::TooFew { needs } = finding { Some(needs) } else { None },
        what: if let Finding::Absent { what } = finding { Some(what) } else { None },
        method: method.name(),
        bootstrap: match *method {
            Method::Bootstrap { slice_ns, block, rounds } => Some(Bootstrap { slice_ns, block_slices: block, rounds }),
            Method::Exact | Method::RankTest | Method::NotJudged => None,
        },
        baseline: value(baseline),
        candidate: value(candidate),
        shift: shift.map(|shift| ShiftRow {
            estimate: shift.estimate,
            relative: shift.relative,
            low: shift.interval.map(|(low, _)| low),
            high: shift.interval.map(|(_, high)| high),
        }),
        p: *p,
        p_adjusted: *p_adjusted,
        floor: *floor,
        worse: worse_name(rule.worse),
        relative_floor: rule.relative_floor,
        absolute_floor: rule.absolute_floor,
        minimum_samples: rule.minimum_samples,
        confidence: rule.confidence,
        exact: rule.is_exact,
        optional: rule.is_optional,
        devices: &rule.devices,
    }
}

pub(super) fn worse_name(worse: Worse) -> &'static str {
    match worse {
        Worse::Higher => "higher",
        Worse::Lower => "lower",
    }
}

fn value(value: &SideValue) -> Values<'_> {
    let SideValue { value, runs, samples } = value;
    Values { value: *value, runs, samples: *samples }
}

/// The same JSON, harmless to a terminal that it is printed on: control characters that JSON allows, and those that turn the direction
/// of a text, as numbers. They stand within strings only.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => out.push(c),
            c if misleads(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
