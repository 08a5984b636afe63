//! Rows of a batch to items.
//!
//! A row whose columns do not make an event becomes a decode error in its place: the seal has already told that it is
//! what the writer wrote, so that it is a newer operation, and no damage.

use std::sync::Arc;

use dmlog_common::record::kind;

use super::bits::BitsRow;
use super::calls::CallMeaning;
use super::error::Fault;
use super::header::IdentityRow;
use super::lanes::{Blobs, Cells, Lanes, Texts};
use super::schema::{Column, MAX_WORDS, SEAL, SEAL_END};
use crate::event::bits::{Bits, Bitset, PART_REGIONS_MAX, words_of};
use crate::event::call::has;
use crate::event::flat::{Flat, FlatError, op_code, op_name};
use crate::event::ids::{DurationNs, IoId, LogId, MonoNs, Region, Sector};
use crate::event::item::{DecodeFailure, Gap, Item, LossCause};
use crate::event::op::{Event, Io, LogImpl, MirrorOp, Op};
use crate::event::text::keys::is_log_op;
use crate::event::text::{CAUSES, DECODE_ERROR, GAP, IMPLEMENTATIONS, cause_name, impl_name};

/// What the words of a trace's dictionaries stand for.
#[derive(Debug)]
pub(crate) struct Meanings {
    ops: Vec<Meaning>,
    /// The same for those that are numbers only, so that a byte finds them without search or test.
    calls: ByPlace<CallMeaning>,
    implementations: Vec<Option<LogImpl>>,
    /// [`LogImpl::number`], and the bits of [`has`] that the word leaves: all if it is known, else all but that of the
    /// implementation.
    implementation_numbers: ByPlace<(u8, u8)>,
    causes: Vec<Option<LossCause>>,
}

impl Default for Meanings {
    fn default() -> Self {
        Self::new(&[], &[], &[])
    }
}

/// What a word of the dictionary of operations stands for.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Event(u16),
    Map,
    Identity,
    Bits,
    Gap,
    DecodeError,
    Seal,
    /// An operation of a newer version.
    Unknown(Arc<str>),
}

impl Meanings {
    pub(crate) fn new(ops: &[String], implementations: &[String], causes: &[String]) -> Self {
        let op = |word: &String| match word.as_str() {
            GAP => Meaning::Gap,
            DECODE_ERROR => Meaning::DecodeError,
            SEAL => Meaning::Seal,
            name => match op_code(name) {
                Some(kind::MAP) => Meaning::Map,
                Some(kind::IDENTITY) => Meaning::Identity,
                Some(kind::BITS) => Meaning::Bits,
                Some(code) => Meaning::Event(code),
                None => Meaning::Unknown(name.into()),
            },
        };
        let ops: Vec<Meaning> = ops.iter().map(op).collect();
        let implementations: Vec<Option<LogImpl>> = implementations
            .iter()
            .map(|word| IMPLEMENTATIONS.into_iter().find(|known| impl_name(*known) == word.as_str()))
            .collect();
        let numbers = implementations.iter().map(|known| known.map_or(UNKNOWN, |known| (known.number(), u8::MAX)));
        Self {
            calls: ByPlace::new(ops.iter().map(CallMeaning::of), CallMeaning::OTHER),
            ops,
            implementation_numbers: ByPlace::new(numbers, UNKNOWN),
            implementations,
            causes: causes
                .iter()
                .map(|word| CAUSES.into_iter().find(|known| cause_name(*known) == word.as_str()))
                .collect(),
        }
    }
}

impl Meanings {
    /// What a place in the dictionary of operations stands for, as far as numbers go.
    #[inline]
    pub(super) fn call(&self, place: u8) -> CallMeaning {
        self.calls.get(place)
    }

    /// [`LogImpl::number`] of a place in the dictionary of implementations, and the bits of [`has`] that it leaves.
    #[inline]
    pub(super) fn implementation_number(&self, place: u8) -> (u8, u8) {
        self.implementation_numbers.get(place)
    }
}

/// An implementation that this version does not know.
const UNKNOWN: (u8, u8) = (0, !has::IMPL);

/// One value for each place that a dictionary can have.
#[derive(Debug)]
struct ByPlace<T>(Box<[T; MAX_WORDS]>);

impl<T: Copy> ByPlace<T> {
    fn new(known: impl Iterator<Item = T>, other: T) -> Self {
        let mut values = Box::new([other; MAX_WORDS]);
        for (slot, value) in values.iter_mut().zip(known) {
            *slot = value;
        }
        Self(values)
    }

    #[inline]
    fn get(&self, place: u8) -> T {
        let [first, ..] = &*self.0;
        // There are as many places as bytes.
        *self.0.get(usize::from(place)).unwrap_or(first)
    }
}

/// What the last row of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) rows: i64,
    pub(crate) checksum: i64,
    /// Of the columns that version 1.1 added.
    pub(crate) added_checksum: Option<u64>,
    pub(crate) number: u64,
    pub(crate) is_end: bool,
}

/// The rows of a batch.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(super) meanings: &'a Meanings,
    count: usize,
    pub(super) time_ns: Cells<'a, 8>,
    pub(super) op: Cells<'a, 1>,
    pub(super) cpu: Cells<'a, 2>,
    pub(super) tid: Cells<'a, 4>,
    pub(super) log: Cells<'a, 4>,
    pub(super) implementation: Cells<'a, 1>,
    pub(super) duration_ns: Cells<'a, 8>,
    pub(super) region: Cells<'a, 8>,
    pub(super) result: Cells<'a, 8>,
    pub(super) arg: Cells<'a, 8>,
    pub(super) io: Cells<'a, 8>,
    pub(super) sector: Cells<'a, 8>,
    pub(super) bytes: Cells<'a, 4>,
    pub(super) opf: Cells<'a, 4>,
    pub(super) tgid: Cells<'a, 4>,
    pub(super) comm: Texts<'a>,
    lost: Cells<'a, 8>,
    cause: Cells<'a, 1>,
    text: Texts<'a>,
    bits: Blobs<'a>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(lanes: &'a Lanes, meanings: &'a Meanings) -> Result<Self, Fault> {
        Ok(Self {
            meanings,
            count: lanes.rows(),
            time_ns: lanes.cells(Column::TimeNs),
            op: lanes.cells(Column::Op),
            cpu: lanes.cells(Column::Cpu),
            tid: lanes.cells(Column::Tid),
            log: lanes.cells(Column::Log),
            implementation: lanes.cells(Column::Impl),
            duration_ns: lanes.cells(Column::DurationNs),
            region: lanes.cells(Column::Region),
            result: lanes.cells(Column::Result),
            arg: lanes.cells(Column::Arg),
            io: lanes.cells(Column::Io),
            sector: lanes.cells(Column::Sector),
            bytes: lanes.cells(Column::Bytes),
            opf: lanes.cells(Column::Opf),
            tgid: lanes.cells(Column::Tgid),
            comm: lanes.texts(Column::Comm)?,
            lost: lanes.cells(Column::Lost),
            cause: lanes.cells(Column::Cause),
            text: lanes.texts(Column::Text)?,
            bits: lanes.blobs(Column::Bits),
        })
    }

    /// The last row, if it is a seal.
    pub(crate) fn seal(&self) -> Option<Seal> {
        let row = self.count.checked_sub(1)?;
        if !matches!(self.meaning(row), Some(Meaning::Seal)) {
            return None;
        }
        Some(Seal {
            rows: i64::from_le_bytes(self.result.get(row)?),
            checksum: i64::from_le_bytes(self.arg.get(row)?),
            added_checksum: self.region.get(row).map(u64::from_le_bytes),
            number: u64::from_le_bytes(self.io.get(row)?),
            is_end: self.text.get(row) == Some(SEAL_END),
        })
    }

    /// Hands over the items of all rows but the last.
    pub(crate) fn for_each(&self, take: impl FnMut(Item)) {
        self.for_each_from(0, take);
    }

    /// The same from a row on.
    pub(super) fn for_each_from(&self, first: usize, mut take: impl FnMut(Item)) {
        for row in first..self.count.saturating_sub(1) {
            take(self.item(row));
        }
    }

    /// Rows of the batch, with its seal.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn meaning(&self, row: usize) -> Option<&'a Meaning> {
        let [place] = self.op.raw(row);
        self.meanings.ops.get(usize::from(place))
    }

    #[inline]
    pub(super) fn item(&self, row: usize) -> Item {
        let time = MonoNs(u64::from_le_bytes(self.time_ns.raw(row)));
        let bad = |reason: String| Item::DecodeError(DecodeFailure { time, reason });
        match self.meaning(row) {
            Some(Meaning::Event(code)) => match self.hot(row, *code) {
                Some(op) => Item::Event(self.event(row, time, op, *code == kind::END_IO)),
                None => match self.any_event(row, time, *code) {
                    Ok(event) => Item::Event(event),
                    Err(error) => bad(error.to_string()),
                },
            },
            Some(Meaning::Map) => match self.map(row, time) {
                Some(event) => Item::Event(event),
                None => bad("operation `map` misses a column".to_owned()),
            },
            Some(Meaning::Identity) => match self.identity(row, time) {
                Some(event) => Item::Event(event),
                None => bad("operation `identity` has no valid `text`".to_owned()),
            },
            Some(Meaning::Bits) => match self.bits(row) {
                Some(bits) => Item::Event(self.event(row, time, Op::Bits(Box::new(bits)), false)),
                None => bad("operation `bits` misses a column, or its columns do not fit together".to_owned()),
            },
            Some(Meaning::Gap) => match self.gap(row, time) {
                Some(gap) => Item::Gap(gap),
                None => bad("a gap has no known cause; the trace may come from a newer dmlog-top".to_owned()),
            },
            Some(Meaning::DecodeError) => bad(self.text.get(row).unwrap_or_default().to_owned()),
            Some(Meaning::Seal) => bad("a seal stands within a batch".to_owned()),
            Some(Meaning::Unknown(name)) => bad(format!(
                "operation `{}` is not known; the trace may come from a newer dmlog-top",
                name.escape_debug()
            )),
            None => bad("a row names no operation".to_owned()),
        }
    }

    /// Any operation but those that have columns of their own.
    fn any_event(&self, row: usize, time: MonoNs, code: u16) -> Result<Event, FlatError> {
        let (cpu, tid, log) = self.place(row);
        let implementation = match self.implementation(row) {
            Some(implementation) => implementation.number(),
            None if !is_log_op(code) => 0,
            None => return Err(FlatError::Column { op: op_name(code).unwrap_or_default(), column: "impl" }),
        };
        let flat = Flat {
            time,
            cpu,
            tid,
            log,
            code,
            implementation,
            duration_ns: self.duration_ns.get(row).map(u64::from_le_bytes),
            region: self.region.get(row).map(u64::from_le_bytes),
            result: self.result.get(row).map(i64::from_le_bytes),
            arg: self.arg.get(row).map(i64::from_le_bytes),
            io: self.io.get(row).map(u64::from_le_bytes),
            ..Flat::default()
        };
        flat.to_event()
    }

    #[inline]
    pub(super) fn implementation(&self, row: usize) -> Option<LogImpl> {
        let [place] = self.implementation.get(row)?;
        self.meanings.implementations.get(usize::from(place)).copied().flatten()
    }

    #[inline]
    fn place(&self, row: usize) -> (u16, u32, LogId) {
        (
            // Where there is no value, the writer left a zero.
            u16::from_le_bytes(self.cpu.raw(row)),
            u32::from_le_bytes(self.tid.raw(row)),
            LogId(u32::from_le_bytes(self.log.raw(row))),
        )
    }

    #[inline]
    fn event(&self, row: usize, time: MonoNs, op: Op, is_point: bool) -> Event {
        let (cpu, tid, log) = self.place(row);
        let duration =
            if is_point { None } else { self.duration_ns.get(row).map(|ns| DurationNs(u64::from_le_bytes(ns))) };
        Event { time, cpu, tid, log, duration, op }
    }

    /// A bio, without going through [`Flat`], which would copy its command name once more.
    fn map(&self, row: usize, time: MonoNs) -> Option<Event> {
        let io = Io {
            io: IoId(u64::from_le_bytes(self.io.get(row)?)),
            sector: Sector(u64::from_le_bytes(self.sector.get(row)?)),
            bytes: u32::from_le_bytes(self.bytes.get(row)?),
            opf: u32::from_le_bytes(self.opf.get(row)?),
            tgid: u32::from_le_bytes(self.tgid.get(row)?),
            comm: self.comm.get(row).unwrap_or_default().to_owned(),
        };
        Some(self.event(row, time, Op::Mirror(MirrorOp::Map(io)), false))
    }

    fn identity(&self, row: usize, time: MonoNs) -> Option<Event> {
        let identity = IdentityRow::parse(self.text.get(row)?)?;
        Some(self.event(row, time, Op::Identity(Box::new(identity)), false))
    }

    fn bits(&self, row: usize) -> Option<Bits> {
        let regions = i64::from_le_bytes(self.result.get(row)?);
        let regions = u32::try_from(regions).ok().filter(|regions| *regions <= PART_REGIONS_MAX)?;
        let bitset = u16::try_from(i64::from_le_bytes(self.arg.get(row)?)).ok()?;
        let words = match self.bits.get(row) {
            None => None,
            Some(bytes) => Some(words_of(bytes, regions)?),
        };
        let (region_count, is_cut, state) = BitsRow::parse(self.text.get(row)?)?.into_parts();
        Some(Bits {
            bitset: Bitset::from_number(bitset)?,
            first: Region(u64::from_le_bytes(self.region.get(row)?)),
            regions,
            region_count,
            is_cut,
            words,
            state,
        })
    }

    fn gap(&self, row: usize, time: MonoNs) -> Option<Gap> {
        let [place] = self.cause.get(row)?;
        Some(Gap {
            time,
            cpu: self.cpu.get(row).map(u16::from_le_bytes),
            lost: self.lost.get(row).map(u64::from_le_bytes),
            cause: self.meanings.causes.get(usize::from(place)).copied().flatten()?,
        })
    }
}
