//! Which log belongs to which device.
//!
//! A log instance lives as long as a mirror's table; a device outlives its logs. Log numbers are small and dense, so the
//! way from an event to its device is two array lookups.

use super::device::Device;
use crate::analysis::flush::Carried;
use crate::event::ids::{LogId, MonoNs};
use crate::event::op::Identity;

/// Logs that are told apart. A `pvmove` makes a few per segment that it moves; a million is a mistake or a forged file,
/// and what is beyond counts for the unknown device.
pub const LOGS_MAX: usize = 1 << 20;

/// Devices that are told apart; beyond, events count for the unknown device. The kernel has 2^20 minor numbers, but a
/// host with thousands of mirrors has not been heard of.
pub const DEVICES_MAX: usize = 4096;

/// Place of the device of events whose log is not known.
pub const UNKNOWN_DEVICE: u32 = 0;

const NOT_SEEN: u32 = u32::MAX;

/// What is known of one log instance.
#[derive(Clone, Copy, Debug)]
pub struct LogState {
    /// Place of its device.
    pub device: u32,
    /// Place of its target in the device.
    pub target: u32,
    /// What its next flush commits.
    pub carried: Carried,
    /// The last flush of its legs.
    pub leg_flush: LegFlush,
}

/// A flush of the legs, which is part of a flush of the log by the same thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegFlush {
    /// Its thread.
    pub tid: u32,
    /// When it was over; 0 if there was none.
    pub time: MonoNs,
    /// How long it took.
    pub duration_ns: u64,
}

/// A device without identity turned out to be another one: what stood at one place is now at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Place that is free now.
    pub from: u32,
    /// Place of the device that took everything over.
    pub to: u32,
}

/// All log instances of a stream.
#[derive(Clone, Debug)]
pub struct Logs {
    states: Vec<LogState>,
    /// Places of devices that have joined another one, free for new ones.
    vacant: Vec<u32>,
    beyond_limit: u64,
    /// The last log beyond the limit, so that one log is not counted once per event.
    last_beyond: Option<LogId>,
}

impl Default for Logs {
    fn default() -> Self {
        let unknown =
            LogState { device: UNKNOWN_DEVICE, target: 0, carried: Carried::default(), leg_flush: LegFlush::default() };
        Self { states: vec![unknown], vacant: Vec::new(), beyond_limit: 0, last_beyond: None }
    }
}

impl Logs {
    /// State of a log, made with a device of its own if it is new.
    #[inline]
    pub fn state(&mut self, log: LogId, devices: &mut Vec<Device>) -> &mut LogState {
        let mut place = log.0 as usize;
        if self.states.get(place).is_none_or(|state| state.device == NOT_SEEN) {
            place = self.add(log, devices);
        }
        &mut self.states[place]
    }

    /// Makes the state of a new log; returns its place, that of the unknown log if there is no room.
    #[cold]
    fn add(&mut self, log: LogId, devices: &mut Vec<Device>) -> usize {
        let place = log.0 as usize;
        let device = if place < LOGS_MAX { self.new_device(log, devices) } else { None };
        let Some(device) = device else {
            if self.last_beyond != Some(log) {
                self.beyond_limit += 1;
                self.last_beyond = Some(log);
            }
            return LogId::UNKNOWN.0 as usize;
        };
        if place >= self.states.len() {
            self.states.resize(
                place + 1,
                LogState { device: NOT_SEEN, target: 0, carried: Carried::default(), leg_flush: LegFlush::default() },
            );
        }
        self.states[place].device = device;
        place
    }

    /// A device for a log that is not identified; `None` if there is no room.
    fn new_device(&mut self, log: LogId, devices: &mut Vec<Device>) -> Option<u32> {
        if let Some(place) = self.vacant.pop() {
            devices[place as usize] = Device::of_log(log);
            return Some(place);
        }
        if devices.len() >= DEVICES_MAX {
            return None;
        }
        devices.push(Device::of_log(log));
        u32::try_from(devices.len() - 1).ok()
    }

    /// An identity has come: the log's device gets it, or joins the device that has it already.
    pub fn identify(
        &mut self,
        log: LogId,
        identity: &Identity,
        time: MonoNs,
        devices: &mut Vec<Device>,
    ) -> Option<Joined> {
        let LogState { device: current, target, .. } = *self.state(log, devices);
        if current == UNKNOWN_DEVICE {
            return None;
        }
        let known = devices[current as usize].identity();
        let found = if known.is_some_and(|known| known.device == identity.device && known.name == identity.name) {
            Some(current)
        } else {
            devices.iter().position(|device| device.is(identity)).and_then(|place| u32::try_from(place).ok())
        };
        let mut joined = None;
        let place = match (found, known) {
            // A new name of the same device.
            (None, Some(known)) if known.device == identity.device => current,
            (None, None) => current,
            (Some(found), None) => {
                let newcomer = std::mem::take(&mut devices[current as usize]);
                devices[found as usize].absorb(newcomer, identity);
                self.vacant.push(current);
                joined = Some(Joined { from: current, to: found });
                found
            }
            (Some(found), Some(_)) => found,
            (None, Some(_)) => self.new_device(log, devices).unwrap_or(current),
        };
        let before = (place == current).then_some(target);
        let target = devices[place as usize].identify(log, identity, time, before);
        let state = &mut self.states[log.0 as usize];
        state.device = place;
        state.target = target;
        joined
    }

    /// About how much memory they take, in bytes.
    pub fn footprint_bytes(&self) -> usize {
        self.states.len() * size_of::<LogState>()
    }

    /// Place of the device that a log's events count for.
    pub fn device_of(&self, log: LogId) -> u32 {
        let state = self.states.get(log.0 as usize).filter(|state| state.device != NOT_SEEN);
        state.map_or(UNKNOWN_DEVICE, |state| state.device)
    }

    /// The newest log of a target of a device: logs are numbered in order of appearance.
    pub fn last_of(&self, device: u32, target: u32) -> Option<LogId> {
        let place = self.states.iter().rposition(|state| state.device == device && state.target == target)?;
        u32::try_from(place).ok().map(LogId)
    }

    /// Logs that count for the unknown device for lack of room.
    pub fn beyond_limit(&self) -> u64 {
        self.beyond_limit
    }
}
