//! Array maps as memory: what the BPF programs and this program tell each other while a capture runs.
//!
//! A map is not asked by `bpf(2)` while events come. Inside that call the kernel runs no kprobe's program on the CPU
//! (`bpf_disable_instrumentation`, from 5.7), and where tasks are preempted in kernel code, a mirror's worker can take the CPU
//! right there: everything that it does until the caller goes on would be missed. Memory that both sides see needs no call.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::AtomicU64;

use aya::Ebpf;
use memmap2::{MmapOptions, MmapRaw};

use super::error::CaptureError;
use super::loader::{damaged, map_data};

/// The values of an array map of `u64`, made with `BPF_F_MMAPABLE`.
#[derive(Debug)]
pub(super) struct SharedArray {
    memory: MmapRaw,
    len: usize,
}

impl SharedArray {
    /// Maps the first `len` values of the map of that name.
    ///
    /// # Errors
    /// The object has no such map, or the kernel does not hand out its memory.
    pub(super) fn new(ebpf: &Ebpf, name: &'static str, len: usize) -> Result<Self, CaptureError> {
        let data = ebpf.map(name).and_then(map_data).ok_or_else(|| damaged(name))?;
        let memory = MmapOptions::new().len(len * size_of::<AtomicU64>()).map_raw(data.fd().as_fd().as_raw_fd());
        let memory = memory.map_err(|source| CaptureError::SharedMap { name, source })?;
        Ok(Self { memory, len })
    }

    /// The values.
    pub(super) fn values(&self) -> &[AtomicU64] {
        // SAFETY: mapped for reading and writing with this length as long as `self` lives; pages are aligned, every bit pattern
        // is a value, and the programs change it in words.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}
