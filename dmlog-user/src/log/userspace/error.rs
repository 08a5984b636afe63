//! Errors of the request codec.

use super::wire::{
    CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG, DEVICE_NAME_BYTES_MAX, GROUP_REGIONS_MAX, REQUEST_BYTES_MAX, STATUS_BYTES_MAX,
    VERSION_MAX,
};

/// Bytes that are no message of the userspace log protocol, or a message that has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UlogError {
    /// Not even the headers.
    #[error("a datagram of {length} bytes is shorter than the {expected} of its headers")]
    Short {
        /// Bytes there are.
        length: usize,
        /// Bytes there have to be.
        expected: usize,
    },
    /// A connector message of somebody else; process events come to sockets that are bound by the kernel header's
    /// recipe.
    #[error("a connector message {idx}:{value} is none of dm-log-userspace ({CN_IDX_DM}:{CN_VAL_DM_USERSPACE_LOG})")]
    Foreign {
        /// `cn_msg.id.idx`.
        idx: u32,
        /// `cn_msg.id.val`.
        value: u32,
    },
    /// A netlink message that carries no connector message: `NLMSG_NOOP`, `NLMSG_ERROR`, `NLMSG_OVERRUN`.
    #[error("a netlink message of type {found} instead of `NLMSG_DONE`")]
    NetlinkType {
        /// `nlmsghdr.nlmsg_type`.
        found: u16,
    },
    /// The lengths in the headers contradict each other or the datagram.
    #[error("the headers speak of {netlink} and {connector} bytes, and the datagram has {length}")]
    Lengths {
        /// `nlmsghdr.nlmsg_len`.
        netlink: u32,
        /// `cn_msg.len`.
        connector: u16,
        /// Length of the datagram in bytes.
        length: usize,
    },
    /// `data_size` is not what is behind the header.
    #[error("the header speaks of {data_size} bytes of data, and there are {found}")]
    DataSize {
        /// `dm_ulog_request.data_size`.
        data_size: u32,
        /// Bytes behind the header.
        found: usize,
    },
    /// The UUID is empty, not terminated, too long, or not UTF-8.
    #[error("the UUID is no text of 1 to 128 bytes that ends in a NUL")]
    Uuid,
    /// A version of the protocol that does not exist yet, or 0.
    #[error("version {found} of the protocol; versions 1 to {VERSION_MAX} are known")]
    Version {
        /// `dm_ulog_request.version`.
        found: u32,
    },
    /// No request type.
    #[error("request type {found} is not known")]
    RequestType {
        /// `dm_ulog_request.request_type`, the low 8 bits.
        found: u32,
    },
    /// The data has not the length that the request type has.
    #[error("a {request} with {found} bytes of data instead of {expected}")]
    Payload {
        /// Name of the request type.
        request: &'static str,
        /// Bytes there are.
        found: usize,
        /// Bytes there have to be.
        expected: usize,
    },
    /// No list of regions.
    #[error("{bytes} bytes are no list of 1 to {GROUP_REGIONS_MAX} regions")]
    RegionList {
        /// Bytes there are.
        bytes: usize,
    },
    /// A flush with marks in a version that has no integrated flush.
    #[error("a flush with marks in version {version}; marks travel with a flush from version 3 on")]
    MarksInFlush {
        /// `dm_ulog_request.version`.
        version: u32,
    },
    /// The text of a `CTR`, of a status or of a device name is not UTF-8 or has a NUL inside.
    #[error("the text of a {request} is not UTF-8 or has a NUL inside")]
    Text {
        /// Name of the request type.
        request: &'static str,
    },
    /// The name of the log device does not end in a NUL; the kernel refuses it too.
    #[error("the name of the log device does not end in a NUL")]
    DeviceNameUnterminated,
    /// The name of the log device does not fit the kernel's buffer.
    #[error("a log device name of {bytes} bytes; at most {DEVICE_NAME_BYTES_MAX} fit, the NUL included")]
    DeviceNameTooLong {
        /// Length with its NUL.
        bytes: usize,
    },
    /// A log device in a version whose `CTR` returns none.
    #[error("a log device in a reply of version {version}; a `CTR` returns one from version 2 on")]
    DeviceInReply {
        /// `dm_ulog_request.version`.
        version: u32,
    },
    /// A status text longer than anybody needs.
    #[error("a status of {bytes} bytes; at most {STATUS_BYTES_MAX} are sent")]
    StatusTooLong {
        /// Length with its NUL.
        bytes: usize,
    },
    /// A yes or no that is neither 1 nor 0. The kernel compares with 1, and a daemon that answered 2 once destroyed
    /// data.
    #[error("{value} as the answer of a {request}, which is 0 or 1")]
    NotAFlag {
        /// Name of the request type.
        request: &'static str,
        /// What stands there.
        value: i64,
    },
    /// The error of a reply is positive; the kernel's are negative.
    #[error("{found} is no error of a reply, which is 0 or a negative errno")]
    ErrorSign {
        /// `dm_ulog_request.error`, or `cn_msg.ack` as the kernel negates it.
        found: i64,
    },
    /// A reply that has failed carries data.
    #[error("a reply that has failed carries {bytes} bytes of data")]
    DataWithError {
        /// Bytes there are.
        bytes: usize,
    },
    /// The request does not fit the kernel's buffer of 512 bytes.
    #[error("a request with {bytes} bytes of data; the kernel sends at most {REQUEST_BYTES_MAX}")]
    RequestTooLong {
        /// Bytes of data.
        bytes: usize,
    },
    /// The answer belongs to another request type.
    #[error("an answer of another kind as the reply to a {request}")]
    AnswerKind {
        /// Name of the request type.
        request: &'static str,
    },
}
