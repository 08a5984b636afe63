use super::{FIRST_SLOT_BITS, OverTime, SLOTS_MAX, SeriesSummary, SlotSummary};
use crate::event::ids::MonoNs;

const SLOT: u64 = 1 << FIRST_SLOT_BITS;
const FROM: Option<MonoNs> = Some(MonoNs(SLOT));

fn told(numbers: &OverTime<1>, end: u64) -> SeriesSummary {
    let (_, [series]) = numbers.summary(MonoNs(SLOT), MonoNs(end), MonoNs(0));
    series
}

fn lasts(series: &SeriesSummary) -> Vec<Option<u64>> {
    series.slots.iter().map(|slot| slot.map(|slot| slot.last)).collect()
}

fn assert_mean(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{found:?} is not {expected}");
}

#[test]
fn slots_keep_smallest_mean_largest_and_last() {
    let mut numbers = OverTime::<1>::default();
    numbers.set(0, Some(1), MonoNs(SLOT), FROM);
    // 1 for half a slot, 3 for a quarter, 2 for a quarter and the whole next one.
    numbers.set(0, Some(3), MonoNs(SLOT + SLOT / 2), FROM);
    numbers.set(0, Some(2), MonoNs(SLOT + SLOT * 3 / 4), FROM);
    let series = told(&numbers, 3 * SLOT);
    let slot = |min, mean, max, last| Some(SlotSummary { min, mean, max, last });
    assert_eq!(series.slots, [slot(1, 1.75, 3, 2), slot(2, 2.0, 2, 2), None]);
    assert_mean(series.mean, 1.875);
    assert_eq!((series.min, series.max, series.last), (Some(1), Some(3), Some(2)));
}

#[test]
fn slots_merge_in_pairs_and_lose_no_sum() {
    let mut numbers = OverTime::<1>::default();
    let changes = 10 * SLOTS_MAX as u64;
    for step in 0..=changes {
        numbers.set(0, Some(step), MonoNs(SLOT + step * SLOT), FROM);
    }
    let (times, [series]) = numbers.summary(MonoNs(SLOT), MonoNs(SLOT + changes * SLOT), MonoNs(SLOT));
    assert_eq!((times.slots_start_ns, times.slot_ns), (Some(0), 16 * SLOT));
    assert_eq!(series.slots.len(), 10 * SLOTS_MAX / 16 + 1);
    assert_eq!(series.slots[0], Some(SlotSummary { min: 0, mean: 7.5, max: 15, last: 15 }));
    assert_mean(series.mean, (changes - 1) as f64 / 2.0);
}

#[test]
fn what_is_not_known_counts_for_nothing() {
    let mut numbers = OverTime::<1>::default();
    numbers.set(0, Some(4), MonoNs(SLOT), FROM);
    numbers.set(0, None, MonoNs(2 * SLOT), FROM);
    numbers.set(0, Some(8), MonoNs(4 * SLOT), FROM);
    let series = told(&numbers, 5 * SLOT);
    assert_eq!(lasts(&series), [Some(4), None, None, Some(8), None]);
    assert_mean(series.mean, 6.0);
    assert_eq!(OverTime::<1>::default().summary(MonoNs(0), MonoNs(9), MonoNs(0)).1[0], SeriesSummary::default());
}

#[test]
fn what_was_before_the_window_is_its_value_at_the_begin() {
    let mut numbers = OverTime::<1>::default();
    numbers.set(0, Some(7), MonoNs(5), None);
    let series = told(&numbers, 2 * SLOT);
    assert_eq!((series.min, series.max, series.last), (Some(7), Some(7), Some(7)));
    numbers.set(0, Some(1), MonoNs(SLOT + SLOT / 2), FROM);
    let series = told(&numbers, 2 * SLOT);
    assert_mean(series.mean, 4.0);
    assert_eq!(series.slots[0].map(|slot| slot.max), Some(7));
}

#[test]
fn a_clock_that_jumps_costs_no_memory() {
    let mut numbers = OverTime::<1>::default();
    numbers.set(0, Some(1), MonoNs(SLOT), FROM);
    numbers.set(0, Some(2), MonoNs(u64::MAX), FROM);
    numbers.set(0, Some(3), MonoNs(5), FROM);
    let mut from_zero = OverTime::<1>::default();
    from_zero.set(0, Some(1), MonoNs(0), Some(MonoNs(0)));
    from_zero.set(0, Some(2), MonoNs(u64::MAX), Some(MonoNs(0)));
    assert_eq!(from_zero.summary(MonoNs(0), MonoNs(u64::MAX), MonoNs(0)).1[0].last, Some(2));
    let series = told(&numbers, u64::MAX);
    assert!(series.slots.len() <= SLOTS_MAX);
    assert_eq!((series.max, series.last), (Some(3), Some(3)));
}
