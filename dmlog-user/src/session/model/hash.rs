//! The region hash of one mirror: the state and the pending writes of each region, as far as they are known.
//!
//! A region is in the hash while something happens in it; else its state is what the log says. Almost everything is done by
//! the mirror's worker, in order. But writes end in interrupts, and `dm_rh_dec` is seen at its entry, before its effect: from
//! then on until the region is cleared it may be dirty or clean already. So a state here is the set of those that it
//! may be in, and `dm_rh_get_state` is compared with that set.
//!
//! ```text
//!         inc: CLEAN ─▶ DIRTY ─ dec of the last ─▶ DIRTY or CLEAN ─ clear ─▶ not in the hash
//! get_resync_work: any ─▶ RECOVERING ─ clear, set_region_sync(1) ─▶ not in the hash
//!  mark_nosync: set_region_sync(0) ─▶ NOSYNC
//! ```
//!
//! Source: <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-region-hash.c>, the same from 5.10 to 7.3.

use super::rules::Rules;
use crate::analysis::packing::{Pack, put_sparse, take_sparse};
use crate::event::ids::Region;

/// `DM_RH_CLEAN`.
pub(super) const CLEAN: u8 = 1;
/// `DM_RH_DIRTY`.
pub(super) const DIRTY: u8 = 2;
/// `DM_RH_NOSYNC`.
pub(super) const NOSYNC: u8 = 4;
/// `DM_RH_RECOVERING`.
pub(super) const RECOVERING: u8 = 8;
/// Nothing is known.
const ANY: u8 = CLEAN | DIRTY | NOSYNC | RECOVERING;

/// Epochs are counted above the states.
const EPOCH_STEP: u8 = ANY + 1;

/// Regions that wait for their mark at once: a pass hands over at most 128 writes that are seen, in two lists.
const DUE_MAX: usize = 256;

/// Pending writes that are told apart; a region that has more is one whose number is not known.
const PENDING_UNKNOWN: u16 = u16::MAX;

/// One region. All zeros: not in the hash, since the log was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// States that it may be in; 0 if it is not in the hash. Where it is kept, the epoch in which it was written stands above
    /// them: an older one says nothing, so that forgetting all regions is one step.
    states: u8,
    /// Bits of [`MARK_ALLOWED`] and [`MARK_DUE`], and above them the batch of writes that they are of.
    marks: u8,
    /// Its writes that are pending, or [`PENDING_UNKNOWN`].
    pending: u16,
}

/// One for each region of the log.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Slots(Vec<Slot>);

impl Pack for Slots {
    fn pack(&self, bytes: &mut Vec<u8>) {
        put_sparse(bytes, &self.0, &Slot::default(), |bytes, slot| {
            let [low, high] = slot.pending.to_le_bytes();
            bytes.extend([slot.states, slot.marks, low, high]);
        });
    }

    fn unpack(&mut self, bytes: &mut &[u8]) {
        take_sparse(bytes, &mut self.0, &Slot::default(), |bytes| {
            let Some((&[states, marks, low, high], rest)) = bytes.split_first_chunk() else { return Slot::default() };
            *bytes = rest;
            Slot { states, marks, pending: u16::from_le_bytes([low, high]) }
        });
    }
}

/// A write of this batch may have made the region dirty.
const MARK_ALLOWED: u8 = 1;
/// It certainly has, so its mark must come.
const MARK_DUE: u8 = 2;
/// A write of this batch is of the region.
const IN_BATCH: u8 = 4;
/// The rest of the bits: number of the batch.
const BATCH_STEP: u8 = 8;
const BATCH_MASK: u8 = !(BATCH_STEP - 1);

/// `rh->flush_failure`: once a flush request has failed, a region becomes nosync when its last write ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlushFailure {
    No,
    /// The hash has lived before, or events are missing.
    Unknown,
    /// A flush or discard request has failed; which of the two is not seen.
    Possible,
}

/// What `dm_rh_mark_nosync` was called for, and the log was not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Region(Region),
    /// The region could not be read.
    SomeRegion,
}

/// What an event of the kernel is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As predicted.
    Equal,
    /// The model knew too little.
    Unknown,
    /// Right, and so would another answer have been.
    Concurrent,
    /// Not as predicted.
    Different,
}

/// The region hash.
#[derive(Clone, Debug)]
pub(super) struct RegionHash {
    slots: Slots,
    /// The epoch, in steps of [`EPOCH_STEP`].
    epoch: u8,
    /// Something was put into the hash in this epoch.
    is_used: bool,
    /// The batch of writes that is handed over between two flushes, counted in steps of [`BATCH_STEP`].
    batch: u8,
    /// Regions whose mark must come before the next flush.
    due: Vec<Region>,
    due_count: usize,
    /// `dm_rh_mark_nosync` was called for a bio of this region and the log was not told yet: the bio is a write, or a flush
    /// or discard request.
    nosync: Told,
    flush_failure: FlushFailure,
    rules: Rules,
}

impl RegionHash {
    /// Its slots, to be packed.
    pub(super) fn slots_mut(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// The hash of a mirror that was just made, or of one that has lived before.
    pub(super) fn new(region_count: usize, is_new: bool, rules: Rules) -> Self {
        Self {
            slots: Slots(vec![Slot::default(); region_count]),
            epoch: if is_new { 0 } else { EPOCH_STEP },
            is_used: !is_new,
            batch: 0,
            due: Vec::new(),
            due_count: 0,
            nosync: Told::Nothing,
            flush_failure: if is_new { FlushFailure::No } else { FlushFailure::Unknown },
            rules,
        }
    }

    /// Forgets everything: events may be missing.
    pub(super) fn forget(&mut self) {
        self.epoch = self.epoch.wrapping_add(EPOCH_STEP);
        if self.epoch == 0 {
            // So that no slot of 16 epochs ago comes back to life.
            self.slots.0.fill(Slot::default());
            self.epoch = EPOCH_STEP;
        }
        self.is_used = true;
        self.due.clear();
        self.due_count = 0;
        self.nosync = Told::Nothing;
        if self.flush_failure == FlushFailure::No {
            self.flush_failure = FlushFailure::Unknown;
        }
    }

    /// The log's bits have changed under it: what is not in the hash has another state now. Nothing changes for a hash
    /// that was never used.
    pub(super) fn log_was_read_anew(&mut self) {
        if self.is_used {
            self.forget();
        }
    }

    #[inline]
    fn get(&self, region: Region) -> Slot {
        let place = usize::try_from(region.0).unwrap_or(usize::MAX);
        match self.slots.0.get(place) {
            Some(slot) if slot.states & !ANY == self.epoch => Slot { states: slot.states & ANY, ..*slot },
            Some(_) | None => Slot { states: ANY, marks: 0, pending: PENDING_UNKNOWN },
        }
    }

    #[inline]
    fn set(&mut self, region: Region, slot: Slot) {
        let place = usize::try_from(region.0).unwrap_or(usize::MAX);
        if let Some(place) = self.slots.0.get_mut(place) {
            *place = Slot { states: slot.states | self.epoch, ..slot };
            self.is_used = true;
        }
    }

    /// A write of the region becomes pending. `in_sync` is what the log says of it.
    ///
    /// `dm_rh_inc_pending` is seen at its entry, for all its writes; their effects and marks come behind that.
    #[inline]
    pub(super) fn inc_pending(&mut self, region: Region, in_sync: Option<bool>) {
        let mut slot = self.get(region);
        let mut marks = self.marks_of(slot) | IN_BATCH;
        let mut before = slot.states_or(in_sync);
        if self.may_fail() && slot.may_be_ending() {
            before |= NOSYNC;
        }
        // `if (reg->state == DM_RH_CLEAN) { reg->state = DM_RH_DIRTY; … mark_region(…)`
        if before & CLEAN != 0 {
            slot.states = before & !CLEAN | DIRTY;
            marks |= MARK_ALLOWED;
        } else {
            slot.states = before;
        }
        let is_due = before == CLEAN || (self.rules == Rules::EveryWriteMarks && before == DIRTY);
        if is_due && marks & MARK_DUE == 0 && self.due.len() < DUE_MAX {
            marks |= MARK_DUE;
            self.due.push(region);
            self.due_count += 1;
        }
        slot.marks = marks | self.batch;
        slot.pending = match slot.pending {
            PENDING_UNKNOWN => PENDING_UNKNOWN,
            pending => pending + 1,
        };
        self.set(region, slot);
    }

    /// A write of the region is about to be over; runs in interrupts.
    #[inline]
    pub(super) fn dec_pending(&mut self, region: Region) {
        let mut slot = self.get(region);
        slot.pending = match slot.pending {
            // More ends than begins: `dm_rh_inc_pending` is seen only up to 128 writes.
            0 | PENDING_UNKNOWN => PENDING_UNKNOWN,
            pending => pending - 1,
        };
        if slot.states == 0 {
            slot.states = ANY;
        }
        let marks = self.marks_of(slot);
        if marks != 0 {
            // It may be the last one before the writes of this batch have their effect: then the first of those marks.
            slot.marks = marks | MARK_ALLOWED | self.batch;
            if self.may_fail() {
                slot.states |= NOSYNC;
            }
        }
        if (slot.pending == 0 || slot.pending == PENDING_UNKNOWN) && slot.states & DIRTY != 0 {
            slot.states |= CLEAN;
        }
        self.set(region, slot);
    }

    /// The marks of a slot, if they are of this batch.
    #[inline]
    fn marks_of(&self, slot: Slot) -> u8 {
        if slot.marks & BATCH_MASK == self.batch { slot.marks & !BATCH_MASK } else { 0 }
    }

    /// The log is told that the region is dirty.
    #[inline]
    pub(super) fn mark(&mut self, region: Region, in_sync: Option<bool>) -> Verdict {
        let mut slot = self.get(region);
        let (states, marks) = (slot.states_or(in_sync), self.marks_of(slot));
        let verdict = if marks & MARK_DUE != 0 {
            self.due_count -= 1;
            Verdict::Equal
        } else if marks & MARK_ALLOWED != 0 && in_sync.is_some() {
            Verdict::Concurrent
        } else if marks & MARK_ALLOWED != 0 || states & CLEAN != 0 {
            // Where no write was seen that may have made it dirty, that write was not seen.
            Verdict::Unknown
        } else {
            Verdict::Different
        };
        if marks == 0 {
            slot.pending = PENDING_UNKNOWN;
        }
        let marks = if marks == 0 { 0 } else { IN_BATCH | self.batch };
        self.set(region, Slot { states: DIRTY, marks, pending: slot.pending });
        verdict
    }

    /// The log is flushed, after which the writes go to the legs: gives a region that had to be marked and was not.
    #[inline]
    pub(super) fn flush(&mut self) -> Option<Region> {
        let missing = if self.due.is_empty() { None } else { self.end_due() };
        self.batch = self.batch.wrapping_add(BATCH_STEP);
        missing
    }

    fn end_due(&mut self) -> Option<Region> {
        let mut missing = None;
        if self.due_count > 0 {
            for place in 0..self.due.len() {
                let region = self.due[place];
                if self.marks_of(self.get(region)) & MARK_DUE != 0 {
                    missing = missing.or(Some(region));
                    self.set(region, Slot { states: ANY, marks: 0, pending: PENDING_UNKNOWN });
                }
            }
        }
        self.due.clear();
        self.due_count = 0;
        missing
    }

    /// The log is told that the region is clean: its writes are over, or its recovery is. Gives the verdict, the states that it
    /// was thought to be in and the writes that were thought pending.
    #[inline]
    pub(super) fn clear(&mut self, region: Region, in_sync: Option<bool>) -> (Verdict, u8, u16) {
        let slot = self.get(region);
        let states = slot.states_or(in_sync);
        let verdict = match slot.pending {
            PENDING_UNKNOWN => Verdict::Unknown,
            0 if slot.states & (CLEAN | RECOVERING) != 0 => Verdict::Equal,
            _ => Verdict::Different,
        };
        if slot.states & RECOVERING == 0 && slot.states & CLEAN != 0 && self.flush_failure == FlushFailure::Unknown {
            // Its last write has ended as a clean one, and a failure between that and now would have been seen.
            self.flush_failure = FlushFailure::No;
        }
        self.set(region, Slot::default());
        (verdict, states, slot.pending)
    }

    /// The region was handed out for recovery.
    pub(super) fn recover(&mut self, region: Region) {
        let slot = self.get(region);
        self.set(region, Slot { states: RECOVERING, marks: 0, pending: slot.pending });
    }

    /// The log is told whether the region is in sync: its recovery is over, or a leg failed.
    pub(super) fn set_region_sync(&mut self, region: Region, in_sync: bool) {
        if in_sync {
            self.set(region, Slot::default());
        } else {
            let slot = self.get(region);
            // A region that could not be read may be this one.
            if self.nosync == Told::Region(region) || self.nosync == Told::SomeRegion {
                self.nosync = Told::Nothing;
            }
            self.set(region, Slot { states: NOSYNC, marks: 0, pending: slot.pending });
        }
    }

    /// `dm_rh_mark_nosync` begins for a bio of this region.
    pub(super) fn mark_nosync(&mut self, region: Option<Region>) {
        self.settle_mark_nosync();
        self.nosync = region.map_or(Told::SomeRegion, Told::Region);
    }

    /// The worker does something else: a `dm_rh_mark_nosync` that did not tell the log was for a flush or discard request.
    #[inline]
    pub(super) fn settle_mark_nosync(&mut self) {
        if self.nosync != Told::Nothing {
            // `if (bio->bi_opf & REQ_PREFLUSH) { rh->flush_failure = 1; return; }`
            self.nosync = Told::Nothing;
            self.flush_failure = FlushFailure::Possible;
        }
    }

    /// The worker asked for the state of the region: gives the verdict and the states that it was thought to be in, and goes on
    /// from the kernel's answer.
    #[inline]
    pub(super) fn get_state(&mut self, region: Region, in_sync: Option<bool>, state: i32) -> (Verdict, u8) {
        let slot = self.get(region);
        let mut states = slot.states_or(in_sync);
        if self.may_fail() && slot.may_be_ending() {
            states |= NOSYNC;
        }
        let Some(state) = u8::try_from(state).ok().filter(|state| [CLEAN, DIRTY, NOSYNC, RECOVERING].contains(state))
        else {
            return (Verdict::Different, states);
        };
        let verdict = match states {
            ANY => Verdict::Unknown,
            _ if states & state == 0 => Verdict::Different,
            _ if states == state => Verdict::Equal,
            _ if states & DIRTY != 0 => Verdict::Concurrent,
            _ => Verdict::Unknown,
        };
        if verdict != Verdict::Equal {
            self.adopt(region, slot, state);
        }
        (verdict, states)
    }

    /// Whether a flush request may have failed, so that a region becomes nosync when its last write ends.
    #[inline]
    fn may_fail(&self) -> bool {
        self.flush_failure != FlushFailure::No || self.nosync != Told::Nothing
    }

    fn adopt(&mut self, region: Region, slot: Slot, state: u8) {
        let states = match state {
            // A write that ends may not have had its effect yet.
            DIRTY if slot.pending == 0 || slot.pending == PENDING_UNKNOWN => DIRTY | CLEAN,
            state => state,
        };
        let pending = if state == CLEAN { 0 } else { slot.pending };
        self.set(region, Slot { states, pending, ..slot });
    }
}

impl Slot {
    /// Its last write has ended or may have, and the effect may still be to come.
    #[inline]
    fn may_be_ending(self) -> bool {
        self.states & (DIRTY | RECOVERING) != 0 && (self.pending == 0 || self.pending == PENDING_UNKNOWN)
    }

    /// The states that the region may be in; what is not in the hash has the state that its log gives it.
    #[inline]
    fn states_or(self, in_sync: Option<bool>) -> u8 {
        match (self.states, in_sync) {
            (0, Some(true)) => CLEAN,
            (0, Some(false)) => NOSYNC,
            (0, None) => CLEAN | NOSYNC,
            (states, _) => states,
        }
    }
}

#[cfg(test)]
mod tests;
