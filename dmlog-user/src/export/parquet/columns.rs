//! The rows of one row group as columns, until they are written.

use bytes::Bytes;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedRowGroupWriter;
use rustc_hash::FxHashMap;
use std::io::Write;

/// Strings that are handed to the encoder at once.
const TEXTS_AT_ONCE: usize = 4096;

/// Strings, each kept once.
#[derive(Debug, Default)]
pub(super) struct Words {
    places: FxHashMap<Box<str>, u32>,
    words: Vec<ByteArray>,
    bytes: usize,
}

impl Words {
    /// The place of a string.
    pub(super) fn place(&mut self, word: &str) -> u32 {
        if let Some(place) = self.places.get(word) {
            return *place;
        }
        self.bytes += 2 * word.len();
        self.add(word, ByteArray::from(word.as_bytes().to_vec()))
    }

    /// The place of a string that lives as long as the program: nobody counts who refers to it, which takes a tenth of the time
    /// of an export.
    pub(super) fn place_static(&mut self, word: &'static str) -> u32 {
        match self.places.get(word) {
            Some(place) => *place,
            None => self.add(word, ByteArray::from(Bytes::from_static(word.as_bytes()))),
        }
    }

    fn add(&mut self, word: &str, bytes: ByteArray) -> u32 {
        // A row group has fewer rows than places.
        let place = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.push(bytes);
        self.places.insert(word.into(), place);
        place
    }

    /// Memory of the strings.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn get(&self, place: u32) -> ByteArray {
        usize::try_from(place).ok().and_then(|place| self.words.get(place)).cloned().unwrap_or_default()
    }
}

/// Values of a column, and for each row whether it has one.
#[derive(Debug)]
pub(super) struct Column<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Column<T> {
    #[inline]
    pub(super) fn push(&mut self, value: Option<T>) {
        self.levels.push(value.is_some().into());
        self.values.extend(value);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.levels.clear();
    }

    fn write_as<D: DataType<T = T>, W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let mut column = group.next_column()?.ok_or_else(no_column)?;
        column.typed::<D>().write_batch(&self.values, Some(&self.levels), None)?;
        self.clear();
        column.close()
    }
}

impl Column<i64> {
    pub(super) fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        self.write_as::<Int64Type, W>(group)
    }
}

impl Column<i32> {
    pub(super) fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        self.write_as::<Int32Type, W>(group)
    }
}

impl Column<u32> {
    /// Places as the strings that they stand for.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        words: &Words,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let mut column = group.next_column()?.ok_or_else(no_column)?;
        let writer = column.typed::<ByteArrayType>();
        let mut texts: Vec<ByteArray> = Vec::with_capacity(TEXTS_AT_ONCE);
        let mut rest = self.values.as_slice();
        for levels in self.levels.chunks(TEXTS_AT_ONCE) {
            let here = levels.iter().filter(|level| **level > 0).count();
            let (places, behind) = rest.split_at_checked(here).unwrap_or_default();
            rest = behind;
            texts.clear();
            texts.extend(places.iter().map(|place| words.get(*place)));
            writer.write_batch(&texts, Some(levels), None)?;
        }
        self.clear();
        column.close()
    }
}

fn no_column() -> ParquetError {
    ParquetError::General("the schema has fewer columns than a row".to_owned())
}
