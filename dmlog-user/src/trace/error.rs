//! Errors of reading and writing traces.

use std::io;

use arrow_ipc::CompressionType;
use arrow_schema::ArrowError;

use super::schema::{MAX_BATCH_ROWS, MAX_BODY_BYTES, MAX_METADATA_BYTES, SCHEMA_MAJOR};

/// A trace could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file could not be written; it is whole up to the last seal before.
    #[error("the trace could not be written any further; its first {sealed_batches} batches are whole")]
    Write {
        /// Batches that were sealed before.
        sealed_batches: u64,
        /// What the file said.
        #[source]
        source: io::Error,
    },
    /// A write failed before, and what came after it was not taken.
    #[error("the trace was given up after a failed write; its first {sealed_batches} batches are whole")]
    GivenUp {
        /// Batches that were sealed before.
        sealed_batches: u64,
    },
    /// The facts of the capture could not be put into the header.
    #[error("the facts of the capture could not be written as JSON")]
    WriteFacts {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The Arrow encoder refused a batch.
    #[error("batch {batch} could not be encoded")]
    Encode {
        /// Number of the batch, from 0.
        batch: u64,
        /// Why.
        #[source]
        source: ArrowError,
    },
    /// The file could not be read.
    #[error("the trace could not be read at byte {offset}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// What the file said.
        #[source]
        source: io::Error,
    },
    /// There is not one byte.
    #[error("the file is empty: its recorder did not get as far as the header")]
    Empty,
    /// It is something else.
    #[error("this is not a trace of dmlog-top: {what}")]
    NotATrace {
        /// How that was seen.
        what: &'static str,
    },
    /// The file ends within the header.
    #[error("the trace ends inside its header, after {bytes} bytes: its recorder did not get as far as an event")]
    TornHeader {
        /// Length of the file.
        bytes: u64,
    },
    /// The header is damaged.
    #[error("the header of the trace is corrupt")]
    Header {
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// The facts in the header are not what they should be.
    #[error("the capture facts in the header of the trace are corrupt")]
    ReadFacts {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A newer dmlog-top wrote it.
    #[error("the trace has schema {found}, and this dmlog-top reads up to {SCHEMA_MAJOR}; read it with a newer one")]
    NewerSchema {
        /// Version of the file.
        found: String,
    },
    /// Something within the sealed part is not as it was written.
    #[error("the trace is corrupt in batch {batch}, at byte {offset}; the batches before it are whole")]
    Corrupt {
        /// Number of the batch, from 0.
        batch: u64,
        /// Where the batch, or the message that is wrong, begins.
        offset: u64,
        /// What is wrong there.
        #[source]
        fault: Fault,
    },
}

/// What is wrong with a message of a trace.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A message does not begin as one.
    #[error("expected the start of a message, found the bytes {found:02x?}")]
    Marker {
        /// What stands there.
        found: [u8; 4],
    },
    /// The length of the metadata is impossible.
    #[error("{length} is no length of message metadata; it is at most {MAX_METADATA_BYTES}, in steps of 8")]
    MetadataLength {
        /// The length.
        length: u32,
    },
    /// The metadata is no Arrow message.
    #[error("the message metadata is damaged: {what}")]
    Metadata {
        /// What the verifier of flatbuffers said; its error is no `std::error::Error`.
        what: String,
    },
    /// The length of the body is impossible.
    #[error("{length} is no length of a message body; it is at most {MAX_BODY_BYTES}, in steps of 8")]
    BodyLength {
        /// The length.
        length: i64,
    },
    /// A length inside a message reaches over everything that comes after it.
    #[error("the length of a message reaches over whole messages behind it")]
    SwallowsMessages,
    /// The schema is no Arrow schema.
    #[error("the schema is damaged")]
    Schema {
        /// Why.
        #[source]
        source: ArrowError,
    },
    /// The schema version is not `MAJOR.MINOR`.
    #[error("the schema version is damaged")]
    Version,
    /// Numbers are stored big end first.
    #[error("numbers are stored with the big end first, which no dmlog-top writes")]
    BigEndian,
    /// A column is missing.
    #[error("column `{column}` is missing or has another type")]
    Column {
        /// Its name.
        column: &'static str,
    },
    /// A column of a newer version cannot be skipped.
    #[error("column `{column}` has a type that cannot be skipped; read the trace with a newer dmlog-top")]
    Unskippable {
        /// Its name.
        column: String,
    },
    /// Something that cannot stand here.
    #[error("a message of another kind stands where a batch was expected")]
    MessageKind,
    /// A dictionary is missing, comes twice, comes too late or has impossible words.
    #[error("the dictionary of column `{column}` is missing or damaged")]
    Dictionary {
        /// The column.
        column: &'static str,
    },
    /// The number of rows is impossible.
    #[error("{rows} is no number of rows; a batch has 1 to {MAX_BATCH_ROWS}")]
    Rows {
        /// The number.
        rows: i64,
    },
    /// The batch has not the buffers that its schema says.
    #[error("the batch does not have the buffers of its schema")]
    Buffers,
    /// Something other than zeros stands behind the last buffer of a body.
    #[error("the body of the batch is longer than its buffers")]
    BodyPadding,
    /// A compression other than zstd.
    #[error("the batch is compressed by {codec:?}; only zstd is read")]
    Compression {
        /// The codec.
        codec: CompressionType,
    },
    /// A buffer lies outside of the body, or has not the length of its rows.
    #[error("a buffer of column `{column}` has an impossible place or length")]
    Buffer {
        /// The column.
        column: &'static str,
    },
    /// A buffer could not be inflated.
    #[error("a buffer of column `{column}` could not be inflated")]
    Inflate {
        /// The column.
        column: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A text is not UTF-8, or its offsets are wrong.
    #[error("a text of column `{column}` is damaged")]
    Text {
        /// The column.
        column: &'static str,
    },
    /// The last row of the batch is no seal.
    #[error("the batch has no seal")]
    NoSeal,
    /// The seal belongs to another batch.
    #[error("the seal is that of batch {found}: a batch is missing or out of order")]
    SealNumber {
        /// Number in the seal.
        found: u64,
    },
    /// The seal counts other rows.
    #[error("the seal counts {sealed} rows, and the batch has {rows}")]
    SealRows {
        /// In the seal.
        sealed: i64,
        /// In the batch.
        rows: u64,
    },
    /// The checksum is another.
    #[error("the seal is {sealed:08x}, and the batch gives {computed:08x}: bytes were changed, or a batch is missing")]
    SealChecksum {
        /// In the seal.
        sealed: i64,
        /// Of the rows.
        computed: u32,
    },
    /// The end of the stream is marked, but the last seal is not the end.
    #[error("the stream is ended without the seal of an end: batches are missing at its end")]
    EndWithoutSeal,
    /// Something stands behind the end.
    #[error("there are bytes behind the end of the trace")]
    BehindTheEnd,
}
