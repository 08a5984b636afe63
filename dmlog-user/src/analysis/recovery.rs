//! Recovery: what the log handed out, what the mirror made of it, how fast, and how far the mirror is in sync.
//!
//! The log hands out a region (`get_resync_work`), kcopyd copies it (`recover` to `recovery_complete`), the region hash
//! ends it (`dm_rh_recovery_end`). At most one region of a mirror is in recovery at a time.

use serde::Serialize;

use super::geometry::Geometry;
use super::latency::{Latency, LatencySummary};
use super::rate_per_s;
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
    read_errors: u64,
    read_bytes: u64,
    /// What was written to each leg but the one that is read.
    written: [LegWrites; WRITTEN_LEGS_MAX],
    rivals: Rivals,
}

/// Legs that a copy is written to, `DM_KCOPYD_MAX_REGIONS`.
const WRITTEN_LEGS_MAX: usize = 8;

/// Copies that were written to one leg.
#[derive(Clone, Copy, Debug, Default)]
struct LegWrites {
    writes: u64,
    bytes: u64,
    errors: u64,
}

/// Writes that had the legs for rivals: those that came or went while a region was being copied.
#[derive(Clone, Debug)]
struct Rivals {
    /// Since when a region is being copied, and which one, if that could be read.
    copying: Option<(MonoNs, Option<Region>)>,
    copying_ns: u64,
    writes: u64,
    bytes: u64,
    latency: Latency,
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
            read_errors: 0,
            read_bytes: 0,
            written: [LegWrites::default(); WRITTEN_LEGS_MAX],
            rivals: Rivals { copying: None, copying_ns: 0, writes: 0, bytes: 0, latency: Latency::of_device() },
        }
    }
}

impl Recovery {
    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        [&mut self.copy_latency, &mut self.rivals.latency].into_iter()
    }

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

    /// kcopyd begins with a region.
    pub fn copy(&mut self, region: Option<Region>, time: MonoNs) {
        self.rivals.copying = Some((time, region));
    }

    /// kcopyd is done with a region.
    pub fn copied(&mut self, copy: &Copied, geometry: &Geometry) {
        let Copied { region, time, took_ns, read_failed, write_errors } = *copy;
        self.copies += 1;
        let since = self.rivals.copying.take().map(|(since, _)| since);
        if let Some(took_ns) = took_ns.or_else(|| Some(time.0.saturating_sub(since?.0))) {
            self.rivals.copying_ns = self.rivals.copying_ns.saturating_add(took_ns);
        }
        if let Some(took_ns) = took_ns {
            self.copy_latency.record(took_ns);
        }
        let bytes = region.and_then(|region| geometry.bytes(region)).unwrap_or(0);
        if read_failed {
            self.read_errors += 1;
            self.copy_errors += 1;
            return;
        }
        self.read_bytes = self.read_bytes.saturating_add(bytes);
        if write_errors == 0 {
            self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        } else {
            self.copy_errors += 1;
        }
        for (leg, written) in self.written.iter_mut().enumerate() {
            if write_errors >> leg & 1 == 1 {
                written.errors += 1;
            } else {
                written.writes += 1;
                written.bytes = written.bytes.saturating_add(bytes);
            }
        }
    }

    /// Whether a region is being copied.
    #[inline]
    pub fn is_copying(&self) -> bool {
        self.rivals.copying.is_some()
    }

    /// A write has entered while a region is being copied.
    pub fn enter_rival(&mut self, bytes: u32) {
        self.rivals.writes += 1;
        self.rivals.bytes = self.rivals.bytes.saturating_add(u64::from(bytes));
    }

    /// A write is over while a region is being copied.
    pub fn end_rival(&mut self, latency_ns: u64) {
        self.rivals.latency.record(latency_ns);
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

    /// How long copies took.
    pub fn copy_latency(&self) -> &Latency {
        &self.copy_latency
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
        self.read_errors += other.read_errors;
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        for (ours, theirs) in self.written.iter_mut().zip(&other.written) {
            ours.writes += theirs.writes;
            ours.bytes = ours.bytes.saturating_add(theirs.bytes);
            ours.errors += theirs.errors;
        }
        self.rivals.copying_ns = self.rivals.copying_ns.saturating_add(other.rivals.copying_ns);
        self.rivals.writes += other.rivals.writes;
        self.rivals.bytes = self.rivals.bytes.saturating_add(other.rivals.bytes);
        self.rivals.latency.absorb(&other.rivals.latency);
        self.active_ns = self.active_ns.saturating_add(other.active_ns);
        self.active_until_ns = self.active_until_ns.max(other.active_until_ns);
        self.first_ns = [self.first_ns, other.first_ns].into_iter().flatten().min();
        self.last_ns = [self.last_ns, other.last_ns].into_iter().flatten().max();
    }

    /// What is told of the recovery; times from `origin`.
    pub fn summary(&self, origin: MonoNs, mirror: &MirrorFacts) -> RecoverySummary {
        let MirrorFacts { left, regions, legs, write_latency } = *mirror;
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
            regions_left: left,
            progress_ratio: left.zip(regions).filter(|(_, regions)| *regions > 0).map(|(left, regions)| {
                // More are left than there are if regions were lost twice.
                regions.saturating_sub(left) as f64 / regions as f64
            }),
            copying_region: self.rivals.copying.and_then(|(_, region)| region).map(|region| region.0),
            copying_since_ns: self.rivals.copying.map(|(since, _)| since.0.saturating_sub(origin.0)),
            legs: self.legs(legs.unwrap_or(0)),
            competition: self.rivals.summary(write_latency),
            latency: self.copy_latency.summary(),
        }
    }

    /// What was read from and written to each leg, if something was.
    fn legs(&self, legs: u32) -> Vec<RecoveryLeg> {
        let read = RecoveryLeg {
            leg: 0,
            reads: self.copies - self.read_errors,
            read_bytes: self.read_bytes,
            read_errors: self.read_errors,
            ..RecoveryLeg::default()
        };
        let of_leg = |(leg, written): (u32, &LegWrites)| {
            let LegWrites { writes, bytes, errors } = *written;
            RecoveryLeg { leg, writes, write_bytes: bytes, write_errors: errors, ..RecoveryLeg::default() }
        };
        let written = (1..legs).zip(&self.written).map(of_leg);
        if self.copies == 0 || legs == 0 { Vec::new() } else { std::iter::once(read).chain(written).collect() }
    }
}

impl Rivals {
    fn summary(&self, write_latency: Option<LatencySummary>) -> CompetitionSummary {
        let latency = self.latency.summary();
        let of = |latency: Option<LatencySummary>| {
            latency.map_or((0, 0), |latency| (latency.latency_count, latency.latency_ns_sum))
        };
        let ((all, all_ns), (rivals, rivals_ns)) = (of(write_latency), of(latency));
        CompetitionSummary {
            copying_ns: self.copying_ns,
            writes: self.writes,
            write_bytes: self.bytes,
            bytes_per_s: rate_per_s(self.bytes, self.copying_ns),
            other_writes_latency_ns_mean: all_ns.saturating_sub(rivals_ns).checked_div(all.saturating_sub(rivals)),
            latency,
        }
    }
}

/// A region that kcopyd is done with.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Which one, if that could be read.
    pub region: Option<Region>,
    /// When.
    pub time: MonoNs,
    /// How long it took.
    pub took_ns: Option<u64>,
    /// It could not be read.
    pub read_failed: bool,
    /// A bit for each leg that it could not be written to, the one that is read not counted.
    pub write_errors: u64,
}

/// What is known of a mirror besides its recovery.
#[derive(Clone, Copy, Debug, Default)]
pub struct MirrorFacts {
    /// Regions that are not in sync, if known.
    pub left: Option<u64>,
    /// Regions, if known.
    pub regions: Option<u64>,
    /// Legs, if known.
    pub legs: Option<u32>,
    /// Latency of all its writes.
    pub write_latency: Option<LatencySummary>,
}

/// Recovery's reads and writes of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecoveryLeg {
    /// Index of the leg. The one that is read is taken to be leg 0: the kernel's choice of another one, after that has failed while
    /// the mirror was in sync, is not seen.
    pub leg: u32,
    /// Regions read from it.
    pub reads: u64,
    /// Their bytes.
    pub read_bytes: u64,
    /// Regions that could not be read.
    pub read_errors: u64,
    /// Regions written to it.
    pub writes: u64,
    /// Their bytes.
    pub write_bytes: u64,
    /// Regions that could not be written.
    pub write_errors: u64,
}

/// Writes and recovery at the same legs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CompetitionSummary {
    /// Time in which a region was being copied.
    pub copying_ns: u64,
    /// Writes that entered in that time.
    pub writes: u64,
    /// Their bytes.
    pub write_bytes: u64,
    /// Those bytes per second of that time.
    pub bytes_per_s: f64,
    /// Mean latency of the writes that ended at other times.
    pub other_writes_latency_ns_mean: Option<u64>,
    /// Latency of the writes that ended in that time.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
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
    /// How many regions that is: those that are not in sync.
    pub regions_left: Option<u64>,
    /// Share of the regions that is in sync.
    pub progress_ratio: Option<f64>,
    /// The region that is being copied at the end; `None` without one, and where it could not be read.
    pub copying_region: Option<u64>,
    /// Since when, from the start of the trace. There is one copy of a mirror at a time at most.
    pub copying_since_ns: Option<u64>,
    /// Reads and writes of each leg.
    pub legs: Vec<RecoveryLeg>,
    /// Writes that met recovery at the legs.
    pub competition: CompetitionSummary,
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
    use super::{Copied, MirrorFacts, Recovery, RecoverySummary, SyncProgress};
    use crate::analysis::geometry::Geometry;
    use crate::analysis::latency::Latency;
    use crate::event::ids::{MonoNs, Region};

    const MS: u64 = 1_000_000;

    #[test]
    fn rates_leave_pauses_out() {
        let geometry =
            Geometry { region_size_sectors: Some(2048), target_sectors: Some(2048 + 1024), ..Geometry::default() };
        let mut recovery = Recovery::default();
        let copied = |region, took_ms, write_errors| Copied {
            region: Some(Region(region)),
            time: MonoNs(0),
            took_ns: Some(took_ms * MS),
            read_failed: false,
            write_errors,
        };
        recovery.hand_out(MonoNs(1000 * MS));
        recovery.copied(&copied(0, 90, 0), &geometry);
        recovery.end(MonoNs(1100 * MS), true);
        // 10 ms later the next: that belongs to the recovery.
        recovery.hand_out(MonoNs(1110 * MS));
        recovery.copied(&copied(1, 40, 0), &geometry);
        recovery.end(MonoNs(1200 * MS), true);
        // An hour later another, which fails after 50 ms.
        recovery.hand_out(MonoNs(3_601_200 * MS));
        recovery.copied(&copied(0, 45, 0b10), &geometry);
        recovery.end(MonoNs(3_601_250 * MS), false);
        let facts = MirrorFacts { left: Some(4), regions: Some(16), legs: Some(3), write_latency: None };
        let summary = recovery.summary(MonoNs(500 * MS), &facts);
        assert_eq!((summary.regions_handed_out, summary.regions_recovered, summary.regions_failed), (3, 2, 1));
        assert_eq!(summary.active_ns, 250 * MS);
        assert_eq!(summary.copied_bytes, 1024 * 1024 + 512 * 1024, "the last region is half a region");
        assert!((summary.regions_per_s.unwrap() - 8.0).abs() < 1e-9, "2 regions in 0.25 s");
        assert_eq!(summary.time_left_ns, Some(500 * MS), "4 regions at 8 a second");
        assert_eq!((summary.first_start_ns, summary.last_end_ns), (Some(500 * MS), Some(3_600_750 * MS)));
        assert_eq!(summary.latency.unwrap().latency_ns_max, 90 * MS);
        assert_eq!((summary.copy_errors, summary.regions_left, summary.progress_ratio), (1, Some(4), Some(0.75)));
        // All three were read, and the third one could not be written to leg 2.
        let legs: Vec<_> = summary.legs.iter().map(|leg| (leg.leg, leg.reads, leg.writes, leg.write_errors)).collect();
        assert_eq!(legs, [(0, 3, 0, 0), (1, 0, 3, 0), (2, 0, 2, 1)]);
        assert_eq!((summary.legs[0].read_bytes, summary.legs[2].write_bytes), (2560 << 10, 1536 << 10));
    }

    #[test]
    fn writes_compete_while_a_region_is_copied() {
        let mut recovery = Recovery::default();
        assert!(!recovery.is_copying());
        recovery.copy(Some(Region(7)), MonoNs(100 * MS));
        assert!(recovery.is_copying());
        let copying = recovery.summary(MonoNs(40 * MS), &MirrorFacts::default());
        assert_eq!((copying.copying_region, copying.copying_since_ns), (Some(7), Some(60 * MS)));
        recovery.enter_rival(4096);
        recovery.end_rival(30 * MS);
        let copied = Copied { region: None, time: MonoNs(300 * MS), took_ns: None, read_failed: true, write_errors: 0 };
        recovery.copied(&copied, &Geometry::default());
        assert!(!recovery.is_copying());
        let mut all = Latency::of_device();
        for latency_ms in [30, 5, 7] {
            all.record(latency_ms * MS);
        }
        let facts = MirrorFacts { write_latency: all.summary(), legs: Some(2), ..MirrorFacts::default() };
        let RecoverySummary { competition, legs, .. } = recovery.summary(MonoNs(0), &facts);
        assert_eq!((competition.copying_ns, competition.writes, competition.write_bytes), (200 * MS, 1, 4096));
        assert!((competition.bytes_per_s - 20480.0).abs() < 1e-9);
        assert_eq!(competition.latency.unwrap().latency_ns_max, 30 * MS);
        assert_eq!(competition.other_writes_latency_ns_mean, Some(6 * MS));
        assert_eq!((legs[0].reads, legs[0].read_errors, legs[1].writes), (0, 1, 0), "what was not read is not written");
    }

    #[test]
    fn nothing_recovered_has_no_rate() {
        let left = |left| MirrorFacts { left: Some(left), ..MirrorFacts::default() };
        let summary = Recovery::default().summary(MonoNs(0), &left(0));
        assert_eq!((summary.regions_per_s, summary.bytes_per_s, summary.time_left_ns), (None, None, Some(0)));
        assert_eq!(Recovery::default().summary(MonoNs(0), &left(3)).time_left_ns, None);
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
