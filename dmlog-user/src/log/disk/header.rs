//! What stands on a log device.
//!
//! ```text
//! byte 0      4      8            16               1024                   area_bytes
//!      magic  version nr_regions  not used         bits, one per region   not used
//!      rRiM   2       u64         kept as read     up to 64 bits padding  kept as read
//! ```
//!
//! Everything is little-endian. Region `i` is bit `i % 8` of byte `1024 + i / 8`; a set bit means clean *and* in sync, a
//! clear one dirty or never synced. There is no checksum, no UUID and no region size: those are in the table.
//!
//! The area is read and written in one piece. Sources: `struct log_header_disk`, `create_log_context`, `read_header` of
//! <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log.c>; bytes compared with those that kernels 5.10 to 7.3
//! wrote.

use crate::log::region_set::RegionSet;

/// `MIRROR_MAGIC`, "MiRr"; on the device it reads `rRiM`.
pub const MAGIC: u32 = 0x4d69_5272;
/// `MIRROR_DISK_VERSION`.
pub const VERSION: u32 = 2;
/// The version before; the same bytes on little-endian hosts, and accepted there as version 2.
pub const VERSION_1: u32 = 1;
/// Bytes of the header that mean something.
pub const HEADER_BYTES: usize = 16;
/// Where the bits begin: `LOG_OFFSET` is 2 sectors, whatever the device's block size.
pub const BITS_OFFSET_BYTES: usize = 1024;
/// `nr_regions` as lvm2 writes it when it makes a log volume: the kernel, which takes the smaller number, takes the table's.
pub const NR_REGIONS_OF_LVM: u64 = u64::MAX;

/// Bits are padded to this many: `BITS_PER_LONG` of a 64-bit kernel, since the fixes of 5.10.127 and 5.18.8; 32 before.
const PADDED_TO: u64 = 64;

/// The header, `struct log_header_disk`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskLogHeader {
    /// [`MAGIC`] if this is a log.
    pub magic: u32,
    /// [`VERSION`]; [`VERSION_1`] reads the same.
    pub version: u32,
    /// Regions whose bits mean something; [`NR_REGIONS_OF_LVM`] if no kernel has resumed this log yet.
    pub nr_regions: u64,
}

impl DiskLogHeader {
    /// The header that a new log gets: no region is known yet.
    pub const fn new_log() -> Self {
        Self { magic: MAGIC, version: VERSION, nr_regions: 0 }
    }

    /// `header_from_disk`: reads the first bytes of an area, whatever they say; `None` if there are fewer than
    /// [`HEADER_BYTES`].
    pub fn decode(area: &[u8]) -> Option<Self> {
        let (magic, rest) = area.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (nr_regions, _) = rest.split_first_chunk()?;
        Some(Self {
            magic: u32::from_le_bytes(*magic),
            version: u32::from_le_bytes(*version),
            nr_regions: u64::from_le_bytes(*nr_regions),
        })
    }

    /// `header_to_disk`.
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let Self { magic, version, nr_regions } = self;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&magic.to_le_bytes());
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        bytes[8..].copy_from_slice(&nr_regions.to_le_bytes());
        bytes
    }

    /// The first region whose bit the device does not know: `disk_resume` begins there to make regions new.
    pub fn first_new_region(self) -> u64 {
        //= linux v6.12 drivers/md/dm-log.c disk_resume `for (i = lc->header.nr_regions; i < lc->region_count; i++)`
        // `unsigned i`: the low 32 bits of a 64-bit number. Test the_number_of_known_regions_is_cut_to_32_bits.
        self.nr_regions & u64::from(u32::MAX)
    }
}

/// Bytes of the bits of so many regions, padding included.
pub const fn bitset_bytes(region_count: u64) -> u64 {
    //= linux v6.12 drivers/md/dm-log.c create_log_context `bitset_size = dm_round_up(region_count, BITS_PER_LONG);`
    region_count.div_ceil(PADDED_TO) * (PADDED_TO / 8)
}

/// Bytes of the whole area: what is read and written in one piece.
pub const fn area_bytes(region_count: u64, logical_block_bytes: u32) -> u64 {
    //= `buf_size = dm_round_up((LOG_OFFSET << SECTOR_SHIFT) + bitset_size, bdev_logical_block_size(...));`
    let used = BITS_OFFSET_BYTES as u64 + bitset_bytes(region_count);
    // A block size of 0 is no block size; the division would panic.
    let block = if logical_block_bytes == 0 { 1 } else { logical_block_bytes as u64 };
    used.div_ceil(block) * block
}

/// Most regions whose bits fit on a device of that size.
pub const fn capacity_regions(device_bytes: u64) -> u64 {
    let bits_bytes = device_bytes.saturating_sub(BITS_OFFSET_BYTES as u64);
    (bits_bytes / (PADDED_TO / 8)).saturating_mul(PADDED_TO)
}

/// The clean bits of an area. Bits that the area does not hold are dirty; bits beyond `region_count` are left out.
pub fn decode_bits(area: &[u8], region_count: u64) -> RegionSet {
    let bytes = area.get(BITS_OFFSET_BYTES..).unwrap_or_default();
    let (whole, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = whole.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    let needed = usize::try_from(region_count.div_ceil(PADDED_TO)).unwrap_or(usize::MAX);
    RegionSet::from_words(region_count, words.take(needed).collect())
}

/// Puts the clean bits into an area, padding as zeros; the rest of the area stays as it is. What does not fit is left out.
pub fn encode_bits(clean: &RegionSet, area: &mut [u8]) {
    let bytes = area.get_mut(BITS_OFFSET_BYTES..).unwrap_or_default();
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(clean.words()) {
        *place = word.to_le_bytes();
    }
}

#[cfg(test)]
mod tests;
