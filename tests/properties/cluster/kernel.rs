//! One node's mirror: what dm-raid1 and dm-region-hash do with their log, one request at a time.
//!
//! ```text
//! write   (IS_REMOTE_RECOVERING) → IN_SYNC ─┬─ 1 → MARK, FLUSH → data to all legs → (later) CLEAR, FLUSH
//!                                           └─ 0 → data to the default leg, without a mark, and from then on without asking
//! resync  GET_RESYNC_WORK → copy → SET_REGION_SYNC 1, CLEAR, FLUSH
//! failure a leg fails under a write → SET_REGION_SYNC 0
//! ```

use std::collections::VecDeque;

use dmlog_user::event::ids::Region;
use dmlog_user::log::cluster::ids::Token;
use dmlog_user::log::userspace::ids::Errno;
use dmlog_user::log::userspace::reply::Answer;
use dmlog_user::log::userspace::request::RequestOp;

use super::choice::Choice;

/// A request of the kernel, if there is one.
pub(super) type Asked = Option<(Token, RequestOp)>;

/// What the region hash knows of a region that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashed {
    /// Marked; the flush is not answered yet.
    Marking,
    /// Data is on its way to the legs.
    Writing,
    /// All written; the clear is not sent yet.
    Written,
    /// A leg failed; the log is not told yet.
    LegFailed,
    /// Writes go to the default leg only.
    Nosync,
}

/// A region that this node recovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) region: Region,
    pub(super) state: CopyState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyState {
    /// Own writes have to end first.
    Quiescing,
    Copying,
    /// Over; the log is not told yet.
    Copied,
    Failed,
}

/// Where the mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Suspended,
    Live,
    /// Behind `PRESUSPEND`.
    Suspending,
}

/// Something that changes what is on the legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A write to all legs begins.
    WriteBegins(Region),
    /// A write to all legs has ended.
    WriteEnds(Region),
    /// A write has ended on one leg only.
    LegFails(Region),
    /// The log knows that.
    LegFailureIsKnown(Region),
    /// A write to one leg, unmarked.
    NosyncWrite(Region),
    CopyBegins(Region),
    CopyEnds(Region),
    CopyFails(Region),
}

#[derive(Clone, Debug)]
pub(super) struct Kernel {
    region_count: u64,
    pub(super) stage: Stage,
    hint: u64,
    /// By region.
    pub(super) hash: Vec<Option<Hashed>>,
    pub(super) copy: Option<Copy>,
    /// A flush failed: no writes before the next resume.
    pub(super) is_log_failed: bool,
    /// The request that is under way, and what comes behind it.
    asked: Asked,
    /// That is the `RESUME` of a reconnect.
    is_reconnecting: bool,
    then: VecDeque<RequestOp>,
    next_token: u64,
    pub(super) writes: u64,
    pub(super) recovered: u64,
}

impl Kernel {
    pub(super) fn new(region_count: u64) -> Self {
        Self {
            region_count,
            stage: Stage::Suspended,
            hint: 0,
            hash: (0..region_count).map(|_| None).collect(),
            copy: None,
            is_log_failed: false,
            asked: None,
            is_reconnecting: false,
            then: VecDeque::new(),
            next_token: 0,
            writes: 0,
            recovered: 0,
        }
    }

    pub(super) fn regions(&self, state: Hashed) -> Vec<Region> {
        (0..)
            .map(Region)
            .zip(&self.hash)
            .filter(|(_, hashed)| **hashed == Some(state))
            .map(|(region, _)| region)
            .collect()
    }

    pub(super) fn hashed(&self, region: Region) -> Option<Hashed> {
        self.hash[at(region)]
    }

    fn forget(&mut self, state: Hashed) {
        for hashed in &mut self.hash {
            hashed.take_if(|hashed| *hashed == state);
        }
    }

    /// Nothing is under way, and nothing is left to tell.
    pub(super) fn is_quiet(&self) -> bool {
        let is_still = |hashed: &Option<Hashed>| matches!(hashed, None | Some(Hashed::Nosync));
        self.asked.is_none() && self.then.is_empty() && self.copy.is_none() && self.hash.iter().all(is_still)
    }

    fn send(&mut self, op: RequestOp) -> (Token, RequestOp) {
        self.next_token += 1;
        let asked = (Token(self.next_token), op);
        self.asked = Some(asked.clone());
        asked
    }

    /// The daemon is another one. `userspace_do_request` introduces the log to it, resumes it, and goes on as if
    /// nothing had been.
    pub(super) fn reconnect(&mut self) -> (Token, RequestOp) {
        if self.stage == Stage::Suspended {
            return self.send(RequestOp::Resume);
        }
        if let Some((_, op)) = self.asked.take()
            && !self.is_reconnecting
        {
            self.then.push_front(op);
        }
        self.is_reconnecting = true;
        self.send(RequestOp::Resume)
    }

    /// Whether the worker waits for an answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// The worker does something: sends a request, or a deed.
    pub(super) fn work(&mut self, choice: &mut Choice, is_writing: bool, deeds: &mut Vec<Deed>) -> Asked {
        if let Some((_, op)) = self.asked.clone() {
            // 15 seconds have passed. It goes out with a new number; the answer to the old one is for nobody.
            return Some(self.send(op));
        }
        if let Some(op) = self.then.pop_front() {
            return Some(self.send(op));
        }
        match self.stage {
            Stage::Suspended => return Some(self.send(RequestOp::Resume)),
            Stage::Suspending if self.is_quiet() => return Some(self.send(RequestOp::Postsuspend)),
            Stage::Live | Stage::Suspending => {}
        }
        if let Some(op) = self.pass(choice) {
            return Some(self.send(op));
        }
        if self.stage == Stage::Live && self.copy.is_none() && choice.percent(1) {
            return Some(self.send(RequestOp::Presuspend));
        }
        if is_writing && !self.is_log_failed {
            let region = Region(choice.below(usize::try_from(self.region_count).unwrap()) as u64);
            return self.write(region, deeds);
        }
        None
    }

    /// A pass of the worker without new writes: clears, failures, recovery.
    fn pass(&mut self, choice: &mut Choice) -> Option<RequestOp> {
        if let Some(region) = self.regions(Hashed::LegFailed).first() {
            return Some(RequestOp::SetRegionSync { region: *region, in_sync: false });
        }
        match self.copy {
            Some(Copy { region, state: CopyState::Copied }) => {
                return Some(RequestOp::SetRegionSync { region, in_sync: true });
            }
            Some(Copy { region, state: CopyState::Failed }) => {
                return Some(RequestOp::SetRegionSync { region, in_sync: false });
            }
            _ => {}
        }
        let written = self.regions(Hashed::Written);
        if !written.is_empty() && choice.percent(60) {
            self.forget(Hashed::Written);
            self.then.push_back(RequestOp::Flush { marks: Vec::new() });
            return Some(RequestOp::ClearRegion { regions: written });
        }
        let may_recover = self.copy.is_none() && self.hint < self.region_count && self.stage == Stage::Live;
        if may_recover && choice.percent(50) {
            return Some(RequestOp::GetResyncWork);
        }
        if choice.percent(5) { Some(RequestOp::GetSyncCount) } else { None }
    }

    fn write(&mut self, region: Region, deeds: &mut Vec<Deed>) -> Asked {
        if self.copy.is_some_and(|copy| copy.region == region) {
            // Delayed on the region.
            return None;
        }
        match self.hashed(region) {
            None if region.0 >= self.hint => Some(self.send(RequestOp::IsRemoteRecovering { region })),
            None => Some(self.send(RequestOp::InSync { region })),
            Some(Hashed::Written) => {
                self.hash[at(region)] = Some(Hashed::Marking);
                self.then.push_back(RequestOp::Flush { marks: Vec::new() });
                Some(self.send(RequestOp::MarkRegion { regions: vec![region] }))
            }
            Some(Hashed::Nosync) => {
                deeds.push(Deed::NosyncWrite(region));
                None
            }
            Some(Hashed::Marking | Hashed::Writing | Hashed::LegFailed) => None,
        }
    }

    /// The daemon answers.
    pub(super) fn reply(&mut self, token: Token, outcome: &Result<Answer, Errno>, deeds: &mut Vec<Deed>) {
        let Some((_, op)) = self.asked.take_if(|(asked, _)| *asked == token) else { return };
        match (op, outcome) {
            (
                RequestOp::IsRemoteRecovering { region },
                Ok(Answer::RemoteRecovering { is_recovering, in_sync_hint }),
            ) => {
                self.hint = in_sync_hint.0;
                if !is_recovering {
                    self.then.push_front(RequestOp::InSync { region });
                }
            }
            (RequestOp::InSync { region }, Ok(Answer::InSync(true))) => {
                self.hash[at(region)] = Some(Hashed::Marking);
                self.then.push_back(RequestOp::MarkRegion { regions: vec![region] });
                self.then.push_back(RequestOp::Flush { marks: Vec::new() });
            }
            (RequestOp::InSync { region }, Ok(Answer::InSync(false))) => {
                self.hash[at(region)] = Some(Hashed::Nosync);
                deeds.push(Deed::NosyncWrite(region));
            }
            (RequestOp::Flush { .. }, Ok(_)) => {
                for region in self.regions(Hashed::Marking) {
                    self.hash[at(region)] = Some(Hashed::Writing);
                    self.writes += 1;
                    deeds.push(Deed::WriteBegins(region));
                }
            }
            (RequestOp::Flush { .. }, Err(_)) => {
                self.is_log_failed = true;
                // Held until the mirror is suspended; nothing was written, so they can be forgotten.
                self.forget(Hashed::Marking);
            }
            (RequestOp::GetResyncWork, Ok(Answer::ResyncWork(Some(region)))) => {
                self.copy = Some(Copy { region: *region, state: CopyState::Quiescing });
            }
            (RequestOp::SetRegionSync { region, in_sync }, Ok(_)) => self.told(region, in_sync, deeds),
            (RequestOp::GetSyncCount, Ok(Answer::SyncCount(count))) if *count >= self.region_count => {
                self.hint = self.region_count;
            }
            (RequestOp::Presuspend, Ok(_)) => self.stage = Stage::Suspending,
            (RequestOp::Postsuspend, _) => {
                self.stage = Stage::Suspended;
                self.hash.fill(None);
                self.is_log_failed = false;
            }
            (RequestOp::Resume, Ok(_)) if self.is_reconnecting => self.is_reconnecting = false,
            (RequestOp::Resume, Ok(_)) => {
                self.stage = Stage::Live;
                self.hint = 0;
            }
            _ => {}
        }
    }

    /// The log knows that a region was recovered, or that a leg failed there.
    fn told(&mut self, region: Region, in_sync: bool, deeds: &mut Vec<Deed>) {
        let is_copied = self.copy.is_some_and(|copy| copy.region == region && copy.state != CopyState::Copying);
        if is_copied && self.hashed(region) != Some(Hashed::LegFailed) {
            self.copy = None;
            self.hash[at(region)] = None;
            if in_sync {
                self.recovered += 1;
                self.then.push_back(RequestOp::ClearRegion { regions: vec![region] });
                self.then.push_back(RequestOp::Flush { marks: Vec::new() });
            }
        } else {
            self.hash[at(region)] = Some(Hashed::Nosync);
            deeds.push(Deed::LegFailureIsKnown(region));
        }
    }

    /// Something ends that was under way on the legs.
    pub(super) fn complete(&mut self, choice: &mut Choice, is_failing: bool, deeds: &mut Vec<Deed>) {
        let hashed = self.copy.and_then(|copy| self.hashed(copy.region));
        if let Some(copy) = &mut self.copy {
            let region = copy.region;
            match copy.state {
                CopyState::Quiescing if matches!(hashed, None | Some(Hashed::Written | Hashed::Nosync)) => {
                    copy.state = CopyState::Copying;
                    // RECOVERING takes the place of what the hash had.
                    self.hash[at(region)] = None;
                    deeds.push(Deed::CopyBegins(region));
                    return;
                }
                CopyState::Copying if choice.percent(50) => {
                    let has_failed = is_failing && choice.percent(15);
                    copy.state = if has_failed { CopyState::Failed } else { CopyState::Copied };
                    deeds.push(if has_failed { Deed::CopyFails(region) } else { Deed::CopyEnds(region) });
                    return;
                }
                _ => {}
            }
        }
        if let Some(region) = choice.one_of(&self.regions(Hashed::Writing)) {
            let has_failed = is_failing && choice.percent(10);
            self.hash[at(region)] = Some(if has_failed { Hashed::LegFailed } else { Hashed::Written });
            deeds.push(if has_failed { Deed::LegFails(region) } else { Deed::WriteEnds(region) });
        }
    }
}

/// Where a region is in a list of all regions.
pub(super) fn at(region: Region) -> usize {
    usize::try_from(region.0).unwrap()
}
