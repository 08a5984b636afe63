//! The report of every committed trace of a real kernel, as text and as JSON: no number changes unnoticed.

use std::path::Path;

use dmlog_user::analysis::catalogue::metric;
use dmlog_user::export::{Report, TraceEnd, html, json, markdown, svg, text};
use dmlog_user::session::maps::Maps;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use serde_json::Value;

use crate::real::recordings;
use crate::slots::one_line_per_slot;

/// Rows of each list.
const TOP: usize = 3;

/// `v1.1/disk-6.12`, of the trace's path.
fn name(path: &Path) -> String {
    let version = path.parent().and_then(Path::file_name).unwrap().to_string_lossy();
    format!("{version}_{}", path.file_stem().unwrap().to_string_lossy()).replace('.', "_")
}

fn with_report<T>(path: &Path, render: impl FnOnce(&Report<'_>) -> T) -> T {
    with_maps(path, |report, _| render(report))
}

fn with_maps<T>(path: &Path, render: impl FnOnce(&Report<'_>, &Maps) -> T) -> T {
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let facts = reader.facts().clone();
    let mut session = Session::new(Some(&facts), Settings::default()).with_maps();
    while reader.next_batch_with(|item| session.apply(&item)).unwrap().is_some() {}
    let snapshot = session.snapshot(TOP);
    let source = name(path);
    let report = Report { source: &source, facts: &facts, snapshot: &snapshot, end: TraceEnd::Clean };
    render(&report, &session.maps().unwrap())
}

/// Without the coverage, which is the capture's and has pages of its own.
fn shortened(json: &[u8]) -> String {
    let mut report: Value = serde_json::from_slice(json).unwrap();
    report["capture"]["coverage"] = Value::Null;
    one_line_per_slot(&report.to_string())
}

#[test]
fn reports_of_real_traces_as_text() {
    for path in recordings() {
        insta::assert_snapshot!(format!("{}_as_text", name(&path)), with_report(&path, text::render));
    }
}

#[test]
fn reports_of_some_real_traces_as_markdown() {
    for path in recordings().iter().filter(|path| name(path).ends_with("7_3") || name(path).ends_with("disk-5_10")) {
        insta::assert_snapshot!(format!("{}_as_markdown", name(path)), with_report(path, markdown::render));
    }
}

/// The others have parsers and a browser that look at them.
#[test]
fn one_page_and_one_picture() {
    let path = recordings().into_iter().find(|path| path.ends_with("v1/core-7.3.dmlog")).unwrap();
    insta::assert_snapshot!("v1_core-7_3_as_html", with_maps(&path, html::render));
    insta::assert_snapshot!("v1_core-7_3_as_svg", with_maps(&path, svg::render));
}

#[test]
fn reports_of_real_traces_as_json() {
    for path in recordings() {
        let json = with_report(&path, |report| json::render(report).unwrap());
        insta::assert_snapshot!(format!("{}_as_json", name(&path)), shortened(&json));
    }
}

/// Names of all numbers; within a list, the name of the list.
fn check(value: &Value, name: &str, path: &Path) {
    match value {
        Value::Number(_) => assert!(metric(name).is_some(), "{}: {name} is not in the catalogue", path.display()),
        Value::Array(rows) => rows.iter().for_each(|row| check(row, name, path)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| check(field, name, path)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn numbers_of_real_traces_are_in_the_catalogue_and_lines_in_the_page() {
    for path in recordings() {
        let json = with_report(&path, |report| json::render(report).unwrap());
        check(&serde_json::from_slice(&json).unwrap(), "", &path);
        for line in with_report(&path, text::render).lines() {
            assert!(line.chars().count() <= 100 && line.trim_end() == line, "{}: {line}", path.display());
        }
    }
}
