//! Where a probe sits: how it finds arguments and result, and how an entry and its return find each other.
//!
//! ```text
//! fentry/fexit         arguments at both ends, the result behind the last argument
//! kprobe/kretprobe     arguments only at entry: they wait in the slot of the call
//! ```
//!
//! A call in flight is found by its thread: slot = low bits of the thread id, tag = the remaining bits. The tag travels in
//! the low bits of the entry time, so one 8-byte store claims the slot and one load tells whose it is.

use aya_ebpf::helpers::generated::bpf_get_func_arg;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use dmlog_common::record::flag;

use crate::kernel::{self, offset};
use crate::maps::{FENTRY_SLOTS, KPROBE_SLOTS, SLOT_BITS, SLOTS, UNPAIRED};

/// Bits of a stamp that hold the tag. Thread ids have 22 bits at most (`PID_MAX_LIMIT`), so slot and tag are the whole id.
const TAG_BITS: u32 = 22 - SLOT_BITS;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

/// The kind of probe.
pub trait Lane {
    /// Bits for `Header::flags`.
    const FLAG: u16;

    /// Argument `n` of the function.
    fn argument(&self, n: usize) -> u64;

    /// Argument `n` as a bare number: for arguments whose type is only declared in the function's BTF, which the verifier
    /// does not let an fentry program load, and for places that are computed.
    fn untyped_argument(&self, n: u32) -> u64;

    /// The log of a region hash if it is cheap to read, else the hash itself: user space knows both.
    fn log_or_hash(rh: u64) -> u64;

    /// Reads a member of a structure whose type this function's BTF knows.
    fn member<T: Copy>(base: u64, offset: u32) -> Option<T>;

    /// The same for a number; zero and a bit in `failed` if it cannot be read.
    fn member_or_zero<T: Copy + Default>(base: u64, offset: u32, failed: &mut u16) -> T;
}

/// An fentry program, or an fexit program looking at arguments.
pub struct Fentry(pub *const u64);

impl Lane for Fentry {
    const FLAG: u16 = 0;

    #[inline(always)]
    fn argument(&self, n: usize) -> u64 {
        // SAFETY: the context of a tracing program is an array of u64; the verifier checks the index.
        unsafe { *self.0.add(n) }
    }

    #[inline(always)]
    fn untyped_argument(&self, n: u32) -> u64 {
        let mut value = 0;
        // SAFETY: the context of a tracing program; the helper checks the index, and is there since 5.17, as is every
        // kernel whose modules have BTF and that this lane is used on.
        unsafe { bpf_get_func_arg(self.0.cast_mut().cast(), n, &raw mut value) };
        value
    }

    #[inline(always)]
    fn log_or_hash(rh: u64) -> u64 {
        kernel::typed(rh, offset!(rh_log)).unwrap_or(rh)
    }

    #[inline(always)]
    fn member<T: Copy>(base: u64, offset: u32) -> Option<T> {
        kernel::typed(base, offset)
    }

    #[inline(always)]
    fn member_or_zero<T: Copy + Default>(base: u64, offset: u32, failed: &mut u16) -> T {
        match kernel::typed(base, offset) {
            Some(value) => value,
            None => {
                *failed |= flag::READ_FAILED;
                T::default()
            }
        }
    }
}

/// A kprobe program.
pub struct Kprobe(pub ProbeContext);

impl Lane for Kprobe {
    const FLAG: u16 = flag::LANE_KPROBE;

    #[inline(always)]
    fn argument(&self, n: usize) -> u64 {
        self.0.arg(n).unwrap_or(0)
    }

    #[inline(always)]
    fn untyped_argument(&self, n: u32) -> u64 {
        // Each place with its own copy: a computed place in the registers is refused.
        let (first, second, third) = (self.argument(0), self.argument(1), self.argument(2));
        match n {
            0 => first,
            1 => second,
            _ => third,
        }
    }

    #[inline(always)]
    fn log_or_hash(rh: u64) -> u64 {
        rh
    }

    #[inline(always)]
    fn member<T: Copy>(base: u64, offset: u32) -> Option<T> {
        kernel::probe(base, offset)
    }

    #[inline(always)]
    fn member_or_zero<T: Copy + Default>(base: u64, offset: u32, failed: &mut u16) -> T {
        kernel::probe_or_zero(base, offset, failed)
    }
}

/// Who runs and when: read once per probe.
pub struct Moment {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time_ns: u64,
    /// Thread group in the high half, thread in the low half.
    pub pid_tgid: u64,
}

impl Moment {
    #[inline(always)]
    pub fn now() -> Self {
        // SAFETY: a helper without preconditions.
        Self { time_ns: unsafe { bpf_ktime_get_ns() }, pid_tgid: bpf_get_current_pid_tgid() }
    }

    /// Thread id.
    #[inline(always)]
    pub fn tid(&self) -> u32 {
        self.pid_tgid as u32
    }

    #[inline(always)]
    fn slot(&self, hook: u16) -> u32 {
        (u32::from(hook) << SLOT_BITS) | (self.tid() & (SLOTS - 1))
    }

    #[inline(always)]
    fn tag(&self) -> u64 {
        u64::from(self.tid() >> SLOT_BITS) & TAG_MASK
    }

    #[inline(always)]
    fn stamp(&self) -> u64 {
        (self.time_ns << TAG_BITS) | self.tag()
    }

    /// Nanoseconds since a stamp, if it is this thread's.
    #[inline(always)]
    fn since(&self, stamp: u64) -> Option<u64> {
        if stamp == 0 || stamp & TAG_MASK != self.tag() {
            return None;
        }
        // The stamp has lost the top bits of the time; a call never lasts the 52 days after which that would show.
        Some(((self.time_ns << TAG_BITS).wrapping_sub(stamp & !TAG_MASK)) >> TAG_BITS)
    }
}

/// A call that has returned: what both ends together say.
pub struct Returned {
    /// Time and thread at return.
    pub moment: Moment,
    /// Nanoseconds since entry, if the entry was seen.
    pub duration_ns: Option<u64>,
    /// What the hook remembered at entry; zero if the entry was not seen.
    pub extra: u64,
}

/// A return with its arguments and its result.
pub trait Return: Lane {
    /// `rax`, whatever the function's type makes of it.
    fn result(&self, arguments: usize) -> u64;
}

impl Return for Fentry {
    #[inline(always)]
    fn result(&self, arguments: usize) -> u64 {
        self.argument(arguments)
    }
}

/// A kretprobe program with the arguments that its kprobe left.
pub struct Kretprobe {
    context: RetProbeContext,
    arguments: [u64; 3],
}

impl Lane for Kretprobe {
    const FLAG: u16 = flag::LANE_KPROBE;

    #[inline(always)]
    fn argument(&self, n: usize) -> u64 {
        self.arguments[n]
    }

    #[inline(always)]
    fn untyped_argument(&self, n: u32) -> u64 {
        match n {
            0 => self.arguments[0],
            1 => self.arguments[1],
            _ => self.arguments[2],
        }
    }

    #[inline(always)]
    fn log_or_hash(rh: u64) -> u64 {
        rh
    }

    #[inline(always)]
    fn member<T: Copy>(base: u64, offset: u32) -> Option<T> {
        kernel::probe(base, offset)
    }

    #[inline(always)]
    fn member_or_zero<T: Copy + Default>(base: u64, offset: u32, failed: &mut u16) -> T {
        kernel::probe_or_zero(base, offset, failed)
    }
}

impl Return for Kretprobe {
    #[inline(always)]
    fn result(&self, _arguments: usize) -> u64 {
        self.context.ret()
    }
}

/// Notes the entry of a call for its fexit.
#[inline(always)]
pub fn enter_fentry(hook: u16, extra: u64) {
    let moment = Moment::now();
    if let Some(slot) = FENTRY_SLOTS.get_ptr_mut(moment.slot(hook)) {
        // SAFETY: a valid map value; racing threads are told apart by the stamp.
        unsafe {
            (*slot).extra = extra;
            (&raw mut (*slot).stamp).write_volatile(moment.stamp());
        }
    }
}

/// Finds the entry of a call at its fexit. A missing one is counted; the call is still reported, without duration.
#[inline(always)]
pub fn leave_fentry(hook: u16) -> Returned {
    let moment = Moment::now();
    let mut returned = Returned { moment, duration_ns: None, extra: 0 };
    if let Some(slot) = FENTRY_SLOTS.get_ptr_mut(returned.moment.slot(hook)) {
        // SAFETY: as above.
        unsafe {
            let stamp = (&raw const (*slot).stamp).read_volatile();
            returned.duration_ns = returned.moment.since(stamp);
            if returned.duration_ns.is_some() {
                returned.extra = (*slot).extra;
                (&raw mut (*slot).stamp).write_volatile(0);
            }
        }
    }
    if returned.duration_ns.is_none() {
        count_unpaired(hook);
    }
    returned
}

/// Notes the entry of a call for its kretprobe, with up to three arguments.
#[inline(always)]
pub fn enter_kprobe(site: &Kprobe, hook: u16, arguments: usize, extra: u64) {
    let moment = Moment::now();
    let stamp = moment.stamp();
    let argument = |n: usize| if n < arguments { site.argument(n) } else { 0 };
    let values = [argument(0), argument(1), argument(2)];
    if let Some(slot) = KPROBE_SLOTS.get_ptr_mut(moment.slot(hook)) {
        // SAFETY: a valid map value; two writers at once are told by `check`.
        unsafe {
            (*slot).extra = extra;
            (*slot).arguments = values;
            (*slot).check = stamp ^ extra ^ values[0] ^ values[1] ^ values[2];
            (&raw mut (*slot).stamp).write_volatile(stamp);
        }
    }
}

/// Finds the entry of a call at its kretprobe. Without it nothing is known of the call: it is counted and not reported.
#[inline(always)]
pub fn leave_kprobe(context: RetProbeContext, hook: u16) -> Option<(Kretprobe, Returned)> {
    let moment = Moment::now();
    if let Some(slot) = KPROBE_SLOTS.get_ptr_mut(moment.slot(hook)) {
        // SAFETY: as above.
        let (stamp, extra, arguments, check) =
            unsafe { ((&raw const (*slot).stamp).read_volatile(), (*slot).extra, (*slot).arguments, (*slot).check) };
        let whole = stamp ^ extra ^ arguments[0] ^ arguments[1] ^ arguments[2] == check;
        if whole && let Some(duration) = moment.since(stamp) {
            // SAFETY: as above.
            unsafe { (&raw mut (*slot).stamp).write_volatile(0) };
            let returned = Returned { moment, duration_ns: Some(duration), extra };
            return Some((Kretprobe { context, arguments }, returned));
        }
    }
    count_unpaired(hook);
    None
}

#[inline(always)]
fn count_unpaired(hook: u16) {
    if !crate::emit::is_running() {
        return;
    }
    if let Some(count) = UNPAIRED.get_ptr_mut(u32::from(hook)) {
        // SAFETY: a value of this CPU; a program does not interrupt itself.
        unsafe { *count += 1 };
    }
}

/// Makes the four programs of a hook that is seen at entry and return.
///
/// `entry` gives what to remember from entry (a `u64`), `call` says what the call was; both are written once and compiled
/// for either lane.
macro_rules! call_probe {
    ($function:ident, $hook:ident, $kind:ident, $implementation:ident, arguments: $arguments:literal,
     entry: $entry:expr, call: $call:expr) => {
        pub mod $function {
            use aya_ebpf::programs::{ProbeContext, RetProbeContext};
            use dmlog_common::{
                hooks,
                record::{flag, kind},
            };

            use super::*;
            use crate::emit;
            use crate::site;

            const HOOK: u16 = hooks::$hook;

            #[unsafe(export_name = concat!("fentry_", stringify!($function)))]
            #[unsafe(link_section = concat!("fentry/", stringify!($function)))]
            pub extern "C" fn fentry(context: *mut core::ffi::c_void) -> i32 {
                let site = site::Fentry(context.cast_const().cast());
                site::enter_fentry(HOOK, ($entry)(&site));
                0
            }

            #[unsafe(export_name = concat!("fexit_", stringify!($function)))]
            #[unsafe(link_section = concat!("fexit/", stringify!($function)))]
            pub extern "C" fn fexit(context: *mut core::ffi::c_void) -> i32 {
                let site = site::Fentry(context.cast_const().cast());
                let returned = site::leave_fentry(HOOK);
                let result = site::Return::result(&site, $arguments);
                if let Some(call) = ($call)(&site, &returned, result) {
                    emit::returned::<site::Fentry>(HOOK, kind::$kind, flag::$implementation, &returned, &call);
                }
                0
            }

            #[unsafe(export_name = concat!("kprobe_", stringify!($function)))]
            #[unsafe(link_section = concat!("kprobe/", stringify!($function)))]
            pub extern "C" fn kprobe(context: *mut core::ffi::c_void) -> u32 {
                let site = site::Kprobe(ProbeContext::new(context));
                let extra = ($entry)(&site);
                site::enter_kprobe(&site, HOOK, $arguments, extra);
                0
            }

            #[unsafe(export_name = concat!("kretprobe_", stringify!($function)))]
            #[unsafe(link_section = concat!("kretprobe/", stringify!($function)))]
            pub extern "C" fn kretprobe(context: *mut core::ffi::c_void) -> u32 {
                if let Some((site, returned)) = site::leave_kprobe(RetProbeContext::new(context), HOOK) {
                    let result = site::Return::result(&site, $arguments);
                    if let Some(call) = ($call)(&site, &returned, result) {
                        emit::returned::<site::Kretprobe>(HOOK, kind::$kind, flag::$implementation, &returned, &call);
                    }
                }
                0
            }
        }
    };
}
pub(crate) use call_probe;

/// Makes the two programs of a hook that is seen at entry only.
macro_rules! entry_probe {
    ($function:ident, $hook:ident, $body:expr) => {
        pub mod $function {
            use aya_ebpf::programs::ProbeContext;
            use dmlog_common::hooks;

            use super::*;
            use crate::site;

            const HOOK: u16 = hooks::$hook;

            #[unsafe(export_name = concat!("fentry_", stringify!($function)))]
            #[unsafe(link_section = concat!("fentry/", stringify!($function)))]
            pub extern "C" fn fentry(context: *mut core::ffi::c_void) -> i32 {
                ($body)(&site::Fentry(context.cast_const().cast()), HOOK);
                0
            }

            #[unsafe(export_name = concat!("kprobe_", stringify!($function)))]
            #[unsafe(link_section = concat!("kprobe/", stringify!($function)))]
            pub extern "C" fn kprobe(context: *mut core::ffi::c_void) -> u32 {
                ($body)(&site::Kprobe(ProbeContext::new(context)), HOOK);
                0
            }
        }
    };
}
pub(crate) use entry_probe;
