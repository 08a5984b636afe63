//! What a family must be, and what becomes of names that nobody should have.

use std::collections::BTreeSet;

use super::families::{FAMILIES, Family, Kind};
use super::{DEVICES_MAX, Dialect, Exposition, LABEL_BYTES_MAX, Serving, render};
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::text::parse::parse;
use crate::event::text::quote::quote;
use crate::export::{Report, TraceEnd};
use crate::session::{Session, Settings};

fn rendered(lines: &[String], dialect: Dialect, at_ns: Option<u64>) -> String {
    let clock = ClockPair { monotonic_ns: 1_000_000_000, realtime_ns: 1_700_000_000_250_000_000 };
    let facts = CaptureFacts { host: "a\"b\\c\nd".to_owned(), clock, ..CaptureFacts::default() };
    let mut session = Session::new(Some(&facts), Settings::default());
    for line in lines {
        session.apply(&parse(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    }
    let snapshot = session.snapshot(10);
    let end = TraceEnd::Torn { bytes: 9 };
    let report = Report { source: "x", facts: &facts, snapshot: &snapshot, end };
    let distributions = session.distributions();
    let serving = Serving { requests: vec![(200, 3), (400, 1)], refused: 2, timed_out: 4, ring_lost: 5 };
    let (report, serving) = (&report, Some(&serving));
    let exposition = Exposition { report, distributions: &distributions, regions: 10, at_ns, serving };
    render(&exposition, dialect)
}

fn identity(log: u64, number: u64, name: &str) -> String {
    format!(
        "1.000000000 cpu=0 tid=1 log={log} identity device=\"254:{number}\" name={} log_type=\"disk\" flush_failed=0 log_device_failed=0",
        quote(name)
    )
}

fn mark(log: u64, region: u64) -> String {
    format!("2.000000000 cpu=0 tid=1 log={log} impl=disk mark_region region={region} duration_ns=1500")
}

/// Something of every family.
fn everything() -> Vec<String> {
    let lines = [
        "1.000000000 cpu=0 tid=1 log=1 identity device=\"254:3\" name=\"vg/lv\" log_type=\"disk\" log_device=\"254:9\" \
         region_size_sectors=1024 region_count=64 target_begin=0 target_sectors=65536 legs=2 sync_count=32 \
         flush_failed=1 log_device_failed=0",
        "1.100000000 cpu=0 tid=1 log=1 impl=core get_resync_work region=40 result=1 duration_ns=300",
        "1.100000001 cpu=0 tid=1 log=1 recover region=40",
        "1.200000000 cpu=0 tid=1 log=1 recovery_complete region=40 took_ns=99000000 read_error=0 write_error=0x0",
        "1.200000001 cpu=0 tid=1 log=1 rh_recovery_end region=40 success=1",
        "1.200000002 cpu=0 tid=1 log=1 impl=core set_region_sync region=40 in_sync=1",
        "1.200000003 cpu=0 tid=1 log=1 impl=core get_sync_count count=33",
        "2.000000000 cpu=0 tid=9 log=1 map io=7 sector=8 bytes=4096 opf=0x1 tgid=9 comm=\"fio\"",
        "2.000100000 cpu=0 tid=1 log=1 rh_inc_pending region=0 io=7",
        "2.000200000 cpu=0 tid=1 log=1 impl=core mark_region region=0 duration_ns=500",
        "2.008000000 cpu=0 tid=1 log=1 impl=disk flush kind=dirtied result=0 duration_ns=7000000",
        "2.009000000 cpu=0 tid=1 log=1 end_io io=7 latency_ns=9000000 status=0",
        "2.009000001 cpu=0 tid=9 log=1 map io=8 sector=8 bytes=4096 opf=0x1 tgid=9 comm=\"fio\"",
        "3.000000000 cpu=0 tid=1 log=1 impl=core clear_region region=0 duration_ns=500",
        "3.010000000 cpu=0 tid=1 log=1 impl=disk flush kind=cleaned-only result=0 duration_ns=7000000",
        "3.010000001 cpu=0 tid=1 log=1 fail_mirror leg=1 error_type=0",
        "3.010000002 cpu=0 tid=1 log=1 impl=core mark_region region=0 duration_ns=500",
        // Of a core log a crash leaves nothing, so everything is copied.
        "3.010000003 cpu=0 tid=1 log=2 identity device=\"254:4\" name=\"core\" log_type=\"core\" region_size_sectors=1024 \
         region_count=64 target_begin=0 target_sectors=65536 legs=2 sync_count=64 flush_failed=0 log_device_failed=0",
        "3.010000004 cpu=0 tid=1 log=2 impl=core resume result=0 duration_ns=500",
        "3.010000005 cpu=0 tid=1 log=2 impl=core mark_region region=0 duration_ns=500",
        "3.020000000 cpu=0 tid=1 log=1 consult request=9 result=-3 duration_ns=2000000",
        "3.030000000 gap cpu=2 lost=12 cause=ring_full",
    ];
    lines.map(str::to_owned).to_vec()
}

#[test]
fn families_have_names_by_the_rules() {
    let mut names = BTreeSet::new();
    for family in FAMILIES {
        let Family { name, kind, help, .. } = family;
        assert!(names.insert(name), "{name} twice");
        assert!(name.starts_with("dmlog_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        for suffix in ["_total", "_info", "_bucket", "_sum", "_count", "_created", "_ns", "_ms"] {
            assert!(!name.ends_with(suffix), "{name} ends in {suffix}, which a sample or no unit does");
        }
        assert!(help.ends_with('.') && !help.contains(['\\', '\n', '"']), "{name}: {help}");
        let unit = ["seconds", "bytes", "ratio"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        assert_eq!(unit, family.unit(), "{name} ends in the unit of `{}`", family.of.id);
        assert!(*kind != Kind::Histogram || unit == Some("seconds"), "{name}");
    }
}

#[test]
fn a_capture_with_everything_has_all_families_in_both_formats() {
    let (open, plain) =
        (rendered(&everything(), Dialect::OpenMetrics, None), rendered(&everything(), Dialect::Prometheus, None));
    for family in FAMILIES {
        for sample in family.samples() {
            for text in [&open, &plain] {
                let is = |line: &str| line.strip_prefix(&sample).is_some_and(|rest| rest.starts_with([' ', '{']));
                assert!(text.lines().any(is), "no {sample} in {text}");
            }
        }
        let (name, word) = (family.name, family.kind.word());
        assert!(open.contains(&format!("# TYPE {name} {word}\n")), "{name}");
    }
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("# EOF") && !plain.contains("# UNIT"));
    for line in [
        "dmlog_capture_info{host=\"a\\\"b\\\\c\\\\nd\",kernel_release=\"\",machine=\"\",version=\"\"} 1",
        "dmlog_device_info{device=\"vg/lv\",number=\"254:3\",log_type=\"disk\",log_device=\"254:9\",legs=\"2\"} 1",
        "dmlog_flush_duration_seconds_bucket{device=\"vg/lv\",number=\"254:3\",kind=\"dirtied\",le=\"0.005\"} 0",
        "dmlog_flush_duration_seconds_bucket{device=\"vg/lv\",number=\"254:3\",kind=\"dirtied\",le=\"0.01\"} 1",
        "dmlog_flush_duration_seconds_sum{device=\"vg/lv\",number=\"254:3\",kind=\"dirtied\"} 0.007000000",
        "dmlog_mark_to_clear_seconds_count{device=\"vg/lv\",number=\"254:3\"} 1",
        "dmlog_top_region_marks_total{device=\"vg/lv\",number=\"254:3\",region=\"0\",first_sector=\"0\"} 2",
        "dmlog_lost_events_total{cause=\"ring_full\"} 12",
        "dmlog_torn_tail_bytes 9",
        "dmlog_capture_start_timestamp_seconds 1700000000.250000000",
        "dmlog_http_requests_total{code=\"400\"} 1",
    ] {
        for text in [&open, &plain] {
            assert!(text.lines().any(|known| known == line), "no {line} in {text}");
        }
    }
}

#[test]
fn samples_of_a_moment_have_its_time() {
    let text = rendered(&everything(), Dialect::OpenMetrics, Some(1_700_000_003_070_500_000));
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(samples.len() > 100 && samples.iter().all(|line| line.ends_with(" 1700000003.070")), "{text}");
}

/// Every sample's name and labels are there once, and every label is closed.
fn series(text: &str) -> BTreeSet<String> {
    let mut series = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, _number) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(name.to_owned()), "{name} twice");
        let quotes = name.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert!(quotes.is_multiple_of(2) && (name.ends_with('}') || !name.contains('{')), "{line}");
    }
    series
}

#[test]
fn hostile_names_are_escaped_cut_and_told_apart() {
    let long = "\u{1b}\\".repeat(1 << 18);
    let names = [
        "}\n# EOF\nx{a=\"",
        "a\\",
        "a\"",
        "\u{202e}\u{1b}[2J",
        "\\u{1b}",
        "\u{1b}",
        "",
        &long,
        &format!("{long}x"),
        &format!("{long}y"),
    ];
    let mut lines: Vec<String> =
        (1..).zip(names).flat_map(|(log, name)| [identity(log, log, name), mark(log, 5)]).collect();
    // The kernel gives the number of a removed mirror to the next one. What tells these from each other is cut, or escaped.
    let twins = [format!("{long}x"), format!("{long}y"), "\u{1b}".to_owned(), "\\u{1b}".to_owned()];
    lines.extend((50..).zip(&twins).flat_map(|(log, name)| [identity(log, 200, name), mark(log, 1)]));
    for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
        let text = rendered(&lines, dialect, None);
        let series = series(&text);
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
        assert!(text.lines().all(|line| line.len() < 2 * LABEL_BYTES_MAX + 300), "no line is long");
        assert_eq!(text.matches("# EOF\n").count(), usize::from(dialect == Dialect::OpenMetrics));
        let devices = series.iter().filter(|name| name.starts_with("dmlog_marks_total{")).count();
        assert_eq!(devices, names.len() + twins.len(), "{series:#?}");
    }
}

#[test]
fn of_too_many_mirrors_those_with_most_events_are_told() {
    let count = DEVICES_MAX as u64 + 30;
    let mut lines: Vec<String> = (1..=count).map(|log| identity(log, log, &format!("m{log}"))).collect();
    lines.extend((0..3).map(|region| mark(count, region)));
    lines.push(mark(1, 0));
    let text = rendered(&lines, Dialect::OpenMetrics, None);
    let told = series(&text).into_iter().filter(|name| name.starts_with("dmlog_device_info{")).count();
    assert_eq!(told, DEVICES_MAX);
    for device in [1, count] {
        assert!(text.contains(&format!("device=\"m{device}\"")), "m{device} has most events");
    }
    assert!(text.contains("\ndmlog_devices_left_out 30\n"));
}

#[test]
fn every_mirror_has_its_own_durations() {
    // Of a log that nobody knows: it comes first in a session and last in a snapshot.
    let lines = [
        mark(0, 1),
        identity(1, 1, "a"),
        mark(1, 1),
        mark(1, 1),
        identity(2, 2, "b"),
        mark(2, 1),
        mark(2, 2),
        mark(2, 3),
    ];
    let text = rendered(&lines, Dialect::OpenMetrics, None);
    for (labels, count) in
        [("device=\"unknown device\"", 1), ("device=\"a\",number=\"254:1\"", 2), ("device=\"b\",number=\"254:2\"", 3)]
    {
        let line = format!("\ndmlog_operation_duration_seconds_count{{{labels},op=\"mark_region\"}} {count}\n");
        assert!(text.contains(&line), "no {line} in {text}");
    }
}

#[test]
fn nothing_seen_is_still_a_whole_text() {
    let text = rendered(&[], Dialect::OpenMetrics, None);
    assert!(text.contains("\ndmlog_events_total 0\n") && text.ends_with("\n# EOF\n"), "{text}");
    assert!(!text.contains("dmlog_marks"), "{text}");
}

/// The names that a query begins with `dmlog_`.
fn metrics_of(query: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    query.split(|c| !is_name(c)).filter(|word| word.starts_with("dmlog_")).map(str::to_owned).collect()
}

fn queries(value: &serde_json::Value, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value {
                    serde_json::Value::String(text) if ["expr", "query", "definition"].contains(&key.as_str()) => {
                        out.push(text.clone());
                    }
                    value => queries(value, out),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| queries(value, out)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_nothing_that_is_not_told() {
    let dashboard: serde_json::Value = serde_json::from_str(include_str!("../../../dist/grafana.json")).unwrap();
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    let text = rendered(&everything(), Dialect::OpenMetrics, None);
    let told: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    let asked: BTreeSet<String> = asked.iter().flat_map(|query| metrics_of(query)).collect();
    assert!(asked.len() > 25, "{asked:?}");
    for name in &asked {
        assert!(told.contains(name.as_str()), "the dashboard asks for {name}");
    }
}

#[test]
fn the_readme_names_nothing_that_is_not_told() {
    let readme = include_str!("../../../../README.md");
    let section = readme.split("### Metrics\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|line| line.split('|').nth(1));
    let named: Vec<&str> = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 30, "{named:?}");
    let told: BTreeSet<String> =
        FAMILIES.iter().flat_map(|family| family.samples().into_iter().chain([family.name.to_owned()])).collect();
    for name in named {
        assert!(told.contains(&format!("dmlog_{name}")), "{name}");
    }
}
