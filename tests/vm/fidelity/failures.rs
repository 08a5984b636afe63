//! Legs and log devices that fail, and logs that are not what they should be.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;

use dmlog_user::log::disk::header::{DiskLogHeader, MAGIC};
use dmlog_user::session::model::rules::Rules;

use crate::fidelity::fold::{check, check_wrong_rules};
use crate::fidelity::stage::{AtRest, Stage, rest, write_log, write_regions};
use crate::support::device::Device;
use crate::support::mirrors::{LogKind, MIRROR_SECTORS, REGION_SECTORS};
use crate::support::run;
use crate::support::write::Direct;

/// Comparisons that no scenario here does without.
const EXPECTED: &[&str] = &["get_resync_work", "in_sync", "flush", "mark_region", "clear_region", "rh_get_state"];

/// Kept by devices that can be made to fail: they lie below mirrors as `NAME-leg` and `NAME-log`.
const LEG: &str = "/dev/ram0";
const BELOW_LEG: &str = "/dev/ram1";
const BELOW_LOG: &str = "/dev/ram2";
const LOG_SECTORS: u64 = 2048;

/// A device that works until it is told to fail.
#[derive(Debug)]
struct Fragile {
    device: Device,
    sectors: u64,
    below: String,
}

impl Fragile {
    fn create(name: &str, below: &str, sectors: u64) -> Self {
        let device = Device::create(name, &format!("0 {sectors} linear {below} 0"));
        Self { device, sectors, below: below.to_owned() }
    }

    fn fail(&self) {
        self.device.reload(&format!("0 {} error", self.sectors));
    }

    /// Flushes fail too, which the target `error` does not see.
    fn fail_with_flushes(&self) {
        self.device.reload(&format!("0 {} flakey {} 0 0 1", self.sectors, self.below));
    }

    fn work(&self) {
        self.device.reload(&format!("0 {} linear {} 0", self.sectors, self.below));
    }

    fn node(&self) -> String {
        self.device.path().display().to_string()
    }
}

/// A mirror whose second leg and log may fail.
#[derive(Debug)]
struct Rig {
    // The mirror goes first, for it holds the others.
    mirror: Device,
    leg: Fragile,
    log: Option<Fragile>,
    table: String,
}

impl Rig {
    fn create(name: &str, kind: LogKind, features: &str) -> Self {
        Self::create_on(BELOW_LEG, name, kind, features)
    }

    fn create_on(below_leg: &str, name: &str, kind: LogKind, features: &str) -> Self {
        write_log(BELOW_LOG, &[]);
        let leg = Fragile::create(&format!("{name}-leg"), below_leg, MIRROR_SECTORS);
        let log = match kind {
            LogKind::Core => None,
            LogKind::Disk => Some(Fragile::create(&format!("{name}-log"), BELOW_LOG, LOG_SECTORS)),
        };
        let words = match &log {
            None => format!("core 1 {REGION_SECTORS}"),
            Some(log) => format!("disk 2 {} {REGION_SECTORS}", log.node()),
        };
        let table = format!("0 {MIRROR_SECTORS} mirror {words} 2 {LEG} 0 {} 0 {features}", leg.node());
        let mirror = Device::create(name, &table);
        mirror.wait_in_sync();
        Self { mirror, leg, log, table }
    }

    /// Writes to a region in a thread of its own, for the write may have to wait for a repair.
    fn write_later(&self, region: u64) -> JoinHandle<()> {
        let device = Direct::open(&self.mirror.path());
        std::thread::spawn(move || device.write(region * REGION_SECTORS))
    }

    fn log(&self) -> &Fragile {
        self.log.as_ref().unwrap_or_else(|| panic!("a core log has no device"))
    }

    fn end(self) -> Vec<AtRest> {
        let Self { mirror, leg, log, table: _ } = self;
        let left = if let Some(log) = log {
            let left = rest(mirror, &log.node());
            log.device.remove();
            left
        } else {
            mirror.remove();
            Vec::new()
        };
        leg.device.remove();
        left
    }
}

fn join(write: JoinHandle<()>) {
    write.join().unwrap_or_else(|_| panic!("a write that waited has failed"));
}

/// With `handle_errors` a write waits for the repair, which is a new table on the same devices.
fn leg_is_repaired(kind: LogKind, name: &str) -> Vec<AtRest> {
    let rig = Rig::create(name, kind, "1 handle_errors");
    write_regions(&rig.mirror, [1, 2]);
    rig.leg.fail();
    let write = rig.write_later(5);
    rig.mirror.wait_status("AD");
    rig.leg.work();
    rig.mirror.repair(&rig.table);
    join(write);
    rig.mirror.wait_in_sync();
    write_regions(&rig.mirror, [5, 6]);
    rig.end()
}

/// Without, the mirror goes on with a region out of sync; with `keep_log` too. Both are synchronised by the next table.
fn leg_is_left(kind: LogKind, name: &str, features: &str) -> Vec<AtRest> {
    let rig = Rig::create(name, kind, features);
    write_regions(&rig.mirror, [1, 2]);
    rig.leg.fail();
    write_regions(&rig.mirror, [5, 2, 5, 9]);
    rig.mirror.wait_status("AD");
    rig.leg.work();
    write_regions(&rig.mirror, [5, 10]);
    rig.mirror.suspend();
    rig.mirror.resume();
    rig.mirror.wait_in_sync();
    write_regions(&rig.mirror, [5, 9, 11]);
    rig.end()
}

/// The leg fails while regions are copied to it.
fn leg_fails_in_recovery(kind: LogKind, name: &str, features: &str) -> Vec<AtRest> {
    let rig = Rig::create(name, kind, features);
    rig.leg.fail();
    let all = rig.table.replacen(&format!("{REGION_SECTORS} 2 "), &format!("{REGION_SECTORS} sync 2 "), 1);
    let all = all.replacen("core 1", "core 2", 1).replacen("disk 2", "disk 3", 1);
    rig.mirror.reload(&all);
    if features.is_empty() {
        // Nobody is told: a region whose copy failed counts as in sync.
        rig.mirror.wait_in_sync();
    } else {
        rig.mirror.wait_status("AS");
    }
    rig.leg.work();
    rig.mirror.reload(&rig.table);
    rig.mirror.wait_in_sync();
    write_regions(&rig.mirror, [7]);
    rig.end()
}

/// A loop device. It has a write cache, unlike ram disks, whose flushes end before anything can make them fail.
#[derive(Debug)]
struct Loop {
    node: String,
    file: PathBuf,
}

impl Loop {
    fn create() -> Self {
        run("modprobe", &["loop"]);
        let path = PathBuf::from("/tmp/fidelity-leg");
        let file = File::create(&path).and_then(|file| file.set_len(MIRROR_SECTORS * 512));
        file.unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        let node = run("losetup", &["--find", "--show", &path.display().to_string()]);
        Self { node: node.trim().to_owned(), file: path }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.node]).status();
        let _ = std::fs::remove_file(&self.file);
    }
}

/// A flush of the legs that fails makes every region dirty, and none clean again before the next table.
fn leg_cannot_be_flushed(name: &str) -> Vec<AtRest> {
    let disk = Loop::create();
    let rig = Rig::create_on(&disk.node, name, LogKind::Disk, "2 handle_errors keep_log");
    rig.leg.fail_with_flushes();
    write_regions(&rig.mirror, [5, 9]);
    // The log asks for what was cleaned, by recovery here, to be flushed before it says so.
    rig.mirror.suspend();
    rig.mirror.resume();
    rig.mirror.wait_status("AF");
    rig.leg.work();
    write_regions(&rig.mirror, [20, 21, 20]);
    rig.end()
}

/// A log that cannot be written holds the writes, until a new table finds it in order.
fn log_fails_and_comes_back(name: &str) -> Vec<AtRest> {
    let rig = Rig::create(name, LogKind::Disk, "1 handle_errors");
    write_regions(&rig.mirror, [1, 2]);
    rig.log().fail();
    let write = rig.write_later(5);
    rig.mirror.wait_status("D");
    rig.log().work();
    rig.mirror.repair(&rig.table);
    join(write);
    rig.mirror.wait_in_sync();
    write_regions(&rig.mirror, [5, 6, 7]);
    rig.end()
}

/// Without `handle_errors` writes go on without a log.
fn log_fails_unnoticed(name: &str) -> Vec<AtRest> {
    let rig = Rig::create(name, LogKind::Disk, "");
    write_regions(&rig.mirror, [1, 2]);
    rig.log().fail();
    write_regions(&rig.mirror, [3, 4]);
    rig.mirror.wait_status("D");
    rig.log().work();
    write_regions(&rig.mirror, [4, 5, 6]);
    rig.end()
}

/// The kernel takes what it cannot read for nothing, and synchronises everything.
fn strange_header(name: &str, header: DiskLogHeader) -> Vec<AtRest> {
    let mut bytes = vec![0xff; 2048];
    bytes[..16].copy_from_slice(&header.encode());
    write_log(BELOW_LOG, &bytes);
    let table = format!(
        "0 {MIRROR_SECTORS} mirror disk 2 {BELOW_LOG} {REGION_SECTORS} 2 {LEG} 0 {BELOW_LEG} 0 1 handle_errors"
    );
    let mirror = Device::create(name, &table);
    mirror.wait_in_sync();
    write_regions(&mirror, [0, 15, 16, 31]);
    rest(mirror, BELOW_LOG)
}

#[test]
fn mirrors_that_fail() {
    let mut stage = Stage::start("failures");
    run("modprobe", &["dm-flakey"]);
    let (core, disk) = (LogKind::Core, LogKind::Disk);
    stage.play("a leg that is repaired, core", EXPECTED, || leg_is_repaired(core, "repaired-core"));
    stage.play("a leg that is repaired, disk", EXPECTED, || leg_is_repaired(disk, "repaired-disk"));
    stage.play("a leg that is left, core", EXPECTED, || leg_is_left(core, "left-core", ""));
    stage.play("a leg that is left, disk", EXPECTED, || leg_is_left(disk, "left-disk", ""));
    let keep_log = "2 handle_errors keep_log";
    stage.play("a leg that is left, keep_log, core", EXPECTED, || leg_is_left(core, "kept-core", keep_log));
    stage.play("a leg that is left, keep_log, disk", EXPECTED, || leg_is_left(disk, "kept-disk", keep_log));
    stage.play("a leg that fails in recovery, core", EXPECTED, || {
        leg_fails_in_recovery(core, "recovery-core", "1 handle_errors")
    });
    stage.play("a leg that fails in recovery, disk", EXPECTED, || {
        leg_fails_in_recovery(disk, "recovery-disk", "1 handle_errors")
    });
    stage.play("a leg that fails in recovery, not handled", EXPECTED, || {
        leg_fails_in_recovery(disk, "recovery-unhandled", "")
    });
    stage.play("a leg that cannot be flushed", EXPECTED, || leg_cannot_be_flushed("flush-fails"));
    stage.play("a log that fails and comes back", EXPECTED, || log_fails_and_comes_back("log-back"));
    stage.play("a log that fails, not handled", EXPECTED, || log_fails_unnoticed("log-unhandled"));
    stage.play("a log of version 99", EXPECTED, || {
        strange_header("version", DiskLogHeader { magic: MAGIC, version: 99, nr_regions: 32 })
    });
    stage.play("a log of a smaller mirror", EXPECTED, || {
        strange_header("smaller", DiskLogHeader { magic: MAGIC, version: 2, nr_regions: 16 })
    });
    let recording = stage.end();
    check(&recording);
    check_wrong_rules(&recording, &[Rules::SearchStartsOver, Rules::ClearWorksAfterFailedFlush]);
}
