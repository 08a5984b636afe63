//! One mirror and everything that was counted for it. It outlives its logs: a table reload brings a new log instance.

use crate::analysis::churn::Churn;
use crate::analysis::consults::Consults;
use crate::analysis::failures::Failures;
use crate::analysis::flush::{Carried, FlushSeen, Flushes};
use crate::analysis::geometry::Geometry;
use crate::analysis::heat::Heat;
use crate::analysis::io::Io as IoCounters;
use crate::analysis::occupancy::{LogOccupancy, Occupancy, TargetOccupancy};
use crate::analysis::ops::Ops;
use crate::analysis::outstanding::Pending;
use crate::analysis::processes::Processes;
use crate::analysis::recovery::{Recovery, SyncProgress};
use crate::analysis::regions::{Regions, TRACKED_REGIONS_MAX};
use crate::analysis::slow_flush::WriteSeen;
use crate::analysis::timeline::Timeline;
use crate::event::call::Call;
use crate::event::ids::{LogId, MonoNs};
use crate::event::op::{Bio, Identity, IoKind, LogOp};

use dmlog_common::record::kind;

use super::logs::{LegFlush, LogState};
use super::model::tally::Tally;
use super::table::TableMut;

/// Mirror targets that are told apart within one device. `pvmove` makes one per segment of a volume; beyond this, regions
/// count for the last one, and their sectors are then those of that one.
pub const TARGETS_MAX: usize = 256;

/// One mirror target of a device: the place where region numbers mean something.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Where its regions lie.
    pub geometry: Geometry,
    /// Counters of its regions.
    pub regions: Regions,
    /// How far it is in sync.
    pub sync: SyncProgress,
    /// What its log said of its regions last.
    occupancy: TargetOccupancy,
}

impl Target {
    /// What was seen of its regions, where no model knows their bits.
    fn seen(&self) -> LogOccupancy {
        let dirty = self.regions.dirty();
        let out_of_sync = self.geometry.region_count.and_then(|regions| self.sync.out_of_sync(regions));
        LogOccupancy { dirty, out_of_sync, ..LogOccupancy::default() }
    }
}

/// One mirror.
#[derive(Clone, Debug)]
pub struct Device {
    identity: Option<Box<Identity>>,
    /// The first log instance, by which a device is called as long as it has no identity.
    first_log: LogId,
    /// The last log instance that an identity named.
    last_log: LogId,
    log_instances: u64,
    targets: Vec<Target>,
    /// Regions that may still be taken on.
    region_budget: usize,
    pub(super) ops: Ops,
    pub(super) flushes: Flushes,
    pub(super) timeline: Timeline,
    pub(super) io: IoCounters,
    pub(super) processes: Processes,
    pub(super) recovery: Recovery,
    pub(super) failures: Failures,
    pub(super) consults: Consults,
    pub(super) comparisons: Tally,
    pub(super) occupancy: Occupancy,
    pub(super) churn: Churn,
    /// What happened when, where somebody asks for it.
    pub(super) heat: Option<Box<Heat>>,
}

/// How long the flush of the legs took that was part of this flush of the log.
fn leg_flush_of(call: &Call, last: &mut LegFlush) -> Option<u64> {
    let LegFlush { tid, time, duration_ns } = std::mem::take(last);
    (time != MonoNs(0) && tid == call.tid && call.start() <= time).then_some(duration_ns)
}

/// A process's number in two bytes, which [`PROCESSES_MAX`](crate::analysis::processes::PROCESSES_MAX) fits.
fn process_number(number: u32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

impl Default for Device {
    fn default() -> Self {
        Self::of_log(LogId::UNKNOWN)
    }
}

impl Device {
    /// A device of which nothing is known but one of its logs.
    pub fn of_log(log: LogId) -> Self {
        Self {
            identity: None,
            first_log: log,
            last_log: LogId::UNKNOWN,
            log_instances: u64::from(log != LogId::UNKNOWN),
            targets: vec![Target::default()],
            region_budget: TRACKED_REGIONS_MAX,
            ops: Ops::default(),
            flushes: Flushes::default(),
            timeline: Timeline::default(),
            io: IoCounters::default(),
            processes: Processes::default(),
            recovery: Recovery::default(),
            failures: Failures::default(),
            consults: Consults::default(),
            comparisons: Tally::default(),
            occupancy: Occupancy::default(),
            churn: Churn::default(),
            heat: None,
        }
    }

    /// What it is, as the kernel said last.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// The log instance that it was first seen by.
    pub fn first_log(&self) -> LogId {
        self.first_log
    }

    /// Log instances that it has had.
    pub fn log_instances(&self) -> u64 {
        self.log_instances
    }

    /// Its counters of regions and its distributions, always in the same order, to be packed.
    pub(super) fn tables(&mut self) -> impl Iterator<Item = TableMut<'_>> {
        let Self { targets, ops, flushes, io, processes, recovery, consults, churn, .. } = self;
        let regions = targets.iter_mut().map(|target| TableMut::Regions(&mut target.regions));
        let latencies = ops.latencies_mut().chain(flushes.latencies_mut()).chain(io.latencies_mut());
        let latencies = latencies.chain(processes.latencies_mut()).chain(recovery.latencies_mut());
        let latencies = latencies.chain(consults.latencies_mut()).chain(churn.latencies_mut());
        regions.chain(latencies.map(TableMut::Latency))
    }

    /// Its mirror targets.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether an identity is of this device. A number alone is not enough where names are known: the kernel gives the
    /// number of a removed device to the next one.
    pub fn is(&self, identity: &Identity) -> bool {
        self.identity.as_ref().is_some_and(|known| {
            known.device == identity.device
                && (known.name == identity.name || known.name.is_empty() || identity.name.is_empty())
        })
    }

    /// Where the regions of a target lie.
    pub fn geometry(&self, target: u32) -> &Geometry {
        &self.target(target).geometry
    }

    fn target(&self, target: u32) -> &Target {
        self.targets.get(target as usize).unwrap_or(&self.targets[0])
    }

    fn target_mut(&mut self, target: u32) -> &mut Target {
        let place = if (target as usize) < self.targets.len() { target as usize } else { 0 };
        &mut self.targets[place]
    }

    /// Takes an identity of one of its logs; returns the place of that log's target. `before` is the place that it had
    /// in this device until now.
    pub fn identify(&mut self, log: LogId, identity: &Identity, time: MonoNs, before: Option<u32>) -> u32 {
        let mut told = identity.clone();
        if let Some(known) = self.identity.take() {
            // What could be read once and not this time is still true.
            if told.name.is_empty() {
                told.name = known.name;
            }
            if told.log_type.is_empty() {
                told.log_type = known.log_type;
            }
        }
        self.identity = Some(Box::new(told));
        if log != self.last_log {
            self.log_instances += u64::from(log != self.first_log);
            self.last_log = log;
        }
        let geometry = Geometry::of(identity);
        let place = self.place_target(geometry, before);
        if let Some(sync_count) = identity.sync_count {
            self.target_mut(place).sync.count(sync_count, time);
        }
        place
    }

    fn place_target(&mut self, geometry: Geometry, before: Option<u32>) -> u32 {
        let same = self.targets.iter().position(|target| target.geometry.same_place(&geometry));
        let unplaced = before
            .map(|place| place as usize)
            .filter(|&place| self.targets.get(place).is_some_and(|t| t.geometry.region_size_sectors.is_none()));
        let place = match same.or(unplaced) {
            Some(place) => place,
            None if self.targets.len() < TARGETS_MAX => {
                self.targets.push(Target::default());
                self.targets.len() - 1
            }
            None => self.targets.len() - 1,
        };
        self.targets[place].geometry = geometry;
        u32::try_from(place).unwrap_or(0)
    }

    /// Takes over everything that was counted for a log before `identity` said that it is one of this device's.
    pub fn absorb(&mut self, other: Self, identity: &Identity) {
        let Self {
            identity: _,
            first_log: _,
            last_log: _,
            log_instances,
            targets,
            region_budget: _,
            ops,
            flushes,
            timeline: _,
            io,
            processes,
            recovery,
            failures,
            consults,
            comparisons,
            // Of a log that was not identified nothing is told.
            occupancy: _,
            churn,
            heat,
        } = other;
        let place = self.place_target(Geometry::of(identity), None);
        let numbers = self.processes.absorb(&processes);
        let number_here = |number: u16| process_number(numbers.get(usize::from(number)).copied().unwrap_or_default());
        let mut budget = self.region_budget;
        let target = self.target_mut(place);
        for theirs in &targets {
            target.regions.absorb(&theirs.regions, number_here, &mut budget);
            target.sync.absorb(theirs.sync);
        }
        self.region_budget = budget;
        // The log's identity follows at once and counts it, so its instance is not counted here.
        self.log_instances += log_instances.saturating_sub(1);
        self.ops.absorb(&ops);
        self.flushes.absorb(&flushes, |number| numbers.get(number as usize).copied().unwrap_or_default());
        self.io.absorb(&io);
        self.recovery.absorb(&recovery);
        self.failures.absorb(&failures);
        self.consults.absorb(&consults);
        self.comparisons.absorb(&comparisons);
        self.churn.absorb(&churn);
        if let Some(heat) = heat {
            self.heat.get_or_insert_default().absorb(*heat, place);
        }
    }

    /// An operation of one of its logs.
    #[inline]
    pub fn apply_log_op(&mut self, op: &LogOp, call: &Call, log: &mut LogState, inside: bool) {
        match op {
            LogOp::MarkRegion { region } => {
                log.carried.mark(*region);
                let Self { targets, region_budget, .. } = self;
                if let Some(target) = targets.get_mut(log.target as usize) {
                    target.regions.mark(*region, call.time, inside, region_budget);
                }
            }
            LogOp::ClearRegion { region } => {
                log.carried.clear(call.time);
                let Self { targets, region_budget, churn, .. } = self;
                if let Some(target) = targets.get_mut(log.target as usize)
                    && let Some(lifetime_ns) = target.regions.clear(*region, call.time, inside, region_budget)
                    && inside
                {
                    churn.clear(lifetime_ns);
                }
            }
            LogOp::Flush { kind, result } => {
                let flush = FlushSeen {
                    log: call.log,
                    tid: call.tid,
                    time: call.time,
                    duration_ns: call.duration_ns(),
                    leg_flush_ns: leg_flush_of(call, &mut log.leg_flush),
                    kind: *kind,
                    result: *result,
                    carried: log.carried,
                };
                let number = self.timeline.push(&flush);
                if inside {
                    self.flushes.observe(&flush, number);
                    self.churn.flush(&flush);
                }
                // After a flush that failed, the kernel's touched flags stay set: the next one carries the same.
                if *result == 0 {
                    log.carried = Carried::default();
                }
            }
            LogOp::GetResyncWork { result: 1, .. } if inside => self.recovery.hand_out(call.time),
            LogOp::GetSyncCount { count } => self.target_mut(log.target).sync.count(*count, call.time),
            LogOp::SetRegionSync { in_sync: false, .. } => self.target_mut(log.target).sync.lost(),
            _ => {}
        }
    }

    /// Whether a sync count tells nothing new of how many regions are out of sync.
    pub fn knows_sync_count(&self, call: &Call, target: u32) -> bool {
        let Some(target) = self.targets.get(target as usize) else { return true };
        let out_of_sync =
            target.geometry.region_count.map(|regions| regions.saturating_sub(call.result.cast_unsigned()));
        out_of_sync.is_some_and(|out_of_sync| target.occupancy.is_out_of_sync(call.log, out_of_sync))
    }

    /// An operation of one of its logs may have changed how many regions are dirty. `of_log` is what the model of the log
    /// says, if it has one. `from` is where the time begins that is looked at, `None` before it.
    #[inline]
    pub fn occupy(&mut self, call: &Call, target: u32, of_log: Option<LogOccupancy>, from: Option<MonoNs>) {
        let Self { targets, occupancy, .. } = self;
        let Some(target) = targets.get_mut(target as usize) else { return };
        let code = u16::from(call.code);
        if !target.occupancy.listens(call.log, code == kind::RESUME) {
            return;
        }
        let says = match of_log {
            _ if code == kind::DTR => None,
            Some(says) => Some(says),
            None => Some(target.seen()),
        };
        occupancy.observe(&mut target.occupancy, says.as_ref(), &target.geometry, call.time, from);
    }

    /// A write enters: its bytes count for its region.
    pub fn write_region(&mut self, target: u32, bio: &Bio<'_>, process: u32) {
        let Some(region) = self.geometry(target).region(bio.sector) else {
            self.io.region_not_known();
            return;
        };
        let Self { targets, region_budget, .. } = self;
        if let Some(target) = targets.get_mut(target as usize) {
            target.regions.write(region, u64::from(bio.bytes), process_number(process), region_budget);
        }
    }

    /// A bio that entered this device is over.
    pub fn end(&mut self, pending: &Pending, time: MonoNs, latency_ns: u64, status: i32) {
        let parts_ns = self.io.end(pending, time, latency_ns, status, &self.timeline);
        if pending.kind == IoKind::Write {
            if let Some(position) = pending.position
                && self.flushes.slowest.has_since(position.next())
            {
                let own = pending.picked.and_then(|(_, picked)| self.timeline.own(pending.log, picked));
                let Pending { entered, process, .. } = *pending;
                self.flushes.slowest.wait(&WriteSeen { entered, first: position.next(), own, ended: time, process });
            }
            self.processes.end_write(pending.process, latency_ns, parts_ns);
            if self.recovery.is_copying() {
                self.recovery.end_rival(latency_ns);
            }
        }
    }

    /// A bio is over that was not seen to enter.
    pub fn end_without_entry(&mut self) {
        self.io.end_without_entry();
    }
}
