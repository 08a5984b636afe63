//! The type `disk`: header and clean bits on a log device.
//!
//! ```text
//! disk_log   DiskLog: the operations, over any storage
//! header     the area on the log device: header, bits, sizes
//! storage    trait LogStorage: read the area, write it, flush
//! memory     storage in memory that remembers what was written, for tests
//! device     storage on a file or block device that the caller opened
//! examine    what the area of some device says, without being its log
//! ```

pub mod disk_log;
pub mod header;
pub mod storage;

pub mod device;
pub mod memory;

pub mod examine;
