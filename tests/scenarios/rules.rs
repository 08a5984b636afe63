//! A model that follows a wrong rule is found out, by the case that is about that rule.

use std::path::Path;

use dmlog_user::session::model::rules::Rules;
use dmlog_user::session::{Session, Settings};

use crate::load;

/// The case that is about each rule.
const CASES: [(Rules, &str); 8] = [
    (Rules::SearchStartsOver, "model_search_is_one_pass"),
    (Rules::ClearWorksAfterFailedFlush, "model_clear_after_failed_flush"),
    (Rules::RecoveringDoesNotTouch, "model_recovering_bits_touch"),
    (Rules::SyncCountOfChanges, "model_sync_count_is_not_the_bits"),
    (Rules::MarkLosesSync, "model_dirty_is_not_out_of_sync"),
    (Rules::CoreResumeLosesSync, "model_core_resume_keeps_bits"),
    (Rules::ClearDoesNotTouch, "model_clears_are_flushed"),
    (Rules::EveryWriteMarks, "model_one_mark_until_clean"),
];

/// Divergences of a case and comparisons in it, under these rules.
fn divergences(case: &str, rules: Rules) -> (u64, u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases");
    let scenario = load(&folder.join(case).with_extension("scn"));
    let facts = Some(&scenario.facts);
    let mut session = Session::new(facts, Settings::default()).with_rules(facts, rules);
    for item in &scenario.items {
        session.apply(item);
    }
    let model = session.snapshot(1).model.unwrap_or_else(|| panic!("there are models"));
    (model.divergences, model.compared)
}

#[test]
fn each_wrong_rule_is_found_by_its_case_and_the_kernels_by_none() {
    assert_eq!(CASES.map(|(rules, _)| rules), Rules::WRONG, "each has its case");
    for (rules, case) in CASES {
        let (wrong, _) = divergences(case, rules);
        let (right, compared) = divergences(case, Rules::Kernel);
        println!("{case}: {compared} comparisons; {wrong} divergences with {rules:?}");
        assert!(wrong > 0, "{case} does not find {rules:?}");
        assert_eq!(right, 0, "{case}");
        assert!(compared >= 10, "{case}: {compared} comparisons");
    }
}

#[test]
fn one_wrong_rule_does_not_make_a_flood() {
    let (wrong, compared) = divergences("model_search_is_one_pass", Rules::SearchStartsOver);
    assert!(wrong * 10 <= compared, "{wrong} divergences in {compared} comparisons: the model goes on from the kernel");
}
