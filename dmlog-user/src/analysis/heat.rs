//! What happened when, in bounded memory: a fixed number of slots of time, which merge in pairs when the time outgrows them.
//!
//! ```text
//! slot       │ 12 │ 13 │ 14 │ 15 │        numbers of slots are times without their lowest bits, so that the slots of all
//! merged     │    6    │    7    │        mirrors lie on one grid, and merging needs no shifting
//! ```
//!
//! Each slot has how long flushes and writes took, as [`Spread`]s, and which regions were marked, by rows of regions that merge
//! the same way. A heat map is these slots side by side. Nothing is kept of them unless somebody asks for heat maps.

use super::flush::{KIND_NAMES, kind_index};
use super::spread::{Spread, step_of};
use crate::event::ids::MonoNs;
use crate::event::op::FlushKind;

/// Slots at most; between half of them and all are in use once there are so many.
pub const SLOTS_MAX: usize = 128;

/// Rows of regions at most, likewise.
pub const ROWS_MAX: usize = 128;

/// Targets of a mirror whose marks are kept apart. Marks of further ones are counted.
pub const TARGETS_MAX: usize = 4;

/// Mirrors that have heat maps: the first ones to which something happened.
pub const MIRRORS_MAX: usize = 64;

/// The first slots are `2^16` ns long: 66 µs, so that a trace of 10 ms has its slots too.
const FIRST_SLOT_BITS: u32 = 16;

/// Something that grows by another of its kind.
pub trait Merge: Default {
    /// Adds another one.
    fn merge(&mut self, other: Self);
}

impl Merge for u64 {
    fn merge(&mut self, other: Self) {
        *self = self.saturating_add(other);
    }
}

/// Something for each slot of time.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    /// A slot is `2^bits` ns long.
    bits: u32,
    /// Number of the first slot.
    first: u64,
    slots: Vec<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { bits: FIRST_SLOT_BITS, first: 0, slots: Vec::new() }
    }
}

impl<T: Merge> Slots<T> {
    /// The slot of a time.
    pub fn at(&mut self, time: MonoNs) -> Option<&mut T> {
        if self.slots.is_empty() {
            self.first = time.0 >> self.bits;
        }
        loop {
            let slot = time.0 >> self.bits;
            let first = self.first.min(slot);
            let last = slot.max(self.first.saturating_add((self.slots.len() as u64).saturating_sub(1)));
            if last - first < SLOTS_MAX as u64 {
                break;
            }
            self.halve();
        }
        let slot = time.0 >> self.bits;
        if let Ok(missing @ 1..) = usize::try_from(self.first.saturating_sub(slot)) {
            self.slots.splice(0..0, std::iter::repeat_with(T::default).take(missing));
            self.first = slot;
        }
        let place = usize::try_from(slot - self.first).ok()?;
        if place >= self.slots.len() {
            self.slots.resize_with(place + 1, T::default);
        }
        self.slots.get_mut(place)
    }

    /// Makes each slot twice as long.
    fn halve(&mut self) {
        let mut merged: Vec<T> = Vec::with_capacity(self.slots.len() / 2 + 1);
        for (number, slot) in (self.first..).zip(std::mem::take(&mut self.slots)) {
            match merged.last_mut() {
                Some(last) if number % 2 == 1 && number > self.first => last.merge(slot),
                _ => merged.push(slot),
            }
        }
        self.slots = merged;
        self.first /= 2;
        self.bits += 1;
    }

    /// Adds those of another.
    pub fn absorb(&mut self, other: Self) {
        let Self { bits, first, slots } = other;
        while self.bits < bits {
            self.halve();
        }
        for (number, slot) in (first..).zip(slots) {
            if let Some(ours) = self.at(MonoNs(number << bits)) {
                ours.merge(slot);
            }
        }
    }

    /// How long a slot is, in nanoseconds.
    pub fn slot_ns(&self) -> u64 {
        1 << self.bits
    }

    /// When each slot begins, and what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (MonoNs, &T)> {
        (self.first..).zip(&self.slots).map(|(number, slot)| (MonoNs(number << self.bits), slot))
    }
}

/// What happened to one mirror in one slot.
#[derive(Clone, Debug, Default)]
pub struct HeatSlot {
    /// How long flushes took that were over in it, in the order of [`KIND_NAMES`].
    pub flushes: [Spread; KIND_NAMES.len()],
    /// How long writes took that ended in it.
    pub writes: Spread,
    /// Marks of each target by rows of regions.
    pub marks: [Rows; TARGETS_MAX],
}

impl Merge for HeatSlot {
    fn merge(&mut self, other: Self) {
        let Self { flushes, writes, marks } = other;
        for (ours, theirs) in self.flushes.iter_mut().zip(&flushes) {
            ours.merge(theirs);
        }
        self.writes.merge(&writes);
        for (ours, theirs) in self.marks.iter_mut().zip(&marks) {
            ours.merge(theirs);
        }
    }
}

/// Counts by rows of regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// A row has `2^bits` regions.
    bits: u32,
    counts: Vec<u64>,
}

impl Rows {
    fn count(&mut self, region: u64, number: u64) {
        while region >> self.bits >= ROWS_MAX as u64 {
            self.coarsen();
        }
        let Ok(row) = usize::try_from(region >> self.bits) else { return };
        if row >= self.counts.len() {
            self.counts.resize(row + 1, 0);
        }
        self.counts[row] += number;
    }

    fn coarsen(&mut self) {
        self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        self.bits += 1;
    }

    /// Regions of a row.
    pub fn regions_of_row(&self) -> u64 {
        1 << self.bits
    }

    /// The same with rows of at least so many regions, a power of two.
    #[must_use]
    pub fn with_rows_of(&self, regions: u64) -> Vec<u64> {
        let mut rows = self.clone();
        while rows.regions_of_row() < regions {
            rows.coarsen();
        }
        rows.counts
    }

    fn merge(&mut self, other: &Self) {
        let bits = other.bits.max(self.bits);
        let theirs = other.with_rows_of(1 << bits);
        self.counts = self.with_rows_of(1 << bits);
        self.bits = bits;
        if self.counts.len() < theirs.len() {
            self.counts.resize(theirs.len(), 0);
        }
        for (ours, theirs) in self.counts.iter_mut().zip(theirs) {
            *ours += theirs;
        }
    }
}

/// What happened to one mirror over time.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// Slots of time.
    pub slots: Slots<HeatSlot>,
    /// Marks of targets beyond [`TARGETS_MAX`].
    pub marks_beyond_limit: u64,
}

impl Heat {
    /// A flush is over.
    pub fn flush(&mut self, kind: Option<FlushKind>, time: MonoNs, took_ns: u64) {
        if let Some(slot) = self.slots.at(time) {
            slot.flushes[kind_index(kind)].add(step_of(took_ns), 1);
        }
    }

    /// A write is over.
    pub fn write(&mut self, time: MonoNs, took_ns: u64) {
        if let Some(slot) = self.slots.at(time) {
            slot.writes.add(step_of(took_ns), 1);
        }
    }

    /// A region was marked.
    pub fn mark(&mut self, target: u32, region: u64, time: MonoNs) {
        if target as usize >= TARGETS_MAX {
            self.marks_beyond_limit += 1;
        } else if let Some(slot) = self.slots.at(time) {
            slot.marks[target as usize].count(region, 1);
        }
    }

    /// Adds another mirror's, whose only target is this one of ours.
    pub fn absorb(&mut self, other: Self, target: u32) {
        let Self { mut slots, marks_beyond_limit } = other;
        self.marks_beyond_limit += marks_beyond_limit;
        for slot in &mut slots.slots {
            let mut all = Rows::default();
            for rows in std::mem::take(&mut slot.marks) {
                all.merge(&rows);
            }
            match slot.marks.get_mut(target as usize) {
                Some(place) => *place = all,
                None => self.marks_beyond_limit += all.counts.iter().sum::<u64>(),
            }
        }
        self.slots.absorb(slots);
    }
}

#[cfg(test)]
mod tests {
    use super::{Heat, ROWS_MAX, SLOTS_MAX, Slots};
    use crate::event::ids::MonoNs;
    use crate::event::op::FlushKind;

    #[test]
    fn slots_of_any_time_are_bounded_and_lose_nothing() {
        let mut slots = Slots::<u64>::default();
        // Forwards, backwards, far away.
        let times = (0..5_000_u64).map(|n| 7_000_000_000 + n * 1_000_003).chain([6_000_000_000, 1, u64::MAX, 0]);
        for (number, time) in times.enumerate() {
            *slots.at(MonoNs(time)).unwrap() += 1;
            assert!(slots.iter().count() <= SLOTS_MAX);
            let (begin, _) = slots.iter().filter(|(_, count)| **count > 0).last().unwrap();
            assert!(begin.0 <= time || number > 0);
        }
        assert_eq!(slots.iter().map(|(_, count)| count).sum::<u64>(), 5_004);
    }

    #[test]
    fn a_time_is_in_the_slot_that_begins_before_it() {
        let mut slots = Slots::<u64>::default();
        for n in 0..1_000 {
            *slots.at(MonoNs(1_000_000_000 + n * 10_000_000)).unwrap() += 1;
        }
        let slot_ns = slots.slot_ns();
        for (begin, count) in slots.iter() {
            let inside = (0..1_000).map(|n| 1_000_000_000 + n * 10_000_000);
            let inside = inside.filter(|time| (begin.0..begin.0 + slot_ns).contains(time)).count();
            assert_eq!(*count, inside as u64);
        }
        assert!(slots.iter().count() > SLOTS_MAX / 2);
    }

    #[test]
    fn a_mirror_of_a_million_regions_has_few_rows() {
        let mut heat = Heat::default();
        for region in 0..1 << 20 {
            heat.mark(0, region, MonoNs(region * 1_000));
        }
        heat.mark(9, 5, MonoNs(5));
        let rows = heat.slots.iter().map(|(_, slot)| slot.marks[0].counts.len()).max().unwrap();
        assert!(rows <= ROWS_MAX);
        let marks: u64 = heat.slots.iter().flat_map(|(_, slot)| slot.marks[0].with_rows_of(1 << 13)).sum();
        assert_eq!((marks, heat.marks_beyond_limit), (1 << 20, 1));
    }

    #[test]
    fn what_came_before_an_identity_is_added() {
        let mut known = Heat::default();
        known.flush(Some(FlushKind::Dirtied), MonoNs(5_000_000_000), 1_000);
        known.mark(1, 3, MonoNs(5_000_000_000));
        let mut before = Heat::default();
        before.flush(Some(FlushKind::Dirtied), MonoNs(1_000_000_000), 1_000);
        before.write(MonoNs(1_000_000_000), 2_000);
        before.mark(0, 70_000, MonoNs(1_000_000_000));
        known.absorb(before, 1);
        let flushes: u64 = known.slots.iter().flat_map(|(_, slot)| slot.flushes[0].steps()).map(|(_, n)| n).sum();
        let writes: u64 = known.slots.iter().flat_map(|(_, slot)| slot.writes.steps()).map(|(_, n)| n).sum();
        let marks: u64 = known.slots.iter().flat_map(|(_, slot)| slot.marks[1].with_rows_of(1)).sum();
        assert_eq!((flushes, writes, marks), (2, 1, 2));
    }
}
