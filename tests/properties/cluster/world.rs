//! Nodes, their mirrors, the network and the storage that they share; and what must never be said of it.

use std::fmt::Write;

use dmlog_user::event::ids::Region;
use dmlog_user::log::arguments::SyncOption;
use dmlog_user::log::cluster::ids::NodeId;
use dmlog_user::log::cluster::message::Message;
use dmlog_user::log::cluster::node::{Node, NodePhase};
use dmlog_user::log::cluster::protocol::{Input, LeaveReason, NodeConfig, Output, Storage};
use dmlog_user::log::cluster::rules::Rules;
use dmlog_user::log::geometry::LogGeometry;
use dmlog_user::log::region_set::RegionSet;
use dmlog_user::log::userspace::reply::Answer;

use super::choice::Choice;
use super::kernel::{Copy, CopyState, Deed, Hashed, Kernel, Stage, at};
use super::ring::{Entry, Life, Ring, View, Wish, index};

/// What a history is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) nodes: u32,
    pub(super) regions: u64,
    pub(super) steps: u32,
    pub(super) storage: Storage,
    pub(super) rules: Rules,
    /// Legs and log devices fail too.
    pub(super) is_failing: bool,
}

/// Why the legs differ in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Torn {
    /// They were never the same.
    Blank,
    /// A node was lost in the middle of a write or a copy. Those who have not been told of the loss cannot know.
    Lost(Life),
    /// A leg failed under a write of a node, which is not told as done before the log knows.
    LegFailed { life: Life, is_known: bool },
    /// A write went to one leg only, or raced with a copy.
    OneLeg,
}

/// One node: its daemon's part, its mirror, its way to the storage.
#[derive(Clone, Debug)]
struct Host {
    node: Node,
    kernel: Kernel,
    /// Nothing of it reaches the storage any more.
    is_fenced: bool,
    /// It was told that it has no quorum since it had the state last.
    is_told: bool,
    /// Whose kernels live, as it was told last.
    view: Vec<Life>,
    reads: Vec<Output>,
    write: Option<(u64, RegionSet)>,
}

/// What happened, for a test that wants to know whether anything did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) writes: u64,
    pub(super) recovered: u64,
    pub(super) torn: u64,
    pub(super) isolated: u64,
    pub(super) claims: u64,
}

#[derive(Clone)]
pub(super) struct World {
    plan: Plan,
    choice: Choice,
    ring: Ring,
    /// Node 1 first.
    hosts: Vec<Host>,
    /// What is clean on the log device.
    disk: RegionSet,
    torn: Vec<Vec<Torn>>,
    /// Copies under way into which somebody else wrote.
    overlapped: Vec<bool>,
    log: Option<String>,
    /// Daemons that were started so far.
    sessions: u32,
    pub(super) counts: Counts,
}

impl World {
    pub(super) fn new(plan: &Plan, is_logging: bool) -> Self {
        let mut world = Self {
            choice: Choice::new(plan.seed),
            ring: Ring::new(plan.nodes),
            hosts: Vec::new(),
            disk: RegionSet::new_empty(plan.regions),
            torn: (0..plan.regions).map(|_| vec![Torn::Blank]).collect(),
            overlapped: (0..plan.regions).map(|_| false).collect(),
            log: is_logging.then(String::new),
            sessions: 0,
            counts: Counts::default(),
            plan: plan.clone(),
        };
        for node in (1..=plan.nodes).map(NodeId) {
            world.start(node);
        }
        world
    }

    pub(super) fn log(&self) -> &str {
        self.log.as_deref().unwrap_or_default()
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            writeln!(log, "{}", text()).unwrap();
        }
    }

    fn nodes(&self) -> Vec<NodeId> {
        (1..=self.plan.nodes).map(NodeId).collect()
    }

    fn start(&mut self, node: NodeId) {
        self.sessions += 1;
        let host = Host {
            node: Node::new(self.config(node, false)),
            kernel: Kernel::new(self.plan.regions),
            is_fenced: false,
            is_told: false,
            view: Vec::new(),
            reads: Vec::new(),
            write: None,
        };
        if self.hosts.len() <= index(node) { self.hosts.push(host) } else { self.hosts[index(node)] = host }
    }

    /// A daemon dies and is there again before anything else breaks; its kernel has not noticed.
    fn restart_daemon(&mut self, node: NodeId) -> Result<(), String> {
        self.note(|| format!("the daemon of {node} is started anew"));
        self.sessions += 1;
        let config = self.config(node, true);
        self.ring.lose_daemon(node);
        let host = &mut self.hosts[index(node)];
        if let Some((_, clean)) = host.write.take()
            && self.choice.percent(50)
        {
            self.disk = clean;
        }
        host.reads.clear();
        host.node = Node::new(config);
        let (token, op) = host.kernel.reconnect();
        self.input(node, Input::Local { token, op })?;
        self.ring.sequence(node);
        Ok(())
    }

    fn config(&self, node: NodeId, is_reconnect: bool) -> NodeConfig {
        NodeConfig {
            node,
            geometry: LogGeometry::new(self.plan.regions * 8, 8).unwrap(),
            storage: self.plan.storage.clone(),
            sync_option: SyncOption::Default,
            first_session: self.sessions,
            is_reconnect,
            // Several chunks even for the smallest log.
            chunk_bytes: 80,
            rules: self.plan.rules,
        }
    }

    /// One step of the history: mostly progress, sometimes a fault.
    pub(super) fn step(&mut self) -> Result<(), String> {
        match self.choice.below(200) {
            0..115 => (0..=self.choice.below(8)).try_for_each(|_| self.network().and_then(|()| self.check())),
            115..140 => self.storage(),
            140..198 => {
                let (first, is_patient) = (self.any_node(), self.choice.percent(96));
                let mut nodes = self.nodes();
                nodes.rotate_left(index(first));
                let is_ready = |node: &NodeId| !(is_patient && self.hosts[index(*node)].kernel.is_waiting());
                let ready = nodes.into_iter().find(is_ready);
                ready.map_or(Ok(()), |node| self.kernel(node, true))
            }
            _ => self.fault(),
        }?;
        self.check()
    }

    /// Goes on from here as another history.
    pub(super) fn branch(&self, plan: &Plan, is_logging: bool) -> Self {
        let mut world = self.clone();
        world.plan = plan.clone();
        world.choice = Choice::new(plan.seed);
        world.log = is_logging.then(String::new);
        world.counts = Counts::default();
        world
    }

    fn any_node(&mut self) -> NodeId {
        NodeId(1 + u32::try_from(self.choice.below(self.hosts.len())).unwrap())
    }

    /// A message finds its place or is delivered, somewhere.
    fn network(&mut self) -> Result<(), String> {
        let start = self.choice.below(self.hosts.len() * 2);
        for place in start..start + self.hosts.len() * 2 {
            let node = NodeId(1 + u32::try_from(place / 2 % self.hosts.len()).unwrap());
            let port = self.ring.port(node);
            if place.is_multiple_of(2) && !port.outbox.is_empty() {
                self.ring.sequence(node);
                return Ok(());
            }
            if !place.is_multiple_of(2) && !port.inbox.is_empty() {
                return self.deliver(node);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, node: NodeId) -> Result<(), String> {
        let Some(entry) = self.ring.port_mut(node).inbox.pop_front() else { return Ok(()) };
        self.note(|| match &entry {
            Entry::Message { from, message, .. } => format!("{node} <- {from}: {:?}", message.body),
            Entry::View(view) => format!("{node} <- {:?}", view.membership),
        });
        match entry {
            Entry::Message { from, message, .. } => {
                // Over the wire and back.
                let message = Message::decode(&message.encode()).map_err(|error| error.to_string())?;
                self.input(node, Input::Delivered { from, message })
            }
            Entry::View(view) => self.view(node, view),
        }
    }

    /// A change of the membership is handed out. Before a node with quorum is told, those it has lost are fenced.
    fn view(&mut self, node: NodeId, view: View) -> Result<(), String> {
        if view.membership.has_quorum {
            for other in self.nodes() {
                let life = self.ring.life(other);
                if view.lost.contains(&life) {
                    self.fence(other);
                }
            }
        }
        let host = &mut self.hosts[index(node)];
        // A kernel whose daemon died lives on until somebody says that it is down.
        let orphans = view.membership.left.iter().filter(|(_, reason)| *reason == LeaveReason::ProcessDown);
        let is_orphan = |life: &&Life| orphans.clone().any(|(node, _)| *node == life.0);
        let orphans: Vec<Life> = host.view.iter().filter(is_orphan).copied().collect();
        host.view = view.members.iter().copied().chain(orphans).collect();
        host.is_told |= !view.membership.has_quorum;
        self.input(node, Input::Membership(view.membership))
    }

    fn input(&mut self, node: NodeId, input: Input) -> Result<(), String> {
        let host = &mut self.hosts[index(node)];
        let before = host.node.phase();
        let outputs = host.node.apply(input);
        match (before, host.node.phase()) {
            (NodePhase::Joining, NodePhase::Member) => host.is_told = false,
            (NodePhase::Member, NodePhase::Isolated) => self.counts.isolated += 1,
            _ => {}
        }
        if self.plan.rules == Rules::SAFE {
            host.node.self_check();
        }
        for output in outputs {
            self.note(|| format!("    {node} -> {output:?}"));
            self.output(node, output)?;
        }
        Ok(())
    }

    fn output(&mut self, node: NodeId, output: Output) -> Result<(), String> {
        let host = &mut self.hosts[index(node)];
        let outbox = &mut self.ring.port_mut(node).outbox;
        match output {
            Output::Join => outbox.push_back(Wish::Join),
            Output::Leave => outbox.push_back(Wish::Leave),
            Output::Multicast(message) => outbox.push_back(Wish::Send(message)),
            Output::ReadDisk { .. } => host.reads.push(output),
            Output::WriteDisk { write, clean } => {
                if host.write.replace((write, clean)).is_some() {
                    return Err(format!("{node} has two writes of the log device under way"));
                }
            }
            Output::Reply { token, outcome } => {
                self.counts.claims += u64::from(matches!(outcome, Ok(Answer::InSync(true) | Answer::IsClean(true))));
                let mut deeds = Vec::new();
                host.kernel.reply(token, &outcome, &mut deeds);
                self.deeds(node, deeds);
            }
        }
        Ok(())
    }

    /// Something that was under way at the storage ends.
    fn storage(&mut self) -> Result<(), String> {
        let node = self.any_node();
        let is_failing = self.plan.is_failing;
        let host = &mut self.hosts[index(node)];
        if host.is_fenced {
            host.reads.clear();
            let write = host.write.take();
            return write.map_or(Ok(()), |(write, _)| self.input(node, Input::DiskWritten { write, is_ok: false }));
        }
        if let Some(Output::ReadDisk { session }) = host.reads.pop() {
            let clean = (!(is_failing && self.choice.percent(5))).then(|| self.disk.clone());
            return self.input(node, Input::DiskRead { session, clean });
        }
        if let Some((write, clean)) = host.write.take() {
            let has_failed = is_failing && self.choice.percent(5);
            if !has_failed || self.choice.percent(50) {
                self.disk = clean;
            }
            return self.input(node, Input::DiskWritten { write, is_ok: !has_failed });
        }
        let mut deeds = Vec::new();
        host.kernel.complete(&mut self.choice, is_failing, &mut deeds);
        self.deeds(node, deeds);
        Ok(())
    }

    fn kernel(&mut self, node: NodeId, is_writing: bool) -> Result<(), String> {
        let mut deeds = Vec::new();
        let host = &mut self.hosts[index(node)];
        if !self.ring.port(node).is_up {
            return Ok(());
        }
        let asked = host.kernel.work(&mut self.choice, is_writing, &mut deeds);
        self.deeds(node, deeds);
        if let Some((token, op)) = asked {
            self.note(|| format!("{node} asks {op:?}"));
            return self.input(node, Input::Local { token, op });
        }
        Ok(())
    }

    /// What a mirror does to the legs.
    fn deeds(&mut self, node: NodeId, deeds: Vec<Deed>) {
        for deed in deeds {
            self.note(|| format!("    {node} does {deed:?}"));
            if !self.hosts[index(node)].is_fenced {
                self.deed(node, deed);
            }
        }
    }

    fn deed(&mut self, node: NodeId, deed: Deed) {
        let life = self.ring.life(node);
        match deed {
            Deed::WriteBegins(region) => {
                self.counts.writes += 1;
                self.overlapped[at(region)] = true;
            }
            Deed::WriteEnds(_) => {}
            Deed::LegFails(region) => self.tear(region, Torn::LegFailed { life, is_known: false }),
            Deed::LegFailureIsKnown(region) => {
                for torn in &mut self.torn[at(region)] {
                    if let Torn::LegFailed { life: by, is_known } = torn
                        && *by == life
                    {
                        *is_known = true;
                    }
                }
            }
            Deed::NosyncWrite(region) => {
                self.overlapped[at(region)] = true;
                self.tear(region, Torn::OneLeg);
            }
            Deed::CopyBegins(region) => {
                // Somebody else's write that is under way may end behind the copy.
                let is_written = |(other, host): (usize, &Host)| {
                    other != index(node) && !host.is_fenced && host.kernel.hashed(region) == Some(Hashed::Writing)
                };
                self.overlapped[at(region)] = self.hosts.iter().enumerate().any(is_written);
            }
            Deed::CopyEnds(region) => {
                self.torn[at(region)].clear();
                self.counts.recovered += 1;
                if self.overlapped[at(region)] {
                    self.tear(region, Torn::OneLeg);
                }
            }
            Deed::CopyFails(region) => {
                if self.overlapped[at(region)] {
                    self.tear(region, Torn::OneLeg);
                }
            }
        }
    }

    fn tear(&mut self, region: Region, torn: Torn) {
        self.counts.torn += 1;
        self.torn[at(region)].push(torn);
    }

    /// What a node has under way at the storage stops in the middle, or just does not.
    fn stop(&mut self, node: NodeId) {
        let life = self.ring.life(node);
        let host = &mut self.hosts[index(node)];
        if let Some((_, clean)) = &host.write
            && self.choice.percent(50)
        {
            self.disk.clone_from(clean);
        }
        host.reads.clear();
        let mut under_way = host.kernel.regions(Hashed::Writing);
        // A copy of equal legs leaves them equal wherever it stops, unless somebody writes there meanwhile.
        let is_overlapped = |copy: &Copy| copy.state == CopyState::Copying && self.overlapped[at(copy.region)];
        under_way.extend(host.kernel.copy.filter(is_overlapped).map(|copy| copy.region));
        for region in under_way {
            if self.choice.percent(70) {
                self.tear(region, Torn::Lost(life));
            }
        }
        // A leg that failed under its write, which nobody will be told of now.
        for torn in self.torn.iter_mut().flatten() {
            if *torn == (Torn::LegFailed { life, is_known: false }) {
                *torn = Torn::Lost(life);
            }
        }
    }

    fn fence(&mut self, node: NodeId) {
        if self.ring.port(node).is_up && !self.hosts[index(node)].is_fenced {
            self.note(|| format!("{node} is fenced"));
            self.stop(node);
            self.hosts[index(node)].is_fenced = true;
        }
    }

    fn crash(&mut self, node: NodeId) {
        self.note(|| format!("{node} crashes"));
        if !self.hosts[index(node)].is_fenced {
            self.stop(node);
        }
        self.ring.crash(node, &mut self.choice);
        // Nothing is left of it; whatever is asked of it while it is down does nothing.
        self.start(node);
    }

    fn boot(&mut self, node: NodeId) {
        self.note(|| format!("{node} boots"));
        self.ring.boot(node);
        self.start(node);
    }

    /// Something breaks, or is repaired. Repairs are likelier, or after a while nothing would be left to break.
    fn fault(&mut self) -> Result<(), String> {
        let islands = self.ring.islands();
        let is_lost = |node: &NodeId| self.needs_reset(*node) || !self.ring.port(*node).is_up;
        let lost: Vec<NodeId> = self.nodes().into_iter().filter(is_lost).collect();
        let kind = self.choice.below(10);
        match kind {
            0..4 if !lost.is_empty() => {
                if let Some(node) = self.choice.one_of(&lost) {
                    self.reset(node);
                    let islands = self.ring.islands();
                    if islands.len() > 1 && self.choice.percent(60) {
                        self.ring.merge(islands[0], islands[islands.len() - 1], &mut self.choice);
                    }
                }
                Ok(())
            }
            4..8 if islands.len() > 1 => {
                self.note(|| format!("islands {islands:?} meet"));
                self.ring.merge(islands[0], islands[1], &mut self.choice);
                Ok(())
            }
            kind => self.breakage(kind),
        }
    }

    /// Something breaks.
    fn breakage(&mut self, kind: usize) -> Result<(), String> {
        let node = self.any_node();
        match kind {
            0 | 8 => {
                let host = &self.hosts[index(node)];
                // One that is cut off has nobody to tell that its kernel lives on.
                if host.node.phase() == NodePhase::Member && host.kernel.stage != Stage::Suspended && !host.is_fenced {
                    return self.restart_daemon(node);
                }
            }
            1..5 if self.ring.port(node).is_up => self.crash(node),
            5..8 => {
                let inside: Vec<NodeId> = self.ring.island(self.ring.port(node).island).into_iter().collect();
                // Mostly one node alone, so that the others can go on.
                let is_single = self.choice.percent(70);
                let is_away = |other: &NodeId| if is_single { *other == node } else { self.choice.percent(50) };
                let away = inside.into_iter().filter(is_away).collect();
                self.note(|| format!("{away:?} are cut off"));
                self.ring.split(&away, &mut self.choice);
            }
            _ => {}
        }
        Ok(())
    }

    fn needs_reset(&self, node: NodeId) -> bool {
        let host = &self.hosts[index(node)];
        host.is_fenced || host.node.phase() == NodePhase::Isolated
    }

    /// A node starts anew, whatever it was doing.
    fn reset(&mut self, node: NodeId) {
        if self.ring.port(node).is_up {
            self.crash(node);
        }
        self.boot(node);
    }

    /// The safety property.
    fn check(&self) -> Result<(), String> {
        let mut written = [None; REGIONS_MAX];
        for (node, host) in (1..).map(NodeId).zip(&self.hosts).filter(|(_, host)| !host.is_fenced) {
            for (writer, hashed) in written.iter_mut().zip(&host.kernel.hash) {
                if *hashed == Some(Hashed::Writing) {
                    *writer = Some(node);
                }
            }
        }
        for (node, host) in (1..).map(NodeId).zip(&self.hosts) {
            // A node that was cut off, fenced and not told yet cannot know, and what it says harms nobody: it reaches
            // nothing.
            if host.node.phase() != NodePhase::Member || (host.is_fenced && !host.is_told) {
                continue;
            }
            for ((region, torn), writer) in (0..).map(Region).zip(&self.torn).zip(&written) {
                if host.node.claims_clean(region) {
                    if let Some(writer) = writer {
                        return Err(format!("{node} says {region:?} is clean, and {writer} writes to it"));
                    }
                    if let Some(torn) = torn.first() {
                        return Err(format!("{node} says {region:?} is clean: {torn:?}"));
                    }
                }
                if !torn.is_empty()
                    && host.node.claims_in_sync(region)
                    && let Some(torn) = torn.iter().find(|torn| !is_excused(host, **torn))
                {
                    return Err(format!("{node} says {region:?} is in sync: {torn:?}"));
                }
            }
        }
        Ok(())
    }

    /// Everybody comes back, nobody writes any more, and every mirror is resumed once: at the end everything is in sync
    /// and clean.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.plan.is_failing = false;
        while let [one, other, ..] = self.ring.islands()[..] {
            self.ring.merge(one, other, &mut self.choice);
        }
        for node in self.nodes() {
            if !self.ring.port(node).is_up || self.needs_reset(node) {
                self.reset(node);
            }
        }
        while let [one, other, ..] = self.ring.islands()[..] {
            self.ring.merge(one, other, &mut self.choice);
        }
        for _ in 0..SETTLE_ROUNDS {
            if self.is_settled() {
                return Ok(());
            }
            for node in self.nodes() {
                while !self.ring.port(node).outbox.is_empty() {
                    self.ring.sequence(node);
                }
            }
            for node in self.nodes() {
                while !self.ring.port(node).inbox.is_empty() {
                    self.deliver(node)?;
                    self.check()?;
                }
                // What was isolated by what it has just been told has to be reset as well.
                if self.needs_reset(node) {
                    self.reset(node);
                    while let [one, other, ..] = self.ring.islands()[..] {
                        self.ring.merge(one, other, &mut self.choice);
                    }
                }
                // The kernel asks again after a while: a question that came while the log device failed stays without
                // an answer.
                if !self.hosts[index(node)].kernel.is_waiting() || self.choice.percent(5) {
                    self.kernel(node, false)?;
                }
            }
            for _ in 0..self.plan.nodes * 2 {
                self.storage()?;
            }
            self.check()?;
        }
        Err(format!("not settled: {}", self.unsettled()))
    }

    fn is_settled(&self) -> bool {
        self.hosts.iter().all(|host| {
            let is_good = |region: Region| host.node.claims_clean(region) && host.node.claims_in_sync(region);
            host.kernel.stage == Stage::Live
                && host.kernel.is_quiet()
                && (0..self.plan.regions).map(Region).all(is_good)
        })
    }

    fn unsettled(&self) -> String {
        let mut text = String::new();
        for (node, host) in (1..).map(NodeId).zip(&self.hosts) {
            writeln!(text, "{node}: {:?}, {:?}", host.node, host.kernel).unwrap();
        }
        text
    }
}

/// Regions of a log, at most.
const REGIONS_MAX: usize = 4;

/// Rounds in which everything has to be in sync again. One region takes some ten rounds.
const SETTLE_ROUNDS: u32 = 3000;

/// Whether a node may still believe that a region is in sync.
fn is_excused(host: &Host, torn: Torn) -> bool {
    match torn {
        Torn::Blank | Torn::OneLeg => false,
        Torn::Lost(life) => host.view.contains(&life),
        Torn::LegFailed { is_known, .. } => !is_known,
    }
}
