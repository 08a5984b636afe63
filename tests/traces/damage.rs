//! A trace that was cut is whole up to its last seal; one that was changed says so; neither ever gives a wrong item.

use dmlog_user::event::call::Row;
use dmlog_user::event::ids::MonoNs;
use dmlog_user::event::item::{DecodeFailure, Gap, Item, LossCause};
use dmlog_user::event::text::parse::parse;
use dmlog_user::trace::error::{Fault, TraceError};
use dmlog_user::trace::reader::{SealedBatch, Tail, TraceReader};
use dmlog_user::trace::writer::TraceWriter;

use crate::workload::{Random, facts, workload};

/// Bits of a log: a page with one region dirty, the rest of that bitset, nothing in recovery, and a bitset that could not be read.
const BITS: [&str; 4] = [
    "5000.000000001 cpu=0 tid=4000 log=1 bits bitset=clean first=0 regions=32768 region_count=32968 cut=0 \
     bits=0xffffffffffffffff*300,0xffffffffffffff7f,0xffffffffffffffff*211 sync_count=199 sync_search=7 touched_dirtied=1 \
     touched_cleaned=0 flush_failed=0 log_device_failed=0 log_device_flush_failed=0",
    "5000.000000002 cpu=0 tid=4000 log=1 bits bitset=clean first=32768 regions=200 region_count=32968 cut=0 \
     bits=0xffffffffffffffff*3,0x7f",
    "5000.000000003 cpu=0 tid=4000 log=1 bits bitset=recovering first=0 regions=200 region_count=200 cut=1 bits=0x0",
    "5000.000000004 cpu=0 tid=4000 log=1 bits bitset=in_sync first=0 regions=32 region_count=32 cut=0",
];

/// Items of a small trace that has one of everything.
pub(crate) fn items() -> Vec<Item> {
    let mut items = workload(4);
    let time = MonoNs(items.last().unwrap().time().0 + 1);
    items.push(Item::Gap(Gap { time, cpu: Some(2), lost: Some(12), cause: LossCause::RingFull }));
    items.push(Item::Gap(Gap { time, cpu: None, lost: None, cause: LossCause::ModuleReload }));
    items.push(Item::DecodeError(DecodeFailure { time, reason: "record of 3 bytes".to_owned() }));
    items.extend(BITS.map(|line| parse(line).unwrap()));
    items.extend(workload(1));
    items
}

/// A trace in batches of so many items.
pub(crate) fn trace(items: &[Item], batch_items: usize, is_ended: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &facts()).unwrap();
    for part in items.chunks(batch_items) {
        for item in part {
            writer.push(item).unwrap();
        }
        writer.flush_batch().unwrap();
    }
    if is_ended {
        writer.finish().unwrap();
    }
    file
}

/// Everything that a file gives.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) items: Vec<Item>,
    pub(crate) batches: Vec<SealedBatch>,
    pub(crate) tail: Tail,
    pub(crate) error: Option<TraceError>,
}

pub(crate) fn read(file: &[u8]) -> Outcome {
    let mut outcome = Outcome { items: Vec::new(), batches: Vec::new(), tail: Tail::NotReached, error: None };
    let mut reader = match TraceReader::new(file) {
        Ok(reader) => reader,
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    loop {
        match reader.next_batch(&mut outcome.items) {
            Ok(Some(batch)) => outcome.batches.push(batch),
            Ok(None) => break,
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        }
    }
    outcome.tail = reader.tail();
    // Of thousands of damaged files, some.
    if file.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 6 == 0 {
        assert_rows_are_the_items(file, &outcome);
    }
    outcome
}

/// The ways for whoever folds give the same: rows batch by batch, and rows with a second thread.
fn assert_rows_are_the_items(file: &[u8], outcome: &Outcome) {
    let mut expected = outcome.items.iter().map(Row::of);
    let mut take = |row: &Row<'_>| match row {
        // Which rows are items is up to the reader.
        Row::Item(item) => assert_eq!(Some(Row::of(item)), expected.next()),
        row => assert_eq!(Some(*row), expected.next()),
    };
    let mut reader = TraceReader::new(file).unwrap();
    let error = loop {
        match reader.next_batch_rows(&mut take) {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(expected.next(), None);
    let same = |error: Option<TraceError>, tail: Tail| {
        assert_eq!((format!("{error:?}"), tail), (format!("{:?}", outcome.error), outcome.tail));
    };
    same(error, reader.tail());
    let (mut reader, mut rows) = (TraceReader::new(file).unwrap(), 0);
    let error = reader.rows_ahead(|_row| rows += 1).err();
    same(error, reader.tail());
    assert_eq!(rows, outcome.items.len());
}

#[test]
fn whole_trace_is_whole() {
    let items = items();
    let outcome = read(&trace(&items, 40, true));
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.items, items);
    assert_eq!(outcome.tail, Tail::Clean);
    assert!(outcome.batches.len() > 3);
    assert!(outcome.batches.last().unwrap().is_end);
}

#[test]
fn cut_at_every_byte() {
    let items = items();
    let file = trace(&items, 40, true);
    let whole = read(&file).batches;
    let header_bytes = whole[0].bytes.start;
    for cut in 0..file.len() {
        let outcome = read(&file[..cut]);
        let cut = cut as u64;
        let sealed: Vec<&SealedBatch> = whole.iter().filter(|batch| batch.bytes.end <= cut).collect();
        match outcome.error {
            None => {
                assert!(cut >= header_bytes, "cut at {cut}");
                let good = sealed.last().map_or(header_bytes, |batch| batch.bytes.end);
                assert_eq!(outcome.tail, Tail::Torn { bytes: cut - good }, "cut at {cut}");
                let rows: u64 = sealed.iter().map(|batch| batch.rows).sum();
                assert_eq!(outcome.items, items[..usize::try_from(rows).unwrap()], "cut at {cut}");
            }
            Some(TraceError::Empty) => assert_eq!(cut, 0),
            Some(TraceError::TornHeader { bytes }) => {
                assert!(cut < header_bytes);
                assert_eq!(bytes, cut);
            }
            Some(error) => panic!("cut at {cut}: {error:?}"),
        }
    }
}

#[test]
fn zeros_behind_a_seal_are_a_torn_tail() {
    let items = items();
    let mut file = trace(&items, 40, false);
    file.resize(file.len() + 100_000, 0);
    let outcome = read(&file);
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.items, items);
    assert_eq!(outcome.tail, Tail::Torn { bytes: 100_000 });
}

#[test]
fn every_changed_byte_is_seen_or_changes_nothing() {
    let items = items().split_off(100);
    let file = trace(&items, 16, true);
    assert!(read(&file).batches.len() > 2);
    let (mut seen, mut changes) = (0, 0);
    for at in 0..file.len() {
        // One bit of every byte; without optimisation, all bits of every other byte besides would take a minute.
        let all_bits = if cfg!(debug_assertions) { None } else { Some(0xff) };
        for change in [Some(1 << (at % 8)), all_bits].into_iter().flatten() {
            changes += 1;
            let mut changed = file.clone();
            changed[at] ^= change;
            let outcome = read(&changed);
            if outcome.error.is_some() {
                seen += 1;
                assert!(items.starts_with(&outcome.items), "byte {at}");
            } else {
                // Padding, or a part of a message header that nobody has a use for.
                assert_eq!((outcome.items == items, outcome.tail), (true, Tail::Clean), "byte {at}");
            }
        }
    }
    assert!(seen > changes * 19 / 20, "only {seen} of {changes} changes were seen");
}

#[test]
fn a_changed_value_names_its_batch() {
    let items = items();
    let file = trace(&items, 40, true);
    let batch = read(&file).batches[1].bytes.clone();
    // The last third of a batch is compressed values.
    let at = usize::try_from(batch.start + (batch.end - batch.start) * 2 / 3).unwrap();
    let mut changed = file;
    changed[at] ^= 0x10;
    match read(&changed).error {
        Some(TraceError::Corrupt { batch: 1, offset, .. }) => assert_eq!(offset, batch.start),
        other => panic!("{other:?}"),
    }
}

#[test]
fn batches_missing_repeated_or_swapped_are_seen() {
    let items = items();
    let file = trace(&items, 20, true);
    let whole = read(&file);
    let part = |batch: &SealedBatch| {
        file[usize::try_from(batch.bytes.start).unwrap()..usize::try_from(batch.bytes.end).unwrap()].to_vec()
    };
    let parts: Vec<Vec<u8>> = whole.batches.iter().map(part).collect();
    let header = &file[..usize::try_from(whole.batches[0].bytes.start).unwrap()];
    let end = &file[usize::try_from(whole.batches.last().unwrap().bytes.end).unwrap()..];
    let built = |order: &[usize], end: &[u8]| {
        let mut built = header.to_vec();
        for place in order {
            built.extend_from_slice(&parts[*place]);
        }
        built.extend_from_slice(end);
        read(&built).error
    };
    let all: Vec<usize> = (0..parts.len()).collect();
    assert!(built(&all, end).is_none());
    let missing: Vec<usize> = all.iter().copied().filter(|place| *place != 2).collect();
    let error = built(&missing, end);
    assert!(
        matches!(error, Some(TraceError::Corrupt { batch: 2, fault: Fault::SealNumber { found: 3 }, .. })),
        "{error:?}"
    );
    let error = built(&[0, 1, 1], end);
    assert!(
        matches!(error, Some(TraceError::Corrupt { batch: 2, fault: Fault::SealNumber { found: 1 }, .. })),
        "{error:?}"
    );
    let error = built(&all[..3], end);
    assert!(matches!(error, Some(TraceError::Corrupt { batch: 3, fault: Fault::EndWithoutSeal, .. })), "{error:?}");
    let mut twice = all.clone();
    twice.push(1);
    let error = built(&twice, end);
    assert!(matches!(error, Some(TraceError::Corrupt { fault: Fault::BehindTheEnd, .. })), "{error:?}");
    let error = built(&all, &[end, b"x"].concat());
    assert!(matches!(error, Some(TraceError::Corrupt { fault: Fault::BehindTheEnd, .. })), "{error:?}");
}

#[test]
fn a_batch_of_another_trace_is_seen() {
    let items = items();
    let (one, other) = (trace(&items, 40, true), trace(&items[1..], 40, true));
    let (first, second) = (read(&one).batches, read(&other).batches);
    let place = |at: u64| usize::try_from(at).unwrap();
    let mixed = [
        &one[..place(first[0].bytes.end)],
        &other[place(second[1].bytes.start)..place(second[1].bytes.end)],
        &one[place(first[1].bytes.end)..],
    ]
    .concat();
    let error = read(&mixed).error;
    assert!(
        matches!(error, Some(TraceError::Corrupt { batch: 1, fault: Fault::SealChecksum { .. }, .. })),
        "{error:?}"
    );
}

/// Random damage of every sort, many times: never a panic, never an item that was not recorded.
#[test]
fn random_damage_never_gives_a_wrong_item() {
    // A build without optimisation is twenty times slower.
    let cases = if cfg!(debug_assertions) { 10_000 } else { 300_000 };
    let items = items();
    let files = [trace(&items, 40, true), trace(&items, 40, false), trace(&items[..3], 40, true)];
    let mut random = Random::new(2026);
    for case in 0..cases {
        let mut file = files[case % files.len()].clone();
        for _ in 0..=random.below(4) {
            damage(&mut file, &mut random);
        }
        let outcome = read(&file);
        let original = if case % files.len() == 2 { &items[..3] } else { &items[..] };
        assert!(original.starts_with(&outcome.items), "case {case}");
    }
}

fn damage(file: &mut Vec<u8>, random: &mut Random) {
    if file.is_empty() {
        return;
    }
    let place = |random: &mut Random| usize::try_from(random.below(file.len() as u64)).unwrap();
    let at = place(random);
    let to = (at + usize::try_from(random.below(64)).unwrap()).min(file.len());
    match random.below(8) {
        0 => file[at] ^= 1 << random.below(8),
        1 => file[at] = random.next().to_le_bytes()[0],
        2 => file.truncate(at),
        3 => file[at..to].fill(0),
        4 => file[at..to].fill(0xff),
        5 => drop(file.drain(at..to)),
        6 => {
            let copy = file[at..to].to_vec();
            let into = usize::try_from(random.below(file.len() as u64)).unwrap();
            file.splice(into..into, copy);
        }
        _ => {
            // Numbers that lengths must not be.
            let number = [0u64, 1, 0x7fff_ffff_ffff_ffff, u64::MAX, 1 << 31, 1 << 20, 8][case_of(random)];
            let bytes = number.to_le_bytes();
            let at = at / 4 * 4;
            let width = if random.below(2) == 0 { 4 } else { 8 };
            for (offset, byte) in bytes.iter().take(width).enumerate() {
                if let Some(slot) = file.get_mut(at + offset) {
                    *slot = *byte;
                }
            }
        }
    }
}

fn case_of(random: &mut Random) -> usize {
    usize::try_from(random.below(7)).unwrap()
}
