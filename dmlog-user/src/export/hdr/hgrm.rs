//! Percentile distributions as text, one for each tag: what HdrHistogram's plotters read.
//!
//! ```text
//!        Value     Percentile TotalCount 1/(1-Percentile)
//!
//!     0.813056 0.000000000000          1           1.00
//!     6.750207 0.500000000000        730           2.00
//!    30.416383 1.000000000000       1459
//! #[Mean    =     8.250137, StdDeviation   =     3.718276]
//! #[Max     =    30.416383, Total count    =         1459]
//! #[Buckets =           15, SubBuckets     =         2048]
//! ```
//!
//! Values are milliseconds, to the nanosecond.

use std::io;

use hdrhistogram::Histogram;

use super::{Durations, NS_PER_UNIT, Names};
use crate::analysis::latency::{DEVICE_DIGITS, Latency, LatencySummary};
use crate::event::item::Item;
use crate::export::sink::ItemSink;

/// Lines for each halving of what is left to 100 %, as HdrHistogram's own tools have it.
const TICKS_PER_HALF: u32 = 5;

/// Buckets of one power of two: twice the smallest power of two that tells three digits apart.
const SUB_BUCKETS: u64 = 2048;
const _: () = assert!(DEVICE_DIGITS == 3);

/// Counts durations of a whole trace.
#[derive(Debug)]
pub struct Hgrm {
    names: Names,
    durations: Durations,
}

/// The distribution of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagText {
    /// Device, operation, kind of flush; `/` may be in it.
    pub tag: String,
    /// The text.
    pub text: String,
}

impl Hgrm {
    /// Nothing is counted yet.
    pub fn new(names: Names) -> Self {
        Self { names, durations: Durations::default() }
    }
}

impl ItemSink for Hgrm {
    type Out = Vec<TagText>;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        self.names.note(item);
        if let Item::Event(event) = item {
            self.durations.observe(event);
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<TagText>> {
        let tags = self.durations.take(&self.names);
        Ok(tags.into_iter().filter_map(|(tag, latency)| Some(TagText { tag, text: text_of(&latency)? })).collect())
    }
}

/// `None` without durations.
fn text_of(latency: &Latency) -> Option<String> {
    let (histogram, summary) = (latency.histogram()?, latency.summary()?);
    let LatencySummary { latency_count: count, latency_ns_min: min_ns, latency_ns_max: max_ns, .. } = summary;
    let value = |ns: u64| ns as f64 / NS_PER_UNIT;
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut seen = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        seen += step.count_since_last_iteration();
        // A bucket's end may lie above what was ever seen; as in the report, no percentile does.
        let ns = step.value_iterated_to().clamp(min_ns, max_ns);
        let quantile = step.quantile_iterated_to();
        text.push_str(&format!("{:>12.6} {quantile:>14.12} {seen:>10}", value(ns)));
        if quantile < 1.0 {
            text.push_str(&format!(" {:>14.2}", 1.0 / (1.0 - quantile)));
        }
        text.push('\n');
    }
    let mean = summary.latency_ns_sum as f64 / count as f64 / NS_PER_UNIT;
    let deviation = histogram.stdev() / NS_PER_UNIT;
    text.push_str(&format!("#[Mean    = {mean:>12.6}, StdDeviation   = {deviation:>12.6}]\n"));
    text.push_str(&format!("#[Max     = {:>12.6}, Total count    = {count:>12}]\n", value(max_ns)));
    text.push_str(&format!("#[Buckets = {:>12}, SubBuckets     = {SUB_BUCKETS:>12}]\n", buckets_of(&histogram)));
    Some(text)
}

/// Powers of two that are told apart beyond the first [`SUB_BUCKETS`] values.
fn buckets_of(histogram: &Histogram<u64>) -> u32 {
    let above = histogram.high() / SUB_BUCKETS;
    if above == 0 { 1 } else { above.ilog2() + 2 }
}
