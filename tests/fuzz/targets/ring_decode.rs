//! Fuzzes ring_decode; what must hold is in `properties/records of the ring buffer.rs`.
#![no_main]

#[path = "../properties/ring_decode.rs"]
mod ring_decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // One of sixteen: enough for what is slow, and the same inputs every time.
    let is_thorough = data.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 16 == 0;
    ring_decode::check(data, is_thorough);
});
