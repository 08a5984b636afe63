//! How all durations of a mirror are spread, by bounds that are the same for every mirror and every capture: what an output
//! needs that is compared, added and kept by somebody else. Made when somebody asks, for it walks through all histograms.

use super::Session;
use super::device::Device;
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::latency::Latency;

/// Upper bounds, in nanoseconds: closest where a log device that is read or written makes a difference, from a disk's cache
/// to a disk that fails; below that one for each power of ten, which tells an operation in memory from one with I/O.
pub const BOUNDS_NS: [u64; 19] = [
    100,
    1_000,
    10_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
    100_000_000_000,
];

/// What durations are of. Names are those of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// An operation of the kernel.
    Operation(&'static str),
    /// A flush of the log of one kind.
    Flush(&'static str),
    /// A bio of one kind, as its submitter sees it.
    Io(&'static str),
    /// One part of the writes.
    WritePart(&'static str),
    /// From a mark of a region to its clear.
    MarkToClear,
    /// From a clear to the end of the flush that wrote it, of the oldest clear of each flush.
    CleanBitLag,
    /// The copy of a region.
    Copy,
    /// A round trip to a userspace log daemon.
    Request(&'static str),
}

/// How durations of one thing are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Of what.
    pub of: Timed,
    /// How many were at most as long as each of [`BOUNDS_NS`], exact to 0.1 % of the bound.
    pub at_most: [u64; BOUNDS_NS.len()],
    /// How many there are.
    pub count: u64,
    /// All together, in nanoseconds.
    pub sum_ns: u64,
}

impl Distribution {
    /// `None` without durations.
    fn of(of: Timed, latency: &Latency) -> Option<Self> {
        let count = latency.count();
        (count > 0).then(|| Self { of, at_most: latency.at_most(&BOUNDS_NS), count, sum_ns: latency.sum_ns() })
    }
}

impl Session {
    /// How the durations of every mirror are spread, in the order of the rows of a [`Snapshot`](super::snapshot::Snapshot).
    pub fn distributions(&self) -> Vec<Vec<Distribution>> {
        let (unknown, known) = self.devices.split_at(1);
        let told = known.iter().chain(unknown).filter(|device| device.identity().is_some() || device.ops.events() > 0);
        told.map(of_device).collect()
    }
}

fn of_device(device: &Device) -> Vec<Distribution> {
    let Device { ops, flushes, io, churn, recovery, consults, .. } = device;
    let [lifetimes, lags] = churn.latencies();
    let timed = ops
        .latencies()
        .map(|(name, latency)| (Timed::Operation(name), latency))
        .chain(KIND_NAMES.into_iter().map(Timed::Flush).zip(flushes.latencies()))
        .chain(io.latencies().map(|(name, latency)| (Timed::Io(name), latency)))
        .chain(io.part_latencies().map(|(name, latency)| (Timed::WritePart(name), latency)))
        .chain([(Timed::MarkToClear, lifetimes), (Timed::CleanBitLag, lags), (Timed::Copy, recovery.copy_latency())])
        .chain(consults.latencies().map(|(name, latency)| (Timed::Request(name), latency)));
    timed.filter_map(|(of, latency)| Distribution::of(of, latency)).collect()
}
