//! What must hold for any bytes that are taken for a trace.
//!
//! Nothing behind a seal that does not fit is ever looked at, so a changed byte hides whatever it leads to. Every file is
//! therefore read twice: as it is, and with its seals made to fit ([`resealed`]), which works where buffers are not compressed.

use std::io::Cursor;

use dmlog_user::event::call::Row;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::error::{Fault, TraceError};
use dmlog_user::trace::index::TraceIndex;
use dmlog_user::trace::reader::{SealedBatch, Tail, TraceReader};

/// Seals that are made to fit: two per batch, and every one of them once more for each batch before it.
const RESEALS_MAX: usize = 12;

/// All ways to read give the same, for the file and for the file with seals that fit. The slow ones, which are a thread and
/// what a session says, only if they are wanted.
pub(crate) fn check(data: &[u8], is_thorough: bool) {
    check_file(data, is_thorough);
    if let Some(file) = resealed(data) {
        check_file(&file, is_thorough);
    }
}

/// Everything that a file gives.
#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    batches: Vec<SealedBatch>,
    tail: Tail,
    /// As it is shown with all its fields; errors of the source cannot be compared.
    error: Option<String>,
}

fn check_file(file: &[u8], is_thorough: bool) {
    let mut reader = match TraceReader::new(file) {
        Ok(reader) => reader,
        Err(error) => return assert_is_harmless(&error.to_string()),
    };
    let facts = reader.facts().clone();
    let outcome = read_on(&mut reader, &mut Vec::new());
    if outcome.batches.is_empty() {
        return;
    }
    let mut session = Session::new(Some(&facts), Settings::default());
    for item in &outcome.items {
        let line = render(item);
        assert_is_harmless(&line);
        assert_eq!(parse(&line).as_ref(), Ok(item), "{line}");
        session.apply(item);
    }
    assert_rows_are_items(file, &outcome);
    if is_thorough {
        let from_rows = fold_ahead(file, &outcome, Session::new(Some(&facts), Settings::default()));
        assert_eq!(format!("{:?}", session.snapshot(3)), format!("{:?}", from_rows.snapshot(3)));
    }
    assert_marks_lead_back(file, &outcome);
    assert_index_agrees(file, &outcome);
}

fn read_on<R: std::io::Read>(reader: &mut TraceReader<R>, items: &mut Vec<Item>) -> Outcome {
    let mut batches: Vec<SealedBatch> = Vec::new();
    let error = loop {
        let before = items.len();
        match reader.next_batch(items) {
            Ok(Some(batch)) => {
                assert_eq!(batch.rows, (items.len() - before) as u64);
                assert!(batches.last().is_none_or(|last| last.bytes.end == batch.bytes.start && !last.is_end));
                batches.push(batch);
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(error.is_none() || reader.tail() == Tail::NotReached, "{error:?}");
    // Nothing comes behind the end or an error.
    assert_eq!(reader.next_batch(items).ok(), Some(None));
    Outcome { items: std::mem::take(items), batches, tail: reader.tail(), error: error.as_ref().map(shown) }
}

fn shown(error: &TraceError) -> String {
    assert_is_harmless(&error.to_string());
    format!("{error:?}")
}

/// Rows batch by batch are the items.
fn assert_rows_are_items(file: &[u8], outcome: &Outcome) {
    let mut expected = outcome.items.iter().map(Row::of);
    let mut take = |row: &Row<'_>| match row {
        // Which rows are items is up to the reader.
        Row::Item(item) => assert_eq!(Some(Row::of(item)), expected.next()),
        row => assert_eq!(Some(*row), expected.next()),
    };
    let Ok(mut reader) = TraceReader::new(file) else { panic!("it was a trace before") };
    let error = loop {
        match reader.next_batch_rows(&mut take) {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(expected.next(), None);
    assert_eq!((error.as_ref().map(shown), reader.tail()), (outcome.error.clone(), outcome.tail));
}

/// Folds the rows that a second thread reads.
fn fold_ahead(file: &[u8], outcome: &Outcome, mut session: Session) -> Session {
    let Ok(mut reader) = TraceReader::new(file) else { panic!("it was a trace before") };
    let mut rows = 0;
    let error = reader.rows_ahead(|row| {
        rows += 1;
        session.apply_row(row);
    });
    assert_eq!((error.as_ref().err().map(shown), reader.tail()), (outcome.error.clone(), outcome.tail));
    assert_eq!(rows, outcome.items.len());
    session
}

/// From any mark, what follows is read as it was the first time.
fn assert_marks_lead_back(file: &[u8], outcome: &Outcome) {
    let Ok(mut reader) = TraceReader::new(Cursor::new(file)) else { panic!("it was a trace before") };
    let mut marks = vec![reader.mark()];
    while let Ok(Some(_)) = reader.check_batch() {
        marks.push(reader.mark());
    }
    assert_eq!(marks.len(), outcome.batches.len() + 1);
    for (place, mark) in marks.into_iter().enumerate().rev() {
        assert_eq!(reader.go_to(mark).as_ref().map_err(shown), Ok(&()));
        let again = read_on(&mut reader, &mut Vec::new());
        assert_eq!((&again.error, again.tail), (&outcome.error, outcome.tail), "from batch {place}");
        assert!(outcome.items.ends_with(&again.items), "from batch {place}");
        assert_eq!(Some(again.batches.as_slice()), outcome.batches.get(place..));
    }
}

/// The index, which looks at headers only, has every batch that could be read.
fn assert_index_agrees(file: &[u8], outcome: &Outcome) {
    let Ok(index) = TraceIndex::read(Cursor::new(file)) else { panic!("memory can always be read") };
    assert!(outcome.batches.len() <= index.batches.len());
    for (batch, indexed) in outcome.batches.iter().zip(&index.batches) {
        assert_eq!((&batch.bytes, batch.rows), (&indexed.bytes, indexed.rows));
    }
}

/// The file with each seal's checksum replaced by the one that the reader computed, where it can be found as it is in
/// memory; `None` if there is nothing to replace.
fn resealed(data: &[u8]) -> Option<Vec<u8>> {
    let mut file = data.to_vec();
    let mut changes = 0;
    while let Some((offset, sealed, computed)) = wrong_seal(&file).filter(|_| changes < RESEALS_MAX) {
        let Some(at) = last_before_next_message(&file, offset, sealed) else { break };
        if let Some(place) = file.get_mut(at..at + 8) {
            place.copy_from_slice(&u64::from(computed).to_le_bytes());
        }
        changes += 1;
    }
    (changes > 0).then_some(file)
}

/// The first seal that does not fit: where its batch begins, what it says, and what it should say.
fn wrong_seal(file: &[u8]) -> Option<(usize, i64, u32)> {
    let mut reader = TraceReader::new(file).ok()?;
    loop {
        match reader.check_batch() {
            Ok(Some(_)) => {}
            Err(TraceError::Corrupt { offset, fault: Fault::SealChecksum { sealed, computed }, .. }) => {
                return Some((usize::try_from(offset).ok()?, sealed, computed));
            }
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Where the value stands last in the message at `offset`: the seal is the last row.
fn last_before_next_message(file: &[u8], offset: usize, value: i64) -> Option<usize> {
    let rest = file.get(offset + 8..)?;
    let is_prefix = |at: &usize| rest.get(*at..at + 4) == Some(&[0xff; 4]) && rest.get(at + 7) == Some(&0);
    // Two columns hold checksums; each value is looked for up to where another message can begin.
    let end = (0..rest.len()).step_by(8).find(is_prefix).unwrap_or(rest.len());
    let aligned = (0..end.saturating_sub(7)).step_by(8).rev();
    let found = aligned.into_iter().find(|at| rest.get(*at..at + 8) == Some(&value.to_le_bytes()[..]));
    found.map(|at| offset + 8 + at)
}

fn assert_is_harmless(sentence: &str) {
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
}
