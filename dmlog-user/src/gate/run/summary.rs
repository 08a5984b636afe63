//! Makes a [`Run`] of a trace: one item after the other, through the session that all outputs share, and slice by slice.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Capture, DeviceRun, Faults, Run, Series, Slice};
use crate::analysis::catalogue;
use crate::analysis::subject::{Seen, Subject, Subjects};
use crate::event::facts::{CaptureFacts, Probe};
use crate::event::ids::LogId;
use crate::event::item::Item;
use crate::event::op::Op;
use crate::gate::durations::Durations;
use crate::session::snapshot::{DeviceSnapshot, Snapshot};
use crate::session::{Session, Settings};

/// Length of a slice at first: the second that everybody looks at.
pub const SLICE_NS: u64 = 1_000_000_000;

/// Slices of a run: more than an hour of seconds. Of longer runs a slice is two seconds, or four, and so on.
pub const SLICES_MAX: usize = 4096;

/// Logs that are told apart; events of further ones are counted as beyond the limit.
pub const LOGS_MAX: usize = 4096;

/// Events of several processors come out of order by less than this.
const TIME_BACK_NS: u64 = 100_000_000;

/// A trace in the making of a run.
#[derive(Debug)]
pub struct Summary {
    name: String,
    facts: CaptureFacts,
    session: Session,
    subjects: Subjects,
    names: BTreeMap<LogId, (String, Option<String>)>,
    growing: BTreeMap<(LogId, Subject), Growing>,
    /// When the first item was.
    origin_ns: Option<u64>,
    latest_ns: u64,
    slice_ns: u64,
    times_back: u64,
    beyond_limits: u64,
}

/// A series in the making.
#[derive(Debug, Default)]
struct Growing {
    series: Series,
    /// The slice that is open, and what ended in it.
    open: usize,
    count: u64,
    durations_ns: Vec<u64>,
}

impl Summary {
    /// Of a trace with this name.
    pub fn new(name: &str, facts: &CaptureFacts) -> Self {
        Self {
            name: name.to_owned(),
            facts: facts.clone(),
            session: Session::new(Some(facts), Settings::default()),
            subjects: Subjects::default(),
            names: BTreeMap::new(),
            growing: BTreeMap::new(),
            origin_ns: None,
            latest_ns: 0,
            slice_ns: SLICE_NS,
            times_back: 0,
            beyond_limits: 0,
        }
    }

    /// Takes an item in.
    pub fn see(&mut self, item: &Item) {
        self.session.apply(item);
        let time_ns = item.time().0;
        let origin_ns = *self.origin_ns.get_or_insert(time_ns);
        self.times_back += u64::from(time_ns.saturating_add(TIME_BACK_NS) < self.latest_ns);
        self.latest_ns = self.latest_ns.max(time_ns);
        if let Item::Event(event) = item
            && let Op::Identity(identity) = &event.op
            && (self.names.len() < LOGS_MAX || self.names.contains_key(&event.log))
        {
            let device = identity.device.to_string();
            let name = if identity.name.is_empty() { device.clone() } else { identity.name.clone() };
            self.names.insert(event.log, (name, Some(device)));
        }
        let after_ns = time_ns.saturating_sub(origin_ns);
        while after_ns / self.slice_ns >= SLICES_MAX as u64 {
            self.widen();
        }
        let Self { subjects, growing, slice_ns, beyond_limits, .. } = self;
        let logs = growing.len();
        subjects.see(item, |seen| {
            if seen.subject == Subject::Lost {
                return;
            }
            // Some twelve subjects each.
            if logs >= LOGS_MAX * 12 && !growing.contains_key(&(seen.log, seen.subject)) {
                *beyond_limits += 1;
                return;
            }
            growing.entry((seen.log, seen.subject)).or_default().count(&seen, after_ns, *slice_ns);
        });
    }

    /// Makes slices twice as long.
    fn widen(&mut self) {
        self.slice_ns *= 2;
        for growing in self.growing.values_mut() {
            growing.close();
            growing.open /= 2;
            let pairs = growing.series.slices.chunks(2).map(merged);
            growing.series.slices = pairs.collect();
        }
    }

    /// The run, after the last item; `torn_tail_bytes` could not be read.
    pub fn finish(self, torn_tail_bytes: u64) -> Run {
        let snapshot = self.session.snapshot(1);
        let Self { name, facts, names, growing, slice_ns, times_back, beyond_limits, .. } = self;
        let mut devices: Vec<DeviceRun> = snapshot.devices.iter().map(device_of).collect();
        for ((log, subject), mut growing) in growing {
            growing.close();
            let called = names.get(&log).map_or_else(|| unidentified(log), |(name, _)| name.clone());
            let place = devices.iter().position(|device| device.name == called).unwrap_or_else(|| {
                devices.push(DeviceRun { name: called, ..DeviceRun::default() });
                devices.len() - 1
            });
            if let Some(device) = devices.get_mut(place) {
                device.series.entry(subject.name().to_owned()).or_default().absorb(growing.series);
            }
        }
        Run {
            name,
            capture: Some(capture_of(&facts)),
            duration_ns: snapshot.window.duration_ns,
            events: snapshot.window.events,
            faults: faults_of(&snapshot, &devices, torn_tail_bytes, times_back, beyond_limits),
            slice_ns,
            devices,
            figures: BTreeMap::new(),
        }
    }
}

impl Growing {
    fn count(&mut self, seen: &Seen, after_ns: u64, slice_ns: u64) {
        let slice = usize::try_from(after_ns / slice_ns).unwrap_or(usize::MAX);
        // One that comes late counts for the slice that is open.
        if slice > self.open {
            self.close();
            self.open = slice;
        }
        if self.series == Series::default() && self.count == 0 {
            self.series.first_ns = after_ns;
        }
        self.series.last_ns = self.series.last_ns.max(after_ns);
        self.count = self.count.saturating_add(seen.count);
        self.durations_ns.extend(seen.duration_ns);
    }

    /// Puts what is open to the others.
    fn close(&mut self) {
        if self.count == 0 {
            return;
        }
        let slices = &mut self.series.slices;
        if slices.len() <= self.open {
            slices.resize(self.open + 1, Slice::default());
        }
        let closed = Slice { count: self.count, durations: Durations::of(&self.durations_ns) };
        if let Some(slice) = slices.get_mut(self.open) {
            *slice = merged(&[std::mem::take(slice), closed]);
        }
        self.count = 0;
        self.durations_ns.clear();
    }
}

fn merged(slices: &[Slice]) -> Slice {
    Slice {
        count: slices.iter().fold(0, |sum, slice| sum.saturating_add(slice.count)),
        durations: Durations::merged(slices.iter().map(|slice| &slice.durations)),
    }
}

impl Series {
    /// Adds what another log of the same mirror did.
    fn absorb(&mut self, other: Self) {
        if self.slices.is_empty() {
            *self = other;
            return;
        }
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        let slices = self.slices.len().max(other.slices.len());
        self.slices.resize(slices, Slice::default());
        for (ours, theirs) in self.slices.iter_mut().zip(other.slices) {
            *ours = merged(&[std::mem::take(ours), theirs]);
        }
    }
}

/// As a session calls a log that nobody identified.
fn unidentified(log: LogId) -> String {
    if log == LogId::UNKNOWN { "unknown device".to_owned() } else { format!("unidentified device of log {}", log.0) }
}

fn capture_of(facts: &CaptureFacts) -> Capture {
    let probed = facts.coverage.iter().filter_map(|hook| {
        let probe = match hook.probe {
            Probe::Fentry => "fentry",
            Probe::Kprobe => "kprobe",
            Probe::Off | Probe::Waiting | Probe::Absent => return None,
        };
        Some((format!("{}:{}", hook.module, hook.function), probe.to_owned()))
    });
    Capture {
        tool_version: facts.tool_version.clone(),
        host: facts.host.clone(),
        kernel_release: facts.kernel_release.clone(),
        machine: facts.machine.clone(),
        cpus: facts.cpus,
        realtime_ns: facts.clock.realtime_ns,
        devices: facts.devices.clone(),
        reads: facts.reads,
        io: facts.io,
        probes: probed.collect(),
    }
}

fn faults_of(
    snapshot: &Snapshot,
    devices: &[DeviceRun],
    torn_tail_bytes: u64,
    times_back: u64,
    beyond_limits: u64,
) -> Faults {
    let numbers = devices.iter().flat_map(|device| &device.numbers);
    let clamped = numbers.filter(|(path, _)| path.ends_with("latency_clamped")).map(|(_, count)| *count);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let latency_clamped = clamped.sum::<f64>() as u64;
    Faults {
        lost: snapshot.losses.lost,
        gaps_of_unknown_size: snapshot.losses.gaps_of_unknown_size,
        decode_errors: snapshot.losses.decode_errors,
        torn_tail_bytes,
        divergences: snapshot.model.as_ref().map_or(0, |model| model.divergences),
        times_back,
        latency_clamped,
        beyond_limits: snapshot.bios_forgotten + snapshot.logs_beyond_limit + beyond_limits,
    }
}

fn device_of(device: &DeviceSnapshot) -> DeviceRun {
    let mut numbers = BTreeMap::new();
    flatten(&serde_json::to_value(device).unwrap_or_default(), &mut String::new(), &mut numbers);
    DeviceRun {
        name: device.name.clone(),
        device: device.device.clone(),
        log_type: device.log_type.clone(),
        legs: device.legs,
        region_size_bytes: device.targets.iter().map(|target| target.region_size_bytes).collect(),
        target_sectors: device.targets.iter().map(|target| target.target_sectors).collect(),
        series: BTreeMap::new(),
        numbers,
    }
}

/// All numbers of the catalogue, by their path; not those in lists, of which there is no telling which is which.
fn flatten(value: &Value, path: &mut String, numbers: &mut BTreeMap<String, f64>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                let number = value.as_f64().filter(|number| number.is_finite() && catalogue::metric(key).is_some());
                match number {
                    Some(number) => drop(numbers.insert(path.clone(), number)),
                    None => flatten(value, path, numbers),
                }
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
}

#[cfg(test)]
mod tests;
