//! What must hold for any bytes that are taken for records of the ring buffer.
//!
//! ```text
//! data   selector u8 | bytes of one record | selector u8 | bytes of one record | ···
//! ```
//!
//! The selector says how long the record is: most are of a length that a record has, so that the fuzzer need not find them.

use dmlog_common::record::{BIG_BITS_BYTES, BitsRecord, CallRecord, IdentityRecord, IoRecord, SMALL_BITS_BYTES};
use dmlog_user::event::decode::{RecordError, decode};
use dmlog_user::event::ids::MonoNs;
use dmlog_user::event::item::Item;
use dmlog_user::event::resolve::Resolver;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::session::{Session, Settings};

/// Lengths of records, in bytes.
const LENGTHS: [usize; 5] = [
    size_of::<CallRecord>(),
    size_of::<IoRecord>(),
    size_of::<IdentityRecord>(),
    size_of::<BitsRecord<SMALL_BITS_BYTES>>(),
    size_of::<BitsRecord<BIG_BITS_BYTES>>(),
];
/// Records that are looked at.
const RECORDS_MAX: usize = 512;

/// Every record gives one event or one decode error, and perhaps gaps; all of them print, and can be folded and, if that is
/// wanted, looked at, which takes a hundred times longer.
pub(crate) fn check(data: &[u8], is_thorough: bool) {
    let mut resolver = Resolver::new();
    let (mut items, mut records, mut time) = (Vec::new(), 0, MonoNs(0));
    let mut rest = data;
    while let Some((&selector, behind)) = rest.split_first() {
        let length = LENGTHS.get(usize::from(selector)).copied().unwrap_or_else(|| usize::from(selector));
        let (bytes, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        if records == RECORDS_MAX {
            break;
        }
        records += 1;
        match decode(bytes) {
            Ok(record) => {
                let header = record.header();
                assert_eq!(bytes.get(..8), Some(&header.time_ns.to_ne_bytes()[..]));
                time = MonoNs(header.time_ns);
                resolver.apply(&record, &mut items);
            }
            Err(error) => {
                assert_is_refused_rightly(bytes, error);
                resolver.undecodable(error.to_string(), &mut items);
            }
        }
    }
    assert_eq!(items.iter().filter(|item| !matches!(item, Item::Gap(_))).count(), records);
    resolver.finish(&[[7, 7], [u64::MAX, 0]], time, &mut items);
    let mut session = Session::new(None, Settings::default());
    for item in &items {
        let line = render(item);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert_eq!(parse(&line).as_ref(), Ok(item), "{line}");
        session.apply(item);
    }
    if is_thorough {
        session.snapshot(3);
    }
}

/// The numbers in the refusal are those of the bytes.
fn assert_is_refused_rightly(bytes: &[u8], error: RecordError) {
    match error {
        RecordError::Short { length } => assert!(length == bytes.len() && length < 32, "{error}"),
        RecordError::Length { length, expected, .. } => {
            assert!(length == bytes.len() && length != expected && LENGTHS.contains(&expected), "{error}");
        }
        RecordError::Bitset { number } => assert_eq!(bytes.get(84..86), Some(&number.to_ne_bytes()[..])),
    }
}
