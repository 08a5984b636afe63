//! The state and the functions that the core and the disk type share: `struct log_c` and `core_*` of dm-log.c.
//!
//! Every method is one kernel function, with its condition quoted above the line that mirrors it; quirks are copied, not
//! mended. Source: <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log.c>, compared with the machine code of
//! 5.10 and 6.1; the same from 5.10 to 7.3.
//!
//! Two flags are of the kernel's making and surprise everybody: *any* bit that is set in *any* of the three sets makes
//! `touched_cleaned` true, and any bit that is cleared makes `touched_dirtied` true, whatever the set means.

use super::arguments::SyncOption;
use super::region_set::RegionSet;
use crate::event::ids::Region;

/// The state of a core or disk log in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBits {
    /// `clean_bits`: regions that are not marked. On a disk log this is what is written.
    pub clean: RegionSet,
    /// `sync_bits`: regions whose legs are known to be equal.
    pub in_sync: RegionSet,
    /// `recovering_bits`: regions that were handed out as resync work and have not come back.
    pub recovering: RegionSet,
    /// `sync_count`: regions in sync as the log counts them, which may differ from `in_sync.count()`
    /// (see [`LogBits::set_region_sync`]).
    pub sync_count: u64,
    /// `sync_search`: where [`LogBits::get_resync_work`] looks on. An `int` in the kernel; here its 32 bits, unsigned.
    pub sync_search: u64,
    /// `sync`: the last table argument.
    pub sync_option: SyncOption,
    /// `touched_dirtied`: a bit was cleared since the last flush.
    pub touched_dirtied: bool,
    /// `touched_cleaned`: a bit was set since the last flush.
    pub touched_cleaned: bool,
    /// `flush_failed`: the legs could not be flushed once; clears are ignored for the life of the table.
    pub flush_failed: bool,
}

impl LogBits {
    /// `create_log_context`: everything clean, and nothing in sync unless the table says so.
    ///
    /// # Panics
    /// If there are more regions than [`REGION_COUNT_MAX`](super::region_set::REGION_COUNT_MAX).
    pub fn new(region_count: u64, sync_option: SyncOption) -> Self {
        //= `memset(lc->sync_bits, (sync == NOSYNC) ? -1 : 0, bitset_size);`
        //= `lc->sync_count = (sync == NOSYNC) ? region_count : 0;`
        let (in_sync, sync_count) = match sync_option {
            SyncOption::Nosync => (RegionSet::new_full(region_count), region_count),
            SyncOption::Default | SyncOption::Force => (RegionSet::new_empty(region_count), 0),
        };
        Self {
            clean: RegionSet::new_full(region_count),
            in_sync,
            recovering: RegionSet::new_empty(region_count),
            sync_count,
            sync_search: 0,
            sync_option,
            touched_dirtied: false,
            touched_cleaned: false,
            flush_failed: false,
        }
    }

    /// Regions of the log.
    pub fn region_count(&self) -> u64 {
        self.clean.len()
    }

    /// `core_resume`: resync work is looked for from the start again. The sets survive, `recovering` included.
    pub fn resume(&mut self) {
        //= `lc->sync_search = 0;`
        self.sync_search = 0;
    }

    /// The part of `disk_resume` between reading and writing: takes over the clean bits of the device, of which the first
    /// `known_regions` mean something, and begins anew with them. `recovering` survives.
    ///
    /// # Panics
    /// If `clean` speaks about another number of regions than this log.
    pub fn resume_from_disk(&mut self, clean: RegionSet, known_regions: u64) {
        assert_eq!(clean.len(), self.region_count(), "the bits of this log were read");
        self.clean = clean;
        let region_count = self.region_count();
        if known_regions < region_count {
            if self.sync_option == SyncOption::Nosync {
                //= `for (i = lc->header.nr_regions; i < lc->region_count; i++) log_set_bit(lc, lc->clean_bits, i);`
                self.clean.insert_from(Region(known_regions));
                self.touched_cleaned = true;
            } else {
                //= `for (i = lc->header.nr_regions; i < lc->region_count; i++) log_clear_bit(lc, lc->clean_bits, i);`
                self.clean.remove_from(Region(known_regions));
                self.touched_dirtied = true;
            }
        }
        //= `for (i = lc->region_count; i % BITS_PER_LONG; i++) log_clear_bit(lc, lc->clean_bits, i);`
        // The bits are padding, which a RegionSet does not have, but clearing them counts as a change: test
        // padding_alone_makes_resume_touch_dirtied.
        if !region_count.is_multiple_of(BITS_PER_LONG) {
            self.touched_dirtied = true;
        }
        //= `memcpy(lc->sync_bits, lc->clean_bits, size);`
        self.in_sync.clone_from(&self.clean);
        //= `lc->sync_count = memweight(lc->clean_bits, lc->bitset_uint32_count * sizeof(uint32_t));`
        self.sync_count = self.clean.count();
        //= `lc->sync_search = 0;`
        self.sync_search = 0;
    }

    /// The part of `disk_flush` behind a flush of the legs that failed: what is clean on them is not known any more, so
    /// nothing is, for the life of the table.
    pub fn legs_flush_failed(&mut self) {
        //= `lc->flush_failed = 1;`
        self.flush_failed = true;
        //= `for (i = 0; i < lc->region_count; i++) log_clear_bit(lc, lc->clean_bits, i);`
        if self.region_count() > 0 {
            self.clean.remove_from(Region(0));
            self.touched_dirtied = true;
        }
    }

    /// `core_is_clean`.
    #[inline]
    pub fn is_clean(&self, region: Region) -> bool {
        //= `return log_test_bit(lc->clean_bits, region);`
        self.clean.get(bit_of(region))
    }

    /// `core_in_sync`.
    #[inline]
    pub fn in_sync(&self, region: Region) -> bool {
        //= `return log_test_bit(lc->sync_bits, region);`
        self.in_sync.get(bit_of(region))
    }

    /// `core_mark_region`: the region becomes dirty, even if it is already.
    #[inline]
    pub fn mark_region(&mut self, region: Region) {
        //= `log_clear_bit(lc, lc->clean_bits, region);`
        self.clean.remove(bit_of(region));
        self.touched_dirtied = true;
    }

    /// `core_clear_region`: the region becomes clean, unless a flush of the legs has failed.
    #[inline]
    pub fn clear_region(&mut self, region: Region) {
        //= `if (likely(!lc->flush_failed)) log_set_bit(lc, lc->clean_bits, region);`
        // Test clear_is_ignored_after_flush_failed.
        if !self.flush_failed {
            self.clean.insert(bit_of(region));
            self.touched_cleaned = true;
        }
    }

    /// `core_get_resync_work`: one pass forward over the regions that are out of sync. One that falls out of sync behind
    /// the search is not offered before the next resume.
    pub fn get_resync_work(&mut self) -> Option<Region> {
        //= `if (lc->sync_search >= lc->region_count) return 0;`
        // An int against an unsigned int: compared unsigned.
        if self.sync_search >= self.region_count() {
            return None;
        }
        loop {
            //= `*region = find_next_zero_bit_le(lc->sync_bits, lc->region_count, lc->sync_search);`
            let found = self.in_sync.first_unset_from(Region(search_offset(self.sync_search)));
            //= `lc->sync_search = *region + 1;`
            // Where nothing is found, *region is region_count. Only forward: test resync_work_is_one_pass_forward.
            let region = found.map_or(self.region_count(), |region| region.0);
            self.sync_search = (region + 1) & LOW_32;
            //= `if (*region >= lc->region_count) return 0;`
            let region = found?;
            //= `} while (log_test_bit(lc->recovering_bits, *region));`
            if !self.recovering.get(region) {
                //= `log_set_bit(lc, lc->recovering_bits, *region);`
                // Test recovering_bits_touch_as_clean_bits_do.
                self.recovering.insert(region);
                self.touched_cleaned = true;
                return Some(region);
            }
        }
    }

    /// `core_set_region_sync`: recovery of the region is over, or a leg failed there.
    pub fn set_region_sync(&mut self, region: Region, in_sync: bool) {
        let region = bit_of(region);
        //= `log_clear_bit(lc, lc->recovering_bits, region);`
        self.recovering.remove(region);
        self.touched_dirtied = true;
        if in_sync {
            //= `log_set_bit(lc, lc->sync_bits, region); lc->sync_count++;`
            // Counted whether or not the bit was set before: test sync_count_goes_up_without_a_look_at_the_bit.
            self.in_sync.insert(region);
            self.touched_cleaned = true;
            self.sync_count = self.sync_count.wrapping_add(1);
        } else if self.in_sync.get(region) {
            //= `} else if (log_test_bit(lc->sync_bits, region)) { lc->sync_count--; log_clear_bit(lc, lc->sync_bits, region); }`
            self.sync_count = self.sync_count.wrapping_sub(1);
            self.in_sync.remove(region);
            self.touched_dirtied = true;
        }
    }

    /// `core_get_sync_count`.
    #[inline]
    pub fn get_sync_count(&self) -> u64 {
        //= `return lc->sync_count;`
        self.sync_count
    }

    /// Checks the invariants of the sets; for tests, after every step.
    ///
    /// # Panics
    /// If one is broken.
    pub fn self_check(&self) {
        for set in [&self.clean, &self.in_sync, &self.recovering] {
            set.self_check();
            assert_eq!(set.len(), self.region_count(), "the three sets speak about the same regions");
        }
        assert!(self.sync_search <= LOW_32, "sync_search is an int in the kernel");
    }
}

const LOW_32: u64 = 0xffff_ffff;

/// Of a 64-bit kernel; what `disk_resume` clears behind the last region.
const BITS_PER_LONG: u64 = 64;

/// The bit that the kernel reaches for a region: `log_test_bit`, `log_set_bit` and `log_clear_bit` take an `unsigned int`,
/// and x86 addresses the bit with its 32 bits *signed*. Above 2^31 that is memory in front of the set, which is not copied
/// here: the region is then the one that was meant. Test a_region_is_cut_to_32_bits.
#[inline]
const fn bit_of(region: Region) -> Region {
    Region(region.0 & LOW_32)
}

/// Where the kernel's search begins: `sync_search`, an int, becomes an `unsigned long` by way of its sign. A search at and
/// above 2^31 thus begins beyond every log and finds nothing. Test a_search_at_and_above_2_to_the_31_finds_nothing.
#[inline]
const fn search_offset(sync_search: u64) -> u64 {
    if sync_search < 1 << 31 { sync_search } else { sync_search | !LOW_32 }
}

#[cfg(test)]
mod tests;
