//! Regions that leave and enter sync, and the one that is handed out: told by recorded regions, for regions of any size.

use super::{ENTRIES_MAX, Entry, PARTS_MAX, RegionHash, State};
use crate::analysis::whatif::grid::Span;
use crate::analysis::whatif::out_of_sync::OutOfSync;
use crate::event::ids::MonoNs;

impl RegionHash {
    /// `get_resync_work` hands out a recorded region, which is out of sync. A larger one is handed out once for all its
    /// parts; smaller ones take their turn within the same time.
    pub(in crate::analysis::whatif) fn hand_out(&mut self, recorded: u64) {
        let span = self.grid.covering(Span { first: recorded, last: recorded });
        if self.recovering != Some(span) {
            self.recovering = Some(span);
            self.touched_cleaned = true;
        }
    }

    /// A recorded region is about to become out of sync; `out_of_sync` does not have it yet.
    pub(in crate::analysis::whatif) fn lose_sync(&mut self, recorded: u64, out_of_sync: &OutOfSync, time: MonoNs) {
        let span = self.grid.covering(Span { first: recorded, last: recorded });
        if self.overlaps(span.first, out_of_sync) {
            return;
        }
        self.out_of_sync += span.len();
        self.is_last_out_of_sync |= span.last == self.grid.count() - 1;
        for region in self.present(span) {
            let Some(entry) = self.entries.get_mut(&region) else { continue };
            entry.state = State::Nosync;
            self.dirty -= u64::from(entry.is_marked);
            if entry.pending == 0 && !entry.is_marked {
                self.entries.remove(&region);
            }
        }
        self.set_dirty(time);
    }

    /// A recorded region is in sync; `out_of_sync` does not have it any more. `is_cleared` where its bit was cleared
    /// before, as it is after a recovery that succeeded.
    pub(in crate::analysis::whatif) fn gain_sync(
        &mut self,
        recorded: u64,
        is_cleared: bool,
        out_of_sync: &OutOfSync,
        time: MonoNs,
    ) {
        let span = self.grid.covering(Span { first: recorded, last: recorded });
        if self.overlaps(span.first, out_of_sync) {
            // Other parts of a larger region are still to come.
            self.is_for_a_part = true;
            return;
        }
        self.touched_cleaned = true;
        self.touched_dirtied = true;
        self.recovering = None;
        self.is_for_a_part = false;
        if is_cleared {
            self.totals.clears += span.len();
            // Smaller regions are recovered one after the other, each with a pass that ends in a dirtied flush.
            self.totals.recovery_flushes += span.len() - 1;
        }
        self.enter_sync(span);
        for region in self.present(span) {
            let Some(entry) = self.entries.get_mut(&region) else { continue };
            if entry.pending > 0 {
                // Recovery would have delayed these writes; they are taken up now.
                entry.state = State::Dirty;
                entry.is_marked = true;
                self.dirty += 1;
                self.totals.marks += 1;
            } else if entry.is_marked && !is_cleared {
                entry.state = State::Absent;
                self.dirty += 1;
            } else {
                self.entries.remove(&region);
            }
        }
        if !is_cleared {
            self.leave_dirty(span);
        }
        self.set_dirty(time);
    }

    /// A recorded region has been in sync all along, as a mark of it shows; `out_of_sync` does not have it any more.
    pub(in crate::analysis::whatif) fn was_in_sync(&mut self, recorded: u64, out_of_sync: &OutOfSync, time: MonoNs) {
        let span = self.grid.covering(Span { first: recorded, last: recorded });
        if self.overlaps(span.first, out_of_sync) {
            return;
        }
        self.enter_sync(span);
        for region in self.present(span) {
            let Some(entry) = self.entries.get_mut(&region) else { continue };
            entry.state = if entry.pending > 0 { State::Dirty } else { State::Absent };
            entry.is_marked = true;
            self.dirty += 1;
        }
        self.set_dirty(time);
    }

    /// Whether any recorded region that covers this one is out of sync.
    fn overlaps(&self, region: u64, out_of_sync: &OutOfSync) -> bool {
        let Span { first, last } = self.grid.recorded(region);
        out_of_sync.overlaps(first, last)
    }

    /// The regions of a span that have an entry, in order.
    fn present(&self, span: Span) -> Vec<u64> {
        if span.len() <= self.entries.len() as u64 {
            return (span.first..=span.last).filter(|region| self.entries.contains_key(region)).collect();
        }
        let mut present: Vec<u64> =
            self.entries.keys().copied().filter(|region| (span.first..=span.last).contains(region)).collect();
        present.sort_unstable();
        present
    }

    fn enter_sync(&mut self, span: Span) {
        self.out_of_sync -= span.len();
        self.is_last_out_of_sync &= span.last != self.grid.count() - 1;
    }

    /// A recovery failed and nobody handles errors: the regions count as in sync, and their clean bits stay 0.
    fn leave_dirty(&mut self, span: Span) {
        for region in (span.first..=span.last).take(usize::try_from(PARTS_MAX).unwrap_or(usize::MAX)) {
            if self.entries.len() < ENTRIES_MAX && !self.entries.contains_key(&region) {
                self.entries.insert(region, Entry { pending: 0, state: State::Absent, is_marked: true });
                self.dirty += 1;
            }
        }
    }

    pub(super) fn count_out_of_sync(&mut self, out_of_sync: &OutOfSync) {
        self.out_of_sync = 0;
        self.is_last_out_of_sync = false;
        let mut next = 0;
        for (first, last) in out_of_sync.ranges() {
            let span = self.grid.covering(Span { first, last });
            // A larger region may have been counted with the range before.
            let first = span.first.max(next);
            self.out_of_sync += (span.last + 1).saturating_sub(first);
            next = span.last + 1;
        }
        self.is_last_out_of_sync = next == self.grid.count();
    }
}
