//! One mirror's state: its log, its region hash, its log device.

use std::collections::{BTreeMap, VecDeque};

use dmlog_user::event::bits::{Bits, Bitset, LogState, words_of_padded};
use dmlog_user::event::ids::{DevNum, Region};
use dmlog_user::event::op::{FlushKind, Identity};
use dmlog_user::log::arguments::SyncOption;

use crate::oracle::Oracle;

/// `DM_RH_*`.
pub(super) const CLEAN: i32 = 1;
pub(super) const DIRTY: i32 = 2;
pub(super) const NOSYNC: i32 = 4;
pub(super) const RECOVERING: i32 = 8;

/// A region in the hash.
#[derive(Clone, Debug, Default)]
pub(super) struct HashedRegion {
    pub(super) state: i32,
    pub(super) pending: u32,
    pub(super) delayed: Vec<Bio>,
}

/// A write, or a flush request, which does not concern the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bio {
    pub(super) io: u64,
    pub(super) region: usize,
    pub(super) is_flush: bool,
}

/// What the log device holds: the clean bits of so many regions, if the area was ever written.
pub(super) type Device = Option<Vec<bool>>;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of three structures of the kernel")]
pub(super) struct Mirror {
    pub(super) id: u32,
    pub(super) log: Oracle,
    pub(super) is_disk: bool,
    pub(super) hash: BTreeMap<usize, HashedRegion>,
    pub(super) clean_list: Vec<usize>,
    pub(super) recovered: Vec<(usize, bool)>,
    pub(super) quiesced: Vec<usize>,
    /// `recovery_count`: 1 if recovery may begin.
    pub(super) semaphore: u32,
    pub(super) flush_failure: bool,
    /// `ms->in_sync`.
    pub(super) in_sync: bool,
    pub(super) errors_handled: bool,
    pub(super) writes: VecDeque<Bio>,
    pub(super) failures: Vec<Bio>,
    /// Bios that have not ended.
    pub(super) under_way: u32,
    pub(super) takes_writes: bool,
}

impl Mirror {
    pub(super) fn new(id: u32, regions: usize, option: SyncOption, is_disk: bool, errors_handled: bool) -> Self {
        Self {
            id,
            log: Oracle::new(regions, option),
            is_disk,
            hash: BTreeMap::new(),
            clean_list: Vec::new(),
            recovered: Vec::new(),
            quiesced: Vec::new(),
            semaphore: 0,
            flush_failure: false,
            in_sync: false,
            errors_handled,
            writes: VecDeque::new(),
            failures: Vec::new(),
            under_way: 0,
            takes_writes: false,
        }
    }

    pub(super) fn regions(&self) -> usize {
        self.log.state.len()
    }

    pub(super) fn identity(&self) -> Identity {
        let regions = self.regions() as u64;
        Identity {
            device: DevNum { major: 254, minor: 0 },
            name: "m".to_owned(),
            log_type: if self.is_disk { "disk" } else { "core" }.to_owned(),
            region_size_sectors: Some(1024),
            region_count: Some(regions),
            sync_count: Some(self.log.sync_count),
            sync_option: Some(match self.log.sync_option {
                SyncOption::Default => 0,
                SyncOption::Nosync => 1,
                SyncOption::Force => 2,
            }),
            target_sectors: Some(regions * 1024),
            target_begin: Some(0),
            log_device: self.is_disk.then_some(DevNum { major: 7, minor: 2 }),
            legs: Some(2),
            flush_failed: self.log.flush_failed,
            log_device_failed: false,
        }
    }

    /// One of its bitsets, as memory has it.
    pub(super) fn bits(&self, bitset: Bitset) -> Bits {
        let mut bytes = vec![0_u8; self.regions().div_ceil(8)];
        for (number, region) in self.log.state.iter().enumerate() {
            let bit = match bitset {
                Bitset::Clean => region.clean,
                Bitset::InSync => region.in_sync,
                Bitset::Recovering => region.recovering,
            };
            bytes[number / 8] |= u8::from(bit) << (number % 8);
        }
        let regions = u32::try_from(self.regions()).unwrap();
        Bits {
            bitset,
            first: Region(0),
            regions,
            region_count: Some(u64::from(regions)),
            is_cut: false,
            words: Some(words_of_padded(&bytes, regions)),
            state: Some(LogState {
                sync_count: self.log.sync_count,
                sync_search: i32::try_from(self.log.sync_search).unwrap(),
                touched_dirtied: self.log.touched_dirtied,
                touched_cleaned: self.log.touched_cleaned,
                flush_failed: self.log.flush_failed,
                log_device_failed: false,
                log_device_flush_failed: false,
            }),
        }
    }

    pub(super) fn flush_kind(&self) -> FlushKind {
        match (self.is_disk, self.log.touched_dirtied, self.log.touched_cleaned) {
            (false, _, _) | (true, false, false) => FlushKind::NoOp,
            (true, true, _) => FlushKind::Dirtied,
            (true, false, true) => FlushKind::CleanedOnly,
        }
    }

    /// The legs could not be flushed.
    pub(super) fn legs_failed(&mut self) {
        self.log.flush_failed = true;
        self.log.state.iter_mut().for_each(|region| region.clean = false);
        self.log.touched_dirtied = true;
    }

    pub(super) fn clean_bits(&self) -> Vec<bool> {
        self.log.state.iter().map(|region| region.clean).collect()
    }

    /// `disk_resume`, from what the device holds.
    pub(super) fn disk_resume(&mut self, device: &mut Device) {
        let held = match self.log.sync_option {
            SyncOption::Default => device.clone().unwrap_or_default(),
            SyncOption::Nosync | SyncOption::Force => Vec::new(),
        };
        let is_nosync = self.log.sync_option == SyncOption::Nosync;
        for (number, region) in self.log.state.iter_mut().enumerate() {
            region.clean = held.get(number).copied().unwrap_or(is_nosync);
            if held.len() <= number {
                self.log.touched_cleaned |= is_nosync;
                self.log.touched_dirtied |= !is_nosync;
            }
            region.in_sync = region.clean;
        }
        if !self.log.state.len().is_multiple_of(64) {
            self.log.touched_dirtied = true;
        }
        self.log.sync_count = self.log.state.iter().filter(|region| region.in_sync).count() as u64;
        self.log.sync_search = 0;
        *device = Some(self.clean_bits());
    }

    /// `dm_rh_dec`.
    pub(super) fn dec(&mut self, region: usize) {
        let Some(hashed) = self.hash.get_mut(&region) else { panic!("region {region} has pending writes") };
        hashed.pending -= 1;
        if hashed.pending > 0 {
            return;
        }
        if self.flush_failure {
            hashed.state = NOSYNC;
        } else if hashed.state == RECOVERING {
            self.quiesced.push(region);
        } else if hashed.state == DIRTY {
            hashed.state = CLEAN;
            self.clean_list.push(region);
        }
    }
}
