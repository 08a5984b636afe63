//! The bits of one core or disk log, as far as they are known.
//!
//! [`LogBits`] says what every operation does; this adds what is known of them. A log that lives longer than the capture
//! begins with nothing known, and each operation tells something: a mark makes its region known to be dirty, an answer
//! tells what it says. A prediction is made only from what is known.
//!
//! Invariant: a bit of `in_sync` that is not known is stored as out of sync, so that a search stops there and sees that it
//! does not know.

use self::occupied::Occupied;
use super::rules::Rules;
use super::tally::Comparison;
use crate::event::ids::Region;
use crate::event::op::FlushKind;
use crate::log::arguments::SyncOption;
use crate::log::bits::LogBits;
use crate::log::region_set::RegionSet;

/// Which of a log's numbers and flags are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known(u16);

impl Known {
    const SYNC_COUNT: u16 = 1;
    /// Where the search for resync work goes on.
    const SEARCH: u16 = 1 << 1;
    const TOUCHED_DIRTIED: u16 = 1 << 2;
    const TOUCHED_CLEANED: u16 = 1 << 3;
    const FLUSH_FAILED: u16 = 1 << 4;
    const RECOVERING: u16 = 1 << 5;
    /// Of every region is known whether it is in sync.
    const ALL_IN_SYNC: u16 = 1 << 6;
    /// Since the touched flag was known not to be set, regions were only cleared: whether it is set tells whether that works.
    const CLEAR_TELLS: u16 = 1 << 7;
    const TOUCHED: u16 = Self::TOUCHED_DIRTIED | Self::TOUCHED_CLEANED;
    const EVERYTHING: u16 = (1 << 7) - 1;

    #[inline]
    fn has(self, what: u16) -> bool {
        self.0 & what == what
    }

    #[inline]
    fn add(&mut self, what: u16) {
        self.0 |= what;
    }

    #[inline]
    fn remove(&mut self, what: u16) {
        self.0 &= !what;
    }

    #[inline]
    fn set(&mut self, what: u16, is_known: bool) {
        if is_known { self.add(what) } else { self.remove(what) }
    }
}

/// Clean bits as a log device holds them.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) clean: RegionSet,
    /// Regions of which `clean` says the truth.
    pub(super) known: RegionSet,
}

/// What a flush that has returned did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flushed {
    /// Why, as the kernel's flags said at its entry.
    pub(super) kind: Option<FlushKind>,
    /// Result of the flush of the legs, if there was one.
    pub(super) legs: Option<i32>,
    /// Result of the flush.
    pub(super) result: i32,
    /// Another operation may have run at the same time.
    pub(super) is_concurrent: bool,
}

/// The model's answer to `get_resync_work`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// It knows too little.
    Unknown,
    /// The region that is handed out, if any.
    Known(Option<Region>),
}

/// Bits and what is known of them.
#[derive(Clone, Debug)]
pub(super) struct KnownBits {
    bits: LogBits,
    clean_known: RegionSet,
    sync_known: RegionSet,
    known: Known,
    /// The log device holds the clean bits as they are here.
    is_durable: bool,
    occupied: Occupied,
    rules: Rules,
}

impl KnownBits {
    /// Its sets, to be packed.
    pub(super) fn sets_mut(&mut self) -> [&mut RegionSet; 5] {
        let LogBits { clean, in_sync, recovering, .. } = &mut self.bits;
        [clean, in_sync, recovering, &mut self.clean_known, &mut self.sync_known]
    }

    /// The bits of a log that was just made.
    pub(super) fn of_new_log(region_count: u64, sync_option: SyncOption, rules: Rules) -> Self {
        let full = RegionSet::new_full(region_count);
        Self {
            bits: LogBits::new(region_count, sync_option),
            clean_known: full.clone(),
            sync_known: full,
            known: Known(Known::EVERYTHING),
            is_durable: false,
            occupied: Occupied::default(),
            rules,
        }
    }

    /// The bits of a log that has lived before.
    pub(super) fn of_old_log(region_count: u64, sync_option: SyncOption, rules: Rules) -> Self {
        let mut old = Self::of_new_log(region_count, sync_option, rules);
        old.forget();
        old
    }

    pub(super) fn region_count(&self) -> u64 {
        self.bits.region_count()
    }

    /// Forgets everything: events may be missing. Only that a flush failed stays true for the life of the table.
    pub(super) fn forget(&mut self) {
        self.clean_known.remove_from(Region(0));
        self.forget_sync();
        let has_failed = self.known.has(Known::FLUSH_FAILED) && self.bits.flush_failed;
        self.known = Known(if has_failed { Known::FLUSH_FAILED } else { 0 });
        self.is_durable = false;
        self.occupied.lose_device();
        self.occupied.change_many();
    }

    /// Forgets which regions are in sync, and how many.
    pub(super) fn forget_sync(&mut self) {
        self.occupied.change_many();
        self.sync_known.remove_from(Region(0));
        self.bits.in_sync.remove_from(Region(0));
        self.known.remove(Known::ALL_IN_SYNC | Known::SYNC_COUNT);
    }

    /// Forgets which regions are clean and which are in sync.
    pub(super) fn forget_regions(&mut self) {
        self.occupied.lose_device();
        self.occupied.change_many();
        self.clean_known.remove_from(Region(0));
        self.forget_sync();
        self.is_durable = false;
    }

    /// Forgets whether a region is clean and whether it is in sync.
    pub(super) fn doubt_region(&mut self, region: Region) {
        self.occupied.change_many();
        self.clean_known.remove(region);
        self.sync_known.remove(region);
        self.bits.in_sync.remove(region);
        self.known.remove(Known::ALL_IN_SYNC | Known::SYNC_COUNT);
    }

    /// Another operation ran at the same time: which of the two set or reset the touched flags last is not known.
    pub(super) fn overlap(&mut self) {
        self.known.remove(Known::TOUCHED | Known::CLEAR_TELLS);
        self.is_durable = false;
    }

    /// Whether the region is in sync, if that is known.
    #[inline]
    pub(super) fn in_sync(&self, region: Region) -> Option<bool> {
        let is_known = if self.known.has(Known::ALL_IN_SYNC) {
            region.0 < self.region_count()
        } else {
            self.sync_known.get(region)
        };
        is_known.then(|| self.bits.in_sync(region))
    }

    /// Whether the region is clean, if that is known.
    pub(super) fn is_clean(&self, region: Region) -> Option<bool> {
        self.clean_known.get(region).then(|| self.bits.is_clean(region))
    }

    pub(super) fn sync_count(&self) -> Option<u64> {
        self.known.has(Known::SYNC_COUNT).then(|| self.bits.get_sync_count())
    }

    fn flush_failed(&self) -> Option<bool> {
        self.known.has(Known::FLUSH_FAILED).then_some(self.bits.flush_failed)
    }

    fn touched_dirtied(&self) -> Option<bool> {
        self.known.has(Known::TOUCHED_DIRTIED).then_some(self.bits.touched_dirtied)
    }

    /// Whether the next flush of a disk log flushes the legs, if that is known.
    pub(super) fn touched_cleaned(&self) -> Option<bool> {
        self.known.has(Known::TOUCHED_CLEANED).then_some(self.bits.touched_cleaned)
    }

    #[inline]
    pub(super) fn mark_region(&mut self, region: Region) {
        let before = self.place_of(region);
        self.bits.mark_region(region);
        self.clean_known.insert(region);
        self.known.add(Known::TOUCHED_DIRTIED);
        self.is_durable = false;
        if self.rules == Rules::MarkLosesSync {
            self.bits.in_sync.remove(region);
        }
        self.occupied.moved(before, self.place_of(region));
    }

    #[inline]
    pub(super) fn clear_region(&mut self, region: Region) {
        let before = self.place_of(region);
        match self.flush_failed() {
            Some(true) if self.rules != Rules::ClearWorksAfterFailedFlush => {}
            Some(failed) => {
                let cleaned = self.bits.touched_cleaned;
                self.bits.flush_failed = false;
                self.bits.clear_region(region);
                self.bits.flush_failed = failed;
                self.clean_known.insert(region);
                if self.rules == Rules::ClearDoesNotTouch {
                    self.bits.touched_cleaned = cleaned;
                } else {
                    self.known.add(Known::TOUCHED_CLEANED);
                }
            }
            None => {
                self.clean_known.remove(region);
                match self.touched_cleaned() {
                    Some(true) | None => {}
                    Some(false) => {
                        self.known.remove(Known::TOUCHED_CLEANED);
                        self.known.add(Known::CLEAR_TELLS);
                    }
                }
            }
        }
        self.occupied.moved(before, self.place_of(region));
        self.is_durable = false;
    }

    /// A bit was certainly set.
    fn touch_cleaned(&mut self) {
        self.known.add(Known::TOUCHED_CLEANED);
        self.known.remove(Known::CLEAR_TELLS);
    }

    pub(super) fn set_region_sync(&mut self, region: Region, in_sync: bool) {
        let before = self.in_sync(region);
        let place = self.place_of(region);
        let LogBits { touched_dirtied, sync_count, .. } = self.bits;
        let dirtied_known = self.known.has(Known::TOUCHED_DIRTIED);
        self.occupied.recover(self.bits.recovering.get(region), false);
        self.bits.set_region_sync(region, in_sync);
        self.occupied.moved(place, self.place_of(region));
        if !in_sync && before.is_none() {
            // Whether the count went down is not known.
            self.known.remove(Known::SYNC_COUNT);
        }
        self.sync_known.insert(region);
        self.known.add(Known::TOUCHED_DIRTIED);
        if in_sync {
            self.touch_cleaned();
        }
        match self.rules {
            Rules::RecoveringDoesNotTouch if in_sync || before == Some(false) => {
                self.bits.touched_dirtied = touched_dirtied;
                self.known.set(Known::TOUCHED_DIRTIED, dirtied_known);
            }
            Rules::SyncCountOfChanges if in_sync && before == Some(true) => self.bits.sync_count = sync_count,
            _ => {}
        }
    }

    /// `get_resync_work` has answered: gives the model's answer if it had one, and goes on from the kernel's.
    pub(super) fn get_resync_work(&mut self, kernel: Option<Region>) -> Work {
        if self.rules == Rules::SearchStartsOver {
            self.bits.sync_search = 0;
        }
        let LogBits { sync_search, touched_cleaned, .. } = self.bits;
        let is_known = self.known.has(Known::SEARCH | Known::RECOVERING);
        let was_recovering = kernel.is_some_and(|region| self.bits.recovering.get(region));
        let found = self.bits.get_resync_work();
        let predicted = match found {
            _ if !is_known => Work::Unknown,
            Some(region) if !self.sync_known.get(region) => Work::Unknown,
            found => Work::Known(found),
        };
        if predicted != Work::Known(kernel) {
            if let Some(region) = found {
                self.bits.recovering.remove(region);
            }
            self.bits.sync_search = sync_search;
            self.bits.touched_cleaned = touched_cleaned;
            self.adopt_resync_work(kernel);
            if predicted != Work::Unknown {
                self.known.remove(Known::SYNC_COUNT);
            }
        }
        if let (Work::Known(found), Some(region)) = (predicted, kernel)
            && found == kernel
        {
            self.occupied.recover(was_recovering, self.bits.recovering.get(region));
        }
        if kernel.is_some() {
            self.touch_cleaned();
            if self.rules == Rules::RecoveringDoesNotTouch {
                self.bits.touched_cleaned = touched_cleaned;
            }
        }
        predicted
    }

    /// Takes over what the kernel's answer tells: what it passed over is in sync, what it handed out is not.
    fn adopt_resync_work(&mut self, kernel: Option<Region>) {
        let end = kernel.map_or(self.region_count(), |region| region.0);
        if self.known.has(Known::SEARCH) {
            insert_range(&mut self.bits.in_sync, self.bits.sync_search, end);
            insert_range(&mut self.sync_known, self.bits.sync_search, end);
            self.occupied.change_many();
        }
        // The mirror asks only when none of its regions is recovering: MAX_RECOVERY is 1.
        self.bits.recovering.remove_from(Region(0));
        if let Some(region) = kernel {
            self.bits.in_sync.remove(region);
            self.sync_known.insert(region);
            self.bits.recovering.insert(region);
            self.bits.touched_cleaned = true;
        }
        self.occupied.recover_only(kernel.is_some());
        self.bits.sync_search = end + 1;
        self.known.add(Known::SEARCH | Known::RECOVERING);
    }

    /// Which region was handed out could not be read.
    pub(super) fn forget_resync_work(&mut self) {
        self.forget_sync();
        self.known.remove(Known::SEARCH | Known::RECOVERING);
        self.touch_cleaned();
        self.bits.touched_cleaned = true;
    }

    /// Takes over what the kernel said of a region. A bit that the model had otherwise makes its count worth nothing.
    pub(super) fn adopt_in_sync(&mut self, region: Region, in_sync: bool) {
        let place = self.place_of(region);
        if self.in_sync(region).is_some() {
            self.known.remove(Known::SYNC_COUNT);
        }
        if in_sync {
            self.bits.in_sync.insert(region);
        } else {
            self.bits.in_sync.remove(region);
        }
        self.sync_known.insert(region);
        self.occupied.moved(place, self.place_of(region));
    }

    /// Takes over the kernel's count. Under dm-mirror it is the number of regions in sync, because a region is set in sync
    /// only after it was handed out as out of sync; so all or none tells every bit.
    pub(super) fn adopt_sync_count(&mut self, count: u64) {
        self.bits.sync_count = count;
        self.known.add(Known::SYNC_COUNT);
        if self.known.has(Known::ALL_IN_SYNC) {
            return;
        }
        if count == self.region_count() {
            self.bits.in_sync.insert_from(Region(0));
        } else if count == 0 {
            self.bits.in_sync.remove_from(Region(0));
        } else {
            return;
        }
        self.sync_known.insert_from(Region(0));
        self.known.add(Known::ALL_IN_SYNC);
        self.occupied.change_many();
    }

    /// The kernel's answer was another than the model's, and may be out of date by now.
    pub(super) fn doubt(&mut self, comparison: Comparison, region: Option<Region>) {
        self.occupied.change_many();
        match (comparison, region) {
            (Comparison::InSync, Some(region)) => {
                self.sync_known.remove(region);
                self.bits.in_sync.remove(region);
                self.known.remove(Known::ALL_IN_SYNC | Known::SYNC_COUNT);
            }
            (Comparison::IsClean, Some(region)) => self.clean_known.remove(region),
            // Some region is not what the model takes it for.
            (Comparison::SyncCount | Comparison::Status, _) => self.forget_sync(),
            _ => {}
        }
    }

    /// Takes over whether a flush of the legs has failed before.
    pub(super) fn adopt_flush_failed(&mut self, failed: bool) {
        if self.flush_failed().is_none() {
            self.bits.flush_failed = failed;
            self.known.add(Known::FLUSH_FAILED);
        }
    }

    /// What the flags make of the next flush, if they are known well enough.
    pub(super) fn flush_kind(&self) -> Option<FlushKind> {
        match (self.touched_dirtied(), self.touched_cleaned()) {
            (Some(true), _) => Some(FlushKind::Dirtied),
            (Some(false), Some(true)) => Some(FlushKind::CleanedOnly),
            (Some(false), Some(false)) => Some(FlushKind::NoOp),
            (None, _) | (Some(false), None) => None,
        }
    }

    /// `disk_flush` has returned.
    pub(super) fn disk_flush(&mut self, flushed: &Flushed) {
        let Flushed { kind, legs, result, is_concurrent } = *flushed;
        if self.known.has(Known::CLEAR_TELLS) && !is_concurrent && kind.is_some() {
            let has_worked = legs.is_some() || kind == Some(FlushKind::CleanedOnly);
            if has_worked {
                self.adopt_flush_failed(false);
            }
        }
        self.known.remove(Known::CLEAR_TELLS);
        self.adopt_flush_kind(kind);
        if legs.is_some() {
            self.bits.touched_cleaned = true;
            self.known.add(Known::TOUCHED_CLEANED);
        }
        let legs_failed = legs.is_some_and(|result| result != 0);
        if legs_failed {
            self.bits.legs_flush_failed();
            self.clean_known.insert_from(Region(0));
            self.occupied.change_many();
            self.known.add(Known::FLUSH_FAILED | Known::TOUCHED_DIRTIED);
        }
        let did_io = kind != Some(FlushKind::NoOp);
        if did_io || result != 0 {
            // What was written, and whether, is told below.
            self.occupied.lose_device();
        }
        if result == 0 {
            self.bits.touched_dirtied = false;
            self.bits.touched_cleaned = false;
            self.known.add(Known::TOUCHED);
            self.is_durable |= did_io && kind.is_some();
        } else {
            // Either the write failed and both flags stay, or the flush behind it, and only the first does.
            // Legs that failed make it a flush of dirtied regions.
            let was_cleaned_only = kind == Some(FlushKind::CleanedOnly) && !legs_failed;
            let cleaned_is_known = was_cleaned_only || self.touched_cleaned() == Some(false);
            self.known.set(Known::TOUCHED_CLEANED, cleaned_is_known);
            self.is_durable = false;
        }
        if is_concurrent {
            self.overlap();
            if legs_failed {
                self.clean_known.remove_from(Region(0));
                self.occupied.change_many();
            }
        }
        self.note_device();
    }

    fn adopt_flush_kind(&mut self, kind: Option<FlushKind>) {
        match kind {
            None => {}
            Some(FlushKind::Dirtied) => {
                self.bits.touched_dirtied = true;
                self.known.add(Known::TOUCHED_DIRTIED);
            }
            Some(FlushKind::CleanedOnly) => {
                (self.bits.touched_dirtied, self.bits.touched_cleaned) = (false, true);
                self.known.add(Known::TOUCHED);
            }
            Some(FlushKind::NoOp) => {
                (self.bits.touched_dirtied, self.bits.touched_cleaned) = (false, false);
                self.known.add(Known::TOUCHED);
            }
        }
    }

    /// `core_resume` has returned.
    pub(super) fn core_resume(&mut self) {
        self.bits.resume();
        self.known.add(Known::SEARCH);
        if self.rules == Rules::CoreResumeLosesSync {
            self.bits = LogBits::new(self.region_count(), SyncOption::Default);
            self.occupied.change_many();
        }
    }

    /// `disk_resume` has returned. `image` is what its device held, if that is known.
    pub(super) fn disk_resume(&mut self, image: Option<Image>, sync_option: Option<SyncOption>, wrote: bool) {
        let region_count = self.region_count();
        let touched = (self.touched_dirtied(), self.touched_cleaned());
        // The regions that the device knows of; with the other options the table says to forget what it holds.
        let (image, known_regions) = match sync_option {
            Some(SyncOption::Nosync | SyncOption::Force) => (None, Some(0)),
            Some(SyncOption::Default) => {
                let known_regions = image.as_ref().map(|image| image.clean.len().min(region_count));
                (image.map(|image| image.resized(region_count)), known_regions)
            }
            None => (None, None),
        };
        let Image { clean, known } = image.unwrap_or_else(|| Image::of_nothing(region_count));
        self.bits.sync_option = sync_option.unwrap_or_default();
        self.bits.resume_from_disk(clean, known_regions.unwrap_or(region_count));
        self.clean_known = known;
        if let Some(known_regions) = known_regions {
            self.clean_known.insert_from(Region(known_regions));
        }
        self.sync_known.clone_from(&self.clean_known);
        let is_known = self.clean_known.first_unset_from(Region(0)).is_none();
        self.known.add(Known::SEARCH);
        self.known.set(Known::SYNC_COUNT | Known::ALL_IN_SYNC, is_known);
        self.keep_unknown_out_of_sync();
        self.touch_by_resume(touched, known_regions, sync_option);
        self.is_durable = wrote;
        self.occupied.lose_device();
        self.occupied.change_many();
        self.note_device();
    }

    /// The flags after a resume: regions that the device did not know are set or cleared, and so is padding. The flags are
    /// not reset before.
    fn touch_by_resume(
        &mut self,
        (dirtied, cleaned): (Option<bool>, Option<bool>),
        known_regions: Option<u64>,
        sync_option: Option<SyncOption>,
    ) {
        /// Padding is cleared up to the next 32 bits before a fix of 2022, up to the next 64 since.
        const OLD_PADDING: u64 = 32;
        const PADDING: u64 = 64;
        let region_count = self.region_count();
        let by_padding = match region_count {
            count if count.is_multiple_of(PADDING) => Some(false),
            count if count.is_multiple_of(OLD_PADDING) => None,
            _ => Some(true),
        };
        let has_new = known_regions.map(|known| known < region_count);
        let (by_set, by_cleared) = match sync_option {
            Some(SyncOption::Nosync) => (has_new, Some(false)),
            Some(SyncOption::Default | SyncOption::Force) => (Some(false), has_new),
            None => (None, None),
        };
        let (dirtied, cleaned) = (either(dirtied, either(by_cleared, by_padding)), either(cleaned, by_set));
        self.known.remove(Known::CLEAR_TELLS);
        self.bits.touched_dirtied = dirtied.unwrap_or_default();
        self.bits.touched_cleaned = cleaned.unwrap_or_default();
        self.known.set(Known::TOUCHED_DIRTIED, dirtied.is_some());
        self.known.set(Known::TOUCHED_CLEANED, cleaned.is_some());
    }

    fn keep_unknown_out_of_sync(&mut self) {
        if self.known.has(Known::ALL_IN_SYNC) {
            return;
        }
        let words: Vec<u64> =
            self.bits.in_sync.words().iter().zip(self.sync_known.words()).map(|(bits, known)| bits & known).collect();
        self.bits.in_sync = RegionSet::from_words(self.region_count(), words);
    }

    /// A disk log was resumed and has this many regions in sync: its clean bits are the same.
    pub(super) fn adopt_resumed_count(&mut self, count: u64) {
        self.clean_known.remove_from(Region(0));
        self.forget_sync();
        self.adopt_sync_count(count);
        if self.known.has(Known::ALL_IN_SYNC) {
            self.bits.clean.clone_from(&self.bits.in_sync);
            self.clean_known.insert_from(Region(0));
        }
        self.occupied.change_many();
        self.note_device();
    }

    /// What the log device holds, if it holds what is here.
    pub(super) fn image(&self) -> Option<Image> {
        self.is_durable.then(|| Image { clean: self.bits.clean.clone(), known: self.clean_known.clone() })
    }
}

impl Image {
    fn of_nothing(region_count: u64) -> Self {
        Self { clean: RegionSet::new_empty(region_count), known: RegionSet::new_empty(region_count) }
    }

    /// The same bits for a log of another size; what the device does not know is not known here.
    fn resized(self, region_count: u64) -> Self {
        let resize = |set: RegionSet| RegionSet::from_words(region_count, set.words().to_vec());
        Self { clean: resize(self.clean), known: resize(self.known) }
    }
}

/// Whether one of the two is true, as far as that is known.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// Puts in the regions from `first` to before `end`.
fn insert_range(set: &mut RegionSet, first: u64, end: u64) {
    /// Below this, one by one is faster.
    const FEW: u64 = 64;
    let end = end.min(set.len());
    if end.saturating_sub(first) <= FEW {
        (first..end).for_each(|region| set.insert(Region(region)));
        return;
    }
    let mut range = RegionSet::new_empty(set.len());
    range.insert_from(Region(first));
    range.remove_from(Region(end));
    let words = set.words().iter().zip(range.words()).map(|(ours, theirs)| ours | theirs).collect();
    *set = RegionSet::from_words(set.len(), words);
}

pub(super) mod count;
mod occupied;
pub(super) mod snapshot;
#[cfg(test)]
mod tests;
