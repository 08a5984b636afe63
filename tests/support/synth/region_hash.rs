//! drivers/md/dm-region-hash.c without its locks: which regions have writes pending, and on which list they are.

use std::collections::{HashMap, VecDeque};

use super::jobs::Bio;

/// `enum dm_rh_region_states`, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Clean = 1,
    Dirty = 2,
    Nosync = 4,
    Recovering = 8,
}

/// `struct dm_region`.
struct Entry {
    state: State,
    pending: u32,
    delayed: Vec<Bio>,
}

/// `struct dm_region_hash`.
#[derive(Default)]
pub(crate) struct RegionHash {
    regions: HashMap<u64, Entry>,
    /// Newest last; the kernel takes them newest first.
    clean: Vec<u64>,
    quiesced: VecDeque<u64>,
    recovered: Vec<u64>,
    /// `recovery_count` allows one region at a time, once recovery has been started.
    pub(crate) may_recover: bool,
}

impl RegionHash {
    /// State of a region that is in the hash.
    pub(crate) fn state(&self, region: u64) -> Option<State> {
        self.regions.get(&region).map(|entry| entry.state)
    }

    /// `__rh_alloc`, with what the log answered.
    pub(crate) fn insert(&mut self, region: u64, in_sync: bool) {
        let state = if in_sync { State::Clean } else { State::Nosync };
        self.regions.insert(region, Entry { state, pending: 0, delayed: Vec::new() });
        if in_sync {
            self.clean.push(region);
        }
    }

    /// `rh_inc` of a region that is in the hash. `true` if the log has to mark it.
    pub(crate) fn inc(&mut self, region: u64) -> bool {
        let Some(entry) = self.regions.get_mut(&region) else { return false };
        entry.pending += 1;
        if entry.state != State::Clean {
            return false;
        }
        entry.state = State::Dirty;
        self.clean.retain(|other| *other != region);
        true
    }

    /// `dm_rh_dec`. `true` if the worker has something to do.
    pub(crate) fn dec(&mut self, region: u64) -> bool {
        let Some(entry) = self.regions.get_mut(&region) else { return false };
        entry.pending -= 1;
        if entry.pending > 0 {
            return false;
        }
        match entry.state {
            State::Recovering => self.quiesced.push_back(region),
            State::Dirty => {
                entry.state = State::Clean;
                self.clean.push(region);
            }
            State::Clean | State::Nosync => {}
        }
        true
    }

    /// `dm_rh_delay`: the write waits for the end of the region's recovery.
    pub(crate) fn delay(&mut self, region: u64, bio: Bio) {
        if let Some(entry) = self.regions.get_mut(&region) {
            entry.delayed.push(bio);
        }
    }

    /// `__rh_recovery_prepare` of a region that is in the hash.
    pub(crate) fn prepare(&mut self, region: u64) {
        let Some(entry) = self.regions.get_mut(&region) else { return };
        entry.state = State::Recovering;
        if entry.pending == 0 {
            self.quiesced.push_back(region);
        }
        self.may_recover = false;
    }

    /// `dm_rh_recovery_start`.
    pub(crate) fn start(&mut self) -> Option<u64> {
        self.quiesced.pop_front()
    }

    /// `dm_rh_recovery_end`, which always succeeds here.
    pub(crate) fn end(&mut self, region: u64) {
        self.recovered.push(region);
    }

    /// The head of `dm_rh_update_states`: recovered regions with the writes that waited for them, and clean ones, in the
    /// order in which the log hears of them. They leave the hash.
    pub(crate) fn update(&mut self) -> (Vec<(u64, Vec<Bio>)>, Vec<u64>) {
        let recovered = std::mem::take(&mut self.recovered);
        let recovered = recovered.into_iter().map(|region| {
            let delayed = self.regions.remove(&region).map(|entry| entry.delayed);
            (region, delayed.unwrap_or_default())
        });
        let recovered = recovered.collect();
        let mut clean = std::mem::take(&mut self.clean);
        clean.reverse();
        for region in &clean {
            self.regions.remove(region);
        }
        (recovered, clean)
    }
}
