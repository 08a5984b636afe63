//! Whole pages of a rich scenario, as snapshots, and checks of the JSON form against the metric catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use dmlog_user::analysis::catalogue::metric;
use serde_json::Value;

use crate::slots::one_line_per_slot;
use crate::{Rendered, cases, load, render_scenario};

fn page(case: &str) -> Rendered {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases").join(case);
    render_scenario(&load(&path))
}

#[test]
fn isolated_write_as_text() {
    insta::assert_snapshot!(page("isolated_write.scn").text);
}

#[test]
fn isolated_write_as_json() {
    insta::assert_snapshot!(one_line_per_slot(&page("isolated_write.scn").json));
}

#[test]
fn failing_leg_as_text() {
    insta::assert_snapshot!(page("failing_leg.scn").text);
}

#[test]
fn losses_and_coverage_as_text() {
    insta::assert_snapshot!(page("losses_and_coverage.scn").text);
}

#[test]
fn userspace_log_as_text() {
    insta::assert_snapshot!(page("userspace_log.scn").text);
}

#[test]
fn recovery_as_text() {
    insta::assert_snapshot!(page("recovery.scn").text);
}

/// Names of all numbers in a report; within a list, the name of the list.
fn numbers(value: &Value, name: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Number(_) => {
            names.insert(name.to_owned());
        }
        Value::Array(rows) => rows.iter().for_each(|row| numbers(row, name, names)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| numbers(field, key, names)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn every_number_of_the_json_report_is_in_the_catalogue() {
    let mut names = BTreeSet::new();
    for path in cases() {
        let json: Value = serde_json::from_str(&render_scenario(&load(&path)).json).unwrap();
        numbers(&json, "", &mut names);
    }
    let missing: Vec<_> = names.iter().filter(|name| metric(name).is_none()).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    assert!(names.len() > 50, "the cases show most numbers, and only {} were found", names.len());
}
