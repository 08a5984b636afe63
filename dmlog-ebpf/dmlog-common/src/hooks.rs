//! The fixed list of kernel functions that may be probed. Nothing outside this list is ever attached to: one wrong
//! fentry target was seen to panic a 6.1 kernel.
//!
//! A hook's number is its place in [`HOOKS`]; the BPF programs use it to count what they lose, user space to plan,
//! attach and explain. `tidy` does not allow a hook without a program, and loading fails on a program without a hook.

use crate::record::{flag, kind};

/// How a hook is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Entry and return, joined into one record that has a duration.
    Call,
    /// Entry only: the call says all there is to say when it starts, or it runs in interrupts.
    Entry,
}

/// Which part of the kernel's work a hook belongs to; a part can be left out of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Operations of the log types.
    Log,
    /// The region hash.
    RegionHash,
    /// The mirror target: passes, recovery, failures, life cycle.
    Mirror,
    /// Bios through the mirror target; left out by `--no-io`.
    Io,
    /// Round trips to a userspace log daemon.
    Transport,
}

/// One kernel function that may be probed.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Kernel module, with underscores as in `/proc/kallsyms`.
    pub module: &'static str,
    /// Exact symbol.
    pub function: &'static str,
    /// A constant of [`kind`].
    pub kind: u16,
    /// One of [`flag::IMPL_CORE`], [`flag::IMPL_DISK`], [`flag::IMPL_USERSPACE`].
    pub implementation: u16,
    /// Entry and return, or entry only.
    pub shape: Shape,
    /// Which part it belongs to.
    pub group: Group,
    /// Number of arguments on most kernels; more than six cannot be had by fentry on 6.1.
    pub arguments: u8,
    /// What a capture lacks without it, as the end of "without it …".
    pub loss: &'static str,
}

macro_rules! hooks {
    ($($name:ident = $number:literal: $module:literal $function:literal, $kind:ident, $imp:ident, $shape:ident, $group:ident, $args:literal, $loss:literal;)+) => {
        $(
            #[doc = concat!("`", $function, "` of `", $module, "`.")]
            pub const $name: u16 = $number;
        )+
        /// Every hook, in the order of their numbers.
        pub const HOOKS: &[Hook] = &[$(
            Hook {
                module: $module,
                function: $function,
                kind: kind::$kind,
                implementation: flag::$imp,
                shape: Shape::$shape,
                group: Group::$group,
                arguments: $args,
                loss: $loss,
            },
        )+];
        const _: () = {
            let numbers = [$($number),+];
            let mut i = 0;
            while i < numbers.len() {
                assert!(numbers[i] == i, "hook numbers are their places");
                i += 1;
            }
        };
    };
}

hooks! {
    CORE_CTR = 0: "dm_log" "core_ctr", CTR, IMPL_CORE, Call, Log, 4, "new core logs are known only from their resume";
    CORE_DTR = 1: "dm_log" "core_dtr", DTR, IMPL_CORE, Call, Log, 1, "the end of a core log is not seen";
    CORE_RESUME = 2: "dm_log" "core_resume", RESUME, IMPL_CORE, Call, Log, 1, "resumes of core logs are not seen";
    CORE_GET_REGION_SIZE = 3: "dm_log" "core_get_region_size", GET_REGION_SIZE, IMPL_CORE, Call, Log, 1, "the question for the region size is not seen";
    CORE_IS_CLEAN = 4: "dm_log" "core_is_clean", IS_CLEAN, IMPL_CORE, Call, Log, 2, "is_clean answers are not seen";
    CORE_IN_SYNC = 5: "dm_log" "core_in_sync", IN_SYNC, IMPL_CORE, Call, Log, 3, "in_sync answers are not seen";
    CORE_FLUSH = 6: "dm_log" "core_flush", FLUSH, IMPL_CORE, Call, Log, 1, "flushes of core logs are not seen";
    CORE_MARK_REGION = 7: "dm_log" "core_mark_region", MARK_REGION, IMPL_CORE, Call, Log, 2, "marks of core and disk logs are not seen";
    CORE_CLEAR_REGION = 8: "dm_log" "core_clear_region", CLEAR_REGION, IMPL_CORE, Call, Log, 2, "clears of core and disk logs are not seen";
    CORE_GET_RESYNC_WORK = 9: "dm_log" "core_get_resync_work", GET_RESYNC_WORK, IMPL_CORE, Call, Log, 2, "regions handed out for resync are not seen";
    CORE_SET_REGION_SYNC = 10: "dm_log" "core_set_region_sync", SET_REGION_SYNC, IMPL_CORE, Call, Log, 3, "changes of the sync bits are not seen";
    CORE_GET_SYNC_COUNT = 11: "dm_log" "core_get_sync_count", GET_SYNC_COUNT, IMPL_CORE, Call, Log, 1, "sync counts are not seen";
    CORE_STATUS = 12: "dm_log" "core_status", STATUS, IMPL_CORE, Call, Log, 4, "status calls of core logs are not seen";
    DISK_CTR = 13: "dm_log" "disk_ctr", CTR, IMPL_DISK, Call, Log, 4, "new disk logs are known only from their resume";
    DISK_DTR = 14: "dm_log" "disk_dtr", DTR, IMPL_DISK, Call, Log, 1, "the end of a disk log is not seen";
    DISK_RESUME = 15: "dm_log" "disk_resume", RESUME, IMPL_DISK, Call, Log, 1, "resumes of disk logs are not seen";
    DISK_FLUSH = 16: "dm_log" "disk_flush", FLUSH, IMPL_DISK, Call, Log, 1, "flushes of disk logs are not seen";
    DISK_STATUS = 17: "dm_log" "disk_status", STATUS, IMPL_DISK, Call, Log, 4, "status calls of disk logs are not seen";
    USERSPACE_CTR = 18: "dm_log_userspace" "userspace_ctr", CTR, IMPL_USERSPACE, Call, Log, 4, "new userspace logs are known only from their resume";
    USERSPACE_DTR = 19: "dm_log_userspace" "userspace_dtr", DTR, IMPL_USERSPACE, Call, Log, 1, "the end of a userspace log is not seen";
    USERSPACE_PRESUSPEND = 20: "dm_log_userspace" "userspace_presuspend", PRESUSPEND, IMPL_USERSPACE, Call, Log, 1, "presuspends of userspace logs are not seen";
    USERSPACE_POSTSUSPEND = 21: "dm_log_userspace" "userspace_postsuspend", POSTSUSPEND, IMPL_USERSPACE, Call, Log, 1, "postsuspends of userspace logs are not seen";
    USERSPACE_RESUME = 22: "dm_log_userspace" "userspace_resume", RESUME, IMPL_USERSPACE, Call, Log, 1, "resumes of userspace logs are not seen";
    USERSPACE_GET_REGION_SIZE = 23: "dm_log_userspace" "userspace_get_region_size", GET_REGION_SIZE, IMPL_USERSPACE, Call, Log, 1, "the question for the region size is not seen";
    USERSPACE_IS_CLEAN = 24: "dm_log_userspace" "userspace_is_clean", IS_CLEAN, IMPL_USERSPACE, Call, Log, 2, "is_clean answers are not seen";
    USERSPACE_IN_SYNC = 25: "dm_log_userspace" "userspace_in_sync", IN_SYNC, IMPL_USERSPACE, Call, Log, 3, "in_sync answers are not seen";
    USERSPACE_FLUSH = 26: "dm_log_userspace" "userspace_flush", FLUSH, IMPL_USERSPACE, Call, Log, 1, "flushes of userspace logs are not seen";
    USERSPACE_MARK_REGION = 27: "dm_log_userspace" "userspace_mark_region", MARK_REGION, IMPL_USERSPACE, Call, Log, 2, "marks of userspace logs are not seen";
    USERSPACE_CLEAR_REGION = 28: "dm_log_userspace" "userspace_clear_region", CLEAR_REGION, IMPL_USERSPACE, Call, Log, 2, "clears of userspace logs are not seen";
    USERSPACE_GET_RESYNC_WORK = 29: "dm_log_userspace" "userspace_get_resync_work", GET_RESYNC_WORK, IMPL_USERSPACE, Call, Log, 2, "regions handed out for resync are not seen";
    USERSPACE_SET_REGION_SYNC = 30: "dm_log_userspace" "userspace_set_region_sync", SET_REGION_SYNC, IMPL_USERSPACE, Call, Log, 3, "changes of the sync bits are not seen";
    USERSPACE_GET_SYNC_COUNT = 31: "dm_log_userspace" "userspace_get_sync_count", GET_SYNC_COUNT, IMPL_USERSPACE, Call, Log, 1, "sync counts are not seen";
    USERSPACE_STATUS = 32: "dm_log_userspace" "userspace_status", STATUS, IMPL_USERSPACE, Call, Log, 4, "status calls of userspace logs are not seen";
    USERSPACE_IS_REMOTE_RECOVERING = 33: "dm_log_userspace" "userspace_is_remote_recovering", IS_REMOTE_RECOVERING, IMPL_USERSPACE, Call, Log, 2, "writes held back by a remote recovery are not explained";
    DM_CONSULT_USERSPACE = 34: "dm_log_userspace" "dm_consult_userspace", CONSULT, IMPL_USERSPACE, Call, Transport, 7, "round trips to the log daemon are not measured";
    DM_RH_INC_PENDING = 35: "dm_region_hash" "dm_rh_inc_pending", RH_INC, IMPL_CORE, Entry, RegionHash, 2, "the pending writes of a region are not counted up";
    DM_RH_DEC = 36: "dm_region_hash" "dm_rh_dec", RH_DEC, IMPL_CORE, Entry, RegionHash, 2, "the pending writes of a region are not counted down";
    DM_RH_UPDATE_STATES = 37: "dm_region_hash" "dm_rh_update_states", RH_UPDATE_STATES, IMPL_CORE, Call, RegionHash, 2, "region state updates are not measured";
    DM_RH_FLUSH = 38: "dm_region_hash" "dm_rh_flush", RH_FLUSH, IMPL_CORE, Call, RegionHash, 1, "the flush result that writes saw is not known";
    DM_RH_MARK_NOSYNC = 39: "dm_region_hash" "dm_rh_mark_nosync", RH_MARK_NOSYNC, IMPL_CORE, Entry, RegionHash, 2, "regions that lost a leg are not seen";
    DM_RH_DELAY = 40: "dm_region_hash" "dm_rh_delay", RH_DELAY, IMPL_CORE, Entry, RegionHash, 2, "writes delayed by recovery are not seen";
    DM_RH_GET_STATE = 41: "dm_region_hash" "dm_rh_get_state", RH_GET_STATE, IMPL_CORE, Call, RegionHash, 3, "region states are not seen";
    DM_RH_RECOVERY_PREPARE = 42: "dm_region_hash" "dm_rh_recovery_prepare", RH_RECOVERY_PREPARE, IMPL_CORE, Call, RegionHash, 1, "the preparation of recovery is not measured";
    DM_RH_RECOVERY_START = 43: "dm_region_hash" "dm_rh_recovery_start", RH_RECOVERY_START, IMPL_CORE, Call, RegionHash, 1, "the start of a region's recovery is not seen";
    DM_RH_RECOVERY_END = 44: "dm_region_hash" "dm_rh_recovery_end", RH_RECOVERY_END, IMPL_CORE, Entry, RegionHash, 2, "the end of a region's recovery is not seen";
    DM_RH_START_RECOVERY = 45: "dm_region_hash" "dm_rh_start_recovery", RH_START_RECOVERY, IMPL_CORE, Entry, RegionHash, 1, "recovery being allowed is not seen";
    DM_RH_STOP_RECOVERY = 46: "dm_region_hash" "dm_rh_stop_recovery", RH_STOP_RECOVERY, IMPL_CORE, Call, RegionHash, 1, "recovery being stopped is not seen";
    MIRROR_MAP = 47: "dm_mirror" "mirror_map", MAP, IMPL_CORE, Entry, Io, 2, "reads and writes, their processes and their latency are not seen";
    MIRROR_END_IO = 48: "dm_mirror" "mirror_end_io", END_IO, IMPL_CORE, Entry, Io, 3, "the latency of reads and writes is not known";
    DO_MIRROR = 49: "dm_mirror" "do_mirror", PASS, IMPL_CORE, Call, Mirror, 1, "the passes of the mirror's worker are not measured";
    MIRROR_FLUSH = 50: "dm_mirror" "mirror_flush", LEG_FLUSH, IMPL_CORE, Call, Mirror, 1, "the flush of the legs is not told apart from the log's own";
    WRITE_CALLBACK = 51: "dm_mirror" "write_callback", WRITE_CALLBACK, IMPL_CORE, Entry, Io, 2, "the end of leg writes and their errors are not seen";
    READ_CALLBACK = 52: "dm_mirror" "read_callback", READ_CALLBACK, IMPL_CORE, Entry, Io, 2, "errors of leg reads are not seen";
    RECOVER = 53: "dm_mirror" "recover", RECOVER, IMPL_CORE, Entry, Mirror, 2, "the start of a region's copy is not seen";
    RECOVERY_COMPLETE = 54: "dm_mirror" "recovery_complete", RECOVERY_COMPLETE, IMPL_CORE, Entry, Mirror, 3, "the end of a region's copy and its errors are not seen";
    FAIL_MIRROR = 55: "dm_mirror" "fail_mirror", FAIL_MIRROR, IMPL_CORE, Entry, Mirror, 2, "failures of legs are not seen";
    HOLD_BIO = 56: "dm_mirror" "hold_bio", HOLD_BIO, IMPL_CORE, Entry, Mirror, 2, "writes held until somebody repairs the mirror are not seen";
    MIRROR_CTR = 57: "dm_mirror" "mirror_ctr", MIRROR_CTR, IMPL_CORE, Call, Mirror, 3, "new mirrors are known only from their resume";
    MIRROR_DTR = 58: "dm_mirror" "mirror_dtr", MIRROR_DTR, IMPL_CORE, Call, Mirror, 1, "the end of a mirror is not seen";
    MIRROR_PRESUSPEND = 59: "dm_mirror" "mirror_presuspend", MIRROR_PRESUSPEND, IMPL_CORE, Call, Mirror, 1, "presuspends are not seen";
    MIRROR_POSTSUSPEND = 60: "dm_mirror" "mirror_postsuspend", MIRROR_POSTSUSPEND, IMPL_CORE, Call, Mirror, 1, "postsuspends are not seen";
    MIRROR_RESUME = 61: "dm_mirror" "mirror_resume", MIRROR_RESUME, IMPL_CORE, Call, Mirror, 1, "resumes are not seen";
    MIRROR_STATUS = 62: "dm_mirror" "mirror_status", MIRROR_STATUS, IMPL_CORE, Call, Mirror, 5, "mirrors that existed before the start are not identified";
}
