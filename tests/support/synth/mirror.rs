//! One mirror: its worker, its jobs, and everything that happens beside the worker on other CPUs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use dmlog_user::event::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

use super::Settings;
use super::facts::{CPUS, START_NS};
use super::jobs::{Bio, BioKind, Job, jobs};
use super::log_bits::LogBits;
use super::random::{Quantiles, Random};
use super::region_hash::RegionHash;
use super::shapes;

/// 512 KiB, what LVM takes.
pub(super) const REGION_SECTORS: u64 = 1024;
/// `dmsetup status` by somebody's monitoring.
const STATUS_EVERY_NS: u64 = 5_000_000_000;
/// A pass in so many finds itself on another CPU, or in another kworker.
const WORKER_MOVES_ONCE_IN: u64 = 200;
/// A bio in so many comes from another CPU than the one before of its job.
const JOB_MOVES_ONCE_IN: u64 = 60;

/// A completion in so many comes on another CPU than the one that submitted.
const STRAY_INTERRUPTS_ONCE_IN: u64 = 32;

/// Who runs something, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) cpu: u16,
    pub(super) tid: u32,
}

/// The worker's work item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Idle,
    /// A pass runs.
    Pass,
    /// A pass runs, and the worker was woken since it began: another one follows.
    Again,
}

/// What happens beside the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beside {
    /// A job submits its next bio.
    Arrive(usize),
    /// The bio in this place of `under_way` is over.
    Done(usize),
    /// kcopyd is done with a region.
    Copied { region: u64, took_ns: u64 },
    /// Somebody asks for the status.
    Status,
}

/// `struct mirror_set` and its surroundings.
pub(super) struct Mirror {
    pub(super) random: Random,
    pub(super) now_ns: u64,
    pub(super) is_disk: bool,
    pub(super) log: LogBits,
    pub(super) hash: RegionHash,
    /// `ms->in_sync`.
    pub(super) in_sync: bool,
    /// `ms->writes`.
    pub(super) writes: VecDeque<Bio>,
    pub(super) worker: Thread,
    pub(super) kcopyd: Thread,
    pub(super) run: Run,
    wake_ns: Option<u64>,
    number: u32,
    regions: u64,
    nosync: bool,
    jobs: Vec<Job>,
    next_bio: u64,
    beside: BinaryHeap<Reverse<(u64, Beside)>>,
    under_way: Vec<Option<Bio>>,
    out: VecDeque<Item>,
}

impl Mirror {
    /// A mirror that is about to be created. Every second one has a core log.
    pub(super) fn new(settings: &Settings, number: u32) -> Self {
        let mut random = Random::new(settings.seed.wrapping_add(u64::from(number) << 32));
        let jobs = jobs(number, CPUS, &mut random);
        let mut mirror = Self {
            now_ns: START_NS + 295_000_000 + u64::from(number) * 7_654_321,
            is_disk: number.is_multiple_of(2),
            log: LogBits::new(settings.regions, settings.nosync),
            hash: RegionHash::default(),
            in_sync: false,
            writes: VecDeque::new(),
            worker: Thread { cpu: 0, tid: 51 },
            kcopyd: Thread { cpu: 0, tid: 13 },
            run: Run::Idle,
            wake_ns: None,
            number,
            regions: settings.regions,
            nosync: settings.nosync,
            jobs,
            next_bio: 0,
            beside: BinaryHeap::new(),
            under_way: Vec::new(),
            out: VecDeque::new(),
            random,
        };
        mirror.create();
        mirror
    }

    /// The next item. There is always one: jobs and the worker keep each other busy.
    pub(super) fn next(&mut self) -> Item {
        loop {
            if let Some(item) = self.out.pop_front() {
                return item;
            }
            self.step();
        }
    }

    /// A pass if the worker is due before anything else, else what happens beside it.
    fn step(&mut self) {
        let next = self.beside.peek().map_or(u64::MAX, |Reverse((time, _))| *time);
        match self.wake_ns {
            Some(wake_ns) if wake_ns <= next => {
                self.wake_ns = None;
                self.now_ns = self.now_ns.max(wake_ns);
                self.move_worker();
                if self.pass() == Run::Again {
                    self.wake_ns = Some(self.now_ns + self.random.draw(&shapes::STEP));
                }
            }
            _ => {
                self.now_ns = self.now_ns.max(next);
                self.catch_up();
            }
        }
    }

    /// The worker is busy for a while; others are not idle meanwhile.
    pub(super) fn pause(&mut self, quantiles: &Quantiles) -> u64 {
        let took_ns = self.random.draw(quantiles);
        self.now_ns += took_ns;
        self.catch_up();
        took_ns
    }

    fn catch_up(&mut self) {
        while let Some(Reverse((time_ns, _))) = self.beside.peek()
            && *time_ns <= self.now_ns
        {
            let Some(Reverse((time_ns, what))) = self.beside.pop() else { return };
            match what {
                Beside::Arrive(job) => self.arrive(time_ns, job),
                Beside::Done(place) => self.done(time_ns, place),
                Beside::Copied { region, took_ns } => self.copied(time_ns, region, took_ns),
                Beside::Status => self.status(time_ns),
            }
        }
    }

    pub(super) fn later(&mut self, after_ns: u64, what: Beside) {
        self.beside.push(Reverse((self.now_ns + after_ns, what)));
    }

    pub(super) fn emit(&mut self, time_ns: u64, thread: Thread, duration_ns: Option<u64>, op: Op) {
        let (Thread { cpu, tid }, log) = (thread, LogId(self.number + 1));
        let duration = duration_ns.map(DurationNs);
        self.out.push_back(Item::Event(Event { time: MonoNs(time_ns), cpu, tid, log, duration, op }));
    }

    /// An operation of the log that the worker calls.
    pub(super) fn call(&mut self, quantiles: &Quantiles, op: LogOp) {
        self.pause(&shapes::STEP);
        let took_ns = self.pause(quantiles);
        self.emit(self.now_ns, self.worker, Some(took_ns), Op::Log(LogImpl::Core, op));
    }

    /// The return of a call of the worker that began at `start_ns`.
    pub(super) fn returns(&mut self, start_ns: u64, op: Op) {
        self.pause(&shapes::RETURN);
        self.emit(self.now_ns, self.worker, Some(self.now_ns - start_ns), op);
    }

    /// `wakeup_mirrord`.
    pub(super) fn wake(&mut self, time_ns: u64) {
        match self.run {
            Run::Pass | Run::Again => self.run = Run::Again,
            Run::Idle if self.wake_ns.is_none() => self.wake_ns = Some(time_ns + self.random.draw(&shapes::WAKE)),
            Run::Idle => {}
        }
    }

    fn move_worker(&mut self) {
        if self.random.once_in(WORKER_MOVES_ONCE_IN) {
            let cpu = self.random.below(u64::from(CPUS));
            let cpu = u16::try_from(cpu).unwrap_or(0);
            let tid = u32::from(cpu) * 3 + 40 + u32::from(self.random.once_in(2));
            (self.worker, self.kcopyd) = (Thread { cpu, tid }, Thread { cpu, tid: tid + 100 });
        }
    }

    /// `mirror_map`.
    fn arrive(&mut self, time_ns: u64, job: usize) {
        let (kind, sector, bytes, opf) = self.jobs[job].next(self.regions, REGION_SECTORS, &mut self.random);
        let region = sector / REGION_SECTORS;
        // A read of a region that is not in sync would go through the worker; these readers read what is in sync.
        if kind == BioKind::Read && !self.log.in_sync(region) {
            self.beside.push(Reverse((time_ns + 20_000, Beside::Arrive(job))));
            return;
        }
        if self.random.once_in(JOB_MOVES_ONCE_IN) {
            self.jobs[job].cpu = u16::try_from(self.random.below(u64::from(CPUS))).unwrap_or(0);
        }
        let Job { comm, tgid, tid, cpu, .. } = self.jobs[job];
        let bio = Bio { number: self.next_bio, job, kind, region, entered_ns: time_ns };
        self.next_bio += 1;
        let io = Io { io: IoId(bio.number), sector: Sector(sector), bytes, opf, tgid, comm: comm.to_owned() };
        self.emit(time_ns, Thread { cpu, tid }, None, Op::Mirror(MirrorOp::Map(io)));
        if kind == BioKind::Read {
            self.issue(time_ns, bio);
        } else {
            if self.writes.is_empty() {
                self.wake(time_ns);
            }
            self.writes.push_back(bio);
        }
    }

    /// A bio is on its way to the legs.
    pub(super) fn issue(&mut self, time_ns: u64, bio: Bio) {
        let free = self.under_way.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.under_way.push(None);
            self.under_way.len() - 1
        });
        self.under_way[place] = Some(bio);
        let after_ns = self.random.draw(&shapes::LEGS);
        self.beside.push(Reverse((time_ns + after_ns, Beside::Done(place))));
    }

    /// `write_callback`, `mirror_end_io`, `dm_rh_dec`.
    fn done(&mut self, time_ns: u64, place: usize) {
        let Some(bio) = self.under_way[place].take() else { return };
        // The interrupt comes on the CPU that submitted, the worker's, and interrupts the worker if it runs.
        let thread = if self.random.once_in(STRAY_INTERRUPTS_ONCE_IN) {
            Thread { cpu: self.jobs[bio.job].cpu, tid: 0 }
        } else {
            Thread { tid: if self.run == Run::Idle { 0 } else { self.worker.tid }, ..self.worker }
        };
        let mut at_ns = time_ns;
        let io = IoId(bio.number);
        let has_callback = bio.kind == BioKind::Flush || (bio.kind == BioKind::Write && self.log.in_sync(bio.region));
        if has_callback {
            self.emit(at_ns, thread, None, Op::Mirror(MirrorOp::WriteCallback { io, failed_legs: 0 }));
            at_ns += self.random.draw(&shapes::COMPLETION);
        }
        let latency = Some(DurationNs(at_ns - bio.entered_ns));
        self.emit(at_ns, thread, None, Op::Mirror(MirrorOp::EndIo { io, latency, status: 0 }));
        if bio.kind == BioKind::Write {
            at_ns += self.random.draw(&shapes::COMPLETION);
            let region = Region(bio.region);
            self.emit(at_ns, thread, None, Op::RegionHash(RegionHashOp::DecPending { region }));
            if self.hash.dec(bio.region) {
                self.wake(at_ns);
            }
        }
        let think_ns = self.random.draw(&self.jobs[bio.job].think);
        self.beside.push(Reverse((at_ns + think_ns, Beside::Arrive(bio.job))));
    }

    /// `recovery_complete` and `dm_rh_recovery_end`.
    fn copied(&mut self, time_ns: u64, region: u64, took_ns: u64) {
        let (took, at) = (Some(DurationNs(took_ns)), Some(Region(region)));
        let op = MirrorOp::RecoveryComplete { region: at, took, read_error: 0, write_error: 0 };
        self.emit(time_ns, self.kcopyd, None, Op::Mirror(op));
        let at_ns = time_ns + self.random.draw(&shapes::STEP);
        self.emit(at_ns, self.kcopyd, None, Op::RegionHash(RegionHashOp::RecoveryEnd { region: at, success: true }));
        self.hash.end(region);
        self.wake(at_ns);
    }

    fn status(&mut self, time_ns: u64) {
        let thread = Thread { cpu: 1, tid: 2_000 + u32::try_from(time_ns >> 32).unwrap_or(0) };
        let mut at_ns = time_ns;
        let took_ns = self.random.draw(&shapes::GET_SYNC_COUNT);
        let count = LogOp::GetSyncCount { count: self.log.sync_count };
        self.emit(at_ns, thread, Some(took_ns), Op::Log(LogImpl::Core, count));
        at_ns += self.random.draw(&shapes::STATUS);
        self.emit(at_ns, thread, None, Op::Identity(Box::new(self.identity(true))));
        let took_ns = self.random.draw(&shapes::STATUS);
        at_ns += took_ns;
        let status = LogOp::Status { status_type: 0, result: if self.is_disk { 12 } else { 6 } };
        self.emit(at_ns, thread, Some(took_ns), Op::Log(self.implementation(), status));
        at_ns += self.random.draw(&shapes::RETURN);
        self.emit(at_ns, thread, Some(at_ns - time_ns), Op::Mirror(MirrorOp::Status { status_type: 0 }));
        self.beside.push(Reverse((time_ns + STATUS_EVERY_NS, Beside::Status)));
    }

    /// Whose `flush`, `resume` and `status` run.
    pub(super) fn implementation(&self) -> LogImpl {
        if self.is_disk { LogImpl::Disk } else { LogImpl::Core }
    }

    fn identity(&self, is_named: bool) -> Identity {
        Identity {
            device: DevNum { major: 254, minor: self.number },
            name: if is_named { format!("vg/mirror{}", self.number) } else { String::new() },
            log_type: if self.is_disk { "disk" } else { "core" }.to_owned(),
            region_size_sectors: u32::try_from(REGION_SECTORS).ok(),
            region_count: Some(self.regions),
            sync_count: Some(self.log.sync_count),
            sync_option: Some(u32::from(self.nosync)),
            target_sectors: Some(self.regions * REGION_SECTORS),
            target_begin: Some(0),
            log_device: self.is_disk.then_some(DevNum { major: 259, minor: 2 }),
            legs: is_named.then_some(2),
            flush_failed: false,
            log_device_failed: false,
        }
    }

    /// Everything from the constructor to the first bios, in the order of KERNEL's activation of a new mirror.
    fn create(&mut self) {
        let thread = Thread { cpu: 0, tid: 271 };
        let (start_ns, implementation) = (self.now_ns, self.implementation());
        let told = |mirror: &mut Self, after_ns: u64, duration_ns: Option<u64>, op: Op| {
            mirror.now_ns += after_ns;
            mirror.emit(mirror.now_ns, thread, duration_ns, op);
        };
        told(self, 0, None, Op::Identity(Box::new(self.identity(false))));
        told(self, 2_000_337, Some(2_000_337), Op::Log(implementation, LogOp::Ctr { result: 0 }));
        let size = LogOp::GetRegionSize { region_size_sectors: u32::try_from(REGION_SECTORS).unwrap_or(0) };
        told(self, 1_115_894, Some(115_894), Op::Log(LogImpl::Core, size));
        told(self, 9_000_000, None, Op::Identity(Box::new(self.identity(true))));
        told(self, 300_000, Some(self.now_ns - start_ns), Op::Mirror(MirrorOp::Ctr { result: 0 }));
        self.pass();
        self.now_ns += 4_000_000;
        if self.is_disk {
            self.log.resume(self.nosync);
        }
        told(self, 0, None, Op::Identity(Box::new(self.identity(true))));
        told(self, 485_438, Some(485_438), Op::Log(implementation, LogOp::Resume { result: 0 }));
        told(self, 700_000, None, Op::RegionHash(RegionHashOp::StartRecovery));
        told(self, 165_590, Some(1_529_201), Op::Mirror(MirrorOp::Resume));
        self.hash.may_recover = true;
        self.wake_ns = Some(self.now_ns + self.random.draw(&shapes::WAKE));
        for job in 0..self.jobs.len() {
            let after_ns = self.random.below(5_000_000);
            self.later(after_ns, Beside::Arrive(job));
        }
        self.later(STATUS_EVERY_NS, Beside::Status);
    }
}
