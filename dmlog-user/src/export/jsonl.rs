//! One JSON object a line, with the keys of the text form: `time_ns` and `op` first, then what `print` shows.
//!
//! ```text
//! {"time_ns":12000000340,"op":"mark_region","cpu":0,"tid":87,"log":1,"impl":"core","region":5,"duration_ns":100}
//! ```
//!
//! [`schema`](super::schema) says which keys each operation has. Numbers are integers of up to 64 bits, whatever a reader makes of them.

use std::io::{self, Write};

use super::markup::misleads;
use super::sink::ItemSink;
use crate::event::flat::op_name;
use crate::event::item::Item;
use crate::event::text::{DECODE_ERROR, GAP, Value, Visitor, visit, words};

/// Bytes that are collected before they are handed on.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes lines.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    lines: String,
}

impl<W: Write> JsonLines<W> {
    /// A format without a header.
    pub fn new(out: W) -> Self {
        Self { out, lines: String::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)) }
    }
}

impl<W: Write> ItemSink for JsonLines<W> {
    type Out = W;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        push_item(item, &mut self.lines);
        self.lines.push('\n');
        if self.lines.len() >= BUFFER_BYTES {
            self.out.write_all(self.lines.as_bytes())?;
            self.lines.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.out.write_all(self.lines.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Appends the object of an item, without a line end.
pub fn push_item(item: &Item, out: &mut String) {
    out.push_str("{\"time_ns\":");
    push_number(item.time().0, out);
    out.push_str(",\"op\":\"");
    out.push_str(name_of(item));
    out.push('"');
    visit(item, &mut Pairs { out, keys: Keys::All });
    out.push('}');
}

/// Appends an object of what an identity or bits say beyond the columns that every event has.
pub fn push_details(item: &Item, out: &mut String) {
    let begin = out.len();
    visit(item, &mut Pairs { out, keys: Keys::BehindTheOperation });
    // Every pair begins with a comma; the first one does not need it.
    if out.len() == begin {
        out.push('{');
    } else {
        out.replace_range(begin..=begin, "{");
    }
    out.push('}');
}

/// What stands where an operation's name does.
pub fn name_of(item: &Item) -> &'static str {
    match item {
        // An event's number always has a name: both come from the same enum.
        Item::Event(event) => op_name(event.op.code()).unwrap_or("unknown"),
        Item::Gap(_) => GAP,
        Item::DecodeError(_) => DECODE_ERROR,
    }
}

/// Which pairs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    All,
    /// Those that come behind the operation's name; it has not come yet.
    BehindTheOperation,
}

struct Pairs<'a> {
    out: &'a mut String,
    keys: Keys,
}

impl Visitor for Pairs<'_> {
    fn op(&mut self, _name: &'static str) {
        self.keys = Keys::All;
    }

    fn pair(&mut self, key: &'static str, value: Value<'_>) {
        if self.keys == Keys::BehindTheOperation {
            return;
        }
        // Keys are ours and need no escape.
        self.out.push_str(",\"");
        self.out.push_str(key);
        self.out.push_str("\":");
        match value {
            Value::Count(number) | Value::Bits(number) => push_number(number, self.out),
            Value::Signed(number) => push_number(number, self.out),
            Value::Flag(flag) => self.out.push_str(if flag { "true" } else { "false" }),
            Value::Word(text) | Value::Text(text) => push_text(text, self.out),
            Value::Words(words) => {
                self.out.push('"');
                words::render_into(words, self.out);
                self.out.push('"');
            }
        }
    }
}

/// Appends an integer.
pub(super) fn push_number(number: impl itoa::Integer, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends a JSON string. Beyond what JSON asks for, every character that [`misleads`] is escaped; all of them have four digits.
fn push_text(text: &str, out: &mut String) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    // A string always has a JSON form.
    for c in serde_json::to_string(text).unwrap_or_default().chars() {
        if misleads(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonLines, push_details, push_item};
    use crate::event::text::parse::parse;
    use crate::export::sink::ItemSink as _;

    fn object(line: &str) -> String {
        let mut out = String::new();
        push_item(&parse(line).unwrap(), &mut out);
        out
    }

    #[test]
    fn an_object_has_the_keys_of_the_text_form() {
        assert_eq!(
            object("12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100"),
            r#"{"time_ns":12000000340,"op":"mark_region","cpu":0,"tid":87,"log":1,"impl":"core","region":5,"duration_ns":100}"#
        );
        assert_eq!(
            object("12.000000000 cpu=0 tid=87 log=1 impl=disk flush kind=dirtied result=-5"),
            r#"{"time_ns":12000000000,"op":"flush","cpu":0,"tid":87,"log":1,"impl":"disk","kind":"dirtied","result":-5}"#
        );
        assert_eq!(
            object("12.000000000 gap lost=18446744073709551615 cause=ring_full"),
            r#"{"time_ns":12000000000,"op":"gap","lost":18446744073709551615,"cause":"ring_full"}"#
        );
    }

    #[test]
    fn no_text_leaves_its_quotes() {
        let line = r#"1.000000000 cpu=0 tid=1 log=1 map io=7 sector=1 bytes=4096 opf=0x1 tgid=2 comm="a\"b\\c\n\u{7f}\u{85}\u{202e}é""#;
        let object = object(line);
        assert!(object.contains(r#""comm":"a\"b\\c\n\u007f\u0085\u202eé""#), "{object}");
        let read: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(read["comm"], "a\"b\\c\n\u{7f}\u{85}\u{202e}é");
    }

    #[test]
    fn details_are_what_comes_behind_the_operation() {
        let details = |line: &str| {
            let mut out = "before".to_owned();
            push_details(&parse(line).unwrap(), &mut out);
            out
        };
        assert_eq!(
            details("1.000000000 cpu=1 tid=2 log=3 bits bitset=clean first=0 regions=70 cut=0 bits=0x1,0x3d"),
            r#"before{"bitset":"clean","first":0,"regions":70,"cut":false,"bits":"0x1,0x3d"}"#
        );
        assert_eq!(details("1.000000000 cpu=1 tid=2 log=3 pass"), "before{}");
    }

    #[test]
    fn everything_taken_is_written_in_order() {
        let mut sink = JsonLines::new(Vec::new());
        for time in 0..10_000 {
            sink.take(&parse(&format!("{time}.000000000 cpu=1 tid=2 log=3 pass")).unwrap()).unwrap();
        }
        let written = String::from_utf8(sink.finish().unwrap()).unwrap();
        assert_eq!(written.lines().count(), 10_000);
        for (time, line) in written.lines().enumerate() {
            let read: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(read["time_ns"], time as u64 * 1_000_000_000);
        }
    }
}
