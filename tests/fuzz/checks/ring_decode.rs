//! The ring buffer: any bytes are records or not; whatever they say becomes items that print, parse, and fold, with all of
//! what is missing accounted for.
//!
//! An input is a sequence of records, each behind its length in two bytes.

use dmlog_user::event::decode::decode;
use dmlog_user::event::ids::MonoNs;
use dmlog_user::event::item::Item;
use dmlog_user::event::resolve::Resolver;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::session::{Session, Settings};

/// Longer inputs only take longer.
const RECORDS_MAX: usize = 256;

/// One capture.
pub(crate) fn check(bytes: &[u8]) {
    let (mut resolver, mut items, mut left, mut records) = (Resolver::new(), Vec::new(), bytes, 0);
    while let Some((length, rest)) = left.split_first_chunk::<2>()
        && records < RECORDS_MAX
    {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (record, rest) = rest.split_at(length);
        left = rest;
        records += 1;
        match decode(record) {
            Ok(record) => resolver.apply(&record, &mut items),
            Err(error) => resolver.undecodable(error.to_string(), &mut items),
        }
    }
    assert!(items.len() >= records, "every record is told of");
    let counted = left.first().map_or(0, |byte| u64::from(*byte));
    resolver.finish(&[[counted, counted << 4], [0, counted]], MonoNs(u64::MAX), &mut items);
    let mut session = Session::new(None, Settings::default());
    for item in &items {
        let line = render(item);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert_eq!(parse(&line).as_ref(), Ok(item), "{line}");
        session.apply(item);
    }
    let told = session.snapshot(10);
    let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count() as u64;
    assert_eq!(told.window.events, events, "every event counts for one device");
}
