//! The machine: what every step does, and which thread runs next.

use dmlog_user::event::bits::Bitset;
use dmlog_user::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};
use dmlog_user::event::ids::Region;
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{FlushKind, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::log::arguments::SyncOption;

use super::capture::{CPUS, Capture};
use super::mirror::{Bio, Device, Mirror};
use super::threads::{Action, Step, Thread, call, flush, snapshot};

/// A mirror and a capture of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) regions: usize,
    pub(crate) option: SyncOption,
    pub(crate) is_disk: bool,
    /// Failures of legs, copies and the log device, one in so many; 0 for none.
    pub(crate) failures: u64,
    pub(crate) errors_handled: bool,
    /// Records are lost now and then.
    pub(crate) losses: bool,
    /// The capture begins when the mirror has lived this many steps.
    pub(crate) attach_after: u32,
    pub(crate) steps: u32,
}

pub(super) struct Machine {
    pub(super) setup: Setup,
    pub(super) random: u64,
    pub(super) now: u64,
    pub(super) mirror: Mirror,
    pub(super) device: Device,
    pub(super) threads: Vec<Thread>,
    pub(super) wake: bool,
    pub(super) next_tid: u32,
    pub(super) next_io: u64,
    pub(super) capture: Capture,
    /// A suspend or resume is under way.
    pub(super) ioctl: bool,
}

/// Steps of a thread that cannot go on yet are tried again.
enum Ran {
    Yes,
    Waits,
}

impl Machine {
    fn new(setup: Setup) -> Self {
        let Setup { seed, regions, option, is_disk, errors_handled, .. } = setup;
        let from = if setup.attach_after == 0 { 0 } else { u64::MAX };
        let mut machine = Self {
            setup,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: 1_000_000_000,
            mirror: Mirror::new(1, regions, option, is_disk, errors_handled),
            device: None,
            threads: Vec::new(),
            wake: true,
            next_tid: 1000,
            next_io: 1,
            capture: Capture::new(from),
            ioctl: true,
        };
        let mut steps = construct();
        steps.extend(resume());
        machine.spawn(steps);
        machine
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    pub(super) fn below_half(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn fails(&mut self) -> bool {
        self.setup.failures > 0 && self.below(self.setup.failures) == 0
    }

    fn cpu(&mut self) -> u16 {
        u16::try_from(self.below(u64::from(CPUS))).unwrap()
    }

    pub(super) fn spawn(&mut self, steps: Vec<Step>) {
        let cpu = self.cpu();
        self.next_tid += 1;
        self.threads.push(Thread::new(cpu, self.next_tid, false, steps));
    }

    pub(super) fn region(&mut self) -> usize {
        let regions = self.mirror.regions() as u64;
        let spread = if self.below(3) == 0 { regions } else { regions.min(4) };
        usize::try_from(self.below(spread)).unwrap()
    }

    /// Whether the worker is in a call that does not sleep. It takes nanoseconds, and to attach takes milliseconds, so that a
    /// capture never begins within one.
    fn is_in_short_call(&self) -> bool {
        self.threads.iter().any(|thread| thread.is_worker && !thread.entered.is_empty() && thread.kinds.is_empty())
    }

    /// Lets one thread, chosen at random, do one step.
    fn step(&mut self) {
        self.now += 1 + self.below(3000);
        if self.wake && !self.threads.iter().any(|thread| thread.is_worker) {
            self.wake = false;
            let pass = [Action::UpdateStates, Action::Recovery, Action::CountSync, Action::TakeWrites];
            let steps = pass.into_iter().chain([Action::Failures, Action::EndPass]).map(Step::Do);
            let (cpu, tid) = (self.cpu(), 50 + u32::try_from(self.below(2)).unwrap());
            self.threads.push(Thread::new(cpu, tid, true, steps));
        }
        let count = self.threads.len() as u64;
        if count == 0 {
            return;
        }
        let any = usize::try_from(self.below(count)).unwrap();
        let worker = self.threads.iter().position(|thread| thread.is_worker).filter(|_| self.below_half());
        let place = worker.unwrap_or(any);
        let mut thread = self.threads.swap_remove(place);
        let Some(step) = thread.steps.pop_front() else { return };
        if let Ran::Waits = self.run(&mut thread, step.clone()) {
            thread.steps.push_front(step);
        }
        if !thread.steps.is_empty() {
            self.threads.push(thread);
        }
    }

    fn run(&mut self, thread: &mut Thread, step: Step) -> Ran {
        let (log, at) = (self.mirror.id, thread.at);
        match step {
            Step::Enter => thread.entered.push(self.now),
            Step::Do(action) => return self.act(thread, action),
            Step::Return => {
                let entered = thread.entered.pop().unwrap();
                if let Some(op) = thread.says.take() {
                    thread.stamped = Some((self.now, self.now - entered, op));
                }
            }
            Step::Emit => {
                if let Some((time, duration, op)) = thread.stamped.take() {
                    self.capture.emit(log, at, time, Some(duration), op);
                }
            }
            Step::Entry(op) => {
                self.capture.emit(log, at, self.now, None, op);
            }
            Step::TakeIdentity => {
                let op = Op::Identity(Box::new(self.mirror.identity()));
                thread.place = self.capture.emit(log, at, self.now, None, op);
            }
            Step::ReadIdentity => {
                if let Some(Item::Event(event)) = thread.place.take().map(|place| &mut self.capture.items[place]) {
                    event.op = Op::Identity(Box::new(self.mirror.identity()));
                }
            }
            Step::TakeBits(bitset) => {
                if bitset == Bitset::Clean {
                    thread.snapshot = self.now;
                }
                let op = Op::Bits(Box::new(self.mirror.bits(bitset)));
                thread.place = self.capture.emit(log, at, thread.snapshot, None, op);
            }
            Step::ReadBits(bitset) => {
                if let Some(Item::Event(event)) = thread.place.take().map(|place| &mut self.capture.items[place]) {
                    event.op = Op::Bits(Box::new(self.mirror.bits(bitset)));
                }
            }
        }
        Ran::Yes
    }

    fn act(&mut self, thread: &mut Thread, action: Action) -> Ran {
        match action {
            Action::StopRecovery if self.mirror.semaphore == 0 => return Ran::Waits,
            Action::StopRecovery => self.mirror.semaphore = 0,
            Action::WaitForWorker if self.wake || self.threads.iter().any(|t| t.is_worker) => return Ran::Waits,
            Action::WaitForBios if self.mirror.under_way > 0 => return Ran::Waits,
            Action::WaitForAll if self.wake || !self.threads.is_empty() => return Ran::Waits,
            Action::WaitForWorker | Action::WaitForBios | Action::WaitForAll => {}
            Action::BlockWrites => self.mirror.takes_writes = false,
            Action::StartRecovery => {
                self.mirror.semaphore = 1;
                self.mirror.takes_writes = true;
                (self.wake, self.ioctl) = (true, false);
            }
            Action::Reload => self.reload(),
            Action::EndOld => {
                let by = if self.mirror.is_disk { LogImpl::Disk } else { LogImpl::Core };
                self.capture.emit(self.mirror.id - 1, thread.at, self.now, Some(0), Op::Log(by, LogOp::Dtr));
            }
            Action::EndWrite(bio) => self.end_write(thread, bio),
            Action::Dec(region) => {
                self.mirror.dec(region);
                self.mirror.under_way -= 1;
                self.wake = true;
            }
            Action::EndCopy(region) => {
                let success = !self.fails();
                self.mirror.recovered.push((region, success));
                self.wake = true;
            }
            action => self.act_on_log(thread, action),
        }
        Ran::Yes
    }

    /// Operations of the log.
    fn act_on_log(&mut self, thread: &mut Thread, action: Action) {
        let log = &mut self.mirror.log;
        let by = if self.mirror.is_disk { LogImpl::Disk } else { LogImpl::Core };
        let name = |region: usize| Region(region as u64);
        let (by, op) = match action {
            Action::InSync { region, can_block } => {
                thread.in_sync = log.state[region].in_sync;
                let result = i32::from(thread.in_sync);
                (LogImpl::Core, LogOp::InSync { region: name(region), can_block, result })
            }
            Action::Mark(region) => {
                log.mark_region(region);
                (LogImpl::Core, LogOp::MarkRegion { region: name(region) })
            }
            Action::Clear(region) => {
                log.clear_region(region);
                (LogImpl::Core, LogOp::ClearRegion { region: name(region) })
            }
            Action::GetResyncWork => {
                thread.handed_out = log.get_resync_work();
                let result = i32::from(thread.handed_out.is_some());
                (LogImpl::Core, LogOp::GetResyncWork { region: thread.handed_out.map(name), result })
            }
            Action::SetSync(region, in_sync) => {
                log.set_region_sync(region, in_sync);
                (LogImpl::Core, LogOp::SetRegionSync { region: name(region), in_sync })
            }
            Action::GetSyncCount => {
                thread.count = log.sync_count;
                (LogImpl::Core, LogOp::GetSyncCount { count: thread.count })
            }
            Action::Resume => {
                if self.mirror.is_disk {
                    self.mirror.disk_resume(&mut self.device);
                } else {
                    log.core_resume();
                }
                (by, LogOp::Resume { result: 0 })
            }
            Action::Status => (by, LogOp::Status { status_type: 1, result: 16 }),
            Action::Ctr => (by, LogOp::Ctr { result: 0 }),
            action => return self.act_on_flush(thread, action),
        };
        thread.says = Some(Op::Log(by, op));
    }

    /// Flushes of the log.
    fn act_on_flush(&mut self, thread: &mut Thread, action: Action) {
        match action {
            Action::SampleFlush => thread.kinds.push(self.mirror.flush_kind()),
            Action::Flush => {
                let mut steps = Vec::new();
                if self.mirror.flush_kind() != FlushKind::NoOp {
                    if self.mirror.log.touched_cleaned {
                        steps.extend(call(Action::FlushLegs));
                    }
                    steps.push(Step::Do(Action::WriteLog));
                }
                let kind = thread.kinds.pop();
                let by = if self.mirror.is_disk { LogImpl::Disk } else { LogImpl::Core };
                if steps.is_empty() {
                    thread.says = Some(Op::Log(by, LogOp::Flush { kind, result: 0 }));
                } else {
                    thread.kinds.extend(kind);
                }
                thread.next(steps);
            }
            Action::FlushLegs => {
                thread.legs_failed = self.fails();
                let result = if thread.legs_failed { -5 } else { 0 };
                thread.says = Some(Op::Mirror(MirrorOp::LegFlush { result }));
            }
            Action::WriteLog => {
                if std::mem::take(&mut thread.legs_failed) {
                    self.mirror.legs_failed();
                }
                let result = self.write_log();
                let kind = thread.kinds.pop();
                thread.says = Some(Op::Log(LogImpl::Disk, LogOp::Flush { kind, result }));
            }
            action => self.act_as_worker(thread, action),
        }
    }

    fn write_log(&mut self) -> i32 {
        if self.fails() {
            return -5;
        }
        self.device = Some(self.mirror.clean_bits());
        let mut result = 0;
        if self.mirror.log.touched_dirtied {
            if self.fails() {
                result = -5;
            } else {
                self.mirror.log.touched_dirtied = false;
            }
        }
        self.mirror.log.touched_cleaned = false;
        result
    }

    /// The table is loaded anew: another log on the same device.
    fn reload(&mut self) {
        let Setup { option, is_disk, errors_handled, .. } = self.setup;
        let grown = self.mirror.regions() + usize::try_from(self.below(3)).unwrap();
        self.mirror = Mirror::new(self.mirror.id + 1, grown, option, is_disk, errors_handled);
        self.wake = true;
    }

    /// Something happens from outside.
    fn stir(&mut self) {
        if self.threads.len() > 6 || self.mirror.under_way > 12 {
            return;
        }
        match self.below(12) {
            0..=5 if self.mirror.takes_writes => {
                let (region, is_flush) = (self.region(), self.below(20) == 0);
                let io = self.next_io;
                self.next_io += 1;
                self.mirror.writes.push_back(Bio { io, region, is_flush });
                self.mirror.under_way += 1;
                self.wake = true;
            }
            6..=8 if self.mirror.takes_writes => {
                let region = self.region();
                self.spawn(call(Action::InSync { region, can_block: false }));
            }
            9 if !self.ioctl => {
                // The capture asks for bits at its begin only. Here it does so now and then.
                let mut steps = status(self.below(3) == 0);
                if self.below(2) == 0 {
                    steps.extend(call(Action::GetSyncCount));
                }
                self.spawn(steps);
            }
            10 if !self.ioctl && self.below(8) == 0 => {
                self.ioctl = true;
                let mut steps = suspend(self.mirror.is_disk);
                let reloads = self.below(3) == 0;
                if reloads {
                    steps.extend([Step::Do(Action::WaitForAll), Step::Do(Action::Reload)]);
                    steps.extend(construct());
                }
                steps.extend(resume());
                if reloads {
                    steps.push(Step::Do(Action::EndOld));
                }
                self.spawn(steps);
            }
            11 if self.setup.losses && self.below(30) == 0 => {
                self.capture.full_for = 1 + u32::try_from(self.below(6)).unwrap();
            }
            _ => {}
        }
    }
}

/// `mirror_ctr`.
fn construct() -> Vec<Step> {
    let mut steps = vec![Step::Enter, Step::Do(Action::Ctr), Step::TakeIdentity, Step::ReadIdentity];
    steps.extend([Step::Return, Step::Emit]);
    steps
}

/// `mirror_resume`.
fn resume() -> Vec<Step> {
    let mut steps = vec![Step::Enter, Step::Do(Action::Resume), Step::TakeIdentity, Step::ReadIdentity];
    steps.extend([Step::Return, Step::Emit]);
    steps.extend(snapshot());
    steps.push(Step::Entry(Op::RegionHash(RegionHashOp::StartRecovery)));
    steps.push(Step::Do(Action::StartRecovery));
    steps
}

/// `mirror_presuspend`, the wait for everything under way, `mirror_postsuspend`.
fn suspend(is_disk: bool) -> Vec<Step> {
    let mut steps = vec![Step::Do(Action::StopRecovery), Step::Do(Action::WaitForWorker)];
    steps.extend([Step::Do(Action::BlockWrites), Step::Do(Action::WaitForBios)]);
    // The last write to end has woken the worker, which may run beside this flush.
    if is_disk {
        steps.extend(flush());
    }
    steps
}

/// `mirror_status`: what the log is, is read at the entry of its status.
fn status(asks_for_bits: bool) -> Vec<Step> {
    let mut steps = vec![Step::Enter, Step::TakeIdentity, Step::ReadIdentity];
    if asks_for_bits {
        steps.extend(snapshot());
    }
    steps.extend([Step::Do(Action::Status), Step::Return, Step::Emit]);
    steps
}

/// Runs a mirror and gives what a capture has of it.
pub(crate) fn run(setup: Setup) -> (CaptureFacts, Vec<Item>, u64) {
    let mut machine = Machine::new(setup);
    for number in 0..setup.steps {
        if number >= setup.attach_after && machine.capture.from == u64::MAX && !machine.is_in_short_call() {
            machine.capture.from = machine.now + 1;
            machine.spawn(status(true));
        }
        if machine.below(4) == 0 {
            machine.stir();
        }
        // Near the end, one hook after the other is detached.
        if number + 400 > setup.steps && number % 6 == 0 {
            machine.capture.detached += 1;
        }
        machine.step();
    }
    machine.capture.finish(machine.now);
    let hook = |hook: &dmlog_common::hooks::Hook| HookCoverage {
        module: hook.module.to_owned(),
        function: hook.function.to_owned(),
        probe: Probe::Fentry,
        reason: String::new(),
        loss: String::new(),
    };
    let from = if setup.attach_after == 0 { 0 } else { machine.capture.from };
    let facts = CaptureFacts {
        clock: ClockPair { monotonic_ns: from, realtime_ns: 0 },
        coverage: dmlog_common::hooks::HOOKS.iter().map(hook).collect(),
        ..CaptureFacts::default()
    };
    (facts, machine.capture.items, machine.capture.lost)
}
