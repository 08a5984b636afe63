//! Fuzzes requests, replies and cluster messages; what must hold is in `properties/codec.rs`.
#![no_main]

#[path = "../properties/codec.rs"]
mod codec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| codec::check(data));
