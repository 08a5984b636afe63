//! Which setting to choose, and why.
//!
//! A larger region is marked less often, so fewer writes wait for a dirtied flush; after a crash all of it is copied for
//! one write. The rule weighs the two:
//!
//! 1. Sizes under which a crash costs more than [`CRASH_SHARE`] of the target, because of writes, are out (99th percentile).
//!    If that leaves none, the recorded size stays.
//! 2. Of the others, the smallest that has at most [`NEAR`] times the fewest waiting writes, give or take [`SLACK`].
//! 3. If the recorded size is one that rule 1 leaves and has at most [`NEAR`] times the waiting writes of that one, give or
//!    take [`SLACK`], it stays: a change of the region size means a new log and a full resync, and should gain something.
//!
//! Under a core log no write waits, and every crash costs the whole target, at any region size. So the type is not advised:
//! whether a reboot may cost a full copy is for people to say; the two costs are told.

use super::result::{Activity, Row};
use crate::log::dirty_log::LogType;

/// Share of the target that may have to be copied after a crash because of writes.
pub const CRASH_SHARE: f64 = 0.05;

/// Waiting writes of a size that is as good as the best one.
pub const NEAR: f64 = 1.1;

/// Shares of writes that differ by less are the same.
pub const SLACK: f64 = 0.01;

/// Writes below which the advice rests on little.
pub const FEW_WRITES: u64 = 1000;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advice {
    /// Region size in bytes.
    pub region_size_bytes: u64,
    /// Log type: the recorded one.
    pub log_type: LogType,
    /// Why.
    pub reason: Reason,
    /// It rests on less than [`FEW_WRITES`] writes.
    pub is_of_few_writes: bool,
}

/// What a size costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Region size in bytes.
    pub region_size_bytes: u64,
    /// Share of the writes that wait for a dirtied flush.
    pub waiting_writes_ratio: f64,
    /// How long a write waits, mean, if known.
    pub added_write_latency_ns_mean: Option<u64>,
    /// Bytes that writes make dirty, 99 % of the time no more.
    pub dirty_bytes_p99: u64,
}

/// Why a setting is advised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// There is nothing to judge by.
    NoWrites,
    /// A core log costs no write anything; a crash costs the whole target.
    Core {
        /// What a disk log would cost with the size that the rules give.
        disk: Option<Cost>,
    },
    /// Every size makes a crash cost more than [`CRASH_SHARE`].
    CrashCosts {
        /// The recorded size.
        recorded: Cost,
    },
    /// No other size gains a tenth.
    Keep {
        /// The recorded size.
        recorded: Cost,
        /// The size with the fewest waiting writes.
        fewest: Cost,
    },
    /// Another size is better.
    Change {
        /// The recorded size.
        recorded: Cost,
        /// The better one.
        better: Cost,
    },
}

/// Applies the rule to the rows of one target.
pub(super) fn advise(rows: &[Row], recorded_type: LogType, recorded_bytes: u64, target_bytes: u64) -> Advice {
    let judged = if recorded_type == LogType::Core { LogType::Disk } else { recorded_type };
    let of_type = |row: &&Row| row.log_type == judged;
    let costs: Vec<Cost> = rows.iter().filter(of_type).filter_map(|row| Cost::of(row, target_bytes)).collect();
    let writes = rows.iter().find(|row| row.is_recorded).and_then(|row| row.activity).map_or(0, |a| a.writes);
    let recorded = costs.iter().find(|cost| cost.region_size_bytes == recorded_bytes).copied();
    let better = best(&costs, target_bytes);
    let reason = match (recorded, better) {
        (None, _) if recorded_type == LogType::Core && writes > 0 => Reason::Core { disk: None },
        (None, _) => Reason::NoWrites,
        (Some(recorded), disk) if recorded_type == LogType::Core => {
            let stays = disk.is_some_and(|disk| recorded.is_near(disk)) && recorded.is_cheap(target_bytes);
            Reason::Core { disk: if stays { Some(recorded) } else { disk } }
        }
        (Some(recorded), None) => Reason::CrashCosts { recorded },
        (Some(recorded), Some(better)) if recorded.is_near(better) && recorded.is_cheap(target_bytes) => {
            let fewest = costs.iter().filter(|cost| cost.is_cheap(target_bytes)).copied();
            let fewest = fewest.min_by(|a, b| a.waiting_writes_ratio.total_cmp(&b.waiting_writes_ratio));
            Reason::Keep { recorded, fewest: fewest.unwrap_or(recorded) }
        }
        (Some(recorded), Some(better)) => Reason::Change { recorded, better },
    };
    let region_size_bytes = match reason {
        Reason::Change { better, .. } => better.region_size_bytes,
        Reason::NoWrites | Reason::Core { .. } | Reason::CrashCosts { .. } | Reason::Keep { .. } => recorded_bytes,
    };
    Advice { region_size_bytes, log_type: recorded_type, reason, is_of_few_writes: writes < FEW_WRITES }
}

/// Rules 1 and 2; costs are in the order of their sizes.
fn best(costs: &[Cost], target_bytes: u64) -> Option<Cost> {
    let cheap: Vec<Cost> = costs.iter().filter(|cost| cost.is_cheap(target_bytes)).copied().collect();
    let fewest = cheap.iter().copied().min_by(|a, b| a.waiting_writes_ratio.total_cmp(&b.waiting_writes_ratio))?;
    cheap.into_iter().find(|cost| cost.is_near(fewest))
}

impl Cost {
    fn of(row: &Row, target_bytes: u64) -> Option<Self> {
        let Activity { waiting_writes_ratio, added_write_latency_ns_mean, dirty_regions_p99, .. } = row.activity?;
        let dirty_bytes = dirty_regions_p99?.saturating_mul(row.region_size_bytes);
        Some(Self {
            region_size_bytes: row.region_size_bytes,
            waiting_writes_ratio: waiting_writes_ratio?,
            added_write_latency_ns_mean,
            dirty_bytes_p99: dirty_bytes.min(target_bytes),
        })
    }

    fn is_cheap(&self, target_bytes: u64) -> bool {
        self.dirty_bytes_p99 as f64 <= target_bytes as f64 * CRASH_SHARE
    }

    fn is_near(&self, other: Self) -> bool {
        self.waiting_writes_ratio <= other.waiting_writes_ratio * NEAR + SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, Reason, Row, advise};
    use crate::log::dirty_log::LogType;

    const TARGET: u64 = 1_000_000;

    fn row(size: u64, log_type: LogType, recorded: u64, waiting: f64, dirty: u64) -> Row {
        let activity = Activity {
            writes: 5000,
            marks: 0,
            clears: 0,
            dirtied_flushes: 0,
            cleaned_only_flushes: 0,
            no_op_flushes: 0,
            dirty_regions_mean: None,
            dirty_regions_p99: Some(dirty),
            dirty_regions_max: None,
            resync_regions_mean: None,
            resync_regions_p99: None,
            resync_regions_max: None,
            resync_bytes_mean: None,
            resync_bytes_p99: None,
            resync_bytes_max: None,
            waiting_writes_ratio: Some(waiting),
            added_write_latency_ns_mean: None,
            added_write_latency_ns_p99: None,
        };
        Row {
            region_size_bytes: size,
            log_type,
            is_recorded: size == recorded,
            region_count: TARGET / size,
            log_memory_bytes: 0,
            log_area_bytes: None,
            activity: Some(activity),
        }
    }

    fn disk(sizes: &[(u64, f64, u64)], recorded: u64) -> Vec<Row> {
        sizes.iter().map(|&(size, waiting, dirty)| row(size, LogType::Disk, recorded, waiting, dirty)).collect()
    }

    fn advised(rows: &[Row], recorded: u64) -> (u64, Reason) {
        let advice = advise(rows, rows[0].log_type, recorded, TARGET);
        (advice.region_size_bytes, advice.reason)
    }

    #[test]
    fn the_smallest_size_near_the_fewest_waits_is_advised() {
        let rows = disk(&[(100, 0.9, 10), (200, 0.5, 9), (400, 0.21, 8), (800, 0.20, 7)], 100);
        let (size, reason) = advised(&rows, 100);
        assert_eq!(size, 400);
        assert!(matches!(reason, Reason::Change { recorded, better }
            if recorded.region_size_bytes == 100 && better.dirty_bytes_p99 == 3200));
    }

    #[test]
    fn a_size_that_makes_a_crash_cost_much_is_out() {
        let rows = disk(&[(100, 0.9, 10), (200, 0.5, 250), (400, 0.2, 126)], 100);
        assert_eq!(advised(&rows, 100).0, 200);
        let rows = disk(&[(100, 0.9, 501), (200, 0.5, 251)], 100);
        let (size, reason) = advised(&rows, 100);
        assert_eq!(size, 100);
        assert!(matches!(reason, Reason::CrashCosts { .. }), "{reason:?}");
    }

    #[test]
    fn what_gains_less_than_a_tenth_is_no_change() {
        let rows = disk(&[(100, 0.54, 1), (200, 0.52, 1), (400, 0.50, 1)], 200);
        let (size, reason) = advised(&rows, 200);
        assert_eq!(size, 200);
        assert!(matches!(reason, Reason::Keep { fewest, .. } if fewest.region_size_bytes == 400), "{reason:?}");
    }

    #[test]
    fn a_core_log_stays_and_the_disk_log_is_told() {
        let mut rows = disk(&[(100, 0.9, 10), (200, 0.1, 9)], 0);
        rows.push(row(100, LogType::Core, 100, 0.0, 0));
        let advice = advise(&rows, LogType::Core, 100, TARGET);
        assert_eq!((advice.region_size_bytes, advice.log_type), (100, LogType::Core));
        let Reason::Core { disk: Some(disk) } = advice.reason else { panic!("{:?}", advice.reason) };
        assert_eq!(disk.region_size_bytes, 200);
    }

    #[test]
    fn without_writes_nothing_is_advised() {
        let mut rows = disk(&[(100, 0.9, 10), (200, 0.1, 9)], 100);
        for row in &mut rows {
            let activity = row.activity.as_mut().unwrap();
            activity.waiting_writes_ratio = None;
        }
        assert_eq!(advised(&rows, 100), (100, Reason::NoWrites));
    }
}
