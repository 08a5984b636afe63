//! The last events of one log, for the context of a difference.
//!
//! Only what changes or tells the state of a log or its regions is kept; bios and passes would push it out. An event is
//! kept as numbers and becomes text when somebody has to read it.

use super::seen::{NO_DURATION, Seen};
use crate::event::ids::DurationNs;
use crate::event::item::Item;
use crate::event::op::{Event, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use crate::event::text::render;

/// Events of a log that are kept: two passes of its worker, which is as far as a rule of the log reaches.
pub(super) const RECENT_MAX: usize = 16;

/// An operation without anything that lies elsewhere in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Short {
    Log(LogImpl, LogOp),
    RegionHash(RegionHashOp),
    LegFlush(i32),
    FailMirror(Option<u8>, u32),
    Presuspend,
    Postsuspend,
    Resume,
}

impl Short {
    fn op(self) -> Op {
        match self {
            Self::Log(implementation, op) => Op::Log(implementation, op),
            Self::RegionHash(op) => Op::RegionHash(op),
            Self::LegFlush(result) => Op::Mirror(MirrorOp::LegFlush { result }),
            Self::FailMirror(leg, error_type) => Op::Mirror(MirrorOp::FailMirror { leg, error_type }),
            Self::Presuspend => Op::Mirror(MirrorOp::Presuspend),
            Self::Postsuspend => Op::Mirror(MirrorOp::Postsuspend),
            Self::Resume => Op::Mirror(MirrorOp::Resume),
        }
    }
}

/// The ring of the last events.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    ring: Vec<(Seen, Short)>,
    next: usize,
}

impl Recent {
    #[inline]
    pub(super) fn push(&mut self, seen: &Seen, op: Short) {
        if let Some(place) = self.ring.get_mut(self.next) {
            *place = (*seen, op);
        } else {
            self.ring.reserve_exact(RECENT_MAX - self.ring.len());
            self.ring.push((*seen, op));
        }
        self.next = (self.next + 1) % RECENT_MAX;
    }

    /// The events as lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let (newer, older) = self.ring.split_at(self.next.min(self.ring.len()));
        older.iter().chain(newer).map(|(seen, op)| render(&Item::Event(event(seen, *op)))).collect()
    }
}

fn event(seen: &Seen, op: Short) -> Event {
    let Seen { time, duration_ns, log, tid, cpu } = *seen;
    let duration = (duration_ns != NO_DURATION).then_some(DurationNs(duration_ns));
    Event { time, cpu, tid, log, duration, op: op.op() }
}

#[cfg(test)]
mod tests {
    use super::{RECENT_MAX, Recent, Short};
    use crate::event::call::Call;
    use crate::event::ids::Region;
    use crate::event::op::{LogImpl, LogOp};
    use crate::session::model::seen::Seen;

    #[test]
    fn the_last_events_come_oldest_first() {
        let mut recent = Recent::default();
        assert!(recent.lines().is_empty());
        for number in 0..40 {
            let seen = Seen::of(&Call::of(&crate::analysis::testing::mark(number, 1, number, Some(1))));
            recent.push(&seen, Short::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(number) }));
            let lines = recent.lines();
            assert_eq!(lines.len(), RECENT_MAX.min(usize::try_from(number).unwrap() + 1));
            assert!(lines.last().unwrap().contains(&format!("mark_region region={number} duration_ns=1")), "{lines:?}");
        }
        assert!(recent.lines()[0].contains("region=24 "));
    }
}
