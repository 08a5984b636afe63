//! What a verdict says, in the formats of people and of CI systems: pure functions from a [`Report`] to text.
//!
//! ```text
//! Report ─┬▶ json                                          everything, by stable names; schema has their schema
//!         ├▶ sentence, page ─┬▶ text      a log            what is said, once for all of them
//!         │                  ├▶ markdown  a pull request
//!         │                  └▶ junit     a list of tests
//!         └▶ github          text, with annotations before it
//! ```
//!
//! The order is the same everywhere: regressions, improvements, what nobody can tell, what is unchanged; among them that of the
//! rules. Names and sentences come from traces and files of others: each format escapes them where it writes them, and none lets a
//! control character through.

use super::verdict::{Finding, Judged, Verdict};

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
mod page;
mod quantity;
pub mod schema;
pub mod self_check;
mod sentence;
pub mod text;

/// A verdict, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The verdict.
    pub verdict: &'a Verdict,
    /// Name of the file with the rules, or `built-in rules`.
    pub rules_from: &'a str,
    /// The command line that says this again, quoted for a shell.
    pub command: &'a str,
}

/// Everything that was judged, in the order in which it is told.
fn in_order(verdict: &Verdict) -> Vec<&Judged> {
    let mut judged: Vec<&Judged> = verdict.judged.iter().collect();
    judged.sort_by_key(|judged| rank(&judged.finding));
    judged
}

/// The same without mirrors that do not have what a rule does not insist on.
fn worth_a_word(verdict: &Verdict) -> Vec<&Judged> {
    let mut judged = in_order(verdict);
    judged.retain(|judged| !(judged.rule.is_optional && matches!(judged.finding, Finding::Absent { .. })));
    judged
}

fn rank(finding: &Finding) -> u8 {
    match finding {
        Finding::Regression => 0,
        Finding::Improvement => 1,
        Finding::TooFew { .. } => 2,
        Finding::Absent { .. } => 3,
        Finding::NotCompared => 4,
        Finding::Unchanged => 5,
    }
}
