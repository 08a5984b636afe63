//! What must hold for any text that is taken for items, one per line.

use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use dmlog_user::session::{Session, Settings};

/// Lines that are looked at; a session of more takes long and is not another one.
const LINES_MAX: usize = 256;

/// Each line is refused with a sentence, or is an item that prints to a line of the same item; what was parsed can be folded
/// and, if that is wanted, looked at, which takes a hundred times longer.
pub(crate) fn check(data: &[u8], is_thorough: bool) {
    let text = String::from_utf8_lossy(data);
    let mut session = Session::new(None, Settings::default());
    for line in text.lines().take(LINES_MAX) {
        match parse(line) {
            Ok(item) => {
                assert_prints(&item);
                session.apply(&item);
            }
            Err(error) => assert_is_harmless(&error.to_string()),
        }
    }
    if is_thorough {
        session.snapshot(3);
    }
}

/// An item is one harmless line, which is the line of exactly this item.
fn assert_prints(item: &Item) {
    let line = render(item);
    assert_is_harmless(&line);
    assert_eq!(parse(&line).as_ref(), Ok(item), "{line}");
}

fn assert_is_harmless(line: &str) {
    assert!(!line.chars().any(char::is_control), "{line:?}");
}
