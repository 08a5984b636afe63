//! The text form: any line is an item or an error that can be printed; whatever is an item prints and parses to the same, and
//! is the same behind a trace.

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;

/// One text, line by line.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut items = Vec::new();
    for line in text.lines() {
        match parse(line) {
            Ok(item) => {
                let again = render(&item);
                assert!(!again.chars().any(char::is_control), "{again:?}");
                assert_eq!(parse(&again).as_ref(), Ok(&item), "{line:?} became {again:?}");
                items.push(item);
            }
            Err(error) => {
                let sentence = error.to_string();
                assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
            }
        }
    }
    if items.is_empty() {
        return;
    }
    check_trace(&items);
    let mut session = Session::new(None, Settings::default());
    for item in &items {
        session.apply(item);
    }
    drop(session.snapshot(10));
}

fn check_trace(items: &[Item]) {
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default()).expect("memory takes a header");
    for item in items {
        writer.push(item).expect("memory takes an item");
    }
    writer.finish().expect("memory takes an end");
    let mut back = Vec::new();
    let mut reader = TraceReader::new(file.as_slice()).expect("our own header");
    while reader.next_batch(&mut back).expect("our own batch").is_some() {}
    assert_eq!(back, items);
}
