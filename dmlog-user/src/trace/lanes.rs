//! The columns of one batch while it is being read: bounds checked, inflated, and compared with their seal.
//!
//! A lane keeps the bytes of a column as they are in memory; nothing is copied into typed arrays, and the memory is used
//! again for every batch.

use std::ops::RangeInclusive;

use arrow_ipc::{BodyCompressionMethod, Buffer, CompressionType, DictionaryBatch, RecordBatch};
use zstd::bulk::Decompressor;

use super::error::Fault;
use super::header::{Layout, Place};
use super::schema::{
    COLUMN_COUNT, COLUMNS, Column, MAX_BATCH_ROWS, MAX_BATCH_TEXT_BYTES, MAX_WORD_BYTES, MAX_WORDS, Spec,
};
use super::seal::{Sealer, present};

/// Buffers may be longer than their rows by what rounds them up to Arrow's widest padding.
const MAX_PADDING_BYTES: usize = 64;

/// Bytes before a compressed buffer that say how long it is, or -1 for one that is stored as it is.
const INFLATED_PREFIX_BYTES: usize = 8;

/// One column of a batch.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Which rows have a value, a bit each; empty if all have.
    valid: Memory,
    /// Values, or offsets of text.
    values: Memory,
    /// Text.
    data: Memory,
    /// The last buffer of nothing but zeros and the length that it inflated to: the next one is mostly the same.
    zeros: (Vec<u8>, usize),
}

/// All columns of a batch.
pub(crate) struct Lanes {
    lanes: [Lane; COLUMN_COUNT],
    rows: usize,
    inflater: Inflater,
}

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lanes").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Lanes {
    pub(crate) fn new() -> std::io::Result<Self> {
        let lanes = std::array::from_fn(|_place| Lane::default());
        Ok(Self { lanes, rows: 0, inflater: Inflater { zstd: Decompressor::new()? } })
    }

    /// Rows of the batch, with its seal.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes a batch apart.
    pub(crate) fn read(&mut self, layout: &Layout, batch: RecordBatch<'_>, body: &[u8]) -> Result<(), Fault> {
        let rows = batch.length();
        self.rows =
            usize::try_from(rows).ok().filter(|n| (1..=MAX_BATCH_ROWS).contains(n)).ok_or(Fault::Rows { rows })?;
        let parts = Parts::new(batch, body)?;
        if (Place { node: parts.nodes(), buffer: parts.buffers() }) != layout.end {
            return Err(Fault::Buffers);
        }
        for ((lane, spec), place) in self.lanes.iter_mut().zip(&COLUMNS).zip(&layout.places) {
            // A lane of a column that the file does not have stays empty.
            if let Some(place) = place {
                lane.read(*spec, self.rows, &parts, *place, &mut self.inflater)?;
            }
        }
        Ok(())
    }

    /// The checksum of all rows but the last, over the columns of one minor version.
    pub(crate) fn seal(&self, since: u32, chain: u32, is_end: bool) -> Result<u32, Fault> {
        let mut sealer = Sealer::new(chain, self.rows.saturating_sub(1), is_end);
        for (lane, spec) in self.lanes.iter().zip(&COLUMNS).filter(|(_, spec)| spec.since == since) {
            let whole = if spec.store.has_offsets() {
                sealer.text(lane.bitmap(), lane.values.bytes(), lane.data.bytes())
            } else {
                sealer.fixed(lane.bitmap(), lane.values.bytes(), spec.store.width())
            };
            if !whole {
                return Err(Fault::Buffer { column: spec.name });
            }
        }
        Ok(sealer.finish())
    }

    /// Numbers of a column, `W` bytes each.
    pub(crate) fn cells<const W: usize>(&self, column: Column) -> Cells<'_, W> {
        match self.lanes.get(column as usize) {
            None => Cells::default(),
            Some(lane) => Cells { valid: lane.valid.bytes(), values: lane.values.bytes().as_chunks().0 },
        }
    }

    /// Texts of a column.
    pub(crate) fn texts(&self, column: Column) -> Result<Texts<'_>, Fault> {
        let fault = Fault::Text { column: COLUMNS.get(column as usize).map_or("", |spec| spec.name) };
        let Some(lane) = self.lanes.get(column as usize) else {
            return Err(fault);
        };
        let Ok(data) = std::str::from_utf8(lane.data.bytes()) else {
            return Err(fault);
        };
        Ok(Texts { cells: self.cells(column), data })
    }

    /// Bytes of a column.
    pub(crate) fn blobs(&self, column: Column) -> Blobs<'_> {
        let data = self.lanes.get(column as usize).map_or(&[][..], |lane| lane.data.bytes());
        Blobs { cells: self.cells(column), data }
    }
}

impl Lane {
    fn bitmap(&self) -> Option<&[u8]> {
        let bytes = self.valid.bytes();
        if bytes.is_empty() { None } else { Some(bytes) }
    }

    fn read(
        &mut self,
        spec: Spec,
        rows: usize,
        parts: &Parts<'_>,
        place: Place,
        inflater: &mut Inflater,
    ) -> Result<(), Fault> {
        let column = spec.name;
        let buffer = |index: usize| parts.buffer(place.buffer + index).ok_or(Fault::Buffer { column });
        let bitmap = buffer(0)?;
        self.valid.clear();
        if !bitmap.is_empty() {
            inflater.inflate(column, bitmap, parts.is_compressed, exactly(rows.div_ceil(8)), &mut self.valid)?;
        }
        let present = present(self.bitmap(), rows);
        if parts.node(place.node) != Some((rows, rows - present)) {
            return Err(Fault::Buffers);
        }
        self.data.clear();
        let values = rows + usize::from(spec.store.has_offsets());
        let bytes = exactly(values * spec.store.width());
        if present == 0 {
            return self.read_zeros(column, buffer(1)?, parts.is_compressed, bytes, inflater);
        }
        inflater.inflate(column, buffer(1)?, parts.is_compressed, bytes, &mut self.values)?;
        if spec.store.has_offsets() {
            let data = buffer(2)?;
            if !data.is_empty() {
                inflater.inflate(column, data, parts.is_compressed, 0..=MAX_BATCH_TEXT_BYTES, &mut self.data)?;
            }
        }
        Ok(())
    }
}

impl Lane {
    /// Makes sure that a column without values holds zeros, as its writer left them.
    fn read_zeros(
        &mut self,
        column: &'static str,
        buffer: &[u8],
        is_compressed: bool,
        bytes: RangeInclusive<usize>,
        inflater: &mut Inflater,
    ) -> Result<(), Fault> {
        let (known, length) = &mut self.zeros;
        if known.as_slice() == buffer && bytes.contains(length) {
            self.values.clear();
            return Ok(());
        }
        inflater.inflate(column, buffer, is_compressed, bytes, &mut self.values)?;
        let (words, bytes) = self.values.bytes().as_chunks::<8>();
        if words.iter().any(|word| *word != [0; 8]) || bytes.iter().any(|byte| *byte != 0) {
            return Err(Fault::Buffer { column });
        }
        *length = self.values.len;
        buffer.clone_into(known);
        self.values.clear();
        Ok(())
    }
}

fn exactly(bytes: usize) -> RangeInclusive<usize> {
    bytes..=bytes + MAX_PADDING_BYTES
}

/// Numbers of a column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cells<'a, const W: usize> {
    /// Empty if every row that is in `values` has a value.
    valid: &'a [u8],
    /// Empty if no row has one.
    values: &'a [[u8; W]],
}

impl<const W: usize> Cells<'_, W> {
    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<[u8; W]> {
        let value = self.values.get(row)?;
        match self.valid.get(row / 8) {
            Some(byte) if byte >> (row % 8) & 1 == 0 => None,
            _ => Some(*value),
        }
    }

    /// The value of a row, whether it has one or not; zeros where there is none.
    #[inline]
    pub(crate) fn raw(&self, row: usize) -> [u8; W] {
        self.values.get(row).copied().unwrap_or([0; W])
    }
}

impl<'a, const W: usize> Cells<'a, W> {
    /// The column in blocks of rows, as far as they are whole.
    pub(crate) fn blocks(&self) -> Blocks<'a, W> {
        Blocks { values: self.values.as_chunks().0, bits: self.bits() }
    }

    /// Which rows have a value.
    pub(crate) fn bits(&self) -> Bits<'a> {
        match self.values {
            [] => Bits { bits: &[], beyond: 0 },
            _ => Bits { bits: self.valid, beyond: u8::MAX },
        }
    }
}

/// Rows that are taken together: as many as a byte of a bitmap speaks of.
pub(crate) const BLOCK: usize = 8;

/// Numbers of a column, block by block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks<'a, const W: usize> {
    values: &'a [[[u8; W]; BLOCK]],
    pub(crate) bits: Bits<'a>,
}

impl<'a, const W: usize> Blocks<'a, W> {
    /// Values of a block, whether its rows have one or not; zeros if no row of the batch has one.
    #[inline]
    pub(crate) fn get(&self, block: usize) -> &'a [[u8; W]; BLOCK] {
        self.values.get(block).unwrap_or(&[[0; W]; BLOCK])
    }
}

/// Which rows have a value, a bit each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    bits: &'a [u8],
    /// Without bitmap, all have one or none has.
    beyond: u8,
}

impl Bits<'_> {
    /// The bits of a block.
    #[inline]
    pub(crate) fn get(&self, block: usize) -> u8 {
        self.bits.get(block).copied().unwrap_or(self.beyond)
    }
}

/// Texts of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    cells: Cells<'a, 4>,
    data: &'a str,
}

impl<'a> Texts<'a> {
    /// The text of a row. A damaged offset gives no text; a seal would have told before.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        let from = u32::from_le_bytes(self.cells.get(row)?) as usize;
        let to = u32::from_le_bytes(self.cells.raw(row + 1)) as usize;
        self.data.get(from..to)
    }
}

/// Bytes of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blobs<'a> {
    cells: Cells<'a, 4>,
    data: &'a [u8],
}

impl<'a> Blobs<'a> {
    /// The bytes of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        let from = u32::from_le_bytes(self.cells.get(row)?) as usize;
        let to = u32::from_le_bytes(self.cells.raw(row + 1)) as usize;
        self.data.get(from..to)
    }
}

/// The buffers of a batch within its body.
struct Parts<'a> {
    batch: RecordBatch<'a>,
    body: &'a [u8],
    is_compressed: bool,
}

impl<'a> Parts<'a> {
    fn new(batch: RecordBatch<'a>, body: &'a [u8]) -> Result<Self, Fault> {
        let is_compressed = match batch.compression() {
            None => false,
            Some(compression) => {
                if compression.codec() != CompressionType::ZSTD || compression.method() != BodyCompressionMethod::BUFFER
                {
                    return Err(Fault::Compression { codec: compression.codec() });
                }
                true
            }
        };
        let parts = Self { batch, body, is_compressed };
        if parts.is_tight() { Ok(parts) } else { Err(Fault::BodyPadding) }
    }

    /// Do the buffers stand in a row with little between them, and that all zeros? A damaged length would make a body
    /// swallow what comes behind it.
    fn is_tight(&self) -> bool {
        let is_padding = |from: usize, to: usize| {
            let padding = self.body.get(from..to);
            padding.is_some_and(|bytes| bytes.len() < MAX_PADDING_BYTES && bytes.iter().all(|byte| *byte == 0))
        };
        let mut end = 0;
        for buffer in self.batch.buffers().into_iter().flatten() {
            let (Ok(from), Ok(length)) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length())) else {
                return false;
            };
            match from.checked_add(length) {
                Some(next) if is_padding(end, from) => end = next,
                _ => return false,
            }
        }
        is_padding(end, self.body.len())
    }

    fn nodes(&self) -> usize {
        self.batch.nodes().map_or(0, |nodes| nodes.len())
    }

    fn buffers(&self) -> usize {
        self.batch.buffers().map_or(0, |buffers| buffers.len())
    }

    /// Rows and nulls that a node claims.
    fn node(&self, index: usize) -> Option<(usize, usize)> {
        let node = self.batch.nodes()?.into_iter().nth(index)?;
        Some((usize::try_from(node.length()).ok()?, usize::try_from(node.null_count()).ok()?))
    }

    fn buffer(&self, index: usize) -> Option<&'a [u8]> {
        let buffers = self.batch.buffers()?;
        if index >= buffers.len() {
            return None;
        }
        let buffer: &Buffer = buffers.get(index);
        let from = usize::try_from(buffer.offset()).ok()?;
        let length = usize::try_from(buffer.length()).ok()?;
        self.body.get(from..from.checked_add(length)?)
    }
}

/// Bytes that are filled again for every batch. Never shrinks, so that nothing is zeroed twice.
#[derive(Debug, Default)]
struct Memory {
    memory: Vec<u8>,
    len: usize,
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    /// So many bytes to be filled; what they hold is left from before.
    fn resize(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() < len {
            self.memory.resize(len, 0);
        }
        self.len = len;
        self.memory.get_mut(..len).unwrap_or_default()
    }
}

/// Inflates buffers into memory that is used again.
struct Inflater {
    zstd: Decompressor<'static>,
}

impl Inflater {
    /// Puts a buffer, inflated, into `out`. Its length must be in `bytes`, and no more memory is taken than that.
    fn inflate(
        &mut self,
        column: &'static str,
        buffer: &[u8],
        is_compressed: bool,
        bytes: RangeInclusive<usize>,
        out: &mut Memory,
    ) -> Result<(), Fault> {
        let fault = Fault::Buffer { column };
        let plain = if is_compressed {
            let Some((length, stored)) = buffer.split_first_chunk::<INFLATED_PREFIX_BYTES>() else {
                return Err(fault);
            };
            match i64::from_le_bytes(*length) {
                -1 => stored,
                length => {
                    let Some(length) = usize::try_from(length).ok().filter(|n| bytes.contains(n)) else {
                        return Err(fault);
                    };
                    let inflated = self.zstd.decompress_to_buffer(stored, out.resize(length));
                    let inflated = inflated.map_err(|source| Fault::Inflate { column, source })?;
                    return if inflated == length { Ok(()) } else { Err(fault) };
                }
            }
        } else {
            buffer
        };
        if !bytes.contains(&plain.len()) {
            return Err(fault);
        }
        out.resize(plain.len()).copy_from_slice(plain);
        Ok(())
    }
}

/// The words of a dictionary.
pub(crate) fn read_words(column: &'static str, batch: DictionaryBatch<'_>, body: &[u8]) -> Result<Vec<String>, Fault> {
    let fault = || Fault::Dictionary { column };
    let data = batch.data().filter(|_| !batch.isDelta()).ok_or_else(fault)?;
    let parts = Parts::new(data, body)?;
    let rows = usize::try_from(data.length()).ok().filter(|n| (1..=MAX_WORDS).contains(n)).ok_or_else(fault)?;
    if parts.nodes() != 1 || parts.buffers() != 3 || parts.node(0) != Some((rows, 0)) {
        return Err(fault());
    }
    let mut inflater = Inflater { zstd: Decompressor::new().map_err(|source| Fault::Inflate { column, source })? };
    let mut inflate = |index: usize, bytes| {
        let mut out = Memory::default();
        let buffer = parts.buffer(index).ok_or_else(fault)?;
        if !buffer.is_empty() {
            inflater.inflate(column, buffer, parts.is_compressed, bytes, &mut out)?;
        }
        Ok::<_, Fault>(out)
    };
    let offsets = inflate(1, exactly((rows + 1) * 4))?;
    let text = inflate(2, 0..=MAX_WORDS * MAX_WORD_BYTES)?;
    let offsets = offsets.bytes().as_chunks::<4>().0;
    offsets
        .iter()
        .zip(offsets.iter().skip(1))
        .take(rows)
        .map(|(from, to)| {
            let word = text.bytes().get(u32::from_le_bytes(*from) as usize..u32::from_le_bytes(*to) as usize)?;
            Some(std::str::from_utf8(word).ok()?.to_owned())
        })
        .collect::<Option<Vec<String>>>()
        .filter(|words| words.len() == rows)
        .ok_or_else(fault)
}
