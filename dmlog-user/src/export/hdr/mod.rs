//! What HdrHistogram's tools read: durations by tag, as a log of one histogram a second ([`hlog`]) and as one percentile
//! distribution ([`hgrm`]).
//!
//! ```text
//! vg/lv:mark_region          device:operation
//! vg/lv:flush:dirtied        flushes by their kind
//! ```
//!
//! A tag has one histogram in nanoseconds for each interval, with the buckets of the report (three digits), so that all intervals of a
//! tag together are the report's distribution.

use rustc_hash::FxHashMap;

use super::sink::DeviceNames;
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::latency::Latency;
use crate::event::call::Call;
use crate::event::flat::op_name;
use crate::event::ids::LogId;
use crate::event::item::Item;
use crate::event::op::{Event, FlushKind, LogOp, Op};

pub mod hgrm;
pub mod hlog;
#[cfg(test)]
mod tests;

/// Tags of one interval: the operations of some eighty mirrors that are busy at a time. A histogram takes up to 60 KiB. Durations of further ones go
/// together into [`BEYOND_LIMIT`].
pub const TAGS_MAX: usize = 2048;

/// The tag of all durations beyond [`TAGS_MAX`]. No other tag is without a colon.
pub const BEYOND_LIMIT: &str = "beyond_limit";

/// Nanoseconds in the unit in which people read these formats, by the habit of HdrHistogram's tools: milliseconds.
const NS_PER_UNIT: f64 = 1e6;

/// Names of the devices that logs belong to.
#[derive(Debug)]
pub enum Names {
    /// All of them, from a first reading. A log has its name from its first event on.
    Known(DeviceNames<String>),
    /// Those that have come so far.
    Met(DeviceNames<String>),
}

impl Names {
    /// Takes what an item says of them, where that is not known yet.
    fn note(&mut self, item: &Item) {
        if let Self::Met(names) = self {
            names.note(item, encode);
        }
    }

    /// A log's device, as it stands in a tag: as the report calls it, with everything escaped that ends a tag.
    fn of(&self, log: LogId) -> String {
        let (Self::Known(names) | Self::Met(names)) = self;
        match (names.get(log), log) {
            (Some(name), _) => name.clone(),
            (None, LogId::UNKNOWN) => encode("unknown device"),
            (None, LogId(log)) => encode(&format!("unidentified device of log {log}")),
        }
    }
}

/// A device's name with a percent sign and two digits for every byte that a tag cannot have, or that separates its parts.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'/' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What was timed: an operation, and the kind of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Timed {
    log: LogId,
    code: u8,
    /// Place in [`KIND_NAMES`]; `None` of anything but a flush.
    flush: Option<u8>,
}

impl Timed {
    fn of(event: &Event, call: &Call) -> Self {
        let flush = match &event.op {
            Op::Log(_, LogOp::Flush { kind, .. }) => Some(match kind {
                Some(FlushKind::Dirtied) => 0,
                Some(FlushKind::CleanedOnly) => 1,
                Some(FlushKind::NoOp) => 2,
                None => 3,
            }),
            _ => None,
        };
        Self { log: event.log, code: call.code, flush }
    }

    fn tag(self, names: &Names) -> String {
        // Both are names of ours: an event's number always has one.
        let op = op_name(u16::from(self.code)).unwrap_or("unknown");
        let mut tag = format!("{}:{op}", names.of(self.log));
        if let Some(kind) = self.flush.and_then(|place| KIND_NAMES.get(usize::from(place))) {
            tag.push(':');
            tag.push_str(kind);
        }
        tag
    }
}

/// Durations of one interval.
#[derive(Debug, Default)]
struct Durations {
    by_timed: FxHashMap<Timed, Latency>,
    beyond_limit: Option<Latency>,
}

impl Durations {
    /// Counts the duration of an event, if it has one.
    fn observe(&mut self, event: &Event) {
        let call = Call::of(event);
        let Some(duration_ns) = call.duration_ns() else { return };
        let timed = Timed::of(event, &call);
        let has_room = self.by_timed.len() < TAGS_MAX;
        let latency = match self.by_timed.get_mut(&timed) {
            Some(latency) => latency,
            None if has_room => self.by_timed.entry(timed).or_insert_with(Latency::of_device),
            None => self.beyond_limit.get_or_insert_with(Latency::of_device),
        };
        latency.record(duration_ns);
    }

    /// Takes all out, by tag, in the order of the tags. Several logs of a device become one.
    fn take(&mut self, names: &Names) -> Vec<(String, Latency)> {
        let mut tags: Vec<(String, Latency)> =
            self.by_timed.drain().map(|(timed, latency)| (timed.tag(names), latency)).collect();
        tags.extend(self.beyond_limit.take().map(|latency| (BEYOND_LIMIT.to_owned(), latency)));
        tags.sort_by(|(left, _), (right, _)| left.cmp(right));
        tags.dedup_by(|(tag, latency), (kept, together)| {
            let is_same = tag == kept;
            if is_same {
                together.absorb(latency);
            }
            is_same
        });
        tags
    }
}
