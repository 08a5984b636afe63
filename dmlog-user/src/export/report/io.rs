//! The part of one mirror that is about reads and writes, and who made them.

use super::device::{PERCENTILES, percentiles};
use crate::analysis::catalogue::{
    BYTES, BYTES_RATE, COUNT, ERRORS, LATENCY_MAX, LATENCY_P50, LATENCY_P99, LEGS_SHARE, OWN_FLUSH_SHARE, PASS_SHARE,
    RATE, READ_BYTES, READS, TGID, WRITE_BYTES, WRITES,
};
use crate::analysis::io::IoSummary;
use crate::analysis::latency::LatencySummary;
use crate::analysis::processes::{ProcessSummary, ProcessTable};
use crate::event::facts::CaptureFacts;
use crate::export::document::{Document, Topic};
use crate::export::number::{bytes, bytes_per_s, count, counted, duration, harmless, per_s, ratio};
use crate::export::table::{MISSING, Table};

pub(super) fn add(io: &IoSummary, facts: &CaptureFacts, out: &mut Document) {
    if io.kinds.is_empty() {
        if !facts.coverage.is_empty() && !facts.io {
            out.heading(Topic::Io, "Reads and writes were not recorded (--no-io)");
        }
        return;
    }
    out.heading(Topic::Io, "Reads and writes, from entry to end as their submitter sees it");
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
    out.table(table);
    write_wait(io, out);
    under_way(io, out);
}

fn write_wait(io: &IoSummary, out: &mut Document) {
    let wait = &io.write_wait;
    if let Some(share) = wait.dirtied_flush_wait_ratio {
        out.note(format!(
            "{} of the writes' latency was spent waiting for dirtied flushes ({} of {} writes waited)",
            ratio(share),
            count(wait.writes_that_waited),
            count(wait.writes),
        ));
    }
    if let (Some(pass), Some(flush), Some(legs)) = (wait.pass_wait_ratio, wait.flush_wait_ratio, wait.legs_ratio) {
        let mut table = Table::default().words("waiting for").words("share").numbers(&PERCENTILES);
        let rows = [(PASS_SHARE, pass), (OWN_FLUSH_SHARE, flush), (LEGS_SHARE, legs)];
        for (part, (metric, share)) in wait.parts.iter().zip(rows) {
            let mut row = vec![metric.title.to_owned(), ratio(share)];
            row.append(&mut percentiles(Some(&part.latency)));
            table.row(row);
        }
        out.heading(Topic::Other, "Where the time of the writes went");
        out.table(table);
        if wait.writes_split < wait.writes {
            let (split, writes) = (count(wait.writes_split), count(wait.writes));
            out.note(format!("that split is of the {split} writes of {writes} whose pass and flush were seen"));
        }
    }
    if wait.writes_delayed_by_recovery > 0 {
        out.note(format!(
            "{} writes waited for the recovery of their region, {} together",
            count(wait.writes_delayed_by_recovery),
            duration(wait.recovery_delay_ns),
        ));
    }
    if wait.writes_not_explained > 0 {
        let writes = count(wait.writes_not_explained);
        out.note(format!("{writes} writes took longer than flushes are remembered: not in these shares"));
    }
}

fn under_way(io: &IoSummary, out: &mut Document) {
    let under_way = &io.under_way;
    if let Some(oldest_ns) = under_way.oldest_under_way_ns {
        out.note(format!(
            "{} and {} had not ended, the oldest after {}",
            counted(under_way.writes_under_way, "write"),
            counted(under_way.reads_under_way, "read"),
            duration(oldest_ns),
        ));
    }
    if io.ends_without_entry > 0 {
        let ends = counted(io.ends_without_entry, "bio");
        out.note(format!("{ends} ended whose entry was not seen"));
    }
    if io.writes_without_region > 0 {
        let writes = counted(io.writes_without_region, "write");
        out.note(format!("{writes} could not be placed in a region: its size is not known"));
    }
}

pub(super) fn processes(processes: &ProcessTable, out: &mut Document) {
    if processes.rows.is_empty() {
        return;
    }
    out.heading(Topic::Other, "Processes that read and wrote, with the latency of their writes");
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
    out.table(table);
}
