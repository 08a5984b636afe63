//! What is known of a capture as a whole: the machine, the kernel, the hooks in force, the clocks. Written once at the
//! start of a trace, as JSON in the metadata of its schema.

use serde::{Deserialize, Serialize};

/// Facts about one capture. Unknown fields of a newer version are ignored when read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaptureFacts {
    /// Version of dmlog-top that made the capture.
    pub tool_version: String,
    /// Its arguments, the program first.
    pub command_line: Vec<String>,
    /// `uname -n`.
    pub host: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`.
    pub kernel_version: String,
    /// `uname -m`.
    pub machine: String,
    /// CPUs that could run.
    pub cpus: u32,
    /// `CLOCK_MONOTONIC` and `CLOCK_REALTIME`, taken together at the start.
    pub clock: ClockPair,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u64,
    /// Devices the capture was narrowed to, as `MAJ:MIN`; empty means all.
    pub devices: Vec<String>,
    /// Reads that must not block were recorded (`--reads`).
    pub reads: bool,
    /// Bios were recorded (not `--no-io`).
    pub io: bool,
    /// Every hook of the allow-list, in its order, with what became of it.
    pub coverage: Vec<HookCoverage>,
    /// Where the structure offsets came from and how their check ended, one sentence each.
    pub layout: Vec<String>,
}

/// Two clocks read together, so that monotonic times can be shown as wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockPair {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME` in nanoseconds since 1970.
    pub realtime_ns: u64,
}

/// What became of one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCoverage {
    /// Kernel module.
    pub module: String,
    /// Kernel function.
    pub function: String,
    /// How it is probed, if it is.
    pub probe: Probe,
    /// Why it is not probed, or why not by fentry; empty if there is nothing to say.
    pub reason: String,
    /// What is missing without it; empty for a hook that is probed.
    pub loss: String,
}

/// How a function is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// fentry and fexit.
    Fentry,
    /// kprobe and kretprobe.
    Kprobe,
    /// Left out by request (`--no-io`, reads).
    Off,
    /// Waits for its module to be loaded.
    Waiting,
    /// Not there.
    Absent,
}
