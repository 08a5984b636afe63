//! What happened to each region: marks, clears, marks soon after a clear, writes and their bytes, and who wrote.
//!
//! Exact counts for every region that was seen, up to [`TRACKED_REGIONS_MAX`] regions a device; beyond that, events of
//! further regions are counted together and shown as such. The first ones by marks, by bytes and by re-marks are kept apart as
//! they are counted ([`ranking`]), so that a snapshot need not look at all of them. Only who wrote is a bound ([`writers`]).

use rustc_hash::FxHashMap;
use serde::Serialize;

use self::ranking::{By, Ranking};
use self::writers::Writers;
use super::geometry::{Geometry, SectorRange};
use super::processes::{ProcessName, Processes};
use crate::event::ids::{MonoNs, Region};

pub mod packed;
pub mod ranking;
#[cfg(test)]
mod tests;
pub mod writers;

/// Regions with counts of their own per device: 1 Mi of them take 76 MiB, a third of what a replay may use.
pub const TRACKED_REGIONS_MAX: usize = 1 << 20;

/// Regions below this are found by index, others by hash; the index takes four bytes each.
const DENSE_REGIONS: u64 = 1 << 20;

/// A mark at most this long after the region's clear, of a region that had been marked before, is a re-mark: the clear was
/// for nothing.
pub const RE_MARK_NS: u64 = 1_000_000_000;

const NOT_TRACKED: u32 = u32::MAX;

/// Where a region is between its marks and clears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    /// No mark of it was seen.
    #[default]
    Unseen,
    /// Marked, and not cleared since.
    Dirty,
    /// Cleared after a mark.
    Cleared,
}

/// Counters of one region: one line of the cache.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct RegionCounters {
    marks: u64,
    clears: u64,
    re_marks: u64,
    writes: u64,
    bytes: u64,
    /// Since when it is what `life` says.
    since_ns: u64,
    writers: Writers,
    life: Life,
    /// Bits of [`By`].
    ranked: u8,
}

const _: () = assert!(size_of::<RegionCounters>() == 64);

/// Counters of all regions under one geometry.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    dense: Vec<u32>,
    sparse: FxHashMap<u64, u32>,
    counters: Vec<RegionCounters>,
    /// Index in the log of the region at each place.
    numbers: Vec<u64>,
    /// In the order of [`By::ALL`].
    rankings: [Ranking; 3],
    totals: RegionTotals,
    dirty: u64,
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
    /// Takes a mark in, and counts it if it lies `inside` the time that is looked at. `budget` is how many regions the device
    /// may still take on.
    pub fn mark(&mut self, region: Region, time: MonoNs, inside: bool, budget: &mut usize) {
        self.totals.marks += u64::from(inside);
        let Some(place) = self.place(region, budget) else {
            self.totals.other.marks += u64::from(inside);
            return;
        };
        let Self { counters, numbers, rankings: [by_marks, _, by_re_marks], totals, dirty, .. } = self;
        let region = &mut counters[place];
        let before = (region.life, region.since_ns);
        if before.0 != Life::Dirty {
            *dirty += 1;
            (region.life, region.since_ns) = (Life::Dirty, time.0);
        }
        if !inside {
            return;
        }
        totals.marked_regions += u64::from(region.marks == 0);
        region.marks += 1;
        if before.0 == Life::Cleared && time.0.saturating_sub(before.1) <= RE_MARK_NS {
            region.re_marks += 1;
            totals.re_marks += 1;
            by_re_marks.grow(By::ReMarks, place, counters, numbers);
        }
        by_marks.grow(By::Marks, place, counters, numbers);
    }

    /// Takes a clear in, and counts it if it lies `inside` the time that is looked at; returns how long the region had been
    /// dirty, if its mark was seen.
    pub fn clear(&mut self, region: Region, time: MonoNs, inside: bool, budget: &mut usize) -> Option<u64> {
        self.totals.clears += u64::from(inside);
        let Some(place) = self.place(region, budget) else {
            self.totals.other.clears += u64::from(inside);
            return None;
        };
        let region = &mut self.counters[place];
        region.clears += u64::from(inside);
        let lifetime_ns = (region.life == Life::Dirty).then(|| time.0.saturating_sub(region.since_ns));
        self.dirty -= u64::from(lifetime_ns.is_some());
        // The clear at the end of a recovery undoes no mark, so a mark after it is not one "again".
        if region.life != Life::Unseen {
            (region.life, region.since_ns) = (Life::Cleared, time.0);
        }
        lifetime_ns
    }

    /// Counts a write. `process` is its number in the device.
    pub fn write(&mut self, region: Region, bytes: u64, process: u16, budget: &mut usize) {
        let Some(place) = self.place(region, budget) else {
            self.totals.other.bytes += bytes;
            return;
        };
        let Self { counters, numbers, rankings: [_, by_bytes, _], totals, .. } = self;
        let region = &mut counters[place];
        totals.written_regions += u64::from(region.writes == 0);
        region.writes += 1;
        region.bytes += bytes;
        region.writers.write(process);
        by_bytes.grow(By::Bytes, place, counters, numbers);
    }

    /// Adds another table of the same geometry. `number_here` gives this device's number of a process.
    pub fn absorb(&mut self, other: &Self, number_here: impl Fn(u16) -> u16, budget: &mut usize) {
        let RegionTotals { marks, clears, re_marks, other: beyond, .. } = other.totals;
        self.totals.absorb(RegionTotals { marks, clears, re_marks, other: beyond, ..RegionTotals::default() });
        for (theirs, &number) in other.counters.iter().zip(&other.numbers) {
            let Some(place) = self.place(Region(number), budget) else {
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
            ours.writers.absorb(&theirs.writers, &number_here);
            if theirs.life != Life::Unseen && ours.since_ns <= theirs.since_ns {
                self.dirty = self.dirty + u64::from(theirs.life == Life::Dirty) - u64::from(ours.life == Life::Dirty);
                (ours.life, ours.since_ns) = (theirs.life, theirs.since_ns);
            }
            for (by, ranking) in By::ALL.into_iter().zip(&mut self.rankings) {
                ranking.grow(by, place, &mut self.counters, &self.numbers);
            }
        }
    }

    /// Regions that have counts of their own.
    pub fn tracked(&self) -> usize {
        self.counters.len()
    }

    /// Regions that were marked and not cleared since, as far as they have counts of their own.
    pub fn dirty(&self) -> u64 {
        self.dirty
    }

    /// Totals over all regions.
    pub fn totals(&self) -> RegionTotals {
        self.totals
    }

    /// The first regions of a ranking, then by number. `processes` are those of the device.
    pub fn ranked(&self, by: By, geometry: &Geometry, processes: &Processes) -> Vec<RegionSummary> {
        let [by_marks, by_bytes, by_re_marks] = &self.rankings;
        let ranking = match by {
            By::Marks => by_marks,
            By::Bytes => by_bytes,
            By::ReMarks => by_re_marks,
        };
        let row = |&place: &u32| {
            let region = self.numbers[place as usize];
            let RegionCounters { marks, clears, re_marks, writes, bytes, writers, .. } = &self.counters[place as usize];
            RegionSummary {
                region,
                sectors: geometry.sectors(Region(region)),
                marks: *marks,
                clears: *clears,
                re_marks: *re_marks,
                writes: *writes,
                write_bytes: *bytes,
                writers: writers.processes().map(|number| processes.name_of(number.into())).collect(),
            }
        };
        let mut rows: Vec<RegionSummary> = ranking.members.iter().map(row).collect();
        rows.sort_unstable_by(|left, right| left.rank(right, by));
        rows
    }

    /// Every region that has counts of its own, in no order that means anything; sectors and writers are left out.
    pub fn rows(&self) -> impl Iterator<Item = RegionSummary> + '_ {
        self.counters.iter().zip(&self.numbers).map(|(counters, &region)| {
            let &RegionCounters { marks, clears, re_marks, writes, bytes, .. } = counters;
            let writers = Vec::new();
            RegionSummary { region, sectors: None, marks, clears, re_marks, writes, write_bytes: bytes, writers }
        })
    }

    /// Place of a region's counters, made if there is room.
    fn place(&mut self, region: Region, budget: &mut usize) -> Option<usize> {
        match self.known_place(region) {
            Some(place) => Some(place),
            None => self.add(region, budget),
        }
    }

    /// Place of a region's counters, if it has some.
    #[inline]
    fn known_place(&self, region: Region) -> Option<usize> {
        let known = if region.0 < DENSE_REGIONS {
            let index = usize::try_from(region.0).ok()?;
            self.dense.get(index).copied().filter(|&place| place != NOT_TRACKED)
        } else {
            self.sparse.get(&region.0).copied()
        };
        known.map(|place| place as usize)
    }

    /// Who wrote a run of regions most, and what became of its regions last; costs a walk over them.
    pub fn run(&self, first: u64, regions: u64, processes: &Processes) -> RunSummary {
        let last = first.saturating_add(regions.saturating_sub(1));
        let mut writers = Writers::default();
        let (mut dirty_since, mut cleared): (Option<u64>, Option<u64>) = (None, None);
        let mut add = |counters: &RegionCounters| {
            writers.absorb(&counters.writers, |number| number);
            match counters.life {
                Life::Unseen => {}
                Life::Dirty => dirty_since = [dirty_since, Some(counters.since_ns)].into_iter().flatten().min(),
                Life::Cleared => cleared = cleared.max(Some(counters.since_ns)),
            }
        };
        if regions <= self.counters.len() as u64 {
            let places = (first..=last).filter_map(|region| self.known_place(Region(region)));
            places.for_each(|place| add(&self.counters[place]));
        } else {
            let is_within = |(_, region): &(&RegionCounters, &u64)| (first..=last).contains(*region);
            self.counters.iter().zip(&self.numbers).filter(is_within).for_each(|(counters, _)| add(counters));
        }
        RunSummary {
            writers: writers.processes().map(|number| processes.name_of(number.into())).collect(),
            dirty_since: dirty_since.map(MonoNs),
            cleared: cleared.map(MonoNs),
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
        self.counters.push(RegionCounters::default());
        self.numbers.push(region.0);
        Some(place as usize)
    }
}

/// What is told of some regions side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// Processes that wrote them most, as of one region.
    pub writers: Vec<ProcessName>,
    /// Since when the first of those is dirty that are; `None` if none is, as far as it was seen.
    pub dirty_since: Option<MonoNs>,
    /// The latest clear of those that were cleared last.
    pub cleared: Option<MonoNs>,
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
    /// Processes that wrote it most, at most [`writers::WRITERS_MAX`]: whoever made more than a third of the writes is among
    /// them; further ones may have made fewer than one that is not.
    pub writers: Vec<ProcessName>,
}

impl RegionSummary {
    fn number(&self, by: By) -> u64 {
        match by {
            By::Marks => self.marks,
            By::Bytes => self.write_bytes,
            By::ReMarks => self.re_marks,
        }
    }

    /// Largest number first, then by region.
    pub fn rank(&self, other: &Self, by: By) -> std::cmp::Ordering {
        let by_number = other.number(by).cmp(&self.number(by));
        by_number.then(self.region.cmp(&other.region)).then(self.sectors.cmp(&other.sectors))
    }
}
