//! The columns of one batch while it is being written.

use std::sync::Arc;

use arrow_array::types::{Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, ArrowPrimitiveType, BinaryArray, DictionaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer, ToByteSlice};
use arrow_schema::ArrowError;

use super::schema::{Dictionary, MAX_TEXT_BYTES};
use super::seal::Sealer;

/// The canonical bytes of a seal are those in memory, which must therefore have the little end first.
const _: () = assert!(cfg!(target_endian = "little"));

/// One row, as the writer hands it over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row<'a> {
    pub(crate) time_ns: u64,
    /// Place in the dictionary of operations.
    pub(crate) op: u8,
    pub(crate) cpu: Option<u16>,
    pub(crate) tid: Option<u32>,
    pub(crate) log: Option<u32>,
    pub(crate) implementation: Option<u8>,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) region: Option<u64>,
    pub(crate) result: Option<i64>,
    pub(crate) arg: Option<i64>,
    pub(crate) io: Option<u64>,
    pub(crate) sector: Option<u64>,
    pub(crate) bytes: Option<u32>,
    pub(crate) opf: Option<u32>,
    pub(crate) tgid: Option<u32>,
    pub(crate) comm: Option<&'a str>,
    pub(crate) lost: Option<u64>,
    pub(crate) cause: Option<u8>,
    pub(crate) text: Option<&'a str>,
    pub(crate) bits: Option<&'a [u8]>,
}

/// The rows of one batch so far, column by column.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    time_ns: Fixed<UInt64Type>,
    op: Fixed<UInt8Type>,
    cpu: Fixed<UInt16Type>,
    tid: Fixed<UInt32Type>,
    log: Fixed<UInt32Type>,
    implementation: Fixed<UInt8Type>,
    duration_ns: Fixed<UInt64Type>,
    region: Fixed<UInt64Type>,
    result: Fixed<Int64Type>,
    arg: Fixed<Int64Type>,
    io: Fixed<UInt64Type>,
    sector: Fixed<UInt64Type>,
    bytes: Fixed<UInt32Type>,
    opf: Fixed<UInt32Type>,
    tgid: Fixed<UInt32Type>,
    comm: Texts,
    lost: Fixed<UInt64Type>,
    cause: Fixed<UInt8Type>,
    text: Texts,
    bits: Texts,
}

impl Columns {
    pub(crate) fn rows(&self) -> usize {
        self.time_ns.values.len()
    }

    pub(crate) fn push(&mut self, row: Row<'_>) {
        self.time_ns.push(Some(row.time_ns));
        self.op.push(Some(row.op));
        self.cpu.push(row.cpu);
        self.tid.push(row.tid);
        self.log.push(row.log);
        self.implementation.push(row.implementation);
        self.duration_ns.push(row.duration_ns);
        self.region.push(row.region);
        self.result.push(row.result);
        self.arg.push(row.arg);
        self.io.push(row.io);
        self.sector.push(row.sector);
        self.bytes.push(row.bytes);
        self.opf.push(row.opf);
        self.tgid.push(row.tgid);
        self.comm.push(row.comm);
        self.lost.push(row.lost);
        self.cause.push(row.cause);
        self.text.push(row.text);
        self.bits.push_bytes(row.bits);
    }

    /// The seal of the rows so far.
    pub(crate) fn seal(&self, chain: u32, is_end: bool) -> u32 {
        let mut sealer = Sealer::new(chain, self.rows(), is_end);
        self.time_ns.seal(&mut sealer);
        self.op.seal(&mut sealer);
        self.cpu.seal(&mut sealer);
        self.tid.seal(&mut sealer);
        self.log.seal(&mut sealer);
        self.implementation.seal(&mut sealer);
        self.duration_ns.seal(&mut sealer);
        self.region.seal(&mut sealer);
        self.result.seal(&mut sealer);
        self.arg.seal(&mut sealer);
        self.io.seal(&mut sealer);
        self.sector.seal(&mut sealer);
        self.bytes.seal(&mut sealer);
        self.opf.seal(&mut sealer);
        self.tgid.seal(&mut sealer);
        self.comm.seal(&mut sealer);
        self.lost.seal(&mut sealer);
        self.cause.seal(&mut sealer);
        self.text.seal(&mut sealer);
        sealer.finish()
    }

    /// The same of the columns that version 1.1 added.
    pub(crate) fn seal_added(&self, chain: u32, is_end: bool) -> u32 {
        let mut sealer = Sealer::new(chain, self.rows(), is_end);
        self.bits.seal(&mut sealer);
        sealer.finish()
    }

    /// Bytes of text and bits so far.
    pub(crate) fn text_bytes(&self) -> usize {
        self.comm.bytes.len() + self.text.bytes.len() + self.bits.bytes.len()
    }

    /// The rows as Arrow arrays in the order of the schema. Leaves no rows.
    pub(crate) fn take(&mut self, words: &Words) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            self.time_ns.take(),
            self.op.take_words(&words.op)?,
            self.cpu.take(),
            self.tid.take(),
            self.log.take(),
            self.implementation.take_words(&words.implementation)?,
            self.duration_ns.take(),
            self.region.take(),
            self.result.take(),
            self.arg.take(),
            self.io.take(),
            self.sector.take(),
            self.bytes.take(),
            self.opf.take(),
            self.tgid.take(),
            self.comm.take()?,
            self.lost.take(),
            self.cause.take_words(&words.cause)?,
            self.text.take()?,
            self.bits.take_binary()?,
        ])
    }
}

/// The dictionaries as Arrow arrays; the same ones for every batch, so that they are written once.
#[derive(Debug)]
pub(crate) struct Words {
    op: ArrayRef,
    implementation: ArrayRef,
    cause: ArrayRef,
}

impl Words {
    pub(crate) fn new() -> Self {
        let array = |dictionary: Dictionary| Arc::new(StringArray::from(dictionary.words()));
        Self { op: array(Dictionary::Op), implementation: array(Dictionary::Impl), cause: array(Dictionary::Cause) }
    }
}

/// Which rows have a value, one bit each, the lowest first, as Arrow wants it.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        let place = self.len % 8;
        if place == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << place;
        }
        self.len += 1;
    }

    /// `None` if every row has a value.
    fn take(&mut self) -> NullBuffer {
        let capacity = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bytes), 0, std::mem::take(&mut self.len)))
    }
}

/// A column of numbers. A row without value holds zero: that compresses, and the seal counts on it.
#[derive(Debug)]
struct Fixed<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    valid: Bits,
}

impl<T: ArrowPrimitiveType> Default for Fixed<T> {
    fn default() -> Self {
        Self { values: Vec::new(), valid: Bits::default() }
    }
}

impl<T: ArrowPrimitiveType> Fixed<T> {
    fn push(&mut self, value: Option<T::Native>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    fn seal(&self, sealer: &mut Sealer) {
        let whole = sealer.fixed(Some(&self.valid.bytes), self.values.to_byte_slice(), size_of::<T::Native>());
        debug_assert!(whole, "the writer's columns are equally long");
    }

    fn take_array(&mut self) -> PrimitiveArray<T> {
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        PrimitiveArray::new(ScalarBuffer::from(values), Some(self.valid.take()))
    }

    fn take(&mut self) -> ArrayRef {
        Arc::new(self.take_array())
    }
}

impl Fixed<UInt8Type> {
    fn take_words(&mut self, words: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(DictionaryArray::<UInt8Type>::try_new(self.take_array(), Arc::clone(words))?))
    }
}

/// A column of text, or of bits.
#[derive(Debug)]
struct Texts {
    /// Where each text ends; begins with a zero.
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    valid: Bits,
}

impl Default for Texts {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new(), valid: Bits::default() }
    }
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        let whole = text.map(|text| text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default());
        self.push_bytes(whole.map(str::as_bytes));
    }

    fn push_bytes(&mut self, bytes: Option<&[u8]>) {
        self.valid.push(bytes.is_some());
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
        // A batch is sealed long before its text reaches the limit of an `i32`.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    fn seal(&self, sealer: &mut Sealer) {
        let whole = sealer.text(Some(&self.valid.bytes), self.offsets.to_byte_slice(), &self.bytes);
        debug_assert!(whole, "the writer's columns are equally long");
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, valid) = self.take_parts();
        Ok(Arc::new(StringArray::try_new(offsets, bytes, Some(valid))?))
    }

    fn take_binary(&mut self) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, valid) = self.take_parts();
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, Some(valid))?))
    }

    fn take_parts(&mut self) -> (OffsetBuffer<i32>, Buffer, NullBuffer) {
        let Self { offsets, bytes, mut valid } = std::mem::take(self);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), valid.take())
    }
}
