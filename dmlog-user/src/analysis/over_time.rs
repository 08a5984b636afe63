//! Numbers over time in bounded memory: a fixed number of slots, which merge in pairs when the time outgrows them.
//!
//! ```text
//! value   3   ┌──┐
//!         1 ──┘  └────────      slot 0: min 1, max 3, last 3, held 3 for a third of it
//!         slot 0 │ slot 1       twice as wide:  0 and 1 become one
//! ```
//!
//! Each slot keeps the smallest, the largest and the last value and the sum over its time, so means are exact, whatever was
//! merged. A time in which a value is not known counts for none of them. A change costs a few additions.

use crate::event::ids::MonoNs;

/// Slots; between half of them and all are in use once there are so many.
pub const SLOTS_MAX: usize = 64;

/// The first slots are `2^20` ns long: 1 ms, so that the first doubling is after 67 ms.
const FIRST_SLOT_BITS: u32 = 20;

/// Some numbers that are followed together.
#[derive(Clone, Debug)]
pub struct OverTime<const N: usize> {
    /// When the first slot begins.
    start_ns: Option<u64>,
    /// A slot is `2^slot_bits` ns long.
    slot_bits: u32,
    slots: Vec<[Slot; N]>,
    now: [Now; N],
}

/// What a number is now.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    /// `None` while it is not known.
    value: Option<u64>,
    /// Up to when it is in the slots.
    since_ns: u64,
}

/// A number in one slot. Nothing was known if `min` is greater than `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    min: u64,
    max: u64,
    last: u64,
    held_ns: u64,
    /// Of the values, each times the time for which it held.
    sum: u128,
}

impl Slot {
    const EMPTY: Self = Self { min: u64::MAX, max: 0, last: 0, held_ns: 0, sum: 0 };

    fn is_known(&self) -> bool {
        self.min <= self.max
    }

    fn hold(&mut self, value: u64, for_ns: u64) {
        self.take(value);
        self.pass(value, for_ns);
    }

    /// It has this value now.
    #[inline]
    fn take(&mut self, value: u64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
    }

    /// It has had this value for some time.
    #[inline]
    fn pass(&mut self, value: u64, for_ns: u64) {
        self.held_ns = self.held_ns.saturating_add(for_ns);
        self.sum = self.sum.saturating_add(u128::from(value) * u128::from(for_ns));
    }

    /// Adds the slot behind it.
    fn absorb(&mut self, next: &Self) {
        self.min = self.min.min(next.min);
        self.max = self.max.max(next.max);
        self.last = if next.is_known() { next.last } else { self.last };
        self.held_ns = self.held_ns.saturating_add(next.held_ns);
        self.sum = self.sum.saturating_add(next.sum);
    }

    /// The mean over the time in which it was known; of a value that held for no time, itself.
    fn mean(&self) -> f64 {
        if self.held_ns == 0 { self.last as f64 } else { self.sum as f64 / self.held_ns as f64 }
    }
}

impl<const N: usize> Default for OverTime<N> {
    fn default() -> Self {
        Self { start_ns: None, slot_bits: FIRST_SLOT_BITS, slots: Vec::new(), now: [Now::default(); N] }
    }
}

impl<const N: usize> OverTime<N> {
    /// A number has this value from now on; `None` if it is not known any more. `from` is where the time begins that is looked
    /// at, or `None` before it: then the value is only remembered.
    #[inline]
    pub fn set(&mut self, number: usize, value: Option<u64>, time: MonoNs, from: Option<MonoNs>) {
        let Some(Now { value: before, since_ns }) = self.now.get(number).copied() else { return };
        if before == value {
            return;
        }
        // Events of other CPUs may come a little out of order; the clock never runs backwards.
        let mut at_ns = time.0.max(since_ns);
        if let Some(from) = from {
            at_ns = at_ns.max(from.0);
            let start_ns = *self.start_ns.get_or_insert(from.0);
            // Most changes lie in the last slot, as the one before did, whose value is in there already.
            let slot = since_ns.wrapping_sub(start_ns) >> self.slot_bits;
            if start_ns <= since_ns
                && slot + 1 == self.slots.len() as u64
                && slot == (at_ns - start_ns) >> self.slot_bits
                && let Some(slot) = self.slots.last_mut().and_then(|slots| slots.get_mut(number))
            {
                if let Some(before) = before {
                    slot.pass(before, at_ns - since_ns);
                }
                if let Some(value) = value {
                    slot.take(value);
                }
            } else {
                if let Some(before) = before {
                    self.hold(number, before, since_ns.max(from.0), at_ns);
                }
                if let Some(value) = value {
                    self.hold(number, value, at_ns, at_ns);
                }
            }
        }
        self.now[number] = Now { value, since_ns: at_ns };
    }

    /// The value now; `None` if it is not known.
    pub fn value(&self, number: usize) -> Option<u64> {
        self.now.get(number).and_then(|now| now.value)
    }

    /// A number had this value in between.
    #[cold]
    fn hold(&mut self, number: usize, value: u64, from_ns: u64, to_ns: u64) {
        let start_ns = self.start_ns.unwrap_or_default();
        let (mut at_ns, to_ns) = (from_ns.saturating_sub(start_ns), to_ns.saturating_sub(start_ns));
        self.reach(to_ns);
        while let Some(slot) = self.slot_of(at_ns).and_then(|slot| self.slots.get_mut(slot)) {
            let end_ns = (at_ns | ((1 << self.slot_bits) - 1)).saturating_add(1);
            slot[number].hold(value, end_ns.min(to_ns).saturating_sub(at_ns));
            // A change at the begin of a slot lies in that slot alone.
            if to_ns <= end_ns {
                break;
            }
            at_ns = end_ns;
        }
    }

    fn slot_of(&self, at_ns: u64) -> Option<usize> {
        usize::try_from(at_ns >> self.slot_bits).ok()
    }

    /// Makes slots up to a time, and fewer of all of them if there are too many.
    fn reach(&mut self, at_ns: u64) {
        while at_ns >> self.slot_bits >= SLOTS_MAX as u64 {
            self.slot_bits += 1;
            let merge = |pair: &[[Slot; N]]| {
                let mut merged = pair.first().copied().unwrap_or([Slot::EMPTY; N]);
                for (ours, theirs) in merged.iter_mut().zip(pair.get(1).into_iter().flatten()) {
                    ours.absorb(theirs);
                }
                merged
            };
            self.slots = self.slots.chunks(2).map(merge).collect();
        }
        let wanted = self.slot_of(at_ns).map_or(0, |slot| slot + 1);
        if self.slots.len() < wanted {
            self.slots.resize(wanted, [Slot::EMPTY; N]);
        }
    }

    /// What is told of all numbers at the end of the time that is looked at, which began at `from`; times from `origin`.
    pub fn summary(&self, from: MonoNs, end: MonoNs, origin: MonoNs) -> (SlotTimes, [SeriesSummary; N]) {
        let mut all = self.clone();
        for number in 0..N {
            if let Now { value: Some(value), since_ns } = all.now[number] {
                let start_ns = *all.start_ns.get_or_insert(from.0);
                let since_ns = since_ns.max(start_ns);
                all.hold(number, value, since_ns, end.0.max(since_ns));
            }
        }
        let times = SlotTimes {
            slots_start_ns: all.start_ns.map(|start_ns| start_ns.saturating_sub(origin.0)),
            slot_ns: 1 << all.slot_bits,
        };
        let series = std::array::from_fn(|number| {
            let of_number: Vec<&Slot> = all.slots.iter().filter_map(|slots| slots.get(number)).collect();
            SeriesSummary::of(&of_number, self.value(number))
        });
        (times, series)
    }
}

/// Where the slots lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotTimes {
    /// When the first slot begins; `None` without slots.
    pub slots_start_ns: Option<u64>,
    /// How long each slot is.
    pub slot_ns: u64,
}

/// What is told of one number over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSummary {
    /// The smallest.
    pub min: Option<u64>,
    /// The mean over the time in which it was known.
    pub mean: Option<f64>,
    /// The largest.
    pub max: Option<u64>,
    /// Its value at the end; `None` if it was not known then.
    pub last: Option<u64>,
    /// The same for each slot; `None` where it was not known.
    pub slots: Vec<Option<SlotSummary>>,
}

/// What is told of one number in one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlotSummary {
    /// The smallest.
    pub min: u64,
    /// The mean over the time in which it was known.
    pub mean: f64,
    /// The largest.
    pub max: u64,
    /// The last one.
    pub last: u64,
}

impl SlotSummary {
    fn of(slot: &Slot) -> Option<Self> {
        let Slot { min, max, last, .. } = *slot;
        slot.is_known().then(|| Self { min, mean: slot.mean(), max, last })
    }
}

impl SeriesSummary {
    fn of(slots: &[&Slot], last: Option<u64>) -> Self {
        let mut all = Slot::EMPTY;
        for slot in slots {
            all.absorb(slot);
        }
        let Some(SlotSummary { min, mean, max, .. }) = SlotSummary::of(&all) else {
            return Self { last, ..Self::default() };
        };
        let slots = slots.iter().map(|slot| SlotSummary::of(slot)).collect();
        Self { min: Some(min), mean: Some(mean), max: Some(max), last, slots }
    }
}

#[cfg(test)]
mod tests;
