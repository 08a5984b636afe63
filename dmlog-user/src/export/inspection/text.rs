//! An inspection as a page for a terminal.

use super::Inspection;
use crate::analysis::catalogue::{FIRST_SECTOR, LAST_SECTOR, Metric, REGION_COUNT, Unit};
use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::export::number::{bytes, count, counted, harmless};
use crate::export::table::{MISSING, Table, note, paragraph};
use crate::log::disk::header::{DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM};

/// Most runs that are listed; more are counted. A page of a terminal or two; programs take JSON.
pub const RUNS_MAX: usize = 100;

const FIRST_REGION: Metric = Metric { id: "first_region", unit: Unit::Index, title: "first region" };
const LAST_REGION: Metric = Metric { id: "last_region", unit: Unit::Index, title: "last region" };

/// The page.
pub fn render(inspection: &Inspection<'_>) -> String {
    let examination = inspection.examination;
    let mut out = String::new();
    paragraph("log", &harmless(inspection.source), &mut out);
    let device = bytes(examination.device_bytes);
    let room = counted(examination.capacity_regions, "region");
    paragraph("device", &format!("{device}, room for {room}"), &mut out);
    paragraph("header", &header(examination.header), &mut out);
    if let Some(line) = target(inspection) {
        paragraph("target", &line, &mut out);
    }
    let (regions, clean) = (examination.clean.len(), examination.clean.count());
    if regions > 0 {
        paragraph("clean", &format!("{} of {}", count(clean), counted(regions, "region")), &mut out);
        paragraph("resync", &resync(inspection), &mut out);
    }
    for finding in &examination.findings {
        paragraph(if finding.is_corrupt() { "CORRUPT" } else { "note" }, &finding.to_string(), &mut out);
    }
    if examination.findings.is_empty() {
        paragraph("health", "nothing odd", &mut out);
    }
    dirty_runs(inspection, &mut out);
    out
}

fn header(header: Option<DiskLogHeader>) -> String {
    let Some(DiskLogHeader { magic, version, nr_regions }) = header else { return "none".to_owned() };
    let name = if magic == MAGIC { " (MiRr)" } else { "" };
    let regions =
        if nr_regions == NR_REGIONS_OF_LVM { "2^64 - 1 regions".to_owned() } else { counted(nr_regions, "region") };
    format!("magic 0x{magic:08x}{name}, version {version}, {regions}")
}

fn target(inspection: &Inspection<'_>) -> Option<String> {
    let size = inspection.region_size_sectors?;
    let each = format!("{} ({})", counted(u64::from(size), "sector"), bytes(u64::from(size) * SECTOR_SIZE_BYTES));
    Some(match inspection.examination.geometry {
        Some(geometry) => {
            let length = counted(geometry.target_sectors(), "sector");
            format!("{length} in {} of {each}", counted(geometry.region_count(), "region"))
        }
        None => format!("regions of {each}"),
    })
}

fn resync(inspection: &Inspection<'_>) -> String {
    let regions = inspection.examination.resync_regions();
    if regions == 0 {
        return "nothing: a crash now would copy no region".to_owned();
    }
    let size = inspection.resync_bytes().map_or_else(String::new, |size| format!(", {}", bytes(size)));
    format!("{}{size}: a crash now would copy that from the first leg to the others", counted(regions, "region"))
}

fn dirty_runs(inspection: &Inspection<'_>, out: &mut String) {
    let mut runs = inspection.examination.clean.unset_runs();
    let mut table = Table::default().numbers(&[FIRST_REGION, LAST_REGION, REGION_COUNT, FIRST_SECTOR, LAST_SECTOR]);
    for run in runs.by_ref().take(RUNS_MAX) {
        let sectors = inspection.sectors(run);
        let sector = |sector: Option<u64>| sector.map_or_else(|| MISSING.to_owned(), count);
        table.row(vec![
            count(run.first.0),
            count(run.last.0),
            count(run.region_count()),
            sector(sectors.map(|sectors| sectors.first)),
            sector(sectors.map(|sectors| sectors.last)),
        ]);
    }
    if table.is_empty() {
        return;
    }
    out.push_str("\nDirty or out of sync\n");
    table.render(out);
    let more = runs.count() as u64;
    if more > 0 {
        note(&format!("and {}; --format json lists more", counted(more, "further run")), out);
    }
    if inspection.region_size_sectors.is_none() {
        note("sectors need the region size, which is not in the log: give it with --region-size", out);
    }
}
