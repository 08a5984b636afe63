//! L3: snapshots to bytes, one file per format.
//!
//! A format is a pure function of a [`Report`]; writing the bytes somewhere is the caller's. Same report, same bytes.

use crate::event::facts::CaptureFacts;
use crate::session::snapshot::Snapshot;

pub mod coverage;
pub mod inspection;
pub mod json;
pub mod number;
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
