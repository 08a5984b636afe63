//! What a session knows at one moment, as plain values that do not change: all that outputs see.
//!
//! Field names are those of the JSON report and of the metric catalogue. Times are told in nanoseconds from the start of
//! the trace.

use serde::Serialize;

use super::Session;
use super::device::{Device, Target};
use super::difference::ModelSummary;
use super::logs::UNKNOWN_DEVICE;
use super::model::tally::ComparisonRow;
use crate::analysis::by_name;
use crate::analysis::churn::ChurnSummary;
use crate::analysis::consults::ConsultSummary;
use crate::analysis::failures::FailureSummary;
use crate::analysis::flush::FlushSummary;
use crate::analysis::geometry::{Geometry, SectorRange};
use crate::analysis::io::{IoSummary, UnderWay};
use crate::analysis::losses::LossSummary;
use crate::analysis::occupancy::OccupancySummary;
use crate::analysis::ops::OpTable;
use crate::analysis::processes::ProcessTable;
use crate::analysis::recovery::{MirrorFacts, RecoverySummary, SyncSummary};
use crate::analysis::regions::ranking::By;
use crate::analysis::regions::{RegionSummary, RegionTotals};
use crate::event::ids::{LogId, MonoNs, SECTOR_SIZE_BYTES};
use crate::event::op::IoKind;

/// Rows of a list where nothing else is asked for.
pub const TOP_DEFAULT: usize = 10;

/// What a session knows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// The time that the numbers are of.
    pub window: CoveredTime,
    /// What is missing.
    pub losses: LossSummary,
    /// Bios that were forgotten because too many were under way.
    pub bios_forgotten: u64,
    /// Logs that count for the unknown device because there were too many.
    pub logs_beyond_limit: u64,
    /// Where the kernel and the model of its logs differ; `None` without models.
    pub model: Option<ModelSummary>,
    /// Every mirror, in order of appearance; the unknown device last, if anything counts for it.
    pub devices: Vec<DeviceSnapshot>,
}

/// The time that the numbers are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CoveredTime {
    /// Begin of the first event, or of the window.
    pub first_ns: u64,
    /// End of the last event, or of the window.
    pub last_ns: u64,
    /// From the one to the other.
    pub duration_ns: u64,
    /// Events counted.
    pub events: u64,
    /// Events left out by `--since` and `--until`.
    pub events_outside_window: u64,
}

/// One mirror.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceSnapshot {
    /// Name that people know; for a device that was never identified, what it goes by here.
    pub name: String,
    /// Major and minor number; `None` if it was never identified.
    pub device: Option<String>,
    /// `core`, `disk` or `userspace`, if known.
    pub log_type: Option<String>,
    /// Log device of a disk log, if known.
    pub log_device: Option<String>,
    /// Number of legs, if known.
    pub legs: Option<u32>,
    /// Log instances seen: one, and one more for every reload of its table.
    pub log_instances: u64,
    /// Its mirror targets.
    pub targets: Vec<TargetSnapshot>,
    /// Events counted.
    pub events: u64,
    /// Every operation.
    pub ops: OpTable,
    /// Flushes by kind.
    pub flush: FlushSummary,
    /// Regions.
    pub regions: RegionsSnapshot,
    /// How long regions stay dirty, and how long clears take to be written.
    pub churn: ChurnSummary,
    /// How many regions are dirty, out of sync and in recovery over time, and what a crash would cost.
    pub occupancy: OccupancySummary,
    /// Reads and writes.
    pub io: IoSummary,
    /// Who reads and writes.
    pub processes: ProcessTable,
    /// Recovery.
    pub recovery: RecoverySummary,
    /// What went wrong.
    pub failures: FailureSummary,
    /// Round trips to a userspace log daemon; in JSON an object by request.
    #[serde(serialize_with = "by_name")]
    pub consults: Vec<ConsultSummary>,
    /// Answers of the kernel that were compared with the model; in JSON an object by operation.
    #[serde(serialize_with = "by_name")]
    pub comparisons: Vec<ComparisonRow>,
}

/// One mirror target of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetSnapshot {
    /// First sector of the target in its device, if known.
    pub target_begin_sector: Option<u64>,
    /// Length in sectors, if known.
    pub target_sectors: Option<u64>,
    /// Region size in bytes, if known.
    pub region_size_bytes: Option<u64>,
    /// Number of regions, if known.
    pub region_count: Option<u64>,
    /// How many are in sync.
    #[serde(flatten)]
    pub sync: SyncSummary,
}

/// Regions of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionsSnapshot {
    /// Totals over all regions.
    #[serde(flatten)]
    pub totals: RegionTotals,
    /// The most marked, most marks first.
    pub most_marked: Vec<RegionSummary>,
    /// Those with most bytes written, most first.
    pub most_written: Vec<RegionSummary>,
    /// Those with most re-marks, most first.
    pub most_re_marked: Vec<RegionSummary>,
}

impl Session {
    /// What the session knows now, with at most `top` rows in each list.
    pub fn snapshot(&self, top: usize) -> Snapshot {
        self.snapshot_of(top, |_row| true)
    }

    /// The same for a screen that shows one mirror in full, the one in this row: of the others it leaves out operations and all
    /// lists, of regions, processes and slow flushes.
    pub fn snapshot_for(&self, top: usize, row: usize) -> Snapshot {
        self.snapshot_of(top, |place| place == row)
    }

    fn snapshot_of(&self, top: usize, is_whole: impl Fn(usize) -> bool) -> Snapshot {
        let (first, last) = self.window.covered();
        let window = CoveredTime {
            first_ns: first.0,
            last_ns: last.0,
            duration_ns: last.0.saturating_sub(first.0),
            // Each counts for one device.
            events: self.devices.iter().map(|device| device.ops.events()).sum(),
            events_outside_window: self.events_outside,
        };
        let under_way = self.under_way();
        let mut devices: Vec<DeviceSnapshot> = Vec::new();
        let (unknown, known) = self.devices.split_at(1);
        let with_number = (1..).zip(known).chain(std::iter::once(UNKNOWN_DEVICE as usize).zip(unknown));
        for (place, device) in with_number {
            if device.identity().is_some() || device.ops.events() > 0 {
                let under_way = under_way.get(place).copied().unwrap_or_default();
                let detail = if is_whole(devices.len()) { Detail::Whole { top } } else { Detail::Brief };
                devices.push(self.device_snapshot(place, device, &window, under_way, detail));
            }
        }
        Snapshot {
            window,
            losses: self.losses.summary(self.window.origin()),
            bios_forgotten: self.outstanding.forgotten(),
            logs_beyond_limit: self.logs.beyond_limit(),
            model: self.model_summary(&devices),
            devices,
        }
    }

    /// Bios under way, by place of their device.
    fn under_way(&self) -> Vec<UnderWay> {
        let mut by_device = vec![UnderWay::default(); self.devices.len()];
        let now = self.window.origin().0.saturating_add(self.window.covered().1.0);
        for pending in self.outstanding.iter() {
            let Some(under_way) = by_device.get_mut(pending.device as usize) else { continue };
            match pending.kind {
                IoKind::Write => under_way.writes_under_way += 1,
                IoKind::Read => under_way.reads_under_way += 1,
                IoKind::Flush | IoKind::Discard | IoKind::Other => continue,
            }
            let age_ns = now.saturating_sub(pending.entered.0);
            under_way.oldest_under_way_ns = under_way.oldest_under_way_ns.max(Some(age_ns));
        }
        by_device
    }

    fn device_snapshot(
        &self,
        place: usize,
        device: &Device,
        window: &CoveredTime,
        under_way: UnderWay,
        detail: Detail,
    ) -> DeviceSnapshot {
        let top = detail.top();
        let is_whole = detail != Detail::Brief;
        let origin: MonoNs = self.window.origin();
        let span_ns = window.duration_ns;
        let end = MonoNs(origin.0.saturating_add(window.last_ns));
        let identity = device.identity();
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let regions = regions_of(device, top);
        let slowest = device.flushes.slowest.summary(origin, top, &device.processes);
        let targets: Vec<TargetSnapshot> =
            device.targets().iter().filter(|target| is_told(target)).map(TargetSnapshot::of).collect();
        let left = targets.iter().try_fold(0_u64, |sum, target| Some(sum.saturating_add(target.regions_left()?)));
        let regions_of_all =
            targets.iter().try_fold(0_u64, |sum, target| Some(sum.saturating_add(target.region_count?)));
        let io = device.io.summary(span_ns, under_way);
        let mirror = MirrorFacts {
            left,
            regions: regions_of_all,
            legs: identity.and_then(|identity| identity.legs),
            write_latency: io.kind("write").and_then(|writes| writes.latency),
        };
        DeviceSnapshot {
            name: name_of(device),
            device: identity.map(|identity| identity.device.to_string()),
            log_type: identity.and_then(|identity| text(&identity.log_type)),
            log_device: identity.and_then(|identity| identity.log_device.map(|number| number.to_string())),
            legs: identity.and_then(|identity| identity.legs),
            log_instances: device.log_instances(),
            targets,
            events: device.ops.events(),
            ops: if is_whole { device.ops.summary(span_ns) } else { OpTable::default() },
            flush: device.flushes.summary(span_ns, slowest, device.recovery.is_idle().then(|| device.io.writes())),
            churn: device.churn.summary(&regions.totals),
            regions,
            occupancy: device.occupancy.summary(self.window.begin(), end, origin),
            io,
            processes: if is_whole { device.processes.summary(top) } else { device.processes.brief() },
            recovery: device.recovery.summary(origin, &mirror),
            failures: device.failures.summary(origin),
            consults: device.consults.summary(span_ns),
            comparisons: self.comparisons_of(place, &device.comparisons),
        }
    }
}

/// How much is told of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Everything, with so many rows in each list.
    Whole { top: usize },
    /// One row of a table of mirrors.
    Brief,
}

impl Detail {
    fn top(self) -> usize {
        match self {
            Self::Whole { top } => top,
            Self::Brief => 0,
        }
    }
}

/// A target of which something is known or to which something happened.
fn is_told(target: &Target) -> bool {
    target.geometry != Geometry::default()
        || target.regions.tracked() > 0
        || target.sync.summary(None) != SyncSummary::default()
}

/// What a device goes by.
pub(super) fn name_of(device: &Device) -> String {
    match (device.identity(), device.first_log()) {
        (Some(identity), _) if !identity.name.is_empty() => identity.name.clone(),
        (Some(identity), _) => identity.device.to_string(),
        (None, LogId::UNKNOWN) => "unknown device".to_owned(),
        (None, LogId(log)) => format!("unidentified device of log {log}"),
    }
}

fn regions_of(device: &Device, top: usize) -> RegionsSnapshot {
    let mut totals = RegionTotals::default();
    for target in device.targets() {
        totals.absorb(target.regions.totals());
    }
    let [most_marked, most_written, most_re_marked] = By::ALL.map(|by| {
        if top == 0 {
            return Vec::new();
        }
        let of_target = |target: &Target| target.regions.ranked(by, &target.geometry, &device.processes);
        let mut rows: Vec<RegionSummary> = device.targets().iter().flat_map(of_target).collect();
        rows.sort_by(|left, right| left.rank(right, by));
        rows.truncate(top);
        rows
    });
    RegionsSnapshot { totals, most_marked, most_written, most_re_marked }
}

impl DeviceSnapshot {
    /// Whether a person means this device: see [`is_called`].
    pub fn is_called(&self, wanted: &str) -> bool {
        is_called(&self.name, self.device.as_deref(), wanted)
    }
}

/// Whether a person means the mirror of this name and number: by `vg/lv`, its dm name or its number, each also below `/dev`.
pub fn is_called(name: &str, device: Option<&str>, wanted: &str) -> bool {
    let short = wanted.strip_prefix("/dev/mapper/").or_else(|| wanted.strip_prefix("/dev/")).unwrap_or(wanted);
    if !short.is_empty() && (name == short || device == Some(short)) {
        return true;
    }
    // LVM doubles the hyphens of both names and joins them by a single one.
    let dm_name = |(vg, lv): (&str, &str)| format!("{}-{}", vg.replace('-', "--"), lv.replace('-', "--")) == short;
    name.split_once('/').is_some_and(dm_name)
}

impl TargetSnapshot {
    fn of(target: &Target) -> Self {
        let Geometry { region_size_sectors, region_count, target_begin, target_sectors } = target.geometry;
        Self {
            target_begin_sector: target_begin,
            target_sectors,
            region_size_bytes: region_size_sectors.map(|sectors| u64::from(sectors) * SECTOR_SIZE_BYTES),
            region_count,
            sync: target.sync.summary(region_count),
        }
    }

    /// Regions that are not in sync, if known.
    fn regions_left(&self) -> Option<u64> {
        Some(self.region_count?.saturating_sub(self.sync.sync_count?))
    }

    /// Its sectors on the device, if known.
    pub fn sectors(&self) -> Option<SectorRange> {
        let first_sector = self.target_begin_sector?;
        let last_sector = first_sector.checked_add(self.target_sectors?)?.checked_sub(1)?;
        Some(SectorRange { first_sector, last_sector })
    }
}
