//! Which columns each operation has, and what each is called there.
//!
//! A column of [`Flat`](crate::event::flat::Flat) such as `result` means something else in every operation; this table
//! gives the kernel's word. It is what the text form prints and demands.

use dmlog_common::record::kind;

/// A column of `Flat` that not every operation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `Flat::duration_ns`, where it is not the duration of the call but the latency of what ended.
    DurationNs,
    /// `Flat::region`.
    Region,
    /// `Flat::result`.
    Result,
    /// `Flat::arg`.
    Arg,
    /// `Flat::io`.
    Io,
    /// `Flat::sector`.
    Sector,
    /// `Flat::bytes`.
    Bytes,
    /// `Flat::opf`.
    Opf,
    /// `Flat::tgid`.
    Tgid,
    /// `Flat::comm`.
    Comm,
}

impl Column {
    /// Name of the column, as [`FlatError`](crate::event::flat::FlatError) spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DurationNs => "duration_ns",
            Self::Region => "region",
            Self::Result => "result",
            Self::Arg => "arg",
            Self::Io => "io",
            Self::Sector => "sector",
            Self::Bytes => "bytes",
            Self::Opf => "opf",
            Self::Tgid => "tgid",
            Self::Comm => "comm",
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A number without sign. Signed columns hold its 64 bits.
    Count,
    /// A number that may be negative, as errors are.
    Signed,
    /// `0` or `1`.
    Flag,
    /// Bits, in hexadecimal after `0x`.
    Bits,
    /// A flush kind: `no-op`, `dirtied`, `cleaned-only`.
    FlushKind,
    /// A quoted string.
    Text,
}

/// One key of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the text form.
    pub name: &'static str,
    /// The column that holds it.
    pub column: Column,
    /// How it is written.
    pub form: Form,
    /// Every such operation has it.
    pub needed: bool,
}

/// Name of the key that every operation with a duration has.
pub const DURATION_KEY: &str = "duration_ns";

const fn needs(name: &'static str, column: Column, form: Form) -> Key {
    Key { name, column, form, needed: true }
}

const fn may_have(name: &'static str, column: Column, form: Form) -> Key {
    Key { name, column, form, needed: false }
}

const REGION: Key = needs("region", Column::Region, Form::Count);
const MAYBE_REGION: Key = may_have("region", Column::Region, Form::Count);
const RESULT: Key = needs("result", Column::Result, Form::Signed);
const IO: Key = needs("io", Column::Io, Form::Count);
const STATUS_TYPE: Key = needs("status_type", Column::Arg, Form::Count);
const FAILED_LEGS: Key = needs("failed_legs", Column::Result, Form::Bits);

const MAP: &[Key] = &[
    IO,
    needs("sector", Column::Sector, Form::Count),
    needs("bytes", Column::Bytes, Form::Count),
    needs("opf", Column::Opf, Form::Bits),
    needs("tgid", Column::Tgid, Form::Count),
    needs("comm", Column::Comm, Form::Text),
];

const RECOVERY_COMPLETE: &[Key] = &[
    MAYBE_REGION,
    may_have("took_ns", Column::DurationNs, Form::Count),
    needs("read_error", Column::Result, Form::Signed),
    needs("write_error", Column::Arg, Form::Bits),
];

/// Keys of an operation beyond the common ones (`cpu`, `tid`, `log`, `impl`, [`DURATION_KEY`]), in the order in which they
/// are printed; `None` if no operation has this number. Identities and bits have their own keys and none of these.
pub fn keys_of(code: u16) -> Option<&'static [Key]> {
    Some(match code {
        kind::DTR
        | kind::RH_RECOVERY_PREPARE
        | kind::RH_START_RECOVERY
        | kind::RH_STOP_RECOVERY
        | kind::PASS
        | kind::MIRROR_DTR
        | kind::MIRROR_PRESUSPEND
        | kind::MIRROR_POSTSUSPEND
        | kind::MIRROR_RESUME
        | kind::IDENTITY
        | kind::BITS => &[],
        kind::CTR
        | kind::PRESUSPEND
        | kind::POSTSUSPEND
        | kind::RESUME
        | kind::RH_FLUSH
        | kind::LEG_FLUSH
        | kind::MIRROR_CTR => &[RESULT],
        kind::GET_REGION_SIZE => &[const { needs("region_size_sectors", Column::Result, Form::Count) }],
        kind::IS_CLEAN | kind::IS_REMOTE_RECOVERING => &[REGION, RESULT],
        kind::IN_SYNC => &[REGION, const { needs("can_block", Column::Arg, Form::Flag) }, RESULT],
        kind::FLUSH => &[const { may_have("kind", Column::Arg, Form::FlushKind) }, RESULT],
        kind::MARK_REGION | kind::CLEAR_REGION | kind::RH_DEC => &[REGION],
        kind::GET_RESYNC_WORK => &[MAYBE_REGION, RESULT],
        kind::SET_REGION_SYNC => &[REGION, const { needs("in_sync", Column::Arg, Form::Flag) }],
        kind::GET_SYNC_COUNT => &[const { needs("count", Column::Result, Form::Count) }],
        kind::STATUS => &[STATUS_TYPE, RESULT],
        kind::RH_INC | kind::RH_MARK_NOSYNC | kind::RH_DELAY => &[MAYBE_REGION, IO],
        kind::RH_UPDATE_STATES => &[const { needs("errors_handled", Column::Arg, Form::Flag) }],
        kind::RH_GET_STATE => &[
            REGION,
            const { needs("may_block", Column::Arg, Form::Flag) },
            const { needs("state", Column::Result, Form::Signed) },
        ],
        kind::RH_RECOVERY_START | kind::RECOVER => &[MAYBE_REGION],
        kind::RH_RECOVERY_END => &[MAYBE_REGION, const { needs("success", Column::Arg, Form::Flag) }],
        kind::MAP => MAP,
        kind::END_IO => &[
            IO,
            const { may_have("latency_ns", Column::DurationNs, Form::Count) },
            const { needs("status", Column::Result, Form::Signed) },
        ],
        kind::WRITE_CALLBACK | kind::READ_CALLBACK => &[IO, FAILED_LEGS],
        kind::RECOVERY_COMPLETE => RECOVERY_COMPLETE,
        kind::FAIL_MIRROR => &[
            const { may_have("leg", Column::Arg, Form::Count) },
            const { needs("error_type", Column::Result, Form::Count) },
        ],
        kind::HOLD_BIO => &[IO],
        kind::MIRROR_STATUS => &[STATUS_TYPE],
        kind::CONSULT => &[const { needs("request", Column::Arg, Form::Count) }, RESULT],
        _ => return None,
    })
}

/// Is it one of the sixteen operations of the log type? Those have an implementation, printed as `impl`.
pub fn is_log_op(code: u16) -> bool {
    (kind::CTR..=kind::IS_REMOTE_RECOVERING).contains(&code)
}

/// Is it a point in time, so that its [`Column::DurationNs`] is the latency of what ended?
pub fn is_point(code: u16) -> bool {
    matches!(code, kind::END_IO | kind::RECOVERY_COMPLETE)
}
