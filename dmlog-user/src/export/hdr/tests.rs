//! Logs and distributions, line by line.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hgrm::{Hgrm, TagText};
use super::hlog::Hlog;
use super::{BEYOND_LIMIT, Names, TAGS_MAX, encode};
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::text::parse::parse;
use crate::export::sink::{DeviceNames, ItemSink as _};

const IDENTITY: &str = "10.000000000 cpu=0 tid=1 log=1 identity device=\"254:3\" name=\"vg/a,b c\" log_type=\"disk\" flush_failed=0 log_device_failed=0";

fn facts() -> CaptureFacts {
    let clock = ClockPair { monotonic_ns: 10_000_000_000, realtime_ns: 1_700_000_000_250_000_000 };
    CaptureFacts { host: "h\nTag=x".to_owned(), clock, ..CaptureFacts::default() }
}

fn mark(time: &str, log: u64, duration_ns: u64) -> String {
    format!("{time} cpu=0 tid=1 log={log} impl=disk mark_region region=1 duration_ns={duration_ns}")
}

fn hlog(lines: impl IntoIterator<Item = String>) -> String {
    let mut sink = Hlog::new(Vec::new(), &facts(), Names::Met(DeviceNames::default()));
    for line in lines {
        sink.take(&parse(&line).unwrap()).unwrap();
    }
    String::from_utf8(sink.finish().unwrap()).unwrap()
}

/// Tag, begin, length, counts of each histogram.
fn intervals(text: &str) -> Vec<(String, f64, f64, Histogram<u64>)> {
    let entries = IntervalLogIterator::new(text.as_bytes());
    let histograms = entries.filter_map(|entry| match entry.unwrap_or_else(|error| panic!("{error:?}: {text}")) {
        LogEntry::Interval(interval) => {
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let tag = interval.tag().unwrap().as_str().to_owned();
            Some((tag, interval.start_timestamp().as_secs_f64(), interval.duration().as_secs_f64(), histogram))
        }
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
    });
    histograms.collect()
}

#[test]
fn a_log_has_its_head_and_a_line_for_each_tag_and_second() {
    let text = hlog([
        IDENTITY.to_owned(),
        mark("10.000000100", 1, 100),
        mark("10.900000000", 1, 3_000_000),
        "10.950000000 cpu=0 tid=1 log=1 impl=disk flush kind=cleaned-only result=0 duration_ns=7000".to_owned(),
        "12.100000000 gap cpu=2 lost=12 cause=ring_full".to_owned(),
        mark("12.999999999", 1, 100),
        // Late: it counts for the second that is open.
        mark("11.000000000", 1, 200),
        "4000000000.000000000 gap lost=1 cause=ring_full".to_owned(),
        mark("18446744073.709551615", 9, u64::MAX),
    ]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "#[Histogram log format version 1.3]");
    assert!(lines[1].starts_with("#[Durations in nanoseconds") && lines[1].contains("host \"h\\nTag=x\""), "{text}");
    assert_eq!(
        lines[2..6],
        [
            "#[StartTime: 1700000000.250 (seconds since epoch)]",
            "#[BaseTime: 1700000000.250 (seconds since epoch)]",
            "#[MaxValueDivisor: 1000000.000]",
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
        ]
    );
    assert!(lines[7].starts_with("Tag=vg/a%2Cb%20c:mark_region,0.000,1.000,3.000,HISTFAAAA"), "{}", lines[7]);
    let comments: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("# ")).collect();
    assert_eq!(
        comments,
        [
            "# lost before 3.000 s: 12 events",
            "# lost before 3999999991.000 s: 1 events",
            "# lost in all: 13 events",
            "# 1 durations above 1000 s count as that",
        ]
    );
    let read = intervals(&text);
    let told: Vec<(&str, f64, f64, u64)> =
        read.iter().map(|(tag, start, length, histogram)| (tag.as_str(), *start, *length, histogram.len())).collect();
    assert_eq!(
        told,
        [
            ("vg/a%2Cb%20c:flush:cleaned_only", 0.0, 1.0, 1),
            ("vg/a%2Cb%20c:mark_region", 0.0, 1.0, 2),
            ("vg/a%2Cb%20c:mark_region", 2.0, 1.0, 2),
            ("unidentified%20device%20of%20log%209:mark_region", 18_446_744_063.0, 1.0, 1),
        ]
    );
    assert_eq!(read[1].3.count_at(100), 1);
}

#[test]
fn a_trace_without_durations_is_a_log_without_lines() {
    let text = hlog([IDENTITY.to_owned()]);
    assert_eq!((text.lines().count(), intervals(&text).len()), (6, 0));
    assert!(hlog([]).lines().all(|line| line.starts_with(['#', '"'])), "a head alone");
}

#[test]
fn what_is_beyond_the_limit_is_counted_under_a_tag_of_its_own() {
    let logs = TAGS_MAX as u64 + 5;
    let text = hlog((1..=logs).map(|log| mark("10.500000000", log, log)).chain([mark("11.500000000", 1, 1)]));
    let read = intervals(&text);
    assert_eq!(read.len(), TAGS_MAX + 2);
    let beyond = read.iter().find(|(tag, ..)| tag == BEYOND_LIMIT).unwrap();
    assert_eq!(beyond.3.len(), 5);
    let all: u64 = read.iter().map(|(.., histogram)| histogram.len()).sum();
    assert_eq!(all, logs + 1, "nothing is left out");
    assert!(
        text.ends_with(&format!("# 5 durations are in `beyond_limit`: beyond {TAGS_MAX} tags at a time\n")),
        "{text}"
    );
}

#[test]
fn no_name_ends_its_tag() {
    for (name, tag) in [("vg/lv", "vg/lv"), ("a:b", "a%3Ab"), ("a,b\n%", "a%2Cb%0A%25"), ("é", "%C3%A9"), ("", "")] {
        assert_eq!(encode(name), tag);
    }
}

#[test]
fn a_distribution_has_the_lines_that_plotters_read() {
    let mut sink = Hgrm::new(Names::Met(DeviceNames::default()));
    // The name comes after the first event, and another log of the device has an event too.
    sink.take(&parse(&mark("10.000000000", 1, 1_000_000)).unwrap()).unwrap();
    sink.take(&parse(IDENTITY).unwrap()).unwrap();
    sink.take(&parse(&IDENTITY.replace("log=1", "log=2")).unwrap()).unwrap();
    for (log, duration_ns) in [(1, 2_000_001), (2, 3_000_000), (2, 500)] {
        sink.take(&parse(&mark("11.000000000", log, duration_ns)).unwrap()).unwrap();
    }
    let [TagText { tag, text }] = sink.finish().unwrap().try_into().unwrap();
    assert_eq!(tag, "vg/a%2Cb%20c:mark_region");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "       Value     Percentile TotalCount 1/(1-Percentile)",
            "",
            "    0.000500 0.000000000000          1           1.00",
        ]
    );
    let last: Vec<&str> = lines.iter().copied().rev().take(4).collect();
    assert_eq!(
        last,
        [
            "#[Buckets =           12, SubBuckets     =         2048]",
            "#[Max     =     3.000000, Total count    =            4]",
            "#[Mean    =     1.500125, StdDeviation   =     1.117652]",
            "    3.000000 1.000000000000          4",
        ]
    );
    assert!(lines.contains(&"    1.000447 0.500000000000          2           2.00"), "{text}");
}
