//! Threads and the steps that they are made of.

use std::collections::VecDeque;

use dmlog_user::event::bits::Bitset;
use dmlog_user::event::op::{FlushKind, Op};

use super::capture::Place;
use super::mirror::Bio;

/// One small step of a thread. Steps that belong to one call stand between `Enter` and `Emit`.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The entry of a call is stamped.
    Enter,
    /// The call does what it does.
    Do(Action),
    /// The return of a call is stamped, with what it says.
    Return,
    /// Its event comes into the stream.
    Emit,
    /// An event of a hook that is seen at its entry: stamped and emitted.
    Entry(Op),
    /// A place in the stream is taken for what the log is; it is read later.
    TakeIdentity,
    ReadIdentity,
    /// The same for one of the log's bitsets. All three are stamped with the time of the first.
    TakeBits(Bitset),
    ReadBits(Bitset),
}

/// What a call does, or the code between calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    // Operations of the log.
    InSync { region: usize, can_block: bool },
    Mark(usize),
    Clear(usize),
    GetResyncWork,
    SetSync(usize, bool),
    GetSyncCount,
    SampleFlush,
    Flush,
    FlushLegs,
    WriteLog,
    Resume,
    Status,
    Ctr,
    // The worker.
    UpdateStates,
    Release,
    Recovery,
    HandedOut,
    Alloc(usize),
    SetRecovering(usize),
    StartCopies,
    CountSync,
    Counted,
    TakeWrites,
    GetState(Bio),
    Classify(Bio),
    IncPending,
    FindForInc(usize),
    RhInc(usize),
    Dispatch,
    Failures,
    Nosync(Bio),
    EndFailed(Bio),
    EndPass,
    // Interrupts and kcopyd.
    EndWrite(Bio),
    Dec(usize),
    EndCopy(usize),
    // The ioctl task.
    StopRecovery,
    WaitForWorker,
    BlockWrites,
    WaitForBios,
    WaitForAll,
    Reload,
    EndOld,
    StartRecovery,
}

/// A thread that runs.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) at: Place,
    pub(super) steps: VecDeque<Step>,
    /// Entries of the calls that it is in.
    pub(super) entered: Vec<u64>,
    /// What the call that returns says.
    pub(super) says: Option<Op>,
    /// Stamped, and not emitted yet.
    pub(super) stamped: Option<(u64, u64, Op)>,
    /// The place that an identity or a bitset has taken.
    pub(super) place: Option<usize>,
    /// When the first bitset of a snapshot took its place.
    pub(super) snapshot: u64,
    pub(super) kinds: Vec<FlushKind>,
    pub(super) legs_failed: bool,
    pub(super) handed_out: Option<usize>,
    pub(super) count: u64,
    pub(super) in_sync: bool,
    pub(super) sync: Vec<Bio>,
    pub(super) nosync: Vec<Bio>,
    pub(super) delayed: Vec<Bio>,
    pub(super) is_worker: bool,
}

impl Thread {
    pub(super) fn new(cpu: u16, tid: u32, is_worker: bool, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            at: Place { cpu, tid },
            steps: steps.into_iter().collect(),
            entered: Vec::new(),
            says: None,
            stamped: None,
            place: None,
            snapshot: 0,
            kinds: Vec::new(),
            legs_failed: false,
            handed_out: None,
            count: 0,
            in_sync: false,
            sync: Vec::new(),
            nosync: Vec::new(),
            delayed: Vec::new(),
            is_worker,
        }
    }

    /// These steps come next.
    pub(super) fn next(&mut self, steps: Vec<Step>) {
        for step in steps.into_iter().rev() {
            self.steps.push_front(step);
        }
    }
}

/// A whole call.
pub(super) fn call(action: Action) -> Vec<Step> {
    vec![Step::Enter, Step::Do(action), Step::Return, Step::Emit]
}

/// A flush of the log, whose kind is seen at its entry.
pub(super) fn flush() -> Vec<Step> {
    vec![Step::Enter, Step::Do(Action::SampleFlush), Step::Do(Action::Flush), Step::Return, Step::Emit]
}

/// All bits of the log.
pub(super) fn snapshot() -> Vec<Step> {
    Bitset::ALL.into_iter().flat_map(|bitset| [Step::TakeBits(bitset), Step::ReadBits(bitset)]).collect()
}
