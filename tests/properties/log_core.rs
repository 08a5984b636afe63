//! The core type and the functions that both types share, against the oracle; region sets against `Vec<bool>`.

use dmlog_user::event::ids::Region;
use dmlog_user::log::arguments::{CoreArguments, SyncOption};
use dmlog_user::log::core_log::CoreLog;
use dmlog_user::log::dirty_log::DirtyLog;
use dmlog_user::log::geometry::LogGeometry;
use dmlog_user::log::region_set::{REGION_COUNT_MAX, RegionRange, RegionSet};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert_eq, prop_oneof};

use crate::oracle::{LogStep, Oracle, region_count, step, sync_option};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn core_log(region_count: usize, sync_option: SyncOption) -> CoreLog {
    let geometry = LogGeometry::new(region_count as u64 * 2, 2).unwrap();
    CoreLog::new(&CoreArguments { geometry, sync_option })
}

#[test]
fn a_core_log_is_the_oracle_after_every_step() {
    let strategy = (region_count(), sync_option(), vec(step(), 0..60));
    runner(400)
        .run(&strategy, |(region_count, sync_option, steps)| {
            let mut oracle = Oracle::new(region_count, sync_option);
            let mut log = core_log(region_count, sync_option);
            oracle.check(log.bits());
            for step in steps {
                apply(&step, &mut oracle, &mut log);
                oracle.check(log.bits());
            }
            Ok(())
        })
        .unwrap();
}

fn apply(step: &LogStep, oracle: &mut Oracle, log: &mut CoreLog) {
    let number = |region: usize| region % oracle.state.len();
    match *step {
        LogStep::Mark(region) => {
            let region = number(region);
            oracle.mark_region(region);
            log.mark_region(Region(region as u64));
        }
        LogStep::Clear(region) => {
            let region = number(region);
            oracle.clear_region(region);
            log.clear_region(Region(region as u64));
        }
        LogStep::GetResyncWork => {
            let expected = oracle.get_resync_work().map(|region| Region(region as u64));
            assert_eq!(log.get_resync_work().unwrap(), expected);
        }
        LogStep::SetRegionSync(region, in_sync) => {
            let region = number(region);
            oracle.set_region_sync(region, in_sync);
            log.set_region_sync(Region(region as u64), in_sync);
        }
        LogStep::Resume => {
            oracle.core_resume();
            log.resume().unwrap();
        }
        LogStep::Suspend => {
            log.presuspend().unwrap();
            log.postsuspend().unwrap();
        }
        LogStep::Flush => log.flush().unwrap(),
    }
}

#[test]
fn recovery_to_the_end_hands_out_every_region_once_and_counts_them_all() {
    runner(100)
        .run(&region_count(), |region_count| {
            let mut log = core_log(region_count, SyncOption::Default);
            let mut handed_out = 0;
            while let Some(region) = log.get_resync_work().unwrap() {
                prop_assert_eq!(region, Region(handed_out));
                log.set_region_sync(region, true);
                handed_out += 1;
            }
            prop_assert_eq!(handed_out, region_count as u64);
            prop_assert_eq!(log.get_sync_count(), handed_out);
            Ok(())
        })
        .unwrap();
}

/// What is done to a set of regions.
#[derive(Clone, Debug)]
enum SetStep {
    Insert(usize),
    Remove(usize),
    InsertFrom(usize),
    RemoveFrom(usize),
}

fn set_step() -> impl Strategy<Value = SetStep> {
    // Up to beyond the end, where nothing may happen.
    let region = || prop_oneof![Just(0), 0..2200_usize];
    prop_oneof![
        8 => region().prop_map(SetStep::Insert),
        8 => region().prop_map(SetStep::Remove),
        1 => region().prop_map(SetStep::InsertFrom),
        1 => region().prop_map(SetStep::RemoveFrom),
    ]
}

#[test]
fn a_region_set_is_a_list_of_booleans() {
    let start = (region_count(), vec(any::<u64>(), 0..40), 0..4_u8);
    runner(400)
        .run(&(start, vec(set_step(), 0..40)), |((region_count, mut words, kind), steps)| {
            // Random words alone have no long runs.
            match kind {
                0 => words.fill(0),
                1 => words.fill(u64::MAX),
                _ => {}
            }
            let bit = |region: usize| words.get(region / 64).is_some_and(|word| word >> (region % 64) & 1 == 1);
            let mut plain: Vec<bool> = (0..region_count).map(bit).collect();
            let mut set = RegionSet::from_words(region_count as u64, words);
            same(&set, &plain);
            for step in steps {
                let (first, last, value) = match step {
                    SetStep::Insert(region) => (region, region + 1, true),
                    SetStep::Remove(region) => (region, region + 1, false),
                    SetStep::InsertFrom(region) => (region, region_count, true),
                    SetStep::RemoveFrom(region) => (region, region_count, false),
                };
                for place in plain.iter_mut().take(last).skip(first) {
                    *place = value;
                }
                let region = Region(first as u64);
                match step {
                    SetStep::Insert(_) => set.insert(region),
                    SetStep::Remove(_) => set.remove(region),
                    SetStep::InsertFrom(_) => set.insert_from(region),
                    SetStep::RemoveFrom(_) => set.remove_from(region),
                }
                same(&set, &plain);
            }
            Ok(())
        })
        .unwrap();
}

/// The set holds exactly these regions, whichever way it is asked.
fn same(set: &RegionSet, plain: &[bool]) {
    set.self_check();
    assert_eq!(set.len(), plain.len() as u64);
    assert_eq!(set.count(), plain.iter().filter(|is_in| **is_in).count() as u64);
    for (number, is_in) in plain.iter().enumerate() {
        assert_eq!(set.get(Region(number as u64)), *is_in, "region {number}");
    }
    let first_from = |from: usize, wanted: bool| {
        (from..plain.len()).find(|number| plain[*number] == wanted).map(|number| Region(number as u64))
    };
    for from in (0..plain.len() + 2).step_by(1 + plain.len() / 50) {
        let region = Region(from as u64);
        assert_eq!(
            (set.first_set_from(region), set.first_unset_from(region)),
            (first_from(from, true), first_from(from, false))
        );
    }
    assert_eq!(set.set_runs().collect::<Vec<_>>(), runs(plain, true));
    assert_eq!(set.unset_runs().collect::<Vec<_>>(), runs(plain, false));
    assert_eq!(RegionSet::from_words(set.len(), set.words().to_vec()), *set);
}

fn runs(plain: &[bool], wanted: bool) -> Vec<RegionRange> {
    let mut runs: Vec<RegionRange> = Vec::new();
    for (number, _) in plain.iter().enumerate().filter(|(_, is_in)| **is_in == wanted) {
        let region = Region(number as u64);
        match runs.last_mut() {
            Some(run) if run.last.0 + 1 == region.0 => run.last = region,
            _ => runs.push(RegionRange { first: region, last: region }),
        }
    }
    runs
}

#[test]
fn the_kernels_largest_log_works() {
    let mut set = RegionSet::new_full(REGION_COUNT_MAX);
    let last = Region(REGION_COUNT_MAX - 1);
    set.remove(Region(1 << 31));
    set.remove(last);
    set.self_check();
    assert_eq!(set.count(), REGION_COUNT_MAX - 2);
    let single = |region| RegionRange { first: region, last: region };
    assert_eq!(set.unset_runs().collect::<Vec<_>>(), [single(Region(1 << 31)), single(last)]);
    assert_eq!(set.first_set_from(last), None);
}

#[test]
fn a_search_beyond_2_to_the_31_regions_ends_there_and_a_full_largest_log_begins_anew() {
    // Of the three sets only `in_sync` is looked at; it is full up to the sign of an int.
    let mut bits = dmlog_user::log::bits::LogBits::new(REGION_COUNT_MAX, SyncOption::Nosync);
    bits.in_sync.remove(Region((1 << 31) - 1));
    bits.in_sync.remove(Region(1 << 31));
    assert_eq!(bits.get_resync_work(), Some(Region((1 << 31) - 1)));
    // The search is now at INT_MIN, which as an unsigned long lies beyond every log, and what it is set to then is
    // region_count + 1, which as an int is 0.
    assert_eq!(bits.get_resync_work(), None);
    assert_eq!(bits.sync_search, 0);
}
