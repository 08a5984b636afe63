//! Fuzzes log devices; what must hold is in `properties/disk_header.rs`.
#![no_main]

#[path = "../properties/disk_header.rs"]
mod disk_header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk_header::check(data));
