//! Mirrors on ram disks, removed when they go out of scope.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use dmlog_user::event::ids::DevNum;

use super::{run, wait_for};

/// Region size of every test mirror, in sectors: small, so that few writes touch many regions.
pub(crate) const REGION_SECTORS: u64 = 1024;

/// Sectors of a test mirror: 32 regions, so that the first synchronisation is over at once.
pub(crate) const MIRROR_SECTORS: u64 = 32 * REGION_SECTORS;

/// Ram disks: three for each of four mirrors.
const RAM_DISKS: u32 = 12;
/// Size of each in KiB: room for a million regions of two sectors. Memory is taken as it is written, and few tests write much.
const RAM_DISK_KIB: u32 = (1 << 20) + 64;

/// Type of a test mirror's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    Core,
    Disk,
}

impl LogKind {
    /// The kernel's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Disk => "disk",
        }
    }
}

/// A mapped device, removed at the end.
#[derive(Debug)]
pub(crate) struct Mirror {
    name: String,
    kind: LogKind,
    /// First of its three ram disks: two legs and the log device.
    first_disk: u32,
    log_device: String,
}

/// Loads what mirrors need.
pub(crate) fn prepare() {
    let numbers = [format!("rd_nr={RAM_DISKS}"), format!("rd_size={RAM_DISK_KIB}")];
    run("modprobe", &["brd", &numbers[0], &numbers[1]]);
    run("modprobe", &["dm-mirror"]);
    run("dmsetup", &["mknodes"]);
}

impl Mirror {
    /// Creates the mirror of a slot (0 to 3); it starts to synchronise at once.
    pub(crate) fn create(name: &str, kind: LogKind, slot: u32) -> Self {
        Self::create_of(name, kind, slot, MIRROR_SECTORS)
    }

    /// The same with another length.
    pub(crate) fn create_of(name: &str, kind: LogKind, slot: u32, sectors: u64) -> Self {
        let log_device = format!("/dev/ram{}", 3 * slot + 2);
        Self::create_with_log(name, kind, slot, sectors, &log_device)
    }

    /// The same with another log device, which is on top of the slot's.
    pub(crate) fn create_with_log(name: &str, kind: LogKind, slot: u32, sectors: u64, log_device: &str) -> Self {
        prepare();
        let mirror = Self { name: name.to_owned(), kind, first_disk: 3 * slot, log_device: log_device.to_owned() };
        mirror.erase_log();
        create_device(name, &mirror.table(sectors));
        mirror
    }

    /// A table of this mirror.
    pub(crate) fn table(&self, sectors: u64) -> String {
        let (a, b, log) = (self.first_disk, self.first_disk + 1, &self.log_device);
        let log = match self.kind {
            LogKind::Core => format!("core 1 {REGION_SECTORS}"),
            LogKind::Disk => format!("disk 2 {log} {REGION_SECTORS}"),
        };
        format!("0 {sectors} mirror {log} 2 /dev/ram{a} 0 /dev/ram{b} 0 1 handle_errors")
    }

    /// A blank log means that every region has to be copied.
    fn erase_log(&self) {
        let path = &self.log_device;
        let written = OpenOptions::new().write(true).open(path).and_then(|mut device| {
            device.write_all(&vec![0; 64 << 10])?;
            device.sync_all()
        });
        written.unwrap_or_else(|error| panic!("`{path}` cannot be erased: {error}"));
    }

    /// Its node.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/dev/mapper").join(&self.name)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub(crate) fn device(&self) -> DevNum {
        device_of(&self.name)
    }

    /// Waits until all regions are in sync.
    pub(crate) fn wait_in_sync(&self) {
        wait_in_sync(&self.name);
    }

    /// Removes it now.
    pub(crate) fn remove(self) {
        remove_device(&self.name);
        std::mem::forget(self);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop_device(&self.name);
    }
}

/// Regions in sync and all regions, as `dmsetup status` says.
pub(crate) fn in_sync_ratio(name: &str) -> (u64, u64) {
    // `0 32768 mirror 2 1:0 1:1 32/32 1 AA 1 core`
    let status = run("dmsetup", &["status", name]);
    let ratio = status.split_ascii_whitespace().find_map(|word| {
        let (done, all) = word.split_once('/')?;
        Some((done.parse().ok()?, all.parse().ok()?))
    });
    ratio.unwrap_or_else(|| panic!("no ratio in `{status}`"))
}

/// Waits until all regions of a mirror are in sync.
pub(crate) fn wait_in_sync(name: &str) {
    wait_for(&format!("`{name}` in sync"), || {
        let (done, all) = in_sync_ratio(name);
        (done == all).then_some(())
    });
}

/// Creates a device of any table.
pub(crate) fn create_device(name: &str, table: &str) {
    run("dmsetup", &["create", name, "--noudevsync", "--table", table]);
    run("dmsetup", &["mknodes"]);
}

/// Removes a device; somebody may still have it open for a moment.
pub(crate) fn remove_device(name: &str) {
    wait_for(&format!("removal of `{name}`"), || try_remove(name).then_some(()));
}

/// Removes a device on the way out of a test that may have failed: no panic.
fn drop_device(name: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while !try_remove(name) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn try_remove(name: &str) -> bool {
    let output = Command::new("dmsetup").args(["remove", "--noudevsync", name]).output();
    output.is_ok_and(|output| output.status.success())
}

/// A device that is removed at the end, whatever its table.
#[derive(Debug)]
pub(crate) struct Other(String);

impl Other {
    /// Creates it.
    pub(crate) fn create(name: &str, table: &str) -> Self {
        prepare();
        create_device(name, table);
        Self(name.to_owned())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop_device(&self.0);
    }
}

/// Number of a mapped device.
pub(crate) fn device_of(name: &str) -> DevNum {
    let text = run("dmsetup", &["info", "-c", "--noheadings", "-o", "major,minor", "--separator", ":", name]);
    text.trim().parse().unwrap_or_else(|error| panic!("`{}` is no device number: {error:?}", text.trim()))
}
