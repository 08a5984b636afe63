//! The state of a core or disk log as drivers/md/dm-log.c keeps it, one `bool` per bit: slow, plain and easy to check.

use dmlog_user::event::op::FlushKind;

/// The three bitsets and what hangs on them.
pub(crate) struct LogBits {
    clean: Vec<bool>,
    sync: Vec<bool>,
    recovering: Vec<bool>,
    pub(crate) sync_count: u64,
    sync_search: usize,
    touched_dirtied: bool,
    touched_cleaned: bool,
}

impl LogBits {
    /// As the constructor leaves them.
    pub(crate) fn new(regions: u64, nosync: bool) -> Self {
        let count = usize::try_from(regions).unwrap_or(0);
        Self {
            clean: vec![true; count],
            sync: vec![nosync; count],
            recovering: vec![false; count],
            sync_count: if nosync { regions } else { 0 },
            sync_search: 0,
            touched_dirtied: false,
            touched_cleaned: false,
        }
    }

    /// `disk_resume` with an empty log device, or one whose content `nosync` makes the kernel ignore.
    pub(crate) fn resume(&mut self, nosync: bool) {
        self.clean.fill(nosync);
        // log_set_bit and log_clear_bit; so do the bits that pad the last word.
        self.touched_cleaned |= nosync;
        self.touched_dirtied |= !nosync || !self.clean.len().is_multiple_of(64);
        self.sync.clone_from(&self.clean);
        self.sync_count = if nosync { self.clean.len() as u64 } else { 0 };
        self.sync_search = 0;
    }

    pub(crate) fn mark(&mut self, region: u64) {
        self.clean[place(region)] = false;
        self.touched_dirtied = true;
    }

    pub(crate) fn clear(&mut self, region: u64) {
        self.clean[place(region)] = true;
        self.touched_cleaned = true;
    }

    pub(crate) fn in_sync(&self, region: u64) -> bool {
        self.sync[place(region)]
    }

    /// All regions are in sync.
    pub(crate) fn is_whole(&self) -> bool {
        self.sync_count == self.sync.len() as u64
    }

    pub(crate) fn get_resync_work(&mut self) -> Option<u64> {
        loop {
            let next = self.sync.get(self.sync_search..)?.iter().position(|in_sync| !in_sync);
            let Some(found) = next else {
                self.sync_search = self.sync.len() + 1;
                return None;
            };
            let region = self.sync_search + found;
            self.sync_search = region + 1;
            if !self.recovering[region] {
                self.recovering[region] = true;
                self.touched_cleaned = true;
                return Some(region as u64);
            }
        }
    }

    /// `set_region_sync` with `in_sync` 1.
    pub(crate) fn set_in_sync(&mut self, region: u64) {
        self.recovering[place(region)] = false;
        self.sync[place(region)] = true;
        self.touched_dirtied = true;
        self.touched_cleaned = true;
        self.sync_count += 1;
    }

    /// Whether a flush begins with the flush of the legs.
    pub(crate) fn has_cleaned(&self) -> bool {
        self.touched_cleaned
    }

    /// What a flush of a disk log does now; resets what it is told by.
    pub(crate) fn flush(&mut self) -> FlushKind {
        let kind = match (self.touched_dirtied, self.touched_cleaned) {
            (true, _) => FlushKind::Dirtied,
            (false, true) => FlushKind::CleanedOnly,
            (false, false) => FlushKind::NoOp,
        };
        self.touched_dirtied = false;
        self.touched_cleaned = false;
        kind
    }
}

fn place(region: u64) -> usize {
    usize::try_from(region).unwrap_or(usize::MAX)
}
