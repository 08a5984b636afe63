//! A trace gives back exactly what was pushed, in order, however it was cut into batches.

use dmlog_user::event::call::Row;
use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::flat::OP_NAMES;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::trace::reader::{Tail, TraceReader};
use dmlog_user::trace::writer::TraceWriter;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::strategy::Strategy;
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq};

use crate::items;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn through_a_trace(items: &[Item], flush_every: usize) -> (Vec<Item>, Tail) {
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default()).unwrap();
    for (at, item) in items.iter().enumerate() {
        writer.push(item).unwrap();
        if at % flush_every == flush_every - 1 {
            writer.flush_batch().unwrap();
        }
    }
    let totals = writer.finish().unwrap();
    assert_eq!(totals.items, items.len() as u64);
    assert_eq!(totals.bytes, file.len() as u64);
    let mut reader = TraceReader::new(file.as_slice()).unwrap();
    let mut back = Vec::new();
    while reader.next_batch(&mut back).unwrap().is_some() {}
    let mut expected = back.iter().map(Row::of);
    let mut rows = TraceReader::new(file.as_slice()).unwrap();
    let mut compare = |row: &Row<'_>| match row {
        // Which rows are items is up to the reader.
        Row::Item(item) => assert_eq!(Some(Row::of(item)), expected.next()),
        row => assert_eq!(Some(*row), expected.next()),
    };
    while rows.next_batch_rows(&mut compare).unwrap().is_some() {}
    assert_eq!(expected.next(), None);
    (back, reader.tail())
}

#[test]
fn trace_round_trip_of_every_operation() {
    for (code, _) in OP_NAMES {
        // One trace of many such events: the reader has a short and a long way for some of them.
        runner(4)
            .run(&vec(items::event(*code), 0..100), |items| {
                prop_assert_eq!(through_a_trace(&items, usize::MAX), (items, Tail::Clean));
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn trace_round_trip_of_every_kind_of_item() {
    runner(300)
        .run(&(vec(items::item(), 0..200), 1..50usize), |(items, flush_every)| {
            prop_assert_eq!(through_a_trace(&items, flush_every), (items, Tail::Clean));
            Ok(())
        })
        .unwrap();
}

#[test]
fn text_to_item_to_trace_to_item_to_text() {
    runner(300)
        .run(&vec(items::item(), 1..50), |items| {
            let lines: Vec<String> = items.iter().map(render).collect();
            let parsed: Vec<Item> = lines.iter().map(|line| parse(line).unwrap()).collect();
            let (back, _) = through_a_trace(&parsed, usize::MAX);
            prop_assert_eq!(back.iter().map(render).collect::<Vec<_>>(), lines);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_bytes_panic_the_reader() {
    // Random bytes, alone and behind a whole header.
    let mut header = Vec::new();
    drop(TraceWriter::new(&mut header, &CaptureFacts::default()).unwrap());
    runner(2000)
        .run(&(vec(any::<u8>(), 0..300), any::<bool>()).prop_map(|(bytes, alone)| (bytes, alone)), |(bytes, alone)| {
            let file = if alone { bytes } else { [header.clone(), bytes].concat() };
            if let Ok(mut reader) = TraceReader::new(file.as_slice()) {
                let mut items = Vec::new();
                while let Ok(Some(_)) = reader.next_batch(&mut items) {}
                prop_assert!(items.is_empty());
            }
            Ok(())
        })
        .unwrap();
}
