//! Where the tables of keyframes go that memory has no room for: a file that is handed in.
//!
//! The file is cut into blocks, so that what thinned-out keyframes leave is used again however large the next ones are. What
//! is read back is compared by its crc32c with what was written: a disk may err, and a state that is wrong would go
//! unnoticed.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes of a block.
const BLOCK_BYTES: usize = 256 << 10;

/// Tables smaller than this stay in memory: there are thousands of them before they matter.
pub const SPILL_BYTES_MIN: usize = 64 << 10;

/// Bytes of the file at most: what a hundred sessions take that know a million regions.
pub const SPILL_BYTES_MAX: u64 = 2 << 30;

/// A file that nobody else uses, at first of no length.
pub trait Spill: fmt::Debug + Send {
    /// Writes all bytes at an offset, which may be behind the end.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads as many bytes as there is room for.
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
}

impl Spill for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }
}

/// Bytes that were written.
#[derive(Debug)]
pub(super) struct Spilled {
    blocks: Box<[u32]>,
    bytes: usize,
    crc: u32,
}

/// Why bytes were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no room.
    Full,
    /// The file could not be written, now or before.
    Broken,
}

/// The file and its blocks.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: Box<dyn Spill>,
    free: Vec<u32>,
    /// Blocks of the file.
    end: u32,
    blocks_max: u32,
    error: Option<io::Error>,
}

impl SpillFile {
    pub(super) fn new(file: Box<dyn Spill>, bytes_max: u64) -> Self {
        let blocks_max = u32::try_from(bytes_max / BLOCK_BYTES as u64).unwrap_or(u32::MAX);
        Self { file, free: Vec::new(), end: 0, blocks_max, error: None }
    }

    /// Why nothing is written any more.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Writes bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Spilled, Refusal> {
        if self.error.is_some() {
            return Err(Refusal::Broken);
        }
        let mut blocks = Vec::new();
        for part in bytes.chunks(BLOCK_BYTES) {
            let Some(block) = self.take_block() else {
                self.free.extend(blocks);
                return Err(Refusal::Full);
            };
            blocks.push(block);
            if let Err(error) = self.file.write_at(offset(block), part) {
                self.error = Some(error);
                return Err(Refusal::Broken);
            }
        }
        Ok(Spilled { blocks: blocks.into(), bytes: bytes.len(), crc: crc32c::crc32c(bytes) })
    }

    /// Reads what was written.
    pub(super) fn read(&mut self, spilled: &Spilled) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; spilled.bytes];
        for (&block, part) in spilled.blocks.iter().zip(bytes.chunks_mut(BLOCK_BYTES)) {
            self.file.read_at(offset(block), part)?;
        }
        if crc32c::crc32c(&bytes) == spilled.crc { Ok(bytes) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Whatever was written there is not wanted any more.
    pub(super) fn free(&mut self, spilled: &Spilled) {
        self.free.extend(&spilled.blocks);
    }

    fn take_block(&mut self) -> Option<u32> {
        if let Some(block) = self.free.pop() {
            return Some(block);
        }
        let block = self.end;
        (block < self.blocks_max).then(|| {
            self.end += 1;
            block
        })
    }
}

fn offset(block: u32) -> u64 {
    u64::from(block) * BLOCK_BYTES as u64
}
