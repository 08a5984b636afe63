//! Whatever a trace says, there are metrics and histograms that their readers take: any items in any order, extreme numbers and
//! names included, and nothing is left out of the counts.

use std::collections::BTreeSet;

use dmlog_user::event::call::Call;
use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::export::hdr::Names;
use dmlog_user::export::hdr::hgrm::Hgrm;
use dmlog_user::export::hdr::hlog::Hlog;
use dmlog_user::export::openmetrics::{Dialect, Exposition, render};
use dmlog_user::export::sink::{DeviceNames, ItemSink as _};
use dmlog_user::export::{Report, TraceEnd};
use dmlog_user::session::{Session, Settings};
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::{TestCaseError, TestRunner};
use proptest::{prop_assert, prop_assert_eq};

use crate::hostile::{items, meeting};

fn check(cases: u32, test: impl Fn(&[Item]) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let stream = vec((items::item(), proptest::bool::weighted(0.8)), 0..300);
    let stream =
        stream.prop_map(|stream| stream.into_iter().map(|(item, fold)| meeting(item, fold)).collect::<Vec<_>>());
    let result = TestRunner::new(config).run(&stream, |items| test(&items));
    assert!(result.is_ok(), "{}", result.map_or_else(|error| error.to_string(), |()| String::new()));
}

fn names() -> Names {
    Names::Met(DeviceNames::default())
}

#[test]
fn any_items_have_metrics_in_both_formats() {
    check(60, |items| {
        let facts = CaptureFacts { host: "h\"\n\\\u{1b}".to_owned(), ..CaptureFacts::default() };
        let mut session = Session::new(Some(&facts), Settings::default());
        for item in items {
            session.apply(item);
        }
        let (snapshot, distributions) = (session.snapshot(50), session.distributions());
        prop_assert_eq!(snapshot.devices.len(), distributions.len());
        let report = Report { source: "x", facts: &facts, snapshot: &snapshot, end: TraceEnd::Clean };
        let exposition = Exposition {
            report: &report,
            distributions: &distributions,
            regions: 50,
            at_ns: Some(u64::MAX),
            serving: None,
        };
        for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
            let text = render(&exposition, dialect);
            let mut series = BTreeSet::new();
            for line in text.lines() {
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
                if line.starts_with('#') {
                    continue;
                }
                let end = line.rfind('}').map_or_else(|| line.find(' ').unwrap(), |end| end + 1);
                let (name, number) = line.split_at(end);
                prop_assert!(series.insert(name.to_owned()), "{} twice", name);
                let number = number.trim_start().split(' ').next().unwrap_or_default();
                prop_assert!(number.parse::<f64>().is_ok_and(f64::is_finite), "{}", line);
            }
            prop_assert_eq!(text.ends_with("\n# EOF\n"), dialect == Dialect::OpenMetrics);
        }
        // A histogram never falls, and ends at its count.
        for spread in distributions.iter().flatten() {
            prop_assert!(spread.at_most.is_sorted() && *spread.at_most.last().unwrap() <= spread.count, "{:?}", spread);
        }
        Ok(())
    });
}

#[test]
fn any_items_have_a_log_with_every_duration() {
    // Histograms of absurd durations are large.
    check(20, |items| {
        let timed = items.iter().filter(|item| match item {
            Item::Event(event) => Call::of(event).duration_ns().is_some(),
            Item::Gap(_) | Item::DecodeError(_) => false,
        });
        let timed = timed.count();
        let (mut log, mut tags) = (Hlog::new(Vec::new(), &CaptureFacts::default(), names()), Hgrm::new(names()));
        for item in items {
            log.take(item).unwrap();
            tags.take(item).unwrap();
        }
        let log = String::from_utf8(log.finish().unwrap()).unwrap();
        let lines = log.lines().filter(|line| line.starts_with("Tag=")).count();
        let mut read = 0;
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            prop_assert!(entry.is_ok(), "{}", log);
            read += usize::from(matches!(entry, Ok(LogEntry::Interval(_))));
        }
        prop_assert_eq!(lines, read, "every line of a tag is one to a reader");
        prop_assert!(!log.chars().any(|c| c.is_control() && c != '\n'), "{:?}", log);
        let tags = tags.finish().unwrap();
        let counted = tags.iter().map(|tag| tag.text.split("Total count    =").nth(1).unwrap());
        let counted = counted.map(|rest| rest.split(']').next().unwrap().trim().parse::<usize>().unwrap());
        prop_assert_eq!(counted.sum::<usize>(), timed);
        prop_assert!(tags.iter().all(|tag| !tag.tag.contains([' ', ',', '\n'])), "{:?}", tags);
        Ok(())
    });
}
