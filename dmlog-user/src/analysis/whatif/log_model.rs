//! One log instance under all region sizes: its events go through [`Order`], and the steps that come out of it go to one
//! [`RegionHash`] per size. What the kernel did is counted beside it, for comparison.

use super::bios::Bios;
use super::grid::{Extent, Grid};
use super::order::{Evidence, Order};
use super::out_of_sync::OutOfSync;
use super::recorded::Recorded;
use super::region_hash::RegionHash;
use super::step::{Doubt, FlushOrigin, FlushStep, Step};
use crate::event::ids::{IoId, MonoNs, Region};
use crate::event::op::{Event, FlushKind, Identity, LogOp, MirrorOp, Op, RegionHashOp};
use crate::log::dirty_log::LogType;

/// What may have been touched before the first flush that is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Only what was seen.
    Known,
    /// The log was resumed; `is_new` as far as the identity tells.
    Resumed { is_new: bool },
    /// The log was live before the capture.
    Unknown,
}

/// Where a log is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was seen but its identity.
    Unseen,
    /// It was made or suspended, and waits for its resume.
    Waiting,
    /// It is resumed: time counts.
    Live,
}

/// One log instance.
#[derive(Clone, Debug)]
pub(super) struct LogModel {
    /// Place of its target among the results.
    pub(super) target: usize,
    log_type: LogType,
    grid: Grid,
    target_begin: u64,
    order: Order,
    out_of_sync: OutOfSync,
    sizes: Vec<RegionHash>,
    recorded: Recorded,
    identity_sync_count: Option<u64>,
    sync_option: u32,
    created: MonoNs,
    before: Before,
    /// Its constructor was seen.
    is_whole: bool,
    phase: Phase,
    is_sync_estimated: bool,
    steps: Vec<Step>,
}

impl LogModel {
    /// A log of which nothing was seen but its identity. `grids` are the sizes to replay, all of the same target.
    pub(super) fn new(
        target: usize,
        log_type: LogType,
        identity: &Identity,
        grid: Grid,
        grids: &[Grid],
        evidence: Evidence,
        time: MonoNs,
    ) -> Self {
        let out_of_sync = OutOfSync::default();
        let mut model = Self {
            target,
            log_type,
            grid,
            target_begin: identity.target_begin.unwrap_or(0),
            order: Order::new(grid, evidence),
            sizes: grids.iter().map(|grid| RegionHash::new(*grid, &out_of_sync)).collect(),
            out_of_sync,
            recorded: Recorded::default(),
            identity_sync_count: None,
            sync_option: 0,
            created: time,
            before: Before::Unknown,
            is_whole: false,
            phase: Phase::Unseen,
            is_sync_estimated: false,
            steps: Vec::new(),
        };
        model.identify(identity);
        model.take_sync_count(time);
        model
    }

    /// The region hashes, one per size.
    pub(super) fn sizes(&self) -> &[RegionHash] {
        &self.sizes
    }

    pub(super) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    pub(super) fn doubt(&self) -> &Doubt {
        self.order.doubt()
    }

    /// Whether its constructor was seen.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether which regions were out of sync at first is an estimate.
    pub(super) fn is_sync_estimated(&self) -> bool {
        self.is_sync_estimated
    }

    /// The identity was told again.
    pub(super) fn identify(&mut self, identity: &Identity) {
        self.identity_sync_count = identity.sync_count;
        self.sync_option = identity.sync_option.unwrap_or(0);
    }

    /// Folds one event of this log in.
    pub(super) fn apply(&mut self, event: &Event, bios: &Bios) {
        if self.phase == Phase::Unseen && !is_ctr(&event.op) {
            self.go_live(self.created);
        }
        match &event.op {
            Op::Log(_, op) => self.apply_log(op, event),
            Op::RegionHash(op) => self.apply_region_hash(op, event, bios),
            Op::Mirror(op) => self.apply_mirror(op, event, bios),
            Op::Consult { .. } | Op::Identity(_) | Op::Bits(_) => {}
        }
        self.take_steps();
    }

    /// The stream or the log ends: what is under way counts as far as it was seen.
    pub(super) fn finish(&mut self, time: MonoNs) {
        self.order.settle(time, &self.out_of_sync, &mut self.steps);
        self.take_steps();
        for size in &mut self.sizes {
            size.stop(time);
        }
        self.phase = Phase::Waiting;
    }

    fn apply_log(&mut self, op: &LogOp, event: &Event) {
        let time = event.time;
        match op {
            LogOp::Ctr { .. } => {
                self.is_whole = true;
                self.phase = Phase::Waiting;
                self.before = Before::Known;
            }
            LogOp::Resume { result: 0 } => {
                self.settle(time);
                self.resume(time);
            }
            LogOp::Flush { kind, result } => {
                self.recorded.flush(*kind);
                let flush = FlushStep {
                    time,
                    start: event.start(),
                    duration_ns: event.duration.map(|d| d.0),
                    kind: *kind,
                    result: *result,
                    legs_failed: false,
                    origin: FlushOrigin::Pass,
                    writes: 0,
                    holds_writes: false,
                };
                self.order.flush(flush, &self.out_of_sync, &mut self.steps);
            }
            LogOp::MarkRegion { region: Region(region) } => {
                self.recorded.marks += 1;
                if self.order.has(*region) {
                    self.order.mark(*region);
                }
            }
            LogOp::ClearRegion { region: Region(region) } => {
                self.recorded.clears += 1;
                if self.order.has(*region) {
                    self.order.clear(*region);
                }
            }
            LogOp::GetResyncWork { region, result } => {
                self.settle(time);
                if let (Some(Region(region)), 1) = (region, result)
                    && self.order.has(*region)
                {
                    self.found_out_of_sync(*region, time);
                    self.sizes.iter_mut().for_each(|size| size.hand_out(*region));
                }
            }
            LogOp::SetRegionSync { region: Region(region), in_sync: true } if self.order.has(*region) => {
                self.order.recover(*region);
            }
            LogOp::SetRegionSync { region: Region(region), in_sync: false } if self.order.has(*region) => {
                self.found_out_of_sync(*region, time);
                self.sizes.iter_mut().for_each(RegionHash::touch_lost_sync);
            }
            _ => {}
        }
    }

    fn apply_region_hash(&mut self, op: &RegionHashOp, event: &Event, bios: &Bios) {
        let time = event.time;
        let Self { order, out_of_sync, steps, .. } = self;
        match op {
            RegionHashOp::IncPending { region, io } => {
                let extent = self.extent(*io, bios);
                let region = region.map_or_else(|| extent.map(|extent| self.grid.touched(extent).first), |r| Some(r.0));
                if let Some(region) = region.filter(|&region| self.order.has(region)) {
                    self.recorded.writes += 1;
                    let of_region = extent.filter(|extent| self.grid.touched(*extent).first == region);
                    self.order.take_up(region, *io, of_region, time);
                }
            }
            RegionHashOp::DecPending { region: Region(region) } if order.has(*region) => {
                order.end(event.cpu, *region, time, steps);
            }
            RegionHashOp::UpdateStates { .. } => order.update_states(event.start(), out_of_sync, steps),
            RegionHashOp::Flush { .. } => order.flushed_for_writes(time, out_of_sync, steps),
            RegionHashOp::MarkNosync { io, .. } if bios.is_flush(*io) => {
                self.sizes.iter_mut().for_each(RegionHash::fail_flush_bio);
            }
            RegionHashOp::GetState { region: Region(region), state, .. } => order.state(*region, *state),
            RegionHashOp::RecoveryPrepare => self.settle(time),
            _ => {}
        }
    }

    fn apply_mirror(&mut self, op: &MirrorOp, event: &Event, bios: &Bios) {
        let time = event.time;
        match op {
            MirrorOp::EndIo { io, .. } => {
                if let Some(extent) = self.extent(*io, bios) {
                    self.order.end_io(event.cpu, *io, extent, time, &mut self.steps);
                }
            }
            MirrorOp::Pass => self.settle(time),
            MirrorOp::LegFlush { result } => self.order.flush_legs(*result),
            MirrorOp::Postsuspend => {
                let was_flushed = self.order.suspended(time, &self.out_of_sync, &mut self.steps);
                self.take_steps();
                for size in &mut self.sizes {
                    if !was_flushed && self.log_type != LogType::Disk {
                        size.flush_at_suspend(time);
                    }
                    size.stop(time);
                }
                self.phase = Phase::Waiting;
            }
            _ => {}
        }
    }

    /// Sectors of a write from the start of the target, within one recorded region as the kernel has split it.
    fn extent(&self, io: IoId, bios: &Bios) -> Option<Extent> {
        let (first, sectors) = bios.write(io)?;
        let first_sector = first.checked_sub(self.target_begin)?;
        let region = self.grid.touched(Extent { first_sector, last_sector: first_sector }).first;
        let end = self.grid.recorded_extent(region).last_sector;
        (first_sector <= end).then(|| Extent { first_sector, last_sector: (first_sector + (sectors - 1)).min(end) })
    }

    fn settle(&mut self, time: MonoNs) {
        self.order.settle(time, &self.out_of_sync, &mut self.steps);
        self.take_steps();
    }

    fn go_live(&mut self, time: MonoNs) {
        self.phase = Phase::Live;
        self.sizes.iter_mut().for_each(|size| size.start(time));
    }

    fn resume(&mut self, time: MonoNs) {
        self.take_sync_count(time);
        let is_new = self.identity_sync_count == Some(0);
        self.before = Before::Resumed { is_new };
        self.go_live(time);
    }

    /// Which regions are out of sync, by the count that the identity tells. A log hands regions out in ascending order, so
    /// those that are left are the last ones.
    fn take_sync_count(&mut self, time: MonoNs) {
        let count = self.grid.recorded_count();
        let Some(sync_count) = self.identity_sync_count else {
            self.is_sync_estimated = true;
            return;
        };
        if self.out_of_sync.count() == count.saturating_sub(sync_count) {
            return;
        }
        self.is_sync_estimated = sync_count > 0 && sync_count < count;
        self.out_of_sync = OutOfSync::tail(sync_count, count);
        for size in &mut self.sizes {
            size.reset(&self.out_of_sync, time);
        }
    }

    fn found_out_of_sync(&mut self, region: u64, time: MonoNs) {
        if self.out_of_sync.contains(region) || !self.out_of_sync.has_room() {
            return;
        }
        for size in &mut self.sizes {
            size.lose_sync(region, &self.out_of_sync, time);
        }
        self.out_of_sync.insert(region);
    }

    fn take_steps(&mut self) {
        let mut steps = std::mem::take(&mut self.steps);
        for step in steps.drain(..) {
            self.step(step);
        }
        self.steps = steps;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Inc { extent, time } => self.each(|size, out_of_sync| size.inc_pending(extent, out_of_sync, time)),
            Step::Adopt { extent, time } => self.each(|size, out_of_sync| size.adopt(extent, out_of_sync, time)),
            Step::End { extent } => self.each(|size, _| size.end_pending(extent)),
            Step::UpdateStates { time } => self.each(|size, _| size.update_states(time)),
            Step::FoundOutOfSync { region, time } => self.found_out_of_sync(region, time),
            // Steps of one pass may find it twice.
            Step::FoundInSync { region, .. } if !self.out_of_sync.contains(region) => {}
            Step::FoundInSync { region, time } => {
                self.out_of_sync.remove(region);
                self.each(|size, out_of_sync| size.was_in_sync(region, out_of_sync, time));
            }
            Step::GainSync { region, is_cleared, time } => {
                self.found_out_of_sync(region, time);
                if self.out_of_sync.contains(region) {
                    self.out_of_sync.remove(region);
                    self.each(|size, out_of_sync| size.gain_sync(region, is_cleared, out_of_sync, time));
                }
            }
            Step::Flush(flush) => {
                self.touch_before(flush.kind);
                if flush.holds_writes
                    && let Some(duration_ns) = flush.duration_ns
                {
                    self.recorded.holding.record(duration_ns, 1);
                }
                self.each(|size, _| size.flush(&flush));
            }
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut RegionHash, &OutOfSync)) {
        for size in &mut self.sizes {
            act(size, &self.out_of_sync);
        }
    }

    /// What the log had touched before its first flush that is seen, or its first one after a resume.
    fn touch_before(&mut self, kind: Option<FlushKind>) {
        let is_told = self.log_type == LogType::Disk;
        match std::mem::replace(&mut self.before, Before::Known) {
            Before::Known => {}
            Before::Unknown => {
                if let Some(kind) = kind.filter(|_| is_told) {
                    self.sizes.iter_mut().for_each(|size| size.touched_before(kind));
                }
            }
            Before::Resumed { is_new } => {
                let has_padding = self.sizes.iter().any(|size| *size.grid() == self.grid && size.has_padding());
                let is_new = match (self.sync_option, kind) {
                    // `nosync` sets the bits instead.
                    (1, _) => {
                        self.sizes.iter_mut().for_each(|size| size.touched_before(FlushKind::CleanedOnly));
                        false
                    }
                    (2, _) => true,
                    // Without padding, only a log that had no regions on disk is touched.
                    (_, Some(kind)) if is_told && !has_padding => kind == FlushKind::Dirtied,
                    _ => is_new,
                };
                self.sizes.iter_mut().for_each(|size| size.touch_at_resume(is_new));
            }
        }
    }
}

/// Whether an event may come before the log is live: its identity, its constructor, and the passes between the mirror's
/// constructor and its resume follow the constructor.
fn is_ctr(op: &Op) -> bool {
    matches!(op, Op::Log(_, LogOp::Ctr { .. }) | Op::Identity(_))
}
