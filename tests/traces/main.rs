//! Traces as files: what a damaged, cut or foreign one does, what a real one costs, who else can read one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod cursor;
mod damage;
#[cfg(feature = "parquet")]
mod dataset;
mod exports;
mod golden;
mod hostile;
mod metrics;
mod model;
mod pages;
mod perfetto;
mod pyarrow;
mod real;
mod size;
#[path = "../support/slots.rs"]
mod slots;
#[path = "../support/synth/mod.rs"]
mod support;
mod synth;
mod verdicts;
mod whatif;
mod workload;
