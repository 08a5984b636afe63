//! Scenarios: text events in, expected numbers and pages out.
//!
//! A case is a file `cases/*.scn`; [`scenario`] says how it is written. `dmlog-top print` writes the same lines, so a
//! piece of a captured trace becomes a case by copy and paste.

mod command;
mod hostile;
mod hostile_metrics;
mod pages;
mod rules;
mod scenario;
#[path = "../support/slots.rs"]
mod slots;

use std::path::{Path, PathBuf};

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::export::{Report, TraceEnd, json, text};
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;

use crate::scenario::Scenario;

/// The report of a scenario, in both formats.
#[derive(Debug, PartialEq, Eq)]
struct Rendered {
    text: String,
    json: String,
}

fn render(facts: &CaptureFacts, items: &[Item], settings: Settings, top: usize) -> Rendered {
    let mut session = Session::new(Some(facts), settings);
    for item in items {
        session.apply(item);
    }
    let snapshot = session.snapshot(top);
    let report = Report { source: "scenario", facts, snapshot: &snapshot, end: TraceEnd::Clean };
    let json = json::render(&report).unwrap_or_else(|error| panic!("the report has a JSON form: {error}"));
    let json = String::from_utf8(json).unwrap_or_else(|error| panic!("JSON is UTF-8: {error}"));
    Rendered { text: text::render(&report), json }
}

fn render_scenario(scenario: &Scenario) -> Rendered {
    render(&scenario.facts, &scenario.items, scenario.settings, scenario.top)
}

/// All case files, by name.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "scn"));
    cases.sort();
    cases
}

fn load(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Scenario::parse(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
}

#[test]
fn every_case_gives_the_expected_numbers() {
    let cases = cases();
    assert!(!cases.is_empty(), "there are cases");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for path in &cases {
        let scenario = load(path);
        let rendered = render_scenario(&scenario);
        checked += scenario.expectations();
        wrong.extend(scenario.check(&rendered.json).into_iter().map(|line| format!("{}: {line}", path.display())));
    }
    assert!(wrong.is_empty(), "{} of {checked} expectations are not met:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_same_items_give_the_same_bytes() {
    for path in cases() {
        let scenario = load(&path);
        assert_eq!(render_scenario(&scenario), render_scenario(&scenario), "{}", path.display());
    }
}

#[test]
fn a_trace_in_between_changes_nothing() {
    for path in cases() {
        let scenario = load(&path);
        let mut file = Vec::new();
        let mut writer = TraceWriter::new(&mut file, &scenario.facts).unwrap();
        for item in &scenario.items {
            writer.push(item).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = TraceReader::new(file.as_slice()).unwrap();
        let mut items = Vec::new();
        while reader.next_batch(&mut items).unwrap().is_some() {}
        let replayed = render(reader.facts(), &items, scenario.settings, scenario.top);
        assert_eq!(replayed, render_scenario(&scenario), "{}", path.display());
    }
}

#[test]
fn no_line_of_a_page_is_wider_than_a_hundred_columns() {
    for path in cases() {
        let text = render_scenario(&load(&path)).text;
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", path.display());
            assert_eq!(line.trim_end(), line, "{}: blanks at the end", path.display());
        }
    }
}
