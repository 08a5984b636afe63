//! Counters over time: what rates and graphs are made of.
//!
//! ```text
//! samples   |  |  |  |  |  |  |  |       every `resolution_ns`; when there are SAMPLES_MAX, every second one goes and
//!           |     |     |     |          the resolution halves, so that a history of any length takes the same memory
//! ```
//!
//! A sample holds counters since the start of the stream, and how the latencies of flushes were spread. What happened between
//! two is their difference. A spread that has not changed is that of the sample before: a hundred quiet mirrors take little.

use std::sync::Arc;

use crate::analysis::flush::KIND_NAMES;
use crate::analysis::spread::Spread;
use crate::session::look::{Counters, Sampled};
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
    devices: Vec<Kept>,
}

/// What is kept of one mirror.
#[derive(Clone, Debug, Default)]
struct Kept {
    counters: Counters,
    /// In the order of [`KIND_NAMES`]; `None` while there was no flush of the kind.
    flushes: [Option<Arc<Spread>>; KIND_NAMES.len()],
}

impl Kept {
    fn of(sampled: &Sampled<'_>, before: Option<&Self>) -> Self {
        let mut flushes: [Option<Arc<Spread>>; KIND_NAMES.len()] = Default::default();
        for (kind, kept) in flushes.iter_mut().enumerate() {
            let known = before.filter(|before| before.counters.flushes[kind] == sampled.counters.flushes[kind]);
            *kept = match known.and_then(|before| before.flushes[kind].as_ref()) {
                Some(same) => Some(Arc::clone(same)),
                None => sampled.flushes[kind].filter(|l| l.count() > 0).map(|latency| Arc::new(latency.spread())),
            };
        }
        Self { counters: sampled.counters, flushes }
    }
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
    pub fn offer(&mut self, time_ns: u64, sampled: Vec<Sampled<'_>>) {
        if !self.wants(time_ns) {
            return;
        }
        let before = self.samples.last();
        let mut devices = vec![Kept::default(); self.names.len()];
        for (row, sampled) in sampled.into_iter().enumerate() {
            // Mirrors come in the same order mostly.
            let is_there = self.names.get(row).is_some_and(|known| *known == sampled.name);
            let place = if is_there { Some(row) } else { self.names.iter().position(|known| *known == sampled.name) };
            let kept = Kept::of(&sampled, place.and_then(|place| before?.devices.get(place)));
            if let Some(place) = place {
                devices[place] = kept;
            } else {
                self.names.push(sampled.name);
                devices.push(kept);
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
        Some((sample.time_ns, sample.devices.get(place).map(|kept| kept.counters).unwrap_or_default()))
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

    /// How the latencies of one kind of flush were spread in each of `points` steps from `first_ns` to `last_ns`; `None` where
    /// nothing is known. `now` is how they are spread at `last_ns`, which is later than the last sample mostly.
    pub fn spreads(
        &self,
        device: &str,
        kind: usize,
        span: (u64, u64),
        points: usize,
        now: Option<&Spread>,
    ) -> Vec<Option<Spread>> {
        let (first_ns, last_ns) = span;
        let Some(place) = self.names.iter().position(|name| name == device) else { return vec![None; points] };
        let samples = &self.samples[..self.samples.partition_point(|sample| sample.time_ns <= last_ns)];
        let of = |sample: &Sample| sample.devices.get(place)?.flushes.get(kind)?.clone();
        // Number of samples up to a point; one more stands for now.
        let until = |point: usize| {
            if point >= points {
                return samples.len() + usize::from(now.is_some());
            }
            let part = u128::from(last_ns.saturating_sub(first_ns)) * point as u128 / points.max(1) as u128;
            let time_ns = first_ns.saturating_add(u64::try_from(part).unwrap_or(u64::MAX));
            samples.partition_point(|sample| sample.time_ns <= time_ns)
        };
        let spread = |number: usize| match number.checked_sub(1).map(|place| samples.get(place)) {
            None => None,
            Some(Some(sample)) => of(sample),
            Some(None) => now.cloned().map(Arc::new),
        };
        let between = |point: usize| {
            let (begin, mut end) = (until(point), until(point + 1));
            // Where samples are farther apart than points, a point shows what came between the two around it.
            end = end.max(begin + 1);
            if end > samples.len() + usize::from(now.is_some()) {
                return None;
            }
            let end = spread(end)?;
            let begin = match spread(begin) {
                // What was before has gone.
                None if self.has_slid && begin == 0 => return None,
                begin => begin.unwrap_or_default(),
            };
            Some(end.since(&begin))
        };
        (0..points).map(between).collect()
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
    for (count, name) in flushes.iter_mut().zip(KIND_NAMES) {
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
    use super::{History, LIVE_RESOLUTION_NS, LIVE_SPAN_NS, RESOLUTION_NS, SAMPLES_MAX, Series};
    use crate::analysis::latency::Latency;
    use crate::session::look::{Counters, Sampled};

    fn offer(history: &mut History, time_ns: u64, dirtied: &Latency) {
        let counters = Counters { flushes: [dirtied.count(), 0, 0, 0], ..Counters::default() };
        let flushes = [Some(dirtied), None, None, None];
        history.offer(time_ns, vec![Sampled { name: "vg/lv".to_owned(), counters, flushes }]);
    }

    /// A flush of a millisecond in every sample, and one of a second in sample 700.
    fn long() -> (History, Latency, u64) {
        let (mut history, mut dirtied) = (History::default(), Latency::of_device());
        for number in 1..=1000 {
            dirtied.record(if number == 700 { 1_000_000_000 } else { 1_000_000 });
            offer(&mut history, number * RESOLUTION_NS, &dirtied);
        }
        (history, dirtied, 1000 * RESOLUTION_NS)
    }

    #[test]
    fn a_history_of_any_length_has_every_flush_in_one_place() {
        let (history, dirtied, last_ns) = long();
        assert!(history.samples.len() < SAMPLES_MAX && history.resolution_ns() > RESOLUTION_NS);
        let now = dirtied.spread();
        let points = history.spreads("vg/lv", 0, (0, last_ns), 50, Some(&now));
        let counts: Vec<u64> =
            points.iter().map(|point| point.as_ref().unwrap().steps().map(|(_, count)| count).sum()).collect();
        assert_eq!(counts.iter().sum::<u64>(), 1000);
        let slow = |point: &Option<super::Spread>| point.as_ref().is_some_and(|point| point.steps().count() > 1);
        let places: Vec<usize> = (0..50).filter(|place| slow(&points[*place])).collect();
        // 700 of 1000 are 35 of 50; a sample lies up to a resolution behind what it counts.
        assert!(places == [34] || places == [35], "{places:?}");
        assert!(history.spreads("vg/lv", 1, (0, last_ns), 3, None).iter().all(Option::is_none));
        assert!(history.spreads("other", 0, (0, last_ns), 3, None).iter().all(Option::is_none));
    }

    #[test]
    fn what_came_after_the_last_sample_is_in_the_last_point() {
        let (history, mut dirtied, last_ns) = long();
        dirtied.record(64);
        let points = history.spreads("vg/lv", 0, (0, last_ns + 5), 50, Some(&dirtied.spread()));
        assert!(points[49].as_ref().unwrap().steps().any(|(step, _)| step == crate::analysis::spread::step_of(64)));
        // Back in time nothing is shown that came later.
        let now = points[0].clone().unwrap();
        let points = history.spreads("vg/lv", 0, (0, last_ns / 2), 10, Some(&now));
        assert!(points.iter().flatten().all(|point| point.steps().count() <= 1), "sample 700 comes later");
    }

    #[test]
    fn few_samples_fill_many_points() {
        let (mut history, mut dirtied) = (History::default(), Latency::of_device());
        for number in 0..3 {
            dirtied.record(1_000 << number);
            offer(&mut history, number * RESOLUTION_NS, &dirtied);
        }
        let points = history.spreads("vg/lv", 0, (0, 2 * RESOLUTION_NS), 8, None);
        assert!(points.iter().all(Option::is_some), "{points:?}");
    }

    #[test]
    fn a_spread_that_has_not_changed_is_kept_once() {
        let (mut history, mut dirtied) = (History::default(), Latency::of_device());
        dirtied.record(1_000);
        offer(&mut history, 0, &dirtied);
        offer(&mut history, RESOLUTION_NS, &dirtied);
        let [first, second] = &history.samples[..] else { panic!("two samples") };
        let of = |sample: &super::Sample| sample.devices[0].flushes[0].clone().unwrap();
        assert!(std::sync::Arc::ptr_eq(&of(first), &of(second)));
    }

    /// A mirror with a thousand marks a second, for that long.
    fn steady(mut history: History, end_ns: u64) -> History {
        let step = history.resolution_ns();
        for time_ns in (0..=end_ns).step_by(usize::try_from(step).unwrap()) {
            let counters = Counters { marks: time_ns / 1_000_000, ..Counters::default() };
            history.offer(time_ns, vec![Sampled { name: "m".to_owned(), counters, flushes: [None; 4] }]);
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
