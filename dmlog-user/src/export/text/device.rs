//! The part of one mirror.

use crate::analysis::catalogue::{
    BYTES, BYTES_RATE, CLEARS, CLEARS_CARRIED, COUNT, DURATION, ERRORS, FIRST_REGIONS, FIRST_SECTOR, FIRST_TIME,
    LAST_ERROR, LAST_SECTOR, LAST_TIME, LATENCY_MAX, LATENCY_P50, LATENCY_P90, LATENCY_P99, LATENCY_P999, LEGS_SHARE,
    MARKS, MARKS_CARRIED, Metric, OWN_FLUSH_SHARE, PASS_SHARE, RATE, RE_MARKS, READ_BYTES, READS, REGION, RESULT,
    START_TIME, TGID, WRITE_BYTES, WRITES,
};
use crate::analysis::consults::ConsultSummary;
use crate::analysis::failures::FailureSummary;
use crate::analysis::flush::FlushSummary;
use crate::analysis::io::IoSummary;
use crate::analysis::latency::LatencySummary;
use crate::analysis::ops::OpTable;
use crate::analysis::processes::{ProcessSummary, ProcessTable};
use crate::analysis::recovery::RecoverySummary;
use crate::event::facts::CaptureFacts;
use crate::export::number::{bytes, bytes_per_s, count, counted, duration, error, harmless, moment, per_s, ratio};
use crate::export::table::{MISSING, Table, WIDTH, note, paragraph};
use crate::session::snapshot::{DeviceSnapshot, RegionsSnapshot, TargetSnapshot};

/// Targets of one device that get a line each.
const TARGETS_SHOWN: usize = 4;

/// Regions that are named in one cell or line.
const REGIONS_SHOWN: usize = 4;

const PERCENTILES: [Metric; 5] = [LATENCY_P50, LATENCY_P90, LATENCY_P99, LATENCY_P999, LATENCY_MAX];

/// Appends everything about one mirror.
pub(super) fn render(device: &DeviceSnapshot, facts: &CaptureFacts, out: &mut String) {
    title(device, out);
    description(device, out);
    failures(&device.failures, out);
    io(&device.io, facts, out);
    flushes(&device.flush, out);
    regions(&device.regions, out);
    processes(&device.processes, out);
    recovery(&device.recovery, device, out);
    consults(&device.consults, out);
    operations(&device.ops, out);
}

fn title(device: &DeviceSnapshot, out: &mut String) {
    let name = harmless(&device.name);
    let number = device.device.as_deref().map_or_else(String::new, |number| format!(" ({number})"));
    let rule = "═".repeat(WIDTH.saturating_sub(name.chars().count() + number.chars().count() + 5));
    out.extend(["\n══ ", &name, &number, " ", &rule, "\n"]);
}

fn description(device: &DeviceSnapshot, out: &mut String) {
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
    paragraph("mirror", &parts.join(", "), out);
    let many = device.targets.len() > 1;
    for target in device.targets.iter().take(TARGETS_SHOWN) {
        paragraph("regions", &target_line(target, many), out);
    }
    if device.targets.len() > TARGETS_SHOWN {
        paragraph("", &format!("and {} more targets", device.targets.len() - TARGETS_SHOWN), out);
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

fn heading(text: &str, out: &mut String) {
    out.extend(["\n", text, "\n"]);
}

fn failures(failures: &FailureSummary, out: &mut String) {
    if failures.kinds.is_empty() {
        return;
    }
    heading("FAILURES", out);
    let mut table = Table::default().number(COUNT).numbers(&[FIRST_TIME, LAST_TIME, LAST_ERROR]).words("what");
    let mut kinds: Vec<_> = failures.kinds.iter().collect();
    kinds.sort_by_key(|kind| kind.first_ns);
    for kind in kinds {
        let error = if kind.last_error == 0 { MISSING.to_owned() } else { error(kind.last_error) };
        let meaning = kind.meaning.to_owned();
        table.row(vec![count(kind.count), moment(kind.first_ns), moment(kind.last_ns), error, meaning]);
    }
    table.render(out);
    if !failures.failed_legs.is_empty() {
        let legs: Vec<String> = failures
            .failed_legs
            .iter()
            .map(|leg| format!("leg {} ({})", leg.leg, counted(leg.count, "time")))
            .collect();
        note(&format!("failed: {}", legs.join(", ")), out);
    }
    if !failures.out_of_sync_regions.is_empty() {
        note(&format!("first regions set out of sync: {}", list(&failures.out_of_sync_regions)), out);
    }
}

/// The first few numbers of a list.
fn list(numbers: &[u64]) -> String {
    let mut words: Vec<String> = numbers.iter().take(REGIONS_SHOWN).map(u64::to_string).collect();
    if numbers.len() > REGIONS_SHOWN {
        words.push("…".to_owned());
    }
    words.join(" ")
}

/// The five percentile cells.
fn percentiles(latency: Option<&LatencySummary>) -> Vec<String> {
    let Some(latency) = latency else { return vec![MISSING.to_owned(); PERCENTILES.len()] };
    let LatencySummary { latency_ns_p50, latency_ns_p90, latency_ns_p99, latency_ns_p999, latency_ns_max, .. } =
        *latency;
    [latency_ns_p50, latency_ns_p90, latency_ns_p99, latency_ns_p999, latency_ns_max].map(duration).into()
}

fn io(io: &IoSummary, facts: &CaptureFacts, out: &mut String) {
    if io.kinds.is_empty() {
        if !facts.coverage.is_empty() && !facts.io {
            heading("Reads and writes were not recorded (--no-io)", out);
        }
        return;
    }
    heading("Reads and writes, from entry to end as their submitter sees it", out);
    let mut table =
        Table::default().words("kind").numbers(&[COUNT, RATE, BYTES, BYTES_RATE, ERRORS]).numbers(&PERCENTILES);
    for kind in &io.kinds {
        let mut row = vec![
            kind.kind.to_owned(),
            count(kind.count),
            per_s(kind.rate_per_s),
            bytes(kind.bytes),
            bytes_per_s(kind.bytes_per_s),
            count(kind.errors),
        ];
        row.append(&mut percentiles(kind.latency.as_ref()));
        table.row(row);
    }
    table.render(out);
    write_wait(io, out);
    under_way(io, out);
}

fn write_wait(io: &IoSummary, out: &mut String) {
    let wait = &io.write_wait;
    if let Some(share) = wait.dirtied_flush_wait_ratio {
        note(
            &format!(
                "{} of the writes' latency was spent waiting for dirtied flushes ({} of {} writes waited)",
                ratio(share),
                count(wait.writes_that_waited),
                count(wait.writes),
            ),
            out,
        );
    }
    if let (Some(pass), Some(flush), Some(legs)) = (wait.pass_wait_ratio, wait.flush_wait_ratio, wait.legs_ratio) {
        note(
            &format!(
                "it went to: {} {}, {} {}, {} {}",
                PASS_SHARE.title,
                ratio(pass),
                OWN_FLUSH_SHARE.title,
                ratio(flush),
                LEGS_SHARE.title,
                ratio(legs),
            ),
            out,
        );
        if wait.writes_split < wait.writes {
            let (split, writes) = (count(wait.writes_split), count(wait.writes));
            note(&format!("that split is of the {split} writes of {writes} whose pass and flush were seen"), out);
        }
    }
    if wait.writes_delayed_by_recovery > 0 {
        note(
            &format!(
                "{} writes waited for the recovery of their region, {} together",
                count(wait.writes_delayed_by_recovery),
                duration(wait.recovery_delay_ns),
            ),
            out,
        );
    }
    if wait.writes_not_explained > 0 {
        let writes = count(wait.writes_not_explained);
        note(&format!("{writes} writes took longer than flushes are remembered: not in these shares"), out);
    }
}

fn under_way(io: &IoSummary, out: &mut String) {
    let under_way = &io.under_way;
    if let Some(oldest_ns) = under_way.oldest_under_way_ns {
        note(
            &format!(
                "{} and {} had not ended, the oldest after {}",
                counted(under_way.writes_under_way, "write"),
                counted(under_way.reads_under_way, "read"),
                duration(oldest_ns),
            ),
            out,
        );
    }
    if io.ends_without_entry > 0 {
        let ends = counted(io.ends_without_entry, "bio");
        note(&format!("{ends} ended whose entry was not seen"), out);
    }
    if io.writes_without_region > 0 {
        let writes = counted(io.writes_without_region, "write");
        note(&format!("{writes} could not be placed in a region: its size is not known"), out);
    }
}

fn flushes(flush: &FlushSummary, out: &mut String) {
    if flush.kinds.is_empty() {
        return;
    }
    heading("Flushes of the log", out);
    let mut table = Table::default().words("kind").numbers(&[COUNT, RATE, ERRORS, MARKS_CARRIED]).numbers(&PERCENTILES);
    for kind in &flush.kinds {
        let mut row = vec![
            spoken_kind(kind.kind).to_owned(),
            count(kind.count),
            per_s(kind.rate_per_s),
            count(kind.errors),
            count(kind.marks_carried),
        ];
        row.append(&mut percentiles(kind.latency.as_ref()));
        table.row(row);
    }
    table.render(out);
    let did_work = |kind: &str| kind != "no_op";
    let mut table = Table::default().number(START_TIME).number(DURATION).words("kind").number(RESULT);
    table = table.numbers(&[MARKS_CARRIED, CLEARS_CARRIED]).words(FIRST_REGIONS.title);
    for slow in flush.slowest.iter().filter(|slow| did_work(slow.kind)) {
        table.row(vec![
            moment(slow.start_ns),
            duration(slow.duration_ns),
            spoken_kind(slow.kind).to_owned(),
            error(i64::from(slow.result)),
            count(slow.marks_carried),
            count(slow.clears_carried),
            list(&slow.first_regions),
        ]);
    }
    if !table.is_empty() {
        heading("Slowest flushes, with the marks and clears that they carried", out);
        table.render(out);
    }
}

/// A kind of flush as the text form of events spells it.
fn spoken_kind(kind: &str) -> &str {
    match kind {
        "cleaned_only" => "cleaned-only",
        "no_op" => "no-op",
        other => other,
    }
}

fn regions(regions: &RegionsSnapshot, out: &mut String) {
    let totals = &regions.totals;
    if totals.marks + totals.clears == 0 {
        return;
    }
    heading("Regions", out);
    note(
        &format!(
            "{} of {}, {}; {} came within a second of the region's clear",
            counted(totals.marks, "mark"),
            counted(totals.marked_regions, "region"),
            counted(totals.clears, "clear"),
            counted(totals.re_marks, "mark"),
        ),
        out,
    );
    if totals.other.marks + totals.other.clears > 0 {
        note(
            &format!(
                "more regions than are told apart: {} marks and {} clears are of regions that are not listed",
                count(totals.other.marks),
                count(totals.other.clears),
            ),
            out,
        );
    }
    if regions.most_marked.is_empty() {
        return;
    }
    let mut table = Table::default().numbers(&[REGION, FIRST_SECTOR, LAST_SECTOR, MARKS, CLEARS, RE_MARKS, WRITES]);
    table = table.number(WRITE_BYTES);
    for region in &regions.most_marked {
        let sector = |sector: Option<u64>| sector.map_or_else(|| MISSING.to_owned(), |sector| sector.to_string());
        table.row(vec![
            region.region.to_string(),
            sector(region.sectors.map(|range| range.first_sector)),
            sector(region.sectors.map(|range| range.last_sector)),
            count(region.marks),
            count(region.clears),
            count(region.re_marks),
            count(region.writes),
            bytes(region.write_bytes),
        ]);
    }
    table.render(out);
}

fn processes(processes: &ProcessTable, out: &mut String) {
    if processes.rows.is_empty() {
        return;
    }
    heading("Processes that read and wrote", out);
    let mut table = Table::default().words("command").number(TGID);
    table = table.numbers(&[WRITES, WRITE_BYTES, READS, READ_BYTES, LATENCY_P50, LATENCY_P99, LATENCY_MAX]);
    let mut row = |name: String, tgid: String, process: &ProcessSummary| {
        let latency = |pick: fn(&LatencySummary) -> u64| {
            process.write_latency.as_ref().map_or_else(|| MISSING.to_owned(), |latency| duration(pick(latency)))
        };
        table.row(vec![
            name,
            tgid,
            count(process.writes),
            bytes(process.write_bytes),
            count(process.reads),
            bytes(process.read_bytes),
            latency(|l| l.latency_ns_p50),
            latency(|l| l.latency_ns_p99),
            latency(|l| l.latency_ns_max),
        ]);
    };
    for process in &processes.rows {
        row(harmless(&process.comm), process.tgid.to_string(), process);
    }
    if let Some(other) = &processes.other {
        row("(others)".to_owned(), MISSING.to_owned(), other);
    }
    table.render(out);
}

fn recovery(recovery: &RecoverySummary, device: &DeviceSnapshot, out: &mut String) {
    if recovery.regions_handed_out + recovery.regions_recovered + recovery.regions_failed + recovery.copies == 0 {
        return;
    }
    heading("Recovery", out);
    note(
        &format!(
            "{} regions handed out, {} recovered, {} failed; {} copied in {}",
            count(recovery.regions_handed_out),
            count(recovery.regions_recovered),
            count(recovery.regions_failed),
            bytes(recovery.copied_bytes),
            duration(recovery.active_ns),
        ),
        out,
    );
    if let Some(regions_per_s) = recovery.regions_per_s {
        let speed = recovery.bytes_per_s.map_or_else(String::new, |rate| format!(", {}", bytes_per_s(rate)));
        let left = match recovery.time_left_ns {
            Some(left_ns) if left_ns > 0 => format!("; at that rate the rest takes {} more", duration(left_ns)),
            Some(_) | None => String::new(),
        };
        note(&format!("{} regions per second{speed}{left}", per_s(regions_per_s)), out);
    }
    if let Some(latency) = &recovery.latency {
        let cells = percentiles(Some(latency));
        let told: Vec<String> =
            PERCENTILES.iter().zip(cells).map(|(metric, cell)| format!("{} {cell}", metric.title)).collect();
        note(&format!("copies took {}; {} with errors", told.join(", "), count(recovery.copy_errors)), out);
    }
    if let Some(false) = device.targets.last().and_then(|target| target.sync.in_sync) {
        note("the mirror was not in sync at the end", out);
    }
}

fn consults(consults: &[ConsultSummary], out: &mut String) {
    if consults.is_empty() {
        return;
    }
    heading("Round trips to the userspace log daemon", out);
    let mut table = Table::default().words("request").numbers(&[COUNT, RATE, ERRORS]).numbers(&PERCENTILES);
    for consult in consults {
        let mut row =
            vec![consult.request.to_owned(), count(consult.count), per_s(consult.rate_per_s), count(consult.errors)];
        row.append(&mut percentiles(consult.latency.as_ref()));
        table.row(row);
    }
    table.render(out);
}

fn operations(ops: &OpTable, out: &mut String) {
    if ops.rows.is_empty() {
        return;
    }
    heading("All operations", out);
    let mut table = Table::default().words("operation").numbers(&[COUNT, RATE, ERRORS]).numbers(&PERCENTILES);
    let mut clamped = 0;
    for op in &ops.rows {
        clamped += op.latency.map_or(0, |latency| latency.latency_clamped);
        let mut row = vec![op.name.to_owned(), count(op.count), per_s(op.rate_per_s), count(op.errors)];
        row.append(&mut percentiles(op.latency.as_ref()));
        table.row(row);
    }
    table.render(out);
    if clamped > 0 {
        let clamped = count(clamped);
        note(&format!("{clamped} durations were beyond the histogram and count as its end in percentiles"), out);
    }
}
