//! The part of one mirror that is about its regions: churn, the hottest of them, how many are dirty over time.

use crate::analysis::catalogue::{
    CLEAN_LAG_MEAN, CLEARS, FIRST_SECTOR, LAST_SECTOR, LATENCY_MAX, LATENCY_P50, LATENCY_P99, MARKS, MARKS_PER_REGION,
    NOT_IN_SYNC_LAST, NOT_IN_SYNC_MAX, NOT_IN_SYNC_MEAN, NOT_IN_SYNC_MIN, RE_MARKS, RE_MARKS_SHARE, REGION,
    WRITE_BYTES, WRITES,
};
use crate::analysis::churn::ChurnSummary;
use crate::analysis::latency::LatencySummary;
use crate::analysis::occupancy::OccupancySummary;
use crate::analysis::over_time::{SeriesSummary, SlotSummary};
use crate::analysis::processes::ProcessName;
use crate::analysis::regions::RegionSummary;
use crate::export::document::{Document, Topic};
use crate::export::number::{bytes, count, counted, duration, harmless, per_s, ratio};
use crate::export::table::{MISSING, Table};
use crate::session::snapshot::{DeviceSnapshot, RegionsSnapshot};

pub(super) fn regions(regions: &RegionsSnapshot, churn: &ChurnSummary, out: &mut Document) {
    let totals = &regions.totals;
    if totals.marks + totals.clears == 0 {
        return;
    }
    out.heading(Topic::Regions, "Regions");
    out.note(format!(
        "{} of {}, {}; {} (marked again within 1 s of the clear)",
        counted(totals.marks, "mark"),
        counted(totals.marked_regions, "region"),
        counted(totals.clears, "clear"),
        counted(totals.re_marks, "re-mark"),
    ));
    churned(churn, out);
    if totals.other.marks + totals.other.clears > 0 {
        out.note(format!(
            "more regions than are told apart: {} marks and {} clears are of regions that are not listed",
            count(totals.other.marks),
            count(totals.other.clears),
        ));
    }
    hot(&regions.most_marked, out);
    let is_same =
        |rows: &[RegionSummary]| rows.iter().map(|row| row.region).eq(regions.most_marked.iter().map(|row| row.region));
    for (title, rows) in [
        ("Regions most written", &regions.most_written),
        ("Regions most often marked again within 1 s of their clear", &regions.most_re_marked),
    ] {
        if !rows.is_empty() && !is_same(rows) {
            out.heading(Topic::Other, title);
            hot(rows, out);
        }
    }
}

fn churned(churn: &ChurnSummary, out: &mut Document) {
    let told = [
        churn.marks_per_marked_region.map(|mean| format!("{} {}", per_s(mean), MARKS_PER_REGION.title)),
        churn.re_marks_ratio.map(|share| format!("{} {}", ratio(share), RE_MARKS_SHARE.title)),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if !told.is_empty() {
        out.note(told.join(", "));
    }
    let spread = |latency: &LatencySummary| {
        let told = [
            (LATENCY_P50, latency.latency_ns_p50),
            (LATENCY_P99, latency.latency_ns_p99),
            (LATENCY_MAX, latency.latency_ns_max),
        ];
        told.map(|(metric, ns)| format!("{} {}", metric.title, duration(ns))).join(", ")
    };
    if let Some(lifetime) = &churn.mark_to_clear {
        out.note(format!("dirty from mark to clear: {}", spread(lifetime)));
    }
    if let (Some(lag), Some(mean_ns)) = (&churn.clean_bit_lag, churn.clean_bit_lag_ns_mean) {
        let (title, mean) = (CLEAN_LAG_MEAN.title, duration(mean_ns));
        out.note(format!("{title}: mean {mean}; the oldest of each: {}", spread(lag)));
    }
}

fn hot(rows: &[RegionSummary], out: &mut Document) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::default().numbers(&[REGION, FIRST_SECTOR, LAST_SECTOR, MARKS, CLEARS, RE_MARKS, WRITES]);
    table = table.number(WRITE_BYTES).words("by");
    for region in rows {
        let sector = |sector: Option<u64>| sector.map_or_else(|| MISSING.to_owned(), |sector| sector.to_string());
        table.row(vec![
            region.region.to_string(),
            sector(region.sectors.map(|range| range.first_sector)),
            sector(region.sectors.map(|range| range.last_sector)),
            count(region.marks),
            count(region.clears),
            count(region.re_marks),
            count(region.writes),
            bytes(region.write_bytes),
            names(&region.writers),
        ]);
    }
    out.table(table);
}

/// Processes by name, with their ids.
pub(super) fn names<'a>(processes: impl IntoIterator<Item = &'a ProcessName>) -> String {
    let name = |process: &ProcessName| match process.tgid {
        Some(tgid) => format!("{} {tgid}", harmless(&process.comm)),
        None => harmless(&process.comm),
    };
    processes.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// How many regions are dirty over time, and what a crash would cost.
pub(super) fn over_time(device: &DeviceSnapshot, out: &mut Document) {
    let occupancy = &device.occupancy;
    let is_told = |series: &SeriesSummary| series.max.is_some();
    if !occupancy.series().iter().any(|(_, series)| is_told(series)) {
        return;
    }
    out.heading(Topic::OverTime, "Regions over time");
    let mut table = Table::default().words("");
    table = table.numbers(&[NOT_IN_SYNC_MIN, NOT_IN_SYNC_MEAN, NOT_IN_SYNC_MAX, NOT_IN_SYNC_LAST]).words("");
    for (name, series) in [
        ("dirty", &occupancy.dirty_regions),
        ("not in sync", &occupancy.not_in_sync_regions),
        ("recovering", &occupancy.recovering_regions),
        ("to copy after a crash", &occupancy.resync_regions),
    ] {
        if is_told(series) {
            let number = |number: Option<u64>| number.map_or_else(|| MISSING.to_owned(), count);
            let mean = series.mean.map_or_else(|| MISSING.to_owned(), per_s);
            table.row(vec![
                name.to_owned(),
                number(series.min),
                mean,
                number(series.max),
                number(series.last),
                picture(series),
            ]);
        }
    }
    out.table(table);
    crash(device, out);
    unknown(occupancy, out);
}

/// Columns of a picture.
const PICTURE_WIDTH: usize = 32;

/// The largest value of each stretch of time, as bars that reach up to the largest of all; blank where it was not known.
fn picture(series: &SeriesSummary) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = series.max.unwrap_or(0).max(1);
    let bar = |slots: &[Option<SlotSummary>]| {
        let Some(max) = slots.iter().flatten().map(|slot| slot.max).max() else { return ' ' };
        let steps = BARS.len() as u64 - 1;
        let step = u128::from(max) * u128::from(steps) / u128::from(largest);
        // What is not 0 is seen.
        let step = usize::try_from(step).unwrap_or(0).max(usize::from(max > 0));
        BARS.get(step).copied().unwrap_or(' ')
    };
    series.slots.chunks(series.slots.len().div_ceil(PICTURE_WIDTH).max(1)).map(bar).collect()
}

fn crash(device: &DeviceSnapshot, out: &mut Document) {
    let OccupancySummary { resync_regions, resync_bytes, .. } = &device.occupancy;
    let regions_and_bytes = |regions: u64, of: Option<u64>| {
        let size = of.map_or_else(String::new, |of| format!(" ({})", bytes(of)));
        format!("{}{size}", counted(regions, "region"))
    };
    if device.log_type.as_deref() == Some("core") {
        if let Some(regions) = resync_regions.last.or(resync_regions.max) {
            let all = regions_and_bytes(regions, resync_bytes.max);
            out.note(format!("a core log is lost with the memory: a crash at any moment leaves all {all} to copy"));
        }
        return;
    }
    let Some(worst) = resync_regions.max else { return };
    let worst = regions_and_bytes(worst, resync_bytes.max);
    let now = match resync_regions.last {
        Some(regions) => format!(", at the end {}", regions_and_bytes(regions, resync_bytes.last)),
        None => String::new(),
    };
    out.note(format!("a crash would have left {worst} to copy at the worst moment{now}"));
}

fn unknown(occupancy: &OccupancySummary, out: &mut Document) {
    if let Some(unknown) = occupancy.clean_unknown_regions.last.filter(|unknown| *unknown > 0) {
        let regions = counted(unknown, "region");
        let text = format!(
            "of {regions} it was not known at the end whether they are clean, because the log is older than the capture or \
             events are missing: each may be one more"
        );
        out.note(text);
    }
}
