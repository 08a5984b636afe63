//! One table of ten hosts: real traces, each as if it came from a host and a day of its own, read as a whole by DuckDB and
//! Spark.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dmlog_user::event::facts::ClockPair;
use dmlog_user::event::item::Item;
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;
use serde_json::Value;

use crate::exports::{python_with, read};
use crate::real::recordings;

const HOSTS: usize = 10;
const DAY_NS: u64 = 86_400_000_000_000;
/// Noon of 2 November 2026, UTC.
const FIRST_NOON_NS: u64 = 1_793_620_800_000_000_000;

/// Rows and duration by host, date and operation.
type Sums = BTreeMap<(String, String, String), (u64, u64)>;

fn export(trace: &Path, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    command.arg("export").arg(trace).args(["--to", "parquet", "--dataset"]).arg(folder).output().unwrap()
}

/// Writes the dataset; returns its folder and what must be in it.
fn dataset(name: &str) -> (PathBuf, Sums) {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&base);
    fs::create_dir_all(&base).unwrap();
    let folder = base.join("fleet");
    let mut sums = Sums::new();
    for (number, path) in recordings().iter().cycle().take(HOSTS).enumerate() {
        let mut reader = TraceReader::new(fs::File::open(path).unwrap()).unwrap();
        let mut facts = reader.facts().clone();
        facts.host = format!("host-{number}");
        let realtime_ns = FIRST_NOON_NS + number as u64 % 3 * DAY_NS;
        facts.clock = ClockPair { realtime_ns, ..facts.clock };
        let mut items = Vec::new();
        while reader.next_batch(&mut items).unwrap().is_some() {}
        let trace = base.join(format!("{number}.dmlog"));
        let mut writer = TraceWriter::new(fs::File::create(&trace).unwrap(), &facts).unwrap();
        for item in &items {
            writer.push(item).unwrap();
        }
        writer.finish().unwrap();
        let date = format!("2026-11-{:02}", 2 + number % 3);
        // What the report counts, host by host; durations are not among its numbers for all operations.
        for (op, count) in crate::real::ops(&crate::real::report(&trace)) {
            sums.insert((facts.host.clone(), date.clone(), op), (count, 0));
        }
        for item in &items {
            let Item::Event(event) = item else { panic!("{} has losses", path.display()) };
            let flat = dmlog_user::event::flat::Flat::from_event(event);
            let op = dmlog_user::event::flat::op_name(flat.code).unwrap().to_owned();
            sums.get_mut(&(facts.host.clone(), date.clone(), op)).unwrap().1 += flat.duration_ns.unwrap_or(0);
        }
        // Twice: a trace that comes again replaces its rows.
        for _ in 0..2 {
            let output = export(&trace, &folder);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    (folder, sums)
}

fn sums_of(rows: &Value) -> Sums {
    let rows: Vec<(String, String, String, u64, u64)> = serde_json::from_value(rows.clone()).unwrap();
    rows.into_iter().map(|(host, date, op, count, ns)| ((host, date, op), (count, ns))).collect()
}

fn check(python: &Path, reader: &str) {
    let (folder, sums) = dataset(reader);
    assert_eq!(sums_of(&read(python, &[reader.as_ref(), &folder])), sums);
}

/// Spark runs on Java.
fn python_with_spark() -> Result<PathBuf, String> {
    let python = python_with("pyspark")?;
    let java = Command::new("java").arg("-version").output();
    if java.is_ok_and(|output| output.status.success()) { Ok(python) } else { Err("there is no `java`".to_owned()) }
}

#[test]
fn duckdb_reads_ten_hosts_as_one_table() {
    match python_with("duckdb") {
        Ok(python) => check(&python, "duckdb"),
        Err(reason) => println!("SKIP duckdb_reads_ten_hosts_as_one_table: {reason}"),
    }
}

#[test]
fn spark_reads_ten_hosts_as_one_table() {
    match python_with_spark() {
        Ok(python) => check(&python, "spark"),
        Err(reason) => println!("SKIP spark_reads_ten_hosts_as_one_table: {reason}"),
    }
}

#[test]
fn a_dataset_is_of_parquet_and_of_traces_with_a_clock() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-dataset");
    let _ = fs::remove_dir_all(&folder);
    let path = &recordings()[0];
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    let output = command.arg("export").arg(path).args(["--to", "csv", "--dataset"]).arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--to parquet"), "{output:?}");
    assert!(!folder.exists());

    let mut facts = TraceReader::new(fs::File::open(path).unwrap()).unwrap().facts().clone();
    facts.clock = ClockPair::default();
    let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-clock.dmlog");
    TraceWriter::new(fs::File::create(&trace).unwrap(), &facts).unwrap().finish().unwrap();
    let output = export(&trace, &folder);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wall clock"), "{output:?}");
}
