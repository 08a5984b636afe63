//! An input for `blkparse` and `btt`: a file of `struct blk_io_trace` (include/uapi/linux/blktrace_api.h), as the kernel
//! would have written it for small writes to one disk. This machine's kernel need not be able to trace for that.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// `BLK_IO_TRACE_MAGIC` with the version in the low byte.
const MAGIC: u32 = 0x6561_7400 | 7;
/// 8:16, as `blkparse` packs it.
const DEVICE: u32 = 8 << 20 | 16;
/// Bytes of a record without payload.
pub(super) const RECORD_BYTES: usize = 48;

/// `BLK_TC_WRITE` and `BLK_TC_SYNC`, in the category half of an action.
const SYNC_WRITE: u32 = (1 << 1 | 1 << 3) << 16;
/// What becomes of one write: queued, a request, inserted, issued, completed. Action, category, nanoseconds after the one
/// before.
const STEPS: [(u32, u32, u64); 5] =
    [(1, 1 << 4, 9_000), (4, 1 << 4, 400), (12, 1 << 4, 700), (7, 1 << 6, 1_100), (8, 1 << 7, 62_000)];

/// Writes so many events for CPU 0.
pub(super) fn write(path: &Path, events: usize) -> Result<()> {
    let mut bytes = Vec::with_capacity(events * RECORD_BYTES);
    let (mut time_ns, mut sector, mut random) = (0_u64, 0_u64, 1_u64);
    for number in 0..events {
        let (action, category, after_ns) = STEPS[number % STEPS.len()];
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if number % STEPS.len() == 0 {
            sector = (random >> 33) % (1 << 24) * 8;
        }
        time_ns += after_ns + (random >> 40) % after_ns;
        push(
            &mut bytes,
            u32::try_from(number).unwrap_or(u32::MAX),
            time_ns,
            sector,
            action | category << 16 | SYNC_WRITE,
        );
    }
    fs::write(path, bytes).with_context(|| format!("`{}` cannot be written", path.display()))
}

fn push(bytes: &mut Vec<u8>, sequence: u32, time_ns: u64, sector: u64, action: u32) {
    const LENGTH: u32 = 4096;
    const PID: u32 = 1234;
    const CPU: u32 = 0;
    for word in [MAGIC, sequence] {
        bytes.extend(word.to_ne_bytes());
    }
    for word in [time_ns, sector] {
        bytes.extend(word.to_ne_bytes());
    }
    for word in [LENGTH, action, PID, DEVICE, CPU] {
        bytes.extend(word.to_ne_bytes());
    }
    // No error and no payload.
    bytes.extend([0; 4]);
}

#[cfg(test)]
mod tests {
    use super::{RECORD_BYTES, push};

    #[test]
    fn a_record_is_as_long_as_the_kernels() {
        let mut bytes = Vec::new();
        push(&mut bytes, 7, 1, 2, 3);
        assert_eq!(bytes.len(), RECORD_BYTES);
        assert_eq!(bytes[4..8], 7_u32.to_ne_bytes());
        assert_eq!(bytes[28..32], 3_u32.to_ne_bytes());
    }
}
