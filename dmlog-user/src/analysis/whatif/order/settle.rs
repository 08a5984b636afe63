//! What a pass tells, once it is complete: which ends came before it and which after, and its steps.

use super::{Busy, NOSYNC_STATES, Order, Write, unplaced};
use crate::analysis::whatif::out_of_sync::OutOfSync;
use crate::analysis::whatif::step::{FlushOrigin, FlushStep, Step};
use crate::event::ids::{IoId, MonoNs};
use crate::event::op::FlushKind;

impl Order {
    /// The first half of a pass, whose `dm_rh_update_states` began at `start`.
    pub(super) fn settle_pass(
        &mut self,
        start: MonoNs,
        flush: Option<FlushStep>,
        out_of_sync: &OutOfSync,
        steps: &mut Vec<Step>,
    ) {
        self.tell_ends_before(start, steps);
        for (region, is_cleared) in std::mem::take(&mut self.recovered) {
            // A region is copied only when all its writes are over.
            if let Some(busy) = self.regions.remove(&region) {
                self.tell_all_ends(&busy.writes, steps);
            }
            steps.push(Step::GainSync { region, is_cleared, time: start });
        }
        for region in std::mem::take(&mut self.clears) {
            if out_of_sync.contains(region) {
                steps.push(Step::FoundInSync { region, time: start });
            }
            if let Some(busy) = self.regions.remove(&region) {
                self.tell_all_ends(&busy.writes, steps);
            } else {
                let Write { extent, .. } = unplaced(&self.grid, region);
                steps.extend([Step::Adopt { extent, time: start }, Step::End { extent }]);
                self.doubt.adopted += 1;
            }
        }
        for region in std::mem::take(&mut self.listed) {
            self.keep_listed(region, start, out_of_sync, steps);
        }
        let time = flush.map_or(start, |flush| flush.start);
        steps.push(Step::UpdateStates { time });
        steps.extend(flush.map(Step::Flush));
    }

    /// What becomes of a region that the pass did not clear.
    fn keep_listed(&mut self, region: u64, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        let Some(busy) = self.regions.get_mut(&region) else { return };
        if !busy.writes.is_empty() {
            busy.is_listed = busy.writes.iter().any(|write| write.ended.is_some());
            if busy.is_listed {
                self.listed.push(region);
            }
            return;
        }
        let last = busy.last.take().filter(|_| self.evidence.clears && !out_of_sync.contains(region));
        let Some(last) = last else {
            self.regions.remove(&region);
            return;
        };
        // All its writes are over, and it was not cleared: the last end took effect later. Which call shows when.
        steps.push(Step::Adopt { extent: last.extent, time });
        *busy = Busy { writes: vec![Write { ended: None, ..last }], ..Busy::default() };
        self.writes += 1;
        self.doubt.late_ends += 1;
    }

    /// The second half of a pass: writes are taken up, their regions marked, the log flushed.
    pub(super) fn settle_writes(&mut self, flush: Option<FlushStep>, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        let start = self.taken_up.first().map(|(.., time)| *time).or(flush.map(|flush| flush.start));
        let start = start.unwrap_or_default();
        self.settle_rest_of_pass(start, out_of_sync, steps);
        self.tell_ends_before(start, steps);
        let marks = self.marks.len();
        let taken_up = std::mem::take(&mut self.taken_up);
        let writes = taken_up.len() as u64;
        for (region, write, time) in taken_up {
            if self.marks.remove(&region) {
                self.settle_marked(region, time, out_of_sync, steps);
            } else if self.evidence.marks {
                self.settle_unmarked(region, time, out_of_sync, steps);
            }
            self.put(region, write);
            steps.push(Step::Inc { extent: write.extent, time });
        }
        // Marks for writes that were not reported one by one.
        for region in std::mem::take(&mut self.marks) {
            self.settle_marked(region, start, out_of_sync, steps);
            let write = self.write(region, IoId::UNKNOWN, None);
            self.put(region, write);
            steps.push(Step::Inc { extent: write.extent, time: start });
        }
        self.states.clear();
        if let Some(flush) = flush {
            let holds_writes = match flush.kind {
                Some(kind) => kind == FlushKind::Dirtied,
                None => marks > 0,
            };
            steps.push(Step::Flush(FlushStep { origin: FlushOrigin::Writes, writes, holds_writes, ..flush }));
        }
    }

    /// Clears and a flush that nobody has claimed belong to the first half.
    pub(super) fn settle_rest_of_pass(&mut self, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        let flush = self.flush.take();
        if flush.is_some() || !self.clears.is_empty() || !self.recovered.is_empty() {
            let start = flush.map_or(time, |flush| flush.start);
            self.settle_pass(start, flush, out_of_sync, steps);
        }
    }

    /// The region was clean when its write was taken up: all that was under way is over.
    fn settle_marked(&mut self, region: u64, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        if out_of_sync.contains(region) {
            steps.push(Step::FoundInSync { region, time });
        }
        if let Some(busy) = self.regions.get_mut(&region) {
            busy.last = None;
            let writes = std::mem::take(&mut busy.writes);
            self.tell_all_ends(&writes, steps);
        }
    }

    /// The region was not clean when its write was taken up.
    fn settle_unmarked(&mut self, region: u64, time: MonoNs, out_of_sync: &OutOfSync, steps: &mut Vec<Step>) {
        let is_busy = self.regions.get(&region).is_some_and(|busy| !busy.writes.is_empty());
        if is_busy || out_of_sync.contains(region) {
            return;
        }
        if self.states.get(&region).is_some_and(|state| NOSYNC_STATES.contains(state)) {
            steps.push(Step::FoundOutOfSync { region, time });
            return;
        }
        let last = self.regions.get_mut(&region).and_then(|busy| busy.last.take());
        let write = if let Some(last) = last {
            self.doubt.late_ends += 1;
            Write { ended: None, ..last }
        } else {
            self.doubt.adopted += 1;
            unplaced(&self.grid, region)
        };
        steps.push(Step::Adopt { extent: write.extent, time });
        self.put(region, write);
    }

    fn put(&mut self, region: u64, write: Write) {
        self.regions.entry(region).or_default().writes.push(write);
        self.writes += 1;
    }

    /// Tells of the ends that were recorded before a time.
    fn tell_ends_before(&mut self, limit: MonoNs, steps: &mut Vec<Step>) {
        for region in &self.listed {
            let Some(busy) = self.regions.get_mut(region) else { continue };
            let Busy { writes, last, .. } = busy;
            let before = writes.len();
            writes.retain(|write| {
                let is_over = write.ended.is_some_and(|ended| ended < limit);
                if is_over {
                    steps.push(Step::End { extent: write.extent });
                    *last = Some(*write);
                }
                !is_over
            });
            self.writes -= before - writes.len();
        }
    }

    fn tell_all_ends(&mut self, writes: &[Write], steps: &mut Vec<Step>) {
        self.writes -= writes.len();
        for write in writes {
            self.doubt.ends_not_seen += u64::from(write.ended.is_none());
            steps.push(Step::End { extent: write.extent });
        }
    }
}
