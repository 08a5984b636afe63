use super::{LogOccupancy, Occupancy, Resync, TargetOccupancy};
use crate::analysis::geometry::Geometry;
use crate::event::ids::{LogId, MonoNs};

const FROM: Option<MonoNs> = Some(MonoNs(0));

/// Four regions of 4 KiB, the last of 1 KiB.
const GEOMETRY: Geometry =
    Geometry { region_size_sectors: Some(8), region_count: Some(4), target_begin: Some(0), target_sectors: Some(26) };

fn says(dirty: u64, resync: Option<(u64, bool)>) -> LogOccupancy {
    let resync = resync.map(|(regions, has_last)| Resync { regions, has_last });
    LogOccupancy { dirty, clean_unknown: Some(0), out_of_sync: Some(1), recovering: Some(0), resync }
}

#[test]
fn targets_are_summed_and_bytes_are_exact() {
    let (mut occupancy, mut first, mut second) =
        (Occupancy::default(), TargetOccupancy::default(), TargetOccupancy::default());
    occupancy.observe(&mut first, Some(&says(2, Some((3, true)))), &GEOMETRY, MonoNs(0), FROM);
    occupancy.observe(&mut second, Some(&says(1, Some((2, false)))), &GEOMETRY, MonoNs(100), FROM);
    let summary = occupancy.summary(MonoNs(0), MonoNs(200), MonoNs(0));
    assert_eq!(
        (summary.dirty_regions.min, summary.dirty_regions.max, summary.dirty_regions.last),
        (Some(2), Some(3), Some(3))
    );
    assert_eq!((summary.not_in_sync_regions.last, summary.resync_regions.last), (Some(2), Some(5)));
    assert_eq!(summary.resync_bytes.last, Some(4 * 4096 + 1024));
    assert!((summary.dirty_regions.mean.unwrap() - 2.5).abs() < 1e-9);
    // One target does not know: nor does the device.
    occupancy.observe(&mut first, Some(&says(2, None)), &GEOMETRY, MonoNs(200), FROM);
    let summary = occupancy.summary(MonoNs(0), MonoNs(400), MonoNs(0));
    assert_eq!((summary.resync_regions.last, summary.resync_regions.max), (None, Some(5)));
    assert_eq!(summary.dirty_regions.last, Some(3));
    // Its log ends: the other one remains.
    occupancy.observe(&mut first, None, &GEOMETRY, MonoNs(300), FROM);
    assert_eq!(occupancy.summary(MonoNs(0), MonoNs(400), MonoNs(0)).resync_regions.last, Some(2));
}

#[test]
fn a_target_listens_to_the_log_that_was_resumed_last() {
    let mut target = TargetOccupancy::default();
    assert!(target.listens(LogId(1), false), "the first that is seen");
    assert!(!target.listens(LogId(2), false), "a table that was only loaded");
    assert!(target.listens(LogId(2), true));
    assert!(!target.listens(LogId(1), false), "what comes late from the old one");
}

#[test]
fn without_a_region_size_there_are_no_bytes() {
    assert_eq!(Resync { regions: 3, has_last: false }.bytes(&Geometry::default()), None);
    assert_eq!(Resync { regions: 4, has_last: true }.bytes(&GEOMETRY), Some(26 * 512));
}
