//! The what-if as one JSON object. Names are those of the metric catalogue; what the trace does not tell is `null` or left
//! out, and a note says why.

use serde::Serialize;

use super::{WhatIfReport, sentence};
use crate::analysis::losses::LossSummary;
use crate::analysis::whatif::result::{RecordedCounts, Row, TargetResult};
use crate::export::TraceEnd;

/// Version of the shape. Names are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    source: &'a str,
    trace_end: &'static str,
    torn_tail_bytes: u64,
    is_approximate: bool,
    losses: &'a LossSummary,
    notes: Vec<String>,
    targets: Vec<Target<'a>>,
}

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    device: &'a str,
    log_type: &'static str,
    region_size_bytes: u64,
    target_begin_sector: u64,
    target_sectors: u64,
    recorded: &'a RecordedCounts,
    settings: &'a [Row],
    notes: Vec<String>,
    advice: Advice,
}

#[derive(Serialize)]
struct Advice {
    log_type: &'static str,
    region_size_bytes: u64,
    is_change: bool,
    reason: String,
}

impl<'a> Target<'a> {
    fn of(result: &'a TargetResult) -> Self {
        let TargetResult {
            name,
            device,
            log_type,
            target_begin_sector,
            target_sectors,
            region_size_bytes,
            recorded,
            rows,
            notes,
            advice,
        } = result;
        Self {
            name,
            device,
            log_type: log_type.name(),
            region_size_bytes: *region_size_bytes,
            target_begin_sector: *target_begin_sector,
            target_sectors: *target_sectors,
            recorded,
            settings: rows,
            notes: notes.iter().map(sentence::note).collect(),
            advice: Advice {
                log_type: advice.log_type.name(),
                region_size_bytes: advice.region_size_bytes,
                is_change: advice.region_size_bytes != *region_size_bytes,
                reason: sentence::advice(result),
            },
        }
    }
}

/// The what-if as one JSON object, indented, with a line end.
///
/// # Errors
/// [`serde_json::Error`] if a number has no place in JSON; none of ours is of that kind.
pub fn render(report: &WhatIfReport<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let (trace_end, torn_tail_bytes) = match report.end {
        TraceEnd::Clean => ("clean", 0),
        TraceEnd::Torn { bytes } => ("torn", bytes),
    };
    let result = report.result;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        source: report.source,
        trace_end,
        torn_tail_bytes,
        is_approximate: !result.losses.is_empty(),
        losses: &result.losses,
        notes: result.notes.iter().map(sentence::note).collect(),
        targets: result.targets.iter().map(Target::of).collect(),
    };
    let mut out = serde_json::to_vec_pretty(&document)?;
    out.push(b'\n');
    Ok(out)
}
