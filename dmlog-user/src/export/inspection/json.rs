//! An inspection as one JSON object. What is not known is `null`.

use serde::Serialize;

use super::Inspection;
use crate::log::disk::header::DiskLogHeader;

/// Version of the shape. Names are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

/// Most runs that are listed; more are counted.
pub const RUNS_MAX: usize = 65_536;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    source: &'a str,
    device_bytes: u64,
    capacity_regions: u64,
    header: Option<Header>,
    region_size_sectors: Option<u32>,
    target_sectors: Option<u64>,
    region_count: u64,
    clean_regions: u64,
    resync_regions: u64,
    resync_bytes: Option<u64>,
    is_corrupt: bool,
    findings: Vec<Finding>,
    dirty_runs: Vec<Run>,
    dirty_runs_left_out: usize,
}

#[derive(Serialize)]
struct Header {
    magic: String,
    version: u32,
    nr_regions: u64,
}

#[derive(Serialize)]
struct Finding {
    id: &'static str,
    is_corrupt: bool,
    text: String,
}

#[derive(Serialize)]
struct Run {
    first_region: u64,
    last_region: u64,
    first_sector: Option<u64>,
    last_sector: Option<u64>,
}

/// The inspection as one JSON object, indented, with a line end.
///
/// # Errors
/// [`serde_json::Error`] if a number has no place in JSON; none of ours is of that kind.
pub fn render(inspection: &Inspection<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let Inspection { source, examination, region_size_sectors } = *inspection;
    let run = |run| {
        let sectors = inspection.sectors(run);
        Run {
            first_region: run.first.0,
            last_region: run.last.0,
            first_sector: sectors.map(|sectors| sectors.first),
            last_sector: sectors.map(|sectors| sectors.last),
        }
    };
    let mut runs = examination.clean.unset_runs();
    let dirty_runs = runs.by_ref().take(RUNS_MAX).map(run).collect();
    let header = |header: DiskLogHeader| {
        let DiskLogHeader { magic, version, nr_regions } = header;
        Header { magic: format!("0x{magic:08x}"), version, nr_regions }
    };
    let findings = examination.findings.iter();
    let document = Document {
        schema_version: SCHEMA_VERSION,
        source,
        device_bytes: examination.device_bytes,
        capacity_regions: examination.capacity_regions,
        header: examination.header.map(header),
        region_size_sectors,
        target_sectors: examination.geometry.map(|geometry| geometry.target_sectors()),
        region_count: examination.clean.len(),
        clean_regions: examination.clean.count(),
        resync_regions: examination.resync_regions(),
        resync_bytes: inspection.resync_bytes(),
        is_corrupt: examination.is_corrupt(),
        findings: findings
            .map(|finding| Finding { id: finding.id(), is_corrupt: finding.is_corrupt(), text: finding.to_string() })
            .collect(),
        dirty_runs,
        dirty_runs_left_out: runs.count(),
    };
    let mut out = serde_json::to_vec_pretty(&document)?;
    out.push(b'\n');
    Ok(out)
}
