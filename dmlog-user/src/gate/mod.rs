//! L3: did the mirror get slower? Two sides of runs, and a verdict that can be trusted.
//!
//! ```text
//! trace ─▶ run::Summary ─▶ Run ─┐                             ┌─▶ report (text, JSON, JUnit, Markdown, GitHub)
//! saved runs (JSON) ───────────▶┴─ verdict::judge ─▶ Verdict ─┴─▶ exit code
//! gate.toml ─▶ rules::RuleSet ──────────┘
//! ```
//!
//! A run is what one trace says of itself: its mirrors, and what happened in each second ([`run`]). Rules say what matters
//! ([`rules`]), [`statistics`] what is a difference, and [`verdict`] whether it is one that matters, or that nobody can tell.
//! [`calibration`] tells how often the gate would be wrong. Nothing here reads a clock, draws from anything but a seed, or opens a file.

pub mod calibration;
pub mod durations;
pub mod metric;
pub mod report;
pub mod rules;
pub mod run;
pub mod statistics;
pub mod verdict;
