//! Counts of bits over a run of regions, a word at a time: for maps of millions of regions.

use std::ops::Range;

use super::{Known, KnownBits};
use crate::log::region_set::RegionSet;

/// How a run of regions is, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct BitCounts {
    /// Known to be dirty.
    pub(in crate::session) dirty: u64,
    /// Known to be dirty or clean.
    pub(in crate::session) dirty_known: u64,
    /// Known to be out of sync.
    pub(in crate::session) out_of_sync: u64,
    /// Known to be in sync or not.
    pub(in crate::session) sync_known: u64,
}

impl KnownBits {
    /// Counts over these regions; those at and beyond the region count are none.
    pub(in crate::session) fn count(&self, regions: Range<u64>) -> BitCounts {
        let end = regions.end.min(self.region_count());
        let regions = regions.start.min(end)..end;
        let all_known = self.known.has(Known::ALL_IN_SYNC);
        let clean = |word| word_of(&self.bits.clean, word);
        let in_sync = |word| word_of(&self.bits.in_sync, word);
        let clean_known = |word| word_of(&self.clean_known, word);
        let sync_known = |word| if all_known { u64::MAX } else { word_of(&self.sync_known, word) };
        BitCounts {
            dirty: count(&regions, |word| !clean(word) & clean_known(word)),
            dirty_known: count(&regions, clean_known),
            out_of_sync: count(&regions, |word| !in_sync(word) & sync_known(word)),
            sync_known: count(&regions, sync_known),
        }
    }
}

fn word_of(set: &RegionSet, word: usize) -> u64 {
    set.words().get(word).copied().unwrap_or(0)
}

/// Set bits of these regions, in words made by `of`.
fn count(regions: &Range<u64>, of: impl Fn(usize) -> u64) -> u64 {
    let mut sum = 0;
    let mut at = regions.start;
    while at < regions.end {
        let (word, bit) = (at / 64, at % 64);
        let taken = (64 - bit).min(regions.end - at);
        let mask = (u64::MAX >> (64 - taken)) << bit;
        sum += u64::from((of(usize::try_from(word).unwrap_or(usize::MAX)) & mask).count_ones());
        at += taken;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::count;
    use crate::event::ids::Region;
    use crate::log::arguments::SyncOption;
    use crate::session::model::bits::KnownBits;
    use crate::session::model::rules::Rules;

    #[test]
    fn every_run_counts_its_own_bits() {
        let odd = |word: usize| if word < 3 { 0xaaaa_aaaa_aaaa_aaaa } else { 0 };
        for (start, end, expected) in [(0, 0, 0), (0, 1, 0), (1, 2, 1), (0, 64, 32), (63, 65, 1), (0, 300, 96)] {
            assert_eq!(count(&(start..end), odd), expected, "{start}..{end}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_counted() {
        let mut bits = KnownBits::of_new_log(100, SyncOption::Default, Rules::Kernel);
        bits.mark_region(Region(70));
        bits.set_region_sync(Region(3), true);
        let counts = bits.count(0..1000);
        assert_eq!((counts.dirty, counts.dirty_known, counts.out_of_sync, counts.sync_known), (1, 100, 99, 100));
        assert_eq!(bits.count(0..64).dirty, 0);
        bits.forget();
        let counts = bits.count(0..1000);
        assert_eq!((counts.dirty, counts.dirty_known, counts.out_of_sync, counts.sync_known), (0, 0, 0, 0));
    }
}
