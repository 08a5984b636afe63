//! A cursor over real traces, whole and cut: wherever it goes, it shows what the fold from the start shows. And the index, which
//! reads headers only, agrees with the reader.

use std::io::Cursor as Bytes;

use dmlog_user::event::ids::MonoNs;
use dmlog_user::event::item::Item;
use dmlog_user::session::cursor::Cursor;
use dmlog_user::session::cursor::keyframes::Limits;
use dmlog_user::session::snapshot::Snapshot;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::index::TraceIndex;
use dmlog_user::trace::reader::{SealedBatch, TraceReader};

use crate::model::recordings;
use crate::workload::Random;

fn read(bytes: &[u8]) -> (Vec<Item>, Vec<SealedBatch>) {
    let mut reader = TraceReader::new(bytes).unwrap();
    let (mut items, mut batches) = (Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch(&mut items).unwrap() {
        batches.push(batch);
    }
    (items, batches)
}

/// Where two snapshots differ first. They are long.
fn difference(left: &Snapshot, right: &Snapshot) -> Option<String> {
    let lines = |snapshot| serde_json::to_string_pretty(snapshot).unwrap();
    let (left, right) = (lines(left), lines(right));
    let mut pairs = left.lines().zip(right.lines()).enumerate();
    let (at, (ours, theirs)) = pairs.find(|(_, (left, right))| left != right)?;
    let before: Vec<&str> = left.lines().take(at).collect();
    Some(format!("{}: {ours}, not {theirs}", before[at.saturating_sub(8)..].join("\n")))
}

/// Jumps about at random and compares every place with a fold.
fn jump_about(bytes: &[u8], items: &[Item], jumps: u32, name: &str) {
    let reader = TraceReader::new(Bytes::new(bytes)).unwrap();
    let facts = reader.facts().clone();
    // Many keyframes, all of them on a disk.
    let limits = Limits { distance: 200, memory_bytes: usize::MAX, spill_bytes_min: 0, file_bytes: u64::MAX };
    let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let session = Session::new(Some(&facts), Settings::default());
    let mut cursor = Cursor::new(reader, session, limits, Some(Box::new(file)));
    let mut random = Random::new(items.len() as u64);
    let (first, last) = (items[0].time().0, items.iter().map(|item| item.time().0).max().unwrap());
    for _ in 0..jumps {
        let position = if random.below(3) == 0 {
            let position = random.below(items.len() as u64 + 1);
            cursor.seek_position(position).unwrap();
            position
        } else {
            let time = first - 1000 + random.below(last - first + 2000);
            cursor.seek(MonoNs(time)).unwrap();
            items.iter().position(|item| item.time().0 > time).unwrap_or(items.len()) as u64
        };
        assert_eq!(cursor.position(), position, "{name}");
        let mut session = Session::new(Some(&facts), Settings::default());
        for item in items.iter().take(usize::try_from(position).unwrap()) {
            session.apply(item);
        }
        if let Some(differs) = difference(&cursor.session().snapshot(5), &session.snapshot(5)) {
            panic!("{name}: after {position} items, `{differs}`");
        }
        let next = items.get(usize::try_from(position).unwrap());
        assert_eq!(cursor.next_item().unwrap(), next, "{name}");
    }
    let keyframes = cursor.keyframes();
    assert!(keyframes.count() > items.len() / 20_000 && keyframes.error().is_none(), "{name}: {}", keyframes.count());
}

#[test]
fn a_jump_in_a_real_trace_is_the_fold_from_the_start() {
    for path in recordings() {
        let bytes = std::fs::read(&path).unwrap();
        jump_about(&bytes, &read(&bytes).0, 12, &path.display().to_string());
    }
}

#[test]
fn a_jump_in_a_cut_trace_is_the_fold_of_what_is_whole() {
    let path = &recordings()[0];
    let bytes = std::fs::read(path).unwrap();
    let (_, batches) = read(&bytes);
    let cut = usize::try_from(batches[batches.len() - 1].bytes.start + 100).unwrap();
    let torn = &bytes[..cut];
    jump_about(torn, &read(torn).0, 12, "torn");
}

#[test]
fn the_index_agrees_with_the_reader() {
    for path in recordings() {
        let bytes = std::fs::read(&path).unwrap();
        let (items, batches) = read(&bytes);
        let index = TraceIndex::read(Bytes::new(&bytes)).unwrap();
        let read: Vec<_> = batches.into_iter().map(|batch| (batch.bytes, batch.rows)).collect();
        let indexed: Vec<_> = index.batches.iter().map(|batch| (batch.bytes.clone(), batch.rows)).collect();
        assert_eq!(indexed, read, "{}", path.display());
        assert_eq!(index.rows(), items.len() as u64, "{}", path.display());
    }
}

#[test]
fn the_index_of_anything_is_no_panic_and_no_longer_than_the_file() {
    let bytes = std::fs::read(&recordings()[0]).unwrap();
    let whole = TraceIndex::read(Bytes::new(&bytes)).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        let index = TraceIndex::read(Bytes::new(&bytes[..length])).unwrap();
        let fitting = whole.batches.iter().take_while(|batch| batch.bytes.end <= length as u64).cloned().collect();
        assert_eq!(index, TraceIndex { batches: fitting }, "cut at {length}");
    }
    let mut random = Random::new(3);
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        for _ in 0..8 {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            damaged[at] = random.next().to_le_bytes()[0];
        }
        let index = TraceIndex::read(Bytes::new(&damaged)).unwrap();
        assert!(index.batches.iter().all(|batch| batch.bytes.end <= bytes.len() as u64));
    }
}
