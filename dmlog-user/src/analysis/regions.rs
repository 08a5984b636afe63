//! What happened to each region: marks, clears, marks soon after a clear, writes and their bytes.
//!
//! Exact counts for every region that was seen, up to [`TRACKED_REGIONS_MAX`] regions a device; beyond that, events of
//! further regions are counted together and shown as such. The most marked regions are kept apart as they are counted,
//! so that a snapshot need not look at all of them.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::geometry::{Geometry, SectorRange};
use crate::event::ids::{MonoNs, Region};

pub mod packed;

/// Regions with counts of their own per device: 1 Mi of them take 64 MiB, a quarter of what a replay may use.
pub const TRACKED_REGIONS_MAX: usize = 1 << 20;

/// Regions below this are found by index, others by hash; the index takes four bytes each.
const DENSE_REGIONS: u64 = 1 << 20;

/// Most marked regions that are kept at hand; no output can show more.
pub const MOST_MARKED_MAX: usize = 128;

/// A mark at most this long after the region's clear, of a region that had been marked before, is a re-mark: the clear was
/// for nothing.
pub const RE_MARK_NS: u64 = 1_000_000_000;

const NOT_TRACKED: u32 = u32::MAX;

/// Counters of one region: one line of the cache.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct RegionCounters {
    region: u64,
    marks: u64,
    clears: u64,
    re_marks: u64,
    writes: u64,
    bytes: u64,
    /// Time of a clear that no mark has followed yet; 0 if there is none.
    cleared_ns: u64,
    in_most_marked: bool,
}

/// Counters of all regions under one geometry.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    dense: Vec<u32>,
    sparse: FxHashMap<u64, u32>,
    counters: Vec<RegionCounters>,
    most_marked: Vec<u32>,
    /// No more marks than the least of `most_marked` has, once that is full.
    most_marked_floor: u64,
    totals: RegionTotals,
}

/// Events of regions beyond the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OtherRegions {
    /// Marks of them.
    pub marks: u64,
    /// Clears of them.
    pub clears: u64,
    /// Bytes written to them.
    pub bytes: u64,
}

impl OtherRegions {
    /// Adds other counts.
    pub fn absorb(&mut self, other: Self) {
        self.marks += other.marks;
        self.clears += other.clears;
        self.bytes += other.bytes;
    }
}

impl Regions {
    /// Counts a mark. `budget` is how many regions the device may still take on.
    pub fn mark(&mut self, region: Region, time: MonoNs, budget: &mut usize) {
        self.totals.marks += 1;
        let Some(place) = self.place(region, budget) else {
            self.totals.other.marks += 1;
            return;
        };
        let counters = &mut self.counters[place];
        self.totals.marked_regions += u64::from(counters.marks == 0);
        counters.marks += 1;
        if counters.cleared_ns != 0 && time.0.saturating_sub(counters.cleared_ns) <= RE_MARK_NS {
            counters.re_marks += 1;
            self.totals.re_marks += 1;
        }
        counters.cleared_ns = 0;
        if !counters.in_most_marked && counters.marks > self.most_marked_floor {
            self.promote(place);
        }
    }

    /// Counts a clear.
    pub fn clear(&mut self, region: Region, time: MonoNs, budget: &mut usize) {
        self.totals.clears += 1;
        let Some(place) = self.place(region, budget) else {
            self.totals.other.clears += 1;
            return;
        };
        let counters = &mut self.counters[place];
        counters.clears += 1;
        // The clear at the end of a recovery undoes no mark, so a mark after it is not one "again".
        if counters.marks > 0 {
            counters.cleared_ns = time.0;
        }
    }

    /// Counts a write.
    pub fn write(&mut self, region: Region, bytes: u64, budget: &mut usize) {
        let Some(place) = self.place(region, budget) else {
            self.totals.other.bytes += bytes;
            return;
        };
        let counters = &mut self.counters[place];
        self.totals.written_regions += u64::from(counters.writes == 0);
        counters.writes += 1;
        counters.bytes += bytes;
    }

    /// Adds another table of the same geometry.
    pub fn absorb(&mut self, other: &Self, budget: &mut usize) {
        let RegionTotals { marks, clears, re_marks, other: beyond, .. } = other.totals;
        self.totals.absorb(RegionTotals { marks, clears, re_marks, other: beyond, ..RegionTotals::default() });
        for theirs in &other.counters {
            let Some(place) = self.place(Region(theirs.region), budget) else {
                let beyond = OtherRegions { marks: theirs.marks, clears: theirs.clears, bytes: theirs.bytes };
                self.totals.other.absorb(beyond);
                continue;
            };
            let ours = &mut self.counters[place];
            self.totals.marked_regions += u64::from(ours.marks == 0 && theirs.marks > 0);
            self.totals.written_regions += u64::from(ours.writes == 0 && theirs.writes > 0);
            ours.marks += theirs.marks;
            ours.clears += theirs.clears;
            ours.re_marks += theirs.re_marks;
            ours.writes += theirs.writes;
            ours.bytes += theirs.bytes;
            ours.cleared_ns = ours.cleared_ns.max(theirs.cleared_ns);
            if !ours.in_most_marked && ours.marks > self.most_marked_floor {
                self.promote(place);
            }
        }
    }

    /// Regions that have counts of their own.
    pub fn tracked(&self) -> usize {
        self.counters.len()
    }

    /// Totals over all regions.
    pub fn totals(&self) -> RegionTotals {
        self.totals
    }

    /// The most marked regions, most marks first, then by number.
    pub fn most_marked(&self, geometry: &Geometry) -> Vec<RegionSummary> {
        let mut rows: Vec<RegionSummary> = self
            .most_marked
            .iter()
            .map(|&place| {
                let RegionCounters { region, marks, clears, re_marks, writes, bytes, .. } =
                    self.counters[place as usize];
                let sectors = geometry.sectors(Region(region));
                RegionSummary { region, sectors, marks, clears, re_marks, writes, write_bytes: bytes }
            })
            .collect();
        rows.sort_unstable_by(RegionSummary::by_marks);
        rows
    }

    /// Place of a region's counters, made if there is room.
    fn place(&mut self, region: Region, budget: &mut usize) -> Option<usize> {
        let known = if region.0 < DENSE_REGIONS {
            let index = usize::try_from(region.0).ok()?;
            self.dense.get(index).copied().filter(|&place| place != NOT_TRACKED)
        } else {
            self.sparse.get(&region.0).copied()
        };
        match known {
            Some(place) => Some(place as usize),
            None => self.add(region, budget),
        }
    }

    #[cold]
    fn add(&mut self, region: Region, budget: &mut usize) -> Option<usize> {
        *budget = budget.checked_sub(1)?;
        let place = u32::try_from(self.counters.len()).ok()?;
        if region.0 < DENSE_REGIONS {
            let index = usize::try_from(region.0).ok()?;
            if index >= self.dense.len() {
                self.dense.resize((index + 1).next_power_of_two(), NOT_TRACKED);
            }
            self.dense[index] = place;
        } else {
            self.sparse.insert(region.0, place);
        }
        self.counters.push(RegionCounters { region: region.0, ..RegionCounters::default() });
        Some(place as usize)
    }

    /// Takes a region among the most marked, in place of the least marked one if there is no room and it has fewer.
    #[cold]
    fn promote(&mut self, place: usize) {
        let Ok(number) = u32::try_from(place) else { return };
        if self.most_marked.len() < MOST_MARKED_MAX {
            self.most_marked.push(number);
            self.counters[place].in_most_marked = true;
            return;
        }
        let least = self.most_marked.iter().enumerate().min_by_key(|&(_, &member)| {
            let counters = &self.counters[member as usize];
            (counters.marks, std::cmp::Reverse(counters.region))
        });
        let Some((slot, &member)) = least else { return };
        let floor = self.counters[member as usize].marks;
        self.most_marked_floor = floor;
        if self.counters[place].marks > floor {
            self.counters[member as usize].in_most_marked = false;
            self.counters[place].in_most_marked = true;
            self.most_marked[slot] = number;
        }
    }
}

/// Totals over all regions of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegionTotals {
    /// Regions that were marked at least once.
    pub marked_regions: u64,
    /// Regions that were written at least once.
    pub written_regions: u64,
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Marks at most [`RE_MARK_NS`] after the region's clear.
    pub re_marks: u64,
    /// Events of regions beyond [`TRACKED_REGIONS_MAX`].
    pub other: OtherRegions,
}

impl RegionTotals {
    /// Adds the totals of another table.
    pub fn absorb(&mut self, other: Self) {
        self.marked_regions += other.marked_regions;
        self.written_regions += other.written_regions;
        self.marks += other.marks;
        self.clears += other.clears;
        self.re_marks += other.re_marks;
        self.other.absorb(other.other);
    }
}

/// What is told of one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionSummary {
    /// Index of the region in its log.
    pub region: u64,
    /// Its sectors on the mapped device, both ends included; `None` if the region size is not known.
    #[serde(flatten)]
    pub sectors: Option<SectorRange>,
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Marks at most [`RE_MARK_NS`] after its clear.
    pub re_marks: u64,
    /// Writes that entered the mirror.
    pub writes: u64,
    /// Bytes of those writes.
    pub write_bytes: u64,
}

impl RegionSummary {
    /// Most marks first, then by number.
    pub fn by_marks(left: &Self, right: &Self) -> std::cmp::Ordering {
        right.marks.cmp(&left.marks).then(left.region.cmp(&right.region)).then(left.sectors.cmp(&right.sectors))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_MARKED_MAX, RE_MARK_NS, Regions};
    use crate::analysis::geometry::Geometry;
    use crate::event::ids::{MonoNs, Region};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn counts_marks_clears_writes_and_sector_ranges() {
        let geometry = Geometry { region_size_sectors: Some(8), target_sectors: Some(20), ..Geometry::default() };
        let (mut regions, mut budget) = (Regions::default(), 10);
        for time in [1, 2, 3] {
            regions.mark(Region(2), MonoNs(time * 10 * SECOND), &mut budget);
        }
        regions.mark(Region(0), MonoNs(1), &mut budget);
        regions.clear(Region(2), MonoNs(31 * SECOND), &mut budget);
        regions.write(Region(2), 4096, &mut budget);
        regions.write(Region(2), 512, &mut budget);
        let rows = regions.most_marked(&geometry);
        assert_eq!(rows.iter().map(|r| (r.region, r.marks)).collect::<Vec<_>>(), [(2, 3), (0, 1)]);
        assert_eq!((rows[0].clears, rows[0].writes, rows[0].write_bytes, rows[0].re_marks), (1, 2, 4608, 0));
        let sectors = rows[0].sectors.unwrap();
        assert_eq!((sectors.first_sector, sectors.last_sector), (16, 19), "the last region is short");
    }

    #[test]
    fn a_mark_within_a_second_of_the_clear_is_a_re_mark() {
        let (mut regions, mut budget) = (Regions::default(), 10);
        regions.mark(Region(1), MonoNs(SECOND), &mut budget);
        regions.clear(Region(1), MonoNs(2 * SECOND), &mut budget);
        regions.mark(Region(1), MonoNs(2 * SECOND + SECOND / 2), &mut budget);
        // A second mark without a clear between is not one more.
        regions.mark(Region(1), MonoNs(2 * SECOND + SECOND / 2 + 1), &mut budget);
        assert_eq!(regions.totals().re_marks, 1);
        regions.clear(Region(1), MonoNs(5 * SECOND), &mut budget);
        regions.mark(Region(1), MonoNs(5 * SECOND + RE_MARK_NS), &mut budget);
        assert_eq!(regions.totals().re_marks, 2);
        regions.clear(Region(1), MonoNs(7 * SECOND), &mut budget);
        regions.mark(Region(1), MonoNs(7 * SECOND + RE_MARK_NS + 1), &mut budget);
        assert_eq!(regions.totals().re_marks, 2);
        assert_eq!(regions.totals().marks, 5);
        // Region 2 is cleared by recovery: its first mark is not one again.
        regions.clear(Region(2), MonoNs(9 * SECOND), &mut budget);
        regions.mark(Region(2), MonoNs(9 * SECOND + 1), &mut budget);
        assert_eq!(regions.totals().re_marks, 2);
    }

    #[test]
    fn regions_beyond_the_limit_are_counted_together() {
        let (mut regions, mut budget) = (Regions::default(), 2);
        for region in [0, u64::MAX, 5, 5, 0] {
            regions.mark(Region(region), MonoNs(1), &mut budget);
        }
        regions.clear(Region(5), MonoNs(2), &mut budget);
        regions.write(Region(5), 100, &mut budget);
        let totals = regions.totals();
        assert_eq!((totals.marks, totals.marked_regions), (5, 2));
        assert_eq!((totals.other.marks, totals.other.clears, totals.other.bytes), (2, 1, 100));
        assert_eq!(regions.tracked(), 2);
    }

    #[test]
    fn the_most_marked_are_exact_whatever_the_order() {
        let (mut regions, mut budget) = (Regions::default(), 10_000);
        // Region n is marked n + 1 times, in rounds, so that every region is overtaken again and again.
        for round in 0..300_u64 {
            for region in round..300 {
                regions.mark(Region(region), MonoNs(1), &mut budget);
            }
        }
        let rows = regions.most_marked(&Geometry::default());
        let expected: Vec<(u64, u64)> = (0..MOST_MARKED_MAX as u64).map(|n| (299 - n, 300 - n)).collect();
        assert_eq!(rows.iter().map(|r| (r.region, r.marks)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn absorbing_adds_up() {
        let (mut left, mut right, mut budget) = (Regions::default(), Regions::default(), 10);
        left.mark(Region(1), MonoNs(1), &mut budget);
        right.mark(Region(1), MonoNs(1), &mut budget);
        right.mark(Region(2), MonoNs(1), &mut budget);
        right.write(Region(2), 512, &mut budget);
        left.absorb(&right, &mut budget);
        assert_eq!((left.totals().marks, left.totals().marked_regions, left.totals().written_regions), (3, 2, 1));
    }
}
