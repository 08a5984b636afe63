use super::{Flushed, Image, KnownBits, Work};
use crate::analysis::occupancy::{LogOccupancy, Resync};
use crate::event::ids::Region;
use crate::event::op::FlushKind;
use crate::log::arguments::SyncOption;
use crate::log::region_set::RegionSet;
use crate::session::model::rules::Rules;

const R: [Region; 4] = [Region(0), Region(1), Region(2), Region(3)];

fn new(region_count: u64) -> KnownBits {
    KnownBits::of_new_log(region_count, SyncOption::Default, Rules::Kernel)
}

fn old(region_count: u64) -> KnownBits {
    KnownBits::of_old_log(region_count, SyncOption::Default, Rules::Kernel)
}

fn flushed(kind: FlushKind, legs: Option<i32>, result: i32) -> Flushed {
    Flushed { kind: Some(kind), legs, result, is_concurrent: false }
}

fn image(region_count: u64, dirty: &[u64]) -> Image {
    let mut clean = RegionSet::new_full(region_count);
    for region in dirty {
        clean.remove(Region(*region));
    }
    Image { clean, known: RegionSet::new_full(region_count) }
}

#[test]
fn a_new_log_is_known_and_an_old_one_is_not() {
    let bits = new(4);
    assert_eq!((bits.in_sync(R[0]), bits.is_clean(R[3]), bits.sync_count()), (Some(false), Some(true), Some(0)));
    assert_eq!(bits.flush_kind(), Some(FlushKind::NoOp));
    assert_eq!(bits.in_sync(Region(4)), None, "no such region");
    let bits = old(4);
    assert_eq!((bits.in_sync(R[0]), bits.is_clean(R[3]), bits.sync_count()), (None, None, None));
    assert_eq!((bits.flush_kind(), bits.touched_cleaned()), (None, None));
}

#[test]
fn what_the_kernel_does_tells_what_is() {
    let mut bits = old(4);
    bits.mark_region(R[1]);
    assert_eq!((bits.is_clean(R[1]), bits.flush_kind()), (Some(false), Some(FlushKind::Dirtied)));
    bits.clear_region(R[1]);
    assert_eq!(bits.is_clean(R[1]), None, "the legs may have failed before");
    bits.adopt_flush_failed(false);
    bits.clear_region(R[1]);
    assert_eq!(bits.is_clean(R[1]), Some(true));
    bits.set_region_sync(R[2], false);
    assert_eq!((bits.in_sync(R[2]), bits.sync_count()), (Some(false), None));
    bits.adopt_sync_count(2);
    bits.set_region_sync(R[2], true);
    assert_eq!(bits.sync_count(), Some(3));
    bits.set_region_sync(R[0], false);
    assert_eq!(bits.sync_count(), None, "whether it was in sync is not known");
}

#[test]
fn a_count_of_all_or_none_tells_every_region() {
    let mut bits = old(4);
    bits.adopt_sync_count(3);
    assert_eq!((bits.in_sync(R[0]), bits.sync_count()), (None, Some(3)));
    bits.adopt_sync_count(4);
    assert!(R.iter().all(|region| bits.in_sync(*region) == Some(true)));
    let mut bits = old(4);
    bits.adopt_sync_count(0);
    assert!(R.iter().all(|region| bits.in_sync(*region) == Some(false)));
}

#[test]
fn a_search_tells_what_it_passes_over() {
    let mut bits = old(4);
    assert_eq!(bits.get_resync_work(Some(R[1])), Work::Unknown);
    assert_eq!((bits.in_sync(R[0]), bits.in_sync(R[1])), (None, Some(false)), "where it began is not known");
    assert_eq!(bits.get_resync_work(Some(R[3])), Work::Unknown, "what is behind it is not known");
    assert_eq!((bits.in_sync(R[2]), bits.in_sync(R[3])), (Some(true), Some(false)));
    assert_eq!(bits.get_resync_work(None), Work::Known(None), "it is at the end");
}

#[test]
fn a_search_that_finds_nothing_tells_that_all_ahead_is_in_sync() {
    let mut bits = old(200);
    bits.core_resume();
    assert_eq!(bits.get_resync_work(None), Work::Unknown);
    assert!((0..200).all(|region| bits.in_sync(Region(region)) == Some(true)));
}

#[test]
fn a_region_that_is_recovering_is_not_offered() {
    let mut bits = new(4);
    assert_eq!(bits.get_resync_work(Some(R[0])), Work::Known(Some(R[0])));
    bits.core_resume();
    assert_eq!(bits.get_resync_work(Some(R[1])), Work::Known(Some(R[1])), "region 0 is still recovering");
}

#[test]
fn after_another_answer_the_model_goes_on_from_the_kernels() {
    let mut bits = new(4);
    assert_eq!(bits.get_resync_work(Some(R[2])), Work::Known(Some(R[0])));
    assert_eq!((bits.in_sync(R[0]), bits.in_sync(R[2]), bits.sync_count()), (Some(true), Some(false), None));
    assert_eq!(bits.get_resync_work(Some(R[3])), Work::Known(Some(R[3])));
    bits.adopt_in_sync(R[3], true);
    assert_eq!(bits.in_sync(R[3]), Some(true));
}

#[test]
fn a_flush_of_the_legs_that_fails_makes_everything_dirty_for_good() {
    let mut bits = new(4);
    bits.clear_region(R[0]);
    bits.disk_flush(&flushed(FlushKind::CleanedOnly, Some(-5), 0));
    assert!(R.iter().all(|region| bits.is_clean(*region) == Some(false)));
    assert_eq!(bits.flush_kind(), Some(FlushKind::NoOp));
    bits.clear_region(R[0]);
    assert_eq!((bits.is_clean(R[0]), bits.flush_kind()), (Some(false), Some(FlushKind::NoOp)));
    bits.forget();
    bits.mark_region(R[1]);
    bits.clear_region(R[1]);
    assert_eq!(bits.is_clean(R[1]), Some(false), "a loss does not take that back");
}

#[test]
fn a_flush_that_fails_keeps_what_it_carried() {
    let mut bits = new(4);
    bits.mark_region(R[0]);
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, -5));
    assert_eq!((bits.flush_kind(), bits.touched_cleaned()), (Some(FlushKind::Dirtied), Some(false)));
    bits.clear_region(R[0]);
    bits.disk_flush(&flushed(FlushKind::Dirtied, Some(0), -5));
    assert_eq!(bits.touched_cleaned(), None, "the write has failed, or the flush behind it");
    bits.disk_flush(&flushed(FlushKind::Dirtied, Some(0), 0));
    assert_eq!(bits.flush_kind(), Some(FlushKind::NoOp));
    bits.clear_region(R[0]);
    bits.disk_flush(&flushed(FlushKind::CleanedOnly, Some(0), -5));
    assert_eq!(bits.flush_kind(), Some(FlushKind::CleanedOnly), "nothing was to be flushed behind that write");
}

#[test]
fn what_may_have_run_at_the_same_time_leaves_the_flags_unknown() {
    let mut bits = new(4);
    bits.mark_region(R[0]);
    bits.disk_flush(&Flushed { is_concurrent: true, ..flushed(FlushKind::Dirtied, None, 0) });
    assert_eq!((bits.flush_kind(), bits.is_clean(R[0])), (None, Some(false)));
    assert!(bits.image().is_none());
}

#[test]
fn the_device_holds_what_the_last_flush_wrote() {
    let mut bits = new(4);
    bits.disk_resume(Some(image(4, &[1])), Some(SyncOption::Default), true);
    assert_eq!((bits.is_clean(R[1]), bits.in_sync(R[1]), bits.sync_count()), (Some(false), Some(false), Some(3)));
    assert!(bits.image().is_some(), "a resume writes");
    bits.mark_region(R[2]);
    assert!(bits.image().is_none());
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, 0));
    let held = bits.image().unwrap();
    assert_eq!((held.clean.get(R[2]), held.clean.get(R[3])), (false, true));
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, -5));
    assert!(bits.image().is_none(), "old or new, nobody knows");
}

#[test]
fn a_larger_log_is_dirty_where_the_device_knows_nothing() {
    let mut bits = new(6);
    bits.disk_resume(Some(image(4, &[0])), Some(SyncOption::Default), true);
    let clean: Vec<_> = (0..6).map(|region| bits.is_clean(Region(region))).collect();
    assert_eq!(clean, [false, true, true, true, false, false].map(Some));
    assert_eq!((bits.sync_count(), bits.flush_kind()), (Some(3), Some(FlushKind::Dirtied)));
    let mut bits = new(2);
    bits.disk_resume(Some(image(4, &[0])), Some(SyncOption::Default), true);
    assert_eq!(bits.sync_count(), Some(1));
}

#[test]
fn nosync_and_sync_forget_what_the_device_holds() {
    for (option, count) in [(SyncOption::Nosync, 4), (SyncOption::Force, 0)] {
        let mut bits = old(4);
        bits.disk_resume(None, Some(option), false);
        assert_eq!(bits.sync_count(), Some(count), "{option:?}");
        assert_eq!(bits.is_clean(R[0]), Some(count == 4), "{option:?}");
    }
}

#[test]
fn a_device_that_nobody_knows_tells_nothing_but_by_its_count() {
    let mut bits = new(4);
    bits.disk_resume(None, Some(SyncOption::Default), true);
    assert_eq!((bits.is_clean(R[0]), bits.in_sync(R[0]), bits.sync_count()), (None, None, None));
    assert_eq!(bits.get_resync_work(Some(R[2])), Work::Unknown, "the search is known to begin anew");
    assert_eq!((bits.in_sync(R[0]), bits.in_sync(R[2])), (Some(true), Some(false)));
    bits.disk_resume(None, Some(SyncOption::Default), true);
    bits.adopt_resumed_count(0);
    assert_eq!((bits.is_clean(R[0]), bits.in_sync(R[0])), (Some(false), Some(false)));
}

/// Padding that is cleared counts as a change, up to the next 32 or 64 bits depending on the kernel.
#[test]
fn padding_touches() {
    let kind = |region_count: u64| {
        let mut bits = new(region_count);
        bits.disk_resume(Some(image(region_count, &[])), Some(SyncOption::Default), true);
        bits.flush_kind()
    };
    assert_eq!([64, 96, 65].map(kind), [Some(FlushKind::NoOp), None, Some(FlushKind::Dirtied)]);
}

/// A resume does not reset the flags.
#[test]
fn flags_survive_a_resume() {
    let mut bits = new(64);
    bits.clear_region(R[0]);
    bits.disk_resume(Some(image(64, &[])), Some(SyncOption::Default), true);
    assert_eq!(bits.flush_kind(), Some(FlushKind::CleanedOnly));
    let mut bits = new(64);
    bits.disk_resume(None, Some(SyncOption::Nosync), true);
    assert_eq!(bits.flush_kind(), Some(FlushKind::CleanedOnly), "64 regions were set");
}

fn occupied(bits: &mut KnownBits) -> (u64, u64, Option<u64>) {
    let LogOccupancy { dirty, clean_unknown, resync, .. } = bits.occupancy(false);
    (dirty, clean_unknown.unwrap(), resync.map(|resync| resync.regions))
}

#[test]
fn a_crash_leaves_what_was_written_last() {
    let mut bits = new(4);
    bits.disk_resume(Some(image(4, &[])), Some(SyncOption::Default), false);
    bits.mark_region(R[1]);
    assert_eq!(occupied(&mut bits), (1, 0, None), "nothing was seen on the device");
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, 0));
    bits.mark_region(R[1]);
    bits.mark_region(R[3]);
    assert_eq!(occupied(&mut bits), (2, 0, Some(1)));
    bits.clear_region(R[1]);
    assert_eq!(occupied(&mut bits), (1, 0, Some(1)), "the clear is in memory only");
    bits.disk_flush(&flushed(FlushKind::Dirtied, Some(0), 0));
    let resync = bits.occupancy(false).resync;
    assert_eq!(resync, Some(Resync { regions: 1, has_last: true }));
    // A failed write leaves the old bits or the new ones.
    bits.mark_region(R[0]);
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, -5));
    assert_eq!(occupied(&mut bits), (2, 0, None));
    assert_eq!(bits.occupancy(true).resync, Some(Resync { regions: 4, has_last: true }), "a core log has no device");
}

#[test]
fn regions_out_of_sync_are_not_dirty_and_are_copied() {
    let mut bits = new(4);
    bits.disk_resume(Some(image(4, &[0, 2])), Some(SyncOption::Default), true);
    assert_eq!(occupied(&mut bits), (0, 0, Some(2)));
    assert_eq!(bits.get_resync_work(Some(R[0])), Work::Known(Some(R[0])));
    assert_eq!(bits.occupancy(false).recovering, Some(1));
    // The region is cleared, then set in sync.
    bits.clear_region(R[0]);
    bits.set_region_sync(R[0], true);
    let LogOccupancy { out_of_sync, recovering, .. } = bits.occupancy(false);
    assert_eq!((out_of_sync, recovering), (Some(1), Some(0)));
    bits.mark_region(R[0]);
    bits.mark_region(R[2]);
    assert_eq!(occupied(&mut bits), (1, 0, Some(2)));
}

#[test]
fn what_is_not_known_is_not_counted_but_told() {
    let mut bits = old(4);
    assert_eq!(occupied(&mut bits), (0, 4, None));
    bits.adopt_sync_count(4);
    bits.mark_region(R[2]);
    bits.disk_flush(&flushed(FlushKind::Dirtied, None, 0));
    assert_eq!(occupied(&mut bits), (1, 3, Some(1)));
    // The legs may have failed before, so the clear may not have worked.
    bits.clear_region(R[2]);
    assert_eq!(occupied(&mut bits), (0, 4, Some(1)));
    bits.forget();
    assert_eq!(occupied(&mut bits), (0, 4, None));
}

/// The counts that go along are those that counting anew gives.
#[test]
fn counts_go_along_with_the_bits() {
    let mut bits = old(200);
    for step in 0..3_000_u64 {
        let region = Region(step * 67 % 203);
        match step * 31 % 11 {
            0..=3 => bits.mark_region(region),
            4..=6 => bits.clear_region(region),
            7 => bits.set_region_sync(region, step % 3 > 0),
            8 => drop(bits.get_resync_work((step % 5 > 0).then_some(Region(step % 200)))),
            9 => bits.adopt_in_sync(Region(step % 200), step % 2 > 0),
            _ => bits.disk_flush(&flushed(FlushKind::Dirtied, None, 0)),
        }
        let along = bits.occupancy(false);
        bits.occupied.change_many();
        let LogOccupancy { dirty, clean_unknown, recovering, .. } = bits.occupancy(false);
        assert_eq!((along.dirty, along.clean_unknown, along.recovering), (dirty, clean_unknown, recovering), "{step}");
    }
}
