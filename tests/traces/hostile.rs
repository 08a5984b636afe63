//! Streams that are Arrow but no trace, or a trace that nobody here wrote.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use dmlog_common::record::kind;
use dmlog_user::event::item::Item;
use dmlog_user::trace::error::{Fault, TraceError};
use dmlog_user::trace::reader::{Tail, TraceReader};
use dmlog_user::trace::schema::{FACTS_KEY, VERSION_KEY};

use crate::damage::{items, read, trace};

fn stream(metadata: &[(&str, &str)], fields: Vec<Field>, columns: Vec<ArrayRef>) -> Vec<u8> {
    let metadata: HashMap<String, String> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    if !columns.is_empty() {
        writer.write(&RecordBatch::try_new(schema, columns).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn error_of(file: &[u8]) -> TraceError {
    match TraceReader::new(file) {
        Err(error) => error,
        Ok(reader) => panic!("this is no trace: {reader:?}"),
    }
}

#[test]
fn other_files_are_named_as_such() {
    let cases: [(&[u8], &str); 6] = [
        (b"#!/bin/sh\necho hello\n", "does not begin like an Arrow stream"),
        (b"ARROW1\0\0 and so on", "does not begin like an Arrow stream"),
        (&[0; 4096], "does not begin like an Arrow stream"),
        (&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "without a schema"),
        (&stream(&[], vec![Field::new("a", DataType::Int64, false)], vec![]), "without the metadata of a trace"),
        (
            &stream(&[(VERSION_KEY, "1.0")], vec![Field::new("a", DataType::Int64, false)], vec![]),
            "without the metadata",
        ),
    ];
    for (file, expected) in cases {
        match error_of(file) {
            TraceError::NotATrace { what } => assert!(what.contains(expected), "{what}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(error_of(b""), TraceError::Empty));
}

#[test]
fn newer_major_version_is_refused_with_a_sentence() {
    let file =
        stream(&[(VERSION_KEY, "2.0"), (FACTS_KEY, "{}")], vec![Field::new("a", DataType::Int64, false)], vec![]);
    let error = error_of(&file);
    assert!(matches!(&error, TraceError::NewerSchema { found } if found == "2.0"), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the trace has schema 2.0, and this dmlog-top reads up to 1; read it with a newer one"
    );
}

#[test]
fn damaged_headers_say_what_is_damaged() {
    let field = || vec![Field::new("a", DataType::Int64, false)];
    let error = error_of(&stream(&[(VERSION_KEY, "x"), (FACTS_KEY, "{}")], field(), vec![]));
    assert!(matches!(error, TraceError::Header { fault: Fault::Version }), "{error:?}");
    let error = error_of(&stream(&[(VERSION_KEY, "1.x"), (FACTS_KEY, "{}")], field(), vec![]));
    assert!(matches!(error, TraceError::Header { fault: Fault::Version }), "{error:?}");
    let error = error_of(&stream(&[(VERSION_KEY, "1.0"), (FACTS_KEY, "{")], field(), vec![]));
    assert!(matches!(error, TraceError::ReadFacts { .. }), "{error:?}");
    let error = error_of(&stream(&[(VERSION_KEY, "1.0"), (FACTS_KEY, "{}")], field(), vec![]));
    assert!(matches!(error, TraceError::Header { fault: Fault::Column { column: "time_ns" } }), "{error:?}");
    let wrong = vec![Field::new("time_ns", DataType::Utf8, false)];
    let error = error_of(&stream(&[(VERSION_KEY, "1.0"), (FACTS_KEY, "{}")], wrong, vec![]));
    assert!(matches!(error, TraceError::Header { fault: Fault::Column { column: "time_ns" } }), "{error:?}");
}

/// A later minor version adds columns of any type, anywhere; this version reads past them.
#[test]
fn columns_of_a_newer_minor_version_are_skipped() {
    let items = items();
    let file = trace(&items, 40, true);
    let mut source = arrow_ipc::reader::StreamReader::try_new(file.as_slice(), None).unwrap();
    let old = source.schema();
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    let added = [
        Field::new("before", DataType::Int64, false),
        Field::new("words", DataType::Utf8, true),
        Field::new("lists", list, true),
        Field::new("dictionary", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true),
    ];
    let [before, words, lists, dictionary] = added;
    let mut fields = vec![Arc::new(before)];
    fields.extend(old.fields().iter().cloned());
    fields.extend([Arc::new(words), Arc::new(lists), Arc::new(dictionary)]);
    let schema = Arc::new(Schema::new_with_metadata(fields, old.metadata().clone()));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    for batch in &mut source {
        let batch = batch.unwrap();
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![7; rows]))];
        columns.extend(batch.columns().iter().cloned());
        columns.push(Arc::new(StringArray::from(vec!["x"; rows])));
        columns.push(arrow_array::new_null_array(schema.field(schema.fields().len() - 2).data_type(), rows));
        columns.push(arrow_array::new_null_array(schema.field(schema.fields().len() - 1).data_type(), rows));
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    // Written without compression and with other padding, which the seals do not see either.
    let outcome = read(&writer.into_inner().unwrap());
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.items, items);
    assert_eq!(outcome.tail, Tail::Clean);
}

/// A trace again, each batch with the columns that `change` makes of its own.
fn rewritten(file: &[u8], schema: &Arc<Schema>, mut change: impl FnMut(usize, &mut Vec<ArrayRef>)) -> Vec<u8> {
    let source = arrow_ipc::reader::StreamReader::try_new(file, None).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), schema).unwrap();
    for (number, batch) in source.enumerate() {
        let mut columns = batch.unwrap().columns().to_vec();
        change(number, &mut columns);
        writer.write(&RecordBatch::try_new(Arc::clone(schema), columns).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn schema_of(file: &[u8]) -> Arc<Schema> {
    arrow_ipc::reader::StreamReader::try_new(file, None).unwrap().schema()
}

/// The column that 1.1 added is the last one.
#[test]
fn a_trace_must_have_the_columns_of_its_version() {
    let file = trace(&items(), 40, true);
    let whole = schema_of(&file);
    let fields: Vec<_> = whole.fields().iter().filter(|field| field.name() != "bits").cloned().collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, whole.metadata().clone()));
    let error = error_of(&rewritten(&file, &schema, |_, columns| drop(columns.pop())));
    assert!(matches!(error, TraceError::Header { fault: Fault::Column { column: "bits" } }), "{error:?}");
}

#[test]
fn the_column_that_a_minor_version_added_is_sealed_too() {
    let items = items();
    let file = trace(&items, 40, true);
    let holding = items.iter().position(|item| matches!(item, Item::Event(event) if event.op.code() == kind::BITS));
    let batch = holding.unwrap() / 40;
    let changed = rewritten(&file, &schema_of(&file), |number, columns| {
        if number == batch {
            let bits = columns.pop().unwrap();
            let bits = bits.as_any().downcast_ref::<BinaryArray>().unwrap();
            let other =
                bits.iter().map(|bytes| bytes.map(|bytes| bytes.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>()));
            columns.push(Arc::new(other.collect::<BinaryArray>()));
        }
    });
    let outcome = read(&changed);
    let fault = outcome.error;
    assert!(
        matches!(fault, Some(TraceError::Corrupt { batch: at, fault: Fault::SealChecksum { .. }, .. }) if at == batch as u64),
        "{fault:?}"
    );
    assert_eq!(outcome.items, items[..batch * 40]);
}

/// What `arrow-ipc` reads from a trace is what this reader reads: the files are what they claim to be.
#[test]
fn arrow_ipc_reads_every_row() {
    let items = items();
    let file = trace(&items, 40, true);
    let reader = arrow_ipc::reader::StreamReader::try_new(file.as_slice(), None).unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, items.len() + read(&file).batches.len());
}
