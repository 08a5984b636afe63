//! Fuzzes traces; what must hold is in `properties/trace_reader.rs`.
#![no_main]

#[path = "../properties/trace_reader.rs"]
mod trace_reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| trace_reader::check(data));
