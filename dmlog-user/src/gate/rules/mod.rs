//! Which metrics matter, and how much of a change does. `gate.toml` is read by [`file`]; [`built_in`] has what is judged without one.

use std::collections::BTreeSet;

use super::metric::Metric;
use super::verdict::reason::ReasonKind;

pub mod built_in;
pub mod error;
pub mod file;

/// How sure a verdict is, all rules together, where nothing else is said: one false alarm in a hundred comparisons at most.
pub const CONFIDENCE: f64 = 0.99;

/// Everything that a verdict is made by.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    /// In their order.
    pub rules: Vec<Rule>,
    /// What else would make the verdict inconclusive, and does not here.
    pub allow: BTreeSet<ReasonKind>,
}

/// Which way is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// Larger numbers: latencies, marks for each write.
    Higher,
    /// Smaller ones: rates.
    Lower,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is judged.
    pub metric: Metric,
    /// Which way is worse.
    pub worse: Worse,
    /// A change below this share of the baseline does not matter; 0.05 is 5 %.
    pub relative_floor: f64,
    /// A change below this does not matter, in the unit of the metric.
    pub absolute_floor: f64,
    /// Durations or events that each side needs in all; `None`: as many as the metric needs by itself.
    pub minimum_samples: Option<u64>,
    /// How sure it has to be, 0.5 to below 1. All rules together are wrong at most as often as the surest allows: Holm's correction
    /// is made over all of them.
    pub confidence: f64,
    /// The metric has no noise: where all runs of a side agree, any change beyond the floors counts.
    pub is_exact: bool,
    /// Mirrors it holds for, as people call them; empty: all.
    pub devices: Vec<String>,
    /// A mirror without the metric is not worth a word. So are built-in rules; one that was written down wants to be judged.
    pub is_optional: bool,
}
