//! Maps and read-only globals.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, HashMap, PerCpuArray, RingBuf},
};
use dmlog_common::{
    config::{ALLOWED_MAX, DEVICES_MAX, Layout, Switches},
    hooks::HOOKS,
    record::{NAME_LEN, RING_BYTES},
};

/// Structure offsets of the running kernel; set before loading.
#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::UNKNOWN;

/// What to record; set before loading.
#[unsafe(no_mangle)]
pub static SWITCHES: Switches = Switches { filter: 0, reads: 0, callback_context_argument: 1, asking_tid: 0 };

/// Not zero while the capture runs: hooks are attached, and detached, one after the other, and what is seen while some of them
/// are missing would be told as the whole. Set by user space, in memory that it shares.
#[map]
pub static RUNNING: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The event ring; user space may load it with another size.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// Sequence numbers of the two lanes on each CPU.
#[repr(C)]
pub struct Sequence {
    /// fentry and fexit.
    pub fentry: u64,
    /// kprobe and kretprobe.
    pub kprobe: u64,
}

#[map]
pub static SEQUENCE: PerCpuArray<Sequence> = PerCpuArray::with_max_entries(1, 0);

/// Records that found no room, per hook. User space looks at it while the programs run, in memory that it shares, which a map
/// per CPU cannot be.
#[map]
pub static LOST: Array<u64> = Array::with_max_entries(HOOKS.len() as u32, BPF_F_MMAPABLE);

/// Returns without their entry, per CPU and hook.
#[map]
pub static UNPAIRED: PerCpuArray<u64> = PerCpuArray::with_max_entries(HOOKS.len() as u32, 0);

/// Slots per hook for calls in flight. A thread's slot is the low bits of its id, so two threads whose ids are equal
/// modulo this number and that are inside the same function at the same time disturb each other: the slot's tag tells,
/// and the call is counted as unpaired.
pub const SLOTS: u32 = 1 << SLOT_BITS;
pub const SLOT_BITS: u32 = 10;

/// A call in flight, seen by fentry, which finds the arguments again at return.
#[repr(C)]
pub struct FentrySlot {
    /// Entry time and the thread's tag, see `site.rs`. Zero: free. One store, so that it is never torn.
    pub stamp: u64,
    /// What the hook wants to remember from entry.
    pub extra: u64,
}

/// A call in flight, seen by a kprobe, which must remember the arguments.
#[repr(C)]
pub struct KprobeSlot {
    /// As above.
    pub stamp: u64,
    /// As above.
    pub extra: u64,
    /// The first three arguments.
    pub arguments: [u64; 3],
    /// Exclusive or of all the others: tells a slot that two threads wrote at once.
    pub check: u64,
}

#[map]
pub static FENTRY_SLOTS: Array<FentrySlot> = Array::with_max_entries(HOOKS.len() as u32 * SLOTS, 0);

#[map]
pub static KPROBE_SLOTS: Array<KprobeSlot> = Array::with_max_entries(HOOKS.len() as u32 * SLOTS, 0);

/// Devices that the capture is narrowed to, by `mapped_device.name`; filled by user space.
#[map]
pub static DEVICES: HashMap<[u8; NAME_LEN], u8> = HashMap::with_max_entries(DEVICES_MAX, 0);

/// Kernel objects that belong to those devices; filled by the identities.
#[map]
pub static ALLOWED: HashMap<u64, u8> = HashMap::with_max_entries(ALLOWED_MAX, 0);
