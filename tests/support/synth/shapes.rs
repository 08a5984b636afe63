//! How long things take, in nanoseconds: quantiles of a recording of a disk-log mirror on ram disks under 4 KiB direct
//! writes (Linux 6.12, two jobs, 277,008 events). The largest value is cut to a few times the 0.999 quantile, because the
//! one preempted call in 15,000 would be one in 2,000 by interpolation.

use super::random::Quantiles;

pub(crate) const CLEAR_REGION: Quantiles = Quantiles([479, 884, 1_167, 2_642, 3_600, 82_123, 400_000]);
pub(crate) const MARK_REGION: Quantiles = Quantiles([532, 820, 1_525, 2_487, 3_386, 62_638, 300_000]);
pub(crate) const IN_SYNC: Quantiles = Quantiles([294, 400, 646, 1_424, 2_714, 9_593, 60_000]);
pub(crate) const GET_RESYNC_WORK: Quantiles = Quantiles([466, 789, 971, 2_328, 3_089, 65_154, 300_000]);
pub(crate) const SET_REGION_SYNC: Quantiles = Quantiles([1_412, 1_626, 2_100, 2_677, 4_211, 56_615, 100_078]);
pub(crate) const GET_SYNC_COUNT: Quantiles = Quantiles([1_449, 1_677, 1_906, 2_396, 7_224, 20_000, 67_793]);
pub(crate) const STATUS: Quantiles = Quantiles([30_000, 40_467, 55_590, 90_000, 108_691, 112_799, 130_000]);
/// A flush that has nothing to do.
pub(crate) const FLUSH_NO_OP: Quantiles = Quantiles([524, 767, 1_274, 2_506, 3_411, 100_280, 300_000]);
/// Header and bits to the log device, and a flush of it.
pub(crate) const FLUSH_DIRTIED: Quantiles = Quantiles([7_481, 8_540, 9_735, 25_976, 829_326, 4_484_574, 6_759_482]);
/// Header and bits to the log device.
pub(crate) const FLUSH_CLEANED: Quantiles = Quantiles([4_800, 5_600, 6_300, 12_700, 120_000, 900_000, 3_000_000]);
/// The empty flush to both legs, by which a flush that cleans begins.
pub(crate) const LEG_FLUSH: Quantiles = Quantiles([5_381, 6_512, 7_725, 17_821, 88_804, 3_294_861, 7_927_647]);
/// `dm_rh_recovery_start` without its caller's pause.
pub(crate) const RECOVERY_START: Quantiles = Quantiles([817, 1_283, 1_508, 2_724, 3_588, 64_845, 300_000]);
/// A copy of a region by kcopyd.
pub(crate) const COPY: Quantiles = Quantiles([300_000, 420_000, 640_000, 900_000, 2_600_000, 7_800_000, 14_000_000]);
/// A write on the legs, from its issue to its completion.
pub(crate) const LEGS: Quantiles = Quantiles([13_157, 15_515, 30_347, 50_676, 174_241, 4_643_198, 12_608_990]);
/// From the wake-up of the worker to its first step.
pub(crate) const WAKE: Quantiles = Quantiles([9_000, 14_000, 23_054, 40_000, 322_978, 1_000_000, 3_000_000]);

/// Pause before a call within a pass, the probes' own work included.
pub(crate) const STEP: Quantiles = Quantiles([1_400, 2_480, 3_705, 7_521, 12_432, 121_172, 400_000]);
/// From the end of an inner call to the return of the call around it.
pub(crate) const RETURN: Quantiles = Quantiles([900, 1_500, 2_201, 4_300, 9_448, 64_000, 200_000]);
/// Between `write_callback`, `mirror_end_io` and `dm_rh_dec` of one write.
pub(crate) const COMPLETION: Quantiles = Quantiles([1_171, 1_500, 2_100, 3_773, 5_967, 61_514, 300_000]);
/// Between bios that are counted by one call of `dm_rh_inc_pending`.
pub(crate) const COUNTED: Quantiles = Quantiles([712, 1_530, 1_904, 3_470, 5_544, 20_000, 64_731]);
