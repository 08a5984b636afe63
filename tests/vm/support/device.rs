//! A mapped device with any table: created, reloaded, repaired, removed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::mirrors::{create_device, prepare, remove_device};
use super::{DEADLINE, POLL, run, wait_for};

/// A mapped device; what a failed test leaves of it is removed by force, so that no write waits for ever.
#[derive(Debug)]
pub(crate) struct Device {
    name: String,
}

/// Regions in sync and regions, of a mirror's status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncRatio {
    pub(crate) in_sync: u64,
    pub(crate) regions: u64,
}

impl Device {
    /// Creates it.
    pub(crate) fn create(name: &str, table: &str) -> Self {
        prepare();
        create_device(name, table);
        Self { name: name.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its node.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/dev/mapper").join(&self.name)
    }

    /// Its status line.
    pub(crate) fn status(&self) -> String {
        run("dmsetup", &["status", &self.name])
    }

    /// How far a mirror is in sync.
    pub(crate) fn sync_ratio(&self) -> SyncRatio {
        let status = self.status();
        // `0 32768 mirror 2 1:0 1:1 32/32 1 AA 1 core`
        let words = status.split_ascii_whitespace();
        let ratio = words.filter_map(|word| word.split_once('/')).find_map(|(in_sync, regions)| {
            Some(SyncRatio { in_sync: in_sync.parse().ok()?, regions: regions.parse().ok()? })
        });
        ratio.unwrap_or_else(|| panic!("no regions in `{status}`"))
    }

    /// Waits until all regions are in sync.
    pub(crate) fn wait_in_sync(&self) {
        wait_for(&format!("`{}` in sync", self.name), || {
            let SyncRatio { in_sync, regions } = self.sync_ratio();
            (in_sync == regions).then_some(())
        });
    }

    /// Waits until its status line has a word: a health such as `AD`, or the `D` of a log at its end.
    pub(crate) fn wait_status(&self, word: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let status = self.status();
            if status.split_ascii_whitespace().any(|found| found == word) {
                return;
            }
            assert!(Instant::now() < end, "no `{word}` in the status of `{}`: {status}", self.name);
            std::thread::sleep(POLL);
        }
    }

    pub(crate) fn suspend(&self) {
        run("dmsetup", &["suspend", "--noudevsync", &self.name]);
    }

    pub(crate) fn resume(&self) {
        run("dmsetup", &["resume", "--noudevsync", &self.name]);
    }

    pub(crate) fn load(&self, table: &str) {
        run("dmsetup", &["load", &self.name, "--table", table]);
    }

    /// Another table, with everything written before.
    pub(crate) fn reload(&self, table: &str) {
        self.load(table);
        self.suspend();
        self.resume();
    }

    /// Another table, without waiting for writes that cannot end: they go on with the new one.
    pub(crate) fn repair(&self, table: &str) {
        run("dmsetup", &["suspend", "--noudevsync", "--noflush", "--nolockfs", &self.name]);
        self.load(table);
        self.resume();
    }

    /// Removes it now.
    pub(crate) fn remove(self) {
        remove_device(&self.name);
        std::mem::forget(self);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // On the way out of a failed test nothing may panic, and writes that are held have to end.
        let _ = Command::new("dmsetup").args(["remove", "--noudevsync", "--force", "--retry", &self.name]).output();
    }
}
