//! The metric catalogue: id, unit and title of every number that an output shows.
//!
//! Outputs take column heads and units from here and nowhere else, so that one number has one name. An id is also the
//! name of the number in the JSON report: tests check that the report holds no number without an entry.

/// What a number counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things, operations, events, regions.
    Count,
    /// A number per second.
    PerSecond,
    /// Time in nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share from 0 to 1.
    Ratio,
    /// How many of one thing come with one of another, on average.
    Mean,
    /// A place on a device, in sectors of 512 bytes.
    Sector,
    /// A length in sectors of 512 bytes.
    Sectors,
    /// A number that names something: a region, a leg, a CPU, a process.
    Index,
    /// A number that the kernel gave as an error.
    Error,
}

impl Unit {
    /// Its name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::PerSecond => "1/s",
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::Ratio => "ratio",
            Self::Mean => "mean",
            Self::Sector => "sector",
            Self::Sectors => "sectors",
            Self::Index => "index",
            Self::Error => "error",
        }
    }
}

/// One number that an output shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Stable name, the same in every format.
    pub id: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// Head of its column or line, short.
    pub title: &'static str,
}

macro_rules! metrics {
    ($($name:ident $id:literal $unit:ident $title:literal;)+) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub const $name: Metric = Metric { id: $id, unit: Unit::$unit, title: $title };
        )+
        /// Every metric, in the order of this file.
        pub const METRICS: &[Metric] = &[$($name),+];
    };
}

metrics! {
    EVENTS "events" Count "events";
    EVENTS_LEFT_OUT "events_outside_window" Count "events outside the window";
    START_TIME "start_ns" Nanoseconds "at";
    FIRST_TIME "first_ns" Nanoseconds "first";
    LAST_TIME "last_ns" Nanoseconds "last";
    DURATION "duration_ns" Nanoseconds "took";
    REALTIME "start_realtime_ns" Nanoseconds "start, since 1970";

    COUNT "count" Count "count";
    RATE "rate_per_s" PerSecond "per s";
    ERRORS "errors" Count "errors";
    LAST_ERROR "last_error" Error "last error";
    RESULT "result" Error "result";

    LATENCY_COUNT "latency_count" Count "timed";
    LATENCY_MIN "latency_ns_min" Nanoseconds "min";
    LATENCY_MEAN "latency_ns_mean" Nanoseconds "mean";
    LATENCY_P50 "latency_ns_p50" Nanoseconds "p50";
    LATENCY_P90 "latency_ns_p90" Nanoseconds "p90";
    LATENCY_P99 "latency_ns_p99" Nanoseconds "p99";
    LATENCY_P999 "latency_ns_p999" Nanoseconds "p99.9";
    LATENCY_MAX "latency_ns_max" Nanoseconds "max";
    LATENCY_SUM "latency_ns_sum" Nanoseconds "sum";
    LATENCY_CLAMPED "latency_clamped" Count "above the histogram";

    TABLES "log_instances" Count "tables seen";
    LEGS "legs" Count "legs";
    TARGET_BEGIN "target_begin_sector" Sector "begin";
    TARGET_SECTORS "target_sectors" Sectors "length";
    REGION_SIZE "region_size_bytes" Bytes "region size";
    REGION_COUNT "region_count" Count "regions";
    SYNC_COUNT_FIRST "sync_count_first" Count "in sync at first";
    SYNC_COUNT "sync_count" Count "in sync";
    SET_OUT_OF_SYNC_SINCE "set_out_of_sync_since" Count "set out of sync since";
    LOG "log" Index "log";

    MARKS_CARRIED "marks_carried" Count "marks";
    MARKS_PER_FLUSH "marks_per_dirtied_flush" Mean "marks per dirtied flush with marks";
    FLUSHES_PER_WRITE "io_flushes_per_write" Mean "flushes with I/O per write";
    CLEARS_CARRIED "clears_carried" Count "clears";
    PASS_TO_FLUSH "pass_to_flush_ns" Nanoseconds "in pass";
    LEG_FLUSH_TIME "leg_flush_ns" Nanoseconds "legs";
    LOG_WRITE_TIME "log_write_ns" Nanoseconds "log";
    WAITED "writes_waited" Count "writes";
    LONGEST_WAIT "longest_wait_ns" Nanoseconds "longest wait";
    FIRST_REGIONS "first_regions" Index "first regions";

    REGION "region" Index "region";
    FIRST_SECTOR "first_sector" Sector "first sector";
    LAST_SECTOR "last_sector" Sector "last sector";
    MARKS "marks" Count "marks";
    CLEARS "clears" Count "clears";
    RE_MARKS "re_marks" Count "re-marks";
    RE_MARKS_SHARE "re_marks_ratio" Ratio "re-marks of the marks";
    MARKS_PER_REGION "marks_per_marked_region" Mean "marks per marked region";
    CLEARS_FLUSHED "clears_flushed" Count "clears written to the log device";
    CLEAN_LAG_MEAN "clean_bit_lag_ns_mean" Nanoseconds "from a clear to the end of its flush";
    MARKED_REGIONS "marked_regions" Count "regions marked";
    WRITTEN_REGIONS "written_regions" Count "regions written";
    WRITES "writes" Count "writes";
    WRITE_BYTES "write_bytes" Bytes "written";
    READS "reads" Count "reads";
    READ_BYTES "read_bytes" Bytes "read";
    BYTES "bytes" Bytes "bytes";
    BYTES_RATE "bytes_per_s" BytesPerSecond "bytes per s";

    WRITE_LATENCY_SUM "write_latency_ns_sum" Nanoseconds "write latency, sum";
    FLUSH_WAIT "dirtied_flush_wait_ns" Nanoseconds "waiting for dirtied flushes";
    FLUSH_WAIT_SHARE "dirtied_flush_wait_ratio" Ratio "waiting for dirtied flushes";
    WRITES_WAITED "writes_that_waited" Count "writes held up by a dirtied flush";
    WRITES_SPLIT "writes_split" Count "writes with all three parts known";
    PASS_SHARE "pass_wait_ratio" Ratio "the worker's pass";
    OWN_FLUSH_SHARE "flush_wait_ratio" Ratio "mark and flush";
    LEGS_SHARE "legs_ratio" Ratio "legs";
    NOT_EXPLAINED "writes_not_explained" Count "writes not explained";
    DELAYED "writes_delayed_by_recovery" Count "writes delayed by recovery";
    DELAY "recovery_delay_ns" Nanoseconds "their delay, sum";
    WRITES_UNDER_WAY "writes_under_way" Count "writes under way at the end";
    READS_UNDER_WAY "reads_under_way" Count "reads under way at the end";
    OLDEST_UNDER_WAY "oldest_under_way_ns" Nanoseconds "oldest under way";
    ENDS_WITHOUT_ENTRY "ends_without_entry" Count "ends without entry";
    WRITES_WITHOUT_REGION "writes_without_region" Count "writes without region";
    IO_FORGOTTEN "bios_forgotten" Count "bios forgotten";

    PROCESSES "process_count" Count "processes";
    TGID "tgid" Index "pid";

    HANDED_OUT "regions_handed_out" Count "handed out";
    RECOVERED "regions_recovered" Count "recovered";
    FAILED_WRITES "failed_writes" Count "writes failed";
    FAILED_FLUSHES "failed_flushes" Count "flushes failed";
    FAILED_COPIES "failed_copies" Count "copies failed";
    FAILED_READS "failed_reads" Count "reads failed";
    RECOVERY_FAILED "regions_failed" Count "failed";
    COPIES "copies" Count "copies";
    COPY_ERRORS "copy_errors" Count "copies with errors";
    COPIED_BYTES "copied_bytes" Bytes "copied";
    RECOVERY_ACTIVE "active_ns" Nanoseconds "active";
    REGIONS_RATE "regions_per_s" PerSecond "regions per s";
    COPYING_REGION "copying_region" Index "being copied";
    COPYING_SINCE "copying_since_ns" Nanoseconds "copied since";
    RECOVERY_START "first_start_ns" Nanoseconds "first start";
    RECOVERY_END "last_end_ns" Nanoseconds "last end";
    TIME_LEFT "time_left_ns" Nanoseconds "time left";

    REGIONS_LEFT "regions_left" Count "left";
    PROGRESS "progress_ratio" Ratio "in sync";
    COPYING "copying_ns" Nanoseconds "copying";
    OTHER_WRITES_MEAN "other_writes_latency_ns_mean" Nanoseconds "mean of the other writes";
    READ_ERRORS "read_errors" Count "read errors";
    WRITE_ERRORS "write_errors" Count "write errors";

    LEG "leg" Index "leg";
    OUT_OF_SYNC_REGIONS "out_of_sync_regions" Index "regions set out of sync";

    LOST "lost" Count "lost";
    GAPS "gaps" Count "gaps";
    GAPS_UNKNOWN "gaps_of_unknown_size" Count "gaps of unknown size";
    DECODE_ERRORS "decode_errors" Count "records not understood";
    CPU "cpu" Index "CPU";
    TORN_BYTES "torn_tail_bytes" Bytes "torn tail";

    COMPARED "compared" Count "compared";
    UNKNOWN "unknown" Count "unknown";
    CONCURRENT "concurrent" Count "concurrent";
    DIVERGENCES "divergences" Count "divergences";
    UNSETTLED "unsettled" Count "unsettled";
    DIVERGENCES_BEYOND_LIMIT "divergences_beyond_limit" Count "divergences beyond the limit";
    UNSETTLED_BEYOND_LIMIT "unsettled_beyond_limit" Count "unsettled beyond the limit";
    NOT_MODELLED "logs_not_modelled" Count "logs without a model";
    TIME "time_ns" Nanoseconds "at";

    CPUS "cpus" Count "CPUs";
    RING "ring_bytes" Bytes "ring";
    HOOKS_FENTRY "fentry" Count "fentry";
    HOOKS_KPROBE "kprobe" Count "kprobe";
    HOOKS_OFF "off" Count "off";
    HOOKS_WAITING "waiting" Count "waiting";
    HOOKS_ABSENT "absent" Count "absent";

    DIRTIED_FLUSHES "dirtied_flushes" Count "dirtied";
    CLEANED_ONLY_FLUSHES "cleaned_only_flushes" Count "cleaned-only";
    NO_OP_FLUSHES "no_op_flushes" Count "no-op";
    UNKNOWN_FLUSHES "flushes_of_unknown_kind" Count "unknown kind";
    DIRTY_MIN "dirty_regions_min" Count "dirty least";
    DIRTY_LAST "dirty_regions_last" Count "dirty at the end";
    DIRTY_MEAN "dirty_regions_mean" Mean "dirty mean";
    DIRTY_P99 "dirty_regions_p99" Count "dirty p99";
    DIRTY_MAX "dirty_regions_max" Count "dirty worst";
    RESYNC_REGIONS_MIN "resync_regions_min" Count "regions least";
    RESYNC_REGIONS_LAST "resync_regions_last" Count "regions at the end";
    RESYNC_REGIONS_MEAN "resync_regions_mean" Mean "regions mean";
    RESYNC_REGIONS_P99 "resync_regions_p99" Count "p99";
    RESYNC_REGIONS_MAX "resync_regions_max" Count "worst";
    RESYNC_BYTES_MIN "resync_bytes_min" Bytes "bytes least";
    RESYNC_BYTES_LAST "resync_bytes_last" Bytes "bytes at the end";
    RESYNC_BYTES_MEAN "resync_bytes_mean" Bytes "bytes mean";
    RESYNC_BYTES_P99 "resync_bytes_p99" Bytes "p99";
    RESYNC_BYTES_MAX "resync_bytes_max" Bytes "worst";
    CLEAN_UNKNOWN_MIN "clean_unknown_regions_min" Count "clean or not unknown min";
    CLEAN_UNKNOWN_MEAN "clean_unknown_regions_mean" Mean "clean or not unknown mean";
    CLEAN_UNKNOWN_MAX "clean_unknown_regions_max" Count "clean or not unknown max";
    CLEAN_UNKNOWN_LAST "clean_unknown_regions_last" Count "clean or not unknown last";
    NOT_IN_SYNC_MIN "not_in_sync_regions_min" Count "least";
    NOT_IN_SYNC_MEAN "not_in_sync_regions_mean" Mean "mean";
    NOT_IN_SYNC_MAX "not_in_sync_regions_max" Count "most";
    NOT_IN_SYNC_LAST "not_in_sync_regions_last" Count "at the end";
    RECOVERING_MIN "recovering_regions_min" Count "recovering min";
    RECOVERING_MEAN "recovering_regions_mean" Mean "recovering mean";
    RECOVERING_MAX "recovering_regions_max" Count "recovering max";
    RECOVERING_LAST "recovering_regions_last" Count "recovering last";
    SLOT "slot_ns" Nanoseconds "slot";

    LOG_MEMORY "log_memory_bytes" Bytes "bitsets in memory";
    LOG_AREA "log_area_bytes" Bytes "area on the log device";
    WAITING_WRITES "waiting_writes_ratio" Ratio "writes waiting";
    ADDED_LATENCY_MEAN "added_write_latency_ns_mean" Nanoseconds "added mean";
    ADDED_LATENCY_P99 "added_write_latency_ns_p99" Nanoseconds "added p99";

    DEVICES_BEYOND_LIMIT "logs_beyond_limit" Count "logs beyond the limit";
    DEVICES_LEFT_OUT "devices_left_out" Count "mirrors left out";
    SCHEMA_VERSION "schema_version" Index "schema";
}

/// The metric with this id.
pub fn metric(id: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.id == id)
}

#[cfg(test)]
mod tests {
    use super::METRICS;

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = METRICS.iter().map(|metric| metric.id).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    #[test]
    fn names_with_a_unit_have_that_unit() {
        for metric in METRICS {
            let by_name = match metric.id {
                id if id.contains("_ns") => Some("ns"),
                id if id.ends_with("bytes_per_s") => Some("bytes/s"),
                id if id.ends_with("_per_s") => Some("1/s"),
                id if id.ends_with("_bytes") => Some("bytes"),
                id if id.ends_with("_ratio") => Some("ratio"),
                _ => None,
            };
            assert!(by_name.is_none_or(|unit| unit == metric.unit.name()), "{} in {}", metric.id, metric.unit.name());
            assert!(!metric.title.is_empty());
        }
    }
}
