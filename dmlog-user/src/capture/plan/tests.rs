//! A host that can do everything, and what is lost when one fact is taken away.

use dmlog_common::hooks::{Group, HOOKS};

use super::{Action, Plan, ProbeChoice, Wishes};
use crate::capture::host::{BtfFunction, HostFacts, capability, modules_of_hooks};
use crate::event::facts::Probe;

fn capable() -> HostFacts {
    let mut facts = HostFacts { capabilities: u64::MAX, ..HostFacts::default() };
    for module in modules_of_hooks() {
        facts.modules.insert(module.to_owned(), 1);
        facts.modules_with_btf.insert(module.to_owned());
    }
    for (hook, id) in HOOKS.iter().zip(1000..) {
        let name = (hook.module.to_owned(), hook.function.to_owned());
        facts.symbols.insert(name.clone(), 1);
        facts.btf.insert(name, BtfFunction { ids: vec![id], parameters: usize::from(hook.arguments) });
    }
    facts
}

fn everything() -> Wishes {
    Wishes { probe: ProbeChoice::Auto, io: true, reads: true, only: Vec::new() }
}

fn name(function: &str) -> (String, String) {
    let hook = HOOKS.iter().find(|hook| hook.function == function).unwrap();
    (hook.module.to_owned(), hook.function.to_owned())
}

/// Functions whose action differs between two plans, with the new one.
fn changes(before: &Plan, after: &Plan) -> Vec<(&'static str, Action)> {
    let pairs = before.decisions.iter().zip(&after.decisions).zip(HOOKS);
    pairs
        .filter(|((before, after), _)| before.action != after.action)
        .map(|((_, after), hook)| (hook.function, after.action))
        .collect()
}

fn full() -> Plan {
    Plan::new(&capable(), &everything())
}

#[test]
fn a_capable_host_probes_everything_by_fentry() {
    let plan = full();
    for (decision, id) in plan.decisions.iter().zip(1000..) {
        assert_eq!(decision.action, Action::Fentry { btf_id: id });
        assert_eq!(decision.reason, "");
    }
    assert!(plan.coverage().iter().all(|hook| hook.probe == Probe::Fentry && hook.loss.is_empty()));
}

#[test]
fn a_function_without_a_symbol_is_absent_and_only_that() {
    let mut facts = capable();
    facts.symbols.remove(&name("core_mark_region"));
    let plan = Plan::new(&facts, &everything());
    assert_eq!(changes(&full(), &plan), [("core_mark_region", Action::Absent)]);
    let coverage = plan.coverage();
    let mark = coverage.iter().find(|hook| hook.function == "core_mark_region").unwrap();
    assert_eq!(mark.loss, "marks of core and disk logs are not seen");
}

#[test]
fn a_name_that_is_twice_in_kallsyms_is_never_attached_to() {
    let mut facts = capable();
    facts.symbols.insert(name("recover"), 2);
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), [("recover", Action::Absent)]);
}

#[test]
fn a_name_that_is_twice_in_btf_gets_a_kprobe() {
    let mut facts = capable();
    facts.btf.get_mut(&name("recover")).unwrap().ids.push(7);
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), [("recover", Action::Kprobe)]);
}

#[test]
fn a_function_with_other_parameters_gets_a_kprobe_but_callbacks_are_known_in_both_forms() {
    let mut facts = capable();
    for function in ["disk_flush", "write_callback"] {
        facts.btf.get_mut(&name(function)).unwrap().parameters += 1;
    }
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), [("disk_flush", Action::Kprobe)]);
}

#[test]
fn a_module_without_btf_is_probed_by_kprobes() {
    let mut facts = capable();
    facts.modules_with_btf.remove("dm_log");
    let changed = changes(&full(), &Plan::new(&facts, &everything()));
    let of_module = HOOKS.iter().filter(|hook| hook.module == "dm_log").count();
    assert_eq!(changed.len(), of_module);
    assert!(changed.iter().all(|(_, action)| *action == Action::Kprobe));
}

#[test]
fn a_module_that_is_not_loaded_is_waited_for() {
    let mut facts = capable();
    facts.modules.remove("dm_log_userspace");
    let changed = changes(&full(), &Plan::new(&facts, &everything()));
    assert_eq!(changed.len(), HOOKS.iter().filter(|hook| hook.module == "dm_log_userspace").count());
    assert!(changed.iter().all(|(_, action)| *action == Action::Waiting));
}

#[test]
fn without_sys_admin_module_btf_cannot_be_had() {
    let mut facts = capable();
    facts.capabilities &= !(1 << capability::SYS_ADMIN);
    assert!(Plan::new(&facts, &everything()).decisions.iter().all(|decision| decision.action == Action::Kprobe));
}

#[test]
fn disabled_kprobes_leave_what_fentry_cannot_have_absent() {
    let mut facts = capable();
    facts.kprobes_disabled = true;
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), []);
    facts.btf.remove(&name("disk_flush"));
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), [("disk_flush", Action::Absent)]);
}

#[test]
fn what_tasks_run_gets_a_kprobe_where_fentry_would_miss_calls() {
    let mut facts = capable();
    facts.preemptible = true;
    let plan = Plan::new(&facts, &everything());
    let by_fentry: Vec<&str> = plan
        .coverage()
        .iter()
        .zip(HOOKS)
        .filter(|(hook, _)| hook.probe == Probe::Fentry)
        .map(|(_, hook)| hook.function)
        .collect();
    assert_eq!(by_fentry, ["dm_rh_dec", "mirror_end_io", "write_callback", "read_callback"]);
    assert!(changes(&full(), &plan).iter().all(|(_, action)| *action == Action::Kprobe));
    facts.kprobes_disabled = true;
    assert_eq!(changes(&full(), &Plan::new(&facts, &everything())), []);
}

#[test]
fn wishes_narrow_the_plan() {
    let kprobes = Wishes { probe: ProbeChoice::Kprobe, ..everything() };
    assert!(Plan::new(&capable(), &kprobes).decisions.iter().all(|decision| decision.action == Action::Kprobe));
    let without_io = Wishes { io: false, ..everything() };
    let off: Vec<&str> = changes(&full(), &Plan::new(&capable(), &without_io)).iter().map(|(name, _)| *name).collect();
    let io: Vec<&str> = HOOKS.iter().filter(|hook| hook.group == Group::Io).map(|hook| hook.function).collect();
    assert_eq!(off, io);
    let one = Wishes { only: vec!["disk_flush".to_owned()], ..everything() };
    let plan = Plan::new(&capable(), &one);
    assert_eq!(plan.decisions.iter().filter(|decision| decision.action != Action::Off).count(), 1);
}
