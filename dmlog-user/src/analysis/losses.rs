//! What is missing: lost events by cause and CPU, and records that said nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::ids::MonoNs;
use crate::event::item::{DecodeFailure, Gap, LossCause};
use crate::event::text::cause_name;

/// Reasons of decode errors that are quoted; of the others only the number is kept.
pub const REASONS_MAX: usize = 8;

/// Everything that is missing from a stream.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// Six causes times 65,536 CPUs at most.
    gaps: BTreeMap<(LossCause, Option<u16>), GapCounters>,
    decode_errors: u64,
    reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct GapCounters {
    gaps: u64,
    lost: u64,
    unknown: u64,
    first_ns: u64,
    last_ns: u64,
}

impl Losses {
    /// Counts a gap.
    pub fn gap(&mut self, gap: &Gap) {
        let counters = self.gaps.entry((gap.cause, gap.cpu)).or_default();
        counters.first_ns = if counters.gaps == 0 { gap.time.0 } else { counters.first_ns.min(gap.time.0) };
        counters.last_ns = counters.last_ns.max(gap.time.0);
        counters.gaps += 1;
        match gap.lost {
            Some(lost) => counters.lost = counters.lost.saturating_add(lost),
            None => counters.unknown += 1,
        }
    }

    /// Counts a record that said nothing.
    pub fn decode_error(&mut self, failure: &DecodeFailure) {
        self.decode_errors += 1;
        if self.reasons.len() < REASONS_MAX && !self.reasons.contains(&failure.reason) {
            self.reasons.push(failure.reason.clone());
        }
    }

    /// What is told of them; times from `origin`.
    pub fn summary(&self, origin: MonoNs) -> LossSummary {
        let rows = self.gaps.iter().map(|(&(cause, cpu), counters)| LossRow {
            cause: cause_name(cause),
            cpu,
            lost: counters.lost,
            gaps: counters.gaps,
            gaps_of_unknown_size: counters.unknown,
            first_ns: counters.first_ns.saturating_sub(origin.0),
            last_ns: counters.last_ns.saturating_sub(origin.0),
        });
        LossSummary {
            lost: self.gaps.values().fold(0, |sum, counters| sum.saturating_add(counters.lost)),
            gaps: self.gaps.values().map(|counters| counters.gaps).sum(),
            gaps_of_unknown_size: self.gaps.values().map(|counters| counters.unknown).sum(),
            decode_errors: self.decode_errors,
            decode_error_reasons: self.reasons.clone(),
            rows: rows.collect(),
        }
    }
}

/// What is told of everything that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LossSummary {
    /// Events that are missing, as far as their number is known.
    pub lost: u64,
    /// Gaps.
    pub gaps: u64,
    /// Gaps of which nobody knows how many events are missing.
    pub gaps_of_unknown_size: u64,
    /// Records that could not be understood.
    pub decode_errors: u64,
    /// Why not, different reasons only, at most [`REASONS_MAX`].
    pub decode_error_reasons: Vec<String>,
    /// One row per cause and CPU.
    pub rows: Vec<LossRow>,
}

impl LossSummary {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.gaps == 0 && self.decode_errors == 0
    }
}

/// Losses of one cause on one CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossRow {
    /// Name of the cause.
    pub cause: &'static str,
    /// CPU; `None` if the loss is not of one CPU.
    pub cpu: Option<u16>,
    /// Events that are missing, as far as their number is known.
    pub lost: u64,
    /// Gaps.
    pub gaps: u64,
    /// Gaps of which nobody knows how many events are missing.
    pub gaps_of_unknown_size: u64,
    /// End of the first gap, from the start of the trace.
    pub first_ns: u64,
    /// End of the last gap.
    pub last_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::Losses;
    use crate::event::ids::MonoNs;
    use crate::event::item::{DecodeFailure, Gap, LossCause};

    #[test]
    fn losses_are_told_by_cause_and_cpu() {
        let mut losses = Losses::default();
        assert!(losses.summary(MonoNs(0)).is_empty());
        let gap = |time, cpu, lost, cause| Gap { time: MonoNs(time), cpu, lost, cause };
        losses.gap(&gap(200, Some(1), Some(5), LossCause::RingFull));
        losses.gap(&gap(300, Some(0), Some(7), LossCause::RingFull));
        losses.gap(&gap(400, Some(1), None, LossCause::RingFull));
        losses.gap(&gap(500, None, Some(100), LossCause::QueueFull));
        for _ in 0..3 {
            losses.decode_error(&DecodeFailure { time: MonoNs(600), reason: "record of 3 bytes".to_owned() });
        }
        let summary = losses.summary(MonoNs(100));
        assert_eq!((summary.lost, summary.gaps, summary.gaps_of_unknown_size), (112, 4, 1));
        assert_eq!((summary.decode_errors, summary.decode_error_reasons.len()), (3, 1));
        let rows: Vec<_> =
            summary.rows.iter().map(|r| (r.cause, r.cpu, r.lost, r.gaps, r.first_ns, r.last_ns)).collect();
        assert_eq!(
            rows,
            [
                ("ring_full", Some(0), 7, 1, 200, 200),
                ("ring_full", Some(1), 5, 2, 100, 300),
                ("queue_full", None, 100, 1, 400, 400),
            ]
        );
        assert!(!summary.is_empty());
    }
}
