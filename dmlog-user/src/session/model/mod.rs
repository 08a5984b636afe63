//! The log as oracle: a model of every log instance, fed with the kernel's calls and compared with its answers.
//!
//! ```text
//! Call  ─▶ Models::apply ─▶ Instance (one per log) ─┬▶ KnownBits   log::bits::LogBits and what of it is known
//!                               │                   └▶ RegionHash  states and pending writes of regions
//!                               ├▶ Tally     comparisons of each device: equal, unknown, concurrent
//!                               └▶ Findings  differences, each with its context
//! Gap, DecodeError ─▶ everything is forgotten, and differences that the loss may explain are excused
//! ```
//!
//! What is compared: every answer of a core or disk log, the kind of its flushes, its sync count wherever it is call, and
//! the region hash's states, marks and clears. A prediction is made only from what is known, and a comparison only where no
//! other call can have run at the same time; what is left out is counted. So a divergence is never guessed: either the
//! kernel did something else than its source says, or the model is wrong.
//!
//! After a difference the model goes on from the kernel's answer, so that one cause makes one. Nothing here fails, reads a
//! clock or allocates per event; memory is bounded by [`MODELS_MAX`], [`MODEL_REGIONS_MAX`] and
//! [`finding::FINDINGS_MAX`].

use crate::analysis::occupancy::LogOccupancy;
use crate::event::bits::Bits;
use crate::event::call::{CODES, Call};
use crate::event::facts::{CaptureFacts, Probe};
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::{Gap, Item};
use crate::event::op::{Identity, LogImpl};
use crate::log::arguments::SyncOption;
use crate::log::dirty_log::LogType;
use crate::log::geometry::LogGeometry;
use crate::log::region_set::RegionSet;
use dmlog_common::hooks;
use dmlog_common::record::kind;

use self::bits::count::BitCounts;
use self::bits::{Image, KnownBits};
use self::finding::{Answer, Findings};
use self::hash::RegionHash;
use self::instance::{Asked, Facts, Instance, RESTS_ON_NOTHING, Regions, answer_of, is_of};
use self::judge::Judge;
use self::reach::{Back, Reach};
use self::rules::Rules;
use self::tally::{Comparison, Tally};
use super::table::TableMut;

mod asked;
mod bits;
pub mod finding;
pub(super) mod hash;
mod instance;
mod judge;
mod reach;
mod recent;
pub mod rules;
mod snapshot;
mod span;
mod suspect;
pub mod tally;
#[cfg(test)]
mod tests;

/// Log instances that live at the same time and have a model; a host with thousands of mirrors has not been heard of.
pub const MODELS_MAX: usize = 4096;

/// Regions of all of them together, 5 bytes and as many bits each: 48 MiB. LVM's default of 2 MiB makes that 16 TiB.
pub const MODEL_REGIONS_MAX: usize = 1 << 23;

/// Log numbers that are told apart, as in [`super::logs::LOGS_MAX`].
const LOGS_MAX: usize = super::logs::LOGS_MAX;

/// Functions without which the bits of a log cannot be followed.
const HOOKS_OF_BITS: [u16; 8] = [
    hooks::CORE_RESUME,
    hooks::CORE_MARK_REGION,
    hooks::CORE_CLEAR_REGION,
    hooks::CORE_GET_RESYNC_WORK,
    hooks::CORE_SET_REGION_SYNC,
    hooks::DISK_RESUME,
    hooks::DISK_FLUSH,
    hooks::MIRROR_FLUSH,
];

/// Functions without which, in addition, the region hash cannot be followed.
const HOOKS_OF_HASH: [u16; 3] = [hooks::DM_RH_INC_PENDING, hooks::DM_RH_DEC, hooks::DM_RH_MARK_NOSYNC];

/// What the capture sees.
#[derive(Clone, Copy, Debug)]
struct Sight {
    bits: bool,
    hash: bool,
    /// Before this, hooks were still being attached.
    from: MonoNs,
}

impl Sight {
    fn of(facts: Option<&CaptureFacts>) -> Self {
        let Some(facts) = facts else { return Self { bits: true, hash: true, from: MonoNs(0) } };
        let sees = |wanted: &u16| {
            let Some(wanted) = hooks::HOOKS.get(usize::from(*wanted)) else { return false };
            let is_wanted = |hook: &&crate::event::facts::HookCoverage| {
                hook.function == wanted.function && hook.module == wanted.module
            };
            let probe = facts.coverage.iter().find(is_wanted).map(|hook| hook.probe);
            // A hook that the facts do not speak of was not left out: traces of other makers carry none at all.
            matches!(probe, None | Some(Probe::Fentry | Probe::Kprobe))
        };
        let bits = HOOKS_OF_BITS.iter().all(sees);
        Self { bits, hash: bits && HOOKS_OF_HASH.iter().all(sees), from: MonoNs(facts.clock.monotonic_ns) }
    }
}

/// What every model must have taken in before it may predict anything: counted up by each loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Epoch {
    all: u32,
    hash: u32,
}

/// The models of all logs of a stream.
#[derive(Clone, Debug)]
pub struct Models {
    instances: Vec<Option<Box<Entry>>>,
    live: usize,
    regions: usize,
    epoch: Epoch,
    findings: Findings,
    reach: Reach,
    sight: Sight,
    position: u64,
    /// A `dm_rh_mark_nosync` was call, so that the ends of passes mean something.
    has_nosync: bool,
    /// Logs without a model because there are too many, or too many regions.
    not_modelled: u64,
    rules: Rules,
}

/// A model, and what it has taken in.
#[derive(Clone, Debug)]
struct Entry {
    epoch: Epoch,
    instance: Instance,
    /// It would have a model if there were room.
    is_beyond: bool,
}

impl Models {
    /// No logs yet. Facts say which calls are seen at all.
    pub fn new(facts: Option<&CaptureFacts>, rules: Rules) -> Self {
        Self {
            instances: Vec::new(),
            live: 0,
            regions: 0,
            epoch: Epoch::default(),
            findings: Findings::default(),
            reach: Reach::new(facts),
            sight: Sight::of(facts),
            position: 0,
            has_nosync: false,
            not_modelled: 0,
            rules,
        }
    }

    /// All differences so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Logs that have no model because of a limit.
    pub fn not_modelled(&self) -> u64 {
        self.not_modelled
    }

    /// The bits and slots of all models, always in the same order, to be packed.
    pub(super) fn tables(&mut self) -> impl Iterator<Item = TableMut<'_>> {
        let regions = self.instances.iter_mut().flatten().filter_map(|entry| entry.instance.regions.as_mut());
        regions.flat_map(|regions| {
            let sets = regions.bits.sets_mut().into_iter().map(TableMut::Set);
            sets.chain(regions.hash.as_mut().map(|hash| TableMut::Slots(hash.slots_mut())))
        })
    }

    /// About how much memory the models take without [`tables`](Self::tables), in bytes.
    pub(super) fn footprint_bytes(&self) -> usize {
        // Mostly the last events.
        const INSTANCE_BYTES: usize = 4 << 10;
        self.live * INSTANCE_BYTES
            + self.instances.len() * size_of::<Option<Box<Entry>>>()
            + self.findings.kept().len() * INSTANCE_BYTES
    }

    /// Answers of a log of which it is not decided yet whether they can be compared.
    pub fn undecided(&self) -> impl Iterator<Item = (LogId, Comparison)> {
        self.instances.iter().flatten().flat_map(|entry| {
            let Instance { log, suspects, asked, .. } = &entry.instance;
            let status = asked.iter().map(|_not_answered| Comparison::Status);
            let bits = (0..entry.instance.undecided_bits()).map(|_part| Comparison::Bits);
            suspects.undecided().chain(status).chain(bits).map(move |comparison| (*log, comparison))
        })
    }

    /// Clean bits that the device of a disk log holds by now, and the regions of which they say the truth; `None` if its last
    /// write was not seen to succeed.
    pub fn on_device(&self, log: LogId) -> Option<(RegionSet, RegionSet)> {
        let entry = self.instances.get(log.0 as usize)?.as_ref().filter(|entry| entry.epoch == self.epoch)?;
        let Image { clean, known } = entry.instance.regions.as_ref()?.bits.image()?;
        Some((clean, known))
    }

    /// What a log says of its regions now; `None` without a model of its bits.
    #[inline]
    pub fn occupancy(&mut self, log: LogId) -> Option<LogOccupancy> {
        let epoch = self.epoch;
        let entry = self.instances.get_mut(log.0 as usize)?.as_mut().filter(|entry| entry.epoch == epoch)?;
        let is_core = match entry.instance.facts.log_type? {
            LogType::Core => true,
            LogType::Disk => false,
            LogType::Userspace => return None,
        };
        Some(entry.instance.regions.as_mut()?.bits.occupancy(is_core))
    }

    /// How many of these regions are dirty and out of sync, as far as that is known; `None` without a model of the log.
    pub(in crate::session) fn count_bits(&self, log: LogId, regions: std::ops::Range<u64>) -> Option<BitCounts> {
        let entry = self.instances.get(log.0 as usize)?.as_ref().filter(|entry| entry.epoch == self.epoch)?;
        Some(entry.instance.regions.as_ref()?.bits.count(regions))
    }

    /// Takes in an event that is numbers only. Comparisons are counted in `tally`, if the event is `inside` the window that is
    /// looked at.
    #[inline]
    pub fn apply(&mut self, call: &Call, tally: &mut Tally, inside: bool) {
        if LOOKED_AT[usize::from(call.code) % CODES] && self.sight.from <= call.time {
            self.look_at(call, tally, inside);
        }
    }

    fn look_at(&mut self, call: &Call, tally: &mut Tally, inside: bool) {
        match u16::from(call.code) {
            kind::RESUME | kind::CTR | kind::DTR => return self.apply_rare(call, tally, inside),
            kind::FLUSH if call.arg().is_none() => return self.apply_rare(call, tally, inside),
            // Often enough on each CPU, and not too often.
            kind::FLUSH => self.reach.see(call.cpu, self.position),
            kind::RH_MARK_NOSYNC => self.has_nosync = true,
            kind::PASS if !self.has_nosync => return,
            _ => {}
        }
        self.position += 1;
        let Some((instance, mut judge)) = self.instance(call, tally, inside) else {
            return self.count_unknown_answer(call, tally, inside);
        };
        instance.apply(call, &mut judge);
        if self.findings.has_open() {
            self.settle(call);
        }
    }

    /// The operations that begin and end the life of a log or of its table.
    #[cold]
    fn apply_rare(&mut self, call: &Call, tally: &mut Tally, inside: bool) {
        self.position += 1;
        let reads_device = u16::from(call.code) == kind::RESUME && is_of(call, LogImpl::Disk);
        let image = if reads_device { self.image_for(call.log) } else { None };
        let Some((instance, mut judge)) = self.instance(call, tally, inside) else {
            return self.count_unknown_answer(call, tally, inside);
        };
        instance.apply_seldom(call, &mut judge);
        match u16::from(call.code) {
            kind::RESUME => instance.resume(call, image, &mut judge),
            kind::DTR => {
                instance.end(&mut judge);
                self.remove(call.log);
            }
            kind::CTR if call.result != 0 => self.remove(call.log),
            kind::FLUSH if is_of(call, LogImpl::Disk) && call.span_ns().is_some() => {
                // The capture found that it could not trust the structure offsets: what was read before is worth nothing.
                self.findings.excuse_from(0);
            }
            _ => {}
        }
        self.settle(call);
    }

    /// Differences that this call settles, because its hook is still attached.
    #[cold]
    fn settle(&mut self, call: &Call) {
        if !is_of(call, LogImpl::Userspace)
            && let Some(hook) = hook_of(call)
        {
            self.findings.heard(hook);
        }
    }

    /// Takes in part of a snapshot of a log's bits.
    #[cold]
    pub fn snapshot_bits(&mut self, call: &Call, bits: &Bits, tally: &mut Tally, inside: bool) {
        if call.time < self.sight.from {
            return;
        }
        self.position += 1;
        if let Some((instance, mut judge)) = self.instance(call, tally, inside) {
            instance.snapshot_bits(call, bits, &mut judge);
        } else if inside {
            tally.unknown(Comparison::Bits);
        }
    }

    /// An answer of a log without a model. If nobody knows of which, what changes one may have changed any.
    #[cold]
    fn count_unknown_answer(&mut self, call: &Call, tally: &mut Tally, inside: bool) {
        if let Some(comparison) = answer_of(call.code.into())
            && inside
        {
            tally.unknown(comparison);
        }
        if call.log == LogId::UNKNOWN {
            match u16::from(call.code) {
                kind::CTR..=kind::IS_REMOTE_RECOVERING | kind::LEG_FLUSH => {
                    self.epoch.all = self.epoch.all.wrapping_add(1);
                }
                kind::RH_INC..=kind::RH_STOP_RECOVERY => self.epoch.hash = self.epoch.hash.wrapping_add(1),
                _ => {}
            }
        }
    }

    /// Takes in what is missing, if the item says that something is.
    #[inline]
    pub fn apply_loss(&mut self, item: &Item) {
        match item {
            Item::Event(_) => {}
            Item::Gap(gap) => self.apply_gap(gap),
            // An event that could not be understood.
            Item::DecodeError(_) => self.epoch.all = self.epoch.all.wrapping_add(1),
        }
    }

    /// Events are missing.
    fn apply_gap(&mut self, gap: &Gap) {
        match self.reach.of(gap) {
            Back::Nothing => return,
            Back::Here => {}
            Back::Since(position) => self.findings.excuse_from(position),
        }
        self.epoch.all = self.epoch.all.wrapping_add(1);
    }

    /// The model of a log, made if it is new.
    #[inline]
    fn instance<'a>(
        &'a mut self,
        call: &Call,
        tally: &'a mut Tally,
        inside: bool,
    ) -> Option<(&'a mut Instance, Judge<'a>)> {
        let place = call.log.0 as usize;
        if self.instances.get(place).is_none_or(Option::is_none) {
            self.add(call.log);
        }
        self.known_instance(call, tally, inside)
    }

    /// The model of a log that is not new, after it has taken in what was lost.
    #[inline]
    fn known_instance<'a>(
        &'a mut self,
        call: &Call,
        tally: &'a mut Tally,
        inside: bool,
    ) -> Option<(&'a mut Instance, Judge<'a>)> {
        let Self { instances, findings, epoch, position, .. } = self;
        let entry = instances.get_mut(call.log.0 as usize)?.as_mut()?;
        let mut judge = Judge { tally, findings, inside, position: *position };
        if entry.epoch != *epoch {
            catch_up(entry, *epoch, &mut judge);
        }
        Some((&mut entry.instance, judge))
    }

    #[cold]
    fn add(&mut self, log: LogId) {
        let place = log.0 as usize;
        if log == LogId::UNKNOWN || place >= LOGS_MAX || self.live >= MODELS_MAX {
            self.not_modelled += u64::from(log != LogId::UNKNOWN && self.live >= MODELS_MAX);
            return;
        }
        if place >= self.instances.len() {
            self.instances.resize_with(place + 1, || None);
        }
        let instance = Instance::new(log, self.rules);
        self.instances[place] = Some(Box::new(Entry { epoch: self.epoch, instance, is_beyond: false }));
        self.live += 1;
    }

    fn remove(&mut self, log: LogId) {
        if let Some(entry) = self.instances.get_mut(log.0 as usize).and_then(Option::take) {
            self.live -= 1;
            let regions = entry.instance.regions.map_or(0, |regions| regions.bits.region_count());
            self.regions -= usize::try_from(regions).unwrap_or_default();
        }
    }

    /// What a log's device holds when it is resumed: what was written there last, by itself or by the log before it, which
    /// lives until this one has taken over. If another one writes there too, or none lives, anything may be there.
    fn image_for(&self, log: LogId) -> Option<Image> {
        let entry = |log: LogId| self.instances.get(log.0 as usize)?.as_deref();
        let own = &entry(log).filter(|entry| entry.epoch == self.epoch)?.instance;
        let device = own.facts.log_device?;
        let mut others = self
            .instances
            .iter()
            .flatten()
            .filter(|other| other.instance.log != log && other.instance.facts.log_device == Some(device));
        let (other, none) = (others.next(), others.next());
        if none.is_some() {
            return None;
        }
        let own = own.regions.as_ref().and_then(|regions| regions.bits.image());
        match other {
            None => own,
            Some(other) if own.is_none() && other.epoch == self.epoch => {
                other.instance.regions.as_ref().and_then(|regions| regions.bits.image())
            }
            Some(_) => None,
        }
    }

    /// The kernel's structures say what a log is.
    pub fn identify(&mut self, call: &Call, identity: &Identity, tally: &mut Tally, inside: bool) {
        if call.time < self.sight.from {
            return;
        }
        self.position += 1;
        let (sight, rules, in_use) = (self.sight, self.rules, self.regions);
        let Some((instance, mut judge)) = self.instance(call, tally, inside) else { return };
        instance.facts = Facts {
            log_type: log_type_of(&identity.log_type).or(instance.facts.log_type),
            log_device: identity.log_device.or(instance.facts.log_device),
            region_size_sectors: identity.region_size_sectors.or(instance.facts.region_size_sectors),
            sync_option: identity.sync_option.and_then(sync_option_of).or(instance.facts.sync_option),
        };
        compare_region_count(instance, call, identity, &mut judge);
        if identity.sync_count.is_some() {
            let asked = Asked { call: *call, sync_count: identity.sync_count, flush_failed: identity.flush_failed };
            instance.ask(asked, &mut judge);
        }
        let is_followed = sight.bits && matches!(instance.facts.log_type, Some(LogType::Core | LogType::Disk));
        let (None, Some(region_count), true) = (&instance.regions, identity.region_count, is_followed) else { return };
        let room = MODEL_REGIONS_MAX - in_use;
        let Some(slots) = usize::try_from(region_count).ok().filter(|slots| (1..=room).contains(slots)) else {
            return self.is_beyond(call.log);
        };
        let sync_option = instance.facts.sync_option.unwrap_or_default();
        let hash = sight.hash.then(|| RegionHash::new(slots, false, rules));
        let bits = KnownBits::of_old_log(region_count, sync_option, rules);
        instance.regions = Some(Box::new(Regions { bits, hash }));
        self.regions += slots;
    }

    /// A log has too many regions for a model.
    fn is_beyond(&mut self, log: LogId) {
        if let Some(Some(entry)) = self.instances.get_mut(log.0 as usize)
            && !std::mem::replace(&mut entry.is_beyond, true)
        {
            self.not_modelled += 1;
        }
    }
}

/// A model forgets what it cannot know any more.
#[cold]
fn catch_up(entry: &mut Entry, epoch: Epoch, judge: &mut Judge<'_>) {
    if entry.epoch.all == epoch.all {
        entry.instance.forget_hash();
    } else {
        entry.instance.forget(judge);
    }
    entry.epoch = epoch;
}

/// The number of regions is what the kernel computes from the target's length and the region size.
fn compare_region_count(instance: &mut Instance, call: &Call, identity: &Identity, judge: &mut Judge<'_>) {
    let geometry = identity.target_sectors.zip(identity.region_size_sectors);
    let model = geometry.and_then(|(sectors, size)| LogGeometry::new(sectors, size).ok());
    match (identity.region_count, model.map(|geometry| geometry.region_count())) {
        (None, _) => {}
        (Some(_), None) => judge.unknown(Comparison::RegionCount),
        (Some(kernel), Some(model)) if kernel == model => judge.equal(Comparison::RegionCount),
        (Some(kernel), Some(model)) => {
            let answers = (Answer::Regions(kernel), Answer::Regions(model));
            instance.differs(call, Comparison::RegionCount, None, answers, RESTS_ON_NOTHING, judge);
        }
    }
}

fn log_type_of(name: &str) -> Option<LogType> {
    [LogType::Core, LogType::Disk, LogType::Userspace].into_iter().find(|log_type| log_type.name() == name)
}

fn sync_option_of(number: u32) -> Option<SyncOption> {
    match number {
        0 => Some(SyncOption::Default),
        1 => Some(SyncOption::Nosync),
        2 => Some(SyncOption::Force),
        _ => None,
    }
}

/// Number of the hook that sees this, where it is low enough to settle anything.
fn hook_of(call: &Call) -> Option<u16> {
    let is_core = is_of(call, LogImpl::Core);
    Some(match u16::from(call.code) {
        kind::MARK_REGION => hooks::CORE_MARK_REGION,
        kind::CLEAR_REGION => hooks::CORE_CLEAR_REGION,
        kind::IN_SYNC => hooks::CORE_IN_SYNC,
        kind::GET_RESYNC_WORK => hooks::CORE_GET_RESYNC_WORK,
        kind::FLUSH if is_core => hooks::CORE_FLUSH,
        kind::RESUME if is_core => hooks::CORE_RESUME,
        kind::CTR if is_core => hooks::CORE_CTR,
        kind::DTR if is_core => hooks::CORE_DTR,
        _ => return None,
    })
}

/// The operations that the models look at. Others are the worker's steps between the calls that tell something, and bios and
/// copies, which tell nothing about the log.
static LOOKED_AT: [bool; CODES] = {
    let mut looked_at = [false; CODES];
    let others = [
        kind::RH_INC,
        kind::RH_DEC,
        kind::RH_MARK_NOSYNC,
        kind::RH_DELAY,
        kind::RH_GET_STATE,
        kind::RH_RECOVERY_END,
        kind::RH_START_RECOVERY,
        kind::PASS,
        kind::LEG_FLUSH,
        kind::FAIL_MIRROR,
        kind::MIRROR_CTR,
        kind::MIRROR_PRESUSPEND,
        kind::MIRROR_POSTSUSPEND,
        kind::MIRROR_RESUME,
    ];
    let mut code = kind::CTR;
    while code <= kind::IS_REMOTE_RECOVERING {
        looked_at[code as usize] = true;
        code += 1;
    }
    let mut place = 0;
    while place < others.len() {
        looked_at[others[place] as usize] = true;
        place += 1;
    }
    looked_at
};
