//! Numbers of the cluster that must not be mixed up.

use std::fmt;

/// A node, by the number that the cluster gives it (`nodeid` of corosync).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// One attempt of one node to be a member. Each attempt has a higher number than all before it, over restarts too, so
/// that what an earlier one has sent and the network still holds is known for what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(pub u64);

/// A place in the order of messages that all members agree on. Counted from the founding of the group; members have the
/// same count at the same message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// One request of the local kernel, chosen by whoever hands it in; comes back with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);
