//! Every name of an event, a category and an argument, by number. All are known before the first event, so the first packet of a file
//! has them all and no other one has any. Names from outside (devices, processes) are names of tracks.

use dmlog_common::record::kind;

use super::proto::{Interned, InternedData};
use crate::analysis::consults::REQUEST_NAMES;
use crate::event::call::{CODES, Call, has};
use crate::event::flat::OP_NAMES;
use crate::event::item::LossCause;
use crate::event::op::{FlushKind, IoKind};
use crate::event::text::{CAUSES, DECODE_ERROR, GAP, cause_name};

/// Name of an event by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub u16);

/// Names that are not an operation's stand behind those, whose numbers begin with 1.
const FIRST_OTHER: u16 = 129;
/// Requests that have a name.
const REQUESTS: u16 = 18;
/// Causes of loss.
const LOSSES: u16 = 6;
const _: () = assert!(FIRST_OTHER as usize == 1 + CODES);
const _: () = assert!(REQUESTS as usize == REQUEST_NAMES.len() && LOSSES as usize == CAUSES.len());

/// Flushes by kind.
const FLUSHES: u16 = FIRST_OTHER;
/// Bios by kind.
const BIOS: u16 = FLUSHES + 3;
/// Round trips by request.
const CONSULTS: u16 = BIOS + 5;
/// Gaps by cause.
const GAPS: u16 = CONSULTS + REQUESTS;

impl Name {
    /// A bio as it is on the legs.
    pub const LEG_WRITE: Self = Self(GAPS + LOSSES);
    /// The same, if this leg failed.
    pub const LEG_WRITE_FAILED: Self = Self(Self::LEG_WRITE.0 + 1);
    /// The copy of a region.
    pub const RECOVERY: Self = Self(Self::LEG_WRITE.0 + 2);
    /// The same, if it failed.
    pub const RECOVERY_FAILED: Self = Self(Self::LEG_WRITE.0 + 3);
    /// What could not be understood.
    pub const DECODE_ERROR: Self = Self(Self::LEG_WRITE.0 + 4);
    /// What is known of the capture.
    pub const CAPTURE: Self = Self(Self::LEG_WRITE.0 + 5);
    /// A counter has no value any more.
    pub const NOT_KNOWN: Self = Self(Self::LEG_WRITE.0 + 6);
    /// What was left out of the file.
    pub const LIMITS: Self = Self(Self::LEG_WRITE.0 + 7);

    /// Of an operation; a flush's says its kind.
    #[inline]
    pub fn of(call: &Call) -> Self {
        if u16::from(call.code) == kind::FLUSH
            && let Some(kind) = call.arg().and_then(FlushKind::from_number)
        {
            return match kind {
                FlushKind::Dirtied => Self(FLUSHES),
                FlushKind::CleanedOnly => Self(FLUSHES + 1),
                FlushKind::NoOp => Self(FLUSHES + 2),
            };
        }
        Self(u16::from(call.code) + 1)
    }

    /// Of a bio.
    pub fn of_bio(kind: IoKind) -> Self {
        Self(
            BIOS + match kind {
                IoKind::Write => 0,
                IoKind::Read => 1,
                IoKind::Flush => 2,
                IoKind::Discard => 3,
                IoKind::Other => 4,
            },
        )
    }

    /// Of a round trip.
    pub fn of_request(request: u64) -> Self {
        let known = u16::try_from(request).ok().filter(|request| *request < REQUESTS);
        Self(CONSULTS + known.unwrap_or(0))
    }

    /// Of a gap.
    pub fn of_gap(cause: LossCause) -> Self {
        Self((GAPS..).zip(CAUSES).find(|(_, known)| *known == cause).map_or(GAPS, |(number, _)| number))
    }
}

/// Category of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Operations of the log.
    Log,
    /// dm-region-hash.
    RegionHash,
    /// The mirror target.
    Mirror,
    /// Bios.
    Io,
    /// Round trips to a log daemon.
    Userspace,
    /// What is missing.
    Loss,
    /// What is known of the capture.
    Capture,
}

impl Category {
    const NAMES: [(Self, &str); 7] = [
        (Self::Log, "log"),
        (Self::RegionHash, "region_hash"),
        (Self::Mirror, "mirror"),
        (Self::Io, "io"),
        (Self::Userspace, "userspace"),
        (Self::Loss, "loss"),
        (Self::Capture, "capture"),
    ];

    /// Of an operation.
    #[inline]
    pub fn of(call: &Call) -> Self {
        match u16::from(call.code) {
            kind::CTR..=kind::IS_REMOTE_RECOVERING => Self::Log,
            kind::RH_INC..=kind::RH_STOP_RECOVERY => Self::RegionHash,
            kind::CONSULT => Self::Userspace,
            kind::IDENTITY | kind::BITS => Self::Capture,
            _ => Self::Mirror,
        }
    }

    /// Its number.
    #[inline]
    pub fn iid(self) -> u64 {
        self as u64 + 1
    }
}

macro_rules! keys {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Name of an argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key { $($(#[$doc])* $variant,)* }

        /// Names of arguments in the order of their numbers.
        const KEYS: &[&str] = &[$($name,)*];
    };
}

keys! {
    /// Index of a region.
    Region = "region",
    /// What the kernel answered, 0 or a negative error.
    Result = "result",
    /// Kernel thread.
    Tid = "tid",
    /// CPU.
    Cpu = "cpu",
    /// Number of a bio in the trace.
    Io = "io",
    /// First sector of a bio.
    Sector = "sector",
    /// Length of a bio.
    Bytes = "bytes",
    /// `bi_opf` of a bio.
    Opf = "opf",
    /// `bi_status` of a bio.
    Status = "status",
    /// From the begin of a write to the worker's taking it up, ns.
    WorkerNs = "worker_ns",
    /// From there to the end of the flush that it waited for, ns.
    LogNs = "mark_and_flush_ns",
    /// From there to its end, ns.
    LegsNs = "legs_ns",
    /// Length of what has no slice, ns.
    DurationNs = "duration_ns",
    /// Length that the kernel's side measured, ns.
    LatencyNs = "latency_ns",
    /// Something else that was not seen.
    NotSeen = "not_seen",
    /// `can_block` of `in_sync`.
    CanBlock = "can_block",
    /// `in_sync` of `set_region_sync`.
    InSync = "in_sync",
    /// Regions in sync.
    Count = "count",
    /// Sectors of a region.
    RegionSizeSectors = "region_size_sectors",
    /// `status_type_t`.
    StatusType = "status_type",
    /// A bit for every leg that failed.
    FailedLegs = "failed_legs",
    /// Index of a leg.
    Leg = "leg",
    /// 0 write, 1 flush, 2 sync, 3 read.
    ErrorType = "error_type",
    /// `DM_RH_*`.
    State = "state",
    /// `may_block`.
    MayBlock = "may_block",
    /// The recovery of the region succeeded.
    Success = "success",
    /// `errors_handled`.
    ErrorsHandled = "errors_handled",
    /// `DM_ULOG_*`.
    Request = "request",
    /// Error of the leg that was read.
    ReadError = "read_error",
    /// A bit for every other leg that failed.
    WriteError = "write_error",
    /// Events lost.
    Lost = "lost",
    /// Why.
    Reason = "reason",
    /// Log instance.
    Log = "log",
    /// Marks whose flow does not reach this flush, because there were too many.
    FlowsCut = "flows_cut",
    /// Which counter.
    Counter = "counter",
    /// What an identity or bits say, as JSON.
    Details = "details",
    /// Slices that became instants because their tracks were full.
    SlicesCut = "slices_without_a_track",
    /// Bios whose end was not awaited because there were too many.
    BiosForgotten = "bios_forgotten",
    /// Regions whose clear has no flow because there were too many.
    RegionsForgotten = "regions_without_a_flow",
    /// Calls that were not shown beneath their pass because there were too many.
    CallsApart = "calls_shown_apart",
    /// Logs that count for the unknown device.
    LogsForgotten = "logs_beyond_limit",
}

impl Key {
    /// Its number.
    #[inline]
    pub fn iid(self) -> u64 {
        self as u64 + 1
    }

    /// What the result of an operation is.
    #[inline]
    pub fn of_result(call: &Call) -> Self {
        match u16::from(call.code) {
            kind::GET_SYNC_COUNT => Self::Count,
            kind::GET_REGION_SIZE => Self::RegionSizeSectors,
            kind::RH_GET_STATE => Self::State,
            kind::WRITE_CALLBACK | kind::READ_CALLBACK => Self::FailedLegs,
            kind::END_IO => Self::Status,
            kind::RECOVERY_COMPLETE => Self::ReadError,
            kind::FAIL_MIRROR => Self::ErrorType,
            _ => Self::Result,
        }
    }

    /// What the argument of an operation is; `None` if its name says it.
    #[inline]
    pub fn of_arg(call: &Call) -> Option<Self> {
        Some(match u16::from(call.code) {
            kind::IN_SYNC => Self::CanBlock,
            kind::SET_REGION_SYNC => Self::InSync,
            kind::STATUS | kind::MIRROR_STATUS => Self::StatusType,
            kind::RH_UPDATE_STATES => Self::ErrorsHandled,
            kind::RH_GET_STATE => Self::MayBlock,
            kind::RH_RECOVERY_END => Self::Success,
            kind::RECOVERY_COMPLETE => Self::WriteError,
            kind::FAIL_MIRROR => Self::Leg,
            kind::CONSULT => Self::Request,
            _ => return None,
        })
    }
}

/// Arguments that the numbers of any operation make.
#[inline]
pub fn annotate(body: &mut super::packet::Body<'_>, call: &Call) {
    if let Some(region) = call.region() {
        body.uint(Key::Region, region.0);
    }
    if call.has & has::RESULT != 0 {
        body.int(Key::of_result(call), call.result);
    }
    if let (Some(key), Some(arg)) = (Key::of_arg(call), call.arg()) {
        body.int(key, arg);
    }
    if call.has & has::IO != 0 {
        body.uint(Key::Io, call.io);
    }
}

/// All of them, as the first packet has them.
pub fn interned() -> InternedData {
    let entry = |iid: u64, name: String| Interned { iid: Some(iid), name: Some(name) };
    let mut events: Vec<Interned> =
        OP_NAMES.iter().map(|(code, name)| entry(u64::from(*code) + 1, (*name).to_owned())).collect();
    let mut add = |Name(number): Name, name: String| events.push(entry(number.into(), name));
    for (number, kind) in (FLUSHES..).zip(["dirtied", "cleaned-only", "no-op"]) {
        add(Name(number), format!("flush {kind}"));
    }
    for (number, kind) in (BIOS..).zip(["write", "read", "empty flush", "discard", "other request"]) {
        add(Name(number), kind.to_owned());
    }
    for (number, request) in (CONSULTS..).zip(REQUEST_NAMES) {
        add(Name(number), format!("consult {request}"));
    }
    for (number, cause) in (GAPS..).zip(CAUSES) {
        add(Name(number), format!("{GAP} {}", cause_name(cause)));
    }
    for (name, text) in [
        (Name::LEG_WRITE, "leg write"),
        (Name::LEG_WRITE_FAILED, "leg write failed"),
        (Name::RECOVERY, "recovery"),
        (Name::RECOVERY_FAILED, "recovery failed"),
        (Name::DECODE_ERROR, DECODE_ERROR),
        (Name::CAPTURE, "capture"),
        (Name::NOT_KNOWN, "not known from here on"),
        (Name::LIMITS, "left out"),
    ] {
        add(name, text.to_owned());
    }
    InternedData {
        event_categories: Category::NAMES.iter().map(|(kind, name)| entry(kind.iid(), (*name).to_owned())).collect(),
        event_names: events,
        debug_annotation_names: (1..).zip(KEYS).map(|(iid, name)| entry(iid, (*name).to_owned())).collect(),
    }
}
