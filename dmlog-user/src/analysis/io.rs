//! Reads and writes through a mirror, and what the time of the writes was spent on.

use serde::Serialize;

use super::latency::{Latency, LatencySummary};
use super::outstanding::Pending;
use super::timeline::Timeline;
use super::{Named, by_name, rate_per_s};
use crate::event::ids::MonoNs;
use crate::event::op::IoKind;

/// Kinds of bios in their order, as all outputs spell them.
pub const IO_KIND_NAMES: [&str; 5] = ["write", "read", "flush", "discard", "other"];

/// Parts of a write in their order: until a pass of the worker picks it up, until the flush of that pass is over, until the
/// legs have it.
pub const PART_NAMES: [&str; 3] = ["pass", "flush", "legs"];

fn kind_index(kind: IoKind) -> usize {
    match kind {
        IoKind::Write => 0,
        IoKind::Read => 1,
        IoKind::Flush => 2,
        IoKind::Discard => 3,
        IoKind::Other => 4,
    }
}

/// Counters of one kind of bios.
#[derive(Clone, Debug)]
struct KindCounters {
    entered: u64,
    bytes: u64,
    ended: u64,
    errors: u64,
    latency: Latency,
}

/// Bios of one device.
#[derive(Clone, Debug)]
pub struct Io {
    by_kind: [KindCounters; 5],
    wait: WriteWait,
    /// In the order of [`PART_NAMES`].
    parts: [Latency; 3],
    ends_without_entry: u64,
    regions_not_known: u64,
}

/// Where the time of writes went, in sums of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct WriteWait {
    measured: u64,
    latency_ns: u64,
    dirtied_flush_ns: u64,
    waited: u64,
    phased_latency_ns: u64,
    not_explained: u64,
    delayed: u64,
    delay_ns: u64,
}

impl Default for Io {
    fn default() -> Self {
        let counters = || KindCounters { entered: 0, bytes: 0, ended: 0, errors: 0, latency: Latency::of_device() };
        Self {
            by_kind: [counters(), counters(), counters(), counters(), counters()],
            wait: WriteWait::default(),
            parts: [Latency::of_device(), Latency::of_device(), Latency::of_device()],
            ends_without_entry: 0,
            regions_not_known: 0,
        }
    }
}

impl Io {
    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        self.by_kind.iter_mut().map(|counters| &mut counters.latency).chain(&mut self.parts)
    }

    /// A bio has entered.
    pub fn enter(&mut self, kind: IoKind, bytes: u32) {
        let counters = &mut self.by_kind[kind_index(kind)];
        counters.entered += 1;
        counters.bytes += u64::from(bytes);
    }

    /// A write could not be placed in a region, for lack of a region size.
    pub fn region_not_known(&mut self) {
        self.regions_not_known += 1;
    }

    /// A bio is over that was not seen to enter.
    pub fn end_without_entry(&mut self) {
        self.ends_without_entry += 1;
    }

    /// A bio is over: `latency_ns` after it entered, at `time`. `timeline` is that of the device it entered. Returns the
    /// parts of a write, if they are known.
    pub fn end(
        &mut self,
        pending: &Pending,
        time: MonoNs,
        latency_ns: u64,
        status: i32,
        timeline: &Timeline,
    ) -> Option<[u64; PART_NAMES.len()]> {
        let counters = &mut self.by_kind[kind_index(pending.kind)];
        counters.ended += 1;
        counters.errors += u64::from(status != 0);
        counters.latency.record(latency_ns);
        if pending.kind == IoKind::Write { self.end_write(pending, time, latency_ns, timeline) } else { None }
    }

    fn end_write(
        &mut self,
        pending: &Pending,
        time: MonoNs,
        latency_ns: u64,
        timeline: &Timeline,
    ) -> Option<[u64; PART_NAMES.len()]> {
        let totals = &mut self.wait;
        let picked = pending.picked.map(|(_, position)| position);
        let wait = pending.position.and_then(|entered| timeline.wait(pending.log, pending.entered.0, entered, picked));
        let Some(wait) = wait else {
            totals.not_explained += 1;
            return None;
        };
        let held_ns = wait.dirtied_flush_ns.min(latency_ns);
        totals.measured += 1;
        totals.latency_ns = totals.latency_ns.saturating_add(latency_ns);
        totals.dirtied_flush_ns = totals.dirtied_flush_ns.saturating_add(held_ns);
        totals.waited += u64::from(held_ns > 0);
        let ((picked, _), issued) = (pending.picked?, wait.issued?);
        // Events of other CPUs may come a little out of order; a phase is never negative.
        let picked_ns = picked.0.clamp(pending.entered.0, time.0.max(pending.entered.0));
        let issued_ns = issued.0.clamp(picked_ns, time.0.max(picked_ns));
        totals.phased_latency_ns = totals.phased_latency_ns.saturating_add(time.0.saturating_sub(pending.entered.0));
        let parts = [picked_ns - pending.entered.0, issued_ns - picked_ns, time.0.saturating_sub(issued_ns)];
        for (latency, part_ns) in self.parts.iter_mut().zip(parts) {
            latency.record(part_ns);
        }
        Some(parts)
    }

    /// A write stops waiting for the recovery of its region, at which it had been since `since`.
    pub fn delay_over(&mut self, since: MonoNs, time: MonoNs) {
        self.wait.delay_ns = self.wait.delay_ns.saturating_add(time.0.saturating_sub(since.0));
    }

    /// A write begins to wait for the recovery of its region.
    pub fn delay(&mut self) {
        self.wait.delayed += 1;
    }

    /// Adds another device's bios.
    pub fn absorb(&mut self, other: &Self) {
        for (ours, theirs) in self.by_kind.iter_mut().zip(&other.by_kind) {
            ours.entered += theirs.entered;
            ours.bytes += theirs.bytes;
            ours.ended += theirs.ended;
            ours.errors += theirs.errors;
            ours.latency.absorb(&theirs.latency);
        }
        self.ends_without_entry += other.ends_without_entry;
        self.regions_not_known += other.regions_not_known;
        self.wait.absorb(&other.wait);
        for (ours, theirs) in self.parts.iter_mut().zip(&other.parts) {
            ours.absorb(theirs);
        }
    }

    /// How many writes entered.
    pub fn writes(&self) -> u64 {
        self.by_kind[kind_index(IoKind::Write)].entered
    }

    /// Bytes of the writes that entered.
    pub fn write_bytes(&self) -> u64 {
        self.by_kind[kind_index(IoKind::Write)].bytes
    }

    /// Latencies of writes that ended.
    pub fn write_latency(&self) -> &Latency {
        &self.by_kind[kind_index(IoKind::Write)].latency
    }

    /// How long bios took, by kind.
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, &Latency)> {
        IO_KIND_NAMES.into_iter().zip(self.by_kind.iter().map(|counters| &counters.latency))
    }

    /// How long the parts of writes took.
    pub fn part_latencies(&self) -> impl Iterator<Item = (&'static str, &Latency)> {
        PART_NAMES.into_iter().zip(&self.parts)
    }

    /// What is told of the bios, over a time of `span_ns`.
    pub fn summary(&self, span_ns: u64, under_way: UnderWay) -> IoSummary {
        let kinds =
            IO_KIND_NAMES.iter().zip(&self.by_kind).filter(|(_, counters)| counters.entered + counters.ended > 0);
        let kinds = kinds.map(|(name, counters)| IoKindSummary {
            kind: name,
            count: counters.entered,
            rate_per_s: rate_per_s(counters.entered, span_ns),
            bytes: counters.bytes,
            bytes_per_s: rate_per_s(counters.bytes, span_ns),
            errors: counters.errors,
            latency: counters.latency.summary(),
        });
        IoSummary {
            kinds: kinds.collect(),
            write_wait: self.wait.summary(&self.parts),
            under_way,
            ends_without_entry: self.ends_without_entry,
            writes_without_region: self.regions_not_known,
        }
    }
}

impl WriteWait {
    fn absorb(&mut self, other: &Self) {
        self.measured += other.measured;
        self.latency_ns = self.latency_ns.saturating_add(other.latency_ns);
        self.dirtied_flush_ns = self.dirtied_flush_ns.saturating_add(other.dirtied_flush_ns);
        self.waited += other.waited;
        self.phased_latency_ns = self.phased_latency_ns.saturating_add(other.phased_latency_ns);
        self.not_explained += other.not_explained;
        self.delayed += other.delayed;
        self.delay_ns = self.delay_ns.saturating_add(other.delay_ns);
    }

    fn summary(&self, parts: &[Latency; 3]) -> WriteWaitSummary {
        let [pass, flush, legs] = parts;
        let rows = PART_NAMES.iter().zip(parts);
        WriteWaitSummary {
            writes: self.measured,
            write_latency_ns_sum: self.latency_ns,
            dirtied_flush_wait_ns: self.dirtied_flush_ns,
            dirtied_flush_wait_ratio: ratio(self.dirtied_flush_ns, self.latency_ns),
            writes_that_waited: self.waited,
            writes_split: pass.count(),
            pass_wait_ratio: ratio(pass.sum_ns(), self.phased_latency_ns),
            flush_wait_ratio: ratio(flush.sum_ns(), self.phased_latency_ns),
            legs_ratio: ratio(legs.sum_ns(), self.phased_latency_ns),
            parts: rows.filter_map(|(name, part)| Some(WritePart { part: name, latency: part.summary()? })).collect(),
            writes_not_explained: self.not_explained,
            writes_delayed_by_recovery: self.delayed,
            recovery_delay_ns: self.delay_ns,
        }
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    if whole == 0 { None } else { Some(part as f64 / whole as f64) }
}

/// Bios that are still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnderWay {
    /// Writes that have not ended.
    pub writes_under_way: u64,
    /// Reads that have not ended.
    pub reads_under_way: u64,
    /// How long the oldest of them has been under way.
    pub oldest_under_way_ns: Option<u64>,
}

/// What is told of the bios of a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IoSummary {
    /// One row per kind that was seen; in JSON an object by kind.
    #[serde(serialize_with = "by_name")]
    pub kinds: Vec<IoKindSummary>,
    /// Where the time of writes went.
    pub write_wait: WriteWaitSummary,
    /// What had not ended.
    #[serde(flatten)]
    pub under_way: UnderWay,
    /// Ends of bios whose entry was not seen: they entered before the capture, or the entry was lost.
    pub ends_without_entry: u64,
    /// Writes that could not be placed in a region.
    pub writes_without_region: u64,
}

impl IoSummary {
    /// The row of a kind.
    pub fn kind(&self, name: &str) -> Option<&IoKindSummary> {
        self.kinds.iter().find(|row| row.kind == name)
    }
}

/// What is told of one kind of bios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IoKindSummary {
    /// One of [`IO_KIND_NAMES`].
    #[serde(skip)]
    pub kind: &'static str,
    /// How many entered the mirror.
    pub count: u64,
    /// How many per second of the covered time.
    pub rate_per_s: f64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes per second of the covered time.
    pub bytes_per_s: f64,
    /// How many ended with an error.
    pub errors: u64,
    /// From entry to end, as the submitter sees it.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
}

impl Named for IoKindSummary {
    fn name(&self) -> &'static str {
        self.kind
    }
}

/// Where the time of writes went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WriteWaitSummary {
    /// Writes that the shares below are of.
    pub writes: u64,
    /// Their latencies together.
    pub write_latency_ns_sum: u64,
    /// How much of that they were held up by dirtied flushes: the overlap of the time from entry until the write was on
    /// its way to the legs (until its end, where that was not seen) with the dirtied flushes of its device.
    pub dirtied_flush_wait_ns: u64,
    /// That as a share, 0 to 1; `None` without writes.
    pub dirtied_flush_wait_ratio: Option<f64>,
    /// Writes that were held up at all.
    pub writes_that_waited: u64,
    /// Writes of which all three parts below are known; the shares are of their latencies.
    pub writes_split: u64,
    /// Share from entry until a pass of the worker picked the write up.
    pub pass_wait_ratio: Option<f64>,
    /// Share from there until the flush of that pass was over.
    pub flush_wait_ratio: Option<f64>,
    /// Share from there until the end: the legs.
    pub legs_ratio: Option<f64>,
    /// How long each part took, of the same writes; in JSON an object by part.
    #[serde(serialize_with = "by_name")]
    pub parts: Vec<WritePart>,
    /// Writes under way for more flushes than are remembered; not in any share.
    pub writes_not_explained: u64,
    /// Writes that waited for the recovery of their region.
    pub writes_delayed_by_recovery: u64,
    /// How long they did, together, as far as the end of the wait was seen.
    pub recovery_delay_ns: u64,
}

/// How long one part of the writes took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WritePart {
    /// One of [`PART_NAMES`].
    #[serde(skip)]
    pub part: &'static str,
    /// Its durations.
    #[serde(flatten)]
    pub latency: LatencySummary,
}

impl Named for WritePart {
    fn name(&self) -> &'static str {
        self.part
    }
}
