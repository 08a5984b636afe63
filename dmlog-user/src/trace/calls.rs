//! The short way from rows to a session: eight rows at a time, straight from the columns to numbers.
//!
//! ```text
//! 8 bitmaps, a byte each ─ turned ─▶ 8 bytes, one a row: which numbers it has ─▶ Shape::fits ─▶ Row::Call, Row::Map
//!                                                                                  └ no ─▶ Rows::item ─▶ Row::Item
//! ```
//!
//! What it cannot make sense of it leaves to the long way, which knows every operation and says what is wrong.

use std::ops::Range;

use dmlog_common::record::kind;

use super::lanes::{BLOCK, Bits, Blocks};
use super::rows::{Meaning, Rows};
use crate::event::call::{Call, Row, Shape, has};
use crate::event::ids::{IoId, LogId, MonoNs, Sector};
use crate::event::op::Bio;

/// What a word of the dictionary of operations stands for, if it is an operation of numbers only.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallMeaning {
    code: u8,
    may_have: u8,
    shape: Shape,
}

impl CallMeaning {
    /// A row of another kind.
    pub(super) const OTHER: Self = Self { code: 0, may_have: 0, shape: Shape::of(0) };

    pub(super) fn of(meaning: &Meaning) -> Self {
        let code = match meaning {
            Meaning::Event(code) => *code,
            Meaning::Map => kind::MAP,
            Meaning::Identity
            | Meaning::Bits
            | Meaning::Gap
            | Meaning::DecodeError
            | Meaning::Seal
            | Meaning::Unknown(_) => 0,
        };
        u8::try_from(code).map_or(Self::OTHER, |small| Self {
            code: small,
            may_have: Call::has_at_most(code),
            shape: Shape::of(code),
        })
    }
}

/// The columns of a batch that calls are made of, cut into blocks.
struct Columns<'a> {
    time_ns: Blocks<'a, 8>,
    op: Blocks<'a, 1>,
    log: Blocks<'a, 4>,
    tid: Blocks<'a, 4>,
    cpu: Blocks<'a, 2>,
    implementation: Blocks<'a, 1>,
    duration_ns: Blocks<'a, 8>,
    region: Blocks<'a, 8>,
    result: Blocks<'a, 8>,
    arg: Blocks<'a, 8>,
    io: Blocks<'a, 8>,
    /// The four that only bios have.
    bio: [Bits<'a>; 4],
}

/// The columns of eight rows.
struct Block<'a> {
    time_ns: &'a [[u8; 8]; BLOCK],
    op: &'a [[u8; 1]; BLOCK],
    log: &'a [[u8; 4]; BLOCK],
    tid: &'a [[u8; 4]; BLOCK],
    cpu: &'a [[u8; 2]; BLOCK],
    implementation: &'a [[u8; 1]; BLOCK],
    duration_ns: &'a [[u8; 8]; BLOCK],
    region: &'a [[u8; 8]; BLOCK],
    result: &'a [[u8; 8]; BLOCK],
    arg: &'a [[u8; 8]; BLOCK],
    io: &'a [[u8; 8]; BLOCK],
    /// Bits of [`has`], a byte for each row.
    has: [u8; BLOCK],
}

/// What a bio cannot do without; its command name may be missing.
const MAP_NEEDS: u8 = has::IO | has::BIO;

impl Rows<'_> {
    /// Hands over all rows but the last.
    pub(crate) fn for_each_row(&self, mut take: impl FnMut(&Row<'_>)) {
        let rows = self.count().saturating_sub(1);
        let whole = rows - rows % BLOCK;
        let columns = self.columns();
        for first in (0..whole).step_by(BLOCK) {
            let block = columns.block(first / BLOCK);
            for at in 0..BLOCK {
                let (call, fits) = self.call(&block, at);
                // One place where the row is taken, so that all that its taker does is compiled into this loop.
                let item;
                let row = if fits {
                    Row::Call(call)
                } else if u16::from(call.code) == kind::MAP && call.has & MAP_NEEDS == MAP_NEEDS {
                    Row::Map(call, self.bio(first + at, call.io))
                } else {
                    item = self.item(first + at);
                    Row::Item(&item)
                };
                take(&row);
            }
        }
        self.rest(whole..rows, &mut take);
    }

    /// Fewer rows than make a block.
    fn rest(&self, rows: Range<usize>, take: &mut dyn FnMut(&Row<'_>)) {
        for row in rows {
            take(&Row::Item(&self.item(row)));
        }
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            time_ns: self.time_ns.blocks(),
            op: self.op.blocks(),
            log: self.log.blocks(),
            tid: self.tid.blocks(),
            cpu: self.cpu.blocks(),
            implementation: self.implementation.blocks(),
            duration_ns: self.duration_ns.blocks(),
            region: self.region.blocks(),
            result: self.result.blocks(),
            arg: self.arg.blocks(),
            io: self.io.blocks(),
            bio: [self.sector.bits(), self.bytes.bits(), self.opf.bits(), self.tgid.bits()],
        }
    }

    /// The numbers of a row, and whether they are an event.
    #[inline]
    fn call(&self, block: &Block<'_>, at: usize) -> (Call, bool) {
        let [place] = value(block.op, at);
        let CallMeaning { code, may_have, shape } = self.meanings.call(place);
        let [place] = value(block.implementation, at);
        let (implementation, leaves) = self.meanings.implementation_number(place);
        let call = Call {
            time: MonoNs(u64::from_le_bytes(value(block.time_ns, at))),
            duration_ns: u64::from_le_bytes(value(block.duration_ns, at)),
            region: u64::from_le_bytes(value(block.region, at)),
            result: i64::from_le_bytes(value(block.result, at)),
            arg: i64::from_le_bytes(value(block.arg, at)),
            io: u64::from_le_bytes(value(block.io, at)),
            // Where there is no value, the writer left a zero.
            log: LogId(u32::from_le_bytes(value(block.log, at))),
            tid: u32::from_le_bytes(value(block.tid, at)),
            cpu: u16::from_le_bytes(value(block.cpu, at)),
            code,
            implementation,
            has: block.has.get(at).copied().unwrap_or_default() & may_have & leaves,
        };
        (call, shape.fits(&call))
    }

    fn bio(&self, row: usize, io: u64) -> Bio<'_> {
        Bio {
            io: IoId(io),
            sector: Sector(u64::from_le_bytes(self.sector.raw(row))),
            bytes: u32::from_le_bytes(self.bytes.raw(row)),
            opf: u32::from_le_bytes(self.opf.raw(row)),
            tgid: u32::from_le_bytes(self.tgid.raw(row)),
            comm: self.comm.get(row).unwrap_or_default(),
        }
    }
}

impl<'a> Columns<'a> {
    #[inline]
    fn block(&self, number: usize) -> Block<'a> {
        let [sector, bytes, opf, tgid] = &self.bio;
        let duration = self.duration_ns.bits.get(number);
        Block {
            time_ns: self.time_ns.get(number),
            op: self.op.get(number),
            log: self.log.get(number),
            tid: self.tid.get(number),
            cpu: self.cpu.get(number),
            implementation: self.implementation.get(number),
            duration_ns: self.duration_ns.get(number),
            region: self.region.get(number),
            result: self.result.get(number),
            arg: self.arg.get(number),
            io: self.io.get(number),
            // In the order of `has`.
            has: turned([
                self.implementation.bits.get(number),
                duration,
                self.region.bits.get(number),
                self.result.bits.get(number),
                self.arg.bits.get(number),
                self.io.bits.get(number),
                sector.get(number) & bytes.get(number) & opf.get(number) & tgid.get(number),
                duration,
            ]),
        }
    }
}

/// One of eight values; `at` is below eight, which the compiler sees where this is inlined.
#[inline]
fn value<const W: usize>(column: &[[u8; W]; BLOCK], at: usize) -> [u8; W] {
    column.get(at).copied().unwrap_or([0; W])
}

/// Turns eight bytes of eight bits round: bit `j` of byte `i` becomes bit `i` of byte `j`.
#[inline]
fn turned(columns: [u8; BLOCK]) -> [u8; BLOCK] {
    // Swap the corners of squares of two, four and eight bits (Warren, Hacker's Delight, 7-3).
    let mut bits = u64::from_le_bytes(columns);
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let swapped = (bits ^ bits >> shift) & mask;
        bits ^= swapped ^ swapped << shift;
    }
    bits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::turned;

    #[test]
    fn turning_makes_columns_of_rows() {
        let only = |place: usize, bit: usize| std::array::from_fn(|at| if at == place { 1_u8 << bit } else { 0 });
        for column in 0..8 {
            for row in 0..8 {
                assert_eq!(turned(only(column, row)), only(row, column));
                assert_eq!(turned(only(column, row).map(|byte| !byte)), only(row, column).map(|byte| !byte));
            }
        }
    }
}
