//! Malformed records: which error each gives, and that no length and no kind can be misread.

use dmlog_common::record::{CallRecord, IdentityRecord, IoRecord, flag, kind};

use super::{Record, RecordError, SmallBits, decode, name};
use crate::event::bits::{Bits, Bitset, LogState};
use crate::event::ids::Region;

fn bytes(length: usize, record_kind: u16) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255u8).cycle().take(length).collect();
    if length >= 26 {
        bytes[24..26].copy_from_slice(&record_kind.to_ne_bytes());
    }
    bytes
}

#[test]
fn every_length_that_does_not_fit_is_refused_with_the_one_that_does() {
    for (record_kind, expected) in [
        (kind::MAP, size_of::<IoRecord>()),
        (kind::IDENTITY, size_of::<IdentityRecord>()),
        (kind::MARK_REGION, size_of::<CallRecord>()),
        (9999, size_of::<CallRecord>()),
    ] {
        for length in 0..256 {
            let result = decode(&bytes(length, record_kind));
            if length < 32 {
                assert_eq!(result.unwrap_err(), RecordError::Short { length });
            } else if length == expected {
                assert_eq!(result.unwrap().header().kind, record_kind);
            } else {
                assert_eq!(result.unwrap_err(), RecordError::Length { kind: record_kind, length, expected });
            }
        }
    }
}

#[test]
fn a_call_is_read_field_by_field() {
    let Ok(Record::Call(call)) = decode(&bytes(64, kind::FLUSH)) else { panic!("not a call") };
    assert_eq!(call.header.time_ns, u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(call.header.hook, u16::from_le_bytes([30, 31]));
    assert_eq!(call.duration_ns, u64::from_le_bytes([32, 33, 34, 35, 36, 37, 38, 39]));
    assert_eq!(call.arg, u64::from_le_bytes([56, 57, 58, 59, 60, 61, 62, 63]));
}

/// A small or big record of bits, all bits of its payload set.
fn bits_bytes(payload: usize, first: u64, region_count: u64, flags: u16, bitset: u16) -> Vec<u8> {
    let mut bytes = vec![0xff; 88 + payload];
    let state: Vec<u8> = [12, 0, 7, 0, 0, 1, 0].iter().flat_map(|number: &u32| number.to_ne_bytes()).collect();
    let numbers: [(usize, &[u8]); 7] = [
        (24, &kind::BITS.to_ne_bytes()),
        (28, &flags.to_ne_bytes()),
        (32, &first.to_ne_bytes()),
        (40, &region_count.to_ne_bytes()),
        (48, &77u64.to_ne_bytes()),
        (56, &state),
        (84, &bitset.to_ne_bytes()),
    ];
    for (at, number) in numbers {
        bytes[at..at + number.len()].copy_from_slice(number);
    }
    bytes
}

fn bits(bytes: &[u8]) -> Bits {
    match decode(bytes) {
        Ok(Record::Bits(header, bits)) => {
            assert_eq!(header.kind, kind::BITS);
            *bits
        }
        other => panic!("no bits: {other:?}"),
    }
}

#[test]
fn bits_are_read_field_by_field() {
    let expected = Bits {
        bitset: Bitset::InSync,
        first: Region(32_768),
        regions: 70,
        region_count: Some(32_838),
        is_cut: false,
        words: Some(vec![u64::MAX, 0x3f]),
        state: Some(LogState {
            sync_count: 77,
            sync_search: 12,
            touched_dirtied: false,
            touched_cleaned: true,
            flush_failed: false,
            log_device_failed: false,
            log_device_flush_failed: true,
        }),
    };
    assert_eq!(bits(&bits_bytes(64, 32_768, 32_838, 0, 1)), expected, "what is behind the regions is padding");
    assert_eq!(bits(&bits_bytes(4096, 32_768, 32_838, 0, 1)), expected);
    let mut without = bits_bytes(64, 32_768, 32_838, 0, 1);
    without[80] = 1;
    assert_eq!(bits(&without), Bits { state: None, ..expected });
}

#[test]
fn a_record_speaks_of_no_more_regions_than_it_has_bits_and_the_log_has() {
    let regions = |payload, first, count| {
        let bits = bits(&bits_bytes(payload, first, count, 0, 0));
        assert_eq!(bits.count(), Some(u64::from(bits.regions)));
        bits.regions
    };
    assert_eq!(regions(64, 0, 513), 512);
    assert_eq!(regions(4096, 0, u64::MAX), 32_768);
    assert_eq!(regions(4096, u64::MAX, u64::MAX), 0);
    assert_eq!(regions(4096, 100, 99), 0);
}

#[test]
fn the_last_record_of_a_log_that_is_too_large_says_that_it_is_cut() {
    let is_cut = |first, count| bits(&bits_bytes(4096, first, count, 0, 2)).is_cut;
    assert!(is_cut(1_015_808, 1_048_577));
    assert!(!is_cut(1_015_808, 1_048_576));
    assert!(!is_cut(983_040, 1_048_577));
}

#[test]
fn bits_that_could_not_be_read_are_no_zeros() {
    let failed = bits(&bits_bytes(64, 0, 32, flag::READ_FAILED, 0));
    assert_eq!((failed.words, failed.regions), (None, 32));
    let nothing = bits(&bits_bytes(64, 0, 0, flag::READ_FAILED, 0));
    assert_eq!((nothing.words, nothing.regions, nothing.region_count), (None, 0, None));
}

#[test]
fn impossible_records_of_bits_are_refused() {
    assert_eq!(decode(&bits_bytes(64, 0, 32, 0, 3)).unwrap_err(), RecordError::Bitset { number: 3 });
    let (small, big) = (88 + 64, 88 + 4096);
    let lengths = [(small - 1, small), (small + 1, big), (big - 1, big), (big + 1, big)];
    assert_eq!(small, size_of::<SmallBits>());
    for (length, expected) in lengths {
        let bytes = bytes(length, kind::BITS);
        assert_eq!(decode(&bytes).unwrap_err(), RecordError::Length { kind: kind::BITS, length, expected });
    }
}

#[test]
fn names_end_at_the_first_nul_and_may_be_anything() {
    assert_eq!(name(b"disk\0\0junk"), "disk");
    assert_eq!(name(b"sixteen bytes!!!"), "sixteen bytes!!!");
    assert_eq!(name(&[0xff, 0]), "\u{fffd}");
    assert_eq!(name(&[]), "");
}
