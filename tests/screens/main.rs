//! Every screen, drawn into a buffer: from traces of real kernels and from scenarios, at four sizes, and driven by keys.
//!
//! [`stage`] makes a source and an app of a trace and shows what they draw. Snapshots hold symbols; one size also holds
//! styles, a letter for each. What a person does is in [`keys`], odd sizes and terminals are in [`odd`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]

mod keys;
mod live;
mod odd;
#[path = "../scenarios/scenario.rs"]
#[expect(dead_code, reason = "only the events of a scenario are shown here; its expectations are checked there")]
mod scenario;
mod stage;
mod states;
mod views;
