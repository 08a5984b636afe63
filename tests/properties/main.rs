//! Properties: what must hold for every item, tried with thousands of random ones.
//!
//! ```text
//! text → item → text, item → text → item     text.rs
//! item → trace → item                        trace.rs
//! log and region set against a plain twin    log_core.rs, log_disk.rs (the twin: oracle.rs)
//! disk log → crash → disk log                crash.rs
//! simulated mirror → capture → model          model.rs (the mirror: simulation/)
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod crash;
mod items;
mod log_core;
mod log_disk;
mod model;
mod oracle;
mod simulation;
mod text;
mod trace;
