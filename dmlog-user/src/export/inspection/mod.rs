//! What `inspect` shows of an on-disk log, as a page or as JSON. Same examination, same bytes.

use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::log::disk::examine::Examination;
use crate::log::region_set::RegionRange;

pub mod json;
pub mod text;

/// Everything that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Inspection<'a> {
    /// Where the log stands, as the user called it.
    pub source: &'a str,
    /// What it says.
    pub examination: &'a Examination,
    /// Size of a region in sectors, where the user told it. The length of the target is in the examination.
    pub region_size_sectors: Option<u32>,
}

/// Sectors of a run, both ends included, from the start of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RunSectors {
    first: u64,
    last: u64,
}

impl Inspection<'_> {
    /// Where a run of regions lies; `None` if the region size is not known. Cut at the target's end where that is known.
    fn sectors(&self, run: RegionRange) -> Option<RunSectors> {
        if let Some(sectors) = self.examination.geometry.and_then(|geometry| geometry.sectors_of(run)) {
            return Some(RunSectors { first: sectors.first.0, last: sectors.last.0 });
        }
        let size = u64::from(self.region_size_sectors?);
        // Regions are below 2^32 and their size is too.
        Some(RunSectors { first: run.first.0 * size, last: run.last.0 * size + (size - 1) })
    }

    /// Bytes that a resync would copy to each of the other legs; `None` if the region size is not known.
    fn resync_bytes(&self) -> Option<u64> {
        let sectors = |run| self.sectors(run).map(|RunSectors { first, last }| last - first + 1);
        let sectors = self.examination.clean.unset_runs().map(sectors).sum::<Option<u64>>()?;
        sectors.checked_mul(SECTOR_SIZE_BYTES)
    }
}
