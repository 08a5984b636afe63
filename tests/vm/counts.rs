//! Exact numbers: for a core and a disk mirror, created before or after the recorder, probed either way, a fixed script of
//! writes gives what an independent counter saw; and the trace says which mirror it was, from constructor to destructor.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use dmlog_user::capture::monotonic_ns;
use dmlog_user::event::facts::Probe;
use dmlog_user::event::ids::{DevNum, IoId, LogId, MonoNs};
use dmlog_user::event::op::{FlushKind, LogImpl, LogOp, MirrorOp, RegionHashOp};

use crate::support::counter::{Counter, Counts};
use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror, REGION_SECTORS, prepare};
use crate::support::recorder::{Recorder, Trace, trace_path};
use crate::support::write::{Direct, WRITE_SECTORS};
use crate::support::{has_module_btf, is_preemptible, kernel, out_dir, run};

/// Largest small trace that is taken out of the guest as an example.
const EXAMPLE_BYTES_MAX: u64 = 120 << 10;

/// What keeps fentry on a preemptible kernel.
const RUN_BY_INTERRUPTS: [&str; 4] = ["dm_rh_dec", "mirror_end_io", "write_callback", "read_callback"];

/// When the mirror is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Created {
    BeforeRecorder,
    AfterRecorder,
}

/// Which probes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Auto,
    Kprobe,
}

/// First sectors of the writes: several regions, repeats back to back, one across a border, the last place of the device.
fn script() -> Vec<u64> {
    let region = |number: u64, sector: u64| number * REGION_SECTORS + sector;
    let mut sectors = vec![region(0, 0), region(3, 8), region(3, 16), region(3, 24), region(7, 1000)];
    sectors.extend([region(12, 0), region(5, 0), region(5, 512), region(12, 0)]);
    sectors.push(region(10, 0) - WRITE_SECTORS / 2);
    sectors.push(MIRROR_SECTORS - WRITE_SECTORS);
    sectors.extend((0..24).map(|step| region(16 + step % 8, 8 * step)));
    sectors
}

/// Regions that those writes touch.
fn regions_written(sectors: &[u64]) -> BTreeSet<u64> {
    let ends = |sector: &u64| [sector / REGION_SECTORS, (sector + WRITE_SECTORS - 1) / REGION_SECTORS];
    sectors.iter().flat_map(ends).collect()
}

fn write_script(mirror: &Mirror) -> Vec<u64> {
    let sectors = script();
    let device = Direct::open(&mirror.path());
    for sector in &sectors {
        device.write(*sector);
    }
    device.flush();
    sectors
}

/// One mirror's turn: nothing else happens meanwhile, so the time tells whose events are whose.
#[derive(Debug)]
struct Turn {
    kind: LogKind,
    created: Created,
    name: String,
    device: DevNum,
    sectors: Vec<u64>,
    counts: Counts,
    time: RangeInclusive<MonoNs>,
}

/// Writes the script to a mirror that exists already, or that is created now, and removes it.
fn take_turn(kind: LogKind, early: Option<Mirror>, name: &str, slot: u32) -> Turn {
    let counter = Counter::start();
    let begin = MonoNs(monotonic_ns());
    let created = if early.is_some() { Created::BeforeRecorder } else { Created::AfterRecorder };
    let mirror = early.unwrap_or_else(|| {
        let mirror = Mirror::create(name, kind, slot);
        mirror.wait_in_sync();
        mirror
    });
    counter.wait_rest();
    let device = mirror.device();
    let sectors = write_script(&mirror);
    counter.wait_rest();
    mirror.remove();
    counter.wait_rest();
    let time = begin..=MonoNs(monotonic_ns());
    Turn { kind, created, name: name.to_owned(), device, sectors, counts: counter.stop(), time }
}

/// Four mirrors one after the other under one recorder: attaching takes longer than everything else here.
fn check_counts(asked: Asked) {
    prepare();
    let path = trace_path("counts");
    let kinds = [LogKind::Core, LogKind::Disk];
    let early: Vec<Mirror> = kinds
        .iter()
        .zip(0..)
        .map(|(kind, slot)| {
            let mirror = Mirror::create(&format!("{}-before", kind.name()), *kind, slot);
            mirror.wait_in_sync();
            mirror
        })
        .collect();
    let counter = Counter::start();
    counter.wait_rest();
    counter.stop();
    let arguments: &[&str] = if asked == Asked::Kprobe { &["--probe", "kprobe"] } else { &[] };
    let recorder = Recorder::start(&path, arguments);
    let mut turns = Vec::new();
    for ((kind, mirror), slot) in kinds.into_iter().zip(early).zip(0..) {
        turns.push(take_turn(kind, Some(mirror), &format!("{}-before", kind.name()), slot));
    }
    for (kind, slot) in kinds.into_iter().zip(2..) {
        turns.push(take_turn(kind, None, &format!("{}-after", kind.name()), slot));
    }
    let trace = recorder.stop();

    check_nothing_lost(&trace);
    check_probes(&trace, asked);
    let layout = &trace.facts.layout;
    assert!(layout.iter().any(|note| note.contains("checked against the tables of 2 mirrors")), "{layout:?}");
    for turn in &turns {
        println!("counts: {} probed {asked:?}: {:?}", turn.name, turn.counts.calls);
        let own = trace.of(turn.device, &turn.time);
        check_numbers(&own, &turn.counts, turn.kind);
        check_marks_are_writes(&own, &turn.sectors);
        check_io(&own, &turn.counts);
        check_identity(&own, turn.kind, turn.device, &turn.name);
        check_life(&own, turn.kind, turn.created);
    }
    if asked == Asked::Auto {
        keep_example(&path);
    }
}

fn check_nothing_lost(trace: &Trace) {
    let gaps: Vec<_> = trace.gaps().collect();
    assert!(gaps.is_empty(), "gaps: {gaps:?}");
    assert_eq!(trace.decode_errors(), 0, "records that were not understood");
}

fn check_numbers(trace: &Trace, counts: &Counts, kind: LogKind) {
    let ops = |wanted: fn(&LogOp) -> bool| trace.log_ops().filter(|(_, op, _)| wanted(op)).count() as u64;
    let mut all = counts.marks.values().sum::<u64>();
    assert!(all > 0, "the counter saw no marks: {counts:?}");
    assert_eq!(trace.marks(), counts.marks, "marks of each region: trace, counter");
    all = counts.clears.values().sum();
    assert!(all > 0, "the counter saw no clears: {counts:?}");
    assert_eq!(trace.clears(), counts.clears, "clears of each region: trace, counter");
    let work = ops(|op| matches!(op, LogOp::GetResyncWork { result: 1, region: Some(_) }));
    assert_eq!(work, counts.resync_work, "resync work handed out");
    let asked = ops(|op| matches!(op, LogOp::GetResyncWork { .. }));
    assert_eq!(asked, counts.of("resync"), "calls of get_resync_work");
    let set = ops(|op| matches!(op, LogOp::SetRegionSync { .. }));
    assert_eq!(set, counts.of("setsync"), "calls of set_region_sync");
    let begun = trace.mirror_ops().filter(|(op, _)| matches!(op, MirrorOp::Recover { .. })).count() as u64;
    assert_eq!(begun, counts.of("recover"), "recoveries begun");
    let ended = trace.region_hash_ops().filter(|(op, _)| matches!(op, RegionHashOp::RecoveryEnd { .. }));
    assert_eq!(ended.count() as u64, counts.of("recend"), "recoveries ended");

    let mut disk: [u64; 3] = [0; 3];
    let mut core = 0;
    for (implementation, op, event) in trace.log_ops() {
        let LogOp::Flush { kind, result } = op else { continue };
        assert_eq!(*result, 0, "a flush failed: {event:?}");
        assert!(event.duration.is_some(), "a flush without a duration: {event:?}");
        match (implementation, kind) {
            (LogImpl::Disk, Some(FlushKind::Dirtied)) => disk[0] += 1,
            (LogImpl::Disk, Some(FlushKind::CleanedOnly)) => disk[1] += 1,
            (LogImpl::Disk, Some(FlushKind::NoOp)) => disk[2] += 1,
            (LogImpl::Core, Some(FlushKind::NoOp)) => core += 1,
            (_, kind) => panic!("a flush of kind {kind:?}: {event:?}"),
        }
    }
    assert_eq!(disk, counts.flushes, "flushes of the disk log: dirtied, cleaned-only, no-op");
    assert_eq!(core, counts.of("coreflush"), "flushes of the core log");
    match kind {
        LogKind::Core => assert!(core > 0 && disk == [0; 3], "a core mirror: {core} and {disk:?}"),
        LogKind::Disk => {
            assert!(core == 0 && disk.iter().all(|count| *count > 0), "a disk mirror: {core} and {disk:?}");
        }
    }
}

fn check_marks_are_writes(trace: &Trace, sectors: &[u64]) {
    let marked: BTreeSet<u64> = trace.marks().into_keys().collect();
    assert_eq!(marked, regions_written(sectors), "regions marked and regions written");
}

fn check_io(trace: &Trace, counts: &Counts) {
    let mut maps: BTreeMap<IoId, u32> = BTreeMap::new();
    let mut ends: BTreeMap<IoId, u32> = BTreeMap::new();
    for (op, event) in trace.mirror_ops() {
        match op {
            MirrorOp::Map(io) => {
                assert!(!io.comm.is_empty(), "a bio without a process: {event:?}");
                *maps.entry(io.io).or_default() += 1;
            }
            MirrorOp::EndIo { io, latency, status } => {
                assert!(latency.is_some_and(|latency| latency.0 > 0), "an end without latency: {event:?}");
                assert_eq!(*status, 0, "a write failed: {event:?}");
                *ends.entry(*io).or_default() += 1;
            }
            _ => {}
        }
    }
    assert_eq!(maps, ends, "every bio begins once and ends once");
    assert_eq!(maps.len() as u64, counts.of("map"), "bios: trace, counter");
    assert_eq!(ends.len() as u64, counts.of("endio"), "ends of bios: trace, counter");
    assert!(maps.len() >= script().len(), "{} bios", maps.len());
}

fn check_identity(trace: &Trace, kind: LogKind, device: DevNum, name: &str) {
    let (log, identity) = trace.identities().last().unwrap_or_else(|| panic!("the trace has no identity"));
    assert_eq!(identity.device, device);
    assert_eq!(identity.log_type, kind.name());
    assert_eq!(identity.region_size_sectors, Some(u32::try_from(REGION_SECTORS).unwrap_or(0)));
    assert_eq!(identity.region_count, Some(MIRROR_SECTORS / REGION_SECTORS));
    assert_eq!(identity.target_sectors, Some(MIRROR_SECTORS));
    assert_eq!(identity.log_device.is_some(), kind == LogKind::Disk, "{identity:?}");
    assert!(trace.identities().any(|(_, identity)| identity.name == name), "no identity is called `{name}`");
    let strangers: Vec<_> = trace
        .log_ops()
        .filter(|(_, op, event)| event.log != log && !matches!(op, LogOp::Ctr { .. }))
        .map(|(_, _, event)| event)
        .collect();
    assert!(strangers.is_empty(), "events of other logs than {log:?}: {strangers:?}");
    // The constructor wakes the worker before it returns, and only its return tells which mirror that was.
    let ctr = trace.mirror_ops().find(|(op, _)| matches!(op, MirrorOp::Ctr { .. })).map(|(_, event)| event.time);
    let unknown: Vec<_> = trace
        .mirror_ops()
        .filter(|(_, event)| event.log == LogId::UNKNOWN && ctr.is_none_or(|ctr| event.start() > ctr))
        .collect();
    assert!(unknown.is_empty(), "events of the mirror without its log: {unknown:?}");
}

/// Steps of a life, in the order of their ends.
fn check_life(trace: &Trace, kind: LogKind, created: Created) {
    let own = if kind == LogKind::Core { LogImpl::Core } else { LogImpl::Disk };
    let mut steps = Vec::new();
    for event in trace.events() {
        use dmlog_user::event::op::Op;
        let step = match &event.op {
            Op::Log(implementation, LogOp::Ctr { result: 0 }) if *implementation == own => "log ctr",
            Op::Log(implementation, LogOp::Resume { result: 0 }) if *implementation == own => "log resume",
            Op::Log(implementation, LogOp::Dtr) if *implementation == own => "log dtr",
            Op::Mirror(MirrorOp::Ctr { result: 0 }) => "ctr",
            Op::Mirror(MirrorOp::Resume) => "resume",
            Op::Mirror(MirrorOp::Presuspend) => "presuspend",
            Op::Mirror(MirrorOp::Postsuspend) => "postsuspend",
            Op::Mirror(MirrorOp::Dtr) => "dtr",
            _ => continue,
        };
        steps.push(step);
    }
    let end = ["presuspend", "postsuspend", "log dtr", "dtr"];
    let whole: Vec<&str> = ["log ctr", "ctr", "log resume", "resume"].into_iter().chain(end).collect();
    match created {
        Created::AfterRecorder => assert_eq!(steps, whole, "the life of a mirror"),
        Created::BeforeRecorder => assert_eq!(steps, end, "the end of a mirror"),
    }
}

/// fentry where the module has BTF, kprobes elsewhere and where they were asked for.
fn check_probes(trace: &Trace, asked: Asked) {
    let wanted = if asked == Asked::Auto && has_module_btf() { Probe::Fentry } else { Probe::Kprobe };
    let loaded = |module: &str| Path::new("/sys/module").join(module).exists();
    for hook in &trace.facts.coverage {
        // Seven arguments are more than fentry takes on 6.1; what tasks run is probed by kprobe where fentry misses calls.
        let may_be_kprobe = hook.function == "dm_consult_userspace"
            || is_preemptible() && !RUN_BY_INTERRUPTS.contains(&hook.function.as_str());
        let right = if loaded(&hook.module) {
            hook.probe == wanted || may_be_kprobe && hook.probe == Probe::Kprobe
        } else {
            hook.probe == Probe::Waiting
        };
        assert!(right, "{}:{} is {:?} ({})", hook.module, hook.function, hook.probe, hook.reason);
    }
}

/// A small real trace for whoever reads traces.
fn keep_example(path: &Path) {
    let bytes = std::fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
    assert!(bytes <= EXAMPLE_BYTES_MAX, "the example has {bytes} bytes");
    let target = out_dir().join(format!("mirrors-{}.dmlog", kernel()));
    std::fs::copy(path, &target).unwrap_or_else(|error| panic!("`{}`: {error}", target.display()));
}

#[test]
fn core_and_disk_created_before_and_after_probed_auto() {
    check_counts(Asked::Auto);
}

#[test]
fn core_and_disk_created_before_and_after_probed_by_kprobe() {
    check_counts(Asked::Kprobe);
}

/// Which hooks are not fentry is written down for each kernel: a new one is a finding.
#[test]
fn every_hook_is_accounted_for() {
    prepare();
    run("modprobe", &["dm-log-userspace"]);
    let trace = Recorder::start(&trace_path("coverage"), &[]).stop();
    let coverage = &trace.facts.coverage;
    assert_eq!(coverage.len(), dmlog_common::hooks::HOOKS.len());
    let others: Vec<String> = coverage
        .iter()
        .filter(|hook| hook.probe != Probe::Fentry)
        .map(|hook| format!("{} {:?}", hook.function, hook.probe))
        .collect();
    if !has_module_btf() {
        assert!(coverage.iter().all(|hook| hook.probe == Probe::Kprobe), "{others:?}");
        return;
    }
    let mut expected: Vec<&str> = Vec::new();
    if kernel() == "6.1" {
        expected.push("dm_consult_userspace Kprobe");
    }
    if is_preemptible() {
        let kept: Vec<&str> =
            coverage.iter().filter(|hook| hook.probe == Probe::Fentry).map(|hook| hook.function.as_str()).collect();
        assert_eq!(kept, RUN_BY_INTERRUPTS, "hooks that are probed by fentry");
        assert_eq!(others.len() + kept.len(), coverage.len());
        return;
    }
    assert_eq!(others, expected, "hooks that are not probed by fentry");
}
