use std::io::{self, Write};

use super::error::TraceError;
use super::reader::{Tail, TraceReader};
use super::rows::Meanings;
use super::schema::{COLUMNS, Dictionary, FULL_BATCH_TEXT_BYTES, MAX_TEXT_BYTES, OP_PLACES};
use super::seal::{Presence, presence};
use super::writer::TraceWriter;
use crate::event::facts::CaptureFacts;
use crate::event::flat::OP_NAMES;
use crate::event::ids::MonoNs;
use crate::event::item::{DecodeFailure, Item};
use crate::event::text::parse::parse;

/// Takes so many bytes, and then is full, in the middle of a write if need be.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for &mut Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room - self.bytes.len());
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts writes.
#[derive(Default)]
struct Writes(Vec<usize>);

impl Write for &mut Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn mark(time_ns: u64) -> Item {
    let mut item = parse("0.000000000 cpu=0 tid=1 log=1 impl=core mark_region region=5").unwrap();
    if let Item::Event(event) = &mut item {
        event.time = MonoNs(time_ns);
    }
    item
}

#[test]
fn full_disk_keeps_what_was_sealed_and_counts_it() {
    let mut whole = Vec::new();
    let mut writer = TraceWriter::new(&mut whole, &CaptureFacts::default()).unwrap();
    writer.push(&mark(1)).unwrap();
    writer.flush_batch().unwrap();
    let room = usize::try_from(writer.bytes_written()).unwrap() + 100;

    let mut disk = Disk { bytes: Vec::new(), room };
    let mut writer = TraceWriter::new(&mut disk, &CaptureFacts::default()).unwrap();
    writer.push(&mark(1)).unwrap();
    writer.flush_batch().unwrap();
    writer.push(&mark(2)).unwrap();
    writer.push(&mark(3)).unwrap();
    match writer.flush_batch() {
        Err(TraceError::Write { sealed_batches: 1, source }) => assert_eq!(source.kind(), io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
    assert_eq!((writer.events(), writer.sealed().events, writer.sealed().items), (3, 1, 1));
    // Nothing may follow the torn batch.
    assert!(matches!(writer.push(&mark(4)), Err(TraceError::GivenUp { sealed_batches: 1 })));
    assert!(matches!(writer.flush_batch(), Err(TraceError::GivenUp { .. })));
    assert!(matches!(writer.finish(), Err(TraceError::GivenUp { .. })));

    let mut reader = TraceReader::new(disk.bytes.as_slice()).unwrap();
    let mut items = Vec::new();
    while reader.next_batch(&mut items).unwrap().is_some() {}
    assert_eq!(items, [mark(1)]);
    assert_eq!(reader.tail(), Tail::Torn { bytes: 100 });
}

#[test]
fn a_batch_is_one_write_and_a_second_at_most() {
    let mut writes = Writes::default();
    let mut writer = TraceWriter::new(&mut writes, &CaptureFacts::default()).unwrap();
    for time_ns in [5_000, 999_999_999, 1_000_004_999, 1_000_005_000, 1_000_005_001] {
        writer.push(&mark(time_ns)).unwrap();
    }
    assert_eq!((writer.events(), writer.sealed().events), (5, 3));
    let totals = writer.finish().unwrap();
    assert_eq!((totals.batches, totals.events, totals.items), (2, 5, 5));
    assert_eq!(totals.bytes, writes.0.iter().sum::<usize>() as u64);
    // Header, batch, and the last batch together with the mark of the end.
    assert_eq!(writes.0.len(), 3);
}

#[test]
fn time_that_goes_back_seals_nothing() {
    let mut writer = TraceWriter::new(Vec::new(), &CaptureFacts::default()).unwrap();
    for time_ns in [5_000_000_000, 1, 5_000_000_001] {
        writer.push(&mark(time_ns)).unwrap();
    }
    assert_eq!(writer.sealed().batches, 0);
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default()).unwrap();
    let reason = format!("x{}", "\u{fc}".repeat(MAX_TEXT_BYTES));
    writer.push(&Item::DecodeError(DecodeFailure { time: MonoNs(1), reason: reason.clone() })).unwrap();
    writer.finish().unwrap();
    let mut items = Vec::new();
    TraceReader::new(file.as_slice()).unwrap().next_batch(&mut items).unwrap();
    match items.as_slice() {
        [Item::DecodeError(failure)] => {
            assert_eq!(failure.reason.len(), MAX_TEXT_BYTES - 1);
            assert!(reason.starts_with(&failure.reason));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trace_without_events_is_a_trace() {
    let mut file = Vec::new();
    let facts = CaptureFacts { host: "h\u{1b}".to_owned(), cpus: 3, ..CaptureFacts::default() };
    let totals = TraceWriter::new(&mut file, &facts).unwrap().finish().unwrap();
    assert_eq!((totals.batches, totals.items), (1, 0));
    let mut reader = TraceReader::new(file.as_slice()).unwrap();
    assert_eq!(*reader.facts(), facts);
    let batch = reader.next_batch(&mut Vec::new()).unwrap().unwrap();
    assert_eq!((batch.number, batch.rows, batch.is_end), (0, 0, true));
    assert_eq!(reader.next_batch(&mut Vec::new()).unwrap(), None);
    assert_eq!(reader.tail(), Tail::Clean);
}

#[test]
fn same_items_same_bytes() {
    let write = || {
        let mut file = Vec::new();
        let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default()).unwrap();
        for time_ns in 1..100 {
            writer.push(&mark(time_ns)).unwrap();
        }
        writer.finish().unwrap();
        file
    };
    assert_eq!(write(), write());
}

#[test]
fn every_operation_has_its_word() {
    let words = Dictionary::Op.words();
    for (code, name) in OP_NAMES {
        let place = OP_PLACES.get(usize::from(*code)).copied().unwrap_or_default();
        assert_eq!(words.get(usize::from(place)), Some(name));
    }
    let owned: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let meanings = format!("{:?}", Meanings::new(&owned, &[], &[]));
    assert!(!meanings.contains("Unknown"), "{meanings}");
}

#[test]
fn format_page_names_every_column_and_word() {
    let page = include_str!("FORMAT.md");
    for spec in &COLUMNS {
        assert!(page.contains(&format!("\n| `{}` |", spec.name)), "{}", spec.name);
    }
    for word in Dictionary::Impl.words().into_iter().chain(Dictionary::Cause.words()) {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn bits_beyond_the_rows_do_not_count() {
    assert_eq!(presence(Some(&[0xff, 0xff]), 9), Presence::All);
    assert_eq!(presence(Some(&[0x00, 0xfe]), 9), Presence::None);
    assert_eq!(presence(Some(&[0x01, 0xfe]), 9), Presence::Some);
    assert_eq!(presence(Some(&[0xff]), 0), Presence::None);
    assert_eq!(presence(None, 3), Presence::All);
}

#[test]
fn a_batch_is_sealed_before_its_bits_are_too_many_to_read() {
    let line =
        "0.000000001 cpu=0 tid=1 log=1 bits bitset=clean first=0 regions=32768 cut=0 bits=0x8000000000000000*512";
    let item = parse(line).unwrap();
    let rows = 2 * FULL_BATCH_TEXT_BYTES / 4096 + 1;
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default()).unwrap();
    for _ in 0..rows {
        writer.push(&item).unwrap();
    }
    assert_eq!(writer.finish().unwrap().batches, 3);
    let mut reader = TraceReader::new(file.as_slice()).unwrap();
    let mut read = 0;
    while reader.next_batch_with(|same| read += usize::from(same == item)).unwrap().is_some() {}
    assert_eq!((read, reader.tail()), (rows, Tail::Clean));
}
