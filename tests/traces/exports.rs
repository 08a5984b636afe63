//! Somebody else's readers of what `export` writes: they count what the report counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::pyarrow::python;
use crate::real::{ops, recordings, report};

pub(crate) fn export(path: &Path, format: &str) -> PathBuf {
    let version = path.parent().unwrap().file_name().unwrap().display().to_string();
    let name = format!("{version}-{}.{format}", path.file_stem().unwrap().display());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    let output = command.arg("export").arg(path).args(["--to", format, "-o"]).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// What the script says of a file.
fn read(python: &Path, arguments: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/export_counts.py");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The Python, if it has a module too.
pub(crate) fn python_with(module: &str) -> Result<PathBuf, String> {
    let python = python()?;
    let output = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    let has_it = output.is_ok_and(|output| output.status.success());
    if has_it { Ok(python) } else { Err(format!("{} has no {module}", python.display())) }
}

fn compare(path: &Path, read: &Value) {
    let report = report(path);
    let theirs: std::collections::BTreeMap<String, u64> = serde_json::from_value(read["ops"].clone()).unwrap();
    assert_eq!(ops(&report), theirs, "{}", path.display());
    assert_eq!(report["window"]["events"], read["rows"], "{}", path.display());
    assert_eq!(read["lost"], 0, "{}", path.display());
}

/// Some columns of rows.
#[cfg(feature = "parquet")]
fn rows(rows: &Value, columns: &[&str]) -> Vec<Vec<Value>> {
    let row = |row: &Value| columns.iter().map(|column| row[*column].clone()).collect();
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn python_reads_csv_and_counts_what_the_report_counts() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP python_reads_csv_and_counts_what_the_report_counts: {reason}");
            return;
        }
    };
    for path in recordings() {
        compare(&path, &read(&python, &["csv".as_ref(), &export(&path, "csv")]));
    }
}

#[test]
fn every_json_line_of_real_traces_fits_the_schema() {
    let python = match python_with("jsonschema") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP every_json_line_of_real_traces_fits_the_schema: {reason}");
            return;
        }
    };
    let output = Command::new(env!("CARGO_BIN_EXE_dmlog-top")).arg("schema").output().unwrap();
    let schema = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema.json");
    std::fs::write(&schema, output.stdout).unwrap();
    for path in recordings() {
        let read = read(&python, &["jsonl".as_ref(), &export(&path, "jsonl"), &schema]);
        compare(&path, &read);
        assert_eq!(read["takes_anything"], false);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn pyarrow_reads_parquet_and_counts_what_the_report_counts() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP pyarrow_reads_parquet_and_counts_what_the_report_counts: {reason}");
            return;
        }
    };
    for path in recordings() {
        let read = read(&python, &["parquet".as_ref(), &export(&path, "parquet")]);
        compare(&path, &read);
        let report = report(&path);
        assert_eq!(read["facts"]["kernel_release"], report["capture"]["kernel_release"]);
        assert_eq!(read["wrong_times"], 0, "{}", path.display());
        let device = report["devices"][0]["name"].as_str().unwrap();
        assert!(read["devices"].as_array().unwrap().iter().any(|known| known == device), "{}", path.display());
        let has = |column: &str, encoding: &str| {
            read["encodings"][column].as_array().unwrap().iter().any(|known| known == encoding)
        };
        assert!(has("time_ns", "DELTA_BINARY_PACKED") && has("op", "RLE_DICTIONARY"), "{}", read["encodings"]);
        assert_eq!(read["compression"], serde_json::json!(["ZSTD"]));
    }
}

/// What the README promises.
#[cfg(feature = "parquet")]
#[test]
fn the_documented_sql_answers_what_the_report_answers() {
    let python = match python_with("duckdb") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP the_documented_sql_answers_what_the_report_answers: {reason}");
            return;
        }
    };
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    for path in recordings() {
        let name = path.display();
        let answers = read(&python, &["sql".as_ref(), &export(&path, "parquet"), &readme]);
        let [regions, flushes, slowest, writers] = answers.as_array().unwrap().as_slice() else { panic!("{answers}") };
        let report = report(&path);
        let [device] = report["devices"].as_array().unwrap().as_slice() else { panic!("{name}: one mirror") };

        let theirs = rows(regions, &["region", "marks"]);
        assert_eq!(theirs, rows(&device["regions"]["most_marked"], &["region", "marks"])[..theirs.len()], "{name}");
        assert!(!theirs.is_empty(), "{name}");

        let kinds = device["flush"]["kinds"].as_object().unwrap();
        for flush in flushes.as_array().unwrap() {
            let ours = &kinds[flush["kind"].as_str().unwrap()];
            assert_eq!(flush["flushes"], ours["count"], "{name}");
            assert_eq!(flush["total_ns"], ours["latency_ns_sum"], "{name}");
            assert_eq!(flush["slowest_ns"], ours["latency_ns_max"], "{name}");
        }
        let seen = kinds.values().filter(|kind| kind["count"] != 0).count();
        assert_eq!(flushes.as_array().unwrap().len(), seen, "{name}");
        let durations = |rows: &Value| -> Vec<Value> {
            rows.as_array().unwrap().iter().take(9).map(|row| row["duration_ns"].clone()).collect()
        };
        assert_eq!(durations(slowest), durations(&device["flush"]["slowest"]), "{name}");

        let ours = &device["processes"]["rows"];
        let (mut theirs, mut ours) =
            (rows(writers, &["tgid", "writes", "bytes"]), rows(ours, &["tgid", "writes", "write_bytes"]));
        ours.retain(|row| row[1] != 0);
        theirs.sort_by_key(|row| row[0].as_u64());
        ours.sort_by_key(|row| row[0].as_u64());
        assert_eq!(theirs, ours, "{name}");
    }
}
