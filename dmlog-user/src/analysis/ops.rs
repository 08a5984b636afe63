//! How often each operation ran, how long it took, how often it failed: one table per device.
//!
//! The table is dense over the operation's number, so that an event costs one index and no hash.

use serde::Serialize;

use super::latency::{Latency, LatencySummary};
use super::{Named, by_name, rate_per_s};
use crate::event::call::{CODES, Call};
use crate::event::flat::OP_NAMES;

/// Counters of all operations of one device, by code. What every event touches lies close together.
#[derive(Clone, Debug)]
pub struct Ops {
    counts: Box<[u64; CODES]>,
    errors: Box<[u64; CODES]>,
    /// By [`PLACES`].
    latencies: Box<[Latency]>,
}

/// Place of each operation number in [`OP_NAMES`].
static PLACES: [u8; CODES] = {
    let mut places = [u8::MAX; CODES];
    let mut place = 0;
    while (place as usize) < OP_NAMES.len() {
        places[OP_NAMES[place as usize].0 as usize] = place;
        place += 1;
    }
    places
};

impl Default for Ops {
    fn default() -> Self {
        let latencies = OP_NAMES.iter().map(|_op| Latency::of_device()).collect();
        Self { counts: Box::new([0; CODES]), errors: Box::new([0; CODES]), latencies }
    }
}

impl Ops {
    /// Counts one event, and whether it says that something failed.
    #[inline]
    pub fn observe(&mut self, call: &Call, failed: bool) {
        // All numbers are below `CODES`, which a test checks.
        let code = usize::from(call.code) % CODES;
        self.counts[code] += 1;
        if failed {
            self.errors[code] += 1;
        }
        // Of an end, how long what ended took; else the call.
        if let Some(duration_ns) = call.duration_ns()
            && let Some(latency) = self.latencies.get_mut(usize::from(PLACES[code]))
        {
            latency.record(duration_ns);
        }
    }

    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        self.latencies.iter_mut()
    }

    /// Number of events counted.
    pub fn events(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long each operation took, by its name in [`OP_NAMES`].
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, &Latency)> {
        OP_NAMES.iter().map(|(_, name)| *name).zip(&self.latencies)
    }

    /// Adds another device's counters.
    pub fn absorb(&mut self, other: &Self) {
        for code in 0..CODES {
            self.counts[code] += other.counts[code];
            self.errors[code] += other.errors[code];
        }
        for (ours, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            ours.absorb(theirs);
        }
    }

    /// The table, in the order of [`OP_NAMES`], over a time of `span_ns`; operations that did not run are left out.
    pub fn summary(&self, span_ns: u64) -> OpTable {
        let rows = OP_NAMES
            .iter()
            .zip(&self.latencies)
            .filter_map(|(&(code, name), latency)| {
                let code = usize::from(code) % CODES;
                let count = self.counts[code];
                (count > 0).then(|| OpSummary {
                    name,
                    count,
                    rate_per_s: rate_per_s(count, span_ns),
                    errors: self.errors[code],
                    latency: latency.summary(),
                })
            })
            .collect();
        OpTable { rows }
    }
}

/// What is told of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpSummary {
    /// The kernel's name, as in the text form of events.
    #[serde(skip)]
    pub name: &'static str,
    /// How often it ran.
    pub count: u64,
    /// How often per second of the covered time.
    pub rate_per_s: f64,
    /// How often it failed.
    pub errors: u64,
    /// How long it took; `None` where durations are not known, and its names are then not in the JSON report.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
}

/// All operations of one device that ran, in the kernel's order; in JSON an object by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OpTable {
    /// One row per operation.
    #[serde(serialize_with = "by_name")]
    pub rows: Vec<OpSummary>,
}

impl OpTable {
    /// How often the operation with this name ran.
    pub fn count(&self, name: &str) -> u64 {
        self.rows.iter().find(|row| row.name == name).map_or(0, |row| row.count)
    }
}

impl Named for OpSummary {
    fn name(&self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::Ops;
    use crate::analysis::outcome::Outcome;
    use crate::analysis::testing::{consult, end_io, in_sync, mark};
    use crate::event::call::{CODES, Call};
    use crate::event::flat::OP_NAMES;
    use crate::event::op::Event;

    fn observe(ops: &mut Ops, event: &Event) {
        let call = Call::of(event);
        ops.observe(&call, Outcome::of(&call).failed);
    }

    #[test]
    fn every_operation_has_a_place() {
        assert!(OP_NAMES.iter().all(|(code, _)| usize::from(*code) < CODES));
    }

    #[test]
    fn counts_rates_errors_and_durations() {
        let mut ops = Ops::default();
        observe(&mut ops, &mark(1_000, 1, 7, Some(300)));
        observe(&mut ops, &mark(2_000, 1, 7, Some(500)));
        observe(&mut ops, &mark(3_000, 1, 8, None));
        observe(&mut ops, &end_io(4_000, 1, 1, Some(2_000), 10));
        // 4 s: three marks are 0.75 a second.
        let table = ops.summary(4_000_000_000);
        assert_eq!(table.rows.iter().map(|r| r.name).collect::<Vec<_>>(), ["mark_region", "end_io"]);
        assert_eq!(table.rows[0].count, 3);
        assert!((table.rows[0].rate_per_s - 0.75).abs() < 1e-12);
        assert_eq!(table.rows[0].errors, 0);
        let latency = table.rows[0].latency.unwrap();
        assert_eq!((latency.latency_count, latency.latency_ns_p50, latency.latency_ns_max), (2, 300, 500));
        assert_eq!(table.rows[1].errors, 1, "status 10 is an I/O error");
        assert_eq!(table.rows[1].latency.unwrap().latency_ns_max, 2_000, "the latency of what ended");
        assert_eq!(ops.events(), 4);
    }

    #[test]
    fn would_block_is_no_error() {
        let mut ops = Ops::default();
        observe(&mut ops, &in_sync(1, 1, 0, false, -11));
        observe(&mut ops, &in_sync(2, 1, 0, true, -5));
        observe(&mut ops, &consult(3, 1, 9, -3, 10));
        let table = ops.summary(1);
        assert_eq!(table.rows[0].errors, 1);
        assert_eq!(table.rows[1].errors, 1);
    }

    #[test]
    fn absorbing_adds_up() {
        let (mut left, mut right) = (Ops::default(), Ops::default());
        observe(&mut left, &mark(1, 1, 7, Some(300)));
        observe(&mut right, &mark(2, 1, 7, Some(100)));
        observe(&mut right, &end_io(3, 1, 1, None, 0));
        left.absorb(&right);
        let table = left.summary(1);
        assert_eq!((table.count("mark_region"), table.count("end_io")), (2, 1));
        assert_eq!(table.rows[0].latency.unwrap().latency_ns_min, 100);
    }
}
