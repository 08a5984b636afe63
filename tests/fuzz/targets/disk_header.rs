//! What is checked, and why: `checks/disk_header.rs`.
#![no_main]

#[path = "../checks/disk_header.rs"]
mod disk_header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| disk_header::check(bytes));
