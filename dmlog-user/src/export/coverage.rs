//! Which hooks a capture had, and what is missing for lack of the others.

use serde::Serialize;

use crate::event::facts::{CaptureFacts, HookCoverage, Probe};

/// How many hooks were probed in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HookCounts {
    /// By fentry and fexit.
    pub fentry: u64,
    /// By kprobe and kretprobe.
    pub kprobe: u64,
    /// Left out by request.
    pub off: u64,
    /// Waiting for their module.
    pub waiting: u64,
    /// Not there.
    pub absent: u64,
}

impl HookCounts {
    /// Counts the hooks of a capture.
    pub fn of(facts: &CaptureFacts) -> Self {
        let mut counts = Self::default();
        for hook in &facts.coverage {
            *match hook.probe {
                Probe::Fentry => &mut counts.fentry,
                Probe::Kprobe => &mut counts.kprobe,
                Probe::Off => &mut counts.off,
                Probe::Waiting => &mut counts.waiting,
                Probe::Absent => &mut counts.absent,
            } += 1;
        }
        counts
    }

    /// All hooks.
    pub fn total(&self) -> u64 {
        self.fentry + self.kprobe + self.off + self.waiting + self.absent
    }
}

/// Hooks of one module that share their state and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookGroup<'a> {
    /// How they are probed, or why not.
    pub probe: Probe,
    /// Kernel module.
    pub module: &'a str,
    /// The common reason; may be empty.
    pub reason: &'a str,
    /// The hooks, in their order.
    pub hooks: Vec<&'a HookCoverage>,
    /// No hook of the module is in another state.
    pub is_whole_module: bool,
}

/// Hooks by state, module and reason, in order of appearance. Those that need no word, probed without a reason, are left
/// out.
pub fn groups(facts: &CaptureFacts) -> Vec<HookGroup<'_>> {
    let mut groups: Vec<HookGroup<'_>> = Vec::new();
    for hook in &facts.coverage {
        if matches!(hook.probe, Probe::Fentry | Probe::Kprobe) && hook.reason.is_empty() {
            continue;
        }
        let HookCoverage { module, function: _, probe, reason, loss: _ } = hook;
        let same =
            |group: &&mut HookGroup<'_>| group.probe == *probe && group.module == module && group.reason == reason;
        match groups.iter_mut().find(same) {
            Some(group) => group.hooks.push(hook),
            None => groups.push(HookGroup {
                probe: *probe,
                module,
                reason,
                hooks: vec![hook],
                is_whole_module: facts.coverage.iter().filter(|h| h.module == *module).all(|h| h.probe == *probe),
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::{HookCounts, groups};
    use crate::event::facts::{CaptureFacts, HookCoverage, Probe};

    fn hook(module: &str, function: &str, probe: Probe, reason: &str) -> HookCoverage {
        let [module, function, reason] = [module, function, reason].map(str::to_owned);
        HookCoverage { module, function, probe, reason, loss: String::new() }
    }

    #[test]
    fn hooks_are_counted_and_grouped_by_reason() {
        let facts = CaptureFacts {
            coverage: vec![
                hook("dm_log", "core_flush", Probe::Fentry, ""),
                hook("dm_log", "core_in_sync", Probe::Off, "reads were not asked for"),
                hook("dm_mirror", "recover", Probe::Kprobe, "no BTF"),
                hook("dm_mirror", "map", Probe::Kprobe, "no BTF"),
                hook("dm_log_userspace", "userspace_ctr", Probe::Waiting, "not loaded"),
                hook("dm_log_userspace", "userspace_dtr", Probe::Waiting, "not loaded"),
            ],
            ..CaptureFacts::default()
        };
        let counts = HookCounts::of(&facts);
        assert_eq!(counts, HookCounts { fentry: 1, kprobe: 2, off: 1, waiting: 2, absent: 0 });
        assert_eq!(counts.total(), 6);
        let told: Vec<_> = groups(&facts).iter().map(|g| (g.module, g.hooks.len(), g.is_whole_module)).collect();
        assert_eq!(told, [("dm_log", 1, false), ("dm_mirror", 2, true), ("dm_log_userspace", 2, true)]);
    }
}
