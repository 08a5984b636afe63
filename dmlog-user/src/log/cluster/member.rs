//! A node that has the state: what it answers its kernel, and what it owes the others.
//!
//! ```text
//! kernel asks ─┬─ known from the replica, and safe to say ──▶ reply
//!              └─ multicast ─▶ delivered, applied by all ─▶ acknowledged by all, on the log device ──▶ reply
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{NodeId, Position, Session, Token};
use super::message::{Body, Message, Standing};
use super::protocol::{Membership, NodeConfig, Output, Storage};
use super::replica::{Applied, Replica};
use super::rules::Rule;
use super::server::Server;
use super::status;
use crate::event::ids::Region;
use crate::log::userspace::ids::Errno;
use crate::log::userspace::reply::Answer;
use crate::log::userspace::request::RequestOp;

/// Requests that wait for an answer. The kernel has one or two under way and repeats each every 15 seconds; it does not
/// listen to the answer of the older ones any more.
pub(crate) const PENDING_MAX: usize = 64;

/// A request that is under way to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    token: Token,
    what: What,
    /// Where in the order it came; `None` while it has not.
    at: Option<Position>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// `FLUSH`.
    Flush,
    /// `POSTSUSPEND`: a flush, and then the node leaves.
    Suspend,
    /// `SET_REGION_SYNC` with 0.
    LegFailed,
    /// `SET_REGION_SYNC` with 1.
    Recovered,
    /// `GET_RESYNC_WORK`.
    Work,
    /// `IN_SYNC` of a region that may be written to without asking again.
    InSync { region: Region },
}

/// What the local kernel was told that keeps it from asking `IS_REMOTE_RECOVERING` again before it writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    /// Below this it does not ask.
    hint: u64,
    /// Regions at and above the hint that it was told about.
    regions: BTreeSet<Region>,
}

impl Told {
    fn hint(&mut self, hint: u64) {
        if hint > self.hint {
            self.hint = hint;
            self.regions = self.regions.split_off(&Region(hint));
        }
    }

    fn region(&mut self, region: Region) {
        if region.0 >= self.hint {
            self.regions.insert(region);
        }
    }

    /// Whether the kernel may write to the region without asking whether somebody recovers it.
    fn may_write(&self, region: Region) -> bool {
        region.0 < self.hint || self.regions.contains(&region)
    }
}

/// A node with the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) replica: Replica,
    pub(super) session: Session,
    next_request: u64,
    pending: BTreeMap<u64, Pending>,
    /// How far everybody else has said to be.
    acked: BTreeMap<NodeId, Position>,
    /// How far the log device is, or was when it failed.
    on_disk: Position,
    server: Server,
    told: Told,
    /// After `PRESUSPEND`: writes must not wait for a recovery any more, or the suspend would never end.
    is_recovery_halted: bool,
}

impl Member {
    pub(super) fn new(replica: Replica, session: Session, config: &NodeConfig) -> Self {
        let mut told = Told::default();
        if config.is_reconnect {
            // What our predecessor has told this kernel, nobody knows.
            told.hint(config.geometry.region_count());
        }
        Self {
            replica,
            session,
            next_request: 0,
            pending: BTreeMap::new(),
            acked: BTreeMap::new(),
            on_disk: Position(0),
            server: Server::new(),
            told,
            is_recovery_halted: false,
        }
    }

    fn multicast(&self, body: Body, outputs: &mut Vec<Output>) {
        outputs.push(Output::Multicast(Message { session: self.session, body }));
    }

    /// Tells those who wait for the state that this node has it.
    pub(super) fn announce(&self, outputs: &mut Vec<Output>) {
        self.multicast(Body::Announce(Standing::Member), outputs);
    }

    /// Sends a request to everybody and remembers whom to answer.
    fn ask(&mut self, token: Token, what: What, body: impl FnOnce(u64) -> Body, outputs: &mut Vec<Output>) {
        let request = self.next_request;
        self.next_request += 1;
        self.pending.insert(request, Pending { token, what, at: None });
        if self.pending.len() > PENDING_MAX {
            self.pending.pop_first();
        }
        self.multicast(body(request), outputs);
    }

    /// The kernel asks.
    pub(super) fn local(&mut self, config: &NodeConfig, token: Token, op: &RequestOp, outputs: &mut Vec<Output>) {
        let answer = match op {
            RequestOp::IsClean { region } => Ok(Answer::IsClean(self.replica.clean.get(*region))),
            RequestOp::InSync { region } if self.replica.in_sync.get(*region) => Ok(Answer::InSync(true)),
            RequestOp::InSync { region } => {
                if self.is_recovery_halted || self.told.may_write(*region) {
                    let region = *region;
                    return self.ask(
                        token,
                        What::InSync { region },
                        |request| Body::InSync { request, region },
                        outputs,
                    );
                }
                // It asks IS_REMOTE_RECOVERING before it writes there.
                Ok(Answer::InSync(false))
            }
            RequestOp::Flush { marks } => {
                if !marks.is_empty() {
                    self.multicast(Body::Mark { regions: marks.clone() }, outputs);
                }
                return self.ask(token, What::Flush, |request| Body::Flush { request }, outputs);
            }
            RequestOp::Postsuspend => {
                return self.ask(token, What::Suspend, |request| Body::Flush { request }, outputs);
            }
            RequestOp::MarkRegion { regions } => {
                // Only a flush makes a mark count, and it comes behind this in everybody's order.
                self.multicast(Body::Mark { regions: regions.clone() }, outputs);
                Ok(Answer::Done)
            }
            RequestOp::ClearRegion { regions } => {
                self.multicast(Body::Clear { regions: regions.clone() }, outputs);
                Ok(Answer::Done)
            }
            RequestOp::GetResyncWork => {
                let is_done = self.replica.in_sync.first_unset_from(Region(0)).is_none();
                if !is_done && !self.is_recovery_halted {
                    return self.ask(token, What::Work, |request| Body::Work { request }, outputs);
                }
                Ok(Answer::ResyncWork(None))
            }
            RequestOp::SetRegionSync { region, in_sync } => {
                let (region, in_sync) = (*region, *in_sync);
                let what = if in_sync { What::Recovered } else { What::LegFailed };
                return self.ask(token, what, |request| Body::SetRegionSync { request, region, in_sync }, outputs);
            }
            RequestOp::GetSyncCount => {
                let count = self.replica.in_sync.count();
                if count == self.replica.region_count() {
                    self.told.hint(count);
                }
                Ok(Answer::SyncCount(count))
            }
            RequestOp::IsRemoteRecovering { region } => Ok(self.is_remote_recovering(*region, outputs)),
            RequestOp::Presuspend => {
                self.is_recovery_halted = true;
                Ok(Answer::Done)
            }
            RequestOp::StatusInfo => Ok(Answer::Status(status::info(config, self.replica.is_log_device_failed))),
            // It is resumed already: a reply was lost.
            RequestOp::Resume => Ok(Answer::Done),
            RequestOp::Ctr { .. } | RequestOp::Dtr | RequestOp::GetRegionSize | RequestOp::StatusTable => {
                Err(Errno::EINVAL)
            }
        };
        outputs.push(Output::Reply { token, outcome: answer });
    }

    /// `IS_REMOTE_RECOVERING`: whether a write has to wait. It does for every region that is out of sync, or the legs
    /// would stay different there.
    fn is_remote_recovering(&mut self, region: Region, outputs: &mut Vec<Output>) -> Answer {
        let count = self.replica.region_count();
        let first_out_of_sync = self.replica.in_sync.first_unset_from(Region(0)).map_or(count, |region| region.0);
        let hint = if self.is_recovery_halted { count } else { first_out_of_sync };
        self.told.hint(hint);
        let is_recovering = !self.is_recovery_halted && !self.replica.in_sync.get(region);
        if is_recovering {
            let is_known = self.replica.wanted.contains(&region)
                || self.replica.recovery.is_some_and(|recovery| recovery.region == region);
            if !is_known {
                self.multicast(Body::Wanted { region }, outputs);
            }
        } else {
            self.told.region(region);
        }
        Answer::RemoteRecovering { is_recovering, in_sync_hint: Region(hint) }
    }

    /// The group delivers a message.
    pub(super) fn deliver(&mut self, config: &NodeConfig, from: NodeId, message: &Message, outputs: &mut Vec<Output>) {
        let was_server = self.replica.server == Some(config.node);
        let applied = self.replica.apply(from, message);
        let is_own = from == config.node && message.session == self.session;
        if is_own {
            self.own(config, message, &applied, outputs);
        }
        if applied != Applied::Ignored {
            self.note(config, from, message, outputs);
        }
        if let Applied::NewMembers(nodes) = applied {
            // They have everything up to here.
            self.acked.extend(nodes.into_iter().map(|node| (node, self.replica.position)));
        }
        if !was_server && self.replica.server == Some(config.node) {
            self.server.want_write();
        }
    }

    /// One of this node's own messages has found its place.
    fn own(&mut self, config: &NodeConfig, message: &Message, applied: &Applied, outputs: &mut Vec<Output>) {
        let position = self.replica.position;
        match &message.body {
            Body::Flush { request }
            | Body::InSync { request, .. }
            | Body::SetRegionSync { request, in_sync: false, .. } => {
                if let Some(pending) = self.pending.get_mut(request) {
                    pending.at = Some(position);
                }
            }
            Body::SetRegionSync { request, in_sync: true, .. } => self.answer(*request, Ok(Answer::Done), outputs),
            Body::Work { request } => {
                let region = if let Applied::Work(region) = applied { *region } else { None };
                self.answer(*request, Ok(Answer::ResyncWork(region)), outputs);
            }
            body => {
                for chunk in self.server.delivered(config, &self.replica, body) {
                    self.multicast(chunk, outputs);
                }
            }
        }
    }

    /// What a member's message asks of everybody.
    fn note(&mut self, config: &NodeConfig, from: NodeId, message: &Message, outputs: &mut Vec<Output>) {
        match message.body {
            Body::InSync { region, .. } if self.replica.in_sync.get(region) => {}
            Body::Flush { .. } | Body::SetRegionSync { in_sync: false, .. } | Body::InSync { .. } => {
                self.server.want_write();
                if from != config.node {
                    self.multicast(Body::Ack { up_to: self.replica.position }, outputs);
                }
            }
            Body::Ack { up_to } => {
                let acked = self.acked.entry(from).or_default();
                *acked = up_to.max(*acked);
            }
            Body::DiskWritten { up_to, .. } => self.on_disk = up_to.max(self.on_disk),
            _ => {}
        }
    }

    fn answer(&mut self, request: u64, outcome: Result<Answer, Errno>, outputs: &mut Vec<Output>) {
        if let Some(Pending { token, .. }) = self.pending.remove(&request) {
            outputs.push(Output::Reply { token, outcome });
        }
    }

    /// The group delivers a change of the membership.
    pub(super) fn change(&mut self, config: &NodeConfig, membership: &Membership, outputs: &mut Vec<Output>) {
        let was_server = self.replica.server == Some(config.node);
        self.replica.change(membership);
        for (node, _) in &membership.left {
            self.acked.remove(node);
        }
        if !was_server && self.replica.server == Some(config.node) {
            self.server.want_write();
        }
        if membership.is_of_members() {
            self.announce(outputs);
        }
    }

    /// Whether a write of the log device is under way.
    pub(super) fn is_writing(&self) -> bool {
        self.server.is_writing()
    }

    /// A write of the log device is over.
    pub(super) fn disk_written(&mut self, write: u64, is_ok: bool, outputs: &mut Vec<Output>) {
        if let Some(up_to) = self.server.disk_written(write) {
            self.multicast(Body::DiskWritten { up_to, is_ok }, outputs);
        }
    }

    /// Tells the others that a node is down whose daemon had died.
    pub(super) fn node_gone(&mut self, node: NodeId, outputs: &mut Vec<Output>) {
        self.multicast(Body::NodeGone { node }, outputs);
    }

    /// Does what can be done after something has happened; true if the node is suspended and leaves.
    pub(super) fn settle(&mut self, config: &NodeConfig, outputs: &mut Vec<Output>) -> bool {
        let due: Vec<(u64, Pending, Answer)> = self
            .pending
            .iter()
            .filter_map(|(request, pending)| Some((*request, *pending, self.answer_of(config, pending)?)))
            .collect();
        let mut is_suspended = false;
        for (request, pending, answer) in due {
            let needs_disk = !matches!(pending.what, What::InSync { .. });
            let has_failed = needs_disk && config.storage != Storage::Memory && self.replica.is_log_device_failed;
            self.answer(request, if has_failed { Err(Errno::EIO) } else { Ok(answer) }, outputs);
            is_suspended |= pending.what == What::Suspend;
        }
        if !is_suspended {
            self.server.serve(config, self.session, &self.replica, outputs);
        }
        is_suspended
    }

    /// The answer of a request, if it has come so far.
    fn answer_of(&self, config: &NodeConfig, pending: &Pending) -> Option<Answer> {
        let Pending { token: _, what, at } = pending;
        let at = (*at)?;
        match what {
            // A write of ours that came late would put an old state over that of the next server.
            What::Suspend if self.server.is_writing() => None,
            What::Flush | What::Suspend => {
                let is_waiting = self.replica.recovery.is_some_and(|recovery| {
                    self.replica.is_recovered_by_another(recovery.region, config.node)
                        && self.replica.marks.contains(&(recovery.region, config.node))
                });
                (!is_waiting && self.is_durable(config, at)).then_some(Answer::Done)
            }
            What::LegFailed => self.is_durable(config, at).then_some(Answer::Done),
            What::InSync { region } => {
                let is_in_sync = self.replica.in_sync.get(*region);
                let is_waiting = self.replica.is_recovered_by_another(*region, config.node);
                // A write to one leg may follow, so everybody has to know that the legs differ, and the log device too.
                // An error would not do: the kernel takes it for "not in sync".
                let is_known = !is_waiting && self.is_durable(config, at) && !self.replica.is_log_device_failed;
                (is_in_sync || is_known).then_some(Answer::InSync(is_in_sync))
            }
            // Answered where they are delivered.
            What::Recovered | What::Work => None,
        }
    }

    /// Whether everything up to a place in the order survives the loss of any of the members, or of all of them if
    /// there is a log device.
    fn is_durable(&self, config: &NodeConfig, at: Position) -> bool {
        let has_it = |node: &NodeId| self.acked.get(node).is_some_and(|acked| *acked >= at);
        let mut others = self.replica.members.iter().filter(|node| **node != config.node);
        let has_everybody = others.all(has_it) || !self.replica.rules.keep(Rule::FlushWaitsForEverybody);
        has_everybody && (config.storage == Storage::Memory || self.on_disk >= at)
    }
}
