//! What a what-if is asked for: region sizes and log types, within the kernel's limits.

use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::log::dirty_log::LogType;
use crate::log::geometry::{LogGeometry, REGION_SIZE_SECTORS_MIN};

/// Region sizes that are replayed side by side. Each one costs a region hash of its own per log; a person compares fewer.
pub const SIZES_MAX: usize = 12;

/// Sizes of the ladder, as shifts of the recorded size: a quarter to sixteen times of it. Larger regions are the usual
/// cure for too many marks, so there are more of them.
const LADDER_SHIFTS: [i32; 7] = [-2, -1, 0, 1, 2, 3, 4];

/// The log type of that name.
pub fn log_type_of(name: &str) -> Option<LogType> {
    [LogType::Core, LogType::Disk, LogType::Userspace].into_iter().find(|known| known.name() == name)
}

/// Why settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The kernel takes powers of two only.
    #[error("a region size of {sectors} sectors is not a power of two, which the kernel demands")]
    NotAPowerOfTwo {
        /// The size that was asked for.
        sectors: u64,
    },
    /// Below [`REGION_SIZE_SECTORS_MIN`].
    #[error(
        "a region size of {sectors} sectors is below the {REGION_SIZE_SECTORS_MIN} sectors that the kernel demands"
    )]
    TooSmall {
        /// The size that was asked for.
        sectors: u64,
    },
    /// The kernel keeps the size in 32 bits.
    #[error("a region size of {sectors} sectors does not fit into the 32 bits that the kernel has for it")]
    TooLarge {
        /// The size that was asked for.
        sectors: u64,
    },
    /// More than [`SIZES_MAX`].
    #[error("{count} region sizes are more than the {SIZES_MAX} that are replayed side by side; ask for fewer")]
    TooMany {
        /// How many different sizes were asked for.
        count: usize,
    },
}

/// What is replayed besides the recorded settings, which always are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    region_sizes_sectors: Vec<u32>,
    log_types: Vec<LogType>,
}

impl Settings {
    /// Region sizes in sectors, and log types. Without sizes a ladder around the recorded one is replayed, without types
    /// the recorded one and those of dm-log.
    ///
    /// # Errors
    /// [`SettingsError`] for a size that the kernel would refuse for every device, and for too many sizes.
    pub fn new(region_sizes_sectors: &[u64], log_types: &[LogType]) -> Result<Self, SettingsError> {
        let mut sizes = Vec::new();
        for &sectors in region_sizes_sectors {
            if sectors < u64::from(REGION_SIZE_SECTORS_MIN) {
                return Err(SettingsError::TooSmall { sectors });
            }
            if !sectors.is_power_of_two() {
                return Err(SettingsError::NotAPowerOfTwo { sectors });
            }
            sizes.push(u32::try_from(sectors).ok().ok_or(SettingsError::TooLarge { sectors })?);
        }
        let (mut log_types, mut region_sizes_sectors) = (log_types.to_vec(), sizes);
        for_each_once(&mut log_types);
        for_each_once(&mut region_sizes_sectors);
        if region_sizes_sectors.len() > SIZES_MAX {
            return Err(SettingsError::TooMany { count: region_sizes_sectors.len() });
        }
        Ok(Self { region_sizes_sectors, log_types })
    }

    /// Region sizes that were asked for, in sectors, smallest first; empty for the ladder.
    pub fn region_sizes_sectors(&self) -> &[u32] {
        &self.region_sizes_sectors
    }

    /// The sizes to replay for a target of so many sectors that was recorded with this size: smallest first, the recorded
    /// one among them.
    pub(super) fn sizes_for(&self, recorded_sectors: u32, target_sectors: u64) -> Vec<u32> {
        let mut sizes = if self.region_sizes_sectors.is_empty() {
            LADDER_SHIFTS.into_iter().filter_map(|shift| shifted(recorded_sectors, shift)).collect()
        } else {
            self.region_sizes_sectors.clone()
        };
        sizes.retain(|&size| is_taken(size, target_sectors));
        sizes.push(recorded_sectors);
        for_each_once(&mut sizes);
        sizes
    }

    /// The types to tell of, the recorded one first.
    pub(super) fn types_for(&self, recorded: LogType) -> Vec<LogType> {
        let mut types =
            if self.log_types.is_empty() { vec![LogType::Core, LogType::Disk] } else { self.log_types.clone() };
        types.retain(|log_type| *log_type != recorded);
        types.insert(0, recorded);
        types
    }
}

/// Whether the kernel takes a region size for a target of so many sectors.
pub fn is_taken(region_size_sectors: u32, target_sectors: u64) -> bool {
    LogGeometry::new(target_sectors, region_size_sectors).is_ok()
}

fn shifted(size: u32, shift: i32) -> Option<u32> {
    if shift < 0 {
        Some(size >> shift.unsigned_abs())
    } else {
        u32::try_from(u64::from(size) << shift.unsigned_abs()).ok()
    }
}

fn for_each_once<T: Ord>(values: &mut Vec<T>) {
    values.sort_unstable();
    values.dedup();
}

/// Bytes of a region size.
pub(super) fn bytes_of(region_size_sectors: u32) -> u64 {
    u64::from(region_size_sectors) * SECTOR_SIZE_BYTES
}

#[cfg(test)]
mod tests {
    use super::{SIZES_MAX, Settings, SettingsError};
    use crate::log::dirty_log::LogType;

    #[test]
    fn the_ladder_stays_within_the_kernels_limits() {
        let ladder = Settings::default();
        assert_eq!(ladder.sizes_for(1024, 1 << 20), [256, 512, 1024, 2048, 4096, 8192, 16384]);
        assert_eq!(ladder.sizes_for(1024, 5000), [256, 512, 1024, 2048, 4096], "no region is larger than the target");
        assert_eq!(ladder.sizes_for(4, 64), [2, 4, 8, 16, 32, 64], "nor smaller than two sectors");
        assert_eq!(ladder.sizes_for(1 << 31, 1 << 40), [1 << 29, 1 << 30, 1 << 31], "nor above 32 bits");
        let regions = 1 << 32;
        assert_eq!(ladder.sizes_for(4, regions * 2)[0], 4, "nor are there more than 2^32 - 1 regions");
    }

    #[test]
    fn the_recorded_settings_are_always_there() {
        let asked = Settings::new(&[4096, 256, 4096], &[LogType::Userspace]).unwrap();
        assert_eq!(asked.sizes_for(1024, 1 << 20), [256, 1024, 4096]);
        assert_eq!(asked.types_for(LogType::Disk), [LogType::Disk, LogType::Userspace]);
        assert_eq!(
            Settings::default().types_for(LogType::Userspace),
            [LogType::Userspace, LogType::Core, LogType::Disk]
        );
        assert_eq!(Settings::default().types_for(LogType::Core), [LogType::Core, LogType::Disk]);
    }

    #[test]
    fn what_the_kernel_refuses_is_refused() {
        let new = |sizes: &[u64]| Settings::new(sizes, &[]);
        assert_eq!(new(&[1]), Err(SettingsError::TooSmall { sectors: 1 }));
        assert_eq!(new(&[1000]), Err(SettingsError::NotAPowerOfTwo { sectors: 1000 }));
        assert_eq!(new(&[1 << 32]), Err(SettingsError::TooLarge { sectors: 1 << 32 }));
        let many: Vec<u64> = (1..=SIZES_MAX + 1).map(|shift| 1 << shift).collect();
        assert_eq!(new(&many), Err(SettingsError::TooMany { count: SIZES_MAX + 1 }));
    }
}
