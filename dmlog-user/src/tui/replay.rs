//! A trace as a source: a cursor that plays, stands, steps and jumps, a bounded piece of work for every frame.
//!
//! At first it reads to the end, a slice for each frame: the first frame comes at once, and then the whole trace is on the
//! screen. On the way the history is sampled and the cursor takes its keyframes, so that jumps are quick afterwards.

use super::events::Looker;
use super::frame::{Clock, Frame, LiveState, Pace, WhatIfState};
use super::screen::Screen;
use super::source::{Bytes, Open, REAL_SPEED, SPEEDS, Source, TOP, Travel, Wants};
use super::what_if::Job;
use crate::event::ids::{DurationNs, MonoNs};
use crate::event::item::Item;
use crate::session::Settings;
use crate::session::cursor::Cursor;
use crate::session::cursor::spill::Spill;
use crate::trace::error::TraceError;
use crate::trace::reader::Tail;

/// Items folded for one frame at most: 15 ms at 20 million a second.
const FRAME_ITEMS: u64 = 300_000;

/// Steps of the history for one frame at most; each makes a snapshot.
const FRAME_STEPS: u32 = 32;

/// Longest step while reading, so that a busy trace does not hold a frame up.
const STEP_NS_MAX: u64 = 250_000_000;

/// Where the cursor is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Stay,
    Play,
    Reach(MonoNs),
    End,
}

/// A trace that is replayed.
pub struct Replay {
    open: Open,
    cursor: Cursor<Box<dyn Bytes>>,
    goal: Goal,
    speed: usize,
    /// Start of the stream, from which times are told.
    origin: MonoNs,
    reached: MonoNs,
    frame: Frame,
    looker: Looker,
    what_if: Option<Job>,
    /// Place of the snapshot in the frame, and row of the mirror that it tells all of.
    shown: Option<(u64, usize)>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("goal", &self.goal)
            .field("position", &self.cursor.position())
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// A replay of the trace that `open` opens, standing at its begin and about to read to its end. `spill` is where large
    /// keyframes of it go; without it jumps take longer.
    ///
    /// # Errors
    /// As of [`TraceReader::new`](crate::trace::reader::TraceReader::new).
    pub fn new(title: String, open: Open, spill: Option<Box<dyn Spill>>) -> Result<Self, TraceError> {
        let reader = open()?;
        let clock_start = reader.facts().clock.monotonic_ns;
        let mut cursor = Cursor::with_settings(reader, Settings::default(), spill);
        let first = cursor.next_item()?.map(Item::time);
        let clock_start = Some(MonoNs(clock_start)).filter(|start| start.0 != 0);
        let origin = [clock_start, first].into_iter().flatten().min().unwrap_or_default();
        let frame = Frame::empty(title, cursor.session().snapshot(TOP), Pace::Reading);
        Ok(Self {
            open,
            cursor,
            goal: Goal::End,
            speed: REAL_SPEED,
            origin,
            reached: first.unwrap_or(origin),
            frame,
            looker: Looker::default(),
            what_if: None,
            shown: None,
        })
    }

    /// A replay of what a running capture keeps in memory, about to read to this time.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn of_the_past(title: String, open: Open, time: MonoNs) -> Result<Self, TraceError> {
        let mut replay = Self::new(title, open, None)?;
        replay.goal = Goal::Reach(time);
        replay.set_live(LiveState::default());
        Ok(replay)
    }

    /// Says how the capture is, of which this is the past.
    pub fn set_live(&mut self, live: LiveState) {
        self.frame.live = Some(live);
    }

    /// Where in time this is, from the start of the stream.
    pub fn now_ns(&self) -> u64 {
        self.cursor.time().0.max(self.origin.0) - self.origin.0
    }

    /// Folds to the end without making frames in between.
    pub fn read_all(&mut self, wants: &Wants) {
        self.goal = Goal::End;
        while self.goal != Goal::Stay {
            self.tick(DurationNs(0), wants);
        }
        self.tick(DurationNs(0), wants);
    }

    fn go(&mut self, elapsed: DurationNs) -> Result<(), TraceError> {
        match self.goal {
            Goal::Stay => Ok(()),
            Goal::End => self.read_until(MonoNs(u64::MAX)),
            Goal::Reach(time) => self.read_until(time),
            Goal::Play => {
                let speed = SPEEDS[self.speed];
                if !self.cursor.play(elapsed, speed)? {
                    self.goal = Goal::Stay;
                }
                self.sample();
                Ok(())
            }
        }
    }

    /// Goes on towards a time, as far as a frame's share of work goes.
    fn read_until(&mut self, time: MonoNs) -> Result<(), TraceError> {
        let begin = self.cursor.position();
        if begin == 0
            && let Some(first) = self.cursor.next_item()?.map(Item::time)
        {
            self.cursor.seek(MonoNs(first.0.saturating_sub(1)))?;
        }
        for _ in 0..FRAME_STEPS {
            let step = self.frame.history.resolution_ns().min(STEP_NS_MAX);
            let next = MonoNs(self.cursor.time().0.saturating_add(step)).min(time);
            self.cursor.seek(next)?;
            if self.cursor.is_at_end() {
                // The time of the last event, not that of the step.
                self.cursor.seek_position(self.cursor.position())?;
            }
            self.sample();
            if next == time || self.cursor.is_at_end() {
                self.goal = Goal::Stay;
                break;
            }
            if self.cursor.position() - begin > FRAME_ITEMS {
                break;
            }
        }
        Ok(())
    }

    fn sample(&mut self) {
        self.reached = self.reached.max(self.cursor.time());
        let now_ns = self.now_ns();
        if self.frame.history.wants(now_ns) {
            self.frame.history.offer(now_ns, self.cursor.session().counters());
        }
    }

    fn refresh(&mut self, wants: &Wants) -> Result<(), TraceError> {
        let position = self.cursor.position();
        // Rows shift when mirrors appear.
        for _ in 0..2 {
            let row = self.frame.device_row(wants.device.as_deref());
            if self.shown != Some((position, row)) {
                self.frame.snapshot = self.cursor.session().snapshot_for(TOP, row);
                self.shown = Some((position, row));
            }
        }
        if self.goal == Goal::Stay {
            // Whether this is the end is known only when one looks behind it.
            self.cursor.next_item()?;
        }
        self.frame.look(self.cursor.session(), wants);
        if wants.screen == Screen::Events {
            let playing = self.goal == Goal::Play;
            self.looker.look(&mut self.cursor, self.origin, wants, playing, &mut self.frame.events)?;
            self.cursor.next_item()?;
        } else {
            self.cursor.keep_recent(0);
        }
        self.frame.clock = Clock {
            now_ns: self.now_ns(),
            reached_ns: self.reached.0.saturating_sub(self.origin.0),
            position,
            pace: match self.goal {
                Goal::Play => Pace::Playing,
                Goal::End | Goal::Reach(_) => Pace::Reading,
                Goal::Stay if self.cursor.is_at_end() => Pace::AtEnd,
                Goal::Stay => Pace::Paused,
            },
            speed: SPEEDS[self.speed],
        };
        if let Some(error) = self.cursor.keyframes().error() {
            let told = format!("the temporary file for jumps cannot be written ({error}): jumps take longer");
            self.frame.problem.get_or_insert(told);
        }
        // What a running capture keeps has no end.
        if let Tail::Torn { bytes } = self.cursor.tail()
            && self.frame.live.is_none()
        {
            let told = format!("not ended by its recorder; {bytes} bytes behind the last whole batch say nothing");
            self.frame.problem = Some(told);
        }
        Ok(())
    }

    /// Starts the what-if when the screen asks for it, and goes on with it; not while time runs.
    fn go_on_with_what_if(&mut self, wants: &Wants) {
        if wants.screen != Screen::WhatIf || self.goal != Goal::Stay {
            return;
        }
        let until = self.cursor.time();
        if self.what_if.as_ref().is_none_or(|job| job.until() != until) {
            self.what_if = Some(Job::new(&self.open, until));
        }
        if let Some(job) = &mut self.what_if {
            self.frame.what_if = match job.go_on() {
                WhatIfState::Done { until_ns, result } => {
                    WhatIfState::Done { until_ns: until_ns.saturating_sub(self.origin.0), result }
                }
                WhatIfState::NotAsked => return,
                state => state,
            };
        }
    }

    fn try_travel(&mut self, travel: Travel) -> Result<(), TraceError> {
        match travel {
            Travel::PlayPause if self.goal != Goal::Stay => self.goal = Goal::Stay,
            Travel::PlayPause if self.cursor.is_at_end() => {
                self.cursor.seek_position(0)?;
                self.goal = Goal::Play;
            }
            Travel::PlayPause => self.goal = Goal::Play,
            Travel::Step(steps) => {
                self.goal = Goal::Stay;
                for _ in 0..steps.unsigned_abs() {
                    let moved = if steps > 0 { self.cursor.step()? } else { self.cursor.step_back()? };
                    if !moved {
                        break;
                    }
                }
            }
            Travel::To(ns) => {
                let time = MonoNs(self.origin.0.saturating_add(ns));
                if time <= self.reached {
                    self.cursor.seek(time)?;
                    self.goal = Goal::Stay;
                } else {
                    self.goal = Goal::Reach(time);
                }
            }
            Travel::Begin => {
                self.cursor.seek_position(0)?;
                self.goal = Goal::Stay;
            }
            Travel::End => self.goal = Goal::End,
            Travel::Faster(true) => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
            Travel::Faster(false) => self.speed = self.speed.saturating_sub(1),
        }
        self.reached = self.reached.max(self.cursor.time());
        Ok(())
    }

    fn note(&mut self, result: Result<(), TraceError>) {
        if let Err(error) = result {
            self.goal = Goal::Stay;
            self.frame.problem = Some(format!("the trace cannot be read further: {error}"));
        }
    }
}

impl Source for Replay {
    fn tick(&mut self, elapsed: DurationNs, wants: &Wants) {
        let result = self.go(elapsed);
        self.note(result);
        let result = self.refresh(wants);
        self.note(result);
        self.go_on_with_what_if(wants);
    }

    fn travel(&mut self, travel: Travel) {
        let result = self.try_travel(travel);
        self.note(result);
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn is_busy(&self) -> bool {
        matches!(self.goal, Goal::End | Goal::Reach(_)) || self.what_if.as_ref().is_some_and(Job::is_running)
    }
}
