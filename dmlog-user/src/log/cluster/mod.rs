//! One log on several nodes: the state machine behind `clustered-core` and `clustered-disk`.
//!
//! A mirror is active on several nodes at once, over shared storage, and a cluster file system above it sees to it that
//! they do not write to the same place at the same time. What the log has to see to is that no node takes the legs for
//! equal where another one has died in the middle of a write.
//!
//! Pure and deterministic: a [`node::Node`] is a state and [`node::Node::apply`]; inputs and outputs are in
//! [`protocol`]. No clock, no socket, no device. The daemon drives it with corosync's closed process groups;
//! `tests/properties/cluster` with thousands of histories.
//!
//! ```text
//!  kernel ── request ──▶ member ── multicast ──▶ group, one order for all ──▶ replica (the same on every member)
//!         ◀── reply ────────┴── acknowledged by every member, written by the server ◀──┘
//! ```
//!
//! # How it works
//!
//! * Every message has its place in one order, and every member applies it to its [`replica`]. So do changes of the
//!   membership.
//! * Marks are kept per region and node. A clear makes a region clean only if nobody else has it marked and it is in
//!   sync.
//! * The member with the lowest number is the server. It writes the log device and sends the state to nodes that join.
//!   It hands this over to a lower member only when none of its writes is under way.
//! * A node that joins announces itself and queues what is delivered until it has the state: the server says in the
//!   order where the state is taken, and sends it in chunks. If nobody has it, the lowest joiner founds it: from the
//!   log device, or with everything out of sync.
//! * One node at a time recovers a region; asked again, it gets the same one. Regions that somebody waits for come
//!   first.
//!
//! # Why no node claims what may be half written
//!
//! "Claims" means: says that a region is clean or in sync. A region is half written if a write to it ended on some legs
//! only. Each step names its rule ([`rules::Rule`]); the tests break each one and see data lost.
//!
//! 1. *A write is known before it begins.* A node writes when its flush was answered, and that is when every member has
//!    acknowledged a place in the order behind its marks (`FlushWaitsForEverybody`), and the log device has them.
//!    Agreed delivery alone would not do: a node can deliver its own message, act on it and die, and nobody else ever
//!    gets it.
//! 2. *It is known as long as it lasts.* Marks of others survive a clear (`ClearNeedsNoOtherMark`).
//! 3. *It is known after its writer is lost.* Whoever survives has the mark, by 1, and when the loss is delivered, puts
//!    the region out of sync until it was recovered (`MarksOfTheDeadStay`). Who joins later gets the state, by a
//!    checkpoint and what was delivered behind it (`JoinersCatchUp`). If nobody survives, the log device has the mark,
//!    or everything is out of sync.
//! 4. *A recovery makes the legs equal.* A region is handed out only if nobody else may be writing there, and whoever
//!    wants to write there meanwhile is answered when it is over (`RecoveryWaitsForWriters`). Nobody else may be
//!    writing there means: no mark of others; no *pin* of others; no node whose writes are unknown. A pin is needed
//!    because a kernel that was told "not in sync" writes to one leg without a mark, and keeps doing so without asking;
//!    it asks `IS_REMOTE_RECOVERING` before, but not about regions below the hint that it has, and not at all once it
//!    was in sync.
//! 5. *What is dirtier is known to everybody before it is acted upon.* A leg that failed, and "not in sync" to a kernel
//!    that may write unmarked after it, are answered when all members have acknowledged them. So a member may answer
//!    from its replica without asking: what it has not heard of, nobody was told of.
//! 6. *Who cannot know is silent.* A node without quorum is isolated: it claims nothing, answers no flush, and stays so
//!    until its mirror is suspended or the machine reset (`NoClaimWithoutQuorum`). It tells those who go on that its
//!    kernel may be writing.
//! 7. *Nothing old counts.* Every attempt to be a member has its own session; what an earlier one has sent is ignored.
//!    A state is founded only when everybody in the group has announced since the last change and nobody has one.
//! 8. *A daemon's death is not its kernel's.* A kernel that goes on with another daemon may hold answers that the new
//!    one does not know of; even a flush can be for marks that only the first one got. All regions count as marked by
//!    it until it is suspended.
//!
//! # What the caller has to see to
//!
//! * The group gives agreed order and virtual synchrony, as corosync's `CPG_TYPE_AGREED` does.
//! * [`protocol::Membership::has_quorum`] is about the nodes that this one stayed connected to *without a break*.
//! * A membership with quorum is handed in after every node outside of it, and every node it names as down, is fenced:
//!   nothing that those have under way reaches legs or log device any more.
//! * What the group has delivered is handed in before a local request that comes later.
//! * A daemon that dies comes back, or takes its node down, before all others who knew of it are gone.
//! * Sessions increase over restarts ([`protocol::NodeConfig::first_session`]).
//!
//! # What it does not do
//!
//! If the whole cluster loses its quorum at once, all nodes are isolated and have to be reset, or suspended and resumed
//! where that is possible; they do not take up where they were. Parts of the cluster may have delivered different
//! messages last, and merging states is left out on purpose.
//!
//! Differences from cmirrord: it answers on delivery by the server, without acknowledgements of the others; it says "in
//! sync" of every region once the mirror was in sync; it never recovers the regions of a dead node before the next
//! activation; its state has to fit one message.

pub mod error;
pub mod ids;

pub mod message;
pub mod protocol;
pub mod rules;
pub mod wire;

pub(crate) mod checkpoint;
pub(crate) mod replica;

pub(crate) mod joiner;
pub(crate) mod member;
pub(crate) mod server;
pub(crate) mod status;

pub mod node;
