//! How a target is cut into regions.
//!
//! ```text
//! target   ┌ region 0 ┬ region 1 ┬ ··· ┬ last ┐
//! sectors  0          rs         2rs          target_sectors      the last region may be short
//! ```

use super::arguments::ArgumentError;
use super::region_set::{REGION_COUNT_MAX, RegionRange};
use crate::event::ids::{Region, Sector};

/// Smallest region size that the kernel takes, in sectors.
pub const REGION_SIZE_SECTORS_MIN: u32 = 2;

/// Length of a target, size of its regions and their number. Only what the kernel would accept can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogGeometry {
    target_sectors: u64,
    region_size_sectors: u32,
    region_count: u64,
}

/// Sectors of a run of regions, both ends included, from the start of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetSectors {
    /// First sector.
    pub first: Sector,
    /// Last sector.
    pub last: Sector,
}

impl LogGeometry {
    /// The regions of a target.
    ///
    /// # Errors
    /// [`ArgumentError::RegionSize`] and [`ArgumentError::RegionCount`], where the kernel refuses the table.
    pub fn new(target_sectors: u64, region_size_sectors: u32) -> Result<Self, ArgumentError> {
        let refused = || ArgumentError::RegionSize { text: region_size_sectors.to_string() };
        //= linux v6.12 drivers/md/dm-log.c _check_region_size
        //= `if (region_size < 2 || region_size > ti->len) return 0;`
        //= `if (!is_power_of_2(region_size)) return 0;`
        let fits = region_size_sectors >= REGION_SIZE_SECTORS_MIN && u64::from(region_size_sectors) <= target_sectors;
        if !fits || !region_size_sectors.is_power_of_two() {
            return Err(refused());
        }
        //= linux drivers/md/dm-log.c create_log_context (6.1.175 and later)
        //= `region_count = dm_sector_div_up(ti->len, region_size); if (region_count > UINT_MAX)`
        let region_count = target_sectors.div_ceil(u64::from(region_size_sectors));
        if region_count > REGION_COUNT_MAX {
            return Err(ArgumentError::RegionCount);
        }
        Ok(Self { target_sectors, region_size_sectors, region_count })
    }

    /// Length of the target in sectors, `ti->len`.
    pub const fn target_sectors(&self) -> u64 {
        self.target_sectors
    }

    /// Size of a region in sectors: a power of two, at least 2.
    pub const fn region_size_sectors(&self) -> u32 {
        self.region_size_sectors
    }

    /// Number of regions, 1 to 2^32 - 1.
    pub const fn region_count(&self) -> u64 {
        self.region_count
    }

    /// The region of a sector, counted from the start of the target; `None` beyond its end.
    pub fn region_of(&self, sector: Sector) -> Option<Region> {
        (sector.0 < self.target_sectors).then(|| Region(sector.0 >> self.region_size_sectors.trailing_zeros()))
    }

    /// The sectors of a run of regions, cut at the end of the target; `None` if it reaches beyond the last region.
    pub fn sectors_of(&self, run: RegionRange) -> Option<TargetSectors> {
        if run.last.0 >= self.region_count || run.first > run.last {
            return None;
        }
        // The last region may be short: `ti->len & (region_size - 1)`. No overflow: the last region begins in the target,
        // and a power of two of 32 bits added to that is checked.
        let size = u64::from(self.region_size_sectors);
        let end = (run.last.0 * size).checked_add(size).map_or(self.target_sectors, |end| end.min(self.target_sectors));
        Some(TargetSectors { first: Sector(run.first.0 * size), last: Sector(end - 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::{LogGeometry, TargetSectors};
    use crate::event::ids::{Region, Sector};
    use crate::log::arguments::ArgumentError;
    use crate::log::region_set::{REGION_COUNT_MAX, RegionRange};

    fn refused(target_sectors: u64, region_size_sectors: u32) -> ArgumentError {
        LogGeometry::new(target_sectors, region_size_sectors).unwrap_err()
    }

    #[test]
    fn a_region_size_is_a_power_of_two_from_two_to_the_target() {
        for size in [0, 1, 3, 1000, 32_769, 65_536] {
            assert_eq!(refused(32_768, size), ArgumentError::RegionSize { text: size.to_string() });
        }
        assert_eq!(LogGeometry::new(32_768, 32_768).unwrap().region_count(), 1);
        assert_eq!(LogGeometry::new(32_768, 2).unwrap().region_count(), 16_384);
        assert_eq!(LogGeometry::new(32_769, 1024).unwrap().region_count(), 33);
    }

    #[test]
    fn the_largest_log_has_uint_max_regions() {
        let most = REGION_COUNT_MAX * 2;
        assert_eq!(LogGeometry::new(most, 2).unwrap().region_count(), REGION_COUNT_MAX);
        assert_eq!(refused(most + 1, 2), ArgumentError::RegionCount);
        assert_eq!(refused(u64::MAX, 1 << 31), ArgumentError::RegionCount);
    }

    #[test]
    fn the_last_region_is_short() {
        let geometry = LogGeometry::new(2100, 1024).unwrap();
        let run = |first, last| RegionRange { first: Region(first), last: Region(last) };
        let sectors = |first, last| Some(TargetSectors { first: Sector(first), last: Sector(last) });
        assert_eq!(geometry.sectors_of(run(1, 1)), sectors(1024, 2047));
        assert_eq!(geometry.sectors_of(run(1, 2)), sectors(1024, 2099));
        assert_eq!(geometry.sectors_of(run(1, 3)), None);
        assert_eq!(
            [2047, 2048, 2099, 2100].map(|sector| geometry.region_of(Sector(sector))),
            [Some(Region(1)), Some(Region(2)), Some(Region(2)), None]
        );
    }
}
