//! Copies the bitsets of a core or disk log, at moments when they are at rest (the log has just been resumed) or are asked for
//! (the capture begins and asks every mirror for its table). A model of the log starts from them.
//!
//! # Place before bits
//!
//! A record takes its place in the ring *before* it reads the bits, and other records of the log are made after their call has
//! changed its bit. So what comes before the snapshot in the ring is in its bits, and what the bits miss comes behind it. What
//! comes behind it may be in the bits already, where a call on another CPU changed its bit between our place and our read;
//! that does no harm, because every call on a bit *sets* it to a value that the call alone gives (mark: dirty, clear: clean):
//! doing it once more changes nothing, and the last call on a region has the last word in the ring as in memory. Read first,
//! and a call could change its bit after the read and still be recorded before: that change would be lost.
//!
//! The same holds for the flags and for `sync_search`. It does not hold for `sync_count`, which `set_region_sync` counts up
//! whatever the bit was: at a resume, where nothing else runs, it is exact; in a snapshot that was asked for it may already
//! count a call that is recorded behind it.
//!
//! # What is read
//!
//! Exactly the bytes that the log has: the bitset is vmalloc memory, and a read over its end would fail as a whole.
//!
//! # The verifier
//!
//! It walks through every turn of a loop, and each branch within would double the rest, did both ways not end in what it takes
//! for the same state. So there are few branches, nothing that a turn compares is carried into the next one (the number of
//! regions is read anew), and where a size needs a bound, comparison and use are of one register. The verifier of 5.10 follows
//! that too; a helper that loops comes with 5.17.

use core::arch::asm;

use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use dmlog_common::config::ABSENT;
use dmlog_common::record::{BIG_BITS_BYTES, BITS_REGIONS_MAX, BitsRecord, SMALL_BITS_BYTES, bitset, flag, kind};

use crate::emit::{header, take_place, wanted};
use crate::kernel::{offset, probe_or_zero};
use crate::site::{Lane, Moment};

/// Bits in one word of the kernel's bitsets, which are arrays of `u32`.
const WORD_BITS: u32 = u32::BITS;
const WORD_BYTES: u32 = WORD_BITS / u8::BITS;

/// The kernel rounds a bitset up to whole words of 32 bits, since 2022 to whole `long`s.
/// <https://git.kernel.org/torvalds/c/85e123c27d5cbc22cfdc01de1e2ca1d9003a02d0>
const PADDING_BITS_MAX: u32 = 63;

/// A log whose bits are told, and when: the same time stands in all records of a snapshot.
struct Log {
    hook: u16,
    /// `struct dm_dirty_log`.
    log: u64,
    /// `struct log_c`.
    context: u64,
    moment: Moment,
}

/// Tells all bits of a core or disk log.
#[inline(always)]
pub fn of_log<L: Lane>(hook: u16, log: u64) {
    if !wanted(log) {
        return;
    }
    let mut failed = 0;
    let context: u64 = probe_or_zero(log, offset!(log_context), &mut failed);
    let region_count: u32 = probe_or_zero(context, offset!(log_c_region_count), &mut failed);
    let words: u32 = probe_or_zero(context, offset!(log_c_bitset_uint32_count), &mut failed);
    let log = Log { hook, log, context, moment: Moment::now() };
    // Two members that must agree: offsets that are wrong do not pass, and then nothing is read through the others.
    let padding_bits = words.wrapping_mul(WORD_BITS).wrapping_sub(region_count);
    if failed != 0 || padding_bits > PADDING_BITS_MAX {
        part::<L, SMALL_BITS_BYTES>(&log, bitset::CLEAN, 0, 0, 0);
        return;
    }
    whole::<L>(&log, bitset::CLEAN, offset!(log_c_clean_bits));
    whole::<L>(&log, bitset::IN_SYNC, offset!(log_c_sync_bits));
    whole::<L>(&log, bitset::RECOVERING, offset!(log_c_recovering_bits));
}

/// Tells one bitset, in as many records as it takes.
#[inline(always)]
fn whole<L: Lane>(log: &Log, bitset: u16, offset: u32) {
    // Where this fails, the address is zero, and every read near there fails too.
    let source: u64 = probe_or_zero(log.context, offset, &mut 0);
    let region_count: u32 = probe_or_zero(log.context, offset!(log_c_region_count), &mut 0);
    if region_count <= bits(SMALL_BITS_BYTES) {
        part::<L, SMALL_BITS_BYTES>(log, bitset, source, region_count, 0);
        return;
    }
    let mut first = 0;
    while first < BITS_REGIONS_MAX {
        let region_count: u32 = probe_or_zero(log.context, offset!(log_c_region_count), &mut 0);
        if first >= region_count {
            return;
        }
        part::<L, BIG_BITS_BYTES>(log, bitset, source, region_count, first);
        first += bits(BIG_BITS_BYTES);
    }
}

/// Regions that have their bits in so many bytes.
const fn bits(bytes: usize) -> u32 {
    bytes as u32 * u8::BITS
}

/// Tells the bits from one region on. `source` is where the bitset begins.
#[inline(always)]
fn part<L: Lane, const BYTES: usize>(log: &Log, bitset: u16, source: u64, region_count: u32, first: u32) {
    let Some((mut entry, seq)) = take_place::<L, BitsRecord<BYTES>>(log.hook) else { return };
    let record = entry.as_mut_ptr();
    let mut header = header(log.hook, kind::BITS, L::FLAG, &log.moment, log.log, seq);
    // SAFETY: `record` is the reserved memory. Every byte is written but those of the payload that are no region.
    unsafe {
        (*record).first_region = u64::from(first);
        (*record).region_count = u64::from(region_count);
        (*record).no_state = if first == 0 { put_state(record, log.context) } else { 1 };
        (*record).bitset = bitset;
        (*record).reserved = 0;
        // Whole words, as many as the kernel has.
        let length = clamp((region_count - first).div_ceil(WORD_BITS) * WORD_BYTES, BYTES as u32);
        let from = source + u64::from(first / u8::BITS);
        let result = bpf_probe_read_kernel((&raw mut (*record).payload).cast(), length, from as *const _);
        header.flags |= sign(result) as u16 & flag::READ_FAILED;
        (*record).header = header;
    }
    // Nobody waits for bits, and user space looks into the ring by itself.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// Writes what `log_c` says beside its bitsets; not zero if some of it could not be read.
///
/// # Safety
/// `record` is reserved memory.
#[inline(always)]
unsafe fn put_state<const BYTES: usize>(record: *mut BitsRecord<BYTES>, context: u64) -> u32 {
    // SAFETY: as the function's; the places are members of `record`.
    let failed = unsafe {
        copy(&raw mut (*record).sync_count, context, offset!(log_c_sync_count))
            | copy(&raw mut (*record).sync_search, context, offset!(log_c_sync_search))
            | copy(&raw mut (*record).touched_dirtied, context, offset!(log_c_touched_dirtied))
            | copy(&raw mut (*record).touched_cleaned, context, offset!(log_c_touched_cleaned))
            | copy(&raw mut (*record).flush_failed, context, offset!(log_c_flush_failed))
            | copy(&raw mut (*record).log_dev_failed, context, offset!(log_c_log_dev_failed))
            | copy(&raw mut (*record).log_dev_flush_failed, context, offset!(log_c_log_dev_flush_failed))
    };
    sign(failed) as u32
}

/// Copies a member of a structure: zero, or a negative number. Unlike `probe_into` it leaves comparing to the end.
///
/// # Safety
/// `to` is valid for a `T`.
#[inline(always)]
unsafe fn copy<T>(to: *mut T, base: u64, offset: u32) -> i64 {
    if offset == ABSENT {
        return -1;
    }
    // SAFETY: as the function's; the helper zeroes `to` when it fails.
    unsafe { bpf_probe_read_kernel(to.cast(), size_of::<T>() as u32, (base + u64::from(offset)) as *const _) }
}

/// All ones for a negative number, else zero; without a branch.
#[inline(always)]
fn sign(number: i64) -> i64 {
    number >> 63
}

/// The smaller one of the two. Written down, because the compiler likes to compare one copy of a number and to use another one, of
/// which the verifier then knows nothing.
#[inline(always)]
fn clamp(number: u32, limit: u32) -> u32 {
    let mut number = u64::from(number);
    // SAFETY: touches only its operands.
    unsafe {
        asm!(
            "if {number} <= {limit} goto +1",
            "{number} = {limit}",
            number = inout(reg) number,
            limit = in(reg) u64::from(limit),
        );
    }
    number as u32
}
