//! L3: snapshots and items to bytes, one file per format.
//!
//! A format of a whole trace is a pure function of a [`Report`]; a format of single events is an [`ItemSink`](sink::ItemSink) that writes where it
//! is told. Opening files is the caller's. Same input, same bytes.

use crate::event::facts::CaptureFacts;
use crate::session::snapshot::Snapshot;

pub mod chart;
pub mod coverage;
pub mod csv;
pub mod document;
pub mod hdr;
pub mod html;
pub mod inspection;
pub mod json;
pub mod jsonl;
pub mod markdown;
pub mod markup;
pub mod number;
pub mod openmetrics;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod perfetto;
pub mod report;
pub mod schema;
pub mod sink;
pub mod svg;
pub mod table;
pub mod text;
pub mod whatif;

/// Everything that a report shows.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Where the trace came from, as the user called it.
    pub source: &'a str,
    /// What is known of the capture.
    pub facts: &'a CaptureFacts,
    /// The numbers.
    pub snapshot: &'a Snapshot,
    /// How the trace ends.
    pub end: TraceEnd,
}

/// How a trace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEnd {
    /// Its recorder ended it.
    Clean,
    /// Its recorder was killed, or the file was cut: this many bytes behind the last sealed batch say nothing.
    Torn {
        /// Bytes behind the last sealed batch.
        bytes: u64,
    },
}
