//! Copies of a session along a trace, to go on from.
//!
//! As many as memory allows: one every [`KEYFRAME_EVENTS`] items, until they take more than [`KEYFRAMES_BYTES_MAX`]; then every
//! second one goes and the distance doubles. So they are always spread evenly, however long the trace and however large the
//! session.

use crate::event::ids::MonoNs;
use crate::session::Session;
use crate::session::packed::PackedSession;
use crate::trace::reader::BatchMark;

/// Least distance between two keyframes: what is folded in some 50 ms.
pub const KEYFRAME_EVENTS: u64 = 1 << 20;

/// Memory that all keyframes of a cursor may take: a quarter of what a replay may use. At 20 M events/s a jump in 100 M events
/// takes 200 ms as long as a session is smaller than 2.5 MiB.
pub const KEYFRAMES_BYTES_MAX: usize = 64 << 20;

/// A session between two batches.
#[derive(Debug)]
pub struct Keyframe {
    pub(super) mark: BatchMark,
    pub(super) session: PackedSession,
    /// Items before it.
    pub(super) position: u64,
    /// The latest time among them.
    pub(super) latest: MonoNs,
    bytes: usize,
}

impl Keyframe {
    pub(super) fn new(mark: BatchMark, session: &mut Session, position: u64, latest: MonoNs) -> Self {
        let session = PackedSession::of(session);
        let bytes = session.footprint_bytes();
        Self { mark, session, position, latest, bytes }
    }
}

/// The keyframes of a trace, in order; the first is its begin.
#[derive(Debug)]
pub struct Keyframes {
    frames: Vec<Keyframe>,
    bytes: usize,
    distance: u64,
    bytes_max: usize,
}

impl Keyframes {
    pub(super) fn new(first: Keyframe) -> Self {
        Self::with_limits(first, KEYFRAME_EVENTS, KEYFRAMES_BYTES_MAX)
    }

    /// The same with other limits.
    pub(super) fn with_limits(first: Keyframe, distance: u64, bytes_max: usize) -> Self {
        Self { bytes: first.bytes, frames: vec![first], distance, bytes_max }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// What they take, by the session's own estimate.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Items between two of them at most, as far as batches allow.
    pub fn distance(&self) -> u64 {
        self.distance
    }

    pub(super) fn first(&self) -> &Keyframe {
        &self.frames[0]
    }

    /// The last one that is not behind a position.
    pub(super) fn at_position(&self, position: u64) -> Option<&Keyframe> {
        self.frames[..self.frames.partition_point(|frame| frame.position <= position)].last()
    }

    /// The last one that holds nothing later than a time.
    pub(super) fn at_time(&self, time: MonoNs) -> &Keyframe {
        let behind = self.frames.partition_point(|frame| frame.latest <= time);
        &self.frames[behind.saturating_sub(1)]
    }

    /// A place between two batches was reached. A copy is taken where nobody was before and the last one is far enough.
    pub(super) fn offer(&mut self, mark: BatchMark, session: &mut Session, position: u64, latest: MonoNs) {
        let last = self.frames[self.frames.len() - 1].position;
        if position.saturating_sub(last) < self.distance {
            return;
        }
        let frame = Keyframe::new(mark, session, position, latest);
        self.bytes += frame.bytes;
        self.frames.push(frame);
        while self.bytes > self.bytes_max && self.frames.len() > 1 {
            self.thin_out();
        }
    }

    /// Every second one goes, from the second on.
    fn thin_out(&mut self) {
        let mut place = 0;
        self.frames.retain(|_frame| {
            place += 1;
            place % 2 == 1
        });
        self.bytes = self.frames.iter().map(|frame| frame.bytes).sum();
        self.distance = self.distance.saturating_mul(2);
    }
}
