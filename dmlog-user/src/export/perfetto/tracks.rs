//! The tracks of one mirror, and where on them a slice finds room.
//!
//! ```text
//! dirty region log, HOST             capture, losses
//! └─ vg/lv (254:0)
//!    ├─ dirty, out of sync, recovering     counters
//!    ├─ kmirrord                           passes, and beneath them what they called
//!    ├─ leg 0, leg 1, …                    bios as they are on the legs
//!    ├─ recoveries, userspace requests
//!    ├─ fio 1000, …                        bios of a process
//!    └─ other calls, events, without a track
//! ```
//!
//! Slices of one track never overlap. A row is as many tracks of one name (*lanes*) as it needs, which ui.perfetto.dev shows as one.
//! They come in the order of their ends, so the lane that was free last is the best one for the next slice. Where no lane is free and
//! there may be no further one, the slice becomes an instant of the row `without a track`.

use prost::Message as _;

use super::names::{Category, Name};
use super::packet::{Body, Head, What, push};
use super::proto::{CounterDescriptor, ORDER_EXPLICIT, SEQUENCE, Trace, TracePacket, TrackDescriptor};
use crate::export::number::{harmless, shortened};

/// Lanes of a row. A queue of 32 is what disks have; a deep one of NVMe has more, of which the screen shows no more anyway.
pub const LANES_MAX: usize = 64;
/// Lanes in a file, some 32 bytes each here and 64 in the file.
pub const TRACKS_MAX: u64 = 1 << 16;
/// Bytes that wait for the name of their mirror. A mirror that is created during a capture gets its name some five events after the first one.
pub const HEAD_BYTES_MAX: usize = 8 << 10;
/// Characters of a name; the kernel's are at most 127, and twice that with `vg/lv`.
pub const NAME_CHARS_MAX: usize = 256;
/// Legs of a mirror: the kernel's `MAX_NR_MIRRORS`.
pub const LEGS_MAX: u8 = 9;

/// The file under way.
#[derive(Debug, Default)]
pub struct File {
    /// Packets that were not handed on yet.
    pub out: Vec<u8>,
    /// Tracks so far; the next one has the next number.
    tracks: u64,
    /// Slices that became instants.
    pub slices_cut: u64,
}

impl File {
    /// A number for a new track.
    pub fn new_track(&mut self) -> u64 {
        self.tracks += 1;
        self.tracks
    }
}

/// Appends a packet that is built as a message.
pub fn push_packet(packet: TracePacket, out: &mut Vec<u8>) {
    let packet = TracePacket { trusted_packet_sequence_id: Some(SEQUENCE), ..packet };
    out.extend_from_slice(&Trace { packet: vec![packet] }.encode_to_vec());
}

/// Appends a track.
pub fn push_track(track: TrackDescriptor, out: &mut Vec<u8>) {
    push_packet(TracePacket { track_descriptor: Some(track), ..TracePacket::default() }, out);
}

/// A name from outside as it is shown: nothing invisible, and not too long.
pub fn shown(name: &str) -> String {
    // Cut before it is looked at: it may be of any length.
    let cut: String = name.chars().take(NAME_CHARS_MAX + 1).collect();
    shortened(&harmless(&shortened(&cut, NAME_CHARS_MAX)), NAME_CHARS_MAX)
}

/// A row of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Passes of the worker.
    Kmirrord,
    /// Calls that belong to no pass.
    Calls,
    /// Copies of regions.
    Recoveries,
    /// Round trips to a log daemon.
    Requests,
    /// Moments.
    Events,
    /// What has no place.
    Unfit,
    /// A counter.
    Counter(usize),
    /// Bios on a leg.
    Leg(u8),
    /// Bios of a process, by its place.
    Process(usize),
}

/// Names of the counters.
pub const COUNTERS: [&str; 3] = ["dirty regions", "regions out of sync", "recovering regions"];

impl Row {
    /// Its place.
    fn place(self) -> usize {
        const LEGS: usize = 9;
        const PROCESSES: usize = LEGS + LEGS_MAX as usize;
        match self {
            Self::Kmirrord => 0,
            Self::Calls => 1,
            Self::Recoveries => 2,
            Self::Requests => 3,
            Self::Events => 4,
            Self::Unfit => 5,
            Self::Counter(number) => 6 + number.min(COUNTERS.len() - 1),
            Self::Leg(leg) => LEGS + usize::from(leg.min(LEGS_MAX - 1)),
            Self::Process(place) => PROCESSES + place,
        }
    }

    /// Where it is shown.
    fn rank(self) -> i32 {
        match self {
            Self::Counter(number) => i32::try_from(number).unwrap_or(0),
            Self::Kmirrord => 10,
            Self::Leg(leg) => 20 + i32::from(leg),
            Self::Recoveries => 40,
            Self::Requests => 41,
            Self::Process(place) => 50 + i32::try_from(place).unwrap_or(0),
            Self::Calls => 10_000,
            Self::Events => 10_001,
            Self::Unfit => 10_002,
        }
    }
}

/// One track.
#[derive(Clone, Copy, Debug)]
struct Lane {
    track: u64,
    /// End of its last slice, ns.
    busy_until: u64,
}

/// The tracks of one mirror.
#[derive(Debug)]
pub struct Tracks {
    group: u64,
    parent: u64,
    rank: i32,
    name: String,
    about: Option<String>,
    /// Packets, as long as the name is awaited.
    head: Option<Vec<u8>>,
    rows: Vec<Vec<Lane>>,
    processes: Vec<String>,
}

/// What is shown as a slice, or as an instant.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Begin, ns.
    pub start: u64,
    /// End, ns.
    pub end: u64,
    /// Its name.
    pub name: Name,
    /// Its category.
    pub category: Category,
}

impl Tracks {
    /// Tracks of a mirror with this name, which may change as long as nothing was handed on.
    pub fn new(file: &mut File, parent: u64, rank: i32, name: String) -> Self {
        let group = file.new_track();
        Self { group, parent, rank, name, about: None, head: Some(Vec::new()), rows: Vec::new(), processes: Vec::new() }
    }

    /// Sets what the mirror is called. A name that was handed on stays.
    pub fn call(&mut self, name: String, about: String) {
        self.name = name;
        self.about = Some(about);
    }

    /// Hands on what waited for the name.
    pub fn release(&mut self, file: &mut File) {
        let Some(head) = self.head.take() else { return };
        let group = TrackDescriptor {
            uuid: Some(self.group),
            parent_uuid: Some(self.parent),
            name: Some(shown(&self.name)),
            description: self.about.clone(),
            child_ordering: Some(ORDER_EXPLICIT),
            sibling_order_rank: Some(self.rank),
            ..TrackDescriptor::default()
        };
        push_track(group, &mut file.out);
        file.out.extend_from_slice(&head);
    }

    /// Does it wait for longer than it may?
    pub fn is_head_full(&self) -> bool {
        self.head.as_ref().is_some_and(|head| HEAD_BYTES_MAX < head.len())
    }

    /// Has nothing been shown?
    pub fn is_empty(&self) -> bool {
        self.head.as_ref().is_some_and(Vec::is_empty)
    }

    /// Where packets of this mirror go.
    fn out<'a>(&'a mut self, file: &'a mut File) -> &'a mut Vec<u8> {
        self.head.as_mut().unwrap_or(&mut file.out)
    }

    /// A place for one more process.
    pub fn add_process(&mut self, name: &str) -> usize {
        self.processes.push(shown(name));
        self.processes.len() - 1
    }

    /// The row's lane that a slice from `start` to `end` has for its own; `None` if there is none.
    pub fn lane(&mut self, file: &mut File, row: Row, start: u64, end: u64) -> Option<u64> {
        let place = row.place();
        if self.rows.len() <= place {
            self.rows.resize_with(place + 1, Vec::new);
        }
        let lanes = &mut self.rows[place];
        let free = lanes.iter_mut().filter(|lane| lane.busy_until <= start).max_by_key(|lane| lane.busy_until);
        if let Some(lane) = free {
            lane.busy_until = end;
            return Some(lane.track);
        }
        if LANES_MAX <= lanes.len() || TRACKS_MAX <= file.tracks {
            return None;
        }
        let track = file.new_track();
        lanes.push(Lane { track, busy_until: end });
        self.describe(file, row, track);
        Some(track)
    }

    /// The row's only track, where nothing has a length.
    pub fn single(&mut self, file: &mut File, row: Row) -> u64 {
        let place = row.place();
        if self.rows.len() <= place {
            self.rows.resize_with(place + 1, Vec::new);
        }
        if let Some(lane) = self.rows[place].first() {
            return lane.track;
        }
        let track = file.new_track();
        self.rows[place].push(Lane { track, busy_until: 0 });
        self.describe(file, row, track);
        track
    }

    fn describe(&mut self, file: &mut File, row: Row, track: u64) {
        let name = match row {
            Row::Kmirrord => "kmirrord".to_owned(),
            Row::Calls => "other calls".to_owned(),
            Row::Recoveries => "recoveries".to_owned(),
            Row::Requests => "userspace requests".to_owned(),
            Row::Events => "events".to_owned(),
            Row::Unfit => "without a track".to_owned(),
            Row::Counter(number) => COUNTERS[number.min(COUNTERS.len() - 1)].to_owned(),
            Row::Leg(leg) => format!("leg {leg}"),
            Row::Process(place) => self.processes.get(place).cloned().unwrap_or_default(),
        };
        let is_counter = matches!(row, Row::Counter(_));
        let descriptor = TrackDescriptor {
            uuid: Some(track),
            parent_uuid: Some(self.group),
            name: Some(name),
            counter: is_counter.then(|| CounterDescriptor { unit_name: Some("regions".to_owned()) }),
            sibling_order_rank: Some(row.rank()),
            ..TrackDescriptor::default()
        };
        push_track(descriptor, self.out(file));
    }

    /// Shows a slice on a row, or without a track.
    #[inline]
    pub fn slice(&mut self, file: &mut File, row: Row, slice: Slice, rest: impl FnOnce(&mut Body<'_>)) {
        match self.lane(file, row, slice.start, slice.end) {
            Some(track) => {
                self.begin(file, track, slice, rest);
                self.end(file, track, slice.end);
            }
            None => self.unfit(file, slice, rest),
        }
    }

    /// Begins a slice on a track that is its own.
    #[inline]
    pub fn begin(&mut self, file: &mut File, track: u64, slice: Slice, rest: impl FnOnce(&mut Body<'_>)) {
        self.event(file, Head { time: slice.start, track, what: What::Begin }, slice, rest);
    }

    /// Ends it.
    #[inline]
    pub fn end(&mut self, file: &mut File, track: u64, end: u64) {
        push(self.out(file), Head { time: end, track, what: What::End }, |_nothing| {});
    }

    /// A moment on a track.
    #[inline]
    pub fn instant(&mut self, file: &mut File, track: u64, slice: Slice, rest: impl FnOnce(&mut Body<'_>)) {
        self.event(file, Head { time: slice.end, track, what: What::Instant }, slice, rest);
    }

    /// A counter has a new value.
    pub fn count(&mut self, file: &mut File, number: usize, time: u64, value: u64) {
        let track = self.single(file, Row::Counter(number));
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        push(self.out(file), Head { time, track, what: What::Counter(value) }, |_nothing| {});
    }

    /// A slice that found no lane. It is counted, and shown as an instant at its begin.
    #[cold]
    pub fn unfit(&mut self, file: &mut File, slice: Slice, rest: impl FnOnce(&mut Body<'_>)) {
        file.slices_cut += 1;
        let track = self.single(file, Row::Unfit);
        let head = Head { time: slice.start, track, what: What::Instant };
        self.event(file, head, slice, |body| {
            rest(body);
            body.uint(super::names::Key::DurationNs, slice.end.saturating_sub(slice.start));
        });
    }

    #[inline]
    fn event(&mut self, file: &mut File, head: Head, slice: Slice, rest: impl FnOnce(&mut Body<'_>)) {
        push(self.out(file), head, |body| {
            body.name(slice.name, slice.category);
            rest(body);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{File, LANES_MAX, NAME_CHARS_MAX, Row, Tracks, shown};

    fn tracks() -> (File, Tracks) {
        let mut file = File::default();
        let tracks = Tracks::new(&mut file, 0, 0, "vg/lv".to_owned());
        (file, tracks)
    }

    #[test]
    fn slices_that_overlap_are_on_different_lanes() {
        let (mut file, mut tracks) = tracks();
        let mut lane = |start, end| tracks.lane(&mut file, Row::Recoveries, start, end).unwrap();
        let [first, second, third] = [(0, 10), (5, 12), (11, 14)].map(|(start, end)| lane(start, end));
        assert_ne!(first, second);
        assert_eq!(first, third, "it is free from 10 on");
        assert_eq!(lane(14, 20), first, "what ends and begins at the same time does not overlap");
        assert_eq!(lane(12, 20), second);
        assert!(![first, second].contains(&lane(13, 21)));
    }

    /// The lane that was free last: the other one is needed by what begins earlier.
    #[test]
    fn the_best_lane_is_taken_and_not_the_first() {
        let (mut file, mut tracks) = tracks();
        let mut lane = |start, end| tracks.lane(&mut file, Row::Recoveries, start, end).unwrap();
        let (first, second) = (lane(0, 5), lane(1, 10));
        assert_eq!(lane(10, 20), second);
        assert_eq!(lane(6, 21), first);
    }

    #[test]
    fn lanes_are_bounded_and_rows_have_their_own() {
        let (mut file, mut tracks) = tracks();
        for _ in 0..LANES_MAX {
            assert!(tracks.lane(&mut file, Row::Process(3), 0, 10).is_some());
        }
        assert_eq!(tracks.lane(&mut file, Row::Process(3), 0, 10), None);
        assert!(tracks.lane(&mut file, Row::Process(2), 0, 10).is_some());
        assert!(tracks.lane(&mut file, Row::Process(3), 10, 20).is_some());
    }

    #[test]
    fn rows_have_places_of_their_own() {
        let mut rows = vec![Row::Kmirrord, Row::Calls, Row::Recoveries, Row::Requests, Row::Events, Row::Unfit];
        rows.extend((0..3).map(Row::Counter));
        rows.extend((0..super::LEGS_MAX).map(Row::Leg));
        rows.extend((0..3).map(Row::Process));
        let mut places: Vec<usize> = rows.iter().map(|row| row.place()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), rows.len());
    }

    #[test]
    fn names_from_outside_are_harmless_and_short() {
        assert_eq!(shown("vg/lv"), "vg/lv");
        assert_eq!(shown("\u{1b}[2J\n\u{202e}x"), "\\u{1b}[2J\\n\\u{202e}x");
        assert_eq!(shown(&"\n".repeat(1 << 20)).chars().count(), NAME_CHARS_MAX);
        assert!(shown(&"x".repeat(1 << 20)).ends_with('…'));
    }
}
