//! Items to a trace.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::{ArrowError, SchemaRef};

use super::bits::BitsRow;
use super::columns::{Columns, Row, Words};
use super::error::TraceError;
use super::header::IdentityRow;
use super::schema::{
    BATCH_SPAN_NS, Dictionary, FULL_BATCH_TEXT_BYTES, MAX_BATCH_ITEMS, OP_PLACES, SCHEMA_MAJOR, SCHEMA_MINOR, SEAL_END,
    arrow_schema,
};
use super::seal::header_chain;
use crate::event::bits::bytes_of;
use crate::event::facts::CaptureFacts;
use crate::event::flat::{Flat, OP_NAMES};
use crate::event::item::{Item, LossCause};
use crate::event::op::Event;
use crate::event::text::CAUSES;
use crate::event::text::keys::is_log_op;

/// zstd's level: the fastest one that finds the six equal bytes of neighbouring times in large batches too. Measured on a
/// mirror under small writes: 1 gives a fifth more bytes, 3 takes a third more time for 1 % less.
const ZSTD_LEVEL: i32 = 2;

/// Buffers are padded to this many bytes. Readers inflate them anyway, so that larger steps only cost space.
const ALIGNMENT: usize = 8;

/// Places of the three rows that are no operation, behind the operations.
#[expect(clippy::cast_possible_truncation, reason = "47 operations; checked below")]
const GAP_PLACE: u8 = OP_NAMES.len() as u8;
const DECODE_ERROR_PLACE: u8 = GAP_PLACE + 1;
const SEAL_PLACE: u8 = GAP_PLACE + 2;
const _: () = assert!(OP_NAMES.len() < 250);

/// What a finished trace holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceTotals {
    /// Events.
    pub events: u64,
    /// Events, gaps and decode errors.
    pub items: u64,
    /// Sealed batches.
    pub batches: u64,
    /// Length of the trace in bytes.
    pub bytes: u64,
}

/// Writes a trace. Nothing is sealed on drop: only [`finish`](Self::finish) ends a trace cleanly.
pub struct TraceWriter<W: Write> {
    sink: W,
    encoder: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
    words: Words,
    columns: Columns,
    /// Seals of the batch before: of the columns of version 1.0, and of those that 1.1 added.
    chain: u32,
    added_chain: u32,
    /// Time of the first item of the batch.
    batch_start_ns: u64,
    last_time_ns: u64,
    /// Events in the batch.
    batch_events: u64,
    /// What is encoded; the same as `sealed` but within a call.
    encoded: TraceTotals,
    sealed: TraceTotals,
    has_failed: bool,
}

impl<W: Write> std::fmt::Debug for TraceWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceWriter").field("sealed", &self.sealed).finish_non_exhaustive()
    }
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace: writes the header.
    ///
    /// # Errors
    /// [`TraceError::Write`], [`TraceError::WriteFacts`], [`TraceError::Encode`].
    pub fn new(sink: W, facts: &CaptureFacts) -> Result<Self, TraceError> {
        let facts_json = serde_json::to_string(facts).map_err(|source| TraceError::WriteFacts { source })?;
        let tool = format!("dmlog-top {}", env!("CARGO_PKG_VERSION"));
        let version = format!("{SCHEMA_MAJOR}.{SCHEMA_MINOR}");
        let dictionaries =
            Dictionary::ALL.map(|dictionary| dictionary.words().into_iter().map(str::to_owned).collect::<Vec<_>>());
        let chain = header_chain([&version, &facts_json, &tool], dictionaries.iter().map(Vec::as_slice));
        let schema = Arc::new(arrow_schema(facts_json, tool));
        let encoder = begin_stream(&schema).map_err(|source| TraceError::Encode { batch: 0, source })?;
        let mut writer = Self {
            sink,
            encoder,
            schema,
            words: Words::new(),
            columns: Columns::default(),
            chain,
            added_chain: chain,
            batch_start_ns: 0,
            last_time_ns: 0,
            batch_events: 0,
            encoded: TraceTotals::default(),
            sealed: TraceTotals::default(),
            has_failed: false,
        };
        writer.write_out()?;
        Ok(writer)
    }

    /// Takes one item; seals the batch before it if that is full or a second old.
    ///
    /// # Errors
    /// [`TraceError::Write`], [`TraceError::Encode`], [`TraceError::GivenUp`].
    pub fn push(&mut self, item: &Item) -> Result<(), TraceError> {
        let time_ns = item.time().0;
        if self.columns.rows() == 0 {
            self.batch_start_ns = time_ns;
        } else if self.columns.rows() >= MAX_BATCH_ITEMS
            || self.columns.text_bytes() >= FULL_BATCH_TEXT_BYTES
            || time_ns.saturating_sub(self.batch_start_ns) >= BATCH_SPAN_NS
        {
            self.flush_batch()?;
            self.batch_start_ns = time_ns;
        }
        if self.has_failed {
            return Err(self.given_up());
        }
        self.last_time_ns = time_ns;
        match item {
            Item::Event(event) => {
                self.push_event(event);
                self.batch_events += 1;
            }
            Item::Gap(gap) => self.columns.push(Row {
                time_ns,
                op: GAP_PLACE,
                cpu: gap.cpu,
                lost: gap.lost,
                cause: Some(cause_place(gap.cause)),
                ..Row::default()
            }),
            Item::DecodeError(failure) => self.columns.push(Row {
                time_ns,
                op: DECODE_ERROR_PLACE,
                text: Some(&failure.reason),
                ..Row::default()
            }),
        }
        Ok(())
    }

    /// Seals what has been taken so far and hands it to the sink in one write. Does nothing if there is nothing.
    ///
    /// # Errors
    /// [`TraceError::Write`], [`TraceError::Encode`], [`TraceError::GivenUp`].
    pub fn flush_batch(&mut self) -> Result<(), TraceError> {
        if self.has_failed {
            return Err(self.given_up());
        }
        if self.columns.rows() == 0 {
            return Ok(());
        }
        self.encode_batch(false)?;
        self.write_out()
    }

    /// Ends the trace cleanly: a last seal that says so, and the end of the Arrow stream.
    ///
    /// # Errors
    /// [`TraceError::Write`], [`TraceError::Encode`], [`TraceError::GivenUp`].
    pub fn finish(mut self) -> Result<TraceTotals, TraceError> {
        if self.has_failed {
            return Err(self.given_up());
        }
        self.encode_batch(true)?;
        let batch = self.encoded.batches;
        self.encoder.finish().map_err(|source| TraceError::Encode { batch, source })?;
        self.write_out()?;
        Ok(self.sealed)
    }

    /// Bytes handed to the sink so far.
    pub fn bytes_written(&self) -> u64 {
        self.sealed.bytes
    }

    /// Events taken so far, sealed or not.
    pub fn events(&self) -> u64 {
        self.encoded.events + self.batch_events
    }

    /// What is sealed and written so far: it survives whatever happens next.
    pub fn sealed(&self) -> TraceTotals {
        self.sealed
    }

    fn push_event(&mut self, event: &Event) {
        let flat = Flat::from_event(event);
        let identity = flat.identity.as_deref().map(|identity| IdentityRow::from(identity).to_json());
        let bits = flat.bits.as_deref();
        let text = identity.or_else(|| bits.map(|bits| BitsRow::from(bits).to_json()));
        let bytes = bits.and_then(|bits| bits.words.as_deref()).map(bytes_of);
        self.columns.push(Row {
            time_ns: flat.time.0,
            op: OP_PLACES.get(usize::from(flat.code)).copied().unwrap_or(u8::MAX),
            cpu: Some(flat.cpu),
            tid: Some(flat.tid),
            log: Some(flat.log.0),
            implementation: is_log_op(flat.code).then_some(flat.implementation),
            duration_ns: flat.duration_ns,
            region: flat.region,
            result: bits.map_or(flat.result, |bits| Some(i64::from(bits.regions))),
            arg: bits.map_or(flat.arg, |bits| Some(i64::from(bits.bitset.number()))),
            io: flat.io,
            sector: flat.sector,
            bytes: flat.bytes,
            opf: flat.opf,
            tgid: flat.tgid,
            comm: flat.comm.as_deref(),
            lost: None,
            cause: None,
            text: text.as_deref(),
            bits: bytes.as_deref(),
        });
    }

    /// Seals the rows and encodes them behind what the encoder still holds.
    fn encode_batch(&mut self, is_end: bool) -> Result<(), TraceError> {
        let batch = self.encoded.batches;
        let rows = self.columns.rows() as u64;
        let seal = self.columns.seal(self.chain, is_end);
        let added_seal = self.columns.seal_added(self.added_chain, is_end);
        self.columns.push(Row {
            time_ns: self.last_time_ns,
            op: SEAL_PLACE,
            result: Some(rows.cast_signed()),
            arg: Some(i64::from(seal)),
            region: Some(u64::from(added_seal)),
            io: Some(batch),
            text: is_end.then_some(SEAL_END),
            ..Row::default()
        });
        let encoded = self
            .columns
            .take(&self.words)
            .and_then(|arrays| RecordBatch::try_new(Arc::clone(&self.schema), arrays))
            .and_then(|batch| self.encoder.write(&batch));
        if let Err(source) = encoded {
            self.has_failed = true;
            return Err(TraceError::Encode { batch, source });
        }
        self.chain = seal;
        self.added_chain = added_seal;
        self.encoded.batches += 1;
        self.encoded.items += rows;
        self.encoded.events += std::mem::take(&mut self.batch_events);
        Ok(())
    }

    /// Hands everything encoded to the sink in one write, so that whoever is killed leaves a prefix.
    fn write_out(&mut self) -> Result<(), TraceError> {
        let bytes = self.encoder.get_mut();
        if let Err(source) = self.sink.write_all(bytes).and_then(|()| self.sink.flush()) {
            self.has_failed = true;
            return Err(TraceError::Write { sealed_batches: self.sealed.batches, source });
        }
        self.encoded.bytes += bytes.len() as u64;
        bytes.clear();
        self.sealed = self.encoded;
        Ok(())
    }

    fn given_up(&self) -> TraceError {
        TraceError::GivenUp { sealed_batches: self.sealed.batches }
    }
}

fn begin_stream(schema: &SchemaRef) -> Result<StreamWriter<Vec<u8>>, ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?
        .try_with_compression(Some(CompressionType::ZSTD))?
        .try_with_compression_level(Some(ZSTD_LEVEL))?;
    StreamWriter::try_new_with_options(Vec::new(), schema, options)
}

fn cause_place(cause: LossCause) -> u8 {
    (0..).zip(CAUSES).find(|(_, known)| *known == cause).map_or(u8::MAX, |(place, _)| place)
}
