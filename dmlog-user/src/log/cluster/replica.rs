//! The state that every member has, and how each message and each change of the membership changes it.
//!
//! Deterministic: members that apply the same things in the same order have the same replica. Nothing here depends on
//! which node it runs on; what a node does about a change (reply, acknowledge, write) is in [`super::member`].
//!
//! Invariants, checked by [`Replica::self_check`]: a region that is clean is in sync and marked by nobody; only members
//! have marks and pins; the region in recovery is out of sync, and nobody but its recoverer has it marked from before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ids::{NodeId, Position, Session};
use super::message::{Body, Message, Standing};
use super::protocol::{LeaveReason, Membership};
use super::rules::{Rule, Rules};
use crate::event::ids::Region;
use crate::log::region_set::RegionSet;

/// Regions that wait to be recovered first. Beyond that they wait for their turn in the order of their numbers.
pub(crate) const WANTED_MAX: usize = 1024;

/// The region that is being recovered, by one node at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) region: Region,
    pub(crate) node: NodeId,
    /// Somebody died or failed in it meanwhile, so that what was copied does not count.
    pub(crate) is_spoiled: bool,
}

/// What a message did, for those who have to do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Its sender is no member, or it is of an earlier session.
    Ignored,
    /// What it says.
    Plain,
    /// The region that the sender shall recover.
    Work(Option<Region>),
    /// These have the state now.
    NewMembers(BTreeSet<NodeId>),
}

/// The replicated state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) rules: Rules,
    /// Regions that nobody writes to and whose legs are equal. What the log device has.
    pub(crate) clean: RegionSet,
    /// Regions whose legs are equal but for writes under way.
    pub(crate) in_sync: RegionSet,
    /// Who may be writing where.
    pub(crate) marks: BTreeSet<(Region, NodeId)>,
    /// Who was told that a region is out of sync and does not ask before writing there: it writes to one leg, unmarked,
    /// until it is resumed.
    pub(crate) pins: BTreeSet<(Region, NodeId)>,
    /// Who failed to recover a region and shall not be given it again.
    pub(crate) failed: BTreeSet<(Region, NodeId)>,
    /// Nodes that may be writing anywhere: their kernel lives, and whoever knew their marks does not.
    pub(crate) unknown_writers: BTreeSet<NodeId>,
    /// Nodes whose kernel has outlived its daemon and goes on with another one: a flush of theirs may be for marks that
    /// only the first daemon got. All regions count as marked by them until they are suspended.
    pub(crate) blind: BTreeSet<NodeId>,
    pub(crate) recovery: Option<Recovery>,
    /// Recovered first.
    pub(crate) wanted: VecDeque<Region>,
    pub(crate) is_log_device_failed: bool,
    pub(crate) position: Position,
    /// Those who have this state.
    pub(crate) members: BTreeSet<NodeId>,
    /// Those who have announced themselves and wait for it.
    pub(crate) joiners: BTreeSet<NodeId>,
    /// The latest session of every node that was heard of.
    pub(crate) sessions: BTreeMap<NodeId, Session>,
    /// Sends checkpoints and writes the log device.
    pub(crate) server: Option<NodeId>,
    /// Members that have announced themselves since the last change. Only from those do joiners take a checkpoint, for
    /// only of those do they know that they are members.
    pub(crate) announced: BTreeSet<NodeId>,
    /// Those for whom a checkpoint is under way; `None` if none is.
    pub(crate) transfer: Option<BTreeSet<NodeId>>,
}

impl Replica {
    /// A state that nobody had before: regions in `in_sync` are in sync and clean, and the founder is the only member.
    /// `round` is what everybody in the group has announced.
    pub(crate) fn found(
        founder: NodeId,
        in_sync: RegionSet,
        round: &BTreeMap<NodeId, (Session, Standing)>,
        rules: Rules,
    ) -> Self {
        let mut replica = Self {
            rules,
            clean: in_sync.clone(),
            in_sync,
            marks: BTreeSet::new(),
            pins: BTreeSet::new(),
            failed: BTreeSet::new(),
            unknown_writers: BTreeSet::new(),
            blind: BTreeSet::new(),
            recovery: None,
            wanted: VecDeque::new(),
            is_log_device_failed: false,
            position: Position(0),
            members: BTreeSet::new(),
            joiners: BTreeSet::new(),
            sessions: BTreeMap::new(),
            server: None,
            announced: BTreeSet::new(),
            transfer: None,
        };
        for (node, (session, standing)) in round {
            replica.announce(*node, *session, *standing);
        }
        replica.announced.insert(founder);
        // Its announcement has put the founder among those who wait.
        replica.joiners.remove(&founder);
        replica.members.insert(founder);
        replica.server = Some(founder);
        replica
    }

    pub(crate) fn region_count(&self) -> u64 {
        self.in_sync.len()
    }

    /// The next message of the order.
    pub(crate) fn apply(&mut self, from: NodeId, message: &Message) -> Applied {
        self.position.0 += 1;
        let Message { session, body } = message;
        if let Body::Announce(standing) = body {
            self.announce(from, *session, *standing);
            return Applied::Plain;
        }
        if !self.members.contains(&from) || self.sessions.get(&from) != Some(session) {
            return Applied::Ignored;
        }
        match body {
            Body::Mark { regions } => self.mark(from, regions),
            Body::Clear { regions } => self.clear(from, regions),
            Body::Work { request: _ } => return Applied::Work(self.work(from)),
            Body::SetRegionSync { request: _, region, in_sync } if region.0 < self.region_count() => {
                if *in_sync {
                    self.recovered(from, *region);
                } else {
                    self.leg_failed(from, *region);
                }
            }
            Body::InSync { request: _, region } if region.0 < self.region_count() => {
                if !self.in_sync.get(*region) {
                    self.pins.insert((*region, from));
                }
            }
            Body::Wanted { region } => self.want(*region),
            Body::CheckpointStart if self.server == Some(from) && self.announced.contains(&from) => {
                self.transfer = Some(self.joiners.clone());
            }
            Body::CheckpointChunk { index, count, bytes: _ } if self.server == Some(from) => {
                if index.checked_add(1) == Some(*count) {
                    return self.checkpoint_sent();
                }
            }
            Body::DiskWritten { up_to: _, is_ok } => self.is_log_device_failed = !is_ok,
            Body::Handover if self.server == Some(from) => self.server = self.members.first().copied(),
            Body::NodeGone { node } if !self.members.contains(node) => self.is_down(*node),
            Body::Announce(_)
            | Body::Founded
            | Body::CheckpointStart
            | Body::CheckpointChunk { .. }
            | Body::Flush { .. }
            | Body::SetRegionSync { .. }
            | Body::InSync { .. }
            | Body::Ack { .. }
            | Body::Handover
            | Body::NodeGone { .. } => {}
        }
        Applied::Plain
    }

    /// The next change of the membership in the order.
    pub(crate) fn change(&mut self, membership: &Membership) {
        if membership.is_of_members() {
            self.announced.clear();
        }
        for (node, reason) in &membership.left {
            let was_member = self.members.contains(node);
            self.forget(*node);
            match reason {
                // Its kernel is still there.
                LeaveReason::ProcessDown if was_member => {
                    self.unknown_writers.insert(*node);
                }
                LeaveReason::ProcessDown => {}
                LeaveReason::NodeDown => self.is_down(*node),
                // Its mirror is suspended: what it had under way is done.
                LeaveReason::Left => {
                    self.unknown_writers.remove(node);
                    if self.blind.remove(node) {
                        self.find_clean();
                    }
                }
            }
        }
    }

    /// A node writes no more, and what it was writing may be half done.
    fn is_down(&mut self, node: NodeId) {
        self.unknown_writers.remove(&node);
        if self.blind.remove(&node) {
            let everything: Vec<Region> = (0..self.region_count()).map(Region).collect();
            for region in everything {
                self.put_out_of_sync(region);
            }
        }
    }

    /// A region is clean if it is in sync and nobody has it marked.
    fn find_clean(&mut self) {
        self.clean = RegionSet::new_empty(self.region_count());
        if self.blind.is_empty() {
            self.clean = self.in_sync.clone();
            for (region, _) in &self.marks {
                self.clean.remove(*region);
            }
        }
    }

    /// A node says where it stands. Only a newer session says something new; an older one was under way.
    fn announce(&mut self, node: NodeId, session: Session, standing: Standing) {
        match self.sessions.get(&node) {
            Some(known) if *known > session => return,
            // One that was cut off keeps the session that it was a member under.
            Some(known) if *known == session && standing != Standing::Isolated => {
                if standing == Standing::Member && self.members.contains(&node) {
                    self.announced.insert(node);
                }
                return;
            }
            _ => {}
        }
        // A newer attempt: what the earlier one was is over.
        self.forget(node);
        self.sessions.insert(node, session);
        match standing {
            Standing::Joiner { is_reconnect: false } => {
                self.is_down(node);
                self.joiners.insert(node);
            }
            Standing::Joiner { is_reconnect: true } => {
                self.unknown_writers.insert(node);
                self.blind.insert(node);
                self.find_clean();
                self.joiners.insert(node);
            }
            Standing::Isolated => {
                self.unknown_writers.insert(node);
            }
            // Nobody can be a member of this state without our knowing.
            Standing::Member => {}
        }
    }

    /// A node is no member any more. What it had marked may be half written: out of sync until it was recovered.
    fn forget(&mut self, node: NodeId) {
        self.joiners.remove(&node);
        self.announced.remove(&node);
        if let Some(waiting) = &mut self.transfer {
            waiting.remove(&node);
        }
        if !self.members.remove(&node) {
            return;
        }
        let marked: Vec<Region> = self.marks.iter().filter(|(_, by)| *by == node).map(|(region, _)| *region).collect();
        self.marks.retain(|(_, by)| *by != node);
        self.pins.retain(|(_, by)| *by != node);
        self.failed.retain(|(_, by)| *by != node);
        if self.recovery.is_some_and(|recovery| recovery.node == node) {
            self.recovery = None;
        }
        if self.rules.keep(Rule::MarksOfTheDeadStay) {
            for region in marked {
                self.put_out_of_sync(region);
            }
        } else {
            for region in marked {
                self.clean_if_unmarked(region);
            }
        }
        if self.server == Some(node) {
            self.server = self.members.first().copied();
            self.transfer = None;
        }
    }

    /// The legs may differ.
    fn put_out_of_sync(&mut self, region: Region) {
        self.in_sync.remove(region);
        self.clean.remove(region);
        if let Some(recovery) = &mut self.recovery
            && recovery.region == region
        {
            recovery.is_spoiled = true;
        }
    }

    fn mark(&mut self, node: NodeId, regions: &[Region]) {
        for region in regions.iter().filter(|region| region.0 < self.in_sync.len()) {
            self.marks.insert((*region, node));
            self.clean.remove(*region);
        }
    }

    fn clear(&mut self, node: NodeId, regions: &[Region]) {
        for region in regions {
            self.marks.remove(&(*region, node));
            self.clean_if_unmarked(*region);
        }
    }

    fn clean_if_unmarked(&mut self, region: Region) {
        let is_marked = self.markers(region).next().is_some() || !self.blind.is_empty();
        let is_free = !self.rules.keep(Rule::ClearNeedsNoOtherMark) || !is_marked;
        if is_free && self.in_sync.get(region) {
            self.clean.insert(region);
        }
    }

    /// Who has the region marked.
    pub(crate) fn markers(&self, region: Region) -> impl Iterator<Item = NodeId> + '_ {
        nodes_of(&self.marks, region)
    }

    /// Another node than this one recovers the region.
    pub(crate) fn is_recovered_by_another(&self, region: Region, node: NodeId) -> bool {
        self.rules.keep(Rule::RecoveryWaitsForWriters)
            && self.recovery.is_some_and(|recovery| recovery.region == region && recovery.node != node)
    }

    /// Whether the node may recover the region: nobody else may be writing there.
    fn may_recover(&self, node: NodeId, region: Region) -> bool {
        let is_other = |by: NodeId| by != node;
        let is_written = self.markers(region).any(is_other) || nodes_of(&self.pins, region).any(is_other);
        let is_taken = is_written && self.rules.keep(Rule::RecoveryWaitsForWriters);
        !(self.in_sync.get(region) || is_taken || self.failed.contains(&(region, node)))
    }

    /// The region that a node shall recover: the one that it was given already, one that somebody waits for, or the
    /// first.
    fn work(&mut self, node: NodeId) -> Option<Region> {
        if let Some(recovery) = self.recovery {
            return (recovery.node == node).then_some(recovery.region);
        }
        if self.unknown_writers.iter().any(|writer| *writer != node) {
            return None;
        }
        let wanted = self.wanted.iter().copied().find(|region| self.may_recover(node, *region));
        let region = wanted.or_else(|| self.first_recoverable(node))?;
        self.wanted.retain(|wanted| *wanted != region);
        self.recovery = Some(Recovery { region, node, is_spoiled: false });
        Some(region)
    }

    fn first_recoverable(&self, node: NodeId) -> Option<Region> {
        let mut from = Region(0);
        loop {
            let region = self.in_sync.first_unset_from(from)?;
            if self.may_recover(node, region) {
                return Some(region);
            }
            from = Region(region.0 + 1);
        }
    }

    /// A node says that it has recovered a region. Only the one that was given it is believed.
    fn recovered(&mut self, node: NodeId, region: Region) {
        let Some(recovery) = self.recovery.take_if(|recovery| recovery.region == region && recovery.node == node)
        else {
            return;
        };
        if !recovery.is_spoiled {
            self.in_sync.insert(region);
            self.wanted.retain(|wanted| *wanted != region);
            // Pins of others were set while it was recovered, and those have not been answered yet.
            self.pins.retain(|(pinned, _)| *pinned != region);
            self.failed.retain(|(failed, _)| *failed != region);
            // The clear that the kernel sends behind this would do the same; a node that dies before it sends it must
            // not leave the region dirty for ever.
            self.clean_if_unmarked(region);
        }
    }

    /// A leg failed in a region, or its recovery did.
    fn leg_failed(&mut self, node: NodeId, region: Region) {
        let is_recoverer = |recovery: &mut Recovery| recovery.region == region && recovery.node == node;
        if self.recovery.take_if(is_recoverer).is_some() {
            self.failed.insert((region, node));
        } else {
            // dm-raid1 keeps writing to the default leg there without asking.
            self.pins.insert((region, node));
        }
        self.put_out_of_sync(region);
    }

    fn want(&mut self, region: Region) {
        let is_new = region.0 < self.region_count() && !self.in_sync.get(region) && !self.wanted.contains(&region);
        if is_new && self.wanted.len() < WANTED_MAX {
            self.wanted.push_back(region);
        }
    }

    /// The last chunk: those who were there at the start and still are have the state.
    fn checkpoint_sent(&mut self) -> Applied {
        let Some(waiting) = self.transfer.take() else { return Applied::Plain };
        self.joiners.retain(|node| !waiting.contains(node));
        self.members.extend(&waiting);
        Applied::NewMembers(waiting)
    }

    /// Checks the invariants; for tests, after every step.
    ///
    /// # Panics
    /// If one is broken.
    pub(crate) fn self_check(&self) {
        self.clean.self_check();
        self.in_sync.self_check();
        for run in self.clean.set_runs() {
            for region in (run.first.0..=run.last.0).map(Region) {
                assert!(self.in_sync.get(region), "{region:?} is clean and out of sync");
                assert_eq!(self.markers(region).next(), None, "{region:?} is clean and marked");
            }
        }
        for (region, node) in self.marks.iter().chain(&self.pins).chain(&self.failed) {
            assert!(region.0 < self.region_count() && self.members.contains(node), "{region:?} of {node}, no member");
        }
        if let Some(recovery) = self.recovery {
            assert!(!self.in_sync.get(recovery.region), "{recovery:?} of a region in sync");
            assert!(self.members.contains(&recovery.node), "{recovery:?} by no member");
        }
        assert!(self.server.is_none_or(|server| self.members.contains(&server)), "{:?} is no member", self.server);
        assert!(self.joiners.is_disjoint(&self.members));
    }
}

/// The nodes that a region has in a set of pairs.
fn nodes_of(pairs: &BTreeSet<(Region, NodeId)>, region: Region) -> impl Iterator<Item = NodeId> + '_ {
    pairs.range((region, NodeId(0))..=(region, NodeId(u32::MAX))).map(|(_, node)| *node)
}
