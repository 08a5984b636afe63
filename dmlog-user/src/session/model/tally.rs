//! Which answers of the kernel are compared, and what came of it.

use serde::Serialize;

use crate::analysis::Named;

/// One kind of answer that the kernel gives and the model predicts. Names are the operations'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `in_sync`: whether a region is in sync.
    InSync,
    /// `is_clean`: whether a region is clean.
    IsClean,
    /// `get_resync_work`: which region is handed out, if any.
    ResyncWork,
    /// `get_sync_count`.
    SyncCount,
    /// The sync count that a log was seen to have when it was made, resumed or asked for its status.
    Status,
    /// What a disk log read from its device when it was resumed.
    Resume,
    /// The kind of a flush, from the touched flags at its entry.
    Flush,
    /// Whether a flush of the log flushes the legs first.
    LegFlush,
    /// Which writes mark their region, and that they do before the flush that lets them go.
    Mark,
    /// That a region is cleared only when nothing is pending in it.
    Clear,
    /// `dm_rh_get_state`.
    RegionState,
    /// Number of regions, from the target's length and the region size.
    RegionCount,
    /// `get_region_size`.
    RegionSize,
    /// Bits and flags of the log as they are in the kernel's memory.
    Bits,
}

impl Comparison {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; COMPARISONS] = [
        Self::InSync,
        Self::IsClean,
        Self::ResyncWork,
        Self::SyncCount,
        Self::Status,
        Self::Resume,
        Self::Flush,
        Self::LegFlush,
        Self::Mark,
        Self::Clear,
        Self::RegionState,
        Self::RegionCount,
        Self::RegionSize,
        Self::Bits,
    ];

    /// Its name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::IsClean => "is_clean",
            Self::ResyncWork => "get_resync_work",
            Self::SyncCount => "get_sync_count",
            Self::Status => "status",
            Self::Resume => "resume",
            Self::Flush => "flush",
            Self::LegFlush => "leg_flush",
            Self::Mark => "mark_region",
            Self::Clear => "clear_region",
            Self::RegionState => "rh_get_state",
            Self::RegionCount => "region_count",
            Self::RegionSize => "get_region_size",
            Self::Bits => "bits",
        }
    }
}

const COMPARISONS: usize = 14;

/// What came of the comparisons of one device. Every answer of the kernel counts once: here, or as a difference among the
/// [`Findings`](super::finding::Findings).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [Counts; COMPARISONS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    equal: u64,
    unknown: u64,
    concurrent: u64,
}

impl Tally {
    /// The kernel said what the model had predicted.
    #[inline]
    pub(super) fn equal(&mut self, comparison: Comparison) {
        self.counts[comparison as usize].equal += 1;
    }

    /// The model knew too little for a prediction.
    #[inline]
    pub(super) fn unknown(&mut self, comparison: Comparison) {
        self.counts[comparison as usize].unknown += 1;
    }

    /// Something else went on at the same time, so that more than one answer is right.
    #[inline]
    pub(in crate::session) fn concurrent(&mut self, comparison: Comparison) {
        self.counts[comparison as usize].concurrent += 1;
    }

    /// Adds the comparisons of another device.
    pub fn absorb(&mut self, other: &Self) {
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            let Counts { equal, unknown, concurrent } = theirs;
            ours.equal += equal;
            ours.unknown += unknown;
            ours.concurrent += concurrent;
        }
    }

    /// One row for each kind of comparison that came up; `differences` gives the divergences and the unsettled of a kind.
    pub fn rows(&self, differences: impl Fn(Comparison) -> (u64, u64)) -> Vec<ComparisonRow> {
        let row = |comparison: Comparison| {
            let Counts { equal, unknown, concurrent } = self.counts[comparison as usize];
            let (divergences, unsettled) = differences(comparison);
            let compared = equal + divergences + unsettled;
            ComparisonRow { name: comparison.name(), compared, unknown, concurrent, divergences, unsettled }
        };
        let rows = Comparison::ALL.into_iter().map(row);
        rows.filter(|row| row.compared + row.unknown + row.concurrent > 0).collect()
    }
}

/// What came of one kind of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ComparisonRow {
    /// Which.
    #[serde(skip)]
    pub name: &'static str,
    /// Answers of the kernel that were compared with a prediction.
    pub compared: u64,
    /// Answers that were not, because the model knew too little.
    pub unknown: u64,
    /// Answers that were not, because something else went on at the same time.
    pub concurrent: u64,
    /// Of those compared, how many were another answer than predicted.
    pub divergences: u64,
    /// Of those compared, how many were another answer for which something else may be the reason, such as a loss.
    pub unsettled: u64,
}

impl Named for ComparisonRow {
    fn name(&self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Tally};

    #[test]
    fn numbers_are_places() {
        for (place, comparison) in Comparison::ALL.into_iter().enumerate() {
            assert_eq!(comparison as usize, place, "{}", comparison.name());
        }
    }

    #[test]
    fn rows_add_up() {
        let mut tally = Tally::default();
        tally.equal(Comparison::InSync);
        tally.unknown(Comparison::Flush);
        let mut other = Tally::default();
        other.equal(Comparison::InSync);
        other.concurrent(Comparison::InSync);
        tally.absorb(&other);
        let rows = tally.rows(|comparison| if comparison == Comparison::Mark { (1, 2) } else { (0, 0) });
        let told: Vec<_> = rows.iter().map(|r| (r.name, r.compared, r.unknown, r.concurrent, r.divergences)).collect();
        assert_eq!(told, [("in_sync", 2, 0, 1, 0), ("flush", 0, 1, 0, 0), ("mark_region", 3, 0, 0, 1)]);
    }
}
