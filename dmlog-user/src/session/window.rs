//! The stretch of time that a session looks at, and the time that the stream covers.

use super::Settings;
use crate::event::ids::{DurationNs, MonoNs};

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
    origin: Option<MonoNs>,
    first: Option<MonoNs>,
    last: MonoNs,
}

impl Window {
    /// A window on a stream that starts at `origin`; `None` if the first item is its start.
    pub fn new(origin: Option<MonoNs>, settings: Settings) -> Self {
        Self { settings, origin, first: None, last: MonoNs(0) }
    }

    /// Something was seen that began at `start` and was over at `end`.
    pub fn see(&mut self, start: MonoNs, end: MonoNs) -> Phase {
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
        self.last = self.last.max(end);
        if self.settings == Settings::default() {
            return Phase::Inside;
        }
        let origin = *self.origin.get_or_insert(start);
        let at = DurationNs(end.0.saturating_sub(origin.0));
        if self.settings.since.is_some_and(|since| at < since) {
            Phase::Before
        } else if self.settings.until.is_some_and(|until| until <= at) {
            Phase::After
        } else {
            Phase::Inside
        }
    }

    /// The start of the stream, from which times are told.
    pub fn origin(&self) -> MonoNs {
        self.origin.or(self.first).unwrap_or_default()
    }

    /// The time that is both in the window and covered by the stream, from its start.
    pub fn covered(&self) -> (DurationNs, DurationNs) {
        let from_origin = |time: MonoNs| DurationNs(time.0.saturating_sub(self.origin().0));
        let first = from_origin(self.first.unwrap_or_default());
        let last = from_origin(self.last);
        let first = self.settings.since.map_or(first, |since| since.max(first));
        let last = self.settings.until.map_or(last, |until| until.min(last));
        (first, last.max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase, Window};
    use crate::event::ids::{DurationNs, MonoNs};
    use crate::session::Settings;

    fn see(window: &mut Window, time: u64) -> Phase {
        window.see(MonoNs(time), MonoNs(time))
    }

    #[test]
    fn the_window_is_half_open_and_counts_from_the_start() {
        let settings = Settings { since: Some(DurationNs(10)), until: Some(DurationNs(20)) };
        let mut window = Window::new(Some(MonoNs(1000)), settings);
        let phases: Vec<_> = [990, 1009, 1010, 1019, 1020].map(|time| see(&mut window, time)).into();
        assert_eq!(phases, [Phase::Before, Phase::Before, Phase::Inside, Phase::Inside, Phase::After]);
        assert_eq!(window.covered(), (DurationNs(10), DurationNs(20)));
    }

    #[test]
    fn without_a_start_the_first_item_is_the_start() {
        let mut window = Window::new(None, Settings { since: Some(DurationNs(5)), until: None });
        assert_eq!([see(&mut window, 100), see(&mut window, 105)], [Phase::Before, Phase::Inside]);
        assert_eq!(window.covered(), (DurationNs(5), DurationNs(5)));
        assert_eq!(Window::new(None, Settings::default()).covered(), (DurationNs(0), DurationNs(0)));
    }

    #[test]
    fn the_cover_ends_where_the_stream_ends() {
        let settings = Settings { since: None, until: Some(DurationNs(u64::MAX)) };
        let mut window = Window::new(None, settings);
        window.see(MonoNs(50), MonoNs(80));
        assert_eq!(window.covered(), (DurationNs(0), DurationNs(30)), "a call covers the time from its entry");
    }
}
