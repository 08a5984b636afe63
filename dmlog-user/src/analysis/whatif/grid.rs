//! One target cut into regions of two sizes: the recorded one and another.
//!
//! ```text
//! recorded   │   0   │   1   │   2   │   3   │ 4 │       both sizes are powers of two, so every border of
//! larger     │       0       │       1       │ 2 │       the larger regions is one of the smaller ones
//! smaller    │ 0 │ 1 │ 2 │ 3 │ 4 │ 5 │ 6 │ 7 │ 8 │
//! ```

/// Sectors of a write from the start of its target, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) first_sector: u64,
    pub(super) last_sector: u64,
}

/// Regions from first to last, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Span {
    /// How many regions.
    pub(super) fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// Where regions of one size lie among those of the recorded size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Region size in sectors, a power of two.
    region_size_sectors: u32,
    recorded_size_sectors: u32,
    target_sectors: u64,
}

impl Grid {
    /// Both sizes are powers of two and no larger than the target, which is not empty.
    pub(super) fn new(region_size_sectors: u32, recorded_size_sectors: u32, target_sectors: u64) -> Self {
        debug_assert!(region_size_sectors.is_power_of_two() && recorded_size_sectors.is_power_of_two());
        debug_assert!(target_sectors > 0);
        Self { region_size_sectors, recorded_size_sectors, target_sectors }
    }

    /// Number of regions; the last may be short.
    pub(super) fn count(&self) -> u64 {
        self.target_sectors.div_ceil(u64::from(self.region_size_sectors))
    }

    /// Number of regions of the recorded size.
    pub(super) fn recorded_count(&self) -> u64 {
        self.target_sectors.div_ceil(u64::from(self.recorded_size_sectors))
    }

    /// Sectors by which the last region is short of the others.
    pub(super) fn shortfall_sectors(&self) -> u64 {
        self.count() * u64::from(self.region_size_sectors) - self.target_sectors
    }

    /// The regions that a write touches, cut at the end of the target.
    pub(super) fn touched(&self, extent: Extent) -> Span {
        let last_region = self.count() - 1;
        let shift = self.region_size_sectors.trailing_zeros();
        let first = (extent.first_sector >> shift).min(last_region);
        Span { first, last: (extent.last_sector >> shift).clamp(first, last_region) }
    }

    /// The regions that cover recorded ones.
    pub(super) fn covering(&self, recorded: Span) -> Span {
        let size = u64::from(self.recorded_size_sectors);
        let first_sector = recorded.first.saturating_mul(size);
        let last_sector = recorded.last.saturating_add(1).saturating_mul(size) - 1;
        self.touched(Extent { first_sector, last_sector })
    }

    /// The recorded regions that cover one of these.
    pub(super) fn recorded(&self, region: u64) -> Span {
        let recorded = Self { region_size_sectors: self.recorded_size_sectors, ..*self };
        let size = u64::from(self.region_size_sectors);
        let first_sector = region.saturating_mul(size);
        recorded.touched(Extent { first_sector, last_sector: first_sector.saturating_add(size - 1) })
    }

    /// Sectors of one recorded region.
    pub(super) fn recorded_extent(&self, region: u64) -> Extent {
        let size = u64::from(self.recorded_size_sectors);
        let first_sector = region.saturating_mul(size);
        Extent { first_sector, last_sector: first_sector.saturating_add(size - 1).min(self.target_sectors - 1) }
    }

    /// Region size in sectors.
    pub(super) fn region_size_sectors(&self) -> u32 {
        self.region_size_sectors
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Grid, Span};

    fn span(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    #[test]
    fn larger_and_smaller_regions_share_their_borders() {
        let (larger, smaller) = (Grid::new(16, 8, 68), Grid::new(4, 8, 68));
        assert_eq!([larger.count(), smaller.count(), larger.recorded_count()], [5, 17, 9]);
        assert_eq!([larger.shortfall_sectors(), smaller.shortfall_sectors()], [12, 0]);
        assert_eq!([larger.covering(span(3, 3)), smaller.covering(span(3, 3))], [span(1, 1), span(6, 7)]);
        assert_eq!([larger.covering(span(8, 8)), smaller.covering(span(8, 8))], [span(4, 4), span(16, 16)]);
        assert_eq!([larger.recorded(1), smaller.recorded(7)], [span(2, 3), span(3, 3)]);
        assert_eq!(larger.recorded(4), span(8, 8), "the last one is short");
    }

    #[test]
    fn a_write_is_split_at_the_borders_and_cut_at_the_end() {
        let grid = Grid::new(4, 16, 30);
        let write = |first_sector, last_sector| grid.touched(Extent { first_sector, last_sector });
        assert_eq!([write(0, 3), write(3, 4), write(2, 13)], [span(0, 0), span(0, 1), span(0, 3)]);
        assert_eq!([write(28, 35), write(u64::MAX, u64::MAX)], [span(7, 7), span(7, 7)]);
        assert_eq!(grid.recorded_extent(1), Extent { first_sector: 16, last_sector: 29 });
    }
}
