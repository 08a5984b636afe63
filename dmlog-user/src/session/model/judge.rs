//! Where comparisons are counted and differences go.

use super::finding::{Divergence, Findings, Standing};
use super::hash::Verdict;
use super::suspect::{Difference, Suspect};
use super::tally::{Comparison, Tally};

/// Takes down what came of the comparisons of one event.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) findings: &'a mut Findings,
    /// The event is in the window that is looked at. State is followed before it too, but nothing is counted.
    pub(super) inside: bool,
    /// Events that the models had taken in before this one.
    pub(super) position: u64,
}

impl Judge<'_> {
    #[inline]
    pub(super) fn equal(&mut self, comparison: Comparison) {
        if self.inside {
            self.tally.equal(comparison);
        }
    }

    #[inline]
    pub(super) fn unknown(&mut self, comparison: Comparison) {
        if self.inside {
            self.tally.unknown(comparison);
        }
    }

    #[inline]
    pub(super) fn concurrent(&mut self, comparison: Comparison) {
        if self.inside {
            self.tally.concurrent(comparison);
        }
    }

    /// Counts everything but a difference; whether it is one.
    #[inline]
    pub(super) fn count(&mut self, comparison: Comparison, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Equal => self.equal(comparison),
            Verdict::Unknown => self.unknown(comparison),
            Verdict::Concurrent => self.concurrent(comparison),
            Verdict::Different => return true,
        }
        false
    }

    /// The kernel answered something else than was predicted.
    pub(super) fn differs(&mut self, difference: &Difference, standing: Standing, context: Vec<String>) {
        if self.inside {
            self.keep(difference, standing, context);
        }
    }

    /// A suspect is a difference.
    pub(super) fn convict(&mut self, suspect: Suspect) {
        if suspect.inside {
            let standing = Standing::Open { rests_on: suspect.difference.rests_on };
            self.keep(&suspect.difference, standing, suspect.context);
        }
    }

    /// A suspect is none.
    pub(super) fn acquit(&mut self, suspect: &Suspect) {
        if suspect.inside {
            self.tally.concurrent(suspect.difference.comparison);
        }
    }

    fn keep(&mut self, difference: &Difference, standing: Standing, context: Vec<String>) {
        let Difference { time, log, comparison, region, kernel, model, rests_on: _, position } = *difference;
        self.findings.add(Divergence { time, log, comparison, region, kernel, model, standing, context, position });
    }
}
