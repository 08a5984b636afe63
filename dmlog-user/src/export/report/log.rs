//! The part of one mirror that is about its log: flushes, recovery, and the daemon of a userspace log.

use super::device::{PERCENTILES, list, percentiles};
use super::regions::names;
use crate::analysis::catalogue::{
    CLEARS_CARRIED, COUNT, DURATION, ERRORS, FIRST_REGIONS, FLUSHES_PER_WRITE, LEG, LEG_FLUSH_TIME, LOG_WRITE_TIME,
    LONGEST_WAIT, MARKS_CARRIED, MARKS_PER_FLUSH, OTHER_WRITES_MEAN, PASS_TO_FLUSH, PROGRESS, RATE, READ_BYTES,
    READ_ERRORS, READS, REGIONS_LEFT, RESULT, START_TIME, WAITED, WRITE_BYTES, WRITE_ERRORS, WRITES,
};
use crate::analysis::consults::ConsultSummary;
use crate::analysis::flush::FlushSummary;
use crate::analysis::latency::LatencySummary;
use crate::analysis::recovery::{CompetitionSummary, RecoveryLeg, RecoverySummary};
use crate::analysis::slow_flush::SlowFlush;
use crate::export::document::{Document, Topic};
use crate::export::number::{bytes, bytes_per_s, count, counted, duration, error, moment, per_s, ratio};
use crate::export::table::{MISSING, Table};
use crate::session::snapshot::DeviceSnapshot;

pub(super) fn flushes(flush: &FlushSummary, out: &mut Document) {
    if flush.kinds.is_empty() {
        return;
    }
    out.heading(Topic::Flushes, "Flushes of the log");
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
    out.table(table);
    let told = [(MARKS_PER_FLUSH, flush.marks_per_dirtied_flush), (FLUSHES_PER_WRITE, flush.io_flushes_per_write)];
    let told: Vec<String> =
        told.iter().filter_map(|(metric, mean)| Some(format!("{} {}", per_s((*mean)?), metric.title))).collect();
    if !told.is_empty() {
        out.note(told.join(", "));
    }
    slow_flushes(&flush.slowest, out);
}

fn slow_flushes(slowest: &[SlowFlush], out: &mut Document) {
    let told = |ns: Option<u64>| ns.map_or_else(|| MISSING.to_owned(), duration);
    let mut table = Table::default().number(START_TIME).number(DURATION).words("kind").number(RESULT);
    table = table.numbers(&[PASS_TO_FLUSH, LEG_FLUSH_TIME, LOG_WRITE_TIME, MARKS_CARRIED, CLEARS_CARRIED]);
    table = table.words(FIRST_REGIONS.title);
    let mut waits = Table::default().number(START_TIME).numbers(&[WAITED, LONGEST_WAIT]).words("of");
    for slow in slowest.iter().filter(|slow| slow.kind != "no_op") {
        table.row(vec![
            moment(slow.start_ns),
            duration(slow.duration_ns),
            spoken_kind(slow.kind).to_owned(),
            error(i64::from(slow.result)),
            told(slow.pass_to_flush_ns),
            told(slow.leg_flush_ns),
            told(slow.log_write_ns),
            count(slow.marks_carried),
            count(slow.clears_carried),
            list(&slow.first_regions),
        ]);
        if slow.writes_waited > 0 {
            let longest = duration(slow.longest_wait_ns);
            let waiters = names(slow.waiters.iter().map(|waiter| &waiter.process));
            waits.row(vec![moment(slow.start_ns), count(slow.writes_waited), longest, waiters]);
        }
    }
    if !table.is_empty() {
        out.heading(
            Topic::Other,
            "Slowest flushes: begin in their pass, time for the legs and the log device, what they carried",
        );
        out.table(table);
    }
    if !waits.is_empty() {
        out.heading(Topic::Other, "Writes that waited for them");
        out.table(waits);
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

pub(super) fn recovery(recovery: &RecoverySummary, device: &DeviceSnapshot, out: &mut Document) {
    if recovery.regions_handed_out + recovery.regions_recovered + recovery.regions_failed + recovery.copies == 0 {
        return;
    }
    out.heading(Topic::Other, "Recovery");
    out.note(format!(
        "{} regions handed out, {} recovered, {} failed; {} copied in {}",
        count(recovery.regions_handed_out),
        count(recovery.regions_recovered),
        count(recovery.regions_failed),
        bytes(recovery.copied_bytes),
        duration(recovery.active_ns),
    ));
    progress(recovery, out);
    if let Some(latency) = &recovery.latency {
        let cells = percentiles(Some(latency));
        let told: Vec<String> =
            PERCENTILES.iter().zip(cells).map(|(metric, cell)| format!("{} {cell}", metric.title)).collect();
        out.note(format!("copies took {}; {} with errors", told.join(", "), count(recovery.copy_errors)));
    }
    recovered_legs(&recovery.legs, out);
    competition(&recovery.competition, out);
    if let Some(false) = device.targets.last().and_then(|target| target.sync.in_sync) {
        out.note("the mirror was not in sync at the end");
    }
}

/// How far and how fast, and what the time left is worth.
fn progress(recovery: &RecoverySummary, out: &mut Document) {
    if let Some(regions_per_s) = recovery.regions_per_s {
        let speed = recovery.bytes_per_s.map_or_else(String::new, |rate| format!(", {}", bytes_per_s(rate)));
        out.note(format!("{} regions per second{speed}, while recovery was active", per_s(regions_per_s)));
    }
    if let (Some(share), Some(left)) = (recovery.progress_ratio, recovery.regions_left) {
        let rest = match recovery.time_left_ns {
            Some(left_ns) if left_ns > 0 => format!("; at that rate they take {} more", duration(left_ns)),
            Some(_) | None => String::new(),
        };
        out.note(format!("{} {}, {} {}{rest}", ratio(share), PROGRESS.title, count(left), REGIONS_LEFT.title));
    }
}

fn recovered_legs(legs: &[RecoveryLeg], out: &mut Document) {
    if legs.is_empty() {
        return;
    }
    let mut table = Table::default().numbers(&[LEG, READS, READ_BYTES, READ_ERRORS, WRITES, WRITE_BYTES, WRITE_ERRORS]);
    for leg in legs {
        table.row(vec![
            leg.leg.to_string(),
            count(leg.reads),
            bytes(leg.read_bytes),
            count(leg.read_errors),
            count(leg.writes),
            bytes(leg.write_bytes),
            count(leg.write_errors),
        ]);
    }
    out.table(table);
}

fn competition(competition: &CompetitionSummary, out: &mut Document) {
    if competition.writes == 0 {
        return;
    }
    let writes = counted(competition.writes, "write");
    let (size, rate) = (bytes(competition.write_bytes), bytes_per_s(competition.bytes_per_s));
    let copying = duration(competition.copying_ns);
    out.note(format!("{writes} of {size} entered while a region was being copied: {rate} in {copying}"));
    if let Some(latency) = &competition.latency {
        let others = match competition.other_writes_latency_ns_mean {
            Some(mean_ns) => format!("; {} {}", OTHER_WRITES_MEAN.title, duration(mean_ns)),
            None => String::new(),
        };
        let LatencySummary { latency_ns_mean, latency_ns_p99, latency_ns_max, .. } = *latency;
        let [mean, p99, max] = [latency_ns_mean, latency_ns_p99, latency_ns_max].map(duration);
        out.note(format!("writes that ended then took mean {mean}, p99 {p99}, max {max}{others}"));
    }
}

pub(super) fn consults(consults: &[ConsultSummary], out: &mut Document) {
    if consults.is_empty() {
        return;
    }
    out.heading(Topic::Other, "Round trips to the userspace log daemon");
    let mut table = Table::default().words("request").numbers(&[COUNT, RATE, ERRORS]).numbers(&PERCENTILES);
    for consult in consults {
        let mut row =
            vec![consult.request.to_owned(), count(consult.count), per_s(consult.rate_per_s), count(consult.errors)];
        row.append(&mut percentiles(consult.latency.as_ref()));
        table.row(row);
    }
    out.table(table);
}
