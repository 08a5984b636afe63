//! The verdict over two sides of runs.
//!
//! A rule finds a regression only where the difference is significant, after Holm's correction over all rules, *and* the shift
//! is beyond both of its floors, *and* its interval does not hold zero. An improvement needs the same. With one run a side, the whole
//! interval has to be beyond a half of the baseline (`test.rs`). What cannot be decided says what it would
//! need. Where the two sides cannot be compared at all, no rule decides anything.

use super::metric::MetricUnit;
use super::rules::Rule;

mod compare;
pub mod judge;
pub mod reason;
pub(crate) mod test;

use self::reason::Reason;

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No rule found a regression, and all that had to could tell.
    Passed,
    /// Some rule found a regression.
    Failed,
    /// Nobody can tell.
    Inconclusive,
}

impl Outcome {
    /// Its name, the same in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The whole verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the gate says.
    pub outcome: Outcome,
    /// What was compared: baseline and candidate.
    pub sides: [Side; 2],
    /// Why the sides cannot be compared, or could not if it were not allowed.
    pub reasons: Vec<Reason>,
    /// Every rule for every mirror, in the order of the rules.
    pub judged: Vec<Judged>,
    /// What a reader should know and what changes nothing, a sentence each.
    pub notes: Vec<String>,
}

/// One side.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Names of its runs.
    pub runs: Vec<String>,
    /// Nanoseconds that they cover together.
    pub duration_ns: u64,
    /// Events that they have together.
    pub events: u64,
    /// `uname -r` and host, each once, in the order of the runs.
    pub machines: Vec<String>,
}

/// One rule, judged for one mirror.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The rule.
    pub rule: Rule,
    /// The mirror; `None` of numbers that belong to none.
    pub device: Option<String>,
    /// Unit of all values here.
    pub unit: MetricUnit,
    /// How it was judged.
    pub method: Method,
    /// What it was for the baseline and for the candidate.
    pub values: [SideValue; 2],
    /// By how much the candidate is larger; `None` where one side has no value.
    pub shift: Option<Shift>,
    /// Chance of such a difference between two sides that are alike, and the same after Holm's correction; `None` where it
    /// was not tested.
    pub p: Option<f64>,
    /// See `p`.
    pub p_adjusted: Option<f64>,
    /// What the shift has to be beyond to matter, in the unit: the larger of both floors.
    pub floor: f64,
    /// What was found.
    pub finding: Finding,
}

/// How a rule was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The values themselves, which have no noise.
    Exact,
    /// Mann and Whitney's test over the values of the runs.
    RankTest,
    /// Slices of the two runs, drawn again and again in blocks.
    Bootstrap {
        /// Length of a slice.
        slice_ns: u64,
        /// Slices in a block.
        block: usize,
        /// How often.
        rounds: u32,
    },
    /// Not at all.
    NotJudged,
}

impl Method {
    /// Its name, the same in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::RankTest => "rank_test",
            Self::Bootstrap { .. } => "block_bootstrap",
            Self::NotJudged => "not_judged",
        }
    }
}

/// A metric on one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideValue {
    /// Median of the runs' values.
    pub value: Option<f64>,
    /// The value of each run that has one.
    pub runs: Vec<f64>,
    /// Durations or events behind it, of all runs.
    pub samples: u64,
}

/// By how much the candidate is larger than the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// In the unit.
    pub estimate: f64,
    /// Its interval at the rule's confidence, in the unit; `None` where there are too few runs for one.
    pub interval: Option<(f64, f64)>,
    /// As a share of the baseline; `None` where that is zero.
    pub relative: Option<f64>,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It got worse.
    Regression,
    /// It got better.
    Improvement,
    /// Nothing that is both sure and large enough.
    Unchanged,
    /// Nobody can tell: a sentence with what is needed.
    TooFew {
        /// What is needed to decide.
        needs: String,
    },
    /// One side or both do not have it; a sentence.
    Absent {
        /// What is missing where.
        what: String,
    },
    /// The sides cannot be compared, so nothing is claimed.
    NotCompared,
}

impl Finding {
    /// Its name, the same in every format.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Improvement => "improvement",
            Self::Unchanged => "unchanged",
            Self::TooFew { .. } => "too_few",
            Self::Absent { .. } => "absent",
            Self::NotCompared => "not_compared",
        }
    }
}
