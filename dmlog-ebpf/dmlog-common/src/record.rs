//! The records of the event ring buffer.
//!
//! Every record starts with a [`Header`]; its `kind` says which of the four layouts follows:
//!
//! ```text
//! kind            layout
//! kind::MAP       IoRecord        a bio enters the mirror target
//! kind::IDENTITY  IdentityRecord  which log, target, region hash and device belong together
//! kind::BITS      BitsRecord      part of one of a log's bitsets; two sizes, told apart by the record's length
//! anything else   CallRecord      one call of a kernel function
//! ```
//!
//! A kind number is never reused. The history of the layouts is at [`WIRE_VERSION`].

/// Version of the layouts in this module. History, newest first:
///
/// - 2: [`BitsRecord`].
/// - 1: first layout.
pub const WIRE_VERSION: u32 = 2;

/// "No region", "no bio": a value that no region index and no kernel pointer can have.
pub const NONE: u64 = u64::MAX;

/// Length of a task's command name in the kernel (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;

/// Length of `mapped_device.name` (`"MAJ:MIN"`) and of the log type names that are read.
pub const NAME_LEN: usize = 16;

/// Default size of the ring buffer. 8 MiB hold 131,072 call records, more than half a second of the fastest mirror
/// that was measured, while user space looks every [`RING_POLL_MS`].
pub const RING_BYTES: u32 = 8 << 20;

/// How often user space looks into the ring when no wake-up came, in milliseconds.
pub const RING_POLL_MS: u64 = 20;

/// A record whose sequence number is a multiple of this wakes user space; all others do not, because a wake-up costs
/// more than the rest of a probe.
pub const WAKE_EVERY: u32 = 512;

/// Bytes of a bitset in a small record: all of the bitset of most logs in tests, and of every log of up to 512 regions.
pub const SMALL_BITS_BYTES: usize = 64;

/// Bytes of a bitset in a big record, a page: 32,768 regions, at LVM's 2 MiB a mirror of 64 GiB.
pub const BIG_BITS_BYTES: usize = 4096;

/// Regions of which a snapshot has the bits; what a log has beyond them is cut off, as its records' `region_count` tells. At LVM's
/// 2 MiB a mirror of 2 TiB. The limit keeps the program's loop short enough for the verifier (32 records for a bitset), and
/// a snapshot of three bitsets within 400 KiB, a twentieth of the ring.
pub const BITS_REGIONS_MAX: u32 = 1 << 20;

/// What a record is about. The numbers 1 to 16 are the operations of `struct dm_dirty_log_type` in the order of its
/// members; 32 and up are dm-region-hash, 64 and up dm-raid1, 96 and up the userspace log's transport.
pub mod kind {
    /// `ctr` operation.
    pub const CTR: u16 = 1;
    /// `dtr` operation.
    pub const DTR: u16 = 2;
    /// `presuspend` operation.
    pub const PRESUSPEND: u16 = 3;
    /// `postsuspend` operation.
    pub const POSTSUSPEND: u16 = 4;
    /// `resume` operation.
    pub const RESUME: u16 = 5;
    /// `get_region_size` operation; the result is in sectors.
    pub const GET_REGION_SIZE: u16 = 6;
    /// `is_clean` operation.
    pub const IS_CLEAN: u16 = 7;
    /// `in_sync` operation; `arg` is `can_block`.
    pub const IN_SYNC: u16 = 8;
    /// `flush` operation; `arg` holds the [`super::touched`] bits at entry.
    pub const FLUSH: u16 = 9;
    /// `mark_region` operation.
    pub const MARK_REGION: u16 = 10;
    /// `clear_region` operation.
    pub const CLEAR_REGION: u16 = 11;
    /// `get_resync_work` operation; `region` is what it handed out, or `NONE`.
    pub const GET_RESYNC_WORK: u16 = 12;
    /// `set_region_sync` operation; `arg` is `in_sync`.
    pub const SET_REGION_SYNC: u16 = 13;
    /// `get_sync_count` operation.
    pub const GET_SYNC_COUNT: u16 = 14;
    /// `status` operation; `arg` is the `status_type_t`.
    pub const STATUS: u16 = 15;
    /// `is_remote_recovering` operation.
    pub const IS_REMOTE_RECOVERING: u16 = 16;
    /// One bio counted by `dm_rh_inc_pending`; `arg` is the bio.
    pub const RH_INC: u16 = 32;
    /// `dm_rh_dec`.
    pub const RH_DEC: u16 = 33;
    /// `dm_rh_update_states`; `arg` is `errors_handled`.
    pub const RH_UPDATE_STATES: u16 = 34;
    /// `dm_rh_flush`.
    pub const RH_FLUSH: u16 = 35;
    /// `dm_rh_mark_nosync`; `arg` is the bio.
    pub const RH_MARK_NOSYNC: u16 = 36;
    /// `dm_rh_delay`; `arg` is the bio.
    pub const RH_DELAY: u16 = 37;
    /// `dm_rh_get_state`; the result is the state, `arg` is `may_block`.
    pub const RH_GET_STATE: u16 = 38;
    /// `dm_rh_recovery_prepare`.
    pub const RH_RECOVERY_PREPARE: u16 = 39;
    /// `dm_rh_recovery_start`; `region` is the key of the returned region, or `NONE`.
    pub const RH_RECOVERY_START: u16 = 40;
    /// `dm_rh_recovery_end`; `arg` is `success`.
    pub const RH_RECOVERY_END: u16 = 41;
    /// `dm_rh_start_recovery`.
    pub const RH_START_RECOVERY: u16 = 42;
    /// `dm_rh_stop_recovery`.
    pub const RH_STOP_RECOVERY: u16 = 43;
    /// `mirror_map`: an [`super::IoRecord`].
    pub const MAP: u16 = 64;
    /// `mirror_end_io`; `arg` is the bio, the result its `blk_status_t`.
    pub const END_IO: u16 = 65;
    /// `do_mirror`: one pass of the mirror's worker.
    pub const PASS: u16 = 66;
    /// `mirror_flush`: an empty flush to every leg before clears are written.
    pub const LEG_FLUSH: u16 = 67;
    /// `write_callback`; `arg` is the bio, the result a bit for every leg that failed.
    pub const WRITE_CALLBACK: u16 = 68;
    /// `read_callback`; `arg` is the bio, the result a bit for every leg that failed.
    pub const READ_CALLBACK: u16 = 69;
    /// `recover`: the copy of a region is handed to kcopyd.
    pub const RECOVER: u16 = 70;
    /// `recovery_complete`; the result is `read_err`, `arg` is `write_err`.
    pub const RECOVERY_COMPLETE: u16 = 71;
    /// `fail_mirror`; the result is the error type, `arg` the leg's `struct mirror` as an index, or `NONE`.
    pub const FAIL_MIRROR: u16 = 72;
    /// `hold_bio`; `arg` is the bio.
    pub const HOLD_BIO: u16 = 73;
    /// `mirror_ctr`.
    pub const MIRROR_CTR: u16 = 74;
    /// `mirror_dtr`.
    pub const MIRROR_DTR: u16 = 75;
    /// `mirror_presuspend`.
    pub const MIRROR_PRESUSPEND: u16 = 76;
    /// `mirror_postsuspend`.
    pub const MIRROR_POSTSUSPEND: u16 = 77;
    /// `mirror_resume`.
    pub const MIRROR_RESUME: u16 = 78;
    /// `mirror_status`; `arg` is the `status_type_t`.
    pub const MIRROR_STATUS: u16 = 79;
    /// `dm_consult_userspace`: one round trip to the log daemon; `arg` is the request type.
    pub const CONSULT: u16 = 96;
    /// An [`super::IdentityRecord`].
    pub const IDENTITY: u16 = 112;
    /// A [`super::BitsRecord`].
    pub const BITS: u16 = 113;
}

/// Values of [`BitsRecord::bitset`], each named by what a set bit means.
pub mod bitset {
    /// `log_c.clean_bits`.
    pub const CLEAN: u16 = 0;
    /// `log_c.sync_bits`.
    pub const IN_SYNC: u16 = 1;
    /// `log_c.recovering_bits`.
    pub const RECOVERING: u16 = 2;
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// The function belongs to the core type, or is shared by core and disk.
    pub const IMPL_CORE: u16 = 0;
    /// The function belongs to the disk type only.
    pub const IMPL_DISK: u16 = 1;
    /// The function belongs to the userspace type.
    pub const IMPL_USERSPACE: u16 = 2;
    /// Mask of the three above.
    pub const IMPL_MASK: u16 = 3;
    /// The record was made by a kprobe; its sequence is counted apart, see [`super::Header::seq`].
    pub const LANE_KPROBE: u16 = 1 << 2;
    /// `duration_ns` is valid.
    pub const HAS_DURATION: u16 = 1 << 3;
    /// A read of kernel memory failed; what it would have filled is zero or `NONE`.
    pub const READ_FAILED: u16 = 1 << 4;
    /// `arg` or a count was cut at a limit of the program.
    pub const TRUNCATED: u16 = 1 << 5;
}

/// Bits in `arg` of a flush: `log_c.touched_dirtied` and `touched_cleaned` as they were at entry.
pub mod touched {
    /// Something was dirtied since the last flush.
    pub const DIRTIED: u64 = 1;
    /// Something was cleaned since the last flush.
    pub const CLEANED: u64 = 2;
    /// The two bits above were read; without it they mean nothing.
    pub const KNOWN: u64 = 4;
}

/// What every record starts with. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// `CLOCK_MONOTONIC` in nanoseconds when the record was made: at return where the call has one, else at entry.
    pub time_ns: u64,
    /// Address of the kernel object that the call is about: log, region hash, target, mirror set or luid, by `kind`.
    /// It identifies; it never leaves the machine.
    pub object: u64,
    /// Count of records on this CPU and lane, taken before the ring was asked for room: a hole is a lost record.
    /// Records of kprobes count apart from those of fentry (two lanes), because only fentry may use atomic fetches.
    pub seq: u32,
    /// Kernel thread id (`task->pid`) that ran the call; in interrupts the interrupted task.
    pub tid: u32,
    /// A constant of [`kind`].
    pub kind: u16,
    /// CPU that ran the call.
    pub cpu: u16,
    /// Bits of [`flag`].
    pub flags: u16,
    /// The [`crate::hooks`] number of the program.
    pub hook: u16,
}

/// One call of a kernel function. 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallRecord {
    /// Common part.
    pub header: Header,
    /// From entry to return; zero unless [`flag::HAS_DURATION`].
    pub duration_ns: u64,
    /// Region index, or [`NONE`].
    pub region: u64,
    /// What the function returned, or what [`kind`] says.
    pub result: i64,
    /// What [`kind`] says.
    pub arg: u64,
}

/// A bio enters the mirror target (`mirror_map`). 80 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoRecord {
    /// Common part; `object` is the `struct dm_target`.
    pub header: Header,
    /// Address of the bio: joins the record with those of its completion.
    pub bio: u64,
    /// First sector, counted from the start of the mapped device.
    pub sector: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// `bio.bi_opf`.
    pub opf: u32,
    /// Process (`task->tgid`) that submitted.
    pub tgid: u32,
    /// Zero.
    pub reserved: u32,
    /// Its command name, NUL-padded.
    pub comm: [u8; COMM_LEN],
}

/// Which log, target, mirror set, region hash and device belong together, and what the log says of itself. 168 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IdentityRecord {
    /// Common part; `object` is the `struct dm_dirty_log`.
    pub header: Header,
    /// `struct dm_target`.
    pub target: u64,
    /// `struct mirror_set`, zero if not known yet.
    pub mirror_set: u64,
    /// `struct dm_region_hash`, zero if not known yet.
    pub region_hash: u64,
    /// `struct log_c` (the luid of a userspace log).
    pub context: u64,
    /// Length of the target in sectors.
    pub target_sectors: u64,
    /// First sector of the target in its device.
    pub target_begin: u64,
    /// `log_c.region_count`.
    pub region_count: u64,
    /// `log_c.sync_count`; [`NONE`] for a userspace log.
    pub sync_count: u64,
    /// `log_c.region_size` in sectors.
    pub region_size: u32,
    /// `log_c.sync`: 0 default, 1 nosync, 2 sync.
    pub sync_option: u32,
    /// `log_c.flush_failed`.
    pub flush_failed: u32,
    /// `log_c.log_dev_failed`.
    pub log_dev_failed: u32,
    /// `dm_dirty_log_type.name`, NUL-padded.
    pub log_type: [u8; NAME_LEN],
    /// `mapped_device.name`, `"MAJ:MIN"`, NUL-padded.
    pub device: [u8; NAME_LEN],
    /// `dm_dev.name` of the log device, `"MAJ:MIN"`, NUL-padded; empty where there is none.
    pub log_device: [u8; NAME_LEN],
    /// `mirror_set.nr_mirrors`.
    pub legs: u32,
    /// Zero.
    pub reserved: u32,
}

/// Part of one of a log's bitsets, at a moment when it is at rest (the log was just resumed) or was asked for (the capture
/// begins). 88 bytes and the payload.
///
/// A bitset is told in records of one size, in order of its regions: in one of [`SMALL_BITS_BYTES`] if it fits, else in those of
/// [`BIG_BITS_BYTES`]. A record speaks of the regions from `first_region` to the last one or to the end of its payload.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BitsRecord<const BYTES: usize> {
    /// Common part; `object` is the `struct dm_dirty_log`. [`flag::READ_FAILED`] speaks of the payload.
    pub header: Header,
    /// Region of the payload's first bit.
    pub first_region: u64,
    /// `log_c.region_count`; zero where it could not be read, and then there are no bits.
    pub region_count: u64,
    /// `log_c.sync_count`.
    pub sync_count: u64,
    /// `log_c.sync_search`.
    pub sync_search: i32,
    /// `log_c.touched_dirtied`.
    pub touched_dirtied: u32,
    /// `log_c.touched_cleaned`.
    pub touched_cleaned: u32,
    /// `log_c.flush_failed`.
    pub flush_failed: u32,
    /// `log_c.log_dev_failed`.
    pub log_dev_failed: u32,
    /// `log_c.log_dev_flush_failed`.
    pub log_dev_flush_failed: u32,
    /// Not zero: the seven members above mean nothing. So it is in all records of a bitset but the first.
    pub no_state: u32,
    /// A constant of [`bitset`].
    pub bitset: u16,
    /// Zero.
    pub reserved: u16,
    /// The bits as they are in memory: region `first_region + n` is bit `n % 8` of byte `n / 8`, as `test_bit_le` counts. Bits that
    /// are no region mean nothing: the kernel's padding, and what the ring held before.
    pub payload: [u8; BYTES],
}

const _: () = {
    use core::mem::{offset_of, size_of};
    type Small = BitsRecord<SMALL_BITS_BYTES>;
    assert!(size_of::<Small>() == 88 + 64);
    assert!(size_of::<BitsRecord<BIG_BITS_BYTES>>() == 88 + 4096);
    assert!((BITS_REGIONS_MAX as usize).is_multiple_of(8 * BIG_BITS_BYTES));
    assert!(offset_of!(Small, first_region) == 32);
    assert!(offset_of!(Small, region_count) == 40);
    assert!(offset_of!(Small, sync_count) == 48);
    assert!(offset_of!(Small, sync_search) == 56);
    assert!(offset_of!(Small, touched_dirtied) == 60);
    assert!(offset_of!(Small, touched_cleaned) == 64);
    assert!(offset_of!(Small, flush_failed) == 68);
    assert!(offset_of!(Small, log_dev_failed) == 72);
    assert!(offset_of!(Small, log_dev_flush_failed) == 76);
    assert!(offset_of!(Small, no_state) == 80);
    assert!(offset_of!(Small, bitset) == 84);
    assert!(offset_of!(Small, reserved) == 86);
    assert!(offset_of!(Small, payload) == 88);
    assert!(size_of::<Header>() == 32);
    assert!(offset_of!(Header, object) == 8);
    assert!(offset_of!(Header, seq) == 16);
    assert!(offset_of!(Header, tid) == 20);
    assert!(offset_of!(Header, kind) == 24);
    assert!(offset_of!(Header, cpu) == 26);
    assert!(offset_of!(Header, flags) == 28);
    assert!(offset_of!(Header, hook) == 30);
    assert!(size_of::<CallRecord>() == 64);
    assert!(offset_of!(CallRecord, duration_ns) == 32);
    assert!(offset_of!(CallRecord, region) == 40);
    assert!(offset_of!(CallRecord, result) == 48);
    assert!(offset_of!(CallRecord, arg) == 56);
    assert!(size_of::<IoRecord>() == 80);
    assert!(offset_of!(IoRecord, bio) == 32);
    assert!(offset_of!(IoRecord, sector) == 40);
    assert!(offset_of!(IoRecord, bytes) == 48);
    assert!(offset_of!(IoRecord, opf) == 52);
    assert!(offset_of!(IoRecord, tgid) == 56);
    assert!(offset_of!(IoRecord, comm) == 64);
    assert!(size_of::<IdentityRecord>() == 168);
    assert!(offset_of!(IdentityRecord, target) == 32);
    assert!(offset_of!(IdentityRecord, sync_count) == 88);
    assert!(offset_of!(IdentityRecord, region_size) == 96);
    assert!(offset_of!(IdentityRecord, log_type) == 112);
    assert!(offset_of!(IdentityRecord, legs) == 160);
};
