//! What goes wrong around a recording: the documented exit code, and one line that says what, where and what next.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use dmlog_user::event::op::MirrorOp;

use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror, Other, prepare};
use crate::support::recorder::{FEW_HOOKS, Recorder, Trace, dmlog_top, program, trace_path};
use crate::support::write::Load;
use crate::support::{run, wait_for, write_text};

/// A file system of 64 KiB, several seconds of load, unmounted at the end.
struct Small(&'static str);

impl Small {
    fn mount(at: &'static str) -> Self {
        std::fs::create_dir_all(at).unwrap_or_else(|error| panic!("`{at}`: {error}"));
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]);
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// The last line of stderr; the one before says that it records.
fn last_line(said: &str) -> &str {
    said.trim_end().lines().last().unwrap_or_default()
}

fn check_one_line(said: &str) {
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("recording to")).collect();
    assert_eq!(lines.len(), 1, "an error is one line: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_full_disk_ends_the_recording_and_leaves_the_file_intact() {
    let mirror = Mirror::create("full", LogKind::Disk, 0);
    mirror.wait_in_sync();
    let disk = Small::mount("/tmp/small");
    let path = Path::new(disk.0).join("full.dmlog");
    let load = Load::start(&mirror.path(), MIRROR_SECTORS);
    let mut recorder = Recorder::start(&path, &FEW_HOOKS);
    let (status, said) = recorder.wait();
    drop(load);
    assert_eq!(status.code(), Some(5), "{said}");
    check_one_line(&said);
    let line = last_line(&said);
    for word in ["No space left", "events are in the file", "events are lost", "make room"] {
        assert!(line.contains(word), "`{word}` is not in: {line}");
    }
    let trace = Trace::read(&path);
    let in_file: usize = number_before(line, "events are in the file");
    assert_eq!(trace.events().count(), in_file, "events in the file, and what was said: {line}");
    assert!(in_file > 0 && number_before(line, "events are lost") > 0, "{line}");
    let (code, out, err) = dmlog_top(&["verify", &path.display().to_string()]);
    assert_eq!(code, Some(0), "verify: {out}{err}");
}

/// The number in front of some words.
fn number_before(line: &str, words: &str) -> usize {
    let before = line.split(words).next().unwrap_or_default();
    let word = before.split_ascii_whitespace().last().unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("no number before `{words}`: {line}"))
}

#[test]
fn a_path_that_cannot_be_written_is_refused_before_anything_is_attached() {
    prepare();
    let (code, _, said) = dmlog_top(&["record", "-o", "/nowhere/trace.dmlog", "--duration", "1s"]);
    assert_eq!(code, Some(5), "{said}");
    check_one_line(&said);
    assert!(said.contains("`/nowhere/trace.dmlog` cannot be written") && said.contains("`-o`"), "{said}");
    assert!(!said.contains("recording to"), "{said}");
}

#[test]
fn a_pipe_that_is_closed_early_ends_the_recording() {
    let mirror = Mirror::create("pipe", LogKind::Core, 0);
    mirror.wait_in_sync();
    let load = Load::start(&mirror.path(), MIRROR_SECTORS);
    let mut command = Command::new(program());
    command
        .args(["record", "-o", "-"])
        .args(FEW_HOOKS)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("dmlog-top does not start: {error}"));
    let mut pipe = child.stdout.take().unwrap_or_else(|| panic!("stdout is piped"));
    let mut head = [0; 512];
    pipe.read_exact(&mut head).unwrap_or_else(|error| panic!("nothing came through the pipe: {error}"));
    drop(pipe);
    let status = wait_for("end of dmlog-top after its pipe was closed", || child.try_wait().ok().flatten());
    drop(load);
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap_or_else(|| panic!("stderr is piped"));
    stderr.read_to_string(&mut said).unwrap_or_else(|error| panic!("stderr: {error}"));
    assert_eq!(status.code(), Some(5), "{said}");
    check_one_line(&said);
    assert!(last_line(&said).contains("roken pipe"), "{said}");
}

#[test]
fn a_device_that_is_not_there_is_refused_with_the_names_of_those_that_are() {
    let mirror = Mirror::create("the-mirror", LogKind::Core, 0);
    let path = trace_path("wrong").display().to_string();
    let (code, _, said) = dmlog_top(&["record", "-o", &path, "-d", "no-such", "--duration", "1s"]);
    assert_eq!(code, Some(4), "{said}");
    check_one_line(&said);
    assert!(said.contains("`no-such`") && said.contains(mirror.name()), "{said}");
}

#[test]
fn a_device_that_is_no_mirror_is_refused() {
    let mirror = Mirror::create("the-mirror", LogKind::Core, 0);
    let _linear = Other::create("the-linear", "0 2048 linear /dev/ram3 0");
    let path = trace_path("linear").display().to_string();
    for name in ["the-linear", "/dev/mapper/the-linear"] {
        let (code, _, said) = dmlog_top(&["record", "-o", &path, "-d", name, "--duration", "1s"]);
        assert_eq!(code, Some(4), "{said}");
        check_one_line(&said);
        assert!(said.contains("is no mirror") && said.contains(mirror.name()), "{said}");
    }
}

#[test]
fn without_privileges_the_capabilities_are_named() {
    prepare();
    let mut command = Command::new(program());
    command.args(["record", "-o", "-", "--duration", "1s"]).uid(65_534).gid(65_534);
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("dmlog-top: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    check_one_line(&said);
    for word in ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "sudo"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[test]
fn duration_and_signals_end_a_recording_cleanly() {
    let mirror = Mirror::create("ends", LogKind::Core, 0);
    mirror.wait_in_sync();
    let load = Load::start(&mirror.path(), MIRROR_SECTORS);
    for ended_by in ["INT", "TERM", "duration"] {
        let path = trace_path("ends");
        let duration: &[&str] = if ended_by == "duration" { &["--duration", "1s"] } else { &[] };
        let mut recorder = Recorder::start(&path, &[&FEW_HOOKS[..], duration].concat());
        if ended_by != "duration" {
            recorder.signal(ended_by);
        }
        let (status, said) = recorder.wait();
        assert_eq!(status.code(), Some(0), "{ended_by}: {said}");
        let trace = Trace::read(&path);
        assert_eq!(trace.tail, dmlog_user::trace::reader::Tail::Clean, "{ended_by}: {said}");
        let events = trace.events().count();
        assert!(events > 0, "{ended_by}: {said}");
        assert!(last_line(&said).contains(&format!("{events} events")), "{ended_by}: {events} events, said {said}");
    }
    assert!(load.writes() > 0);
}

#[test]
fn a_device_filter_keeps_only_that_mirror() {
    let (wanted, other) = (Mirror::create("wanted", LogKind::Disk, 0), Mirror::create("other", LogKind::Core, 1));
    wanted.wait_in_sync();
    other.wait_in_sync();
    let path = trace_path("filter");
    let recorder = Recorder::start(&path, &["-d", "wanted"]);
    let loads = [Load::start(&wanted.path(), MIRROR_SECTORS), Load::start(&other.path(), MIRROR_SECTORS)];
    wait_for("writes to both mirrors", || loads.iter().all(|load| load.writes() > 50).then_some(()));
    drop(loads);
    let trace = recorder.stop();
    let device = wanted.device();
    assert_eq!(trace.facts.devices, [device.to_string()]);
    let strangers: Vec<_> = trace.identities().filter(|(_, identity)| identity.device != device).collect();
    assert!(strangers.is_empty(), "other mirrors: {strangers:?}");
    let logs: std::collections::BTreeSet<_> = trace.events().map(|event| event.log).collect();
    assert_eq!(logs.len(), 1, "events of other logs: {logs:?}");
    let bios = trace.mirror_ops().filter(|(op, _)| matches!(op, MirrorOp::Map(_))).count();
    assert!(bios > 50 && !trace.marks().is_empty(), "{bios} bios");
}

/// A limit that the kernel sets for everybody does not stop who has the capabilities.
#[test]
fn a_strict_perf_event_paranoid_does_not_stop_root() {
    const SETTING: &str = "/proc/sys/kernel/perf_event_paranoid";
    prepare();
    let before = crate::support::read(SETTING);
    write_text(SETTING, "3");
    let path = trace_path("paranoid").display().to_string();
    let (code, _, said) = dmlog_top(&[&["record", "-o", &path, "--duration", "100ms"], &FEW_HOOKS[..]].concat());
    write_text(SETTING, before.trim());
    assert_eq!(code, Some(0), "{said}");
}
