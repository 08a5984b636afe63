//! A JSON report as a page for snapshots.

use serde_json::Value;

/// The report, with one line for each slot of time, which has two dozen numbers.
pub(crate) fn one_line_per_slot(json: &str) -> String {
    let mut report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("a report is JSON: {error}"));
    let mut slots = Vec::new();
    for device in report["devices"].as_array_mut().into_iter().flatten() {
        for row in device["occupancy"]["slots"].as_array_mut().into_iter().flatten() {
            let number = slots.len();
            slots.push(std::mem::replace(row, Value::String(format!("slot {number}"))).to_string());
        }
    }
    let mut page = format!("{report:#}");
    for (number, slot) in slots.iter().enumerate() {
        page = page.replace(&format!("\"slot {number}\""), slot);
    }
    page
}
