//! What is checked, and why: `checks/trace_reader.rs`.
#![no_main]

#[path = "../checks/trace_reader.rs"]
mod trace_reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trace_reader::check(bytes));
