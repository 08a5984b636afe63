//! Where a disk log is kept: one area that is read and written whole, and a flush.

use std::io;

/// The log device, as far as a disk log needs it.
///
/// The area begins at byte 0. A write that returned may still be in a cache; only a flush after it, or
/// [`LogStorage::write_area_durably`], makes it last. A write that failed, or that a crash interrupts, leaves each sector
/// with its old or its new content.
pub trait LogStorage {
    /// Size of the device in bytes.
    ///
    /// # Errors
    /// What the device says.
    fn size_bytes(&mut self) -> io::Result<u64>;

    /// Logical block size in bytes; the area is a multiple of it.
    fn logical_block_bytes(&self) -> u32;

    /// Reads the area, all of it.
    ///
    /// # Errors
    /// What the device says; the content of `area` is then undefined.
    fn read_area(&mut self, area: &mut [u8]) -> io::Result<()>;

    /// Writes the area, all of it, perhaps only to a cache.
    ///
    /// # Errors
    /// What the device says; each sector is then old or new.
    fn write_area(&mut self, area: &[u8]) -> io::Result<()>;

    /// Everything that was written before is durable when this returns: a `REQ_PREFLUSH` without data.
    ///
    /// # Errors
    /// What the device says; what was written since the last flush may be lost.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes the area and makes it durable. A storage that can do both at once (`REQ_FUA`) does that.
    ///
    /// # Errors
    /// Which of the two failed. A storage that does both at once calls it a write.
    fn write_area_durably(&mut self, area: &[u8]) -> Result<(), DurableWriteError> {
        self.write_area(area).map_err(|source| DurableWriteError::Write { source })?;
        self.flush().map_err(|source| DurableWriteError::Flush { source })
    }
}

/// A durable write failed.
#[derive(Debug, thiserror::Error)]
pub enum DurableWriteError {
    /// The area was not written.
    #[error("the area was not written")]
    Write {
        /// What the device said.
        #[source]
        source: io::Error,
    },
    /// The area was written, but may be in a cache only.
    #[error("the device was not flushed")]
    Flush {
        /// What the device said.
        #[source]
        source: io::Error,
    },
}
