//! The columns of a trace, the words of its dictionaries, its metadata keys and its limits.
//!
//! This file is the format: a change here is a change of `FORMAT.md`, and columns are only ever added at the end.

use std::sync::LazyLock;

use arrow_schema::{DataType, Field, Schema};

use crate::event::flat::OP_NAMES;
use crate::event::text::{CAUSES, DECODE_ERROR, GAP, IMPLEMENTATIONS, cause_name, impl_name};

/// Major version: files of a greater one are refused.
pub const SCHEMA_MAJOR: u32 = 1;

/// Minor version: grows with every added column.
pub const SCHEMA_MINOR: u32 = 1;

/// Metadata key of the schema version, `MAJOR.MINOR`.
pub const VERSION_KEY: &str = "dmlog.schema_version";

/// Metadata key of the capture facts, JSON of [`CaptureFacts`](crate::event::facts::CaptureFacts).
pub const FACTS_KEY: &str = "dmlog.facts";

/// Metadata key of the program that wrote the trace.
pub const TOOL_KEY: &str = "dmlog.tool";

/// Items in a batch at most; with its seal a full batch has 64 Ki rows.
pub const MAX_BATCH_ITEMS: usize = (64 << 10) - 1;

/// A batch spans less than this, in nanoseconds of event time.
pub const BATCH_SPAN_NS: u64 = 1_000_000_000;

/// Rows that a reader accepts in one batch.
pub const MAX_BATCH_ROWS: usize = 1 << 20;

/// Bytes of metadata that a reader accepts in one message. Facts with 200 hooks take some 40 KiB.
pub const MAX_METADATA_BYTES: usize = 4 << 20;

/// Bytes of body that a reader accepts in one message: twice what [`MAX_BATCH_ROWS`] rows take without compression.
pub const MAX_BODY_BYTES: usize = 256 << 20;

/// Columns that a reader accepts, known or not.
pub const MAX_COLUMNS: usize = 256;

/// Nesting of a column's type that a reader accepts.
pub const MAX_TYPE_DEPTH: usize = 8;

/// Bytes of one text value; the writer cuts at it.
pub const MAX_TEXT_BYTES: usize = 4 << 10;

/// Bytes of text or bits that a reader accepts in one column of one batch.
pub const MAX_BATCH_TEXT_BYTES: usize = 16 << 20;

/// Bytes of text and bits of one batch, all columns together, at which the writer seals it: with the item that passes this, still
/// below what readers accept.
pub const FULL_BATCH_TEXT_BYTES: usize = 8 << 20;

/// Words in a dictionary: what an 8-bit index can name.
pub const MAX_WORDS: usize = 256;

/// Bytes of one word of a dictionary.
pub const MAX_WORD_BYTES: usize = 64;

/// `op` of the last row of each batch.
pub const SEAL: &str = "seal";

/// `text` of the seal that ends a trace cleanly.
pub const SEAL_END: &str = "end";

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// A word of a dictionary, by 8-bit index.
    Word(Dictionary),
    /// `uint16`.
    U16,
    /// `uint32`.
    U32,
    /// `uint64`.
    U64,
    /// `int64`.
    I64,
    /// `utf8`.
    Text,
    /// `binary`.
    Binary,
}

/// The three dictionaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dictionary {
    /// Operations, and `gap`, `decode_error`, `seal`.
    Op,
    /// Implementations.
    Impl,
    /// Causes of loss.
    Cause,
}

impl Dictionary {
    /// All, in the order of their columns.
    pub(crate) const ALL: [Self; 3] = [Self::Op, Self::Impl, Self::Cause];

    /// Name of its column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Op => "op",
            Self::Impl => "impl",
            Self::Cause => "cause",
        }
    }

    /// The words that this version writes.
    pub(crate) fn words(self) -> Vec<&'static str> {
        match self {
            Self::Op => OP_NAMES.iter().map(|(_, name)| *name).chain([GAP, DECODE_ERROR, SEAL]).collect(),
            Self::Impl => IMPLEMENTATIONS.into_iter().map(impl_name).collect(),
            Self::Cause => CAUSES.into_iter().map(cause_name).collect(),
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) nullable: bool,
    /// Minor version that added it. Each has a checksum of its own in the seal.
    pub(crate) since: u32,
}

const fn always(name: &'static str, store: Store) -> Spec {
    Spec { name, store, nullable: false, since: 0 }
}

const fn maybe(name: &'static str, store: Store) -> Spec {
    Spec { name, store, nullable: true, since: 0 }
}

const fn added(since: u32, name: &'static str, store: Store) -> Spec {
    Spec { name, store, nullable: true, since }
}

/// The columns, in the order of the file and of the seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Column {
    TimeNs,
    Op,
    Cpu,
    Tid,
    Log,
    Impl,
    DurationNs,
    Region,
    Result,
    Arg,
    Io,
    Sector,
    Bytes,
    Opf,
    Tgid,
    Comm,
    Lost,
    Cause,
    Text,
    Bits,
}

/// Number of columns.
pub(crate) const COLUMN_COUNT: usize = Column::Bits as usize + 1;

/// The columns in the order of [`Column`].
pub(crate) const COLUMNS: [Spec; COLUMN_COUNT] = [
    always("time_ns", Store::U64),
    always("op", Store::Word(Dictionary::Op)),
    maybe("cpu", Store::U16),
    maybe("tid", Store::U32),
    maybe("log", Store::U32),
    maybe("impl", Store::Word(Dictionary::Impl)),
    maybe("duration_ns", Store::U64),
    maybe("region", Store::U64),
    maybe("result", Store::I64),
    maybe("arg", Store::I64),
    maybe("io", Store::U64),
    maybe("sector", Store::U64),
    maybe("bytes", Store::U32),
    maybe("opf", Store::U32),
    maybe("tgid", Store::U32),
    maybe("comm", Store::Text),
    maybe("lost", Store::U64),
    maybe("cause", Store::Word(Dictionary::Cause)),
    maybe("text", Store::Text),
    added(1, "bits", Store::Binary),
];

impl Store {
    /// Are values of different lengths, so that the column has offsets and data?
    pub(crate) fn has_offsets(self) -> bool {
        match self {
            Self::Text | Self::Binary => true,
            Self::Word(_) | Self::U16 | Self::U32 | Self::U64 | Self::I64 => false,
        }
    }

    /// Bytes of one value; 4 for the offsets of a text or of bits.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Word(_) => 1,
            Self::U16 => 2,
            Self::U32 | Self::Text | Self::Binary => 4,
            Self::U64 | Self::I64 => 8,
        }
    }

    /// The Arrow type.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Word(_) => DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8)),
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::I64 => DataType::Int64,
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
        }
    }
}

/// The Arrow schema with this metadata.
pub(crate) fn arrow_schema(facts_json: String, tool: String) -> Schema {
    let fields: Vec<Field> =
        COLUMNS.iter().map(|spec| Field::new(spec.name, spec.store.data_type(), spec.nullable)).collect();
    let metadata = [
        (VERSION_KEY.to_owned(), format!("{SCHEMA_MAJOR}.{SCHEMA_MINOR}")),
        (FACTS_KEY.to_owned(), facts_json),
        (TOOL_KEY.to_owned(), tool),
    ];
    Schema::new_with_metadata(fields, std::collections::HashMap::from(metadata))
}

/// Place of each operation number in the dictionary of operations, found without search.
pub(crate) static OP_PLACES: LazyLock<[u8; 128]> = LazyLock::new(|| {
    let mut places = [u8::MAX; 128];
    for (place, (code, _)) in (0u8..).zip(OP_NAMES) {
        if let Some(slot) = places.get_mut(usize::from(*code)) {
            *slot = place;
        }
    }
    places
});
