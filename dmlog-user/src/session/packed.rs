//! A session in less memory: a keyframe of a trace.
//!
//! Its [tables](super::table) are most of a session, and mostly zeros. They become bytes, which may be kept elsewhere; the rest is
//! copied as it is.

use super::Session;
use super::device::Device;
use super::model::Models;
use super::table::{Table, TableMut};
use crate::analysis::outstanding::PackedOutstanding;

/// What a device with events takes beside its tables, mostly its course over time and its slowest flushes.
const DEVICE_BYTES: usize = 64 << 10;

/// A session without its tables.
#[derive(Clone, Debug)]
pub struct PackedSession {
    rest: Box<Session>,
    outstanding: PackedOutstanding,
}

impl PackedSession {
    /// Packs a copy, and its tables into bytes; the session is the same after it.
    pub fn of(session: &mut Session) -> (Self, Vec<u8>) {
        let mut bytes = Vec::new();
        for mut table in tables(session) {
            table.as_pack().pack(&mut bytes);
        }
        let taken: Vec<Table> = tables(session).map(TableMut::take).collect();
        let outstanding = std::mem::take(&mut session.outstanding);
        let packed = Self { rest: Box::new(session.clone()), outstanding: outstanding.pack() };
        session.outstanding = outstanding;
        for (mut place, table) in tables(session).zip(taken) {
            place.put(table);
        }
        (packed, bytes)
    }

    /// Makes a session what the packed one was, which goes on as if nothing had happened. `bytes` are those of its tables. The
    /// memory of the other one's counters of regions is used again.
    pub fn unpack(&self, mut bytes: &[u8], session: &mut Session) {
        let taken = tables(session).filter(TableMut::is_of_regions).map(TableMut::take).collect::<Vec<Table>>();
        *session = self.rest.as_ref().clone();
        let mut taken = taken.into_iter();
        for mut place in tables(session) {
            if place.is_of_regions()
                && let Some(table) = taken.next()
            {
                place.put(table);
            }
            place.as_pack().unpack(&mut bytes);
        }
        session.outstanding = self.outstanding.unpack();
    }

    /// About how much memory it takes without its tables, in bytes.
    pub fn footprint_bytes(&self) -> usize {
        let Session { window: _, logs, devices, outstanding: _, losses: _, models, .. } = &*self.rest;
        let of_device = |device: &Device| if device.ops.events() > 0 { DEVICE_BYTES } else { size_of::<Device>() };
        logs.footprint_bytes()
            + devices.iter().map(of_device).sum::<usize>()
            + models.as_ref().map_or(0, |models| models.footprint_bytes())
            + self.outstanding.footprint_bytes()
    }
}

/// All tables, always in the same order.
fn tables(session: &mut Session) -> impl Iterator<Item = TableMut<'_>> {
    let Session { devices, models, .. } = session;
    devices
        .iter_mut()
        .flat_map(Device::tables)
        .chain(models.as_mut().into_iter().flat_map(|models| Models::tables(models)))
}
