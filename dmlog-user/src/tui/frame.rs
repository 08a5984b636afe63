//! Everything that a view may look at, at one moment. A source makes it; views only read it.

use super::history::History;
use super::screen::Screen;
use super::source::Wants;
use crate::analysis::whatif::result::WhatIfResult;
use crate::session::Session;
use crate::session::cursor::Speed;
use crate::session::look::{FlushSpread, RegionMap, Run};
use crate::session::snapshot::{DeviceSnapshot, Snapshot};

/// Everything that a view may look at.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the stream is: the name of a trace.
    pub title: String,
    /// Where in time this is.
    pub clock: Clock,
    /// What the session knows.
    pub snapshot: Snapshot,
    /// How that came about.
    pub history: History,
    /// Regions of the chosen mirror, if they are on the screen.
    pub map: Option<RegionMap>,
    /// How latencies of its flushes are spread, if they are on the screen.
    pub spread: Vec<FlushSpread>,
    /// The latest events, oldest first, if they are on the screen.
    pub events: Vec<EventLine>,
    /// Other settings, if they are on the screen.
    pub what_if: WhatIfState,
    /// What went wrong with the source itself, for the status line.
    pub problem: Option<String>,
    /// Of a running capture.
    pub live: Option<LiveState>,
}

/// What only a running capture has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveState {
    /// The file that is being written.
    pub recording: Option<RecordingFrame>,
}

/// How far a recording is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingFrame {
    /// Name of the file.
    pub name: String,
    /// Events in it.
    pub events: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// One event, gap or decode error, as `print` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// Time from the start of the stream.
    pub time_ns: u64,
    /// The line without its time.
    pub text: String,
    /// Whether it tells of something missing or failed.
    pub is_bad: bool,
}

/// How far the what-if is.
#[derive(Clone, Debug, Default)]
pub enum WhatIfState {
    /// Nobody looked.
    #[default]
    NotAsked,
    /// Being computed; so many events are done.
    Running {
        /// Events replayed so far.
        events: u64,
    },
    /// Computed for everything up to a time.
    Done {
        /// Up to this time from the start.
        until_ns: u64,
        /// What it says.
        result: Box<WhatIfResult>,
    },
    /// The trace could not be read again.
    Failed(String),
}

/// What a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Going with a running kernel.
    Live,
    /// Reading ahead to where it was sent.
    Reading,
    /// Playing at its speed.
    Playing,
    /// Standing still.
    Paused,
    /// Standing at the end of the trace.
    AtEnd,
}

/// Where in time a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Time from the start of the stream.
    pub now_ns: u64,
    /// The latest time that was ever reached.
    pub reached_ns: u64,
    /// Items before this place.
    pub position: u64,
    /// What the source is doing.
    pub pace: Pace,
    /// How fast it plays.
    pub speed: Speed,
}

impl Frame {
    /// A frame in which nothing has happened.
    pub fn empty(title: String, snapshot: Snapshot, pace: Pace) -> Self {
        Self {
            title,
            clock: Clock { now_ns: 0, reached_ns: 0, position: 0, pace, speed: Speed::REAL },
            snapshot,
            history: History::default(),
            map: None,
            spread: Vec::new(),
            events: Vec::new(),
            what_if: WhatIfState::NotAsked,
            problem: None,
            live: None,
        }
    }

    /// Takes from a session what the screen looks at beside the snapshot, which must be of the same session.
    pub(super) fn look(&mut self, session: &Session, wants: &Wants) {
        let row = self.device_row(wants.device.as_deref());
        self.map = match wants.screen {
            Screen::Regions => session.region_map(row, run(session.region_count(row), wants)),
            _ => None,
        };
        self.spread = match wants.screen {
            Screen::Flushes => session.flush_spread(row),
            _ => Vec::new(),
        };
    }

    /// The place of the chosen mirror, or of the first.
    pub fn device_row(&self, chosen: Option<&str>) -> usize {
        let devices = &self.snapshot.devices;
        chosen.and_then(|name| devices.iter().position(|device| device.name == name)).unwrap_or(0)
    }

    /// The chosen mirror, or the first.
    pub fn device(&self, chosen: Option<&str>) -> Option<&DeviceSnapshot> {
        self.snapshot.devices.get(self.device_row(chosen))
    }
}

/// The run of regions that a map shows.
fn run(region_count: Option<u64>, wants: &Wants) -> Run {
    let cells = wants.cells.max(1);
    match wants.zoom {
        Some((first, per_cell)) => Run { first, per_cell, cells, cursor: wants.cursor },
        None => Run {
            first: 0,
            per_cell: region_count.unwrap_or(1).div_ceil(cells as u64).max(1),
            cells,
            cursor: wants.cursor,
        },
    }
}
