//! Moving in time through a trace: an event on, an event back, to a time, or along at a speed.
//!
//! The state at a time is what the fold of everything before it gives; there is no other. So going on means folding, and
//! going back means folding again from a [keyframe](keyframes): a copy of the session between two batches. Keyframes are
//! taken on the way, where nobody was before; the first way through a trace is therefore a fold of it, and every
//! jump after that folds the events between two keyframes at most.
//!
//! ```text
//! batches    │      │      │      │      │      │      │
//! keyframes  k             k             k                 taken while folding, thinned out when they take too much room
//! seek(t)                  k──────────▶t                   the session is restored, the reader goes to its batch
//! ```
//!
//! A time means: everything up to the first item that is later than it. Times of different CPUs are not in order, so an item
//! behind that one may be earlier; it is not in.
//!
//! Seals are checked on every way, from the chain of the keyframe on. The clock is handed in.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use self::keyframes::{Keyframe, Keyframes, Limits, Place};
use self::spill::Spill;
use super::{Session, Settings};
use crate::event::ids::{DurationNs, MonoNs};
use crate::event::item::Item;
use crate::trace::error::TraceError;
use crate::trace::reader::{SealedBatch, Tail, TraceReader};

pub mod keyframes;
pub mod spill;
#[cfg(test)]
mod tests;

/// How fast a trace is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Time of the trace …
    pub trace: u32,
    /// … in so much time of the watch.
    pub watch: u32,
}

impl Speed {
    /// As fast as it happened.
    pub const REAL: Self = Self { trace: 1, watch: 1 };

    /// How far the trace moves while so much time passes. No time of the watch is no movement.
    fn of(self, elapsed: DurationNs) -> u64 {
        let moved = u128::from(elapsed.0) * u128::from(self.trace);
        moved.checked_div(u128::from(self.watch)).map_or(0, |ns| u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// Before the first item that is later.
    Time(MonoNs),
    /// After so many items.
    Position(u64),
}

/// Begins of batches that are remembered; a trace of ten days at one batch a second has fewer.
const BEGINS_MAX: usize = 1 << 20;

/// A place in a trace, with the session that everything before it makes.
#[derive(Debug)]
pub struct Cursor<R> {
    reader: TraceReader<R>,
    session: Session,
    /// Items folded.
    position: u64,
    /// The latest time among them.
    latest: MonoNs,
    /// Where play goes on, which is a time between two items mostly.
    playhead: MonoNs,
    /// Items of the current batch that are not folded, the next one last.
    ahead: Vec<Item>,
    keyframes: Keyframes,
    /// Positions at which batches begin, as far as anybody went.
    begins: Vec<u64>,
    /// The state at the begin of the batch in which somebody steps back.
    near: Option<Keyframe>,
    is_at_end: bool,
    recent: Recent,
}

/// The latest items that were folded, for whoever shows them.
#[derive(Debug, Default)]
struct Recent {
    /// How many are kept.
    limit: usize,
    items: VecDeque<Item>,
}

impl Recent {
    fn push(&mut self, item: Item) {
        if self.limit == 0 {
            return;
        }
        if self.items.len() >= self.limit {
            self.items.pop_front();
        }
        self.items.push_back(item);
    }
}

impl<R: Read + Seek> Cursor<R> {
    /// A cursor before the first item of a trace of which nothing was read yet but its header. `session` is what folds; it
    /// has seen nothing. Large keyframes go to the file, if there is one.
    pub fn new(reader: TraceReader<R>, mut session: Session, limits: Limits, file: Option<Box<dyn Spill>>) -> Self {
        let begin = Place { mark: reader.mark(), position: 0, latest: MonoNs(0) };
        let keyframes = Keyframes::new(Keyframe::new(begin, &mut session), limits, file);
        Self {
            reader,
            session,
            position: 0,
            latest: MonoNs(0),
            playhead: MonoNs(0),
            ahead: Vec::new(),
            keyframes,
            begins: Vec::new(),
            near: None,
            is_at_end: false,
            recent: Recent::default(),
        }
    }

    /// A cursor with a session for that trace.
    pub fn with_settings(reader: TraceReader<R>, settings: Settings, file: Option<Box<dyn Spill>>) -> Self {
        let session = Session::new(Some(reader.facts()), settings);
        Self::new(reader, session, Limits::default(), file)
    }

    /// The state at this place.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What is known of the capture.
    pub fn reader(&self) -> &TraceReader<R> {
        &self.reader
    }

    /// Items before this place.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The time of this place: where play goes on.
    pub fn time(&self) -> MonoNs {
        self.playhead
    }

    /// Whether the trace is known to end here. How it ends is its reader's to tell.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end && self.ahead.is_empty()
    }

    /// How the trace ends, if the end is here.
    pub fn tail(&self) -> Tail {
        if self.is_at_end() { self.reader.tail() } else { Tail::NotReached }
    }

    /// Keyframes at hand and their size.
    pub fn keyframes(&self) -> &Keyframes {
        &self.keyframes
    }

    /// Keeps so many of the latest items from now on.
    pub fn keep_recent(&mut self, limit: usize) {
        self.recent.limit = limit;
        let excess = self.recent.items.len().saturating_sub(limit);
        self.recent.items.drain(..excess);
    }

    /// The latest items before this place, without gaps, oldest first; fewer than are kept where the cursor came here by
    /// a leap.
    pub fn recent(&self) -> &VecDeque<Item> {
        &self.recent.items
    }

    /// The item behind this place; `None` at the end.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn next_item(&mut self) -> Result<Option<&Item>, TraceError> {
        while self.ahead.is_empty() {
            if !self.load(Until::Position(self.position))? {
                return Ok(None);
            }
        }
        Ok(self.ahead.last())
    }

    /// Goes one item on; `false` at the end.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn step(&mut self) -> Result<bool, TraceError> {
        let before = self.position;
        self.advance(Until::Position(before.saturating_add(1)))?;
        self.playhead = self.latest;
        Ok(self.position > before)
    }

    /// Goes one item back; `false` at the begin.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn step_back(&mut self) -> Result<bool, TraceError> {
        let Some(position) = self.position.checked_sub(1) else { return Ok(false) };
        self.seek_position(position)?;
        Ok(true)
    }

    /// Goes to the place behind so many items, or to the end.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn seek_position(&mut self, position: u64) -> Result<(), TraceError> {
        if position < self.position {
            self.restore_before(position)?;
        } else {
            while let at = self.keyframes.at_position(position)
                && self.position < self.keyframes.place(at).position
                && !self.restore(at)?
            {}
        }
        let result = self.advance(Until::Position(position));
        self.playhead = self.latest;
        result
    }

    /// Goes to a time: behind it are the first item that is later, and what follows. A time behind the end is the end.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`] and [`TraceError::Read`]; the cursor then stands where the trace can be read to, and may be
    /// moved from there.
    pub fn seek(&mut self, time: MonoNs) -> Result<(), TraceError> {
        while let at = self.keyframes.at_time(time)
            && (time < self.latest || self.position < self.keyframes.place(at).position)
            && !self.restore(at)?
        {}
        self.playhead = time;
        self.advance(Until::Time(time))
    }

    /// Plays on while so much time passes; `false` once the end is reached.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn play(&mut self, elapsed: DurationNs, speed: Speed) -> Result<bool, TraceError> {
        if self.position == 0 {
            // Times before the first item are of no trace.
            if let Some(first) = self.next_item()?.map(Item::time) {
                self.playhead = self.playhead.max(first);
            }
        }
        let to = MonoNs(self.playhead.0.saturating_add(speed.of(elapsed)));
        self.seek(to)?;
        if self.is_at_end() {
            self.playhead = self.latest;
        }
        Ok(!self.is_at_end())
    }

    /// Restores a state from which the position can be reached, and keeps the begin of its batch for further steps back.
    fn restore_before(&mut self, position: u64) -> Result<(), TraceError> {
        let far = self.keyframes.place(self.keyframes.at_position(position)).position;
        if let Some(near) = self.near.take_if(|near| (far..=position).contains(&near.place.position)) {
            near.restore(&mut self.session);
            self.go_to(near.place)?;
            self.near = Some(near);
            return Ok(());
        }
        while !self.restore(self.keyframes.at_position(position))? {}
        let begin = self.begins.partition_point(|begin| *begin <= position).checked_sub(1);
        if let Some(&begin) = begin.and_then(|place| self.begins.get(place)) {
            self.advance(Until::Position(begin))?;
        }
        self.near = self.ahead.is_empty().then(|| {
            let Self { reader, session, position, latest, .. } = self;
            Keyframe::new(Place { mark: reader.mark(), position: *position, latest: *latest }, session)
        });
        Ok(())
    }

    /// Restores a keyframe; `false` if that could not be read back and is none any more.
    fn restore(&mut self, at: usize) -> Result<bool, TraceError> {
        match self.keyframes.restore(at, &mut self.session) {
            Some(place) => self.go_to(place).map(|()| true),
            None => Ok(false),
        }
    }

    /// Reads on from a place at which the session is.
    fn go_to(&mut self, place: Place) -> Result<(), TraceError> {
        let Place { mark, position, latest } = place;
        self.ahead.clear();
        self.recent.items.clear();
        self.is_at_end = false;
        (self.position, self.latest) = (position, latest);
        self.reader.go_to(mark)
    }

    /// Folds on.
    fn advance(&mut self, until: Until) -> Result<(), TraceError> {
        loop {
            while let Some(item) = self.ahead.pop() {
                if is_beyond(until, item.time(), self.position) {
                    self.ahead.push(item);
                    return Ok(());
                }
                fold(&mut self.session, &item, &mut self.position, &mut self.latest);
                self.recent.push(item);
            }
            if let Until::Position(position) = until
                && position <= self.position
            {
                return Ok(());
            }
            if !self.load(until)? {
                return Ok(());
            }
        }
    }

    /// Reads the next batch: folds what is wanted of it and keeps the rest. `false` at the end.
    fn load(&mut self, until: Until) -> Result<bool, TraceError> {
        let place = Place { mark: self.reader.mark(), position: self.position, latest: self.latest };
        self.keyframes.offer(place, &mut self.session);
        if self.begins.last().is_none_or(|last| *last < place.position) && self.begins.len() < BEGINS_MAX {
            self.begins.push(place.position);
        }
        let Self { reader, session, position, latest, ahead, recent, .. } = self;
        // Items are made of rows only where somebody wants to have them.
        let keeps = recent.limit > 0;
        let batch: Option<SealedBatch> = reader.next_batch_split(
            |row| {
                let time = row.time();
                let is_wanted = !keeps && !is_beyond(until, time, *position);
                if is_wanted {
                    session.apply_row(row);
                    *position += 1;
                    *latest = (*latest).max(time);
                }
                is_wanted
            },
            |item| ahead.push(item),
        )?;
        // The next one last.
        ahead.reverse();
        while keeps && let Some(item) = ahead.pop_if(|item| !is_beyond(until, item.time(), *position)) {
            fold(session, &item, position, latest);
            recent.push(item);
        }
        self.is_at_end = batch.is_none();
        Ok(batch.is_some())
    }
}

/// Whether an item of that time, behind so many others, is not wanted any more.
fn is_beyond(until: Until, item: MonoNs, position: u64) -> bool {
    match until {
        Until::Time(time) => time < item,
        Until::Position(wanted) => wanted <= position,
    }
}

fn fold(session: &mut Session, item: &Item, position: &mut u64, latest: &mut MonoNs) {
    session.apply(item);
    *position += 1;
    *latest = (*latest).max(item.time());
}
