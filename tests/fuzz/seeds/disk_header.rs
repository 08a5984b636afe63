//! Log devices: healthy, old, fresh, resized, damaged, too short. `properties/disk_header.rs` says what stands before the image.

use dmlog_user::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM, VERSION, VERSION_1};

use crate::Seed;

pub(crate) fn seeds() -> Vec<Seed> {
    let header = |magic, version, nr_regions| DiskLogHeader { magic, version, nr_regions };
    let cases = [
        ("healthy", header(MAGIC, VERSION, 100), 0, 100, 4096),
        ("block-4096", header(MAGIC, VERSION, 100), 1, 100, 4096),
        ("forced", header(MAGIC, VERSION, 100), 0x200, 100, 2048),
        ("nosync", header(MAGIC, VERSION, 100), 0x100, 100, 2048),
        ("old", header(MAGIC, VERSION_1, 64), 0, 64, 2048),
        ("fresh", header(MAGIC, VERSION, NR_REGIONS_OF_LVM), 0, 64, 2048),
        ("grown", header(MAGIC, VERSION, 30), 0, 100, 2048),
        ("shrunk", header(MAGIC, VERSION, 300), 0, 65, 2048),
        ("beyond", header(MAGIC, VERSION, 1 << 33), 0, 65, 1536),
        ("unknown-version", header(MAGIC, 3, 100), 0, 100, 1536),
        ("no-log", header(0, VERSION, 100), 0, 100, 1536),
        ("too-small", header(MAGIC, VERSION, 100), 0, 9000, 1536),
        ("too-short", header(MAGIC, VERSION, 100), 0, 1, 12),
    ];
    let seed = |(name, header, options, regions, bytes)| (String::from(name), image(header, options, regions, bytes));
    cases.into_iter().map(seed).collect()
}

/// Block and sync option, the number of regions, two regions that are written to, and a device with every third region dirty.
fn image(header: DiskLogHeader, options: u16, regions: u16, device_bytes: usize) -> Vec<u8> {
    let table = [options, regions, 5, 63].map(u16::to_le_bytes).concat();
    let mut device: Vec<u8> = header.encode().to_vec();
    device.resize(BITS_OFFSET_BYTES, 0);
    device.extend([0b1101_1011, 0b1011_0110, 0b0110_1101].iter().cycle().take(usize::from(regions).div_ceil(8)));
    device.resize(device_bytes, 0);
    [table, device].concat()
}
