//! What every dirty region log can do: one method per operation of `struct dm_dirty_log_type`.
//!
//! The kernel's interface is `include/linux/dm-dirty-log.h`
//! (<https://github.com/torvalds/linux/blob/v6.12/include/linux/dm-dirty-log.h>), the same from 5.10 to 7.3. `ctr` is the
//! constructor of each implementation, `dtr` is `Drop`. A log has no lock: the kernel runs every operation that changes
//! it in one worker per mirror, one at a time (`do_mirror`), which `&mut self` says here.

use std::io;

use crate::event::ids::Region;

/// Name of a log's type, `dm_dirty_log_type.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogType {
    /// In memory; lost at reboot.
    Core,
    /// Written to a log device.
    Disk,
    /// Kept by a daemon, which is asked over a netlink connector.
    Userspace,
}

impl LogType {
    /// The name as it stands in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Disk => "disk",
            Self::Userspace => "userspace",
        }
    }
}

/// What a status is asked for, `status_type_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusType {
    /// `STATUSTYPE_INFO`, 0: health, for `dmsetup status`.
    Info,
    /// `STATUSTYPE_TABLE`, 1: the arguments, for `dmsetup table`.
    Table,
    /// `STATUSTYPE_IMA`, 2: the integrity measurement; every log contributes an empty string. Since 5.15.
    Ima,
}

/// The operations of a dirty region log.
///
/// Regions are indices, never sectors. An operation that fails leaves the log in the state that the kernel's would be
/// in; it is usable on.
pub trait DirtyLog {
    /// Which type it is.
    fn log_type(&self) -> LogType;

    /// `presuspend`: recovery has stopped, writes may still be under way. May block. The mirror only warns about an error.
    ///
    /// # Errors
    /// Core and disk logs have no such operation and never fail.
    fn presuspend(&mut self) -> Result<(), LogError>;

    /// `postsuspend`: nothing is under way any more. May block. The disk type's is its flush. The mirror only warns about an
    /// error.
    ///
    /// # Errors
    /// As [`DirtyLog::flush`].
    fn postsuspend(&mut self) -> Result<(), LogError>;

    /// `resume`: the mirror is about to take I/O, for the first time or again. May block. A disk log reads its device here
    /// and nowhere else. The mirror only warns about an error and goes live.
    ///
    /// # Errors
    /// A disk log says what became of its *write*; what it could not read makes every region dirty and is seen in the status.
    fn resume(&mut self) -> Result<(), LogError>;

    /// `get_region_size`: size of a region in sectors, a power of two. Never blocks.
    fn get_region_size(&self) -> u32;

    /// Regions of the log, `log_c.region_count`; no operation of its own in the kernel.
    fn region_count(&self) -> u64;

    /// `is_clean`: whether the region is clean (not marked). May block. Nothing in the kernel calls it.
    ///
    /// # Errors
    /// Core and disk logs never fail.
    fn is_clean(&mut self, region: Region) -> Result<bool, LogError>;

    /// `in_sync`: whether the legs are known to be equal there. Independent of clean and dirty. May block only if
    /// `can_block`, which core and disk logs ignore: they never need to.
    ///
    /// # Errors
    /// [`LogError::WouldBlock`] if the answer needs waiting and `can_block` is false.
    fn in_sync(&mut self, region: Region, can_block: bool) -> Result<bool, LogError>;

    /// `flush`: what was marked and cleared becomes durable. May block. Writes to a region that was marked may go to the
    /// legs only after it returned `Ok`.
    ///
    /// # Errors
    /// The log device failed; whether the old or the new state is on it is unknown, and the next flush tries again.
    fn flush(&mut self) -> Result<(), LogError>;

    /// `mark_region`: the region becomes dirty, in memory. Called under a spin lock: must not block.
    fn mark_region(&mut self, region: Region);

    /// `clear_region`: the region becomes clean, in memory. Must not block.
    fn clear_region(&mut self, region: Region);

    /// `get_resync_work`: the next region that is out of sync and not yet recovering, which is recovering from now on; `None`
    /// if there is none ahead. May block.
    ///
    /// # Errors
    /// Core and disk logs never fail.
    fn get_resync_work(&mut self) -> Result<Option<Region>, LogError>;

    /// `set_region_sync`: recovery of the region is over, or a leg failed there. May block.
    fn set_region_sync(&mut self, region: Region, in_sync: bool);

    /// `get_sync_count`: regions in sync, as the log counts them. May block.
    fn get_sync_count(&mut self) -> u64;

    /// `status`: the log's words in a status line, in the kernel's spelling. May block.
    fn status(&mut self, status: StatusType) -> String;

    /// `is_remote_recovering`: whether another node recovers the region. Core and disk logs do not have the operation, which
    /// means no. May block.
    fn is_remote_recovering(&mut self, region: Region) -> bool;
}

/// An operation of a log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The answer needs waiting, and the caller may not wait.
    #[error("the log cannot answer without waiting")]
    WouldBlock,
    /// The log device could not be written.
    #[error("cannot write the log to log device {log_dev}")]
    WriteLogDevice {
        /// Device as the status names it.
        log_dev: String,
        /// What the device said.
        #[source]
        source: io::Error,
    },
    /// The log was written, but the log device could not be flushed.
    #[error("cannot flush log device {log_dev}")]
    FlushLogDevice {
        /// Device as the status names it.
        log_dev: String,
        /// What the device said.
        #[source]
        source: io::Error,
    },
    /// The daemon of a userspace log refused, or could not be reached.
    #[error("the log daemon answered {request} with errno {errno}")]
    Daemon {
        /// Name of the request type.
        request: &'static str,
        /// What came back, positive.
        errno: i32,
    },
}

/// `EIO` of Linux on every architecture that it runs on.
const EIO: i32 = 5;
/// `EWOULDBLOCK` of Linux; 11 on every architecture that has dm-mirror users.
const EWOULDBLOCK: i32 = 11;

impl LogError {
    /// What the kernel's operation returns in this case: a negative errno. `dm_io` turns every error into `-EIO`.
    pub const fn kernel_result(&self) -> i32 {
        match self {
            Self::WouldBlock => -EWOULDBLOCK,
            Self::WriteLogDevice { .. } | Self::FlushLogDevice { .. } => -EIO,
            Self::Daemon { errno, .. } => -*errno,
        }
    }
}
