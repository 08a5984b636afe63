//! What happened: one variant per kernel operation, each with just its own fields.
//!
//! The names are the kernel's. A field that the capture could not read is `None`; zero always means zero.

#![expect(
    missing_docs,
    reason = "fields of variants carry the kernel's argument names; each variant says what they mean"
)]

use super::bits::Bits;
use super::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};

/// One thing that the kernel did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was over: at return for calls with a duration, else at entry.
    pub time: MonoNs,
    /// CPU it ran on.
    pub cpu: u16,
    /// Kernel thread that ran it; in an interrupt the interrupted one. Userspace calls it tid.
    pub tid: u32,
    /// Log it belongs to; [`LogId::UNKNOWN`] if that could not be told.
    pub log: LogId,
    /// From entry to return, where both were seen. The call began at `time - duration`.
    pub duration: Option<DurationNs>,
    /// What was done.
    pub op: Op,
}

impl Event {
    /// When the call began: `time` less its duration, or `time` where there is none.
    pub fn start(&self) -> MonoNs {
        MonoNs(self.time.0.saturating_sub(self.duration.map_or(0, |d| d.0)))
    }
}

/// What was done, by the part of the kernel that did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// An operation of the log type (`struct dm_dirty_log_type`), run by the given implementation.
    Log(LogImpl, LogOp),
    /// dm-region-hash.
    RegionHash(RegionHashOp),
    /// dm-raid1, the mirror target.
    Mirror(MirrorOp),
    /// `dm_consult_userspace`: one round trip to a log daemon.
    Consult {
        /// `DM_ULOG_*` request type, 1 to 17.
        request: u32,
        /// 0 or a negative errno.
        result: i32,
    },
    /// What a log is and which device it belongs to. Comes before the first event of its log wherever that was possible,
    /// and again whenever the kernel resumes it or is asked for its status.
    Identity(Box<Identity>),
    /// Part of one of the log's bitsets, after a resume and where the capture asked for it. Several together are a snapshot.
    Bits(Box<Bits>),
}

/// Which module's functions did it. A disk log shares most functions with the core log, so this is not the log's type:
/// that is in [`Identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogImpl {
    /// `core_*` of dm-log, shared by the core and the disk type.
    Core,
    /// `disk_*` of dm-log.
    Disk,
    /// `userspace_*` of dm-log-userspace.
    Userspace,
}

/// The sixteen operations of `struct dm_dirty_log_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOp {
    /// `ctr`: 0 or a negative errno.
    Ctr { result: i32 },
    /// `dtr`.
    Dtr,
    /// `presuspend`.
    Presuspend { result: i32 },
    /// `postsuspend`. The disk type's is its flush and is seen as such.
    Postsuspend { result: i32 },
    /// `resume`.
    Resume { result: i32 },
    /// `get_region_size`.
    GetRegionSize { region_size_sectors: u32 },
    /// `is_clean`: 1 clean, 0 dirty.
    IsClean { region: Region, result: i32 },
    /// `in_sync`: 1, 0, or a negative errno. `can_block` is false on the read path.
    InSync { region: Region, can_block: bool, result: i32 },
    /// `flush`. `kind` is `None` where the capture could not tell.
    Flush { kind: Option<FlushKind>, result: i32 },
    /// `mark_region`: the region becomes dirty.
    MarkRegion { region: Region },
    /// `clear_region`: the region becomes clean, unless a flush has failed.
    ClearRegion { region: Region },
    /// `get_resync_work`: 1 and a region, 0, or a negative errno.
    GetResyncWork { region: Option<Region>, result: i32 },
    /// `set_region_sync`.
    SetRegionSync { region: Region, in_sync: bool },
    /// `get_sync_count`, in regions.
    GetSyncCount { count: u64 },
    /// `status`: `status_type_t` (0 info, 1 table, 2 IMA) and the length written, in bytes.
    Status { status_type: u32, result: i32 },
    /// `is_remote_recovering`: 1 recovering elsewhere, 0 not.
    IsRemoteRecovering { region: Region, result: i32 },
}

/// Why a flush did what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlushKind {
    /// Something was dirtied since the last flush: header and bits are written and the log device is flushed.
    Dirtied,
    /// Something was only cleaned: the legs are flushed, header and bits are written, the log device is not flushed.
    CleanedOnly,
    /// Nothing was touched, or the log is a core log: no I/O.
    NoOp,
}

/// What dm-region-hash was asked to do. States are `DM_RH_CLEAN` 1, `DM_RH_DIRTY` 2, `DM_RH_NOSYNC` 4, `DM_RH_RECOVERING` 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionHashOp {
    /// One write of a `dm_rh_inc_pending` call. Flush and discard bios do not count and are not here.
    IncPending { region: Option<Region>, io: IoId },
    /// `dm_rh_dec`: one write of the region is over.
    DecPending { region: Region },
    /// `dm_rh_update_states`.
    UpdateStates { errors_handled: bool },
    /// `dm_rh_flush`: the result that writes honour.
    Flush { result: i32 },
    /// `dm_rh_mark_nosync`.
    MarkNosync { region: Option<Region>, io: IoId },
    /// `dm_rh_delay`: a write waits for the recovery of its region.
    Delay { region: Option<Region>, io: IoId },
    /// `dm_rh_get_state`.
    GetState { region: Region, may_block: bool, state: i32 },
    /// `dm_rh_recovery_prepare`.
    RecoveryPrepare,
    /// `dm_rh_recovery_start`: the region whose recovery begins, if any.
    RecoveryStart { region: Option<Region> },
    /// `dm_rh_recovery_end`.
    RecoveryEnd { region: Option<Region>, success: bool },
    /// `dm_rh_start_recovery`: recovery is allowed.
    StartRecovery,
    /// `dm_rh_stop_recovery`: recovery is stopped; returns when none is in flight.
    StopRecovery,
}

/// What the mirror target did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorOp {
    /// `mirror_map`: a bio enters.
    Map(Io),
    /// `mirror_end_io`: a bio is over. `latency` is from its `Map`, as the submitter sees it.
    EndIo { io: IoId, latency: Option<DurationNs>, status: i32 },
    /// `do_mirror`: one pass of the worker.
    Pass,
    /// `mirror_flush`: an empty flush to every leg.
    LegFlush { result: i32 },
    /// `write_callback`: the write of one bio to the legs is over; a bit for every leg that failed.
    WriteCallback { io: IoId, failed_legs: u64 },
    /// `read_callback`: a read from a leg is over; not zero if it failed.
    ReadCallback { io: IoId, failed_legs: u64 },
    /// `recover`: a region's copy is handed to kcopyd.
    Recover { region: Option<Region> },
    /// `recovery_complete`: the copy is over. `took` is from its `Recover`; `write_error` has a bit for every failed leg
    /// but the one that was read.
    RecoveryComplete { region: Option<Region>, took: Option<DurationNs>, read_error: i32, write_error: u64 },
    /// `fail_mirror`: leg index, and 0 write, 1 flush, 2 sync, 3 read.
    FailMirror { leg: Option<u8>, error_type: u32 },
    /// `hold_bio`: a write waits until somebody repairs the mirror.
    HoldBio { io: IoId },
    /// `mirror_ctr`.
    Ctr { result: i32 },
    /// `mirror_dtr`.
    Dtr,
    /// `mirror_presuspend`.
    Presuspend,
    /// `mirror_postsuspend`.
    Postsuspend,
    /// `mirror_resume`.
    Resume,
    /// `mirror_status`.
    Status { status_type: u32 },
}

/// A bio as it enters the mirror target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Io {
    /// Its number in this trace.
    pub io: IoId,
    /// First sector, from the start of the mapped device.
    pub sector: Sector,
    /// Length in bytes; 0 for an empty flush.
    pub bytes: u32,
    /// `bio.bi_opf`: operation in the low 8 bits, flags above.
    pub opf: u32,
    /// Process (thread group) that submitted it.
    pub tgid: u32,
    /// Its command name, at most 15 bytes; bytes that are not UTF-8 are replaced.
    pub comm: String,
}

/// Operations of a bio, `enum req_op`; only those that a mirror meets by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IoKind {
    /// `REQ_OP_READ`.
    Read,
    /// `REQ_OP_WRITE` with data.
    Write,
    /// `REQ_OP_FLUSH`, or a write without data that carries `REQ_PREFLUSH`.
    Flush,
    /// `REQ_OP_DISCARD`.
    Discard,
    /// Anything else.
    Other,
}

/// [`Io`] whose command name is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bio<'a> {
    /// [`Io::io`].
    pub io: IoId,
    /// [`Io::sector`].
    pub sector: Sector,
    /// [`Io::bytes`].
    pub bytes: u32,
    /// [`Io::opf`].
    pub opf: u32,
    /// [`Io::tgid`].
    pub tgid: u32,
    /// [`Io::comm`].
    pub comm: &'a str,
}

impl Io {
    /// The same, lent.
    pub fn bio(&self) -> Bio<'_> {
        let Self { io, sector, bytes, opf, tgid, comm } = self;
        Bio { io: *io, sector: *sector, bytes: *bytes, opf: *opf, tgid: *tgid, comm }
    }

    /// Kind of operation.
    pub fn kind(&self) -> IoKind {
        self.bio().kind()
    }
}

impl Bio<'_> {
    /// Kind of operation. `REQ_OP_BITS` is 8, `REQ_PREFLUSH` bit 18, on every kernel from 5.10 to 7.3.
    #[inline]
    pub fn kind(&self) -> IoKind {
        const PREFLUSH: u32 = 1 << 18;
        match self.opf & 0xff {
            0 => IoKind::Read,
            1 if self.bytes == 0 && self.opf & PREFLUSH != 0 => IoKind::Flush,
            1 => IoKind::Write,
            2 => IoKind::Flush,
            3 => IoKind::Discard,
            _ => IoKind::Other,
        }
    }
}

/// What a log is, as the kernel's own structures and the device tree say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The mapped device.
    pub device: DevNum,
    /// Name that people know: `vg/lv` where LVM made it, else the dm name; empty if it could not be found.
    pub name: String,
    /// `dm_dirty_log_type.name`: `core`, `disk`, `userspace`; empty if it could not be read.
    pub log_type: String,
    /// Region size in sectors; `None` if it could not be read or failed its check against the table.
    pub region_size_sectors: Option<u32>,
    /// Number of regions.
    pub region_count: Option<u64>,
    /// Regions in sync at that moment; `None` for userspace logs, whose daemon keeps it.
    pub sync_count: Option<u64>,
    /// `sync` argument: 0 default, 1 nosync, 2 sync.
    pub sync_option: Option<u32>,
    /// Length of the target in sectors.
    pub target_sectors: Option<u64>,
    /// First sector of the target in its device.
    pub target_begin: Option<u64>,
    /// Log device of a disk log.
    pub log_device: Option<DevNum>,
    /// Number of legs.
    pub legs: Option<u32>,
    /// `log_c.flush_failed` is set.
    pub flush_failed: bool,
    /// `log_c.log_dev_failed` is set.
    pub log_device_failed: bool,
}
