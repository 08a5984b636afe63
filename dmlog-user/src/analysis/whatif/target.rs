//! One mirror target: what all its logs counted, and the table that comes out of it.

use super::advice::advise;
use super::grid::Grid;
use super::log_model::LogModel;
use super::recorded::Recorded;
use super::result::{Activity, Note, RecordedCounts, Row, TargetResult};
use super::settings::{Settings, bytes_of, is_taken, log_type_of};
use super::step::Doubt;
use super::totals::{Totals, Waits};
use super::weighted::Weighted;
use crate::event::ids::{DevNum, SECTOR_SIZE_BYTES};
use crate::event::op::Identity;
use crate::log::dirty_log::LogType;
use crate::log::disk::header::{area_bytes, bitset_bytes};

/// Sectors of the largest target that is replayed: 8 EiB, all that 64 bits can address in bytes.
const TARGET_SECTORS_MAX: u64 = 1 << 54;

/// Blocks of the log device, which the trace does not tell.
const LOG_BLOCK_BYTES: u32 = 512;

/// What tells one target from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    device: DevNum,
    begin: u64,
    pub(super) sectors: u64,
    pub(super) region_size_sectors: u32,
    pub(super) log_type: LogType,
}

impl Place {
    /// The place that an identity tells; `None` if it lacks what a replay needs. `seen` is the log type that its
    /// operations showed, for an identity that does not tell it.
    pub(super) fn of(identity: &Identity) -> Option<Self> {
        let region_size_sectors = identity.region_size_sectors?;
        let of_regions = || identity.region_count?.checked_mul(u64::from(region_size_sectors));
        let sectors = identity.target_sectors.or_else(of_regions)?;
        let is_known = is_taken(region_size_sectors, sectors) && sectors <= TARGET_SECTORS_MAX;
        // Types of cluster logs are names of the daemon's; the kernel's type is `userspace` for all of them.
        let log_type = log_type_of(&identity.log_type).or_else(|| {
            let is_daemons = identity.log_type.starts_with("clustered");
            is_daemons.then_some(LogType::Userspace)
        });
        Some(Self {
            device: identity.device,
            begin: identity.target_begin.unwrap_or(0),
            sectors,
            region_size_sectors,
            log_type: log_type?,
        })
        .filter(|_| is_known)
    }
}

/// What all logs of one target counted.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) place: Place,
    name: String,
    pub(super) grids: Vec<Grid>,
    totals: Vec<Totals>,
    recorded: Recorded,
    doubt: Doubt,
    was_alive_before: bool,
    is_sync_estimated: bool,
}

impl Target {
    pub(super) fn new(place: Place, name: String, settings: &Settings) -> Self {
        let sizes = settings.sizes_for(place.region_size_sectors, place.sectors);
        let grids: Vec<Grid> =
            sizes.into_iter().map(|size| Grid::new(size, place.region_size_sectors, place.sectors)).collect();
        Self {
            place,
            name,
            totals: vec![Totals::default(); grids.len()],
            grids,
            recorded: Recorded::default(),
            doubt: Doubt::default(),
            was_alive_before: false,
            is_sync_estimated: false,
        }
    }

    /// Whether an identity is of this target. The kernel gives the number of a removed device to the next one, so names
    /// must agree where both are known.
    pub(super) fn is(&self, place: &Place, name: &str) -> bool {
        self.place == *place && (self.name == name || self.name.is_empty() || name.is_empty())
    }

    /// The identity of one of its logs was told again.
    pub(super) fn rename(&mut self, name: &str) {
        if !name.is_empty() {
            name.clone_into(&mut self.name);
        }
    }

    /// Adds what one of its logs counted.
    pub(super) fn absorb(&mut self, log: &LogModel) {
        for (totals, size) in self.totals.iter_mut().zip(log.sizes()) {
            totals.absorb(size.totals());
        }
        self.recorded.absorb(log.recorded());
        self.doubt.absorb(log.doubt());
        self.was_alive_before |= !log.is_whole();
        self.is_sync_estimated |= log.is_sync_estimated();
    }

    /// The table. `is_possible` if the capture has the calls that a replay needs.
    pub(super) fn result(&self, settings: &Settings, is_possible: bool, has_losses: bool) -> TargetResult {
        let Place { device, begin, sectors, region_size_sectors, log_type } = self.place;
        let name = if self.name.is_empty() { device.to_string() } else { self.name.clone() };
        let rows = self.rows(settings, is_possible);
        let region_size_bytes = bytes_of(region_size_sectors);
        let advice = advise(&rows, log_type, region_size_bytes, sectors * SECTOR_SIZE_BYTES);
        TargetResult {
            name,
            device: device.to_string(),
            log_type,
            target_begin_sector: begin,
            target_sectors: sectors,
            region_size_bytes,
            recorded: self.recorded_counts(),
            notes: self.notes(settings, is_possible, has_losses, &rows),
            rows,
            advice,
        }
    }

    fn recorded_counts(&self) -> RecordedCounts {
        let Recorded { marks, clears, flushes: [dirtied, cleaned, no_op, unknown], writes, holding: _ } = self.recorded;
        RecordedCounts {
            writes,
            marks,
            clears,
            dirtied_flushes: dirtied,
            cleaned_only_flushes: cleaned,
            no_op_flushes: no_op,
            flushes_of_unknown_kind: unknown,
        }
    }

    fn rows(&self, settings: &Settings, is_possible: bool) -> Vec<Row> {
        let mut rows = Vec::new();
        for log_type in settings.types_for(self.place.log_type) {
            for (grid, totals) in self.grids.iter().zip(&self.totals) {
                rows.push(self.row(log_type, grid, totals, is_possible));
            }
        }
        rows
    }

    fn row(&self, log_type: LogType, grid: &Grid, totals: &Totals, is_possible: bool) -> Row {
        let is_recorded_size = grid.region_size_sectors() == self.place.region_size_sectors;
        let is_smaller = grid.region_size_sectors() < self.place.region_size_sectors;
        let is_told = is_possible && !(is_smaller && self.is_unplaced());
        let bitset_bytes = bitset_bytes(grid.count());
        let area_bytes = area_bytes(grid.count(), LOG_BLOCK_BYTES);
        let is_disk = log_type == LogType::Disk;
        Row {
            region_size_bytes: bytes_of(grid.region_size_sectors()),
            log_type,
            is_recorded: is_recorded_size && log_type == self.place.log_type,
            region_count: grid.count(),
            //= linux v6.12 drivers/md/dm-log.c create_log_context: the clean bits of a disk log lie in its area
            log_memory_bytes: if is_disk { area_bytes + 2 * bitset_bytes } else { 3 * bitset_bytes },
            log_area_bytes: is_disk.then_some(area_bytes),
            activity: is_told.then(|| self.activity(log_type, grid, totals)),
        }
    }

    fn activity(&self, log_type: LogType, grid: &Grid, totals: &Totals) -> Activity {
        let over_time = totals.over_time();
        let dirty = &over_time.dirty_regions;
        let is_core = log_type == LogType::Core;
        let [dirtied, cleaned, no_op] = match log_type {
            // Nothing is ever written: every flush is a no-op.
            LogType::Core => [0, 0, totals.other_flushes().iter().sum()],
            LogType::Disk => totals.disk_flushes(),
            LogType::Userspace => totals.other_flushes(),
        };
        // What a core log knew is gone after a crash, however little was dirty.
        let whole = |value: u64| {
            let mut whole = Weighted::default();
            whole.record(value, dirty.weight());
            whole
        };
        let (regions, bytes) = if is_core {
            (whole(grid.count()), whole(self.place.sectors * SECTOR_SIZE_BYTES))
        } else {
            (over_time.resync_regions, over_time.resync_bytes)
        };
        let waits = self.waits(log_type, totals);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "means are not negative; saturates"
        )]
        let rounded = |mean: Option<f64>| mean.map(|mean| mean as u64);
        Activity {
            writes: totals.writes,
            marks: totals.marks,
            clears: totals.clears,
            dirtied_flushes: dirtied,
            cleaned_only_flushes: cleaned,
            no_op_flushes: no_op,
            dirty_regions_mean: dirty.mean(),
            dirty_regions_p99: dirty.p99(),
            dirty_regions_max: dirty.max(),
            resync_regions_mean: regions.mean(),
            resync_regions_p99: regions.p99(),
            resync_regions_max: regions.max(),
            resync_bytes_mean: rounded(bytes.mean()),
            resync_bytes_p99: bytes.p99(),
            resync_bytes_max: bytes.max(),
            waiting_writes_ratio: (waits.writes > 0).then(|| waits.waiting as f64 / waits.writes as f64),
            added_write_latency_ns_mean: rounded(waits.mean_ns),
            added_write_latency_ns_p99: waits.p99_ns,
        }
    }

    fn waits(&self, log_type: LogType, totals: &Totals) -> Waits {
        let waits = totals.waits(self.recorded.holding.mean());
        match log_type {
            LogType::Core => {
                let known = (waits.writes > 0).then_some(0);
                Waits { waiting: 0, mean_ns: known.map(|_| 0.0), p99_ns: known, ..waits }
            }
            _ if log_type == self.place.log_type => waits,
            LogType::Disk | LogType::Userspace => Waits { mean_ns: None, p99_ns: None, ..waits },
        }
    }

    /// Whether most writes are known by their region only.
    fn is_unplaced(&self) -> bool {
        self.doubt.unplaced > self.doubt.placed
    }

    fn notes(&self, settings: &Settings, is_possible: bool, has_losses: bool, rows: &[Row]) -> Vec<Note> {
        let mut notes = Vec::new();
        if !is_possible {
            notes.push(Note::NoRegionHash);
        } else if self.recorded.writes == 0 {
            notes.push(Note::NoWrites);
        }
        if has_losses && is_possible {
            notes.push(Note::Losses);
        }
        let differences = self.differences(rows);
        if !differences.is_empty() {
            notes.push(Note::NotReproduced { differences });
        }
        if self.was_alive_before && is_possible {
            notes.push(Note::AliveBefore { adopted: self.doubt.adopted });
        } else if self.doubt.adopted > 0 {
            notes.push(Note::NotTakenUp { writes: self.doubt.adopted });
        }
        if self.is_sync_estimated && is_possible {
            notes.push(Note::SyncEstimated);
        }
        if self.is_unplaced() {
            notes.push(Note::SmallerNotKnown);
        } else if self.doubt.unplaced > 0 {
            notes.push(Note::WritesUnplaced { writes: self.doubt.unplaced });
        }
        if self.recorded.flushes[3] > 0 {
            notes.push(Note::KindsNotRecorded);
        }
        for log_type in settings.types_for(self.place.log_type) {
            let lacks_latency = |activity: Activity| {
                activity.waiting_writes_ratio.is_some() && activity.added_write_latency_ns_mean.is_none()
            };
            if rows.iter().any(|row| row.log_type == log_type && row.activity.is_some_and(lacks_latency)) {
                notes.push(Note::LatencyNotKnown { log_type });
            }
        }
        for &size in settings.region_sizes_sectors() {
            if !is_taken(size, self.place.sectors) {
                notes.push(Note::SizeNotTaken { region_size_bytes: bytes_of(size) });
            }
        }
        let left_out = self.doubt.left_out + self.totals.iter().map(|totals| totals.left_out).sum::<u64>();
        if left_out > 0 {
            notes.push(Note::LeftOut { count: left_out });
        }
        notes
    }

    /// Counts of the recorded settings that the replay does not give.
    fn differences(&self, rows: &[Row]) -> Vec<(&'static str, u64, u64)> {
        let Some(activity) = rows.iter().find(|row| row.is_recorded).and_then(|row| row.activity) else {
            return Vec::new();
        };
        let Activity { marks, clears, dirtied_flushes, cleaned_only_flushes, no_op_flushes, .. } = activity;
        let recorded = self.recorded_counts();
        let mut pairs = vec![("marks", marks, recorded.marks), ("clears", clears, recorded.clears)];
        if recorded.flushes_of_unknown_kind == 0 {
            pairs.extend([
                ("dirtied flushes", dirtied_flushes, recorded.dirtied_flushes),
                ("cleaned-only flushes", cleaned_only_flushes, recorded.cleaned_only_flushes),
                ("no-op flushes", no_op_flushes, recorded.no_op_flushes),
            ]);
        }
        pairs.retain(|(_, replayed, recorded)| replayed != recorded);
        pairs
    }
}
