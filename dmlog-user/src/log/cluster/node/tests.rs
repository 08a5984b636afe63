//! A few nodes on a network that never fails, and what each rule does to them.

use std::collections::{BTreeMap, VecDeque};

use super::{Node, NodePhase};
use crate::event::ids::Region;
use crate::log::arguments::SyncOption;
use crate::log::cluster::error::ClusterError;
use crate::log::cluster::ids::{NodeId, Token};
use crate::log::cluster::message::{Body, Message};
use crate::log::cluster::protocol::{Input, LeaveReason, Membership, NodeConfig, Output, Storage};
use crate::log::cluster::rules::Rules;
use crate::log::geometry::LogGeometry;
use crate::log::region_set::RegionSet;
use crate::log::userspace::ids::Errno;
use crate::log::userspace::reply::Answer;
use crate::log::userspace::request::RequestOp;

const FLUSH: RequestOp = RequestOp::Flush { marks: Vec::new() };

fn config(node: u32, storage: Storage) -> NodeConfig {
    NodeConfig {
        node: NodeId(node),
        geometry: LogGeometry::new(8 * 8, 8).unwrap(),
        storage,
        sync_option: SyncOption::Nosync,
        first_session: 1,
        is_reconnect: false,
        chunk_bytes: 64,
        rules: Rules::SAFE,
    }
}

fn mark(region: u64) -> RequestOp {
    RequestOp::MarkRegion { regions: vec![Region(region)] }
}

fn clear(region: u64) -> RequestOp {
    RequestOp::ClearRegion { regions: vec![Region(region)] }
}

fn in_sync(region: u64) -> RequestOp {
    RequestOp::InSync { region: Region(region) }
}

fn set_sync(region: u64, in_sync: bool) -> RequestOp {
    RequestOp::SetRegionSync { region: Region(region), in_sync }
}

fn remote(region: u64) -> RequestOp {
    RequestOp::IsRemoteRecovering { region: Region(region) }
}

/// The nodes and everything between them. Messages are delivered by [`Group::run`] to everybody at once.
#[derive(Debug)]
struct Group {
    nodes: BTreeMap<NodeId, Node>,
    members: Vec<NodeId>,
    /// Sent and not delivered.
    queue: VecDeque<(NodeId, Message)>,
    /// By node: writes of the log device under way.
    writes: BTreeMap<NodeId, (u64, RegionSet)>,
    replies: BTreeMap<Token, Result<Answer, Errno>>,
    next_token: u64,
    disk: RegionSet,
}

impl Group {
    /// Nodes with these numbers, which have the state and are in sync.
    fn new(nodes: &[u32], storage: &Storage) -> Self {
        let mut group = Self {
            nodes: BTreeMap::new(),
            members: Vec::new(),
            queue: VecDeque::new(),
            writes: BTreeMap::new(),
            replies: BTreeMap::new(),
            next_token: 0,
            disk: RegionSet::new_empty(8),
        };
        for node in nodes {
            group.join(config(*node, storage.clone()));
            group.run();
        }
        group
    }

    fn join(&mut self, config: NodeConfig) -> Token {
        let node = config.node;
        self.nodes.insert(node, Node::new(config));
        self.ask(node.0, RequestOp::Resume)
    }

    fn node(&self, node: u32) -> &Node {
        &self.nodes[&NodeId(node)]
    }

    fn input(&mut self, node: NodeId, input: Input) {
        let outputs = self.nodes.get_mut(&node).unwrap().apply(input);
        self.nodes[&node].self_check();
        for output in outputs {
            match output {
                Output::Join => {
                    self.members.push(node);
                    self.members.sort_unstable();
                    self.tell(Membership { joined: vec![node], ..Membership::default() });
                }
                Output::Leave => self.lose(node, LeaveReason::Left),
                Output::Multicast(message) => self.queue.push_back((node, message)),
                Output::Reply { token, outcome } => drop(self.replies.insert(token, outcome)),
                Output::ReadDisk { session } => {
                    let clean = Some(self.disk.clone());
                    self.input(node, Input::DiskRead { session, clean });
                }
                Output::WriteDisk { write, clean } => {
                    assert_eq!(self.writes.insert(node, (write, clean)), None, "one write at a time");
                }
            }
        }
    }

    /// Tells the members of a change; the nodes are always connected and have a quorum.
    fn tell(&mut self, change: Membership) {
        let membership = Membership { members: self.members.clone(), has_quorum: true, ..change };
        for member in self.members.clone() {
            self.input(member, Input::Membership(membership.clone()));
        }
    }

    fn lose(&mut self, node: NodeId, reason: LeaveReason) {
        self.members.retain(|member| *member != node);
        self.tell(Membership { left: vec![(node, reason)], ..Membership::default() });
    }

    /// A node goes down with what it has sent.
    fn crash(&mut self, node: u32) {
        let node = NodeId(node);
        self.queue.retain(|(from, _)| *from != node);
        self.nodes.remove(&node);
        self.lose(node, LeaveReason::NodeDown);
        self.run();
    }

    fn ask(&mut self, node: u32, op: RequestOp) -> Token {
        self.next_token += 1;
        let token = Token(self.next_token);
        self.input(NodeId(node), Input::Local { token, op });
        token
    }

    /// Delivers one message to everybody.
    fn deliver(&mut self) -> Option<Body> {
        let (from, message) = self.queue.pop_front()?;
        for member in self.members.clone() {
            self.input(member, Input::Delivered { from, message: message.clone() });
        }
        Some(message.body)
    }

    fn write_disk(&mut self, node: u32, is_ok: bool) {
        if let Some((write, clean)) = self.writes.remove(&NodeId(node)) {
            if is_ok {
                self.disk = clean;
            }
            self.input(NodeId(node), Input::DiskWritten { write, is_ok });
        }
    }

    /// Until nothing happens any more.
    fn run(&mut self) {
        loop {
            let writer = self.writes.keys().next().copied();
            if let Some(writer) = writer {
                self.write_disk(writer.0, true);
            } else if self.deliver().is_none() {
                return;
            }
        }
    }

    fn reply(&self, token: Token) -> Option<Result<Answer, Errno>> {
        self.replies.get(&token).cloned()
    }

    /// Asks and runs until there is nothing more to come.
    fn answer(&mut self, node: u32, op: RequestOp) -> Option<Result<Answer, Errno>> {
        let token = self.ask(node, op);
        self.run();
        self.reply(token)
    }

    fn assert_done(&mut self, node: u32, op: RequestOp) {
        assert_eq!(self.answer(node, op), Some(Ok(Answer::Done)));
    }

    fn write(&mut self, node: u32, region: u64) {
        self.assert_done(node, mark(region));
        self.assert_done(node, FLUSH);
    }

    fn work(&mut self, node: u32) -> Option<Region> {
        let Some(Ok(Answer::ResyncWork(work))) = self.answer(node, RequestOp::GetResyncWork) else {
            panic!("no answer")
        };
        work
    }
}

fn memory(nodes: &[u32]) -> Group {
    Group::new(nodes, &Storage::Memory)
}

fn disk(nodes: &[u32]) -> Group {
    Group::new(nodes, &Storage::LogDevice("253:3".to_owned()))
}

#[test]
fn a_flush_is_answered_when_everybody_has_the_marks() {
    let mut group = memory(&[1, 2, 3]);
    group.ask(1, mark(4));
    let flush = group.ask(1, FLUSH);
    assert!(group.node(2).claims_clean(Region(4)));
    assert_eq!(group.deliver(), Some(Body::Mark { regions: vec![Region(4)] }));
    assert_eq!(group.deliver(), Some(Body::Flush { request: 0 }));
    // Node 1 has delivered it itself, which does not count.
    assert_eq!(group.reply(flush), None);
    group.deliver();
    assert_eq!(group.reply(flush), None);
    group.deliver();
    assert_eq!(group.reply(flush), Some(Ok(Answer::Done)));
    assert!(!group.node(2).claims_clean(Region(4)) && group.node(2).claims_in_sync(Region(4)));
}

#[test]
fn a_flush_does_not_wait_for_the_dead() {
    let mut group = memory(&[1, 2]);
    group.ask(1, mark(4));
    let flush = group.ask(1, FLUSH);
    group.deliver();
    group.deliver();
    assert_eq!(group.reply(flush), None);
    group.crash(2);
    assert_eq!(group.reply(flush), Some(Ok(Answer::Done)));
}

#[test]
fn the_log_device_is_written_by_the_lowest_and_before_the_answer() {
    let mut group = disk(&[1, 2]);
    group.ask(2, mark(4));
    let flush = group.ask(2, FLUSH);
    while group.deliver().is_some() {}
    assert_eq!(group.reply(flush), None, "everybody has it but the log device");
    assert_eq!(group.writes.keys().collect::<Vec<_>>(), [&NodeId(1)]);
    group.write_disk(1, true);
    group.run();
    assert_eq!(group.reply(flush), Some(Ok(Answer::Done)));
    assert!(!group.disk.get(Region(4)));
}

#[test]
fn writes_of_the_log_device_are_coalesced() {
    let mut group = disk(&[1, 2]);
    group.ask(2, mark(4));
    let first = group.ask(2, FLUSH);
    while group.deliver().is_some() {}
    group.ask(1, mark(5));
    let second = group.ask(1, FLUSH);
    while group.deliver().is_some() {}
    // The write under way was begun before the second mark.
    group.write_disk(1, true);
    while group.deliver().is_some() {}
    assert_eq!((group.reply(first), group.reply(second)), (Some(Ok(Answer::Done)), None));
    group.run();
    assert_eq!(group.reply(second), Some(Ok(Answer::Done)));
}

#[test]
fn a_log_device_that_fails_fails_the_flush_and_shows_in_the_status() {
    let mut group = disk(&[1, 2]);
    let status = |group: &mut Group| group.answer(2, RequestOp::StatusInfo).unwrap().unwrap();
    assert_eq!(status(&mut group), Answer::Status("3 clustered-disk 253:3 A".to_owned()));
    group.ask(2, mark(4));
    let flush = group.ask(2, FLUSH);
    while group.deliver().is_some() {}
    group.write_disk(1, false);
    group.run();
    assert_eq!(group.reply(flush), Some(Err(Errno::EIO)));
    assert_eq!(status(&mut group), Answer::Status("3 clustered-disk 253:3 D".to_owned()));
    group.write(2, 4);
    assert_eq!(status(&mut group), Answer::Status("3 clustered-disk 253:3 A".to_owned()));
}

#[test]
fn the_server_hands_over_when_nothing_of_its_own_can_reach_the_log_device() {
    let mut group = disk(&[2, 3]);
    assert_eq!(group.node(3).server(), Some(NodeId(2)));
    group.ask(3, mark(4));
    group.ask(3, FLUSH);
    while group.deliver().is_some() {}
    assert_eq!(group.writes.keys().collect::<Vec<_>>(), [&NodeId(2)]);
    group.join(config(1, Storage::LogDevice("253:3".to_owned())));
    while group.deliver().is_some() {}
    assert_eq!(group.node(1).phase(), NodePhase::Member);
    assert_eq!(group.node(3).server(), Some(NodeId(2)), "its write is under way");
    group.write_disk(2, true);
    group.run();
    assert_eq!(group.node(3).server(), Some(NodeId(1)));
}

#[test]
fn a_server_leaves_when_nothing_of_its_own_can_reach_the_log_device() {
    for op in [RequestOp::Dtr, RequestOp::Postsuspend] {
        let mut group = disk(&[1, 2]);
        group.ask(2, mark(4));
        group.ask(2, FLUSH);
        while group.deliver().is_some() {}
        let token = group.ask(1, op);
        while group.deliver().is_some() {}
        assert_eq!((group.reply(token), group.members.len()), (None, 2));
        group.run();
        assert_eq!((group.reply(token), group.members.len()), (Some(Ok(Answer::Done)), 1));
        assert_eq!(group.node(1).phase(), NodePhase::Idle);
    }
}

#[test]
fn a_clear_needs_the_clears_of_all_who_have_marked() {
    let mut group = memory(&[1, 2]);
    group.write(1, 4);
    group.write(2, 4);
    group.assert_done(1, clear(4));
    assert!(!group.node(1).claims_clean(Region(4)));
    group.assert_done(2, clear(4));
    assert!(group.node(1).claims_clean(Region(4)));
}

#[test]
fn what_a_dead_node_has_marked_is_out_of_sync_until_recovered() {
    let mut group = memory(&[1, 2, 3]);
    group.write(3, 4);
    group.write(2, 4);
    group.crash(3);
    assert!(!group.node(1).claims_in_sync(Region(4)));
    group.assert_done(2, clear(4));
    assert!(!group.node(1).claims_clean(Region(4)), "a clear does not make the legs equal");
    assert_eq!(group.work(1), Some(Region(4)));
    group.assert_done(1, set_sync(4, true));
    assert!(group.node(2).claims_in_sync(Region(4)) && group.node(2).claims_clean(Region(4)));
}

#[test]
fn one_node_at_a_time_recovers_and_is_given_the_same_region_again() {
    let mut group = memory(&[1, 2]);
    group.assert_done(1, set_sync(4, false));
    // Node 1 keeps writing to one leg there, so only it can recover the region.
    assert_eq!(group.work(2), None);
    for _ in 0..3 {
        assert_eq!(group.work(1), Some(Region(4)));
    }
    group.assert_done(2, set_sync(4, true));
    assert!(!group.node(1).claims_in_sync(Region(4)), "node 2 was not given it");
    group.assert_done(1, set_sync(4, true));
    assert!(group.node(2).claims_in_sync(Region(4)));
}

#[test]
fn regions_that_somebody_waits_for_come_first() {
    let mut group = memory(&[1, 2, 3]);
    for region in 2..7 {
        group.write(3, region);
    }
    group.crash(3);
    let waits = Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(2) };
    assert_eq!(group.answer(2, remote(5)), Some(Ok(waits)));
    assert_eq!(group.work(1), Some(Region(5)));
    group.assert_done(1, set_sync(5, true));
    assert_eq!(group.work(1), Some(Region(2)));
    let free = Answer::RemoteRecovering { is_recovering: false, in_sync_hint: Region(2) };
    assert_eq!(group.answer(2, remote(5)), Some(Ok(free)));
}

#[test]
fn a_region_that_could_not_be_recovered_is_not_given_to_the_same_node_again() {
    let mut group = memory(&[1, 2, 3]);
    group.write(3, 4);
    group.crash(3);
    assert_eq!(group.work(1), Some(Region(4)));
    group.assert_done(1, set_sync(4, false));
    assert_eq!(group.work(1), None);
    assert_eq!(group.work(2), Some(Region(4)));
}

#[test]
fn a_write_waits_for_the_recovery_of_its_region() {
    let mut group = memory(&[1, 2, 3]);
    group.write(3, 4);
    group.crash(3);
    assert_eq!(group.work(1), Some(Region(4)));
    group.assert_done(2, mark(4));
    let flush = group.ask(2, FLUSH);
    group.run();
    assert_eq!(group.reply(flush), None);
    group.assert_done(1, set_sync(4, true));
    assert_eq!(group.reply(flush), Some(Ok(Answer::Done)));
    assert!(!group.node(1).claims_clean(Region(4)), "node 2 writes to it");
}

#[test]
fn a_kernel_that_does_not_ask_any_more_pins_what_it_is_told_is_out_of_sync() {
    let mut group = memory(&[1, 2, 3]);
    // All in sync: from now on node 2 asks nobody before it writes.
    assert_eq!(group.answer(2, RequestOp::GetSyncCount), Some(Ok(Answer::SyncCount(8))));
    group.write(3, 4);
    group.crash(3);
    assert_eq!(group.answer(2, in_sync(4)), Some(Ok(Answer::InSync(false))));
    assert_eq!(group.work(1), None, "node 2 writes to one leg there, unmarked");
    // Until it is resumed.
    group.assert_done(2, RequestOp::Presuspend);
    group.assert_done(2, RequestOp::Postsuspend);
    group.assert_done(2, RequestOp::Resume);
    assert_eq!(group.work(1), Some(Region(4)));
    // One that asks is not pinned.
    assert_eq!(group.answer(2, in_sync(4)), Some(Ok(Answer::InSync(false))));
    group.assert_done(1, set_sync(4, true));
    assert_eq!(group.answer(2, in_sync(4)), Some(Ok(Answer::InSync(true))));
}

#[test]
fn a_question_about_a_region_that_another_node_recovers_waits() {
    let mut group = memory(&[1, 2, 3]);
    assert_eq!(group.answer(2, RequestOp::GetSyncCount), Some(Ok(Answer::SyncCount(8))));
    group.write(3, 4);
    group.crash(3);
    assert_eq!(group.work(1), Some(Region(4)));
    let question = group.ask(2, in_sync(4));
    group.run();
    assert_eq!(group.reply(question), None);
    group.assert_done(1, set_sync(4, true));
    assert_eq!(group.reply(question), Some(Ok(Answer::InSync(true))));
}

#[test]
fn after_presuspend_no_write_waits_for_a_recovery() {
    let mut group = memory(&[1, 2, 3]);
    group.write(3, 4);
    group.crash(3);
    group.assert_done(2, RequestOp::Presuspend);
    let free = Answer::RemoteRecovering { is_recovering: false, in_sync_hint: Region(8) };
    assert_eq!(group.answer(2, remote(4)), Some(Ok(free)));
    assert_eq!(group.work(2), None);
    assert_eq!(group.answer(2, in_sync(4)), Some(Ok(Answer::InSync(false))));
    assert_eq!(group.work(1), None, "it writes to one leg there");
}

#[test]
fn a_node_without_quorum_claims_nothing() {
    let mut group = memory(&[1, 2]);
    group.write(1, 4);
    let membership = Membership {
        members: vec![NodeId(1)],
        left: vec![(NodeId(2), LeaveReason::NodeDown)],
        ..Membership::default()
    };
    group.members = vec![NodeId(1)];
    group.input(NodeId(1), Input::Membership(membership));
    assert_eq!(group.node(1).phase(), NodePhase::Isolated);
    assert!(!group.node(1).claims_clean(Region(0)) && !group.node(1).claims_in_sync(Region(0)));
    let waits = Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(0) };
    for (op, expected) in [
        (RequestOp::IsClean { region: Region(0) }, Some(Answer::IsClean(false))),
        (RequestOp::GetSyncCount, Some(Answer::SyncCount(0))),
        (RequestOp::GetResyncWork, Some(Answer::ResyncWork(None))),
        (remote(0), Some(waits)),
        (clear(4), Some(Answer::Done)),
        (set_sync(4, true), Some(Answer::Done)),
        (RequestOp::Presuspend, Some(Answer::Done)),
        // These would let the kernel write, or take a leg's failure for known.
        (in_sync(0), None),
        (mark(5), None),
        (FLUSH, None),
        (set_sync(4, false), None),
    ] {
        assert_eq!(group.answer(1, op.clone()), expected.map(Ok), "{op:?}");
    }
    // Even if the quorum comes back.
    group.tell(Membership::default());
    assert_eq!(group.node(1).phase(), NodePhase::Isolated);
    group.assert_done(1, RequestOp::Postsuspend);
    assert_eq!(group.node(1).phase(), NodePhase::Idle);
}

#[test]
fn nobody_recovers_while_an_isolated_node_may_be_writing() {
    let mut group = memory(&[1, 2, 3]);
    group.write(3, 4);
    // Node 3 was away and back before anybody told it; the others have gone on without it.
    let change = |has_quorum, left: &[u32], joined: &[u32]| Membership {
        members: vec![NodeId(1), NodeId(2), NodeId(3)],
        left: left.iter().map(|node| (NodeId(*node), LeaveReason::NodeDown)).collect(),
        joined: joined.iter().copied().map(NodeId).collect(),
        has_quorum,
    };
    group.input(NodeId(3), Input::Membership(change(false, &[1, 2], &[1, 2])));
    group.input(NodeId(1), Input::Membership(change(true, &[3], &[3])));
    group.input(NodeId(2), Input::Membership(change(true, &[3], &[3])));
    group.run();
    assert_eq!(group.node(3).phase(), NodePhase::Isolated);
    assert!(!group.node(1).claims_in_sync(Region(4)));
    assert_eq!(group.work(1), None);
    group.assert_done(3, RequestOp::Dtr);
    assert_eq!(group.work(1), Some(Region(4)));
}

#[test]
fn what_an_earlier_session_has_sent_is_ignored() {
    let mut group = memory(&[1, 2]);
    group.ask(2, mark(4));
    let (from, old) = group.queue.pop_back().unwrap();
    group.assert_done(2, RequestOp::Postsuspend);
    group.assert_done(2, RequestOp::Resume);
    group.queue.push_back((from, old));
    group.run();
    assert!(group.node(1).claims_clean(Region(4)));
}

#[test]
fn a_joiner_gets_the_state_and_what_came_meanwhile() {
    let mut group = memory(&[1, 2]);
    group.write(2, 4);
    group.join(config(3, Storage::Memory));
    // Until the state is on its way.
    while group.deliver() != Some(Body::CheckpointStart) {}
    group.ask(1, mark(5));
    let resume = group.next_token;
    let question = group.ask(3, in_sync(0));
    assert_eq!(group.reply(question), None, "it waits for the state");
    group.run();
    assert_eq!(group.node(3).phase(), NodePhase::Member);
    assert_eq!(group.reply(question), Some(Ok(Answer::InSync(true))));
    assert!(resume > 0 && !group.node(3).claims_clean(Region(4)) && !group.node(3).claims_clean(Region(5)));
    assert!(group.node(3).claims_clean(Region(6)));
    group.assert_done(2, clear(4));
    assert!(group.node(3).claims_clean(Region(4)));
}

#[test]
fn a_state_of_another_log_is_refused() {
    let mut group = memory(&[1]);
    let geometry = LogGeometry::new(9 * 8, 8).unwrap();
    let resume = group.join(NodeConfig { geometry, ..config(2, Storage::Memory) });
    group.run();
    assert_eq!(group.reply(resume), Some(Err(Errno::EINVAL)));
    assert_eq!(group.node(2).refusal(), Some(ClusterError::RegionCount { found: 8, expected: 9 }));
    assert_eq!(group.members, [NodeId(1)]);
}

#[test]
fn the_next_server_sends_the_state_if_the_first_one_dies_over_it() {
    let mut group = memory(&[1, 2]);
    group.write(2, 4);
    group.join(config(3, Storage::Memory));
    while group.deliver() != Some(Body::CheckpointStart) {}
    group.crash(1);
    assert_eq!(group.node(3).phase(), NodePhase::Member);
    assert!(!group.node(3).claims_clean(Region(4)) && group.node(3).claims_in_sync(Region(4)));
}

#[test]
fn if_nobody_is_left_the_log_device_has_the_marks() {
    let mut group = disk(&[1, 2]);
    group.write(2, 4);
    group.crash(1);
    group.crash(2);
    for node in [2, 3] {
        let sync_option = SyncOption::Default;
        group.join(NodeConfig {
            first_session: 9,
            sync_option,
            ..config(node, Storage::LogDevice("253:3".to_owned()))
        });
    }
    group.run();
    assert!(!group.node(3).claims_in_sync(Region(4)) && group.node(3).claims_in_sync(Region(5)));
}

#[test]
fn if_nobody_is_left_in_memory_everything_is_out_of_sync() {
    let mut group = memory(&[1]);
    group.crash(1);
    group.join(NodeConfig { sync_option: SyncOption::Default, first_session: 9, ..config(1, Storage::Memory) });
    group.run();
    assert_eq!(group.node(1).phase(), NodePhase::Member);
    assert!((0..8).map(Region).all(|region| !group.node(1).claims_in_sync(region)));
}

#[test]
fn a_kernel_with_a_new_daemon_counts_as_writing_everywhere() {
    let mut group = memory(&[1, 2]);
    // The mark reaches the first daemon of node 2, and the flush the second one.
    group.ask(2, mark(4));
    group.queue.clear();
    group.nodes.remove(&NodeId(2));
    group.lose(NodeId(2), LeaveReason::ProcessDown);
    group.run();
    group.join(NodeConfig { is_reconnect: true, first_session: 2, ..config(2, Storage::Memory) });
    group.run();
    group.assert_done(2, FLUSH);
    assert!((0..8).map(Region).all(|region| !group.node(1).claims_clean(region)));
    assert!(group.node(1).claims_in_sync(Region(4)));
    group.write(1, 6);
    group.assert_done(1, clear(6));
    assert!(!group.node(1).claims_clean(Region(6)), "node 2 may be writing there");
    // Suspended, it writes nowhere.
    group.assert_done(2, RequestOp::Postsuspend);
    assert!((0..8).map(Region).all(|region| group.node(1).claims_clean(region)));
}

#[test]
fn a_kernel_with_a_new_daemon_that_dies_leaves_everything_out_of_sync() {
    let mut group = memory(&[1]);
    group.join(NodeConfig { is_reconnect: true, ..config(2, Storage::Memory) });
    group.run();
    group.crash(2);
    assert!((0..8).map(Region).all(|region| !group.node(1).claims_in_sync(region)));
    assert_eq!(group.work(1), Some(Region(0)));
}

#[test]
fn nobody_recovers_while_a_kernel_without_a_daemon_may_be_writing() {
    let mut group = memory(&[1, 2]);
    group.write(2, 4);
    group.nodes.remove(&NodeId(2));
    group.lose(NodeId(2), LeaveReason::ProcessDown);
    group.run();
    assert!(!group.node(1).claims_in_sync(Region(4)));
    assert_eq!(group.work(1), None);
    group.input(NodeId(1), Input::NodeGone { node: NodeId(2) });
    group.run();
    assert_eq!(group.work(1), Some(Region(4)));
}

#[test]
fn a_suspended_mirror_is_answered_without_the_group() {
    let mut group = disk(&[1]);
    group.assert_done(1, RequestOp::Postsuspend);
    let ctr = |is_reconnect| RequestOp::Ctr { arguments: "64 clustered-disk 253:3 8".to_owned(), is_reconnect };
    assert_eq!(group.answer(1, ctr(false)), Some(Ok(Answer::LogDevice(Some("253:3".to_owned())))));
    assert_eq!(group.answer(1, ctr(true)), Some(Ok(Answer::LogDevice(None))));
    assert_eq!(group.answer(1, RequestOp::GetRegionSize), Some(Ok(Answer::RegionSize(8))));
    assert_eq!(group.answer(1, RequestOp::GetSyncCount), Some(Ok(Answer::SyncCount(0))));
    let table = Answer::Status("clustered-disk 3 253:3 8 nosync ".to_owned());
    assert_eq!(group.answer(1, RequestOp::StatusTable), Some(Ok(table)));
    assert_eq!(group.answer(1, FLUSH), Some(Err(Errno::EINVAL)));
    assert_eq!(group.answer(1, in_sync(8)), Some(Err(Errno::EINVAL)));
}
