//! The regions of a log that are out of sync, as ranges: a mirror that recovers has one long range, a mirror that is well
//! has none, and one that lost a leg has as many as regions were written since.
//!
//! ```text
//! regions   0 ░░░░░░████████████░░░░░██░░ n      { 6: 17, 23: 24 }  first: last of each range
//! ```

use std::collections::BTreeMap;

/// Ranges that are told apart. A mirror with more is one whose leg failed under scattered writes; further regions then
/// count as in sync, and that is counted.
pub(super) const RANGES_MAX: usize = 1 << 18;

/// A set of regions. Ranges never touch or overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OutOfSync {
    ranges: BTreeMap<u64, u64>,
    count: u64,
}

impl OutOfSync {
    /// The regions from `first` on, of a log that has `region_count`.
    pub(super) fn tail(first: u64, region_count: u64) -> Self {
        let mut set = Self::default();
        if first < region_count {
            set.ranges.insert(first, region_count - 1);
            set.count = region_count - first;
        }
        set
    }

    /// How many regions.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a region is in the set.
    pub(super) fn contains(&self, region: u64) -> bool {
        self.overlaps(region, region)
    }

    /// Whether any region from `first` to `last`, both included, is in the set.
    pub(super) fn overlaps(&self, first: u64, last: u64) -> bool {
        self.ranges.range(..=last).next_back().is_some_and(|(_, &end)| end >= first)
    }

    /// The ranges, first and last of each, in order.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(&first, &last)| (first, last))
    }

    /// Whether any further region fits.
    pub(super) fn has_room(&self) -> bool {
        self.ranges.len() < RANGES_MAX
    }

    /// Adds a region; false if there is no room for one more range.
    pub(super) fn insert(&mut self, region: u64) -> bool {
        if self.contains(region) {
            return true;
        }
        let before = self.ranges.range(..region).next_back().map(|(&first, &last)| (first, last));
        let before = before.filter(|&(_, last)| last.checked_add(1) == Some(region));
        let after = region.checked_add(1).and_then(|next| self.ranges.get(&next).map(|&last| (next, last)));
        if before.is_none() && after.is_none() && self.ranges.len() >= RANGES_MAX {
            return false;
        }
        if let Some((next, _)) = after {
            self.ranges.remove(&next);
        }
        let first = before.map_or(region, |(first, _)| first);
        let last = after.map_or(region, |(_, last)| last);
        self.ranges.insert(first, last);
        self.count += 1;
        true
    }

    /// Takes a region out.
    pub(super) fn remove(&mut self, region: u64) {
        let Some((&first, &last)) = self.ranges.range(..=region).next_back() else { return };
        if last < region {
            return;
        }
        self.ranges.remove(&first);
        if first < region {
            self.ranges.insert(first, region - 1);
        }
        if region < last {
            self.ranges.insert(region + 1, last);
        }
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OutOfSync, RANGES_MAX};

    #[test]
    fn it_is_the_same_as_a_plain_set() {
        let (mut ranges, mut plain) = (OutOfSync::tail(40, 64), (40..64).collect::<BTreeSet<u64>>());
        let mut state = 1_u64;
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let region = (state >> 33) % 64;
            if state >> 63 == 0 {
                assert!(ranges.insert(region));
                plain.insert(region);
            } else {
                ranges.remove(region);
                plain.remove(&region);
            }
            let all: Vec<u64> = ranges.ranges().flat_map(|(first, last)| first..=last).collect();
            assert_eq!(all, plain.iter().copied().collect::<Vec<_>>());
            assert_eq!(ranges.count(), plain.len() as u64);
            let (first, last) = (region, (region + 7).min(63));
            assert_eq!(ranges.overlaps(first, last), plain.range(first..=last).next().is_some());
        }
        assert!(ranges.ranges().zip(ranges.ranges().skip(1)).all(|((_, last), (first, _))| last + 1 < first));
    }

    #[test]
    fn the_ends_do_not_overflow_and_the_limit_holds() {
        let mut set = OutOfSync::tail(5, 5);
        assert_eq!(set, OutOfSync::default());
        assert!(set.insert(u64::MAX) && set.insert(0));
        set.remove(u64::MAX);
        set.remove(7);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(0, 0)]);
        for n in 1..RANGES_MAX as u64 {
            assert!(set.insert(n * 2));
        }
        assert!(!set.insert(u64::MAX - 3), "one range too many");
        assert!(set.insert(1), "joining two needs no room");
    }
}
