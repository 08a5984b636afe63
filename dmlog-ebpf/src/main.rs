//! The BPF programs of dmlog-top: one probe (entry, or entry and return) for every function in
//! `dmlog_common::hooks`, twice: for fentry/fexit and for kprobe/kretprobe. User space loads the half that it planned.
//!
//! One shape everywhere: read the arguments, leave it at that while the capture does not run, take a sequence number, ask
//! the ring for room, fill every byte, submit.
//! A record that finds no room is counted per CPU and program and leaves a hole in the sequence. Nothing is decided
//! here: names, kinds and latencies are made in user space.
//!
//! Files follow the kernel's: `dm_log.rs`, `dm_log_userspace.rs`, `dm_region_hash.rs`, `dm_raid1.rs` hold the probes;
//! `site.rs` tells the two kinds of probe apart, `emit.rs` writes records, `identity.rs` follows pointers from a log to
//! its device, `snapshot.rs` copies a log's bitsets, `kernel.rs` reads kernel memory, `maps.rs` holds the maps.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(unsafe_code, reason = "BPF programs read kernel memory and shared maps")]
#![expect(unreachable_pub, reason = "a program has no other users; `pub` says what the files share")]

mod dm_log;
mod dm_log_userspace;
mod dm_raid1;
mod dm_region_hash;
mod emit;
mod identity;
mod kernel;
mod maps;
mod site;
mod snapshot;

/// Some helpers are for GPL-compatible programs only.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a program that can get here; an endless loop is what it recognises.
    loop {}
}
