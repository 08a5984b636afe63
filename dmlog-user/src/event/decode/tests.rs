//! Malformed records: which error each gives, and that no length and no kind can be misread.

use dmlog_common::record::{CallRecord, IdentityRecord, IoRecord, kind};

use super::{Record, RecordError, decode, name};

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

#[test]
fn names_end_at_the_first_nul_and_may_be_anything() {
    assert_eq!(name(b"disk\0\0junk"), "disk");
    assert_eq!(name(b"sixteen bytes!!!"), "sixteen bytes!!!");
    assert_eq!(name(&[0xff, 0]), "\u{fffd}");
    assert_eq!(name(&[]), "");
}
