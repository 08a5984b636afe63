//! What goes into a node and what comes out.

use super::ids::{NodeId, Session, Token};
use super::message::Message;
use super::rules::Rules;
use crate::log::arguments::SyncOption;
use crate::log::geometry::LogGeometry;
use crate::log::region_set::RegionSet;
use crate::log::userspace::ids::Errno;
use crate::log::userspace::reply::Answer;
use crate::log::userspace::request::RequestOp;

/// Bytes of a checkpoint in one message. Corosync takes messages of up to 1 MiB, and a log of 8 million regions has as
/// much as that; chunks of this size let the messages of other logs go in between.
pub const CHECKPOINT_CHUNK_BYTES: usize = 32 * 1024;

/// Where the state survives when no node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// `clustered-core`: nowhere.
    Memory,
    /// `clustered-disk`: on this device, which all nodes share.
    LogDevice(String),
}

/// What a node has to know from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// This node.
    pub node: NodeId,
    /// How the target is cut into regions; the same on all nodes.
    pub geometry: LogGeometry,
    /// Where the state survives.
    pub storage: Storage,
    /// The last table argument. It counts for the node that founds the state.
    pub sync_option: SyncOption,
    /// Higher than any that this node has had for this log, restarts of the machine included; a time in seconds will
    /// do.
    pub first_session: u32,
    /// The kernel has introduced itself with a reconnecting `CTR`: it has been using the log without us.
    pub is_reconnect: bool,
    /// [`CHECKPOINT_CHUNK_BYTES`]; less in tests.
    pub chunk_bytes: usize,
    /// [`Rules::SAFE`].
    pub rules: Rules,
}

/// Why a node is not in the group any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// It left by itself (`CPG_REASON_LEAVE`): its mirror is suspended or gone.
    Left,
    /// Its daemon died (`CPG_REASON_PROCDOWN`) and its kernel lives.
    ProcessDown,
    /// It is down or cut off (`CPG_REASON_NODEDOWN`), and is fenced: nothing that it has under way reaches the storage
    /// any more.
    NodeDown,
}

/// A change of the membership, or of the quorum alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Everybody in the group from here on, in ascending order.
    pub members: Vec<NodeId>,
    /// Who is gone. One that is gone and back again is here and in `joined`.
    pub left: Vec<(NodeId, LeaveReason)>,
    /// Who is new.
    pub joined: Vec<NodeId>,
    /// Whether the nodes that this one has been connected to *without a break* since the change before have the
    /// cluster's quorum together. A node that was away and came back before anybody told it does not have it.
    pub has_quorum: bool,
}

impl Membership {
    /// Whether somebody came or went, and not just the quorum.
    pub(crate) fn is_of_members(&self) -> bool {
        !(self.left.is_empty() && self.joined.is_empty())
    }
}

/// Something that happens to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The local kernel asks.
    Local {
        /// Comes back with the reply.
        token: Token,
        /// What.
        op: RequestOp,
    },
    /// The group delivers a message; the node's own ones too.
    Delivered {
        /// Who sent it.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// The group delivers a change of the membership.
    Membership(Membership),
    /// [`Output::ReadDisk`] is done.
    DiskRead {
        /// As in the output.
        session: Session,
        /// What is clean there, or `None` if it could not be read.
        clean: Option<RegionSet>,
    },
    /// [`Output::WriteDisk`] is done.
    DiskWritten {
        /// As in the output.
        write: u64,
        /// Whether it is there for good.
        is_ok: bool,
    },
    /// A node whose daemon died is down.
    NodeGone {
        /// Which.
        node: NodeId,
    },
}

/// Something that a node wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Join the group.
    Join,
    /// Leave the group, behind everything that was multicast before.
    Leave,
    /// Send to the whole group in agreed order.
    Multicast(Message),
    /// Answer the local kernel.
    Reply {
        /// As in the input.
        token: Token,
        /// The answer, or why there is none.
        outcome: Result<Answer, Errno>,
    },
    /// Read the log device.
    ReadDisk {
        /// To be given back.
        session: Session,
    },
    /// Write the log device and flush it.
    WriteDisk {
        /// To be given back.
        write: u64,
        /// The bits.
        clean: RegionSet,
    },
}
