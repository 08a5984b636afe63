//! A guest machine: boots a stock kernel under QEMU, runs one script as root in it, and brings output and files back.
//!
//! ```text
//! kernel::locate → initramfs::write → boot::start → console::watch → verdict
//! ```
//!
//! Each stage is one function. The guest has two serial ports: kernel messages on the first, all output of the script
//! on the second, so a warning of the kernel never splits a line of a test. Both go, interleaved as they arrive, to the
//! run's log. Files come out through `/out`, a folder of the host. Tests, the demonstration and benches are callers;
//! nothing here knows what the script does.

mod boot;
pub(crate) mod command;
mod console;
mod cpio;
mod initramfs;
mod kernel;
mod libs;
mod modinfo;
mod modules;
pub(crate) mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::guest::verdict::Verdict;
use crate::paths::guest_dir;
use crate::process;
use crate::setup::store::create_dir;

/// Longest a guest may say nothing. Under emulation a quiet minute is common, five are not.
const SILENCE: Duration = Duration::from_mins(5);
/// Longest a guest may run in all.
const TOTAL: Duration = Duration::from_mins(30);
/// Lines of the console that are shown when a run fails.
const TAIL_LINES: usize = 150;

/// What to boot and what to run in it.
#[derive(Debug, Clone)]
pub(crate) struct GuestSpec {
    /// Series of the kernel, or `newest`.
    pub(crate) kernel: String,
    /// What the guest does.
    pub(crate) start: Start,
    /// Files of the host in the guest; shared libraries come along.
    pub(crate) files: Vec<GuestFile>,
    /// The folder of the host that is `/out` in the guest.
    pub(crate) out: PathBuf,
    /// Name of the console's log below `target/guest`, without extension.
    pub(crate) log_name: String,
    /// The machine.
    pub(crate) machine: Machine,
    /// When to give up.
    pub(crate) limits: Limits,
    /// What is shown while it runs.
    pub(crate) echo: Echo,
}

/// What a guest does once it is up.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// Runs the text with busybox `sh`, as root, in `/root`; its exit code is the verdict.
    Script(String),
    /// Runs the text the same way, with the terminal of this process for its own.
    Terminal(String),
}

/// A file of the host at a path in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuestFile {
    /// On the host.
    pub(crate) host: PathBuf,
    /// Absolute, in the guest.
    pub(crate) guest: String,
}

impl GuestFile {
    /// A program of the host at its own path in the guest.
    pub(crate) fn program(name: &str) -> Result<Self> {
        let host = process::find_program(name)
            .with_context(|| format!("`{name}` is not installed; run `cargo xtask setup`"))?;
        let guest = host.to_string_lossy().into_owned();
        Ok(Self { host, guest })
    }
}

/// The emulated machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Processors.
    pub(crate) cpus: u32,
    /// Memory in MiB.
    pub(crate) memory_mib: u32,
    /// What guest time means.
    pub(crate) timing: Timing,
    /// Leaves address randomisation and mitigations on, as a stock command line does.
    pub(crate) stock_command_line: bool,
    /// More words for the kernel's command line.
    pub(crate) append: Vec<String>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { cpus: 2, memory_mib: 1024, timing: Timing::Wall, stock_command_line: false, append: Vec::new() }
    }
}

/// What guest time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Host time.
    Wall,
    /// Executed instructions: one nanosecond each, on one processor. Repeatable, and the unit of all cost figures.
    InstructionCount,
}

/// When to give up on a guest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From start to verdict.
    pub(crate) total: Duration,
    /// Between two lines of output.
    pub(crate) silence: Duration,
}

/// What of a running guest is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Nothing.
    Quiet,
    /// The script's output on stdout.
    Script,
    /// The same on stderr, each line after a prefix: stdout is for what is made of it.
    Prefixed(String),
}

impl GuestSpec {
    /// A guest of that kernel that runs a script, with the usual machine. `/out` is `target/guest/NAME`.
    pub(crate) fn new(kernel: &str, name: &str, script: &str) -> Self {
        Self {
            kernel: kernel.to_owned(),
            start: Start::Script(script.to_owned()),
            files: Vec::new(),
            out: guest_dir().join(name),
            log_name: name.to_owned(),
            machine: Machine::default(),
            limits: Limits { total: TOTAL, silence: SILENCE },
            echo: Echo::Quiet,
        }
    }
}

/// A guest that has ended.
#[derive(Debug)]
pub(crate) struct GuestRun {
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What the script printed, line by line.
    pub(crate) output: Vec<String>,
    /// The last lines of both consoles.
    tail: Vec<String>,
    /// The whole of both consoles.
    pub(crate) log: PathBuf,
    /// From the start of QEMU to its end, in host time.
    pub(crate) wall: Duration,
}

impl GuestRun {
    /// Fails with the end of the console when the script did not end with 0.
    pub(crate) fn require_success(&self) -> Result<()> {
        if self.verdict == Verdict::Exited(0) {
            return Ok(());
        }
        self.show_tail();
        anyhow::bail!("the guest {}; its console is in `{}`", self.verdict, self.log.display())
    }

    /// Prints the last lines of the console on stderr.
    pub(crate) fn show_tail(&self) {
        eprintln!("--- last {} lines of {}", self.tail.len(), self.log.display());
        for line in &self.tail {
            eprintln!("{line}");
        }
        eprintln!("---");
    }
}

/// Boots a guest, waits for its end, and says how it ended. A failing script or a hang is a verdict, not an error.
pub(crate) fn run(spec: &GuestSpec) -> Result<GuestRun> {
    let kernel = kernel::locate(&spec.kernel)?;
    create_dir(&spec.out)?;
    create_dir(&guest_dir())?;
    let scratch = RunDir::new()?;
    let initramfs = scratch.path.join("initramfs");
    initramfs::write(&kernel, &spec.files, &spec.start, &initramfs)?;
    let log = guest_dir().join(format!("{}.log", spec.log_name));
    let started = Instant::now();
    let mut machine = boot::start(spec, &kernel, &initramfs, &scratch.path, &log)?;
    let seen = console::watch(&mut machine, spec, &log)?;
    Ok(GuestRun { verdict: seen.verdict, output: seen.output, tail: seen.tail, log, wall: started.elapsed() })
}

/// A folder for the files of one run, removed with it. It is in the temporary directory because the path of a socket
/// has at most 107 bytes, and a checkout may be deeper than that.
#[derive(Debug)]
struct RunDir {
    path: PathBuf,
}

impl RunDir {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dmlog-guest-{}-{number}", std::process::id()));
        create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // The run is over; a folder that stays behind in the temporary directory does not change its verdict.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Empties a folder that is `/out` of a run, so that no file of an earlier run is taken for one of this.
pub(crate) fn fresh_out(path: &Path) -> Result<()> {
    crate::setup::store::remove_dir(path)?;
    create_dir(path)
}
