//! The model of one log instance: its bits, the region hash of its mirror, and what goes on around them.
//!
//! Which call is whose decides what can be compared. The worker's calls come one after the other
//! ([`serial`](Instance::serial)), so what they answer is certain. A resume and the flush at the end of a suspend are the ioctl
//! task's and may meet the worker; reads and status calls may meet anything ([`super::suspect`]).

use dmlog_common::hooks;

use super::bits::{Flushed, KnownBits, Work};
use super::finding::{Answer, Standing};
use super::hash::{RegionHash, Verdict};
use super::judge::Judge;
use super::recent::{Recent, Short};
use super::rules::Rules;
use super::seen::{Seen, Span};
use super::snapshot::AskedBits;
use super::suspect::{Difference, Fate, Suspect, Suspects};
use super::tally::Comparison;
use crate::event::ids::{DevNum, LogId, MonoNs, Region};
use crate::event::op::{FlushKind, LogImpl, LogOp, MirrorOp, RegionHashOp};
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
    pub(super) seen: Seen,
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
            last_reading: None,
            overlaps: false,
            learned: None,
            legs: None,
            resumed_by: None,
            asked_bits: None,
            is_resumed: false,
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
    fn works(&mut self, seen: &Seen) {
        self.worker = Some(seen.tid);
        self.since.get_or_insert(seen.time);
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
        seen: &Seen,
        region: Option<Region>,
        is_barrier: bool,
        judge: &mut Judge<'_>,
    ) -> bool {
        let span = seen.span();
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

    /// An operation of the log type.
    #[inline]
    pub(super) fn log_op(&mut self, seen: &Seen, by: LogImpl, op: &LogOp, judge: &mut Judge<'_>) {
        self.recent.push(seen, Short::Log(by, *op));
        if by == LogImpl::Userspace {
            // What the daemon answers is the daemon's, and other nodes change it.
            if let Some(comparison) = answer_of(op) {
                judge.unknown(comparison);
            }
            return;
        }
        match op {
            LogOp::MarkRegion { region } => self.mark_region(seen, *region, judge),
            LogOp::ClearRegion { region } => self.clear_region(seen, *region, judge),
            LogOp::Flush { kind, result } => self.flush(seen, by, *kind, *result, judge),
            LogOp::InSync { region, can_block, result } => self.in_sync(seen, *region, *can_block, *result, judge),
            LogOp::GetResyncWork { region, result } => self.get_resync_work(seen, *region, *result, judge),
            LogOp::SetRegionSync { region, in_sync } => self.set_region_sync(seen, *region, *in_sync, judge),
            LogOp::GetSyncCount { count } => self.get_sync_count(seen, *count, judge),
            LogOp::IsClean { region, result } => self.is_clean(seen, *region, *result, judge),
            LogOp::GetRegionSize { region_size_sectors } => self.get_region_size(seen, *region_size_sectors, judge),
            LogOp::Status { .. } => {
                self.answered(seen, judge);
                self.end_asked_bits(seen);
            }
            LogOp::Ctr { .. } => {
                self.made(seen);
                self.answered(seen, judge);
            }
            // A resume is handed over with what the log device held, the end by itself. The other operations are those of
            // userspace logs.
            LogOp::Resume { .. }
            | LogOp::Dtr
            | LogOp::Presuspend { .. }
            | LogOp::Postsuspend { .. }
            | LogOp::IsRemoteRecovering { .. } => {}
        }
        self.settle_overlap();
    }

    /// The constructor has returned: everything is known from here on.
    fn made(&mut self, seen: &Seen) {
        let rules = self.rules;
        self.since = Some(seen.time);
        if let (Some(regions), Some(sync_option)) = (&mut self.regions, self.facts.sync_option) {
            let region_count = regions.bits.region_count();
            let slots = usize::try_from(region_count).unwrap_or_default();
            regions.bits = KnownBits::of_new_log(region_count, sync_option, rules);
            regions.hash = regions.hash.take().map(|_old| RegionHash::new(slots, true, rules));
        }
    }

    #[inline]
    fn mark_region(&mut self, seen: &Seen, region: Region, judge: &mut Judge<'_>) {
        self.works(seen);
        self.serial(seen, Some(region), false, judge);
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Mark) };
        let in_sync = regions.bits.in_sync(region);
        regions.bits.mark_region(region);
        let verdict = regions.hash.as_mut().map_or(Verdict::Unknown, |hash| hash.mark(region, in_sync));
        if judge.count(Comparison::Mark, verdict) {
            let answers = (Answer::Happened(true), Answer::Happened(false));
            self.differs(seen, Comparison::Mark, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    #[inline]
    fn clear_region(&mut self, seen: &Seen, region: Region, judge: &mut Judge<'_>) {
        self.works(seen);
        self.serial(seen, Some(region), false, judge);
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
            self.differs(seen, Comparison::Clear, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    fn flush(&mut self, seen: &Seen, by: LogImpl, kind: Option<FlushKind>, result: i32, judge: &mut Judge<'_>) {
        let is_concurrent = self.serial(seen, None, false, judge);
        let legs = self.legs.take().filter(|(tid, _)| *tid == seen.tid).map(|(_, result)| result);
        if legs.is_some_and(|result| result != 0) {
            // Every clean bit changes.
            self.forget_asked_bits(judge);
        }
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Flush) };
        let missing = regions.hash.as_mut().and_then(|hash| {
            hash.settle_mark_nosync();
            hash.flush()
        });
        let is_core = by == LogImpl::Core;
        let predicted = if is_core { Some(FlushKind::NoOp) } else { regions.bits.flush_kind() };
        let legs_predicted = if is_core { Some(false) } else { regions.bits.touched_cleaned() };
        if !is_core {
            regions.bits.disk_flush(&Flushed { kind, legs, result, is_concurrent });
        }
        if let Some(region) = missing {
            let answers = (Answer::Happened(false), Answer::Happened(true));
            self.differs(seen, Comparison::Mark, Some(region), answers, RESTS_ON_MARKS, judge);
        }
        let flushed_legs = legs.is_some();
        let differ = |ours: Answer, theirs: Answer| (ours != theirs).then_some((ours, theirs));
        let kinds = kind.zip(predicted).map(|(kernel, model)| differ(Answer::Flush(kernel), Answer::Flush(model)));
        let of_legs = legs_predicted.filter(|_| kind.is_some());
        let of_legs = of_legs.map(|model| differ(Answer::Happened(flushed_legs), Answer::Happened(model)));
        // A core log has no legs to flush.
        let compared = if is_core { 1 } else { 2 };
        for (comparison, outcome) in
            [(Comparison::Flush, kinds), (Comparison::LegFlush, of_legs)].into_iter().take(compared)
        {
            match outcome {
                None => judge.unknown(comparison),
                Some(_) if is_concurrent => judge.concurrent(comparison),
                Some(None) => judge.equal(comparison),
                Some(Some(answers)) => {
                    let difference = self.difference(seen, comparison, None, answers, RESTS_ON_MARKS, judge);
                    self.suspect(difference, seen.span(), judge);
                }
            }
        }
    }

    #[inline]
    fn in_sync(&mut self, seen: &Seen, region: Region, can_block: bool, result: i32, judge: &mut Judge<'_>) {
        let kernel = match result {
            0 => Answer::InSync(false),
            1 => Answer::InSync(true),
            other => Answer::Other(other),
        };
        if can_block {
            self.works(seen);
        }
        // That a region was in sync is told before a change that takes that back. That it was not may be older than a change.
        let teaches = can_block || (result == 1 && self.is_after_losses(&seen.span()));
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
                self.differs(seen, Comparison::InSync, Some(region), answers, RESTS_ON_SYNC, judge);
            }
            Some(model) => self.suspect_of(seen, Comparison::InSync, Some(region), (kernel, model), judge),
        }
    }

    #[inline]
    fn get_resync_work(&mut self, seen: &Seen, region: Option<Region>, result: i32, judge: &mut Judge<'_>) {
        self.works(seen);
        self.serial(seen, region, true, judge);
        self.review_learned(&seen.span(), false);
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::ResyncWork) };
        let kernel = match (result, region) {
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
                self.differs(seen, Comparison::ResyncWork, None, answers, RESTS_ON_SYNC, judge);
            }
        }
    }

    fn set_region_sync(&mut self, seen: &Seen, region: Region, in_sync: bool, judge: &mut Judge<'_>) {
        self.works(seen);
        self.serial(seen, Some(region), false, judge);
        self.review_learned(&seen.span(), true);
        if let Some(regions) = &mut self.regions {
            regions.bits.set_region_sync(region, in_sync);
            if let Some(hash) = &mut regions.hash {
                hash.set_region_sync(region, in_sync);
            }
        }
    }

    fn get_sync_count(&mut self, seen: &Seen, count: u64, judge: &mut Judge<'_>) {
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::SyncCount) };
        match regions.bits.sync_count() {
            Some(model) if model == count => judge.equal(Comparison::SyncCount),
            Some(model) => {
                let answers = (Answer::Regions(count), Answer::Regions(model));
                self.suspect_of(seen, Comparison::SyncCount, None, answers, judge);
            }
            None => {
                judge.unknown(Comparison::SyncCount);
                let is_certain = self.last.is_none_or(|last| last.is_before(&seen.span()));
                if self.worker == Some(seen.tid) && is_certain {
                    regions.bits.adopt_sync_count(count);
                }
            }
        }
    }

    fn is_clean(&mut self, seen: &Seen, region: Region, result: i32, judge: &mut Judge<'_>) {
        let kernel = match result {
            0 => Answer::Clean(false),
            1 => Answer::Clean(true),
            other => Answer::Other(other),
        };
        let predicted = self.regions.as_ref().and_then(|regions| regions.bits.is_clean(region));
        match predicted.map(Answer::Clean) {
            None => judge.unknown(Comparison::IsClean),
            Some(model) if model == kernel => judge.equal(Comparison::IsClean),
            Some(model) => self.suspect_of(seen, Comparison::IsClean, Some(region), (kernel, model), judge),
        }
    }

    fn get_region_size(&mut self, seen: &Seen, sectors: u32, judge: &mut Judge<'_>) {
        match self.facts.region_size_sectors {
            None => judge.unknown(Comparison::RegionSize),
            Some(known) if known == sectors => judge.equal(Comparison::RegionSize),
            Some(known) => {
                let answers = (Answer::Sectors(u64::from(sectors)), Answer::Sectors(u64::from(known)));
                self.differs(seen, Comparison::RegionSize, None, answers, RESTS_ON_NOTHING, judge);
            }
        }
    }

    /// An operation of the region hash.
    #[inline]
    pub(super) fn region_hash_op(&mut self, seen: &Seen, op: &RegionHashOp, judge: &mut Judge<'_>) {
        self.recent.push(seen, Short::RegionHash(*op));
        match op {
            RegionHashOp::IncPending { region, .. } => self.inc_pending(*region),
            RegionHashOp::DecPending { region } => {
                if let Some(hash) = self.hash() {
                    hash.dec_pending(*region);
                }
            }
            RegionHashOp::GetState { region, may_block, state } => {
                self.get_state(seen, *region, *may_block, *state, judge);
            }
            RegionHashOp::MarkNosync { region, .. } => {
                if let Some(hash) = self.hash() {
                    hash.mark_nosync(*region);
                }
            }
            RegionHashOp::StartRecovery => {
                self.resumed_by = None;
                self.end_asked_bits(seen);
                // The hook of the resume may have been detached already.
                if !std::mem::take(&mut self.is_resumed) {
                    self.forget(judge);
                }
            }
            RegionHashOp::UpdateStates { .. }
            | RegionHashOp::Flush { .. }
            | RegionHashOp::Delay { .. }
            | RegionHashOp::RecoveryPrepare
            | RegionHashOp::RecoveryStart { .. }
            | RegionHashOp::RecoveryEnd { .. }
            | RegionHashOp::StopRecovery => {}
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
    fn get_state(&mut self, seen: &Seen, region: Region, may_block: bool, state: i32, judge: &mut Judge<'_>) {
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
            self.differs(seen, Comparison::RegionState, Some(region), answers, RESTS_ON_MARKS, judge);
        }
    }

    /// An operation of the mirror target that concerns its log.
    #[inline]
    pub(super) fn mirror_op(&mut self, seen: &Seen, op: &MirrorOp, judge: &mut Judge<'_>) {
        match op {
            MirrorOp::LegFlush { result } => {
                self.recent.push(seen, Short::LegFlush(*result));
                self.legs = Some((seen.tid, *result));
            }
            MirrorOp::Pass => {
                if let Some(hash) = self.hash() {
                    hash.settle_mark_nosync();
                }
            }
            MirrorOp::Ctr { .. } => self.answered(seen, judge),
            MirrorOp::FailMirror { leg, error_type } => self.recent.push(seen, Short::FailMirror(*leg, *error_type)),
            MirrorOp::Presuspend => self.recent.push(seen, Short::Presuspend),
            MirrorOp::Postsuspend => self.recent.push(seen, Short::Postsuspend),
            MirrorOp::Resume => self.recent.push(seen, Short::Resume),
            _ => {}
        }
    }

    pub(super) fn difference(
        &self,
        seen: &Seen,
        comparison: Comparison,
        region: Option<Region>,
        (kernel, model): (Answer, Answer),
        rests_on: u16,
        judge: &Judge<'_>,
    ) -> Difference {
        let position = judge.position;
        Difference { time: seen.time, log: self.log, comparison, region, kernel, model, rests_on, position }
    }

    /// A certain difference.
    #[cold]
    pub(super) fn differs(
        &mut self,
        seen: &Seen,
        comparison: Comparison,
        region: Option<Region>,
        answers: (Answer, Answer),
        rests_on: u16,
        judge: &mut Judge<'_>,
    ) {
        let difference = self.difference(seen, comparison, region, answers, rests_on, judge);
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
        seen: &Seen,
        comparison: Comparison,
        region: Option<Region>,
        answers: (Answer, Answer),
        judge: &mut Judge<'_>,
    ) {
        let difference = self.difference(seen, comparison, region, answers, RESTS_ON_SYNC, judge);
        let span = seen.span();
        if self.worker == Some(seen.tid) || self.is_after_losses(&span) {
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

/// What an operation's answer is compared as.
pub(super) fn answer_of(op: &LogOp) -> Option<Comparison> {
    match op {
        LogOp::InSync { .. } => Some(Comparison::InSync),
        LogOp::IsClean { .. } => Some(Comparison::IsClean),
        LogOp::GetResyncWork { .. } => Some(Comparison::ResyncWork),
        LogOp::GetSyncCount { .. } => Some(Comparison::SyncCount),
        LogOp::Flush { .. } => Some(Comparison::Flush),
        LogOp::GetRegionSize { .. } => Some(Comparison::RegionSize),
        LogOp::MarkRegion { .. } => Some(Comparison::Mark),
        LogOp::ClearRegion { .. } => Some(Comparison::Clear),
        LogOp::Resume { .. } => Some(Comparison::Resume),
        LogOp::Ctr { .. }
        | LogOp::Dtr
        | LogOp::Presuspend { .. }
        | LogOp::Postsuspend { .. }
        | LogOp::SetRegionSync { .. }
        | LogOp::Status { .. }
        | LogOp::IsRemoteRecovering { .. } => None,
    }
}
