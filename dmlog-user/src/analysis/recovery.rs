//! Recovery: what the log handed out, what the mirror made of it, how fast, and how far the mirror is in sync.
//!
//! The log hands out a region (`get_resync_work`), kcopyd copies it (`recover` to `recovery_complete`), the region hash
//! ends it (`dm_rh_recovery_end`). At most one region of a mirror is in recovery at a time.

use serde::Serialize;

use super::geometry::Geometry;
use super::latency::{Latency, LatencySummary};
use crate::event::ids::{MonoNs, Region};

/// A pause longer than this between the end of one region and the hand-out of the next is not time spent on recovery:
/// recovery had stopped. The kernel's own throttling pauses are far shorter.
pub const RECOVERY_PAUSE_NS: u64 = 1_000_000_000;

/// Recovery of one device.
#[derive(Clone, Debug)]
pub struct Recovery {
    handed_out: u64,
    recovered: u64,
    failed: u64,
    copies: u64,
    copy_errors: u64,
    copied_bytes: u64,
    copy_latency: Latency,
    active_ns: u64,
    /// Up to when `active_ns` has been counted; 0 before the first hand-out.
    active_until_ns: u64,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            handed_out: 0,
            recovered: 0,
            failed: 0,
            copies: 0,
            copy_errors: 0,
            copied_bytes: 0,
            copy_latency: Latency::of_device(),
            active_ns: 0,
            active_until_ns: 0,
            first_ns: None,
            last_ns: None,
        }
    }
}

impl Recovery {
    /// The log handed out a region.
    pub fn hand_out(&mut self, time: MonoNs) {
        self.handed_out += 1;
        let since_ns = time.0.saturating_sub(self.active_until_ns);
        if self.first_ns.is_some() && since_ns <= RECOVERY_PAUSE_NS {
            self.active_ns += since_ns;
        }
        self.active_until_ns = self.active_until_ns.max(time.0);
        self.first_ns = Some(self.first_ns.map_or(time.0, |first| first.min(time.0)));
    }

    /// kcopyd is done with a region.
    pub fn copied(&mut self, region: Option<Region>, took_ns: Option<u64>, failed: bool, geometry: &Geometry) {
        self.copies += 1;
        if let Some(took_ns) = took_ns {
            self.copy_latency.record(took_ns);
        }
        if failed {
            self.copy_errors += 1;
        } else {
            let bytes = region.and_then(|region| geometry.bytes(region)).unwrap_or(0);
            self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        }
    }

    /// The region hash ended the recovery of a region.
    pub fn end(&mut self, time: MonoNs, success: bool) {
        if success {
            self.recovered += 1;
        } else {
            self.failed += 1;
        }
        if self.first_ns.is_some() {
            self.active_ns += time.0.saturating_sub(self.active_until_ns);
        }
        self.active_until_ns = self.active_until_ns.max(time.0);
        self.first_ns = Some(self.first_ns.unwrap_or(time.0));
        self.last_ns = Some(self.last_ns.map_or(time.0, |last| last.max(time.0)));
    }

    /// Whether no region was recovered, well or not.
    pub fn is_idle(&self) -> bool {
        self.handed_out + self.recovered + self.failed + self.copies == 0
    }

    /// Regions recovered, and bytes copied.
    pub fn progress(&self) -> (u64, u64) {
        (self.recovered, self.copied_bytes)
    }

    /// Adds another device's recovery.
    pub fn absorb(&mut self, other: &Self) {
        self.handed_out += other.handed_out;
        self.recovered += other.recovered;
        self.failed += other.failed;
        self.copies += other.copies;
        self.copy_errors += other.copy_errors;
        self.copied_bytes = self.copied_bytes.saturating_add(other.copied_bytes);
        self.copy_latency.absorb(&other.copy_latency);
        self.active_ns = self.active_ns.saturating_add(other.active_ns);
        self.active_until_ns = self.active_until_ns.max(other.active_until_ns);
        self.first_ns = [self.first_ns, other.first_ns].into_iter().flatten().min();
        self.last_ns = [self.last_ns, other.last_ns].into_iter().flatten().max();
    }

    /// What is told of the recovery; times from `origin`. `left` is the number of regions that are not in sync, if known.
    pub fn summary(&self, origin: MonoNs, left: Option<u64>) -> RecoverySummary {
        let per_s = |n: u64| {
            if self.active_ns == 0 { None } else { Some(n as f64 * 1e9 / self.active_ns as f64) }
        };
        let regions_per_s = per_s(self.recovered).filter(|_| self.recovered > 0);
        let time_left_ns = match (left, regions_per_s) {
            (Some(0), _) => Some(0),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; saturates")]
            (Some(left), Some(rate)) => Some((left as f64 / rate * 1e9) as u64),
            (None, _) | (_, None) => None,
        };
        RecoverySummary {
            regions_handed_out: self.handed_out,
            regions_recovered: self.recovered,
            regions_failed: self.failed,
            copies: self.copies,
            copy_errors: self.copy_errors,
            copied_bytes: self.copied_bytes,
            active_ns: self.active_ns,
            regions_per_s,
            bytes_per_s: per_s(self.copied_bytes).filter(|_| self.copied_bytes > 0),
            first_start_ns: self.first_ns.map(|t| t.saturating_sub(origin.0)),
            last_end_ns: self.last_ns.map(|t| t.saturating_sub(origin.0)),
            time_left_ns,
            latency: self.copy_latency.summary(),
        }
    }
}

/// What is told of the recovery of a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecoverySummary {
    /// Regions that the log handed out.
    pub regions_handed_out: u64,
    /// Regions whose recovery succeeded.
    pub regions_recovered: u64,
    /// Regions whose recovery failed.
    pub regions_failed: u64,
    /// Copies that kcopyd finished.
    pub copies: u64,
    /// Those of them with an error.
    pub copy_errors: u64,
    /// Bytes of the regions copied without error; a region whose size is not known counts nothing.
    pub copied_bytes: u64,
    /// Time spent on recovery, pauses above [`RECOVERY_PAUSE_NS`] left out.
    pub active_ns: u64,
    /// Regions recovered per second of that time.
    pub regions_per_s: Option<f64>,
    /// Bytes copied per second of that time.
    pub bytes_per_s: Option<f64>,
    /// First hand-out, from the start of the trace.
    pub first_start_ns: Option<u64>,
    /// Last end, from the start of the trace.
    pub last_end_ns: Option<u64>,
    /// How long the rest would take at that rate; 0 when in sync, `None` where it cannot be told.
    pub time_left_ns: Option<u64>,
    /// How long the copies took.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
}

/// How many regions of a log are in sync, as far as the kernel told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncProgress {
    first: Option<(u64, MonoNs)>,
    last: Option<(u64, MonoNs)>,
    lost_since: u64,
}

impl SyncProgress {
    /// The kernel told its sync count.
    pub fn count(&mut self, sync_count: u64, time: MonoNs) {
        self.first.get_or_insert((sync_count, time));
        self.last = Some((sync_count, time));
        self.lost_since = 0;
    }

    /// A region was set out of sync, by a count that the kernel has not told since.
    pub fn lost(&mut self) {
        self.lost_since += 1;
    }

    /// How many of so many regions are not in sync, if the kernel told.
    pub fn out_of_sync(&self, region_count: u64) -> Option<u64> {
        let (sync_count, _) = self.last?;
        Some(region_count.saturating_sub(sync_count).saturating_add(self.lost_since))
    }

    /// What came before, of the same log.
    pub fn absorb(&mut self, before: Self) {
        self.first = before.first.or(self.first);
        self.last = self.last.or(before.last);
        self.lost_since += before.lost_since;
    }

    /// What is told of it.
    pub fn summary(&self, region_count: Option<u64>) -> SyncSummary {
        let sync_count = self.last.map(|(count, _)| count);
        let in_sync = match (sync_count, region_count) {
            _ if self.lost_since > 0 => Some(false),
            (Some(sync), Some(regions)) => Some(sync >= regions),
            (None, _) | (_, None) => None,
        };
        SyncSummary {
            sync_count_first: self.first.map(|(count, _)| count),
            sync_count,
            set_out_of_sync_since: self.lost_since,
            in_sync,
        }
    }
}

/// How many regions are in sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncSummary {
    /// Regions in sync when the kernel first told; `None` if it never did.
    pub sync_count_first: Option<u64>,
    /// Regions in sync when the kernel last told.
    pub sync_count: Option<u64>,
    /// Regions that were set out of sync after that.
    pub set_out_of_sync_since: u64,
    /// All regions are in sync at the end; `None` if that cannot be told.
    pub in_sync: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::{Recovery, SyncProgress};
    use crate::analysis::geometry::Geometry;
    use crate::event::ids::{MonoNs, Region};

    const MS: u64 = 1_000_000;

    #[test]
    fn rates_leave_pauses_out() {
        let geometry =
            Geometry { region_size_sectors: Some(2048), target_sectors: Some(2048 + 1024), ..Geometry::default() };
        let mut recovery = Recovery::default();
        recovery.hand_out(MonoNs(1000 * MS));
        recovery.copied(Some(Region(0)), Some(90 * MS), false, &geometry);
        recovery.end(MonoNs(1100 * MS), true);
        // 10 ms later the next: that belongs to the recovery.
        recovery.hand_out(MonoNs(1110 * MS));
        recovery.copied(Some(Region(1)), Some(40 * MS), false, &geometry);
        recovery.end(MonoNs(1200 * MS), true);
        // An hour later another, which fails after 50 ms.
        recovery.hand_out(MonoNs(3_601_200 * MS));
        recovery.copied(Some(Region(0)), Some(45 * MS), true, &geometry);
        recovery.end(MonoNs(3_601_250 * MS), false);
        let summary = recovery.summary(MonoNs(500 * MS), Some(4));
        assert_eq!((summary.regions_handed_out, summary.regions_recovered, summary.regions_failed), (3, 2, 1));
        assert_eq!(summary.active_ns, 250 * MS);
        assert_eq!(summary.copied_bytes, 1024 * 1024 + 512 * 1024, "the last region is half a region");
        assert!((summary.regions_per_s.unwrap() - 8.0).abs() < 1e-9, "2 regions in 0.25 s");
        assert_eq!(summary.time_left_ns, Some(500 * MS), "4 regions at 8 a second");
        assert_eq!((summary.first_start_ns, summary.last_end_ns), (Some(500 * MS), Some(3_600_750 * MS)));
        assert_eq!(summary.latency.unwrap().latency_ns_max, 90 * MS);
        assert_eq!(summary.copy_errors, 1);
    }

    #[test]
    fn nothing_recovered_has_no_rate() {
        let summary = Recovery::default().summary(MonoNs(0), Some(0));
        assert_eq!((summary.regions_per_s, summary.bytes_per_s, summary.time_left_ns), (None, None, Some(0)));
        assert_eq!(Recovery::default().summary(MonoNs(0), Some(3)).time_left_ns, None);
    }

    #[test]
    fn in_sync_is_what_the_kernel_told_last() {
        let mut sync = SyncProgress::default();
        assert_eq!(sync.summary(Some(4)).in_sync, None);
        sync.count(1, MonoNs(1));
        sync.count(4, MonoNs(2));
        assert_eq!(sync.summary(None).in_sync, None);
        let summary = sync.summary(Some(4));
        assert_eq!((summary.sync_count_first, summary.sync_count, summary.in_sync), (Some(1), Some(4), Some(true)));
        sync.lost();
        assert_eq!(sync.summary(Some(4)).in_sync, Some(false));
        sync.count(3, MonoNs(3));
        assert_eq!(sync.summary(Some(4)).in_sync, Some(false));
    }
}
