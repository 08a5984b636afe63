//! The order in which the kernel did what a trace tells of one log.
//!
//! Passes of the worker are in order by themselves. Ends of writes (`dm_rh_dec`) come from interrupts on any CPU: the record
//! is made at the function's entry, and the region hash sees the end a little later, before or after what the worker does
//! at that moment. Which of the two it was, the worker's own calls say:
//!
//! ```text
//! a pass clears the region               all ends of its writes came before
//! it does not, though all are over       the last end came after
//! a write taken up marks the region      all ends of its writes came before
//! it does not mark it                    at least one came after
//! recovery of the region is over         all ends of its writes came before
//! ```
//!
//! What was under way before the capture shows in the same way: a clear of a region that no write was seen for. So the
//! result is a list of [`Step`]s that is true for the recorded region size; replayed under that size it gives exactly the
//! recorded marks and clears. For other sizes the steps keep their order, and ends that no call tells of are ordered by
//! time.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::grid::{Extent, Grid, Span};
use super::out_of_sync::OutOfSync;
use super::step::{Doubt, FlushOrigin, FlushStep, Step};
use crate::event::ids::{IoId, MonoNs};

mod settle;

/// Writes under way of one log that are remembered. More than a hundred thousand at once has not been seen; further ones
/// are left out and counted.
pub(super) const WRITES_MAX: usize = 1 << 17;

/// Ends of bios that wait for the `dm_rh_dec` that follows at once; one per nesting of interrupts would do.
const ENDING_MAX: usize = 64;

/// `DM_RH_NOSYNC` and `DM_RH_RECOVERING`.
const NOSYNC_STATES: [i32; 2] = [4, 8];

/// Which of the worker's calls the capture has, so that their absence means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) marks: bool,
    pub(super) clears: bool,
    pub(super) ends: bool,
}

/// A write that a pass took up.
#[derive(Clone, Copy, Debug)]
struct Write {
    io: IoId,
    extent: Extent,
    /// When its end was recorded.
    ended: Option<MonoNs>,
}

/// A recorded region in the hash.
#[derive(Clone, Debug, Default)]
struct Busy {
    /// Writes of which no [`Step::End`] has been told yet.
    writes: Vec<Write>,
    /// The last one of which it has.
    last: Option<Write>,
    is_listed: bool,
}

/// Orders the events of one log.
#[derive(Clone, Debug)]
pub(super) struct Order {
    grid: Grid,
    evidence: Evidence,
    regions: FxHashMap<u64, Busy>,
    /// Regions with an end that has not been told, or all of whose writes are over.
    listed: Vec<u64>,
    writes: usize,
    /// Ends of bios whose `dm_rh_dec` is to come: CPU and write.
    ending: VecDeque<(u16, Write)>,
    /// What the pass that is under way did so far.
    taken_up: Vec<(u64, Write, MonoNs)>,
    marks: BTreeSet<u64>,
    clears: BTreeSet<u64>,
    recovered: Vec<(u64, bool)>,
    states: FxHashMap<u64, i32>,
    legs_failed: bool,
    /// A flush of which it is not known yet from where it was called.
    flush: Option<FlushStep>,
    doubt: Doubt,
}

impl Order {
    /// For regions of the recorded size.
    pub(super) fn new(grid: Grid, evidence: Evidence) -> Self {
        Self {
            grid,
            evidence,
            regions: FxHashMap::default(),
            listed: Vec::new(),
            writes: 0,
            ending: VecDeque::new(),
            taken_up: Vec::new(),
            marks: BTreeSet::new(),
            clears: BTreeSet::new(),
            recovered: Vec::new(),
            states: FxHashMap::default(),
            legs_failed: false,
            flush: None,
            doubt: Doubt::default(),
        }
    }

    pub(super) fn doubt(&self) -> &Doubt {
        &self.doubt
    }

    /// Whether a region is one of the log's; what is not is counted.
    pub(super) fn has(&mut self, region: u64) -> bool {
        let is_there = region < self.grid.recorded_count();
        self.doubt.left_out += u64::from(!is_there);
        is_there
    }

    /// `rh_inc` of one write; `extent` where its sectors are known.
    pub(super) fn take_up(&mut self, region: u64, io: IoId, extent: Option<Extent>, time: MonoNs) {
        if self.writes + self.taken_up.len() >= WRITES_MAX {
            self.doubt.left_out += 1;
            return;
        }
        let write = self.write(region, io, extent);
        self.taken_up.push((region, write, time));
    }

    /// `mark_region`.
    pub(super) fn mark(&mut self, region: u64) {
        if self.marks.len() < WRITES_MAX {
            self.marks.insert(region);
        }
    }

    /// `clear_region`.
    pub(super) fn clear(&mut self, region: u64) {
        if self.clears.len() < WRITES_MAX {
            self.clears.insert(region);
        }
    }

    /// `set_region_sync(region, 1)`: within `dm_rh_update_states`, after the region's clear if the recovery succeeded.
    pub(super) fn recover(&mut self, region: u64) {
        let is_cleared = self.clears.remove(&region) || !self.evidence.clears;
        if self.recovered.len() < WRITES_MAX {
            self.recovered.push((region, is_cleared));
        }
    }

    /// `dm_rh_get_state` of a write that is about to be taken up.
    pub(super) fn state(&mut self, region: u64, state: i32) {
        if self.states.len() < WRITES_MAX {
            self.states.insert(region, state);
        }
    }

    /// `mirror_flush` within the log's flush.
    pub(super) fn flush_legs(&mut self, result: i32) {
        self.legs_failed |= result != 0;
    }

    /// `mirror_end_io` of a write: `dm_rh_dec` follows on the same CPU.
    pub(super) fn end_io(&mut self, cpu: u16, io: IoId, extent: Extent, time: MonoNs, steps: &mut Vec<Step>) {
        let region = self.grid.touched(extent).first;
        let writes = self.regions.get(&region).map_or(&[][..], |busy| &busy.writes);
        if writes.iter().any(|write| write.io == io && write.ended.is_some()) {
            // Its `dm_rh_dec` came first, in a stream that is out of order: another one does not follow.
            return;
        }
        if self.ending.len() >= ENDING_MAX {
            self.ending.pop_front();
        }
        self.ending.push_back((cpu, Write { io, extent, ended: Some(time) }));
        if !self.evidence.ends {
            self.end(cpu, region, time, steps);
        }
    }

    /// `dm_rh_dec`.
    pub(super) fn end(&mut self, cpu: u16, region: u64, time: MonoNs, steps: &mut Vec<Step>) {
        let ended = self.ended_write(cpu, region);
        if self.listed.len() >= WRITES_MAX || self.writes >= WRITES_MAX {
            self.doubt.left_out += 1;
            return;
        }
        let busy = self.regions.entry(region).or_default();
        let place = match ended {
            Some(ended) => busy.writes.iter().position(|write| write.io == ended.io),
            None => busy.writes.iter().position(|write| write.ended.is_none()),
        };
        // A write whose entry is not known stands for any.
        let place =
            place.or_else(|| busy.writes.iter().position(|write| write.ended.is_none() && write.io == IoId::UNKNOWN));
        if let Some(write) = place.and_then(|place| busy.writes.get_mut(place)) {
            write.ended = Some(time);
        } else {
            let write = ended.unwrap_or_else(|| unplaced(&self.grid, region));
            steps.push(Step::Adopt { extent: write.extent, time });
            busy.writes.push(Write { ended: Some(time), ..write });
            self.writes += 1;
            self.doubt.adopted += 1;
        }
        if !std::mem::replace(&mut busy.is_listed, true) {
            self.listed.push(region);
        }
    }

    /// The bio whose end on this CPU led to `dm_rh_dec` of the region.
    fn ended_write(&mut self, cpu: u16, region: u64) -> Option<Write> {
        let grid = self.grid;
        let is_of_region = |write: &Write| grid.touched(write.extent) == Span { first: region, last: region };
        let here = self.ending.iter().rposition(|(at, write)| *at == cpu && is_of_region(write));
        // A task may move to another CPU between the two; an interrupt may not.
        let place = here.or_else(|| self.ending.iter().position(|(_, write)| is_of_region(write)))?;
        self.ending.remove(place).map(|(_, write)| write)
    }

    fn write(&mut self, region: u64, io: IoId, extent: Option<Extent>) -> Write {
        self.doubt.placed += u64::from(extent.is_some());
        self.doubt.unplaced += u64::from(extent.is_none());
        match extent {
            Some(extent) => Write { io, extent, ended: None },
            None => Write { io, ..unplaced(&self.grid, region) },
        }
    }

    /// The log's flush is over.
    pub(super) fn flush(&mut self, flush: FlushStep, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        let legs_failed = std::mem::take(&mut self.legs_failed);
        let flush = FlushStep { legs_failed, ..flush };
        if self.taken_up.is_empty() && self.marks.is_empty() {
            self.flush = Some(flush);
        } else {
            self.settle_writes(Some(flush), out_of_sync, steps);
        }
    }

    /// `dm_rh_update_states` is over, which began at `start`: so that was its flush.
    pub(super) fn update_states(&mut self, start: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        if !self.taken_up.is_empty() || !self.marks.is_empty() {
            self.settle_writes(None, out_of_sync, steps);
        }
        let flush = self.flush.take();
        self.settle_pass(start, flush, out_of_sync, steps);
    }

    /// `dm_rh_flush` is over: that was its flush, for bios that do not count as writes.
    pub(super) fn flushed_for_writes(&mut self, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        if self.clears.is_empty()
            && self.recovered.is_empty()
            && let Some(flush) = self.flush.take()
        {
            steps.push(Step::Flush(flush));
        } else {
            self.settle(time, out_of_sync, steps);
        }
    }

    /// The mirror was suspended: that was the disk log's last flush.
    pub(super) fn suspended(&mut self, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) -> bool {
        let flush = self.flush.take();
        self.settle(time, out_of_sync, steps);
        if let Some(flush) = flush {
            steps.push(Step::Flush(FlushStep { origin: FlushOrigin::Suspend, ..flush }));
        }
        flush.is_some()
    }

    /// The worker does something else at `time`: what it did before is complete, as far as it was seen.
    pub(super) fn settle(&mut self, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        if !self.taken_up.is_empty() || !self.marks.is_empty() {
            self.settle_writes(None, out_of_sync, steps);
        }
        self.settle_rest_of_pass(time, out_of_sync, steps);
    }
}

/// A write of which only the region is known: it stands at the region's begin.
fn unplaced(grid: &Grid, region: u64) -> Write {
    let Extent { first_sector, .. } = grid.recorded_extent(region);
    Write { io: IoId::UNKNOWN, extent: Extent { first_sector, last_sector: first_sector }, ended: None }
}
