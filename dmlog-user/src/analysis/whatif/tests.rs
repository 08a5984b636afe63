//! Single cases, event by event. What holds for all of them is in `tests/properties/whatif.rs`.

use super::WhatIf;
use super::result::{Activity, Note, TargetResult, WhatIfResult};
use super::settings::Settings;
use crate::analysis::testing::{clear, end_io, event, flush, identity, inc_pending, map, map_write, mark, mirror};
use crate::event::facts::{CaptureFacts, HookCoverage, Probe};
use crate::event::ids::{DurationNs, IoId, Region};
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, FlushKind, Identity, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use crate::log::dirty_log::LogType;

const DIRTIED: Option<FlushKind> = Some(FlushKind::Dirtied);
const CLEANED: Option<FlushKind> = Some(FlushKind::CleanedOnly);
const NO_OP: Option<FlushKind> = Some(FlushKind::NoOp);

fn dec(time: u64, region: u64) -> Event {
    event(time, 1, Op::RegionHash(RegionHashOp::DecPending { region: Region(region) }))
}

fn update_states(time: u64, duration_ns: u64) -> Event {
    let op = Op::RegionHash(RegionHashOp::UpdateStates { errors_handled: true });
    Event { duration: Some(DurationNs(duration_ns)), ..event(time, 1, op) }
}

fn ctr(time: u64, log: u32) -> Event {
    event(time, log, Op::Log(LogImpl::Disk, LogOp::Ctr { result: 0 }))
}

fn resume(time: u64, log: u32) -> Event {
    event(time, log, Op::Log(LogImpl::Disk, LogOp::Resume { result: 0 }))
}

fn leg_flush(time: u64, result: i32) -> Event {
    mirror(time, 1, MirrorOp::LegFlush { result })
}

/// The identity of [`identity`], changed.
fn changed(time: u64, log: u32, change: impl FnOnce(&mut Identity)) -> Event {
    let mut event = identity(time, log, 0, "vg/lv");
    if let Op::Identity(identity) = &mut event.op {
        change(identity);
    }
    event
}

/// A mirror that is made at 0, lives from 1,000 on, and has had its first pass.
fn made() -> Vec<Event> {
    let mut events = vec![identity(0, 1, 0, "vg/lv"), ctr(0, 1), identity(1000, 1, 0, "vg/lv"), resume(1000, 1)];
    events.extend([flush(1100, 1, DIRTIED, 10, 0), update_states(1100, 20)]);
    events
}

/// The pass that takes a write of region 2 up, from `time` on; its flush takes 500 and is over at `time` + 600.
fn taken_up(time: u64, io: u64) -> Vec<Event> {
    vec![
        map_write(time, 1, io, 2048),
        flush(time + 10, 1, NO_OP, 1, 0),
        update_states(time + 10, 5),
        inc_pending(time + 50, 1, 2, io),
        mark(time + 60, 1, 2, None),
        flush(time + 600, 1, DIRTIED, 500, 0),
    ]
}

/// Its end at `time`, and the pass that clears the region; the flush is over at `time` + 100.
fn over(time: u64, io: u64) -> Vec<Event> {
    vec![
        end_io(time, 1, io, None, 0),
        dec(time, 2),
        clear(time + 20, 1, 2),
        flush(time + 100, 1, CLEANED, 50, 0),
        update_states(time + 101, 91),
    ]
}

fn fold(facts: Option<&CaptureFacts>, settings: &Settings, events: Vec<Event>) -> WhatIfResult {
    let mut whatif = WhatIf::new(facts, settings.clone());
    for event in events {
        whatif.apply(&Item::Event(event));
    }
    whatif.result()
}

fn target(events: Vec<Event>) -> TargetResult {
    let mut result = fold(None, &Settings::default(), events);
    assert_eq!(result.targets.len(), 1);
    result.targets.remove(0)
}

fn row(target: &TargetResult, log_type: LogType, kib: u64) -> Activity {
    let is = |row: &&super::result::Row| row.log_type == log_type && row.region_size_bytes == kib * 1024;
    target.rows.iter().find(is).unwrap().activity.unwrap()
}

fn flushes(activity: &Activity) -> [u64; 3] {
    [activity.dirtied_flushes, activity.cleaned_only_flushes, activity.no_op_flushes]
}

#[test]
fn an_isolated_write_costs_a_mark_a_clear_and_three_flushes() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    events.extend(over(5000, 1));
    events.push(event(11_000, 1, Op::Mirror(MirrorOp::Pass)));
    let target = target(events);
    let disk = row(&target, LogType::Disk, 512);
    assert_eq!((disk.marks, disk.clears, flushes(&disk)), (1, 1, [2, 1, 1]));
    assert_eq!((disk.waiting_writes_ratio, disk.added_write_latency_ns_mean), (Some(1.0), Some(500)));
    assert_eq!((disk.dirty_regions_max, disk.dirty_regions_p99), (Some(1), Some(1)));
    // Dirty from the mark's write at 2,050 to the clear at 5,050, of 10,000; on disk from 2,600 to 5,100.
    assert!((disk.dirty_regions_mean.unwrap() - 0.3).abs() < 1e-9, "{disk:?}");
    assert!((disk.resync_regions_mean.unwrap() - 0.25).abs() < 1e-9, "{disk:?}");
    assert_eq!((disk.resync_bytes_mean, disk.resync_bytes_max), (Some(512 * 1024 / 4), Some(512 * 1024)));
    let core = row(&target, LogType::Core, 512);
    assert_eq!((core.marks, flushes(&core), core.added_write_latency_ns_mean), (1, [0, 0, 4], Some(0)));
    assert_eq!((core.resync_regions_p99, core.resync_bytes_max), (Some(32), Some(16 << 20)));
    assert_eq!((target.notes.len(), target.recorded.marks), (0, 1));
}

#[test]
fn larger_regions_stay_dirty_and_smaller_ones_split() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    // While that write is under way, one to the next region comes; it is in the same region of 1 MiB.
    events.extend([
        map(3000, 1, 2, 3072 + 250, 8192, 1),
        flush(3010, 1, NO_OP, 1, 0),
        update_states(3010, 5),
        inc_pending(3050, 1, 3, 2),
        mark(3060, 1, 3, None),
        flush(3600, 1, DIRTIED, 300, 0),
    ]);
    let target = target(events);
    let marks_and_writes = |kib| {
        let activity = row(&target, LogType::Disk, kib);
        (activity.marks, activity.writes)
    };
    assert_eq!([128, 512].map(marks_and_writes), [(3, 3), (2, 2)], "sectors 250 to 265 are in two regions of 256");
    assert_eq!([1024, 8192].map(marks_and_writes), [(1, 2), (1, 2)], "the region is dirty already");
    let larger = row(&target, LogType::Disk, 1024);
    assert_eq!(flushes(&larger), [2, 0, 3], "so the second write's flush has nothing to write");
    assert_eq!((larger.waiting_writes_ratio, larger.added_write_latency_ns_mean), (Some(0.5), Some(250)));
}

#[test]
fn without_single_writes_smaller_regions_are_not_told() {
    let mut events = made();
    for place in taken_up(2000, 0).into_iter().skip(1) {
        events.push(place);
    }
    let target = target(events);
    assert_eq!(target.notes, [Note::SmallerNotKnown]);
    let told: Vec<(u64, bool)> = target
        .rows
        .iter()
        .filter(|row| row.log_type == LogType::Disk)
        .map(|row| (row.region_size_bytes >> 10, row.activity.is_some()))
        .collect();
    assert_eq!(told[..4], [(128, false), (256, false), (512, true), (1024, true)]);
    assert_eq!(row(&target, LogType::Disk, 1024).marks, 1);
}

#[test]
fn losses_make_everything_approximate() {
    let mut whatif = WhatIf::new(None, Settings::default());
    for event in made() {
        whatif.apply(&Item::Event(event));
    }
    let time = crate::event::ids::MonoNs(1500);
    whatif.apply(&Item::Gap(Gap { time, cpu: Some(0), lost: Some(3), cause: LossCause::RingFull }));
    let result = whatif.result();
    assert_eq!((result.notes, result.losses.lost), (vec![Note::Losses], 3));
    assert_eq!(result.targets[0].notes, [Note::NoWrites, Note::Losses]);
}

#[test]
fn without_its_hooks_nothing_is_replayed() {
    let hook = |function: &str, probe| HookCoverage {
        module: String::new(),
        function: function.to_owned(),
        probe,
        reason: String::new(),
        loss: String::new(),
    };
    let mut facts = CaptureFacts { coverage: vec![hook("dm_rh_inc_pending", Probe::Absent)], ..Default::default() };
    let notes = |facts: &CaptureFacts| {
        let mut events = made();
        events.extend(taken_up(2000, 1));
        let result = fold(Some(facts), &Settings::default(), events);
        (result.targets[0].notes.clone(), result.targets[0].rows[0].activity.is_some())
    };
    assert_eq!(notes(&facts), (vec![Note::NoRegionHash], false));
    // Without `dm_rh_dec` the end of the bio is the end of the write.
    facts.coverage = vec![hook("dm_rh_dec", Probe::Absent), hook("dm_rh_inc_pending", Probe::Kprobe)];
    assert_eq!(notes(&facts), (vec![], true));
    let mut events = made();
    events.extend(taken_up(2000, 1));
    events.extend(over(5000, 1).into_iter().filter(|event| event.op != dec(0, 2).op));
    let result = fold(Some(&facts), &Settings::default(), events);
    assert_eq!(result.targets[0].notes, []);
    assert_eq!(row(&result.targets[0], LogType::Disk, 256).clears, 1);
    facts.coverage.push(hook("mirror_end_io", Probe::Off));
    assert_eq!(notes(&facts), (vec![Note::NoRegionHash], false));
}

#[test]
fn a_failed_leg_flush_makes_all_regions_dirty_for_good() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    let mut end = over(5000, 1);
    end.insert(3, leg_flush(5090, -5));
    events.extend(end);
    // td was set by the failure, so the next flush has something to write; a clear does nothing any more.
    events.extend(taken_up(7000, 2).into_iter().skip(3));
    events.extend([end_io(8000, 1, 2, None, 0), dec(8000, 2), clear(8020, 1, 2)]);
    events.extend([flush(8100, 1, NO_OP, 50, 0), update_states(8101, 91)]);
    let target = target(events);
    let disk = row(&target, LogType::Disk, 512);
    assert_eq!((disk.clears, disk.dirty_regions_max, disk.resync_regions_max), (2, Some(32), Some(32)));
    assert_eq!((flushes(&disk), target.notes.len()), ([3, 1, 2], 1), "a write of unknown sectors");
    assert_eq!(target.notes, [Note::WritesUnplaced { writes: 1 }]);
}

#[test]
fn a_failed_flush_is_tried_again() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    if let Some(last) = events.last_mut() {
        last.op = flush(0, 1, DIRTIED, 0, -5).op;
    }
    events.extend([flush(3000, 1, DIRTIED, 10, 0), update_states(3001, 20), flush(3100, 1, NO_OP, 10, 0)]);
    let target = target(events);
    assert_eq!(flushes(&row(&target, LogType::Disk, 512)), [3, 0, 2]);
    assert_eq!(target.notes, []);
}

#[test]
fn a_failed_flush_bio_keeps_regions_from_being_cleared() {
    const PREFLUSH: u32 = 1 << 18;
    let mut events = made();
    let failed = RegionHashOp::MarkNosync { region: Some(Region(0)), io: IoId(9) };
    events.extend([map(1500, 1, 9, 0, 0, 1 | PREFLUSH), event(1600, 1, Op::RegionHash(failed))]);
    events.extend(taken_up(2000, 1));
    events.extend([end_io(5000, 1, 1, None, 0), dec(5000, 2)]);
    events.extend([flush(6000, 1, NO_OP, 10, 0), update_states(6001, 20)]);
    let target = target(events);
    let disk = row(&target, LogType::Disk, 512);
    assert_eq!((disk.marks, disk.clears, flushes(&disk)), (1, 0, [2, 0, 2]));
    assert_eq!(target.notes, []);
}

#[test]
fn suspension_flushes_a_disk_log_and_stops_the_clock() {
    let at_suspend = |log_type: &'static str, flushed: bool| {
        let kind = if log_type == "core" { NO_OP } else { DIRTIED };
        let name = |identity: &mut Identity| log_type.clone_into(&mut identity.log_type);
        let mut events = vec![changed(0, 1, name), ctr(0, 1), changed(1000, 1, name), resume(1000, 1)];
        events.extend([flush(1100, 1, kind, 10, 0), update_states(1100, 20)]);
        if flushed {
            events.push(flush(1990, 1, NO_OP, 10, 0));
        }
        events.push(mirror(2000, 1, MirrorOp::Postsuspend));
        events.push(mirror(9000, 1, MirrorOp::Presuspend));
        target(events)
    };
    let core = at_suspend("core", false);
    assert_eq!(flushes(&row(&core, LogType::Core, 512)), [0, 0, 1]);
    assert_eq!(flushes(&row(&core, LogType::Disk, 512)), [1, 0, 1], "its padding, and the flush at suspension");
    let disk = at_suspend("disk", true);
    assert_eq!(flushes(&row(&disk, LogType::Core, 512)), [0, 0, 1]);
    assert_eq!(flushes(&row(&disk, LogType::Disk, 512)), [1, 0, 1]);
    assert_eq!([core.notes, disk.notes], [[Note::NoWrites], [Note::NoWrites]]);
}

#[test]
fn a_userspace_log_is_measured_by_its_flushes_with_marks() {
    let name = |identity: &mut Identity| {
        "userspace".clone_into(&mut identity.log_type);
        identity.sync_count = None;
    };
    let mut events = vec![changed(0, 1, name)];
    events.extend(taken_up(2000, 1));
    for event in &mut events {
        if let Op::Log(_, LogOp::Flush { kind, .. }) = &mut event.op {
            *kind = None;
        }
    }
    let target = target(events);
    let types: Vec<LogType> = target.rows.iter().step_by(7).map(|row| row.log_type).collect();
    assert_eq!(types, [LogType::Userspace, LogType::Core, LogType::Disk]);
    assert_eq!(row(&target, LogType::Userspace, 512).added_write_latency_ns_mean, Some(500));
    assert_eq!(row(&target, LogType::Disk, 512).added_write_latency_ns_mean, None);
    let expected = [
        Note::AliveBefore { adopted: 0 },
        Note::SyncEstimated,
        Note::KindsNotRecorded,
        Note::LatencyNotKnown { log_type: LogType::Disk },
    ];
    assert_eq!(target.notes, expected);
}

#[test]
fn a_reload_goes_on_in_the_same_table() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    events.extend(over(5000, 1));
    events.extend([identity(6000, 2, 0, ""), ctr(6000, 2), flush(6100, 2, NO_OP, 10, 0)]);
    events.extend([mirror(6200, 1, MirrorOp::Postsuspend), identity(6300, 2, 0, "vg/lv"), resume(6300, 2)]);
    events.push(event(6400, 1, Op::Log(LogImpl::Disk, LogOp::Dtr)));
    // Without an identity there is no log: its number is not used again.
    events.extend([flush(6500, 2, DIRTIED, 10, 0), mark(6600, 1, 2, None)]);
    let target = target(events);
    assert_eq!((target.name.as_str(), target.recorded.marks), ("vg/lv", 1));
    assert_eq!(flushes(&row(&target, LogType::Disk, 512)), [3, 1, 2]);
    assert_eq!(target.notes, []);
}

#[test]
fn what_cannot_be_placed_is_told() {
    let nameless = changed(0, 1, |identity| identity.region_size_sectors = None);
    let events = vec![nameless, mark(10, 1, 3, None), mark(20, 7, 3, None), flush(30, 7, DIRTIED, 5, 0)];
    let result = fold(None, &Settings::default(), events);
    assert_eq!(result.targets, []);
    assert_eq!(result.notes, [Note::LogsWithoutGeometry { logs: 1 }, Note::EventsWithoutLog { events: 2 }]);
}

#[test]
fn the_regions_left_to_recover_are_the_last_ones() {
    let half = |identity: &mut Identity| identity.sync_count = Some(30);
    let mut events = vec![changed(0, 1, half), event(500, 1, Op::Mirror(MirrorOp::Pass))];
    let work = LogOp::GetResyncWork { region: Some(Region(30)), result: 1 };
    events.push(event(1000, 1, Op::Log(LogImpl::Core, work)));
    let target = target(events);
    assert_eq!(target.notes, [Note::NoWrites, Note::AliveBefore { adopted: 0 }, Note::SyncEstimated]);
    assert_eq!(row(&target, LogType::Disk, 512).resync_regions_max, Some(2));
    assert_eq!(row(&target, LogType::Disk, 128).resync_regions_max, Some(8));
    assert_eq!(row(&target, LogType::Disk, 8192).resync_regions_max, Some(1));
}

#[test]
fn counts_that_differ_are_told() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    // Nothing was touched since.
    events.push(flush(3000, 1, DIRTIED, 10, 0));
    let notes = target(events).notes;
    let differences = vec![("dirtied flushes", 2, 3), ("no-op flushes", 2, 1)];
    assert_eq!(notes, [Note::NotReproduced { differences }]);
}

#[test]
fn sizes_that_only_other_targets_take_are_told() {
    let settings = Settings::new(&[1 << 20], &[]).unwrap();
    let result = fold(None, &settings, made());
    assert_eq!(result.targets[0].notes, [Note::NoWrites, Note::SizeNotTaken { region_size_bytes: 512 << 20 }]);
    assert_eq!(result.targets[0].rows.len(), 2, "the recorded size, as disk and as core");
}

#[test]
fn bitsets_and_area_are_those_of_the_kernel() {
    let target = target(made());
    let memory = |log_type, kib: u64| {
        let row = target.rows.iter().find(|row| row.log_type == log_type && row.region_size_bytes == kib * 1024);
        row.map(|row| (row.region_count, row.log_memory_bytes, row.log_area_bytes)).unwrap()
    };
    assert_eq!(memory(LogType::Disk, 512), (32, 1536 + 16, Some(1536)));
    assert_eq!(memory(LogType::Core, 128), (128, 48, None));
}

/// A stream that is out of order: the end of the bio comes after the end of the write.
#[test]
fn ends_in_the_other_order_are_the_same() {
    let mut events = made();
    for n in 0..3 {
        events.extend(taken_up(2000 + n * 10_000, n + 1));
        let mut end = over(5000 + n * 10_000, n + 1);
        end.swap(0, 1);
        events.extend(end);
    }
    let target = target(events);
    assert_eq!(target.notes, []);
    assert_eq!([128, 512].map(|kib| row(&target, LogType::Disk, kib).clears), [3, 3]);
}

/// A write ends while the pass is in its flush: after the look at the clean list, before the next write is taken up.
#[test]
fn an_end_within_a_pass_comes_after_its_clears_and_before_its_writes() {
    let mut events = made();
    events.extend(taken_up(2000, 1));
    events.extend([
        map_write(3000, 1, 2, 2048 + 512),
        flush(3010, 1, NO_OP, 1, 0),
        update_states(3010, 5),
        inc_pending(3050, 1, 2, 2),
        flush(3100, 1, NO_OP, 10, 0),
        map_write(4000, 1, 3, 2048),
        end_io(5050, 1, 1, None, 0),
        dec(5050, 2),
        flush(5100, 1, NO_OP, 80, 0),
        update_states(5101, 100),
        inc_pending(5200, 1, 2, 3),
        flush(5300, 1, NO_OP, 10, 0),
    ]);
    for io in [2, 3] {
        events.extend([end_io(6000, 1, io, None, 0), dec(6000, 2)]);
    }
    events.extend([clear(7000, 1, 2), flush(7100, 1, CLEANED, 50, 0), update_states(7101, 150)]);
    let target = target(events);
    assert_eq!(target.notes, []);
    let smaller = row(&target, LogType::Disk, 128);
    assert_eq!((smaller.marks, smaller.clears), (3, 2), "the third write marks a region that is not cleared yet");
}
