//! What a trace costs: bytes per event of a workload like that of a mirror under small writes.

use crate::damage::{read, trace};
use crate::workload::workload;

/// Everything included: header, seals, message headers, padding. The goal for real workloads is 8.
const MAX_BYTES_PER_EVENT: f64 = 7.0;

#[test]
fn bytes_per_event_stay_small() {
    let items = workload(5_000);
    let file = trace(&items, usize::MAX, true);
    let bytes_per_event = file.len() as f64 / items.len() as f64;
    assert!(bytes_per_event < MAX_BYTES_PER_EVENT, "{bytes_per_event:.2} B/event");
    let outcome = read(&file);
    assert_eq!(outcome.items.len(), items.len());
    // The writer itself seals once a second of event time, or when a batch is full.
    let seconds = (items.last().unwrap().time().0 - items[0].time().0) / 1_000_000_000;
    assert!(outcome.batches.len() as u64 >= seconds, "{} batches in {seconds} s", outcome.batches.len());
}

#[test]
fn a_batch_holds_64_ki_rows_at_most() {
    let mut items = workload(6_000);
    let first = items[0].time();
    for item in &mut items {
        if let dmlog_user::event::item::Item::Event(event) = item {
            event.time = first;
        }
    }
    let file = trace(&items, usize::MAX, true);
    let rows: Vec<u64> = read(&file).batches.iter().map(|batch| batch.rows).collect();
    assert_eq!(rows[0], 65_535);
    assert_eq!(rows.iter().sum::<u64>(), items.len() as u64);
}
