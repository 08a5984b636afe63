//! What rules speak of: subjects of which there are durations or counts, told one at a time as they end.
//!
//! Flight recorders and gates spell their rules with the same names, and count the same things by them.

use super::outstanding::{Outstanding, Pending};
use crate::event::ids::LogId;
use crate::event::item::Item;
use crate::event::op::{Event, FlushKind, IoKind, LogOp, MirrorOp, Op};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Flushes of all kinds.
    Flush,
    /// Flushes after something was dirtied.
    DirtiedFlush,
    /// Flushes after something was cleaned only.
    CleanedOnlyFlush,
    /// Flushes for nothing.
    NoOpFlush,
    /// Marks of regions.
    Mark,
    /// Clears of regions.
    Clear,
    /// Writes, from entering the mirror to their end.
    Write,
    /// Reads.
    Read,
    /// Copies of regions in recovery.
    Recovery,
    /// Round trips to a userspace log daemon.
    Userspace,
    /// Flushes, writes, reads, copies and round trips that failed.
    Errors,
    /// Events that the capture lost, of all mirrors together.
    Lost,
}

/// Every subject by its name, those with durations first.
pub const SUBJECTS: [(&str, Subject); 12] = [
    ("flush", Subject::Flush),
    ("flush.dirtied", Subject::DirtiedFlush),
    ("flush.cleaned_only", Subject::CleanedOnlyFlush),
    ("flush.no_op", Subject::NoOpFlush),
    ("mark", Subject::Mark),
    ("clear", Subject::Clear),
    ("write", Subject::Write),
    ("read", Subject::Read),
    ("recovery", Subject::Recovery),
    ("userspace", Subject::Userspace),
    ("errors", Subject::Errors),
    ("lost", Subject::Lost),
];

impl Subject {
    /// The subject of this name.
    pub fn named(name: &str) -> Option<Self> {
        SUBJECTS.iter().find(|(known, _)| *known == name).map(|(_, subject)| *subject)
    }

    /// How rules spell it.
    pub fn name(self) -> &'static str {
        SUBJECTS.iter().find(|(_, subject)| *subject == self).map_or("", |(name, _)| name)
    }

    /// It is only counted.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Errors | Self::Lost)
    }

    /// Names of all that have durations, for messages.
    pub fn timed_names() -> Vec<&'static str> {
        SUBJECTS.iter().filter(|(_, subject)| !subject.is_count()).map(|(name, _)| *name).collect()
    }
}

/// Something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What.
    pub subject: Subject,
    /// On which log; [`LogId::UNKNOWN`] for losses.
    pub log: LogId,
    /// How many at once: more than one only of losses.
    pub count: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: Option<u64>,
}

/// Tells what ends, one item after the other. A bio counts for the log that it entered by.
#[derive(Debug, Default)]
pub struct Subjects {
    outstanding: Outstanding,
}

impl Subjects {
    /// Hands what ended with this item to `tell`. A flush is told twice: as one, and as one of its kind.
    pub fn see(&mut self, item: &Item, mut tell: impl FnMut(Seen)) {
        let lost = |count| Seen { subject: Subject::Lost, log: LogId::UNKNOWN, count, duration_ns: None };
        match item {
            Item::Gap(gap) => tell(lost(gap.lost.unwrap_or(1))),
            Item::DecodeError(_) => tell(lost(1)),
            Item::Event(event) => self.see_event(event, tell),
        }
    }

    fn see_event(&mut self, event: &Event, mut tell: impl FnMut(Seen)) {
        let Event { time, log, duration, op, .. } = event;
        let duration_ns = duration.map(|duration| duration.0);
        let mut end = |subject, log, duration_ns| tell(Seen { subject, log, count: 1, duration_ns });
        let failed = match op {
            Op::Log(_, LogOp::Flush { kind, result }) => {
                end(Subject::Flush, *log, duration_ns);
                match kind {
                    Some(FlushKind::Dirtied) => end(Subject::DirtiedFlush, *log, duration_ns),
                    Some(FlushKind::CleanedOnly) => end(Subject::CleanedOnlyFlush, *log, duration_ns),
                    Some(FlushKind::NoOp) => end(Subject::NoOpFlush, *log, duration_ns),
                    None => {}
                }
                *result != 0
            }
            Op::Log(_, LogOp::MarkRegion { .. }) => {
                end(Subject::Mark, *log, duration_ns);
                false
            }
            Op::Log(_, LogOp::ClearRegion { .. }) => {
                end(Subject::Clear, *log, duration_ns);
                false
            }
            Op::Mirror(MirrorOp::Map(io)) => {
                self.outstanding.insert(Pending {
                    io: io.io,
                    entered: *time,
                    position: None,
                    picked: None,
                    delayed: None,
                    device: 0,
                    process: 0,
                    log: *log,
                    kind: io.kind(),
                });
                false
            }
            Op::Mirror(MirrorOp::EndIo { io, latency, status }) => {
                let Some(pending) = self.outstanding.remove(*io) else { return };
                let latency_ns = latency.map_or_else(|| time.0.saturating_sub(pending.entered.0), |latency| latency.0);
                match pending.kind {
                    IoKind::Write => end(Subject::Write, pending.log, Some(latency_ns)),
                    IoKind::Read => end(Subject::Read, pending.log, Some(latency_ns)),
                    IoKind::Flush | IoKind::Discard | IoKind::Other => {}
                }
                if *status != 0 {
                    end(Subject::Errors, pending.log, None);
                }
                false
            }
            Op::Mirror(MirrorOp::RecoveryComplete { took, read_error, write_error, .. }) => {
                end(Subject::Recovery, *log, took.map(|took| took.0));
                *read_error != 0 || *write_error != 0
            }
            Op::Consult { result, .. } => {
                end(Subject::Userspace, *log, duration_ns);
                *result != 0
            }
            _ => false,
        };
        if failed {
            end(Subject::Errors, *log, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SUBJECTS, Subject};

    #[test]
    fn every_subject_has_one_name() {
        for (name, subject) in SUBJECTS {
            assert_eq!((Subject::named(name), subject.name()), (Some(subject), name));
        }
        assert_eq!(Subject::named("flush.dirty"), None);
    }
}
