//! The part of one mirror.

use super::{io, log, model, regions};
use crate::analysis::catalogue::{
    COUNT, ERRORS, FIRST_TIME, LAST_ERROR, LAST_TIME, LATENCY_MAX, LATENCY_P50, LATENCY_P90, LATENCY_P99, LATENCY_P999,
    Metric, RATE,
};
use crate::analysis::failures::FailureSummary;
use crate::analysis::latency::LatencySummary;
use crate::analysis::ops::OpTable;
use crate::event::facts::CaptureFacts;
use crate::export::document::{Block, Document, Topic};
use crate::export::number::{bytes, count, counted, duration, error, harmless, moment, per_s};
use crate::export::table::{MISSING, Table};
use crate::session::snapshot::{DeviceSnapshot, TargetSnapshot};

/// Targets of one device that get a line each.
const TARGETS_SHOWN: usize = 4;

/// Regions that are named in one cell or line.
const REGIONS_SHOWN: usize = 4;

pub(super) const PERCENTILES: [Metric; 5] = [LATENCY_P50, LATENCY_P90, LATENCY_P99, LATENCY_P999, LATENCY_MAX];

/// Appends everything about one mirror.
pub(super) fn add(place: usize, device: &DeviceSnapshot, facts: &CaptureFacts, out: &mut Document) {
    title(place, device, out);
    description(device, out);
    failures(&device.failures, out);
    io::add(&device.io, facts, out);
    log::flushes(&device.flush, out);
    regions::regions(&device.regions, &device.churn, out);
    regions::over_time(device, out);
    io::processes(&device.processes, out);
    log::recovery(&device.recovery, device, out);
    log::consults(&device.consults, out);
    operations(&device.ops, out);
    model::comparisons(&device.comparisons, out);
}

fn title(place: usize, device: &DeviceSnapshot, out: &mut Document) {
    out.blocks.push(Block::Mirror { place, name: harmless(&device.name), number: device.device.clone() });
}

fn description(device: &DeviceSnapshot, out: &mut Document) {
    let mut parts = Vec::new();
    let log_type =
        device.log_type.as_deref().map_or_else(|| "log of unknown type".to_owned(), |t| format!("{} log", harmless(t)));
    parts.push(match &device.log_device {
        Some(log_device) => format!("{log_type} on {log_device}"),
        None => log_type,
    });
    if let Some(legs) = device.legs {
        parts.push(counted(u64::from(legs), "leg"));
    }
    if device.log_instances > 1 {
        parts.push(format!("{} tables seen", count(device.log_instances)));
    }
    parts.push(counted(device.events, "event"));
    out.fact("mirror", parts.join(", "));
    let many = device.targets.len() > 1;
    for target in device.targets.iter().take(TARGETS_SHOWN) {
        out.fact("regions", target_line(target, many));
    }
    if device.targets.len() > TARGETS_SHOWN {
        out.fact("", format!("and {} more targets", device.targets.len() - TARGETS_SHOWN));
    }
}

fn target_line(target: &TargetSnapshot, many: bool) -> String {
    let mut parts = Vec::new();
    if let (true, Some(sectors)) = (many, target.sectors()) {
        parts.push(format!("sectors {}-{}", sectors.first_sector, sectors.last_sector));
    }
    match (target.region_count, target.region_size_bytes) {
        (Some(regions), Some(size)) => parts.push(format!("{} of {}", count(regions), bytes(size))),
        (Some(regions), None) => parts.push(format!("{} of unknown size", count(regions))),
        (None, Some(size)) => parts.push(format!("of {}, their number is not known", bytes(size))),
        (None, None) => parts.push("number and size are not known".to_owned()),
    }
    let sync = &target.sync;
    parts.push(match (sync.in_sync, sync.sync_count) {
        (Some(true), _) => "all in sync".to_owned(),
        (Some(false), Some(in_sync)) => {
            let lost = match sync.set_out_of_sync_since {
                0 => String::new(),
                lost => format!(", and {} set out of sync since", count(lost)),
            };
            format!("NOT IN SYNC: {} in sync{lost}", count(in_sync))
        }
        (Some(false), None) => format!("NOT IN SYNC: {} set out of sync", count(sync.set_out_of_sync_since)),
        (None, Some(in_sync)) => format!("{} in sync", count(in_sync)),
        (None, None) => "in sync: not known".to_owned(),
    });
    if let (Some(first), Some(last)) = (sync.sync_count_first, sync.sync_count)
        && first != last
    {
        parts.push(format!("{} when the kernel first told", count(first)));
    }
    parts.join(", ")
}

fn failures(failures: &FailureSummary, out: &mut Document) {
    if failures.kinds.is_empty() {
        return;
    }
    out.heading(Topic::Failures, "FAILURES");
    let mut table = Table::default().number(COUNT).numbers(&[FIRST_TIME, LAST_TIME, LAST_ERROR]).words("what");
    let mut kinds: Vec<_> = failures.kinds.iter().collect();
    kinds.sort_by_key(|kind| kind.first_ns);
    for kind in kinds {
        let error = if kind.last_error == 0 { MISSING.to_owned() } else { error(kind.last_error) };
        let meaning = kind.meaning.to_owned();
        table.row(vec![count(kind.count), moment(kind.first_ns), moment(kind.last_ns), error, meaning]);
    }
    out.table(table);
    if !failures.failed_legs.is_empty() {
        let legs: Vec<String> = failures
            .failed_legs
            .iter()
            .map(|leg| format!("leg {} ({})", leg.leg, counted(leg.count, "time")))
            .collect();
        out.note(format!("failed: {}", legs.join(", ")));
    }
    if !failures.out_of_sync_regions.is_empty() {
        out.note(format!("first regions set out of sync: {}", list(&failures.out_of_sync_regions)));
    }
}

/// The first few numbers of a list.
pub(super) fn list(numbers: &[u64]) -> String {
    let mut words: Vec<String> = numbers.iter().take(REGIONS_SHOWN).map(u64::to_string).collect();
    if numbers.len() > REGIONS_SHOWN {
        words.push("…".to_owned());
    }
    words.join(" ")
}

/// The five percentile cells.
pub(super) fn percentiles(latency: Option<&LatencySummary>) -> Vec<String> {
    let Some(latency) = latency else { return vec![MISSING.to_owned(); PERCENTILES.len()] };
    let LatencySummary { latency_ns_p50, latency_ns_p90, latency_ns_p99, latency_ns_p999, latency_ns_max, .. } =
        *latency;
    [latency_ns_p50, latency_ns_p90, latency_ns_p99, latency_ns_p999, latency_ns_max].map(duration).into()
}

fn operations(ops: &OpTable, out: &mut Document) {
    if ops.rows.is_empty() {
        return;
    }
    out.heading(Topic::Other, "All operations");
    let mut table = Table::default().words("operation").numbers(&[COUNT, RATE, ERRORS]).numbers(&PERCENTILES);
    let mut clamped = 0;
    for op in &ops.rows {
        clamped += op.latency.map_or(0, |latency| latency.latency_clamped);
        let mut row = vec![op.name.to_owned(), count(op.count), per_s(op.rate_per_s), count(op.errors)];
        row.append(&mut percentiles(op.latency.as_ref()));
        table.row(row);
    }
    out.table(table);
    if clamped > 0 {
        let clamped = count(clamped);
        out.note(format!("{clamped} durations were beyond the histogram and count as its end in percentiles"));
    }
}
