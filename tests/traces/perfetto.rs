//! Perfetto's own protobuf classes read what `export --to perfetto` writes: every packet is one, slices of a track do not overlap, flows have
//! their ends in order, and the numbers are the report's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use dmlog_user::event::ids::{DurationNs, IoId, LogId, MonoNs, Region, Sector};
use dmlog_user::event::item::{DecodeFailure, Gap, Item, LossCause};
use dmlog_user::event::op::{Event, FlushKind, Identity, Io, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::trace::writer::TraceWriter;
use serde_json::Value;

use crate::exports::python_with;
use crate::real::{ops, recordings};
use crate::support::Settings;
use crate::synth::stream;
use crate::workload::{Random, facts};

/// Where a test's files go.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn program(arguments: &[&str], path: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_dmlog-top")).args(arguments).arg(path).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What Perfetto's classes and the report say of a trace. Whatever holds of every file is checked here.
fn both(python: &Path, path: &Path, arguments: &[&str]) -> (Value, Value) {
    // Tests run beside each other, and versions have files of the same name.
    let version = path.parent().unwrap().file_name().unwrap().display();
    let out = file(&format!("{version}-{}{}.pftrace", path.file_name().unwrap().display(), arguments.concat()));
    let to = ["export", "--to", "perfetto", "-o"];
    program(&[&to[..], &[out.to_str().unwrap()], arguments].concat(), path);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/perfetto_counts.py");
    let output = Command::new(python).arg(script).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["wrong"], serde_json::json!([]), "{}", path.display());
    let report =
        serde_json::from_slice(&program(&[&["report", "--format", "json"], arguments].concat(), path)).unwrap();
    (read, report)
}

fn numbers(value: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Sums of durations over all devices, of every operation that has any.
fn sums(report: &Value) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for device in report["devices"].as_array().unwrap() {
        for (op, numbers) in device["ops"].as_object().unwrap() {
            if let Some(sum) = numbers["latency_ns_sum"].as_u64().filter(|sum| *sum != 0) {
                *sums.entry(op.clone()).or_insert(0) += sum;
            }
        }
    }
    sums
}

/// What holds of a trace of a kernel, or of one that keeps its rules.
fn compare(read: &Value, report: &Value, name: &str) {
    assert_eq!(numbers(&read["ops"]), ops(report), "{name}");
    let mut durations = numbers(&read["durations"]);
    durations.retain(|_, sum| *sum != 0);
    assert_eq!(durations, sums(report), "{name}");
    assert_eq!((&read["unfit"], &read["left_out"]), (&0.into(), &serde_json::json!({})), "{name}");
    let mut kinds = BTreeMap::new();
    for device in report["devices"].as_array().unwrap() {
        for (kind, numbers) in device["flush"]["kinds"].as_object().unwrap() {
            *kinds.entry(format!("flush {}", kind.replace('_', "-"))).or_insert(0) +=
                numbers["count"].as_u64().unwrap();
        }
    }
    kinds.retain(|_, count| *count != 0);
    assert_eq!(numbers(&read["flush_kinds"]), kinds.into_iter().collect(), "{name}");
    counters(read, report, name);
}

fn counters(read: &Value, report: &Value, name: &str) {
    const SERIES: [(&str, &str); 3] = [
        ("dirty regions", "dirty_regions"),
        ("regions out of sync", "not_in_sync_regions"),
        ("recovering regions", "recovering_regions"),
    ];
    for device in report["devices"].as_array().unwrap().iter().filter(|device| !device["device"].is_null()) {
        let (name_of, number) = (device["name"].as_str().unwrap(), device["device"].as_str().unwrap());
        // A mirror whose name has not come goes by its number.
        let group = if name_of == number { number.to_owned() } else { format!("{name_of} ({number})") };
        for (counter, series) in SERIES {
            let theirs = &read["counters"][format!("{group}/{counter}")];
            let ours = |what: &str| &device["occupancy"][format!("{series}_{what}")];
            assert_eq!(&theirs["max"], ours("max"), "{name}: {counter}");
            if !ours("last").is_null() {
                assert_eq!(&theirs["last"], ours("last"), "{name}: {counter}");
            }
        }
    }
}

#[test]
fn perfetto_reads_real_traces_and_counts_what_the_report_counts() {
    let python = match python_with("perfetto") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP perfetto_reads_real_traces_and_counts_what_the_report_counts: {reason}");
            return;
        }
    };
    for path in recordings() {
        let name = path.display().to_string();
        let (read, report) = both(&python, &path, &[]);
        compare(&read, &report, &name);
        assert_eq!(read["release"], report["capture"]["kernel_release"], "{name}");
        assert_eq!(read["clock"], serde_json::json!([3, 3]), "{name}");
        let writes = report["devices"][0]["io"]["kinds"]["write"]["count"].as_u64();
        let legs = (read["rows"]["leg 0"].as_u64(), read["rows"]["leg 1"].as_u64());
        assert_eq!(legs, (writes, writes), "{name}: every write goes to both legs");
        assert_eq!(read["rows"]["recoveries"], report["devices"][0]["recovery"]["copies"], "{name}");
        // Every mark in these traces is of one write, which waits for it, and every region is cleared before the mirror goes.
        let way = if name.contains("core") {
            "write > mark_region > clear_region"
        } else {
            "write > mark_region > flush dirtied > clear_region"
        };
        let marks = report["devices"][0]["ops"]["mark_region"]["count"].clone();
        assert_eq!(read["flows"], serde_json::json!({ way: marks }), "{name}");
        assert!(read["nested"]["pass > rh_update_states"].as_u64() > Some(10), "{name}: {}", read["nested"]);
    }
}

/// In the middle of a life the counters have a last value that is not that of a mirror that has gone.
#[test]
fn counters_of_a_part_end_where_the_report_does() {
    let python = match python_with("perfetto") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP counters_of_a_part_end_where_the_report_does: {reason}");
            return;
        }
    };
    let mut told = 0;
    for path in recordings() {
        let name = path.display().to_string();
        let whole: Value = serde_json::from_slice(&program(&["report", "--format", "json"], &path)).unwrap();
        let at = |key: &str| whole["window"][key].as_u64().unwrap();
        for quarter in [2, 3] {
            let until_ns = at("first_ns") + at("duration_ns") * quarter / 4;
            let until = format!("{}.{:09}s", until_ns / 1_000_000_000, until_ns % 1_000_000_000);
            let (read, report) = both(&python, &path, &["--until", &until]);
            counters(&read, &report, &name);
            assert_eq!(numbers(&read["ops"]), ops(&report), "{name}");
            told += usize::from(!report["devices"][0]["occupancy"]["not_in_sync_regions_last"].is_null());
            // What comes before a part is known in it.
            let since_ns = until_ns - at("duration_ns") / 8;
            let since = format!("{}.{:09}s", since_ns / 1_000_000_000, since_ns % 1_000_000_000);
            let (read, report) = both(&python, &path, &["--since", &since, "--until", &until]);
            counters(&read, &report, &name);
            assert_eq!(read["ops"]["end_io"].as_u64().unwrap_or(0), ops(&report).get("end_io").copied().unwrap_or(0));
        }
    }
    assert!(told > 10, "{told} parts end with a number");
}

#[test]
fn perfetto_reads_busy_mirrors() {
    let python = match python_with("perfetto") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP perfetto_reads_busy_mirrors: {reason}");
            return;
        }
    };
    let path = file("perfetto-busy.dmlog");
    let items = stream(&Settings { events: 60_000, regions: 256, mirrors: 3, nosync: false, seed: 7 });
    std::fs::write(&path, trace(&items)).unwrap();
    let (read, report) = both(&python, &path, &[]);
    compare(&read, &report, "busy");
    let flows = numbers(&read["flows"]);
    let whole = flows["write > mark_region > flush dirtied > clear_region"];
    assert!(whole > 500, "{flows:?}");
    assert_eq!(read["groups"].as_array().unwrap().len(), 4);
    let bytes = || program(&["export", "--to", "perfetto", "-o", "-"], &path);
    assert!(bytes() == bytes(), "same trace, other bytes");
}

fn trace(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts()).unwrap();
    for item in items {
        writer.push(item).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// Names that are not names.
fn bad_names() -> [String; 6] {
    ["", "vg/lv", "\u{1b}[2J\n\u{202e}", "<script>\"'&`", &"\u{7}é".repeat(300_000), "=1+1"].map(str::to_owned)
}

/// One of the operations, with numbers that no kernel gives.
fn bad_op(random: &mut Random, number: u64, took: Option<DurationNs>, names: &[String; 6]) -> Op {
    let region = Region(if random.below(20) == 0 { u64::MAX } else { random.below(4) });
    let io = IoId(random.below(150));
    let name = &names[usize::try_from(random.below(6)).unwrap()];
    match random.below(14) {
        0 | 1 => Op::Log(LogImpl::Core, LogOp::MarkRegion { region }),
        2 => Op::Log(LogImpl::Core, LogOp::ClearRegion { region }),
        3 => Op::Log(LogImpl::Disk, LogOp::Flush { kind: Some(FlushKind::Dirtied), result: 0 }),
        4 => Op::Log(LogImpl::Userspace, LogOp::Flush { kind: None, result: -5 }),
        5 => Op::RegionHash(RegionHashOp::IncPending { region: Some(region), io }),
        6 => Op::Mirror(MirrorOp::Pass),
        7 => Op::Mirror(MirrorOp::Recover { region: Some(region) }),
        8 => {
            let (region, write_error) = (Some(region), u64::MAX >> 1);
            Op::Mirror(MirrorOp::RecoveryComplete { region, took, read_error: -5, write_error })
        }
        9 => Op::Consult { request: u32::try_from(number % 40).unwrap(), result: i32::MIN },
        10 => Op::Mirror(MirrorOp::EndIo { io, latency: took, status: i32::MIN }),
        11 => Op::Mirror(MirrorOp::WriteCallback { io, failed_legs: u64::MAX >> 1 }),
        12 if number.is_multiple_of(40) => Op::Identity(Box::new(Identity {
            name: name.clone(),
            log_type: name.chars().take(900).collect(),
            legs: Some(u32::MAX),
            region_size_sectors: Some(u32::MAX),
            region_count: Some(u64::MAX >> 1),
            ..Identity::default()
        })),
        _ => Op::Mirror(MirrorOp::Map(Io {
            io,
            sector: Sector(u64::MAX),
            bytes: u32::MAX,
            opf: u32::try_from(number % 5).unwrap(),
            tgid: u32::try_from(random.below(300)).unwrap(),
            comm: if number.is_multiple_of(500) { name.clone() } else { name.chars().take(30).collect() },
        })),
    }
}

/// Events that no kernel makes: times that jump, ends without begins, numbers used twice, more than there is room for.
fn hostile() -> Vec<Item> {
    let mut random = Random::new(11);
    let names = bad_names();
    let mut items = Vec::new();
    for number in 0..6_000_u64 {
        let time = MonoNs(match random.below(50) {
            0 => 0,
            1 => i64::MAX.cast_unsigned(),
            _ => 1_000_000 + number * 10 + random.below(400),
        });
        let duration = (random.below(4) != 0).then(|| DurationNs(random.below(300)));
        let some_log = u32::try_from(number).unwrap();
        let log = LogId([0, 1, 1, 2, u32::MAX, some_log][usize::try_from(random.below(6)).unwrap()]);
        let tid = u32::try_from(random.below(3)).unwrap();
        let op = bad_op(&mut random, number, duration, &names);
        let is_moment = matches!(op, Op::Mirror(MirrorOp::EndIo { .. } | MirrorOp::RecoveryComplete { .. }));
        let duration = duration.filter(|_| !is_moment);
        items.push(Item::Event(Event { time, cpu: 3, tid, log, duration, op }));
        if number.is_multiple_of(1_000) {
            items.push(Item::Gap(Gap { time, cpu: None, lost: Some(3), cause: LossCause::QueueFull }));
            items.push(Item::DecodeError(DecodeFailure { time, reason: names[4].clone() }));
        }
    }
    // More writes at once than there are lanes.
    let burst = |io: u64, time: u64, op: Op| {
        let time = MonoNs(10_000_000 + io + time);
        Item::Event(Event { time, cpu: 0, tid: 9, log: LogId(1), duration: None, op })
    };
    for io in 1_000..1_200 {
        let io_of = Io { io: IoId(io), sector: Sector(0), bytes: 512, opf: 1, tgid: 4, comm: "burst".to_owned() };
        items.push(burst(io, 0, Op::Mirror(MirrorOp::Map(io_of))));
    }
    for io in 1_000..1_200 {
        items.push(burst(io, 500, Op::Mirror(MirrorOp::EndIo { io: IoId(io), latency: None, status: 0 })));
    }
    items
}

#[test]
fn perfetto_reads_what_no_kernel_makes() {
    let python = match python_with("perfetto") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP perfetto_reads_what_no_kernel_makes: {reason}");
            return;
        }
    };
    let path = file("perfetto-hostile.dmlog");
    std::fs::write(&path, trace(&hostile())).unwrap();
    let (read, report) = both(&python, &path, &[]);
    let count = |op: &str| (read["ops"][op].as_u64().unwrap_or(0), ops(&report)[op]);
    for op in
        ["mark_region", "clear_region", "flush", "pass", "map", "end_io", "recovery_complete", "consult", "identity"]
    {
        let (theirs, ours) = count(op);
        assert_eq!(theirs, ours, "{op}");
    }
    assert_eq!((&read["losses"]["gap queue_full"], &read["lost"]), (&6.into(), &18.into()));
    // The reader of the trace adds those rows that it does not understand.
    assert_eq!(read["losses"]["decode_error"], report["losses"]["decode_errors"]);
    assert!(
        read["unfit"].as_u64() > Some(0) && read["left_out"]["slices_without_a_track"] == read["unfit"],
        "{}",
        read["left_out"]
    );
    assert!(read["bytes"].as_u64() < Some(3_000_000), "long names are cut: {}", read["bytes"]);
}
