use std::io::{self, Cursor as Bytes};

use super::keyframes::Limits;
use super::spill::Spill;
use super::{Cursor, Speed};
use crate::analysis::testing::{end_io, flush, identity, inc_pending, map_write, mark};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{DurationNs, MonoNs};
use crate::event::item::Item;
use crate::event::op::FlushKind;
use crate::session::packed::PackedSession;
use crate::session::{Session, Settings};
use crate::trace::reader::{Tail, TraceReader};
use crate::trace::writer::TraceWriter;

/// Ten items a batch, one a microsecond, every seventh late by two.
fn trace(items: u64) -> (Vec<u8>, Vec<Item>) {
    let mut all = vec![Item::Event(identity(1000, 1, 0, "m"))];
    for number in 1..items {
        let time = 1000 * number + 1000 - if number % 7 == 0 { 2500.min(1000 * number) } else { 0 };
        all.push(Item::Event(match number % 5 {
            0 => map_write(time, 1, number, number % 32 * 1024),
            1 => inc_pending(time, 1, number % 32, number - 1),
            2 => mark(time, 1, number % 32, Some(100)),
            3 => flush(time, 1, Some(FlushKind::Dirtied), 500, 0),
            _ => end_io(time, 1, number - 4, Some(3000), 0),
        }));
    }
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &CaptureFacts::default()).unwrap();
    for batch in all.chunks(10) {
        for item in batch {
            writer.push(item).unwrap();
        }
        writer.flush_batch().unwrap();
    }
    writer.finish().unwrap();
    (bytes, all)
}

/// A cursor with a keyframe every so many items, as long as they take no more than so many bytes.
fn cursor(bytes: &[u8], distance: u64, memory_bytes: usize) -> Cursor<Bytes<&[u8]>> {
    cursor_with(bytes, Limits { distance, memory_bytes, ..Limits::default() }, None)
}

fn cursor_with(bytes: &[u8], limits: Limits, file: Option<Box<dyn Spill>>) -> Cursor<Bytes<&[u8]>> {
    let reader = TraceReader::new(Bytes::new(bytes)).unwrap();
    let session = Session::new(Some(reader.facts()), Settings::default());
    Cursor::new(reader, session, limits, file)
}

/// What the cursor should show after so many items.
fn check(cursor: &Cursor<Bytes<&[u8]>>, items: &[Item], position: usize) {
    let mut session = Session::new(Some(&CaptureFacts::default()), Settings::default());
    for item in &items[..position] {
        session.apply(item);
    }
    assert_eq!(cursor.position(), position as u64);
    assert_eq!(cursor.session().snapshot(5), session.snapshot(5), "after {position} items");
}

/// Items before the first one that is later.
fn until(items: &[Item], time: u64) -> usize {
    items.iter().position(|item| item.time().0 > time).unwrap_or(items.len())
}

#[test]
fn forwards_and_back_one_by_one() {
    let (bytes, items) = trace(35);
    let mut cursor = cursor(&bytes, 10, usize::MAX);
    assert!(!cursor.step_back().unwrap(), "at the begin");
    for position in 0..items.len() {
        assert_eq!(cursor.next_item().unwrap(), Some(&items[position]));
        assert!(cursor.step().unwrap());
        check(&cursor, &items, position + 1);
    }
    assert_eq!((cursor.step().unwrap(), cursor.is_at_end(), cursor.tail()), (false, true, Tail::Clean));
    assert_eq!(cursor.next_item().unwrap(), None);
    for position in (0..items.len()).rev() {
        assert!(cursor.step_back().unwrap());
        check(&cursor, &items, position);
        assert_eq!(cursor.next_item().unwrap(), Some(&items[position]));
    }
    assert!(!cursor.step_back().unwrap());
}

#[test]
fn a_jump_is_the_fold_from_the_start() {
    let (bytes, items) = trace(97);
    let mut cursor = cursor(&bytes, 20, usize::MAX);
    // Pseudo-random, forwards and backwards, between items, on them, before the first and behind the last.
    let mut time = 7;
    for _ in 0..200 {
        time = (time * 48_271 + 11) % 110_000;
        cursor.seek(MonoNs(time)).unwrap();
        check(&cursor, &items, until(&items, time));
        assert_eq!(cursor.time(), MonoNs(time));
        let position = usize::try_from(time).unwrap() % (items.len() + 1);
        cursor.seek_position(position as u64).unwrap();
        check(&cursor, &items, position);
    }
    assert_eq!(cursor.keyframes().count(), 5, "one every 20 items and the begin");
}

#[test]
fn keyframes_thin_out_and_stay_right() {
    let (bytes, items) = trace(400);
    let mut session = Session::new(None, Settings::default());
    session.apply(&items[1]);
    let (packed, tables) = PackedSession::of(&mut session);
    let size = packed.footprint_bytes() + tables.len();
    let mut cursor = cursor(&bytes, 10, size * 12);
    cursor.seek_position(400).unwrap();
    let keyframes = cursor.keyframes();
    assert!((3..=12).contains(&keyframes.count()), "{}", keyframes.count());
    assert!(keyframes.bytes() <= size * 12 && keyframes.distance() >= 40, "{}", keyframes.distance());
    for position in [399, 5, 217, 218, 0, 400, 41] {
        cursor.seek_position(position as u64).unwrap();
        check(&cursor, &items, position);
    }
}

#[test]
fn a_keyframe_that_is_too_large_is_not_kept() {
    let (bytes, items) = trace(60);
    let mut cursor = cursor(&bytes, 10, 1);
    cursor.seek_position(60).unwrap();
    assert_eq!(cursor.keyframes().count(), 1);
    cursor.seek_position(7).unwrap();
    check(&cursor, &items, 7);
}

#[test]
fn play_moves_by_the_watch() {
    let (bytes, items) = trace(50);
    let mut cursor = cursor(&bytes, 10, usize::MAX);
    assert!(cursor.play(DurationNs(10_000), Speed::REAL).unwrap());
    assert_eq!(cursor.time(), MonoNs(11_000), "from the first item on");
    check(&cursor, &items, until(&items, 11_000));
    assert!(cursor.play(DurationNs(10_000), Speed { trace: 1, watch: 4 }).unwrap());
    assert_eq!(cursor.time(), MonoNs(13_500));
    assert!(cursor.play(DurationNs(1), Speed { trace: 1, watch: 0 }).unwrap(), "held");
    assert_eq!(cursor.time(), MonoNs(13_500));
    assert!(!cursor.play(DurationNs(u64::MAX), Speed { trace: u32::MAX, watch: 1 }).unwrap());
    assert_eq!(cursor.time(), items.iter().map(Item::time).max().unwrap());
    check(&cursor, &items, items.len());
    cursor.seek(MonoNs(0)).unwrap();
    check(&cursor, &items, 0);
}

#[test]
fn a_seal_behind_a_jump_is_still_checked() {
    let (mut bytes, items) = trace(97);
    let at = bytes.len() - 2000;
    bytes[at] ^= 0x10;
    let mut cursor = cursor(&bytes, 20, usize::MAX);
    let error = cursor.seek(MonoNs(u64::MAX)).unwrap_err().to_string();
    assert!(error.contains("corrupt"), "{error}");
    let whole = usize::try_from(cursor.position()).unwrap();
    assert!(whole >= 40 && whole < items.len() && whole.is_multiple_of(10), "{whole}");
    check(&cursor, &items, whole);
    // It may be moved on, and meets the same damage again.
    cursor.seek_position(45).unwrap();
    check(&cursor, &items, 45);
    assert_eq!(cursor.seek_position(97).unwrap_err().to_string(), error);
    check(&cursor, &items, whole);
}

#[test]
fn a_torn_trace_ends_at_its_last_whole_batch() {
    let (bytes, items) = trace(97);
    let bytes = &bytes[..bytes.len() - 1500];
    let mut cursor = cursor(bytes, 20, usize::MAX);
    cursor.seek(MonoNs(u64::MAX)).unwrap();
    assert!(cursor.is_at_end() && matches!(cursor.tail(), Tail::Torn { bytes: 1.. }), "{:?}", cursor.tail());
    let whole = usize::try_from(cursor.position()).unwrap();
    for position in [3, whole, 31, whole - 1] {
        cursor.seek_position(position as u64).unwrap();
        check(&cursor, &items, position);
    }
    assert_eq!(cursor.tail(), Tail::NotReached);
}

#[test]
fn recent_items_are_those_before_the_place_without_gaps() {
    let (bytes, items) = trace(300);
    let mut cursor = cursor(&bytes, 30, usize::MAX);
    cursor.seek(MonoNs(u64::MAX)).unwrap();
    assert!(cursor.recent().is_empty(), "nobody asked for them");
    cursor.keep_recent(25);
    for to in [100, 140, 143, 90, 250, 12] {
        cursor.seek_position(to).unwrap();
        let to = usize::try_from(to).unwrap();
        let recent: Vec<&Item> = cursor.recent().iter().collect();
        assert!(recent.len() <= 25);
        assert_eq!(recent, items[to - recent.len()..to].iter().collect::<Vec<_>>(), "at {to}");
    }
    for _ in 0..40 {
        cursor.step().unwrap();
    }
    assert_eq!(cursor.recent().iter().collect::<Vec<_>>(), items[27..52].iter().collect::<Vec<_>>());
    cursor.keep_recent(3);
    assert_eq!(cursor.recent().len(), 3);
}

/// A disk that fails at will.
#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Writes that succeed before all others fail.
    writes: usize,
    reads_wrong: bool,
}

impl Spill for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.writes = self.writes.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        let offset = usize::try_from(offset).unwrap();
        self.bytes.resize(self.bytes.len().max(offset + bytes.len()), 0);
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        bytes[0] ^= u8::from(self.reads_wrong);
        Ok(())
    }
}

/// Keyframes of all sizes go to the disk.
fn spilling(bytes: &[u8], disk: Disk, blocks: u64) -> Cursor<Bytes<&[u8]>> {
    let limits = Limits { distance: 10, memory_bytes: usize::MAX, spill_bytes_min: 0, file_bytes: blocks << 18 };
    cursor_with(bytes, limits, Some(Box::new(disk)))
}

fn go_about(cursor: &mut Cursor<Bytes<&[u8]>>, items: &[Item]) {
    for position in [399, 5, 217, 218, 217, 216, 0, 400, 41, 111, 110] {
        cursor.seek_position(position as u64).unwrap();
        check(cursor, items, position);
    }
}

#[test]
fn keyframes_on_a_disk_are_as_good() {
    let (bytes, items) = trace(400);
    let mut cursor = spilling(&bytes, Disk { writes: 1000, ..Disk::default() }, 1000);
    go_about(&mut cursor, &items);
    assert_eq!((cursor.keyframes().count(), cursor.keyframes().distance()), (40, 10));
    assert!(cursor.keyframes().error().is_none());
}

#[test]
fn a_full_file_thins_keyframes_out() {
    let (bytes, items) = trace(400);
    let mut cursor = spilling(&bytes, Disk { writes: 1000, ..Disk::default() }, 7);
    go_about(&mut cursor, &items);
    let keyframes = cursor.keyframes();
    assert!((4..=8).contains(&keyframes.count()) && keyframes.distance() >= 40, "{keyframes:?}");
    assert!(keyframes.error().is_none());
}

#[test]
fn a_disk_that_cannot_be_written_leaves_keyframes_in_memory() {
    let (bytes, items) = trace(400);
    let mut cursor = spilling(&bytes, Disk { writes: 5, ..Disk::default() }, 1000);
    go_about(&mut cursor, &items);
    let keyframes = cursor.keyframes();
    assert_eq!(keyframes.error().unwrap().kind(), io::ErrorKind::StorageFull);
    assert_eq!(keyframes.count(), 40);
}

#[test]
fn a_keyframe_that_reads_back_wrong_is_given_up() {
    let (bytes, items) = trace(400);
    let mut cursor = spilling(&bytes, Disk { writes: 1000, reads_wrong: true, ..Disk::default() }, 1000);
    go_about(&mut cursor, &items);
    assert!(cursor.keyframes().count() < 40, "{}", cursor.keyframes().count());
}
