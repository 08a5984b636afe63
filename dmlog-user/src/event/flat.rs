//! The flat form of an event: the same few columns for every operation, as traces and tables want it.
//!
//! ```text
//! Event ──Flat::from_event──▶ Flat ──Flat::to_event──▶ Event      (identity: tested for every operation)
//! ```
//!
//! `code` is a number of `dmlog_common::record::kind`, which is never reused. A column that an operation does not have is `None`;
//! what `result` and `arg` mean is said at each operation in [`super::op`].

use dmlog_common::record::{kind, touched};

use super::bits::{Bits, PART_REGIONS_MAX, is_plain};
use super::ids::{DurationNs, IoId, LogId, MonoNs, Region, Sector};
use super::op::{Event, FlushKind, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

/// One event as columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flat {
    /// [`Event::time`].
    pub time: MonoNs,
    /// [`Event::cpu`].
    pub cpu: u16,
    /// [`Event::tid`].
    pub tid: u32,
    /// [`Event::log`].
    pub log: LogId,
    /// Operation, a constant of `dmlog_common::record::kind`.
    pub code: u16,
    /// Implementation of a log operation: 0 core, 1 disk, 2 userspace; 0 for everything else.
    pub implementation: u8,
    /// [`Event::duration`] in nanoseconds. For `end_io` and `recovery_complete`, which are points in time, the latency of
    /// what ended.
    pub duration_ns: Option<u64>,
    /// Region index.
    pub region: Option<u64>,
    /// What the kernel answered, or its error.
    pub result: Option<i64>,
    /// A further argument: `can_block`, `in_sync`, flush kind (0 no-op, 1 dirtied, 2 cleaned-only), status type, request type, …
    pub arg: Option<i64>,
    /// Number of the bio.
    pub io: Option<u64>,
    /// First sector of the bio.
    pub sector: Option<u64>,
    /// Length of the bio in bytes.
    pub bytes: Option<u32>,
    /// `bi_opf` of the bio.
    pub opf: Option<u32>,
    /// Process of the bio.
    pub tgid: Option<u32>,
    /// Its command name.
    pub comm: Option<String>,
    /// The facts of an identity.
    pub identity: Option<Box<Identity>>,
    /// Part of a bitset. Its first region is in `region` too.
    pub bits: Option<Box<Bits>>,
}

/// A row whose columns do not make an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlatError {
    /// No operation has this number.
    #[error("operation number {code} is not known; the trace may come from a newer dmlog-top")]
    UnknownCode {
        /// The number.
        code: u16,
    },
    /// A column that the operation needs is empty or out of range.
    #[error("operation `{op}` needs a valid `{column}`")]
    Column {
        /// Name of the operation.
        op: &'static str,
        /// Name of the column.
        column: &'static str,
    },
}

/// Numbers and names of all operations, in the order of the numbers. The names are those of the text form and of traces.
pub const OP_NAMES: &[(u16, &str)] = &[
    (kind::CTR, "ctr"),
    (kind::DTR, "dtr"),
    (kind::PRESUSPEND, "presuspend"),
    (kind::POSTSUSPEND, "postsuspend"),
    (kind::RESUME, "resume"),
    (kind::GET_REGION_SIZE, "get_region_size"),
    (kind::IS_CLEAN, "is_clean"),
    (kind::IN_SYNC, "in_sync"),
    (kind::FLUSH, "flush"),
    (kind::MARK_REGION, "mark_region"),
    (kind::CLEAR_REGION, "clear_region"),
    (kind::GET_RESYNC_WORK, "get_resync_work"),
    (kind::SET_REGION_SYNC, "set_region_sync"),
    (kind::GET_SYNC_COUNT, "get_sync_count"),
    (kind::STATUS, "status"),
    (kind::IS_REMOTE_RECOVERING, "is_remote_recovering"),
    (kind::RH_INC, "rh_inc_pending"),
    (kind::RH_DEC, "rh_dec"),
    (kind::RH_UPDATE_STATES, "rh_update_states"),
    (kind::RH_FLUSH, "rh_flush"),
    (kind::RH_MARK_NOSYNC, "rh_mark_nosync"),
    (kind::RH_DELAY, "rh_delay"),
    (kind::RH_GET_STATE, "rh_get_state"),
    (kind::RH_RECOVERY_PREPARE, "rh_recovery_prepare"),
    (kind::RH_RECOVERY_START, "rh_recovery_start"),
    (kind::RH_RECOVERY_END, "rh_recovery_end"),
    (kind::RH_START_RECOVERY, "rh_start_recovery"),
    (kind::RH_STOP_RECOVERY, "rh_stop_recovery"),
    (kind::MAP, "map"),
    (kind::END_IO, "end_io"),
    (kind::PASS, "pass"),
    (kind::LEG_FLUSH, "leg_flush"),
    (kind::WRITE_CALLBACK, "write_callback"),
    (kind::READ_CALLBACK, "read_callback"),
    (kind::RECOVER, "recover"),
    (kind::RECOVERY_COMPLETE, "recovery_complete"),
    (kind::FAIL_MIRROR, "fail_mirror"),
    (kind::HOLD_BIO, "hold_bio"),
    (kind::MIRROR_CTR, "mirror_ctr"),
    (kind::MIRROR_DTR, "mirror_dtr"),
    (kind::MIRROR_PRESUSPEND, "mirror_presuspend"),
    (kind::MIRROR_POSTSUSPEND, "mirror_postsuspend"),
    (kind::MIRROR_RESUME, "mirror_resume"),
    (kind::MIRROR_STATUS, "mirror_status"),
    (kind::CONSULT, "consult"),
    (kind::IDENTITY, "identity"),
    (kind::BITS, "bits"),
];

/// Name of an operation number.
pub fn op_name(code: u16) -> Option<&'static str> {
    OP_NAMES.binary_search_by_key(&code, |(number, _)| *number).ok().map(|place| OP_NAMES[place].1)
}

/// Number of an operation name.
pub fn op_code(name: &str) -> Option<u16> {
    OP_NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

impl Op {
    /// Number of the operation, a constant of `dmlog_common::record::kind`.
    pub fn code(&self) -> u16 {
        match self {
            Self::Log(_, op) => match op {
                LogOp::Ctr { .. } => kind::CTR,
                LogOp::Dtr => kind::DTR,
                LogOp::Presuspend { .. } => kind::PRESUSPEND,
                LogOp::Postsuspend { .. } => kind::POSTSUSPEND,
                LogOp::Resume { .. } => kind::RESUME,
                LogOp::GetRegionSize { .. } => kind::GET_REGION_SIZE,
                LogOp::IsClean { .. } => kind::IS_CLEAN,
                LogOp::InSync { .. } => kind::IN_SYNC,
                LogOp::Flush { .. } => kind::FLUSH,
                LogOp::MarkRegion { .. } => kind::MARK_REGION,
                LogOp::ClearRegion { .. } => kind::CLEAR_REGION,
                LogOp::GetResyncWork { .. } => kind::GET_RESYNC_WORK,
                LogOp::SetRegionSync { .. } => kind::SET_REGION_SYNC,
                LogOp::GetSyncCount { .. } => kind::GET_SYNC_COUNT,
                LogOp::Status { .. } => kind::STATUS,
                LogOp::IsRemoteRecovering { .. } => kind::IS_REMOTE_RECOVERING,
            },
            Self::RegionHash(op) => match op {
                RegionHashOp::IncPending { .. } => kind::RH_INC,
                RegionHashOp::DecPending { .. } => kind::RH_DEC,
                RegionHashOp::UpdateStates { .. } => kind::RH_UPDATE_STATES,
                RegionHashOp::Flush { .. } => kind::RH_FLUSH,
                RegionHashOp::MarkNosync { .. } => kind::RH_MARK_NOSYNC,
                RegionHashOp::Delay { .. } => kind::RH_DELAY,
                RegionHashOp::GetState { .. } => kind::RH_GET_STATE,
                RegionHashOp::RecoveryPrepare => kind::RH_RECOVERY_PREPARE,
                RegionHashOp::RecoveryStart { .. } => kind::RH_RECOVERY_START,
                RegionHashOp::RecoveryEnd { .. } => kind::RH_RECOVERY_END,
                RegionHashOp::StartRecovery => kind::RH_START_RECOVERY,
                RegionHashOp::StopRecovery => kind::RH_STOP_RECOVERY,
            },
            Self::Mirror(op) => match op {
                MirrorOp::Map(_) => kind::MAP,
                MirrorOp::EndIo { .. } => kind::END_IO,
                MirrorOp::Pass => kind::PASS,
                MirrorOp::LegFlush { .. } => kind::LEG_FLUSH,
                MirrorOp::WriteCallback { .. } => kind::WRITE_CALLBACK,
                MirrorOp::ReadCallback { .. } => kind::READ_CALLBACK,
                MirrorOp::Recover { .. } => kind::RECOVER,
                MirrorOp::RecoveryComplete { .. } => kind::RECOVERY_COMPLETE,
                MirrorOp::FailMirror { .. } => kind::FAIL_MIRROR,
                MirrorOp::HoldBio { .. } => kind::HOLD_BIO,
                MirrorOp::Ctr { .. } => kind::MIRROR_CTR,
                MirrorOp::Dtr => kind::MIRROR_DTR,
                MirrorOp::Presuspend => kind::MIRROR_PRESUSPEND,
                MirrorOp::Postsuspend => kind::MIRROR_POSTSUSPEND,
                MirrorOp::Resume => kind::MIRROR_RESUME,
                MirrorOp::Status { .. } => kind::MIRROR_STATUS,
            },
            Self::Consult { .. } => kind::CONSULT,
            Self::Identity(_) => kind::IDENTITY,
            Self::Bits(_) => kind::BITS,
        }
    }
}

impl LogImpl {
    /// The number in [`Flat::implementation`].
    pub fn number(self) -> u8 {
        match self {
            Self::Core => 0,
            Self::Disk => 1,
            Self::Userspace => 2,
        }
    }

    /// The implementation with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Core),
            1 => Some(Self::Disk),
            2 => Some(Self::Userspace),
            _ => None,
        }
    }
}

impl FlushKind {
    /// The number in [`Flat::arg`] of a flush.
    pub fn number(self) -> i64 {
        match self {
            Self::NoOp => 0,
            Self::Dirtied => 1,
            Self::CleanedOnly => 2,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::NoOp),
            1 => Some(Self::Dirtied),
            2 => Some(Self::CleanedOnly),
            _ => None,
        }
    }

    /// The kind that `log_c`'s touched flags stand for, as the probes report them; `None` where they were not read.
    pub fn from_touched(bits: u64) -> Option<Self> {
        if bits & touched::KNOWN == 0 {
            None
        } else if bits & touched::DIRTIED != 0 {
            Some(Self::Dirtied)
        } else if bits & touched::CLEANED != 0 {
            Some(Self::CleanedOnly)
        } else {
            Some(Self::NoOp)
        }
    }
}

impl Flat {
    /// Columns of an event.
    pub fn from_event(event: &Event) -> Self {
        let Event { time, cpu, tid, log, duration, op } = event;
        let mut flat = Self {
            time: *time,
            cpu: *cpu,
            tid: *tid,
            log: *log,
            code: op.code(),
            duration_ns: duration.map(|d| d.0),
            ..Self::default()
        };
        match op {
            Op::Log(implementation, op) => {
                flat.implementation = implementation.number();
                flat.set_log_op(op);
            }
            Op::RegionHash(op) => flat.set_region_hash_op(op),
            Op::Mirror(op) => flat.set_mirror_op(op),
            Op::Consult { request, result } => {
                flat.arg = Some(i64::from(*request));
                flat.result = Some(i64::from(*result));
            }
            Op::Identity(identity) => flat.identity = Some(identity.clone()),
            Op::Bits(bits) => {
                flat.region = Some(bits.first.0);
                flat.bits = Some(bits.clone());
            }
        }
        flat
    }

    fn set_log_op(&mut self, op: &LogOp) {
        match op {
            LogOp::Dtr => {}
            LogOp::Ctr { result }
            | LogOp::Presuspend { result }
            | LogOp::Postsuspend { result }
            | LogOp::Resume { result } => {
                self.result = Some(i64::from(*result));
            }
            LogOp::GetRegionSize { region_size_sectors } => self.result = Some(i64::from(*region_size_sectors)),
            LogOp::IsClean { region, result } | LogOp::IsRemoteRecovering { region, result } => {
                self.region = Some(region.0);
                self.result = Some(i64::from(*result));
            }
            LogOp::InSync { region, can_block, result } => {
                self.region = Some(region.0);
                self.arg = Some(i64::from(*can_block));
                self.result = Some(i64::from(*result));
            }
            LogOp::Flush { kind, result } => {
                self.arg = kind.map(FlushKind::number);
                self.result = Some(i64::from(*result));
            }
            LogOp::MarkRegion { region } | LogOp::ClearRegion { region } => self.region = Some(region.0),
            LogOp::GetResyncWork { region, result } => {
                self.region = region.map(|r| r.0);
                self.result = Some(i64::from(*result));
            }
            LogOp::SetRegionSync { region, in_sync } => {
                self.region = Some(region.0);
                self.arg = Some(i64::from(*in_sync));
            }
            LogOp::GetSyncCount { count } => self.result = Some(count.cast_signed()),
            LogOp::Status { status_type, result } => {
                self.arg = Some(i64::from(*status_type));
                self.result = Some(i64::from(*result));
            }
        }
    }

    fn set_region_hash_op(&mut self, op: &RegionHashOp) {
        match op {
            RegionHashOp::RecoveryPrepare | RegionHashOp::StartRecovery | RegionHashOp::StopRecovery => {}
            RegionHashOp::IncPending { region, io }
            | RegionHashOp::MarkNosync { region, io }
            | RegionHashOp::Delay { region, io } => {
                self.region = region.map(|r| r.0);
                self.io = Some(io.0);
            }
            RegionHashOp::DecPending { region } => self.region = Some(region.0),
            RegionHashOp::UpdateStates { errors_handled } => self.arg = Some(i64::from(*errors_handled)),
            RegionHashOp::Flush { result } => self.result = Some(i64::from(*result)),
            RegionHashOp::GetState { region, may_block, state } => {
                self.region = Some(region.0);
                self.arg = Some(i64::from(*may_block));
                self.result = Some(i64::from(*state));
            }
            RegionHashOp::RecoveryStart { region } => self.region = region.map(|r| r.0),
            RegionHashOp::RecoveryEnd { region, success } => {
                self.region = region.map(|r| r.0);
                self.arg = Some(i64::from(*success));
            }
        }
    }

    fn set_mirror_op(&mut self, op: &MirrorOp) {
        match op {
            MirrorOp::Pass | MirrorOp::Dtr | MirrorOp::Presuspend | MirrorOp::Postsuspend | MirrorOp::Resume => {}
            MirrorOp::Map(Io { io, sector, bytes, opf, tgid, comm }) => {
                self.io = Some(io.0);
                self.sector = Some(sector.0);
                self.bytes = Some(*bytes);
                self.opf = Some(*opf);
                self.tgid = Some(*tgid);
                self.comm = Some(comm.clone());
            }
            MirrorOp::EndIo { io, latency, status } => {
                self.io = Some(io.0);
                self.duration_ns = latency.map(|d| d.0);
                self.result = Some(i64::from(*status));
            }
            MirrorOp::LegFlush { result } | MirrorOp::Ctr { result } => self.result = Some(i64::from(*result)),
            MirrorOp::WriteCallback { io, failed_legs } | MirrorOp::ReadCallback { io, failed_legs } => {
                self.io = Some(io.0);
                self.result = Some(failed_legs.cast_signed());
            }
            MirrorOp::Recover { region } => self.region = region.map(|r| r.0),
            MirrorOp::RecoveryComplete { region, took, read_error, write_error } => {
                self.region = region.map(|r| r.0);
                self.duration_ns = took.map(|d| d.0);
                self.result = Some(i64::from(*read_error));
                self.arg = Some(write_error.cast_signed());
            }
            MirrorOp::FailMirror { leg, error_type } => {
                self.arg = leg.map(i64::from);
                self.result = Some(i64::from(*error_type));
            }
            MirrorOp::HoldBio { io } => self.io = Some(io.0),
            MirrorOp::Status { status_type } => self.arg = Some(i64::from(*status_type)),
        }
    }

    /// The event that these columns are.
    ///
    /// # Errors
    /// [`FlatError`] for an unknown operation, or a needed column that is empty or out of range.
    pub fn to_event(&self) -> Result<Event, FlatError> {
        let needs = Needs { flat: self, op: op_name(self.code).ok_or(FlatError::UnknownCode { code: self.code })? };
        let (op, is_point) = match self.code {
            kind::CTR..=kind::IS_REMOTE_RECOVERING => {
                let implementation = LogImpl::from_number(self.implementation).ok_or(needs.bad("implementation"))?;
                (Op::Log(implementation, needs.log_op()?), false)
            }
            kind::RH_INC..=kind::RH_STOP_RECOVERY => (Op::RegionHash(needs.region_hash_op()?), false),
            kind::CONSULT => (Op::Consult { request: needs.arg_u32()?, result: needs.result_i32()? }, false),
            kind::IDENTITY => (Op::Identity(self.identity.clone().ok_or(needs.bad("identity"))?), false),
            kind::BITS => (Op::Bits(needs.bits()?), false),
            code => (Op::Mirror(needs.mirror_op()?), matches!(code, kind::END_IO | kind::RECOVERY_COMPLETE)),
        };
        Ok(Event {
            time: self.time,
            cpu: self.cpu,
            tid: self.tid,
            log: self.log,
            duration: if is_point { None } else { self.duration_ns.map(DurationNs) },
            op,
        })
    }
}

/// Reads columns that an operation needs, with its name at hand for the error.
struct Needs<'a> {
    flat: &'a Flat,
    op: &'static str,
}

impl Needs<'_> {
    fn bad(&self, column: &'static str) -> FlatError {
        FlatError::Column { op: self.op, column }
    }

    fn region(&self) -> Result<Region, FlatError> {
        self.flat.region.map(Region).ok_or(self.bad("region"))
    }

    fn result_i32(&self) -> Result<i32, FlatError> {
        self.flat.result.and_then(|v| i32::try_from(v).ok()).ok_or(self.bad("result"))
    }

    fn result_u32(&self) -> Result<u32, FlatError> {
        self.flat.result.and_then(|v| u32::try_from(v).ok()).ok_or(self.bad("result"))
    }

    fn result_bits(&self) -> Result<u64, FlatError> {
        self.flat.result.map(i64::cast_unsigned).ok_or(self.bad("result"))
    }

    fn arg_u32(&self) -> Result<u32, FlatError> {
        self.flat.arg.and_then(|v| u32::try_from(v).ok()).ok_or(self.bad("arg"))
    }

    fn arg_bool(&self) -> Result<bool, FlatError> {
        match self.flat.arg {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(self.bad("arg")),
        }
    }

    /// Bits in their one form, and no more of them than an event may have.
    fn bits(&self) -> Result<Box<Bits>, FlatError> {
        let bits = self.flat.bits.clone().ok_or(self.bad("bits"))?;
        if bits.regions > PART_REGIONS_MAX {
            return Err(self.bad("regions"));
        }
        let is_plain = bits.words.as_deref().is_none_or(|words| is_plain(words, bits.regions));
        if is_plain { Ok(bits) } else { Err(self.bad("bits")) }
    }

    fn io(&self) -> Result<IoId, FlatError> {
        self.flat.io.map(IoId).ok_or(self.bad("io"))
    }

    fn log_op(&self) -> Result<LogOp, FlatError> {
        Ok(match self.flat.code {
            kind::CTR => LogOp::Ctr { result: self.result_i32()? },
            kind::DTR => LogOp::Dtr,
            kind::PRESUSPEND => LogOp::Presuspend { result: self.result_i32()? },
            kind::POSTSUSPEND => LogOp::Postsuspend { result: self.result_i32()? },
            kind::RESUME => LogOp::Resume { result: self.result_i32()? },
            kind::GET_REGION_SIZE => LogOp::GetRegionSize { region_size_sectors: self.result_u32()? },
            kind::IS_CLEAN => LogOp::IsClean { region: self.region()?, result: self.result_i32()? },
            kind::IN_SYNC => {
                LogOp::InSync { region: self.region()?, can_block: self.arg_bool()?, result: self.result_i32()? }
            }
            kind::FLUSH => LogOp::Flush {
                kind: match self.flat.arg {
                    None => None,
                    Some(number) => Some(FlushKind::from_number(number).ok_or(self.bad("arg"))?),
                },
                result: self.result_i32()?,
            },
            kind::MARK_REGION => LogOp::MarkRegion { region: self.region()? },
            kind::CLEAR_REGION => LogOp::ClearRegion { region: self.region()? },
            kind::GET_RESYNC_WORK => {
                LogOp::GetResyncWork { region: self.flat.region.map(Region), result: self.result_i32()? }
            }
            kind::SET_REGION_SYNC => LogOp::SetRegionSync { region: self.region()?, in_sync: self.arg_bool()? },
            kind::GET_SYNC_COUNT => LogOp::GetSyncCount { count: self.result_bits()? },
            kind::STATUS => LogOp::Status { status_type: self.arg_u32()?, result: self.result_i32()? },
            kind::IS_REMOTE_RECOVERING => {
                LogOp::IsRemoteRecovering { region: self.region()?, result: self.result_i32()? }
            }
            code => return Err(FlatError::UnknownCode { code }),
        })
    }

    fn region_hash_op(&self) -> Result<RegionHashOp, FlatError> {
        let region = self.flat.region.map(Region);
        Ok(match self.flat.code {
            kind::RH_INC => RegionHashOp::IncPending { region, io: self.io()? },
            kind::RH_DEC => RegionHashOp::DecPending { region: self.region()? },
            kind::RH_UPDATE_STATES => RegionHashOp::UpdateStates { errors_handled: self.arg_bool()? },
            kind::RH_FLUSH => RegionHashOp::Flush { result: self.result_i32()? },
            kind::RH_MARK_NOSYNC => RegionHashOp::MarkNosync { region, io: self.io()? },
            kind::RH_DELAY => RegionHashOp::Delay { region, io: self.io()? },
            kind::RH_GET_STATE => RegionHashOp::GetState {
                region: self.region()?,
                may_block: self.arg_bool()?,
                state: self.result_i32()?,
            },
            kind::RH_RECOVERY_PREPARE => RegionHashOp::RecoveryPrepare,
            kind::RH_RECOVERY_START => RegionHashOp::RecoveryStart { region },
            kind::RH_RECOVERY_END => RegionHashOp::RecoveryEnd { region, success: self.arg_bool()? },
            kind::RH_START_RECOVERY => RegionHashOp::StartRecovery,
            kind::RH_STOP_RECOVERY => RegionHashOp::StopRecovery,
            code => return Err(FlatError::UnknownCode { code }),
        })
    }

    fn mirror_op(&self) -> Result<MirrorOp, FlatError> {
        let region = self.flat.region.map(Region);
        Ok(match self.flat.code {
            kind::MAP => MirrorOp::Map(Io {
                io: self.io()?,
                sector: self.flat.sector.map(Sector).ok_or(self.bad("sector"))?,
                bytes: self.flat.bytes.ok_or(self.bad("bytes"))?,
                opf: self.flat.opf.ok_or(self.bad("opf"))?,
                tgid: self.flat.tgid.ok_or(self.bad("tgid"))?,
                comm: self.flat.comm.clone().unwrap_or_default(),
            }),
            kind::END_IO => MirrorOp::EndIo {
                io: self.io()?,
                latency: self.flat.duration_ns.map(DurationNs),
                status: self.result_i32()?,
            },
            kind::PASS => MirrorOp::Pass,
            kind::LEG_FLUSH => MirrorOp::LegFlush { result: self.result_i32()? },
            kind::WRITE_CALLBACK => MirrorOp::WriteCallback { io: self.io()?, failed_legs: self.result_bits()? },
            kind::READ_CALLBACK => MirrorOp::ReadCallback { io: self.io()?, failed_legs: self.result_bits()? },
            kind::RECOVER => MirrorOp::Recover { region },
            kind::RECOVERY_COMPLETE => MirrorOp::RecoveryComplete {
                region,
                took: self.flat.duration_ns.map(DurationNs),
                read_error: self.result_i32()?,
                write_error: self.flat.arg.map(i64::cast_unsigned).ok_or(self.bad("arg"))?,
            },
            kind::FAIL_MIRROR => MirrorOp::FailMirror {
                leg: match self.flat.arg {
                    None => None,
                    Some(leg) => Some(u8::try_from(leg).map_err(|_out_of_range| self.bad("arg"))?),
                },
                error_type: self.result_u32()?,
            },
            kind::HOLD_BIO => MirrorOp::HoldBio { io: self.io()? },
            kind::MIRROR_CTR => MirrorOp::Ctr { result: self.result_i32()? },
            kind::MIRROR_DTR => MirrorOp::Dtr,
            kind::MIRROR_PRESUSPEND => MirrorOp::Presuspend,
            kind::MIRROR_POSTSUSPEND => MirrorOp::Postsuspend,
            kind::MIRROR_RESUME => MirrorOp::Resume,
            kind::MIRROR_STATUS => MirrorOp::Status { status_type: self.arg_u32()? },
            code => return Err(FlatError::UnknownCode { code }),
        })
    }
}
