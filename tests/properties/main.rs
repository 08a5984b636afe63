//! Properties: what must hold for every item, tried with thousands of random ones.
//!
//! ```text
//! text → item → text, item → text → item     text.rs
//! item → trace → item                        trace.rs
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod items;
mod text;
mod trace;
