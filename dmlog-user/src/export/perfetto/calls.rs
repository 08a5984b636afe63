//! Calls of threads, held until they can be shown as they nest.
//!
//! A call is told at its return, after all that it called: a pass comes behind its flushes. So calls of a thread are held until the one comes that
//! nothing calls (a pass, a `mirror_*` function), and then shown as the tree that they are. What turns out to be in no pass goes to the
//! row `other calls`. Times are never changed: a call that overlaps another one without lying in it, which clocks of two CPUs can do, is shown beside it.

use std::cmp::Reverse;

use dmlog_common::record::kind;
use rustc_hash::FxHashMap;

use super::names::{Category, Key, Name, annotate};
use super::packet::Body;
use super::tracks::{File, Row, Slice, Tracks};
use crate::event::call::Call;

/// Calls of one thread that are held. A pass over a queue of a thousand writes makes some ten thousand.
pub const THREAD_CALLS_MAX: usize = 1 << 14;
/// Calls of a mirror that are held, some 100 bytes each.
pub const MIRROR_CALLS_MAX: usize = 1 << 15;
/// Calls that are held in all.
pub const CALLS_MAX: usize = 1 << 18;
/// Threads of a mirror that are told apart.
pub const THREADS_MAX: usize = 1 << 10;
/// Threads whose memory is kept: as many as hold calls at once where all goes well.
const SPARE_MAX: usize = 8;

/// Where a held call keeps the number of a flow, as long as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSlot {
    tid: u32,
    batch: u64,
    place: usize,
}

/// One call.
#[derive(Clone, Copy, Debug)]
struct Held {
    call: Call,
    /// Its flows in those of the thread.
    flows: (u32, u32),
    flows_cut: u32,
}

#[derive(Debug, Default)]
struct Thread {
    calls: Vec<Held>,
    /// Flows of the calls; 0 is none.
    flows: Vec<u64>,
    /// Which of all batches of calls this is: a slot of another one is not there any more.
    batch: u64,
}

/// Calls of the threads of a mirror.
#[derive(Debug, Default)]
pub struct Calls {
    threads: FxHashMap<u32, Thread>,
    held: usize,
    stack: Vec<u64>,
}

/// What the calls of all mirrors share.
#[derive(Debug, Default)]
pub struct Together {
    held: usize,
    batches: u64,
    /// Threads whose memory is used again; a thread that holds nothing has none.
    spare: Vec<Thread>,
    /// Calls that were shown before what called them could come.
    pub shown_apart: u64,
}

/// Calls that nothing of ours calls.
#[inline]
fn is_outermost(call: &Call) -> bool {
    matches!(
        u16::from(call.code),
        kind::PASS
            | kind::MIRROR_CTR
            | kind::MIRROR_DTR
            | kind::MIRROR_PRESUSPEND
            | kind::MIRROR_POSTSUSPEND
            | kind::MIRROR_RESUME
            | kind::MIRROR_STATUS
    )
}

fn start(held: &Held) -> u64 {
    held.call.start().0
}

fn end(held: &Held) -> u64 {
    held.call.time.0
}

impl Calls {
    /// Holds a call, or shows it with all that it called if nothing called it. Returns where its first flow is kept.
    pub fn push(
        &mut self,
        call: &Call,
        flows: &[u64],
        flows_cut: u32,
        tracks: &mut Tracks,
        file: &mut File,
        together: &mut Together,
    ) -> FlowSlot {
        if THREADS_MAX <= self.threads.len() && !self.threads.contains_key(&call.tid) {
            self.show_all(tracks, file, together);
        }
        let thread = self.threads.entry(call.tid).or_insert_with(|| {
            together.batches += 1;
            Thread { batch: together.batches, ..together.spare.pop().unwrap_or_default() }
        });
        let place = thread.flows.len();
        thread.flows.extend_from_slice(flows);
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        thread.calls.push(Held { call: *call, flows: (number(place), number(flows.len())), flows_cut });
        let slot = FlowSlot { tid: call.tid, batch: thread.batch, place };
        self.held += 1;
        together.held += 1;
        if is_outermost(call) {
            self.show(call.tid, tracks, file, together);
        } else if THREAD_CALLS_MAX <= thread.calls.len() || MIRROR_CALLS_MAX <= self.held || CALLS_MAX <= together.held
        {
            together.shown_apart += self.held as u64;
            self.show_all(tracks, file, together);
        }
        slot
    }

    /// The flow that is kept there, if it still is.
    pub fn flow_mut(&mut self, slot: FlowSlot) -> Option<&mut u64> {
        let thread = self.threads.get_mut(&slot.tid).filter(|thread| thread.batch == slot.batch)?;
        thread.flows.get_mut(slot.place)
    }

    /// Shows everything that is held.
    pub fn show_all(&mut self, tracks: &mut Tracks, file: &mut File, together: &mut Together) {
        let mut tids: Vec<u32> = self.threads.keys().copied().collect();
        // The order of a hash table is nobody's business.
        tids.sort_unstable();
        for tid in tids {
            self.show(tid, tracks, file, together);
        }
    }

    fn show(&mut self, tid: u32, tracks: &mut Tracks, file: &mut File, together: &mut Together) {
        let Self { threads, held, stack } = self;
        let Some(mut thread) = threads.remove(&tid) else { return };
        *held -= thread.calls.len();
        together.held -= thread.calls.len();
        show_tree(&mut thread.calls, &thread.flows, stack, tracks, file);
        thread.calls.clear();
        thread.flows.clear();
        if together.spare.len() < SPARE_MAX {
            together.spare.push(thread);
        }
    }
}

/// Shows calls of one thread, in the order in which they came, as they nest.
fn show_tree(calls: &mut [Held], flows: &[u64], stack: &mut Vec<u64>, tracks: &mut Tracks, file: &mut File) {
    // What was told later is further out, if both took the same time.
    calls.reverse();
    calls.sort_by_key(|held| (start(held), Reverse(end(held))));
    stack.clear();
    let mut track = 0;
    for held in &*calls {
        let Held { call, .. } = held;
        let (start, end) = (start(held), end(held));
        while let Some(over) = stack.pop_if(|top| *top <= start) {
            tracks.end(file, track, over);
        }
        let slice = Slice { start, end, name: Name::of(call), category: Category::of(call) };
        let rest = |body: &mut Body<'_>| annotate_held(body, held, flows);
        if stack.last().is_some_and(|top| *top < end) {
            tracks.slice(file, Row::Calls, slice, rest);
            continue;
        }
        let is_root = stack.is_empty();
        if is_root {
            let row = if u16::from(call.code) == kind::PASS { Row::Kmirrord } else { Row::Calls };
            let Some(lane) = tracks.lane(file, row, start, end) else {
                tracks.unfit(file, slice, rest);
                continue;
            };
            track = lane;
        }
        let rest = |body: &mut Body<'_>| {
            rest(body);
            if is_root {
                body.uint(Key::Tid, call.tid.into());
                body.uint(Key::Cpu, call.cpu.into());
            }
        };
        if call.span_ns().is_some() {
            tracks.begin(file, track, slice, rest);
            stack.push(end);
        } else {
            tracks.instant(file, track, slice, rest);
        }
    }
    while let Some(over) = stack.pop() {
        tracks.end(file, track, over);
    }
}

#[inline]
fn annotate_held(body: &mut Body<'_>, held: &Held, flows: &[u64]) {
    let Held { call, flows: (first, count), flows_cut } = held;
    let first = usize::try_from(*first).unwrap_or(usize::MAX);
    let count = usize::try_from(*count).unwrap_or(usize::MAX);
    for &flow in flows.iter().skip(first).take(count).filter(|flow| **flow != 0) {
        if u16::from(call.code) == kind::CLEAR_REGION {
            body.last_flow(flow);
        } else {
            body.flow(flow);
        }
    }
    if *flows_cut != 0 {
        body.uint(Key::FlowsCut, u64::from(*flows_cut));
    }
    annotate(body, call);
}
