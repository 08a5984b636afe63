//! An HdrHistogram log, version 1.3: one line for each tag and second.
//!
//! ```text
//! #[Histogram log format version 1.3]
//! #[StartTime: 1764161337.250 (seconds since epoch)]
//! #[BaseTime: 1764161337.250 (seconds since epoch)]
//! "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
//! Tag=vg/lv:flush:dirtied,3.000,1.000,30.416,HISTFAAAAE…
//! # lost before 4.000 s: 12 events
//! ```
//!
//! Seconds are counted from the start of the capture; those without a duration have no line. Losses are comments, for the format has no
//! other place for them.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use super::{BEYOND_LIMIT, Durations, NS_PER_UNIT, Names};
use crate::analysis::latency::DURATION_NS_MAX;
use crate::event::facts::CaptureFacts;
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::event::text::quote::quote;
use crate::export::sink::ItemSink;

/// Length of an interval.
const INTERVAL_NS: u64 = 1_000_000_000;

/// Names of the columns, as HdrHistogram's own writer spells them.
const LEGEND: &str = r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;

/// Writes a log.
pub struct Hlog<W> {
    out: W,
    names: Names,
    /// When the trace starts, and when that was since 1970; 0 is not known.
    start: Option<MonoNs>,
    clock_ns: (u64, u64),
    about: String,
    /// The interval that is being counted, from the start.
    interval: u64,
    durations: Durations,
    lost: Lost,
    lost_in_all: Lost,
    clamped: u64,
    beyond_limit: u64,
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl<W> std::fmt::Debug for Hlog<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hlog").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// What is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lost {
    events: u64,
    gaps_of_unknown_size: u64,
    undecoded: u64,
}

impl Lost {
    fn add(&mut self, other: Self) {
        self.events = self.events.saturating_add(other.events);
        self.gaps_of_unknown_size += other.gaps_of_unknown_size;
        self.undecoded += other.undecoded;
    }

    /// In words; `None` if nothing is missing.
    fn told(self) -> Option<String> {
        let parts = [
            (self.events, "events"),
            (self.gaps_of_unknown_size, "times an unknown number of events"),
            (self.undecoded, "records that could not be understood"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl<W: Write> Hlog<W> {
    /// A log of this capture. Nothing is written before the first item.
    pub fn new(out: W, facts: &CaptureFacts, names: Names) -> Self {
        let about = format!("dmlog-top {}, host {}", env!("CARGO_PKG_VERSION"), quote(&facts.host));
        Self {
            out,
            names,
            start: None,
            clock_ns: (facts.clock.monotonic_ns, facts.clock.realtime_ns),
            about,
            interval: 0,
            durations: Durations::default(),
            lost: Lost::default(),
            lost_in_all: Lost::default(),
            clamped: 0,
            beyond_limit: 0,
            serializer: V2DeflateSerializer::new(),
            bytes: Vec::new(),
        }
    }

    /// The head, from where on times are told.
    fn begin(&mut self, first: Option<MonoNs>) -> io::Result<MonoNs> {
        if let Some(start) = self.start {
            return Ok(start);
        }
        let (monotonic_ns, realtime_ns) = self.clock_ns;
        // As everywhere: when the capture did, or with the first item where that is not known or came earlier.
        let start_ns = match (monotonic_ns, first) {
            (0, first) => first.map_or(0, |first| first.0),
            (clock_ns, first) => first.map_or(clock_ns, |first| first.0.min(clock_ns)),
        };
        writeln!(self.out, "#[Histogram log format version 1.3]")?;
        writeln!(self.out, "#[Durations in nanoseconds, one tag for each operation of each device; {}]", self.about)?;
        if realtime_ns > 0 {
            let wall_ns = realtime_ns.saturating_sub(monotonic_ns.saturating_sub(start_ns));
            for name in ["StartTime", "BaseTime"] {
                let (seconds, ms) = (wall_ns / 1_000_000_000, wall_ns / 1_000_000 % 1_000);
                writeln!(self.out, "#[{name}: {seconds}.{ms:03} (seconds since epoch)]")?;
            }
        }
        writeln!(self.out, "#[MaxValueDivisor: {NS_PER_UNIT:.3}]")?;
        writeln!(self.out, "{LEGEND}")?;
        self.start = Some(MonoNs(start_ns));
        Ok(MonoNs(start_ns))
    }

    /// Writes the interval that was counted.
    fn write_interval(&mut self) -> io::Result<()> {
        let begin_ms = u128::from(self.interval) * u128::from(INTERVAL_NS / 1_000_000);
        for (tag, latency) in self.durations.take(&self.names) {
            let (Some(histogram), Some(summary)) = (latency.histogram(), latency.summary()) else { continue };
            self.clamped += summary.latency_clamped;
            if tag == BEYOND_LIMIT {
                self.beyond_limit += summary.latency_count;
            }
            self.bytes.clear();
            self.serializer.serialize(&histogram, &mut self.bytes).map_err(io::Error::other)?;
            let max = summary.latency_ns_max as f64 / NS_PER_UNIT;
            writeln!(
                self.out,
                "Tag={tag},{}.{:03},1.000,{max:.3},{}",
                begin_ms / 1_000,
                begin_ms % 1_000,
                STANDARD.encode(&self.bytes)
            )?;
        }
        let lost = std::mem::take(&mut self.lost);
        if let Some(told) = lost.told() {
            let end_ms = begin_ms + u128::from(INTERVAL_NS / 1_000_000);
            writeln!(self.out, "# lost before {}.{:03} s: {told}", end_ms / 1_000, end_ms % 1_000)?;
        }
        self.lost_in_all.add(lost);
        Ok(())
    }
}

impl<W: Write> ItemSink for Hlog<W> {
    type Out = W;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        let start = self.begin(Some(item.time()))?;
        self.names.note(item);
        // One that comes late counts for the interval that is open.
        let interval = item.time().0.saturating_sub(start.0) / INTERVAL_NS;
        if interval > self.interval {
            self.write_interval()?;
            self.interval = interval;
        }
        match item {
            Item::Event(event) => self.durations.observe(event),
            Item::Gap(gap) => self.lost.add(Lost {
                events: gap.lost.unwrap_or(0),
                gaps_of_unknown_size: u64::from(gap.lost.is_none()),
                undecoded: 0,
            }),
            Item::DecodeError(_) => self.lost.add(Lost { undecoded: 1, ..Lost::default() }),
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        self.begin(None)?;
        self.write_interval()?;
        if let Some(told) = self.lost_in_all.told() {
            writeln!(self.out, "# lost in all: {told}")?;
        }
        if self.clamped > 0 {
            let most_s = DURATION_NS_MAX / 1_000_000_000;
            writeln!(self.out, "# {} durations above {most_s} s count as that", self.clamped)?;
        }
        if self.beyond_limit > 0 {
            let most = super::TAGS_MAX;
            writeln!(
                self.out,
                "# {} durations are in `{BEYOND_LIMIT}`: beyond {most} tags at a time",
                self.beyond_limit
            )?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}
