//! What a what-if says in words: notes, and the reason of the advice.

use crate::analysis::whatif::advice::{Advice, CRASH_SHARE, Cost, FEW_WRITES, Reason};
use crate::analysis::whatif::result::{Note, TargetResult};
use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::export::number::{bytes, count, counted, duration, ratio};

/// A note as a sentence.
pub(crate) fn note(note: &Note) -> String {
    match note {
        Note::Losses => "events are missing from the trace: every number here is approximate".to_owned(),
        Note::NotReproduced { differences } => {
            let told: Vec<String> = differences
                .iter()
                .map(|(name, replayed, recorded)| {
                    format!("{} {name} instead of {}", count(*replayed), count(*recorded))
                })
                .collect();
            format!("the recorded settings, replayed, give {}: the numbers are estimates", told.join(", "))
        }
        Note::AliveBefore { adopted: 0 } => {
            "the mirror was alive before the capture: what was dirty then is not known".to_owned()
        }
        Note::AliveBefore { adopted } => format!(
            "the mirror was alive before the capture: {} under way then became known only later, so dirty regions are \
             estimated until these were over",
            counted(*adopted, "write"),
        ),
        Note::NotTakenUp { writes } => format!(
            "{} under way had not been seen to be taken up by a pass (a pass reports 128 at most): when their regions \
             became dirty is estimated",
            counted(*writes, "write"),
        ),
        Note::SyncEstimated => "which regions were out of sync at first is estimated from their number".to_owned(),
        Note::SmallerNotKnown => "single writes were not recorded (`--no-io`), only their regions: smaller regions \
                                  than the recorded ones cannot be told"
            .to_owned(),
        Note::WritesUnplaced { writes } => format!(
            "of {} only the region is known, not the sectors: they count for the begin of their region",
            counted(*writes, "write"),
        ),
        Note::NoRegionHash => "the capture lacks `dm_rh_inc_pending`, the ends of writes or the log's flush: there is \
                               nothing to replay"
            .to_owned(),
        Note::NoWrites => "no write was taken up in this trace".to_owned(),
        Note::KindsNotRecorded => "the kinds of the recorded flushes are not known; the kinds told here are those of \
                                   the model"
            .to_owned(),
        Note::LatencyNotKnown { log_type } => format!(
            "how long the flush of a {} log takes is not in this trace, so its added latency is not known",
            log_type.name(),
        ),
        Note::SizeNotTaken { region_size_bytes } => {
            format!("the kernel does not take regions of {} for this target", bytes(*region_size_bytes))
        }
        Note::LeftOut { count: number } => {
            format!("{} regions or writes left out: too many, or beyond the end of the target", count(*number))
        }
        Note::LogsWithoutGeometry { logs } => {
            format!("{} left out: type, region size or length not known", counted(*logs, "log"))
        }
        Note::EventsWithoutLog { events } => {
            format!("{} left out: they belong to no log that was identified", counted(*events, "event"))
        }
        Note::TooManyLogs { logs } => format!("{} left out: there are too many", counted(*logs, "log")),
    }
}

/// What to do, and why.
pub(crate) fn advice(target: &TargetResult) -> String {
    let Advice { region_size_bytes, log_type, reason, is_of_few_writes } = &target.advice;
    let target_bytes = bytes(target.target_sectors * SECTOR_SIZE_BYTES);
    let setting = format!("{} log, regions of {}", log_type.name(), bytes(*region_size_bytes));
    let why = match reason {
        Reason::NoWrites => "nothing to judge by, so nothing to change".to_owned(),
        Reason::Core { disk } => {
            let core = format!("no write waits, and every crash costs a copy of the whole target, {target_bytes}");
            match disk {
                None => core,
                Some(disk) => format!(
                    "{core}; a disk log with regions of {} would leave {} because of writes (99 % of the time at \
                     most), and {} of the writes would wait for a dirtied flush",
                    bytes(disk.region_size_bytes),
                    bytes(disk.dirty_bytes_p99),
                    ratio(disk.waiting_writes_ratio),
                ),
            }
        }
        Reason::CrashCosts { recorded } => format!(
            "under every region size writes make more than {} of the target dirty ({} at the recorded one)",
            ratio(CRASH_SHARE),
            bytes(recorded.dirty_bytes_p99),
        ),
        Reason::Keep { recorded, fewest } if recorded.waiting_writes_ratio <= fewest.waiting_writes_ratio => format!(
            "no other size makes fewer writes wait for a dirtied flush: {} do",
            ratio(recorded.waiting_writes_ratio),
        ),
        Reason::Keep { recorded, fewest } => format!(
            "no other size saves a tenth of the waiting: {} of the writes wait for a dirtied flush, and {} at best \
             (regions of {})",
            ratio(recorded.waiting_writes_ratio),
            ratio(fewest.waiting_writes_ratio),
            bytes(fewest.region_size_bytes),
        ),
        Reason::Change { recorded, better } => change(*recorded, *better),
    };
    let doubt = if *is_of_few_writes && !matches!(reason, Reason::NoWrites) {
        format!("; less than {} writes are little to judge by", count(FEW_WRITES))
    } else {
        String::new()
    };
    format!("{setting}: {why}{doubt}")
}

fn change(recorded: Cost, better: Cost) -> String {
    let latency = match (recorded.added_write_latency_ns_mean, better.added_write_latency_ns_mean) {
        (Some(before), Some(after)) if before != after => {
            format!(", which adds {} to a write instead of {}", duration(after), duration(before))
        }
        _ => String::new(),
    };
    format!(
        "{} of the writes wait for a dirtied flush instead of {}{latency}; a crash leaves {} to copy because of writes \
         (99 % of the time at most) instead of {}",
        ratio(better.waiting_writes_ratio),
        ratio(recorded.waiting_writes_ratio),
        bytes(better.dirty_bytes_p99),
        bytes(recorded.dirty_bytes_p99),
    )
}
