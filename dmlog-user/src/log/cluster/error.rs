//! Errors of the cluster's codec.

/// Bytes that are no message, or a checkpoint that is none of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// They end in the middle.
    #[error("the bytes end at {length}, in the middle of a field")]
    Short {
        /// Where they end.
        length: usize,
    },
    /// There are more than the message has.
    #[error("{count} bytes are left over behind the message")]
    LeftOver {
        /// How many.
        count: usize,
    },
    /// They were written by another version.
    #[error("a message of version {found}; this node speaks version {expected}")]
    Version {
        /// Theirs.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// A kind of message that is not known.
    #[error("kind {found} of message is not known")]
    Kind {
        /// The number.
        found: u8,
    },
    /// A yes or no that is neither.
    #[error("{found} where 0 or 1 was expected")]
    Flag {
        /// What stands there.
        found: u8,
    },
    /// More of something than a message of this length can hold.
    #[error("{count} entries in a message of {length} bytes")]
    Count {
        /// How many it says.
        count: u64,
        /// Length of the message.
        length: usize,
    },
    /// A chunk that is none of its checkpoint.
    #[error("chunk {index} of {count}")]
    Chunk {
        /// Its number.
        index: u32,
        /// How many it says there are.
        count: u32,
    },
    /// The state is that of a log with other regions.
    #[error("the state has {found} regions and the table {expected}")]
    RegionCount {
        /// In the state.
        found: u64,
        /// In the table.
        expected: u64,
    },
}
