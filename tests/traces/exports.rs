//! Somebody else's readers of what `export` writes: they count what the report counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::pyarrow::python;
use crate::real::{ops, recordings, report};

fn export(path: &Path, format: &str) -> PathBuf {
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
fn python_with(module: &str) -> Result<PathBuf, String> {
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
