//! What is checked, and why: `checks/ring_decode.rs`.
#![no_main]

#[path = "../checks/ring_decode.rs"]
mod ring_decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ring_decode::check(bytes));
