//! The what-if as a page for a terminal of 100 columns: four tables per target, then what is doubtful, then the advice.

use super::{WhatIfReport, sentence};
use crate::analysis::catalogue::{
    ADDED_LATENCY_MEAN, ADDED_LATENCY_P99, CLEANED_ONLY_FLUSHES, CLEARS, DIRTIED_FLUSHES, DIRTY_MAX, DIRTY_MEAN,
    DIRTY_P99, LOG_AREA, LOG_MEMORY, MARKS, NO_OP_FLUSHES, REGION_COUNT, REGION_SIZE, RESYNC_BYTES_MAX,
    RESYNC_BYTES_MEAN, RESYNC_BYTES_P99, RESYNC_REGIONS_MAX, RESYNC_REGIONS_MEAN, RESYNC_REGIONS_P99, WAITING_WRITES,
    WRITES,
};
use crate::analysis::whatif::result::{Activity, RecordedCounts, Row, TargetResult};
use crate::export::TraceEnd;
use crate::export::number::{bytes, count, counted, duration, harmless, per_s, ratio, shortened};
use crate::export::table::{MISSING, Table, WIDTH, paragraph};

/// Characters of a device name in its title; device-mapper allows 127 bytes.
const NAME_SHOWN: usize = 60;

/// What stands before the recorded settings.
const RECORDED: &str = "*";

/// The page.
pub fn render(report: &WhatIfReport<'_>) -> String {
    let WhatIfReport { source, result, end } = report;
    let mut out = String::new();
    paragraph("trace", &harmless(source), &mut out);
    if let TraceEnd::Torn { bytes } = end {
        let text = format!("not ended by its recorder; {bytes} bytes behind the last whole batch say nothing");
        paragraph("TORN END", &text, &mut out);
    }
    for text in result.notes.iter().map(sentence::note) {
        paragraph("NOTE", &text, &mut out);
    }
    if result.targets.is_empty() {
        out.push_str("\nno mirror whose region size and length are known was seen\n");
    }
    for target in &result.targets {
        of_target(target, &mut out);
    }
    out
}

fn of_target(target: &TargetResult, out: &mut String) {
    title(target, out);
    let RecordedCounts { writes, .. } = target.recorded;
    let recorded = format!(
        "{} log, regions of {}, {}, target of {} sectors from {}; {RECORDED} marks these settings below",
        target.log_type.name(),
        bytes(target.region_size_bytes),
        counted(writes, "write"),
        target.target_sectors,
        target.target_begin_sector,
    );
    paragraph("recorded", &recorded, out);
    heading("Regions: what is marked and cleared, and how many are dirty over time, whatever the log type", out);
    regions(target).render(out);
    heading("Flushes, and the writes that wait for a dirtied one", out);
    flushes(target).render(out);
    heading("After a crash: what is to be copied", out);
    crash(target).render(out);
    heading("What the log takes", out);
    sizes(target).render(out);
    out.push('\n');
    for text in target.notes.iter().map(sentence::note) {
        paragraph("NOTE", &text, out);
    }
    paragraph("ADVICE", &sentence::advice(target), out);
}

fn title(target: &TargetResult, out: &mut String) {
    let name = shortened(&harmless(&target.name), NAME_SHOWN);
    let number = if target.name == target.device { String::new() } else { format!(" ({})", target.device) };
    let rule = "═".repeat(WIDTH.saturating_sub(name.chars().count() + number.chars().count() + 5));
    out.extend(["\n══ ", &name, &number, " ", &rule, "\n"]);
}

fn heading(text: &str, out: &mut String) {
    out.extend(["\n", text, "\n"]);
}

fn settings_table() -> Table {
    Table::default().words("").words("log").number(REGION_SIZE)
}

/// A row that begins with its setting.
fn of_setting(row: &Row, mut cells: Vec<String>) -> Vec<String> {
    let mut all = vec![mark(row.is_recorded), row.log_type.name().to_owned(), bytes(row.region_size_bytes)];
    all.append(&mut cells);
    all
}

fn mark(is_recorded: bool) -> String {
    if is_recorded { RECORDED.to_owned() } else { String::new() }
}

fn regions(target: &TargetResult) -> Table {
    let numbers = [REGION_SIZE, REGION_COUNT, WRITES, MARKS, CLEARS, DIRTY_MEAN, DIRTY_P99, DIRTY_MAX];
    let mut table = Table::default().words("").numbers(&numbers);
    for row in target.rows.iter().filter(|row| row.log_type == target.log_type) {
        table.row(vec![
            mark(row.is_recorded),
            bytes(row.region_size_bytes),
            count(row.region_count),
            told(row, |activity| Some(count(activity.writes))),
            told(row, |activity| Some(count(activity.marks))),
            told(row, |activity| Some(count(activity.clears))),
            told(row, |activity| activity.dirty_regions_mean.map(per_s)),
            told(row, |activity| activity.dirty_regions_p99.map(count)),
            told(row, |activity| activity.dirty_regions_max.map(count)),
        ]);
    }
    table
}

fn flushes(target: &TargetResult) -> Table {
    let numbers =
        [DIRTIED_FLUSHES, CLEANED_ONLY_FLUSHES, NO_OP_FLUSHES, WAITING_WRITES, ADDED_LATENCY_MEAN, ADDED_LATENCY_P99];
    let mut table = settings_table().numbers(&numbers);
    for row in &target.rows {
        let cells = vec![
            told(row, |activity| Some(count(activity.dirtied_flushes))),
            told(row, |activity| Some(count(activity.cleaned_only_flushes))),
            told(row, |activity| Some(count(activity.no_op_flushes))),
            told(row, |activity| activity.waiting_writes_ratio.map(ratio)),
            told(row, |activity| activity.added_write_latency_ns_mean.map(duration)),
            told(row, |activity| activity.added_write_latency_ns_p99.map(duration)),
        ];
        table.row(of_setting(row, cells));
    }
    table
}

fn crash(target: &TargetResult) -> Table {
    let numbers = [
        RESYNC_REGIONS_MEAN,
        RESYNC_REGIONS_P99,
        RESYNC_REGIONS_MAX,
        RESYNC_BYTES_MEAN,
        RESYNC_BYTES_P99,
        RESYNC_BYTES_MAX,
    ];
    let mut table = settings_table().numbers(&numbers);
    for row in &target.rows {
        let cells = vec![
            told(row, |activity| activity.resync_regions_mean.map(per_s)),
            told(row, |activity| activity.resync_regions_p99.map(count)),
            told(row, |activity| activity.resync_regions_max.map(count)),
            told(row, |activity| activity.resync_bytes_mean.map(bytes)),
            told(row, |activity| activity.resync_bytes_p99.map(bytes)),
            told(row, |activity| activity.resync_bytes_max.map(bytes)),
        ];
        table.row(of_setting(row, cells));
    }
    table
}

fn sizes(target: &TargetResult) -> Table {
    let mut table = settings_table().numbers(&[LOG_MEMORY, LOG_AREA]);
    for row in &target.rows {
        let cells = vec![bytes(row.log_memory_bytes), row.log_area_bytes.map_or_else(|| MISSING.to_owned(), bytes)];
        table.row(of_setting(row, cells));
    }
    table
}

fn told(row: &Row, cell: impl Fn(&Activity) -> Option<String>) -> String {
    row.activity.as_ref().and_then(cell).unwrap_or_else(|| MISSING.to_owned())
}
