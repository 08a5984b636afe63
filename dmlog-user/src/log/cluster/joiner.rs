//! A node that wants the state: it announces itself, and either gets a checkpoint or, if nobody has the state, founds
//! it.
//!
//! ```text
//! join ─▶ membership ─▶ announce ─▶ everybody has announced ─┬─ somebody is a member ─▶ start, chunks ─▶ catch up ─▶ member
//!            ▲                                               └─ nobody ─▶ lowest joiner: read the log device ─▶ founded ─▶ member
//!            └───────────── every change of the membership starts over, with a new session
//! ```

use std::collections::{BTreeMap, VecDeque};

use super::checkpoint::Assembly;
use super::error::ClusterError;
use super::ids::{NodeId, Session, Token};
use super::message::{Body, Message, Standing};
use super::protocol::{Membership, NodeConfig, Output, Storage};
use super::replica::{Applied, Replica};
use super::rules::Rule;
use crate::log::arguments::SyncOption;
use crate::log::region_set::RegionSet;
use crate::log::userspace::request::RequestOp;

/// Requests that wait for the state. The kernel repeats those that are dropped.
pub(crate) const HELD_MAX: usize = 64;
/// Messages that are kept while a checkpoint is under way; beyond, the node starts over.
pub(crate) const EVENTS_MAX: usize = 1 << 16;

/// A checkpoint that is coming in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Transfer {
    from: NodeId,
    session: Session,
    assembly: Assembly,
    /// What was delivered behind its start.
    events: Vec<(NodeId, Message)>,
}

/// How far the founding has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Founding {
    /// Nobody has asked for it.
    No,
    /// The log device is being read.
    Reading,
    /// These regions will be in sync, and the others are told.
    Sent(RegionSet),
}

/// A node without the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joiner {
    session: Session,
    /// The `RESUME` that waits.
    pub(super) resume: Token,
    pub(super) held: VecDeque<(Token, RequestOp)>,
    /// Our own joining was delivered; before that, what comes is for an earlier membership.
    is_in_group: bool,
    has_quorum: bool,
    members: Vec<NodeId>,
    /// Who has announced what since the last change of the membership.
    round: BTreeMap<NodeId, (Session, Standing)>,
    founding: Founding,
    transfer: Option<Transfer>,
}

/// What an input has made of a joiner.
#[derive(Debug)]
pub(super) enum Progress {
    /// It waits on.
    Waits,
    /// It has the state.
    HasState(Box<Replica>),
    /// It can never have it.
    Refused(ClusterError),
}

impl Joiner {
    pub(super) fn new(session: Session, resume: Token) -> Self {
        Self {
            session,
            resume,
            held: VecDeque::new(),
            is_in_group: false,
            has_quorum: false,
            members: Vec::new(),
            round: BTreeMap::new(),
            founding: Founding::No,
            transfer: None,
        }
    }

    /// The session that it has announced last.
    pub(super) fn session(&self) -> Session {
        self.session
    }

    /// A request that has to wait.
    pub(super) fn hold(&mut self, token: Token, op: RequestOp) {
        self.held.push_back((token, op));
        if self.held.len() > HELD_MAX {
            self.held.pop_front();
        }
    }

    fn multicast(&self, body: Body, outputs: &mut Vec<Output>) {
        outputs.push(Output::Multicast(Message { session: self.session, body }));
    }

    /// The membership changes. `next_session` is used if the node announces itself again.
    pub(super) fn change(
        &mut self,
        config: &NodeConfig,
        membership: &Membership,
        next_session: Session,
        outputs: &mut Vec<Output>,
    ) {
        let Membership { members, left: _, joined, has_quorum } = membership;
        self.is_in_group |= joined.contains(&config.node);
        if !self.is_in_group {
            return;
        }
        self.has_quorum = *has_quorum;
        if membership.is_of_members() {
            self.round.clear();
        }
        self.members.clone_from(members);
        self.start_over(config, next_session, outputs);
    }

    /// Forgets what has come so far and announces itself as somebody new.
    fn start_over(&mut self, config: &NodeConfig, session: Session, outputs: &mut Vec<Output>) {
        self.founding = Founding::No;
        self.transfer = None;
        self.session = session;
        if self.has_quorum {
            self.multicast(Body::Announce(Standing::Joiner { is_reconnect: config.is_reconnect }), outputs);
        }
    }

    /// The group delivers a message.
    pub(super) fn deliver(
        &mut self,
        config: &NodeConfig,
        from: NodeId,
        message: &Message,
        outputs: &mut Vec<Output>,
    ) -> Progress {
        if !self.is_in_group {
            return Progress::Waits;
        }
        if let Some(transfer) = &mut self.transfer {
            transfer.events.push((from, message.clone()));
            if transfer.events.len() > EVENTS_MAX {
                // Too much to keep: the next checkpoint will hold it.
                self.transfer = None;
            }
        }
        let Message { session, body } = message;
        match body {
            Body::Announce(standing) if self.members.contains(&from) => {
                self.round.insert(from, (*session, *standing));
            }
            Body::Founded => return self.founded(config, from, *session, outputs),
            Body::CheckpointStart if self.round.get(&from) == Some(&(*session, Standing::Member)) => {
                let assembly = Assembly::default();
                self.transfer = Some(Transfer { from, session: *session, assembly, events: Vec::new() });
            }
            Body::CheckpointChunk { index, count, bytes } => {
                return self.chunk(config, (from, *session), (*index, *count, bytes));
            }
            _ => {}
        }
        self.elect(config, outputs);
        Progress::Waits
    }

    /// The joiner that founds the state, if everybody has announced and nobody has it.
    fn elected(&self) -> Option<NodeId> {
        let is_complete = self.members.iter().all(|node| self.round.contains_key(node));
        let has_member = self.round.values().any(|(_, standing)| *standing == Standing::Member);
        let is_joiner = |standing: Standing| matches!(standing, Standing::Joiner { .. });
        let mut joiners = self.round.iter().filter(|(_, (_, standing))| is_joiner(*standing));
        if is_complete && !has_member { joiners.next().map(|(node, _)| *node) } else { None }
    }

    /// Founds the state if it is this node's turn.
    fn elect(&mut self, config: &NodeConfig, outputs: &mut Vec<Output>) {
        let is_ours = self.elected() == Some(config.node) && self.is_announced(config);
        if !is_ours || !self.has_quorum || self.founding != Founding::No {
            return;
        }
        match config.storage {
            Storage::Memory => self.found(config, RegionSet::new_empty(config.geometry.region_count()), outputs),
            Storage::LogDevice(_) => {
                self.founding = Founding::Reading;
                outputs.push(Output::ReadDisk { session: self.session });
            }
        }
    }

    /// Whether what the others have heard of this node is its present session.
    fn is_announced(&self, config: &NodeConfig) -> bool {
        self.round.get(&config.node).is_some_and(|(session, _)| *session == self.session)
    }

    /// The log device was read.
    pub(super) fn disk_read(
        &mut self,
        config: &NodeConfig,
        session: Session,
        clean: Option<RegionSet>,
        outputs: &mut Vec<Output>,
    ) {
        if session == self.session && self.founding == Founding::Reading {
            let region_count = config.geometry.region_count();
            // What cannot be read is out of sync.
            let clean = clean.filter(|clean| clean.len() == region_count);
            self.found(config, clean.unwrap_or_else(|| RegionSet::new_empty(region_count)), outputs);
        }
    }

    fn found(&mut self, config: &NodeConfig, known: RegionSet, outputs: &mut Vec<Output>) {
        let region_count = config.geometry.region_count();
        let in_sync = match config.sync_option {
            SyncOption::Default => known,
            SyncOption::Nosync => RegionSet::new_full(region_count),
            SyncOption::Force => RegionSet::new_empty(region_count),
        };
        self.founding = Founding::Sent(in_sync);
        self.multicast(Body::Founded, outputs);
    }

    /// Somebody has founded the state. Everybody sees alike whether it counts: a change of the membership in between
    /// makes it void, because the founder has announced a new session since.
    fn founded(&mut self, config: &NodeConfig, from: NodeId, session: Session, outputs: &mut Vec<Output>) -> Progress {
        let is_valid =
            self.elected() == Some(from) && self.round.get(&from).is_some_and(|(known, _)| *known == session);
        if !is_valid {
            return Progress::Waits;
        }
        if from == config.node
            && let Founding::Sent(in_sync) = std::mem::replace(&mut self.founding, Founding::No)
        {
            return Progress::HasState(Box::new(Replica::found(config.node, in_sync, &self.round, config.rules)));
        }
        self.round.insert(from, (session, Standing::Member));
        self.elect(config, outputs);
        Progress::Waits
    }

    /// A part of a checkpoint.
    fn chunk(
        &mut self,
        config: &NodeConfig,
        sender: (NodeId, Session),
        (index, count, bytes): (u32, u32, &[u8]),
    ) -> Progress {
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| (transfer.from, transfer.session) == sender)
        else {
            return Progress::Waits;
        };
        match transfer.assembly.add(index, count, bytes) {
            Ok(false) => return Progress::Waits,
            Ok(true) => {}
            Err(error) => return Progress::Refused(error),
        }
        let Some(Transfer { assembly, events, .. }) = self.transfer.take() else { return Progress::Waits };
        let mut replica = match assembly.finish(config.geometry.region_count(), config.rules) {
            Ok(replica) => replica,
            Err(error) => return Progress::Refused(error),
        };
        catch_up(&mut replica, &events);
        // The others may have heard of a newer attempt of ours before the last chunk; then another checkpoint comes.
        let is_member = replica.members.contains(&config.node);
        let is_present = replica.sessions.get(&config.node) == Some(&self.session);
        if is_member && is_present { Progress::HasState(Box::new(replica)) } else { Progress::Waits }
    }
}

/// What was delivered while the checkpoint was under way; its last chunk is the last.
fn catch_up(replica: &mut Replica, events: &[(NodeId, Message)]) {
    for (from, message) in events {
        let is_chunk = matches!(message.body, Body::CheckpointChunk { .. });
        if replica.rules.keep(Rule::JoinersCatchUp) || is_chunk {
            let _: Applied = replica.apply(*from, message);
        } else {
            replica.position.0 += 1;
        }
    }
}
