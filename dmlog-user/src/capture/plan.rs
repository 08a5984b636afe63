//! What to attach to, decided from facts alone: a pure function, so that tests can take one fact away at a time.
//!
//! The rules: a hook must be in the allow-list, and its exact name must be once in `/proc/kallsyms` under its own module.
//! fentry also wants it exactly once in that module's BTF (a name that is there twice was seen to crash a kernel). What
//! cannot be probed by fentry is probed by kprobe; what cannot be probed at all is reported with what it costs. Where the kernel is
//! preemptible, functions that tasks run are probed by kprobe, because fentry would miss calls there.

use dmlog_common::hooks::{Group, HOOKS, Hook};
use dmlog_common::record::kind;

use super::host::{HostFacts, capability};
use crate::event::facts::{HookCoverage, Probe};

/// Which probes may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeChoice {
    /// fentry where it is possible, kprobe elsewhere.
    #[default]
    Auto,
    /// Only kprobes.
    Kprobe,
}

/// What to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Which probes may be used.
    pub probe: ProbeChoice,
    /// Record bios (`mirror_map` and the like).
    pub io: bool,
    /// Record reads of the sync bits that must not block.
    pub reads: bool,
    /// Only these functions; empty means all.
    pub only: Vec<String>,
}

/// One hook and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its number in [`HOOKS`].
    pub hook: u16,
    /// How to probe it.
    pub action: Action,
    /// Why it is not better; empty if there is nothing to say.
    pub reason: String,
}

/// How to probe a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// fentry (and fexit) on the function with this id in its module's BTF.
    Fentry {
        /// Type id.
        btf_id: u32,
    },
    /// kprobe (and kretprobe).
    Kprobe,
    /// Left out by request.
    Off,
    /// Its module is not loaded yet.
    Waiting,
    /// It is not there.
    Absent,
}

/// Decisions for every hook, in the order of [`HOOKS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One for each hook.
    pub decisions: Vec<Decision>,
}

impl Plan {
    /// Decides.
    pub fn new(facts: &HostFacts, wishes: &Wishes) -> Self {
        let decisions = HOOKS
            .iter()
            .zip(0..)
            .map(|(hook, number)| {
                let (action, reason) = decide(hook, facts, wishes);
                Decision { hook: number, action, reason }
            })
            .collect();
        Self { decisions }
    }

    /// Coverage as it is written into traces and shown by `host`.
    pub fn coverage(&self) -> Vec<HookCoverage> {
        self.decisions
            .iter()
            .filter_map(|decision| {
                let hook = HOOKS.get(usize::from(decision.hook))?;
                let probe = match decision.action {
                    Action::Fentry { .. } => Probe::Fentry,
                    Action::Kprobe => Probe::Kprobe,
                    Action::Off => Probe::Off,
                    Action::Waiting => Probe::Waiting,
                    Action::Absent => Probe::Absent,
                };
                let lossless = matches!(probe, Probe::Fentry | Probe::Kprobe);
                Some(HookCoverage {
                    module: hook.module.to_owned(),
                    function: hook.function.to_owned(),
                    probe,
                    reason: decision.reason.clone(),
                    loss: if lossless { String::new() } else { hook.loss.to_owned() },
                })
            })
            .collect()
    }
}

fn decide(hook: &Hook, facts: &HostFacts, wishes: &Wishes) -> (Action, String) {
    if hook.group == Group::Io && !wishes.io {
        return (Action::Off, "left out by `--no-io`".to_owned());
    }
    if !wishes.only.is_empty() && !wishes.only.iter().any(|name| name == hook.function) {
        return (Action::Off, "left out by `--hook`".to_owned());
    }
    if !facts.modules.contains_key(hook.module) {
        let reason = format!("module `{}` is not loaded; probed when it is", hook.module);
        return (Action::Waiting, reason);
    }
    let name = (hook.module.to_owned(), hook.function.to_owned());
    match facts.symbols.get(&name) {
        None => return (Action::Absent, "not in /proc/kallsyms under this name: inlined or renamed".to_owned()),
        Some(1) => {}
        Some(count) => return (Action::Absent, format!("{count} functions of the module have this name")),
    }
    match fentry(hook, facts, wishes) {
        Ok(_) if facts.preemptible && !facts.kprobes_disabled && run_by_tasks(hook) => {
            let reason = "this kernel preempts tasks inside fentry programs, and then misses calls of other tasks";
            (Action::Kprobe, reason.to_owned())
        }
        Ok(btf_id) => (Action::Fentry { btf_id }, String::new()),
        Err(reason) if facts.kprobes_disabled => (Action::Absent, format!("{reason}; and kprobes are disabled")),
        Err(reason) => (Action::Kprobe, reason),
    }
}

/// Whether tasks run the function, and not interrupts. The kernel does not run an fentry program on a CPU where that program is
/// running, so a task that is preempted in it hides the calls of the next one. A kprobe's program is run with preemption off.
/// Interrupts are not preempted, and keep fentry: a kprobe within a kprobe would be missed.
fn run_by_tasks(hook: &Hook) -> bool {
    !matches!(hook.kind, kind::END_IO | kind::WRITE_CALLBACK | kind::READ_CALLBACK | kind::RH_DEC)
}

/// The BTF id to attach fentry to, or why not.
fn fentry(hook: &Hook, facts: &HostFacts, wishes: &Wishes) -> Result<u32, String> {
    if wishes.probe == ProbeChoice::Kprobe {
        return Err("kprobes were asked for".to_owned());
    }
    if !facts.modules_with_btf.contains(hook.module) {
        return Err("the module has no BTF".to_owned());
    }
    if !facts.can(capability::SYS_ADMIN) {
        return Err("module BTF needs `CAP_SYS_ADMIN`".to_owned());
    }
    let Some(function) = facts.btf.get(&(hook.module.to_owned(), hook.function.to_owned())) else {
        return Err("not in the module's BTF".to_owned());
    };
    let [id] = function.ids[..] else {
        return Err(format!("{} functions in the module's BTF have this name", function.ids.len()));
    };
    // Callbacks of dm-raid1 got an argument in 7.x and the programs know both forms; nothing else may differ.
    let callback = matches!(hook.kind, kind::WRITE_CALLBACK | kind::READ_CALLBACK);
    if function.parameters != usize::from(hook.arguments) && !callback {
        return Err(format!("has {} parameters instead of {}", function.parameters, hook.arguments));
    }
    Ok(id)
}

#[cfg(test)]
mod tests;
