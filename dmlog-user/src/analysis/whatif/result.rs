//! What a what-if tells, as plain values: one table per mirror target, one row per region size and log type.
//!
//! Field names are those of the JSON form and of the metric catalogue. What the trace cannot tell is `None`, and a
//! [`Note`] says why.

use serde::{Serialize, Serializer};

use super::advice::Advice;
use crate::analysis::losses::LossSummary;
use crate::log::dirty_log::LogType;

/// Everything that a what-if knows.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIfResult {
    /// What is missing from the trace. If anything is, all numbers are approximate.
    pub losses: LossSummary,
    /// What holds for the trace as a whole.
    pub notes: Vec<Note>,
    /// Every mirror target whose geometry is known, in order of appearance.
    pub targets: Vec<TargetResult>,
}

/// One mirror target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetResult {
    /// Name that people know; the number where there is none.
    pub name: String,
    /// Major and minor number of its device.
    pub device: String,
    /// The recorded log type.
    pub log_type: LogType,
    /// First sector of the target in its device.
    pub target_begin_sector: u64,
    /// Its length in sectors.
    pub target_sectors: u64,
    /// The recorded region size in bytes.
    pub region_size_bytes: u64,
    /// What the kernel did.
    pub recorded: RecordedCounts,
    /// One row per setting: by type, then by region size.
    pub rows: Vec<Row>,
    /// What is estimated or missing.
    pub notes: Vec<Note>,
    /// What to do.
    pub advice: Advice,
}

/// What the kernel did, as the trace tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordedCounts {
    /// Writes that passes of the worker took up.
    pub writes: u64,
    /// Calls of `mark_region`.
    pub marks: u64,
    /// Calls of `clear_region`.
    pub clears: u64,
    /// Flushes after something was dirtied.
    pub dirtied_flushes: u64,
    /// Flushes after something was only cleaned.
    pub cleaned_only_flushes: u64,
    /// Flushes without I/O.
    pub no_op_flushes: u64,
    /// Flushes of which the capture could not tell the kind.
    pub flushes_of_unknown_kind: u64,
}

/// What would have happened under one setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Region size in bytes.
    pub region_size_bytes: u64,
    /// Log type.
    #[serde(serialize_with = "log_type_name")]
    pub log_type: LogType,
    /// These are the settings of the trace.
    pub is_recorded: bool,
    /// Number of regions.
    pub region_count: u64,
    /// Bytes of the log's bitsets in memory: those that are clean, in sync, recovering.
    pub log_memory_bytes: u64,
    /// Bytes that each flush with I/O writes to the log device; `None` for a log without one.
    pub log_area_bytes: Option<u64>,
    /// What the log would have done; left out where the trace does not tell.
    #[serde(flatten)]
    pub activity: Option<Activity>,
}

/// What a log would have done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// Writes that passes took up, split at the borders of regions.
    pub writes: u64,
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Flushes after something was dirtied: log device written and flushed.
    pub dirtied_flushes: u64,
    /// Flushes after something was only cleaned: legs flushed, log device written.
    pub cleaned_only_flushes: u64,
    /// Flushes without I/O.
    pub no_op_flushes: u64,
    /// Regions in sync whose clean bit is 0, mean over time.
    pub dirty_regions_mean: Option<f64>,
    /// 99 % of the time no more than this.
    pub dirty_regions_p99: Option<u64>,
    /// At worst.
    pub dirty_regions_max: Option<u64>,
    /// Regions to copy after a crash, mean over the moments at which it may come. Those that are out of sync anyway count.
    pub resync_regions_mean: Option<f64>,
    /// 99 % of the time no more than this.
    pub resync_regions_p99: Option<u64>,
    /// At worst.
    pub resync_regions_max: Option<u64>,
    /// Bytes to copy after a crash, mean over time, rounded down.
    pub resync_bytes_mean: Option<u64>,
    /// 99 % of the time no more than this.
    pub resync_bytes_p99: Option<u64>,
    /// At worst.
    pub resync_bytes_max: Option<u64>,
    /// Share of the recorded writes whose pass ends in a dirtied flush, 0 to 1; `None` without writes.
    pub waiting_writes_ratio: Option<f64>,
    /// How long a write waits for that flush, mean over all writes; `None` where flushes of this type were not recorded.
    pub added_write_latency_ns_mean: Option<u64>,
    /// 99 % of the writes wait no longer than this.
    pub added_write_latency_ns_p99: Option<u64>,
}

/// In JSON, a log type goes by its name.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn log_type_name<S: Serializer>(log_type: &LogType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(log_type.name())
}

/// What a reader has to know about the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Events are missing: every number is approximate.
    Losses,
    /// The recorded settings, replayed, do not give the recorded counts.
    NotReproduced {
        /// What differs: name, replayed, recorded.
        differences: Vec<(&'static str, u64, u64)>,
    },
    /// The mirror was alive before the capture.
    AliveBefore {
        /// Writes that were under way and known only later.
        adopted: u64,
    },
    /// Writes ended or regions were cleared that no pass was seen to take up or mark.
    NotTakenUp {
        /// How many.
        writes: u64,
    },
    /// Which regions were out of sync at first was estimated.
    SyncEstimated,
    /// No write is placed by its sectors, so sizes below the recorded one cannot be told.
    SmallerNotKnown,
    /// Some writes are placed by their region only.
    WritesUnplaced {
        /// How many.
        writes: u64,
    },
    /// The capture does not have the calls that this needs.
    NoRegionHash,
    /// No write was taken up.
    NoWrites,
    /// Flush kinds were not recorded; those told are the model's.
    KindsNotRecorded,
    /// How long a flush of this type takes is not in the trace.
    LatencyNotKnown {
        /// The type.
        log_type: LogType,
    },
    /// A size that was asked for is larger than this target, or makes too many regions of it.
    SizeNotTaken {
        /// The size in bytes.
        region_size_bytes: u64,
    },
    /// Something was left out because of a limit.
    LeftOut {
        /// How many regions and writes.
        count: u64,
    },
    /// Logs whose geometry is not known.
    LogsWithoutGeometry {
        /// How many.
        logs: u64,
    },
    /// Events of logs that were never identified.
    EventsWithoutLog {
        /// How many.
        events: u64,
    },
    /// More logs or targets than are followed.
    TooManyLogs {
        /// How many logs were left out.
        logs: u64,
    },
}
