//! Where the regions of a log lie on its device.
//!
//! ```text
//! device   0 ······· target_begin ┌ region 0 ┬ region 1 ┬ ··· ┬ last ┐ target_begin + target_sectors
//!                                 region_size_sectors each; the last may be shorter
//! ```

use serde::Serialize;

use crate::event::ids::{Region, SECTOR_SIZE_BYTES, Sector};
use crate::event::op::Identity;

/// What places a region on its device. A number that the capture could not read is `None`, and what needs it is then
/// told as missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    /// Size of a region in sectors, a power of two.
    pub region_size_sectors: Option<u32>,
    /// Number of regions.
    pub region_count: Option<u64>,
    /// First sector of the target in its device.
    pub target_begin: Option<u64>,
    /// Length of the target in sectors.
    pub target_sectors: Option<u64>,
}

/// Sectors that a region covers, both ends included, from the start of the mapped device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SectorRange {
    /// First sector.
    pub first_sector: u64,
    /// Last sector.
    pub last_sector: u64,
}

impl Geometry {
    /// The geometry that an identity tells.
    pub fn of(identity: &Identity) -> Self {
        Self {
            // Zero is what a failed read looks like; no log has regions of no size.
            region_size_sectors: identity.region_size_sectors.filter(|&size| size != 0),
            region_count: identity.region_count,
            target_begin: identity.target_begin,
            target_sectors: identity.target_sectors,
        }
    }

    /// Whether a region number means the same place under both.
    pub fn same_place(&self, other: &Self) -> bool {
        self.region_size_sectors == other.region_size_sectors && self.target_begin == other.target_begin
    }

    /// Sectors of a region, cut at the end of the target; `None` if the region size is not known or the region lies
    /// beyond the target.
    pub fn sectors(&self, region: Region) -> Option<SectorRange> {
        let size = u64::from(self.region_size_sectors?);
        let offset = region.0.checked_mul(size)?;
        let end = match self.target_sectors {
            Some(length) if offset >= length => return None,
            Some(length) => length.min(offset.checked_add(size)?),
            None => offset.checked_add(size)?,
        };
        let begin = self.target_begin.unwrap_or(0);
        Some(SectorRange { first_sector: begin.checked_add(offset)?, last_sector: begin.checked_add(end)? - 1 })
    }

    /// Bytes of a region; the last one may be short.
    pub fn bytes(&self, region: Region) -> Option<u64> {
        let range = self.sectors(region)?;
        (range.last_sector - range.first_sector + 1).checked_mul(SECTOR_SIZE_BYTES)
    }

    /// The region that a sector of the device lies in; `None` if the region size is not known or the sector lies before
    /// the target.
    pub fn region(&self, sector: Sector) -> Option<Region> {
        let size = u64::from(self.region_size_sectors?);
        let offset = sector.0.checked_sub(self.target_begin.unwrap_or(0))?;
        // The kernel takes powers of two only; a division is for what a damaged trace says.
        let region = if size.is_power_of_two() { offset >> size.trailing_zeros() } else { offset.checked_div(size)? };
        Some(Region(region))
    }
}

#[cfg(test)]
mod tests {
    use super::{Geometry, SectorRange};
    use crate::event::ids::{Region, Sector};

    const GEOMETRY: Geometry = Geometry {
        region_size_sectors: Some(1024),
        region_count: Some(4),
        target_begin: Some(2048),
        target_sectors: Some(3 * 1024 + 100),
    };

    #[test]
    fn a_region_is_placed_behind_the_begin_of_its_target() {
        assert_eq!(GEOMETRY.sectors(Region(0)), Some(SectorRange { first_sector: 2048, last_sector: 3071 }));
        assert_eq!(GEOMETRY.region(Sector(2048)), Some(Region(0)));
        assert_eq!(GEOMETRY.region(Sector(3072)), Some(Region(1)));
        assert_eq!(GEOMETRY.region(Sector(2047)), None);
    }

    #[test]
    fn the_last_region_is_cut_at_the_end_of_the_target() {
        assert_eq!(GEOMETRY.sectors(Region(3)), Some(SectorRange { first_sector: 5120, last_sector: 5219 }));
        assert_eq!(GEOMETRY.bytes(Region(3)), Some(100 * 512));
        assert_eq!(GEOMETRY.sectors(Region(4)), None);
    }

    #[test]
    fn nothing_is_guessed_and_nothing_overflows() {
        assert_eq!(Geometry::default().sectors(Region(0)), None);
        let open = Geometry { region_size_sectors: Some(u32::MAX), ..Geometry::default() };
        assert_eq!(open.sectors(Region(u64::MAX)), None);
        let zero = Geometry { region_size_sectors: Some(0), ..Geometry::default() };
        assert_eq!(zero.region(Sector(8)), None);
        let uneven = Geometry { region_size_sectors: Some(1000), ..Geometry::default() };
        assert_eq!(uneven.region(Sector(1999)), Some(Region(1)));
        let odd = Geometry { target_begin: Some(u64::MAX), ..GEOMETRY };
        assert_eq!(odd.sectors(Region(0)), None);
    }
}
