//! How many regions of a mirror are dirty, out of sync or in recovery, and what a crash would leave to be copied, at each
//! moment.
//!
//! What a log says of its regions comes from the model of it, which knows for each bit whether it is known
//! (`session::model`). Where there is none, as for a userspace log, whose bits are its daemon's, dirty regions are those that were
//! seen marked and not cleared, and a crash is not told.
//!
//! A crash leaves the mirror with what the log device holds (KERNEL: every clean bit that is 0 makes a copy): of a disk log the
//! regions that were not clean at its last write that succeeded, of a core log, which is gone with the memory, all regions.
//! Regions out of sync have a clean bit of 0 too and are among them. After a write that failed nobody knows.
//!
//! A device counts what the logs of all its targets say; of a target, the log that was resumed last.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::geometry::Geometry;
use super::over_time::{OverTime, SeriesSummary, SlotTimes};
use crate::event::ids::{LogId, MonoNs, Region, SECTOR_SIZE_BYTES};

/// What a log says of its regions, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOccupancy {
    /// Regions whose clean bit is 0 and that are not known to be out of sync. Each one of `clean_unknown` may be one more.
    pub dirty: u64,
    /// Regions of which it is not known whether they are clean.
    pub clean_unknown: Option<u64>,
    /// Regions that are not in sync.
    pub out_of_sync: Option<u64>,
    /// Regions that were handed out and have not come back.
    pub recovering: Option<u64>,
    /// What a crash at this moment leaves to be copied.
    pub resync: Option<Resync>,
}

/// Regions that a mirror copies when it is activated after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resync {
    /// How many.
    pub regions: u64,
    /// The last region of the target, which may be a short one, is among them.
    pub has_last: bool,
}

impl Resync {
    /// Their bytes; `None` if the region size is not known.
    fn bytes(self, geometry: &Geometry) -> Option<u64> {
        let whole = u64::from(geometry.region_size_sectors?).checked_mul(SECTOR_SIZE_BYTES)?;
        let last = geometry.region_count?.checked_sub(1).and_then(|last| geometry.bytes(Region(last)));
        let short_by = if self.has_last { whole.saturating_sub(last?) } else { 0 };
        Some(self.regions.checked_mul(whole)?.saturating_sub(short_by))
    }
}

/// Numbers that are followed, in the order of [`Summed::numbers`].
const NUMBERS: usize = 6;

/// What the logs of a device say together.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    over_time: OverTime<NUMBERS>,
    summed: [Summed; NUMBERS],
    /// Targets that say something.
    targets: u64,
}

/// A sum over targets.
#[derive(Clone, Copy, Debug, Default)]
struct Summed {
    sum: u64,
    /// Targets that say something, and do not know this number.
    unknown: u64,
}

/// A number that is not known. Numbers of this kind are compared for every mark and clear, which an `Option` makes twice the
/// work; no log has as many regions.
const UNKNOWN: u64 = u64::MAX;

impl Summed {
    fn value(self) -> Option<u64> {
        (self.unknown == 0).then_some(self.sum)
    }

    fn add(&mut self, value: u64) {
        match value {
            UNKNOWN => self.unknown += 1,
            value => self.sum = self.sum.wrapping_add(value),
        }
    }

    fn remove(&mut self, value: u64) {
        match value {
            UNKNOWN => self.unknown -= 1,
            value => self.sum = self.sum.wrapping_sub(value),
        }
    }
}

/// What a target has said last, and which log of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TargetOccupancy {
    log: LogId,
    says: bool,
    numbers: [u64; NUMBERS],
    /// [`Resync::has_last`].
    has_last: bool,
}

impl TargetOccupancy {
    /// Whether the number of regions out of sync is known to be this one.
    pub fn is_out_of_sync(&self, log: LogId, regions: u64) -> bool {
        let [_, _, out_of_sync, ..] = self.numbers;
        self.says && self.log == log && out_of_sync == regions
    }

    /// Whether what a log says counts for its target: it is the one that was resumed last, or the first one that is seen.
    #[inline]
    pub fn listens(&mut self, log: LogId, is_resumed: bool) -> bool {
        if is_resumed || self.log == LogId::UNKNOWN {
            self.log = log;
        }
        self.log == log
    }
}

impl Occupancy {
    /// A log of a target says how its regions are; `None` if it has ended. `from` is where the time begins that is looked at,
    /// `None` before it.
    #[inline]
    pub fn observe(
        &mut self,
        target: &mut TargetOccupancy,
        log: Option<&LogOccupancy>,
        geometry: &Geometry,
        time: MonoNs,
        from: Option<MonoNs>,
    ) {
        let Some(log) = log else { return self.end(target, time, from) };
        let LogOccupancy { dirty, clean_unknown, out_of_sync, recovering, resync } = *log;
        let known = |number: Option<u64>| number.unwrap_or(UNKNOWN);
        let has_last = resync.is_some_and(|resync| resync.has_last);
        let [.., regions_before, bytes_before] = target.numbers;
        let regions = resync.map_or(UNKNOWN, |resync| resync.regions);
        let bytes = if target.says && regions == regions_before && has_last == target.has_last {
            bytes_before
        } else {
            known(resync.and_then(|resync| resync.bytes(geometry)))
        };
        let numbers = [dirty, known(clean_unknown), known(out_of_sync), known(recovering), regions, bytes];
        let is_new = !std::mem::replace(&mut target.says, true);
        target.has_last = has_last;
        let before = std::mem::replace(&mut target.numbers, numbers);
        if before == numbers && !is_new {
            return;
        }
        self.targets += u64::from(is_new);
        for (number, (before, after)) in before.into_iter().zip(numbers).enumerate() {
            if before != after || is_new {
                let summed = &mut self.summed[number];
                if !is_new {
                    summed.remove(before);
                }
                summed.add(after);
                self.over_time.set(number, summed.value(), time, from);
            }
        }
    }

    /// The log of a target has ended.
    #[cold]
    fn end(&mut self, target: &mut TargetOccupancy, time: MonoNs, from: Option<MonoNs>) {
        if !std::mem::replace(&mut target.says, false) {
            return;
        }
        self.targets -= 1;
        for (number, before) in target.numbers.into_iter().enumerate() {
            self.summed[number].remove(before);
            let value = self.summed[number].value().filter(|_| self.targets > 0);
            self.over_time.set(number, value, time, from);
        }
    }

    /// Regions that are dirty, out of sync and in recovery now; `None` where that is not known.
    pub fn now(&self) -> [Option<u64>; 3] {
        const PLACES: [usize; 3] = [0, 2, 3];
        PLACES.map(|place| self.over_time.value(place))
    }

    /// What is told of it, for the time `from` to `end`; times from `origin`.
    pub fn summary(&self, from: MonoNs, end: MonoNs, origin: MonoNs) -> OccupancySummary {
        let (slots, series) = self.over_time.summary(from, end, origin);
        let [
            dirty_regions,
            clean_unknown_regions,
            not_in_sync_regions,
            recovering_regions,
            resync_regions,
            resync_bytes,
        ] = series;
        OccupancySummary {
            slots,
            dirty_regions,
            clean_unknown_regions,
            not_in_sync_regions,
            recovering_regions,
            resync_regions,
            resync_bytes,
        }
    }
}

/// Regions over time. In JSON the numbers of each series begin with its name, and `slots` are rows with the same names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OccupancySummary {
    /// Where the slots of all series lie.
    pub slots: SlotTimes,
    /// Regions in sync whose clean bit is 0: what writes made dirty. Each of `clean_unknown_regions` may be one more.
    pub dirty_regions: SeriesSummary,
    /// Regions of which it is not known whether they are clean: those of a log that is older than the capture.
    pub clean_unknown_regions: SeriesSummary,
    /// Regions that are not in sync.
    pub not_in_sync_regions: SeriesSummary,
    /// Regions that were handed out for recovery and have not come back.
    pub recovering_regions: SeriesSummary,
    /// Regions that a crash at each moment leaves to be copied. Not known where the last write of the log device failed or was
    /// not seen; each of `clean_unknown_regions` may be one more.
    pub resync_regions: SeriesSummary,
    /// Their bytes.
    pub resync_bytes: SeriesSummary,
}

impl OccupancySummary {
    /// The series by their names.
    pub fn series(&self) -> [(&'static str, &SeriesSummary); NUMBERS] {
        [
            ("dirty_regions", &self.dirty_regions),
            ("clean_unknown_regions", &self.clean_unknown_regions),
            ("not_in_sync_regions", &self.not_in_sync_regions),
            ("recovering_regions", &self.recovering_regions),
            ("resync_regions", &self.resync_regions),
            ("resync_bytes", &self.resync_bytes),
        ]
    }
}

impl Serialize for OccupancySummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, series) in self.series() {
            map.serialize_entry(&format!("{name}_min"), &series.min)?;
            map.serialize_entry(&format!("{name}_mean"), &series.mean)?;
            map.serialize_entry(&format!("{name}_max"), &series.max)?;
            map.serialize_entry(&format!("{name}_last"), &series.last)?;
        }
        let SlotTimes { slots_start_ns, slot_ns } = self.slots;
        map.serialize_entry("slot_ns", &slot_ns)?;
        let slots = self.series().iter().map(|(_, series)| series.slots.len()).max().unwrap_or(0);
        let rows: Vec<SlotRow<'_>> = (0..slots)
            .zip(0..)
            .map(|(slot, number)| SlotRow { all: self, slot, start_ns: slots_start_ns.unwrap_or(0) + number * slot_ns })
            .collect();
        map.serialize_entry("slots", &rows)?;
        map.end()
    }
}

/// All series in one slot; what was not known in it is left out.
struct SlotRow<'a> {
    all: &'a OccupancySummary,
    slot: usize,
    start_ns: u64,
}

impl Serialize for SlotRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("start_ns", &self.start_ns)?;
        for (name, series) in self.all.series() {
            if let Some(Some(slot)) = series.slots.get(self.slot) {
                map.serialize_entry(&format!("{name}_min"), &slot.min)?;
                map.serialize_entry(&format!("{name}_mean"), &slot.mean)?;
                map.serialize_entry(&format!("{name}_max"), &slot.max)?;
                map.serialize_entry(&format!("{name}_last"), &slot.last)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
