//! One mirror: what it is called, and what of it is under way.

use super::bios::Processes;
use super::calls::{Calls, Together};
use super::names::{Category, Key, Name, annotate};
use super::tracks::{File, LEGS_MAX, Row, Slice, Tracks};
use crate::event::call::Call;
use crate::event::ids::{DevNum, IoId, Region, SECTOR_SIZE_BYTES};
use crate::event::op::Identity;
use crate::export::number::{bytes, counted};
use crate::export::sink::NAME_BYTES_MAX;

/// A copy of a region under way.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Which region, if known.
    pub region: Option<Region>,
    /// Its begin, ns.
    pub since: u64,
}

/// A write that a pass took up.
#[derive(Clone, Copy, Debug)]
pub struct Picked {
    /// The worker's thread.
    pub tid: u32,
    /// The write's region.
    pub region: Region,
    /// Its number.
    pub io: IoId,
}

/// One mirror.
#[derive(Debug)]
pub struct Mirror {
    /// Its tracks.
    pub tracks: Tracks,
    /// Calls that are not shown yet.
    pub calls: Calls,
    /// Who reads and writes.
    pub processes: Processes,
    /// Writes that a pass took up, since its last flush.
    pub picked: Vec<Picked>,
    /// Copies under way.
    pub recoveries: Vec<Open>,
    /// Legs, 0 if that is not known.
    pub legs: u8,
    /// Counters as they were told last.
    pub counters: [Option<u64>; 3],
    /// When, ns.
    pub counted_until: u64,
    device: Option<DevNum>,
    name: String,
}

impl Mirror {
    /// A mirror of which nothing is known.
    pub fn new(file: &mut File, parent: u64, rank: i32, name: String) -> Self {
        Self {
            tracks: Tracks::new(file, parent, rank, name),
            calls: Calls::default(),
            processes: Processes::default(),
            picked: Vec::new(),
            recoveries: Vec::new(),
            legs: 0,
            counters: [None; 3],
            counted_until: 0,
            device: None,
            name: String::new(),
        }
    }

    /// Whether an identity is of this mirror, as for a session: the kernel gives numbers of removed devices to others.
    pub fn is(&self, identity: &Identity) -> bool {
        let name = name_of(identity);
        self.device == Some(identity.device) && (self.name == name || self.name.is_empty() || name.is_empty())
    }

    /// Has no identity come?
    pub fn is_unidentified(&self) -> bool {
        self.device.is_none()
    }

    /// Takes an identity.
    pub fn identify(&mut self, identity: &Identity, file: &mut File) {
        let name = name_of(identity);
        if let Some(legs) = identity.legs {
            self.legs = u8::try_from(legs).unwrap_or(LEGS_MAX).min(LEGS_MAX);
        }
        let is_known = self.device == Some(identity.device) && (name.is_empty() || self.name == name);
        if is_known {
            return;
        }
        self.device = Some(identity.device);
        if !name.is_empty() {
            name.clone_into(&mut self.name);
        }
        let shown = if self.name.is_empty() {
            identity.device.to_string()
        } else {
            format!("{} ({})", self.name, identity.device)
        };
        self.tracks.call(shown, about(identity));
        if !self.name.is_empty() {
            self.tracks.release(file);
        }
    }

    /// Hands on what has waited for a name for too long.
    #[inline]
    pub fn release_if_full(&mut self, file: &mut File) {
        if self.tracks.is_head_full() {
            self.tracks.release(file);
        }
    }

    /// An operation as a moment.
    pub fn event(&mut self, file: &mut File, call: &Call) {
        let track = self.tracks.single(file, Row::Events);
        let slice = slice_of(call, Name::of(call));
        self.tracks.instant(file, track, slice, |body| {
            annotate(body, call);
            body.uint_if(Key::LatencyNs, call.duration_ns());
        });
    }

    /// A round trip to a log daemon.
    pub fn request(&mut self, file: &mut File, call: &Call, name: Name) {
        let slice = slice_of(call, name);
        if call.span_ns().is_some() {
            self.tracks.slice(file, Row::Requests, slice, |body| annotate(body, call));
        } else {
            let track = self.tracks.single(file, Row::Events);
            self.tracks.instant(file, track, slice, |body| annotate(body, call));
        }
    }

    /// A copy is over.
    pub fn recovered(&mut self, file: &mut File, call: &Call) {
        let open = self.recoveries.iter().position(|open| open.region == call.region());
        let open = open.map(|place| self.recoveries.remove(place).since);
        let since = call.duration_ns().map(|took| call.time.0.saturating_sub(took)).or(open);
        let has_failed = call.result != 0 || call.arg != 0;
        let name = if has_failed { Name::RECOVERY_FAILED } else { Name::RECOVERY };
        let slice = Slice { start: since.unwrap_or(call.time.0), ..slice_of(call, name) };
        if slice.start <= slice.end && since.is_some() {
            self.tracks.slice(file, Row::Recoveries, slice, |body| annotate(body, call));
        } else {
            let track = self.tracks.single(file, Row::Events);
            self.tracks.instant(file, track, slice, |body| annotate(body, call));
        }
    }

    /// Shows what is left. `last` is where the trace ends, ns.
    pub fn finish(&mut self, file: &mut File, together: &mut Together, last: u64) {
        self.calls.show_all(&mut self.tracks, file, together);
        for Open { region, since } in std::mem::take(&mut self.recoveries) {
            let slice = Slice { start: since, end: last, name: Name::RECOVERY, category: Category::Mirror };
            self.tracks.slice(file, Row::Recoveries, slice, |body| {
                body.uint_if(Key::Region, region.map(|region| region.0));
                body.text(Key::NotSeen, "its end");
            });
        }
        if !self.tracks.is_empty() {
            self.tracks.release(file);
        }
    }
}

/// The time of a call, under some name.
fn slice_of(call: &Call, name: Name) -> Slice {
    Slice { start: call.start().0, end: call.time.0, name, category: Category::of(call) }
}

/// What people call a mirror; a text that is no name is none.
fn name_of(identity: &Identity) -> &str {
    if identity.name.len() > NAME_BYTES_MAX { "" } else { &identity.name }
}

/// What a mirror is, a sentence.
fn about(identity: &Identity) -> String {
    let mut about = match super::tracks::shown(&identity.log_type) {
        log_type if log_type.is_empty() => "log of unknown type".to_owned(),
        log_type => format!("{log_type} log"),
    };
    if let Some(device) = identity.log_device {
        about.push_str(&format!(" on {device}"));
    }
    if let Some(legs) = identity.legs {
        about.push_str(&format!(", {}", counted(legs.into(), "leg")));
    }
    if let (Some(count), Some(size)) = (identity.region_count, identity.region_size_sectors) {
        let size = bytes(u64::from(size) * SECTOR_SIZE_BYTES);
        about.push_str(&format!(", {} of {size}", counted(count, "region")));
    }
    about
}
