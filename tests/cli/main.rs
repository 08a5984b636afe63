//! The program from outside: arguments, what it prints, exit codes.
//!
//! `print.rs` and `verify.rs` are about what is read from a trace, `bad_files.rs` about all that is no trace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod bad_files;
mod export;
mod gate;
mod inspect;
mod install;
mod metrics;
mod print;
mod program;
mod report;
#[cfg(feature = "serve")]
mod serve;
mod verify;
mod whatif;
#[path = "../traces/workload.rs"]
mod workload;
