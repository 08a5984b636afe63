//! The flight recorder: what it keeps is written when a rule is broken, when it is asked to, and at the end.

use std::path::{Path, PathBuf};

use dmlog_user::event::op::{FlushKind, LogOp};
use dmlog_user::trace::reader::Tail;

use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror, Other, REGION_SECTORS};
use crate::support::recorder::{FEW_HOOKS, Recorder, Trace, dmlog_top};
use crate::support::write::Direct;
use crate::support::{kernel_complaints, wait_for};

/// How long a write to the slow log device takes. dm-delay counts ticks, which a guest may get in a bunch: then it is some
/// milliseconds less.
const LOG_DELAY_MS: u64 = 100;
const RULE: &str = "flush.dirtied.max > 50ms";
/// What the rule calls slow.
const SLOW_NS: u64 = 50_000_000;

/// Writes at the begin of a region.
fn write(mirror: &Mirror, region: u64) {
    Direct::open(&mirror.path()).write(region * REGION_SECTORS);
}

/// Files in a folder whose names hold this.
fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.display().to_string().contains(part)).collect()
}

/// A file that was written whole, and the kernel agrees with the model.
fn whole(path: &Path) -> Trace {
    let trace = Trace::read(path);
    assert_eq!((trace.tail, trace.gaps().count()), (Tail::Clean, 0), "{}", path.display());
    assert!(trace.identities().count() > 0, "{}: which logs there are", path.display());
    let (code, said, complaint) = dmlog_top(&["verify", &path.display().to_string()]);
    assert_eq!(code, Some(0), "{}: {said}{complaint}", path.display());
    trace
}

/// Durations of the dirtied flushes that break the rule, in nanoseconds.
fn slow_flushes(trace: &Trace) -> Vec<u64> {
    let flushes = trace.log_ops().filter_map(|(_, op, event)| match op {
        LogOp::Flush { kind: Some(FlushKind::Dirtied), .. } => event.duration.map(|duration| duration.0),
        _ => None,
    });
    flushes.filter(|duration| *duration > SLOW_NS).collect()
}

#[test]
fn the_past_is_written_by_rule_by_signal_and_at_the_end() {
    let dir = std::env::temp_dir().join("flight");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("`{}`: {error}", dir.display()));
    let log = Other::create("slowlog", &format!("0 2048 delay /dev/ram2 0 0 /dev/ram2 0 {LOG_DELAY_MS}"));
    let slow = Mirror::create_with_log("slow", LogKind::Disk, 0, MIRROR_SECTORS, "/dev/mapper/slowlog");
    let quick = Mirror::create("quick", LogKind::Core, 3);
    for mirror in [&slow, &quick] {
        mirror.wait_in_sync();
    }
    let output = dir.join("past.dmlog");
    let mut recorder = Recorder::start(&output, &["--flight", "120s", "--trigger", RULE]);

    // A core log has no dirtied flushes; these fire nothing and are what led to it.
    (0..8).for_each(|region| write(&quick, region));
    recorder.signal("USR1");
    wait_for("the file of the signal", || recorder.said().contains("-signal.dmlog`: ").then_some(()));
    assert_eq!(files(&dir, "-rule"), Vec::<PathBuf>::new(), "{}", recorder.said());
    let [by_signal] = files(&dir, "-signal").try_into().unwrap_or_else(|files| panic!("{files:?}"));
    let trace = whole(&by_signal);
    assert_eq!((trace.marks().values().sum::<u64>(), slow_flushes(&trace)), (8, Vec::new()));

    write(&slow, 5);
    wait_for("the file of the rule", || recorder.said().contains("-rule.dmlog`: ").then_some(()));
    let said = recorder.said();
    let why = said.lines().find(|line| line.contains(RULE)).unwrap_or_else(|| panic!("{said}"));
    assert!(why.contains("slow: ") && why.contains(" ms"), "{why}");
    let [by_rule] = files(&dir, "-rule").try_into().unwrap_or_else(|files| panic!("{files:?}"));
    let trace = whole(&by_rule);
    let slowest = slow_flushes(&trace).into_iter().max();
    let slowest = slowest.unwrap_or_else(|| panic!("what broke the rule is not in its file: {said}"));
    let told = dmlog_user::export::number::duration(slowest);
    assert!(why.contains(&told), "{why}, but the slowest flush in its file took {told}");
    assert_eq!(trace.marks().values().sum::<u64>(), 9, "and what led to it");

    // Within the same stretch of time it is not written again.
    write(&slow, 9);
    recorder.signal("TERM");
    let (status, said) = recorder.wait();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(files(&dir, "-rule").len(), 1, "{said}");
    let trace = whole(&output);
    assert_eq!(trace.marks().values().sum::<u64>(), 10, "the end is in it: {said}");
    std::fs::remove_dir_all(&dir).unwrap_or_else(|error| panic!("`{}`: {error}", dir.display()));
    drop((quick, slow, log));
    assert_eq!(kernel_complaints(), Vec::<String>::new());
}

#[test]
fn what_is_older_than_the_window_is_not_written() {
    let mirror = Mirror::create("window", LogKind::Core, 1);
    mirror.wait_in_sync();
    let output = std::env::temp_dir().join("window.dmlog");
    let hooks = [&FEW_HOOKS[..], &["--hook", "core_status"]].concat();
    let mut recorder = Recorder::start(&output, &[&["--flight", "4s"], &hooks[..]].concat());
    write(&mirror, 1);
    // Longer than the window; the machine may be busy between the second write and the end of it.
    std::thread::sleep(std::time::Duration::from_secs(5));
    write(&mirror, 2);
    recorder.signal("INT");
    let (status, said) = recorder.wait();
    assert_eq!(status.code(), Some(0), "{said}");
    let trace = Trace::read(&output);
    assert_eq!(trace.marks().into_iter().collect::<Vec<_>>(), [(2, 1)], "{said}");
    assert!(trace.identities().count() > 0);
}

#[test]
fn what_is_no_flight_is_refused_before_anything_is_attached() {
    for (arguments, expected) in [
        (&["--flight", "60s", "--trigger", "flush.p98 > 1ms"][..], "column 1: expected"),
        (&["--trigger", "lost > 0"], "--flight"),
        (&["--flight", "60s", "--flight-memory", "1K"], "between 1M and 2048M"),
    ] {
        let all: Vec<&str> = ["record", "-o", "/tmp/none.dmlog"].iter().chain(arguments).copied().collect();
        let (code, _, complaint) = dmlog_top(&all);
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    }
    let (code, _, complaint) = dmlog_top(&["record", "-o", "-", "--flight", "60s"]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(!Path::new("/tmp/none.dmlog").exists());
}
