//! Fuzzes trace_reader; what must hold is in `properties/traces.rs`.
#![no_main]

#[path = "../properties/trace_reader.rs"]
mod trace_reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // One of sixteen: enough for what is slow, and the same inputs every time.
    let is_thorough = data.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 16 == 0;
    trace_reader::check(data, is_thorough);
});
