//! Fuzzes the text form; what must hold is in `properties/text.rs`.
#![no_main]

#[path = "../properties/text.rs"]
mod text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| text::check(data));
