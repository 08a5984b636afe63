//! The last events of one log, for the context of a difference.
//!
//! Only what changes or tells the state of a log or its regions is kept; bios and passes would push it out. An event is
//! kept as numbers and becomes text when somebody has to read it.

use crate::event::call::{Call, has};
use crate::event::flat::Flat;
use crate::event::item::Item;
use crate::event::op::Event;
use crate::event::text::render;

/// Events of a log that are kept: two passes of its worker, which is as far as a rule of the log reaches.
pub(super) const RECENT_MAX: usize = 16;

/// The ring of the last events.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    ring: Vec<Call>,
    next: usize,
}

impl Recent {
    #[inline]
    pub(super) fn push(&mut self, call: &Call) {
        if let Some(place) = self.ring.get_mut(self.next) {
            *place = *call;
        } else {
            self.ring.reserve_exact(RECENT_MAX - self.ring.len());
            self.ring.push(*call);
        }
        self.next = (self.next + 1) % RECENT_MAX;
    }

    /// The events as lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let (newer, older) = self.ring.split_at(self.next.min(self.ring.len()));
        older.iter().chain(newer).filter_map(event_of).map(|event| render(&Item::Event(event))).collect()
    }
}

/// The event that a call was made of. `None` for those that are more than numbers.
fn event_of(call: &Call) -> Option<Event> {
    let number = |bit: u8, number: i64| (call.has & bit != 0).then_some(number);
    let flat = Flat {
        time: call.time,
        cpu: call.cpu,
        tid: call.tid,
        log: call.log,
        code: call.code.into(),
        implementation: call.implementation,
        duration_ns: call.duration_ns(),
        region: call.region().map(|region| region.0),
        result: number(has::RESULT, call.result),
        arg: call.arg(),
        io: number(has::IO, call.io.cast_signed()).map(i64::cast_unsigned),
        ..Flat::default()
    };
    flat.to_event().ok()
}

#[cfg(test)]
mod tests {
    use super::{RECENT_MAX, Recent};
    use crate::event::call::Call;

    #[test]
    fn the_last_events_come_oldest_first() {
        let mut recent = Recent::default();
        assert!(recent.lines().is_empty());
        for number in 0..40 {
            recent.push(&Call::of(&crate::analysis::testing::mark(number, 1, number, Some(1))));
            let lines = recent.lines();
            assert_eq!(lines.len(), RECENT_MAX.min(usize::try_from(number).unwrap() + 1));
            assert!(lines.last().unwrap().contains(&format!("mark_region region={number} duration_ns=1")), "{lines:?}");
        }
        assert!(recent.lines()[0].contains("region=24 "));
    }
}
