//! Which log belongs to which device, and whether what is read through the structure offsets is true.
//!
//! Two independent ways lead from a log to its device. The probes follow pointers, with offsets that may be wrong; and the
//! tool asks device-mapper for one device's table at a time, which makes the kernel call `status` on that device's logs in
//! the tool's own thread. The second way needs no offsets: it checks the first, and takes its place where that fails.

use std::collections::{HashMap, HashSet};

use super::device::{self, DeviceMapper, MirrorTarget};
use super::privileges;
use crate::event::bits::Bits;
use crate::event::ids::{DevNum, LogId};
use crate::event::item::Item;
use crate::event::op::{Event, Identity, LogOp, Op};

/// Devices whose check is remembered; beyond this they are asked again, which costs time and nothing else.
const CHECKED_MAX: usize = 65_536;

/// The tool as its own witness.
#[derive(Debug)]
pub(super) struct Witness {
    device_mapper: DeviceMapper,
    /// Our thread, whose status calls we caused ourselves.
    tid: u32,
    checked: HashSet<DevNum>,
    /// Devices found by asking, for logs whose pointers led nowhere.
    asked: HashMap<LogId, Identity>,
    /// Set once anything read through the offsets was wrong.
    distrusted: Option<String>,
}

impl Witness {
    pub(super) fn new(device_mapper: DeviceMapper) -> Self {
        // SAFETY: a system call without arguments that cannot fail.
        let tid = unsafe { libc::gettid() }.cast_unsigned();
        Self { device_mapper, tid, checked: HashSet::new(), asked: HashMap::new(), distrusted: None }
    }

    /// The thread that asks.
    pub(super) fn tid(&self) -> u32 {
        self.tid
    }

    /// All mapped devices; those that are no mirrors answer with no targets.
    pub(super) fn devices(&self) -> Vec<DevNum> {
        self.device_mapper.devices().unwrap_or_default()
    }

    /// Asks for the mirrors of one device; the probes see the question. A device that went away has none.
    pub(super) fn ask(&self, device: DevNum) -> Vec<MirrorTarget> {
        self.device_mapper.mirrors(device).unwrap_or_default()
    }

    /// Compares what the probes saw of a question with its answer.
    pub(super) fn hear(&mut self, device: DevNum, tables: &[MirrorTarget], items: &mut [Item]) {
        if tables.is_empty() {
            return;
        }
        let mut said: Vec<(LogId, Option<Identity>)> = Vec::new();
        for item in items.iter() {
            let Item::Event(event) = item else { continue };
            if event.tid != self.tid {
                continue;
            }
            match &event.op {
                Op::Identity(identity) => said.push((event.log, Some((**identity).clone()))),
                Op::Log(_, LogOp::Status { .. }) if !said.iter().any(|(log, _)| *log == event.log) => {
                    said.push((event.log, None));
                }
                _ => {}
            }
        }
        self.checked.insert(device);
        for ((log, identity), table) in said.iter().zip(tables) {
            let verdict = match identity {
                Some(identity) if identity.device == device => device::check(identity, tables),
                Some(identity) => Err(format!("the log of {device} reads as belonging to {}", identity.device)),
                None => Err(format!("the log of {device} could not be read")),
            };
            if let Err(difference) = verdict {
                self.distrusted.get_or_insert(difference);
                self.asked.insert(*log, from_table(table));
            }
        }
        for item in items {
            if let Item::Event(event) = item {
                self.complete(event);
            }
        }
    }

    /// What the check found, for the header of the trace.
    pub(super) fn findings(&self) -> Option<String> {
        match &self.distrusted {
            Some(difference) => Some(format!(
                "the structure offsets do not fit this kernel ({difference}): flush kinds, log facts and bits are left out, devices were found by asking"
            )),
            None if self.checked.is_empty() => None,
            None => {
                Some(format!("the structure offsets were checked against the tables of {} mirrors", self.checked.len()))
            }
        }
    }

    /// True once a mirror was there to check the offsets with.
    pub(super) fn has_checked(&self) -> bool {
        !self.checked.is_empty()
    }

    /// Gives an event what only this side knows: names; and takes away what was read through offsets that proved wrong.
    pub(super) fn complete(&mut self, event: &mut Event) {
        let (log, tid) = (event.log, event.tid);
        match &mut event.op {
            Op::Identity(identity) => {
                self.verify(identity, tid);
                if let Some(asked) = self.asked.get(&log) {
                    **identity = asked.clone();
                }
                identity.name = device::display_name(identity.device);
            }
            Op::Log(_, LogOp::Flush { kind, .. }) if self.distrusted.is_some() => *kind = None,
            Op::Bits(bits) if self.distrusted.is_some() => {
                let bitset = bits.bitset;
                **bits = Bits { bitset, ..Bits::unread() };
            }
            _ => {}
        }
    }

    /// The first time that a device is met, its table is asked for and compared. An identity of another thread may speak of
    /// a table that is not live yet; only our own question is answered by the live one.
    fn verify(&mut self, identity: &Identity, tid: u32) {
        if self.checked.contains(&identity.device) || tid == self.tid || identity.target_begin.is_none() {
            return;
        }
        let tables = privileges::with_permitted(|| self.ask(identity.device));
        let live = tables.iter().any(|table| identity.target_sectors == Some(table.sectors));
        if !live {
            return;
        }
        if self.checked.len() < CHECKED_MAX {
            self.checked.insert(identity.device);
        }
        if let Err(difference) = device::check(identity, &tables) {
            self.distrusted.get_or_insert(difference);
        }
    }
}

/// What a table alone says of its log.
fn from_table(table: &MirrorTarget) -> Identity {
    let region_size_sectors = table.region_size_sectors.and_then(|size| u32::try_from(size).ok());
    Identity {
        device: table.device,
        log_type: table.log_type.clone(),
        region_size_sectors,
        region_count: table.region_size_sectors.map(|size| table.sectors.div_ceil(size.max(1))),
        target_sectors: Some(table.sectors),
        target_begin: Some(table.begin),
        ..Identity::default()
    }
}
