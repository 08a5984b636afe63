//! Where the batches of a trace lie and how many rows they have, from their headers alone.
//!
//! ```text
//! header │ dictionaries │ batch head │ body ▒▒▒▒ │ batch head │ body ▒▒▒▒ │ …      ▒ is passed over
//! ```
//!
//! Nothing is inflated and no seal is looked at, so a trace of gigabytes takes milliseconds. What it says is what the headers
//! claim; whoever reads the batches sees whether that is true.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use arrow_ipc::MessageHeader;

use super::error::TraceError;
use super::message::{Messages, Next, Stop};

/// A batch as its header claims it to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedBatch {
    /// Where it lies in the file; the first one with the dictionaries before it.
    pub bytes: Range<u64>,
    /// Its items: rows without the seal.
    pub rows: u64,
}

/// The batches of a trace, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceIndex {
    /// All that begin like one, up to the end or to what is no batch.
    pub batches: Vec<IndexedBatch>,
}

/// Batches that an index tells apart: 2^20 of 65,536 rows are more events than any disk holds, and a forged file cannot make it
/// larger.
pub const INDEXED_BATCHES_MAX: usize = 1 << 20;

impl TraceIndex {
    /// Reads the headers of a trace from its begin. What is damaged ends it.
    ///
    /// # Errors
    /// [`TraceError::Read`].
    pub fn read<R: Read + Seek>(mut source: R) -> Result<Self, TraceError> {
        let at = |offset| move |source| TraceError::Read { offset, source };
        let source_bytes = source.seek(SeekFrom::End(0)).map_err(at(0))?;
        source.seek(SeekFrom::Start(0)).map_err(at(0))?;
        let mut messages = Messages::new(source);
        let mut index = Self::default();
        let mut begin = None;
        while index.batches.len() < INDEXED_BATCHES_MAX {
            match messages.next_header(source_bytes) {
                Ok(Next::Message) => {}
                Err(Stop::Read(source)) => return Err(TraceError::Read { offset: messages.offset(), source }),
                Ok(Next::EndMark | Next::Nothing | Next::Torn { .. }) | Err(Stop::Fault(_)) => break,
            }
            let Ok(message) = messages.message() else { break };
            let end = messages.offset();
            match message.header_type() {
                MessageHeader::Schema => begin = Some(end),
                MessageHeader::RecordBatch => {
                    let rows = message.header_as_record_batch().map(|batch| batch.length());
                    let rows = rows.and_then(|rows| u64::try_from(rows.checked_sub(1)?).ok());
                    let (Some(rows), Some(from)) = (rows, begin) else { break };
                    index.batches.push(IndexedBatch { bytes: from..end, rows });
                    begin = Some(end);
                }
                MessageHeader::DictionaryBatch if begin.is_some() => {}
                _ => break,
            }
        }
        Ok(index)
    }

    /// Items of all batches.
    pub fn rows(&self) -> u64 {
        self.batches.iter().fold(0, |sum, batch| sum.saturating_add(batch.rows))
    }
}
