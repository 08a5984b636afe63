//! The two headers around every message: `struct nlmsghdr` and `struct cn_msg`.
//!
//! ```text
//! nlmsghdr   0 len u32, 4 type u16 = NLMSG_DONE, 6 flags u16, 8 seq u32, 12 pid u32
//! cn_msg    16 idx u32 = 7, 20 val u32 = 1, 24 seq u32, 28 ack u32, 32 len u16, 34 flags u16
//! ```
//!
//! A socket gets connector messages of other subsystems too if it is bound by the recipe of the kernel's header, so
//! each one is looked at. A datagram is up to three bytes longer than its message (`NLMSG_ALIGN`); so is `nlmsg_len` of
//! old kernels.

use super::error::UlogError;
use super::wire::{CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG, FRAME_BYTES, Fields, NETLINK_ALIGN_BYTES, NLMSG_DONE};

/// One connector message of dm-log-userspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// `cn_msg.seq`.
    pub seq: u32,
    /// `cn_msg.ack`.
    pub ack: u32,
    /// What is behind the headers, `cn_msg.len` bytes.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the headers off.
    ///
    /// # Errors
    /// [`UlogError::Short`], [`UlogError::NetlinkType`], [`UlogError::Foreign`], [`UlogError::Lengths`].
    pub fn decode(datagram: &'a [u8]) -> Result<Self, UlogError> {
        let length = datagram.len();
        if length < FRAME_BYTES {
            return Err(UlogError::Short { length, expected: FRAME_BYTES });
        }
        let read = Fields(datagram);
        let found = read.u16(4);
        if found != NLMSG_DONE {
            return Err(UlogError::NetlinkType { found });
        }
        let (idx, value) = (read.u32(16), read.u32(20));
        if (idx, value) != (CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG) {
            return Err(UlogError::Foreign { idx, value });
        }
        let (netlink, connector) = (read.u32(0), read.u16(32));
        let end = FRAME_BYTES + usize::from(connector);
        let is_whole = end <= length && length - end < NETLINK_ALIGN_BYTES;
        let agrees = usize::try_from(netlink).is_ok_and(|netlink| (end..=length).contains(&netlink));
        match datagram.get(FRAME_BYTES..end) {
            Some(body) if is_whole && agrees => Ok(Self { seq: read.u32(24), ack: read.u32(28), body }),
            _ => Err(UlogError::Lengths { netlink, connector, length }),
        }
    }

    /// Puts the headers on.
    ///
    /// # Errors
    /// [`UlogError::RequestTooLong`] if the body does not fit the 16 bits of its length.
    pub fn encode(&self) -> Result<Vec<u8>, UlogError> {
        let Self { seq, ack, body } = *self;
        let too_long = |_| UlogError::RequestTooLong { bytes: body.len() };
        let connector = u16::try_from(body.len()).map_err(too_long)?;
        let netlink = u32::from(connector) + u32::try_from(FRAME_BYTES).map_err(too_long)?;
        let mut datagram = Vec::with_capacity(FRAME_BYTES + body.len());
        datagram.extend(netlink.to_ne_bytes());
        datagram.extend(NLMSG_DONE.to_ne_bytes());
        datagram.extend(0u16.to_ne_bytes());
        //= linux v6.12 drivers/connector/connector.c cn_netlink_send_mult
        //= `nlh = nlmsg_put(skb, 0, msg->seq, NLMSG_DONE, size, 0);`
        for field in [seq, 0, CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG, seq, ack] {
            datagram.extend(field.to_ne_bytes());
        }
        datagram.extend(connector.to_ne_bytes());
        datagram.extend(0u16.to_ne_bytes());
        datagram.extend(body);
        Ok(datagram)
    }
}
