//! The log once more, as slow and plain as the kernel's text reads: one entry for each region, loops instead of words.
//!
//! It shares no line with the implementation. Both are driven by the same operations and compared after each.

use dmlog_user::event::ids::Region;
use dmlog_user::log::arguments::SyncOption;
use dmlog_user::log::bits::LogBits;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

/// What the kernel keeps of a region, as three bits in three bitsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionInfo {
    pub(crate) clean: bool,
    pub(crate) in_sync: bool,
    pub(crate) recovering: bool,
}

/// `struct log_c` of a core log.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) state: Vec<RegionInfo>,
    pub(crate) sync_count: u64,
    pub(crate) sync_search: usize,
    pub(crate) sync_option: SyncOption,
    pub(crate) touched_dirtied: bool,
    pub(crate) touched_cleaned: bool,
    pub(crate) flush_failed: bool,
}

impl Oracle {
    pub(crate) fn new(region_count: usize, sync_option: SyncOption) -> Self {
        let in_sync = sync_option == SyncOption::Nosync;
        Self {
            state: vec![RegionInfo { clean: true, in_sync, recovering: false }; region_count],
            sync_count: if in_sync { region_count as u64 } else { 0 },
            sync_search: 0,
            sync_option,
            touched_dirtied: false,
            touched_cleaned: false,
            flush_failed: false,
        }
    }

    pub(crate) fn mark_region(&mut self, region: usize) {
        self.state[region].clean = false;
        self.touched_dirtied = true;
    }

    pub(crate) fn clear_region(&mut self, region: usize) {
        if !self.flush_failed {
            self.state[region].clean = true;
            self.touched_cleaned = true;
        }
    }

    pub(crate) fn get_resync_work(&mut self) -> Option<usize> {
        if self.sync_search >= self.state.len() {
            return None;
        }
        loop {
            let mut region = self.sync_search;
            while region < self.state.len() && self.state[region].in_sync {
                region += 1;
            }
            self.sync_search = region + 1;
            if region >= self.state.len() {
                return None;
            }
            if !self.state[region].recovering {
                self.state[region].recovering = true;
                self.touched_cleaned = true;
                return Some(region);
            }
        }
    }

    pub(crate) fn set_region_sync(&mut self, region: usize, in_sync: bool) {
        self.state[region].recovering = false;
        self.touched_dirtied = true;
        if in_sync {
            self.state[region].in_sync = true;
            self.touched_cleaned = true;
            self.sync_count += 1;
        } else if self.state[region].in_sync {
            self.sync_count -= 1;
            self.state[region].in_sync = false;
            self.touched_dirtied = true;
        }
    }

    pub(crate) fn core_resume(&mut self) {
        self.sync_search = 0;
    }

    /// Every answer and every bit is the implementation's.
    pub(crate) fn check(&self, bits: &LogBits) {
        bits.self_check();
        assert_eq!(bits.region_count(), self.state.len() as u64);
        let (mut clean, mut in_sync, mut recovering) = (0, 0, 0);
        for (number, info) in self.state.iter().enumerate() {
            let region = Region(number as u64);
            let actual = RegionInfo {
                clean: bits.is_clean(region),
                in_sync: bits.in_sync(region),
                recovering: bits.recovering.get(region),
            };
            assert_eq!(actual, *info, "region {number}");
            clean += u64::from(info.clean);
            in_sync += u64::from(info.in_sync);
            recovering += u64::from(info.recovering);
        }
        assert_eq!((bits.clean.count(), bits.in_sync.count(), bits.recovering.count()), (clean, in_sync, recovering));
        assert_eq!(bits.get_sync_count(), self.sync_count);
        assert_eq!(bits.sync_search, self.sync_search as u64);
        assert_eq!(bits.sync_option, self.sync_option);
        assert_eq!((bits.touched_dirtied, bits.touched_cleaned), (self.touched_dirtied, self.touched_cleaned));
        assert_eq!(bits.flush_failed, self.flush_failed);
    }
}

/// An operation of the mirror on its log. Regions are numbers that are taken modulo the number of regions.
#[derive(Clone, Debug)]
pub(crate) enum LogStep {
    Mark(usize),
    Clear(usize),
    GetResyncWork,
    SetRegionSync(usize, bool),
    Resume,
    Suspend,
    Flush,
}

/// Any step; regions cluster, so that the same ones meet again.
pub(crate) fn step() -> impl Strategy<Value = LogStep> {
    let region = || prop_oneof![2 => 0..8_usize, 1 => any::<usize>()];
    prop_oneof![
        4 => region().prop_map(LogStep::Mark),
        4 => region().prop_map(LogStep::Clear),
        3 => Just(LogStep::GetResyncWork),
        3 => (region(), any::<bool>()).prop_map(|(region, in_sync)| LogStep::SetRegionSync(region, in_sync)),
        1 => Just(LogStep::Resume),
        1 => Just(LogStep::Suspend),
        3 => Just(LogStep::Flush),
    ]
}

pub(crate) fn sync_option() -> impl Strategy<Value = SyncOption> {
    prop_oneof![Just(SyncOption::Default), Just(SyncOption::Nosync), Just(SyncOption::Force)]
}

/// Numbers of regions around the borders of words, and some between.
pub(crate) fn region_count() -> impl Strategy<Value = usize> {
    prop_oneof![1..200_usize, Just(63), Just(64), Just(65), Just(128), Just(129), 2040..2060_usize]
}
