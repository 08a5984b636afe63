//! The model of one log instance: its bits, the region hash of its mirror, and what goes on around them.
//!
//! Which call is whose decides what can be compared. The worker's calls come one after the other
//! ([`serial`](Instance::serial)), so what they answer is certain. A resume and the flush at the end of a suspend are the ioctl
//! task's and may meet the worker; reads and status calls may meet anything ([`super::suspect`]).

use dmlog_common::hooks;
use dmlog_common::record::kind;

use super::bits::{Flushed, KnownBits, Work};
use super::finding::{Answer, Standing};
use super::hash::{RegionHash, Verdict};
use super::judge::Judge;
use super::recent::Recent;
use super::rules::Rules;
use super::snapshot::AskedBits;
use super::span::Span;
use super::suspect::{Difference, Fate, Suspect, Suspects};
use super::tally::Comparison;
use crate::event::call::{Call, has};
use crate::event::ids::{DevNum, LogId, MonoNs, Region};
use crate::event::op::{FlushKind, LogImpl};
use crate::log::arguments::SyncOption;
use crate::log::dirty_log::LogType;

/// Predictions of the sync bits rest on the calls that change them, of which `get_resync_work` is detached first. That a
/// core log was resumed is told by `dm_rh_start_recovery` too, which is detached later.
pub(super) const RESTS_ON_SYNC: u16 = hooks::CORE_GET_RESYNC_WORK;
/// Predictions of flushes and region states rest on marks too.
pub(super) const RESTS_ON_MARKS: u16 = hooks::CORE_MARK_REGION;
/// Predictions from facts rest on no hook.
pub(super) const RESTS_ON_NOTHING: u16 = u16::MAX;

/// What is known of the log itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) log_type: Option<LogType>,
    pub(super) log_device: Option<DevNum>,
    pub(super) region_size_sectors: Option<u32>,
    pub(super) sync_option: Option<SyncOption>,
}

/// What the kernel's structures said while the log was asked for its status, resumed or made; the call is not over yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) sync_count: Option<u64>,
    pub(super) flush_failed: bool,
}

/// Bits and region hash of a log whose number of regions is known.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    pub(super) bits: KnownBits,
    /// `None` if the capture does not see all that changes it.
    pub(super) hash: Option<RegionHash>,
}

/// One log instance.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) log: LogId,
    pub(super) facts: Facts,
    pub(super) regions: Option<Box<Regions>>,
    pub(super) recent: Recent,
    pub(super) suspects: Suspects,
    pub(super) asked: Vec<Asked>,
    /// Thread of the last call that only the worker makes.
    worker: Option<u32>,
    /// When the first such call was over since events may have been missing. Whatever was missed came before it.
    since: Option<MonoNs>,
    /// The last call that changes the log, or may.
    pub(super) last: Option<Span>,
    /// The call that is being taken in may have run at the same time as that one.
    overlaps: bool,
    /// The last clear. One may be late: the last write to end before a suspend wakes the worker, and nobody waits for it.
    pub(super) last_clear: Option<Span>,
    /// The last flush that may have written to the log device.
    pub(super) last_write: Option<Span>,
    /// The last resume that read the log device.
    pub(super) last_reading: Option<Span>,
    /// A sync count was learned from an answer that a change, still to be told, may overlap.
    pub(super) learned: Option<Span>,
    /// Result of the flush of the legs within the flush that is under way, and its thread.
    pub(super) legs: Option<(u32, i32)>,
    /// Thread that has just resumed the log, and has not allowed recovery yet.
    pub(super) resumed_by: Option<u32>,
    /// A snapshot of the bits that the capture asked for.
    pub(super) asked_bits: Option<Box<AskedBits>>,
    /// The log was resumed, and recovery has not been allowed since.
    pub(super) is_resumed: bool,
    /// The log was made or suspended, and has not been put to work since: a resume may be under way at any time.
    pub(super) may_resume: bool,
    rules: Rules,
}

impl Instance {
    pub(super) fn new(log: LogId, rules: Rules) -> Self {
        Self {
            log,
            facts: Facts::default(),
            regions: None,
            recent: Recent::default(),
            suspects: Suspects::default(),
            asked: Vec::new(),
            worker: None,
            since: None,
            last: None,
            last_clear: None,
            last_write: None,
            last_reading: None,
            overlaps: false,
            learned: None,
            legs: None,
            resumed_by: None,
            asked_bits: None,
            is_resumed: false,
            may_resume: false,
            rules,
        }
    }

    /// Events may be missing.
    pub(super) fn forget(&mut self, judge: &mut Judge<'_>) {
        for suspect in self.suspects.drain() {
            judge.acquit(&suspect);
        }
        for _not_answered in self.asked.drain(..) {
            judge.unknown(Comparison::Status);
        }
        self.forget_asked_bits(judge);
        (self.learned, self.legs, self.since) = (None, None, None);
        if let Some(regions) = &mut self.regions {
            regions.bits.forget();
        }
        self.forget_hash();
    }

    /// Events of the region hash may be missing.
    pub(super) fn forget_hash(&mut self) {
        if let Some(hash) = self.hash() {
            hash.forget();
        }
    }

    pub(super) fn hash(&mut self) -> Option<&mut RegionHash> {
        self.regions.as_mut().and_then(|regions| regions.hash.as_mut())
    }

    /// The log has ended: nothing that overlaps a suspect can come any more.
    pub(super) fn end(&mut self, judge: &mut Judge<'_>) {
        for suspect in self.suspects.drain() {
            judge.convict(suspect);
        }
        for _not_answered in self.asked.drain(..) {
            judge.unknown(Comparison::Status);
        }
        self.forget_asked_bits(judge);
    }

    /// A call that only the worker makes.
    #[inline]
    fn works(&mut self, call: &Call) {
        self.worker = Some(call.tid);
        self.since.get_or_insert(call.time);
    }

    /// Whether a call of any thread began after everything that may have been missed.
    pub(super) fn is_after_losses(&self, span: &Span) -> bool {
        // A thread that is none.
        self.since.is_some_and(|since| Span { from: since, to: since, tid: 0 }.is_before(span))
    }

    /// A call that changes the log. Whether the one before it, of another thread, may have run at the same time.
    #[inline]
    pub(super) fn serial(
        &mut self,
        call: &Call,
        region: Option<Region>,
        is_barrier: bool,
        judge: &mut Judge<'_>,
    ) -> bool {
        let span = Span::of(call);
        if self.asked_bits.is_some() {
            self.meet_asked_bits(&span, region, judge);
        }
        let overlaps = self.last.is_some_and(|last| !last.is_before(&span));
        self.last = Some(span);
        if !self.suspects.is_empty() {
            self.decide(&span, is_barrier, judge);
        }
        self.overlaps = overlaps;
        overlaps
    }

    /// The effects of a call that changes the log were taken in: of two that ran at the same time, nobody knows which had
    /// its effect last.
    #[inline]
    pub(super) fn settle_overlap(&mut self) {
        if std::mem::take(&mut self.overlaps)
            && let Some(regions) = &mut self.regions
        {
            regions.bits.overlap();
        }
    }

    #[cold]
    fn decide(&mut self, span: &Span, is_barrier: bool, judge: &mut Judge<'_>) {
        for (suspect, fate) in self.suspects.decide(span, is_barrier) {
            match fate {
                Fate::Concurrent => judge.acquit(&suspect),
                Fate::Difference => {
                    if let Some(regions) = &mut self.regions {
                        regions.bits.doubt(suspect.difference.comparison, suspect.difference.region);
                    }
                    judge.convict(suspect);
                }
            }
        }
    }

    /// A sync count that was learned from a status is worth nothing if a change overlapped that.
    #[inline]
    fn review_learned(&mut self, span: &Span, changes_sync: bool) {
        if let Some(learned) = self.learned {
            if learned.is_before(span) {
                self.learned = None;
            } else if changes_sync {
                self.learned = None;
                if let Some(regions) = &mut self.regions {
                    regions.bits.forget_sync();
                }
            }
        }
    }

    /// The same as [`apply`](Self::apply), where it is not often.
    #[inline(never)]
    pub(super) fn apply_seldom(&mut self, call: &Call, judge: &mut Judge<'_>) {
        self.apply(call, judge);
    }

    /// Something that the models look at and that is numbers only. A resume comes by itself, with what the log device held;
    /// and so does the end of the log.
    #[inline]
    pub(super) fn apply(&mut self, call: &Call, judge: &mut Judge<'_>) {
        if u16::from(call.code) != kind::PASS {
            self.recent.push(call);
        }
        if is_of(call, LogImpl::Userspace) {
            // What the daemon answers is the daemon's, and other nodes change it.
            if let Some(comparison) = answer_of(call.code.into()) {
                judge.unknown(comparison);
            }
            return;
        }
        match u16::from(call.code) {
            kind::MARK_REGION => self.mark_region(call, Region(call.region), judge),
            kind::CLEAR_REGION => self.clear_region(call, Region(call.region), judge),
            kind::FLUSH => self.flush(call, judge),
            kind::IN_SYNC => self.in_sync(call, Region(call.region), judge),
            kind::GET_RESYNC_WORK => self.get_resync_work(call, call.region(), judge),
            kind::SET_REGION_SYNC => self.set_region_sync(call, Region(call.region), judge),
            kind::GET_SYNC_COUNT => self.get_sync_count(call, judge),
            kind::RH_INC => return self.inc_pending(call.region()),
            kind::RH_DEC => return self.dec_pending(Region(call.region)),
            kind::RH_GET_STATE => return self.get_state(call, Region(call.region), judge),
            kind::LEG_FLUSH => {
                self.legs = Some((call.tid, call.result_i32()));
                return;
            }
            _ => self.apply_rare(call, judge),
        }
        self.settle_overlap();
    }

    #[cold]
    fn apply_rare(&mut self, call: &Call, judge: &mut Judge<'_>) {
        match u16::from(call.code) {
            kind::IS_CLEAN => self.is_clean(call, Region(call.region), judge),
            kind::GET_REGION_SIZE => self.get_region_size(call, judge),
            kind::STATUS => {
                self.answered(call, judge);
                self.end_asked_bits(call);
            }
            kind::CTR => {
                self.made(call);
                self.answered(call, judge);
            }
            kind::MIRROR_CTR => self.answered(call, judge),
            kind::RH_MARK_NOSYNC => {
                if let Some(hash) = self.hash() {
                    hash.mark_nosync(call.region());
                }
            }
            kind::PASS => {
                if let Some(hash) = self.hash() {
                    hash.settle_mark_nosync();
                }
            }
            kind::MIRROR_POSTSUSPEND => self.may_resume = true,
            kind::RH_START_RECOVERY => {
                self.resumed_by = None;
                self.may_resume = false;
                self.end_asked_bits(call);
                // The hook of the resume may have been detached already.
                if !std::mem::take(&mut self.is_resumed) {
                    self.forget(judge);
                }
            }
            _ => {}
        }
    }

    /// The constructor has returned: everything is known from here on.
    fn made(&mut self, call: &Call) {
        let rules = self.rules;
        self.since = Some(call.time);
        self.may_resume = true;
        if let (Some(regions), Some(sync_option)) = (&mut self.regions, self.facts.sync_option) {
            let region_count = regions.bits.region_count();
            let slots = usize::try_from(region_count).unwrap_or_default();
            regions.bits = KnownBits::of_new_log(region_count, sync_option, rules);
            regions.hash = regions.hash.take().map(|_old| RegionHash::new(slots, true, rules));
        }
    }

    #[inline]
    fn mark_region(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        self.works(call);
        self.serial(call, Some(region), false, judge);
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Mark) };
        let in_sync = regions.bits.in_sync(region);
        regions.bits.mark_region(region);
        let verdict = regions.hash.as_mut().map_or(Verdict::Unknown, |hash| hash.mark(region, in_sync));
        if judge.count(Comparison::Mark, verdict) {
            let answers = (Answer::Happened(true), Answer::Happened(false));
            self.differs(call, Comparison::Mark, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    #[inline]
    fn clear_region(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        self.works(call);
        self.serial(call, Some(region), false, judge);
        self.last_clear = self.last;
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Clear) };
        let in_sync = regions.bits.in_sync(region);
        regions.bits.clear_region(region);
        if self.overlaps && self.last_reading.zip(self.last).is_some_and(|(reading, clear)| !reading.is_before(&clear))
        {
            regions.bits.doubt_region(region);
        }
        let Some(hash) = &mut regions.hash else { return judge.unknown(Comparison::Clear) };
        let (verdict, states, pending) = hash.clear(region, in_sync);
        if judge.count(Comparison::Clear, verdict) {
            let model = if pending == 0 { Answer::States(states) } else { Answer::Pending(u32::from(pending)) };
            let answers = (Answer::Clean(true), model);
            self.differs(call, Comparison::Clear, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    fn flush(&mut self, call: &Call, judge: &mut Judge<'_>) {
        let (kind, result) = (call.arg().and_then(FlushKind::from_number), call.result_i32());
        let is_concurrent = self.serial(call, None, false, judge);
        let legs = self.legs.take().filter(|(tid, _)| *tid == call.tid).map(|(_, result)| result);
        if legs.is_some_and(|result| result != 0) {
            // Every clean bit changes.
            self.forget_asked_bits(judge);
        }
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Flush) };
        let missing = regions.hash.as_mut().and_then(|hash| {
            hash.settle_mark_nosync();
            hash.flush()
        });
        let is_core = is_of(call, LogImpl::Core);
        let predicted = if is_core { Some(FlushKind::NoOp) } else { regions.bits.flush_kind() };
        let legs_predicted = if is_core { Some(false) } else { regions.bits.touched_cleaned() };
        if !is_core {
            if kind != Some(FlushKind::NoOp) {
                self.last_write = self.last;
            }
            regions.bits.disk_flush(&Flushed { kind, legs, result, is_concurrent });
        }
        if let Some(region) = missing {
            let answers = (Answer::Happened(false), Answer::Happened(true));
            self.differs(call, Comparison::Mark, Some(region), answers, RESTS_ON_MARKS, judge);
        }
        self.compare_flush(call, (Comparison::Flush, Answer::Flush), kind.zip(predicted), is_concurrent, judge);
        // A core log has no legs to flush.
        if !is_core {
            let legs = kind.map(|_told| legs.is_some()).zip(legs_predicted);
            self.compare_flush(call, (Comparison::LegFlush, Answer::Happened), legs, is_concurrent, judge);
        }
    }

    /// What a flush did and what was predicted, if both are known.
    #[inline]
    fn compare_flush<T: Copy + PartialEq>(
        &mut self,
        call: &Call,
        (comparison, answer): (Comparison, fn(T) -> Answer),
        did_and_model: Option<(T, T)>,
        is_concurrent: bool,
        judge: &mut Judge<'_>,
    ) {
        match did_and_model {
            None => judge.unknown(comparison),
            Some(_) if is_concurrent => judge.concurrent(comparison),
            Some((kernel, model)) if kernel == model => judge.equal(comparison),
            Some((kernel, model)) => {
                let answers = (answer(kernel), answer(model));
                let difference = self.difference(call, comparison, None, answers, RESTS_ON_MARKS, judge);
                self.suspect(difference, Span::of(call), judge);
            }
        }
    }

    #[inline]
    fn in_sync(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        let (can_block, result) = (call.arg != 0, call.result_i32());
        let kernel = match result {
            0 => Answer::InSync(false),
            1 => Answer::InSync(true),
            other => Answer::Other(other),
        };
        if can_block {
            self.works(call);
        }
        // That a region was in sync is told before a change that takes that back. That it was not may be older than a change.
        let teaches = can_block || (result == 1 && self.is_after_losses(&Span::of(call)));
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::InSync) };
        let predicted = regions.bits.in_sync(region);
        if let Answer::InSync(in_sync) = kernel
            && (predicted.is_none() && teaches || can_block && predicted != Some(in_sync))
        {
            regions.bits.adopt_in_sync(region, in_sync);
        }
        match predicted.map(Answer::InSync) {
            None => judge.unknown(Comparison::InSync),
            Some(model) if model == kernel => judge.equal(Comparison::InSync),
            Some(model) if can_block => {
                let answers = (kernel, model);
                self.differs(call, Comparison::InSync, Some(region), answers, RESTS_ON_SYNC, judge);
            }
            Some(model) => self.suspect_of(call, Comparison::InSync, Some(region), (kernel, model), judge),
        }
    }

    #[inline]
    fn get_resync_work(&mut self, call: &Call, region: Option<Region>, judge: &mut Judge<'_>) {
        self.works(call);
        self.serial(call, region, true, judge);
        self.review_learned(&Span::of(call), false);
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::ResyncWork) };
        let kernel = match (call.result_i32(), region) {
            (1, Some(region)) => Some(region),
            (0, None) => None,
            (1, None) => {
                regions.bits.forget_resync_work();
                self.forget_hash();
                return judge.unknown(Comparison::ResyncWork);
            }
            // No core or disk log answers that.
            _ => return judge.unknown(Comparison::ResyncWork),
        };
        let predicted = regions.bits.get_resync_work(kernel);
        if let (Some(region), Some(hash)) = (kernel, &mut regions.hash) {
            hash.recover(region);
        }
        match predicted {
            Work::Unknown => judge.unknown(Comparison::ResyncWork),
            Work::Known(model) if model == kernel => judge.equal(Comparison::ResyncWork),
            Work::Known(model) => {
                let answers = (Answer::Region(kernel), Answer::Region(model));
                self.differs(call, Comparison::ResyncWork, None, answers, RESTS_ON_SYNC, judge);
            }
        }
    }

    fn set_region_sync(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        let in_sync = call.arg != 0;
        self.works(call);
        self.serial(call, Some(region), false, judge);
        self.review_learned(&Span::of(call), true);
        if let Some(regions) = &mut self.regions {
            regions.bits.set_region_sync(region, in_sync);
            if let Some(hash) = &mut regions.hash {
                hash.set_region_sync(region, in_sync);
            }
        }
    }

    fn get_sync_count(&mut self, call: &Call, judge: &mut Judge<'_>) {
        let count = call.result.cast_unsigned();
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::SyncCount) };
        match regions.bits.sync_count() {
            Some(model) if model == count => judge.equal(Comparison::SyncCount),
            Some(model) => {
                let answers = (Answer::Regions(count), Answer::Regions(model));
                self.suspect_of(call, Comparison::SyncCount, None, answers, judge);
            }
            None => {
                judge.unknown(Comparison::SyncCount);
                let is_certain = self.last.is_none_or(|last| last.is_before(&Span::of(call)));
                if self.worker == Some(call.tid) && is_certain {
                    regions.bits.adopt_sync_count(count);
                }
            }
        }
    }

    fn is_clean(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        let kernel = match call.result_i32() {
            0 => Answer::Clean(false),
            1 => Answer::Clean(true),
            other => Answer::Other(other),
        };
        let predicted = self.regions.as_ref().and_then(|regions| regions.bits.is_clean(region));
        match predicted.map(Answer::Clean) {
            None => judge.unknown(Comparison::IsClean),
            Some(model) if model == kernel => judge.equal(Comparison::IsClean),
            Some(model) => self.suspect_of(call, Comparison::IsClean, Some(region), (kernel, model), judge),
        }
    }

    fn get_region_size(&mut self, call: &Call, judge: &mut Judge<'_>) {
        let sectors = call.result.cast_unsigned();
        match self.facts.region_size_sectors.map(u64::from) {
            None => judge.unknown(Comparison::RegionSize),
            Some(known) if known == sectors => judge.equal(Comparison::RegionSize),
            Some(known) => {
                let answers = (Answer::Sectors(sectors), Answer::Sectors(known));
                self.differs(call, Comparison::RegionSize, None, answers, RESTS_ON_NOTHING, judge);
            }
        }
    }

    #[inline]
    fn inc_pending(&mut self, region: Option<Region>) {
        let Some(regions) = &mut self.regions else { return };
        let Some(hash) = &mut regions.hash else { return };
        match region {
            Some(region) => hash.inc_pending(region, regions.bits.in_sync(region)),
            // Which one could not be read.
            None => hash.forget(),
        }
    }

    #[inline]
    fn dec_pending(&mut self, region: Region) {
        if let Some(hash) = self.hash() {
            hash.dec_pending(region);
        }
    }

    #[inline]
    fn get_state(&mut self, call: &Call, region: Region, judge: &mut Judge<'_>) {
        let (may_block, state) = (call.arg != 0, call.result_i32());
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::RegionState) };
        let Some(hash) = &mut regions.hash else { return judge.unknown(Comparison::RegionState) };
        if !may_block {
            // Asked when a read has failed, in an interrupt: the worker may be doing anything.
            return judge.concurrent(Comparison::RegionState);
        }
        let (verdict, states) = hash.get_state(region, regions.bits.in_sync(region), state);
        if judge.count(Comparison::RegionState, verdict) {
            let kernel = match u8::try_from(state) {
                Ok(state @ (1 | 2 | 4 | 8)) => Answer::States(state),
                _ => Answer::Other(state),
            };
            let answers = (kernel, Answer::States(states));
            self.differs(call, Comparison::RegionState, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    pub(super) fn difference(
        &self,
        call: &Call,
        comparison: Comparison,
        region: Option<Region>,
        (kernel, model): (Answer, Answer),
        rests_on: u16,
        judge: &Judge<'_>,
    ) -> Difference {
        let position = judge.position;
        Difference { time: call.time, log: self.log, comparison, region, kernel, model, rests_on, position }
    }

    /// A certain difference.
    #[cold]
    #[inline(never)]
    pub(super) fn differs(
        &mut self,
        call: &Call,
        comparison: Comparison,
        region: Option<Region>,
        answers: (Answer, Answer),
        rests_on: u16,
        judge: &mut Judge<'_>,
    ) {
        let difference = self.difference(call, comparison, region, answers, rests_on, judge);
        judge.differs(&difference, Standing::Open { rests_on }, self.recent.lines());
        if let Comparison::InSync | Comparison::ResyncWork = comparison {
            // One cause makes one difference.
            for suspect in self.suspects.take_counts() {
                judge.acquit(&suspect);
            }
        }
    }

    /// An answer about the sync bits that something may overlap.
    #[cold]
    fn suspect_of(
        &mut self,
        call: &Call,
        comparison: Comparison,
        region: Option<Region>,
        answers: (Answer, Answer),
        judge: &mut Judge<'_>,
    ) {
        let difference = self.difference(call, comparison, region, answers, RESTS_ON_SYNC, judge);
        let span = Span::of(call);
        if self.worker == Some(call.tid) || self.is_after_losses(&span) {
            self.suspect_unless_overlapped(difference, span, judge);
        } else {
            judge.concurrent(comparison);
        }
    }

    pub(super) fn suspect_unless_overlapped(&mut self, difference: Difference, span: Span, judge: &mut Judge<'_>) {
        if self.last.is_some_and(|last| !last.is_before(&span)) {
            judge.concurrent(difference.comparison);
        } else {
            self.suspect(difference, span, judge);
        }
    }

    fn suspect(&mut self, difference: Difference, span: Span, judge: &mut Judge<'_>) {
        if self.suspects.has(difference.comparison, difference.region) {
            judge.concurrent(difference.comparison);
        } else {
            self.suspects.add(Suspect { difference, span, context: self.recent.lines(), inside: judge.inside });
        }
    }
}

/// Whether it is an operation of such a log.
#[inline]
pub(super) fn is_of(call: &Call, implementation: LogImpl) -> bool {
    call.has & has::IMPL != 0 && call.implementation == implementation.number()
}

/// What an operation's answer is compared as.
pub(super) fn answer_of(code: u16) -> Option<Comparison> {
    match code {
        kind::IN_SYNC => Some(Comparison::InSync),
        kind::IS_CLEAN => Some(Comparison::IsClean),
        kind::GET_RESYNC_WORK => Some(Comparison::ResyncWork),
        kind::GET_SYNC_COUNT => Some(Comparison::SyncCount),
        kind::FLUSH => Some(Comparison::Flush),
        kind::GET_REGION_SIZE => Some(Comparison::RegionSize),
        kind::MARK_REGION => Some(Comparison::Mark),
        kind::CLEAR_REGION => Some(Comparison::Clear),
        kind::RESUME => Some(Comparison::Resume),
        kind::RH_GET_STATE => Some(Comparison::RegionState),
        _ => None,
    }
}
