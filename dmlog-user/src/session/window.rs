//! The stretch of time that a session looks at, and the time that the stream covers.

use super::Settings;
use crate::event::ids::{DurationNs, MonoNs};

/// A moment of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This long after the start of the stream.
    FromStart(DurationNs),
    /// A point of the monotonic clock.
    At(MonoNs),
}

impl Moment {
    /// The point of the monotonic clock, in a stream that starts at `start`.
    fn resolve(self, start: MonoNs) -> MonoNs {
        match self {
            Self::FromStart(after) => MonoNs(start.0.saturating_add(after.0)),
            Self::At(time) => time,
        }
    }
}

/// Where a time lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the window: state is followed, nothing is counted.
    Before,
    /// Counted.
    Inside,
    /// After the window: left out, but for identities.
    After,
}

/// The window and what was seen around it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    settings: Settings,
    clock_start: Option<MonoNs>,
    /// When the first item came.
    first_item: Option<MonoNs>,
    /// Something came, and whatever comes is inside.
    is_open: bool,
    /// When the earliest call began.
    first: MonoNs,
    last: MonoNs,
}

impl Window {
    /// A window on a stream whose capture started at `clock_start`, if that is known.
    pub fn new(clock_start: Option<MonoNs>, settings: Settings) -> Self {
        Self { settings, clock_start, first_item: None, is_open: false, first: MonoNs(u64::MAX), last: MonoNs(0) }
    }

    /// Something was seen that began at `start` and was over at `end`.
    #[inline]
    pub fn see(&mut self, start: MonoNs, end: MonoNs) -> Phase {
        self.first = self.first.min(start);
        self.last = self.last.max(end);
        if self.is_open { Phase::Inside } else { self.look(end) }
    }

    fn look(&mut self, end: MonoNs) -> Phase {
        self.first_item.get_or_insert(end);
        let Settings { since, until } = self.settings;
        if since.is_none() && until.is_none() {
            self.is_open = true;
            return Phase::Inside;
        }
        let origin = self.origin();
        if since.is_some_and(|since| end < since.resolve(origin)) {
            Phase::Before
        } else if until.is_some_and(|until| until.resolve(origin) <= end) {
            Phase::After
        } else {
            Phase::Inside
        }
    }

    /// The start of the stream, from which times are told: when its capture started, or its first item where that is not
    /// known or came earlier.
    pub fn origin(&self) -> MonoNs {
        [self.clock_start, self.first_item].into_iter().flatten().min().unwrap_or_default()
    }

    /// Where the time begins that is looked at: the window, or what the stream covers of it.
    #[inline]
    pub fn begin(&self) -> MonoNs {
        self.settings.since.map_or(self.first, |since| since.resolve(self.origin()).max(self.first))
    }

    /// The time that is both in the window and covered by the stream, from its start.
    pub fn covered(&self) -> (DurationNs, DurationNs) {
        let origin = self.origin();
        let first = self.begin();
        let last = self.settings.until.map_or(self.last, |until| until.resolve(origin).min(self.last));
        let from_origin = |time: MonoNs| DurationNs(time.0.saturating_sub(origin.0));
        let last = from_origin(last);
        (from_origin(first).min(last), last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Phase, Window};
    use crate::event::ids::{DurationNs, MonoNs};
    use crate::session::Settings;

    fn see(window: &mut Window, time: u64) -> Phase {
        window.see(MonoNs(time), MonoNs(time))
    }

    fn from_start(ns: u64) -> Moment {
        Moment::FromStart(DurationNs(ns))
    }

    #[test]
    fn the_window_is_half_open_and_counts_from_the_start() {
        let settings = Settings { since: Some(from_start(10)), until: Some(Moment::At(MonoNs(1020))) };
        let mut window = Window::new(Some(MonoNs(1000)), settings);
        let phases: Vec<_> = [1000, 1009, 1010, 1019, 1020].map(|time| see(&mut window, time)).into();
        assert_eq!(phases, [Phase::Before, Phase::Before, Phase::Inside, Phase::Inside, Phase::After]);
        assert_eq!(window.covered(), (DurationNs(10), DurationNs(20)));
    }

    #[test]
    fn without_a_start_or_before_it_the_first_item_is_the_start() {
        for clock_start in [None, Some(MonoNs(200))] {
            let mut window = Window::new(clock_start, Settings { since: Some(from_start(5)), until: None });
            assert_eq!([see(&mut window, 100), see(&mut window, 105)], [Phase::Before, Phase::Inside]);
            assert_eq!(window.covered(), (DurationNs(5), DurationNs(5)));
        }
        assert_eq!(Window::new(None, Settings::default()).covered(), (DurationNs(0), DurationNs(0)));
    }

    #[test]
    fn the_cover_is_what_the_stream_has_of_the_window() {
        let settings = Settings { since: Some(from_start(0)), until: Some(from_start(u64::MAX)) };
        let mut window = Window::new(Some(MonoNs(10)), settings);
        window.see(MonoNs(50), MonoNs(80));
        assert_eq!(window.covered(), (DurationNs(40), DurationNs(70)), "a call covers the time from its entry");
        let mut window = Window::new(None, Settings { since: Some(from_start(500)), until: None });
        see(&mut window, 50);
        assert_eq!(window.covered(), (DurationNs(0), DurationNs(0)), "nothing of the window");
    }
}
