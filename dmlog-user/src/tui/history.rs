//! Counters over time: what rates and graphs are made of.
//!
//! ```text
//! samples   |  |  |  |  |  |  |  |       every `resolution_ns`; when there are SAMPLES_MAX, every second one goes and
//!           |     |     |     |          the resolution halves, so that a history of any length takes the same memory
//! ```
//!
//! A sample holds counters since the start of the stream. What happened between two is their difference.

use crate::session::look::Counters;
use crate::session::snapshot::DeviceSnapshot;

/// Samples that are kept: twice what the widest screen has columns for.
pub const SAMPLES_MAX: usize = 512;

/// First distance of samples, short enough for graphs of a trace of a second.
pub const RESOLUTION_NS: u64 = 10_000_000;

/// Distance of samples of a running capture, which keeps the latest ones: these graphs end now and go back four minutes.
pub const LIVE_RESOLUTION_NS: u64 = 500_000_000;

/// How far graphs of a running capture go back.
pub const LIVE_SPAN_NS: u64 = 240_000_000_000;
const _: () = assert!(LIVE_SPAN_NS / LIVE_RESOLUTION_NS <= SAMPLES_MAX as u64 - SAMPLES_DROPPED as u64);

/// Samples that make room at once.
const SAMPLES_DROPPED: usize = SAMPLES_MAX / 16;

/// Rates are of this much time before the playhead, or of as much as there is.
pub const RATE_WINDOW_NS: u64 = 10_000_000_000;

#[derive(Clone, Debug)]
struct Sample {
    time_ns: u64,
    /// In the order of `names`; shorter where a mirror had not appeared yet.
    devices: Vec<Counters>,
}

/// Counters of all mirrors over time.
#[derive(Clone, Debug)]
pub struct History {
    names: Vec<String>,
    samples: Vec<Sample>,
    resolution_ns: u64,
    /// The oldest samples go, and the distance stays.
    is_sliding: bool,
    /// Some have gone.
    has_slid: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            samples: Vec::new(),
            resolution_ns: RESOLUTION_NS,
            is_sliding: false,
            has_slid: false,
        }
    }
}

impl History {
    /// A history that keeps the latest time.
    pub fn sliding() -> Self {
        Self { resolution_ns: LIVE_RESOLUTION_NS, is_sliding: true, ..Self::default() }
    }

    /// Distance of samples at least.
    pub fn resolution_ns(&self) -> u64 {
        self.resolution_ns
    }

    /// Whether a sample at this time would be kept.
    pub fn wants(&self, time_ns: u64) -> bool {
        self.samples.last().is_none_or(|last| time_ns >= last.time_ns.saturating_add(self.resolution_ns))
    }

    /// Keeps the counters of all mirrors, if they are far enough behind the last ones.
    pub fn offer(&mut self, time_ns: u64, counted: Vec<(String, Counters)>) {
        if !self.wants(time_ns) {
            return;
        }
        let mut devices = vec![Counters::default(); self.names.len()];
        for (name, counters) in counted {
            let place = self.names.iter().position(|known| *known == name);
            if let Some(place) = place {
                devices[place] = counters;
            } else {
                self.names.push(name);
                devices.push(counters);
            }
        }
        self.samples.push(Sample { time_ns, devices });
        if self.samples.len() >= SAMPLES_MAX && self.is_sliding {
            self.samples.drain(..SAMPLES_DROPPED);
            self.has_slid = true;
        } else if self.samples.len() >= SAMPLES_MAX {
            let mut place = 0;
            self.samples.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.resolution_ns = self.resolution_ns.saturating_mul(2);
        }
    }

    /// Counters of a mirror at a time: of the last sample that is not later.
    fn at(&self, place: usize, time_ns: u64) -> Option<(u64, Counters)> {
        let sample = self.samples.get(self.samples.partition_point(|s| s.time_ns <= time_ns).checked_sub(1)?)?;
        Some((sample.time_ns, sample.devices.get(place).copied().unwrap_or_default()))
    }

    /// How much time rates at `now_ns` are of.
    pub fn window_ns(&self, first_ns: u64, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.window_start(first_ns, now_ns))
    }

    fn window_start(&self, first_ns: u64, now_ns: u64) -> u64 {
        let wanted = now_ns.saturating_sub(RATE_WINDOW_NS);
        let kept = self.samples.partition_point(|sample| sample.time_ns <= wanted);
        let sample = kept.checked_sub(1).and_then(|place| self.samples.get(place));
        sample.map_or(first_ns, |sample| sample.time_ns).min(now_ns)
    }

    /// How much a counter grew per second in the window before `now_ns`.
    pub fn rate(&self, device: &DeviceSnapshot, span: (u64, u64), of: impl Fn(&Counters) -> u64) -> f64 {
        let (first_ns, now_ns) = span;
        let start = self.window_start(first_ns, now_ns);
        let place = self.names.iter().position(|name| *name == device.name);
        let before = place.and_then(|place| self.at(place, start)).filter(|_| start > first_ns);
        let before = before.map_or(0, |(_, counters)| of(&counters));
        let grown = of(&counters_of(device)).saturating_sub(before);
        crate::analysis::rate_per_s(grown, now_ns.saturating_sub(start))
    }

    /// A quotient of two counters' growth over time, in `points` steps from `first_ns` to `last_ns`; `None` where nothing
    /// is known. With `per_second`, the first one's growth per second.
    pub fn series(&self, device: &str, span: (u64, u64), points: usize, of: Series) -> Vec<Option<f64>> {
        let (first_ns, last_ns) = span;
        let Some(place) = self.names.iter().position(|name| name == device) else { return vec![None; points] };
        let width = last_ns.saturating_sub(first_ns);
        let time_of = |point: usize| {
            let part = u128::from(width) * point as u128 / points.max(1) as u128;
            first_ns.saturating_add(u64::try_from(part).unwrap_or(width))
        };
        let grown = |point: usize| {
            let (end_ns, end) = self.at(place, time_of(point + 1))?;
            // Before the first sample everything was nothing, unless that sample has gone.
            let nothing = || (!self.has_slid).then(|| (first_ns, Counters::default()));
            let (begin_ns, begin) = self.at(place, time_of(point)).or_else(nothing)?;
            let ns = end_ns.saturating_sub(begin_ns);
            let over = |of: fn(&Counters) -> u64| of(&end).saturating_sub(of(&begin));
            match of {
                Series::PerSecond(of) => (ns > 0).then(|| over(of) as f64 * 1e9 / ns as f64),
                Series::Mean(sum, count) => (over(count) > 0).then(|| over(sum) as f64 / over(count) as f64),
            }
        };
        (0..points).map(grown).collect()
    }
}

/// What a series is of.
#[derive(Clone, Copy, Debug)]
pub enum Series {
    /// A counter's growth per second.
    PerSecond(fn(&Counters) -> u64),
    /// Growth of a sum by that of a count.
    Mean(fn(&Counters) -> u64, fn(&Counters) -> u64),
}

/// Counters of a mirror, of a snapshot.
fn counters_of(device: &DeviceSnapshot) -> Counters {
    let mut flushes = [0; 4];
    for (count, name) in flushes.iter_mut().zip(crate::analysis::flush::KIND_NAMES) {
        *count = device.flush.kind(name).map_or(0, |row| row.count);
    }
    let dirtied = device.flush.kind("dirtied").and_then(|row| row.latency);
    let write = device.io.kind("write");
    let ended = write.and_then(|row| row.latency);
    Counters {
        marks: device.regions.totals.marks,
        clears: device.regions.totals.clears,
        flushes,
        dirtied_ns: dirtied.map_or(0, |latency| latency.latency_ns_sum),
        dirtied_timed: dirtied.map_or(0, |latency| latency.latency_count),
        writes: write.map_or(0, |row| row.count),
        write_bytes: write.map_or(0, |row| row.bytes),
        write_ns: ended.map_or(0, |latency| latency.latency_ns_sum),
        writes_ended: ended.map_or(0, |latency| latency.latency_count),
        recovered: device.recovery.regions_recovered,
        copied_bytes: device.recovery.copied_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, History, LIVE_RESOLUTION_NS, LIVE_SPAN_NS, SAMPLES_MAX, Series};

    /// A mirror with a thousand marks a second, for that long.
    fn steady(mut history: History, end_ns: u64) -> History {
        let step = history.resolution_ns();
        for time_ns in (0..=end_ns).step_by(usize::try_from(step).unwrap()) {
            let counters = Counters { marks: time_ns / 1_000_000, ..Counters::default() };
            history.offer(time_ns, vec![("m".to_owned(), counters)]);
        }
        history
    }

    fn marks(history: &History, span: (u64, u64)) -> Vec<Option<f64>> {
        history.series("m", span, 16, Series::PerSecond(|counters| counters.marks))
    }

    #[test]
    fn a_history_that_slides_keeps_the_latest_time_at_the_same_resolution() {
        let end_ns = 1000 * LIVE_SPAN_NS / 100;
        let history = steady(History::sliding(), end_ns);
        assert_eq!(history.resolution_ns(), LIVE_RESOLUTION_NS);
        assert!(history.samples.len() <= SAMPLES_MAX);
        let seen = marks(&history, (end_ns - LIVE_SPAN_NS, end_ns));
        assert!(seen.iter().all(|rate| rate.is_some_and(|rate| (rate - 1000.0).abs() < 1.0)), "{seen:?}");
        // Of what has gone, nothing is known: not a jump from nothing.
        let seen = marks(&history, (0, end_ns));
        assert_eq!(seen[0], None);
        assert!(seen.iter().flatten().all(|rate| *rate < 1100.0), "{seen:?}");
    }

    #[test]
    fn the_other_one_keeps_everything_more_coarsely() {
        let history = steady(History::default(), 60_000_000_000);
        let seen = marks(&history, (0, 60_000_000_000));
        assert!(seen.iter().all(|rate| rate.is_some_and(|rate| (rate - 1000.0).abs() < 60.0)), "{seen:?}");
    }
}
