//! Numbers that must not be mixed up: indices, times and identities, each with its own type.

use std::fmt;

/// Bytes in a sector. The kernel's sector is always 512 bytes, whatever the device's block size.
pub const SECTOR_SIZE_BYTES: u64 = 512;

/// Index of a region, the kernel's `region_t` in the meaning that dm-log gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(pub u64);

/// A 512-byte sector, the kernel's `sector_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sector(pub u64);

/// `CLOCK_MONOTONIC` in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoNs(pub u64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationNs(pub u64);

/// One instance of a dirty region log (`struct dm_dirty_log`, one per mirror table) within one trace. Numbers are
/// given from 1 in order of appearance; 0 stands for an instance that could not be told ([`LogId::UNKNOWN`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u32);

impl LogId {
    /// An event whose log could not be told.
    pub const UNKNOWN: Self = Self(0);
}

/// One bio on its way through the mirror target, numbered from 1 in order of appearance within one trace.
/// 0 stands for a bio whose entry was not seen ([`IoId::UNKNOWN`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IoId(pub u64);

impl IoId {
    /// A bio whose entry was not seen.
    pub const UNKNOWN: Self = Self(0);
}

/// Major and minor number of a block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevNum {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl fmt::Display for DevNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl std::str::FromStr for DevNum {
    type Err = NotADevNum;

    fn from_str(text: &str) -> Result<Self, NotADevNum> {
        let parse = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse::<u32>().ok() } else { None }
        };
        let (major, minor) = text.split_once(':').ok_or(NotADevNum)?;
        match (parse(major), parse(minor)) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(NotADevNum),
        }
    }
}

/// A text that is not `MAJOR:MINOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a device number such as `254:0`")]
pub struct NotADevNum;
