use super::ranking::{By, RANKED_MAX};
use super::{RE_MARK_NS, Regions};
use crate::analysis::geometry::Geometry;
use crate::analysis::processes::Processes;
use crate::event::ids::{IoId, MonoNs, Region, Sector};
use crate::event::op::{Bio, IoKind};

const SECOND: u64 = 1_000_000_000;

#[test]
fn counts_marks_clears_writes_and_sector_ranges() {
    let geometry = Geometry { region_size_sectors: Some(8), target_sectors: Some(20), ..Geometry::default() };
    let (mut regions, mut budget) = (Regions::default(), 10);
    for time in [1, 2, 3] {
        regions.mark(Region(2), MonoNs(time * 10 * SECOND), true, &mut budget);
    }
    regions.mark(Region(0), MonoNs(1), true, &mut budget);
    regions.clear(Region(2), MonoNs(31 * SECOND), true, &mut budget);
    regions.write(Region(2), 4096, 0, &mut budget);
    regions.write(Region(2), 512, 0, &mut budget);
    let rows = regions.ranked(By::Marks, &geometry, &Processes::default());
    assert_eq!(rows.iter().map(|r| (r.region, r.marks)).collect::<Vec<_>>(), [(2, 3), (0, 1)]);
    assert_eq!((rows[0].clears, rows[0].writes, rows[0].write_bytes, rows[0].re_marks), (1, 2, 4608, 0));
    let sectors = rows[0].sectors.unwrap();
    assert_eq!((sectors.first_sector, sectors.last_sector), (16, 19), "the last region is short");
}

#[test]
fn a_mark_within_a_second_of_the_clear_is_a_re_mark() {
    let (mut regions, mut budget) = (Regions::default(), 10);
    regions.mark(Region(1), MonoNs(SECOND), true, &mut budget);
    regions.clear(Region(1), MonoNs(2 * SECOND), true, &mut budget);
    regions.mark(Region(1), MonoNs(2 * SECOND + SECOND / 2), true, &mut budget);
    // A second mark without a clear between is not one more.
    regions.mark(Region(1), MonoNs(2 * SECOND + SECOND / 2 + 1), true, &mut budget);
    assert_eq!(regions.totals().re_marks, 1);
    regions.clear(Region(1), MonoNs(5 * SECOND), true, &mut budget);
    regions.mark(Region(1), MonoNs(5 * SECOND + RE_MARK_NS), true, &mut budget);
    assert_eq!(regions.totals().re_marks, 2);
    regions.clear(Region(1), MonoNs(7 * SECOND), true, &mut budget);
    regions.mark(Region(1), MonoNs(7 * SECOND + RE_MARK_NS + 1), true, &mut budget);
    assert_eq!(regions.totals().re_marks, 2);
    assert_eq!(regions.totals().marks, 5);
    // Region 2 is cleared by recovery: its first mark is not one again.
    regions.clear(Region(2), MonoNs(9 * SECOND), true, &mut budget);
    regions.mark(Region(2), MonoNs(9 * SECOND + 1), true, &mut budget);
    assert_eq!(regions.totals().re_marks, 2);
}

#[test]
fn regions_beyond_the_limit_are_counted_together() {
    let (mut regions, mut budget) = (Regions::default(), 2);
    for region in [0, u64::MAX, 5, 5, 0] {
        regions.mark(Region(region), MonoNs(1), true, &mut budget);
    }
    regions.clear(Region(5), MonoNs(2), true, &mut budget);
    regions.write(Region(5), 100, 0, &mut budget);
    let totals = regions.totals();
    assert_eq!((totals.marks, totals.marked_regions), (5, 2));
    assert_eq!((totals.other.marks, totals.other.clears, totals.other.bytes), (2, 1, 100));
    assert_eq!(regions.tracked(), 2);
}

#[test]
fn the_most_marked_are_exact_whatever_the_order() {
    let (mut regions, mut budget) = (Regions::default(), 10_000);
    // Region n is marked n + 1 times, in rounds, so that every region is overtaken again and again.
    for round in 0..300_u64 {
        for region in round..300 {
            regions.mark(Region(region), MonoNs(1), true, &mut budget);
        }
    }
    let rows = regions.ranked(By::Marks, &Geometry::default(), &Processes::default());
    let expected: Vec<(u64, u64)> = (0..RANKED_MAX as u64).map(|n| (299 - n, 300 - n)).collect();
    assert_eq!(rows.iter().map(|r| (r.region, r.marks)).collect::<Vec<_>>(), expected);
}

#[test]
fn absorbing_adds_up() {
    let (mut left, mut right, mut budget) = (Regions::default(), Regions::default(), 10);
    left.mark(Region(1), MonoNs(1), true, &mut budget);
    right.mark(Region(1), MonoNs(1), true, &mut budget);
    right.mark(Region(2), MonoNs(1), true, &mut budget);
    right.write(Region(2), 512, 0, &mut budget);
    left.absorb(&right, |process| process, &mut budget);
    assert_eq!((left.totals().marks, left.totals().marked_regions, left.totals().written_regions), (3, 2, 1));
}

#[test]
fn a_life_is_from_the_first_mark_to_the_clear() {
    let (mut regions, mut budget) = (Regions::default(), 10);
    // Before the time that is looked at: followed and not counted.
    regions.mark(Region(4), MonoNs(100), false, &mut budget);
    assert_eq!((regions.dirty(), regions.totals().marks), (1, 0));
    regions.mark(Region(4), MonoNs(150), true, &mut budget);
    regions.mark(Region(5), MonoNs(200), true, &mut budget);
    assert_eq!(regions.dirty(), 2);
    assert_eq!(regions.clear(Region(4), MonoNs(300), true, &mut budget), Some(200));
    assert_eq!(regions.clear(Region(4), MonoNs(310), true, &mut budget), None);
    assert_eq!(regions.clear(Region(6), MonoNs(320), true, &mut budget), None, "its mark was not seen");
    assert_eq!(regions.dirty(), 1);
}

#[test]
fn rankings_have_their_own_order() {
    let (mut regions, mut budget) = (Regions::default(), 10);
    for region in [1, 1, 1, 2, 2, 3] {
        regions.mark(Region(region), MonoNs(5), true, &mut budget);
    }
    regions.clear(Region(3), MonoNs(6), true, &mut budget);
    regions.mark(Region(3), MonoNs(7), true, &mut budget);
    regions.write(Region(2), 512, 0, &mut budget);
    regions.write(Region(9), 4096, 0, &mut budget);
    let order = |by| {
        let rows = regions.ranked(by, &Geometry::default(), &Processes::default());
        rows.iter().map(|row| row.region).collect::<Vec<_>>()
    };
    assert_eq!((order(By::Marks), order(By::Bytes), order(By::ReMarks)), (vec![1, 2, 3], vec![9, 2], vec![3]));
}

#[test]
fn a_run_has_the_writers_and_lives_of_its_regions() {
    let (mut regions, mut budget) = (Regions::default(), 10);
    let mut processes = Processes::default();
    let mut writer = |tgid| {
        let bio = Bio { io: IoId(1), sector: Sector(0), bytes: 512, opf: 1, tgid, comm: "w" };
        u16::try_from(processes.enter(&bio, IoKind::Write)).unwrap()
    };
    let (one, other) = (writer(10), writer(20));
    for (region, process) in [(3, one), (4, other), (4, other), (8, one)] {
        regions.write(Region(region), 512, process, &mut budget);
        regions.mark(Region(region), MonoNs(region * SECOND), true, &mut budget);
    }
    regions.clear(Region(3), MonoNs(9 * SECOND), true, &mut budget);
    let of = |first, count| {
        let run = regions.run(first, count, &processes);
        (run.writers.iter().map(|writer| writer.tgid).collect::<Vec<_>>(), run.dirty_since, run.cleared)
    };
    assert_eq!(of(3, 1), (vec![Some(10)], None, Some(MonoNs(9 * SECOND))));
    assert_eq!(of(3, 2), (vec![Some(20), Some(10)], Some(MonoNs(4 * SECOND)), Some(MonoNs(9 * SECOND))));
    // Longer than all regions that were seen.
    assert_eq!(of(4, 1 << 40), (vec![Some(20), Some(10)], Some(MonoNs(4 * SECOND)), None));
    assert_eq!(of(5, 2), (vec![], None, None));
}
