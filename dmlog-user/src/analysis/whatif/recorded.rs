//! What the kernel did, counted from the events of a log, for comparison with what a replay gives.

use super::weighted::Weighted;
use crate::event::op::FlushKind;

/// What the kernel did.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    pub(super) marks: u64,
    pub(super) clears: u64,
    /// Dirtied, cleaned-only, no-op, unknown.
    pub(super) flushes: [u64; 4],
    /// Writes that passes took up.
    pub(super) writes: u64,
    /// Durations of flushes that writes waited for: dirtied, or of unknown kind with marks.
    pub(super) holding: Weighted,
}

impl Recorded {
    pub(super) fn absorb(&mut self, other: &Self) {
        let Self { marks, clears, flushes, writes, holding } = other;
        self.marks += marks;
        self.clears += clears;
        for (ours, theirs) in self.flushes.iter_mut().zip(flushes) {
            *ours += theirs;
        }
        self.writes += writes;
        self.holding.absorb(holding);
    }

    pub(super) fn flush(&mut self, kind: Option<FlushKind>) {
        let slot = match kind {
            Some(FlushKind::Dirtied) => 0,
            Some(FlushKind::CleanedOnly) => 1,
            Some(FlushKind::NoOp) => 2,
            None => 3,
        };
        self.flushes[slot] += 1;
    }
}
