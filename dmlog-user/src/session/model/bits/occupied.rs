//! How many regions are dirty, in recovery, or 0 on the log device: counts that go along with the bits.
//!
//! An operation on one region compares what the region was before and after it. One that changes many leaves the counts to be
//! made anew when somebody asks.

use super::{Known, KnownBits};
use crate::analysis::occupancy::{LogOccupancy, Resync};
use crate::event::ids::Region;

/// Counts of the sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occupied {
    counts: Counts,
    recovering: u64,
    /// What a crash would find, if the last write of the log device was seen to succeed.
    on_device: Option<Resync>,
    /// The sets have changed in another way than region by region.
    is_stale: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    not_clean: u64,
    dirty: u64,
    unknown: u64,
}

/// What a region counts for, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u8);

impl Place {
    const NOT_CLEAN: u8 = 1;
    const DIRTY: u8 = 2;
    const UNKNOWN: u8 = 4;

    #[inline]
    fn has(self, bit: u8) -> u64 {
        u64::from(self.0 & bit != 0)
    }
}

impl Occupied {
    /// A region may be another one than before.
    #[inline]
    pub(super) fn moved(&mut self, before: Place, after: Place) {
        if before == after {
            return;
        }
        // Where the counts are stale, they are made anew before anybody looks.
        let change = |count: &mut u64, bit| *count = count.wrapping_add(after.has(bit)).wrapping_sub(before.has(bit));
        change(&mut self.counts.not_clean, Place::NOT_CLEAN);
        change(&mut self.counts.dirty, Place::DIRTY);
        change(&mut self.counts.unknown, Place::UNKNOWN);
    }

    /// Many regions have changed.
    pub(super) fn change_many(&mut self) {
        self.is_stale = true;
    }

    /// A region was handed out, or came back.
    #[inline]
    pub(super) fn recover(&mut self, was_recovering: bool, is_recovering: bool) {
        self.recovering = self.recovering + u64::from(is_recovering) - u64::from(was_recovering).min(self.recovering);
    }

    /// No other region is in recovery.
    pub(super) fn recover_only(&mut self, is_recovering: bool) {
        self.recovering = u64::from(is_recovering);
    }

    /// Nobody knows what the log device holds.
    pub(super) fn lose_device(&mut self) {
        self.on_device = None;
    }
}

impl KnownBits {
    /// What a region counts for.
    #[inline]
    pub(super) fn place_of(&self, region: Region) -> Place {
        if !self.clean_known.get(region) {
            Place(Place::UNKNOWN)
        } else if self.bits.clean.get(region) {
            Place(0)
        } else if self.sync_known.get(region) && !self.bits.in_sync.get(region) {
            Place(Place::NOT_CLEAN)
        } else {
            // A region of which it is not known was marked, and only regions in sync are.
            Place(Place::NOT_CLEAN | Place::DIRTY)
        }
    }

    /// What the log says of its regions now. `is_core`: it is lost with the memory, so a crash leaves them all.
    #[inline]
    pub(in crate::session::model) fn occupancy(&mut self, is_core: bool) -> LogOccupancy {
        if self.occupied.is_stale {
            self.count_anew();
        }
        let region_count = self.region_count();
        let Counts { dirty, unknown, .. } = self.occupied.counts;
        LogOccupancy {
            dirty,
            clean_unknown: Some(unknown),
            out_of_sync: self.sync_count().map(|count| region_count.saturating_sub(count)),
            recovering: self.known.has(Known::RECOVERING).then_some(self.occupied.recovering),
            resync: if is_core {
                Some(Resync { regions: region_count, has_last: true })
            } else {
                self.occupied.on_device
            },
        }
    }

    /// The log device was written, or read: what it holds now is what a crash would find.
    #[inline]
    pub(super) fn note_device(&mut self) {
        if !self.is_durable {
            return;
        }
        if self.occupied.is_stale {
            self.count_anew();
        }
        let last = Region(self.region_count().saturating_sub(1));
        let has_last = self.clean_known.get(last) && !self.bits.clean.get(last);
        self.occupied.on_device = Some(Resync { regions: self.occupied.counts.not_clean, has_last });
    }

    #[cold]
    fn count_anew(&mut self) {
        let mut counts = Counts::default();
        let clean = self.bits.clean.words().iter().zip(self.clean_known.words());
        let in_sync = self.bits.in_sync.words().iter().zip(self.sync_known.words());
        for ((clean, known), (in_sync, sync_known)) in clean.zip(in_sync) {
            let not_clean = !clean & known;
            counts.not_clean += u64::from(not_clean.count_ones());
            counts.dirty += u64::from((not_clean & (in_sync | !sync_known)).count_ones());
            counts.unknown += u64::from(known.count_ones());
        }
        counts.unknown = self.region_count() - counts.unknown;
        self.occupied.counts = counts;
        self.occupied.recovering = self.bits.recovering.count();
        self.occupied.is_stale = false;
    }
}
