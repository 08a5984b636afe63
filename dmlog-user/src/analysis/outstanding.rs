//! Bios that have entered a mirror and are not over yet, found by number.
//!
//! Bios are numbered in order of appearance, so those under way have nearly consecutive numbers: a small table indexed by
//! the low bits of the number finds almost all of them without a hash. A bio that is still there when its place is
//! needed again (a write held for minutes, say) moves to a hash table, and only when that is full is one forgotten and
//! counted.

use rustc_hash::FxHashMap;

use super::processes::OTHER_PROCESS;
use super::timeline::Position;
use crate::event::ids::{IoId, LogId, MonoNs};
use crate::event::op::IoKind;

/// Places of the table. More bios than this are not under way at once on a machine that is well.
const SLOTS: usize = 1 << 14;

/// Bios that outlived their place in the table. Each takes about 100 bytes, so this is 6 MiB at most.
pub const DISPLACED_MAX: usize = 1 << 16;

/// One bio under way.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Its number; [`IoId::UNKNOWN`] is an empty place.
    pub io: IoId,
    /// When it entered the mirror.
    pub entered: MonoNs,
    /// Where in its device's flushes it entered; `None` if that device has become another one since.
    pub position: Option<Position>,
    /// When a pass picked it up, and where in the flushes that was.
    pub picked: Option<(MonoNs, Position)>,
    /// When it began to wait for the recovery of its region.
    pub delayed: Option<MonoNs>,
    /// Place of its device in the session.
    pub device: u32,
    /// Place of its process in the device.
    pub process: u32,
    /// Its log.
    pub log: LogId,
    /// What it does.
    pub kind: IoKind,
}

const EMPTY: Pending = Pending {
    io: IoId::UNKNOWN,
    entered: MonoNs(0),
    position: None,
    picked: None,
    delayed: None,
    device: 0,
    process: 0,
    log: LogId::UNKNOWN,
    kind: IoKind::Other,
};

/// All bios under way.
#[derive(Clone, Debug, Default)]
pub struct Outstanding {
    slots: Vec<Pending>,
    displaced: FxHashMap<u64, Pending>,
    forgotten: u64,
}

/// [`Outstanding`] without its empty places, which are nearly all of them: for copies in which nobody looks for a bio.
#[derive(Clone, Debug, Default)]
pub struct PackedOutstanding {
    slots: Box<[Pending]>,
    displaced: FxHashMap<u64, Pending>,
    forgotten: u64,
}

impl PackedOutstanding {
    /// What was packed.
    pub fn unpack(&self) -> Outstanding {
        let Self { slots, displaced, forgotten } = self;
        let mut unpacked = Outstanding { slots: Vec::new(), displaced: displaced.clone(), forgotten: *forgotten };
        for &pending in slots {
            unpacked.insert(pending);
        }
        unpacked
    }

    /// About how much memory it takes, in bytes.
    pub fn footprint_bytes(&self) -> usize {
        // Tables are up to twice as large as what is in them.
        size_of_val(&*self.slots) + 2 * self.displaced.len() * size_of::<(u64, Pending)>()
    }
}

impl Outstanding {
    /// A bio has entered. [`IoId::UNKNOWN`] cannot be found again and is not kept.
    pub fn insert(&mut self, pending: Pending) {
        if pending.io == IoId::UNKNOWN {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, EMPTY);
        }
        let slot = &mut self.slots[slot_of(pending.io)];
        let old = std::mem::replace(slot, pending);
        if old.io != IoId::UNKNOWN && old.io != pending.io {
            if self.displaced.len() < DISPLACED_MAX {
                self.displaced.insert(old.io.0, old);
            } else {
                self.forgotten += 1;
            }
        }
    }

    /// A bio under way.
    pub fn get_mut(&mut self, io: IoId) -> Option<&mut Pending> {
        if io == IoId::UNKNOWN {
            return None;
        }
        match self.slots.get_mut(slot_of(io)) {
            Some(pending) if pending.io == io => Some(pending),
            _ => self.displaced.get_mut(&io.0),
        }
    }

    /// A bio is over.
    pub fn remove(&mut self, io: IoId) -> Option<Pending> {
        if io == IoId::UNKNOWN {
            return None;
        }
        match self.slots.get_mut(slot_of(io)) {
            Some(pending) if pending.io == io => Some(std::mem::replace(pending, EMPTY)),
            _ => self.displaced.remove(&io.0),
        }
    }

    /// The bios of one device belong to another from now on. Places in its flushes and numbers of its processes mean
    /// nothing there.
    pub fn move_device(&mut self, from: u32, to: u32) {
        for pending in self.slots.iter_mut().chain(self.displaced.values_mut()) {
            if pending.io != IoId::UNKNOWN && pending.device == from {
                *pending = Pending { device: to, position: None, picked: None, process: OTHER_PROCESS, ..*pending };
            }
        }
    }

    /// Bios that were forgotten for lack of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Packs a copy.
    pub fn pack(&self) -> PackedOutstanding {
        let Self { slots, displaced, forgotten } = self;
        let slots = slots.iter().filter(|pending| pending.io != IoId::UNKNOWN).copied().collect();
        PackedOutstanding { slots, displaced: displaced.clone(), forgotten: *forgotten }
    }

    /// All bios under way, in no particular order: only for sums and minima.
    pub fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.slots.iter().filter(|pending| pending.io != IoId::UNKNOWN).chain(self.displaced.values())
    }
}

fn slot_of(io: IoId) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
    let low = io.0 as usize;
    low & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::{DISPLACED_MAX, EMPTY, Outstanding, Pending, SLOTS};
    use crate::event::ids::IoId;

    fn pending(io: u64) -> Pending {
        Pending { io: IoId(io), ..EMPTY }
    }

    #[test]
    fn a_bio_is_found_until_it_is_over() {
        let mut table = Outstanding::default();
        table.insert(pending(7));
        assert_eq!(table.get_mut(IoId(7)).unwrap().io, IoId(7));
        assert!(table.get_mut(IoId(8)).is_none());
        assert_eq!(table.remove(IoId(7)).unwrap().io, IoId(7));
        assert!(table.remove(IoId(7)).is_none());
        assert_eq!(table.iter().count(), 0);
    }

    #[test]
    fn a_bio_that_outlives_its_place_is_still_found() {
        let mut table = Outstanding::default();
        let late = 3 + SLOTS as u64;
        table.insert(pending(3));
        table.insert(pending(late));
        assert_eq!(table.iter().count(), 2);
        assert_eq!(table.remove(IoId(3)).unwrap().io, IoId(3));
        assert_eq!(table.remove(IoId(late)).unwrap().io, IoId(late));
        assert_eq!(table.forgotten(), 0);
    }

    #[test]
    fn a_full_table_forgets_and_counts() {
        let mut table = Outstanding::default();
        let all = (SLOTS + DISPLACED_MAX + 5) as u64;
        for io in 1..=all {
            table.insert(pending(io));
        }
        assert_eq!(table.forgotten(), 5);
        assert_eq!(table.iter().count() as u64, all - 5);
    }

    #[test]
    fn what_was_packed_is_found_where_it_was() {
        let mut kept = Outstanding::default();
        for io in [3, 4, 3 + SLOTS as u64] {
            kept.insert(pending(io));
        }
        let packed = kept.pack();
        assert!(packed.footprint_bytes() < 8 * size_of::<Pending>());
        let mut unpacked = packed.unpack();
        assert_eq!((unpacked.slots.len(), unpacked.displaced.len()), (kept.slots.len(), kept.displaced.len()));
        for io in [3, 4, 3 + SLOTS as u64] {
            assert_eq!(unpacked.remove(IoId(io)).unwrap().io, IoId(io));
        }
        assert_eq!(unpacked.iter().count(), 0);
    }

    #[test]
    fn an_unknown_bio_is_not_kept() {
        let mut table = Outstanding::default();
        table.insert(pending(0));
        assert!(table.get_mut(IoId::UNKNOWN).is_none());
        assert!(table.remove(IoId::UNKNOWN).is_none());
    }
}
