//! What is judged where nobody wrote rules.
//!
//! Few, for each rule costs the others some power. A rule whose metric a mirror does not have is not worth a word.

use super::{CONFIDENCE, Rule, RuleSet, Worse};
use crate::analysis::subject::Subject;
use crate::gate::metric::{Metric, Statistic};

/// The same as a rule file, which says why they are as they are.
pub const SAMPLE: &str = include_str!("../../../dist/gate.toml");

/// 5 %: nobody changes a storage stack for less, and nobody notices it.
const SHARE: f64 = 0.05;

/// 20 µs: a log on a fast disk is flushed in about as much, and jitter of a scheduler is less.
const LATENCY_NS: f64 = 20_000.0;

/// The rules, in the order in which they are told.
pub fn rules() -> RuleSet {
    let latency = |subject, statistic| Rule {
        metric: Metric::Of(subject, statistic),
        worse: Worse::Higher,
        relative_floor: SHARE,
        absolute_floor: LATENCY_NS,
        minimum_samples: None,
        confidence: CONFIDENCE,
        is_exact: false,
        devices: Vec::new(),
        is_optional: true,
    };
    let exact = |subject, statistic, relative_floor| Rule {
        relative_floor,
        absolute_floor: 0.0,
        is_exact: true,
        ..latency(subject, statistic)
    };
    let p = Statistic::Quantile;
    RuleSet {
        rules: vec![
            latency(Subject::DirtiedFlush, p(9_900)),
            latency(Subject::DirtiedFlush, p(5_000)),
            latency(Subject::Write, p(9_900)),
            latency(Subject::Write, Statistic::Mean),
            Rule {
                worse: Worse::Lower,
                relative_floor: 0.1,
                absolute_floor: 0.0,
                ..latency(Subject::Write, Statistic::Rate)
            },
            exact(Subject::DirtiedFlush, Statistic::PerWrite, 0.02),
            exact(Subject::Mark, Statistic::PerWrite, 0.02),
            latency(Subject::Recovery, p(9_900)),
            latency(Subject::Userspace, p(9_900)),
            exact(Subject::Errors, Statistic::Count, 0.0),
        ],
        allow: std::collections::BTreeSet::new(),
    }
}
