//! The recent past of a capture, as traces in memory: what a screen goes back into, and what a flight recorder writes.
//!
//! ```text
//! bytes  0 ─────────── PAST_BYTES/2 ─────────── PAST_BYTES
//! trace 1 ██████████████████████████████████████▌ dropped, once it is this large
//! trace 2                       ████████████████▌██████████████ …     begins in the middle of the one before
//! ```
//!
//! A trace is a chain of seals and can only be cut by beginning another one. So there are two of them for half of the time,
//! and the older one always holds at least half of what may be kept. A trace that begins later is told the identities again.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::facts::CaptureFacts;
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::{Event, LogOp, Op};
use crate::trace::error::TraceError;
use crate::trace::writer::TraceWriter;

/// Bytes of the older trace at most, and half of it of the newer one: some four million events of a mirror under small writes.
pub const PAST_BYTES: u64 = 32 << 20;

/// Logs whose identity is remembered.
const IDENTITIES_MAX: usize = 65_536;

/// The bytes of a trace in memory, one piece for every sealed batch. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Pieces(Arc<Mutex<Vec<Arc<[u8]>>>>);

impl Pieces {
    /// A reader of what is there now, and of what comes later if it `follows`.
    pub fn reader(&self, follows: bool) -> PiecesReader {
        let pieces = if follows { self.clone() } else { self.settled() };
        PiecesReader { pieces, piece: 0, begin: 0, offset: 0 }
    }

    /// The same as they are now: nothing will come to these.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self(Arc::new(Mutex::new(self.list())))
    }

    fn list(&self) -> Vec<Arc<[u8]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn get(&self, place: usize) -> Option<Arc<[u8]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).map(Arc::clone)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::from(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads pieces one after the other.
#[derive(Debug)]
pub struct PiecesReader {
    pieces: Pieces,
    /// The piece that is read, and where it begins.
    piece: usize,
    begin: u64,
    /// The place from the begin of all.
    offset: u64,
}

impl Read for PiecesReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(piece) = self.pieces.get(self.piece) else { return Ok(0) };
            let within = usize::try_from(self.offset - self.begin).unwrap_or(usize::MAX);
            match piece.get(within..) {
                Some(rest) if !rest.is_empty() => {
                    let length = rest.len().min(out.len());
                    out[..length].copy_from_slice(&rest[..length]);
                    self.offset += length as u64;
                    return Ok(length);
                }
                _ => {
                    self.begin += piece.len() as u64;
                    self.piece += 1;
                }
            }
        }
    }
}

impl Seek for PiecesReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = || self.pieces.list().iter().map(|piece| piece.len() as u64).sum::<u64>();
        let offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
            SeekFrom::End(by) => end().checked_add_signed(by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the begin");
        self.offset = offset.ok_or_else(before)?;
        (self.piece, self.begin) = (0, 0);
        for piece in self.pieces.list() {
            let end = self.begin + piece.len() as u64;
            if self.offset < end {
                break;
            }
            self.piece += 1;
            self.begin = end;
        }
        Ok(self.offset)
    }
}

/// A trace in memory that is being written.
#[derive(Debug)]
struct Memory {
    writer: TraceWriter<Pieces>,
    pieces: Pieces,
}

impl Memory {
    fn new(facts: &CaptureFacts) -> Result<Self, TraceError> {
        let pieces = Pieces::default();
        Ok(Self { writer: TraceWriter::new(pieces.clone(), facts)?, pieces })
    }
}

/// Which logs there are, for whatever begins later.
#[derive(Debug, Default)]
pub struct Identities(BTreeMap<LogId, Event>);

impl Identities {
    /// Remembers what an item says of logs.
    pub fn see(&mut self, item: &Item) {
        let Item::Event(event) = item else { return };
        match &event.op {
            Op::Identity(_) if self.0.len() < IDENTITIES_MAX || self.0.contains_key(&event.log) => {
                self.0.insert(event.log, event.clone());
            }
            Op::Log(_, LogOp::Dtr) => {
                self.0.remove(&event.log);
            }
            _ => {}
        }
    }

    /// Says them again, at this time.
    pub fn told_at(&self, time: MonoNs) -> impl Iterator<Item = Item> + '_ {
        self.0.values().map(move |event| Item::Event(Event { time, ..event.clone() }))
    }
}

/// The recent past of a capture.
#[derive(Debug)]
pub struct Past {
    facts: CaptureFacts,
    limit: u64,
    older: Memory,
    newer: Option<Memory>,
    identities: Identities,
    /// The pieces of the older one, for readers.
    shown: Arc<Mutex<Pieces>>,
}

impl Past {
    /// A past of at most `limit` bytes and half as many.
    ///
    /// # Errors
    /// [`TraceError::WriteFacts`], [`TraceError::Encode`].
    pub fn new(facts: &CaptureFacts, limit: u64) -> Result<Self, TraceError> {
        let older = Memory::new(facts)?;
        let shown = Arc::new(Mutex::new(older.pieces.clone()));
        Ok(Self { facts: facts.clone(), limit, older, newer: None, identities: Identities::default(), shown })
    }

    /// Where readers find the trace that goes back furthest.
    pub fn shown(&self) -> Arc<Mutex<Pieces>> {
        Arc::clone(&self.shown)
    }

    /// The trace that goes back furthest.
    pub fn pieces(&self) -> &Pieces {
        &self.older.pieces
    }

    /// Which logs there are.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Takes items in. While `stays`, nothing is dropped.
    ///
    /// # Errors
    /// [`TraceError::Encode`].
    pub fn push(&mut self, items: &[Item], stays: bool) -> Result<(), TraceError> {
        for item in items {
            self.older.writer.push(item)?;
            if let Some(newer) = &mut self.newer {
                newer.writer.push(item)?;
            }
            self.identities.see(item);
        }
        let Some(time) = items.last().map(Item::time) else { return Ok(()) };
        self.turn_over(time, stays)
    }

    fn turn_over(&mut self, time: MonoNs, stays: bool) -> Result<(), TraceError> {
        let bytes = self.older.writer.bytes_written();
        if self.newer.is_none() && bytes > self.limit / 2 {
            let mut newer = Memory::new(&self.facts)?;
            for item in self.identities.told_at(time) {
                newer.writer.push(&item)?;
            }
            self.newer = Some(newer);
        }
        if bytes > self.limit
            && !stays
            && let Some(newer) = self.newer.take()
        {
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = newer.pieces.clone();
            self.older = newer;
        }
        Ok(())
    }

    /// Makes everything that was taken in readable.
    ///
    /// # Errors
    /// [`TraceError::Encode`].
    pub fn seal(&mut self) -> Result<(), TraceError> {
        self.older.writer.flush_batch()?;
        self.newer.as_mut().map_or(Ok(()), |newer| newer.writer.flush_batch())
    }
}

#[cfg(test)]
mod tests;
