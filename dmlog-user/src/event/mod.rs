//! L0: what happened.
//!
//! Ids and units ([`ids`]), one variant per kernel operation ([`op`]), bitsets
//! ([`bits`]), the stream of events and losses ([`item`]), the form of events that a replay folds ([`call`]),
//! the flat form that traces and tables use ([`flat`]), the one-line text form both ways ([`text`]), and the way from
//! the kernel's bytes to items ([`decode`], [`resolve`]).
//!
//! Nothing here reads a clock, an environment or a file. Nothing here panics on foreign bytes.

pub mod bits;
pub mod call;
pub mod decode;
pub mod facts;
pub mod flat;
pub mod ids;
pub mod item;
pub mod op;
pub mod resolve;
pub mod sequence;
pub mod text;
