//! What heat maps are made of: when flushes and writes were over and how long they took, which regions were marked when, and
//! when something was lost. Kept only where somebody asks, for it costs a little for each of those events.

use dmlog_common::record::kind;

use super::Session;
use super::device::Device;
use super::look::count_of;
use super::snapshot::name_of;
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::heat::{Heat, MIRRORS_MAX, Merge, Rows, Slots, TARGETS_MAX};
use crate::analysis::spread::Spread;
use crate::event::call::Call;
use crate::event::ids::MonoNs;
use crate::event::op::LogOp;

/// What is kept beside the devices while heat maps are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct MapsAsked {
    lost: Slots<Lost>,
    /// Mirrors that have some.
    mirrors: usize,
    /// Events of mirrors for which there was no room.
    events_left_out: u64,
}

/// What was lost in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lost {
    gaps: u64,
    events: u64,
}

impl Merge for Lost {
    fn merge(&mut self, other: Self) {
        self.gaps.merge(other.gaps);
        self.events.merge(other.events);
    }
}

impl MapsAsked {
    /// Something was lost.
    pub(super) fn lose(&mut self, time: MonoNs, events: Option<u64>) {
        if let Some(lost) = self.lost.at(time) {
            lost.merge(Lost { gaps: 1, events: events.unwrap_or(0) });
        }
    }

    fn heat<'a>(&mut self, device: &'a mut Device) -> Option<&'a mut Heat> {
        if device.heat.is_none() {
            if self.mirrors >= MIRRORS_MAX {
                self.events_left_out += 1;
                return None;
            }
            self.mirrors += 1;
        }
        Some(device.heat.get_or_insert_default())
    }

    /// A write is over.
    pub(super) fn write(&mut self, device: &mut Device, time: MonoNs, took_ns: u64) {
        if let Some(heat) = self.heat(device) {
            heat.write(time, took_ns);
        }
    }

    /// An operation of a log of this device: marks and flushes are on maps.
    pub(super) fn change(&mut self, call: &Call, device: &mut Device, target: u32) {
        if !matches!(u16::from(call.code), kind::MARK_REGION | kind::FLUSH) {
            return;
        }
        let Some(heat) = self.heat(device) else { return };
        match (call.log_op(), call.duration_ns()) {
            (Some(LogOp::MarkRegion { region }), _) => heat.mark(target, region.0, call.time),
            (Some(LogOp::Flush { kind, .. }), Some(took_ns)) => heat.flush(kind, call.time, took_ns),
            _ => {}
        }
    }
}

/// What heat maps of a trace are made of.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// Of every mirror that has some.
    pub mirrors: Vec<MirrorMaps>,
    /// When something was lost.
    pub losses: Vec<LostSlot>,
    /// Events of mirrors beyond [`MIRRORS_MAX`], which have none.
    pub events_left_out: u64,
}

/// When something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostSlot {
    /// Begin of the slot of time, from the start of the trace.
    pub start_ns: u64,
    /// How long it is.
    pub slot_ns: u64,
    /// Gaps and records that could not be understood.
    pub gaps: u64,
    /// Events that are missing, as far as their number is known.
    pub lost: u64,
}

/// What heat maps of one mirror are made of.
#[derive(Clone, Debug)]
pub struct MirrorMaps {
    /// Its name, as in the snapshot.
    pub name: String,
    /// Its number, as in the snapshot.
    pub device: Option<String>,
    /// How long a slot is.
    pub slot_ns: u64,
    /// The slots, one after the other without a hole.
    pub slots: Vec<MapSlot>,
    /// Its targets.
    pub targets: Vec<TargetMap>,
    /// Marks of targets beyond [`TARGETS_MAX`].
    pub marks_beyond_limit: u64,
}

/// What happened in one slot.
#[derive(Clone, Debug)]
pub struct MapSlot {
    /// When it begins, from the start of the trace; the first one may begin before that.
    pub start_ns: i64,
    /// How long flushes took that were over in it, in the order of [`KIND_NAMES`].
    pub flushes: [Spread; KIND_NAMES.len()],
    /// How long writes took that ended in it.
    pub writes: Spread,
}

/// Marks of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetMap {
    /// Its regions; where their number is not known, one more than the last that was seen.
    pub region_count: u64,
    /// Regions in a row, a power of two.
    pub regions_of_row: u64,
    /// Marks of each slot by rows; the last rows may be missing.
    pub marks: Vec<Vec<u64>>,
}

impl Session {
    /// What heat maps are made of; `None` unless they were asked for by [`with_maps`](Self::with_maps).
    pub fn maps(&self) -> Option<Maps> {
        let asked = self.maps.as_deref()?;
        let origin = self.window.origin();
        let losses = asked.lost.iter().filter(|(_, lost)| lost.gaps > 0);
        let losses = losses.map(|(start, lost)| LostSlot {
            start_ns: start.0.saturating_sub(origin.0),
            slot_ns: asked.lost.slot_ns(),
            gaps: lost.gaps,
            lost: lost.events,
        });
        let mirrors = self.devices.iter().filter_map(|device| Some(mirror(device, device.heat.as_deref()?, origin)));
        Some(Maps { mirrors: mirrors.collect(), losses: losses.collect(), events_left_out: asked.events_left_out })
    }
}

fn mirror(device: &Device, heat: &Heat, origin: MonoNs) -> MirrorMaps {
    let signed = |time: MonoNs| i64::try_from(i128::from(time.0) - i128::from(origin.0)).unwrap_or(i64::MAX);
    let slots = heat.slots.iter().map(|(start, slot)| MapSlot {
        start_ns: signed(start),
        flushes: slot.flushes.clone(),
        writes: slot.writes.clone(),
    });
    let targets = (0..device.targets().len().min(TARGETS_MAX)).map(|place| target(device, heat, place));
    MirrorMaps {
        name: name_of(device),
        device: device.identity().map(|identity| identity.device.to_string()),
        slot_ns: heat.slots.slot_ns(),
        slots: slots.collect(),
        targets: targets.collect(),
        marks_beyond_limit: heat.marks_beyond_limit,
    }
}

fn target(device: &Device, heat: &Heat, place: usize) -> TargetMap {
    let region_count = count_of(device, place);
    let rows = || heat.slots.iter().filter_map(|(_, slot)| slot.marks.get(place));
    let regions_of_row = rows().map(Rows::regions_of_row).max().unwrap_or(1);
    let marks = rows().map(|rows| rows.with_rows_of(regions_of_row)).collect();
    TargetMap { region_count, regions_of_row, marks }
}
