//! What changes under a recorder: modules that come and go, tables that are reloaded, and its own privileges.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dmlog_user::event::facts::Probe;
use dmlog_user::event::ids::LogId;
use dmlog_user::event::item::LossCause;
use dmlog_user::event::op::{LogImpl, LogOp, MirrorOp, Op};

use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror, REGION_SECTORS, prepare};
use crate::support::recorder::{Recorder, Trace, trace_path};
use crate::support::write::Direct;
use crate::support::{read, run, wait_for};

/// Unloads a module; a tracer that has ended lets go of it a moment later.
fn unload(module: &str) {
    let is_loaded = || Path::new("/sys/module").join(module).join("initstate").exists();
    wait_for(&format!("`{module}` unloaded"), || {
        if !is_loaded() {
            return Some(());
        }
        let _ = Command::new("rmmod").arg(module).output();
        (!is_loaded()).then_some(())
    });
}

/// Waits until somebody probes a function.
fn wait_probed(module: &str, function: &str) {
    wait_for(&format!("a probe on `{function}` of `{module}`"), || {
        // `core_mark_region [dm_log] (1) R`
        let by_ftrace = read("/sys/kernel/tracing/enabled_functions");
        let by_kprobe = read("/sys/kernel/debug/kprobes/list");
        let traced = by_ftrace.lines().any(|line| line.starts_with(&format!("{function} [{module}]")));
        // `ffffffffc0a00000  k  core_mark_region+0x0  dm_log [FTRACE]`
        let name = format!("{function}+0x0");
        let probed = by_kprobe.lines().any(|line| {
            line.split_ascii_whitespace().any(|word| word == name) && line.contains(module) && !line.contains("GONE")
        });
        (traced || probed).then_some(())
    });
}

/// Kprobes and kretprobes on functions of these modules that are alive.
fn kprobes_alive(modules: &[&str]) -> usize {
    // `ffffffffc0a00000  r  core_mark_region+0x0  dm_log [FTRACE]`
    let list = read("/sys/kernel/debug/kprobes/list");
    let is_of_ours = |line: &str| line.split_ascii_whitespace().any(|word| modules.contains(&word));
    list.lines().filter(|line| !line.contains("GONE") && is_of_ours(line)).count()
}

fn write_regions(mirror: &Mirror, regions: &[u64]) {
    let device = Direct::open(&mirror.path());
    for region in regions {
        device.write(region * REGION_SECTORS);
    }
}

/// Kprobes do not pin a module, and those on a reloaded one are dead: the recorder has to notice.
#[test]
fn modules_that_are_unloaded_and_loaded_again_are_probed_again() {
    prepare();
    let path = trace_path("reload");
    let recorder = Recorder::start(&path, &["--probe", "kprobe"]);
    let reloaded = ["dm_log", "dm_region_hash", "dm_mirror"];
    let probes = kprobes_alive(&reloaded);
    assert!(probes > 60, "{probes} kprobes on the modules that are reloaded");
    let mirror = Mirror::create("reload", LogKind::Core, 0);
    mirror.wait_in_sync();
    write_regions(&mirror, &[1, 2]);
    mirror.remove();
    for module in ["dm_log_userspace", "dm_mirror", "dm_region_hash", "dm_log"] {
        unload(module);
    }
    run("modprobe", &["dm-mirror"]);
    // All of them: modules are noticed one after the other, and a function is probed at its entry before its return.
    wait_for("the same kprobes on the new modules", || (kprobes_alive(&reloaded) == probes).then_some(()));
    let mirror = Mirror::create("reload", LogKind::Core, 0);
    mirror.wait_in_sync();
    write_regions(&mirror, &[7, 8]);
    mirror.remove();
    let trace = recorder.stop();
    let marks = trace.marks();
    assert_eq!(marks.keys().copied().collect::<Vec<_>>(), [1, 2, 7, 8], "marks before and after: {marks:?}");
    let mut gaps = trace.gaps().filter(|gap| gap.cause == LossCause::ModuleReload);
    assert!(gaps.next().is_some(), "the trace does not say that modules were reloaded");
    let others: Vec<_> = trace.gaps().filter(|gap| gap.cause != LossCause::ModuleReload).collect();
    assert!(others.is_empty(), "other losses: {others:?}");
    let logs: Vec<LogId> = trace.identities().map(|(log, _)| log).collect();
    assert_ne!(logs.first(), logs.last(), "the second mirror has a log of its own: {logs:?}");
}

#[test]
fn a_module_that_comes_later_is_probed_when_it_is_there() {
    prepare();
    unload("dm_log_userspace");
    let path = trace_path("userspace");
    let recorder = Recorder::start(&path, &[]);
    run("modprobe", &["dm-log-userspace"]);
    wait_probed("dm_log_userspace", "dm_consult_userspace");
    // Nobody serves the log: the constructor asks, nobody answers, the table is refused.
    let table = format!(
        "0 {MIRROR_SECTORS} mirror userspace 4 vm-no-daemon clustered-core 1024 nosync 2 /dev/ram0 0 /dev/ram1 0"
    );
    // A function may be probed at its entry already and not yet at its return: tried until the request is in the trace.
    wait_for("an unanswered request in the trace", || {
        let output = Command::new("dmsetup").args(["create", "nobody", "--noudevsync", "--table", &table]).output();
        let output = output.unwrap_or_else(|error| panic!("dmsetup: {error}"));
        assert!(!output.status.success(), "a userspace log without a daemon was accepted");
        let so_far = Trace::try_read(&path).ok()?;
        so_far.events().any(|event| matches!(event.op, Op::Consult { .. })).then_some(())
    });
    let trace = recorder.stop();
    let waiting = trace.facts.coverage.iter().filter(|hook| hook.module == "dm_log_userspace");
    assert!(waiting.clone().count() > 0 && waiting.clone().all(|hook| hook.probe == Probe::Waiting), "at the start");
    let refused = |op: &Op| matches!(op, Op::Log(LogImpl::Userspace, LogOp::Ctr { result }) if *result < 0);
    assert!(trace.events().any(|event| refused(&event.op)), "no refused constructor of the log in {:?}", trace.items);
    let unanswered = |op: &Op| matches!(op, Op::Consult { result, .. } if *result < 0);
    assert!(trace.events().any(|event| unanswered(&event.op)), "no unanswered request in {:?}", trace.items);
    let failed = |op: &Op| matches!(op, Op::Mirror(MirrorOp::Ctr { result }) if *result < 0);
    assert!(trace.events().any(|event| failed(&event.op)), "no refused mirror in {:?}", trace.items);
    assert_eq!(trace.gaps().count(), 0, "{:?}", trace.gaps().collect::<Vec<_>>());
}

/// A larger table on the same device is a new log on the same device.
#[test]
fn suspends_reloads_and_resizes_are_followed() {
    prepare();
    let small = MIRROR_SECTORS / 2;
    let path = trace_path("resize");
    let mirror = Mirror::create_of("resize", LogKind::Disk, 0, small);
    mirror.wait_in_sync();
    let recorder = Recorder::start(&path, &[]);
    run("dmsetup", &["suspend", mirror.name()]);
    run("dmsetup", &["resume", "--noudevsync", mirror.name()]);
    write_regions(&mirror, &[3]);
    run("dmsetup", &["load", mirror.name(), "--table", &mirror.table(MIRROR_SECTORS)]);
    run("dmsetup", &["suspend", mirror.name()]);
    run("dmsetup", &["resume", "--noudevsync", mirror.name()]);
    mirror.wait_in_sync();
    write_regions(&mirror, &[20]);
    let device = mirror.device();
    mirror.remove();
    let trace = recorder.stop();

    let mut counts: BTreeMap<LogId, u64> = BTreeMap::new();
    for (log, identity) in trace.identities() {
        assert_eq!(identity.device, device, "{identity:?}");
        if let Some(count) = identity.region_count {
            counts.insert(log, count);
        }
    }
    let sizes: Vec<u64> = counts.values().copied().collect();
    assert_eq!(sizes, [small / REGION_SECTORS, MIRROR_SECTORS / REGION_SECTORS], "regions of each log: {counts:?}");
    let marked = |wanted: u64| {
        let mut found =
            trace.log_ops().filter(|(_, op, _)| matches!(op, LogOp::MarkRegion { region } if region.0 == wanted));
        found.next().map(|(_, _, event)| event.log)
    };
    let logs: Vec<LogId> = counts.into_keys().collect();
    assert_eq!([marked(3), marked(20)], [Some(logs[0]), Some(logs[1])], "the log of each mark");
    let steps = |wanted: fn(&MirrorOp) -> bool| trace.mirror_ops().filter(|(op, _)| wanted(op)).count();
    assert_eq!(steps(|op| matches!(op, MirrorOp::Presuspend)), 3, "twice by hand, once at the end");
    assert_eq!(steps(|op| matches!(op, MirrorOp::Postsuspend)), 3, "twice by hand, once at the end");
    assert_eq!(steps(|op| matches!(op, MirrorOp::Resume)), 2);
    assert_eq!(steps(|op| matches!(op, MirrorOp::Ctr { result: 0 })), 1, "the larger table");
    assert_eq!(steps(|op| matches!(op, MirrorOp::Dtr)), 2, "both tables");
    assert_eq!(trace.gaps().count(), 0, "{:?}", trace.gaps().collect::<Vec<_>>());
}

/// Reading the ring and writing the file need no privileges: no thread has any in effect.
#[test]
fn a_running_recorder_has_given_its_privileges_up() {
    let mirror = Mirror::create("privileges", LogKind::Core, 0);
    mirror.wait_in_sync();
    // All hooks: those that wait for their module make it keep what it may take up again.
    let recorder = Recorder::start(&trace_path("privileges"), &[]);
    let folder = format!("/proc/{}/task", recorder.pid());
    let tasks = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{folder}`: {error}"));
    let mut seen = 0;
    for task in tasks.flatten() {
        let status = read(task.path().join("status"));
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).map(str::trim);
        assert_eq!(effective, Some("0000000000000000"), "{}", task.path().display());
        seen += 1;
    }
    assert!(seen > 0);
    assert_eq!(recorder.stop().gaps().count(), 0);
}
