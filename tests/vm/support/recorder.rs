//! `dmlog-top record` as a process, and what it wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::ids::{DevNum, LogId, MonoNs};
use dmlog_user::event::item::{Gap, Item};
use dmlog_user::event::op::{Event, Identity, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::trace::error::TraceError;
use dmlog_user::trace::reader::{Tail, TraceReader};

use super::{run, wait_for};

/// A few hot hooks, for where something else than probes is tried: they attach in a fraction of the time that all need.
pub(crate) const FEW_HOOKS: [&str; 6] = ["--hook", "core_mark_region", "--hook", "disk_flush", "--hook", "mirror_map"];

/// The program under test.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(std::env::var("DMLOG_TOP").unwrap_or_else(|_| "/bin/dmlog-top".to_owned()))
}

/// Runs the program to its end: exit code, stdout, stderr.
pub(crate) fn dmlog_top(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program()).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("dmlog-top does not run: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A trace file's place in memory, emptied.
pub(crate) fn trace_path(name: &str) -> PathBuf {
    let path = Path::new("/tmp").join(format!("{name}.dmlog"));
    if path.exists() {
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    }
    path
}

/// A recorder that runs.
#[derive(Debug)]
pub(crate) struct Recorder {
    child: Child,
    output: PathBuf,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts it without waiting.
    pub(crate) fn spawn(output: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.arg("record").arg("-o").arg(output).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("dmlog-top does not start: {error}"));
        let stderr = child.stderr.take().unwrap_or_else(|| panic!("stderr of dmlog-top is piped"));
        let said = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut text = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    text.push_str(&line);
                    text.push('\n');
                }
            }
        });
        Self { child, output: output.to_owned(), said, reader: Some(reader) }
    }

    /// Starts it and waits until it says that it records.
    pub(crate) fn start(output: &Path, arguments: &[&str]) -> Self {
        let mut recorder = Self::spawn(output, arguments);
        recorder.wait_recording();
        recorder
    }

    /// Waits for its first line.
    pub(crate) fn wait_recording(&mut self) {
        wait_for("`recording to` on stderr", || {
            if self.said().contains("recording to") {
                return Some(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("dmlog-top ended with {status} before it recorded: {}", self.said());
            }
            None
        });
    }

    /// What it said on stderr so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        run("kill", &[&format!("-{name}"), &self.child.id().to_string()]);
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let status = wait_for("end of dmlog-top", || self.child.try_wait().ok().flatten());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap_or_else(|_| panic!("the reader of stderr failed"));
        }
        (status, self.said())
    }

    /// Ends it with SIGTERM, expects exit code 0, and reads what it wrote.
    pub(crate) fn stop(mut self) -> Trace {
        self.signal("TERM");
        let (status, said) = self.wait();
        assert_eq!(status.code(), Some(0), "dmlog-top ended with {status}: {said}");
        let trace = Trace::read(&self.output);
        assert_eq!(trace.tail, Tail::Clean, "the trace ends as {:?}; {said}", trace.tail);
        trace
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // One that a failed test left behind; one that has ended is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A trace, read whole.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) facts: CaptureFacts,
    pub(crate) items: Vec<Item>,
    pub(crate) tail: Tail,
    /// Sealed batches.
    pub(crate) batches: u64,
}

impl Trace {
    /// Reads it; panics where it is corrupt.
    pub(crate) fn read(path: &Path) -> Self {
        Self::try_read(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
    }

    /// Reads it.
    pub(crate) fn try_read(path: &Path) -> Result<Self, TraceError> {
        let file = File::open(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        let mut reader = TraceReader::new(BufReader::new(file))?;
        let mut items = Vec::new();
        let mut batches = 0;
        while let Some(batch) = reader.next_batch(&mut items)? {
            assert_eq!(batch.number, batches, "`{}`: batches are numbered", path.display());
            batches += 1;
        }
        Ok(Self { facts: reader.facts().clone(), tail: reader.tail(), items, batches })
    }

    /// What happened in a time, and what was said of one device until its end. A later device may get the same number.
    pub(crate) fn of(&self, device: DevNum, time: &RangeInclusive<MonoNs>) -> Self {
        let is_wanted = |item: &&Item| match item {
            Item::Event(Event { op: Op::Identity(identity), time: said, .. }) => {
                identity.device == device && said <= time.end()
            }
            item => time.contains(&item.time()),
        };
        let items = self.items.iter().filter(is_wanted).cloned().collect();
        Self { facts: self.facts.clone(), items, tail: self.tail, batches: self.batches }
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.items.iter().filter_map(|item| match item {
            Item::Event(event) => Some(event),
            _ => None,
        })
    }

    pub(crate) fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.items.iter().filter_map(|item| match item {
            Item::Gap(gap) => Some(gap),
            _ => None,
        })
    }

    pub(crate) fn decode_errors(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::DecodeError(_))).count()
    }

    pub(crate) fn log_ops(&self) -> impl Iterator<Item = (LogImpl, &LogOp, &Event)> {
        self.events().filter_map(|event| match &event.op {
            Op::Log(implementation, op) => Some((*implementation, op, event)),
            _ => None,
        })
    }

    pub(crate) fn mirror_ops(&self) -> impl Iterator<Item = (&MirrorOp, &Event)> {
        self.events().filter_map(|event| match &event.op {
            Op::Mirror(op) => Some((op, event)),
            _ => None,
        })
    }

    pub(crate) fn region_hash_ops(&self) -> impl Iterator<Item = (&RegionHashOp, &Event)> {
        self.events().filter_map(|event| match &event.op {
            Op::RegionHash(op) => Some((op, event)),
            _ => None,
        })
    }

    pub(crate) fn identities(&self) -> impl Iterator<Item = (LogId, &Identity)> {
        self.events().filter_map(|event| match &event.op {
            Op::Identity(identity) => Some((event.log, &**identity)),
            _ => None,
        })
    }

    /// Marks of each region.
    pub(crate) fn marks(&self) -> BTreeMap<u64, u64> {
        let mut marks = BTreeMap::new();
        for (_, op, _) in self.log_ops() {
            if let LogOp::MarkRegion { region } = op {
                *marks.entry(region.0).or_default() += 1;
            }
        }
        marks
    }

    /// Clears of each region.
    pub(crate) fn clears(&self) -> BTreeMap<u64, u64> {
        let mut clears = BTreeMap::new();
        for (_, op, _) in self.log_ops() {
            if let LogOp::ClearRegion { region } = op {
                *clears.entry(region.0).or_default() += 1;
            }
        }
        clears
    }
}
