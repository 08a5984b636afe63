//! Fuzzes exports; what must hold is in `properties/exports.rs`.
#![no_main]

#[path = "../properties/exports.rs"]
mod exports;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // One of sixteen: enough for what is slow, and the same inputs every time.
    let is_thorough = data.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 16 == 0;
    exports::check(data, is_thorough);
});
