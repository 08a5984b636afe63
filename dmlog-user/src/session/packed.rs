//! A session in less memory: a keyframe of a trace.
//!
//! Counters of regions and the table of bios under way are most of a session, and mostly zeros; the rest is copied as it is.

use super::Session;
use super::device::Device;
use crate::analysis::outstanding::PackedOutstanding;
use crate::analysis::regions::Regions;
use crate::analysis::regions::packed::PackedRegions;

/// Distributions and latest flushes of a device that has events.
const DEVICE_BYTES: usize = 3 << 19;

/// A packed session. It stays as it is; unpacked, it goes on as if nothing had happened.
#[derive(Clone, Debug)]
pub struct PackedSession {
    rest: Box<Session>,
    /// Of all targets of all devices, in order.
    regions: Vec<PackedRegions>,
    outstanding: PackedOutstanding,
}

impl PackedSession {
    /// Packs a copy; the session is the same after it.
    pub fn of(session: &mut Session) -> Self {
        let regions: Vec<Regions> = tables(session).map(std::mem::take).collect();
        let outstanding = std::mem::take(&mut session.outstanding);
        let packed = Self {
            rest: Box::new(session.clone()),
            regions: regions.iter().map(Regions::pack).collect(),
            outstanding: outstanding.pack(),
        };
        session.outstanding = outstanding;
        for (place, regions) in tables(session).zip(regions) {
            *place = regions;
        }
        packed
    }

    /// The session that was packed.
    pub fn unpack(&self) -> Session {
        let mut session = self.rest.as_ref().clone();
        for (place, packed) in tables(&mut session).zip(&self.regions) {
            *place = packed.unpack();
        }
        session.outstanding = self.outstanding.unpack();
        session
    }

    /// About how much memory it takes, in bytes: right within a factor of two for sessions that matter.
    pub fn footprint_bytes(&self) -> usize {
        let Session { window: _, logs, devices, outstanding: _, losses: _, models, .. } = &*self.rest;
        let of_device = |device: &Device| if device.ops.events() > 0 { DEVICE_BYTES } else { size_of::<Device>() };
        logs.footprint_bytes()
            + devices.iter().map(of_device).sum::<usize>()
            + models.as_ref().map_or(0, |models| models.footprint_bytes())
            + self.regions.iter().map(PackedRegions::footprint_bytes).sum::<usize>()
            + self.outstanding.footprint_bytes()
    }
}

fn tables(session: &mut Session) -> impl Iterator<Item = &mut Regions> {
    session.devices.iter_mut().flat_map(Device::targets_mut).map(|target| &mut target.regions)
}
