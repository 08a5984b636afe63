//! Tracks, lanes, flows: what a reader of the file sees of a few events.

use std::collections::HashMap;

use prost::Message as _;

use super::Perfetto;
use super::calls::THREAD_CALLS_MAX;
use super::names::interned;
use super::proto::{Trace, TracePacket};
use super::tracks::LANES_MAX;
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::text::parse::parse;
use crate::export::sink::ItemSink as _;

const IDENTITY: &str = "1.000000000 cpu=0 tid=1 log=1 identity device=\"254:0\" name=\"vg/lv\" log_type=\"disk\" \
                        region_size_sectors=1024 region_count=64 sync_count=64 legs=2 flush_failed=0 log_device_failed=0";

fn facts() -> CaptureFacts {
    let clock = ClockPair { monotonic_ns: 1_000_000_000, realtime_ns: 1_700_000_000_000_000_000 };
    CaptureFacts { host: "h\u{1b}ost".to_owned(), kernel_release: "6.12".to_owned(), clock, ..CaptureFacts::default() }
}

fn packets(lines: &[&str]) -> Vec<TracePacket> {
    let mut sink = Perfetto::new(Vec::new(), &facts());
    for line in lines {
        sink.take(&parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))).unwrap();
    }
    Trace::decode(&*sink.finish().unwrap()).unwrap().packet
}

/// Every event behind the first as a line: track, number of the lane there, type, time in ns behind the first second, name, flows.
fn events(lines: &[&str]) -> Vec<String> {
    let names: HashMap<u64, String> =
        interned().event_names.into_iter().map(|name| (name.iid.unwrap(), name.name.unwrap())).collect();
    let (mut tracks, mut lanes) = (HashMap::new(), HashMap::<String, u64>::new());
    let mut events = Vec::new();
    for packet in packets(lines) {
        if let Some(track) = packet.track_descriptor {
            let name = track.name.unwrap();
            let lane = lanes.entry(name.clone()).or_insert(0);
            *lane += 1;
            tracks.insert(track.uuid.unwrap(), format!("{name} {lane}"));
        } else if let Some(event) = packet.track_event {
            let time = packet.timestamp.unwrap() - 1_000_000_000;
            let name = event.name_iid.map_or(String::new(), |iid| format!(" {}", names[&iid]));
            let kind = ["begin", "end", "at", "count"][usize::try_from(event.kind.unwrap()).unwrap() - 1];
            let value = event.counter_value.map_or(String::new(), |value| format!(" {value}"));
            let mut line = format!("{}: {kind} {time}{name}{value}", tracks[&event.track_uuid.unwrap()]);
            line.extend(event.flow_ids.iter().map(|flow| format!(" ~{flow}")));
            line.extend(event.terminating_flow_ids.iter().map(|flow| format!(" !{flow}")));
            events.push(line);
        }
    }
    events.remove(0);
    events
}

/// Those of one row.
fn of_row(lines: &[&str], row: &str) -> Vec<String> {
    events(lines).into_iter().filter(|line| line.starts_with(row)).collect()
}

#[test]
fn a_pass_has_what_it_called_beneath_it() {
    let lines = [
        IDENTITY,
        "1.000000100 cpu=0 tid=9 log=1 impl=disk flush kind=no-op result=0 duration_ns=50",
        "1.000000120 cpu=0 tid=9 log=1 rh_update_states errors_handled=1 duration_ns=70",
        // Another thread is in no pass of this one.
        "1.000000130 cpu=1 tid=7 log=1 impl=core in_sync region=5 can_block=0 result=1 duration_ns=20",
        "1.000000140 cpu=0 tid=9 log=1 recover region=3",
        "1.000000150 cpu=0 tid=9 log=1 pass duration_ns=150",
    ];
    assert_eq!(
        of_row(&lines, "kmirrord"),
        [
            "kmirrord 1: begin 0 pass",
            "kmirrord 1: begin 50 rh_update_states",
            "kmirrord 1: begin 50 flush no-op",
            "kmirrord 1: end 100",
            "kmirrord 1: end 120",
            "kmirrord 1: at 140 recover",
            "kmirrord 1: end 150",
        ]
    );
    assert_eq!(of_row(&lines, "other calls"), ["other calls 1: begin 110 in_sync", "other calls 1: end 130"]);
}

#[test]
fn what_overlaps_without_lying_in_it_is_shown_beside_it_with_its_own_times() {
    let lines = [
        IDENTITY,
        "1.000000100 cpu=0 tid=9 log=1 impl=disk flush kind=no-op result=0 duration_ns=50",
        // The clock of another CPU is a little behind.
        "1.000000090 cpu=1 tid=9 log=1 pass duration_ns=60",
        "1.000000160 cpu=1 tid=9 log=1 pass duration_ns=75",
    ];
    assert_eq!(of_row(&lines, "other calls"), ["other calls 1: begin 50 flush no-op", "other calls 1: end 100"]);
    assert_eq!(
        of_row(&lines, "kmirrord"),
        ["kmirrord 1: begin 30 pass", "kmirrord 1: end 90", "kmirrord 2: begin 85 pass", "kmirrord 2: end 160"]
    );
}

/// A write that marks, the flush, the clear.
const LIFE: [&str; 9] = [
    IDENTITY,
    "1.000000010 cpu=0 tid=3 log=1 map io=1 sector=1024 bytes=4096 opf=0x1 tgid=3 comm=\"fio\"",
    "1.000000100 cpu=0 tid=9 log=1 rh_inc_pending region=1 io=1",
    "1.000000120 cpu=0 tid=9 log=1 impl=core mark_region region=1 duration_ns=10",
    "1.000000150 cpu=0 tid=9 log=1 impl=disk flush kind=dirtied result=0 duration_ns=20",
    "1.000000160 cpu=0 tid=9 log=1 pass duration_ns=100",
    "1.000000200 cpu=1 tid=0 log=1 write_callback io=1 failed_legs=0x2",
    "1.000000210 cpu=1 tid=0 log=1 end_io io=1 latency_ns=200 status=0",
    "1.000000320 cpu=0 tid=9 log=1 impl=core clear_region region=1 duration_ns=10",
];

#[test]
fn a_flow_goes_from_the_write_to_the_mark_to_the_flush_to_the_clear() {
    let mut flows: Vec<String> = events(&LIFE).into_iter().filter(|line| line.contains(['~', '!'])).collect();
    flows.sort_by_key(|line| line.split(": begin ").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(
        flows,
        [
            "fio 3 1: begin 10 write ~1",
            "kmirrord 1: begin 110 mark_region ~1",
            "kmirrord 1: begin 130 flush dirtied ~1",
            "other calls 1: begin 310 clear_region !1",
        ]
    );
    assert_eq!(
        of_row(&LIFE, "leg"),
        ["leg 0 1: begin 150 leg write", "leg 0 1: end 200", "leg 1 1: begin 150 leg write failed", "leg 1 1: end 200"]
    );
}

/// Lines of a life, one of them another one.
fn life_with(place: usize, line: &'static str) -> Vec<String> {
    let mut lines = LIFE.to_vec();
    lines[place] = line;
    events(&lines).into_iter().filter(|line| line.contains(['~', '!'])).collect()
}

#[test]
fn a_flow_knows_which_flush_makes_a_mark_durable() {
    let failed = life_with(4, "1.000000150 cpu=0 tid=9 log=1 impl=disk flush kind=dirtied result=-5 duration_ns=20");
    assert_eq!(failed.len(), 2, "a flush that failed and a clear without one: {failed:?}");
    let cleaned =
        life_with(4, "1.000000150 cpu=0 tid=9 log=1 impl=disk flush kind=cleaned-only result=0 duration_ns=20");
    assert_eq!(cleaned.len(), 2, "{cleaned:?}");
    let core = life_with(4, "1.000000150 cpu=0 tid=9 log=1 impl=core flush kind=no-op result=0 duration_ns=20");
    assert_eq!(core.len(), 3, "a core log's mark is nowhere durable: {core:?}");
    let early = life_with(4, "1.000000115 cpu=0 tid=9 log=1 impl=disk flush kind=dirtied result=0 duration_ns=10");
    assert_eq!(early.len(), 2, "it began before the mark was over: {early:?}");
}

#[test]
fn a_flow_has_two_ends_or_none() {
    let unmarked = life_with(3, "1.000000120 cpu=0 tid=9 log=1 impl=core mark_region region=2 duration_ns=10");
    assert_eq!(unmarked.len(), 2, "mark and flush, of a write that was not seen: {unmarked:?}");
    assert!(!unmarked[0].contains("write") && !unmarked[1].contains("write"), "{unmarked:?}");
    let lost = life_with(7, "1.000000210 gap lost=1 cause=ring_full");
    assert_eq!(lost.len(), 3, "the clear may be of another mark: {lost:?}");
    assert!(lost.iter().any(|line| line.contains("write ~1")), "{lost:?}");
    let other_thread = life_with(2, "1.000000100 cpu=0 tid=8 log=1 rh_inc_pending region=1 io=1");
    assert!(!other_thread.iter().any(|line| line.contains("write")), "{other_thread:?}");
}

#[test]
fn a_pass_takes_up_its_writes_before_it_marks_their_regions() {
    let map = |io: u32| {
        format!("1.00000001{io} cpu=0 tid=3 log=1 map io={io} sector=0 bytes=512 opf=0x1 tgid=3 comm=\"fio\"")
    };
    let inc = |io: u32, region: u32| format!("1.00000010{io} cpu=0 tid=9 log=1 rh_inc_pending region={region} io={io}");
    let mark = |time: u32, region: u32| {
        format!("1.000000{time} cpu=0 tid=9 log=1 impl=core mark_region region={region} duration_ns=5")
    };
    let end = |io: u32| format!("1.00000090{io} cpu=0 tid=3 log=1 end_io io={io} latency_ns=890 status=0");
    let mut lines = vec![IDENTITY.to_owned()];
    lines.extend([1, 2, 3].map(map));
    lines.extend([inc(1, 5), inc(2, 6), inc(3, 5), mark(120, 6), mark(140, 5)]);
    lines.extend([1, 2, 3].map(end));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut flows: Vec<String> = events(&lines).into_iter().filter(|line| line.contains('~')).collect();
    flows.sort();
    let expected = [
        "fio 3 1: begin 11 write ~2",
        "fio 3 2: begin 12 write ~1",
        "other calls 1: begin 115 mark_region ~1",
        "other calls 1: begin 135 mark_region ~2",
    ];
    assert_eq!(flows, expected, "the third write did not have to wait for a mark");
}

#[test]
fn bios_that_overlap_have_lanes_and_those_without_one_are_counted() {
    let number = LANES_MAX + 3;
    let mut lines = vec![IDENTITY.to_owned()];
    for io in 1..=number {
        lines.push(format!("1.{io:09} cpu=0 tid=3 log=1 map io={io} sector=0 bytes=512 opf=0x1 tgid=3 comm=\"fio\""));
    }
    for io in 1..=number {
        lines.push(format!("1.{:09} cpu=0 tid=3 log=1 end_io io={io} latency_ns=1000 status=0", 1000 + io));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let events = events(&lines);
    let count = |what: &str| events.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count("begin"), LANES_MAX);
    assert_eq!(events.iter().filter(|line| line.starts_with("fio 3 1:")).count(), 2, "one begin, one end");
    assert_eq!(count("without a track 1: at"), 3);
    assert_eq!(count("losses 1: at 1067 left out"), 1);
}

/// A thread whose pass never comes does not hold its calls for ever.
#[test]
fn calls_without_a_pass_are_shown_in_time() {
    let call = |number: usize| {
        format!("1.{:09} cpu=0 tid=9 log=1 impl=core in_sync region=5 can_block=0 result=1 duration_ns=1", 10 + number)
    };
    let lines: Vec<String> = (0..THREAD_CALLS_MAX).map(call).collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.insert(0, IDENTITY);
    lines.push("1.000900000 cpu=0 tid=9 log=1 pass duration_ns=899900");
    let events = events(&lines);
    let place = |what: &str| events.iter().position(|line| line.contains(what)).unwrap();
    assert!(place("other calls 1: begin 9 in_sync") < place("kmirrord 1: begin 100 pass"));
    assert_eq!(events.iter().filter(|line| line.contains("in_sync")).count(), THREAD_CALLS_MAX);
    assert!(events.last().unwrap().contains("left out"), "{:?}", events.last());
}

#[test]
fn what_has_not_ended_is_shown_up_to_the_end_of_the_trace() {
    let lines =
        [LIFE[0], LIFE[1], "1.000000140 cpu=0 tid=9 log=1 recover region=3", "1.000000900 cpu=0 tid=9 log=1 pass"];
    assert_eq!(of_row(&lines, "fio"), ["fio 3 1: begin 10 write", "fio 3 1: end 900"]);
    assert_eq!(of_row(&lines, "recoveries"), ["recoveries 1: begin 140 recovery", "recoveries 1: end 900"]);
}

#[test]
fn a_mirror_has_the_name_that_comes_behind_its_first_events() {
    let groups = |lines: &[&str]| -> Vec<String> {
        let tracks = packets(lines).into_iter().filter_map(|packet| packet.track_descriptor);
        tracks.filter(|track| track.child_ordering.is_some()).map(|track| track.name.unwrap()).collect()
    };
    let unnamed = IDENTITY.replace("vg/lv", "");
    let pass = "1.000000900 cpu=0 tid=9 log=1 pass duration_ns=3";
    assert_eq!(groups(&[&unnamed, pass, IDENTITY]), ["dirty region log h\\u{1b}ost", "vg/lv (254:0)"]);
    assert_eq!(groups(&[&unnamed, pass])[1], "254:0");
    assert_eq!(groups(&[pass])[1], "unidentified device of log 1");
    assert_eq!(groups(&["1.000000900 cpu=0 tid=9 log=0 pass duration_ns=3"])[1], "unknown device");
    let other = IDENTITY.replace("vg/lv", "vg/other").replace("log=1", "log=2");
    assert_eq!(groups(&[IDENTITY, pass, &other])[1..], ["vg/lv (254:0)", "vg/other (254:0)"]);
    let reloaded = unnamed.replace("log=1", "log=2");
    assert_eq!(groups(&[IDENTITY, pass, &reloaded]).len(), 2, "a reload is of the same mirror");
}

#[test]
fn counters_tell_what_the_session_knows_when_it_changes() {
    let bits = |set: &str, name: &str| {
        format!("1.000000005 cpu=0 tid=1 log=1 bits bitset={name} first=0 regions=64 region_count=64 cut=0 bits={set}")
    };
    let [clean, in_sync, recovering] =
        [bits("0xffffffffffffffff", "clean"), bits("0xffffffffffffffff", "in_sync"), bits("0x0", "recovering")];
    let resume = "1.000000004 cpu=0 tid=1 log=1 impl=disk resume result=0 duration_ns=2";
    let mut lines = vec![LIFE[0], resume, &clean, &in_sync, &recovering];
    lines.extend(&LIFE[1..]);
    let dirty = of_row(&lines, "dirty regions");
    assert_eq!(dirty[dirty.len() - 2..], ["dirty regions 1: count 120 1", "dirty regions 1: count 320 0"]);
}

#[test]
fn a_range_of_time_knows_what_came_before_it() {
    let mut sink = Perfetto::new(Vec::new(), &facts());
    for (place, line) in LIFE.iter().enumerate() {
        let item = parse(line).unwrap();
        if place < 6 {
            sink.pass_over(&item);
        } else {
            sink.take(&item).unwrap();
        }
    }
    let packets = Trace::decode(&*sink.finish().unwrap()).unwrap().packet;
    let names: Vec<String> =
        packets.iter().filter_map(|packet| packet.track_descriptor.as_ref()?.name.clone()).collect();
    assert!(names.contains(&"vg/lv (254:0)".to_owned()) && names.contains(&"fio 3".to_owned()), "{names:?}");
    let begins = packets.iter().filter(|packet| packet.track_event.as_ref().is_some_and(|event| event.kind == Some(1)));
    assert_eq!(begins.count(), 2, "the write that ended, and the clear");
}

#[test]
fn the_clock_is_named_and_paired() {
    let packets = packets(&LIFE);
    let snapshot = packets[0].clock_snapshot.as_ref().unwrap();
    let clocks: Vec<_> = snapshot.clocks.iter().map(|clock| (clock.clock_id, clock.timestamp)).collect();
    assert_eq!(clocks, [(Some(3), Some(1_000_000_000)), (Some(1), Some(1_700_000_000_000_000_000))]);
    assert_eq!(snapshot.primary_trace_clock, Some(3));
    assert_eq!(packets[1].trace_packet_defaults.as_ref().unwrap().timestamp_clock_id, Some(3));
    assert_eq!((packets[1].sequence_flags, packets[2].system_info.is_some()), (Some(1), true));
}
