//! The report as JSON: everything that the text shows, under stable names with their units in them.
//!
//! The shape is that of [`Snapshot`], whose field names are ids of the metric catalogue; this file adds what surrounds it.
//! What the capture did not know is `null`; a distribution without values is left out.

use serde::Serialize;

use super::coverage::HookCounts;
use super::{Report, TraceEnd};
use crate::event::facts::HookCoverage;
use crate::session::snapshot::Snapshot;

/// Version of the shape. Names are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    source: &'a str,
    capture: Capture<'a>,
    trace_end: &'static str,
    torn_tail_bytes: u64,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
}

#[derive(Serialize)]
struct Capture<'a> {
    tool_version: &'a str,
    command_line: &'a [String],
    host: &'a str,
    kernel_release: &'a str,
    kernel_version: &'a str,
    machine: &'a str,
    cpus: u32,
    start_realtime_ns: u64,
    ring_bytes: u64,
    devices: &'a [String],
    reads: bool,
    io: bool,
    hooks: HookCounts,
    coverage: &'a [HookCoverage],
    layout: &'a [String],
}

/// The report as one JSON object, indented, with a line end.
///
/// # Errors
/// [`serde_json::Error`] if a number has no place in JSON; none of ours is of that kind.
pub fn render(report: &Report<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let facts = report.facts;
    let (trace_end, torn_tail_bytes) = match report.end {
        TraceEnd::Clean => ("clean", 0),
        TraceEnd::Torn { bytes } => ("torn", bytes),
    };
    let document = Document {
        schema_version: SCHEMA_VERSION,
        source: report.source,
        capture: Capture {
            tool_version: &facts.tool_version,
            command_line: &facts.command_line,
            host: &facts.host,
            kernel_release: &facts.kernel_release,
            kernel_version: &facts.kernel_version,
            machine: &facts.machine,
            cpus: facts.cpus,
            start_realtime_ns: facts.clock.realtime_ns,
            ring_bytes: facts.ring_bytes,
            devices: &facts.devices,
            reads: facts.reads,
            io: facts.io,
            hooks: HookCounts::of(facts),
            coverage: &facts.coverage,
            layout: &facts.layout,
        },
        trace_end,
        torn_tail_bytes,
        snapshot: report.snapshot,
    };
    let mut out = serde_json::to_vec_pretty(&document)?;
    out.push(b'\n');
    Ok(out)
}
