//! The committed corpora through the properties of the fuzz targets, without a fuzzer: seeds stay what they are for, and what
//! was found once stays mended.

#[path = "properties/codec.rs"]
mod codec;
#[path = "properties/disk_header.rs"]
mod disk_header;
#[path = "properties/exports.rs"]
mod exports;
#[path = "properties/gate.rs"]
mod gate;
#[path = "properties/ring_decode.rs"]
mod ring_decode;
#[path = "properties/text.rs"]
mod text;
#[path = "properties/trace_reader.rs"]
mod trace_reader;

use std::path::Path;

/// Files in a corpus, and their bytes in all: they are read by every clone and every test run.
const FILES_MAX: usize = 40;
const BYTES_MAX: usize = 400 << 10;

/// Runs a property on each file of a corpus; the last name that is printed is the file that fails.
#[expect(clippy::print_stdout, reason = "a property knows no name of a file")]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!((3..=FILES_MAX).contains(&paths.len()), "{} files", paths.len());
    let mut bytes = 0;
    for path in paths {
        println!("{}", path.display());
        let data = std::fs::read(&path).unwrap();
        bytes += data.len();
        check(&data);
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

#[test]
fn fuzz_corpus_of_the_codec() {
    replay("codec", codec::check);
}

#[test]
fn fuzz_corpus_of_the_disk_header() {
    replay("disk_header", disk_header::check);
}

#[test]
fn fuzz_corpus_of_the_trace_reader() {
    replay("trace_reader", |data| trace_reader::check(data, true));
}

#[test]
fn fuzz_corpus_of_ring_decode() {
    replay("ring_decode", |data| ring_decode::check(data, true));
}

#[test]
fn fuzz_corpus_of_exports() {
    replay("exports", |data| exports::check(data, true));
}

#[test]
fn fuzz_corpus_of_the_gate() {
    replay("gate", gate::check);
}

#[test]
fn fuzz_corpus_of_the_text_form() {
    replay("text", |data| text::check(data, true));
}
