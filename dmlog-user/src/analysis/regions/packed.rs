//! Counters of regions for copies in which nobody counts: a fifth of the memory.
//!
//! A cache line per region is right where every event touches one. Most of its bits are zeros, though, and a trace is kept
//! in many copies by whoever moves back and forth in it.

use super::{DENSE_REGIONS, NOT_TRACKED, RegionCounters, RegionTotals, Regions};

/// [`Regions`] without its zeros.
#[derive(Clone, Debug, Default)]
pub struct PackedRegions {
    /// Seven numbers for each region, in groups of seven bits, the lowest first; all but the last group with a bit above.
    numbers: Box<[u8]>,
    regions: usize,
    dense_len: usize,
    /// The latest clear; times of clears are counted back from it.
    cleared_last_ns: u64,
    most_marked: Box<[u32]>,
    most_marked_floor: u64,
    totals: RegionTotals,
}

impl Regions {
    /// Packs a copy.
    pub fn pack(&self) -> PackedRegions {
        let Self { dense, sparse: _, counters, most_marked, most_marked_floor, totals } = self;
        let cleared_last_ns = counters.iter().map(|counters| counters.cleared_ns).max().unwrap_or_default();
        let mut numbers = Vec::new();
        for counters in counters {
            let RegionCounters { region, marks, clears, re_marks, writes, bytes, cleared_ns, in_most_marked: _ } =
                *counters;
            // 0 if there is none.
            let cleared_ago = if cleared_ns == 0 { 0 } else { cleared_last_ns - cleared_ns + 1 };
            for number in [region, marks, clears, re_marks, writes, bytes, cleared_ago] {
                put(&mut numbers, number);
            }
        }
        PackedRegions {
            numbers: numbers.into(),
            regions: counters.len(),
            dense_len: dense.len(),
            cleared_last_ns,
            most_marked: most_marked.as_slice().into(),
            most_marked_floor: *most_marked_floor,
            totals: *totals,
        }
    }
}

impl PackedRegions {
    /// What was packed.
    pub fn unpack(&self) -> Regions {
        let Self { numbers, regions, dense_len, cleared_last_ns, most_marked, most_marked_floor, totals } = self;
        let mut rest: &[u8] = numbers;
        let mut unpacked = Regions {
            dense: vec![NOT_TRACKED; *dense_len],
            counters: Vec::with_capacity(*regions),
            most_marked: most_marked.to_vec(),
            most_marked_floor: *most_marked_floor,
            totals: *totals,
            ..Regions::default()
        };
        for place in (0..).take(*regions) {
            let [region, marks, clears, re_marks, writes, bytes, cleared_ago] =
                std::array::from_fn(|_number| take(&mut rest));
            let cleared_ns = cleared_ago.checked_sub(1).map_or(0, |ago| cleared_last_ns - ago);
            let in_most_marked = false;
            unpacked.counters.push(RegionCounters {
                region,
                marks,
                clears,
                re_marks,
                writes,
                bytes,
                cleared_ns,
                in_most_marked,
            });
            let dense = usize::try_from(region).ok().filter(|_index| region < DENSE_REGIONS);
            match dense.and_then(|index| unpacked.dense.get_mut(index)) {
                Some(slot) => *slot = place,
                None => {
                    unpacked.sparse.insert(region, place);
                }
            }
        }
        for &place in most_marked {
            unpacked.counters[place as usize].in_most_marked = true;
        }
        unpacked
    }

    /// Memory that it takes, in bytes.
    pub fn footprint_bytes(&self) -> usize {
        self.numbers.len() + size_of_val(&*self.most_marked) + size_of::<Self>()
    }
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
    use crate::analysis::regions::{DENSE_REGIONS, MOST_MARKED_MAX, Regions};
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
                0 | 3 => regions.mark(region, time, budget),
                1 => regions.write(region, 512 * step, budget),
                _ => regions.clear(region, time, budget),
            }
        }
    }

    #[test]
    fn what_was_packed_goes_on_as_if_it_had_not_been() {
        let (mut kept, mut budget) = (Regions::default(), 200);
        busy(&mut kept, &mut budget, 0);
        assert!(kept.tracked() > MOST_MARKED_MAX && budget == 0);
        let packed = kept.pack();
        assert!(packed.footprint_bytes() * 2 < kept.tracked() * 68, "{}", packed.footprint_bytes());
        let mut unpacked = packed.unpack();
        busy(&mut kept, &mut budget, 3_000);
        busy(&mut unpacked, &mut budget, 3_000);
        let geometry = Geometry::default();
        assert_eq!(unpacked.most_marked(&geometry), kept.most_marked(&geometry));
        assert_eq!((unpacked.totals(), unpacked.tracked()), (kept.totals(), kept.tracked()));
    }

    #[test]
    fn nothing_packed_is_nothing() {
        let (mut unpacked, mut budget) = (Regions::default().pack().unpack(), 1);
        assert_eq!(unpacked.tracked(), 0);
        unpacked.mark(Region(9), MonoNs(1), &mut budget);
        assert_eq!(unpacked.tracked(), 1);
    }
}
