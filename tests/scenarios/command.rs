//! `dmlog-top report` as a program: arguments, exit codes, and one sentence on stderr when something is wrong.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dmlog_user::trace::writer::TraceWriter;
use serde_json::Value;

use crate::load;

/// The isolated write as the bytes of a trace.
fn trace() -> Vec<u8> {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases/isolated_write.scn");
    let scenario = load(&case);
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &scenario.facts).unwrap_or_else(|error| panic!("{error}"));
    for (number, item) in scenario.items.iter().enumerate() {
        writer.push(item).unwrap_or_else(|error| panic!("{error}"));
        if number == 10 {
            writer.flush_batch().unwrap_or_else(|error| panic!("{error}"));
        }
    }
    writer.finish().unwrap_or_else(|error| panic!("{error}"));
    file
}

/// A file of its own for one test, removed with the folder that cargo keeps for tests.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

fn report(path: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    command.arg("report").arg(path).args(arguments);
    command.output().unwrap_or_else(|error| panic!("the program starts: {error}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

#[test]
fn a_report_in_both_formats() {
    let path = file("report_both.dmlog", &trace());
    let text = report(&path, &[]);
    assert_eq!(text.status.code(), Some(0), "{}", stderr(&text));
    let page = String::from_utf8(text.stdout).unwrap();
    assert!(page.contains("══ vg/lv (254:0) ══") && page.contains("losses    none"), "{page}");
    let report = json(&report(&path, &["--format", "json"]));
    assert_eq!(report["devices"][0]["ops"]["flush"]["count"], 3);
    assert_eq!(report["trace_end"], "clean");
}

#[test]
fn standard_input_is_read_as_a_dash() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    command.args(["report", "-", "--format=json"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&trace()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(json(&output)["window"]["events"], 22);
}

#[test]
fn a_window_and_a_device() {
    let path = file("report_window.dmlog", &trace());
    let arguments = ["--format=json", "--since", "20ms", "--until", "0.045s", "-d", "254:0", "-d", "/dev/vg/lv"];
    let output = report(&path, &arguments);
    let report = json(&output);
    assert_eq!(report["window"]["duration_ns"], 25_000_000);
    assert_eq!(report["devices"][0]["ops"]["flush"]["count"], 1);
    assert_eq!(report["devices"].as_array().unwrap().len(), 1);
}

#[test]
fn usage_errors_end_with_2_and_the_next_step() {
    let path = file("report_usage.dmlog", &trace());
    let unknown = report(&path, &["-d", "vg/nope"]);
    assert_eq!(unknown.status.code(), Some(2));
    let expected = format!("dmlog-top: `{}` has no device \"vg/nope\"; there are \"vg/lv\" (254:0)\n", path.display());
    assert_eq!(stderr(&unknown), expected);
    for arguments in [&["--since", "soon"][..], &["--top", "0"], &["--format", "x"]] {
        let output = report(&path, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_torn_end_is_a_line_of_the_report() {
    let whole = trace();
    let path = file("report_torn.dmlog", &whole[..whole.len() - 100]);
    let output = report(&path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("\nTORN END  the trace was not ended by its recorder"), "{page}");
    let report = json(&report(&path, &["--format=json"]));
    assert_eq!(report["trace_end"], "torn");
    assert!(report["torn_tail_bytes"].as_u64().unwrap() > 0);
    assert_eq!(report["window"]["events"], 11, "the first batch is whole");
}

#[test]
fn what_is_no_whole_trace_ends_with_5_and_one_line() {
    let mut corrupt = trace();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    for (name, bytes) in [("corrupt", &corrupt[..]), ("empty", &[]), ("foreign", b"hello, world, this is text")] {
        let output = report(&file(&format!("report_{name}.dmlog"), bytes), &[]);
        assert_eq!(output.status.code(), Some(5), "{name}: {}", stderr(&output));
        let message = stderr(&output);
        assert!(message.starts_with("dmlog-top: `") && message.lines().count() == 1, "{message}");
        assert!(output.stdout.is_empty(), "{name}");
    }
    let missing = report(Path::new("/nonexistent/x.dmlog"), &[]);
    assert_eq!(missing.status.code(), Some(5));
    assert!(stderr(&missing).starts_with("dmlog-top: cannot open `/nonexistent/x.dmlog`: "));
}

#[test]
fn a_reader_that_closes_early_has_seen_enough() {
    let path = file("report_pipe.dmlog", &trace());
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    command.arg("report").arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}
