//! What the fuzz targets check holds for every input that is committed: those that they start from, and those that once
//! were a finding.
#![expect(clippy::expect_used, reason = "the checks of the fuzz targets panic where a test does")]

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks/codec.rs"]
mod codec;
#[path = "../fuzz/checks/disk_header.rs"]
mod disk_header;
#[path = "../fuzz/checks/ring_decode.rs"]
mod ring_decode;
#[path = "../fuzz/checks/text.rs"]
mod text;
#[path = "../fuzz/checks/trace_reader.rs"]
mod trace_reader;

/// Fewer inputs than the generator writes mean that something is not there.
const INPUTS_MIN: usize = 14;

fn check_all(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut inputs = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        check(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= INPUTS_MIN, "{inputs} inputs");
}

#[test]
fn fuzz_corpus_of_the_codec() {
    check_all("codec", codec::check);
}

#[test]
fn fuzz_corpus_of_the_log_device() {
    check_all("disk_header", disk_header::check);
}

#[test]
fn fuzz_corpus_of_the_ring() {
    check_all("ring_decode", ring_decode::check);
}

#[test]
fn fuzz_corpus_of_the_text_form() {
    check_all("text", text::check);
}

#[test]
fn fuzz_corpus_of_traces() {
    check_all("trace_reader", trace_reader::check);
}
