//! Which items a command is asked for: devices by their names, operations, regions, times.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::exit::{Exit, Failure};
use super::trace_file::{TraceFile, TraceTime};
use crate::event::flat::{Flat, OP_NAMES, op_code};
use crate::event::ids::{DevNum, LogId, MonoNs, Region};
use crate::event::item::Item;
use crate::event::op::{Event, Op};
use crate::event::text::quote::quote;

/// Inclusive range of regions, `5` or `5-9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionRange {
    first: u64,
    last: u64,
}

/// A text that is no [`RegionRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a region such as `5`, or a range such as `5-9`")]
pub struct NotARange;

impl FromStr for RegionRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse::<u64>().map_err(|_empty_or_long| NotARange) } else { Err(NotARange) }
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: number(first)?, last: number(last)? };
        if range.first <= range.last { Ok(range) } else { Err(NotARange) }
    }
}

/// The number of an operation; an unknown name lists the known ones.
///
/// # Errors
/// [`Exit::Usage`].
pub fn parse_op(name: &str) -> Result<u16, Failure> {
    op_code(name).ok_or_else(|| {
        let known: Vec<&str> = OP_NAMES.iter().map(|(_, name)| *name).collect();
        let name = quote(name);
        Failure::new(Exit::Usage, anyhow::anyhow!("no operation is called {name}; there are {}", known.join(", ")))
    })
}

/// The logs of the devices that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    logs: Vec<LogId>,
}

impl Devices {
    /// Finds devices by the identities in a trace, which is read once for that: a log's identity may come after its first
    /// events.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a device that is not in the trace, and for stdin; [`Exit::Io`] for a bad trace.
    pub fn find(file: &TraceFile, names: &[String]) -> Result<Self, Failure> {
        if file.is_stdin() {
            let error = anyhow::anyhow!("a trace must be read twice to find its devices; save it to a file first");
            return Err(Failure::new(Exit::Usage, error));
        }
        let mut known: BTreeMap<(DevNum, String), Vec<LogId>> = BTreeMap::new();
        let mut reader = file.open()?;
        let mut note = |item: Item| {
            if let Item::Event(Event { log, op: Op::Identity(identity), .. }) = item {
                let logs = known.entry((identity.device, identity.name)).or_default();
                if !logs.contains(&log) {
                    logs.push(log);
                }
            }
        };
        // What a corrupt trace holds before its damage is still worth printing; the damage is told then.
        while let Ok(Some(_)) = reader.next_batch_with(&mut note) {}
        let mut logs = Vec::new();
        for name in names {
            let found = known.iter().filter(|((device, known), _)| is_called(*device, known, name));
            let before = logs.len();
            logs.extend(found.flat_map(|(_, logs)| logs.iter().copied()));
            if logs.len() == before {
                return Err(unknown_device(file, name, known.keys()));
            }
        }
        Ok(Self { logs })
    }
}

fn unknown_device<'a>(file: &TraceFile, name: &str, known: impl Iterator<Item = &'a (DevNum, String)>) -> Failure {
    let known: Vec<_> = known.collect();
    let is_named = |device: DevNum| known.iter().any(|(other, name)| *other == device && !name.is_empty());
    // A device that was created during the capture has no name in its first identity.
    let worth_telling = known.iter().filter(|(device, name)| !name.is_empty() || !is_named(*device));
    let known: Vec<String> = worth_telling.map(|(device, name)| format!("{} ({device})", quote(name))).collect();
    let there =
        if known.is_empty() { "it names no device".to_owned() } else { format!("there are {}", known.join(", ")) };
    Failure::new(Exit::Usage, anyhow::anyhow!("`{}` has no device {}; {there}", file.name(), quote(name)))
}

/// Is a device called so? `vg/lv`, the dm name that LVM gives it, `MAJ:MIN`, each also below `/dev`.
pub(super) fn is_called(device: DevNum, known: &str, name: &str) -> bool {
    let name = name.strip_prefix("/dev/mapper/").or_else(|| name.strip_prefix("/dev/")).unwrap_or(name);
    if name.parse() == Ok(device) || (!known.is_empty() && name == known) {
        return true;
    }
    // LVM doubles the hyphens of both names and joins them by a single one.
    known.split_once('/').is_some_and(|(vg, lv)| format!("{}-{}", vg.replace('-', "--"), lv.replace('-', "--")) == name)
}

/// Which items are asked for. What is empty or `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these devices.
    pub devices: Option<Devices>,
    /// Only these operations.
    pub ops: Vec<u16>,
    /// Only these regions.
    pub region: Option<RegionRange>,
    /// Not before.
    pub since: Option<TraceTime>,
    /// Before.
    pub until: Option<TraceTime>,
}

impl Selection {
    /// Where a trace starts: when its capture did, or with its first item where that is not known or came earlier, as for a
    /// session.
    pub fn start(clock_start_ns: u64, first_item: MonoNs) -> MonoNs {
        if clock_start_ns == 0 { first_item } else { MonoNs(clock_start_ns).min(first_item) }
    }

    /// Is this item asked for, in a trace that starts at `start`?
    pub fn takes(&self, item: &Item, start: MonoNs) -> bool {
        let time = item.time();
        if self.since.is_some_and(|since| time < since.resolve(start))
            || self.until.is_some_and(|until| time >= until.resolve(start))
        {
            return false;
        }
        self.takes_at_any_time(item)
    }

    /// Is this item of what is asked for, but for coming before it?
    pub fn precedes(&self, item: &Item, start: MonoNs) -> bool {
        self.since.is_some_and(|since| item.time() < since.resolve(start)) && self.takes_at_any_time(item)
    }

    fn takes_at_any_time(&self, item: &Item) -> bool {
        match item {
            Item::Event(event) => self.takes_event(event),
            // Nobody knows what was lost.
            Item::Gap(_) | Item::DecodeError(_) => true,
        }
    }

    fn takes_event(&self, event: &Event) -> bool {
        if self.devices.as_ref().is_some_and(|devices| !devices.logs.contains(&event.log)) {
            return false;
        }
        if !self.ops.is_empty() && !self.ops.contains(&event.op.code()) {
            return false;
        }
        match (self.region, &event.op) {
            (None, _) => true,
            (Some(range), Op::Bits(bits)) => bits.overlaps(Region(range.first), Region(range.last)),
            (Some(range), _) => {
                Flat::from_event(event).region.is_some_and(|region| (range.first..=range.last).contains(&region))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NotARange, RegionRange, is_called};
    use crate::event::ids::DevNum;

    #[test]
    fn ranges_are_inclusive_and_in_order() {
        assert_eq!("5".parse(), Ok(RegionRange { first: 5, last: 5 }));
        assert_eq!("5-9".parse(), Ok(RegionRange { first: 5, last: 9 }));
        for text in ["", "-", "9-5", "5-", "-5", "a", "5-9-11", "+5"] {
            assert_eq!(text.parse::<RegionRange>(), Err(NotARange), "{text}");
        }
    }

    #[test]
    fn devices_have_several_names() {
        let device = DevNum { major: 254, minor: 3 };
        for name in ["vg-0/lv", "vg--0-lv", "/dev/vg-0/lv", "/dev/mapper/vg--0-lv", "254:3"] {
            assert!(is_called(device, "vg-0/lv", name), "{name}");
        }
        for name in ["lv", "vg-0-lv", "254:30", "", "54:3"] {
            assert!(!is_called(device, "vg-0/lv", name), "{name}");
        }
        assert!(is_called(device, "m0", "m0"));
        assert!(!is_called(device, "", ""));
    }
}
