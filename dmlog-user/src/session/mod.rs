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
//! `apply` never fails, reads no clock and does no I/O: the same items give the same snapshot. An event of a log that
//! nobody has identified yet counts for a device of its own, which becomes the real one, or joins it, as soon as an
//! identity comes. An event whose log is not known at all counts for the unknown device. Nothing is dropped.

use crate::analysis::losses::Losses;
use crate::analysis::outstanding::{Outstanding, Pending};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{DurationNs, IoId, LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::{Event, Identity, Io, IoKind, MirrorOp, Op, RegionHashOp};

use self::device::Device;
use self::logs::{LogState, Logs};
use self::model::Models;
use self::model::rules::Rules;
use self::window::{Moment, Phase, Window};

pub mod cursor;
pub mod device;
pub mod difference;
mod footprint;
pub mod logs;
pub mod model;
pub mod snapshot;
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
    events: u64,
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
            events: 0,
            events_outside: 0,
        }
    }

    /// The same without models of the logs, where nobody asks what they say.
    #[must_use]
    pub fn without_models(mut self) -> Self {
        self.models = None;
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
        if let Some(models) = &mut self.models {
            models.apply_loss(item);
        }
        match item {
            Item::Event(event) => self.apply_event(event),
            Item::Gap(gap) => {
                if self.window.see(gap.time, gap.time) == Phase::Inside {
                    self.losses.gap(gap);
                }
            }
            Item::DecodeError(failure) => {
                if self.window.see(failure.time, failure.time) == Phase::Inside {
                    self.losses.decode_error(failure);
                }
            }
        }
    }

    fn apply_event(&mut self, event: &Event) {
        let phase = self.window.see(event.start(), event.time);
        if let Op::Identity(identity) = &event.op {
            self.identify(event.log, identity, event.time);
        }
        let log = self.logs.state(event.log, &mut self.devices);
        let device = &mut self.devices[log.device as usize];
        match phase {
            Phase::Inside => {
                self.events += 1;
                device.ops.observe(event);
                device.failures.observe(event);
            }
            Phase::Before => self.events_outside += 1,
            Phase::After => {
                self.events_outside += 1;
                return;
            }
        }
        let inside = phase == Phase::Inside;
        if let Some(models) = &mut self.models {
            models.apply(event, &mut device.comparisons, inside);
        }
        match &event.op {
            Op::Log(_, op) => device.apply_log_op(op, event, log, inside),
            Op::RegionHash(op) => apply_region_hash(op, event.time, device, log, &mut self.outstanding, inside),
            Op::Mirror(MirrorOp::Map(io)) => enter(io, event, device, log, &mut self.outstanding, inside),
            Op::Mirror(MirrorOp::EndIo { io, latency, status }) => self.end(*io, event, *latency, *status, inside),
            Op::Mirror(MirrorOp::RecoveryComplete { region, took, read_error, write_error }) if inside => {
                let failed = *read_error != 0 || *write_error != 0;
                let geometry = *device.geometry(log.target);
                device.recovery.copied(*region, took.map(|d| d.0), failed, &geometry);
            }
            Op::Consult { request, result } if inside => {
                device.consults.observe(*request, *result, event.duration.map(|d| d.0));
            }
            Op::Mirror(_) | Op::Consult { .. } | Op::Identity(_) | Op::Bits(_) => {}
        }
    }

    /// A bio is over. It counts for the device that it entered, whatever the log of the event says.
    fn end(&mut self, io: IoId, event: &Event, latency: Option<DurationNs>, status: i32, inside: bool) {
        let time = event.time;
        let pending = self.outstanding.remove(io);
        if !inside {
            return;
        }
        let Some(pending) = pending else {
            let place = self.logs.state(event.log, &mut self.devices).device;
            self.devices[place as usize].end_without_entry();
            return;
        };
        let latency_ns = latency.map_or_else(|| time.0.saturating_sub(pending.entered.0), |latency| latency.0);
        self.devices[pending.device as usize].end(&pending, time, latency_ns, status);
    }

    fn identify(&mut self, log: LogId, identity: &Identity, time: MonoNs) {
        if let Some(joined) = self.logs.identify(log, identity, time, &mut self.devices) {
            self.outstanding.move_device(joined.from, joined.to);
        }
    }
}

fn apply_region_hash(
    op: &RegionHashOp,
    time: MonoNs,
    device: &mut Device,
    log: &LogState,
    outstanding: &mut Outstanding,
    inside: bool,
) {
    match op {
        RegionHashOp::IncPending { io, .. } => {
            if let Some(pending) = outstanding.get_mut(*io).filter(|pending| pending.device == log.device) {
                pending.picked = Some((time, device.timeline.position()));
                if let Some(since) = pending.delayed.take() {
                    device.io.delay_over(since, time);
                }
            }
        }
        RegionHashOp::Delay { io, .. } if inside => {
            device.io.delay();
            if let Some(pending) = outstanding.get_mut(*io) {
                pending.delayed = Some(time);
            }
        }
        RegionHashOp::RecoveryEnd { success, .. } if inside => device.recovery.end(time, *success),
        _ => {}
    }
}

/// A bio enters.
fn enter(io: &Io, event: &Event, device: &mut Device, log: &LogState, outstanding: &mut Outstanding, inside: bool) {
    let kind = io.kind();
    let process = if inside { device.processes.enter(io, kind) } else { device.processes.number_of(io) };
    if inside {
        device.io.enter(kind, io.bytes);
        if kind == IoKind::Write {
            device.write_region(log.target, io);
        }
    }
    outstanding.insert(Pending {
        io: io.io,
        entered: event.time,
        position: Some(device.timeline.position()),
        picked: None,
        delayed: None,
        bytes: io.bytes,
        device: log.device,
        process,
        log: event.log,
        kind,
    });
}
