//! Reads of kernel memory.
//!
//! Two ways. [`probe`] copies from any address with `bpf_probe_read_kernel`, and a bad address is only a failed copy.
//! [`typed`] is a plain load that the verifier checks against the BTF type of the pointer; it costs one instruction, but
//! it works only in fentry programs and only along pointers whose type the attached function's BTF knows.

use core::mem::MaybeUninit;
use core::ptr::read_volatile;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use dmlog_common::config::ABSENT;
use dmlog_common::record::flag;

use crate::maps::SWITCHES;

/// An offset of the running kernel. Volatile: the compiler must not fold in the value of this object file, and the
/// verifier folds in the loaded one.
macro_rules! offset {
    ($field:ident) => {
        $crate::kernel::constant(&$crate::maps::LAYOUT.$field)
    };
}
pub(crate) use offset;

/// A value of a read-only global.
#[inline(always)]
pub fn constant(global: &'static u32) -> u32 {
    // SAFETY: a reference is valid to read.
    unsafe { read_volatile(global) }
}

/// Whether only some devices are recorded.
#[inline(always)]
pub fn filtering() -> bool {
    constant(&SWITCHES.filter) != 0
}

/// Whether reads that must not block are recorded.
#[inline(always)]
pub fn reads() -> bool {
    constant(&SWITCHES.reads) != 0
}

/// Index of the argument that holds the bio in dm-raid1's callbacks.
#[inline(always)]
pub fn callback_context_argument() -> u32 {
    constant(&SWITCHES.callback_context_argument)
}

/// Whether this thread is the one that asks mirrors for their tables at the start of a capture.
#[inline(always)]
pub fn is_asking() -> bool {
    let asking = constant(&SWITCHES.asking_tid);
    asking != 0 && bpf_get_current_pid_tgid() as u32 == asking
}

/// Copies a `T` from `base + offset`; `None` if the offset is not known or the address is bad.
#[inline(always)]
pub fn probe<T: Copy>(base: u64, offset: u32) -> Option<T> {
    if offset == ABSENT || base == 0 {
        return None;
    }
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes all of `value` or fails, and never faults.
    let result = unsafe {
        bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, (base + u64::from(offset)) as *const _)
    };
    if result == 0 {
        // SAFETY: written by the helper.
        Some(unsafe { value.assume_init() })
    } else {
        None
    }
}

/// Copies a number, zero if that fails; `failed` gets one bit more then. Unlike an `Option` it leaves nothing undefined on the
/// stack, which the verifier of 5.10 refuses to see read even where the tag is tested later.
#[inline(always)]
pub fn probe_or_zero<T: Copy + Default>(base: u64, offset: u32, failed: &mut u16) -> T {
    let mut value = T::default();
    if !probe_into(&raw mut value, base, offset) {
        *failed |= flag::READ_FAILED;
    }
    value
}

/// Copies into memory that is already there (a reserved record); false if that failed.
#[inline(always)]
pub fn probe_into<T>(destination: *mut T, base: u64, offset: u32) -> bool {
    if offset == ABSENT || base == 0 {
        return false;
    }
    // SAFETY: `destination` is valid for a `T`; the helper zeroes it when it fails.
    unsafe {
        bpf_probe_read_kernel(destination.cast(), size_of::<T>() as u32, (base + u64::from(offset)) as *const _) == 0
    }
}

/// A plain load from a pointer that the verifier knows the type of.
#[inline(always)]
pub fn typed<T: Copy>(base: u64, offset: u32) -> Option<T> {
    if offset == ABSENT {
        return None;
    }
    // SAFETY: the verifier refuses the program if the type of `base` has no such member.
    Some(unsafe { read_volatile((base + u64::from(offset)) as *const T) })
}
