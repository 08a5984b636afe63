//! The worker: `do_mirror` and what it calls.

use dmlog_user::event::ids::{IoId, Region};
use dmlog_user::event::op::{MirrorOp, Op, RegionHashOp};

use super::kernel::Machine;
use super::mirror::{Bio, CLEAN, DIRTY, HashedRegion, NOSYNC, RECOVERING};
use super::threads::{Action, Step, Thread, call, flush};

impl Machine {
    /// The worker's code between its calls.
    pub(super) fn act_as_worker(&mut self, thread: &mut Thread, action: Action) {
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
            Action::IncPending => Self::inc_pending(thread),
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
    fn inc_pending(thread: &mut Thread) {
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
    pub(super) fn end_write(&mut self, thread: &mut Thread, bio: Bio) {
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
}
