//! What this machine is: facts only, no decisions (those are in [`super::plan`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dmlog_common::hooks::HOOKS;

use super::btf::Btf;
use super::layout::ModuleBtf;
use super::sys;

/// Facts about the running kernel, as far as probing dirty logs depends on them. Built by [`HostFacts::probe`], and by hand
/// in tests.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// `uname -n`.
    pub host: String,
    /// `uname -r`.
    pub release: String,
    /// `uname -v`.
    pub version: String,
    /// `uname -m`.
    pub machine: String,
    /// CPUs that may run, the number behind the last one (`/sys/devices/system/cpu/possible`).
    pub cpus: u32,
    /// Modules of the hooks that are loaded (or built in), with a number that changes when a module is loaded again.
    pub modules: BTreeMap<String, u64>,
    /// How often each (module, function) of the hooks is in `/proc/kallsyms`.
    pub symbols: HashMap<(String, String), usize>,
    /// Module BTF: for each (module, function) of the hooks the ids and the number of parameters of the first.
    pub btf: HashMap<(String, String), BtfFunction>,
    /// Modules that have BTF in `/sys/kernel/btf`.
    pub modules_with_btf: BTreeSet<String>,
    /// Effective capabilities, one bit each.
    pub capabilities: u64,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Option<i32>,
    /// Lockdown mode: `none`, `integrity`, `confidentiality`; empty if the kernel has none.
    pub lockdown: String,
    /// `/sys/kernel/debug/kprobes/enabled` says no.
    pub kprobes_disabled: bool,
    /// The kernel may preempt a task in kernel code (`preempt=full` or `lazy`), or it could not be told that it does not.
    pub preemptible: bool,
}

/// A function in a module's BTF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BtfFunction {
    /// Every id with that name; more than one makes the name unsafe to attach to.
    pub ids: Vec<u32>,
    /// Parameters of the first.
    pub parameters: usize,
}

/// Bits of the capabilities in question.
pub mod capability {
    /// `CAP_SYS_ADMIN`.
    pub const SYS_ADMIN: u32 = 21;
    /// `CAP_SYSLOG`.
    pub const SYSLOG: u32 = 34;
    /// `CAP_PERFMON`.
    pub const PERFMON: u32 = 38;
    /// `CAP_BPF`.
    pub const BPF: u32 = 39;
}

impl HostFacts {
    /// Asks the running kernel. Also gives the type information, which is too large to be a fact.
    pub fn probe() -> (Self, ModuleBtf) {
        let [host, release, version, machine] = sys::uname();
        let mut facts = Self {
            host,
            release,
            version,
            machine,
            cpus: possible_cpus(),
            capabilities: effective_capabilities(),
            perf_event_paranoid: read_trimmed("/proc/sys/kernel/perf_event_paranoid")
                .and_then(|text| text.parse().ok()),
            lockdown: lockdown(),
            kprobes_disabled: read_trimmed("/sys/kernel/debug/kprobes/enabled").as_deref() == Some("0"),
            ..Self::default()
        };
        let model = read_trimmed("/sys/kernel/debug/sched/preempt");
        let command_line = read_trimmed("/proc/cmdline").unwrap_or_default();
        facts.preemptible = is_preemptible(model.as_deref(), &facts.version, &command_line);
        facts.probe_symbols();
        for module in modules_of_hooks() {
            if let Some(generation) = module_generation(module) {
                facts.modules.insert(module.to_owned(), generation);
            } else if facts.symbols.keys().any(|(of, _)| of == module) {
                // Functions without a module folder: built in.
                facts.modules.insert(module.to_owned(), 0);
            }
        }
        let btf = facts.probe_btf();
        (facts, btf)
    }

    /// True if the effective set has this capability. `CAP_SYS_ADMIN` stands for `CAP_BPF` and `CAP_PERFMON`, as in the kernel.
    pub fn can(&self, capability: u32) -> bool {
        let has = |bit: u32| self.capabilities >> bit & 1 == 1;
        has(capability) || (matches!(capability, capability::BPF | capability::PERFMON) && has(capability::SYS_ADMIN))
    }

    fn probe_symbols(&mut self) {
        let Ok(text) = fs::read_to_string("/proc/kallsyms") else { return };
        let wanted: BTreeSet<&str> = HOOKS.iter().map(|hook| hook.function).collect();
        for line in text.lines() {
            // `ffffffffc0a00000 t core_mark_region	[dm_log]`; built-in functions have no module.
            let mut words = line.split_ascii_whitespace();
            let (Some(_), Some(kind), Some(function)) = (words.next(), words.next(), words.next()) else { continue };
            if !matches!(kind, "t" | "T") || !wanted.contains(function) {
                continue;
            }
            let module = match words.next() {
                Some(module) => module.trim_matches(['[', ']']),
                None => match HOOKS.iter().find(|hook| hook.function == function) {
                    Some(hook) => hook.module,
                    None => continue,
                },
            };
            *self.symbols.entry((module.to_owned(), function.to_owned())).or_default() += 1;
        }
    }

    fn probe_btf(&mut self) -> ModuleBtf {
        let mut all = ModuleBtf { vmlinux: read_btf("vmlinux", None), ..ModuleBtf::default() };
        if all.vmlinux.is_none() {
            return all;
        }
        let module = |name: &str| read_btf(name, all.vmlinux.clone());
        all.dm_mod = module("dm_mod");
        all.dm_log = module("dm_log");
        all.dm_region_hash = module("dm_region_hash");
        all.dm_mirror = module("dm_mirror");
        all.dm_log_userspace = module("dm_log_userspace");
        for hook in HOOKS {
            if let Some(btf) = all.of(hook.module) {
                self.modules_with_btf.insert(hook.module.to_owned());
                let ids = btf.functions(hook.function).to_vec();
                if let Some(first) = ids.first() {
                    let parameters = btf.parameters(*first).unwrap_or(usize::MAX);
                    self.btf
                        .insert((hook.module.to_owned(), hook.function.to_owned()), BtfFunction { ids, parameters });
                }
            }
        }
        all
    }
}

impl ModuleBtf {
    /// Type information of one of the hooks' modules.
    pub fn of(&self, module: &str) -> Option<&Btf> {
        match module {
            "dm_mod" => self.dm_mod.as_deref(),
            "dm_log" => self.dm_log.as_deref(),
            "dm_region_hash" => self.dm_region_hash.as_deref(),
            "dm_mirror" => self.dm_mirror.as_deref(),
            "dm_log_userspace" => self.dm_log_userspace.as_deref(),
            _ => None,
        }
    }
}

/// Modules that hooks are in, without repeats.
pub fn modules_of_hooks() -> Vec<&'static str> {
    let mut modules: Vec<&'static str> = Vec::new();
    for hook in HOOKS {
        if !modules.contains(&hook.module) {
            modules.push(hook.module);
        }
    }
    modules
}

/// A number that is another one after the module was unloaded and loaded again; `None` while it is not there. It is the
/// inode of the module's folder in sysfs, which is made anew.
pub fn module_generation(module: &str) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let folder = Path::new("/sys/module").join(module);
    let state = fs::read_to_string(folder.join("initstate")).ok()?;
    if state.trim() != "live" {
        return None;
    }
    fs::metadata(folder).ok().map(|metadata| metadata.ino())
}

fn read_btf(name: &str, base: Option<Arc<Btf>>) -> Option<Arc<Btf>> {
    let bytes = fs::read(Path::new("/sys/kernel/btf").join(name)).ok()?;
    Btf::parse(bytes, base).ok().map(Arc::new)
}

fn read_trimmed(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// `CapEff` of this process.
fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0)
}

/// The word in brackets of `none [integrity] confidentiality`.
fn lockdown() -> String {
    let text = read_trimmed("/sys/kernel/security/lockdown").unwrap_or_default();
    text.split_whitespace()
        .find_map(|word| word.strip_prefix('[').and_then(|word| word.strip_suffix(']')))
        .unwrap_or_default()
        .to_owned()
}

/// Whether the kernel preempts tasks in kernel code: from `/sys/kernel/debug/sched/preempt` (`none (voluntary) full`), which
/// only root sees and only where debugfs is mounted; else from `uname -v` and the command line.
fn is_preemptible(model: Option<&str>, version: &str, command_line: &str) -> bool {
    if let Some(model) = model.and_then(|text| text.split_once('(')?.1.split_once(')')).map(|(word, _)| word) {
        return !matches!(model, "none" | "voluntary");
    }
    // Without `PREEMPT` it was not built in. `PREEMPT_DYNAMIC` is decided at boot, and its default is not told.
    let asked = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix("preempt=")).next_back();
    version.contains("PREEMPT") && !matches!(asked, Some("none" | "voluntary"))
}

/// The number behind the last possible CPU, from a list such as `0-3,8-11`.
fn possible_cpus() -> u32 {
    let text = read_trimmed("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = text.rsplit([',', '-']).next().and_then(|number| number.parse::<u32>().ok());
    last.map_or(1, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::is_preemptible;

    #[test]
    fn preemption_is_believed_unless_it_is_known_to_be_off() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.107-1 (2026-10-01)";
        assert!(!is_preemptible(Some("none (voluntary) full"), dynamic, ""));
        assert!(is_preemptible(Some("none voluntary (full) lazy"), dynamic, ""));
        assert!(is_preemptible(Some("full (lazy)"), dynamic, "preempt=none"));
        assert!(is_preemptible(None, dynamic, "quiet"));
        assert!(!is_preemptible(None, dynamic, "quiet preempt=full preempt=voluntary"));
        assert!(!is_preemptible(None, "#1 SMP Debian 5.10.223-1 (2024-08-10)", "quiet"));
    }
}
