//! One node: its phase, and where each input goes.
//!
//! ```text
//!            RESUME                    state                    no quorum
//!   idle ───────────────▶ joining ───────────────▶ member ───────────────▶ isolated
//!    ▲                       │                        │                        │
//!    └── leaving ◀───────────┴───── POSTSUSPEND, DTR ─┴────────────────────────┘
//! ```

use super::error::ClusterError;
use super::ids::{NodeId, Session, Token};
use super::joiner::{Joiner, Progress};
use super::member::Member;
use super::message::{Body, Message, Standing};
use super::protocol::{Input, Membership, NodeConfig, Output};
use super::rules::Rule;
use super::status;
use crate::event::ids::Region;
use crate::log::userspace::ids::Errno;
use crate::log::userspace::reply::Answer;
use crate::log::userspace::request::RequestOp;

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Not in the group: constructed, or suspended.
    Idle,
    /// In the group or on the way there, without the state.
    Joining(Box<Joiner>),
    /// With the state.
    Member(Box<Member>),
    /// It had the state and lost the quorum. Others may have gone on without it, so nothing that it knows counts, and
    /// what its kernel asks waits until the mirror is suspended or the machine is reset.
    Isolated {
        /// That it was a member under.
        session: Session,
        /// A write of the log device is under way. Nobody may go on before it is over, and nobody does before this node
        /// has announced itself or left.
        is_writing: bool,
    },
    /// On its way out, when the write of the log device is over.
    Leaving {
        /// To be answered then.
        token: Token,
    },
}

/// What a person wants to know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePhase {
    /// Not in the group.
    Idle,
    /// Waiting for the state.
    Joining,
    /// With the state.
    Member,
    /// Cut off.
    Isolated,
    /// On its way out.
    Leaving,
}

/// One node of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    config: NodeConfig,
    phase: Phase,
    /// Attempts to become a member since the start.
    attempts: u32,
    refusal: Option<ClusterError>,
}

impl Node {
    /// A node whose table was just constructed.
    pub fn new(config: NodeConfig) -> Self {
        Self { config, phase: Phase::Idle, attempts: 0, refusal: None }
    }

    /// Where it is.
    pub fn phase(&self) -> NodePhase {
        match self.phase {
            Phase::Idle => NodePhase::Idle,
            Phase::Joining(_) => NodePhase::Joining,
            Phase::Member(_) => NodePhase::Member,
            Phase::Isolated { .. } => NodePhase::Isolated,
            Phase::Leaving { .. } => NodePhase::Leaving,
        }
    }

    /// Whether it would say now that a region is clean.
    pub fn claims_clean(&self, region: Region) -> bool {
        if let Phase::Member(member) = &self.phase { member.replica.clean.get(region) } else { false }
    }

    /// Whether it would say now that a region is in sync.
    pub fn claims_in_sync(&self, region: Region) -> bool {
        if let Phase::Member(member) = &self.phase { member.replica.in_sync.get(region) } else { false }
    }

    /// Who has the state and writes the log device, as far as this node knows.
    pub fn server(&self) -> Option<NodeId> {
        if let Phase::Member(member) = &self.phase { member.replica.server } else { None }
    }

    /// Why the last `RESUME` was refused: the state of the others is that of another log.
    pub fn refusal(&self) -> Option<ClusterError> {
        self.refusal
    }

    /// Checks the invariants; for tests, after every step.
    ///
    /// # Panics
    /// If one is broken.
    pub fn self_check(&self) {
        if let Phase::Member(member) = &self.phase {
            member.replica.self_check();
            assert!(member.replica.members.contains(&self.config.node), "a member that is none");
        }
    }

    /// Something happens; what comes out is to be done in this order.
    pub fn apply(&mut self, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Local { token, op } => self.local(token, op, &mut outputs),
            Input::Delivered { from, message } => self.deliver(from, &message, &mut outputs),
            Input::Membership(membership) => self.change(&membership, &mut outputs),
            Input::DiskRead { session, clean } => {
                if let Phase::Joining(joiner) = &mut self.phase {
                    joiner.disk_read(&self.config, session, clean, &mut outputs);
                }
            }
            Input::DiskWritten { write, is_ok } => self.disk_written(write, is_ok, &mut outputs),
            Input::NodeGone { node } => {
                if let Phase::Member(member) = &mut self.phase {
                    member.node_gone(node, &mut outputs);
                }
            }
        }
        self.settle(&mut outputs);
        outputs
    }

    fn next_session(&mut self) -> Session {
        self.attempts += 1;
        Session((u64::from(self.config.first_session) << 32) | u64::from(self.attempts))
    }

    fn local(&mut self, token: Token, op: RequestOp, outputs: &mut Vec<Output>) {
        let reply = |outcome| Output::Reply { token, outcome };
        if let Some(outcome) = status::always(&self.config, &op) {
            outputs.push(reply(outcome));
            return;
        }
        match (&mut self.phase, op) {
            // A member that was not suspended may have writes under way; what it has marked is out of sync from then
            // on.
            (Phase::Member(_) | Phase::Joining(_) | Phase::Isolated { .. }, RequestOp::Dtr)
            | (Phase::Joining(_) | Phase::Isolated { .. }, RequestOp::Postsuspend) => self.leave(token, outputs),
            (Phase::Member(member), op) => member.local(&self.config, token, &op, outputs),
            (Phase::Idle, RequestOp::Resume) => {
                let session = self.next_session();
                self.phase = Phase::Joining(Box::new(Joiner::new(session, token)));
                outputs.push(Output::Join);
            }
            (Phase::Joining(joiner), RequestOp::Resume) => joiner.resume = token,
            (Phase::Leaving { token: asked }, RequestOp::Dtr | RequestOp::Postsuspend) => *asked = token,
            (Phase::Idle, RequestOp::Dtr | RequestOp::Postsuspend) => outputs.push(reply(Ok(Answer::Done))),
            (phase, op) => match (status::claiming_nothing(&self.config, &op), phase) {
                (Some(answer), _) => outputs.push(reply(Ok(answer))),
                (None, Phase::Joining(joiner)) => joiner.hold(token, op),
                // Not resumed: the kernel has no reason to ask.
                (None, Phase::Idle) => outputs.push(reply(Err(Errno::EINVAL))),
                // The kernel asks again every 15 seconds.
                (None, Phase::Isolated { .. } | Phase::Leaving { .. } | Phase::Member(_)) => {}
            },
        }
    }

    fn leave(&mut self, token: Token, outputs: &mut Vec<Output>) {
        let is_writing = match &self.phase {
            Phase::Member(member) => member.is_writing(),
            Phase::Isolated { is_writing, .. } => *is_writing,
            Phase::Idle | Phase::Joining(_) | Phase::Leaving { .. } => false,
        };
        if is_writing {
            self.phase = Phase::Leaving { token };
            return;
        }
        self.suspended(outputs);
        outputs.push(Output::Reply { token, outcome: Ok(Answer::Done) });
    }

    /// The kernel has nothing under way any more, so the next resume is that of a log that it has not used behind our
    /// back.
    fn suspended(&mut self, outputs: &mut Vec<Output>) {
        self.phase = Phase::Idle;
        self.config.is_reconnect = false;
        outputs.push(Output::Leave);
    }

    /// The log device is written. A node has one write under way at a time, so it is the one that is waited for.
    fn disk_written(&mut self, write: u64, is_ok: bool, outputs: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Member(member) => member.disk_written(write, is_ok, outputs),
            Phase::Isolated { session, is_writing } => {
                *is_writing = false;
                let session = *session;
                self.announce_isolation(session, outputs);
            }
            Phase::Leaving { token } => {
                let token = *token;
                self.leave(token, outputs);
            }
            Phase::Idle | Phase::Joining(_) => {}
        }
    }

    fn deliver(&mut self, from: NodeId, message: &Message, outputs: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Idle | Phase::Isolated { .. } | Phase::Leaving { .. } => {}
            Phase::Member(member) => member.deliver(&self.config, from, message, outputs),
            Phase::Joining(joiner) => match joiner.deliver(&self.config, from, message, outputs) {
                Progress::Waits => {}
                Progress::HasState(replica) => {
                    let member = Member::new(*replica, joiner.session(), &self.config);
                    member.announce(outputs);
                    let (resume, held) = (joiner.resume, std::mem::take(&mut joiner.held));
                    self.phase = Phase::Member(Box::new(member));
                    outputs.push(Output::Reply { token: resume, outcome: Ok(Answer::Done) });
                    for (token, op) in held {
                        self.local(token, op, outputs);
                    }
                }
                // A table that is another one than the others'; it cannot be repaired by waiting.
                Progress::Refused(error) => {
                    self.refusal = Some(error);
                    let token = joiner.resume;
                    self.phase = Phase::Idle;
                    outputs.push(Output::Leave);
                    outputs.push(Output::Reply { token, outcome: Err(Errno::EINVAL) });
                }
            },
        }
    }

    fn change(&mut self, membership: &Membership, outputs: &mut Vec<Output>) {
        let is_lost = !membership.has_quorum && self.config.rules.keep(Rule::NoClaimWithoutQuorum);
        let is_out = !membership.members.contains(&self.config.node);
        match &mut self.phase {
            Phase::Idle | Phase::Leaving { .. } => {}
            Phase::Joining(_) => {
                let session = self.next_session();
                if let Phase::Joining(joiner) = &mut self.phase {
                    joiner.change(&self.config, membership, session, outputs);
                }
            }
            Phase::Member(member) if is_lost || is_out => {
                let (session, is_writing) = (member.session, member.is_writing());
                self.phase = Phase::Isolated { session, is_writing };
                self.announce_isolation(session, outputs);
            }
            Phase::Member(member) => member.change(&self.config, membership, outputs),
            Phase::Isolated { session, .. } => {
                let session = *session;
                self.announce_isolation(session, outputs);
            }
        }
    }

    /// Whoever goes on, or begins anew, has to know that here is a kernel that may be writing anywhere.
    fn announce_isolation(&mut self, session: Session, outputs: &mut Vec<Output>) {
        if let Phase::Isolated { is_writing: true, .. } = self.phase {
            return;
        }
        outputs.push(Output::Multicast(Message { session, body: Body::Announce(Standing::Isolated) }));
    }

    fn settle(&mut self, outputs: &mut Vec<Output>) {
        if let Phase::Member(member) = &mut self.phase
            && member.settle(&self.config, outputs)
        {
            self.suspended(outputs);
        }
    }
}

#[cfg(test)]
mod tests;
