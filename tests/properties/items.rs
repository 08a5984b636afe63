//! Random items: every operation with every value that its fields can take.

use dmlog_common::record::kind;
use dmlog_user::event::bits::{Bits, Bitset, LogState, PART_REGIONS_MAX, words_of_padded};
use dmlog_user::event::flat::OP_NAMES;
use dmlog_user::event::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::{DecodeFailure, Gap, Item};
use dmlog_user::event::op::{Event, Identity, Io, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::event::text::{CAUSES, FLUSH_KINDS, IMPLEMENTATIONS};
use proptest::option::of;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;

/// Numbers that are small most of the time, as in real traces, and extreme now and then.
fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![8 => 0..100_000u64, 1 => any::<u64>(), 1 => select(vec![0, u64::MAX, 1 << 63, 1 << 32])]
}

fn region() -> impl Strategy<Value = Region> + Clone {
    number().prop_map(Region)
}

fn io() -> impl Strategy<Value = IoId> + Clone {
    number().prop_map(IoId)
}

fn result() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![4 => -133..2i32, 1 => any::<i32>()]
}

fn duration() -> impl Strategy<Value = DurationNs> + Clone {
    number().prop_map(DurationNs)
}

fn small(text_bytes: usize) -> impl Strategy<Value = String> + Clone {
    // Names as they are, and names made to break a line, a quote or a terminal.
    prop_oneof![
        "[a-z0-9/_-]{0,20}",
        proptest::collection::vec(any::<char>(), 0..text_bytes / 4).prop_map(|chars| chars.into_iter().collect()),
        select(vec!["", " ", "\"", "\\", "a\"b\\c", "\u{1b}[31m", "a=b c=d", "\n", "\u{202e}x", "\0", "'", "\u{9b}2J"])
            .prop_map(str::to_owned),
    ]
}

fn log_op(code: u16) -> BoxedStrategy<LogOp> {
    match code {
        kind::CTR => result().prop_map(|result| LogOp::Ctr { result }).boxed(),
        kind::DTR => Just(LogOp::Dtr).boxed(),
        kind::PRESUSPEND => result().prop_map(|result| LogOp::Presuspend { result }).boxed(),
        kind::POSTSUSPEND => result().prop_map(|result| LogOp::Postsuspend { result }).boxed(),
        kind::RESUME => result().prop_map(|result| LogOp::Resume { result }).boxed(),
        kind::GET_REGION_SIZE => {
            any::<u32>().prop_map(|region_size_sectors| LogOp::GetRegionSize { region_size_sectors }).boxed()
        }
        kind::IS_CLEAN => (region(), result()).prop_map(|(region, result)| LogOp::IsClean { region, result }).boxed(),
        kind::IN_SYNC => (region(), any::<bool>(), result())
            .prop_map(|(region, can_block, result)| LogOp::InSync { region, can_block, result })
            .boxed(),
        kind::FLUSH => (of(select(FLUSH_KINDS.to_vec())), result())
            .prop_map(|(kind, result)| LogOp::Flush { kind, result })
            .boxed(),
        kind::MARK_REGION => region().prop_map(|region| LogOp::MarkRegion { region }).boxed(),
        kind::CLEAR_REGION => region().prop_map(|region| LogOp::ClearRegion { region }).boxed(),
        kind::GET_RESYNC_WORK => {
            (of(region()), result()).prop_map(|(region, result)| LogOp::GetResyncWork { region, result }).boxed()
        }
        kind::SET_REGION_SYNC => {
            (region(), any::<bool>()).prop_map(|(region, in_sync)| LogOp::SetRegionSync { region, in_sync }).boxed()
        }
        kind::GET_SYNC_COUNT => number().prop_map(|count| LogOp::GetSyncCount { count }).boxed(),
        kind::STATUS => {
            (any::<u32>(), result()).prop_map(|(status_type, result)| LogOp::Status { status_type, result }).boxed()
        }
        kind::IS_REMOTE_RECOVERING => {
            (region(), result()).prop_map(|(region, result)| LogOp::IsRemoteRecovering { region, result }).boxed()
        }
        _ => panic!("{code} is no operation of the log type"),
    }
}

fn region_hash_op(code: u16) -> BoxedStrategy<RegionHashOp> {
    let bio = || (of(region()), io());
    match code {
        kind::RH_INC => bio().prop_map(|(region, io)| RegionHashOp::IncPending { region, io }).boxed(),
        kind::RH_DEC => region().prop_map(|region| RegionHashOp::DecPending { region }).boxed(),
        kind::RH_UPDATE_STATES => {
            any::<bool>().prop_map(|errors_handled| RegionHashOp::UpdateStates { errors_handled }).boxed()
        }
        kind::RH_FLUSH => result().prop_map(|result| RegionHashOp::Flush { result }).boxed(),
        kind::RH_MARK_NOSYNC => bio().prop_map(|(region, io)| RegionHashOp::MarkNosync { region, io }).boxed(),
        kind::RH_DELAY => bio().prop_map(|(region, io)| RegionHashOp::Delay { region, io }).boxed(),
        kind::RH_GET_STATE => (region(), any::<bool>(), result())
            .prop_map(|(region, may_block, state)| RegionHashOp::GetState { region, may_block, state })
            .boxed(),
        kind::RH_RECOVERY_PREPARE => Just(RegionHashOp::RecoveryPrepare).boxed(),
        kind::RH_RECOVERY_START => of(region()).prop_map(|region| RegionHashOp::RecoveryStart { region }).boxed(),
        kind::RH_RECOVERY_END => (of(region()), any::<bool>())
            .prop_map(|(region, success)| RegionHashOp::RecoveryEnd { region, success })
            .boxed(),
        kind::RH_START_RECOVERY => Just(RegionHashOp::StartRecovery).boxed(),
        kind::RH_STOP_RECOVERY => Just(RegionHashOp::StopRecovery).boxed(),
        _ => panic!("{code} is no operation of the region hash"),
    }
}

fn map() -> impl Strategy<Value = MirrorOp> {
    (io(), number(), any::<u32>(), any::<u32>(), any::<u32>(), small(60)).prop_map(
        |(io, sector, bytes, opf, tgid, comm)| MirrorOp::Map(Io { io, sector: Sector(sector), bytes, opf, tgid, comm }),
    )
}

fn mirror_op(code: u16) -> BoxedStrategy<MirrorOp> {
    match code {
        kind::MAP => map().boxed(),
        kind::END_IO => (io(), of(duration()), result())
            .prop_map(|(io, latency, status)| MirrorOp::EndIo { io, latency, status })
            .boxed(),
        kind::PASS => Just(MirrorOp::Pass).boxed(),
        kind::LEG_FLUSH => result().prop_map(|result| MirrorOp::LegFlush { result }).boxed(),
        kind::WRITE_CALLBACK => {
            (io(), number()).prop_map(|(io, failed_legs)| MirrorOp::WriteCallback { io, failed_legs }).boxed()
        }
        kind::READ_CALLBACK => {
            (io(), number()).prop_map(|(io, failed_legs)| MirrorOp::ReadCallback { io, failed_legs }).boxed()
        }
        kind::RECOVER => of(region()).prop_map(|region| MirrorOp::Recover { region }).boxed(),
        kind::RECOVERY_COMPLETE => (of(region()), of(duration()), result(), number())
            .prop_map(|(region, took, read_error, write_error)| MirrorOp::RecoveryComplete {
                region,
                took,
                read_error,
                write_error,
            })
            .boxed(),
        kind::FAIL_MIRROR => (of(any::<u8>()), any::<u32>())
            .prop_map(|(leg, error_type)| MirrorOp::FailMirror { leg, error_type })
            .boxed(),
        kind::HOLD_BIO => io().prop_map(|io| MirrorOp::HoldBio { io }).boxed(),
        kind::MIRROR_CTR => result().prop_map(|result| MirrorOp::Ctr { result }).boxed(),
        kind::MIRROR_DTR => Just(MirrorOp::Dtr).boxed(),
        kind::MIRROR_PRESUSPEND => Just(MirrorOp::Presuspend).boxed(),
        kind::MIRROR_POSTSUSPEND => Just(MirrorOp::Postsuspend).boxed(),
        kind::MIRROR_RESUME => Just(MirrorOp::Resume).boxed(),
        kind::MIRROR_STATUS => any::<u32>().prop_map(|status_type| MirrorOp::Status { status_type }).boxed(),
        _ => panic!("{code} is no operation of the mirror target"),
    }
}

fn device() -> impl Strategy<Value = DevNum> + Clone {
    (any::<u32>(), any::<u32>()).prop_map(|(major, minor)| DevNum { major, minor })
}

fn identity() -> impl Strategy<Value = Identity> {
    let log = (of(any::<u32>()), of(number()), of(number()), of(any::<u32>()), any::<bool>(), any::<bool>());
    let target = (of(number()), of(number()), of(device()), of(any::<u32>()));
    (device(), small(80), small(20), log, target).prop_map(|(device, name, log_type, log, target)| Identity {
        device,
        name,
        log_type,
        region_size_sectors: log.0,
        region_count: log.1,
        sync_count: log.2,
        sync_option: log.3,
        flush_failed: log.4,
        log_device_failed: log.5,
        target_sectors: target.0,
        target_begin: target.1,
        log_device: target.2,
        legs: target.3,
    })
}

fn log_state() -> impl Strategy<Value = LogState> {
    (number(), any::<i32>(), any::<[bool; 5]>()).prop_map(|(sync_count, sync_search, flags)| {
        let [touched_dirtied, touched_cleaned, flush_failed, log_device_failed, log_device_flush_failed] = flags;
        LogState {
            sync_count,
            sync_search,
            touched_dirtied,
            touched_cleaned,
            flush_failed,
            log_device_failed,
            log_device_flush_failed,
        }
    })
}

/// So many regions and their bits: mostly long runs of one value, as in real logs.
fn words() -> impl Strategy<Value = (u32, Vec<u64>)> {
    let regions = prop_oneof![4 => 0..200u32, 1 => 0..=PART_REGIONS_MAX, 1 => select(vec![0, 1, 64, PART_REGIONS_MAX])];
    let byte = prop_oneof![4 => select(vec![0, 0xff]), 1 => any::<u8>()];
    let runs = proptest::collection::vec((byte, prop_oneof![0..4usize, 0..2000usize]), 0..6);
    (regions, runs).prop_map(|(regions, runs)| {
        let bytes: Vec<u8> = runs.into_iter().flat_map(|(byte, count)| std::iter::repeat_n(byte, count)).collect();
        (regions, words_of_padded(&bytes, regions))
    })
}

fn bits() -> impl Strategy<Value = Bits> {
    let place = (select(Bitset::ALL.to_vec()), region(), of(number()), any::<bool>());
    (place, words(), any::<bool>(), of(log_state())).prop_map(
        |((bitset, first, region_count, is_cut), (regions, words), is_read, state)| Bits {
            bitset,
            first,
            regions,
            region_count,
            is_cut,
            words: is_read.then_some(words),
            state,
        },
    )
}

/// Operations with this number.
pub(crate) fn op(code: u16) -> BoxedStrategy<Op> {
    match code {
        kind::CTR..=kind::IS_REMOTE_RECOVERING => {
            (select(IMPLEMENTATIONS.to_vec()), log_op(code)).prop_map(|(by, op)| Op::Log(by, op)).boxed()
        }
        kind::RH_INC..=kind::RH_STOP_RECOVERY => region_hash_op(code).prop_map(Op::RegionHash).boxed(),
        kind::CONSULT => (any::<u32>(), result()).prop_map(|(request, result)| Op::Consult { request, result }).boxed(),
        kind::IDENTITY => identity().prop_map(|identity| Op::Identity(Box::new(identity))).boxed(),
        kind::BITS => bits().prop_map(|bits| Op::Bits(Box::new(bits))).boxed(),
        _ => mirror_op(code).prop_map(Op::Mirror).boxed(),
    }
}

/// Items with this operation.
pub(crate) fn event(code: u16) -> BoxedStrategy<Item> {
    let is_point = matches!(code, kind::END_IO | kind::RECOVERY_COMPLETE);
    let duration = if is_point { Just(None).boxed() } else { of(duration()).boxed() };
    (number(), any::<u16>(), any::<u32>(), any::<u32>(), duration, op(code))
        .prop_map(|(time, cpu, tid, log, duration, op)| {
            Item::Event(Event { time: MonoNs(time), cpu, tid, log: LogId(log), duration, op })
        })
        .boxed()
}

/// Items of every kind.
pub(crate) fn item() -> BoxedStrategy<Item> {
    let gap = (number(), of(any::<u16>()), of(number()), select(CAUSES.to_vec()))
        .prop_map(|(time, cpu, lost, cause)| Item::Gap(Gap { time: MonoNs(time), cpu, lost, cause }));
    let failure = (number(), small(200))
        .prop_map(|(time, reason)| Item::DecodeError(DecodeFailure { time: MonoNs(time), reason }));
    let codes: Vec<u16> = OP_NAMES.iter().map(|(code, _)| *code).collect();
    prop_oneof![20 => select(codes).prop_flat_map(event), 1 => gap, 1 => failure].boxed()
}
