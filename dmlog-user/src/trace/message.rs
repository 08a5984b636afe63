//! The messages of an Arrow IPC stream, one at a time, each length checked before memory is asked for.
//!
//! ```text
//! ff ff ff ff | metadata length, u32 | metadata (flatbuffer, padded to 8) | body (its length is in the metadata)
//! ff ff ff ff | 0                                                             end of the stream
//! ```

use std::io::{self, Read, Seek, SeekFrom};

use arrow_ipc::{Message, MessageHeader, root_as_message};

use super::error::Fault;
use super::schema::{MAX_BODY_BYTES, MAX_METADATA_BYTES};

const MARKER: [u8; 4] = [0xff; 4];
const PREFIX_BYTES: usize = 8;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A whole message: see [`Messages::message`] and [`Messages::body`].
    Message,
    /// The mark that ends the stream.
    EndMark,
    /// The source ended where a message could have begun.
    Nothing,
    /// The source ended within a message, this many bytes after its begin, or holds nothing but zeros from there.
    Torn {
        /// Bytes from the begin of the message to the end of the source.
        bytes: u64,
    },
}

/// Why there is no next message.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The source failed.
    Read(io::Error),
    /// What came is no message.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Reads messages; the buffers are used again for each.
#[derive(Debug)]
pub(crate) struct Messages<R> {
    source: R,
    offset: u64,
    metadata: Vec<u8>,
    body: Vec<u8>,
}

impl<R: Read> Messages<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, offset: 0, metadata: Vec::new(), body: Vec::new() }
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The message that [`next`](Self::next) read.
    pub(crate) fn message(&self) -> Result<Message<'_>, Fault> {
        verified(&self.metadata)
    }

    /// Its body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the next message.
    pub(crate) fn next(&mut self) -> Result<Next, Stop> {
        let start = self.offset;
        let body_bytes = match self.next_metadata()? {
            Head::Message { body_bytes } => body_bytes,
            Head::Other(next) => return Ok(next),
        };
        if self.fill(body_bytes, Part::Body)? < body_bytes {
            return self.torn_unless_swallowing(start);
        }
        Ok(Next::Message)
    }

    /// Reads the next message up to its body.
    fn next_metadata(&mut self) -> Result<Head, Stop> {
        let start = self.offset;
        self.body.clear();
        self.fill(PREFIX_BYTES, Part::Metadata)?;
        let Some((marker, length)) = prefix(&self.metadata) else {
            return Ok(Head::Other(if self.metadata.is_empty() { Next::Nothing } else { self.torn(start) }));
        };
        if marker != MARKER {
            // A file that grew before its data reached the disk reads as zeros after a power failure. A file that begins
            // with them is no trace.
            if start > 0 && self.metadata.iter().all(|byte| *byte == 0) && self.rest_is_zero()? {
                return Ok(Head::Other(self.torn(start)));
            }
            return Err(Fault::Marker { found: marker }.into());
        }
        if length == 0 {
            return Ok(Head::Other(Next::EndMark));
        }
        let metadata_bytes = usize::try_from(length).ok().filter(|n| *n <= MAX_METADATA_BYTES && n % 8 == 0);
        let metadata_bytes = metadata_bytes.ok_or(Fault::MetadataLength { length })?;
        if self.fill(metadata_bytes, Part::Metadata)? < metadata_bytes {
            return self.torn_unless_swallowing(start).map(Head::Other);
        }
        let length = self.message()?.bodyLength();
        let body_bytes = usize::try_from(length).ok().filter(|n| *n <= MAX_BODY_BYTES && n % 8 == 0);
        let body_bytes = body_bytes.ok_or(Fault::BodyLength { length })?;
        Ok(Head::Message { body_bytes })
    }

    /// Is there nothing more?
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.fill(1, Part::Metadata)? == 0)
    }

    /// Reads up to `bytes` bytes into a buffer and returns how many came. Memory grows only as bytes arrive.
    fn fill(&mut self, bytes: usize, part: Part) -> io::Result<usize> {
        let buffer = match part {
            Part::Metadata => &mut self.metadata,
            Part::Body => &mut self.body,
        };
        buffer.clear();
        let result = self.source.by_ref().take(bytes as u64).read_to_end(buffer);
        self.offset += buffer.len() as u64;
        result
    }

    fn rest_is_zero(&mut self) -> io::Result<bool> {
        const CHUNK_BYTES: usize = 64 << 10;
        loop {
            if self.fill(CHUNK_BYTES, Part::Body)? == 0 {
                return Ok(true);
            }
            if self.body.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }

    fn torn(&self, start: u64) -> Next {
        Next::Torn { bytes: self.offset - start }
    }

    /// The source ended too early for the message. Either it was cut there, or a length is damaged: then whole messages
    /// or the end mark are among the bytes that were taken for this one, which in a cut file they cannot be.
    fn torn_unless_swallowing(&self, start: u64) -> Result<Next, Stop> {
        if holds_message(&self.metadata) || holds_message(&self.body) {
            return Err(Fault::SwallowsMessages.into());
        }
        Ok(self.torn(start))
    }
}

impl<R: Read + Seek> Messages<R> {
    /// Goes to this many bytes behind the begin.
    pub(crate) fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(offset))?;
        self.offset = offset;
        Ok(())
    }

    /// Reads the next message without its body, which it passes over.
    pub(crate) fn next_header(&mut self, source_bytes: u64) -> Result<Next, Stop> {
        let start = self.offset;
        let body_bytes = match self.next_metadata()? {
            Head::Message { body_bytes } => body_bytes as u64,
            Head::Other(next) => return Ok(next),
        };
        self.body.clear();
        let end = self.offset.saturating_add(body_bytes);
        if source_bytes < end {
            return Ok(Next::Torn { bytes: source_bytes.saturating_sub(start) });
        }
        self.seek(end)?;
        Ok(Next::Message)
    }
}

/// What the begin of a message says.
enum Head {
    /// There is one, with a body of this length.
    Message { body_bytes: usize },
    /// There is none.
    Other(Next),
}

#[derive(Clone, Copy)]
enum Part {
    Metadata,
    Body,
}

fn prefix(bytes: &[u8]) -> Option<([u8; 4], u32)> {
    let (marker, rest) = bytes.split_first_chunk::<4>()?;
    Some((*marker, u32::from_le_bytes(*rest.first_chunk()?)))
}

fn verified(metadata: &[u8]) -> Result<Message<'_>, Fault> {
    root_as_message(metadata).map_err(|error| {
        // The first line says what; the others trace where.
        let what = error.to_string();
        Fault::Metadata { what: what.lines().next().unwrap_or_default().escape_debug().to_string() }
    })
}

/// Is there a whole message header within these bytes, or the end mark at their end?
fn holds_message(bytes: &[u8]) -> bool {
    (0..bytes.len()).step_by(PREFIX_BYTES).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((MARKER, length)) = prefix(rest) else {
            return false;
        };
        if length == 0 {
            return rest.len() == PREFIX_BYTES;
        }
        let metadata = usize::try_from(length).ok().and_then(|n| rest.get(PREFIX_BYTES..n.checked_add(PREFIX_BYTES)?));
        metadata.is_some_and(|metadata| {
            root_as_message(metadata).is_ok_and(|message| {
                matches!(message.header_type(), MessageHeader::RecordBatch | MessageHeader::DictionaryBatch)
            })
        })
    })
}
