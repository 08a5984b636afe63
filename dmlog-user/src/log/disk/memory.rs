//! A log device in memory, which remembers what was asked of it in which order and fails on demand.
//!
//! For tests of the log and of what uses it: the recorded stream is what crash tests cut and tear. The stream grows with
//! every write; nothing that runs for long should record.

use std::io;

use super::storage::LogStorage;

/// A log device in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStorage {
    /// Everything on the device, as it reads.
    pub bytes: Vec<u8>,
    /// Which requests fail from now on.
    pub faults: Faults,
    /// Every write and flush so far, failed ones included, oldest first.
    pub stream: Vec<StorageOp>,
    logical_block_bytes: u32,
}

/// Which requests fail. A failed write writes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reads fail.
    pub read: bool,
    /// Writes fail.
    pub write: bool,
    /// Flushes fail.
    pub flush: bool,
}

/// What was asked of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageOp {
    /// These bytes, at the start of the device.
    Write(Vec<u8>),
    /// A write that was reported as failed: old or new, sector by sector.
    FailedWrite(Vec<u8>),
    /// A flush.
    Flush,
    /// A flush that was reported as failed.
    FailedFlush,
}

impl MemoryStorage {
    /// A device with this content.
    pub fn new(bytes: Vec<u8>, logical_block_bytes: u32) -> Self {
        Self { bytes, faults: Faults::default(), stream: Vec::new(), logical_block_bytes }
    }
}

fn injected() -> io::Error {
    io::Error::other("a fault was asked for")
}

impl LogStorage for MemoryStorage {
    fn size_bytes(&mut self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn logical_block_bytes(&self) -> u32 {
        self.logical_block_bytes
    }

    fn read_area(&mut self, area: &mut [u8]) -> io::Result<()> {
        if self.faults.read {
            return Err(injected());
        }
        area.copy_from_slice(self.bytes.get(..area.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_area(&mut self, area: &[u8]) -> io::Result<()> {
        if self.faults.write {
            self.stream.push(StorageOp::FailedWrite(area.to_vec()));
            return Err(injected());
        }
        self.bytes.get_mut(..area.len()).ok_or(io::ErrorKind::StorageFull)?.copy_from_slice(area);
        self.stream.push(StorageOp::Write(area.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.faults.flush {
            self.stream.push(StorageOp::FailedFlush);
            return Err(injected());
        }
        self.stream.push(StorageOp::Flush);
        Ok(())
    }
}
