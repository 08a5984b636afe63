//! A mirror's region hash and disk log, written as plainly as the kernel's text, that makes the events which a capture of
//! it would hold. Ends of writes come from another CPU at any moment: their record is made when they begin, and they take
//! effect later.
//!
//! It knows its own truth, whatever the region size; a what-if has only the events.

use std::collections::{BTreeMap, BTreeSet};

use dmlog_user::event::ids::{DevNum, DurationNs, IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, FlushKind, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

const WORKER_CPU: u16 = 0;
const OTHER_CPU: u16 = 1;

/// What somebody does to the mirror, or when the worker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// A write enters: first sector and length, cut to one region of the recorded size.
    Write { sector: u64, sectors: u64 },
    /// Of the writes under way one is over.
    End(usize),
    /// Of the writes under way one fails on a leg.
    Fail(usize),
    /// The copy of the region in recovery is over.
    Copied { success: bool },
    /// The worker runs.
    Pass,
}

/// How a mirror is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Make {
    pub(crate) target_sectors: u64,
    pub(crate) region_size: u64,
    /// The log was in sync when the mirror was made.
    pub(crate) in_sync: bool,
    /// Ends of writes fall into the worker's calls too, and take effect late.
    pub(crate) races: bool,
    pub(crate) seed: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) marks: u64,
    pub(crate) clears: u64,
    pub(crate) dirtied: u64,
    pub(crate) cleaned_only: u64,
    pub(crate) no_op: u64,
    /// Most regions at once whose clean bit was 0 on disk.
    pub(crate) resync_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Clean,
    Dirty,
    Nosync,
    Recovering,
}

impl State {
    fn number(self) -> i32 {
        match self {
            Self::Clean => 1,
            Self::Dirty => 2,
            Self::Nosync => 4,
            Self::Recovering => 8,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bio {
    io: u64,
    sector: u64,
    sectors: u64,
}

#[derive(Debug)]
pub(crate) struct Kernel {
    make: Make,
    now: u64,
    random: u64,
    items: Vec<Item>,
    truth: Truth,
    last_io: u64,
    queue: Vec<Bio>,
    /// On the legs.
    under_way: Vec<Bio>,
    /// `dm_rh_dec` has begun.
    ending: Vec<Bio>,
    failures: Vec<Bio>,
    delayed: Vec<Bio>,
    /// The hash: pending writes and state.
    hash: BTreeMap<u64, (u64, State)>,
    quiesced: Vec<u64>,
    copying: Option<u64>,
    recovered: Option<(u64, bool)>,
    in_recovery: bool,
    /// Log.
    dirty: BTreeSet<u64>,
    on_disk: BTreeSet<u64>,
    out_of_sync: BTreeSet<u64>,
    sync_search: u64,
    touched_dirtied: bool,
    touched_cleaned: bool,
}

impl Kernel {
    pub(crate) fn new(make: Make) -> Self {
        let count = make.target_sectors.div_ceil(make.region_size);
        let all: BTreeSet<u64> = if make.in_sync { BTreeSet::new() } else { (0..count).collect() };
        let mut kernel = Self {
            make,
            now: 1_000_000,
            random: make.seed | 1,
            items: Vec::new(),
            truth: Truth::default(),
            last_io: 0,
            queue: Vec::new(),
            under_way: Vec::new(),
            ending: Vec::new(),
            failures: Vec::new(),
            delayed: Vec::new(),
            hash: BTreeMap::new(),
            quiesced: Vec::new(),
            copying: None,
            recovered: None,
            in_recovery: false,
            dirty: all.clone(),
            on_disk: all.clone(),
            out_of_sync: all,
            sync_search: 0,
            touched_dirtied: false,
            touched_cleaned: false,
        };
        kernel.identity(0);
        kernel.emit(WORKER_CPU, None, Op::Log(LogImpl::Disk, LogOp::Ctr { result: 0 }));
        kernel.identity(count - kernel.out_of_sync.len() as u64);
        kernel.emit(WORKER_CPU, None, Op::Log(LogImpl::Disk, LogOp::Resume { result: 0 }));
        kernel.touched_dirtied = !make.in_sync || !count.is_multiple_of(64);
        kernel.truth.resync_max = kernel.on_disk.len() as u64;
        kernel
    }

    fn identity(&mut self, sync_count: u64) {
        let Make { target_sectors, region_size, .. } = self.make;
        let identity = Identity {
            device: DevNum { major: 254, minor: 0 },
            name: "m".to_owned(),
            log_type: "disk".to_owned(),
            region_size_sectors: Some(u32::try_from(region_size).unwrap()),
            region_count: Some(target_sectors.div_ceil(region_size)),
            sync_count: Some(sync_count),
            sync_option: Some(0),
            target_sectors: Some(target_sectors),
            target_begin: Some(100),
            ..Identity::default()
        };
        self.emit(WORKER_CPU, None, Op::Identity(Box::new(identity)));
    }

    /// Carries out one act; nothing happens where it makes no sense.
    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Write { sector, sectors } => self.write(sector, sectors),
            Act::End(which) => {
                if let Some(which) = place(which, self.under_way.len()) {
                    let bio = self.under_way.remove(which);
                    self.end(bio);
                }
            }
            Act::Fail(which) => {
                if let Some(which) = place(which, self.under_way.len()) {
                    self.failures.push(self.under_way[which]);
                    self.under_way.remove(which);
                }
            }
            Act::Copied { success } => {
                if let Some(region) = self.copying.take() {
                    self.recovered = Some((region, success));
                    let op = RegionHashOp::RecoveryEnd { region: Some(Region(region)), success };
                    self.emit(OTHER_CPU, None, Op::RegionHash(op));
                }
            }
            Act::Pass => self.pass(),
        }
    }

    /// Lets everything under way come to its end, and removes the mirror.
    pub(crate) fn finish(mut self) -> (Vec<Item>, Truth) {
        for _ in 0..3 {
            while !self.under_way.is_empty() {
                self.act(Act::End(0));
            }
            self.take_effect(true);
            self.act(Act::Copied { success: true });
            self.pass();
        }
        self.emit(WORKER_CPU, None, Op::Log(LogImpl::Disk, LogOp::Dtr));
        (self.items, self.truth)
    }

    fn next(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) % below
    }

    fn tick(&mut self) -> u64 {
        self.now += 1 + self.next(100);
        self.now
    }

    fn emit(&mut self, cpu: u16, start: Option<u64>, op: Op) {
        let time = self.tick();
        let duration = start.map(|start| DurationNs(time - start));
        self.items.push(Item::Event(Event { time: MonoNs(time), cpu, tid: 1, log: LogId(1), duration, op }));
    }

    fn log(&mut self, op: LogOp) {
        let start = self.tick();
        self.emit(WORKER_CPU, Some(start), Op::Log(LogImpl::Core, op));
    }

    /// A moment within the worker's calls at which something may happen elsewhere.
    fn moment(&mut self) {
        if !self.make.races {
            return;
        }
        if self.next(3) == 0 && !self.under_way.is_empty() {
            let which = usize::try_from(self.next(1 << 20)).unwrap();
            self.act(Act::End(which));
        }
        self.take_effect(false);
    }

    fn write(&mut self, sector: u64, sectors: u64) {
        let sector = sector % self.make.target_sectors;
        // The recorded size is the largest that does not split: device-mapper has done it.
        let sectors = sectors.clamp(1, self.make.target_sectors - sector);
        self.last_io += 1;
        let bio = Bio { io: self.last_io, sector, sectors };
        let io = Io {
            io: IoId(bio.io),
            sector: Sector(sector + 100),
            bytes: u32::try_from(sectors * 512).unwrap(),
            opf: 1,
            tgid: 1,
            comm: "w".to_owned(),
        };
        self.emit(OTHER_CPU, None, Op::Mirror(MirrorOp::Map(io)));
        self.queue.push(bio);
    }

    fn regions(&self, bio: Bio) -> std::ops::RangeInclusive<u64> {
        bio.sector / self.make.region_size..=(bio.sector + bio.sectors - 1) / self.make.region_size
    }

    fn end(&mut self, bio: Bio) {
        self.emit(OTHER_CPU, None, Op::Mirror(MirrorOp::EndIo { io: IoId(bio.io), latency: None, status: 0 }));
        let region = Region(*self.regions(bio).start());
        self.emit(OTHER_CPU, None, Op::RegionHash(RegionHashOp::DecPending { region }));
        self.ending.push(bio);
        if !self.make.races {
            self.take_effect(true);
        }
    }

    /// `dm_rh_dec` gets its locks.
    fn take_effect(&mut self, all: bool) {
        for bio in std::mem::take(&mut self.ending) {
            if !all && self.next(2) == 0 {
                self.ending.push(bio);
                continue;
            }
            for region in self.regions(bio) {
                let (pending, state) = self.hash.get_mut(&region).unwrap();
                *pending -= 1;
                if *pending > 0 {
                    continue;
                }
                match state {
                    State::Dirty => *state = State::Clean,
                    State::Recovering => self.quiesced.push(region),
                    State::Nosync | State::Clean => {}
                }
            }
        }
    }

    fn find(&mut self, region: u64) {
        if !self.hash.contains_key(&region) {
            let is_in_sync = !self.out_of_sync.contains(&region);
            self.log(LogOp::InSync { region: Region(region), can_block: true, result: i32::from(is_in_sync) });
            let state = if is_in_sync { State::Clean } else { State::Nosync };
            self.hash.insert(region, (0, state));
        }
    }

    fn flush(&mut self) {
        let start = self.tick();
        self.moment();
        let kind = match (self.touched_dirtied, self.touched_cleaned) {
            (true, _) => FlushKind::Dirtied,
            (false, true) => FlushKind::CleanedOnly,
            (false, false) => FlushKind::NoOp,
        };
        match kind {
            FlushKind::Dirtied => self.truth.dirtied += 1,
            FlushKind::CleanedOnly => self.truth.cleaned_only += 1,
            FlushKind::NoOp => self.truth.no_op += 1,
        }
        self.touched_dirtied = false;
        self.touched_cleaned = false;
        self.on_disk = self.dirty.clone();
        self.truth.resync_max = self.truth.resync_max.max(self.on_disk.len() as u64);
        self.emit(WORKER_CPU, Some(start), Op::Log(LogImpl::Disk, LogOp::Flush { kind: Some(kind), result: 0 }));
    }

    fn clear(&mut self, region: u64) {
        self.truth.clears += 1;
        self.dirty.remove(&region);
        self.touched_cleaned = true;
        self.log(LogOp::ClearRegion { region: Region(region) });
    }

    fn set_region_sync(&mut self, region: u64, in_sync: bool) {
        self.touched_dirtied = true;
        if in_sync {
            self.out_of_sync.remove(&region);
            self.touched_cleaned = true;
        } else {
            self.out_of_sync.insert(region);
        }
        self.log(LogOp::SetRegionSync { region: Region(region), in_sync });
    }

    fn pass(&mut self) {
        let start = self.tick();
        let writes = std::mem::take(&mut self.queue);
        self.update_states();
        self.moment();
        self.do_recovery();
        self.moment();
        if !writes.is_empty() {
            self.do_writes(writes);
        }
        for bio in std::mem::take(&mut self.failures) {
            self.fail(bio);
        }
        self.emit(WORKER_CPU, Some(start), Op::Mirror(MirrorOp::Pass));
    }

    fn update_states(&mut self) {
        let start = self.tick();
        self.moment();
        let on_list = |(region, (_, state)): (&u64, &(u64, State))| (*state == State::Clean).then_some(*region);
        let clean: Vec<u64> = self.hash.iter().filter_map(on_list).collect();
        for region in &clean {
            self.hash.remove(region);
        }
        if let Some((region, success)) = self.recovered.take() {
            self.hash.remove(&region);
            if success {
                self.clear(region);
            }
            // Nobody handles errors: a failed recovery counts as in sync, and its bit stays dirty.
            self.set_region_sync(region, true);
            self.in_recovery = false;
            self.queue.append(&mut self.delayed);
        }
        self.moment();
        for region in clean {
            self.clear(region);
            self.moment();
        }
        self.flush();
        self.emit(WORKER_CPU, Some(start), Op::RegionHash(RegionHashOp::UpdateStates { errors_handled: false }));
    }

    fn do_recovery(&mut self) {
        if !self.in_recovery {
            let search = self.sync_search;
            let next = self.out_of_sync.range(search..).next().copied();
            if let Some(region) = next {
                self.sync_search = region + 1;
                self.in_recovery = true;
                self.touched_cleaned = true;
                self.log(LogOp::GetResyncWork { region: Some(Region(region)), result: 1 });
                self.find(region);
                self.moment();
                let (pending, state) = self.hash.get_mut(&region).unwrap();
                *state = State::Recovering;
                if *pending == 0 {
                    self.quiesced.push(region);
                }
            } else {
                self.log(LogOp::GetResyncWork { region: None, result: 0 });
            }
        }
        if let Some(region) = self.quiesced.pop() {
            self.copying = Some(region);
        }
    }

    fn do_writes(&mut self, writes: Vec<Bio>) {
        let (mut sync, mut nosync, mut delayed) = (Vec::new(), Vec::new(), Vec::new());
        for bio in writes {
            let region = *self.regions(bio).start();
            let state = match self.hash.get(&region) {
                Some((_, state)) => *state,
                None if self.out_of_sync.contains(&region) => State::Nosync,
                None => State::Clean,
            };
            let op = RegionHashOp::GetState { region: Region(region), may_block: true, state: state.number() };
            self.emit(WORKER_CPU, None, Op::RegionHash(op));
            self.moment();
            match state {
                State::Clean | State::Dirty => sync.push(bio),
                State::Nosync => nosync.push(bio),
                State::Recovering => delayed.push(bio),
            }
        }
        self.inc_pending(&sync);
        self.inc_pending(&nosync);
        let start = self.tick();
        self.flush();
        self.emit(WORKER_CPU, Some(start), Op::RegionHash(RegionHashOp::Flush { result: 0 }));
        self.under_way.append(&mut sync);
        self.under_way.append(&mut nosync);
        self.delayed.append(&mut delayed);
    }

    fn inc_pending(&mut self, bios: &[Bio]) {
        for bio in bios {
            let op = RegionHashOp::IncPending { region: Some(Region(*self.regions(*bio).start())), io: IoId(bio.io) };
            self.emit(WORKER_CPU, None, Op::RegionHash(op));
        }
        for bio in bios {
            for region in self.regions(*bio) {
                self.moment();
                self.find(region);
                let (pending, state) = self.hash.get_mut(&region).unwrap();
                *pending += 1;
                if *state == State::Clean {
                    *state = State::Dirty;
                    self.moment();
                    self.truth.marks += 1;
                    self.dirty.insert(region);
                    self.touched_dirtied = true;
                    self.log(LogOp::MarkRegion { region: Region(region) });
                }
            }
        }
    }

    /// `do_failures`: the region is out of sync, and the write is over.
    fn fail(&mut self, bio: Bio) {
        let region = *self.regions(bio).start();
        let op = RegionHashOp::MarkNosync { region: Some(Region(region)), io: IoId(bio.io) };
        self.emit(WORKER_CPU, None, Op::RegionHash(op));
        self.set_region_sync(region, false);
        let (_, state) = self.hash.get_mut(&region).unwrap();
        if *state == State::Recovering {
            self.in_recovery = false;
            self.queue.append(&mut self.delayed);
            self.set_region_sync(region, false);
        }
        let (_, state) = self.hash.get_mut(&region).unwrap();
        *state = State::Nosync;
        self.end(bio);
    }
}

fn place(which: usize, of: usize) -> Option<usize> {
    if of == 0 { None } else { Some(which % of) }
}
