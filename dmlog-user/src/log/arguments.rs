//! The part of a mirror's table that belongs to its log, as `dmsetup table` prints it and as the constructors read it.
//!
//! ```text
//! core      1|2  <region size> [sync|nosync]
//! disk      2|3  <log device> <region size> [sync|nosync]
//! userspace >=3  <uuid> [integrated_flush] <the daemon's arguments>
//! ```
//!
//! Refusals carry the kernel's own words. Source: `drivers/md/dm-raid1.c` `create_dirty_log`, `drivers/md/dm-log.c`
//! `create_log_context`, `disk_ctr`, `drivers/md/dm-log-userspace-base.c` `userspace_ctr`
//! (<https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log.c>), the same from 5.10 to 7.3 but for the limit on the
//! number of regions.

use super::dirty_log::LogType;
use super::geometry::LogGeometry;
use super::region_set::REGION_COUNT_MAX;

/// Longest UUID of a userspace log in bytes: `DM_UUID_LEN - 1`.
pub const UUID_BYTES_MAX: usize = 128;

/// The optional last argument of a core or disk log: `enum sync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyncOption {
    /// `DEFAULTSYNC`, no argument: what the log says is out of sync is recovered.
    #[default]
    Default,
    /// `NOSYNC`, `nosync`: the legs are known to be equal. A disk log forgets on every resume what is on its device.
    Nosync,
    /// `FORCESYNC`, `sync`: everything is recovered, after every resume.
    Force,
}

impl SyncOption {
    /// The word in a table with the space behind it, or nothing: `DMEMIT_SYNC`.
    pub(crate) const fn table_words(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Nosync => "nosync ",
            Self::Force => "sync ",
        }
    }
}

/// Arguments of a core log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreArguments {
    /// Target length, region size, number of regions.
    pub geometry: LogGeometry,
    /// The last argument.
    pub sync_option: SyncOption,
}

/// Arguments of a disk log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskArguments {
    /// Log device as it was written: a path or `MAJ:MIN`.
    pub log_dev: String,
    /// Target length, region size, number of regions.
    pub geometry: LogGeometry,
    /// The last argument.
    pub sync_option: SyncOption,
}

/// Arguments of a userspace log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserspaceArguments {
    /// Name of the log, the same on every node of a cluster.
    pub uuid: String,
    /// `integrated_flush`: marks travel with the flush request.
    pub is_integrated_flush: bool,
    /// What goes to the daemon, the daemon's log type first.
    pub daemon_arguments: Vec<String>,
}

/// The log part of a mirror's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogArguments {
    /// `core`.
    Core(CoreArguments),
    /// `disk`.
    Disk(DiskArguments),
    /// `userspace`.
    Userspace(UserspaceArguments),
}

/// The kernel would refuse the table. The texts are those that it prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Fewer words than the log type, or than its argument count says.
    #[error("Insufficient mirror log arguments")]
    Insufficient,
    /// The second word is not a number.
    #[error("Invalid mirror log argument count")]
    InvalidCount,
    /// No module offers this log type.
    #[error("Error creating mirror dirty log: unknown log type `{}`", .name.escape_debug())]
    UnknownType {
        /// As it was written.
        name: String,
    },
    /// A core log takes one or two arguments.
    #[error("wrong number of arguments to dirty region log")]
    CoreCount,
    /// A disk log takes two or three arguments.
    #[error("wrong number of arguments to disk dirty region log")]
    DiskCount,
    /// The last argument is neither `sync` nor `nosync`; `block_on_error` of old tables is one of those.
    #[error("unrecognised sync argument to dirty region log: {}", .word.escape_debug())]
    SyncWord {
        /// As it was written.
        word: String,
    },
    /// Not a number, not a power of two, below 2 sectors or above the target's length.
    #[error("invalid region size {}", .text.escape_debug())]
    RegionSize {
        /// As it was written.
        text: String,
    },
    /// More regions than the kernel can count.
    #[error("region count exceeds limit of {REGION_COUNT_MAX}")]
    RegionCount,
    /// The area for header and bits does not fit.
    #[error("log device {} too small: need {area_bytes} bytes", .log_dev.escape_debug())]
    LogDeviceTooSmall {
        /// Device as the status names it.
        log_dev: String,
        /// Size of the area in bytes.
        area_bytes: u64,
    },
    /// A userspace log takes a UUID, the daemon's log type and at least one argument.
    #[error("Too few arguments to userspace dirty log")]
    UserspaceCount,
    /// More than [`UUID_BYTES_MAX`] bytes.
    #[error("UUID argument too long.")]
    UuidTooLong,
}

impl LogArguments {
    /// Reads the log part from the words of a mirror's table behind `mirror`, and says how many words it takes; the legs
    /// come behind it.
    ///
    /// # Errors
    /// [`ArgumentError`] where the kernel refuses the table, with its words.
    pub fn parse(words: &[&str], target_sectors: u64) -> Result<(Self, usize), ArgumentError> {
        //= linux v6.12 drivers/md/dm-raid1.c create_dirty_log
        //= `if (argc < 2) { ti->error = "Insufficient mirror log arguments"; return NULL; }`
        let [log_type, count, rest @ ..] = words else { return Err(ArgumentError::Insufficient) };
        let count = usize::try_from(scan_u32(count).ok_or(ArgumentError::InvalidCount)?);
        //= `*args_used = 2 + param_count; if (argc < *args_used)`
        let count = count.ok().filter(|&count| count <= rest.len()).ok_or(ArgumentError::Insufficient)?;
        let arguments = &rest[..count];
        let parsed = match *log_type {
            "core" => Self::Core(CoreArguments::parse(arguments, target_sectors)?),
            "disk" => Self::Disk(DiskArguments::parse(arguments, target_sectors)?),
            "userspace" => Self::Userspace(UserspaceArguments::parse(arguments)?),
            name => return Err(ArgumentError::UnknownType { name: name.to_owned() }),
        };
        Ok((parsed, 2 + count))
    }

    /// Which type of log it asks for.
    pub fn log_type(&self) -> LogType {
        match self {
            Self::Core(_) => LogType::Core,
            Self::Disk(_) => LogType::Disk,
            Self::Userspace(_) => LogType::Userspace,
        }
    }
}

impl CoreArguments {
    /// Reads the arguments behind the count: `create_log_context`, which the disk type shares.
    ///
    /// # Errors
    /// [`ArgumentError`], checked in the kernel's order: count, sync word, region size, number of regions.
    pub fn parse(arguments: &[&str], target_sectors: u64) -> Result<Self, ArgumentError> {
        //= `if (argc < 1 || argc > 2) { DMWARN("wrong number of arguments to dirty region log");`
        let (region_size, sync_option) = match *arguments {
            [region_size] => (region_size, SyncOption::Default),
            [region_size, "sync"] => (region_size, SyncOption::Force),
            [region_size, "nosync"] => (region_size, SyncOption::Nosync),
            [_, word] => return Err(ArgumentError::SyncWord { word: word.to_owned() }),
            [] | [_, _, _, ..] => return Err(ArgumentError::CoreCount),
        };
        //= `if (sscanf(argv[0], "%u%c", &region_size, &dummy) != 1 || !_check_region_size(ti, region_size))`
        let refused = || ArgumentError::RegionSize { text: region_size.to_owned() };
        let region_size_sectors = scan_u32(region_size).ok_or_else(refused)?;
        let geometry = LogGeometry::new(target_sectors, region_size_sectors).map_err(|error| match error {
            ArgumentError::RegionSize { .. } => refused(),
            other => other,
        })?;
        Ok(Self { geometry, sync_option })
    }
}

impl DiskArguments {
    /// Reads the arguments behind the count: `disk_ctr`.
    ///
    /// # Errors
    /// [`ArgumentError`]; whether the log device is there and large enough is seen when it is opened.
    pub fn parse(arguments: &[&str], target_sectors: u64) -> Result<Self, ArgumentError> {
        //= `if (argc < 2 || argc > 3) { DMWARN("wrong number of arguments to disk dirty region log");`
        let [log_dev, rest @ ..] = arguments else { return Err(ArgumentError::DiskCount) };
        if !(1..=2).contains(&rest.len()) {
            return Err(ArgumentError::DiskCount);
        }
        let CoreArguments { geometry, sync_option } = CoreArguments::parse(rest, target_sectors)?;
        Ok(Self { log_dev: (*log_dev).to_owned(), geometry, sync_option })
    }
}

impl UserspaceArguments {
    /// Reads the arguments behind the count: `userspace_ctr`. The daemon checks the rest.
    ///
    /// # Errors
    /// [`ArgumentError::UserspaceCount`] and [`ArgumentError::UuidTooLong`].
    pub fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_ctr
        //= `if (argc < 3) { DMWARN("Too few arguments to userspace dirty log");`
        let [uuid, rest @ ..] = arguments else { return Err(ArgumentError::UserspaceCount) };
        if rest.len() < 2 {
            return Err(ArgumentError::UserspaceCount);
        }
        //= `if (strlen(argv[0]) > (DM_UUID_LEN - 1))`
        if uuid.len() > UUID_BYTES_MAX {
            return Err(ArgumentError::UuidTooLong);
        }
        //= `if (!strcasecmp(argv[0], "integrated_flush"))`
        let (is_integrated_flush, rest) = match rest {
            [word, rest @ ..] if word.eq_ignore_ascii_case("integrated_flush") => (true, rest),
            rest => (false, rest),
        };
        let daemon_arguments = rest.iter().map(|word| (*word).to_owned()).collect();
        Ok(Self { uuid: (*uuid).to_owned(), is_integrated_flush, daemon_arguments })
    }
}

/// A number as `sscanf(word, "%u%c", …) == 1` reads it: decimal digits to the end of the word, and *no overflow check*.
/// `vsscanf` computes in 64 bits that wrap and keeps the low 32.
fn scan_u32(word: &str) -> Option<u32> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let add = |value: u64, digit: u8| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
    let value = word.bytes().fold(0, add);
    u32::try_from(value & u64::from(u32::MAX)).ok()
}

#[cfg(test)]
mod tests;
