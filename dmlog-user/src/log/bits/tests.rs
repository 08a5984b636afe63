use super::{LogBits, search_offset};
use crate::event::ids::Region;
use crate::log::arguments::SyncOption;
use crate::log::region_set::RegionSet;

fn bits(region_count: u64) -> LogBits {
    LogBits::new(region_count, SyncOption::Default)
}

fn touched(bits: &LogBits) -> (bool, bool) {
    (bits.touched_dirtied, bits.touched_cleaned)
}

fn untouch(bits: &mut LogBits) {
    bits.touched_dirtied = false;
    bits.touched_cleaned = false;
}

#[test]
fn a_new_log_is_clean_and_out_of_sync_unless_told_otherwise() {
    for (sync_option, in_sync) in [(SyncOption::Default, 0), (SyncOption::Force, 0), (SyncOption::Nosync, 100)] {
        let bits = LogBits::new(100, sync_option);
        bits.self_check();
        assert_eq!((bits.clean.count(), bits.in_sync.count(), bits.sync_count), (100, in_sync, in_sync));
        assert_eq!(touched(&bits), (false, false));
    }
}

#[test]
fn mark_and_clear_turn_one_bit_of_clean() {
    let mut bits = bits(100);
    bits.mark_region(Region(7));
    assert_eq!((bits.is_clean(Region(7)), touched(&bits)), (false, (true, false)));
    assert_eq!(bits.clean.count(), 99);
    untouch(&mut bits);
    bits.clear_region(Region(7));
    assert_eq!((bits.is_clean(Region(7)), touched(&bits)), (true, (false, true)));
    assert_eq!(bits.in_sync.count(), 0);
}

#[test]
fn mark_of_a_dirty_region_and_clear_of_a_clean_one_touch_too() {
    let mut bits = bits(100);
    bits.mark_region(Region(7));
    untouch(&mut bits);
    bits.mark_region(Region(7));
    assert_eq!(touched(&bits), (true, false));
    untouch(&mut bits);
    bits.clear_region(Region(8));
    assert_eq!(touched(&bits), (false, true));
}

#[test]
fn clear_is_ignored_after_flush_failed() {
    let mut bits = bits(100);
    bits.mark_region(Region(7));
    untouch(&mut bits);
    bits.flush_failed = true;
    bits.clear_region(Region(7));
    assert_eq!((bits.is_clean(Region(7)), touched(&bits)), (false, (false, false)));
}

#[test]
fn sync_count_goes_up_without_a_look_at_the_bit() {
    let mut bits = bits(10);
    bits.set_region_sync(Region(3), true);
    bits.set_region_sync(Region(3), true);
    assert_eq!((bits.in_sync.count(), bits.get_sync_count()), (1, 2));
    bits.set_region_sync(Region(3), false);
    bits.set_region_sync(Region(3), false);
    assert_eq!((bits.in_sync.count(), bits.get_sync_count()), (0, 1));
}

#[test]
fn resync_work_is_one_pass_forward() {
    let mut bits = bits(3);
    assert_eq!(bits.get_resync_work(), Some(Region(0)));
    bits.set_region_sync(Region(0), true);
    assert_eq!(bits.get_resync_work(), Some(Region(1)));
    bits.set_region_sync(Region(0), false);
    assert_eq!(bits.get_resync_work(), Some(Region(2)));
    // Region 0 is out of sync, and behind the search.
    assert_eq!(bits.get_resync_work(), None);
    bits.resume();
    assert_eq!(bits.get_resync_work(), Some(Region(0)));
}

#[test]
fn resync_work_passes_over_recovering_regions_which_survive_a_resume() {
    let mut bits = bits(3);
    assert_eq!(bits.get_resync_work(), Some(Region(0)));
    bits.resume();
    assert_eq!(bits.get_resync_work(), Some(Region(1)));
    assert_eq!(bits.recovering.count(), 2);
}

#[test]
fn recovering_bits_touch_as_clean_bits_do() {
    let mut bits = bits(3);
    assert_eq!(bits.get_resync_work(), Some(Region(0)));
    assert_eq!(touched(&bits), (false, true));
    untouch(&mut bits);
    bits.set_region_sync(Region(1), false);
    // Nothing but the recovering bit was cleared, and that one was not even set.
    assert_eq!(touched(&bits), (true, false));
    untouch(&mut bits);
    bits.set_region_sync(Region(0), true);
    assert_eq!(touched(&bits), (true, true));
}

#[test]
fn get_resync_work_without_work_touches_nothing() {
    let mut bits = LogBits::new(3, SyncOption::Nosync);
    assert_eq!(bits.get_resync_work(), None);
    assert_eq!((touched(&bits), bits.sync_search), ((false, false), 4));
    assert_eq!(bits.get_resync_work(), None);
}

#[test]
fn a_region_is_cut_to_32_bits() {
    let mut bits = bits(10);
    bits.mark_region(Region((1 << 32) + 3));
    assert!(!bits.is_clean(Region(3)));
    assert!(!bits.is_clean(Region((7 << 32) + 3)));
    bits.clear_region(Region(u64::MAX << 32 | 3));
    assert_eq!(bits.clean.count(), 10);
    bits.set_region_sync(Region((1 << 32) + 9), true);
    assert!(bits.in_sync(Region(9)));
}

#[test]
fn a_region_beyond_the_end_touches_and_changes_nothing() {
    let mut bits = bits(10);
    bits.mark_region(Region(10));
    assert_eq!((bits.clean.count(), touched(&bits)), (10, (true, false)));
    assert!(!bits.is_clean(Region(10)) && !bits.in_sync(Region(10)));
    bits.set_region_sync(Region(12), true);
    bits.self_check();
    assert_eq!((bits.in_sync.count(), bits.sync_count), (0, 1));
}

#[test]
fn a_search_at_and_above_2_to_the_31_finds_nothing() {
    assert_eq!(search_offset((1 << 31) - 1), (1 << 31) - 1);
    assert_eq!(search_offset(1 << 31), u64::MAX << 31);
}

#[test]
fn resume_takes_the_disks_bits_for_both_sets_and_keeps_recovering() {
    let mut bits = bits(70);
    assert_eq!(bits.get_resync_work(), Some(Region(0)));
    let mut clean = RegionSet::new_full(70);
    clean.remove(Region(5));
    bits.resume_from_disk(clean.clone(), 70);
    bits.self_check();
    assert_eq!((&bits.clean, &bits.in_sync), (&clean, &clean));
    assert_eq!((bits.sync_count, bits.sync_search, bits.recovering.count()), (69, 0, 1));
}

#[test]
fn regions_that_the_disk_does_not_know_are_dirty_or_with_nosync_clean() {
    for (sync_option, expected) in [(SyncOption::Default, 40), (SyncOption::Nosync, 128)] {
        let mut bits = LogBits::new(128, sync_option);
        bits.resume_from_disk(RegionSet::new_full(128), 40);
        assert_eq!((bits.clean.count(), bits.sync_count), (expected, expected));
        assert_eq!(touched(&bits), (sync_option == SyncOption::Default, sync_option == SyncOption::Nosync));
    }
}

#[test]
fn padding_alone_makes_resume_touch_dirtied() {
    for (region_count, touched_dirtied) in [(64, false), (65, true), (128, false)] {
        let mut bits = bits(region_count);
        bits.resume_from_disk(RegionSet::new_full(region_count), region_count);
        assert_eq!(touched(&bits), (touched_dirtied, false), "{region_count}");
    }
}

#[test]
fn resume_does_not_reset_touched_and_not_flush_failed() {
    let mut bits = bits(64);
    bits.mark_region(Region(1));
    bits.clear_region(Region(1));
    bits.legs_flush_failed();
    bits.resume_from_disk(RegionSet::new_full(64), 64);
    assert_eq!((touched(&bits), bits.flush_failed), ((true, true), true));
}

#[test]
fn a_failed_flush_of_the_legs_dirties_every_region_and_keeps_the_sync_bits() {
    let mut bits = LogBits::new(100, SyncOption::Nosync);
    bits.legs_flush_failed();
    assert_eq!((bits.clean.count(), bits.in_sync.count(), bits.sync_count), (0, 100, 100));
    assert_eq!((touched(&bits), bits.flush_failed), ((true, false), true));
}
