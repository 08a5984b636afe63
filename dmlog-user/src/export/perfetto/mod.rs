//! A trace for ui.perfetto.dev and whatever else reads Perfetto's format: track events as protobuf.
//!
//! ```text
//! Item ─▶ Perfetto::take ─┬▶ calls    of threads, until they can be shown as they nest
//!                         ├▶ bios     until their end
//!                         ├▶ flows    write ─▶ mark ─▶ flush ─▶ clear
//!                         ├▶ Session  for the counters: regions dirty, out of sync, in recovery
//!                         └▶ tracks   lanes without overlaps ─▶ packets ─▶ bytes
//! ```
//!
//! Every item is shown once: as a slice where it has a length, else as an instant; bios, copies of regions and round trips are slices from
//! their begin to their end. Slices are written when they are over, begin and end one behind the other, so a track is in order of time and the file need not be:
//! readers sort by time, as the format asks them to. Nothing is held for longer than the limits here allow. Tracks are numbered in order
//! of appearance: same input, same bytes.

use std::io::{self, Write};

use dmlog_common::record::kind;
use rustc_hash::FxHashMap;

use self::bios::{Bios, UnderWay};
use self::calls::Together;
use self::facts::{Roots, push_capture, push_header};
use self::flows::{Flows, LogFlows};
use self::mirror::{Mirror, Open, Picked};
use self::names::{Category, Key, Name};
use self::packet::{Head, What, push};
use self::tracks::{COUNTERS, File, Row, Slice, shown};
use super::jsonl::push_details;
use super::sink::{ItemSink, LOGS_MAX};
use crate::event::call::{Call, Row as TraceRow};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{IoId, LogId, MonoNs};
use crate::event::item::{DecodeFailure, Gap, Item};
use crate::event::op::{Bio, Event, Identity, Op};
use crate::session::{Session, Settings};

pub mod bios;
pub mod calls;
pub mod facts;
pub mod flows;
pub mod mirror;
pub mod names;
pub mod packet;
pub mod proto;
#[cfg(test)]
mod tests;
pub mod tracks;

/// Bytes that are collected before they are handed on.
const BUFFER_BYTES: usize = 256 << 10;
/// Mirrors that have tracks of their own, as many as a session tells apart; events of further ones are the unknown device's.
const MIRRORS_MAX: usize = 4096;
/// Writes that a pass took up and that wait for its flush, for each log and for each mirror.
const PICKED_MAX: usize = 1 << 14;
/// The same for all logs and mirrors, some 30 bytes each.
const ALL_PICKED_MAX: usize = 1 << 18;
/// Copies of regions of a mirror at once. The kernel's default is one.
const RECOVERIES_MAX: usize = 64;
/// Characters of a log's description.
const DETAILS_CHARS_MAX: usize = 1024;
/// Place of events whose log is not known, among logs and among mirrors.
const UNKNOWN: usize = 0;

/// Writes packets.
#[derive(Debug)]
pub struct Perfetto<W> {
    out: W,
    facts: CaptureFacts,
    state: State,
}

/// One log.
#[derive(Debug, Default)]
struct Log {
    /// Place of its mirror, once it has one.
    mirror: Option<usize>,
    flows: LogFlows,
    /// Bios that a pass took up since the last flush.
    picked: Vec<u64>,
}

#[derive(Debug)]
struct State {
    file: File,
    roots: Roots,
    has_begun: bool,
    session: Session,
    logs: Vec<Log>,
    by_id: FxHashMap<LogId, usize>,
    logs_forgotten: u64,
    mirrors: Vec<Mirror>,
    bios: Bios,
    flows: Flows,
    together: Together,
    /// Writes that wait for a flush, and for a mark.
    picked: usize,
    processes: usize,
    /// Flows of one flush.
    scratch: Vec<u64>,
    /// The latest time.
    last: u64,
}

impl<W: Write> Perfetto<W> {
    /// A file of one capture.
    pub fn new(out: W, facts: &CaptureFacts) -> Self {
        let mut file = File::default();
        let roots = push_header(facts, &mut file);
        let unknown = Mirror::new(&mut file, roots.root, i32::MAX, "unknown device".to_owned());
        let state = State {
            file,
            roots,
            has_begun: false,
            session: Session::new(Some(facts), Settings::default()),
            logs: vec![Log { mirror: Some(UNKNOWN), ..Log::default() }],
            by_id: FxHashMap::default(),
            logs_forgotten: 0,
            mirrors: vec![unknown],
            bios: Bios::default(),
            flows: Flows::default(),
            together: Together::default(),
            picked: 0,
            processes: 0,
            scratch: Vec::new(),
            last: 0,
        };
        Self { out, facts: facts.clone(), state }
    }

    /// Shows what is known of the capture, before everything else.
    fn begin(&mut self, time: MonoNs) {
        let State { file, roots, has_begun, last, by_id, .. } = &mut self.state;
        if std::mem::replace(has_begun, true) {
            return;
        }
        *last = time.0;
        push_capture(&self.facts, *roots, time.0, file);
        // What is known from before the time that is shown.
        let mut logs: Vec<LogId> = by_id.keys().copied().collect();
        logs.sort_unstable();
        for id in logs {
            let log = self.state.log(id);
            if let Some(mirror) = self.state.logs[log].mirror {
                self.state.count(id, time.0, mirror);
            }
        }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.state.file.out)?;
        self.state.file.out.clear();
        Ok(())
    }
}

impl<W: Write> ItemSink for Perfetto<W> {
    type Out = W;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        self.begin(item.time());
        self.state.take(item);
        if BUFFER_BYTES <= self.state.file.out.len() { self.hand_on() } else { Ok(()) }
    }

    fn pass_over(&mut self, item: &Item) {
        self.state.pass_over(item);
    }

    fn finish(mut self) -> io::Result<W> {
        self.begin(MonoNs(self.facts.clock.monotonic_ns));
        self.state.finish();
        self.hand_on()?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl State {
    fn take(&mut self, item: &Item) {
        self.last = self.last.max(item.time().0);
        let row = TraceRow::of(item);
        self.session.apply_row(&row);
        match row {
            TraceRow::Call(call) => self.call(&call),
            TraceRow::Map(call, bio) => self.map(&call, &bio),
            TraceRow::Item(item) => self.other(item),
        }
    }

    /// What lies before the time that is shown: which log is whose, how its regions are, which bios are under way.
    fn pass_over(&mut self, item: &Item) {
        let row = TraceRow::of(item);
        self.session.apply_row(&row);
        match row {
            TraceRow::Map(call, bio) => {
                self.enter(&call, &bio);
            }
            TraceRow::Call(call) if u16::from(call.code) == kind::END_IO => {
                self.bios.remove(call.io());
            }
            TraceRow::Item(Item::Event(Event { log, op: Op::Identity(identity), .. })) => {
                let log = self.log(*log);
                self.identify(log, identity);
            }
            TraceRow::Call(_) | TraceRow::Item(_) => {}
        }
    }

    /// Place of a log.
    #[inline]
    fn log(&mut self, id: LogId) -> usize {
        if id == LogId::UNKNOWN {
            return UNKNOWN;
        }
        if let Some(place) = self.by_id.get(&id) {
            return *place;
        }
        if LOGS_MAX <= self.logs.len() {
            self.logs_forgotten += 1;
            return UNKNOWN;
        }
        self.logs.push(Log::default());
        let place = self.logs.len() - 1;
        self.by_id.insert(id, place);
        place
    }

    /// Place of a log's mirror, which it gets if it has none.
    #[inline]
    fn mirror(&mut self, log: usize, id: LogId) -> usize {
        if let Some(mirror) = self.logs[log].mirror {
            return mirror;
        }
        let mirror = self.new_mirror(&format!("unidentified device of log {}", id.0)).unwrap_or(UNKNOWN);
        self.logs[log].mirror = Some(mirror);
        mirror
    }

    fn new_mirror(&mut self, name: &str) -> Option<usize> {
        let Self { file, roots, mirrors, .. } = self;
        let place = mirrors.len();
        let rank = i32::try_from(place).unwrap_or(i32::MAX).saturating_add(10);
        (place < MIRRORS_MAX).then(|| {
            mirrors.push(Mirror::new(file, roots.root, rank, name.to_owned()));
            place
        })
    }

    /// An operation that is numbers only.
    fn call(&mut self, call: &Call) {
        let log = self.log(call.log);
        let mirror = self.mirror(log, call.log);
        match u16::from(call.code) {
            kind::END_IO => self.end_io(call, mirror),
            kind::WRITE_CALLBACK => self.write_callback(call, mirror),
            kind::RECOVERY_COMPLETE => {
                let Self { mirrors, file, .. } = self;
                mirrors[mirror].recovered(file, call);
            }
            kind::CONSULT => {
                let name = Name::of_request(call.arg.cast_unsigned());
                self.mirrors[mirror].request(&mut self.file, call, name);
            }
            // What interrupts and other threads tell says nothing of the thread that was interrupted.
            kind::RH_DEC | kind::RH_RECOVERY_END | kind::READ_CALLBACK | kind::FAIL_MIRROR => {
                self.mirrors[mirror].event(&mut self.file, call);
            }
            _ => self.nested(call, log, mirror),
        }
        if may_change_counters(call.code) {
            self.count(call.log, call.time.0, mirror);
        }
        self.mirrors[mirror].release_if_full(&mut self.file);
    }

    /// A call that lies in others, or others in it.
    fn nested(&mut self, call: &Call, log: usize, mirror: usize) {
        let Self { file, logs, mirrors, bios, flows, together, scratch, picked: all_picked, .. } = self;
        let (log, Mirror { tracks, calls, picked, recoveries, .. }) = (&mut logs[log], &mut mirrors[mirror]);
        match u16::from(call.code) {
            kind::RH_INC => {
                if let Some(bio) = bios.get_mut(call.io()) {
                    bio.picked = call.time.0;
                    bio.region = call.region().map(|region| region.0);
                    if log.picked.len() < PICKED_MAX && *all_picked < ALL_PICKED_MAX {
                        log.picked.push(call.io);
                        *all_picked += 1;
                    }
                }
                let has_room = picked.len() < PICKED_MAX && *all_picked < ALL_PICKED_MAX;
                if let Some(region) = call.region().filter(|_| has_room) {
                    picked.push(Picked { tid: call.tid, region, io: call.io() });
                    *all_picked += 1;
                }
                calls.push(call, &[], 0, tracks, file, together);
            }
            kind::MARK_REGION => {
                // The kernel counts in all writes of a pass before it marks the first of their regions.
                let is_its = |picked: &Picked| picked.tid == call.tid && Some(picked.region) == call.region();
                let place = picked.iter().position(is_its);
                *all_picked -= usize::from(place.is_some());
                let bio = place.and_then(|place| bios.get_mut(picked.remove(place).io));
                let flow = match bio.filter(|bio| bio.entered <= call.start().0 && bio.flow == 0) {
                    Some(bio) => {
                        bio.flow = flows.new_flow();
                        bio.flow
                    }
                    None => 0,
                };
                let slot = calls.push(call, &[flow], 0, tracks, file, together);
                flows.mark(&mut log.flows, call, flow, slot);
            }
            kind::FLUSH => {
                *all_picked -= picked.len() + log.picked.len();
                picked.retain(|picked| picked.tid != call.tid);
                *all_picked += picked.len();
                for io in log.picked.drain(..) {
                    if let Some(bio) = bios.get_mut(IoId(io)).filter(|bio| bio.on_legs == 0) {
                        bio.on_legs = call.time.0;
                    }
                }
                scratch.clear();
                let cut = flows.flush(&mut log.flows, call, calls, scratch);
                calls.push(call, scratch, cut, tracks, file, together);
            }
            kind::CLEAR_REGION => {
                let flow = flows.clear(&mut log.flows, call);
                calls.push(call, flow.as_slice(), 0, tracks, file, together);
            }
            kind::RECOVER => {
                if recoveries.len() < RECOVERIES_MAX {
                    recoveries.push(Open { region: call.region(), since: call.time.0 });
                }
                calls.push(call, &[], 0, tracks, file, together);
            }
            _ => {
                calls.push(call, &[], 0, tracks, file, together);
            }
        }
    }

    /// A bio enters.
    fn map(&mut self, call: &Call, bio: &Bio<'_>) {
        if let Some(other) = self.enter(call, bio) {
            self.show_bio(&other, call.time.0, None);
        }
    }

    /// Awaits the end of a bio; gives back the one whose end is not awaited.
    fn enter(&mut self, call: &Call, bio: &Bio<'_>) -> Option<UnderWay> {
        let log = self.log(call.log);
        let place = self.mirror(log, call.log);
        let Mirror { tracks, processes, .. } = &mut self.mirrors[place];
        let process = processes.place(bio, &mut self.processes, &mut |name| tracks.add_process(name));
        let bio = UnderWay {
            io: bio.io.0,
            mirror: place,
            process,
            entered: call.start().0,
            picked: 0,
            on_legs: 0,
            region: None,
            flow: 0,
            sector: bio.sector.0,
            bytes: bio.bytes,
            opf: bio.opf,
            kind: bio.kind(),
        };
        self.bios.insert(bio)
    }

    /// A bio is over.
    fn end_io(&mut self, call: &Call, mirror: usize) {
        match self.bios.remove(call.io()) {
            Some(bio) => self.show_bio(&bio, call.time.0, Some(call)),
            None => self.mirrors[mirror].event(&mut self.file, call),
        }
    }

    /// Shows a bio up to a time; `end` is its end, if that was seen.
    fn show_bio(&mut self, bio: &UnderWay, until: u64, end: Option<&Call>) {
        let Self { file, mirrors, .. } = self;
        let start = bio.entered;
        let slice = Slice { start, end: until.max(start), name: Name::of_bio(bio.kind), category: Category::Io };
        mirrors[bio.mirror].tracks.slice(file, Row::Process(bio.process), slice, |body| {
            if bio.flow != 0 {
                body.flow(bio.flow);
            }
            body.uint(Key::Io, bio.io);
            body.uint(Key::Sector, bio.sector);
            body.uint(Key::Bytes, bio.bytes.into());
            body.uint(Key::Opf, bio.opf.into());
            body.uint_if(Key::Region, bio.region);
            if bio.picked != 0 {
                body.uint(Key::WorkerNs, bio.picked.saturating_sub(start));
            }
            if bio.on_legs != 0 {
                body.uint(Key::LogNs, bio.on_legs.saturating_sub(bio.picked));
                body.uint(Key::LegsNs, slice.end.saturating_sub(bio.on_legs));
            }
            match end {
                Some(call) => {
                    body.int(Key::Status, call.result);
                    body.uint_if(Key::LatencyNs, call.duration_ns().filter(|ns| *ns != slice.end - start));
                }
                None => body.text(Key::NotSeen, "its end"),
            }
        });
    }

    /// The write of a bio to the legs is over.
    fn write_callback(&mut self, call: &Call, mirror: usize) {
        let Self { file, mirrors, bios, .. } = self;
        let mirror = &mut mirrors[mirror];
        if let Some(bio) = bios.get_mut(call.io()) {
            // Without flushes in the trace: from when the pass took it up.
            let start = if bio.on_legs == 0 { bio.picked } else { bio.on_legs };
            let end = call.time.0;
            for leg in (0..mirror.legs).filter(|_| start != 0 && start <= end) {
                let is_failed = call.result.cast_unsigned() >> leg & 1 != 0;
                let name = if is_failed { Name::LEG_WRITE_FAILED } else { Name::LEG_WRITE };
                let slice = Slice { start, end, name, category: Category::Mirror };
                mirror.tracks.slice(file, Row::Leg(leg), slice, |body| {
                    body.uint(Key::Io, call.io);
                    body.uint(Key::Bytes, bio.bytes.into());
                    body.uint_if(Key::Region, bio.region);
                });
            }
        }
        mirror.event(file, call);
    }

    /// What is more than numbers.
    fn other(&mut self, item: &Item) {
        match item {
            Item::Event(event) => {
                let call = Call::of(event);
                let log = self.log(call.log);
                if let Op::Identity(identity) = &event.op {
                    self.identify(log, identity);
                }
                let mirror = self.mirror(log, call.log);
                self.details(event, item, &call, mirror);
                self.count(call.log, call.time.0, mirror);
                self.mirrors[mirror].release_if_full(&mut self.file);
            }
            Item::Gap(Gap { time, cpu, lost, cause }) => {
                self.flows.lose();
                self.loss(time.0, Name::of_gap(*cause), |body| {
                    body.uint_if(Key::Lost, *lost);
                    body.uint_if(Key::Cpu, cpu.map(u64::from));
                });
            }
            Item::DecodeError(DecodeFailure { time, reason }) => {
                self.flows.lose();
                self.loss(time.0, Name::DECODE_ERROR, |body| body.text(Key::Reason, &shown(reason)));
            }
        }
    }

    fn loss(&mut self, time: u64, name: Name, rest: impl FnOnce(&mut packet::Body<'_>)) {
        push(&mut self.file.out, Head { time, track: self.roots.losses, what: What::Instant }, |body| {
            body.name(name, Category::Loss);
            rest(body);
        });
    }

    /// An identity or bits, as a moment.
    fn details(&mut self, event: &Event, item: &Item, call: &Call, mirror: usize) {
        let details = match &event.op {
            Op::Identity(_) => {
                let mut json = String::new();
                push_details(item, &mut json);
                crate::export::number::shortened(&json, DETAILS_CHARS_MAX)
            }
            Op::Bits(bits) => {
                let set = bits.count().map_or_else(|| "not read".to_owned(), |set| format!("{set} set"));
                format!("{}: {} regions from {}, {set}", bits.bitset.name(), bits.regions, bits.first.0)
            }
            Op::Log(..) | Op::RegionHash(_) | Op::Mirror(_) | Op::Consult { .. } => String::new(),
        };
        let Self { file, mirrors, .. } = self;
        let tracks = &mut mirrors[mirror].tracks;
        let track = tracks.single(file, Row::Events);
        let time = call.time.0;
        let slice = Slice { start: time, end: time, name: Name::of(call), category: Category::of(call) };
        tracks.instant(file, track, slice, |body| {
            body.uint(Key::Log, call.log.0.into());
            body.uint_if(Key::DurationNs, call.span_ns());
            body.text(Key::Details, &details);
        });
    }

    /// A log's mirror is known.
    fn identify(&mut self, log: usize, identity: &Identity) {
        if log == UNKNOWN {
            return;
        }
        let current = self.logs[log].mirror;
        let same = match current.filter(|place| self.mirrors[*place].is(identity)) {
            Some(place) => Some(place),
            None => self.mirrors.iter().position(|mirror| mirror.is(identity)),
        };
        let place = match (same, current) {
            (Some(place), _) => place,
            (None, Some(place)) if place != UNKNOWN && self.mirrors[place].is_unidentified() => place,
            (None, _) => self.new_mirror("").unwrap_or(UNKNOWN),
        };
        self.logs[log].mirror = Some(place);
        if place != UNKNOWN {
            self.mirrors[place].identify(identity, &mut self.file);
        }
    }

    /// Tells how many regions are dirty, out of sync and in recovery, where that has changed.
    fn count(&mut self, log: LogId, time: u64, mirror: usize) {
        let now = self.session.regions_now(log);
        let Self { file, mirrors, .. } = self;
        let Mirror { tracks, counters, counted_until, .. } = &mut mirrors[mirror];
        if *counters == now {
            return;
        }
        // Events of other CPUs may come a little out of order; a value holds from when it was known.
        *counted_until = (*counted_until).max(time);
        let time = *counted_until;
        for (number, (before, now)) in counters.iter_mut().zip(now).enumerate() {
            if *before == now {
                continue;
            }
            *before = now;
            if let Some(value) = now {
                tracks.count(file, number, time, value);
            } else {
                let track = tracks.single(file, Row::Events);
                let slice = Slice { start: time, end: time, name: Name::NOT_KNOWN, category: Category::Capture };
                tracks.instant(file, track, slice, |body| body.text(Key::Counter, COUNTERS[number]));
            }
        }
    }

    fn finish(&mut self) {
        for bio in self.bios.drain() {
            self.show_bio(&bio, self.last, None);
        }
        let Self { file, mirrors, together, .. } = self;
        for mirror in mirrors.iter_mut() {
            mirror.finish(file, together, self.last);
        }
        self.limits();
    }

    /// What was left out, if anything was.
    fn limits(&mut self) {
        let numbers = [
            (Key::SlicesCut, self.file.slices_cut),
            (Key::BiosForgotten, self.bios.forgotten),
            (Key::RegionsForgotten, self.flows.forgotten),
            (Key::CallsApart, self.together.shown_apart),
            (Key::LogsForgotten, self.logs_forgotten),
        ];
        if numbers.iter().any(|(_, number)| *number != 0) {
            self.loss(self.last, Name::LIMITS, |body| {
                for (key, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
                    body.uint(key, number);
                }
            });
        }
    }
}

/// Whether an operation may change how many regions are dirty, out of sync or in recovery.
#[inline]
fn may_change_counters(code: u8) -> bool {
    matches!(
        u16::from(code),
        kind::MARK_REGION
            | kind::CLEAR_REGION
            | kind::FLUSH
            | kind::SET_REGION_SYNC
            | kind::GET_RESYNC_WORK
            | kind::GET_SYNC_COUNT
            | kind::RESUME
            | kind::DTR
    )
}
