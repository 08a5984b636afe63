//! The one-line text form of an item, both ways.
//!
//! ```text
//! 12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100
//! 12.000000911 cpu=2 tid=4001 log=1 map io=7 sector=10240 bytes=4096 opf=0x8801 tgid=4001 comm="fio"
//! 12.000001100 cpu=1 tid=4000 log=1 bits bitset=clean first=0 regions=70 region_count=70 cut=0 bits=0xffffffffffffffff,0x3d
//! 12.000001200 gap cpu=0 lost=12 cause=ring_full
//! 12.000001300 decode_error reason="record of 3 bytes is shorter than a header"
//! ```
//!
//! Time is `CLOCK_MONOTONIC` in seconds with nine digits; then one word, the operation, among `key=value` pairs. Each
//! operation has its own keys ([`keys`]), named as the kernel names them. [`render`] writes them in one order,
//! [`parse()`](parse::parse) takes any order and denies keys that are unknown, missing or given twice.
//! What comes from the kernel or a device as text is quoted and escaped, so that no control character of a name ever
//! reaches a terminal.
//!
//! ```
//! use dmlog_user::event::text::parse::{ParseError, parse};
//! use dmlog_user::event::text::render;
//!
//! let line = r#"12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100"#;
//! let item = parse(line)?;
//! assert_eq!(render(&item), line);
//! # Ok::<(), ParseError>(())
//! ```

use super::bits::{Bits, LogState};
use super::flat::{Flat, op_name};
use super::item::{Gap, Item, LossCause};
use super::op::{FlushKind, Identity, LogImpl};

pub mod keys;
pub mod parse;
pub mod quote;
#[cfg(test)]
mod tests;
pub mod words;

use self::keys::{Column, DURATION_KEY, Form, Key};

/// Name of a gap where an operation's name stands.
pub const GAP: &str = "gap";

/// Name of a decode error where an operation's name stands.
pub const DECODE_ERROR: &str = "decode_error";

/// A value of the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number without sign.
    Count(u64),
    /// A number that may be negative.
    Signed(i64),
    /// Yes or no.
    Flag(bool),
    /// Bits.
    Bits(u64),
    /// One of a few words without spaces.
    Word(&'static str),
    /// Text from outside; must be quoted.
    Text(&'a str),
    /// Words of a bitset, see [`words`].
    Words(&'a [u64]),
}

/// Takes the parts of an item in the order in which they are printed. One implementation per output format.
pub trait Visitor {
    /// The operation's name, or [`GAP`], or [`DECODE_ERROR`].
    fn op(&mut self, name: &'static str);
    /// One key with its value.
    fn pair(&mut self, key: &'static str, value: Value<'_>);
}

/// Hands the parts of an item to a visitor; only the time is left to the caller.
pub fn visit(item: &Item, visitor: &mut impl Visitor) {
    match item {
        Item::Event(event) => visit_event(&Flat::from_event(event), visitor),
        Item::Gap(gap) => {
            let Gap { time: _, cpu, lost, cause } = gap;
            visitor.op(GAP);
            if let Some(cpu) = cpu {
                visitor.pair("cpu", Value::Count(u64::from(*cpu)));
            }
            if let Some(lost) = lost {
                visitor.pair("lost", Value::Count(*lost));
            }
            visitor.pair("cause", Value::Word(cause_name(*cause)));
        }
        Item::DecodeError(failure) => {
            visitor.op(DECODE_ERROR);
            visitor.pair("reason", Value::Text(&failure.reason));
        }
    }
}

/// The line of an item, without a line end.
pub fn render(item: &Item) -> String {
    let mut line = String::with_capacity(128);
    render_into(item, &mut line);
    line
}

/// Appends the line of an item, without a line end.
pub fn render_into(item: &Item, out: &mut String) {
    push_time(item.time().0, out);
    visit(item, &mut LineVisitor { out });
}

/// Name of an implementation.
pub fn impl_name(implementation: LogImpl) -> &'static str {
    match implementation {
        LogImpl::Core => "core",
        LogImpl::Disk => "disk",
        LogImpl::Userspace => "userspace",
    }
}

/// All implementations, in the order of their numbers.
pub const IMPLEMENTATIONS: [LogImpl; 3] = [LogImpl::Core, LogImpl::Disk, LogImpl::Userspace];

/// Name of a flush kind.
pub fn flush_kind_name(kind: FlushKind) -> &'static str {
    match kind {
        FlushKind::NoOp => "no-op",
        FlushKind::Dirtied => "dirtied",
        FlushKind::CleanedOnly => "cleaned-only",
    }
}

/// All flush kinds, in the order of their numbers.
pub const FLUSH_KINDS: [FlushKind; 3] = [FlushKind::NoOp, FlushKind::Dirtied, FlushKind::CleanedOnly];

/// Name of a cause of loss.
pub fn cause_name(cause: LossCause) -> &'static str {
    match cause {
        LossCause::RingFull => "ring_full",
        LossCause::QueueFull => "queue_full",
        LossCause::Recursion => "recursion",
        LossCause::Unpaired => "unpaired",
        LossCause::ModuleReload => "module_reload",
        LossCause::WriteFailed => "write_failed",
    }
}

/// All causes of loss.
pub const CAUSES: [LossCause; 6] = [
    LossCause::RingFull,
    LossCause::QueueFull,
    LossCause::Recursion,
    LossCause::Unpaired,
    LossCause::ModuleReload,
    LossCause::WriteFailed,
];

fn visit_event(flat: &Flat, visitor: &mut impl Visitor) {
    visitor.pair("cpu", Value::Count(u64::from(flat.cpu)));
    visitor.pair("tid", Value::Count(u64::from(flat.tid)));
    visitor.pair("log", Value::Count(u64::from(flat.log.0)));
    if keys::is_log_op(flat.code)
        && let Some(implementation) = LogImpl::from_number(flat.implementation)
    {
        visitor.pair("impl", Value::Word(impl_name(implementation)));
    }
    // An event's number always has a name: both come from the same enum.
    visitor.op(op_name(flat.code).unwrap_or("unknown"));
    if let Some(identity) = &flat.identity {
        visit_identity(identity, visitor);
    }
    if let Some(bits) = &flat.bits {
        visit_bits(bits, visitor);
    }
    for key in keys::keys_of(flat.code).unwrap_or_default() {
        if let Some(value) = value_of(flat, *key) {
            visitor.pair(key.name, value);
        }
    }
    if !keys::is_point(flat.code)
        && let Some(duration_ns) = flat.duration_ns
    {
        visitor.pair(DURATION_KEY, Value::Count(duration_ns));
    }
}

fn value_of(flat: &Flat, key: Key) -> Option<Value<'_>> {
    Some(match key.column {
        Column::DurationNs => Value::Count(flat.duration_ns?),
        Column::Region => Value::Count(flat.region?),
        Column::Result => value_of_signed(flat.result?, key.form),
        Column::Arg => value_of_signed(flat.arg?, key.form),
        Column::Io => Value::Count(flat.io?),
        Column::Sector => Value::Count(flat.sector?),
        Column::Bytes => Value::Count(u64::from(flat.bytes?)),
        Column::Opf => Value::Bits(u64::from(flat.opf?)),
        Column::Tgid => Value::Count(u64::from(flat.tgid?)),
        Column::Comm => Value::Text(flat.comm.as_deref()?),
    })
}

fn value_of_signed<'a>(number: i64, form: Form) -> Value<'a> {
    match form {
        Form::Signed | Form::Text => Value::Signed(number),
        Form::Count => Value::Count(number.cast_unsigned()),
        Form::Bits => Value::Bits(number.cast_unsigned()),
        Form::Flag => Value::Flag(number != 0),
        Form::FlushKind => match FlushKind::from_number(number) {
            Some(kind) => Value::Word(flush_kind_name(kind)),
            None => Value::Signed(number),
        },
    }
}

fn visit_identity(identity: &Identity, visitor: &mut impl Visitor) {
    let Identity {
        device,
        name,
        log_type,
        region_size_sectors,
        region_count,
        sync_count,
        sync_option,
        target_sectors,
        target_begin,
        log_device,
        legs,
        flush_failed,
        log_device_failed,
    } = identity;
    visitor.pair("device", Value::Text(&device.to_string()));
    visitor.pair("name", Value::Text(name));
    visitor.pair("log_type", Value::Text(log_type));
    let numbers = [
        ("region_size_sectors", region_size_sectors.map(u64::from)),
        ("region_count", *region_count),
        ("sync_count", *sync_count),
        ("sync_option", sync_option.map(u64::from)),
        ("target_sectors", *target_sectors),
        ("target_begin", *target_begin),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            visitor.pair(key, Value::Count(number));
        }
    }
    if let Some(log_device) = log_device {
        visitor.pair("log_device", Value::Text(&log_device.to_string()));
    }
    if let Some(legs) = legs {
        visitor.pair("legs", Value::Count(u64::from(*legs)));
    }
    visitor.pair("flush_failed", Value::Flag(*flush_failed));
    visitor.pair("log_device_failed", Value::Flag(*log_device_failed));
}

fn visit_bits(bits: &Bits, visitor: &mut impl Visitor) {
    let Bits { bitset, first, regions, region_count, is_cut, words, state } = bits;
    visitor.pair("bitset", Value::Word(bitset.name()));
    visitor.pair("first", Value::Count(first.0));
    visitor.pair("regions", Value::Count(u64::from(*regions)));
    if let Some(region_count) = region_count {
        visitor.pair("region_count", Value::Count(*region_count));
    }
    visitor.pair("cut", Value::Flag(*is_cut));
    if let Some(words) = words {
        visitor.pair("bits", Value::Words(words));
    }
    if let Some(state) = state {
        let LogState {
            sync_count,
            sync_search,
            touched_dirtied,
            touched_cleaned,
            flush_failed,
            log_device_failed,
            log_device_flush_failed,
        } = state;
        visitor.pair("sync_count", Value::Count(*sync_count));
        visitor.pair("sync_search", Value::Signed(i64::from(*sync_search)));
        visitor.pair("touched_dirtied", Value::Flag(*touched_dirtied));
        visitor.pair("touched_cleaned", Value::Flag(*touched_cleaned));
        visitor.pair("flush_failed", Value::Flag(*flush_failed));
        visitor.pair("log_device_failed", Value::Flag(*log_device_failed));
        visitor.pair("log_device_flush_failed", Value::Flag(*log_device_flush_failed));
    }
}

/// Appends a time in seconds with nine digits after the point.
pub fn push_time(time_ns: u64, out: &mut String) {
    const NS_PER_S: u64 = 1_000_000_000;
    push_number(time_ns / NS_PER_S, out);
    out.push('.');
    // A leading 1 keeps the zeros; it is cut off.
    let digits = (NS_PER_S + time_ns % NS_PER_S).to_string();
    out.push_str(digits.get(1..).unwrap_or_default());
}

fn push_number(number: impl std::fmt::Display, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(out, "{number}");
}

/// Builds the line.
struct LineVisitor<'a> {
    out: &'a mut String,
}

impl Visitor for LineVisitor<'_> {
    fn op(&mut self, name: &'static str) {
        self.out.push(' ');
        self.out.push_str(name);
    }

    fn pair(&mut self, key: &'static str, value: Value<'_>) {
        self.out.push(' ');
        self.out.push_str(key);
        self.out.push('=');
        match value {
            Value::Count(number) => push_number(number, self.out),
            Value::Signed(number) => push_number(number, self.out),
            Value::Flag(flag) => self.out.push(if flag { '1' } else { '0' }),
            Value::Bits(bits) => push_number(format_args!("{bits:#x}"), self.out),
            Value::Word(word) => self.out.push_str(word),
            Value::Text(text) => quote::quote_into(text, self.out),
            Value::Words(words) => words::render_into(words, self.out),
        }
    }
}
