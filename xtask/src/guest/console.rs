//! Stage four of a guest: reads both consoles until there is a verdict, and keeps everything it reads in a log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::guest::boot::Running;
use crate::guest::verdict::{self, Verdict};
use crate::guest::{Echo, GuestSpec, Start, TAIL_LINES};

/// A machine that has told its verdict has nothing left to do but to power off.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(15);
/// After a fault the kernel prints registers and a trace, asked about a hang what its tasks wait for: what one looks
/// for in the log.
const FAULT_LINGER: Duration = Duration::from_secs(5);
/// How often the limits are looked at.
const TICK: Duration = Duration::from_millis(200);
/// A line longer than this is cut: a script that prints binary data must not fill the memory.
const LINE_LIMIT_BYTES: u64 = 64 * 1024;

/// What was read.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// The script's lines.
    pub(crate) output: Vec<String>,
    /// The last lines of both, as in the log.
    pub(crate) tail: Vec<String>,
}

/// Which of the two consoles a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Kernel,
    Script,
}

/// Reads until the machine has a verdict or ends, or a limit is reached; then the machine is ended.
pub(crate) fn watch(machine: &mut Running, spec: &GuestSpec, log: &Path) -> Result<Seen> {
    if let Start::Terminal(_) = spec.start {
        machine.end_within(spec.limits.total)?;
        return Ok(Seen { verdict: Verdict::Left, output: Vec::new(), tail: Vec::new() });
    }
    let (sender, lines) = mpsc::channel();
    let readers = [
        machine.kernel_console.take().map(|console| read_lines(console, Port::Kernel, sender.clone())),
        machine.script_console.take().map(|console| read_lines(console, Port::Script, sender)),
    ];
    let mut record = Record::new(log, spec.echo.clone())?;
    let mut deadlines = Deadlines::new(spec);
    let mut verdict = None;
    loop {
        match lines.recv_timeout(TICK) {
            Ok((port, line)) => {
                deadlines.heard();
                record.add(port, &line)?;
                let found = match port {
                    Port::Kernel => verdict::in_kernel_line(&line),
                    Port::Script => verdict::in_script_line(&line),
                };
                // The first fault is the cause; what follows it is its consequence.
                if let (None, Some(found)) = (&verdict, found) {
                    deadlines.end_after(&found);
                    verdict = Some(found);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        match deadlines.reached() {
            Watch::On => {}
            Watch::Over => break,
            Watch::GiveUp(reason) => {
                machine.explain_hang();
                deadlines.end_after(&reason);
                verdict = Some(reason);
            }
        }
    }
    let patience = if let Some(Verdict::Exited(_)) = verdict { POWER_OFF_LIMIT } else { Duration::ZERO };
    machine.end_within(patience)?;
    for reader in readers.into_iter().flatten() {
        // With QEMU gone both consoles are at their end, so the readers are too.
        drop(reader.join());
    }
    for (port, line) in lines.try_iter() {
        record.add(port, &line)?;
    }
    record.finish(verdict.unwrap_or(Verdict::Vanished))
}

/// Sends every line of a console; ends with it.
fn read_lines(
    console: impl Read + Send + 'static,
    port: Port,
    sender: Sender<(Port, String)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(console);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut bytes) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
            bytes.clear();
            if sender.send((port, line)).is_err() {
                break;
            }
        }
    })
}

/// The times at which watching ends.
#[derive(Debug)]
struct Deadlines {
    silence: Duration,
    total: Duration,
    last_line: Instant,
    started: Instant,
    /// Set with the verdict: how long the rest of the output is waited for.
    ending: Option<Instant>,
}

impl Deadlines {
    fn new(spec: &GuestSpec) -> Self {
        let now = Instant::now();
        let limits = spec.limits;
        Self { silence: limits.silence, total: limits.total, last_line: now, started: now, ending: None }
    }

    fn heard(&mut self) {
        self.last_line = Instant::now();
    }

    fn end_after(&mut self, verdict: &Verdict) {
        let linger = if let Verdict::Exited(_) = verdict { POWER_OFF_LIMIT } else { FAULT_LINGER };
        self.ending = Some(Instant::now() + linger);
    }

    fn reached(&self) -> Watch {
        if let Some(ending) = self.ending {
            return if ending <= Instant::now() { Watch::Over } else { Watch::On };
        }
        if self.silence <= self.last_line.elapsed() {
            return Watch::GiveUp(Verdict::Silent(self.silence.as_secs()));
        }
        if self.total <= self.started.elapsed() {
            return Watch::GiveUp(Verdict::TimedOut(self.total.as_secs()));
        }
        Watch::On
    }
}

/// Whether to go on reading.
#[derive(Debug)]
enum Watch {
    On,
    /// There is a verdict and time enough has passed since.
    Over,
    /// A limit was reached before there was a verdict.
    GiveUp(Verdict),
}

/// The log file, and what of it is kept in memory.
#[derive(Debug)]
struct Record {
    file: BufWriter<File>,
    started: Instant,
    output: Vec<String>,
    tail: VecDeque<String>,
    echo: Echo,
}

impl Record {
    fn new(log: &Path, echo: Echo) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("`{}` cannot be written", log.display()))?;
        let file = BufWriter::new(file);
        Ok(Self { file, started: Instant::now(), output: Vec::new(), tail: VecDeque::new(), echo })
    }

    fn add(&mut self, port: Port, line: &str) -> Result<()> {
        let mark = if port == Port::Kernel { 'k' } else { '|' };
        let stamped = format!("{:8.3} {mark} {line}", self.started.elapsed().as_secs_f64());
        // Flushed line by line: the log is read while the guest runs, and after we were killed.
        writeln!(self.file, "{stamped}")
            .and_then(|()| self.file.flush())
            .context("the console's log is not written")?;
        self.tail.push_back(stamped);
        if TAIL_LINES < self.tail.len() {
            self.tail.pop_front();
        }
        if port == Port::Script {
            match &self.echo {
                Echo::Quiet => {}
                Echo::Script => println!("{line}"),
                Echo::Prefixed(prefix) => eprintln!("{prefix}{line}"),
            }
            self.output.push(line.to_owned());
        }
        Ok(())
    }

    fn finish(mut self, verdict: Verdict) -> Result<Seen> {
        writeln!(self.file, "the guest {verdict}").context("the console's log is not written")?;
        self.file.flush().context("the console's log is not written")?;
        Ok(Seen { verdict, output: self.output, tail: self.tail.into() })
    }
}
