//! Counters of regions in bytes: a fifth of the memory.
//!
//! A cache line per region is right where every event touches one. Most of its bits are zeros, though, and a trace is kept
//! in many copies by whoever moves back and forth in it.

use super::ranking::By;
use super::writers::{WRITERS_MAX, Writer, Writers};
use super::{DENSE_REGIONS, Life, NOT_TRACKED, OtherRegions, RegionCounters, RegionTotals, Regions};
use crate::analysis::packing::{Pack, put, take, take_count};

/// Numbers of a region beside its index: counters, its life and the time of that.
const NUMBERS: usize = 7;

impl Life {
    const ALL: [Self; 3] = [Self::Unseen, Self::Dirty, Self::Cleared];
}

impl Pack for Regions {
    fn pack(&self, bytes: &mut Vec<u8>) {
        let Self { dense, sparse: _, counters, numbers: regions, rankings, totals, dirty } = self;
        // Times are counted back from the latest, which makes them small.
        let last_ns = counters.iter().map(|counters| counters.since_ns).max().unwrap_or_default();
        let RegionTotals { marked_regions, written_regions, marks, clears, re_marks, other } = *totals;
        let OtherRegions { marks: other_marks, clears: other_clears, bytes: other_bytes } = other;
        let totals = [marked_regions, written_regions, marks, clears, re_marks, other_marks, other_clears, other_bytes];
        for number in totals.into_iter().chain([*dirty, dense.len() as u64, last_ns, counters.len() as u64]) {
            put(bytes, number);
        }
        for (counters, &region) in counters.iter().zip(regions) {
            let RegionCounters { marks, clears, re_marks, writes, bytes: written, since_ns, writers, life, ranked: _ } =
                *counters;
            let ago_ns = if life == Life::Unseen { 0 } else { last_ns - since_ns };
            for number in [region, marks, clears, re_marks, writes, written, life as u64, ago_ns] {
                put(bytes, number);
            }
            for Writer { process, writes } in writers.0 {
                put(bytes, u64::from(writes) << u16::BITS | u64::from(process));
            }
        }
        for ranking in rankings {
            put(bytes, ranking.floor);
            put(bytes, ranking.members.len() as u64);
            for &place in &ranking.members {
                put(bytes, place.into());
            }
        }
    }

    fn unpack(&mut self, bytes: &mut &[u8]) {
        let [marked_regions, written_regions, marks, clears, re_marks, other_marks, other_clears, other_bytes]: [u64;
            8] = std::array::from_fn(|_| take(bytes));
        let other = OtherRegions { marks: other_marks, clears: other_clears, bytes: other_bytes };
        self.totals = RegionTotals { marked_regions, written_regions, marks, clears, re_marks, other };
        self.dirty = take(bytes);
        let dense_len = take_count(bytes);
        let last_ns = take(bytes);
        let regions = take_count(bytes);
        self.dense.clear();
        self.dense.resize(dense_len, NOT_TRACKED);
        self.sparse.clear();
        self.counters.clear();
        self.counters.reserve_exact(regions);
        self.numbers.clear();
        self.numbers.reserve_exact(regions);
        for place in (0..).take(regions) {
            let region = take(bytes);
            self.numbers.push(region);
            self.counters.push(take_counters(bytes, last_ns));
            let dense = usize::try_from(region).ok().filter(|_index| region < DENSE_REGIONS);
            match dense.and_then(|index| self.dense.get_mut(index)) {
                Some(slot) => *slot = place,
                None => {
                    self.sparse.insert(region, place);
                }
            }
        }
        for (by, ranking) in By::ALL.into_iter().zip(&mut self.rankings) {
            ranking.floor = take(bytes);
            let members = take_count(bytes);
            ranking.members.clear();
            for _ in 0..members {
                let place = u32::try_from(take(bytes)).unwrap_or_default();
                if let Some(counters) = self.counters.get_mut(place as usize) {
                    counters.ranked |= by.bit();
                    ranking.members.push(place);
                }
            }
        }
    }
}

#[inline]
fn take_counters(rest: &mut &[u8], last_ns: u64) -> RegionCounters {
    let [marks, clears, re_marks, writes, bytes, life, ago_ns]: [u64; NUMBERS] = std::array::from_fn(|_| take(rest));
    let life = Life::ALL.into_iter().find(|known| *known as u64 == life).unwrap_or_default();
    let since_ns = if life == Life::Unseen { 0 } else { last_ns.saturating_sub(ago_ns) };
    let writers: [Writer; WRITERS_MAX] = std::array::from_fn(|_| {
        let packed = take(rest);
        let half = |bits: u64| u16::try_from(bits & u64::from(u16::MAX)).unwrap_or_default();
        Writer { process: half(packed), writes: half(packed >> u16::BITS) }
    });
    RegionCounters { marks, clears, re_marks, writes, bytes, since_ns, writers: Writers(writers), life, ranked: 0 }
}

#[cfg(test)]
mod tests {
    use crate::analysis::geometry::Geometry;
    use crate::analysis::packing::Pack as _;
    use crate::analysis::processes::Processes;
    use crate::analysis::regions::ranking::{By, RANKED_MAX};
    use crate::analysis::regions::{DENSE_REGIONS, Regions};
    use crate::event::ids::{MonoNs, Region};

    /// Regions that are found by index and by hash, some cleared last, more than the most marked.
    fn busy(regions: &mut Regions, budget: &mut usize, from: u64) {
        for step in from..from + 3_000 {
            let region = Region(if step % 7 == 0 { DENSE_REGIONS + step % 11 } else { step * 37 % 301 });
            let time = MonoNs(1 + step * 400_000_000);
            match step % 4 {
                0 | 3 => regions.mark(region, time, true, budget),
                1 => regions.write(region, 512 * step, u16::try_from(step % 13).unwrap(), budget),
                _ => _ = regions.clear(region, time, true, budget),
            }
        }
    }

    /// Through bytes, into a table that held other things.
    fn through_bytes(regions: &Regions, mut into: Regions) -> (Regions, usize) {
        let mut bytes = Vec::new();
        regions.pack(&mut bytes);
        let mut rest = bytes.as_slice();
        into.unpack(&mut rest);
        assert!(rest.is_empty());
        (into, bytes.len())
    }

    #[test]
    fn what_was_packed_goes_on_as_if_it_had_not_been() {
        let (mut kept, mut budget) = (Regions::default(), 200);
        busy(&mut kept, &mut budget, 0);
        assert!(kept.tracked() > RANKED_MAX && budget == 0);
        let mut other = Regions::default();
        busy(&mut other, &mut 90, 77);
        let (mut unpacked, bytes) = through_bytes(&kept, other);
        assert!(bytes * 2 < kept.tracked() * 68, "{bytes}");
        busy(&mut kept, &mut budget, 3_000);
        busy(&mut unpacked, &mut budget, 3_000);
        let (geometry, processes) = (Geometry::default(), Processes::default());
        for by in By::ALL {
            assert_eq!(unpacked.ranked(by, &geometry, &processes), kept.ranked(by, &geometry, &processes));
        }
        for (unpacked, kept) in unpacked.counters.iter().zip(&kept.counters) {
            assert_eq!((unpacked.writers, unpacked.life, unpacked.since_ns), (kept.writers, kept.life, kept.since_ns));
        }
        assert_eq!((unpacked.totals(), unpacked.tracked()), (kept.totals(), kept.tracked()));
        assert_eq!(unpacked.dirty(), kept.dirty());
    }

    #[test]
    fn nothing_packed_is_nothing() {
        let mut other = Regions::default();
        busy(&mut other, &mut 90, 0);
        let (mut unpacked, mut budget) = (through_bytes(&Regions::default(), other).0, 1);
        assert_eq!((unpacked.tracked(), unpacked.totals()), (0, Regions::default().totals()));
        unpacked.mark(Region(9), MonoNs(1), true, &mut budget);
        assert_eq!(unpacked.tracked(), 1);
    }
}
