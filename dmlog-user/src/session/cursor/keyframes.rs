//! Copies of a session along a trace, to go on from.
//!
//! As many as there is room for: one every [`KEYFRAME_EVENTS`] items, until they take more than [`KEYFRAMES_BYTES_MAX`]; then every
//! second one goes and the distance doubles. So they are always spread evenly, however long the trace and however large the
//! session. Where a file was handed in, the tables of large ones go [there](super::spill), and the same is done when it is
//! full.
//!
//! A keyframe that cannot be read back is given up; the one before it takes its place. The first is always in memory.

use std::io;

use super::spill::{Refusal, SPILL_BYTES_MAX, SPILL_BYTES_MIN, Spill, SpillFile, Spilled};
use crate::event::ids::MonoNs;
use crate::session::Session;
use crate::session::packed::PackedSession;
use crate::trace::reader::BatchMark;

/// Least distance between two keyframes: what is folded in some 100 ms.
pub const KEYFRAME_EVENTS: u64 = 1 << 20;

/// Memory that all keyframes of a cursor may take: a quarter of what a replay may use.
pub const KEYFRAMES_BYTES_MAX: usize = 64 << 20;

/// How much room keyframes may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items between two of them at least.
    pub distance: u64,
    /// Memory in bytes.
    pub memory_bytes: usize,
    /// Tables of a keyframe go to the file if they have at least so many bytes.
    pub spill_bytes_min: usize,
    /// Bytes of the file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            distance: KEYFRAME_EVENTS,
            memory_bytes: KEYFRAMES_BYTES_MAX,
            spill_bytes_min: SPILL_BYTES_MIN,
            file_bytes: SPILL_BYTES_MAX,
        }
    }
}

/// A session between two batches.
#[derive(Debug)]
pub struct Keyframe {
    pub(super) place: Place,
    session: PackedSession,
    tables: Tables,
}

/// Where a keyframe was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) mark: BatchMark,
    /// Items before it.
    pub(super) position: u64,
    /// The latest time among them.
    pub(super) latest: MonoNs,
}

#[derive(Debug)]
enum Tables {
    Memory(Box<[u8]>),
    File(Spilled),
}

impl Keyframe {
    pub(super) fn new(place: Place, session: &mut Session) -> Self {
        let (session, tables) = PackedSession::of(session);
        Self { place, session, tables: Tables::Memory(tables.into()) }
    }

    /// Makes a session what it was, if the tables are in memory.
    pub(super) fn restore(&self, session: &mut Session) {
        if let Tables::Memory(tables) = &self.tables {
            self.session.unpack(tables, session);
        }
    }

    /// Memory that it takes.
    fn bytes(&self) -> usize {
        let tables = match &self.tables {
            Tables::Memory(tables) => tables.len(),
            Tables::File(_) => 0,
        };
        self.session.footprint_bytes() + tables
    }
}

/// The keyframes of a trace, in order; the first is its begin.
#[derive(Debug)]
pub struct Keyframes {
    frames: Vec<Keyframe>,
    bytes: usize,
    /// Items between two of them by now.
    distance: u64,
    limits: Limits,
    file: Option<SpillFile>,
}

impl Keyframes {
    pub(super) fn new(first: Keyframe, limits: Limits, file: Option<Box<dyn Spill>>) -> Self {
        let file = file.map(|file| SpillFile::new(file, limits.file_bytes));
        Self { bytes: first.bytes(), frames: vec![first], distance: limits.distance, limits, file }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// Memory that they take, by the session's own estimate.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Items between two of them at most, as far as batches allow.
    pub fn distance(&self) -> u64 {
        self.distance
    }

    /// Why the file that was handed in is not written any more: there are fewer keyframes then, and jumps take longer.
    pub fn error(&self) -> Option<&io::Error> {
        self.file.as_ref().and_then(SpillFile::error)
    }

    /// Place of the last one that is not behind a position.
    pub(super) fn at_position(&self, position: u64) -> usize {
        self.frames.partition_point(|frame| frame.place.position <= position).saturating_sub(1)
    }

    /// Place of the last one that holds nothing later than a time.
    pub(super) fn at_time(&self, time: MonoNs) -> usize {
        self.frames.partition_point(|frame| frame.place.latest <= time).saturating_sub(1)
    }

    /// Where the one at a place was taken.
    pub(super) fn place(&self, at: usize) -> Place {
        self.frames[at].place
    }

    /// Makes a session what it was at the keyframe; `None` if that could not be read back, and is none any more.
    pub(super) fn restore(&mut self, at: usize, session: &mut Session) -> Option<Place> {
        let frame = &self.frames[at];
        match (&frame.tables, &mut self.file) {
            (Tables::Memory(tables), _) => frame.session.unpack(tables, session),
            (Tables::File(spilled), Some(file)) => {
                let Ok(tables) = file.read(spilled) else {
                    self.bytes -= frame.bytes();
                    // Its blocks are not used again: they cannot be trusted.
                    self.frames.remove(at);
                    return None;
                };
                frame.session.unpack(&tables, session);
            }
            (Tables::File(_), None) => return None,
        }
        Some(frame.place)
    }

    /// A place between two batches was reached. A copy is taken where nobody was before and the last one is far enough.
    pub(super) fn offer(&mut self, place: Place, session: &mut Session) {
        if !self.is_far(place.position) {
            return;
        }
        let mut frame = Keyframe::new(place, session);
        while let Tables::Memory(tables) = &frame.tables
            && tables.len() >= self.limits.spill_bytes_min
            && let Some(file) = &mut self.file
        {
            match file.write(tables) {
                Ok(spilled) => frame.tables = Tables::File(spilled),
                Err(Refusal::Broken) => break,
                Err(Refusal::Full) if self.frames.len() == 1 => break,
                Err(Refusal::Full) => {
                    self.thin_out();
                    if !self.is_far(place.position) {
                        return;
                    }
                }
            }
        }
        self.bytes += frame.bytes();
        self.frames.push(frame);
        while self.bytes > self.limits.memory_bytes && self.frames.len() > 1 {
            self.thin_out();
        }
    }

    fn is_far(&self, position: u64) -> bool {
        let last = self.frames[self.frames.len() - 1].place.position;
        position.saturating_sub(last) >= self.distance
    }

    /// Every second one goes, from the second on.
    fn thin_out(&mut self) {
        let Self { frames, file, .. } = self;
        let mut place = 0;
        frames.retain(|frame| {
            place += 1;
            let stays = place % 2 == 1;
            if let (false, Tables::File(spilled), Some(file)) = (stays, &frame.tables, file.as_mut()) {
                file.free(spilled);
            }
            stays
        });
        self.bytes = frames.iter().map(Keyframe::bytes).sum();
        self.distance = self.distance.saturating_mul(2);
    }
}
