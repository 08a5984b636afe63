//! Sizes and places in a datagram of the protocol, and reading and writing at those places.
//!
//! ```text
//! 0          16        36                      196
//! ┌ nlmsghdr ┬ cn_msg ┬ dm_ulog_request ······ ┬ data ┐     all in the machine's own byte order
//! ```
//!
//! The request begins at byte 36, so its 64-bit fields are not aligned and are read byte by byte. Sizes are those of
//! `include/uapi/linux/netlink.h`, `connector.h` and `dm-log-userspace.h`.

/// `struct nlmsghdr`.
pub(crate) const NETLINK_HEADER_BYTES: usize = 16;
/// `struct cn_msg` without data.
pub(crate) const CONNECTOR_HEADER_BYTES: usize = 20;
/// `struct dm_ulog_request` without data.
pub(crate) const ULOG_HEADER_BYTES: usize = 160;
/// Where the request begins in a datagram.
pub(crate) const FRAME_BYTES: usize = NETLINK_HEADER_BYTES + CONNECTOR_HEADER_BYTES;

/// `NLMSG_ALIGNTO`: a datagram may be longer than its message by less than this.
pub(crate) const NETLINK_ALIGN_BYTES: usize = 4;
/// `NLMSG_DONE`: the type of every connector message.
pub(crate) const NLMSG_DONE: u16 = 3;
/// `CN_IDX_DM`: the connector group.
pub const CN_IDX_DM: u32 = 7;
/// `CN_VAL_DM_USERSPACE_LOG`.
pub const CN_VAL_DM_USERSPACE_LOG: u32 = 1;

/// `DM_ULOG_REQUEST_MASK`: the bits of `request_type` that are the type.
pub(crate) const REQUEST_TYPE_MASK: u32 = 0xff;
/// Latest version of the protocol: 3 brought the integrated flush, 2 the log device in the reply to a `CTR`.
pub const VERSION_MAX: u32 = 3;
/// First version whose `CTR` may return a log device.
pub(crate) const VERSION_LOG_DEVICE: u32 = 2;
/// First version whose `FLUSH` may carry marks.
pub(crate) const VERSION_INTEGRATED_FLUSH: u32 = 3;

/// `DM_UUID_LEN`: the UUID with its NUL.
pub(crate) const UUID_FIELD_BYTES: usize = 129;
/// Data of a request: `DM_ULOG_PREALLOCED_SIZE` (512) less the headers of connector and request.
pub const REQUEST_BYTES_MAX: usize = 512 - CONNECTOR_HEADER_BYTES - ULOG_HEADER_BYTES;
/// `MAX_FLUSH_GROUP_COUNT`: regions in one `MARK_REGION`, `CLEAR_REGION` or `FLUSH`.
pub const GROUP_REGIONS_MAX: usize = 32;
/// `DM_NAME_LEN`: the kernel's buffer for the name of the log device, NUL included.
pub const DEVICE_NAME_BYTES_MAX: usize = 128;
/// A status with its NUL. The kernel takes what fits the caller's buffer, of which the mirror's own words have taken a
/// part; nothing that a log has to say comes near this.
pub const STATUS_BYTES_MAX: usize = 512;

/// Places in `struct dm_ulog_request`.
pub(crate) mod at {
    pub(crate) const LUID: usize = 0;
    pub(crate) const UUID: usize = 8;
    pub(crate) const VERSION: usize = 140;
    pub(crate) const ERROR: usize = 144;
    pub(crate) const SEQ: usize = 148;
    pub(crate) const REQUEST_TYPE: usize = 152;
    pub(crate) const DATA_SIZE: usize = 156;
}

/// Bytes of somebody else, read at checked places.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The array at `at`; zero where the bytes end, which callers have excluded by comparing the length.
    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
    }

    pub(crate) fn u16(self, at: usize) -> u16 {
        u16::from_ne_bytes(self.array(at))
    }

    pub(crate) fn u32(self, at: usize) -> u32 {
        u32::from_ne_bytes(self.array(at))
    }

    pub(crate) fn u64(self, at: usize) -> u64 {
        u64::from_ne_bytes(self.array(at))
    }

    /// What is behind `at`; nothing where the bytes end before.
    pub(crate) fn rest(self, at: usize) -> &'a [u8] {
        self.0.get(at..).unwrap_or_default()
    }

    /// The text up to the first NUL of a field; `None` without one or if it is not UTF-8.
    pub(crate) fn text(self, at: usize, length: usize) -> Option<&'a str> {
        let field = self.0.get(at..at.checked_add(length)?)?;
        std::ffi::CStr::from_bytes_until_nul(field).ok()?.to_str().ok()
    }

    /// All bytes as numbers of 64 bits; what is left over at the end is not looked at.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u64> + 'a {
        self.0.chunks_exact(size_of::<u64>()).map(|chunk| Fields(chunk).u64(0))
    }
}

/// The numbers of a payload, one behind the other.
pub(crate) fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}
