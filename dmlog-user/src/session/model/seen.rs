//! When and where something was seen, and which calls may have overlapped.
//!
//! ```text
//! entry stamp ≤ begin of the function ····· its effect ····· end of the function ≤ return stamp ≤ place in the stream
//! ```
//!
//! A call's effect lies between its two stamps, and its event comes into the stream after its return. So the events of
//! one thread stand in the order in which they happened, whatever CPU it ran on; of two threads it is known only if their
//! calls do not overlap.

use crate::event::call::Call;
use crate::event::ids::{LogId, MonoNs};

/// How far the clocks of two CPUs may differ. `bpf_ktime_get_ns` reads one clock for all; only while the kernel updates
/// it may two CPUs disagree, by nanoseconds.
const CLOCK_SKEW_NS: u64 = 1_000;

/// When and where something was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// When it was over.
    pub(super) time: MonoNs,
    /// From entry to return in nanoseconds; [`NO_DURATION`] if the entry was not seen.
    pub(super) duration_ns: u64,
    /// Its log.
    pub(super) log: LogId,
    /// The thread that ran it.
    pub(super) tid: u32,
    /// The CPU it ran on.
    pub(super) cpu: u16,
}

/// The entry of the call was not seen.
pub(super) const NO_DURATION: u64 = u64::MAX;

impl Seen {
    #[inline]
    pub(super) fn of(call: &Call) -> Self {
        let Call { time, log, tid, cpu, .. } = *call;
        Self { time, duration_ns: call.span_ns().unwrap_or(NO_DURATION), log, tid, cpu }
    }

    /// The earliest moment at which the call may have had its effect: its entry, or any time if that was not seen.
    #[inline]
    pub(super) fn earliest(&self) -> MonoNs {
        MonoNs(self.time.0.saturating_sub(self.duration_ns))
    }

    /// The span in which it had its effect.
    #[inline]
    pub(super) fn span(&self) -> Span {
        Span { from: self.earliest(), to: self.time, tid: self.tid }
    }
}

/// A stretch of time in which one thread did one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: MonoNs,
    pub(super) to: MonoNs,
    pub(super) tid: u32,
}

impl Span {
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
