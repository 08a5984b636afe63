//! Records to items: kernel addresses become the numbers of logs and bios, ends find their beginnings, holes in the
//! sequence become gaps.
//!
//! Addresses identify kernel objects while they live; they go no further than this module.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use dmlog_common::record::{CallRecord, Header, IdentityRecord, IoRecord, NONE, flag, kind};

use super::bits::Bits;
use super::decode::{Record, name};
use super::flat::Flat;
use super::ids::{DevNum, IoId, LogId, MonoNs, Sector};
use super::item::{DecodeFailure, Gap, Item, LossCause};
use super::op::{Event, FlushKind, Identity, Io, MirrorOp, Op};
use super::sequence::Lane;

/// Most bios whose beginning is remembered. A mirror has a few thousand in flight at most; beyond this a bio's latency is
/// not known, and that is counted.
pub const IO_MAX: usize = 1 << 20;

/// Most kernel objects that are remembered; beyond this events have no log, and that is counted.
pub const OBJECTS_MAX: usize = 1 << 18;

/// Most CPUs, the kernel's own limit (`CONFIG_NR_CPUS` 8192).
pub const CPUS_MAX: u16 = 8192;

/// Addresses are spread well enough by one multiplication; they are not chosen by an adversary.
#[derive(Clone, Copy, Debug, Default)]
struct AddressHasher(u64);

impl std::hash::Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

type ByAddress<V> = HashMap<u64, V, BuildHasherDefault<AddressHasher>>;

/// A bio under way.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    io: IoId,
    start: MonoNs,
    log: LogId,
}

/// Turns records into items. One per capture.
#[derive(Debug, Default)]
pub struct Resolver {
    lanes: Vec<[Lane; 2]>,
    objects: ByAddress<LogId>,
    /// Addresses that belong to each log, to forget them with it.
    families: HashMap<LogId, Vec<u64>>,
    /// The target of each log, which outlives it: `mirror_dtr` returns after its log is gone.
    targets: HashMap<LogId, u64>,
    in_flight: ByAddress<InFlight>,
    recoveries: HashMap<(LogId, u64), MonoNs>,
    last_log: u32,
    last_io: u64,
    last_time: MonoNs,
    forgotten: u64,
}

impl Resolver {
    /// A resolver that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bios and objects that could not be remembered because a limit was reached.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Takes in one record and appends what it says.
    pub fn apply(&mut self, record: &Record, out: &mut Vec<Item>) {
        let header = record.header();
        let time = MonoNs(header.time_ns);
        self.last_time = time;
        self.observe_sequence(header.cpu, header.flags, header.seq, time, out);
        match record {
            Record::Io(record) => out.push(Item::Event(self.io(record))),
            Record::Identity(record) => out.push(Item::Event(self.identity(record))),
            Record::Bits(header, bits) => out.push(Item::Event(self.bits(header, bits))),
            Record::Call(record) => match self.call(record) {
                Ok(event) => out.push(Item::Event(event)),
                Err(reason) => out.push(Item::DecodeError(DecodeFailure { time, reason })),
            },
        }
    }

    /// Notes bytes that were no record.
    pub fn undecodable(&self, reason: String, out: &mut Vec<Item>) {
        out.push(Item::DecodeError(DecodeFailure { time: self.last_time, reason }));
    }

    /// Ends the capture: `counted` are the kernel's own sequence counts, per CPU fentry and kprobe.
    pub fn finish(&mut self, counted: &[[u64; 2]], time: MonoNs, out: &mut Vec<Item>) {
        for (cpu, counts) in counted.iter().enumerate() {
            let Ok(cpu) = u16::try_from(cpu) else { break };
            for (lane, count) in counts.iter().enumerate() {
                // The kernel counts in 64 bits, records carry the low half.
                #[expect(clippy::cast_possible_truncation, reason = "records carry the low half of the count")]
                let lost = self.lane(cpu, lane).map_or(0, |lane| lane.finish(*count as u32));
                push_gap(cpu, lost, time, out);
            }
        }
    }

    fn lane(&mut self, cpu: u16, lane: usize) -> Option<&mut Lane> {
        if cpu >= CPUS_MAX {
            return None;
        }
        let cpu = usize::from(cpu);
        if self.lanes.len() <= cpu {
            self.lanes.resize_with(cpu + 1, Default::default);
        }
        self.lanes.get_mut(cpu)?.get_mut(lane)
    }

    fn observe_sequence(&mut self, cpu: u16, flags: u16, seq: u32, time: MonoNs, out: &mut Vec<Item>) {
        let lane = usize::from(flags & flag::LANE_KPROBE != 0);
        let lost = self.lane(cpu, lane).map_or(0, |lane| lane.observe(seq));
        push_gap(cpu, lost, time, out);
    }

    /// The log that an object belongs to. The address of a log that was never seen gets a number of its own.
    fn log_of(&mut self, code: u16, object: u64) -> LogId {
        if let Some(log) = self.objects.get(&object) {
            return *log;
        }
        let is_log = matches!(code, kind::CTR..=kind::IS_REMOTE_RECOVERING | kind::IDENTITY | kind::BITS);
        if !is_log || object == 0 {
            return LogId::UNKNOWN;
        }
        self.last_log += 1;
        let log = LogId(self.last_log);
        self.remember(log, object);
        log
    }

    fn remember(&mut self, log: LogId, object: u64) {
        if object == 0 {
            return;
        }
        if self.objects.len() >= OBJECTS_MAX && !self.objects.contains_key(&object) {
            self.forgotten += 1;
            return;
        }
        if self.objects.insert(object, log) != Some(log) {
            self.families.entry(log).or_default().push(object);
        }
    }

    /// Forgets a log whose memory may be used for another one.
    fn forget(&mut self, log: LogId) {
        for object in self.families.remove(&log).unwrap_or_default() {
            if self.objects.get(&object) == Some(&log) {
                self.objects.remove(&object);
            }
        }
    }

    fn io(&mut self, record: &IoRecord) -> Event {
        let header = &record.header;
        self.last_io += 1;
        let io = IoId(self.last_io);
        let (log, start) = (self.log_of(header.kind, header.object), MonoNs(header.time_ns));
        if self.in_flight.len() < IO_MAX || self.in_flight.contains_key(&record.bio) {
            self.in_flight.insert(record.bio, InFlight { io, start, log });
        } else {
            self.forgotten += 1;
        }
        Event {
            time: start,
            cpu: header.cpu,
            tid: header.tid,
            log,
            duration: None,
            op: Op::Mirror(MirrorOp::Map(Io {
                io,
                sector: Sector(record.sector),
                bytes: record.bytes,
                opf: record.opf,
                tgid: record.tgid,
                comm: name(&record.comm),
            })),
        }
    }

    fn identity(&mut self, record: &IdentityRecord) -> Event {
        let header = &record.header;
        let log = self.log_of(kind::IDENTITY, header.object);
        for object in [record.target, record.mirror_set, record.region_hash, record.context] {
            self.remember(log, object);
        }
        if record.target != 0 {
            self.targets.insert(log, record.target);
        }
        let known = |value: u64| if value == 0 { None } else { Some(value) };
        let identity = Identity {
            device: name(&record.device).parse().unwrap_or_default(),
            name: String::new(),
            log_type: name(&record.log_type),
            region_size_sectors: if record.region_size == 0 { None } else { Some(record.region_size) },
            region_count: known(record.region_count),
            sync_count: if record.sync_count == NONE { None } else { Some(record.sync_count) },
            sync_option: Some(record.sync_option),
            target_sectors: known(record.target_sectors),
            target_begin: Some(record.target_begin),
            log_device: name(&record.log_device).parse::<DevNum>().ok(),
            legs: if record.legs == 0 { None } else { Some(record.legs) },
            flush_failed: record.flush_failed != 0,
            log_device_failed: record.log_dev_failed != 0,
        };
        Event {
            time: MonoNs(header.time_ns),
            cpu: header.cpu,
            tid: header.tid,
            log,
            duration: None,
            op: Op::Identity(Box::new(identity)),
        }
    }

    fn bits(&mut self, header: &Header, bits: &Bits) -> Event {
        Event {
            time: MonoNs(header.time_ns),
            cpu: header.cpu,
            tid: header.tid,
            log: self.log_of(kind::BITS, header.object),
            duration: None,
            op: Op::Bits(Box::new(bits.clone())),
        }
    }

    fn call(&mut self, record: &CallRecord) -> Result<Event, String> {
        let header = &record.header;
        let time = MonoNs(header.time_ns);
        if header.kind == kind::CTR
            && let Some(old) = self.objects.get(&header.object).copied()
            && !self.is_fresh(old)
        {
            self.forget(old);
        }
        let mut log = self.log_of(header.kind, header.object);
        let mut flat = Flat {
            time,
            cpu: header.cpu,
            tid: header.tid,
            code: header.kind,
            implementation: (header.flags & flag::IMPL_MASK).to_le_bytes()[0],
            duration_ns: if header.flags & flag::HAS_DURATION == 0 { None } else { Some(record.duration_ns) },
            region: if record.region == NONE { None } else { Some(record.region) },
            result: Some(record.result),
            arg: Some(record.arg.cast_signed()),
            ..Flat::default()
        };
        match header.kind {
            kind::FLUSH => flat.arg = FlushKind::from_touched(record.arg).map(FlushKind::number),
            kind::FAIL_MIRROR if record.arg == NONE => flat.arg = None,
            kind::END_IO
            | kind::WRITE_CALLBACK
            | kind::READ_CALLBACK
            | kind::HOLD_BIO
            | kind::RH_INC
            | kind::RH_MARK_NOSYNC
            | kind::RH_DELAY => log = self.bio(record, log, &mut flat),
            kind::RECOVER => {
                self.recoveries.insert((log, record.region), time);
            }
            kind::RECOVERY_COMPLETE => {
                let start = self.recoveries.remove(&(log, record.region));
                flat.duration_ns = start.map(|start| time.0.saturating_sub(start.0));
            }
            _ => {}
        }
        flat.log = log;
        match header.kind {
            kind::DTR => {
                self.forget(log);
                self.recoveries.retain(|(of, _), _| *of != log);
                // The destructor of the mirror, which called this one, has still to return.
                if let Some(target) = self.targets.remove(&log)
                    && !self.objects.contains_key(&target)
                {
                    self.remember(log, target);
                }
            }
            kind::MIRROR_DTR => self.forget(log),
            _ => {}
        }
        flat.to_event().map_err(|error| error.to_string())
    }

    /// True for a log that was numbered just now, by the identity that precedes its constructor's record.
    fn is_fresh(&self, log: LogId) -> bool {
        log.0 == self.last_log
    }

    fn bio(&mut self, record: &CallRecord, log: LogId, flat: &mut Flat) -> LogId {
        let known = self.in_flight.get(&record.arg).copied();
        flat.arg = None;
        flat.io = Some(known.map_or(IoId::UNKNOWN.0, |known| known.io.0));
        if record.header.kind == kind::END_IO {
            flat.duration_ns = known.map(|known| record.header.time_ns.saturating_sub(known.start.0));
            // A failed read may be tried again on another leg and end once more; a write is over.
            if record.result == 0 {
                self.in_flight.remove(&record.arg);
            }
        }
        match known {
            Some(known) if log == LogId::UNKNOWN => known.log,
            _ => log,
        }
    }
}

fn push_gap(cpu: u16, lost: u64, time: MonoNs, out: &mut Vec<Item>) {
    if lost > 0 {
        out.push(Item::Gap(Gap { time, cpu: Some(cpu), lost: Some(lost), cause: LossCause::RingFull }));
    }
}

#[cfg(test)]
mod tests;
