//! Items as a mirror with a disk log makes them under small direct writes: the same operations in the same order, with
//! times, regions and durations that vary as much. For sizes and for tests that need a trace; never shown to anybody.

use dmlog_user::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};
use dmlog_user::event::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, FlushKind, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

const START_NS: u64 = 5_000_000_000_000;
const REGION_SECTORS: u64 = 1024;
const WORKER_TID: u32 = 87;

/// A small generator of random numbers that gives the same ones on every machine (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Near `median`, rarely below a third or above three times of it.
    fn around(&mut self, median: u64) -> u64 {
        let sum: u64 = (0..4).map(|_| self.below(1 << 16)).sum();
        let exponent = (sum as f64 / f64::from(1 << 16) - 2.0) * 0.6;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
        let scaled = (median as f64 * exponent.exp()) as u64;
        scaled
    }
}

/// What the capture of the workload would say of itself.
pub(crate) fn facts() -> CaptureFacts {
    let hook = |function: &str| HookCoverage {
        module: "dm_log".to_owned(),
        function: function.to_owned(),
        probe: Probe::Fentry,
        reason: String::new(),
        loss: String::new(),
    };
    CaptureFacts {
        tool_version: "0.1.0".to_owned(),
        command_line: ["dmlog-top", "record", "-o", "x.dmlog"].map(str::to_owned).to_vec(),
        host: "guest".to_owned(),
        kernel_release: "6.12.0".to_owned(),
        machine: "x86_64".to_owned(),
        cpus: 4,
        clock: ClockPair { monotonic_ns: START_NS, realtime_ns: 1_790_000_000_000_000_000 },
        coverage: ["core_mark_region", "core_clear_region", "disk_flush"].map(hook).to_vec(),
        ..CaptureFacts::default()
    }
}

/// The items of so many writes, an identity first.
pub(crate) fn workload(writes: u64) -> Vec<Item> {
    let mut mirror = Mirror { random: Random::new(7), now_ns: START_NS, next_io: 1, worker_cpu: 1, items: Vec::new() };
    mirror.worker(None, Op::Identity(Box::new(identity())));
    for _ in 0..writes {
        mirror.write();
    }
    mirror.items
}

fn identity() -> Identity {
    Identity {
        device: DevNum { major: 254, minor: 3 },
        name: "vg/lv".to_owned(),
        log_type: "disk".to_owned(),
        region_size_sectors: Some(1024),
        region_count: Some(256),
        sync_count: Some(256),
        sync_option: Some(0),
        target_sectors: Some(262_144),
        target_begin: Some(0),
        log_device: Some(DevNum { major: 254, minor: 0 }),
        legs: Some(2),
        flush_failed: false,
        log_device_failed: false,
    }
}

struct Mirror {
    random: Random,
    now_ns: u64,
    next_io: u64,
    worker_cpu: u16,
    items: Vec<Item>,
}

impl Mirror {
    fn event(&mut self, cpu: u16, tid: u32, duration_ns: Option<u64>, op: Op) {
        self.now_ns += self.random.around(700);
        let duration = duration_ns.map(|median| DurationNs(self.random.around(median)));
        // What takes long also takes its time; what is short is within the step.
        self.now_ns += duration.map_or(0, |d| d.0).saturating_sub(5_000);
        self.items.push(Item::Event(Event { time: MonoNs(self.now_ns), cpu, tid, log: LogId(1), duration, op }));
    }

    fn worker(&mut self, duration_ns: Option<u64>, op: Op) {
        self.event(self.worker_cpu, WORKER_TID, duration_ns, op);
    }

    fn core(&mut self, duration_ns: u64, op: LogOp) {
        self.worker(Some(duration_ns), Op::Log(LogImpl::Core, op));
    }

    fn region_hash(&mut self, duration_ns: u64, op: RegionHashOp) {
        self.worker(Some(duration_ns), Op::RegionHash(op));
    }

    fn flush(&mut self, duration_ns: u64, kind: FlushKind) {
        self.worker(Some(duration_ns), Op::Log(LogImpl::Disk, LogOp::Flush { kind: Some(kind), result: 0 }));
        self.region_hash(duration_ns + 400, RegionHashOp::Flush { result: 0 });
    }

    fn recovery(&mut self) {
        self.core(300, LogOp::GetResyncWork { region: None, result: 0 });
        self.region_hash(900, RegionHashOp::RecoveryPrepare);
        self.region_hash(250, RegionHashOp::RecoveryStart { region: None });
    }

    /// One 4 KiB write: the pass that marks, flushes and writes, its completion, and the pass that clears.
    fn write(&mut self) {
        let tid = 4000 + u32::try_from(self.random.below(4)).unwrap();
        let cpu = u16::try_from(tid % 4).unwrap();
        let sector = self.random.below(262_144 / 8) * 8;
        let region = Region(sector / REGION_SECTORS);
        let io = IoId(self.next_io);
        self.next_io += 1;
        let begin_ns = self.now_ns;
        if self.random.below(8) == 0 {
            self.worker_cpu = u16::try_from(self.random.below(4)).unwrap();
        }
        let map = Io { io, sector: Sector(sector), bytes: 4096, opf: 0x8801, tgid: 4000, comm: "fio".to_owned() };
        self.event(cpu, tid, None, Op::Mirror(MirrorOp::Map(map)));
        self.region_hash(600, RegionHashOp::UpdateStates { errors_handled: false });
        self.flush(350, FlushKind::NoOp);
        self.recovery();
        self.region_hash(400, RegionHashOp::GetState { region, may_block: true, state: 1 });
        self.core(200, LogOp::InSync { region, can_block: true, result: 1 });
        self.core(200, LogOp::InSync { region, can_block: false, result: 1 });
        self.core(250, LogOp::MarkRegion { region });
        self.region_hash(800, RegionHashOp::IncPending { region: Some(region), io });
        self.flush(90_000, FlushKind::Dirtied);
        self.worker(Some(130_000), Op::Mirror(MirrorOp::Pass));
        self.event(cpu, tid, Some(3_000), Op::Mirror(MirrorOp::WriteCallback { io, failed_legs: 0 }));
        self.event(cpu, tid, None, Op::RegionHash(RegionHashOp::DecPending { region }));
        let latency = Some(DurationNs(self.now_ns - begin_ns));
        self.event(cpu, tid, None, Op::Mirror(MirrorOp::EndIo { io, latency, status: 0 }));
        self.core(250, LogOp::ClearRegion { region });
        self.region_hash(600, RegionHashOp::UpdateStates { errors_handled: false });
        self.worker(Some(20_000), Op::Mirror(MirrorOp::LegFlush { result: 0 }));
        self.flush(60_000, FlushKind::CleanedOnly);
        self.recovery();
        self.worker(Some(70_000), Op::Mirror(MirrorOp::Pass));
    }
}
