//! Answers that differ from the prediction and may still have been given while something else went on.
//!
//! Not every call is one of the worker's, which are in order. Reads ask `in_sync`, and a status asks `get_sync_count`, while the
//! worker changes what they ask for; and a change comes into the stream when it has returned, so that one which began
//! before the answer may be told after it. So such an answer is only suspected until it is certain that no change overlaps:
//!
//! ```text
//! answer      ├────┤
//! change   ├────────────┤     told after the answer, began before its end: concurrent, nothing to compare
//! barrier            ├────┤   get_resync_work: the worker got here, so whatever it began before has been told
//! ```
//!
//! `get_resync_work` is the barrier because it is called only between a resume and the next suspend: neither a resume nor
//! the flush at the end of a suspend is under way then.

use super::finding::Answer;
use super::span::Span;
use super::tally::Comparison;
use crate::event::ids::{LogId, MonoNs, Region};

/// Suspects of one log. Another answer of the same kind while one is suspected tells nothing new.
const SUSPECTS_MAX: usize = 8;

/// An answer of the kernel that is not the predicted one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    pub(super) time: MonoNs,
    pub(super) log: LogId,
    pub(super) comparison: Comparison,
    pub(super) region: Option<Region>,
    pub(super) kernel: Answer,
    pub(super) model: Answer,
    /// Lowest number of the hooks that the prediction rests on.
    pub(super) rests_on: u16,
    /// Events that the models had taken in before.
    pub(super) position: u64,
}

/// A difference that may be none.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    pub(super) difference: Difference,
    pub(super) span: Span,
    /// The events up to it.
    pub(super) context: Vec<String>,
    /// It is in the window that is looked at.
    pub(super) inside: bool,
}

/// What became of a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A change overlaps it.
    Concurrent,
    /// Nothing overlaps it.
    Difference,
}

/// The suspects of one log.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspects {
    list: Vec<Suspect>,
}

impl Suspects {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of this kind is suspected already, or there are too many.
    pub(super) fn has(&self, comparison: Comparison, region: Option<Region>) -> bool {
        let is_same = |s: &Suspect| s.difference.comparison == comparison && s.difference.region == region;
        self.list.len() >= SUSPECTS_MAX || self.list.iter().any(is_same)
    }

    pub(super) fn add(&mut self, suspect: Suspect) {
        self.list.push(suspect);
    }

    /// A call of the worker, or one that changes the log, was seen: gives those whose fate it decides.
    pub(super) fn decide(&mut self, call: &Span, is_barrier: bool) -> Vec<(Suspect, Fate)> {
        let mut decided = Vec::new();
        for suspect in std::mem::take(&mut self.list) {
            if !suspect.span.is_before(call) {
                decided.push((suspect, Fate::Concurrent));
            } else if is_barrier {
                decided.push((suspect, Fate::Difference));
            } else {
                self.list.push(suspect);
            }
        }
        decided
    }

    /// Those about the sync count: another answer has shown that the model is wrong there.
    pub(super) fn take_counts(&mut self) -> Vec<Suspect> {
        let is_count = |s: &mut Suspect| matches!(s.difference.comparison, Comparison::SyncCount | Comparison::Status);
        self.list.extract_if(.., is_count).collect()
    }

    /// All of them, when nothing more can come.
    pub(super) fn drain(&mut self) -> Vec<Suspect> {
        std::mem::take(&mut self.list)
    }

    /// How many are undecided.
    pub(super) fn undecided(&self) -> impl Iterator<Item = Comparison> {
        self.list.iter().map(|suspect| suspect.difference.comparison)
    }
}

#[cfg(test)]
mod tests {
    use super::{Difference, Fate, Span, Suspect, Suspects};
    use crate::event::ids::{LogId, MonoNs, Region};
    use crate::session::model::finding::Answer;
    use crate::session::model::tally::Comparison;

    fn span(from: u64, to: u64, tid: u32) -> Span {
        Span { from: MonoNs(from), to: MonoNs(to), tid }
    }

    fn suspects(span: Span) -> Suspects {
        let difference = Difference {
            time: span.to,
            log: LogId(1),
            comparison: Comparison::InSync,
            region: Some(Region(1)),
            kernel: Answer::InSync(true),
            model: Answer::InSync(false),
            rests_on: 9,
            position: 0,
        };
        let mut suspects = Suspects::default();
        suspects.add(Suspect { difference, span, context: Vec::new(), inside: true });
        suspects
    }

    fn fates(suspects: &mut Suspects, call: Span, is_barrier: bool) -> Vec<Fate> {
        suspects.decide(&call, is_barrier).into_iter().map(|(_, fate)| fate).collect()
    }

    #[test]
    fn a_change_that_began_before_the_answers_end_makes_it_concurrent() {
        let mut told = suspects(span(50_000, 60_000, 7));
        assert_eq!(fates(&mut told, span(55_000, 90_000, 8), true), [Fate::Concurrent]);
        assert!(told.is_empty());
    }

    #[test]
    fn only_a_barrier_makes_a_difference_of_it() {
        let mut told = suspects(span(50_000, 60_000, 7));
        assert_eq!(fates(&mut told, span(70_000, 80_000, 8), false), []);
        assert!(told.has(Comparison::InSync, Some(Region(1))) && !told.has(Comparison::InSync, None));
        assert_eq!(fates(&mut told, span(90_000, 95_000, 8), true), [Fate::Difference]);
    }

    #[test]
    fn calls_of_the_same_thread_are_in_order() {
        let mut told = suspects(span(50_000, 60_000, 7));
        assert_eq!(fates(&mut told, span(59_000, 90_000, 7), true), [Fate::Difference]);
    }
}
