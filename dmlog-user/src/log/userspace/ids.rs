//! Who a request is about, and numbers of the protocol that must not be mixed up.

use std::fmt;

use super::error::UlogError;
use crate::log::arguments::UUID_BYTES_MAX;

/// `luid`: the kernel's own name for one log instance, the address of its `log_c`.
///
/// Two tables of one device, the live and the inactive one, share the UUID and differ here. The value says where the
/// kernel's memory is, so it is never printed: neither `Debug` nor any message shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Luid(u64);

impl Luid {
    /// From the number on the wire.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number on the wire; for encoding and for nothing else.
    pub(crate) const fn wire_value(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Luid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Luid(hidden)")
    }
}

impl fmt::Display for Luid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// `uuid`: the name of a log as its table says, the same for all its instances, and in a cluster on all nodes. 1 to
/// 128 bytes without NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(String);

impl Uuid {
    /// Checks a name.
    ///
    /// # Errors
    /// [`UlogError::Uuid`] if it is empty, longer than the field, or has a NUL.
    pub fn new(text: &str) -> Result<Self, UlogError> {
        if text.is_empty() || text.len() > UUID_BYTES_MAX || text.contains('\0') {
            return Err(UlogError::Uuid);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `dm_ulog_request.seq`: joins a reply to its request. A request that is sent again has a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestSeq(pub u32);

/// A Linux error number, positive; 0 is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

impl Errno {
    /// No such process: nobody listens.
    pub const ESRCH: Self = Self(3);
    /// Input/output error.
    pub const EIO: Self = Self(5);
    /// Try again: the kernel sends the request once more, at once.
    pub const EAGAIN: Self = Self(11);
    /// Busy.
    pub const EBUSY: Self = Self(16);
    /// Invalid argument.
    pub const EINVAL: Self = Self(22);
    /// No space: the reply is longer than the kernel's buffer, or a limit is reached.
    pub const ENOSPC: Self = Self(28);
    /// Not supported: the operation is none of ours.
    pub const ENOSYS: Self = Self(38);

    /// From a positive number; `None` for 0 and below.
    pub const fn new(number: i32) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// The positive number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {}", self.0)
    }
}
