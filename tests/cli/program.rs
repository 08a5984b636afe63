//! Runs `dmlog-top` and says how it went.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dmlog_user::event::ids::{DevNum, LogId, MonoNs};
use dmlog_user::event::item::{DecodeFailure, Gap, Item, LossCause};
use dmlog_user::event::op::{Identity, Op};
use dmlog_user::trace::writer::TraceWriter;

use crate::workload::{facts, workload};

/// What a run left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmlog-top"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    command().args(arguments).output().unwrap().into()
}

/// Runs with bytes on stdin; a program that does not want them all may close it.
pub(crate) fn run_with_stdin(arguments: &[&str], bytes: &[u8]) -> Run {
    let mut child = command().args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&bytes);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output.into()
}

/// A file in the test's folder.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The items of the trace that these tests look at: log 1 is `vg/lv`, log 2 a device with a name to be afraid of.
pub(crate) fn items() -> Vec<Item> {
    let mut items = workload(3);
    let Some(Item::Event(first)) = items.first().cloned() else { panic!("the workload begins with an event") };
    let mut nameless = first.clone();
    if let Op::Identity(identity) = &mut nameless.op {
        identity.name = String::new();
    }
    // A mirror that was just created has no name at first.
    items.insert(0, Item::Event(nameless));
    let mut other = first;
    other.log = LogId(2);
    other.op = Op::Identity(Box::new(Identity {
        device: DevNum { major: 254, minor: 9 },
        name: "odd \u{1b}[2J\"name".to_owned(),
        log_type: "core".to_owned(),
        ..Identity::default()
    }));
    let end = items.last().unwrap().time().0;
    other.time = MonoNs(end + 1);
    items.push(Item::Event(other.clone()));
    other.time = MonoNs(end + 1_500_000_000);
    other.op = workload(1).iter().find_map(|item| as_op(item, "mark_region")).unwrap();
    items.push(Item::Event(other));
    let time = MonoNs(end + 1_500_000_001);
    items.push(Item::Gap(Gap { time, cpu: Some(2), lost: Some(12), cause: LossCause::RingFull }));
    items.push(Item::Gap(Gap { time, cpu: Some(3), lost: Some(8), cause: LossCause::RingFull }));
    items.push(Item::Gap(Gap { time, cpu: None, lost: None, cause: LossCause::ModuleReload }));
    items.push(Item::DecodeError(DecodeFailure { time, reason: "too \u{7}short".to_owned() }));
    items
}

fn as_op(item: &Item, name: &str) -> Option<Op> {
    match item {
        Item::Event(event) if dmlog_user::event::flat::op_name(event.op.code()) == Some(name) => Some(event.op.clone()),
        _ => None,
    }
}

/// A trace of [`items`], three batches and an end.
pub(crate) fn trace(is_ended: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts()).unwrap();
    for part in items().chunks(40) {
        for item in part {
            writer.push(item).unwrap();
        }
        writer.flush_batch().unwrap();
    }
    if is_ended {
        writer.finish().unwrap();
    }
    bytes
}
