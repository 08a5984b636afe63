//! What a screen looks at beyond a snapshot: regions by equal runs, and how latencies are spread. Both cost a walk over
//! counters, so they are made when somebody looks and for as many cells as there are on the screen.
//!
//! ```text
//! regions   0 1 2 3 │ 4 5 6 7 │ 8 9 10 11 │ 12        per_cell = 4; the last run may be shorter
//! cells         0   │    1    │     2     │  3
//! ```

use super::Session;
use super::device::Device;
use super::logs::UNKNOWN_DEVICE;
use super::snapshot::name_of;
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::geometry::Geometry;
use crate::analysis::latency::Latency;
use crate::analysis::processes::ProcessName;
use crate::analysis::spread::Spread;
use crate::event::ids::{LogId, MonoNs};

/// Cells of a map at most: more than any screen has.
pub const CELLS_MAX: usize = 1 << 16;

/// Which regions to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first region.
    pub first: u64,
    /// Regions in one cell, at least 1.
    pub per_cell: u64,
    /// Cells at most.
    pub cells: usize,
    /// The region that is looked at.
    pub cursor: u64,
}

/// Regions of one mirror target, by equal runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionMap {
    /// Where the regions lie.
    pub geometry: Geometry,
    /// Number of regions of the target; where that is not known, one more than the last that was seen.
    pub region_count: u64,
    /// First region of the first cell.
    pub first: u64,
    /// Regions in one cell.
    pub per_cell: u64,
    /// The cells, in order.
    pub cells: Vec<RegionCell>,
    /// The cell with the region that is looked at.
    pub cursor: CursorCell,
}

/// More of one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorCell {
    /// Processes that wrote its regions most.
    pub writers: Vec<ProcessName>,
    /// For how long the first of those has been dirty that are; `None` if none is, as far as marks were seen.
    pub dirty_for_ns: Option<u64>,
    /// How long ago the latest clear was of those that were cleared last.
    pub cleared_ago_ns: Option<u64>,
}

/// What happened to a run of regions, and how they are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionCell {
    /// Regions in it.
    pub regions: u64,
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Marks soon after a clear.
    pub re_marks: u64,
    /// Writes that entered.
    pub writes: u64,
    /// Bytes of those writes.
    pub write_bytes: u64,
    /// Regions that the model of the log knows to be dirty.
    pub dirty: u64,
    /// Regions of which it knows whether they are.
    pub dirty_known: u64,
    /// Regions that the model knows to be out of sync.
    pub out_of_sync: u64,
    /// Regions of which it knows whether they are.
    pub sync_known: u64,
}

/// How the latencies of one kind of flush are spread: counts by doubling durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushSpread {
    /// One of [`KIND_NAMES`].
    pub kind: &'static str,
    /// Pairs of the shortest duration of a step in nanoseconds, a power of two, and how many were in it; only steps that
    /// have any.
    pub steps: Vec<(u64, u64)>,
    /// The same in finer steps.
    pub fine: Spread,
    /// What 50 %, 90 %, 99 %, 99.9 % and 99.99 % of them do not exceed, in nanoseconds.
    pub percentiles_ns: [u64; 5],
}

/// A mirror at one moment, to be kept or not.
#[derive(Clone, Debug)]
pub struct Sampled<'a> {
    /// Its name.
    pub name: String,
    /// Its counters.
    pub counters: Counters,
    /// How long its flushes took, in the order of [`KIND_NAMES`].
    pub flushes: [Option<&'a Latency>; KIND_NAMES.len()],
}

/// Counters of one mirror since the start of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Flushes by kind: dirtied, cleaned-only, no-op, unknown.
    pub flushes: [u64; 4],
    /// Durations of dirtied flushes together.
    pub dirtied_ns: u64,
    /// Dirtied flushes whose duration is known.
    pub dirtied_timed: u64,
    /// Writes that entered.
    pub writes: u64,
    /// Their bytes.
    pub write_bytes: u64,
    /// Latencies of writes together.
    pub write_ns: u64,
    /// Writes that ended.
    pub writes_ended: u64,
    /// Regions recovered.
    pub recovered: u64,
    /// Bytes copied by recovery.
    pub copied_bytes: u64,
}

impl Session {
    /// Counters of every mirror that a snapshot tells of: a cheap sample of how things go on.
    pub fn counters(&self) -> Vec<Sampled<'_>> {
        let told = self.devices.iter().filter(|device| device.identity().is_some() || device.ops.events() > 0);
        let sampled = told.map(|device| {
            let mut latencies = device.flushes.latencies();
            let flushes = std::array::from_fn(|_| latencies.next());
            Sampled { name: name_of(device), counters: Counters::of(device), flushes }
        });
        sampled.collect()
    }

    /// Regions of a log's mirror that are dirty, out of sync and in recovery now; `None` where that is not known.
    pub fn regions_now(&self, log: LogId) -> [Option<u64>; 3] {
        let device = self.devices.get(self.logs.device_of(log) as usize);
        device.map_or([None; 3], |device| device.occupancy.now())
    }

    /// The device of a row of the snapshot, counted as there.
    fn device_of_row(&self, row: usize) -> Option<(usize, &Device)> {
        let known = self.devices.iter().enumerate().skip(1);
        let unknown = self.devices.iter().enumerate().take(1);
        known.chain(unknown).filter(|(_, device)| device.identity().is_some() || device.ops.events() > 0).nth(row)
    }

    /// How long flushes of a device took; `row` is its place in the snapshot.
    pub fn flush_spread(&self, row: usize) -> Vec<FlushSpread> {
        let Some((_, device)) = self.device_of_row(row) else { return Vec::new() };
        let kinds = KIND_NAMES.iter().zip(device.flushes.latencies());
        let spreads = kinds.filter_map(|(kind, latency)| {
            let (steps, fine) = (latency.octaves(), latency.spread());
            Some(FlushSpread { kind, steps, fine, percentiles_ns: latency.percentiles()? })
        });
        spreads.collect()
    }

    /// Number of regions of the target that [`region_map`](Self::region_map) shows.
    pub fn region_count(&self, row: usize) -> Option<u64> {
        let (_, device) = self.device_of_row(row)?;
        Some(count_of(device, shown_target(device)))
    }

    /// Regions of a device's largest target; `row` is its place in the snapshot.
    pub fn region_map(&self, row: usize, run: Run) -> Option<RegionMap> {
        let (place, device) = self.device_of_row(row)?;
        let target = shown_target(device);
        let region_count = count_of(device, target);
        let shown = device.targets().get(target)?;
        let per_cell = run.per_cell.max(1);
        let left = region_count.saturating_sub(run.first).div_ceil(per_cell);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(run.cells).min(CELLS_MAX);
        let mut cells = vec![RegionCell::default(); length];
        for (cell, begin) in
            cells.iter_mut().zip((run.first..).step_by(usize::try_from(per_cell).unwrap_or(usize::MAX)))
        {
            cell.regions = per_cell.min(region_count.saturating_sub(begin));
        }
        for row in shown.regions.rows() {
            let Some(offset) = row.region.checked_sub(run.first) else { continue };
            let cell = usize::try_from(offset / per_cell).ok().and_then(|place| cells.get_mut(place));
            let Some(cell) = cell else { continue };
            cell.marks += row.marks;
            cell.clears += row.clears;
            cell.re_marks += row.re_marks;
            cell.writes += row.writes;
            cell.write_bytes += row.write_bytes;
        }
        if place != UNKNOWN_DEVICE as usize
            && let (Some(models), Some(log)) = (&self.models, self.last_log_of(place, target))
        {
            let ends = (1..).map(|number: u64| run.first.saturating_add(number.saturating_mul(per_cell)));
            let mut begin = run.first;
            for (cell, end) in cells.iter_mut().zip(ends) {
                let Some(state) = models.count_bits(log, begin..end.min(region_count)) else { break };
                (cell.dirty, cell.dirty_known) = (state.dirty, state.dirty_known);
                (cell.out_of_sync, cell.sync_known) = (state.out_of_sync, state.sync_known);
                begin = end;
            }
        }
        let now_ns = self.window.origin().0.saturating_add(self.window.covered().1.0);
        let ago_ns = |time: MonoNs| now_ns.saturating_sub(time.0);
        let begin = run.cursor.saturating_sub(run.first) / per_cell * per_cell + run.first;
        let under = shown.regions.run(begin, per_cell, &device.processes);
        let cursor = CursorCell {
            writers: under.writers,
            dirty_for_ns: under.dirty_since.map(ago_ns),
            cleared_ago_ns: under.cleared.map(ago_ns),
        };
        Some(RegionMap { geometry: shown.geometry, region_count, first: run.first, per_cell, cells, cursor })
    }

    /// The newest log instance of a target.
    fn last_log_of(&self, device: usize, target: usize) -> Option<LogId> {
        self.logs.last_of(u32::try_from(device).ok()?, u32::try_from(target).ok()?)
    }
}

impl Counters {
    fn of(device: &Device) -> Self {
        let totals = device.targets().iter().map(|target| target.regions.totals());
        let (marks, clears) = totals.fold((0, 0), |(marks, clears), row| (marks + row.marks, clears + row.clears));
        let dirtied = device.flushes.latencies().next();
        let write = device.io.write_latency();
        let (recovered, copied_bytes) = device.recovery.progress();
        Self {
            marks,
            clears,
            flushes: device.flushes.counts(),
            dirtied_ns: dirtied.map_or(0, Latency::sum_ns),
            dirtied_timed: dirtied.map_or(0, Latency::count),
            writes: device.io.writes(),
            write_bytes: device.io.write_bytes(),
            write_ns: write.sum_ns(),
            writes_ended: write.count(),
            recovered,
            copied_bytes,
        }
    }
}

/// The target with the most regions.
fn shown_target(device: &Device) -> usize {
    let targets = device.targets().iter().enumerate();
    let largest = targets.max_by_key(|(place, _)| (count_of(device, *place), std::cmp::Reverse(*place)));
    largest.map_or(0, |(place, _)| place)
}

pub(super) fn count_of(device: &Device, target: usize) -> u64 {
    let Some(target) = device.targets().get(target) else { return 0 };
    let seen = || target.regions.rows().map(|row| row.region.saturating_add(1)).max();
    target.geometry.region_count.or_else(seen).unwrap_or(0)
}
