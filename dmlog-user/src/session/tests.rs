//! Hand-checked streams.

use super::logs::{DEVICES_MAX, LOGS_MAX};
use super::snapshot::{DeviceSnapshot, Snapshot};
use super::window::Moment;
use super::{Session, Settings};
use crate::analysis::testing::{
    clear, consult, end_io, event, flush, identity, inc_pending, map, map_write, mark, mirror,
};
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::ids::{DevNum, DurationNs, IoId, MonoNs, Region};
use crate::event::item::{DecodeFailure, Gap, Item, LossCause};
use crate::event::op::{Event, FlushKind, Identity, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

const MS: u64 = 1_000_000;

fn fold(settings: Settings, events: &[Event]) -> Snapshot {
    let facts = CaptureFacts { clock: ClockPair { monotonic_ns: 100 * MS, realtime_ns: 0 }, ..CaptureFacts::default() };
    let mut session = Session::new(Some(&facts), settings);
    for event in events {
        session.apply(&Item::Event(event.clone()));
    }
    session.snapshot(10)
}

fn all(events: &[Event]) -> Snapshot {
    fold(Settings::default(), events)
}

fn only(snapshot: &Snapshot) -> &DeviceSnapshot {
    assert_eq!(snapshot.devices.len(), 1, "one device");
    &snapshot.devices[0]
}

/// One isolated 4 KiB write to region 2 of an in-sync disk log, as KERNEL.md 1.4 shows it. The write enters at 10 ms and
/// is over at 40 ms: 2 ms until the pass picks it up, 18 ms until its dirtied flush is over (of which the flush took 15
/// ms), 10 ms on the legs.
fn isolated_write() -> Vec<Event> {
    let at = |ms: u64| (100 + ms) * MS;
    vec![
        identity(at(0), 1, 0, "vg/lv"),
        map_write(at(10), 1, 1, 2048),
        flush(at(11), 1, Some(FlushKind::NoOp), MS / 100, 0),
        inc_pending(at(12), 1, 2, 1),
        mark(at(13), 1, 2, None),
        flush(at(30), 1, Some(FlushKind::Dirtied), 15 * MS, 0),
        end_io(at(40), 1, 1, Some(30 * MS), 0),
        event(at(40), 1, Op::RegionHash(RegionHashOp::DecPending { region: Region(2) })),
        clear(at(41), 1, 2),
        flush(at(50), 1, Some(FlushKind::CleanedOnly), 8 * MS, 0),
    ]
}

#[test]
fn an_isolated_write_costs_three_flushes_and_waits_for_one() {
    let snapshot = all(&isolated_write());
    assert_eq!(snapshot.window.duration_ns, 50 * MS);
    assert_eq!(snapshot.window.events, 10);
    let device = only(&snapshot);
    assert_eq!((device.name.as_str(), device.device.as_deref()), ("vg/lv", Some("254:0")));
    assert_eq!(
        (device.ops.count("mark_region"), device.ops.count("clear_region"), device.ops.count("flush")),
        (1, 1, 3)
    );
    for kind in ["dirtied", "cleaned_only", "no_op"] {
        assert_eq!(device.flush.kind(kind).unwrap().count, 1, "{kind}");
    }
    assert_eq!(device.flush.kind("unknown"), None);

    let slowest = &device.flush.slowest[0];
    assert_eq!((slowest.kind, slowest.start_ns, slowest.duration_ns), ("dirtied", 15 * MS, 15 * MS));
    assert_eq!((slowest.marks_carried, &slowest.first_regions[..]), (1, &[2][..]));
    assert_eq!((device.flush.slowest[1].marks_carried, device.flush.slowest[1].clears_carried), (0, 1));

    let writes = device.io.kind("write").unwrap();
    assert_eq!((writes.count, writes.bytes), (1, 4096));
    assert_eq!(writes.latency.unwrap().latency_ns_p50, 30 * MS);
    let wait = &device.io.write_wait;
    assert_eq!((wait.writes, wait.writes_that_waited, wait.writes_split), (1, 1, 1));
    assert_eq!((wait.dirtied_flush_wait_ns, wait.dirtied_flush_wait_ratio), (15 * MS, Some(0.5)));
    let near = |share: Option<f64>, wanted: f64| (share.unwrap() - wanted).abs() < 1e-9;
    assert!(near(wait.pass_wait_ratio, 2.0 / 30.0), "{wait:?}");
    assert!(near(wait.flush_wait_ratio, 18.0 / 30.0), "{wait:?}");
    assert!(near(wait.legs_ratio, 10.0 / 30.0), "{wait:?}");

    let region = &device.regions.most_marked[0];
    assert_eq!((region.region, region.marks, region.clears, region.write_bytes), (2, 1, 1, 4096));
    let sectors = region.sectors.unwrap();
    assert_eq!((sectors.first_sector, sectors.last_sector), (2048, 3071));
    let process = &device.processes.rows[0];
    assert_eq!((process.comm.as_str(), process.tgid, process.writes, process.write_bytes), ("dd", 100, 1, 4096));
    assert_eq!(device.io.under_way.writes_under_way, 0);
    assert!(snapshot.losses.is_empty());
}

#[test]
fn a_write_that_only_entered_is_under_way() {
    let snapshot = all(&isolated_write()[..6]);
    let under_way = only(&snapshot).io.under_way;
    assert_eq!((under_way.writes_under_way, under_way.oldest_under_way_ns), (1, Some(20 * MS)));
}

#[test]
fn a_flush_that_failed_leaves_its_marks_to_the_next() {
    let snapshot = all(&[
        identity(MS, 1, 0, "m"),
        mark(2 * MS, 1, 4, None),
        flush(4 * MS, 1, Some(FlushKind::Dirtied), 2 * MS, -5),
        mark(5 * MS, 1, 6, None),
        flush(6 * MS, 1, Some(FlushKind::Dirtied), MS, 0),
        flush(7 * MS, 1, Some(FlushKind::NoOp), 10, 0),
    ]);
    let slowest = &only(&snapshot).flush.slowest;
    let rows: Vec<_> = slowest.iter().map(|s| (s.result, s.first_regions.clone())).collect();
    assert_eq!(rows, [(-5, vec![4]), (0, vec![4, 6]), (0, vec![])]);
    let failures: Vec<_> = only(&snapshot).failures.kinds.iter().map(|k| (k.kind, k.count)).collect();
    assert_eq!(failures, [("flush_error", 1)]);
}

#[test]
fn a_device_outlives_its_logs() {
    let snapshot = all(&[
        identity(MS, 1, 0, "vg/lv"),
        mark(2 * MS, 1, 4, None),
        // The table is reloaded: the new log is seen before it is identified, here with its first worker pass.
        flush(3 * MS, 2, Some(FlushKind::NoOp), 10, 0),
        identity(4 * MS, 2, 0, "vg/lv"),
        mark(5 * MS, 2, 4, None),
        identity(6 * MS, 3, 1, "vg/other"),
    ]);
    assert_eq!(snapshot.devices.len(), 2);
    let device = &snapshot.devices[0];
    assert_eq!((device.name.as_str(), device.log_instances, device.events), ("vg/lv", 2, 5));
    assert_eq!((device.ops.count("mark_region"), device.ops.count("flush"), device.ops.count("identity")), (2, 1, 2));
    assert_eq!(device.regions.most_marked[0].marks, 2);
    assert_eq!(device.targets.len(), 1);
    assert_eq!(snapshot.devices[1].name, "vg/other");
}

#[test]
fn a_device_number_may_be_given_to_another_device() {
    let snapshot = all(&[
        identity(MS, 1, 0, "old"),
        identity(2 * MS, 2, 0, "new"),
        mark(3 * MS, 2, 1, None),
        // The same log under a new name is a rename.
        identity(4 * MS, 2, 0, "newer"),
    ]);
    let names: Vec<_> = snapshot.devices.iter().map(|d| (d.name.as_str(), d.ops.count("mark_region"))).collect();
    assert_eq!(names, [("old", 0), ("newer", 1)]);
}

#[test]
fn region_numbers_mean_something_only_within_one_target() {
    let with_begin = |time, log, begin, size| {
        let identity = Identity {
            device: DevNum { major: 254, minor: 0 },
            name: "pvmove0".to_owned(),
            region_size_sectors: Some(size),
            target_begin: Some(begin),
            target_sectors: Some(8192),
            region_count: Some(8192 / u64::from(size)),
            ..Identity::default()
        };
        event(time, log, Op::Identity(Box::new(identity)))
    };
    let snapshot = all(&[
        with_begin(MS, 1, 0, 1024),
        mark(2 * MS, 1, 1, None),
        with_begin(3 * MS, 2, 8192, 1024),
        mark(4 * MS, 2, 1, None),
        mark(5 * MS, 2, 1, None),
        mark(6 * MS, 1, 1, None),
        mark(7 * MS, 1, 1, None),
    ]);
    let device = only(&snapshot);
    assert_eq!(device.targets.len(), 2);
    let rows: Vec<_> =
        device.regions.most_marked.iter().map(|r| (r.region, r.marks, r.sectors.unwrap().first_sector)).collect();
    assert_eq!(rows, [(1, 3, 1024), (1, 2, 9216)]);
}

#[test]
fn events_of_logs_without_identity_are_not_dropped() {
    let snapshot =
        all(&[mark(MS, 0, 1, None), mark(2 * MS, 7, 1, None), mark(3 * MS, 7, 1, None), clear(4 * MS, 0, 1)]);
    let rows: Vec<_> = snapshot.devices.iter().map(|d| (d.name.as_str(), d.events, d.device.clone())).collect();
    assert_eq!(rows, [("unidentified device of log 7", 2, None), ("unknown device", 2, None)]);
    assert_eq!(snapshot.devices[0].regions.most_marked[0].sectors, None);
}

#[test]
fn too_many_logs_count_for_the_unknown_device() {
    let forged = u32::try_from(LOGS_MAX).unwrap();
    let snapshot = all(&[mark(1, forged, 1, None), mark(2, forged, 1, None), mark(3, u32::MAX, 1, None)]);
    assert_eq!(snapshot.logs_beyond_limit, 2);
    assert_eq!((only(&snapshot).name.as_str(), only(&snapshot).events), ("unknown device", 3));
    let events: Vec<Event> = (1..).take(DEVICES_MAX + 1).map(|log| mark(u64::from(log), log, 1, None)).collect();
    let snapshot = all(&events);
    assert_eq!((snapshot.devices.len(), snapshot.logs_beyond_limit), (DEVICES_MAX, 2));
}

#[test]
fn many_reloads_do_not_use_up_the_devices() {
    let mut events = Vec::new();
    for log in 1..=u32::try_from(DEVICES_MAX).unwrap() + 10 {
        events.push(flush(u64::from(log) * 2, log, Some(FlushKind::NoOp), 1, 0));
        events.push(identity(u64::from(log) * 2 + 1, log, 0, "pvmove0"));
    }
    let snapshot = all(&events);
    assert_eq!(only(&snapshot).log_instances, DEVICES_MAX as u64 + 10);
    assert_eq!(snapshot.logs_beyond_limit, 0);
}

#[test]
fn a_window_leaves_out_what_is_outside_but_keeps_its_state() {
    let settings =
        Settings { since: Some(Moment::FromStart(DurationNs(20 * MS))), until: Some(Moment::At(MonoNs(145 * MS))) };
    let snapshot = fold(settings, &isolated_write());
    let device = only(&snapshot);
    assert_eq!((snapshot.window.events, snapshot.window.events_outside_window), (4, 6));
    assert_eq!((snapshot.window.first_ns, snapshot.window.duration_ns), (20 * MS, 25 * MS));
    assert_eq!(device.name, "vg/lv");
    assert_eq!(device.ops.count("identity"), 0);
    let flush = &device.flush.slowest[0];
    assert_eq!((flush.kind, flush.marks_carried), ("dirtied", 1), "the mark was before the window");
    let writes = device.io.kind("write").unwrap();
    assert_eq!((writes.count, writes.latency.unwrap().latency_count), (0, 1), "entered before, ended inside");
    assert_eq!(device.io.write_wait.dirtied_flush_wait_ns, 15 * MS);
    assert_eq!(device.io.ends_without_entry, 0);
}

#[test]
fn an_end_without_entry_counts_for_the_device_of_its_log() {
    let snapshot = all(&[identity(MS, 1, 0, "m"), end_io(2 * MS, 1, 55, None, 0), end_io(3 * MS, 1, 0, None, 0)]);
    assert_eq!(only(&snapshot).io.ends_without_entry, 2);
    assert_eq!(only(&snapshot).ops.count("end_io"), 2);
}

#[test]
fn reads_are_told_apart_from_writes_flushes_and_discards() {
    let preflush = 1 | 1 << 18;
    let snapshot = all(&[
        identity(MS, 1, 0, "m"),
        map(2 * MS, 1, 1, 0, 512, 0),
        map(3 * MS, 1, 2, 0, 1024, 1),
        map(4 * MS, 1, 3, 0, 0, preflush),
        map(5 * MS, 1, 4, 0, 2048, 3),
        end_io(6 * MS, 1, 1, None, 0),
        end_io(7 * MS, 1, 3, Some(3 * MS), 10),
    ]);
    let device = only(&snapshot);
    let rows: Vec<_> = device.io.kinds.iter().map(|k| (k.kind, k.count, k.bytes, k.errors)).collect();
    assert_eq!(rows, [("write", 1, 1024, 0), ("read", 1, 512, 0), ("flush", 1, 0, 1), ("discard", 1, 2048, 0)]);
    let read = device.io.kind("read").unwrap();
    assert_eq!(read.latency.unwrap().latency_ns_max, 4 * MS, "without a latency, the difference of the times");
    assert_eq!(device.processes.rows[0].reads, 1);
    assert_eq!(device.regions.totals.written_regions, 1, "a discard marks nothing");
}

#[test]
fn recovery_and_progress() {
    let log = |time, op| event(time, 1, Op::Log(LogImpl::Core, op));
    let at = |ms: u64| ms * MS;
    let mut start = identity(at(0), 1, 0, "m");
    if let Op::Identity(identity) = &mut start.op {
        identity.sync_count = Some(30);
    }
    let mut events = vec![start];
    for (n, region) in [(0, 30_u64), (1, 31)] {
        let begin = 1000 + n * 100;
        events.push(log(at(begin), LogOp::GetResyncWork { region: Some(Region(region)), result: 1 }));
        events.push(mirror(at(begin + 1), 1, MirrorOp::Recover { region: Some(Region(region)) }));
        let took = Some(DurationNs(at(90)));
        let complete = MirrorOp::RecoveryComplete { region: Some(Region(region)), took, read_error: 0, write_error: 0 };
        events.push(mirror(at(begin + 91), 1, complete));
        let end = RegionHashOp::RecoveryEnd { region: Some(Region(region)), success: true };
        events.push(event(at(begin + 91), 1, Op::RegionHash(end)));
        events.push(log(at(begin + 95), LogOp::SetRegionSync { region: Region(region), in_sync: true }));
        events.push(log(at(begin + 96), LogOp::GetSyncCount { count: 31 + n }));
    }
    events.push(log(at(1200), LogOp::GetResyncWork { region: None, result: 0 }));
    let snapshot = all(&events);
    let device = only(&snapshot);
    let recovery = &device.recovery;
    assert_eq!((recovery.regions_handed_out, recovery.regions_recovered, recovery.regions_failed), (2, 2, 0));
    assert_eq!(recovery.copied_bytes, 2 * 1024 * 512);
    assert_eq!(recovery.active_ns, at(191), "from the first hand-out at 1000 ms to the last end at 1191 ms");
    assert_eq!(recovery.time_left_ns, Some(0));
    assert_eq!(recovery.latency.unwrap().latency_ns_p99, at(90));
    let sync = device.targets[0].sync;
    assert_eq!((sync.sync_count_first, sync.sync_count, sync.in_sync), (Some(30), Some(32), Some(true)));
}

#[test]
fn a_write_delayed_by_recovery_is_counted_with_its_delay() {
    let delay = RegionHashOp::Delay { region: Some(Region(2)), io: IoId(1) };
    let snapshot = all(&[
        identity(MS, 1, 0, "m"),
        map_write(10 * MS, 1, 1, 2048),
        event(12 * MS, 1, Op::RegionHash(delay)),
        inc_pending(52 * MS, 1, 2, 1),
        flush(60 * MS, 1, Some(FlushKind::Dirtied), 5 * MS, 0),
        end_io(70 * MS, 1, 1, Some(60 * MS), 0),
    ]);
    let wait = &only(&snapshot).io.write_wait;
    assert_eq!((wait.writes_delayed_by_recovery, wait.recovery_delay_ns), (1, 40 * MS));
    assert_eq!(wait.dirtied_flush_wait_ns, 5 * MS);
}

#[test]
fn a_write_under_way_while_its_device_is_found_out_is_not_explained() {
    let snapshot = all(&[
        identity(MS, 1, 0, "m"),
        map_write(2 * MS, 2, 1, 0),
        identity(3 * MS, 2, 0, "m"),
        flush(5 * MS, 2, Some(FlushKind::Dirtied), MS, 0),
        end_io(6 * MS, 2, 1, Some(4 * MS), 0),
    ]);
    let io = &only(&snapshot).io;
    assert_eq!(io.kind("write").unwrap().latency.unwrap().latency_count, 1);
    assert_eq!((io.write_wait.writes, io.write_wait.writes_not_explained), (0, 1));
}

#[test]
fn consults_and_losses_reach_the_snapshot() {
    let mut session = Session::new(None, Settings::default());
    session.apply(&Item::Event(consult(5 * MS, 3, 9, -3, MS)));
    session.apply(&Item::Gap(Gap { time: MonoNs(6 * MS), cpu: Some(1), lost: Some(9), cause: LossCause::RingFull }));
    let failure = DecodeFailure { time: MonoNs(7 * MS), reason: "short".to_owned() };
    session.apply(&Item::DecodeError(failure));
    let snapshot = session.snapshot(10);
    assert_eq!((snapshot.losses.lost, snapshot.losses.decode_errors), (9, 1));
    assert_eq!(snapshot.losses.rows[0].first_ns, MS, "from the first item");
    let consults = &only(&snapshot).consults;
    assert_eq!((consults[0].request, consults[0].count, consults[0].errors), ("flush", 1, 1));
}

#[test]
fn devices_are_called_by_name_number_or_path() {
    let snapshot = all(&[identity(MS, 1, 0, "vg/lv")]);
    let device = only(&snapshot);
    for wanted in ["vg/lv", "254:0", "/dev/vg/lv", "vg-lv", "/dev/mapper/vg-lv"] {
        assert!(device.is_called(wanted), "{wanted}");
    }
    for other in ["", "/dev/", "lv", "/dev/lv", "254:1", "vg--lv"] {
        assert!(!device.is_called(other), "{other}");
    }
    let snapshot = all(&[identity(MS, 1, 0, "m")]);
    assert!(only(&snapshot).is_called("/dev/mapper/m"));
}

#[test]
fn an_empty_stream_has_an_empty_snapshot() {
    let snapshot = all(&[]);
    assert!(snapshot.devices.is_empty());
    assert_eq!(snapshot.window.duration_ns, 0);
}

#[test]
fn a_snapshot_for_a_screen_tells_all_of_one_mirror_and_a_row_of_the_others() {
    let mut session = Session::new(None, Settings::default());
    for log in [1, 2] {
        session.apply(&Item::Event(identity(MS, log, log, &format!("m{log}"))));
        session.apply(&Item::Event(map_write(2 * MS, log, u64::from(log), 0)));
        session.apply(&Item::Event(mark(3 * MS, log, 0, Some(100))));
        session.apply(&Item::Event(flush(4 * MS, log, Some(FlushKind::Dirtied), 500, 0)));
    }
    let whole = session.snapshot(10);
    let told = session.snapshot_for(10, 1);
    assert_eq!(told.devices[1], whole.devices[1]);
    let (brief, other) = (&told.devices[0], &whole.devices[0]);
    assert!(brief.ops.rows.is_empty() && brief.processes.rows.is_empty() && brief.regions.most_marked.is_empty());
    assert!(brief.flush.slowest.is_empty() && !other.flush.slowest.is_empty() && !other.ops.rows.is_empty());
    let row = |device: &DeviceSnapshot| (device.name.clone(), device.regions.totals, device.flush.kinds.clone());
    assert_eq!(row(brief), row(other));
    assert_eq!((&brief.io, &brief.recovery, &brief.occupancy), (&other.io, &other.recovery, &other.occupancy));
}
