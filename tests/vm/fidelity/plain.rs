//! What mirrors do day by day.

use crate::fidelity::fold::{check, check_wrong_rules};
use crate::fidelity::stage::{AtRest, Stage, fio, rest, write_log, write_regions};
use crate::support::device::Device;
use crate::support::mirrors::{LogKind, MIRROR_SECTORS, REGION_SECTORS};
use crate::support::write::Load;
use crate::support::{run, wait_for};
use dmlog_user::session::model::rules::Rules;

/// Comparisons that every scenario with a first synchronisation makes. Clears are not among them: the worker may run before the
/// constructor of its mirror has returned, and then nobody knows whose region hash that was.
const SYNC: &[&str] = &["get_resync_work", "get_sync_count", "status", "flush", "region_count", "get_region_size"];
/// The same with writes.
const WRITES: &[&str] = &[
    "get_resync_work",
    "get_sync_count",
    "status",
    "flush",
    "region_count",
    "get_region_size",
    "clear_region",
    "in_sync",
    "mark_region",
    "rh_get_state",
];
/// Those of a mirror that has nothing to recover.
const STEADY: &[&str] = &["get_resync_work", "in_sync", "flush", "mark_region", "clear_region", "rh_get_state"];

/// Writes between two suspends: to each region more than once.
const WRITES_BETWEEN: u64 = 80;

const LOG: &str = "/dev/ram3";

/// A table with these legs. A blank log comes before a first activation only: see [`fresh`].
fn table(kind: LogKind, sectors: u64, region_sectors: u64, option: &str, legs: &[&str]) -> String {
    let words = 1 + u32::from(!option.is_empty());
    let log = match kind {
        LogKind::Core => format!("core {words} {region_sectors} {option}"),
        LogKind::Disk => format!("disk {} {LOG} {region_sectors} {option}", words + 1),
    };
    let legs: Vec<String> = legs.iter().map(|leg| format!("{leg} 0")).collect();
    format!("0 {sectors} mirror {log} {} {} 1 handle_errors", legs.len(), legs.join(" "))
}

const TWO: [&str; 2] = ["/dev/ram0", "/dev/ram1"];
const THREE: [&str; 3] = ["/dev/ram0", "/dev/ram1", "/dev/ram2"];

/// A new mirror, in sync.
fn fresh(name: &str, kind: LogKind, table: &str) -> Device {
    if kind == LogKind::Disk {
        write_log(LOG, &[]);
    }
    let mirror = Device::create(name, table);
    mirror.wait_in_sync();
    mirror
}

/// Removes it; a disk log is looked at then.
fn end(kind: LogKind, mirror: Device) -> Vec<AtRest> {
    match kind {
        LogKind::Core => {
            mirror.remove();
            Vec::new()
        }
        LogKind::Disk => rest(mirror, LOG),
    }
}

fn usual(kind: LogKind) -> String {
    table(kind, MIRROR_SECTORS, REGION_SECTORS, "", &TWO)
}

fn loads(kind: LogKind, name: &str) -> Vec<AtRest> {
    let mirror = fresh(name, kind, &usual(kind));
    fio(&mirror, "randwrite");
    fio(&mirror, "write");
    fio(&mirror, "randrw");
    write_regions(&mirror, [3, 3, 31]);
    end(kind, mirror)
}

/// Nothing is known to be in sync with `sync`, everything with `nosync`, at every resume.
fn options(kind: LogKind, name: &str) -> Vec<AtRest> {
    let mut left = Vec::new();
    for option in ["nosync", "sync"] {
        let table = table(kind, MIRROR_SECTORS, REGION_SECTORS, option, &TWO);
        let mirror = fresh(&format!("{name}-{option}"), kind, &table);
        write_regions(&mirror, [1, 2, 30]);
        mirror.suspend();
        mirror.resume();
        mirror.wait_in_sync();
        write_regions(&mirror, [30, 1]);
        left.extend(end(kind, mirror));
    }
    left
}

fn three_legs(kind: LogKind, name: &str) -> Vec<AtRest> {
    let mirror = fresh(name, kind, &table(kind, MIRROR_SECTORS, REGION_SECTORS, "", &THREE));
    write_regions(&mirror, (0..32).rev());
    end(kind, mirror)
}

/// Writes stay under way for a while, so that others come to a region that is dirty already.
fn slow_leg(kind: LogKind, name: &str) -> Vec<AtRest> {
    let slow = Device::create("slow", &format!("0 {MIRROR_SECTORS} delay {} 0 5", TWO[1]));
    let mirror = fresh(name, kind, &table(kind, MIRROR_SECTORS, REGION_SECTORS, "", &[TWO[0], "/dev/mapper/slow"]));
    fio(&mirror, "randwrite");
    let left = end(kind, mirror);
    slow.remove();
    left
}

/// Regions of 64 KiB, 1 MiB and 64 MiB; the last on legs that need no memory, and with a last region that is shorter.
fn region_sizes(kind: LogKind, name: &str) -> Vec<AtRest> {
    const LARGE: u64 = 1 << 17;
    let sectors = 2 * LARGE + 4096;
    let zeros = ["zero-a", "zero-b"].map(|leg| Device::create(leg, &format!("0 {sectors} zero")));
    let nodes = ["/dev/mapper/zero-a", "/dev/mapper/zero-b"];
    let mut left = Vec::new();
    for (region, length, legs) in [(128, 10_000, TWO), (2048, MIRROR_SECTORS, TWO), (LARGE, sectors, nodes)] {
        let mirror = fresh(&format!("{name}-{region}"), kind, &table(kind, length, region, "", &legs));
        write_regions(&mirror, [0, 1, 3, 7].into_iter().chain(std::iter::once((length - 8) / REGION_SECTORS)));
        left.extend(end(kind, mirror));
    }
    zeros.into_iter().for_each(Device::remove);
    left
}

/// While it writes, and while it recovers. After a resume the model has to see a region once before it foresees anything of it.
fn suspends(kind: LogKind, name: &str) -> Vec<AtRest> {
    if kind == LogKind::Disk {
        write_log(LOG, &[]);
    }
    let mirror = Device::create(name, &usual(kind));
    for _ in 0..3 {
        mirror.suspend();
        mirror.resume();
    }
    mirror.wait_in_sync();
    let load = Load::start(&mirror.path(), MIRROR_SECTORS);
    for _ in 0..3 {
        let before = load.writes();
        mirror.suspend();
        mirror.resume();
        wait_for("writes after a resume", || (load.writes() > before + WRITES_BETWEEN).then_some(()));
    }
    drop(load);
    end(kind, mirror)
}

/// The second table has twice the regions, and what was in sync stays so with a disk log.
fn grows(kind: LogKind, name: &str) -> Vec<AtRest> {
    let small = table(kind, MIRROR_SECTORS / 2, REGION_SECTORS, "", &TWO);
    let mirror = fresh(name, kind, &small);
    write_regions(&mirror, [3, 4]);
    mirror.reload(&usual(kind));
    mirror.wait_in_sync();
    write_regions(&mirror, [4, 20, 31]);
    mirror.reload(&usual(kind));
    mirror.wait_in_sync();
    end(kind, mirror)
}

#[test]
fn mirrors_from_day_to_day() {
    let mut stage = Stage::start("plain");
    run("modprobe", &["-a", "dm-zero", "dm-delay"]);
    let (core, disk) = (LogKind::Core, LogKind::Disk);
    stage.play("first synchronisation, core", SYNC, || end(core, fresh("first-core", core, &usual(core))));
    stage.play("first synchronisation, disk", SYNC, || end(disk, fresh("first-disk", disk, &usual(disk))));
    stage.play("nosync and sync, core", STEADY, || options(core, "option-core"));
    stage.play("nosync and sync, disk", STEADY, || options(disk, "option-disk"));
    stage.play("fio, core", WRITES, || loads(core, "load-core"));
    stage.play("fio, disk", WRITES, || loads(disk, "load-disk"));
    stage.play("three legs, core", WRITES, || three_legs(core, "three-core"));
    stage.play("three legs, disk", WRITES, || three_legs(disk, "three-disk"));
    stage.play("a slow leg, core", WRITES, || slow_leg(core, "slow-core"));
    stage.play("a slow leg, disk", WRITES, || slow_leg(disk, "slow-disk"));
    stage.play("region sizes, core", WRITES, || region_sizes(core, "size-core"));
    stage.play("region sizes, disk", WRITES, || region_sizes(disk, "size-disk"));
    stage.play("suspend and resume, core", WRITES, || suspends(core, "suspend-core"));
    stage.play("suspend and resume, disk", WRITES, || suspends(disk, "suspend-disk"));
    stage.play("a larger table, core", WRITES, || grows(core, "grow-core"));
    stage.play("a larger table, disk", WRITES, || grows(disk, "grow-disk"));
    let recording = stage.end();
    check(&recording);
    check_wrong_rules(
        &recording,
        &[
            Rules::RecoveringDoesNotTouch,
            Rules::MarkLosesSync,
            Rules::CoreResumeLosesSync,
            Rules::ClearDoesNotTouch,
            Rules::EveryWriteMarks,
        ],
    );
}
