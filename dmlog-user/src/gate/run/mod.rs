//! A run: what one trace says of itself, small enough to be kept. Made by [`summary`], kept by [`saved`].
//!
//! A run knows everything that a verdict needs: where it was recorded and how, what is missing, its mirrors, and for each of
//! them what ended in every second. A folder of traces and the file saved of them give the same verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::durations::Durations;
use crate::session::snapshot::is_called;

pub mod saved;
pub mod summary;
pub mod value;

/// A run. In a file, what is missing is nothing or none: a file of one's own numbers has a name and figures only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Name of its trace.
    pub name: String,
    /// Where and how it was recorded; `None` of a run that is no trace.
    pub capture: Option<Capture>,
    /// From its first event to its last.
    pub duration_ns: u64,
    /// Events it has.
    pub events: u64,
    /// What is wrong with it.
    pub faults: Faults,
    /// Length of a slice of time; 0 without mirrors.
    pub slice_ns: u64,
    /// Its mirrors, in order of appearance.
    pub devices: Vec<DeviceRun>,
    /// Numbers that somebody else measured, by name.
    pub figures: BTreeMap<String, Figure>,
}

/// Where and how a run was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capture {
    /// Version of dmlog-top.
    pub tool_version: String,
    /// `uname -n`.
    pub host: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -m`.
    pub machine: String,
    /// CPUs that could run.
    pub cpus: u32,
    /// When, in nanoseconds since 1970; 0 is not known.
    pub realtime_ns: u64,
    /// Devices that it was narrowed to; empty: all.
    pub devices: Vec<String>,
    /// Reads that must not block were recorded.
    pub reads: bool,
    /// Bios were recorded.
    pub io: bool,
    /// Functions that were probed, each with `fentry` or `kprobe`.
    pub probes: BTreeMap<String, String>,
}

/// What is wrong with a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// Events lost.
    pub lost: u64,
    /// Times that an unknown number of events was lost.
    pub gaps_of_unknown_size: u64,
    /// Records that could not be understood.
    pub decode_errors: u64,
    /// Bytes of a torn tail.
    pub torn_tail_bytes: u64,
    /// Answers of the kernel that differ from the model.
    pub divergences: u64,
    /// Times that time went back, by more than events of several processors do.
    pub times_back: u64,
    /// Durations too long to be true.
    pub latency_clamped: u64,
    /// Bios that were forgotten because too many were under way, and logs beyond the limit.
    pub beyond_limits: u64,
}

/// A mirror within a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRun {
    /// As people call it.
    pub name: String,
    /// Major and minor number, if known.
    pub device: Option<String>,
    /// `core`, `disk` or `userspace`, if known.
    pub log_type: Option<String>,
    /// Number of legs, if known.
    pub legs: Option<u32>,
    /// Region size of each target, if known.
    pub region_size_bytes: Vec<Option<u64>>,
    /// Length of each target, if known.
    pub target_sectors: Vec<Option<u64>>,
    /// What ended when, by the name of its subject.
    pub series: BTreeMap<String, Series>,
    /// Numbers of its part of the JSON report, by path.
    pub numbers: BTreeMap<String, f64>,
}

/// What ended, slice by slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// When the first ended, in nanoseconds from the begin of the run.
    pub first_ns: u64,
    /// When the last ended.
    pub last_ns: u64,
    /// One for each slice of the run, up to the last in which something ended.
    pub slices: Vec<Slice>,
}

/// A slice of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// How many ended.
    #[serde(default)]
    pub count: u64,
    /// How long they took, as far as they were timed.
    #[serde(flatten)]
    pub durations: Durations,
}

/// A number that somebody else measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number; a finite one.
    pub value: f64,
    /// What it is measured in, for people.
    #[serde(default)]
    pub unit: String,
}

impl DeviceRun {
    /// Whether a person means this mirror.
    pub fn is_called(&self, wanted: &str) -> bool {
        is_called(&self.name, self.device.as_deref(), wanted)
    }
}
