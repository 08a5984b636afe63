//! Comma-separated values (RFC 4180, lines end with a line feed), one row an item, the same columns for every operation.
//!
//! Columns are those of the trace (`trace/FORMAT.md`), with two differences: `device` is the name of the device that the log belongs to,
//! empty before its identity has come, and `text` holds what an identity or a bitset says as a JSON object with the keys of the
//! JSON lines, beside the reason of a decode error.
//!
//! What comes from outside as text is harmless in a terminal and in a spreadsheet, and can be read back exactly:
//!
//! 1. a backslash is doubled, and control and invisible characters are escaped as Rust does: `\n`, `\u{7f}`;
//! 2. then a text that a spreadsheet would take for a formula, or that begins with an apostrophe, gets an apostrophe in front.

use std::io::{self, Write};

use super::jsonl::{name_of, push_details, push_number};
use super::sink::{DeviceNames, ItemSink};
use crate::event::flat::Flat;
use crate::event::item::Item;
use crate::event::op::{Event, LogImpl, Op};
use crate::event::text::keys::is_log_op;
use crate::event::text::{cause_name, impl_name};

/// The header.
pub const HEADER: &str =
    "time_ns,op,cpu,tid,log,device,impl,duration_ns,region,result,arg,io,sector,bytes,opf,tgid,comm,lost,cause,text";
/// Bytes that are collected before they are handed on.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes rows below a header.
#[derive(Debug)]
pub struct Csv<W> {
    out: W,
    rows: String,
    /// Names as they stand in a row.
    devices: DeviceNames<String>,
}

impl<W: Write> Csv<W> {
    /// Begins with the header.
    pub fn new(out: W) -> Self {
        let rows = format!("{HEADER}\n");
        Self { out, rows, devices: DeviceNames::default() }
    }
}

impl<W: Write> ItemSink for Csv<W> {
    type Out = W;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        self.devices.note(item, |name| {
            let mut field = String::new();
            push_text(name, &mut field);
            field
        });
        push_row(item, &self.devices, &mut self.rows);
        if self.rows.len() >= BUFFER_BYTES {
            self.out.write_all(self.rows.as_bytes())?;
            self.rows.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.out.write_all(self.rows.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn push_row(item: &Item, devices: &DeviceNames<String>, out: &mut String) {
    push_number(item.time().0, out);
    out.push(',');
    out.push_str(name_of(item));
    match item {
        Item::Event(event) => push_event(item, event, devices, out),
        Item::Gap(gap) => {
            out.push(',');
            push_some(gap.cpu, out);
            // Up to `comm`.
            out.push_str(",,,,,,,,,,,,,,");
            out.push(',');
            push_some(gap.lost, out);
            out.push(',');
            out.push_str(cause_name(gap.cause));
            out.push(',');
        }
        Item::DecodeError(failure) => {
            // Up to `cause`.
            out.push_str(",,,,,,,,,,,,,,,,,,");
            push_text(&failure.reason, out);
        }
    }
    out.push('\n');
}

fn push_event(item: &Item, event: &Event, devices: &DeviceNames<String>, out: &mut String) {
    let flat = Flat::from_event(event);
    for number in [u32::from(flat.cpu), flat.tid, flat.log.0] {
        out.push(',');
        push_number(number, out);
    }
    out.push(',');
    out.push_str(devices.get(flat.log).map_or("", String::as_str));
    out.push(',');
    if is_log_op(flat.code)
        && let Some(implementation) = LogImpl::from_number(flat.implementation)
    {
        out.push_str(impl_name(implementation));
    }
    for number in [flat.duration_ns, flat.region] {
        out.push(',');
        push_some(number, out);
    }
    for number in [flat.result, flat.arg] {
        out.push(',');
        push_some(number, out);
    }
    for number in [flat.io, flat.sector] {
        out.push(',');
        push_some(number, out);
    }
    for number in [flat.bytes, flat.opf, flat.tgid] {
        out.push(',');
        push_some(number, out);
    }
    out.push(',');
    if let Some(comm) = &flat.comm {
        push_text(comm, out);
    }
    // `lost` and `cause` are of gaps only.
    out.push_str(",,,");
    if let Op::Identity(_) | Op::Bits(_) = event.op {
        let mut details = String::new();
        push_details(item, &mut details);
        push_text(&details, out);
    }
}

fn push_some(number: Option<impl itoa::Integer>, out: &mut String) {
    if let Some(number) = number {
        push_number(number, out);
    }
}

/// Appends text from outside as a field.
fn push_text(text: &str, out: &mut String) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b':' | b'.');
    if text.as_bytes().iter().all(is_plain) {
        out.push_str(text);
        return;
    }
    out.push('"');
    if begins_like_a_formula(text) {
        out.push('\'');
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\"\""),
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out.push('"');
}

/// Would a spreadsheet compute it? The wide forms count where East Asian text is typed, and some programs skip spaces.
fn begins_like_a_formula(text: &str) -> bool {
    text.starts_with('\'') || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::{Csv, HEADER, push_text};
    use crate::event::text::parse::parse;
    use crate::export::sink::ItemSink as _;

    fn rows(lines: &[&str]) -> Vec<String> {
        let mut sink = Csv::new(Vec::new());
        for line in lines {
            sink.take(&parse(line).unwrap()).unwrap();
        }
        let text = String::from_utf8(sink.finish().unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn field(text: &str) -> String {
        let mut out = String::new();
        push_text(text, &mut out);
        out
    }

    #[test]
    fn rows_have_the_columns_of_the_header() {
        let rows = rows(&[
            "1.000000001 cpu=1 tid=2 log=3 impl=disk mark_region region=5 duration_ns=100",
            r#"1.500000000 cpu=1 tid=2 log=3 identity device="254:0" name="vg/lv" log_type="disk" flush_failed=0 log_device_failed=0"#,
            "2.000000000 cpu=1 tid=2 log=3 impl=disk flush kind=dirtied result=-5 duration_ns=7",
            r#"2.000000000 cpu=1 tid=2 log=3 map io=9 sector=8 bytes=4096 opf=0x801 tgid=4 comm="fio""#,
            "3.000000000 gap cpu=2 lost=12 cause=ring_full",
            r#"4.000000000 decode_error reason="too short""#,
        ]);
        assert_eq!(
            rows,
            [
                HEADER,
                "1000000001,mark_region,1,2,3,,disk,100,5,,,,,,,,,,,",
                r#"1500000000,identity,1,2,3,vg/lv,,,,,,,,,,,,,,"{""device"":""254:0"",""name"":""vg/lv"",""log_type"":""disk"",""flush_failed"":false,""log_device_failed"":false}""#,
                "2000000000,flush,1,2,3,vg/lv,disk,7,,-5,1,,,,,,,,,",
                "2000000000,map,1,2,3,vg/lv,,,,,,9,8,4096,2049,4,fio,,,",
                "3000000000,gap,2,,,,,,,,,,,,,,,12,ring_full,",
                "4000000000,decode_error,,,,,,,,,,,,,,,,,,\"too short\"",
            ]
        );
        let commas = HEADER.matches(',').count();
        assert!(
            rows.iter().filter(|row| !row.contains('"')).all(|row| row.matches(',').count() == commas),
            "{rows:#?}"
        );
    }

    #[test]
    fn no_text_is_a_formula_or_moves_a_cursor() {
        let cases = [
            ("fio", "fio"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("＝1", "\"'＝1\""),
            ("'=1", "\"''=1\""),
            ("\t=1", "\"'\\t=1\""),
            ("a\nb\\\u{1b}[2J", "\"a\\nb\\\\\\u{1b}[2J\""),
        ];
        for (text, expected) in cases {
            assert_eq!(field(text), expected, "{text:?}");
        }
    }
}
