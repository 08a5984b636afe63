//! What-ifs of random work on a simulated mirror: the recorded settings give what was recorded, whatever races there were,
//! and other region sizes give what a mirror of that size does.

use dmlog_user::analysis::whatif::WhatIf;
use dmlog_user::analysis::whatif::result::{Activity, Note, WhatIfResult};
use dmlog_user::analysis::whatif::settings::Settings;
use dmlog_user::event::ids::LogId;
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, Op};
use dmlog_user::log::dirty_log::LogType;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

use crate::items::item;
use crate::kernel::{Act, Kernel, Make, Truth};

const TARGET_SECTORS: u64 = 1000;
const RECORDED: u64 = 16;

fn act() -> impl Strategy<Value = Act> {
    // A few places are written again and again.
    let sector = prop_oneof![0..48_u64, 0..TARGET_SECTORS];
    prop_oneof![
        6 => (sector, 1..=RECORDED).prop_map(|(sector, sectors)| {
            // Device-mapper has split it at the recorded size.
            Act::Write { sector, sectors: sectors.min(RECORDED - sector % RECORDED) }
        }),
        5 => any::<usize>().prop_map(Act::End),
        4 => Just(Act::Pass),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 0..200)
}

/// Recovery and failing legs too.
fn hard_acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        20 => act(),
        1 => any::<usize>().prop_map(Act::Fail),
        4 => (0..8_u8).prop_map(|n| Act::Copied { success: n > 0 }),
    ];
    vec(act, 0..300)
}

fn run(make: Make, acts: &[Act]) -> (Vec<Item>, Truth) {
    let mut kernel = Kernel::new(make);
    for act in acts {
        kernel.act(*act);
    }
    kernel.finish()
}

fn whatif(items: &[Item], sizes: &[u64]) -> WhatIfResult {
    let mut whatif = WhatIf::new(None, Settings::new(sizes, &[LogType::Disk]).unwrap());
    for item in items {
        whatif.apply(item);
    }
    whatif.result()
}

fn of_size(result: &WhatIfResult, sectors: u64) -> Activity {
    let row = result.targets[0].rows.iter().find(|row| row.region_size_bytes == sectors * 512);
    row.unwrap().activity.unwrap()
}

fn counts(activity: &Activity) -> [u64; 5] {
    let Activity { marks, clears, dirtied_flushes, cleaned_only_flushes, no_op_flushes, .. } = *activity;
    [marks, clears, dirtied_flushes, cleaned_only_flushes, no_op_flushes]
}

fn true_counts(truth: &Truth) -> [u64; 5] {
    [truth.marks, truth.clears, truth.dirtied, truth.cleaned_only, truth.no_op]
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn make(seed: u64) -> Make {
    Make { target_sectors: TARGET_SECTORS, region_size: RECORDED, in_sync: true, races: false, seed }
}

#[test]
fn the_recorded_settings_give_what_was_recorded() {
    let strategy = (hard_acts(), any::<bool>(), any::<bool>(), any::<u64>());
    let check = |(acts, in_sync, races, seed): (Vec<Act>, bool, bool, u64)| {
        let (items, truth) = run(Make { in_sync, races, ..make(seed) }, &acts);
        let result = whatif(&items, &[RECORDED]);
        let activity = of_size(&result, RECORDED);
        prop_assert_eq!(counts(&activity), true_counts(&truth));
        prop_assert_eq!(activity.resync_regions_max, Some(truth.resync_max));
        prop_assert!(result.targets[0].notes.iter().all(|note| *note == Note::NoWrites));
        Ok(())
    };
    runner(500).run(&strategy, check).unwrap();
}

#[test]
fn other_sizes_give_what_a_mirror_of_that_size_does() {
    let check = |(acts, seed): (Vec<Act>, u64)| {
        let (items, _) = run(make(seed), &acts);
        let sizes = [2, 4, 8, 16, 32, 64, 128, 512];
        let result = whatif(&items, &sizes);
        for size in sizes {
            let (_, truth) = run(Make { region_size: size, ..make(seed) }, &acts);
            let activity = of_size(&result, size);
            prop_assert_eq!(counts(&activity), true_counts(&truth), "{} sectors", size);
            prop_assert_eq!(activity.resync_regions_max, Some(truth.resync_max), "{} sectors", size);
        }
        Ok(())
    };
    runner(100).run(&(acts(), any::<u64>()), check).unwrap();
}

/// A capture that begins when the mirror has been at work for a while.
#[test]
fn what_was_before_the_capture_shows_in_what_comes_after() {
    let strategy = (acts(), 0..300_usize, any::<bool>(), any::<u64>());
    let check = |(acts, cut, races, seed): (Vec<Act>, usize, bool, u64)| {
        let (items, _) = run(Make { races, ..make(seed) }, &acts);
        let is_identity = |item: &&Item| matches!(item, Item::Event(Event { op: Op::Identity(_), .. }));
        let mut seen = vec![items.iter().rfind(is_identity).unwrap().clone()];
        seen.extend(items.iter().skip(4 + cut).cloned());
        let result = whatif(&seen, &[RECORDED]);
        let recorded = result.targets[0].recorded;
        let [marks, clears, ..] = counts(&of_size(&result, RECORDED));
        prop_assert_eq!([marks, clears], [recorded.marks, recorded.clears]);
        Ok(())
    };
    runner(200).run(&strategy, check).unwrap();
}

/// Events that are lost, doubled or out of order: nothing panics, and asking does not change the answer.
#[test]
fn damaged_streams_have_a_result() {
    type Case = (Vec<Act>, Vec<(usize, usize)>, Vec<Item>, u64);
    let damage = vec((any::<usize>(), any::<usize>()), 0..20);
    let strategy = (hard_acts(), damage, vec(item(), 0..20), any::<u64>());
    let check = |(acts, damage, foreign, seed): Case| {
        let (mut items, _) = run(Make { in_sync: seed % 2 == 0, ..make(seed) }, &acts);
        for (from, to) in damage {
            let (from, to) = (from % items.len(), to % items.len());
            match seed % 3 {
                0 => items.swap(from, to),
                1 => items[from] = items[to].clone(),
                // The identity stays, or nothing is left to replay.
                _ if items.len() > 1 => {
                    items.remove(from.max(1));
                }
                _ => {}
            }
        }
        for (number, mut item) in foreign.into_iter().enumerate() {
            if let Item::Event(event) = &mut item {
                event.log = LogId(event.log.0 % 3);
            }
            items.insert((number * 7) % items.len(), item);
        }
        let mut whatif = WhatIf::new(None, Settings::default());
        for item in &items {
            whatif.apply(item);
        }
        let result = whatif.result();
        prop_assert_eq!(&result, &whatif.result());
        for target in &result.targets {
            prop_assert_eq!(target.rows.iter().filter(|row| row.is_recorded).count(), 1);
        }
        Ok(())
    };
    runner(200).run(&strategy, check).unwrap();
}
