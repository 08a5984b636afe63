//! Observes, replays and judges device-mapper dirty region logs.
//!
//! The layers, in reading order; each may use those before it (see `DESIGN.md` beside this crate's manifest):
//! [`event`]; [`log`] and [`trace`]; [`analysis`] and [`session`]; [`export`]; then the running kernel (`capture`, `record`) and [`cli`].

pub mod event;
pub mod log;
pub mod trace;

pub mod analysis;
pub mod session;

pub mod export;
pub mod gate;
#[cfg(feature = "tui")]
pub mod tui;

#[cfg(feature = "live")]
pub mod capture;
pub mod cli;
#[cfg(feature = "live")]
pub mod record;
