//! The recent past: what is kept, and that it can be read while it grows.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use super::{Past, Pieces};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::item::Item;
use crate::event::op::{Event, LogImpl, LogOp, Op};
use crate::trace::reader::{Tail, TraceReader};

fn event(time: u64, op: Op) -> Item {
    Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
}

fn mark(time: u64) -> Item {
    // Regions without a pattern, so that bytes grow.
    let region = Region(time.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    event(time, Op::Log(LogImpl::Core, LogOp::MarkRegion { region }))
}

fn read(pieces: &Pieces) -> Vec<Item> {
    let mut reader = TraceReader::new(pieces.reader(false)).unwrap();
    let mut items = Vec::new();
    while reader.next_batch(&mut items).unwrap().is_some() {}
    assert_eq!(reader.tail(), Tail::Torn { bytes: 0 });
    items
}

#[test]
fn pieces_are_one_stream_of_bytes() {
    let mut pieces = Pieces::default();
    for piece in [&b"abc"[..], b"", b"defg"] {
        pieces.write_all(piece).unwrap();
    }
    let mut reader = pieces.reader(false);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abcdefg");
    for (to, rest) in [(SeekFrom::Start(2), "cdefg"), (SeekFrom::Start(3), "defg"), (SeekFrom::End(-1), "g")] {
        reader.seek(to).unwrap();
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, rest);
    }
    reader.seek(SeekFrom::Start(100)).unwrap();
    assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    assert_eq!(reader.seek(SeekFrom::Current(-101)).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_reader_that_follows_sees_what_comes_later_and_the_other_does_not() {
    let mut pieces = Pieces::default();
    pieces.write_all(b"ab").unwrap();
    let (mut follows, mut stays) = (pieces.reader(true), pieces.reader(false));
    let mut seen = [String::new(), String::new()];
    follows.read_to_string(&mut seen[0]).unwrap();
    pieces.write_all(b"cd").unwrap();
    follows.read_to_string(&mut seen[0]).unwrap();
    stays.read_to_string(&mut seen[1]).unwrap();
    assert_eq!(seen, ["abcd", "ab"]);
}

#[test]
fn what_is_sealed_can_be_read() {
    let mut past = Past::new(&CaptureFacts::default(), 1 << 20).unwrap();
    past.push(&[mark(1), mark(2)], false).unwrap();
    assert_eq!(read(past.pieces()), []);
    past.seal().unwrap();
    assert_eq!(read(past.pieces()), [mark(1), mark(2)]);
}

#[test]
fn it_stays_within_its_limit_and_still_knows_the_logs() {
    let limit = 64 << 10;
    let mut past = Past::new(&CaptureFacts::default(), limit).unwrap();
    let shown = past.shown();
    past.push(&[event(0, Op::Identity(Box::default()))], false).unwrap();
    let mut turns = 0;
    let mut first = 0;
    for second in 0..400 {
        let batch: Vec<Item> = (0..200).map(|n| mark(second * 1_000_000_000 + n)).collect();
        past.push(&batch, false).unwrap();
        past.seal().unwrap();
        let items = read(&shown.lock().unwrap());
        assert!(matches!(&items[0], Item::Event(Event { op: Op::Identity(_), .. })), "the log is told first");
        assert_eq!(items.last(), batch.last(), "up to now");
        let bytes: usize = shown.lock().unwrap().list().iter().map(|piece| piece.len()).sum();
        assert!(bytes as u64 <= limit + (16 << 10), "{bytes}");
        if items[0].time().0 != first {
            (turns, first) = (turns + 1, items[0].time().0);
            assert!(bytes as u64 >= limit / 3, "{bytes}: half of what may be kept is left");
        }
    }
    assert!(turns >= 2, "{turns}");
}

#[test]
fn nothing_is_dropped_while_somebody_needs_it() {
    let mut past = Past::new(&CaptureFacts::default(), 16 << 10).unwrap();
    let mut all = Vec::new();
    for second in 0..100 {
        let batch: Vec<Item> = (0..200).map(|n| mark(second * 1_000_000_000 + n)).collect();
        past.push(&batch, true).unwrap();
        past.seal().unwrap();
        all.extend(batch);
    }
    assert_eq!(read(past.pieces()), all);
}
