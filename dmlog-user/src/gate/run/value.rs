//! The value of a metric in a run, and in slices drawn from a run.

use super::{DeviceRun, Run, Series};
use crate::analysis::subject::Subject;
use crate::gate::durations::Durations;
use crate::gate::metric::{Metric, Statistic};

/// A metric in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The value; finite.
    pub value: f64,
    /// Durations or events behind it; 1 of a number that is none of these.
    pub samples: u64,
}

/// The metric in a run; `None` where the run does not have it. `device` is ignored by figures.
pub fn of(run: &Run, device: Option<&DeviceRun>, metric: &Metric) -> Option<Value> {
    let value = match metric {
        Metric::Figure(name) => Value { value: run.figures.get(name)?.value, samples: 1 },
        Metric::Report(path) => Value { value: *device?.numbers.get(path)?, samples: 1 },
        Metric::Of(subject, statistic) => {
            let device = device?;
            let series = known(device, *subject)?;
            let (value, samples) = match statistic {
                Statistic::Count => (series.count() as f64, series.count()),
                Statistic::PerWrite => {
                    let writes = device.series.get(Subject::Write.name())?.count();
                    (per(series.count(), writes)?, writes)
                }
                Statistic::Rate => (series.rate_per_s()?, series.count()),
                Statistic::Quantile(_) | Statistic::Mean | Statistic::Max => {
                    let durations = Durations::merged(series.slices.iter().map(|slice| &slice.durations));
                    (of_durations(&durations, *statistic)?, durations.count())
                }
            };
            Value { value, samples }
        }
    };
    value.value.is_finite().then_some(value)
}

/// What ended of a subject in a mirror, nothing if nothing did; `None` where some of it could not be told apart.
fn known(device: &DeviceRun, subject: Subject) -> Option<&Series> {
    static NOTHING: Series = Series { first_ns: 0, last_ns: 0, slices: Vec::new() };
    let series = |subject: Subject| device.series.get(subject.name());
    if matches!(subject, Subject::DirtiedFlush | Subject::CleanedOnlyFlush | Subject::NoOpFlush) {
        let count = |subject| series(subject).map_or(0, Series::count);
        let by_kind = [Subject::DirtiedFlush, Subject::CleanedOnlyFlush, Subject::NoOpFlush].map(count);
        // A capture without offsets does not know the kind of every flush.
        if by_kind.iter().sum::<u64>() < count(Subject::Flush) {
            return None;
        }
    }
    Some(series(subject).unwrap_or(&NOTHING))
}

fn of_durations(durations: &Durations, statistic: Statistic) -> Option<f64> {
    match statistic {
        Statistic::Quantile(ten_thousandths) => durations.quantile_ns(ten_thousandths).map(|ns| ns as f64),
        Statistic::Mean => durations.mean_ns(),
        Statistic::Max => (durations.count() > 0).then(|| durations.max_ns() as f64),
        Statistic::Count | Statistic::Rate | Statistic::PerWrite => None,
    }
}

fn per(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

impl Series {
    /// How many ended.
    pub fn count(&self) -> u64 {
        self.slices.iter().fold(0, |sum, slice| sum.saturating_add(slice.count))
    }

    /// How many ended per second from the first to the last; `None` of less than two. A recorder that starts before the load and stops after
    /// it sees the same rate.
    fn rate_per_s(&self) -> Option<f64> {
        let span_ns = self.last_ns.saturating_sub(self.first_ns);
        let steps = self.count().checked_sub(1).filter(|steps| *steps > 0)?;
        (span_ns > 0).then(|| steps as f64 * 1e9 / span_ns as f64)
    }

    /// The slices in which something happened, first and behind the last; only whole ones where something is counted per time.
    fn active(&self, slice_ns: u64, whole: bool) -> Option<(usize, usize)> {
        let (first, last) = (self.first_ns.checked_div(slice_ns)?, self.last_ns.checked_div(slice_ns)?);
        let (begin, end) = if whole { (first + 1, last) } else { (first, last + 1) };
        let begin = usize::try_from(begin).ok()?;
        let end = usize::try_from(end).ok()?.min(self.slices.len());
        (begin < end).then_some((begin, end))
    }
}

/// A metric of a run, prepared so that slices can be drawn again and again.
#[derive(Debug)]
pub struct Drawable {
    slices: usize,
    of: Drawn,
}

#[derive(Debug)]
enum Drawn {
    Quantile {
        ten_thousandths: u32,
        /// Of each slice: places among all buckets, and counts.
        slices: Vec<Vec<(usize, u64)>>,
        /// The longest duration of each bucket that some slice has.
        longest_ns: Vec<f64>,
        counts: Vec<u64>,
    },
    /// Sums over sums: a mean, a rate, a number for every write.
    Ratio(Vec<(f64, f64)>),
    Max(Vec<f64>),
}

impl Drawable {
    /// Of a metric that has slices; `None` of others.
    pub fn new(run: &Run, device: Option<&DeviceRun>, metric: &Metric) -> Option<Self> {
        let Metric::Of(subject, statistic) = metric else { return None };
        let device = device?;
        let series = known(device, *subject)?;
        let by_time = matches!(statistic, Statistic::Rate | Statistic::Count);
        let writes = device.series.get(Subject::Write.name());
        let (begin, end) = match statistic {
            Statistic::PerWrite => writes?.active(run.slice_ns, false)?,
            _ => series.active(run.slice_ns, by_time)?,
        };
        let slices = || (begin..end).map(|place| series.slices.get(place));
        let durations: Vec<Option<&Durations>> = slices().map(|slice| slice.map(|slice| &slice.durations)).collect();
        let count_of = |series: &Series, place: usize| series.slices.get(place).map_or(0.0, |slice| slice.count as f64);
        let of = match statistic {
            Statistic::Quantile(ten_thousandths) => quantile(*ten_thousandths, &durations),
            Statistic::Mean => {
                let sums = durations
                    .iter()
                    .map(|part| part.map_or((0.0, 0.0), |part| (part.sum_ns() as f64, part.count() as f64)));
                Drawn::Ratio(sums.collect())
            }
            Statistic::Max => {
                Drawn::Max(durations.iter().map(|part| part.map_or(0.0, |part| part.max_ns() as f64)).collect())
            }
            Statistic::Rate => {
                let slice_s = run.slice_ns as f64 / 1e9;
                Drawn::Ratio((begin..end).map(|place| (count_of(series, place), slice_s)).collect())
            }
            // How many in a run as long as this one: the slices together are it.
            Statistic::Count => {
                let share = 1.0 / (end - begin) as f64;
                Drawn::Ratio((begin..end).map(|place| (count_of(series, place), share)).collect())
            }
            Statistic::PerWrite => {
                let writes = writes?;
                Drawn::Ratio((begin..end).map(|place| (count_of(series, place), count_of(writes, place))).collect())
            }
        };
        Some(Self { slices: end - begin, of })
    }

    /// How many slices there are to draw from.
    pub fn slices(&self) -> usize {
        self.slices
    }

    /// The metric of these slices.
    pub fn value(&mut self, drawn: &[usize]) -> Option<f64> {
        match &mut self.of {
            Drawn::Quantile { ten_thousandths, slices, longest_ns, counts } => {
                counts.fill(0);
                let mut all = 0;
                for (bucket, count) in drawn.iter().filter_map(|place| slices.get(*place)).flatten() {
                    if let Some(sum) = counts.get_mut(*bucket) {
                        *sum += *count;
                        all += *count;
                    }
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
                let wanted = ((f64::from(*ten_thousandths) / 10_000.0 * all as f64).ceil() as u64).max(1);
                let mut seen = 0;
                let at = counts.iter().position(|count| {
                    seen += *count;
                    seen >= wanted
                });
                longest_ns.get(at?).copied()
            }
            Drawn::Ratio(parts) => {
                let parts = drawn.iter().filter_map(|place| parts.get(*place));
                let (sum, of) = parts.fold((0.0, 0.0), |(sum, of), part| (sum + part.0, of + part.1));
                (of > 0.0).then(|| sum / of)
            }
            Drawn::Max(parts) => drawn
                .iter()
                .filter_map(|place| parts.get(*place))
                .copied()
                .max_by(f64::total_cmp)
                .filter(|max| *max > 0.0),
        }
    }
}

fn quantile(ten_thousandths: u32, parts: &[Option<&Durations>]) -> Drawn {
    let all = Durations::merged(parts.iter().copied().flatten());
    let place = |bucket: u32| all.buckets().binary_search_by_key(&bucket, |(bucket, _)| *bucket).ok();
    let of_slice = |part: &Option<&Durations>| {
        let buckets = part.map(Durations::buckets).unwrap_or_default().iter();
        buckets.filter_map(|(bucket, count)| Some((place(*bucket)?, *count))).collect()
    };
    Drawn::Quantile {
        ten_thousandths,
        slices: parts.iter().map(of_slice).collect(),
        longest_ns: all.longest_ns().map(|ns| ns as f64).collect(),
        counts: vec![0; all.buckets().len()],
    }
}

#[cfg(test)]
mod tests;
