//! Fuzzes what the gate reads; what must hold is in `properties/gate.rs`.
#![no_main]

#[path = "../properties/gate.rs"]
mod gate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| gate::check(data));
