//! L1: the dirty region log itself, as the kernel implements it.
//!
//! One implementation for everything: the model that replays traces and is compared with the kernel, the what-if engine,
//! and the daemon that serves the kernel's userspace log type. It copies the kernel's arithmetic, quirks included; each
//! quirk has the kernel's line above it and a test with its name.
//!
//! ```text
//! dirty_log      trait DirtyLog: one method per operation of struct dm_dirty_log_type
//! region_set     one bit per region, in the kernel's bit order
//! geometry       target length, region size, region count, with the kernel's checks
//! arguments      what stands in a device-mapper table
//! bits           the state and the functions that the core and the disk type share
//! core_log       the type `core`: in memory, lost at reboot
//! disk           the type `disk`: on a log device; the on-disk format
//! userspace      the type `userspace`: the kernel's side, the protocol, and a server that answers from any log
//! cluster        one log on several nodes: the state machine behind `clustered-core` and `clustered-disk`
//! ```
//!
//! Nothing here opens a file, reads a clock or prints; storage and callbacks are handed in.

pub mod dirty_log;

pub mod region_set;

pub mod arguments;
pub mod geometry;

pub mod bits;
pub mod core_log;
pub mod disk;

pub mod userspace;

pub mod cluster;
