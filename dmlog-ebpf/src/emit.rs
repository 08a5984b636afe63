//! Writes records into the ring.

use core::arch::asm;
use core::mem::offset_of;

use aya_ebpf::bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::maps::ring_buf::RingBufEntry;
use dmlog_common::record::{CallRecord, Header, NONE, WAKE_EVERY, flag};

use crate::kernel::filtering;
use crate::maps::{ALLOWED, EVENTS, LOST, RUNNING, SEQUENCE};
use crate::site::{Lane, Moment, Returned};

/// What a hook has to say about one call.
pub struct Call {
    /// Kernel object.
    pub object: u64,
    /// Region or [`NONE`].
    pub region: u64,
    /// Result.
    pub result: i64,
    /// Further argument.
    pub arg: u64,
    /// Bits for `Header::flags` beyond those of lane and implementation.
    pub flags: u16,
}

impl Call {
    /// A call about an object, with nothing else to say yet.
    #[inline(always)]
    pub fn of(object: u64) -> Self {
        Self { object, region: NONE, result: 0, arg: 0, flags: 0 }
    }

    #[inline(always)]
    pub fn region(mut self, region: u64) -> Self {
        self.region = region;
        self
    }

    /// A region that had to be read from memory.
    #[inline(always)]
    pub fn region_read(mut self, region: Option<u64>) -> Self {
        match region {
            Some(region) => self.region = region,
            None => self.flags |= flag::READ_FAILED,
        }
        self
    }

    /// The result of a function that returns `int`.
    #[inline(always)]
    pub fn result_int(mut self, register: u64) -> Self {
        self.result = i64::from(register as i32);
        self
    }

    #[inline(always)]
    pub fn result(mut self, result: i64) -> Self {
        self.result = result;
        self
    }

    #[inline(always)]
    pub fn arg(mut self, arg: u64) -> Self {
        self.arg = arg;
        self
    }
}

/// Whether records about this object are wanted.
#[inline(always)]
pub fn wanted(object: u64) -> bool {
    !filtering() || ALLOWED.get_ptr(object).is_some()
}

/// Records a call that has returned.
#[inline(always)]
pub fn returned<L: Lane>(hook: u16, kind: u16, implementation: u16, returned: &Returned, call: &Call) {
    let (duration_ns, flags) = match returned.duration_ns {
        Some(duration_ns) => (duration_ns, flag::HAS_DURATION),
        None => (0, 0),
    };
    let flags = flags | call.flags | implementation | L::FLAG;
    write::<L>(hook, kind, flags, &returned.moment, duration_ns, call);
}

/// Records a call at its entry.
#[inline(always)]
pub fn entered<L: Lane>(hook: u16, kind: u16, call: &Call) {
    write::<L>(hook, kind, call.flags | L::FLAG, &Moment::now(), 0, call);
}

#[inline(always)]
fn write<L: Lane>(hook: u16, kind: u16, flags: u16, moment: &Moment, duration_ns: u64, call: &Call) {
    if !wanted(call.object) {
        return;
    }
    reserve::<L, CallRecord>(hook, |entry, seq| {
        // SAFETY: a helper without preconditions.
        let cpu = u64::from(unsafe { bpf_get_smp_processor_id() } as u16);
        // The narrow fields of the header as two words: two stores instead of six, on the way that every call takes.
        let numbers = u64::from(seq) | u64::from(moment.tid()) << 32;
        let kinds = u64::from(kind) | cpu << 16 | u64::from(flags) << 32 | u64::from(hook) << 48;
        let words =
            [moment.time_ns, call.object, numbers, kinds, duration_ns, call.region, call.result as u64, call.arg];
        let record = entry.as_mut_ptr().cast::<u64>();
        for (place, word) in words.into_iter().enumerate() {
            // SAFETY: the reserved memory, eight words long. Volatile: neighbours that are zero would become `memset`.
            unsafe { record.add(place).write_volatile(word) };
        }
    });
}

/// The words above are the record's fields on a little-endian machine.
const _: () = {
    assert!(cfg!(target_endian = "little"));
    assert!(size_of::<CallRecord>() == 8 * size_of::<u64>());
    assert!(offset_of!(Header, time_ns) == 0 && offset_of!(Header, object) == 8);
    assert!(offset_of!(Header, seq) == 16 && offset_of!(Header, tid) == 20);
    assert!(offset_of!(Header, kind) == 24 && offset_of!(Header, cpu) == 26);
    assert!(offset_of!(Header, flags) == 28 && offset_of!(Header, hook) == 30);
    assert!(offset_of!(CallRecord, duration_ns) == 32 && offset_of!(CallRecord, region) == 40);
    assert!(offset_of!(CallRecord, result) == 48 && offset_of!(CallRecord, arg) == 56);
};

/// A header; every byte is written.
#[inline(always)]
pub fn header(hook: u16, kind: u16, flags: u16, moment: &Moment, object: u64, seq: u32) -> Header {
    // SAFETY: a helper without preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    Header { time_ns: moment.time_ns, object, seq, tid: moment.tid(), kind, cpu: cpu as u16, flags, hook }
}

/// Takes a sequence number, asks for room, lets `fill` write the record, and submits it.
#[inline(always)]
pub fn reserve<L: Lane, T: 'static>(hook: u16, fill: impl FnOnce(&mut RingBufEntry<T>, u32)) {
    if let Some((mut entry, seq)) = take_place::<L, T>(hook) {
        fill(&mut entry, seq);
        let wake = if seq % WAKE_EVERY == 0 { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
        entry.submit(u64::from(wake));
    }
}

/// Whether the capture runs: all hooks are attached, and it has not been asked to end.
#[inline(always)]
pub fn is_running() -> bool {
    // SAFETY: a valid map value, which user space changes. Volatile: it is read at every call.
    RUNNING.get_ptr(0).is_some_and(|running| unsafe { running.read_volatile() } != 0)
}

/// Takes a sequence number and asks for room; counts what finds none. What it gives must be submitted. Nothing while the
/// capture does not run.
#[inline(always)]
pub fn take_place<L: Lane, T: 'static>(hook: u16) -> Option<(RingBufEntry<T>, u32)> {
    if !is_running() {
        return None;
    }
    let seq = next_sequence::<L>()?;
    let Some(entry) = EVENTS.reserve::<T>(0) else {
        if let Some(lost) = LOST.get_ptr_mut(u32::from(hook)) {
            // SAFETY: a valid map value. Other CPUs count in it, too; without the old value, 5.10 knows how to add.
            unsafe { asm!("lock *(u64 *)({lost} + 0) += {one}", lost = in(reg) lost, one = in(reg) 1u64) };
        }
        return None;
    };
    Some((entry, seq))
}

/// The next sequence number of this CPU and lane.
///
/// An fentry program can be interrupted by another one on the same CPU, so its lane counts with an atomic fetch. Kprobe
/// programs never interrupt each other (the kernel does not run a second one on a CPU), and 5.10 does not know the
/// atomic fetch, so their lane counts plainly.
#[inline(always)]
fn next_sequence<L: Lane>() -> Option<u32> {
    let sequence = SEQUENCE.get_ptr_mut(0)?;
    // SAFETY: a valid value of this CPU.
    unsafe {
        if L::FLAG == flag::LANE_KPROBE {
            let next = (*sequence).kprobe;
            (*sequence).kprobe = next + 1;
            Some(next as u32)
        } else {
            let mut next: u64 = 1;
            asm!(
                "{next} = atomic_fetch_add((u64 *)({counter} + 0), {next})",
                counter = in(reg) &raw mut (*sequence).fentry,
                next = inout(reg) next,
            );
            Some(next as u32)
        }
    }
}
