//! How far back a loss may lie that is told now.
//!
//! The kernel's records carry a sequence number per CPU and lane, and a hole counts as a loss only after
//! [`LATE_WINDOW`] more records of that lane, or at the end. So between a loss and the gap that tells it stand at most that
//! many records of its CPU and lane, and whatever other CPUs did meanwhile.
//!
//! ```text
//! events of the CPU   ··· │ block before │ block │ gap      a block is longer than the window,
//!                         └──▶ the loss is not before here   so the loss lies in one of the two
//! ```

use crate::event::facts::{CaptureFacts, Probe};
use crate::event::item::{Gap, LossCause};
use crate::event::sequence::LATE_WINDOW;

/// Events of a CPU in a block: more than can stand between a loss and its gap.
const BLOCK_EVENTS: u32 = 2 * LATE_WINDOW;

/// CPUs that are told apart, the kernel's own limit (`CONFIG_NR_CPUS` 8192); a loss of another may lie anywhere.
const CPUS_MAX: usize = 8192;

/// Where the last two blocks of a CPU begin, by position.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    in_block: u32,
    block: u64,
    before: u64,
}

/// What is needed to tell how far back a loss may lie.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    cpus: Vec<Marks>,
    /// All hooks are of one lane. With two, events of the one say nothing of the other.
    has_one_lane: bool,
    has_kprobes: bool,
}

/// What a gap means for what was folded before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// Nothing is missing at all: calls are in the stream without their durations.
    Nothing,
    /// Events are missing right before the gap.
    Here,
    /// Events may be missing since this position.
    Since(u64),
}

impl Reach {
    pub(super) fn new(facts: Option<&CaptureFacts>) -> Self {
        let hooks = || facts.into_iter().flat_map(|facts| &facts.coverage);
        let has = |probe| hooks().any(|hook| hook.probe == probe);
        let (has_fentry, has_kprobes) = (has(Probe::Fentry), has(Probe::Kprobe));
        // Without facts both kinds may be there.
        Self { cpus: Vec::new(), has_one_lane: has_fentry != has_kprobes, has_kprobes: has_kprobes || !has_fentry }
    }

    /// An event of this CPU stands at this position. That some are left out here makes the reach longer, never shorter.
    #[inline]
    pub(super) fn see(&mut self, cpu: u16, position: u64) {
        let cpu = usize::from(cpu);
        if self.cpus.len() <= cpu {
            self.grow(cpu);
        }
        if let Some(marks) = self.cpus.get_mut(cpu) {
            marks.in_block += 1;
            if BLOCK_EVENTS <= marks.in_block {
                *marks = Marks { in_block: 0, block: position, before: marks.block };
            }
        }
    }

    #[cold]
    fn grow(&mut self, cpu: usize) {
        if cpu < CPUS_MAX {
            self.cpus.resize(cpu + 1, Marks::default());
        }
    }

    /// How far back the loss may lie.
    pub(super) fn of(&self, gap: &Gap) -> Back {
        match (gap.cause, gap.cpu) {
            // The recorder writes these where the events would have stood.
            (LossCause::QueueFull | LossCause::WriteFailed, _) => Back::Here,
            (LossCause::RingFull, Some(cpu)) if self.has_one_lane => {
                Back::Since(self.cpus.get(usize::from(cpu)).map_or(0, |marks| marks.before))
            }
            // An fentry program reports a call without its entry all the same.
            (LossCause::Unpaired, _) if !self.has_kprobes => Back::Nothing,
            (
                LossCause::RingFull | LossCause::Recursion | LossCause::Unpaired | LossCause::ModuleReload,
                Some(_) | None,
            ) => Back::Since(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_EVENTS, Back, Reach};
    use crate::event::facts::{CaptureFacts, HookCoverage, Probe};
    use crate::event::ids::MonoNs;
    use crate::event::item::{Gap, LossCause};
    use crate::event::sequence::LATE_WINDOW;

    fn reach(probes: &[Probe]) -> Reach {
        let hook = |probe: &Probe| HookCoverage {
            module: String::new(),
            function: String::new(),
            probe: *probe,
            reason: String::new(),
            loss: String::new(),
        };
        Reach::new(Some(&CaptureFacts { coverage: probes.iter().map(hook).collect(), ..CaptureFacts::default() }))
    }

    fn gap(cause: LossCause, cpu: Option<u16>) -> Gap {
        Gap { time: MonoNs(0), cpu, lost: Some(1), cause }
    }

    #[test]
    fn a_loss_is_at_most_two_blocks_and_at_least_the_window_back() {
        let mut reach = reach(&[Probe::Fentry]);
        for position in 0..10_000 {
            reach.see(u16::from(position % 2 == 0), position);
            let Back::Since(since) = reach.of(&gap(LossCause::RingFull, Some(0))) else { panic!("it is known") };
            let of_this_cpu = (position - since) / 2;
            assert!(of_this_cpu <= 2 * u64::from(BLOCK_EVENTS), "{since} of {position}");
            assert!(since == 0 || u64::from(LATE_WINDOW) < of_this_cpu, "{since} of {position}");
        }
        assert_eq!(reach.of(&gap(LossCause::RingFull, Some(2))), Back::Since(0), "a CPU that was not heard of");
    }

    #[test]
    fn a_loss_of_unknown_lane_or_cpu_may_lie_anywhere() {
        for probes in [&[Probe::Fentry, Probe::Kprobe][..], &[]] {
            let mut reach = reach(probes);
            (0..10_000).for_each(|position| reach.see(0, position));
            assert_eq!(reach.of(&gap(LossCause::RingFull, Some(0))), Back::Since(0));
        }
        let mut reach = reach(&[Probe::Fentry]);
        (0..10_000).for_each(|position| reach.see(0, position));
        for cause in [LossCause::RingFull, LossCause::Recursion, LossCause::ModuleReload] {
            assert_eq!(reach.of(&gap(cause, None)), Back::Since(0));
        }
    }

    #[test]
    fn a_call_without_entry_is_missing_only_where_kprobes_are() {
        assert_eq!(reach(&[Probe::Fentry]).of(&gap(LossCause::Unpaired, None)), Back::Nothing);
        assert_eq!(reach(&[Probe::Kprobe]).of(&gap(LossCause::Unpaired, None)), Back::Since(0));
        assert_eq!(reach(&[Probe::Fentry]).of(&gap(LossCause::QueueFull, None)), Back::Here);
    }
}
