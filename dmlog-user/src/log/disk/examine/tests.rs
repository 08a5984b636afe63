use super::{Examination, Finding};
use crate::event::ids::Region;
use crate::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM};
use crate::log::geometry::LogGeometry;
use crate::log::region_set::RegionSet;

const DEVICE_BYTES: u64 = 1024 * 1024;
/// 1 MiB less 1,024 bytes, in bits.
const CAPACITY: u64 = (DEVICE_BYTES - 1024) * 8;

fn image(header: DiskLogHeader, bits: &[u8]) -> Vec<u8> {
    let mut image = vec![0xa5; BITS_OFFSET_BYTES];
    image[..16].copy_from_slice(&header.encode());
    image.extend_from_slice(bits);
    image
}

fn header(nr_regions: u64) -> DiskLogHeader {
    DiskLogHeader { nr_regions, ..DiskLogHeader::new_log() }
}

fn target(region_count: u64) -> LogGeometry {
    LogGeometry::new(region_count * 1024, 1024).unwrap()
}

fn examine(header: DiskLogHeader, bits: &[u8], geometry: Option<LogGeometry>) -> Examination {
    let examination = Examination::of(&image(header, bits), DEVICE_BYTES, geometry);
    examination.clean.self_check();
    examination
}

#[test]
fn a_healthy_log_has_no_findings() {
    let examination = examine(header(32), &[0xfb, 0xff, 0xff, 0xff, 0, 0, 0, 0], None);
    assert_eq!(examination.findings, []);
    assert_eq!((examination.clean.len(), examination.resync_regions()), (32, 1));
    assert_eq!(examination.clean.first_unset_from(Region(0)), Some(Region(2)));
    assert_eq!(examination.capacity_regions, CAPACITY);
}

#[test]
fn another_magic_is_no_log_and_means_a_full_resync() {
    let examination = examine(DiskLogHeader { magic: 7, ..header(32) }, &[0xff; 8], Some(target(32)));
    assert_eq!(examination.findings, [Finding::NotALog { magic: 7 }]);
    assert_eq!((examination.is_corrupt(), examination.resync_regions()), (true, 32));
    assert_eq!(examine(DiskLogHeader { magic: 7, ..header(32) }, &[0xff; 8], None).clean, RegionSet::new_empty(0));
}

#[test]
fn an_unknown_version_means_a_full_resync_and_version_1_does_not() {
    let versions = |version| DiskLogHeader { version, ..header(64) };
    for version in [0, 3, u32::MAX] {
        let examination = examine(versions(version), &[0xff; 8], Some(target(64)));
        assert_eq!(examination.findings, [Finding::UnknownVersion { version }]);
        assert_eq!((examination.is_corrupt(), examination.resync_regions()), (true, 64));
    }
    let examination = examine(versions(1), &[0xff; 8], Some(target(64)));
    assert_eq!((&examination.findings[..], examination.resync_regions()), (&[Finding::Version1][..], 0));
    assert!(!examination.is_corrupt());
}

#[test]
fn a_header_that_counts_beyond_the_device_is_corrupt() {
    let examination = examine(header(CAPACITY + 1), &[0xff; 8], None);
    let beyond = Finding::BeyondDevice { nr_regions: CAPACITY + 1, capacity_regions: CAPACITY };
    assert_eq!(examination.findings, [beyond]);
    assert!(examination.is_corrupt());
    assert_eq!(examine(header(CAPACITY), &[0xff; 8], None).findings, []);
}

#[test]
fn a_log_fresh_from_lvm_has_as_many_regions_as_the_table() {
    let fresh = |bits: &[u8], geometry| examine(header(NR_REGIONS_OF_LVM), bits, geometry);
    let examination = fresh(&[0xff; 8], Some(target(40)));
    assert_eq!(examination.findings, [Finding::FreshFromLvm]);
    assert_eq!((examination.clean.len(), examination.resync_regions()), (40, 0));
    assert_eq!(fresh(&[0; 8], Some(target(40))).resync_regions(), 40);
    assert_eq!(fresh(&[0; 8], None).clean.len(), CAPACITY);
}

#[test]
fn a_resized_target_is_told() {
    let grown = examine(header(32), &[0xff; 8], Some(target(40)));
    assert_eq!(
        grown.findings,
        [Finding::TargetGrew { nr_regions: 32, region_count: 40 }, Finding::TailBits { count: 32 }]
    );
    assert_eq!(grown.resync_regions(), 8);
    let shrunk = examine(header(64), &[0xff; 8], Some(target(40)));
    assert_eq!(shrunk.findings, [Finding::TargetShrank { nr_regions: 64, region_count: 40 }]);
    assert_eq!((shrunk.clean.len(), shrunk.resync_regions()), (40, 0));
}

#[test]
fn bits_behind_the_last_region_are_told_and_not_counted() {
    let examination = examine(header(60), &[0xff; 8], None);
    assert_eq!(examination.findings, [Finding::TailBits { count: 4 }]);
    assert_eq!((examination.clean.count(), examination.is_corrupt()), (60, false));
}

#[test]
fn a_device_that_holds_no_header_or_not_all_bits_is_told() {
    let examination = Examination::of(&[0; 15], 15, Some(target(40)));
    let small = Finding::DeviceTooSmall { region_count: 40, capacity_regions: 0 };
    assert_eq!(examination.findings, [Finding::TooShort { device_bytes: 15 }, small]);
    assert_eq!((examination.header, examination.resync_regions()), (None, 40));
    assert_eq!(Examination::of(&[], 0, None).findings, [Finding::TooShort { device_bytes: 0 }]);
}

#[test]
fn only_the_bits_that_matter_have_to_be_read() {
    let to_read =
        |header: DiskLogHeader, geometry| Examination::bytes_to_read(&header.encode(), DEVICE_BYTES, geometry);
    assert_eq!(to_read(header(100), None), 1024 + 16);
    assert_eq!(to_read(header(100), Some(target(1000))), 1024 + 128);
    assert_eq!(to_read(header(1000), Some(target(100))), 1024 + 128);
    assert_eq!(to_read(header(NR_REGIONS_OF_LVM), None), DEVICE_BYTES);
    assert_eq!(to_read(DiskLogHeader { magic: !MAGIC, ..header(100) }, None), 1024);
    assert_eq!(Examination::bytes_to_read(&[], 0, None), 0);
}
