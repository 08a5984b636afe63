//! What-ifs of real traces: replayed with the settings that they were recorded with, they give what the kernel did, and for
//! other settings the tables stay as they are.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use dmlog_user::analysis::catalogue::metric;
use dmlog_user::analysis::whatif::WhatIf;
use dmlog_user::analysis::whatif::result::{Activity, Note, RecordedCounts, WhatIfResult};
use dmlog_user::analysis::whatif::settings::Settings;
use dmlog_user::event::facts::Probe;
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, FlushKind, LogOp, Op, RegionHashOp};
use dmlog_user::export::TraceEnd;
use dmlog_user::export::whatif::{WhatIfReport, json, text};
use dmlog_user::log::dirty_log::LogType;
use dmlog_user::trace::reader::TraceReader;
use serde_json::Value;

use crate::real::recordings;

fn replay(path: &Path, settings: Settings) -> WhatIfResult {
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut whatif = WhatIf::new(Some(reader.facts()), settings);
    while reader.next_batch_with(|item| whatif.apply(&item)).unwrap().is_some() {}
    whatif.result()
}

fn recording(name: &str) -> std::path::PathBuf {
    recordings().into_iter().find(|path| path.file_name().is_some_and(|file| file == name)).unwrap()
}

fn rendered(name: &str, settings: Settings) -> String {
    let result = replay(&recording(name), settings);
    text::render(&WhatIfReport { source: name, result: &result, end: TraceEnd::Clean })
}

/// What the replay of the recorded settings gives.
fn replayed(result: &WhatIfResult) -> RecordedCounts {
    let row = result.targets[0].rows.iter().find(|row| row.is_recorded).unwrap();
    let Activity { writes, marks, clears, dirtied_flushes, cleaned_only_flushes, no_op_flushes, .. } =
        row.activity.unwrap();
    RecordedCounts {
        writes,
        marks,
        clears,
        dirtied_flushes,
        cleaned_only_flushes,
        no_op_flushes,
        flushes_of_unknown_kind: 0,
    }
}

/// Counted from the items themselves, without the engine.
fn calls(path: &Path) -> RecordedCounts {
    let mut counts = RecordedCounts::default();
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut count = |item: Item| {
        let Item::Event(Event { op, .. }) = item else { return };
        match op {
            Op::Log(_, LogOp::MarkRegion { .. }) => counts.marks += 1,
            Op::Log(_, LogOp::ClearRegion { .. }) => counts.clears += 1,
            Op::Log(_, LogOp::Flush { kind: Some(FlushKind::Dirtied), .. }) => counts.dirtied_flushes += 1,
            Op::Log(_, LogOp::Flush { kind: Some(FlushKind::CleanedOnly), .. }) => counts.cleaned_only_flushes += 1,
            Op::Log(_, LogOp::Flush { kind: Some(FlushKind::NoOp), .. }) => counts.no_op_flushes += 1,
            Op::Log(_, LogOp::Flush { kind: None, .. }) => counts.flushes_of_unknown_kind += 1,
            Op::RegionHash(RegionHashOp::IncPending { .. }) => counts.writes += 1,
            _ => {}
        }
    };
    while reader.next_batch_with(&mut count).unwrap().is_some() {}
    counts
}

#[test]
fn the_recorded_settings_reproduce_real_traces_exactly() {
    for path in recordings() {
        let name = path.display();
        let result = replay(&path, Settings::default());
        assert_eq!((result.targets.len(), result.notes.as_slice()), (1, &[][..]), "{name}");
        let (target, replayed) = (&result.targets[0], replayed(&result));
        assert_eq!(replayed, calls(&path), "{name}");
        assert_eq!(replayed, target.recorded, "{name}");
        assert!(replayed.marks > 0 && replayed.clears > replayed.marks && replayed.no_op_flushes > 0, "{name}");
        let is_doubt = |note: &&Note| !matches!(note, Note::LatencyNotKnown { log_type: LogType::Disk });
        assert_eq!(target.notes.iter().find(is_doubt), None, "{name}");
    }
}

/// From first principles: without the recorded marks, clears and states, which settle races, the region hash alone gives
/// them.
#[test]
fn real_traces_are_reproduced_without_their_marks_and_clears() {
    for path in recordings() {
        let mut reader = TraceReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut facts = reader.facts().clone();
        let is_withheld = |function: &str| matches!(function, "core_mark_region" | "core_clear_region");
        for hook in facts.coverage.iter_mut().filter(|hook| is_withheld(&hook.function)) {
            hook.probe = Probe::Absent;
        }
        let mut whatif = WhatIf::new(Some(&facts), Settings::default());
        let mut withheld = 0;
        let mut apply = |item: Item| match &item {
            Item::Event(Event {
                op:
                    Op::Log(_, LogOp::MarkRegion { .. } | LogOp::ClearRegion { .. })
                    | Op::RegionHash(RegionHashOp::GetState { .. }),
                ..
            }) => withheld += 1,
            _ => whatif.apply(&item),
        };
        while reader.next_batch_with(&mut apply).unwrap().is_some() {}
        let expected = calls(&path);
        assert!(withheld > expected.marks + expected.clears, "{}", path.display());
        assert_eq!(replayed(&whatif.result()), expected, "{}", path.display());
    }
}

/// The same mirror and the same writes, with a core and with a disk log: what one would do as the other is what the other
/// does, but for how often the worker ran.
#[test]
fn a_core_log_as_a_disk_log_does_what_a_disk_log_does() {
    let activity = |name: &str| {
        let result = replay(&recording(name), Settings::default());
        let mut rows = result.targets[0].rows.iter().filter(|row| row.log_type == LogType::Disk);
        rows.find(|row| row.region_size_bytes == 512 << 10).unwrap().activity.unwrap()
    };
    for kernel in ["5.10", "6.1", "6.12", "7.3"] {
        let [core, disk] = ["core", "disk"].map(|log| activity(&format!("{log}-{kernel}.dmlog")));
        let work = |activity: &Activity| (activity.writes, activity.marks, activity.clears, activity.resync_bytes_max);
        assert_eq!(work(&core), work(&disk), "{kernel}");
        // A pass that clears may be one that marks too, so one flush more or less says nothing.
        let written = |activity: &Activity| activity.dirtied_flushes + activity.cleaned_only_flushes;
        assert!(written(&core).abs_diff(written(&disk)) <= 3, "{kernel}: {} and {}", written(&core), written(&disk));
    }
}

#[test]
fn disk_6_12_as_text() {
    insta::assert_snapshot!(rendered("disk-6.12.dmlog", Settings::default()));
}

#[test]
fn core_5_10_with_asked_settings_as_text() {
    let settings = Settings::new(&[128, 8192, 1 << 20], &[LogType::Disk, LogType::Userspace]).unwrap();
    insta::assert_snapshot!(rendered("core-5.10.dmlog", settings));
}

#[test]
fn disk_7_3_as_json() {
    let result = replay(&recording("disk-7.3.dmlog"), Settings::new(&[4096], &[LogType::Disk]).unwrap());
    let report = WhatIfReport { source: "disk-7.3.dmlog", result: &result, end: TraceEnd::Clean };
    insta::assert_snapshot!(String::from_utf8(json::render(&report).unwrap()).unwrap());
}

/// Names of all numbers; within a list, the name of the list.
fn numbers(value: &Value, name: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Number(_) => {
            names.insert(name.to_owned());
        }
        Value::Array(rows) => rows.iter().for_each(|row| numbers(row, name, names)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| numbers(field, key, names)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn numbers_are_in_the_catalogue_and_lines_in_the_page() {
    for path in recordings() {
        let run = |format: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
            let output = command.arg("whatif").arg(&path).args(["--format", format]).output().unwrap();
            assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let mut names = BTreeSet::new();
        numbers(&serde_json::from_str(&run("json")).unwrap(), "", &mut names);
        let missing: Vec<_> = names.iter().filter(|name| metric(name).is_none()).collect();
        assert!(missing.is_empty() && names.len() > 25, "not in the catalogue: {missing:?} of {names:?}");
        for line in run("text").lines().skip(1) {
            assert!(line.chars().count() <= 100 && line.trim_end() == line, "{}: {line}", path.display());
        }
    }
}
