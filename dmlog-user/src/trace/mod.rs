//! L1: traces on disk.
//!
//! A trace is a standard Arrow IPC stream, one row per event, gap or decode error, sealed batch by batch with a chained
//! checksum in each batch's last row:
//!
//! ```text
//! TraceWriter::push(&Item) ─▶ columns ─▶ seal ─▶ arrow-ipc ─▶ one write per batch
//! one message at a time ─▶ bounds checked ─▶ inflated ─▶ seal compared ─┬▶ TraceReader::next_batch(&mut Vec<Item>)
//!                                                                       └▶ TraceReader::next_batch_rows(|row| …)
//! ```
//!
//! The writer uses `arrow-ipc`; the reader uses only its verified message headers and takes the buffers apart itself,
//! because every length in a trace may be hostile and each must be checked before memory is asked for.
//! A trace knows nothing of sessions or models; it stores events and facts and derives nothing.
//! It opens no file by itself: anything that reads or writes will do.
#![doc = include_str!("FORMAT.md")]
#![deny(clippy::indexing_slicing, reason = "traces come from outside: every byte may be wrong")]

pub mod error;
pub mod index;
pub mod reader;
pub mod schema;
pub mod writer;

mod ahead;
mod bits;
mod calls;
mod columns;
mod header;
mod hot;
mod lanes;
mod message;
mod rows;
mod seal;
#[cfg(test)]
mod tests;
