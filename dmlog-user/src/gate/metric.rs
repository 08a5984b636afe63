//! What a rule judges: a statistic of something that was timed or counted, a number of the report, or a number of one's own.
//!
//! ```text
//! metric    = subject "." statistic               flush.dirtied.p99, write.rate, mark.per_write, errors.count
//!           | "report." path                      report.occupancy.resync_bytes_max: of the mirror's part of the JSON report
//!           | "figure." name                      figure.replay.instructions_per_event: from a file of runs
//! statistic = p50 | p99 | p99.9 | …  | mean | max | count | rate | per_write
//! ```
//!
//! Subjects are those of flight recorders; the last name in a path is an id of the metric catalogue, which gives its unit.

use std::fmt;
use std::str::FromStr;

use crate::analysis::catalogue::{self, Unit};
use crate::analysis::subject::Subject;

/// What a rule judges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A statistic of what was timed or counted.
    Of(Subject, Statistic),
    /// A number of the mirror's part of the JSON report, by its path.
    Report(String),
    /// A number that somebody put into a file of runs, by its name.
    Figure(String),
}

/// What is told of the durations or the number of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// The duration that so many of ten thousand do not exceed: 9900 is the 99th percentile.
    Quantile(u32),
    /// Mean duration.
    Mean,
    /// Longest duration.
    Max,
    /// How many in the whole run.
    Count,
    /// How many per second, from the first to the last of the run.
    Rate,
    /// How many for every write of the mirror.
    PerWrite,
}

/// What a number is measured in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// One of the catalogue's.
    Known(Unit),
    /// As the file of runs says.
    Own(String),
}

impl MetricUnit {
    /// Its name for machines.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(unit) => unit.name(),
            Self::Own(name) => name,
        }
    }
}

/// A text that is no metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a metric: `SUBJECT.STATISTIC` with one of flush, flush.dirtied, flush.cleaned_only, flush.no_op, mark, clear, write, read, \
     recovery, userspace and one of p50, p90, p99, p99.9 (any percentile), mean, max, count, rate, per_write; `errors.count`; \
     `report.PATH` of a number of the JSON report; or `figure.NAME`"
)]
pub struct NotAMetric;

impl Metric {
    /// What its values are measured in; `None` of a number of one's own, of which the file of runs tells it.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Of(_, Statistic::Quantile(_) | Statistic::Mean | Statistic::Max) => Some(Unit::Nanoseconds),
            Self::Of(_, Statistic::Count) => Some(Unit::Count),
            Self::Of(_, Statistic::Rate) => Some(Unit::PerSecond),
            Self::Of(_, Statistic::PerWrite) => Some(Unit::Mean),
            Self::Report(path) => catalogue::metric(last_of(path)).map(|metric| metric.unit),
            Self::Figure(_) => None,
        }
    }
}

fn last_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(subject, statistic) => write!(f, "{}.{statistic}", subject.name()),
            Self::Report(path) => write!(f, "report.{path}"),
            Self::Figure(name) => write!(f, "figure.{name}"),
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(ten_thousandths) => {
                let (whole, part) = (ten_thousandths / 100, ten_thousandths % 100);
                match part {
                    0 => write!(f, "p{whole}"),
                    part if part % 10 == 0 => write!(f, "p{whole}.{}", part / 10),
                    part => write!(f, "p{whole}.{part:02}"),
                }
            }
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::PerWrite => f.write_str("per_write"),
        }
    }
}

impl FromStr for Metric {
    type Err = NotAMetric;

    fn from_str(text: &str) -> Result<Self, NotAMetric> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if let Some(name) = text.strip_prefix("figure.") {
            let is_one = !name.is_empty() && name.chars().all(is_name);
            return is_one.then(|| Self::Figure(name.to_owned())).ok_or(NotAMetric);
        }
        if let Some(path) = text.strip_prefix("report.") {
            let is_one = catalogue::metric(last_of(path)).is_some() && path.chars().all(is_name);
            return is_one.then(|| Self::Report(path.to_owned())).ok_or(NotAMetric);
        }
        // A percentile may have a dot of its own.
        let cuts = text.match_indices('.').map(|(at, _)| (&text[..at], &text[at + 1..]));
        let metrics = cuts.filter_map(|(subject, statistic)| {
            let subject = Subject::named(subject).filter(|subject| *subject != Subject::Lost)?;
            let statistic = statistic.parse().ok()?;
            let fits = !subject.is_count() || matches!(statistic, Statistic::Count | Statistic::PerWrite);
            fits.then_some(Self::Of(subject, statistic))
        });
        metrics.last().ok_or(NotAMetric)
    }
}

impl FromStr for Statistic {
    type Err = NotAMetric;

    fn from_str(text: &str) -> Result<Self, NotAMetric> {
        match text {
            "mean" => return Ok(Self::Mean),
            "max" => return Ok(Self::Max),
            // How many events there were.
            "count" | "events" => return Ok(Self::Count),
            "rate" => return Ok(Self::Rate),
            "per_write" => return Ok(Self::PerWrite),
            _ => {}
        }
        let digits = text.strip_prefix('p').ok_or(NotAMetric)?;
        // `p999` is p99.9, as people write it.
        let (whole, part) = match digits.split_once('.') {
            Some(parts) => parts,
            None if digits.len() > 2 && digits.starts_with("99") => digits.split_at(2),
            None => (digits, ""),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 2 || part.len() > 2 || !is_number(whole) || !is_number(part) {
            return Err(NotAMetric);
        }
        let number = format!("{whole}{part:0<2}").parse().map_err(|_not_a_number| NotAMetric)?;
        if number == 0 { Err(NotAMetric) } else { Ok(Self::Quantile(number)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Metric, NotAMetric, Statistic};
    use crate::analysis::subject::Subject;

    #[test]
    fn metrics_are_spelled_one_way_and_read_in_several() {
        let cases = [
            ("flush.dirtied.p99", Metric::Of(Subject::DirtiedFlush, Statistic::Quantile(9_900)), "flush.dirtied.p99"),
            ("flush.p50", Metric::Of(Subject::Flush, Statistic::Quantile(5_000)), "flush.p50"),
            ("write.p99.9", Metric::Of(Subject::Write, Statistic::Quantile(9_990)), "write.p99.9"),
            ("write.p999", Metric::Of(Subject::Write, Statistic::Quantile(9_990)), "write.p99.9"),
            ("write.p9999", Metric::Of(Subject::Write, Statistic::Quantile(9_999)), "write.p99.99"),
            ("write.p5", Metric::Of(Subject::Write, Statistic::Quantile(500)), "write.p5"),
            ("mark.per_write", Metric::Of(Subject::Mark, Statistic::PerWrite), "mark.per_write"),
            ("read.events", Metric::Of(Subject::Read, Statistic::Count), "read.count"),
            ("errors.count", Metric::Of(Subject::Errors, Statistic::Count), "errors.count"),
            (
                "report.occupancy.resync_bytes_max",
                Metric::Report("occupancy.resync_bytes_max".to_owned()),
                "report.occupancy.resync_bytes_max",
            ),
            ("figure.a.b", Metric::Figure("a.b".to_owned()), "figure.a.b"),
        ];
        for (text, metric, spelled) in cases {
            assert_eq!(text.parse(), Ok(metric.clone()), "{text}");
            assert_eq!(metric.to_string(), spelled);
            assert_eq!(spelled.parse(), Ok(metric));
        }
        for text in [
            "",
            "flush",
            "flush.dirty.p99",
            "flush.p",
            "flush.p0",
            "flush.p100",
            "flush.p99.999",
            "errors.p99",
            "lost.count",
            "report.occupancy.nothing",
            "figure.",
            "figure.a b",
            "flush.p9é9",
            "flush.p-1",
        ] {
            assert_eq!(text.parse::<Metric>(), Err(NotAMetric), "{text}");
        }
    }
}
