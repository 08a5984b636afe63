//! One recorder over many scenarios, because to attach it takes longer than a scenario does.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Instant;

use dmlog_user::capture::monotonic_ns;
use dmlog_user::event::ids::MonoNs;
use dmlog_user::log::disk::device::DeviceStorage;
use dmlog_user::log::disk::header::{BITS_OFFSET_BYTES, bitset_bytes, decode_bits};
use dmlog_user::log::disk::storage::LogStorage;
use dmlog_user::log::region_set::RegionSet;

use crate::support::device::Device;
use crate::support::mirrors::{REGION_SECTORS, prepare};
use crate::support::recorder::{Recorder, Trace, trace_path};
use crate::support::write::Direct;
use crate::support::{is_preemptible, kernel, out_dir, run};

/// A log device after its mirror is gone.
#[derive(Debug)]
pub(super) struct AtRest {
    /// Name of the mirror; no two of a stage have the same.
    pub(super) mirror: String,
    pub(super) clean: RegionSet,
}

/// One scenario that is over.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// When it was over; it began when the one before was.
    pub(super) end: MonoNs,
    /// Comparisons that it cannot do without.
    pub(super) expected: &'static [&'static str],
    pub(super) at_rest: Vec<AtRest>,
}

/// A recorder, and what was done under it.
#[derive(Debug)]
pub(super) struct Stage {
    name: &'static str,
    recorder: Recorder,
    path: PathBuf,
    scenarios: Vec<Scenario>,
}

/// What a stage leaves.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) trace: Trace,
    pub(super) scenarios: Vec<Scenario>,
}

impl Stage {
    pub(super) fn start(name: &'static str) -> Self {
        prepare();
        let path = trace_path(&format!("fidelity-{name}"));
        // Ram disks end their I/O in the task that started it. Where tasks are preempted in kernel code, the hooks that fentry keeps
        // for interrupts then leave calls out now and then (37 of a whole run, counted), after which the model knows less.
        let arguments: &[&str] = if is_preemptible() { &["--probe", "kprobe"] } else { &[] };
        let recorder = Recorder::start(&path, arguments);
        Self { name, recorder, path, scenarios: Vec::new() }
    }

    /// Plays a scenario; it returns what logs it left at rest.
    pub(super) fn play(
        &mut self,
        name: &'static str,
        expected: &'static [&'static str],
        scenario: impl FnOnce() -> Vec<AtRest>,
    ) {
        let begun = Instant::now();
        let at_rest = scenario();
        self.scenarios.push(Scenario { name, end: MonoNs(monotonic_ns()), expected, at_rest });
        println!("fidelity: {name} took {:.1} s", begun.elapsed().as_secs_f64());
    }

    /// Ends the recording, which is also taken out of the guest.
    pub(super) fn end(self) -> Recording {
        let Self { name, recorder, path, scenarios } = self;
        let trace = recorder.stop();
        let copy = out_dir().join(format!("fidelity-{name}-{}.dmlog", kernel()));
        std::fs::copy(&path, &copy).unwrap_or_else(|error| panic!("`{}`: {error}", copy.display()));
        let gaps: Vec<_> = trace.gaps().collect();
        assert!(gaps.is_empty(), "gaps: {gaps:?}");
        Recording { name, path, trace, scenarios }
    }
}

/// Removes a mirror with a disk log, and reads what is on the log device then.
pub(super) fn rest(mirror: Device, log: &str) -> Vec<AtRest> {
    let (name, count) = (mirror.name().to_owned(), mirror.sync_ratio().regions);
    mirror.remove();
    vec![AtRest { mirror: name, clean: bits_of(log, count) }]
}

fn bits_of(log: &str, region_count: u64) -> RegionSet {
    const BLOCK_BYTES: u64 = 4096;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(log);
    let file = file.unwrap_or_else(|error| panic!("`{log}` cannot be opened: {error}"));
    let length = (BITS_OFFSET_BYTES as u64 + bitset_bytes(region_count)).next_multiple_of(BLOCK_BYTES);
    let mut area = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = DeviceStorage::new(file, 512).read_area(&mut area);
    read.unwrap_or_else(|error| panic!("`{log}` cannot be read: {error}"));
    decode_bits(&area, region_count)
}

/// Writes the first bytes of a log device; the rest of what a log uses becomes zeros.
pub(super) fn write_log(log: &str, bytes: &[u8]) {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_DIRECT).open(log);
    let file = file.unwrap_or_else(|error| panic!("`{log}` cannot be opened: {error}"));
    let mut area = vec![0; 64 << 10];
    area[..bytes.len()].copy_from_slice(bytes);
    DeviceStorage::new(file, 512).write_area(&area).unwrap_or_else(|error| panic!("`{log}`: {error}"));
}

/// Writes to the start of each region.
pub(super) fn write_regions(mirror: &Device, regions: impl IntoIterator<Item = u64>) {
    let device = Direct::open(&mirror.path());
    regions.into_iter().for_each(|region| device.write(region * REGION_SECTORS));
}

/// Two seconds of fio.
pub(super) fn fio(mirror: &Device, pattern: &str) {
    let program = std::env::var("DMLOG_FIO").unwrap_or_else(|_| "/usr/bin/fio".to_owned());
    let job = format!(
        "--name=load --rw={pattern} --bs=4k --direct=1 --ioengine=libaio --iodepth=8 --thread --time_based --runtime=2 \
         --randseed=7 --norandommap --filename={}",
        mirror.path().display()
    );
    run(&program, &job.split_ascii_whitespace().collect::<Vec<_>>());
}
