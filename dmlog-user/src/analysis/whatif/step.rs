//! What the kernel did with one log, in order: what [`Order`](super::order::Order) makes of events, and what every
//! [`RegionHash`](super::region_hash::RegionHash) is told.

use super::grid::Extent;
use crate::event::ids::MonoNs;
use crate::event::op::FlushKind;

/// One thing that the kernel did, in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A pass takes a write up.
    Inc { extent: Extent, time: MonoNs },
    /// A write is under way that was not seen to be taken up.
    Adopt { extent: Extent, time: MonoNs },
    /// A write is over.
    End { extent: Extent },
    /// The clean list is cleared.
    UpdateStates { time: MonoNs },
    /// A recorded region turns out to be out of sync.
    FoundOutOfSync { region: u64, time: MonoNs },
    /// A recorded region turns out to be in sync.
    FoundInSync { region: u64, time: MonoNs },
    /// A recorded region is recovered.
    GainSync { region: u64, is_cleared: bool, time: MonoNs },
    /// The log is flushed.
    Flush(FlushStep),
}

/// From where the log's flush is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlushOrigin {
    /// `dm_rh_update_states`, or `dm_rh_flush` of a pass without writes that count.
    Pass,
    /// `dm_rh_flush`: writes wait for it.
    Writes,
    /// `mirror_postsuspend`.
    Suspend,
}

/// One flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlushStep {
    /// When it was over.
    pub(super) time: MonoNs,
    pub(super) start: MonoNs,
    pub(super) duration_ns: Option<u64>,
    /// What the kernel did; `None` if that is not known.
    pub(super) kind: Option<FlushKind>,
    pub(super) result: i32,
    /// The flush of the legs within it failed.
    pub(super) legs_failed: bool,
    pub(super) origin: FlushOrigin,
    /// Writes that wait for it.
    pub(super) writes: u64,
    /// The recorded flush is one that writes wait for: dirtied, or of unknown kind with marks.
    pub(super) holds_writes: bool,
}

/// How sure the order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Writes that were under way and had not been seen to be taken up.
    pub(super) adopted: u64,
    /// Writes of which only the region is known.
    pub(super) unplaced: u64,
    /// Writes whose sectors are known.
    pub(super) placed: u64,
    /// Ends that took effect after the pass during which they were recorded.
    pub(super) late_ends: u64,
    /// Writes whose end is known only from the clear of their region.
    pub(super) ends_not_seen: u64,
    /// Writes and regions that were left out because of a limit, or lie outside of the target.
    pub(super) left_out: u64,
}

impl Doubt {
    pub(super) fn absorb(&mut self, other: &Self) {
        let Self { adopted, unplaced, placed, late_ends, ends_not_seen, left_out } = other;
        self.adopted += adopted;
        self.unplaced += unplaced;
        self.placed += placed;
        self.late_ends += late_ends;
        self.ends_not_seen += ends_not_seen;
        self.left_out += left_out;
    }
}
