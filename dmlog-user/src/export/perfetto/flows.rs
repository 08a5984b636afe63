//! Flows: from the write that waited for a mark, over the mark and the flush that put it on the log device, to the clear of the region.
//!
//! ```text
//! rh_inc_pending(io, region) ─▶ mark_region(region)   the same thread, no flush between: io waited for this mark
//! mark_region ─▶ flush                                the next flush of the log that succeeds and is not for clears alone
//! flush ─▶ clear_region(region)                       the next one of the region
//! ```
//!
//! A core log puts nothing anywhere: there the clear follows the mark. A flow has at least two ends, in the order of time, or there is none;
//! after a loss all begin anew, because nobody knows what was between.

use rustc_hash::FxHashMap;

use super::calls::{Calls, FlowSlot};
use crate::event::call::Call;
use crate::event::op::{FlushKind, LogImpl};

/// Flows that come through one flush: 10 bytes each, in one packet.
pub const FLUSH_FLOWS_MAX: usize = 256;
/// Marks of all logs whose flush is awaited, some 60 bytes each.
pub const MARKS_MAX: usize = 1 << 16;
/// Regions of all logs whose clear is awaited, some 50 bytes each.
pub const REGIONS_MAX: usize = 1 << 17;

/// A mark since the last flush.
#[derive(Clone, Copy, Debug)]
struct OpenMark {
    region: u64,
    start: u64,
    end: u64,
    /// 0 as long as it has no other end.
    flow: u64,
    slot: FlowSlot,
}

/// Flows of one log.
#[derive(Debug, Default)]
pub struct LogFlows {
    losses: u64,
    marks: Vec<OpenMark>,
    /// Marks that were too many since the last flush.
    cut: u32,
    /// Flow by region, and the begin of its last end.
    regions: FxHashMap<u64, (u64, u64)>,
}

/// What the flows of all logs share.
#[derive(Debug, Default)]
pub struct Flows {
    last: u64,
    losses: u64,
    marks: usize,
    regions: usize,
    /// Regions whose clear is not awaited.
    pub forgotten: u64,
}

impl Flows {
    /// A number for a new flow.
    pub fn new_flow(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Something is missing.
    pub fn lose(&mut self) {
        self.losses += 1;
    }

    fn look(&mut self, log: &mut LogFlows) {
        if log.losses != self.losses {
            self.regions -= log.regions.len();
            self.marks -= log.marks.len();
            *log = LogFlows { losses: self.losses, ..LogFlows::default() };
        }
    }

    /// A mark; `flow` is that of the write that waited for it, or 0.
    pub fn mark(&mut self, log: &mut LogFlows, call: &Call, flow: u64, slot: FlowSlot) {
        self.look(log);
        if log.marks.len() < FLUSH_FLOWS_MAX && self.marks < MARKS_MAX {
            self.marks += 1;
            let (start, end) = (call.start().0, call.time.0);
            log.marks.push(OpenMark { region: call.region, start, end, flow, slot });
        } else {
            log.cut = log.cut.saturating_add(1);
        }
    }

    /// A flush: its flows are appended. Returns how many are not there.
    pub fn flush(&mut self, log: &mut LogFlows, call: &Call, calls: &mut Calls, flows: &mut Vec<u64>) -> u32 {
        self.look(log);
        let kind = call.arg().and_then(FlushKind::from_number);
        let is_core = call.implementation() == Some(LogImpl::Core);
        let is_durable = matches!(kind, Some(FlushKind::Dirtied) | None);
        if call.result != 0 || !(is_durable || is_core) {
            return 0;
        }
        let begin = call.start().0;
        let marks = std::mem::take(&mut log.marks);
        for mut mark in marks {
            if begin < mark.end {
                // It came while the flush was under way, by another thread.
                log.marks.push(mark);
                continue;
            }
            self.marks -= 1;
            if !is_core {
                if mark.flow == 0
                    && let Some(kept) = calls.flow_mut(mark.slot)
                {
                    mark.flow = self.new_flow();
                    *kept = mark.flow;
                }
                if mark.flow != 0 {
                    flows.push(mark.flow);
                }
            }
            if mark.flow != 0 {
                self.await_clear(log, mark.region, mark.flow, if is_core { mark.start } else { begin });
            }
        }
        std::mem::take(&mut log.cut)
    }

    fn await_clear(&mut self, log: &mut LogFlows, region: u64, flow: u64, time: u64) {
        if self.regions < REGIONS_MAX || log.regions.contains_key(&region) {
            self.regions += usize::from(log.regions.insert(region, (flow, time)).is_none());
        } else {
            self.forgotten += 1;
        }
    }

    /// A clear: the flow that ends with it.
    pub fn clear(&mut self, log: &mut LogFlows, call: &Call) -> Option<u64> {
        self.look(log);
        let (flow, time) = log.regions.remove(&call.region)?;
        self.regions -= 1;
        (time <= call.start().0).then_some(flow)
    }
}
