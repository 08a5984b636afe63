//! How often each operation ran, how long it took, how often it failed: one table per device.
//!
//! The table is a dense array over the operation's number, so that an event costs one index and no hash.

use serde::Serialize;

use super::latency::{Latency, LatencySummary};
use super::{Named, by_name, rate_per_s};
use crate::event::flat::OP_NAMES;
use crate::event::op::{Event, LogOp, MirrorOp, Op, RegionHashOp};

/// Operation numbers are below this; checked against [`OP_NAMES`] in a test.
const OP_CODES: usize = 128;

/// The kernel's EWOULDBLOCK. `in_sync` answers it whenever it may not block and a userspace log would have to be asked;
/// that is no error.
const EWOULDBLOCK: i32 = 11;

/// Counters of one operation.
#[derive(Clone, Debug)]
struct OpCounters {
    count: u64,
    errors: u64,
    latency: Latency,
}

/// Counters of all operations of one device.
#[derive(Clone, Debug)]
pub struct Ops {
    by_code: Vec<Option<Box<OpCounters>>>,
    events: u64,
}

impl Default for Ops {
    fn default() -> Self {
        Self { by_code: vec![None; OP_CODES], events: 0 }
    }
}

impl Ops {
    /// Counts one event.
    pub fn observe(&mut self, event: &Event) {
        self.events += 1;
        let Some(slot) = self.by_code.get_mut(usize::from(event.op.code())) else { return };
        let counters =
            slot.get_or_insert_with(|| Box::new(OpCounters { count: 0, errors: 0, latency: Latency::of_device() }));
        counters.count += 1;
        if failed(&event.op) {
            counters.errors += 1;
        }
        if let Some(duration_ns) = duration_ns(event) {
            counters.latency.record(duration_ns);
        }
    }

    /// Number of events counted.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Adds another device's counters.
    pub fn absorb(&mut self, other: &Self) {
        self.events += other.events;
        for (ours, theirs) in self.by_code.iter_mut().zip(&other.by_code) {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    ours.count += theirs.count;
                    ours.errors += theirs.errors;
                    ours.latency.absorb(&theirs.latency);
                }
                (ours @ None, Some(theirs)) => *ours = Some(theirs.clone()),
                (_, None) => {}
            }
        }
    }

    /// The table, in the order of [`OP_NAMES`], over a time of `span_ns`; operations that did not run are left out.
    pub fn summary(&self, span_ns: u64) -> OpTable {
        let rows = OP_NAMES
            .iter()
            .filter_map(|&(code, name)| {
                let counters = self.by_code.get(usize::from(code))?.as_ref()?;
                Some(OpSummary {
                    name,
                    count: counters.count,
                    rate_per_s: rate_per_s(counters.count, span_ns),
                    errors: counters.errors,
                    latency: counters.latency.summary(),
                })
            })
            .collect();
        OpTable { rows }
    }
}

/// How long what the event tells of took: of an end, what ended; else the call.
fn duration_ns(event: &Event) -> Option<u64> {
    match &event.op {
        Op::Mirror(MirrorOp::EndIo { latency, .. }) => latency.map(|d| d.0),
        Op::Mirror(MirrorOp::RecoveryComplete { took, .. }) => took.map(|d| d.0),
        _ => event.duration.map(|d| d.0),
    }
}

/// Whether the event says that something failed.
fn failed(op: &Op) -> bool {
    match op {
        Op::Log(_, op) => match op {
            LogOp::Ctr { result }
            | LogOp::Presuspend { result }
            | LogOp::Postsuspend { result }
            | LogOp::Resume { result }
            | LogOp::Flush { result, .. } => *result != 0,
            LogOp::InSync { result, .. } => *result < 0 && *result != -EWOULDBLOCK,
            LogOp::IsClean { result, .. }
            | LogOp::GetResyncWork { result, .. }
            | LogOp::Status { result, .. }
            | LogOp::IsRemoteRecovering { result, .. } => *result < 0,
            LogOp::Dtr
            | LogOp::GetRegionSize { .. }
            | LogOp::MarkRegion { .. }
            | LogOp::ClearRegion { .. }
            | LogOp::SetRegionSync { .. }
            | LogOp::GetSyncCount { .. } => false,
        },
        Op::RegionHash(op) => match op {
            RegionHashOp::Flush { result } => *result != 0,
            RegionHashOp::GetState { state, .. } => *state < 0,
            RegionHashOp::RecoveryEnd { success, .. } => !success,
            RegionHashOp::IncPending { .. }
            | RegionHashOp::DecPending { .. }
            | RegionHashOp::UpdateStates { .. }
            | RegionHashOp::MarkNosync { .. }
            | RegionHashOp::Delay { .. }
            | RegionHashOp::RecoveryPrepare
            | RegionHashOp::RecoveryStart { .. }
            | RegionHashOp::StartRecovery
            | RegionHashOp::StopRecovery => false,
        },
        Op::Mirror(op) => match op {
            MirrorOp::EndIo { status, .. } => *status != 0,
            MirrorOp::LegFlush { result } | MirrorOp::Ctr { result } => *result != 0,
            MirrorOp::WriteCallback { failed_legs, .. } | MirrorOp::ReadCallback { failed_legs, .. } => {
                *failed_legs != 0
            }
            MirrorOp::RecoveryComplete { read_error, write_error, .. } => *read_error != 0 || *write_error != 0,
            MirrorOp::Map(_)
            | MirrorOp::Pass
            | MirrorOp::Recover { .. }
            | MirrorOp::FailMirror { .. }
            | MirrorOp::HoldBio { .. }
            | MirrorOp::Dtr
            | MirrorOp::Presuspend
            | MirrorOp::Postsuspend
            | MirrorOp::Resume
            | MirrorOp::Status { .. } => false,
        },
        Op::Consult { result, .. } => *result != 0,
        Op::Identity(_) | Op::Bits(_) => false,
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
    use super::{OP_CODES, Ops};
    use crate::analysis::testing::{consult, end_io, in_sync, mark};
    use crate::event::flat::OP_NAMES;

    #[test]
    fn every_operation_has_a_place() {
        assert!(OP_NAMES.iter().all(|(code, _)| usize::from(*code) < OP_CODES));
    }

    #[test]
    fn counts_rates_errors_and_durations() {
        let mut ops = Ops::default();
        ops.observe(&mark(1_000, 1, 7, Some(300)));
        ops.observe(&mark(2_000, 1, 7, Some(500)));
        ops.observe(&mark(3_000, 1, 8, None));
        ops.observe(&end_io(4_000, 1, 1, Some(2_000), 10));
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
        ops.observe(&in_sync(1, 1, 0, false, -11));
        ops.observe(&in_sync(2, 1, 0, true, -5));
        ops.observe(&consult(3, 1, 9, -3, 10));
        let table = ops.summary(1);
        assert_eq!(table.rows[0].errors, 1);
        assert_eq!(table.rows[1].errors, 1);
    }

    #[test]
    fn absorbing_adds_up() {
        let (mut left, mut right) = (Ops::default(), Ops::default());
        left.observe(&mark(1, 1, 7, Some(300)));
        right.observe(&mark(2, 1, 7, Some(100)));
        right.observe(&end_io(3, 1, 1, None, 0));
        left.absorb(&right);
        let table = left.summary(1);
        assert_eq!((table.count("mark_region"), table.count("end_io")), (2, 1));
        assert_eq!(table.rows[0].latency.unwrap().latency_ns_min, 100);
    }
}
