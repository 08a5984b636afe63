//! The model never accuses the kernel falsely: mirrors that interleave at random, fail, are suspended and reloaded, under
//! captures that begin late, lose events and end in the middle, have no divergence. And it does find a wrong rule.

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::log::arguments::SyncOption;
use dmlog_user::session::difference::ModelSummary;
use dmlog_user::session::model::rules::Rules;
use dmlog_user::session::{Session, Settings};

use crate::simulation::kernel::{Setup, run};

fn fold(facts: &CaptureFacts, items: &[Item], rules: Rules) -> ModelSummary {
    let mut session = Session::new(Some(facts), Settings::default()).with_rules(Some(facts), rules);
    for item in items {
        session.apply(item);
    }
    session.snapshot(1).model.unwrap()
}

/// Every combination of what a mirror and a capture can be, many times over.
fn setups(rounds: u64) -> impl Iterator<Item = Setup> {
    let options = [SyncOption::Default, SyncOption::Nosync, SyncOption::Force];
    (0..rounds).flat_map(move |seed| {
        (0..48_u64).map(move |kind| Setup {
            seed: seed * 48 + kind + 1,
            regions: [1, 3, 5, 33, 64, 70][usize::try_from(seed % 6).unwrap()],
            option: options[usize::try_from(kind % 3).unwrap()],
            is_disk: kind / 3 % 2 == 0,
            failures: [0, 40][usize::try_from(kind / 6 % 2).unwrap()],
            errors_handled: kind / 12 % 2 == 0,
            losses: kind / 24 % 2 == 1,
            attach_after: [0, 700][usize::try_from(seed % 2).unwrap()],
            steps: 12_000,
        })
    })
}

#[test]
fn no_mirror_has_a_divergence() {
    let (mut compared, mut left_out, mut unsettled, mut lossless) = (0, 0, 0, 0);
    for setup in setups(8) {
        let (facts, items, lost) = run(setup);
        let model = fold(&facts, &items, Rules::Kernel);
        assert_eq!(model.divergences, 0, "{setup:?}: {:#?}", model.differences);
        let reasons = model.differences.iter().filter(|found| found.reason == "loss").count();
        assert!(lost > 0 || reasons == 0, "{setup:?}: {:#?}", model.differences);
        compared += model.compared;
        left_out += model.unknown + model.concurrent;
        unsettled += model.unsettled;
        lossless += u64::from(lost == 0);
    }
    println!("{compared} compared, {left_out} left out, {unsettled} unsettled; {lossless} mirrors without a loss");
    assert!(compared > 300_000 && lossless > 150, "{compared} comparisons, {lossless} mirrors");
    assert!(left_out * 5 < compared, "{left_out} of {compared} are left out");
}

#[test]
fn a_wrong_rule_is_found() {
    for rules in Rules::WRONG {
        let (mut found, mut all) = (0, 0);
        for setup in setups(6).filter(|setup| !setup.losses) {
            let (facts, items, _) = run(setup);
            found += u32::from(fold(&facts, &items, rules).divergences > 0);
            all += 1;
        }
        println!("{rules:?}: found in {found} of {all} mirrors");
        // A mirror never sets a region in sync that is, so that this rule cannot show.
        assert_eq!(found > 0, rules != Rules::SyncCountOfChanges, "{rules:?}: found in {found} of {all} mirrors");
    }
}
