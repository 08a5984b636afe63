//! What travels from a capture or a trace to a session: events, and everything that is missing between them.

use super::ids::MonoNs;
use super::op::Event;

/// One element of the stream. Losses are elements too: they travel in order, are stored, shown and exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something happened.
    Event(Event),
    /// Something is missing.
    Gap(Gap),
    /// Bytes came that say nothing.
    DecodeError(DecodeFailure),
}

impl Item {
    /// When: for a gap the time of the first event after it.
    pub fn time(&self) -> MonoNs {
        match self {
            Self::Event(event) => event.time,
            Self::Gap(gap) => gap.time,
            Self::DecodeError(failure) => failure.time,
        }
    }
}

/// Events that happened and are not in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Time of the first event after the gap, or of the end of the capture.
    pub time: MonoNs,
    /// CPU whose events are missing; `None` if the loss is not of one CPU.
    pub cpu: Option<u16>,
    /// How many events; `None` if that cannot be known.
    pub lost: Option<u64>,
    /// Where they were lost.
    pub cause: LossCause,
}

/// Where events were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossCause {
    /// The ring buffer between kernel and user space was full.
    RingFull,
    /// The recorder's queue was full; whole batches were dropped.
    QueueFull,
    /// The kernel did not run the program because another one was running on that CPU.
    Recursion,
    /// A return was seen without its entry, or an entry's slot was taken: the call has no duration or is missing.
    Unpaired,
    /// The kernel module went away and came back; what happened before the new attachment is missing.
    ModuleReload,
    /// The disk was full or the file could not be written.
    WriteFailed,
}

/// Bytes from the kernel, or a row of a trace, that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeFailure {
    /// Time of the record if that much could be read, else of the event before it.
    pub time: MonoNs,
    /// What was wrong, a sentence.
    pub reason: String,
}
