//! An event as a few numbers, with nothing on the heap: how the reader of a trace hands events to a session.
//!
//! ```text
//! columns of a row ─▶ Call ─▶ Session::apply_row          one event of a replay
//!            Event ─▶ Call::of ─▶ the same                one event of a capture, or of a test
//! ```
//!
//! [`Flat`] is the same as columns for whoever writes them; it owns names and facts and is ten times the work. A call has no
//! room for those: a bio stands beside its call as a [`Bio`], an identity is
//! only told as an event. What makes the numbers of an operation valid is one table here, [`Shape`]; a property test
//! compares both ways for every operation.

use dmlog_common::record::kind;

use super::flat::Flat;
use super::ids::{IoId, LogId, MonoNs, Region};
use super::item::Item;
use super::op::{Bio, Event, FlushKind, LogImpl, LogOp, MirrorOp, Op};

/// Operation numbers are below this.
pub const CODES: usize = 128;

/// Which numbers of a call mean something, a bit each.
pub mod has {
    /// An implementation, whose function it was.
    pub const IMPL: u8 = 1;
    /// `duration_ns`.
    pub const DURATION: u8 = 1 << 1;
    /// `region`.
    pub const REGION: u8 = 1 << 2;
    /// `result`.
    pub const RESULT: u8 = 1 << 3;
    /// `arg`.
    pub const ARG: u8 = 1 << 4;
    /// `io`.
    pub const IO: u8 = 1 << 5;
    /// Place, length, flags and process of a bio.
    pub const BIO: u8 = 1 << 6;
    /// `duration_ns` is that of the call itself, and not of what ended.
    pub const SPAN: u8 = 1 << 7;
}

/// One event as numbers. A number that the event does not have means nothing; ask by the methods. Two are equal if what
/// they have is equal.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// [`Event::time`].
    pub time: MonoNs,
    /// [`Flat::duration_ns`].
    pub duration_ns: u64,
    /// [`Flat::region`].
    pub region: u64,
    /// [`Flat::result`].
    pub result: i64,
    /// [`Flat::arg`].
    pub arg: i64,
    /// [`Flat::io`].
    pub io: u64,
    /// [`Event::log`].
    pub log: LogId,
    /// [`Event::tid`].
    pub tid: u32,
    /// [`Event::cpu`].
    pub cpu: u16,
    /// A constant of `dmlog_common::record::kind`; all are below [`CODES`].
    pub code: u8,
    /// [`LogImpl::number`] of an operation of the log.
    pub implementation: u8,
    /// Bits of [`has`].
    pub has: u8,
}

/// One element of the stream, lent for as long as somebody looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// An event that is numbers only.
    Call(Call),
    /// A bio enters.
    Map(Call, Bio<'a>),
    /// Anything else.
    Item(&'a Item),
}

impl Row<'_> {
    /// When it was over, as of [`Item::time`].
    #[inline]
    pub fn time(&self) -> MonoNs {
        match self {
            Self::Call(call) | Self::Map(call, _) => call.time,
            Self::Item(item) => item.time(),
        }
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        let Self { time, log, tid, cpu, code, has, .. } = *self;
        let number = |bit: u8, ours: u64, theirs: u64| has & bit == 0 || ours == theirs;
        (time, log, tid, cpu, code, has) == (other.time, other.log, other.tid, other.cpu, other.code, other.has)
            && number(has::IMPL, self.implementation.into(), other.implementation.into())
            && number(has::DURATION, self.duration_ns, other.duration_ns)
            && number(has::REGION, self.region, other.region)
            && number(has::RESULT, self.result.cast_unsigned(), other.result.cast_unsigned())
            && number(has::ARG, self.arg.cast_unsigned(), other.arg.cast_unsigned())
            && number(has::IO, self.io, other.io)
    }
}

impl Eq for Call {}

impl<'a> Row<'a> {
    /// An item as a row: [`Row::Item`] only if it is more than numbers and a bio.
    pub fn of(item: &'a Item) -> Self {
        match item {
            Item::Event(event) => match &event.op {
                Op::Mirror(MirrorOp::Map(io)) => Self::Map(Call::of(event), io.bio()),
                Op::Identity(_) | Op::Bits(_) => Self::Item(item),
                Op::Log(..) | Op::RegionHash(_) | Op::Mirror(_) | Op::Consult { .. } => Self::Call(Call::of(event)),
            },
            Item::Gap(_) | Item::DecodeError(_) => Self::Item(item),
        }
    }
}

impl Call {
    const NOTHING: Self = Self {
        time: MonoNs(0),
        duration_ns: 0,
        region: 0,
        result: 0,
        arg: 0,
        io: 0,
        log: LogId::UNKNOWN,
        tid: 0,
        cpu: 0,
        code: 0,
        implementation: 0,
        has: 0,
    };

    /// The numbers of any event; of a bio and of an identity those that they share with all others.
    pub fn of(event: &Event) -> Self {
        let Event { time, cpu, tid, log, duration, op } = event;
        // All are below `CODES`, which a test checks.
        let code = u8::try_from(op.code()).unwrap_or(u8::MAX);
        let has = if duration.is_some() { (has::DURATION | has::SPAN) & Shape::may_have(op.code()) } else { 0 };
        let duration_ns = duration.map_or(0, |d| d.0);
        let (time, log, tid, cpu) = (*time, *log, *tid, *cpu);
        let numbers = Self { time, duration_ns, log, tid, cpu, code, has, ..Self::NOTHING };
        match op {
            Op::Mirror(MirrorOp::Map(io)) => Self { io: io.io.0, has: has | has::IO | has::BIO, ..numbers },
            Op::Identity(_) | Op::Bits(_) => numbers,
            Op::Log(..) | Op::RegionHash(_) | Op::Mirror(_) | Op::Consult { .. } => {
                numbers.with(&Flat::from_event(event))
            }
        }
    }

    /// Bits of [`has`] of the event that all columns together make: what else a row has says nothing about its operation.
    pub fn has_at_most(code: u16) -> u8 {
        let flat = Flat {
            code,
            duration_ns: Some(1),
            region: Some(1),
            result: Some(1),
            arg: Some(1),
            io: Some(1),
            sector: Some(1),
            bytes: Some(1),
            opf: Some(1),
            tgid: Some(1),
            ..Flat::default()
        };
        flat.to_event().map_or(0, |event| Self::of(&event).has)
    }

    fn with(self, flat: &Flat) -> Self {
        let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        let is_log_op = matches!(u16::from(self.code), kind::CTR..=kind::IS_REMOTE_RECOVERING);
        Self {
            duration_ns: flat.duration_ns.unwrap_or(0),
            region: flat.region.unwrap_or(0),
            result: flat.result.unwrap_or(0),
            arg: flat.arg.unwrap_or(0),
            io: flat.io.unwrap_or(0),
            implementation: flat.implementation,
            has: (self.has & has::SPAN)
                | bit(is_log_op, has::IMPL)
                | bit(flat.duration_ns.is_some(), has::DURATION)
                | bit(flat.region.is_some(), has::REGION)
                | bit(flat.result.is_some(), has::RESULT)
                | bit(flat.arg.is_some(), has::ARG)
                | bit(flat.io.is_some(), has::IO),
            ..self
        }
    }

    /// The duration: of `end_io` and `recovery_complete` the latency of what ended.
    #[inline]
    pub fn duration_ns(&self) -> Option<u64> {
        if self.has & has::DURATION != 0 { Some(self.duration_ns) } else { None }
    }

    /// [`Event::duration`] in nanoseconds: from entry to return, where both were seen.
    #[inline]
    pub fn span_ns(&self) -> Option<u64> {
        if self.has & has::SPAN != 0 { Some(self.duration_ns) } else { None }
    }

    /// The region, if the event has one.
    #[inline]
    pub fn region(&self) -> Option<Region> {
        if self.has & has::REGION != 0 { Some(Region(self.region)) } else { None }
    }

    /// The argument, if the event has one.
    #[inline]
    pub fn arg(&self) -> Option<i64> {
        if self.has & has::ARG != 0 { Some(self.arg) } else { None }
    }

    /// The number of the bio.
    #[inline]
    pub fn io(&self) -> IoId {
        IoId(self.io)
    }

    /// The result of an operation whose result is an `i32`.
    #[inline]
    pub fn result_i32(&self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "its shape says that it fits")]
        let result = self.result as i32;
        result
    }

    /// [`Event::start`].
    #[inline]
    pub fn start(&self) -> MonoNs {
        MonoNs(self.time.0.saturating_sub(self.span_ns().unwrap_or(0)))
    }

    /// Whose function it was, of an operation of the log.
    #[inline]
    pub fn implementation(&self) -> Option<LogImpl> {
        LogImpl::from_number(self.implementation)
    }

    /// The operation of the log, if it is one and its numbers are valid.
    #[inline]
    pub fn log_op(&self) -> Option<LogOp> {
        let (region, result) = (Region(self.region), self.result_i32());
        Some(match u16::from(self.code) {
            kind::CTR => LogOp::Ctr { result },
            kind::DTR => LogOp::Dtr,
            kind::PRESUSPEND => LogOp::Presuspend { result },
            kind::POSTSUSPEND => LogOp::Postsuspend { result },
            kind::RESUME => LogOp::Resume { result },
            kind::GET_REGION_SIZE => {
                LogOp::GetRegionSize { region_size_sectors: u32::try_from(self.result).unwrap_or(u32::MAX) }
            }
            kind::IS_CLEAN => LogOp::IsClean { region, result },
            kind::IN_SYNC => LogOp::InSync { region, can_block: self.arg != 0, result },
            kind::FLUSH => LogOp::Flush { kind: self.arg().and_then(FlushKind::from_number), result },
            kind::MARK_REGION => LogOp::MarkRegion { region },
            kind::CLEAR_REGION => LogOp::ClearRegion { region },
            kind::GET_RESYNC_WORK => LogOp::GetResyncWork { region: self.region(), result },
            kind::SET_REGION_SYNC => LogOp::SetRegionSync { region, in_sync: self.arg != 0 },
            kind::GET_SYNC_COUNT => LogOp::GetSyncCount { count: self.result.cast_unsigned() },
            kind::STATUS => LogOp::Status { status_type: u32::try_from(self.arg).unwrap_or(u32::MAX), result },
            kind::IS_REMOTE_RECOVERING => LogOp::IsRemoteRecovering { region, result },
            _ => return None,
        })
    }
}

/// What makes the numbers of an operation valid.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bits of [`has`] that must be there.
    needs: u16,
    /// The result plus this, without overflow, is at most `result_max`.
    result_bias: u64,
    result_max: u64,
    /// The argument is at most this, without its sign.
    arg_max: u64,
}

/// Any number will do.
const ANY: u64 = u64::MAX;

impl Shape {
    /// An operation that is told by other means than a call: it needs a bit that there is not.
    const NONE: Self = Self { needs: 1 << 8, result_bias: 0, result_max: ANY, arg_max: ANY };

    const fn new(needs: u8, arg_max: u64) -> Self {
        Self { needs: needs as u16, result_bias: 0, result_max: ANY, arg_max }
    }

    /// With a result that is a 32-bit number.
    const fn i32(needs: u8, arg_max: u64) -> Self {
        Self { result_bias: 1 << 31, result_max: u32::MAX as u64, ..Self::new(needs | has::RESULT, arg_max) }
    }

    /// With a result that is a 32-bit number without sign.
    const fn u32(needs: u8, arg_max: u64) -> Self {
        Self { result_max: u32::MAX as u64, ..Self::new(needs | has::RESULT, arg_max) }
    }

    /// The shape of an operation number.
    pub const fn of(code: u16) -> Self {
        use has::{ARG, IMPL, IO, REGION, RESULT};
        const FLAG: u64 = 1;
        const U32: u64 = u32::MAX as u64;
        match code {
            kind::CTR | kind::PRESUSPEND | kind::POSTSUSPEND | kind::RESUME | kind::GET_RESYNC_WORK => {
                Self::i32(IMPL, ANY)
            }
            kind::DTR => Self::new(IMPL, ANY),
            kind::GET_REGION_SIZE => Self::u32(IMPL, ANY),
            kind::IS_CLEAN | kind::IS_REMOTE_RECOVERING => Self::i32(IMPL | REGION, ANY),
            kind::IN_SYNC => Self::i32(IMPL | REGION | ARG, FLAG),
            // Flush kinds are 0, 1, 2 or missing.
            kind::FLUSH => Self::i32(IMPL, 2),
            kind::MARK_REGION | kind::CLEAR_REGION => Self::new(IMPL | REGION, ANY),
            kind::SET_REGION_SYNC => Self::new(IMPL | REGION | ARG, FLAG),
            kind::GET_SYNC_COUNT => Self::new(IMPL | RESULT, ANY),
            kind::STATUS => Self::i32(IMPL | ARG, U32),
            kind::RH_INC | kind::RH_MARK_NOSYNC | kind::RH_DELAY | kind::HOLD_BIO => Self::new(IO, ANY),
            kind::RH_DEC => Self::new(REGION, ANY),
            kind::RH_UPDATE_STATES | kind::RH_RECOVERY_END => Self::new(ARG, FLAG),
            kind::RH_FLUSH | kind::LEG_FLUSH | kind::MIRROR_CTR => Self::i32(0, ANY),
            kind::RH_GET_STATE => Self::i32(REGION | ARG, FLAG),
            kind::RH_RECOVERY_PREPARE
            | kind::RH_RECOVERY_START
            | kind::RH_START_RECOVERY
            | kind::RH_STOP_RECOVERY
            | kind::PASS
            | kind::RECOVER
            | kind::MIRROR_DTR
            | kind::MIRROR_PRESUSPEND
            | kind::MIRROR_POSTSUSPEND
            | kind::MIRROR_RESUME => Self::new(0, ANY),
            kind::END_IO => Self::i32(IO, ANY),
            kind::WRITE_CALLBACK | kind::READ_CALLBACK => Self::new(IO | RESULT, ANY),
            kind::RECOVERY_COMPLETE => Self::i32(ARG, ANY),
            kind::FAIL_MIRROR => Self::u32(0, u8::MAX as u64),
            kind::MIRROR_STATUS => Self::new(ARG, U32),
            kind::CONSULT => Self::i32(ARG, U32),
            _ => Self::NONE,
        }
    }

    /// Bits of [`has`] that an operation may have. What is a point in time has no span.
    pub const fn may_have(code: u16) -> u8 {
        match code {
            kind::END_IO | kind::RECOVERY_COMPLETE => !has::SPAN,
            _ => u8::MAX,
        }
    }

    /// Whether the numbers of a call make an event of this shape.
    #[inline]
    pub fn fits(&self, call: &Call) -> bool {
        // One test instead of three branches.
        (u16::from(call.has) & self.needs == self.needs)
            & (call.result.cast_unsigned().wrapping_add(self.result_bias) <= self.result_max)
            & (call.arg.cast_unsigned() <= self.arg_max)
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Call, Shape, has};
    use crate::event::flat::{Flat, OP_NAMES};
    use crate::event::ids::LogId;
    use crate::event::text::keys::is_log_op;

    /// Numbers at the edges of what an operation takes.
    const NUMBERS: [Option<i64>; 12] = [
        None,
        Some(0),
        Some(1),
        Some(2),
        Some(3),
        Some(255),
        Some(256),
        Some(-1),
        Some(i32::MAX as i64),
        Some(i32::MIN as i64 - 1),
        Some(u32::MAX as i64),
        Some(u32::MAX as i64 + 1),
    ];

    fn numbers(flat: &Flat) -> Call {
        let code = u8::try_from(flat.code).unwrap();
        Call { log: LogId(1), code, ..Call::NOTHING }.with(flat)
    }

    #[test]
    fn every_operation_has_a_place() {
        assert!(OP_NAMES.iter().all(|(code, _)| usize::from(*code) < CODES));
    }

    #[test]
    fn numbers_fit_a_shape_if_they_make_an_event() {
        use dmlog_common::record::kind;

        for (code, name) in OP_NAMES.iter().filter(|(code, _)| ![kind::MAP, kind::IDENTITY, kind::BITS].contains(code))
        {
            let shape = Shape::of(*code);
            for result in NUMBERS {
                for arg in NUMBERS {
                    for (region, io) in [(None, None), (Some(7), None), (None, Some(8)), (Some(7), Some(8))] {
                        let flat = Flat { code: *code, region, io, result, arg, ..Flat::default() };
                        let call = numbers(&flat);
                        assert_eq!(shape.fits(&call), flat.to_event().is_ok(), "{name} {flat:?}");
                        if is_log_op(*code) {
                            assert!(
                                !shape.fits(&Call { has: call.has & !has::IMPL, ..call }),
                                "{name}: whose function?"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_no_more_than_its_operation() {
        use dmlog_common::record::kind;

        let cases = [
            (kind::DTR, has::IMPL | has::DURATION | has::SPAN),
            (kind::RH_RECOVERY_PREPARE, has::DURATION | has::SPAN),
            (kind::RH_INC, has::REGION | has::IO | has::DURATION | has::SPAN),
            (kind::END_IO, has::IO | has::RESULT | has::DURATION),
            (kind::MAP, has::IO | has::BIO | has::DURATION | has::SPAN),
            (0, 0),
        ];
        for (code, expected) in cases {
            assert_eq!(Call::has_at_most(code), expected, "{code}");
        }
        for (code, name) in OP_NAMES {
            let needs = Shape::of(*code).needs & 0xff;
            assert_eq!(u16::from(Call::has_at_most(*code)) & needs, needs, "{name}");
        }
    }

    #[test]
    fn what_is_no_call_fits_nothing() {
        use dmlog_common::record::kind;

        for code in [0, kind::MAP, kind::IDENTITY, kind::BITS, 127] {
            let flat = Flat { code, region: Some(1), io: Some(1), result: Some(0), arg: Some(0), ..Flat::default() };
            let call = Call { has: u8::MAX, ..numbers(&flat) };
            assert!(!Shape::of(code).fits(&call), "{code}");
        }
    }
}
