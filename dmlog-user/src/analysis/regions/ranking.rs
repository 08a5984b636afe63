//! The first few of many regions by a number that only grows, kept as it grows.

use super::RegionCounters;

/// Regions of each ranking that are kept at hand; no output can show more.
pub const RANKED_MAX: usize = 128;

/// By what regions are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Marks.
    Marks,
    /// Bytes written.
    Bytes,
    /// Marks soon after a clear.
    ReMarks,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Marks, Self::Bytes, Self::ReMarks];

    #[inline]
    pub(super) fn of(self, counters: &RegionCounters) -> u64 {
        match self {
            Self::Marks => counters.marks,
            Self::Bytes => counters.bytes,
            Self::ReMarks => counters.re_marks,
        }
    }

    /// Its bit in [`RegionCounters::ranked`].
    #[inline]
    pub(super) const fn bit(self) -> u8 {
        match self {
            Self::Marks => 1,
            Self::Bytes => 1 << 1,
            Self::ReMarks => 1 << 2,
        }
    }
}

/// One ranking. Exact: a region can only overtake the least of the members when its number grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// Places of regions.
    pub(super) members: Vec<u32>,
    /// No more than the least of `members` has, once that is full.
    pub(super) floor: u64,
}

impl Ranking {
    /// The region's number has grown.
    #[inline]
    pub(super) fn grow(&mut self, by: By, place: usize, counters: &mut [RegionCounters], numbers: &[u64]) {
        let grown = &counters[place];
        if grown.ranked & by.bit() == 0 && by.of(grown) > self.floor {
            self.promote(by, place, counters, numbers);
        }
    }

    /// Takes a region among the members, in place of the least one if there is no room and it has less.
    #[cold]
    fn promote(&mut self, by: By, place: usize, counters: &mut [RegionCounters], numbers: &[u64]) {
        let Ok(number) = u32::try_from(place) else { return };
        if self.members.len() < RANKED_MAX {
            self.members.push(number);
            counters[place].ranked |= by.bit();
            return;
        }
        let least = self.members.iter().enumerate().min_by_key(|&(_, &member)| {
            let member = member as usize;
            (by.of(&counters[member]), std::cmp::Reverse(numbers[member]))
        });
        let Some((slot, &member)) = least else { return };
        self.floor = by.of(&counters[member as usize]);
        if by.of(&counters[place]) > self.floor {
            counters[member as usize].ranked &= !by.bit();
            counters[place].ranked |= by.bit();
            self.members[slot] = number;
        }
    }
}
