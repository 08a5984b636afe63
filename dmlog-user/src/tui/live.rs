//! A running capture as a source.
//!
//! ```text
//! Now    ── Space ──▶ Still        the session as it was, while the capture goes on behind it
//!   ▲ ▲── Space, End ──┘  │
//!   │                     │ step, jump
//!   └── End, caught up ── Past     a replay of what is kept in memory
//! ```
//!
//! Whatever is shown, every item is folded as it comes, so that going back to now costs nothing.

use super::frame::{Frame, LiveState, Pace, RecordingFrame, WhatIfState};
use super::history::History;
use super::replay::Replay;
use super::screen::Screen;
use super::source::{Open, Source, TOP, Travel, Wants};
use super::stream::Stream;
use super::what_if::Job;
use crate::event::facts::CaptureFacts;
use crate::event::ids::{DurationNs, MonoNs};
use crate::event::item::Item;
use crate::session::{Session, Settings};

/// How often other settings are computed anew while somebody looks at them.
const WHAT_IF_EVERY_NS: u64 = 10_000_000_000;

/// Where items come from, and who writes files; handed in.
pub trait Feed {
    /// Takes the items that came since the last time.
    fn take(&mut self, out: &mut Vec<Item>);

    /// What is kept of the recent past, up to now.
    fn past(&mut self) -> Open;

    /// Begins to write a file, with what was at a time or with what comes; returns its name.
    ///
    /// # Errors
    /// A sentence, if there can be no such file.
    fn record(&mut self, from: Option<MonoNs>) -> Result<String, String>;

    /// Ends that file.
    fn end_recording(&mut self);

    /// The file that is being written, and sentences about files that were not told yet.
    fn recording(&mut self) -> (Option<RecordingFrame>, Vec<String>);
}

/// What is shown.
enum Mode {
    Now,
    /// The session and the stream of a moment, and its time.
    Still(Box<Still>),
    Past(Box<Past>),
}

struct Still {
    session: Session,
    stream: Stream,
    now: MonoNs,
}

struct Past {
    replay: Replay,
    /// What is to be done once the replay is where it was sent.
    next: Option<Travel>,
    is_playing: bool,
}

/// A running capture.
pub struct Live<F> {
    feed: F,
    session: Session,
    stream: Stream,
    /// Start of the stream, from which times are told.
    origin: MonoNs,
    now: MonoNs,
    mode: Mode,
    frame: Frame,
    what_if: Option<Job>,
    /// Time since that was begun.
    what_if_age_ns: u64,
    told: Vec<String>,
    taken: Vec<Item>,
}

impl<F> std::fmt::Debug for Live<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("now", &self.now).finish_non_exhaustive()
    }
}

impl<F: Feed> Live<F> {
    /// A capture that has just begun.
    pub fn new(title: String, facts: &CaptureFacts, feed: F) -> Self {
        let session = Session::new(Some(facts), Settings::default());
        let frame = Frame::empty(title, session.snapshot(TOP), Pace::Live);
        let origin = MonoNs(facts.clock.monotonic_ns);
        Self {
            feed,
            session,
            stream: Stream::default(),
            origin,
            now: origin,
            mode: Mode::Now,
            frame: Frame { live: Some(LiveState::default()), history: History::sliding(), ..frame },
            what_if: None,
            what_if_age_ns: 0,
            told: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Where its items come from.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    fn take(&mut self, elapsed: DurationNs) {
        self.feed.take(&mut self.taken);
        // Time goes on where nothing happens.
        self.now = MonoNs(self.now.0.saturating_add(elapsed.0));
        for item in self.taken.drain(..) {
            if self.stream.came() == 0 {
                self.origin = self.origin.min(item.time());
            }
            self.now = self.now.max(item.time());
            self.session.apply(&item);
            self.stream.push(item);
        }
        let now_ns = self.now.0 - self.origin.0;
        if self.frame.history.wants(now_ns) {
            self.frame.history.offer(now_ns, self.session.counters());
        }
        let (recording, told) = self.feed.recording();
        self.told.extend(told);
        if let Mode::Past(past) = &mut self.mode {
            past.replay.set_live(LiveState { recording: recording.clone() });
        }
        self.frame.live = Some(LiveState { recording });
    }

    /// Makes the frame of now, or of the moment that is looked at.
    fn refresh(&mut self, wants: &Wants) {
        let (session, stream, now, pace) = match &mut self.mode {
            Mode::Now => (&self.session, &mut self.stream, self.now, Pace::Live),
            Mode::Still(still) => (&still.session, &mut still.stream, still.now, Pace::Paused),
            Mode::Past(_) => return,
        };
        let row = self.frame.device_row(wants.device.as_deref());
        self.frame.snapshot = session.snapshot_for(TOP, row);
        if self.frame.device_row(wants.device.as_deref()) != row {
            // Rows shift when mirrors appear.
            self.frame.snapshot = session.snapshot_for(TOP, self.frame.device_row(wants.device.as_deref()));
        }
        self.frame.look(session, wants);
        if wants.screen == Screen::Events {
            stream.tell(wants.filter.as_ref(), self.origin, &mut self.frame.events);
        }
        self.frame.clock.now_ns = now.0 - self.origin.0;
        self.frame.clock.reached_ns = self.now.0 - self.origin.0;
        self.frame.clock.position = stream.came();
        self.frame.clock.pace = pace;
    }

    fn go_on_with_what_if(&mut self, elapsed: DurationNs, wants: &Wants) {
        self.what_if_age_ns = self.what_if_age_ns.saturating_add(elapsed.0);
        if wants.screen != Screen::WhatIf {
            self.what_if = None;
            return;
        }
        let until = match &self.mode {
            Mode::Now => self.now,
            Mode::Still(still) => still.now,
            Mode::Past(_) => return,
        };
        let is_due = self
            .what_if
            .as_ref()
            .is_none_or(|job| !job.is_running() && job.until() != until && self.what_if_age_ns > WHAT_IF_EVERY_NS);
        if is_due {
            self.what_if = Some(Job::new(&self.feed.past(), until));
            self.what_if_age_ns = 0;
        }
        if let Some(job) = &mut self.what_if {
            match job.go_on() {
                // The last result stays until there is another one.
                WhatIfState::NotAsked => {}
                WhatIfState::Running { .. } if matches!(self.frame.what_if, WhatIfState::Done { .. }) => {}
                WhatIfState::Done { until_ns, result } => {
                    let until_ns = until_ns.saturating_sub(self.origin.0);
                    self.frame.what_if = WhatIfState::Done { until_ns, result };
                }
                state => self.frame.what_if = state,
            }
        }
    }

    fn stand_still(&mut self) {
        let still = Still { session: self.session.clone(), stream: self.stream.clone(), now: self.now };
        self.mode = Mode::Still(Box::new(still));
    }

    fn go_live(&mut self) {
        self.mode = Mode::Now;
        self.frame.events.clear();
        self.frame.problem = None;
    }

    fn go_back(&mut self, travel: Travel) {
        let now = match &self.mode {
            Mode::Still(still) => still.now,
            Mode::Now | Mode::Past(_) => self.now,
        };
        match Replay::of_the_past(self.frame.title.clone(), self.feed.past(), now) {
            Ok(mut replay) => {
                replay.set_live(self.frame.live.clone().unwrap_or_default());
                self.mode = Mode::Past(Box::new(Past { replay, next: Some(travel), is_playing: false }));
            }
            Err(error) => self.told.push(format!("the recent past cannot be read: {error}")),
        }
    }

    fn tick_past(&mut self, elapsed: DurationNs, wants: &Wants) {
        let Mode::Past(past) = &mut self.mode else { return };
        past.replay.tick(elapsed, wants);
        if !past.replay.is_busy()
            && let Some(travel) = past.next.take()
        {
            past.replay.travel(travel);
            past.replay.tick(DurationNs(0), wants);
            let window = past.replay.frame().snapshot.window;
            if window.first_ns > self.frame.snapshot.window.first_ns {
                let kept = crate::export::number::moment(window.first_ns);
                self.told
                    .push(format!("the past is kept in memory from {kept} on; numbers are of the time since then"));
            }
        }
        let pace = past.replay.frame().clock.pace;
        let has_caught_up = past.is_playing && pace == Pace::AtEnd;
        past.is_playing = pace == Pace::Playing;
        if has_caught_up {
            self.go_live();
        }
    }
}

impl<F: Feed> Source for Live<F> {
    fn tick(&mut self, elapsed: DurationNs, wants: &Wants) {
        self.take(elapsed);
        self.tick_past(elapsed, wants);
        self.refresh(wants);
        self.go_on_with_what_if(elapsed, wants);
    }

    fn travel(&mut self, travel: Travel) {
        match (&mut self.mode, travel) {
            (Mode::Now, Travel::PlayPause) => self.stand_still(),
            (Mode::Now, Travel::End) | (Mode::Now | Mode::Still(_), Travel::Faster(_)) => {}
            (Mode::Still(_), Travel::PlayPause | Travel::End) | (Mode::Past(_), Travel::End) => self.go_live(),
            (Mode::Now | Mode::Still(_), travel) => self.go_back(travel),
            (Mode::Past(past), Travel::PlayPause) if past.replay.frame().clock.pace == Pace::AtEnd => self.go_live(),
            (Mode::Past(past), travel) if past.replay.is_busy() => past.next = Some(travel),
            (Mode::Past(past), travel) => {
                // The next tick may reach the end at once.
                past.is_playing = travel == Travel::PlayPause && past.replay.frame().clock.pace != Pace::Playing;
                past.replay.travel(travel);
            }
        }
    }

    fn frame(&self) -> &Frame {
        match &self.mode {
            Mode::Past(past) => past.replay.frame(),
            Mode::Now | Mode::Still(_) => &self.frame,
        }
    }

    fn is_busy(&self) -> bool {
        match &self.mode {
            Mode::Past(past) => past.replay.is_busy() || past.next.is_some(),
            Mode::Now | Mode::Still(_) => self.what_if.as_ref().is_some_and(Job::is_running),
        }
    }

    fn record(&mut self) -> String {
        if self.frame.live.as_ref().is_some_and(|live| live.recording.is_some()) {
            self.feed.end_recording();
            return "ending the recording".to_owned();
        }
        let from = match &self.mode {
            Mode::Now => None,
            Mode::Still(still) => Some(still.now),
            Mode::Past(past) => Some(MonoNs(self.origin.0.saturating_add(past.replay.now_ns()))),
        };
        match self.feed.record(from) {
            Ok(name) if from.is_some() => format!("recording to {name}, from the moment on the screen; r ends"),
            Ok(name) => format!("recording to {name}; r ends"),
            Err(problem) => problem,
        }
    }

    fn told(&mut self) -> Option<String> {
        (!self.told.is_empty()).then(|| self.told.remove(0))
    }
}
