//! Traces: any bytes are a trace up to some point, and all ways to read give the same up to the same point with the same
//! error; whatever comes out folds to the same.
//!
//! The reader compares no seals while it is fuzzed, or nothing behind a seal would ever be reached.

use std::io::Cursor;

use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::error::TraceError;
use dmlog_user::trace::index::TraceIndex;
use dmlog_user::trace::reader::{Tail, TraceReader};

/// One file.
pub(crate) fn check(file: &[u8]) {
    let mut reader = match TraceReader::new(file) {
        Ok(reader) => reader,
        Err(error) => return check_sentence(&error.to_string()),
    };
    let mut items = Vec::new();
    let end = loop {
        match reader.next_batch(&mut items) {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(reader.tail()),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = &end {
        check_sentence(&error.to_string());
    }
    let end = end_of(&end);
    let index = TraceIndex::read(Cursor::new(file));
    assert!(index.is_ok() || end.starts_with("Err"), "an index is there if the trace is: {index:?}, {end}");
    let mut session = Session::new(Some(reader.facts()), Settings::default());
    for item in &items {
        session.apply(item);
    }
    check_rows(file, &session, &end);
    check_ahead(file, items.len(), &end);
}

/// Rows, batch by batch, fold as items do. A row may have numbers that its operation does not know; nobody looks at them.
fn check_rows(file: &[u8], of_items: &Session, end: &str) {
    let mut reader = TraceReader::new(file).expect("it was one before");
    let mut session = Session::new(Some(reader.facts()), Settings::default());
    let found = loop {
        match reader.next_batch_rows(|row| session.apply_row(row)) {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(reader.tail()),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(end_of(&found), end);
    assert_eq!(session.snapshot(10), of_items.snapshot(10));
}

/// Rows with a second thread.
fn check_ahead(file: &[u8], items: usize, end: &str) {
    let (mut reader, mut rows) = (TraceReader::new(file).expect("it was one before"), 0);
    let found = reader.rows_ahead(|_row| rows += 1);
    assert_eq!(end_of(&found.map(|()| reader.tail())), end);
    assert_eq!(rows, items);
}

fn end_of(end: &Result<Tail, TraceError>) -> String {
    format!("{end:?}")
}

/// Errors go to terminals and logs.
fn check_sentence(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}
