//! Runs of small traces.

use super::{SLICES_MAX, Summary};
use crate::analysis::testing::{clear, end_io, event, flush, identity, map_write, mark};
use crate::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};
use crate::event::ids::MonoNs;
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, FlushKind};
use crate::gate::run::Run;
use crate::gate::run::saved::{from_json, to_json};

const S: u64 = 1_000_000_000;

fn facts() -> CaptureFacts {
    let hook = |function: &str, probe| HookCoverage {
        module: "dm_log".to_owned(),
        function: function.to_owned(),
        probe,
        reason: String::new(),
        loss: String::new(),
    };
    CaptureFacts {
        kernel_release: "6.12.0".to_owned(),
        cpus: 2,
        io: true,
        clock: ClockPair { monotonic_ns: 9 * S, realtime_ns: 5 },
        coverage: vec![
            hook("core_mark_region", Probe::Fentry),
            hook("disk_flush", Probe::Kprobe),
            hook("x", Probe::Absent),
        ],
        ..CaptureFacts::default()
    }
}

fn run_of(events: Vec<Event>) -> Run {
    let mut summary = Summary::new("a.dmlog", &facts());
    events.into_iter().for_each(|event| summary.see(&Item::Event(event)));
    summary.finish(0)
}

#[test]
fn what_ended_counts_for_the_second_and_the_mirror() {
    let run = run_of(vec![
        identity(10 * S, 1, 0, "vg/lv"),
        map_write(10 * S, 1, 7, 0),
        mark(10 * S, 1, 0, Some(300)),
        flush(10 * S + 5, 1, Some(FlushKind::Dirtied), 2_000_000, 0),
        end_io(11 * S + 5, 1, 7, Some(S), 0),
        flush(12 * S, 1, Some(FlushKind::NoOp), 50, -5),
        // Another log of the same mirror, as a reload makes it, and one that nobody identified.
        identity(12 * S, 2, 0, "vg/lv"),
        flush(12 * S + 7, 2, Some(FlushKind::Dirtied), 4_000_000, 0),
        clear(12 * S + 9, 3, 4),
    ]);
    let device = run.devices.iter().find(|device| device.name == "vg/lv").unwrap();
    assert_eq!(
        (device.log_type.as_deref(), device.legs, &device.region_size_bytes[..]),
        (Some("disk"), Some(2), &[Some(524_288)][..])
    );
    let counts = |subject: &str| device.series[subject].slices.iter().map(|slice| slice.count).collect::<Vec<_>>();
    assert_eq!(counts("flush.dirtied"), [1, 0, 1]);
    assert_eq!(counts("flush"), [1, 0, 2]);
    assert_eq!(counts("write"), [0, 1]);
    assert_eq!(counts("errors"), [0, 0, 1]);
    assert_eq!(device.series["mark"].slices[0].durations.max_ns(), 300);
    let dirtied = &device.series["flush.dirtied"];
    assert_eq!((dirtied.first_ns, dirtied.last_ns), (5, 2 * S + 7));
    assert_eq!(device.numbers["regions.marks"], 1.0);
    assert_eq!(device.numbers["flush.kinds.dirtied.latency_count"], 2.0);
    let other = run.devices.iter().find(|device| device.name == "unidentified device of log 3").unwrap();
    assert_eq!(other.series["clear"].slices[2].count, 1);
    let capture = run.capture.as_ref().unwrap();
    let probes: Vec<_> = capture.probes.iter().map(|(hook, probe)| (hook.as_str(), probe.as_str())).collect();
    assert_eq!(probes, [("dm_log:core_mark_region", "fentry"), ("dm_log:disk_flush", "kprobe")]);
    assert_eq!(run.faults, super::Faults::default());
    assert_eq!(from_json(&to_json(std::slice::from_ref(&run))).unwrap(), [run]);
}

#[test]
fn what_is_wrong_is_counted() {
    let mut summary = Summary::new("a.dmlog", &facts());
    let gap = |lost| Item::Gap(Gap { time: MonoNs(20 * S), cpu: None, lost, cause: LossCause::RingFull });
    summary.see(&gap(Some(12)));
    summary.see(&gap(None));
    // A little back is what several processors do.
    summary.see(&Item::Event(mark(20 * S - 1_000, 1, 0, None)));
    summary.see(&Item::Event(mark(15 * S, 1, 0, None)));
    summary.see(&Item::Event(flush(21 * S, 1, Some(FlushKind::Dirtied), 2_000 * S, 0)));
    let faults = summary.finish(33).faults;
    assert_eq!((faults.lost, faults.gaps_of_unknown_size, faults.torn_tail_bytes), (12, 1, 33));
    assert_eq!(faults.times_back, 1);
    assert!(faults.latency_clamped > 0, "{faults:?}");
}

#[test]
fn a_long_run_has_longer_slices_and_loses_nothing() {
    let hour = SLICES_MAX as u64 * S;
    let events = (0..4).map(|n| flush(10 * S + n * hour / 2, 1, Some(FlushKind::Dirtied), 1_000 + n, 0));
    let run = run_of(std::iter::once(identity(10 * S, 1, 0, "m")).chain(events).collect());
    assert_eq!(run.slice_ns, 2 * S);
    let series = &run.devices[0].series["flush.dirtied"];
    let counted: Vec<usize> = (0..series.slices.len()).filter(|place| series.slices[*place].count > 0).collect();
    assert_eq!(counted, [0, 1024, 2048, 3072]);
    assert_eq!(series.slices[3072].durations.max_ns(), 1_003);
}

#[test]
fn an_event_of_no_log_is_of_the_unknown_device() {
    let run = run_of(vec![event(10 * S, 0, mark(10 * S, 0, 1, None).op)]);
    assert_eq!(run.devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>(), ["unknown device"]);
}
