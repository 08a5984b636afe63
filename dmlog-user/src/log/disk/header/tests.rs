use super::{
    BITS_OFFSET_BYTES, DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM, area_bytes, bitset_bytes, capacity_regions,
    decode_bits, encode_bits,
};
use crate::event::ids::Region;
use crate::log::region_set::RegionSet;

/// The vector of the format's description: 100 regions, 3, 64 and 99 dirty.
const HEADER: [u8; 16] = [0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 0x64, 0, 0, 0, 0, 0, 0, 0];
const BITS: [u8; 16] = [0xf7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0];

fn clean() -> RegionSet {
    let mut clean = RegionSet::new_full(100);
    for region in [3, 64, 99] {
        clean.remove(Region(region));
    }
    clean
}

fn area(bits: &[u8]) -> Vec<u8> {
    let mut area = vec![0; BITS_OFFSET_BYTES];
    area[..16].copy_from_slice(&HEADER);
    area.extend_from_slice(bits);
    area
}

#[test]
fn the_vector_reads_and_writes() {
    let header = DiskLogHeader { magic: MAGIC, version: 2, nr_regions: 100 };
    assert_eq!(DiskLogHeader::decode(&area(&BITS)), Some(header));
    assert_eq!(header.encode(), HEADER);
    assert_eq!(decode_bits(&area(&BITS), 100), clean());
    let mut written = area(&[0xa5; 24]);
    encode_bits(&clean(), &mut written);
    assert_eq!(written[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + 16], BITS);
    assert_eq!(written[BITS_OFFSET_BYTES + 16..], [0xa5; 8], "what is behind the padding is kept");
}

#[test]
fn a_sample_that_a_kernel_wrote_reads() {
    // 32 regions, region 2 dirty after a leg failed.
    let bits = decode_bits(&area(&[0xfb, 0xff, 0xff, 0xff, 0, 0, 0, 0]), 32);
    assert_eq!((bits.count(), bits.first_unset_from(Region(0))), (31, Some(Region(2))));
}

#[test]
fn tail_bits_are_left_out() {
    let bits = decode_bits(&area(&[0xff; 64]), 100);
    bits.self_check();
    assert_eq!(bits, RegionSet::new_full(100));
}

#[test]
fn an_area_that_is_too_short_is_dirty_at_its_end() {
    assert_eq!(DiskLogHeader::decode(&HEADER[..15]), None);
    assert_eq!(decode_bits(&HEADER, 100), RegionSet::new_empty(100));
    // Nine bytes of bits: the ninth is not a whole word.
    assert_eq!(decode_bits(&area(&[0xff; 9]), 100).count(), 72);
    let mut short = area(&[0; 9]);
    encode_bits(&RegionSet::new_full(100), &mut short);
    assert_eq!(short[BITS_OFFSET_BYTES..], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
}

#[test]
fn sizes_are_the_kernels() {
    assert_eq!([1, 64, 65, 100].map(bitset_bytes), [8, 8, 16, 16]);
    assert_eq!(bitset_bytes(0xffff_ffff), 512 * 1024 * 1024);
    // 1 Mi regions: 129 KiB for each flush.
    assert_eq!(area_bytes(1 << 20, 512), 129 * 1024);
    assert_eq!([512, 4096].map(|block| area_bytes(32, block)), [1536, 4096]);
    // 3,072 bytes of bits fill a block of 4,096; one region more takes a second one.
    assert_eq!([3072 * 8, 3072 * 8 + 1].map(|regions| area_bytes(regions, 4096)), [4096, 8192]);
    assert_eq!([0, 1024, 1031, 1032, 1536].map(capacity_regions), [0, 0, 0, 64, 4096]);
}

#[test]
fn the_number_of_known_regions_is_cut_to_32_bits() {
    let first_new = |nr_regions| DiskLogHeader { nr_regions, ..DiskLogHeader::new_log() }.first_new_region();
    assert_eq!(first_new(100), 100);
    assert_eq!(first_new((1 << 32) + 5), 5);
    assert_eq!(first_new(NR_REGIONS_OF_LVM), 0xffff_ffff);
}
