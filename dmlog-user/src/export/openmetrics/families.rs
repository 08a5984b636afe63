//! Every family of metrics, in the order in which they are told.
//!
//! A name ends in its unit, and a counter's sample in `_total`; the unit comes from the number of the metric catalogue that
//! a family is, so that a report and a dashboard speak of the same thing. Names are only ever added.

use super::Exposition;
use super::of_capture as capture;
use super::of_device as device;
use super::text::{Number, Text};
use crate::analysis::catalogue::{self, Metric, Unit};
use crate::analysis::regions::RegionSummary;
use crate::analysis::regions::ranking::By;
use crate::session::distributions::Timed;
use crate::session::snapshot::DeviceSnapshot;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the start of the capture.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by upper bounds, from the start of the capture.
    Histogram,
    /// Texts as labels.
    Info,
}

impl Kind {
    /// OpenMetrics' word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// Where samples come from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Capture(fn(&Exposition<'_>, &mut Text)),
    Device(fn(&DeviceSnapshot, &mut Text)),
    /// The first regions of a ranking, and their number.
    Regions(By, fn(&RegionSummary) -> Number),
    /// A label, and its value of what is timed, if that belongs here.
    Spread(Option<&'static str>, fn(Timed) -> Option<&'static str>),
}

/// A family of metrics.
pub struct Family {
    /// Its name, without what samples have behind it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The number that it is.
    pub of: Metric,
    /// What it means, a sentence.
    pub help: &'static str,
    pub(super) source: Source,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Family {
    /// The unit that its name ends in, if it has one.
    pub fn unit(&self) -> Option<&'static str> {
        match self.of.unit {
            _ if self.kind == Kind::Info => None,
            Unit::Nanoseconds => Some("seconds"),
            Unit::Bytes => Some("bytes"),
            Unit::Ratio => Some("ratio"),
            Unit::Count
            | Unit::PerSecond
            | Unit::BytesPerSecond
            | Unit::Mean
            | Unit::Sector
            | Unit::Sectors
            | Unit::Index
            | Unit::Error => None,
        }
    }

    /// Names that its samples have.
    pub fn samples(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["_total"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            Kind::Info => &["_info"],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

macro_rules! families {
    ($($kind:ident $name:literal $of:ident $source:ident($($from:expr),+) $help:literal;)+) => {
        /// Every family, in the order of this file.
        pub static FAMILIES: &[Family] = &[$(Family {
            name: $name,
            kind: Kind::$kind,
            of: catalogue::$of,
            help: $help,
            source: Source::$source($($from),+),
        }),+];
    };
}

families! {
    Info "dmlog_build" SCHEMA_VERSION Capture(capture::build) "The dmlog-top that tells this.";
    Info "dmlog_capture" SCHEMA_VERSION Capture(capture::facts) "Where and by which dmlog-top it was captured.";
    Gauge "dmlog_capture_start_timestamp_seconds" REALTIME Capture(capture::start)
        "When the capture began, since 1970.";
    Gauge "dmlog_covered_seconds" DURATION Capture(capture::covered) "From the first event to the last.";
    Gauge "dmlog_hooks" COUNT Capture(capture::hooks) "Kernel functions by how they are probed.";
    Counter "dmlog_events" EVENTS Capture(capture::events) "Events counted.";
    Counter "dmlog_lost_events" LOST Capture(capture::lost)
        "Events that happened and are missing, as far as their number is known, by where they were lost.";
    Counter "dmlog_loss_gaps" GAPS Capture(capture::gaps) "Times at which events went missing, by where.";
    Counter "dmlog_loss_gaps_of_unknown_size" GAPS_UNKNOWN Capture(capture::gaps_of_unknown_size)
        "Those of them of which nobody knows how many events are missing.";
    Counter "dmlog_undecoded_records" DECODE_ERRORS Capture(capture::undecoded) "Records that could not be understood.";
    Counter "dmlog_forgotten_bios" IO_FORGOTTEN Capture(capture::forgotten_bios)
        "Bios that were forgotten because too many were under way.";
    Counter "dmlog_logs_beyond_limit" DEVICES_BEYOND_LIMIT Capture(capture::logs_beyond_limit)
        "Logs that count for the unknown device because there were too many.";
    Gauge "dmlog_devices_left_out" DEVICES_LEFT_OUT Capture(capture::devices_left_out)
        "Mirrors that are not told of here because there are too many: those with fewest events.";
    Gauge "dmlog_torn_tail_bytes" TORN_BYTES Capture(capture::torn)
        "Bytes behind the last seal of a trace that was not ended by its recorder.";
    Counter "dmlog_model_answers" COMPARED Capture(capture::answers)
        "Answers of the kernel: compared with the model of its log, unknown to it, or given while something else went on.";
    Gauge "dmlog_model_divergences" DIVERGENCES Capture(capture::divergences)
        "Answers of the kernel that the model had otherwise and that nothing explains.";
    Gauge "dmlog_model_unsettled" UNSETTLED Capture(capture::unsettled)
        "Answers of the kernel that the model had otherwise and that a loss may explain.";
    Gauge "dmlog_logs_not_modelled" NOT_MODELLED Capture(capture::not_modelled)
        "Logs that have no model because there are too many of them, or of their regions.";
    Counter "dmlog_ring_lost_records" LOST Capture(capture::ring_lost)
        "Records that found no room in the ring, by the kernel's own count.";
    Counter "dmlog_http_requests" COUNT Capture(capture::requests) "Requests that were answered, by status code.";
    Counter "dmlog_http_connections_refused" COUNT Capture(capture::refused)
        "Connections that were refused because there were too many at once.";
    Counter "dmlog_http_connections_timed_out" COUNT Capture(capture::timed_out)
        "Connections that were closed because they took too long.";

    Info "dmlog_device" SCHEMA_VERSION Device(device::facts) "What a mirror is.";
    Counter "dmlog_log_instances" TABLES Device(device::log_instances)
        "Logs that a mirror has had: one, and one more for every reload of its table.";
    Counter "dmlog_operations" COUNT Device(device::operations) "Operations of the kernel.";
    Counter "dmlog_operation_errors" ERRORS Device(device::operation_errors) "Those of them that failed.";
    Histogram "dmlog_operation_duration_seconds" LATENCY_SUM Spread(Some("op"), device::operation)
        "How long operations took; of end_io and recovery_complete, what ended.";
    Counter "dmlog_flushes" COUNT Device(device::flushes) "Flushes of the log by kind.";
    Counter "dmlog_flush_errors" ERRORS Device(device::flush_errors) "Those of them that failed.";
    Counter "dmlog_flush_marks_carried" MARKS_CARRIED Device(device::marks_carried) "Marks that flushes carried.";
    Histogram "dmlog_flush_duration_seconds" LATENCY_SUM Spread(Some("kind"), device::flush)
        "How long flushes of the log took, by kind.";

    Counter "dmlog_marks" MARKS Device(device::marks) "Regions that became dirty.";
    Counter "dmlog_clears" CLEARS Device(device::clears) "Regions that became clean.";
    Counter "dmlog_re_marks" RE_MARKS Device(device::re_marks) "Marks within a second of the region's clear.";
    Histogram "dmlog_mark_to_clear_seconds" LATENCY_SUM Spread(None, device::mark_to_clear)
        "How long regions stayed dirty.";
    Histogram "dmlog_clean_bit_lag_seconds" LATENCY_SUM Spread(None, device::clean_bit_lag)
        "From the oldest clear that a flush wrote to its end.";
    Gauge "dmlog_regions" REGION_COUNT Device(device::regions_of_targets) "Regions of a mirror.";
    Gauge "dmlog_in_sync_regions" SYNC_COUNT Device(device::in_sync_regions)
        "Regions in sync, as the kernel told last.";
    Gauge "dmlog_marked_regions" MARKED_REGIONS Device(device::marked_regions) "Regions that were marked at least once.";
    Gauge "dmlog_written_regions" WRITTEN_REGIONS Device(device::written_regions)
        "Regions that were written at least once.";
    Gauge "dmlog_dirty_regions" DIRTY_LAST Device(device::dirty_regions) "Regions in sync that are dirty.";
    Gauge "dmlog_clean_unknown_regions" CLEAN_UNKNOWN_LAST Device(device::clean_unknown_regions)
        "Regions of which it is not known whether they are clean.";
    Gauge "dmlog_not_in_sync_regions" NOT_IN_SYNC_LAST Device(device::not_in_sync_regions)
        "Regions that are not in sync.";
    Gauge "dmlog_recovering_regions" RECOVERING_LAST Device(device::recovering_regions)
        "Regions that were handed out for recovery and have not come back.";
    Gauge "dmlog_crash_copy_regions" RESYNC_REGIONS_LAST Device(device::crash_copy_regions)
        "Regions that a crash at this moment leaves to be copied.";
    Gauge "dmlog_crash_copy_bytes" RESYNC_BYTES_LAST Device(device::crash_copy_bytes) "Their bytes.";

    Counter "dmlog_bios" COUNT Device(device::bios) "Bios that entered a mirror, by kind.";
    Counter "dmlog_bio_bytes" BYTES Device(device::bio_bytes) "Their bytes.";
    Counter "dmlog_bio_errors" ERRORS Device(device::bio_errors) "Bios that ended with an error.";
    Histogram "dmlog_bio_duration_seconds" LATENCY_SUM Spread(Some("kind"), device::io)
        "From entry to end of bios, as their submitter sees it.";
    Gauge "dmlog_bios_under_way" WRITES_UNDER_WAY Device(device::under_way) "Bios that have not ended.";
    Gauge "dmlog_oldest_bio_under_way_seconds" OLDEST_UNDER_WAY Device(device::oldest_under_way)
        "How long the oldest of them has been under way.";
    Histogram "dmlog_write_part_duration_seconds" LATENCY_SUM Spread(Some("part"), device::write_part)
        "What the time of writes went into: the worker's pass, mark and flush, legs.";
    Counter "dmlog_dirtied_flush_wait_seconds" FLUSH_WAIT Device(device::dirtied_flush_wait)
        "How long writes were held up by dirtied flushes, together.";
    Counter "dmlog_writes_that_waited" WRITES_WAITED Device(device::writes_that_waited)
        "Writes that were held up by a dirtied flush.";
    Counter "dmlog_writes_not_explained" NOT_EXPLAINED Device(device::writes_not_explained)
        "Writes under way for more flushes than are remembered.";
    Counter "dmlog_writes_delayed_by_recovery" DELAYED Device(device::writes_delayed)
        "Writes that waited for the recovery of their region.";
    Counter "dmlog_recovery_delay_seconds" DELAY Device(device::recovery_delay) "How long those did, together.";

    Counter "dmlog_recovery_handed_out_regions" HANDED_OUT Device(device::handed_out) "Regions that the log handed out.";
    Counter "dmlog_recovered_regions" RECOVERED Device(device::recovered) "Regions whose recovery succeeded.";
    Counter "dmlog_recovery_failed_regions" RECOVERY_FAILED Device(device::recovery_failed)
        "Regions whose recovery failed.";
    Counter "dmlog_recovery_copied_bytes" COPIED_BYTES Device(device::copied_bytes) "Bytes that recovery copied.";
    Counter "dmlog_recovery_active_seconds" RECOVERY_ACTIVE Device(device::recovery_active) "Time spent on recovery.";
    Gauge "dmlog_recovery_progress_ratio" PROGRESS Device(device::progress) "Share of the regions that is in sync.";
    Gauge "dmlog_recovery_left_seconds" TIME_LEFT Device(device::time_left) "How long the rest of a recovery would take.";
    Histogram "dmlog_recovery_copy_duration_seconds" LATENCY_SUM Spread(None, device::copy)
        "How long the copies of regions took.";

    Counter "dmlog_failures" COUNT Device(device::failures) "What went wrong, by kind.";
    Counter "dmlog_leg_failures" COUNT Device(device::leg_failures) "Failures of each leg, by what it was doing.";
    Counter "dmlog_userspace_requests" COUNT Device(device::requests)
        "Round trips to the daemon of a userspace log, by request.";
    Counter "dmlog_userspace_request_errors" ERRORS Device(device::request_errors) "Those of them that failed.";
    Histogram "dmlog_userspace_request_duration_seconds" LATENCY_SUM Spread(Some("request"), device::request)
        "How long those round trips took.";

    Counter "dmlog_top_region_marks" MARKS Regions(By::Marks, device::region_marks) "Marks of the most marked regions.";
    Counter "dmlog_top_region_written_bytes" WRITE_BYTES Regions(By::Bytes, device::region_bytes)
        "Bytes written to the most written regions.";
    Counter "dmlog_top_region_re_marks" RE_MARKS Regions(By::ReMarks, device::region_re_marks)
        "Marks soon after a clear of the regions that have most.";
}
