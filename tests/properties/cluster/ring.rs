//! The network and the group: what corosync promises, and nothing more.
//!
//! Messages of connected members get one order, which all of them see (agreed delivery), each at its own time. When
//! members are lost, those who stay together have delivered the same messages before they are told (virtual synchrony).
//! But what a lost node has sent, and perhaps delivered itself, may be missing for all others. Membership changes have
//! their place in the order.

use std::collections::{BTreeSet, VecDeque};

use dmlog_user::log::cluster::ids::NodeId;
use dmlog_user::log::cluster::message::Message;
use dmlog_user::log::cluster::protocol::{LeaveReason, Membership};

use super::choice::Choice;

/// One start of one node.
pub(super) type Life = (NodeId, u32);

/// What a node wants of the group, in order.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Join,
    Leave,
    Send(Message),
}

/// What the group hands to a node, in order.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Message { number: u64, from: NodeId, message: Message },
    View(View),
}

/// A membership change, and what the world has to know about it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) membership: Membership,
    /// The members as lives.
    pub(super) members: BTreeSet<Life>,
    /// Lives that were lost, or are not connected. Before this is handed out with a quorum, they are fenced.
    pub(super) lost: BTreeSet<Life>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Port {
    pub(super) life: u32,
    pub(super) is_up: bool,
    /// Nodes with the same number are connected.
    pub(super) island: usize,
    pub(super) is_in_group: bool,
    pub(super) outbox: VecDeque<Wish>,
    pub(super) inbox: VecDeque<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Node 1 first.
    ports: Vec<Port>,
    next_number: u64,
    next_island: usize,
}

impl Ring {
    pub(super) fn new(nodes: u32) -> Self {
        let ports = (1..=nodes).map(|_| Port { is_up: true, ..Port::default() }).collect();
        Self { ports, next_number: 0, next_island: 1 }
    }

    pub(super) fn port(&self, node: NodeId) -> &Port {
        &self.ports[index(node)]
    }

    pub(super) fn port_mut(&mut self, node: NodeId) -> &mut Port {
        &mut self.ports[index(node)]
    }

    pub(super) fn life(&self, node: NodeId) -> Life {
        (node, self.port(node).life)
    }

    fn nodes(&self) -> impl Iterator<Item = (NodeId, &Port)> {
        (1..).map(NodeId).zip(&self.ports)
    }

    /// The islands that somebody is on.
    pub(super) fn islands(&self) -> Vec<usize> {
        let mut islands: Vec<usize> = self.ports.iter().filter(|port| port.is_up).map(|port| port.island).collect();
        islands.sort_unstable();
        islands.dedup();
        islands
    }

    /// Everybody that is up in an island.
    pub(super) fn island(&self, island: usize) -> BTreeSet<NodeId> {
        let inside = self.nodes().filter(|(_, port)| port.is_up && port.island == island);
        inside.map(|(node, _)| node).collect()
    }

    fn group(&self, island: usize) -> BTreeSet<NodeId> {
        self.island(island).into_iter().filter(|node| self.port(*node).is_in_group).collect()
    }

    /// Everybody that is up and not in the island.
    fn outside(&self, island: usize) -> BTreeSet<Life> {
        let outside = self.nodes().filter(|(_, port)| port.is_up && port.island != island);
        outside.map(|(node, port)| (node, port.life)).collect()
    }

    fn is_quorum(&self, count: usize) -> bool {
        2 * count > self.ports.len()
    }

    /// Puts the next wish of a node into the order.
    pub(super) fn sequence(&mut self, node: NodeId) {
        let port = self.port_mut(node);
        let (island, is_in_group) = (port.island, port.is_in_group);
        match port.outbox.pop_front() {
            Some(Wish::Send(message)) if is_in_group => {
                self.next_number += 1;
                let number = self.next_number;
                for member in self.group(island) {
                    let message = message.clone();
                    self.port_mut(member).inbox.push_back(Entry::Message { number, from: node, message });
                }
            }
            Some(Wish::Send(_)) | None => {}
            Some(Wish::Join) => {
                port.is_in_group = true;
                port.inbox.clear();
                self.tell(island, &[], &BTreeSet::from([node]), self.island(island).len());
            }
            Some(Wish::Leave) => {
                port.is_in_group = false;
                port.inbox.clear();
                self.tell(island, &[(self.life(node), LeaveReason::Left)], &BTreeSet::new(), self.island(island).len());
            }
        }
    }

    /// Tells the members in an island of a change. `stayed`: how many have been connected throughout.
    fn tell(&mut self, island: usize, left: &[(Life, LeaveReason)], joined: &BTreeSet<NodeId>, stayed: usize) {
        let group = self.group(island);
        let lives = |nodes: BTreeSet<NodeId>| nodes.into_iter().map(|node| self.life(node)).collect::<BTreeSet<Life>>();
        let lost = left.iter().filter(|(_, reason)| *reason == LeaveReason::NodeDown).map(|(life, _)| *life);
        let lost = lost.chain(self.outside(island)).collect();
        let view = View {
            membership: Membership {
                members: group.iter().copied().collect(),
                left: left.iter().map(|(life, reason)| (life.0, *reason)).collect(),
                joined: joined.iter().copied().collect(),
                has_quorum: self.is_quorum(stayed),
            },
            members: lives(group.clone()),
            lost,
        };
        for member in group {
            self.port_mut(member).inbox.push_back(Entry::View(view.clone()));
        }
    }

    /// What those who stay together lose of the messages of those who are lost. Whatever one of them has delivered, all
    /// will.
    fn cut(&mut self, stay: &BTreeSet<NodeId>, lost: &BTreeSet<NodeId>, choice: &mut Choice) {
        let shortest = stay.iter().map(|node| &self.port(*node).inbox).min_by_key(|inbox| inbox.len());
        let Some(shortest) = shortest else { return };
        // From here on they have only what they have sent themselves.
        let place = choice.below(shortest.len() + 1);
        let gone: BTreeSet<u64> = shortest
            .iter()
            .skip(place)
            .filter_map(|entry| match entry {
                Entry::Message { number, from, .. } if lost.contains(from) => Some(*number),
                _ => None,
            })
            .collect();
        let is_kept = |entry: &Entry| match entry {
            Entry::Message { number, .. } => !gone.contains(number),
            Entry::View(_) => true,
        };
        for node in stay {
            self.port_mut(*node).inbox.retain(is_kept);
        }
    }

    /// Those in the island who are not `lost` any more connected go on without them.
    fn lose(&mut self, island: usize, lost: &BTreeSet<NodeId>, choice: &mut Choice) {
        let lost_members: BTreeSet<NodeId> = lost.iter().copied().filter(|node| self.port(*node).is_in_group).collect();
        let group = self.group(island);
        self.cut(&group, lost, choice);
        let left: Vec<_> = lost_members.iter().map(|node| (self.life(*node), LeaveReason::NodeDown)).collect();
        self.tell(island, &left, &BTreeSet::new(), self.island(island).len());
    }

    /// A node is gone, with all that it had.
    pub(super) fn crash(&mut self, node: NodeId, choice: &mut Choice) {
        let island = self.port(node).island;
        self.port_mut(node).is_up = false;
        self.lose(island, &BTreeSet::from([node]), choice);
        let life = self.port(node).life;
        *self.port_mut(node) = Port { life, ..Port::default() };
    }

    /// The daemon of a node is gone, and its kernel stays. What it has sent is on its way.
    pub(super) fn lose_daemon(&mut self, node: NodeId) {
        let port = self.port_mut(node);
        let (island, was_in_group) = (port.island, port.is_in_group);
        (port.is_in_group, port.inbox, port.outbox) = (false, VecDeque::new(), VecDeque::new());
        if was_in_group {
            let left = [(self.life(node), LeaveReason::ProcessDown)];
            self.tell(island, &left, &BTreeSet::new(), self.island(island).len());
        }
    }

    /// A node comes back, alone for now.
    pub(super) fn boot(&mut self, node: NodeId) {
        let island = self.next_island;
        self.next_island += 1;
        let port = self.port_mut(node);
        *port = Port { life: port.life + 1, is_up: true, island, ..Port::default() };
    }

    /// Some of an island are cut off from the rest.
    pub(super) fn split(&mut self, away: &BTreeSet<NodeId>, choice: &mut Choice) {
        let Some(first) = away.first() else { return };
        let island = self.port(*first).island;
        let new_island = self.next_island;
        self.next_island += 1;
        for node in away {
            self.port_mut(*node).island = new_island;
        }
        let rest = self.island(island);
        self.lose(island, away, choice);
        self.lose(new_island, &rest, choice);
    }

    /// Two islands become one. Nodes that were in different ones have not been connected throughout.
    pub(super) fn merge(&mut self, one: usize, other: usize, choice: &mut Choice) {
        let sides = [(self.island(one), self.group(one)), (self.island(other), self.group(other))];
        for node in &sides[1].0 {
            self.port_mut(*node).island = one;
        }
        let is_one_change = choice.percent(50);
        let everybody: BTreeSet<NodeId> = sides.iter().flat_map(|(_, group)| group.iter().copied()).collect();
        for at in [0, 1] {
            let (island, group) = &sides[at];
            let joined = &sides[1 - at].1;
            if !joined.is_empty() {
                self.tell_some(group, joined, self.is_quorum(island.len()), is_one_change);
            }
        }
        // The nodes know of each other now, and can count.
        let is_quorum = self.is_quorum(self.island(one).len());
        self.tell_some(&everybody, &BTreeSet::new(), is_quorum, false);
    }

    /// Tells some members that others have joined. `is_one_change`: if they have not been told of the change before, it
    /// becomes one with this.
    fn tell_some(
        &mut self,
        nodes: &BTreeSet<NodeId>,
        joined: &BTreeSet<NodeId>,
        has_quorum: bool,
        is_one_change: bool,
    ) {
        let Some(first) = nodes.first() else { return };
        let island = self.port(*first).island;
        let lives = |nodes: BTreeSet<NodeId>| nodes.into_iter().map(|node| self.life(node)).collect::<BTreeSet<Life>>();
        let group = self.group(island);
        let members = lives(group.clone());
        let is_view = |entry: Option<&Entry>| matches!(entry, Some(Entry::View(_)));
        let joins_last = is_one_change && nodes.iter().all(|node| is_view(self.port(*node).inbox.back()));
        for node in nodes {
            let mut view = View {
                membership: Membership {
                    members: group.iter().copied().collect(),
                    left: Vec::new(),
                    joined: joined.iter().copied().collect(),
                    has_quorum,
                },
                members: members.clone(),
                lost: self.outside(island),
            };
            let inbox = &mut self.port_mut(*node).inbox;
            if joins_last && let Some(Entry::View(last)) = inbox.pop_back() {
                view.membership.left = last.membership.left;
                view.membership.has_quorum &= last.membership.has_quorum;
                view.membership.joined.extend(last.membership.joined);
                view.lost.extend(last.lost);
            }
            inbox.push_back(Entry::View(view));
        }
    }
}

/// Where a node is in a list of all nodes.
pub(super) fn index(node: NodeId) -> usize {
    node.0 as usize - 1
}
