//! L2: the one fold of a stream of items into state, used live, in replay, in tests and in the gate.
//!
//! ```text
//! Item ─▶ Session::apply ─┬▶ logs     (one per log instance: what its next flush carries)
//!                         ├▶ devices  (one per mirror, which outlives its logs: every analysis)
//!                         ├▶ models   (one per log instance: what the kernel must answer)
//!                         └▶ losses
//!                 Session::snapshot ─▶ Snapshot (immutable; all that outputs see)
//! ```
//!
//! A replay hands over rows (`apply_row`), which are what `apply` makes of an item first: there is one fold.
//!
//! `apply` never fails, reads no clock and does no I/O: the same items give the same snapshot. An event of a log that
//! nobody has identified yet counts for a device of its own, which becomes the real one, or joins it, as soon as an
//! identity comes. An event whose log is not known at all counts for the unknown device. Nothing is dropped.

use dmlog_common::record::kind;

use crate::analysis::losses::Losses;
use crate::analysis::outcome::Outcome;
use crate::analysis::outstanding::{Outstanding, Pending};
use crate::analysis::recovery::Copied;
use crate::event::bits::Bits;
use crate::event::call::{CODES, Call, Row};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::{Bio, FlushKind, Identity, IoKind, Op};

use self::device::Device;
use self::logs::{LegFlush, LogState, Logs, UNKNOWN_DEVICE};
use self::maps::MapsAsked;
use self::model::Models;
use self::model::rules::Rules;
use self::window::{Moment, Phase, Window};

pub mod cursor;
pub mod device;
pub mod difference;
pub mod distributions;
pub mod logs;
pub mod look;
pub mod maps;
pub mod model;
pub mod packed;
pub mod snapshot;
mod table;
#[cfg(test)]
mod tests;
pub mod window;

/// What a session looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Leave out what was over before this.
    pub since: Option<Moment>,
    /// Leave out what was over at this or after it.
    pub until: Option<Moment>,
}

/// State folded from items.
#[derive(Clone, Debug)]
pub struct Session {
    window: Window,
    logs: Logs,
    devices: Vec<Device>,
    outstanding: Outstanding,
    losses: Losses,
    /// `None` if nobody asks what they say.
    models: Option<Box<Models>>,
    /// `None` if nobody asks for heat maps.
    maps: Option<Box<MapsAsked>>,
    events_outside: u64,
}

impl Session {
    /// An empty session. With facts, times are told from the start of the capture, else (or if that came first) from the
    /// first item.
    pub fn new(facts: Option<&CaptureFacts>, settings: Settings) -> Self {
        let start = facts.map(|facts| facts.clock.monotonic_ns).filter(|&ns| ns != 0);
        Self {
            window: Window::new(start.map(MonoNs), settings),
            logs: Logs::default(),
            devices: vec![Device::default()],
            outstanding: Outstanding::default(),
            losses: Losses::default(),
            models: Some(Box::new(Models::new(facts, Rules::Kernel))),
            maps: None,
            events_outside: 0,
        }
    }

    /// The same without models of the logs, where nobody asks what they say.
    #[must_use]
    pub fn without_models(mut self) -> Self {
        self.models = None;
        self
    }

    /// The same with what heat maps are made of, which [`maps`](Self::maps) tells.
    #[must_use]
    pub fn with_maps(mut self) -> Self {
        self.maps = Some(Box::default());
        self
    }

    /// The same with models that follow these rules. For tests: wrong rules must be found.
    #[must_use]
    pub fn with_rules(mut self, facts: Option<&CaptureFacts>, rules: Rules) -> Self {
        self.models = Some(Box::new(Models::new(facts, rules)));
        self
    }

    /// Folds one item in.
    pub fn apply(&mut self, item: &Item) {
        match Row::of(item) {
            Row::Call(call) => self.apply_call(&call),
            Row::Map(call, bio) => self.apply_map(&call, &bio),
            Row::Item(item) => self.apply_other(item),
        }
    }

    /// Folds one row of a trace in: the same as [`apply`](Self::apply) on its item, without making one.
    #[inline]
    pub fn apply_row(&mut self, row: &Row<'_>) {
        match row {
            Row::Call(call) => self.apply_call(call),
            Row::Map(call, bio) => self.apply_map(call, bio),
            Row::Item(item) => self.apply(item),
        }
    }

    /// What is more than numbers.
    fn apply_other(&mut self, item: &Item) {
        match item {
            Item::Event(event) => {
                let call = Call::of(event);
                match &event.op {
                    Op::Identity(identity) => self.apply_identity(&call, identity),
                    Op::Bits(bits) => self.apply_bits(&call, bits),
                    Op::Log(..) | Op::RegionHash(_) | Op::Mirror(_) | Op::Consult { .. } => {
                        self.apply_call(&call);
                    }
                }
                return;
            }
            Item::Gap(gap) => {
                if self.window.see(gap.time, gap.time) == Phase::Inside {
                    self.losses.gap(gap);
                    if let Some(maps) = &mut self.maps {
                        maps.lose(gap.time, gap.lost);
                    }
                }
            }
            Item::DecodeError(failure) => {
                if self.window.see(failure.time, failure.time) == Phase::Inside {
                    self.losses.decode_error(failure);
                    if let Some(maps) = &mut self.maps {
                        maps.lose(failure.time, Some(1));
                    }
                }
            }
        }
        if let Some(models) = &mut self.models {
            models.apply_loss(item);
        }
    }

    #[inline]
    fn apply_call(&mut self, call: &Call) {
        let Self { window, logs, devices, models, events_outside, .. } = self;
        let Some((_, device, inside)) = count(call, window, logs, devices, events_outside) else { return };
        if let Some(models) = models {
            models.apply(call, &mut device.comparisons, inside);
        }
        if CHANGES[usize::from(call.code) % CODES] {
            self.change(call, inside);
        }
        if OCCUPIES[usize::from(call.code) % CODES] {
            self.occupy_by(call, inside);
        }
    }

    /// An operation of [`OCCUPIES`]: some of them tell by their result that nothing has changed.
    #[inline(never)]
    fn occupy_by(&mut self, call: &Call, inside: bool) {
        let changes_nothing = match u16::from(call.code) {
            kind::FLUSH => call.arg().and_then(FlushKind::from_number) == Some(FlushKind::NoOp),
            kind::GET_RESYNC_WORK => call.result != 1,
            kind::GET_SYNC_COUNT => {
                let log = self.logs.state(call.log, &mut self.devices);
                self.devices[log.device as usize].knows_sync_count(call, log.target)
            }
            _ => false,
        };
        if !changes_nothing {
            self.occupy(call, inside);
        }
    }

    /// Follows how many regions are dirty, after the model has taken in what changes it.
    fn occupy(&mut self, call: &Call, inside: bool) {
        let Self { window, logs, devices, models, .. } = self;
        let log = logs.state(call.log, devices);
        if log.device != UNKNOWN_DEVICE {
            let of_log = models.as_mut().and_then(|models| models.occupancy(call.log));
            devices[log.device as usize].occupy(call, log.target, of_log, inside.then(|| window.begin()));
        }
    }

    /// What an event changes beside the counters that all have. Half of the events are only counted.
    #[inline(never)]
    fn change(&mut self, call: &Call, inside: bool) {
        let Self { logs, devices, outstanding, maps, .. } = self;
        let log = logs.state(call.log, devices);
        let device = &mut devices[log.device as usize];
        if let Some(maps) = maps
            && inside
        {
            maps.change(call, device, log.target);
        }
        match u16::from(call.code) {
            kind::MARK_REGION
            | kind::CLEAR_REGION
            | kind::FLUSH
            | kind::GET_RESYNC_WORK
            | kind::SET_REGION_SYNC
            | kind::GET_SYNC_COUNT => {
                if let Some(op) = call.log_op() {
                    device.apply_log_op(&op, call, log, inside);
                }
            }
            kind::RH_INC => {
                let (device_place, time) = (log.device, call.time);
                let pending = outstanding.get_mut(call.io()).filter(|pending| pending.device == device_place);
                if let Some(pending) = pending {
                    pending.picked = Some((time, device.timeline.position()));
                    if let Some(since) = pending.delayed.take() {
                        device.io.delay_over(since, time);
                    }
                }
            }
            kind::END_IO => self.end(call, inside),
            kind::LEG_FLUSH => {
                let duration_ns = call.span_ns().unwrap_or(0);
                log.leg_flush = LegFlush { tid: call.tid, time: call.time, duration_ns };
            }
            kind::PASS => device.flushes.slowest.pass(call.log, call.tid, call.start(), call.time),
            kind::RH_DELAY if inside => {
                device.io.delay();
                if let Some(pending) = outstanding.get_mut(call.io()) {
                    pending.delayed = Some(call.time);
                }
            }
            kind::RH_RECOVERY_END if inside => device.recovery.end(call.time, call.arg != 0),
            kind::RECOVER if inside => device.recovery.copy(call.region(), call.time),
            kind::RECOVERY_COMPLETE if inside => {
                let geometry = *device.geometry(log.target);
                let copied = Copied {
                    region: call.region(),
                    time: call.time,
                    took_ns: call.duration_ns(),
                    read_failed: call.result != 0,
                    write_errors: call.arg.cast_unsigned(),
                };
                device.recovery.copied(&copied, &geometry);
            }
            kind::CONSULT if inside => {
                let request = u32::try_from(call.arg).unwrap_or(0);
                device.consults.observe(request, call.result_i32(), call.duration_ns());
            }
            _ => {}
        }
    }

    /// A bio enters.
    fn apply_map(&mut self, call: &Call, bio: &Bio<'_>) {
        let Self { window, logs, devices, outstanding, events_outside, .. } = self;
        let Some((log, device, inside)) = count(call, window, logs, devices, events_outside) else { return };
        let kind = bio.kind();
        let process = if inside { device.processes.enter(bio, kind) } else { device.processes.number_of(bio) };
        if inside {
            device.io.enter(kind, bio.bytes);
            if kind == IoKind::Write {
                device.write_region(log.target, bio, process);
                if device.recovery.is_copying() {
                    device.recovery.enter_rival(bio.bytes);
                }
            }
        }
        let pending = Pending {
            io: bio.io,
            entered: call.time,
            position: Some(device.timeline.position()),
            picked: None,
            delayed: None,
            device: log.device,
            process,
            log: call.log,
            kind,
        };
        outstanding.insert(pending);
    }

    /// A bio is over. It counts for the device that it entered, whatever the log of the event says.
    fn end(&mut self, call: &Call, inside: bool) {
        let pending = self.outstanding.remove(call.io());
        if !inside {
            return;
        }
        let Some(pending) = pending else {
            let place = self.logs.state(call.log, &mut self.devices).device;
            self.devices[place as usize].end_without_entry();
            return;
        };
        let latency_ns = call.duration_ns().unwrap_or_else(|| call.time.0.saturating_sub(pending.entered.0));
        if let Some(maps) = &mut self.maps
            && pending.kind == IoKind::Write
        {
            maps.write(&mut self.devices[pending.device as usize], call.time, latency_ns);
        }
        self.devices[pending.device as usize].end(&pending, call.time, latency_ns, call.result_i32());
    }

    fn apply_identity(&mut self, call: &Call, identity: &Identity) {
        self.identify(call.log, identity, call.time);
        let Self { window, logs, devices, models, events_outside, .. } = self;
        let Some((_, device, inside)) = count(call, window, logs, devices, events_outside) else { return };
        if inside {
            device.failures.observe_identity(identity, call.time);
        }
        if let Some(models) = models {
            models.identify(call, identity, &mut device.comparisons, inside);
        }
        self.occupy(call, inside);
    }

    /// A snapshot of bits counts as an event; what it says is for the models.
    fn apply_bits(&mut self, call: &Call, bits: &Bits) {
        let Self { window, logs, devices, models, events_outside, .. } = self;
        let Some((_, device, inside)) = count(call, window, logs, devices, events_outside) else { return };
        if let Some(models) = models {
            models.snapshot_bits(call, bits, &mut device.comparisons, inside);
        }
        self.occupy(call, inside);
    }

    fn identify(&mut self, log: LogId, identity: &Identity, time: MonoNs) {
        if let Some(joined) = self.logs.identify(log, identity, time, &mut self.devices) {
            self.outstanding.move_device(joined.from, joined.to);
        }
    }
}

/// The operations that [`Session::change`] knows.
static CHANGES: [bool; CODES] = table(&[
    kind::MARK_REGION,
    kind::CLEAR_REGION,
    kind::FLUSH,
    kind::GET_RESYNC_WORK,
    kind::SET_REGION_SYNC,
    kind::GET_SYNC_COUNT,
    kind::RH_INC,
    kind::END_IO,
    kind::LEG_FLUSH,
    kind::PASS,
    kind::RH_DELAY,
    kind::RH_RECOVERY_END,
    kind::RECOVER,
    kind::RECOVERY_COMPLETE,
    kind::CONSULT,
]);

/// The operations that may change how many regions are dirty, out of sync or in recovery, or what is on the log device.
static OCCUPIES: [bool; CODES] = table(&[
    kind::MARK_REGION,
    kind::CLEAR_REGION,
    kind::FLUSH,
    kind::SET_REGION_SYNC,
    kind::GET_RESYNC_WORK,
    kind::GET_SYNC_COUNT,
    kind::RESUME,
    kind::DTR,
]);

/// Whether each operation is among these.
const fn table(known: &[u16]) -> [bool; CODES] {
    let mut table = [false; CODES];
    let mut place = 0;
    while place < known.len() {
        table[known[place] as usize] = true;
        place += 1;
    }
    table
}

/// What every event counts for, whatever it is: finds its log and its device, and tells whether it lies in the window;
/// `None` if it is left out altogether.
#[inline]
fn count<'a>(
    call: &Call,
    window: &mut Window,
    logs: &'a mut Logs,
    devices: &'a mut Vec<Device>,
    events_outside: &mut u64,
) -> Option<(&'a mut LogState, &'a mut Device, bool)> {
    let phase = window.see(call.start(), call.time);
    let log = logs.state(call.log, devices);
    let device = &mut devices[log.device as usize];
    match phase {
        Phase::Inside => {
            let outcome = Outcome::of(call);
            device.ops.observe(call, outcome.failed);
            if outcome.tells {
                device.failures.observe(call);
            }
            Some((log, device, true))
        }
        Phase::Before => {
            *events_outside += 1;
            Some((log, device, false))
        }
        Phase::After => {
            *events_outside += 1;
            None
        }
    }
}
