//! When a call was seen, and which calls may have overlapped.
//!
//! ```text
//! entry stamp ≤ begin of the function ····· its effect ····· end of the function ≤ return stamp ≤ place in the stream
//! ```
//!
//! A call's effect lies between its two stamps, and its event comes into the stream after its return. So the events of
//! one thread stand in the order in which they happened, whatever CPU it ran on; of two threads it is known only if their
//! calls do not overlap.

use crate::event::call::Call;
use crate::event::ids::MonoNs;

/// How far the clocks of two CPUs may differ. `bpf_ktime_get_ns` reads one clock for all; only while the kernel updates
/// it may two CPUs disagree, by nanoseconds.
const CLOCK_SKEW_NS: u64 = 1_000;

/// A stretch of time in which one thread did one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: MonoNs,
    pub(super) to: MonoNs,
    pub(super) tid: u32,
}

impl Span {
    /// The span in which a call had its effect. If its entry was not seen, it may have begun at any time.
    #[inline]
    pub(super) fn of(call: &Call) -> Self {
        let from = call.span_ns().map_or(0, |ns| call.time.0.saturating_sub(ns));
        Self { from: MonoNs(from), to: call.time, tid: call.tid }
    }

    /// Whether this one certainly was over before the other began. Events of one thread stand in order.
    #[inline]
    pub(super) fn is_before(&self, later: &Self) -> bool {
        self.tid == later.tid || self.to.0.saturating_add(CLOCK_SKEW_NS) < later.from.0
    }
}

#[cfg(test)]
mod tests {
    use super::Span;
    use crate::event::ids::MonoNs;

    fn span(from: u64, to: u64, tid: u32) -> Span {
        Span { from: MonoNs(from), to: MonoNs(to), tid }
    }

    #[test]
    fn calls_of_one_thread_never_overlap() {
        assert!(span(10, 20, 7).is_before(&span(20, 30, 7)));
    }

    #[test]
    fn calls_of_two_threads_overlap_unless_the_clocks_say_otherwise() {
        assert!(span(10, 20, 7).is_before(&span(1_021, 2_000, 8)));
        assert!(!span(10, 20, 7).is_before(&span(1_020, 2_000, 8)));
        assert!(!span(10, u64::MAX, 7).is_before(&span(5, 6, 8)));
    }
}
