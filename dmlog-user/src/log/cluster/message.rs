//! What members tell each other. All of it goes to the whole group, in one order for everybody.

use super::ids::{NodeId, Position, Session};
use crate::event::ids::Region;

/// A message and the session of its sender. Who sent it is known from the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender's.
    pub session: Session,
    /// What it says.
    pub body: Body,
}

/// What a node says of itself after each change of the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has the state.
    Member,
    /// It wants the state. `is_reconnect`: its kernel has used the log all along and lost its daemon, so what it is
    /// writing is not known.
    Joiner {
        /// See above.
        is_reconnect: bool,
    },
    /// It was cut off from the others, and what its kernel is writing is not known to anybody who has the state.
    Isolated,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Sent by every node after every change of the membership.
    Announce(Standing),
    /// Nobody has the state, and the sender has made one.
    Founded,
    /// The state as it is behind this message follows in chunks.
    CheckpointStart,
    /// A part of the state. With the last one, those who were waiting at the start are members.
    CheckpointChunk {
        /// From 0.
        index: u32,
        /// How many there are.
        count: u32,
        /// The part.
        bytes: Vec<u8>,
    },
    /// Regions become dirty on behalf of the sender.
    Mark {
        /// Which.
        regions: Vec<Region>,
    },
    /// The sender writes no more there.
    Clear {
        /// Which.
        regions: Vec<Region>,
    },
    /// Everything before this has to be durable; everybody acknowledges.
    Flush {
        /// The sender's number of it.
        request: u64,
    },
    /// The sender wants a region to recover.
    Work {
        /// The sender's number of it.
        request: u64,
    },
    /// The sender has recovered a region, or a leg failed there. The latter everybody acknowledges.
    SetRegionSync {
        /// The sender's number of it.
        request: u64,
        /// Which.
        region: Region,
        /// Whether its legs are equal.
        in_sync: bool,
    },
    /// The sender's kernel is going to be told whether the region is in sync, and if it is not, may write there
    /// unmarked.
    InSync {
        /// The sender's number of it.
        request: u64,
        /// Which.
        region: Region,
    },
    /// The sender has a write waiting for this region; please recover it first.
    Wanted {
        /// Which.
        region: Region,
    },
    /// The sender has everything up to there.
    Ack {
        /// Where.
        up_to: Position,
    },
    /// The state at a place in the order is on the log device, or could not be written there.
    DiskWritten {
        /// The place.
        up_to: Position,
        /// Whether it is there.
        is_ok: bool,
    },
    /// The sender, so far the server, writes the log device no more.
    Handover,
    /// A node whose daemon died is known to be down.
    NodeGone {
        /// Which.
        node: NodeId,
    },
}
