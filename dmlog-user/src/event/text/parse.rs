//! Text to item. Denies everything that [`render`](super::render) would not write, but for the order of the keys.

use super::keys::{Column, DURATION_KEY, Form, Key, is_log_op, is_point, keys_of};
use super::quote::unquote;
use super::words;
use super::{CAUSES, DECODE_ERROR, FLUSH_KINDS, GAP, IMPLEMENTATIONS, cause_name, flush_kind_name, impl_name};
use crate::event::bits::{Bits, Bitset, LogState, PART_REGIONS_MAX, is_plain};
use crate::event::flat::{Flat, FlatError, op_code};
use crate::event::ids::{DevNum, LogId, MonoNs, Region};
use crate::event::item::{DecodeFailure, Gap, Item};
use crate::event::op::Identity;

/// A line that is not the text form of an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct ParseError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line does not begin with a time.
    #[error("expected a time such as `12.000000340`")]
    Time,
    /// No operation is named.
    #[error("no operation is named")]
    NoOp,
    /// Two words without `=`.
    #[error("`{word}` is a second operation; a value is written `key=value`")]
    SecondOp {
        /// The second word.
        word: String,
    },
    /// There is no such operation.
    #[error("operation `{word}` is not known")]
    UnknownOp {
        /// The word.
        word: String,
    },
    /// The operation does not have this key.
    #[error("`{op}` has no key `{key}`")]
    UnknownKey {
        /// Operation.
        op: String,
        /// Key.
        key: String,
    },
    /// The key is there twice.
    #[error("key `{key}` is given twice")]
    Twice {
        /// Key.
        key: String,
    },
    /// The operation needs this key.
    #[error("`{op}` needs the key `{key}`")]
    Missing {
        /// Operation.
        op: String,
        /// Key.
        key: &'static str,
    },
    /// The value is not of the right kind.
    #[error("the value of `{key}` must be {expected}")]
    Value {
        /// Key.
        key: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A quote is not closed.
    #[error("the quote is not closed")]
    OpenQuote,
}

const COUNT: &str = "a number in range";
const SIGNED: &str = "a number in range, `-` allowed";
const FLAG: &str = "`0` or `1`";
const BITS: &str = "a hexadecimal number after `0x`, in range";
const TEXT: &str = "a string in double quotes";
const WORDS: &str = "words such as `0xffffffffffffffff*511,0x7fff`, no more than the regions need";
const DEVICE: &str = "a device number in double quotes, such as \"254:0\"";

/// The item that a line is.
///
/// # Errors
/// [`ParseError`] with the column and what is wrong there.
pub fn parse(line: &str) -> Result<Item, ParseError> {
    let mut words = split(line)?.into_iter();
    let at_start = |problem| ParseError { column: 1, problem };
    let time = words.next().and_then(|word| parse_time(word.text)).ok_or(at_start(Problem::Time))?;
    let mut op: Option<Word<'_>> = None;
    let mut pairs = Pairs { op: "", found: Vec::new(), end: line.chars().count() + 1 };
    for word in words {
        match word.text.split_once('=') {
            Some((key, value)) if !key.starts_with('"') => pairs.add(word.column, key, value)?,
            _ if op.is_none() => op = Some(word),
            _ => return Err(word.error(Problem::SecondOp { word: harmless(word.text) })),
        }
    }
    let op = op.ok_or(ParseError { column: pairs.end, problem: Problem::NoOp })?;
    pairs.op = op.text;
    let item = match op.text {
        GAP => Item::Gap(parse_gap(time, &mut pairs)?),
        DECODE_ERROR => {
            let reason = pairs.need("reason", TEXT, quoted)?;
            Item::DecodeError(DecodeFailure { time, reason })
        }
        _ => {
            let code = op_code(op.text).ok_or(op.error(Problem::UnknownOp { word: harmless(op.text) }))?;
            return parse_event(time, code, pairs);
        }
    };
    pairs.deny_rest()?;
    Ok(item)
}

fn parse_gap(time: MonoNs, pairs: &mut Pairs<'_>) -> Result<Gap, ParseError> {
    Ok(Gap {
        time,
        cpu: pairs.take("cpu", COUNT, number)?,
        lost: pairs.take("lost", COUNT, number)?,
        cause: pairs.need("cause", "a cause of loss such as `ring_full`", |text| {
            CAUSES.into_iter().find(|cause| cause_name(*cause) == text)
        })?,
    })
}

fn parse_event(time: MonoNs, code: u16, mut pairs: Pairs<'_>) -> Result<Item, ParseError> {
    let mut flat = Flat {
        time,
        code,
        cpu: pairs.need("cpu", COUNT, number)?,
        tid: pairs.need("tid", COUNT, number)?,
        log: LogId(pairs.need("log", COUNT, number)?),
        ..Flat::default()
    };
    if is_log_op(code) {
        flat.implementation = pairs.need("impl", "`core`, `disk` or `userspace`", |text| {
            IMPLEMENTATIONS.into_iter().find(|known| impl_name(*known) == text).map(crate::event::op::LogImpl::number)
        })?;
    }
    // Where each column stood, for an error that only the whole shows.
    let mut places: Vec<(Column, Key, usize)> = Vec::new();
    for key in keys_of(code).unwrap_or_default() {
        match pairs.column_of(key.name) {
            Some(column) => places.push((key.column, *key, column)),
            None if key.needed => return Err(pairs.missing(key.name)),
            None => continue,
        }
        fill(&mut flat, *key, &mut pairs)?;
    }
    if !is_point(code) {
        flat.duration_ns = pairs.take(DURATION_KEY, COUNT, number)?;
    }
    if code == dmlog_common::record::kind::IDENTITY {
        flat.identity = Some(Box::new(parse_identity(&mut pairs)?));
    }
    if code == dmlog_common::record::kind::BITS {
        let bits = parse_bits(&mut pairs)?;
        flat.region = Some(bits.first.0);
        flat.bits = Some(Box::new(bits));
    }
    pairs.deny_rest()?;
    match flat.to_event() {
        Ok(event) => Ok(Item::Event(event)),
        Err(FlatError::Column { column: name, .. }) => {
            let place = places.iter().find(|(column, ..)| column.name() == name);
            Err(match place {
                Some((_, key, column)) => {
                    ParseError { column: *column, problem: Problem::Value { key: key.name, expected: COUNT } }
                }
                None => pairs.missing(name),
            })
        }
        Err(FlatError::UnknownCode { .. }) => {
            Err(ParseError { column: 1, problem: Problem::UnknownOp { word: pairs.op.to_owned() } })
        }
    }
}

/// Reads one key into its column.
fn fill(flat: &mut Flat, key: Key, pairs: &mut Pairs<'_>) -> Result<(), ParseError> {
    let name = key.name;
    match key.column {
        Column::DurationNs => flat.duration_ns = pairs.take(name, COUNT, number)?,
        Column::Region => flat.region = pairs.take(name, COUNT, number)?,
        Column::Io => flat.io = pairs.take(name, COUNT, number)?,
        Column::Sector => flat.sector = pairs.take(name, COUNT, number)?,
        Column::Bytes => flat.bytes = pairs.take(name, COUNT, number)?,
        Column::Tgid => flat.tgid = pairs.take(name, COUNT, number)?,
        Column::Opf => flat.opf = pairs.take(name, BITS, |text| u32::try_from(bits(text)?).ok())?,
        Column::Comm => flat.comm = pairs.take(name, TEXT, quoted)?,
        Column::Result => flat.result = signed_column(key, pairs)?,
        Column::Arg => flat.arg = signed_column(key, pairs)?,
    }
    Ok(())
}

fn signed_column(key: Key, pairs: &mut Pairs<'_>) -> Result<Option<i64>, ParseError> {
    match key.form {
        Form::Signed => pairs.take(key.name, SIGNED, signed),
        Form::Count => pairs.take(key.name, COUNT, |text| number::<u64>(text).map(u64::cast_signed)),
        Form::Flag => pairs.take(key.name, FLAG, |text| flag(text).map(i64::from)),
        Form::Bits => pairs.take(key.name, BITS, |text| bits(text).map(u64::cast_signed)),
        Form::FlushKind => pairs.take(key.name, "`no-op`, `dirtied` or `cleaned-only`", |text| {
            FLUSH_KINDS
                .into_iter()
                .find(|known| flush_kind_name(*known) == text)
                .map(crate::event::op::FlushKind::number)
        }),
        Form::Text => pairs.take(key.name, TEXT, |_no_column_of_this_kind_holds_text| None),
    }
}

fn parse_identity(pairs: &mut Pairs<'_>) -> Result<Identity, ParseError> {
    let device = |text: &str| quoted(text)?.parse::<DevNum>().ok();
    Ok(Identity {
        device: pairs.need("device", DEVICE, device)?,
        name: pairs.need("name", TEXT, quoted)?,
        log_type: pairs.need("log_type", TEXT, quoted)?,
        region_size_sectors: pairs.take("region_size_sectors", COUNT, number)?,
        region_count: pairs.take("region_count", COUNT, number)?,
        sync_count: pairs.take("sync_count", COUNT, number)?,
        sync_option: pairs.take("sync_option", COUNT, number)?,
        target_sectors: pairs.take("target_sectors", COUNT, number)?,
        target_begin: pairs.take("target_begin", COUNT, number)?,
        log_device: pairs.take("log_device", DEVICE, device)?,
        legs: pairs.take("legs", COUNT, number)?,
        flush_failed: pairs.need("flush_failed", FLAG, flag)?,
        log_device_failed: pairs.need("log_device_failed", FLAG, flag)?,
    })
}

fn parse_bits(pairs: &mut Pairs<'_>) -> Result<Bits, ParseError> {
    let bitset = |text: &str| Bitset::ALL.into_iter().find(|bitset| bitset.name() == text);
    let regions = pairs.need("regions", "a number of regions, at most 32768", |text| {
        number(text).filter(|regions| *regions <= PART_REGIONS_MAX)
    })?;
    Ok(Bits {
        bitset: pairs.need("bitset", "`clean`, `in_sync` or `recovering`", bitset)?,
        first: Region(pairs.need("first", COUNT, number)?),
        regions,
        region_count: pairs.take("region_count", COUNT, number)?,
        is_cut: pairs.need("cut", FLAG, flag)?,
        words: pairs.take("bits", WORDS, |text| words::parse(text).filter(|words| is_plain(words, regions)))?,
        state: parse_log_state(pairs)?,
    })
}

/// All of it or nothing.
fn parse_log_state(pairs: &mut Pairs<'_>) -> Result<Option<LogState>, ParseError> {
    let Some(sync_count) = pairs.take("sync_count", COUNT, number)? else {
        return Ok(None);
    };
    Ok(Some(LogState {
        sync_count,
        sync_search: pairs.need("sync_search", SIGNED, |text| i32::try_from(signed(text)?).ok())?,
        touched_dirtied: pairs.need("touched_dirtied", FLAG, flag)?,
        touched_cleaned: pairs.need("touched_cleaned", FLAG, flag)?,
        flush_failed: pairs.need("flush_failed", FLAG, flag)?,
        log_device_failed: pairs.need("log_device_failed", FLAG, flag)?,
        log_device_flush_failed: pairs.need("log_device_flush_failed", FLAG, flag)?,
    }))
}

/// One word of a line, quotes kept together.
#[derive(Clone, Copy)]
struct Word<'a> {
    column: usize,
    text: &'a str,
}

impl Word<'_> {
    fn error(&self, problem: Problem) -> ParseError {
        ParseError { column: self.column, problem }
    }
}

/// Words between single or several spaces, but not at spaces within quotes.
fn split(line: &str) -> Result<Vec<Word<'_>>, ParseError> {
    let mut words = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    let mut quote: Option<usize> = None;
    let mut escaped = false;
    for (column, (at, c)) in (1..).zip(line.char_indices()) {
        if quote.is_some() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quote = None,
                _ => {}
            }
        } else if c == ' ' {
            if let Some((from, column)) = start.take() {
                words.push(Word { column, text: line.get(from..at).unwrap_or_default() });
            }
        } else {
            start.get_or_insert((at, column));
            if c == '"' {
                quote = Some(column);
            }
        }
    }
    if let Some(column) = quote {
        return Err(ParseError { column, problem: Problem::OpenQuote });
    }
    if let Some((from, column)) = start {
        words.push(Word { column, text: line.get(from..).unwrap_or_default() });
    }
    Ok(words)
}

/// The pairs of a line that nobody has asked for yet.
struct Pairs<'a> {
    op: &'a str,
    found: Vec<(usize, &'a str, &'a str)>,
    /// Column behind the line, where a missing key would be.
    end: usize,
}

impl<'a> Pairs<'a> {
    fn add(&mut self, column: usize, key: &'a str, value: &'a str) -> Result<(), ParseError> {
        if self.found.iter().any(|(_, known, _)| *known == key) {
            return Err(ParseError { column, problem: Problem::Twice { key: harmless(key) } });
        }
        self.found.push((column, key, value));
        Ok(())
    }

    fn column_of(&self, key: &str) -> Option<usize> {
        self.found.iter().find(|(_, known, _)| *known == key).map(|(column, ..)| *column)
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParseError> {
        let Some(place) = self.found.iter().position(|(_, known, _)| *known == key) else {
            return Ok(None);
        };
        let (column, _, value) = self.found.remove(place);
        read(value).map(Some).ok_or(ParseError { column, problem: Problem::Value { key, expected } })
    }

    fn need<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ParseError> {
        self.take(key, expected, read)?.ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &'static str) -> ParseError {
        ParseError { column: self.end, problem: Problem::Missing { op: self.op.to_owned(), key } }
    }

    fn deny_rest(&self) -> Result<(), ParseError> {
        match self.found.first() {
            None => Ok(()),
            Some((column, key, _)) => Err(ParseError {
                column: *column,
                problem: Problem::UnknownKey { op: self.op.to_owned(), key: harmless(key) },
            }),
        }
    }
}

/// A word of the line as it may stand in a message that goes to a terminal.
fn harmless(word: &str) -> String {
    word.escape_debug().to_string()
}

fn parse_time(text: &str) -> Option<MonoNs> {
    const DIGITS: usize = 9;
    let (secs, nanos) = text.split_once('.')?;
    if nanos.len() != DIGITS {
        return None;
    }
    let (secs, nanos): (u64, u64) = (number(secs)?, number(nanos)?);
    secs.checked_mul(1_000_000_000)?.checked_add(nanos).map(MonoNs)
}

/// Digits only: the standard parser would also take a `+`.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn signed(text: &str) -> Option<i64> {
    if text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

pub(super) fn bits(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u64::from_str_radix(digits, 16).ok() } else { None }
}

fn quoted(text: &str) -> Option<String> {
    unquote(text.strip_prefix('"')?.strip_suffix('"')?)
}
