//! Properties: what must hold for every item, tried with thousands of random ones.
//!
//! ```text
//! text → item → text, item → text → item     text.rs
//! item → trace → item                        trace.rs
//! log and region set against a plain twin    log_core.rs, log_disk.rs (the twin: oracle.rs)
//! disk log in a file and in memory             log_device.rs
//! disk log → crash → disk log                crash.rs
//! a simulated mirror's work → what-if        whatif.rs (the mirror: kernel.rs)
//! simulated mirror → capture → model          model.rs (the mirror: simulation/)
//! request → datagram → request               ulog_codec.rs
//! kernel → server → log, against a log       ulog_server.rs
//! cluster message → bytes → message          cluster_wire.rs
//! nodes of a cluster that crash and part     cluster/
//! rule file → rules, or a mistake and its place rules.rs
//! any bytes → everything that reads them      ../fuzz/ (the committed corpora)
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod cluster;
mod cluster_wire;
mod crash;
#[path = "../fuzz/replay.rs"]
mod fuzz;
mod items;
mod kernel;
mod log_core;
#[cfg(target_os = "linux")]
mod log_device;
mod log_disk;
mod model;
mod oracle;
mod rules;
mod simulation;
mod statistics;
mod text;
mod trace;
mod ulog_codec;
mod ulog_server;
mod whatif;
