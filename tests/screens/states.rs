//! States that no committed trace is in: nothing, a hundred mirrors, what failed, what is missing, what diverges.

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;

use crate::stage::Stage;

fn check(mut stage: Stage, name: &str, keys: &str) {
    stage.settle();
    stage.press(keys);
    insta::assert_snapshot!(name.to_owned(), stage.at_all_sizes());
}

#[test]
fn nothing_at_all() {
    check(Stage::of_items("empty.dmlog", &CaptureFacts::default(), &[]), "state_empty", "");
}

#[test]
fn no_screen_of_nothing_panics() {
    let mut stage = Stage::of_items("empty.dmlog", &CaptureFacts::default(), &[]);
    for keys in
        ["1", "2", "3", "4", "5", "6", "7", "8", "jkgG<Enter>", "2+-m<Enter>", "[]{}<> ", "<Home><End>", "s", "d"]
    {
        stage.press(keys);
    }
    assert!(stage.text().contains("computed") || !stage.text().is_empty());
}

/// A hundred mirrors, the last one hottest; every tenth has a failed leg.
fn hundred() -> Vec<Item> {
    let mut lines = Vec::new();
    for n in 1..=100_u32 {
        lines.push(format!(
            "1.000000000 cpu=0 tid=1 log={n} identity device=\"254:{n}\" name=\"vg/lv{n:03}\" log_type=\"core\" \
             region_size_sectors=1024 region_count=128 sync_count={} sync_option=0 target_sectors=131072 target_begin=0 \
             legs=2 flush_failed=0 log_device_failed=0",
            if n % 3 == 0 { 64 } else { 128 }
        ));
    }
    for n in 1..=100_u32 {
        for mark in 0..n {
            let time = 1_000_000 + n * 1000 + mark;
            lines.push(format!(
                "{}.{:06}000 cpu=0 tid=1 log={n} impl=core mark_region region={} duration_ns=900",
                time / 1_000_000,
                time % 1_000_000,
                mark
            ));
        }
        if n % 10 == 0 {
            lines.push(format!("1.900000000 cpu=0 tid=1 log={n} fail_mirror leg=1 error_type=0"));
        }
    }
    lines.iter().map(|line| parse(line).unwrap()).collect()
}

#[test]
fn a_hundred_mirrors() {
    check(Stage::of_items("many.dmlog", &CaptureFacts::default(), &hundred()), "state_hundred_mirrors", "jjj");
}

#[test]
fn a_hundred_mirrors_filtered_and_sorted() {
    let stage = Stage::of_items("many.dmlog", &CaptureFacts::default(), &hundred());
    check(stage, "state_hundred_mirrors_filtered", "/leg 1<Enter>s");
}

#[test]
fn recovery_of_a_hundred_mirrors_begins_with_those_out_of_sync() {
    check(Stage::of_items("many.dmlog", &CaptureFacts::default(), &hundred()), "state_hundred_recovery", "5");
}

#[test]
fn a_leg_failed() {
    check(Stage::of_case("failing_leg.scn"), "state_failed_leg", "");
}

#[test]
fn writes_of_a_failed_leg() {
    check(Stage::of_case("failing_leg.scn"), "state_failed_leg_writes", "4");
}

#[test]
fn events_of_a_failed_leg() {
    check(Stage::of_case("failing_leg.scn"), "state_failed_leg_events", "7");
}

#[test]
fn the_log_failed() {
    check(Stage::of_case("model_clear_after_failed_flush.scn"), "state_failed_log", "");
}

#[test]
fn the_mirror_that_is_marked_is_what_the_other_screens_are_about() {
    let mut stage = Stage::of_items("many.dmlog", &CaptureFacts::default(), &hundred());
    stage.resize((120, 40));
    // The hottest, before anybody chooses.
    stage.settle();
    stage.press("2");
    assert!(stage.text().contains("vg/lv100 (100 of 100)"), "{}", stage.text());
    stage.press("1j");
    let marked = stage.text();
    assert!(marked.lines().any(|line| line.trim_end() == "vg/lv099"), "told beneath the table:\n{marked}");
    // It stays marked where another order puts it.
    stage.press("sS");
    stage.press("4");
    assert!(stage.text().contains("vg/lv099 (99 of 100)"), "{}", stage.text());
}

#[test]
fn events_are_missing() {
    check(Stage::of_case("losses_and_coverage.scn"), "state_lossy", "");
}

#[test]
fn kernel_and_model_diverge() {
    check(Stage::of_case("model_divergence.scn"), "state_divergent", "");
    check(Stage::of_case("model_divergence.scn"), "state_divergent_events", "7");
}

#[test]
fn a_userspace_log() {
    check(Stage::of_case("userspace_log.scn"), "state_userspace_log", "6");
}

#[test]
fn recovery_under_way() {
    check(Stage::of_case("recovery.scn"), "state_recovery", "5");
}
