//! The latest events before a place, as lines: what the screen of events shows.

use super::frame::EventLine;
use super::source::{Bytes, Wants};
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::event::text::{Value, Visitor, render, visit};
use crate::session::cursor::Cursor;
use crate::trace::error::TraceError;

/// Lines that are shown at most; the screen scrolls through them.
pub const LINES_MAX: usize = 500;

/// Events that are looked at for as many that match a filter.
pub const LOOKED_AT_MAX: u64 = 20_000;

/// Looks at events, and remembers up to where, so that each is made a line once and standing still costs nothing.
#[derive(Debug, Default)]
pub struct Looker {
    seen: Option<(u64, Option<String>)>,
}

impl Looker {
    /// The events before the cursor's place. Where the cursor has come by a leap, it goes back and comes again to the same place.
    ///
    /// # Errors
    /// As of [`Cursor::seek`].
    pub fn look(
        &mut self,
        cursor: &mut Cursor<Box<dyn Bytes>>,
        origin: MonoNs,
        wants: &Wants,
        is_playing: bool,
        lines: &mut Vec<EventLine>,
    ) -> Result<(), TraceError> {
        let (position, playhead) = (cursor.position(), cursor.time());
        let filter = wants.filter.as_ref();
        let place = (position, filter.map(|filter| filter.as_str().to_owned()));
        if self.seen.as_ref() == Some(&place) {
            return Ok(());
        }
        let span = if filter.is_some() { LOOKED_AT_MAX } else { LINES_MAX as u64 };
        cursor.keep_recent(usize::try_from(span).unwrap_or(usize::MAX));
        if (cursor.recent().len() as u64) < span.min(position) {
            cursor.seek_position(position.saturating_sub(span))?;
            // Step by step: a seek may leap over what is to be shown.
            while cursor.position() < position && cursor.step()? {}
            if is_playing {
                // Between two events: going back to the last one would make play stand still in a pause.
                cursor.seek(playhead)?;
            }
        }
        let recent = cursor.recent();
        // Those that came since the last look, if these are all that came.
        let new = match &self.seen {
            Some((seen, of)) if *of == place.1 => position.checked_sub(*seen),
            _ => None,
        };
        let new = new.and_then(|new| usize::try_from(new).ok()).filter(|new| *new <= recent.len());
        if new.is_none() {
            lines.clear();
        }
        for item in recent.iter().skip(recent.len() - new.unwrap_or(recent.len())) {
            let line = of(item, origin);
            if filter.is_none_or(|filter| filter.is_match(&line.text)) {
                lines.push(line);
            }
        }
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        self.seen = Some(place);
        Ok(())
    }
}

/// The line of an item.
pub fn of(item: &Item, origin: MonoNs) -> EventLine {
    let line = render(item);
    let text = line.split_once(' ').map_or(line.as_str(), |(_, rest)| rest).to_owned();
    EventLine { time_ns: item.time().0.saturating_sub(origin.0), text, is_bad: is_bad(item) }
}

/// Whether an item tells of something that is missing or that failed.
fn is_bad(item: &Item) -> bool {
    struct Failed(bool);
    impl Visitor for Failed {
        fn op(&mut self, _name: &'static str) {}

        fn pair(&mut self, key: &'static str, value: Value<'_>) {
            self.0 |= match (key, value) {
                ("result", Value::Signed(number)) => number < 0,
                ("status" | "read_error" | "write_error", Value::Signed(number)) => number != 0,
                ("status" | "read_error" | "write_error", Value::Count(number) | Value::Bits(number)) => number != 0,
                _ => false,
            };
        }
    }
    match item {
        Item::Gap(_) | Item::DecodeError(_) => true,
        Item::Event(_) => {
            let mut failed = Failed(false);
            visit(item, &mut failed);
            failed.0
        }
    }
}
