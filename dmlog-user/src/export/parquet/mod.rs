//! An [Apache Parquet](https://parquet.apache.org) file: one row an item, in the order of the trace.
//!
//! Columns are those of the trace (`trace/FORMAT.md`), with three differences: `time` is the time of the wall clock in microseconds, because Spark reads no finer ones, null where the capture
//! did not tell it; `device` is the name of the device that the log belongs to, null if its identity comes more than a row group later; `text` holds what an
//! identity or a bitset says as a JSON object with the keys of the JSON lines, beside the reason of a decode error. What repeats
//! is stored by dictionary, what grows as differences, all of it compressed by zstd. The footer has what is known of the capture as JSON under
//! `dmlog.facts`.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use self::columns::{Column, Words};
use super::jsonl::{name_of, push_details};
use super::sink::{DeviceNames, ItemSink};
use crate::event::facts::CaptureFacts;
use crate::event::flat::Flat;
use crate::event::ids::LogId;
use crate::event::item::Item;
use crate::event::op::{LogImpl, Op};
use crate::event::text::keys::is_log_op;
use crate::event::text::{cause_name, impl_name};

mod columns;
pub mod dataset;
#[cfg(test)]
mod tests;

/// Rows of a row group: some 30 MiB while it is collected.
pub const ROW_GROUP_ROWS: usize = 1 << 18;
/// Text of a row group; what is hostile or rare enough to need more begins another one.
pub const ROW_GROUP_TEXT_BYTES_MAX: usize = 16 << 20;

const SCHEMA: &str = "message dmlog {
    optional int64 time (TIMESTAMP(MICROS, true));
    optional int64 time_ns (INTEGER(64, false));
    optional binary op (STRING);
    optional int32 cpu (INTEGER(16, false));
    optional int32 tid (INTEGER(32, false));
    optional int32 log (INTEGER(32, false));
    optional binary device (STRING);
    optional binary impl (STRING);
    optional int64 duration_ns (INTEGER(64, false));
    optional int64 region (INTEGER(64, false));
    optional int64 result;
    optional int64 arg;
    optional int64 io (INTEGER(64, false));
    optional int64 sector (INTEGER(64, false));
    optional int32 bytes (INTEGER(32, false));
    optional int32 opf (INTEGER(32, false));
    optional int32 tgid (INTEGER(32, false));
    optional binary comm (STRING);
    optional int64 lost (INTEGER(64, false));
    optional binary cause (STRING);
    optional binary text (STRING);
}";

/// Columns whose neighbours are near and which seldom repeat.
const GROWING: [&str; 5] = ["time", "time_ns", "duration_ns", "io", "sector"];

#[derive(Debug, Default)]
struct Columns {
    time: Column<i64>,
    time_ns: Column<i64>,
    op: Column<u32>,
    cpu: Column<i32>,
    tid: Column<i32>,
    log: Column<i32>,
    device: Column<u32>,
    implementation: Column<u32>,
    duration_ns: Column<i64>,
    region: Column<i64>,
    result: Column<i64>,
    arg: Column<i64>,
    io: Column<i64>,
    sector: Column<i64>,
    bytes: Column<i32>,
    opf: Column<i32>,
    tgid: Column<i32>,
    comm: Column<u32>,
    lost: Column<i64>,
    cause: Column<u32>,
    text: Column<u32>,
}

/// Writes a file.
#[expect(missing_debug_implementations, reason = "the writer of the library has none")]
pub struct ParquetFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`.
    wall_offset_ns: Option<i128>,
    rows: usize,
    columns: Columns,
    /// The log of each row: its device is looked up when the row group is written, because a name may come after the first events.
    logs: Vec<Option<LogId>>,
    /// Of operations, implementations, causes and devices: as long as the file.
    names: Words,
    /// Of commands and whatever else: as long as a row group.
    texts: Words,
    devices: DeviceNames<u32>,
    operations: Operations,
    implementations: Implementations,
}

/// Places of the names of operations, so that a row does not look for its name.
#[derive(Debug, Default)]
struct Operations(Vec<Option<u32>>);

impl Operations {
    fn place(&mut self, item: &Item, names: &mut Words) -> u32 {
        // Codes begin with 1.
        let code = if let Item::Event(event) = item { event.op.code() } else { 0 };
        let slot = usize::from(code);
        match self.0.get(slot) {
            Some(Some(place)) if code > 0 => *place,
            _ => {
                let place = names.place_static(name_of(item));
                self.0.resize(self.0.len().max(slot + 1), None);
                self.0[slot] = Some(place);
                place
            }
        }
    }
}

/// The same of the types of logs.
#[derive(Debug, Default)]
struct Implementations([Option<u32>; 4]);

impl Implementations {
    #[inline]
    fn place(&mut self, implementation: LogImpl, names: &mut Words) -> u32 {
        match self.0.get_mut(usize::from(implementation.number())) {
            Some(slot) => *slot.get_or_insert_with(|| names.place_static(impl_name(implementation))),
            None => names.place_static(impl_name(implementation)),
        }
    }
}

impl<W: Write + Send> ParquetFile<W> {
    /// Begins a file about this capture.
    pub fn new(out: W, facts: &CaptureFacts) -> io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(io_error)?;
        let facts_json = serde_json::to_string(facts)?;
        let tool = concat!("dmlog-top version ", env!("CARGO_PKG_VERSION"));
        let level = ZstdLevel::try_new(1).map_err(io_error)?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            // Of each page too would cost more than it saves a reader.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by(tool.to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new("dmlog.facts".to_owned(), facts_json)]));
        for name in GROWING {
            let column = ColumnPath::from(name);
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build())).map_err(io_error)?;
        let clock = facts.clock;
        let is_known = clock.realtime_ns != 0;
        Ok(Self {
            file,
            wall_offset_ns: is_known.then(|| i128::from(clock.realtime_ns) - i128::from(clock.monotonic_ns)),
            rows: 0,
            columns: Columns::default(),
            logs: Vec::new(),
            names: Words::default(),
            texts: Words::default(),
            devices: DeviceNames::default(),
            operations: Operations::default(),
            implementations: Implementations::default(),
        })
    }

    /// Knows the devices of logs whose identities came before the first row.
    fn know(&mut self, devices: &DeviceNames<Box<str>>) {
        for (log, name) in devices.iter() {
            self.devices.learn(log, self.names.place(name));
        }
    }

    fn push(&mut self, item: &Item) {
        let Self { columns, names, texts, logs, .. } = self;
        let time_ns = item.time().0;
        let wall_ns = self.wall_offset_ns.map(|offset| i128::from(time_ns) + offset);
        columns.time.push(wall_ns.and_then(|ns| i64::try_from(ns.div_euclid(1_000)).ok()));
        columns.time_ns.push(Some(time_ns.cast_signed()));
        columns.op.push(Some(self.operations.place(item, names)));
        let mut flat = Flat::default();
        let (mut cpu, mut lost, mut cause, mut text) = (None, None, None, None);
        match item {
            Item::Event(event) => {
                flat = Flat::from_event(event);
                cpu = Some(flat.cpu);
                if let Op::Identity(_) | Op::Bits(_) = event.op {
                    let mut details = String::new();
                    push_details(item, &mut details);
                    text = Some(texts.place(&details));
                }
            }
            Item::Gap(gap) => {
                (cpu, lost) = (gap.cpu, gap.lost);
                cause = Some(names.place_static(cause_name(gap.cause)));
            }
            Item::DecodeError(failure) => text = Some(texts.place(&failure.reason)),
        }
        let is_event = matches!(item, Item::Event(_));
        let implementation = LogImpl::from_number(flat.implementation).filter(|_| is_log_op(flat.code));
        let signed = |number: Option<u64>| number.map(u64::cast_signed);
        let small = |number: Option<u32>| number.map(u32::cast_signed);
        columns.cpu.push(cpu.map(i32::from));
        columns.tid.push(small(is_event.then_some(flat.tid)));
        columns.log.push(small(is_event.then_some(flat.log.0)));
        logs.push(is_event.then_some(flat.log));
        columns.implementation.push(implementation.map(|known| self.implementations.place(known, names)));
        columns.duration_ns.push(signed(flat.duration_ns));
        columns.region.push(signed(flat.region));
        columns.result.push(flat.result);
        columns.arg.push(flat.arg);
        columns.io.push(signed(flat.io));
        columns.sector.push(signed(flat.sector));
        columns.bytes.push(small(flat.bytes));
        columns.opf.push(small(flat.opf));
        columns.tgid.push(small(flat.tgid));
        columns.comm.push(flat.comm.as_deref().map(|comm| texts.place(comm)));
        columns.lost.push(signed(lost));
        columns.cause.push(cause);
        columns.text.push(text);
        self.rows += 1;
    }

    /// Writes what was collected.
    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        for log in self.logs.drain(..) {
            self.columns.device.push(log.and_then(|log| self.devices.get(log).copied()));
        }
        let (columns, names, texts) = (&mut self.columns, &self.names, &self.texts);
        let mut group = self.file.next_row_group()?;
        columns.time.write(&mut group)?;
        columns.time_ns.write(&mut group)?;
        columns.op.write(names, &mut group)?;
        columns.cpu.write(&mut group)?;
        columns.tid.write(&mut group)?;
        columns.log.write(&mut group)?;
        columns.device.write(names, &mut group)?;
        columns.implementation.write(names, &mut group)?;
        columns.duration_ns.write(&mut group)?;
        columns.region.write(&mut group)?;
        columns.result.write(&mut group)?;
        columns.arg.write(&mut group)?;
        columns.io.write(&mut group)?;
        columns.sector.write(&mut group)?;
        columns.bytes.write(&mut group)?;
        columns.opf.write(&mut group)?;
        columns.tgid.write(&mut group)?;
        columns.comm.write(texts, &mut group)?;
        columns.lost.write(&mut group)?;
        columns.cause.write(names, &mut group)?;
        columns.text.write(texts, &mut group)?;
        group.close()?;
        self.texts.clear();
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> ItemSink for ParquetFile<W> {
    type Out = W;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        let names = &mut self.names;
        self.devices.note(item, |name| names.place(name));
        self.push(item);
        if self.rows >= ROW_GROUP_ROWS || self.texts.bytes() >= ROW_GROUP_TEXT_BYTES_MAX {
            self.write_group().map_err(io_error)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.write_group().map_err(io_error)?;
        self.file.into_inner().map_err(io_error)
    }
}

/// What went wrong below the library is what the caller wants to know.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
