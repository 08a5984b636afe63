//! Where frames come from.

use std::io::{Read, Seek};

use regex_lite::Regex;

use super::frame::Frame;
use super::screen::Screen;
use crate::event::ids::DurationNs;
use crate::session::cursor::Speed;
use crate::trace::error::TraceError;
use crate::trace::reader::TraceReader;

/// Rows of every list of a snapshot: more than any screen shows.
pub const TOP: usize = 100;

/// Speeds to choose from, slowest first.
pub const SPEEDS: [Speed; 11] = [
    Speed { trace: 1, watch: 1000 },
    Speed { trace: 1, watch: 100 },
    Speed { trace: 1, watch: 10 },
    Speed { trace: 1, watch: 4 },
    Speed { trace: 1, watch: 2 },
    Speed::REAL,
    Speed { trace: 2, watch: 1 },
    Speed { trace: 5, watch: 1 },
    Speed { trace: 10, watch: 1 },
    Speed { trace: 100, watch: 1 },
    Speed { trace: 1000, watch: 1 },
];

/// The place of real speed among them.
pub const REAL_SPEED: usize = 5;

/// Bytes of a trace in which one can go back.
pub trait Bytes: Read + Seek {}

impl<T: Read + Seek> Bytes for T {}

/// A trace that can be read from its begin again and again.
pub type Reader = TraceReader<Box<dyn Bytes>>;

/// Opens a trace anew.
pub type Open = Box<dyn Fn() -> Result<Reader, TraceError>>;

/// Going elsewhere in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// Plays, or stands still.
    PlayPause,
    /// So many events on, or back.
    Step(i32),
    /// To a time from the start of the stream.
    To(u64),
    /// To the begin.
    Begin,
    /// To the end.
    End,
    /// One speed faster, or slower.
    Faster(bool),
}

/// What the screen looks at, beside the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// The screen.
    pub screen: Screen,
    /// Name of the chosen mirror.
    pub device: Option<String>,
    /// First region of the map, and regions per cell; `None` for a map of all regions.
    pub zoom: Option<(u64, u64)>,
    /// Cells that the map has room for.
    pub cells: usize,
    /// The region that is looked at.
    pub cursor: u64,
    /// Only events with a match.
    pub filter: Option<Regex>,
}

/// Where frames come from.
pub trait Source {
    /// Lets time pass, and makes the next frame.
    fn tick(&mut self, elapsed: DurationNs, wants: &Wants);

    /// Goes elsewhere in time.
    fn travel(&mut self, travel: Travel);

    /// The last frame.
    fn frame(&self) -> &Frame;

    /// Whether there is more to do at once, without waiting for the next tick.
    fn is_busy(&self) -> bool;

    /// Begins to record to a file what is on the screen, or ends that; what to say.
    fn record(&mut self) -> String {
        "this is a recording already".to_owned()
    }

    /// A sentence that came up by itself.
    fn told(&mut self) -> Option<String> {
        None
    }
}
