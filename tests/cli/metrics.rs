//! `export --to hlog|hgrm|openmetrics` from outside: what is chosen, where it goes, and what is refused.

use std::fs;
use std::path::Path;

use dmlog_user::event::text::parse::parse;
use dmlog_user::trace::writer::TraceWriter;

use crate::program::{Run, file, items, run, run_with_stdin, trace};
use crate::workload::facts;

fn export(name: &str, format: &str, arguments: &[&str]) -> Run {
    let path = file(name, &trace(true));
    run(["export", path.to_str().unwrap(), "--to", format].iter().chain(arguments))
}

fn tags(run: &Run) -> Vec<&str> {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let mut tags: Vec<&str> =
        run.stdout.lines().filter_map(|line| line.strip_prefix("Tag=")?.split(',').next()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

#[test]
fn a_log_has_a_tag_for_each_device_operation_and_kind() {
    let all = export("hlog-all.dmlog", "hlog", &["-o", "-"]);
    let all = tags(&all);
    for tag in ["vg/lv:mark_region", "vg/lv:flush:dirtied", "vg/lv:flush:no_op"] {
        assert!(all.contains(&tag), "{tag} in {all:?}");
    }
    // The log had no name at first; that is not another device.
    assert!(!all.iter().any(|tag| tag.starts_with("254")), "{all:?}");
    let one = export("hlog-one.dmlog", "hlog", &["-o", "-", "-d", "vg/lv"]);
    assert!(tags(&one).iter().all(|tag| tag.starts_with("vg/lv:")), "{one:?}");
    let none = export("hlog-none.dmlog", "hlog", &["-o", "-", "--since", "60m"]);
    assert_eq!(tags(&none), [] as [&str; 0]);
    assert!(none.stdout.starts_with("#[Histogram log format version 1.3]\n"));
    // On stdin there is only one reading.
    let piped = run_with_stdin(&["export", "-", "--to", "hlog", "-o", "-"], &trace(false));
    assert!(piped.code == Some(0) && piped.stdout.contains("Tag=vg/lv:mark_region,"), "{piped:?}");
    assert!(all_lost(&piped.stdout).contains("20 events"), "{}", piped.stdout);
}

fn all_lost(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# lost in all: ")).unwrap_or_default()
}

/// A mirror that is created has no name at first.
#[test]
fn a_tag_has_the_name_that_comes_seconds_later() {
    let identity = |time: u64, name: &str| {
        format!(
            "{time}.000000000 cpu=0 tid=1 log=1 identity device=\"254:3\" name=\"{name}\" log_type=\"core\" flush_failed=0 log_device_failed=0"
        )
    };
    let mark = |time: u64| format!("{time}.500000000 cpu=0 tid=1 log=1 impl=core mark_region region=1 duration_ns=700");
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts()).unwrap();
    for line in
        [identity(6_000, ""), mark(6_000), mark(6_002), identity(6_005, "vg/lv"), mark(6_006), identity(6_007, "")]
    {
        writer.push(&parse(&line).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let path = file("hlog-named-later.dmlog", &bytes);
    let read = run([Path::new("export"), &path, "--to".as_ref(), "hlog".as_ref(), "-o".as_ref(), "-".as_ref()]);
    assert_eq!(tags(&read), ["vg/lv:mark_region"]);
    assert_eq!(read.stdout.matches("\nTag=").count(), 3, "{}", read.stdout);
    // What comes through a pipe is read once.
    let piped = run_with_stdin(&["export", "-", "--to", "hlog", "-o", "-"], &bytes);
    assert_eq!(tags(&piped), ["254%3A3:mark_region", "vg/lv:mark_region"]);
}

#[test]
fn distributions_are_files_of_a_folder() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hgrm/below");
    let _ = fs::remove_dir_all(&folder);
    let out = folder.to_str().unwrap();
    for _ in 0..2 {
        let done = export("hgrm.dmlog", "hgrm", &["-o", out]);
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
    }
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.contains(&"vg%2Flv.flush.dirtied.hgrm".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| Path::new(name).extension() == Some("hgrm".as_ref())), "{names:?}");
    let text = fs::read_to_string(folder.join("vg%2Flv.mark_region.hgrm")).unwrap();
    assert!(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"), "{text}");

    let printed = export("hgrm.dmlog", "hgrm", &["-o", "-"]);
    assert_eq!(printed.stdout.matches("#[Tag     = ").count(), names.len());
    let taken = file("hgrm-taken", b"");
    let refused = export("hgrm.dmlog", "hgrm", &["-o", taken.to_str().unwrap()]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.stderr.starts_with("dmlog-top: cannot write `"), "{}", refused.stderr);
}

#[test]
fn metrics_are_of_the_devices_and_the_time_that_were_asked_for() {
    let all = export("metrics.dmlog", "openmetrics", &["-o", "-"]);
    assert_eq!((all.code, all.stderr.as_str()), (Some(0), ""));
    let text = &all.stdout;
    assert!(
        text.ends_with("\n# EOF\n") && text.contains("device=\"vg/lv\"") && text.contains("odd \\\\u{1b}[2J\\\"name")
    );
    assert!(text.contains("dmlog_lost_events_total{cause=\"ring_full\"} 20 ") && !text.contains("dmlog_top_region"));
    assert!(!text.contains("dmlog_http"), "nobody serves");
    let again = export("metrics.dmlog", "openmetrics", &["-o", "-"]);
    assert_eq!(text, &again.stdout, "the same trace, the same bytes");

    let one = export("metrics.dmlog", "openmetrics", &["-o", "-", "-d", "254:9", "--top-regions", "1"]);
    let devices = |prefix: &str| one.stdout.lines().filter(|line| line.starts_with(prefix)).count();
    assert_eq!((devices("dmlog_device_info{"), devices("dmlog_top_region_marks_total{")), (1, 1), "{}", one.stdout);
    assert!(!one.stdout.contains("vg/lv"));
    // What was timed was timed on the first mirror.
    let spread = |text: &str| text.matches("dmlog_operation_duration_seconds_count{device=\"vg/lv\"").count();
    assert_eq!(one.stdout.matches("dmlog_operation_duration_seconds_count").count(), 0);
    let first = export("metrics.dmlog", "openmetrics", &["-o", "-", "-d", "/dev/vg/lv"]);
    assert_eq!(spread(&first.stdout), spread(text));
    assert!(spread(text) > 0, "{text}");

    let events = items().iter().filter(|item| matches!(item, dmlog_user::event::item::Item::Event(_))).count();
    assert!(text.contains(&format!("dmlog_events_total {events} ")), "{text}");
    let none = export("metrics.dmlog", "openmetrics", &["-o", "-", "--since", "60m"]);
    assert!(none.stdout.contains("dmlog_events_total 0 "), "{}", none.stdout);
    let piped = run_with_stdin(&["export", "-", "--to", "openmetrics", "-o", "-", "-d", "vg/lv"], &trace(true));
    assert!(piped.code == Some(0) && piped.stdout.contains("device=\"vg/lv\""), "{piped:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let unknown = export("metrics-no.dmlog", "openmetrics", &["-o", "-", "-d", "nobody"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("has no device \"nobody\"; there are \"vg/lv\" (254:3)"), "{}", unknown.stderr);
    let other = export("metrics-no.dmlog", "hlog", &["-o", "-", "--top-regions", "3"]);
    assert_eq!((other.code, other.stdout.as_str()), (Some(2), ""));
    for number in ["0", "101", "x"] {
        let bad = export("metrics-no.dmlog", "openmetrics", &["-o", "-", "--top-regions", number]);
        assert_eq!(bad.code, Some(2), "{number}");
        assert!(bad.stderr.contains("expected a number from 1 to 100"), "{}", bad.stderr);
    }
}
