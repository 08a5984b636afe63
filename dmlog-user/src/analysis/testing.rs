//! Short ways to write events in tests.

use crate::event::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};
use crate::event::op::{Event, FlushKind, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

pub(crate) fn event(time: u64, log: u32, op: Op) -> Event {
    Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(log), duration: None, op }
}

fn timed(time: u64, log: u32, duration_ns: Option<u64>, op: Op) -> Event {
    Event { duration: duration_ns.map(DurationNs), ..event(time, log, op) }
}

pub(crate) fn mark(time: u64, log: u32, region: u64, duration_ns: Option<u64>) -> Event {
    timed(time, log, duration_ns, Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(region) }))
}

pub(crate) fn clear(time: u64, log: u32, region: u64) -> Event {
    event(time, log, Op::Log(LogImpl::Core, LogOp::ClearRegion { region: Region(region) }))
}

pub(crate) fn in_sync(time: u64, log: u32, region: u64, can_block: bool, result: i32) -> Event {
    event(time, log, Op::Log(LogImpl::Core, LogOp::InSync { region: Region(region), can_block, result }))
}

/// A flush that was over at `time`.
pub(crate) fn flush(time: u64, log: u32, kind: Option<FlushKind>, duration_ns: u64, result: i32) -> Event {
    timed(time, log, Some(duration_ns), Op::Log(LogImpl::Disk, LogOp::Flush { kind, result }))
}

pub(crate) fn consult(time: u64, log: u32, request: u32, result: i32, duration_ns: u64) -> Event {
    timed(time, log, Some(duration_ns), Op::Consult { request, result })
}

pub(crate) fn mirror(time: u64, log: u32, op: MirrorOp) -> Event {
    event(time, log, Op::Mirror(op))
}

/// A 4 KiB write by process 100, `dd`.
pub(crate) fn map_write(time: u64, log: u32, io: u64, sector: u64) -> Event {
    map(time, log, io, sector, 4096, 1)
}

/// A bio by process 100, `dd`.
pub(crate) fn map(time: u64, log: u32, io: u64, sector: u64, bytes: u32, opf: u32) -> Event {
    let comm = "dd".to_owned();
    mirror(time, log, MirrorOp::Map(Io { io: IoId(io), sector: Sector(sector), bytes, opf, tgid: 100, comm }))
}

pub(crate) fn end_io(time: u64, log: u32, io: u64, latency_ns: Option<u64>, status: i32) -> Event {
    mirror(time, log, MirrorOp::EndIo { io: IoId(io), latency: latency_ns.map(DurationNs), status })
}

/// A pass picks a write up.
pub(crate) fn inc_pending(time: u64, log: u32, region: u64, io: u64) -> Event {
    let op = RegionHashOp::IncPending { region: Some(Region(region)), io: IoId(io) };
    event(time, log, Op::RegionHash(op))
}

/// `254:minor`, a disk log of 32 regions of 1024 sectors, all in sync.
pub(crate) fn identity(time: u64, log: u32, minor: u32, name: &str) -> Event {
    let identity = Identity {
        device: DevNum { major: 254, minor },
        name: name.to_owned(),
        log_type: "disk".to_owned(),
        region_size_sectors: Some(1024),
        region_count: Some(32),
        sync_count: Some(32),
        sync_option: Some(0),
        target_sectors: Some(32768),
        target_begin: Some(0),
        log_device: Some(DevNum { major: 7, minor: 2 }),
        legs: Some(2),
        ..Identity::default()
    };
    event(time, log, Op::Identity(Box::new(identity)))
}
