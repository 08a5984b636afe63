//! Every screen of two traces of real kernels, at four sizes, and its styles at one.

use crate::stage::{Stage, styles};

fn check(trace: &str, name: &str, keys: &str) {
    let mut stage = Stage::of_trace(trace);
    stage.settle();
    stage.press(keys);
    insta::assert_snapshot!(format!("{name}"), stage.at_all_sizes());
    stage.resize((80, 24));
    insta::assert_snapshot!(format!("{name}_styles"), styles(&stage.settle()));
}

#[test]
fn disk_log_mirrors() {
    check("disk-6.12.dmlog", "disk_mirrors", "1");
}

#[test]
fn disk_log_regions() {
    check("disk-6.12.dmlog", "disk_regions", "2<Right><Right>");
}

#[test]
fn disk_log_regions_that_are_dirty_in_the_middle() {
    check("disk-6.12.dmlog", "disk_regions_dirty", "t1.301155s<Enter>2mmm");
}

#[test]
fn disk_log_flushes() {
    check("disk-6.12.dmlog", "disk_flushes", "3");
}

#[test]
fn one_slow_flush() {
    check("disk-6.12.dmlog", "disk_flush", "3jjjjj<Enter>");
}

#[test]
fn a_slow_flush_of_the_legs() {
    check("disk-6.12.dmlog", "disk_flush_of_legs", "3<Enter>");
}

#[test]
fn cleaned_only_flushes_over_time() {
    check("disk-6.12.dmlog", "disk_flushes_cleaned", "3m");
}

#[test]
fn disk_log_writes() {
    check("disk-6.12.dmlog", "disk_writes", "4");
}

#[test]
fn disk_log_recovery_in_the_middle() {
    check("disk-6.12.dmlog", "disk_recovery", "t400ms<Enter>5");
}

#[test]
fn disk_log_events() {
    check("disk-6.12.dmlog", "disk_events", "7kkk");
}

#[test]
fn disk_log_what_if() {
    check("disk-6.12.dmlog", "disk_what_if", "8");
}

#[test]
fn help() {
    check("disk-6.12.dmlog", "help", "2?");
}

#[test]
fn core_log_mirrors_of_the_oldest_kernel() {
    check("core-5.10.dmlog", "core_mirrors", "1");
}

#[test]
fn core_log_flushes_of_the_newest_kernel() {
    check("core-7.3.dmlog", "core_flushes", "3");
}
