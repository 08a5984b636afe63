//! What went wrong: legs, flushes, writes held or failed, the log device.

use dmlog_common::record::kind;
use serde::Serialize;

use super::{Named, by_name};
use crate::event::call::Call;
use crate::event::ids::{MonoNs, Region};
use crate::event::op::Identity;

/// Legs that are told apart; the kernel allows nine.
const LEGS: usize = 16;

/// Regions set out of sync that are named; of the others only the number is kept.
pub const FAILED_REGIONS_MAX: usize = 16;

/// How often one kind of failure was seen, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    count: u64,
    first_ns: u64,
    last_ns: u64,
    /// What the kernel said last: an errno or a block status; 0 where there is none.
    last_error: i64,
}

impl Seen {
    fn at(&mut self, time: MonoNs, error: i64) {
        self.first_ns = if self.count == 0 { time.0 } else { self.first_ns.min(time.0) };
        self.last_ns = self.last_ns.max(time.0);
        self.last_error = error;
        self.count += 1;
    }

    fn absorb(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.first_ns = self.first_ns.min(other.first_ns);
        if other.last_ns >= self.last_ns {
            self.last_error = other.last_error;
        }
        self.last_ns = self.last_ns.max(other.last_ns);
        self.count += other.count;
    }
}

/// Every kind of failure, in the order in which outputs show them: names and what they mean.
const KINDS: [(&str, &str); 18] = [
    ("fail_mirror_write", "a leg failed on a write"),
    ("fail_mirror_flush", "a leg failed on a flush"),
    ("fail_mirror_sync", "a leg failed during recovery"),
    ("fail_mirror_read", "a leg failed on a read"),
    ("fail_mirror_other", "a leg failed in a way this version does not know"),
    ("log_device_failed", "the log device has failed: nothing is committed"),
    ("log_flush_failed", "a leg flush failed: clears are ignored from then on"),
    ("flush_error", "a flush of the log failed"),
    ("rh_flush_error", "writes saw the flush of the log fail"),
    ("leg_flush_error", "the empty flush to the legs failed"),
    ("held_bio", "a write is held until somebody repairs the mirror"),
    ("mark_nosync", "a failed write left its region out of sync"),
    ("set_out_of_sync", "a region was set out of sync in the log"),
    ("write_callback_error", "a write failed on at least one leg"),
    ("read_callback_error", "a read from a leg failed"),
    ("recovery_error", "the copy of a region failed"),
    ("io_error", "a bio ended with an error for its submitter"),
    ("resume_error", "the log did not resume; the device went live all the same"),
];

const LOG_DEVICE_FAILED: usize = 5;
const LOG_FLUSH_FAILED: usize = 6;
const FLUSH_ERROR: usize = 7;
const RH_FLUSH_ERROR: usize = 8;
const LEG_FLUSH_ERROR: usize = 9;
const HELD_BIO: usize = 10;
const MARK_NOSYNC: usize = 11;
const SET_OUT_OF_SYNC: usize = 12;
const WRITE_CALLBACK_ERROR: usize = 13;
const READ_CALLBACK_ERROR: usize = 14;
const RECOVERY_ERROR: usize = 15;
const IO_ERROR: usize = 16;
const RESUME_ERROR: usize = 17;

/// What can fail on a leg.
const LEG_FAILURES: usize = 5;

/// Failures of one device.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    kinds: [Seen; KINDS.len()],
    /// By leg: failures that `fail_mirror` reported.
    legs: [Seen; LEGS],
    /// The same by leg and what failed: a write, a flush, recovery, a read, or something that this version does not know.
    legs_by_kind: [[u64; LEG_FAILURES]; LEGS],
    regions: Vec<u64>,
}

impl Failures {
    /// Looks at an event that tells of a failure; of others it makes nothing.
    #[cold]
    pub fn observe(&mut self, call: &Call) {
        let Call { time, result, arg, .. } = *call;
        match u16::from(call.code) {
            kind::FLUSH if result != 0 => self.add(FLUSH_ERROR, time, result),
            kind::RESUME if result != 0 => self.add(RESUME_ERROR, time, result),
            kind::SET_REGION_SYNC if arg == 0 => {
                self.add(SET_OUT_OF_SYNC, time, 0);
                self.name_region(call.region());
            }
            kind::RH_FLUSH if result != 0 => self.add(RH_FLUSH_ERROR, time, result),
            kind::RH_MARK_NOSYNC => {
                self.add(MARK_NOSYNC, time, 0);
                self.name_region(call.region());
            }
            kind::FAIL_MIRROR => {
                let kind = usize::try_from(result).map_or(4, |kind| kind.min(4));
                self.add(kind, time, 0);
                let leg = call.arg().and_then(|leg| usize::try_from(leg).ok()).filter(|leg| *leg < LEGS);
                if let Some(leg) = leg {
                    self.legs[leg].at(time, 0);
                    self.legs_by_kind[leg][kind] += 1;
                }
            }
            kind::HOLD_BIO => self.add(HELD_BIO, time, 0),
            kind::LEG_FLUSH if result != 0 => self.add(LEG_FLUSH_ERROR, time, result),
            // A bit for every leg is no errno.
            kind::WRITE_CALLBACK if result != 0 => self.add(WRITE_CALLBACK_ERROR, time, 0),
            kind::READ_CALLBACK if result != 0 => self.add(READ_CALLBACK_ERROR, time, 0),
            kind::RECOVERY_COMPLETE if result != 0 || arg != 0 => self.add(RECOVERY_ERROR, time, result),
            kind::END_IO if result != 0 => self.add(IO_ERROR, time, result),
            _ => {}
        }
    }

    /// The kernel's own memory of failures.
    pub fn observe_identity(&mut self, identity: &Identity, time: MonoNs) {
        if identity.log_device_failed {
            self.add(LOG_DEVICE_FAILED, time, 0);
        }
        if identity.flush_failed {
            self.add(LOG_FLUSH_FAILED, time, 0);
        }
    }

    #[cold]
    fn add(&mut self, kind: usize, time: MonoNs, error: i64) {
        self.kinds[kind].at(time, error);
    }

    fn name_region(&mut self, region: Option<Region>) {
        let Some(region) = region else { return };
        if self.regions.len() < FAILED_REGIONS_MAX && !self.regions.contains(&region.0) {
            self.regions.push(region.0);
        }
    }

    /// Adds another device's failures.
    pub fn absorb(&mut self, other: &Self) {
        for (ours, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            ours.absorb(theirs);
        }
        for (ours, theirs) in self.legs.iter_mut().zip(&other.legs) {
            ours.absorb(theirs);
        }
        for (ours, theirs) in self.legs_by_kind.as_flattened_mut().iter_mut().zip(other.legs_by_kind.as_flattened()) {
            *ours += theirs;
        }
        for region in &other.regions {
            self.name_region(Some(Region(*region)));
        }
    }

    /// What is told of the failures; times from `origin`.
    pub fn summary(&self, origin: MonoNs) -> FailureSummary {
        let kinds = KINDS.iter().zip(&self.kinds).filter(|(_, seen)| seen.count > 0);
        let legs = (0..).zip(self.legs.iter().zip(&self.legs_by_kind)).filter(|(_, (seen, _))| seen.count > 0);
        let leg_of = |(leg, (seen, by_kind)): (u64, (&Seen, &[u64; LEG_FAILURES]))| {
            let [writes, flushes, copies, reads, _] = *by_kind;
            FailedLeg {
                leg,
                count: seen.count,
                failed_writes: writes,
                failed_flushes: flushes,
                failed_copies: copies,
                failed_reads: reads,
            }
        };
        FailureSummary {
            kinds: kinds
                .map(|(&(kind, meaning), seen)| FailureKind {
                    kind,
                    meaning,
                    count: seen.count,
                    first_ns: seen.first_ns.saturating_sub(origin.0),
                    last_ns: seen.last_ns.saturating_sub(origin.0),
                    last_error: seen.last_error,
                })
                .collect(),
            failed_legs: legs.map(leg_of).collect(),
            out_of_sync_regions: self.regions.clone(),
        }
    }
}

/// What is told of the failures of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FailureSummary {
    /// One row per kind that was seen; in JSON an object by kind.
    #[serde(serialize_with = "by_name")]
    pub kinds: Vec<FailureKind>,
    /// Legs that `fail_mirror` named.
    pub failed_legs: Vec<FailedLeg>,
    /// The first regions that were set out of sync, at most [`FAILED_REGIONS_MAX`].
    pub out_of_sync_regions: Vec<u64>,
}

/// One kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureKind {
    /// Name.
    #[serde(skip)]
    pub kind: &'static str,
    /// What it means, half a sentence.
    pub meaning: &'static str,
    /// How often it was seen. What the kernel keeps as a state (`log_device_failed`, `log_flush_failed`) counts once for
    /// every time it was looked at.
    pub count: u64,
    /// First time, from the start of the trace.
    pub first_ns: u64,
    /// Last time, from the start of the trace.
    pub last_ns: u64,
    /// The last errno or block status; 0 where there is none.
    pub last_error: i64,
}

impl Named for FailureKind {
    fn name(&self) -> &'static str {
        self.kind
    }
}

/// A leg that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedLeg {
    /// Index of the leg.
    pub leg: u64,
    /// How often.
    pub count: u64,
    /// How often on a write.
    pub failed_writes: u64,
    /// How often on a flush.
    pub failed_flushes: u64,
    /// How often in recovery.
    pub failed_copies: u64,
    /// How often on a read.
    pub failed_reads: u64,
}

#[cfg(test)]
mod tests {
    use super::{FAILED_REGIONS_MAX, Failures, KINDS};
    use crate::analysis::outcome::Outcome;
    use crate::analysis::testing::{end_io, event, flush, mark, mirror};
    use crate::event::call::Call;
    use crate::event::ids::{IoId, MonoNs, Region};
    use crate::event::op::{Event, FlushKind, Identity, LogImpl, LogOp, MirrorOp, Op};

    /// As a session does it.
    fn observe(failures: &mut Failures, event: &Event) {
        let call = Call::of(event);
        if Outcome::of(&call).tells {
            failures.observe(&call);
        }
        if let Op::Identity(identity) = &event.op {
            failures.observe_identity(identity, event.time);
        }
    }

    #[test]
    fn failures_are_told_by_kind_leg_and_time() {
        let mut failures = Failures::default();
        observe(&mut failures, &mirror(100, 1, MirrorOp::FailMirror { leg: Some(1), error_type: 0 }));
        observe(&mut failures, &mirror(300, 1, MirrorOp::FailMirror { leg: Some(1), error_type: 2 }));
        observe(&mut failures, &mirror(400, 1, MirrorOp::FailMirror { leg: None, error_type: 77 }));
        observe(&mut failures, &flush(500, 1, Some(FlushKind::Dirtied), 10, -5));
        observe(&mut failures, &flush(600, 1, Some(FlushKind::Dirtied), 10, -5));
        observe(&mut failures, &mirror(700, 1, MirrorOp::HoldBio { io: IoId(4) }));
        observe(&mut failures, &end_io(800, 1, 4, None, 10));
        observe(&mut failures, &mark(900, 1, 3, None));
        let summary = failures.summary(MonoNs(50));
        let rows: Vec<_> =
            summary.kinds.iter().map(|k| (k.kind, k.count, k.first_ns, k.last_ns, k.last_error)).collect();
        assert_eq!(
            rows,
            [
                ("fail_mirror_write", 1, 50, 50, 0),
                ("fail_mirror_sync", 1, 250, 250, 0),
                ("fail_mirror_other", 1, 350, 350, 0),
                ("flush_error", 2, 450, 550, -5),
                ("held_bio", 1, 650, 650, 0),
                ("io_error", 1, 750, 750, 10),
            ]
        );
        let legs = summary
            .failed_legs
            .iter()
            .map(|l| (l.leg, l.count, l.failed_writes, l.failed_flushes, l.failed_copies, l.failed_reads));
        assert_eq!(legs.collect::<Vec<_>>(), [(1, 2, 1, 0, 1, 0)]);
    }

    #[test]
    fn a_log_that_had_failed_before_the_capture_is_told() {
        let mut failures = Failures::default();
        let identity = Identity { log_device_failed: true, flush_failed: true, ..Identity::default() };
        observe(&mut failures, &event(1, 1, Op::Identity(Box::new(identity))));
        let names: Vec<_> = failures.summary(MonoNs(0)).kinds.iter().map(|k| k.kind).collect();
        assert_eq!(names, ["log_device_failed", "log_flush_failed"]);
    }

    #[test]
    fn only_the_first_regions_are_named() {
        let mut failures = Failures::default();
        for region in 0..100 {
            let op = LogOp::SetRegionSync { region: Region(region), in_sync: false };
            observe(&mut failures, &event(1, 1, Op::Log(LogImpl::Core, op)));
        }
        let summary = failures.summary(MonoNs(0));
        assert_eq!(summary.kinds[0].count, 100);
        assert_eq!(summary.out_of_sync_regions.len(), FAILED_REGIONS_MAX);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }
}
