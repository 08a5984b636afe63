//! A log device that is a file or a block device, opened by the caller.
//!
//! The caller opens it with `O_DIRECT` where the page cache must not come between (a block device that another node writes
//! too); both ways work here, because every buffer and length is aligned. What is read into or written from is a `Vec`
//! that is longer than needed, of which the aligned part is used.
//!
//! A durable write is one `pwritev2` with `RWF_DSYNC` on Linux, which a block device turns into `REQ_FUA` if it can;
//! elsewhere, and where a file system refuses the flag, it is a write and a `sync_data`.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

#[cfg(target_os = "linux")]
use super::storage::DurableWriteError;
use super::storage::LogStorage;

/// Buffers begin at a multiple of this, or of the device's block size if that is larger. `O_DIRECT` asks for the block size
/// at most, which is 4,096 bytes or less on every device that Linux knew before blocks larger than a page.
const ALIGNMENT_MIN: usize = 4096;

/// Storage on a file or a block device.
#[derive(Debug)]
pub struct DeviceStorage {
    file: File,
    logical_block_bytes: u32,
    buffer: AlignedBuffer,
}

impl DeviceStorage {
    /// Uses a file that is open for reading and writing. `logical_block_bytes` is the device's (`BLKSSZGET`), or 512 for a
    /// file.
    pub fn new(file: File, logical_block_bytes: u32) -> Self {
        let alignment = usize::try_from(logical_block_bytes).unwrap_or(0).max(ALIGNMENT_MIN).next_power_of_two();
        Self { file, logical_block_bytes, buffer: AlignedBuffer::new(alignment) }
    }
}

impl LogStorage for DeviceStorage {
    fn size_bytes(&mut self) -> io::Result<u64> {
        // The length of a block device is 0; its end is where its size is.
        self.file.seek(SeekFrom::End(0))
    }

    fn logical_block_bytes(&self) -> u32 {
        self.logical_block_bytes
    }

    fn read_area(&mut self, area: &mut [u8]) -> io::Result<()> {
        let buffer = self.buffer.of_length(area.len());
        self.file.read_exact_at(buffer, 0)?;
        area.copy_from_slice(buffer);
        Ok(())
    }

    fn write_area(&mut self, area: &[u8]) -> io::Result<()> {
        self.file.write_all_at(self.buffer.filled(area), 0)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    #[cfg(target_os = "linux")]
    fn write_area_durably(&mut self, area: &[u8]) -> Result<(), DurableWriteError> {
        match write_dsync(&self.file, self.buffer.filled(area)) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.write_area(area).map_err(|source| DurableWriteError::Write { source })?;
                self.flush().map_err(|source| DurableWriteError::Flush { source })
            }
            written => written.map_err(|source| DurableWriteError::Write { source }),
        }
    }
}

/// Writes everything at the start of the file; durable when it returns.
#[cfg(target_os = "linux")]
fn write_dsync(file: &File, bytes: &[u8]) -> io::Result<()> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    let mut written = 0;
    while written < bytes.len() {
        let rest = [io::IoSlice::new(&bytes[written..])];
        match pwritev2(file, &rest, written as u64, ReadWriteFlags::DSYNC) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => written += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A buffer whose first byte is at a multiple of a power of two.
#[derive(Debug)]
struct AlignedBuffer {
    bytes: Vec<u8>,
    used: Range<usize>,
    alignment: usize,
}

impl AlignedBuffer {
    fn new(alignment: usize) -> Self {
        Self { bytes: Vec::new(), used: 0..0, alignment }
    }

    /// The aligned part, of that length; its content is kept while the length is the same.
    fn of_length(&mut self, length: usize) -> &mut [u8] {
        if self.used.len() != length {
            // The vector never grows after this, so it never moves.
            self.bytes = vec![0; length + self.alignment];
            // Never above the alignment but where pointers have no addresses (Miri); a device refuses such a buffer.
            let start = self.bytes.as_ptr().align_offset(self.alignment).min(self.alignment);
            self.used = start..start + length;
        }
        &mut self.bytes[self.used.clone()]
    }

    /// The aligned part, with these bytes in it.
    fn filled(&mut self, bytes: &[u8]) -> &[u8] {
        let part = self.of_length(bytes.len());
        part.copy_from_slice(bytes);
        part
    }
}

#[cfg(test)]
mod tests {
    use super::AlignedBuffer;

    #[test]
    fn every_buffer_is_aligned_and_as_long_as_asked() {
        for alignment in [512, 4096, 65_536] {
            let mut buffer = AlignedBuffer::new(alignment);
            for length in [512, 1536, 1536, 132_096, 512] {
                let part = buffer.of_length(length);
                assert_eq!((part.len(), part.as_ptr().addr() % alignment), (length, 0));
            }
        }
    }
}
