//! Traces that real kernels made: still readable, whole, and the same to us and to pyarrow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::pyarrow::python;

/// Versions of the trace schema that have committed traces.
const VERSIONS: [&str; 2] = ["v1", "v1.1"];

/// Committed traces of all versions.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data");
    let mut paths: Vec<PathBuf> = VERSIONS
        .iter()
        .flat_map(|version| std::fs::read_dir(folder.join(version)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dmlog"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 4, "core and disk of two kernels at least: {paths:?}");
    paths
}

pub(crate) fn report(path: &Path) -> Value {
    let output =
        Command::new(env!("CARGO_BIN_EXE_dmlog-top")).args(["report", "--format", "json"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Count of each operation over all devices.
pub(crate) fn ops(report: &Value) -> BTreeMap<String, u64> {
    let mut ops = BTreeMap::new();
    for device in report["devices"].as_array().unwrap() {
        for (op, numbers) in device["ops"].as_object().unwrap() {
            *ops.entry(op.clone()).or_insert(0) += numbers["count"].as_u64().unwrap();
        }
    }
    ops
}

#[test]
fn real_traces_verify() {
    for path in recordings() {
        let output = Command::new(env!("CARGO_BIN_EXE_dmlog-top")).arg("verify").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn pyarrow_and_the_report_count_the_same_in_real_traces() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP pyarrow_and_the_report_count_the_same_in_real_traces: {reason}");
            return;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/pyarrow_counts.py");
    for path in recordings() {
        let output = Command::new(&python).arg(&script).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let theirs: BTreeMap<String, u64> = serde_json::from_value(read["ops"].clone()).unwrap();
        let report = report(&path);
        assert_eq!(ops(&report), theirs, "{}", path.display());
        assert_eq!(report["window"]["events"], read["rows"], "{}", path.display());
        assert_eq!(read["seals"]["wrong"], 0, "{}", path.display());
        assert_eq!(read["seals"]["ended"], true, "{}", path.display());
        assert_eq!(report["capture"]["kernel_release"], read["facts"]["kernel_release"], "{}", path.display());
    }
}

/// 1.1 brought the bits of logs: one snapshot at the resume, at least.
#[test]
fn real_traces_have_the_bits_that_their_version_has() {
    for path in recordings() {
        let bits = ops(&report(&path)).get("bits").copied().unwrap_or(0);
        let is_old = path.parent().unwrap().ends_with("v1");
        assert!(if is_old { bits == 0 } else { bits >= 3 && bits % 3 == 0 }, "{}: {bits}", path.display());
    }
}

/// What holds of every mirror that lives and dies within a trace, whatever the kernel.
#[test]
fn real_traces_tell_a_whole_life() {
    for path in recordings() {
        let report = report(&path);
        let ops = ops(&report);
        let count = |op: &str| ops.get(op).copied().unwrap_or(0);
        let name = path.display();
        for once in ["ctr", "dtr", "resume", "mirror_ctr", "mirror_dtr"] {
            assert_eq!(count(once), 1, "{name}: {once}");
        }
        assert_eq!(count("map"), count("end_io"), "{name}: every bio ends");
        assert_eq!(count("recover"), count("recovery_complete"), "{name}: every copy ends");
        assert_eq!(count("rh_inc_pending"), count("rh_dec"), "{name}: every pending write ends");
        // A clear follows each mark and each recovered region; marks of regions that are still dirty merge.
        assert!(count("clear_region") <= count("mark_region") + count("recovery_complete"), "{name}");
        assert!(count("mark_region") > 0, "{name}");
    }
}
