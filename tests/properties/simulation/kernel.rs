//! The machine: what every step does, and which thread runs next.

use dmlog_user::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};
use dmlog_user::event::ids::{IoId, Region};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{FlushKind, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::log::arguments::SyncOption;

use super::capture::{CPUS, Capture};
use super::mirror::{Bio, CLEAN, DIRTY, Device, HashedRegion, Mirror, NOSYNC, RECOVERING};
use super::threads::{Action, Step, Thread, call, flush};

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

struct Machine {
    setup: Setup,
    random: u64,
    now: u64,
    mirror: Mirror,
    device: Device,
    threads: Vec<Thread>,
    wake: bool,
    next_tid: u32,
    next_io: u64,
    capture: Capture,
    /// A suspend or resume is under way.
    ioctl: bool,
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

    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    fn below_half(&mut self) -> bool {
        self.below(2) == 0
    }

    fn fails(&mut self) -> bool {
        self.setup.failures > 0 && self.below(self.setup.failures) == 0
    }

    fn cpu(&mut self) -> u16 {
        u16::try_from(self.below(u64::from(CPUS))).unwrap()
    }

    fn spawn(&mut self, steps: Vec<Step>) {
        let cpu = self.cpu();
        self.next_tid += 1;
        self.threads.push(Thread::new(cpu, self.next_tid, false, steps));
    }

    fn region(&mut self) -> usize {
        let regions = self.mirror.regions() as u64;
        let spread = if self.below(3) == 0 { regions } else { regions.min(4) };
        usize::try_from(self.below(spread)).unwrap()
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
                thread.identity = self.capture.emit(log, at, self.now, None, op);
            }
            Step::ReadIdentity => {
                if let Some(Item::Event(event)) = thread.identity.take().map(|place| &mut self.capture.items[place]) {
                    event.op = Op::Identity(Box::new(self.mirror.identity()));
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

    /// The worker's code between its calls.
    fn act_as_worker(&mut self, thread: &mut Thread, action: Action) {
        match action {
            Action::UpdateStates => self.update_states(thread),
            Action::Release => {
                self.mirror.semaphore += 1;
                self.wake = true;
            }
            Action::Recovery => {
                let mut steps = Vec::new();
                if self.mirror.semaphore > 0 {
                    self.mirror.semaphore -= 1;
                    steps = call(Action::GetResyncWork);
                    steps.push(Step::Do(Action::HandedOut));
                }
                steps.push(Step::Do(Action::StartCopies));
                thread.next(steps);
            }
            Action::HandedOut => match thread.handed_out.take() {
                None => self.mirror.semaphore += 1,
                Some(region) => {
                    let mut steps = self.find(region);
                    steps.push(Step::Do(Action::SetRecovering(region)));
                    thread.next(steps);
                }
            },
            Action::Alloc(region) => {
                let state = if thread.in_sync { CLEAN } else { NOSYNC };
                self.mirror.hash.insert(region, HashedRegion { state, ..HashedRegion::default() });
                if state == CLEAN {
                    self.mirror.clean_list.push(region);
                }
            }
            Action::SetRecovering(region) => {
                self.mirror.clean_list.retain(|listed| *listed != region);
                let hashed = self.mirror.hash.get_mut(&region).unwrap();
                hashed.state = RECOVERING;
                if hashed.pending == 0 {
                    self.mirror.quiesced.push(region);
                }
            }
            Action::StartCopies => {
                for region in std::mem::take(&mut self.mirror.quiesced) {
                    self.spawn(vec![Step::Do(Action::EndCopy(region))]);
                }
            }
            Action::CountSync if !self.mirror.in_sync => {
                let mut steps = call(Action::GetSyncCount);
                steps.push(Step::Do(Action::Counted));
                thread.next(steps);
            }
            Action::Counted => self.mirror.in_sync = thread.count == self.mirror.regions() as u64,
            Action::EndPass => thread.next(vec![Step::Entry(Op::Mirror(MirrorOp::Pass))]),
            action => self.act_on_bios(thread, action),
        }
    }

    /// `__rh_find`: asks the log for the state of a region that is not in the hash.
    fn find(&self, region: usize) -> Vec<Step> {
        if self.mirror.hash.contains_key(&region) {
            return Vec::new();
        }
        let mut steps = call(Action::InSync { region, can_block: true });
        steps.push(Step::Do(Action::Alloc(region)));
        steps
    }

    /// `dm_rh_update_states`.
    fn update_states(&mut self, thread: &mut Thread) {
        let mut steps = Vec::new();
        let recovered = std::mem::take(&mut self.mirror.recovered);
        let clean = std::mem::take(&mut self.mirror.clean_list);
        for (region, success) in &recovered {
            let delayed = self.mirror.hash.remove(region).map(|hashed| hashed.delayed).unwrap_or_default();
            if *success {
                steps.extend(call(Action::Clear(*region)));
            }
            steps.extend(call(Action::SetSync(*region, *success || !self.mirror.errors_handled)));
            steps.push(Step::Do(Action::Release));
            self.mirror.writes.extend(delayed);
        }
        for region in clean {
            self.mirror.hash.remove(&region);
            steps.extend(call(Action::Clear(region)));
        }
        steps.extend(flush());
        thread.next(steps);
    }

    /// `do_writes` and `do_failures`.
    fn act_on_bios(&mut self, thread: &mut Thread, action: Action) {
        match action {
            Action::TakeWrites => {
                let writes: Vec<Bio> = self.mirror.writes.drain(..).collect();
                if writes.is_empty() {
                    return;
                }
                let mut steps = Vec::new();
                for bio in writes {
                    if bio.is_flush {
                        thread.sync.push(bio);
                    } else {
                        steps.push(Step::Enter);
                        steps.push(Step::Do(Action::GetState(bio)));
                    }
                }
                steps.push(Step::Do(Action::IncPending));
                thread.next(steps);
            }
            Action::GetState(bio) => {
                let end = [Step::Do(Action::Classify(bio)), Step::Return, Step::Emit];
                if let Some(hashed) = self.mirror.hash.get(&bio.region) {
                    thread.count = u64::try_from(hashed.state).unwrap();
                    thread.next(end.into());
                } else {
                    thread.count = 0;
                    let mut steps = call(Action::InSync { region: bio.region, can_block: true });
                    steps.extend(end);
                    thread.next(steps);
                }
            }
            Action::Classify(bio) => Self::classify(thread, bio),
            Action::IncPending => self.inc_pending(thread),
            Action::RhInc(region) => {
                let hashed = self.mirror.hash.get_mut(&region).unwrap();
                hashed.pending += 1;
                if hashed.state == CLEAN {
                    hashed.state = DIRTY;
                    self.mirror.clean_list.retain(|listed| *listed != region);
                    thread.next(call(Action::Mark(region)));
                }
            }
            Action::Dispatch => self.dispatch(thread),
            action => self.act_on_failures(thread, action),
        }
    }

    fn classify(thread: &mut Thread, bio: Bio) {
        let state = match thread.count {
            0 if thread.in_sync => CLEAN,
            0 => NOSYNC,
            state => i32::try_from(state).unwrap(),
        };
        match state {
            CLEAN | DIRTY => thread.sync.push(bio),
            NOSYNC => thread.nosync.push(bio),
            _ => thread.delayed.push(bio),
        }
        let region = Region(bio.region as u64);
        thread.says = Some(Op::RegionHash(RegionHashOp::GetState { region, may_block: true, state }));
    }

    /// `dm_rh_inc_pending`, for both lists: the hook tells all writes of a list at its entry.
    fn inc_pending(&mut self, thread: &mut Thread) {
        let mut steps = Vec::new();
        for list in [&thread.sync, &thread.nosync] {
            let writes: Vec<Bio> = list.iter().copied().filter(|bio| !bio.is_flush).collect();
            for bio in &writes {
                let op = RegionHashOp::IncPending { region: Some(Region(bio.region as u64)), io: IoId(bio.io) };
                steps.push(Step::Entry(Op::RegionHash(op)));
            }
            for bio in &writes {
                steps.push(Step::Do(Action::FindForInc(bio.region)));
            }
        }
        steps.extend(flush());
        steps.push(Step::Do(Action::Dispatch));
        thread.next(steps);
    }

    fn dispatch(&mut self, thread: &mut Thread) {
        for bio in std::mem::take(&mut thread.delayed) {
            match self.mirror.hash.get_mut(&bio.region) {
                Some(hashed) => hashed.delayed.push(bio),
                None => panic!("region {} is recovering", bio.region),
            }
        }
        let sync = std::mem::take(&mut thread.sync);
        for bio in sync.into_iter().chain(std::mem::take(&mut thread.nosync)) {
            self.spawn(vec![Step::Do(Action::EndWrite(bio))]);
        }
    }

    fn act_on_failures(&mut self, thread: &mut Thread, action: Action) {
        match action {
            Action::FindForInc(region) => {
                let mut steps = self.find(region);
                steps.push(Step::Do(Action::RhInc(region)));
                thread.next(steps);
            }
            Action::Failures => {
                let mut steps = Vec::new();
                for bio in std::mem::take(&mut self.mirror.failures) {
                    let region = Some(Region(bio.region as u64));
                    let op = RegionHashOp::MarkNosync { region, io: IoId(bio.io) };
                    steps.push(Step::Entry(Op::RegionHash(op)));
                    if !bio.is_flush {
                        steps.extend(call(Action::SetSync(bio.region, false)));
                    }
                    steps.push(Step::Do(Action::Nosync(bio)));
                    steps.push(Step::Do(Action::EndFailed(bio)));
                }
                thread.next(steps);
            }
            Action::Nosync(bio) if bio.is_flush => self.mirror.flush_failure = true,
            Action::Nosync(bio) => {
                let hashed = self.mirror.hash.get_mut(&bio.region).unwrap();
                let was_recovering = hashed.state == RECOVERING;
                hashed.state = NOSYNC;
                if was_recovering {
                    let delayed = std::mem::take(&mut hashed.delayed);
                    self.mirror.writes.extend(delayed);
                    let mut steps = call(Action::SetSync(bio.region, false));
                    steps.push(Step::Do(Action::Release));
                    thread.next(steps);
                }
            }
            Action::EndFailed(bio) => self.end_bio(thread, bio),
            _ => {}
        }
    }

    /// A write is over on the legs, in an interrupt.
    fn end_write(&mut self, thread: &mut Thread, bio: Bio) {
        if self.fails() {
            self.mirror.failures.push(bio);
            self.wake = true;
        } else {
            self.end_bio(thread, bio);
        }
    }

    /// `mirror_end_io`.
    fn end_bio(&mut self, thread: &mut Thread, bio: Bio) {
        if bio.is_flush {
            self.mirror.under_way -= 1;
            return;
        }
        let op = RegionHashOp::DecPending { region: Region(bio.region as u64) };
        thread.next(vec![Step::Entry(Op::RegionHash(op)), Step::Do(Action::Dec(bio.region))]);
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
                let mut steps = status();
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
    steps.extend([Step::Return, Step::Emit, Step::Entry(Op::RegionHash(RegionHashOp::StartRecovery))]);
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
fn status() -> Vec<Step> {
    let mut steps = vec![Step::Enter, Step::TakeIdentity, Step::ReadIdentity, Step::Do(Action::Status)];
    steps.extend([Step::Return, Step::Emit]);
    steps
}

/// Runs a mirror and gives what a capture has of it.
pub(crate) fn run(setup: Setup) -> (CaptureFacts, Vec<Item>, u64) {
    let mut machine = Machine::new(setup);
    for number in 0..setup.steps {
        if number == setup.attach_after && number > 0 {
            machine.capture.from = machine.now + 1;
            machine.spawn(status());
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
