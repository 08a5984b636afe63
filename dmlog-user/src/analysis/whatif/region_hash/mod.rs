//! The kernel's region hash and the bits of its log, for one region size: what would have been marked, cleared and flushed.
//!
//! ```text
//!              inc_pending: MARK                end_pending, none left
//!   not there ──────────────────▶ DIRTY ◀──────────────────────────────▶ CLEAN, on the clean list
//!       ▲                                inc_pending: MARK once more          │
//!       └──────────────────────────── update_states: CLEAR ───────────────────┘
//! ```
//!
//! Regions out of sync (NOSYNC, RECOVERING) are never marked. Which those are is the same for all sizes and handed in;
//! so are the worker's passes. Everything else follows from the order of the calls, as in the kernel:
//= linux v6.12 drivers/md/dm-region-hash.c rh_inc, dm_rh_dec, dm_rh_update_states, __rh_recovery_prepare

use rustc_hash::FxHashMap;

use super::grid::{Extent, Grid, Span};
use super::out_of_sync::OutOfSync;
use super::step::{FlushOrigin, FlushStep};
use super::totals::Totals;
use crate::event::ids::{MonoNs, SECTOR_SIZE_BYTES};
use crate::event::op::FlushKind;

mod sync;

/// Regions in the hash of one log and size. They are there only while writes are under way, so more than a million means
/// a million scattered writes at once; further ones are left out and counted.
pub(super) const ENTRIES_MAX: usize = 1 << 20;

/// Regions that one write can touch. A write has a few MiB at most and the smallest region 1 KiB; more is a damaged trace.
pub(super) const PARTS_MAX: u64 = 1 << 13;

/// State of a region in the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `DM_RH_CLEAN`, on the clean list.
    Clean,
    /// `DM_RH_DIRTY`.
    Dirty,
    /// `DM_RH_NOSYNC` or `DM_RH_RECOVERING`: not marked, not cleared when its writes are over.
    Nosync,
    /// Not in the kernel's hash; kept here because its clean bit is 0.
    Absent,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    pending: u64,
    state: State,
    /// The log's clean bit is 0 because of a mark.
    is_marked: bool,
}

/// Region hash and log bits of one log under one region size.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the kernel's, and they are independent")]
pub(super) struct RegionHash {
    grid: Grid,
    entries: FxHashMap<u64, Entry>,
    clean_list: Vec<u64>,
    touched_dirtied: bool,
    touched_cleaned: bool,
    /// `log_c.flush_failed`: all clean bits are 0, and clears do nothing.
    flush_failed: bool,
    /// `dm_region_hash.flush_failure`: a region whose writes are over becomes NOSYNC.
    flush_failure: bool,
    /// Regions out of sync, and whether the last region is one of them.
    out_of_sync: u64,
    is_last_out_of_sync: bool,
    /// Regions in sync whose clean bit is 0.
    dirty: u64,
    /// The region that was handed out for resync.
    recovering: Option<Span>,
    /// The pass that is under way came because a part of a larger region was recovered.
    is_for_a_part: bool,
    totals: Totals,
}

impl RegionHash {
    /// Nothing is in the hash.
    pub(super) fn new(grid: Grid, out_of_sync: &OutOfSync) -> Self {
        let mut hash = Self {
            grid,
            entries: FxHashMap::default(),
            clean_list: Vec::new(),
            touched_dirtied: false,
            touched_cleaned: false,
            flush_failed: false,
            flush_failure: false,
            out_of_sync: 0,
            is_last_out_of_sync: false,
            dirty: 0,
            recovering: None,
            is_for_a_part: false,
            totals: Totals::default(),
        };
        hash.count_out_of_sync(out_of_sync);
        hash
    }

    /// What was counted.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Regions under this size.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The log goes live: what is on disk is what is in memory.
    pub(super) fn start(&mut self, time: MonoNs) {
        self.totals.start(time);
        self.set_dirty(time);
        self.commit(time);
    }

    /// The log is suspended or gone.
    pub(super) fn stop(&mut self, time: MonoNs) {
        self.totals.stop(time);
    }

    /// All writes are over, and which regions are out of sync is told anew.
    pub(super) fn reset(&mut self, out_of_sync: &OutOfSync, time: MonoNs) {
        self.entries.clear();
        self.clean_list.clear();
        self.dirty = 0;
        self.recovering = None;
        self.count_out_of_sync(out_of_sync);
        self.set_dirty(time);
    }

    /// What `disk_resume` touches: it makes all regions dirty that are not on disk (`is_new` where none is), and always
    /// clears the padding.
    pub(super) fn touch_at_resume(&mut self, is_new: bool) {
        //= linux v6.12 drivers/md/dm-log.c disk_resume: "clear any old bits -- device has shrunk", up to BITS_PER_LONG
        self.touched_dirtied |= is_new || self.has_padding();
    }

    /// Whether the bitset is longer than there are regions.
    pub(super) fn has_padding(&self) -> bool {
        !self.grid.count().is_multiple_of(u64::from(u64::BITS))
    }

    /// Something was touched before anything was seen of the log, as its first flush shows.
    pub(super) fn touched_before(&mut self, kind: FlushKind) {
        self.touched_dirtied |= kind == FlushKind::Dirtied;
        self.touched_cleaned |= kind == FlushKind::CleanedOnly;
    }

    /// `rh_inc`: one write is taken up by a pass.
    pub(super) fn inc_pending(&mut self, extent: Extent, out_of_sync: &OutOfSync, time: MonoNs) {
        for region in self.parts(extent) {
            self.totals.writes += 1;
            if self.hold(region, out_of_sync) {
                self.totals.marks += 1;
                self.touched_dirtied = true;
            }
        }
        self.set_dirty(time);
    }

    /// A write turns out to be under way that was not seen to be taken up: its region has been dirty already.
    pub(super) fn adopt(&mut self, extent: Extent, out_of_sync: &OutOfSync, time: MonoNs) {
        for region in self.parts(extent) {
            self.hold(region, out_of_sync);
        }
        self.set_dirty(time);
    }

    /// One more write is pending; true if the region becomes dirty by that.
    fn hold(&mut self, region: u64, out_of_sync: &OutOfSync) -> bool {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&region) {
            self.totals.left_out += 1;
            return false;
        }
        let grid = &self.grid;
        let entry = self.entries.entry(region).or_insert_with(|| {
            let Span { first, last } = grid.recorded(region);
            // `__rh_alloc` asks the log.
            let state = if out_of_sync.overlaps(first, last) { State::Nosync } else { State::Clean };
            Entry { pending: 0, state, is_marked: false }
        });
        entry.pending += 1;
        let is_marked_now = matches!(entry.state, State::Clean | State::Absent);
        if is_marked_now {
            entry.state = State::Dirty;
            let was_marked = std::mem::replace(&mut entry.is_marked, true);
            self.dirty += u64::from(!was_marked);
        }
        is_marked_now
    }

    /// `dm_rh_dec`: one write is over.
    pub(super) fn end_pending(&mut self, extent: Extent) {
        for region in self.parts(extent) {
            let Some(entry) = self.entries.get_mut(&region) else { continue };
            entry.pending = entry.pending.saturating_sub(1);
            if entry.pending > 0 {
                continue;
            }
            match entry.state {
                State::Dirty if self.flush_failure => entry.state = State::Nosync,
                State::Dirty => {
                    entry.state = State::Clean;
                    self.clean_list.push(region);
                }
                // Its next write finds it out of sync again.
                State::Nosync if !entry.is_marked => {
                    self.entries.remove(&region);
                }
                State::Nosync | State::Clean | State::Absent => {}
            }
        }
    }

    /// `dm_rh_update_states`: what is on the clean list is cleared and leaves the hash.
    pub(super) fn update_states(&mut self, time: MonoNs) {
        for region in std::mem::take(&mut self.clean_list) {
            let Some(entry) = self.entries.get(&region).filter(|entry| entry.state == State::Clean) else { continue };
            self.dirty -= u64::from(entry.is_marked);
            self.entries.remove(&region);
            self.totals.clears += 1;
            self.is_for_a_part = false;
            self.touched_cleaned |= !self.flush_failed;
        }
        self.set_dirty(time);
    }

    /// `set_region_sync(region, 0)` touches the log whether it changes anything or not.
    pub(super) fn touch_lost_sync(&mut self) {
        self.touched_dirtied = true;
    }

    /// A flush of the legs failed that a bio asked for.
    pub(super) fn fail_flush_bio(&mut self) {
        self.flush_failure = true;
    }

    /// The log's flush, at its end.
    //= linux v6.12 drivers/md/dm-log.c disk_flush
    pub(super) fn flush(&mut self, step: &FlushStep) {
        if std::mem::take(&mut self.is_for_a_part) && step.origin == FlushOrigin::Pass && !self.touched_dirtied {
            // A region of this size is still being copied: nothing would have woken the worker.
            return;
        }
        let kind = match (self.touched_dirtied, self.touched_cleaned) {
            (true, _) => FlushKind::Dirtied,
            (false, true) => FlushKind::CleanedOnly,
            (false, false) => FlushKind::NoOp,
        };
        self.totals.count_flush(kind, step);
        if kind == FlushKind::NoOp {
            return;
        }
        if step.legs_failed && self.touched_cleaned {
            self.flush_failed = true;
            self.touched_dirtied = true;
            self.set_dirty(step.time);
        }
        if step.result == 0 {
            self.touched_dirtied = false;
            self.touched_cleaned = false;
            self.commit(step.time);
        }
    }

    /// The flush that a disk log makes when it is suspended, where the recorded type makes none.
    pub(super) fn flush_at_suspend(&mut self, time: MonoNs) {
        self.flush(&FlushStep {
            time,
            start: time,
            duration_ns: None,
            kind: None,
            result: 0,
            legs_failed: false,
            origin: FlushOrigin::Suspend,
            writes: 0,
            holds_writes: false,
        });
    }

    fn parts(&mut self, extent: Extent) -> std::ops::RangeInclusive<u64> {
        let Span { first, last } = self.grid.touched(extent);
        let cut = last.min(first + PARTS_MAX - 1);
        self.totals.left_out += last - cut;
        first..=cut
    }

    fn dirty(&self) -> u64 {
        if self.flush_failed { self.grid.count() - self.out_of_sync } else { self.dirty }
    }

    fn set_dirty(&mut self, time: MonoNs) {
        let dirty = self.dirty();
        self.totals.dirty_regions.set(time, dirty);
    }

    /// What is in memory is on disk now.
    fn commit(&mut self, time: MonoNs) {
        let last = self.grid.count() - 1;
        let is_last_zero = self.flush_failed
            || self.is_last_out_of_sync
            || self.entries.get(&last).is_some_and(|entry| entry.is_marked);
        let regions = self.dirty() + self.out_of_sync;
        let shortfall = if is_last_zero { self.grid.shortfall_sectors() } else { 0 };
        let sectors = (regions * u64::from(self.grid.region_size_sectors())).saturating_sub(shortfall);
        self.totals.resync_regions.set(time, regions);
        self.totals.resync_bytes.set(time, sectors.saturating_mul(SECTOR_SIZE_BYTES));
    }
}
