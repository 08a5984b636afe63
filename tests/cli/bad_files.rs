//! Files that are no trace: one exit code, one line that says why.

use std::path::Path;

use crate::program::{Run, file, run};

/// Every command that reads a trace gives the same answer: exit code 5 and one line that says why.
fn refused(path: &Path, expected: &str) {
    for command in ["print", "verify"] {
        let run: Run = run([command, path.to_str().unwrap()]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""), "{command}: {run:?}");
        assert!(run.stderr.starts_with("dmlog-top: "), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{command}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
}

#[test]
fn missing_file() {
    refused(Path::new("/no/such/file.dmlog"), "cannot open `/no/such/file.dmlog`: No such file or directory");
}

#[test]
fn directory() {
    refused(Path::new(env!("CARGO_TARGET_TMPDIR")), "could not be read at byte 0: Is a directory");
}

#[test]
fn empty_file() {
    refused(&file("empty.dmlog", b""), "the file is empty: its recorder did not get as far as the header");
}

#[test]
fn another_file() {
    refused(
        &file("other.dmlog", b"[package]\nname = \"x\"\n"),
        "this is not a trace of dmlog-top: it does not begin like",
    );
    refused(&file("zeros.dmlog", &[0; 9000]), "this is not a trace of dmlog-top");
}

#[test]
fn header_cut() {
    let bytes = crate::program::trace(true);
    refused(&file("cut.dmlog", &bytes[..100]), "the trace ends inside its header, after 100 bytes");
}

#[test]
fn newer_schema() {
    let bytes = crate::program::trace(true);
    // The version stands in the header as a string with its length before it.
    let at = bytes.windows(7).position(|window| window == b"\x03\0\0\x001.1").unwrap() + 4;
    let mut newer = bytes;
    newer[at] = b'7';
    refused(
        &file("newer.dmlog", &newer),
        "the trace has schema 7.1, and this dmlog-top reads up to 1; read it with a newer one",
    );
}

#[test]
fn no_file_named() {
    assert_eq!(run(["print"]).code, Some(2));
    assert_eq!(run(["verify"]).code, Some(2));
    assert_eq!(run(["verify", "a", "b"]).code, Some(2));
}
