//! Fuzzes records of the ring buffer; what must hold is in `properties/ring_decode.rs`.
#![no_main]

#[path = "../properties/ring_decode.rs"]
mod ring_decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ring_decode::check(data));
