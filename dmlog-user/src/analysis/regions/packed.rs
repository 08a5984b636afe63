//! Counters of regions for copies in which nobody counts: a fifth of the memory.
//!
//! A cache line per region is right where every event touches one. Most of its bits are zeros, though, and a trace is kept
//! in many copies by whoever moves back and forth in it.

use super::ranking::{By, Ranking};
use super::writers::{WRITERS_MAX, Writer, Writers};
use super::{DENSE_REGIONS, Life, NOT_TRACKED, RegionCounters, RegionTotals, Regions};

/// [`Regions`] without its zeros.
#[derive(Clone, Debug, Default)]
pub struct PackedRegions {
    /// For each region its index, [`NUMBERS`] and its writers, in groups of seven bits, the lowest first; all but the last group
    /// with a bit above.
    numbers: Box<[u8]>,
    regions: usize,
    dense_len: usize,
    /// The latest mark or clear; their times are counted back from it.
    last_ns: u64,
    rankings: [Ranking; 3],
    totals: RegionTotals,
    dirty: u64,
}

/// Numbers of a region beside its index: counters, its life and the time of that.
const NUMBERS: usize = 7;

impl Life {
    const ALL: [Self; 3] = [Self::Unseen, Self::Dirty, Self::Cleared];
}

impl Regions {
    /// Packs a copy.
    pub fn pack(&self) -> PackedRegions {
        let Self { dense, sparse: _, counters, numbers: regions, rankings, totals, dirty } = self;
        let last_ns = counters.iter().map(|counters| counters.since_ns).max().unwrap_or_default();
        let mut numbers = Vec::new();
        for (counters, &region) in counters.iter().zip(regions) {
            let RegionCounters { marks, clears, re_marks, writes, bytes, since_ns, writers, life, ranked: _ } =
                *counters;
            let ago_ns = if life == Life::Unseen { 0 } else { last_ns - since_ns };
            for number in [region, marks, clears, re_marks, writes, bytes, life as u64, ago_ns] {
                put(&mut numbers, number);
            }
            for Writer { process, writes } in writers.0 {
                put(&mut numbers, u64::from(writes) << u16::BITS | u64::from(process));
            }
        }
        PackedRegions {
            numbers: numbers.into(),
            regions: counters.len(),
            dense_len: dense.len(),
            last_ns,
            rankings: rankings.clone(),
            totals: *totals,
            dirty: *dirty,
        }
    }
}

impl PackedRegions {
    /// What was packed.
    pub fn unpack(&self) -> Regions {
        let Self { numbers, regions, dense_len, last_ns, rankings, totals, dirty } = self;
        let mut rest: &[u8] = numbers;
        let mut unpacked = Regions {
            dense: vec![NOT_TRACKED; *dense_len],
            counters: Vec::with_capacity(*regions),
            numbers: Vec::with_capacity(*regions),
            rankings: rankings.clone(),
            totals: *totals,
            dirty: *dirty,
            ..Regions::default()
        };
        for place in (0..).take(*regions) {
            let region = take(&mut rest);
            unpacked.numbers.push(region);
            unpacked.counters.push(take_counters(&mut rest, *last_ns));
            let dense = usize::try_from(region).ok().filter(|_index| region < DENSE_REGIONS);
            match dense.and_then(|index| unpacked.dense.get_mut(index)) {
                Some(slot) => *slot = place,
                None => {
                    unpacked.sparse.insert(region, place);
                }
            }
        }
        for (by, ranking) in By::ALL.into_iter().zip(rankings) {
            for &place in &ranking.members {
                unpacked.counters[place as usize].ranked |= by.bit();
            }
        }
        unpacked
    }

    /// Memory that it takes, in bytes.
    pub fn footprint_bytes(&self) -> usize {
        let ranked: usize = self.rankings.iter().map(|ranking| size_of_val(ranking.members.as_slice())).sum();
        self.numbers.len() + ranked + size_of::<Self>()
    }
}

fn take_counters(rest: &mut &[u8], last_ns: u64) -> RegionCounters {
    let [marks, clears, re_marks, writes, bytes, life, ago_ns]: [u64; NUMBERS] = std::array::from_fn(|_| take(rest));
    let life = Life::ALL.into_iter().find(|known| *known as u64 == life).unwrap_or_default();
    let since_ns = if life == Life::Unseen { 0 } else { last_ns - ago_ns };
    let writers: [Writer; WRITERS_MAX] = std::array::from_fn(|_| {
        let packed = take(rest);
        let half = |bits: u64| u16::try_from(bits & u64::from(u16::MAX)).unwrap_or_default();
        Writer { process: half(packed), writes: half(packed >> u16::BITS) }
    });
    RegionCounters { marks, clears, re_marks, writes, bytes, since_ns, writers: Writers(writers), life, ranked: 0 }
}

/// Bits of a number in one byte.
const GROUP_BITS: u32 = 7;
/// The number goes on.
const MORE: u8 = 1 << GROUP_BITS;

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let low = number as u8;
        bytes.push(low | MORE);
        number >>= GROUP_BITS;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    let last = number as u8;
    bytes.push(last);
}

/// Zeros behind the end, where nobody reads.
fn take(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & !MORE) << shift;
        shift += GROUP_BITS;
        if byte & MORE == 0 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::{put, take};
    use crate::analysis::geometry::Geometry;
    use crate::analysis::processes::Processes;
    use crate::analysis::regions::ranking::{By, RANKED_MAX};
    use crate::analysis::regions::{DENSE_REGIONS, Regions};
    use crate::event::ids::{MonoNs, Region};

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 127, 128, 255, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put(&mut bytes, number);
        }
        assert_eq!(bytes.len(), 1 + 1 + 1 + 2 + 2 + 2 + 3 + 5 + 10 + 10);
        let mut rest = bytes.as_slice();
        assert_eq!(numbers.map(|_number| take(&mut rest)), numbers);
        assert_eq!((rest.len(), take(&mut rest)), (0, 0));
    }

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

    #[test]
    fn what_was_packed_goes_on_as_if_it_had_not_been() {
        let (mut kept, mut budget) = (Regions::default(), 200);
        busy(&mut kept, &mut budget, 0);
        assert!(kept.tracked() > RANKED_MAX && budget == 0);
        let packed = kept.pack();
        assert!(packed.footprint_bytes() * 2 < kept.tracked() * 68, "{}", packed.footprint_bytes());
        let mut unpacked = packed.unpack();
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
        let (mut unpacked, mut budget) = (Regions::default().pack().unpack(), 1);
        assert_eq!(unpacked.tracked(), 0);
        unpacked.mark(Region(9), MonoNs(1), true, &mut budget);
        assert_eq!(unpacked.tracked(), 1);
    }
}
