use super::{REGION_COUNT_MAX, RegionRange, RegionSet};
use crate::event::ids::Region;

fn run(first: u64, last: u64) -> RegionRange {
    RegionRange { first: Region(first), last: Region(last) }
}

#[test]
fn padding_is_never_counted_and_never_found() {
    for region_count in [1, 63, 64, 65, 100, 1023, 1024, 1025] {
        let mut set = RegionSet::new_full(region_count);
        set.self_check();
        assert_eq!(set.count(), region_count);
        assert_eq!(set.first_unset_from(Region(0)), None, "{region_count}");
        set.insert(Region(region_count));
        set.insert_from(Region(region_count));
        set.self_check();
        assert!(!set.get(Region(region_count)));
        assert_eq!(set.set_runs().collect::<Vec<_>>(), [run(0, region_count - 1)]);
        assert_eq!(set.unset_runs().next(), None);
        set.remove_from(Region(0));
        assert_eq!((set.count(), set), (0, RegionSet::new_empty(region_count)));
    }
}

#[test]
fn a_set_without_regions_is_whole() {
    let set = RegionSet::new_full(0);
    set.self_check();
    assert_eq!((set.len(), set.count(), set.is_empty()), (0, 0, true));
    assert_eq!((set.first_set_from(Region(0)), set.unset_runs().next()), (None, None));
}

#[test]
fn region_64_is_the_lowest_bit_of_the_second_word() {
    let mut set = RegionSet::new_empty(130);
    set.insert(Region(64));
    set.insert(Region(129));
    assert_eq!(set.words(), [0, 1, 2]);
}

#[test]
fn words_that_are_too_many_or_too_few_or_set_in_the_padding_do_no_harm() {
    let set = RegionSet::from_words(70, vec![u64::MAX; 5]);
    set.self_check();
    assert_eq!(set, RegionSet::new_full(70));
    let set = RegionSet::from_words(130, vec![1]);
    set.self_check();
    assert_eq!((set.count(), set.words().len()), (1, 3));
}

#[test]
fn runs_over_word_borders_are_one() {
    let mut set = RegionSet::new_empty(5000);
    for region in (60..4000).chain([4999]) {
        set.insert(Region(region));
    }
    assert_eq!(set.set_runs().collect::<Vec<_>>(), [run(60, 3999), run(4999, 4999)]);
    assert_eq!(set.unset_runs().collect::<Vec<_>>(), [run(0, 59), run(4000, 4998)]);
    assert_eq!(run(60, 3999).region_count(), 3940);
    assert_eq!(format!("{set:?}"), "RegionSet(5000: 60-3999 4999)");
}

#[test]
fn a_search_begins_at_its_region() {
    let mut set = RegionSet::new_empty(3000);
    set.insert(Region(5));
    set.insert(Region(2999));
    assert_eq!(set.first_set_from(Region(5)), Some(Region(5)));
    assert_eq!(set.first_set_from(Region(6)), Some(Region(2999)));
    assert_eq!(set.first_set_from(Region(3000)), None);
    assert_eq!(set.first_unset_from(Region(5)), Some(Region(6)));
    assert_eq!(set.first_unset_from(Region(2999)), None);
}

#[test]
#[should_panic(expected = "a log has at most 4294967295 regions, not 4294967296")]
fn one_region_more_than_the_kernel_takes_is_a_bug_of_the_caller() {
    let _ = RegionSet::new_empty(REGION_COUNT_MAX + 1);
}

#[test]
#[should_panic(expected = "bits beyond region 70 are zero")]
fn the_self_check_sees_a_padding_bit() {
    RegionSet { words: vec![0, 1 << 6], region_count: 70 }.self_check();
}
