//! A log's bitsets: what a snapshot says is what the log device held before and after, what `dmsetup status` counts, and what the
//! kernel is known to do with them.
//!
//! ```text
//! leg 1 suspended ─ recorder ─ create ─▶ resume: bits of the log device       recovery of the first region hangs in leg 1
//!                              second recorder ─▶ asked: the same bits, one region recovering
//! leg 1 resumed ─ in sync ─ suspend ─ read the log device ─ resume ─▶ bits of the log device again
//! ```

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use dmlog_user::event::bits::{Bits, Bitset, LogState};
use dmlog_user::event::ids::Region;
use dmlog_user::event::op::{LogOp, Op};

use crate::support::mirrors::{self, LogKind, Mirror, Other, in_sync_ratio, wait_in_sync};
use crate::support::recorder::{Recorder, Trace, trace_path};
use crate::support::write::{Direct, WRITE_SECTORS};
use crate::support::{kernel, out_dir, run};

/// Smallest region that takes whole blocks of the page cache.
const REGION_SECTORS: u64 = 8;
/// A log whose bits fit into a small record.
const FEW: u64 = 32;
/// Three big records and a part of one, which ends neither at a word of 64 bits nor at one of 32.
const MANY: u64 = 100_003;
/// Where the bitset begins on the log device, in bytes.
const BITSET_AT: usize = 1024;
/// Header of a log: magic, version.
const HEADER: [u32; 2] = [0x4d69_5272, 2];
/// Length of direct reads.
const BLOCK: usize = 4096;

/// The functions whose programs read bits, which are attached to sooner than all. What a life of a log needs beside them is
/// left to the tests of lives.
const READ_BITS: [&str; 8] =
    ["--hook", "core_resume", "--hook", "disk_resume", "--hook", "core_status", "--hook", "disk_status"];

/// Legs and log device of the tests.
const LEG_0: &str = "/dev/ram0";
const LEG_1: &str = "bits-leg";
const LOG_DEVICE: &str = "/dev/ram2";

/// A device that takes no I/O until it is released; on the way out of a failed test too, or the mirror could never be removed.
struct Held(&'static str);

impl Held {
    fn hold(name: &'static str) -> Self {
        run("dmsetup", &["suspend", name]);
        Self(name)
    }

    fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        run("dmsetup", &["resume", "--noudevsync", self.0]);
    }
}

/// All three bitsets at one moment, one entry per region.
struct Snapshot {
    clean: Vec<bool>,
    in_sync: Vec<bool>,
    recovering: Vec<bool>,
    state: LogState,
    tid: u32,
    /// Place of its first event in the trace.
    place: usize,
    /// Events of one bitset.
    parts: usize,
    is_cut: bool,
}

/// The snapshots in a trace of one mirror, checked for being whole.
fn snapshots(trace: &Trace, region_count: u64) -> Vec<Snapshot> {
    let mut snapshots: Vec<Snapshot> = Vec::new();
    for (place, event) in trace.events().enumerate() {
        let Op::Bits(bits) = &event.op else { continue };
        assert_eq!(bits.region_count, Some(region_count), "{event:?}");
        if bits.bitset == Bitset::Clean && bits.first == Region(0) {
            let state = bits.state.clone().unwrap_or_else(|| panic!("the first part has no state: {event:?}"));
            let [clean, in_sync, recovering] = [Vec::new(), Vec::new(), Vec::new()];
            let (tid, is_cut) = (event.tid, false);
            snapshots.push(Snapshot { clean, in_sync, recovering, state, tid, place, parts: 0, is_cut });
        }
        // The recorder may ask while somebody resumes.
        let snapshot = snapshots.iter_mut().rev().find(|snapshot| snapshot.tid == event.tid);
        snapshot.unwrap_or_else(|| panic!("a snapshot begins with {event:?}")).take(bits);
    }
    for snapshot in &snapshots {
        let lengths = [&snapshot.clean, &snapshot.in_sync, &snapshot.recovering].map(|bits| bits.len() as u64);
        let whole = region_count.min(u64::from(dmlog_common::record::BITS_REGIONS_MAX));
        assert_eq!(lengths, [whole; 3], "a snapshot that is not whole");
    }
    snapshots
}

impl Snapshot {
    fn take(&mut self, bits: &Bits) {
        let set = match bits.bitset {
            Bitset::Clean => &mut self.clean,
            Bitset::InSync => &mut self.in_sync,
            Bitset::Recovering => &mut self.recovering,
        };
        assert_eq!(bits.first, Region(set.len() as u64), "parts come in order");
        assert_eq!(bits.state.is_some(), set.is_empty(), "the first part of a bitset has the state, no other");
        let regions = (0..u64::from(bits.regions)).map(|place| bits.get(Region(bits.first.0 + place)));
        set.extend(regions.map(|bit| bit.unwrap_or_else(|| panic!("bits that were not read: {bits:?}"))));
        self.parts += usize::from(bits.bitset == Bitset::Clean);
        self.is_cut |= bits.is_cut;
    }

    fn check(&self, clean: &[bool], in_sync: &[bool], recovering: &[bool]) {
        assert_same("clean", &self.clean, clean);
        assert_same("in_sync", &self.in_sync, in_sync);
        assert_same("recovering", &self.recovering, recovering);
        let count = in_sync.iter().filter(|bit| **bit).count() as u64;
        assert_eq!(self.state.sync_count, count, "sync_count and the sync bits");
        assert!(!self.state.flush_failed && !self.state.log_device_failed && !self.state.log_device_flush_failed);
    }
}

/// Bits by the million make no message.
fn assert_same(name: &str, found: &[bool], expected: &[bool]) {
    let differ: Vec<usize> = (0..expected.len()).filter(|place| found.get(*place) != expected.get(*place)).collect();
    let some: Vec<&usize> = differ.iter().take(10).collect();
    assert!(differ.is_empty(), "{name}: {} regions differ, such as {some:?}", differ.len());
}

/// One test mirror.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    kind: LogKind,
    regions: u64,
    region_sectors: u64,
    nosync: bool,
}

impl Case {
    fn table(&self, leg_1: &str) -> String {
        let Self { kind, regions, region_sectors, nosync, .. } = *self;
        let (more, option) = if nosync { (1, " nosync") } else { (0, "") };
        let log = match kind {
            LogKind::Core => format!("core {} {region_sectors}{option}", 1 + more),
            LogKind::Disk => format!("disk {} {LOG_DEVICE} {region_sectors}{option}", 2 + more),
        };
        format!("0 {} mirror {log} 2 {LEG_0} 0 {leg_1} 0", regions * region_sectors)
    }

    /// Clean bits that the log device gets before the mirror is created: a few dirty regions, some of them at borders of words and
    /// records.
    fn pattern(&self) -> Vec<bool> {
        let borders = [1, 31, 63, 64, 511, 512, 32_767, 32_768, 65_535, 65_536, self.regions - 1];
        let is_dirty = |region: u64| borders.contains(&region) || region % 9973 == 7;
        (0..self.regions).map(|region| !is_dirty(region)).collect()
    }
}

fn pack(bits: &[bool]) -> Vec<u8> {
    let byte = |eight: &[bool]| eight.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit) << place);
    bits.chunks(8).map(byte).collect()
}

fn write_log(bits: &[bool]) {
    let mut bytes: Vec<u8> = HEADER.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend((bits.len() as u64).to_le_bytes());
    bytes.resize(BITSET_AT, 0);
    bytes.extend(pack(bits));
    let written = OpenOptions::new().write(true).open(LOG_DEVICE).and_then(|device| {
        device.write_all_at(&bytes, 0)?;
        device.sync_all()
    });
    written.unwrap_or_else(|error| panic!("`{LOG_DEVICE}`: {error}"));
}

/// The bits on the log device, read past the page cache.
fn read_log(regions: u64) -> Vec<bool> {
    #[repr(align(4096))]
    struct Aligned([u8; BLOCK]);
    let device = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(LOG_DEVICE);
    let device: File = device.unwrap_or_else(|error| panic!("`{LOG_DEVICE}`: {error}"));
    let end = BITSET_AT + usize::try_from(regions.div_ceil(8)).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    let mut block = Aligned([0; BLOCK]);
    while bytes.len() < end {
        device
            .read_exact_at(&mut block.0, bytes.len() as u64)
            .unwrap_or_else(|error| panic!("`{LOG_DEVICE}` at {}: {error}", bytes.len()));
        bytes.extend_from_slice(&block.0);
    }
    let bit = |region: u64| {
        let place = BITSET_AT + usize::try_from(region / 8).unwrap_or(usize::MAX);
        bytes[place] >> (region % 8) & 1 == 1
    };
    (0..regions).map(bit).collect()
}

/// Events of a recorder, and whose thread asked.
fn stop(recorder: Recorder) -> (Trace, u32) {
    let pid = recorder.pid();
    let trace = recorder.stop();
    let gaps: Vec<_> = trace.gaps().collect();
    assert!(gaps.is_empty(), "gaps: {gaps:?}");
    assert_eq!(trace.decode_errors(), 0, "records that were not understood");
    (trace, pid)
}

/// The snapshots that follow the resumes of a trace, in their order.
fn after_resumes(trace: &Trace, regions: u64) -> Vec<Snapshot> {
    let mut resumes = Vec::new();
    for (place, event) in trace.events().enumerate() {
        if let Op::Log(_, LogOp::Resume { result: 0 }) = event.op {
            resumes.push((place, event.tid));
        }
    }
    let all = snapshots(trace, regions);
    let of = |(place, tid): &(usize, u32)| all.iter().any(|snapshot| snapshot.tid == *tid && snapshot.place > *place);
    assert!(resumes.iter().all(of), "every resume is followed by its bits: {resumes:?}");
    all.into_iter().filter(|snapshot| resumes.iter().any(|(_, tid)| *tid == snapshot.tid)).collect()
}

fn check(case: Case, arguments: &[&str]) {
    let arguments = &[&READ_BITS[..], arguments].concat();
    let none = vec![false; usize::try_from(case.regions).unwrap_or(0)];
    let all = vec![true; none.len()];
    let (clean, in_sync) = match (case.kind, case.nosync) {
        (LogKind::Core, false) => (all.clone(), none.clone()),
        (LogKind::Core, true) => (all.clone(), all.clone()),
        (LogKind::Disk, _) => (case.pattern(), case.pattern()),
    };
    let sectors = case.regions * case.region_sectors;
    let leg = Other::create(LEG_1, &format!("0 {sectors} linear /dev/ram1 0"));
    write_log(&clean);
    let path = trace_path("bits");

    // The first recorder sees the mirror come, and its bits as the log's resume left them.
    let recorder = Recorder::start(&path, arguments);
    let held = Held::hold(LEG_1);
    // Dropped in this order: a mirror whose leg is held cannot be removed.
    let held_mirror = (held, Other::create(case.name, &case.table(&format!("/dev/mapper/{LEG_1}"))));
    let status = in_sync_ratio(case.name);
    let (trace, _) = stop(recorder);
    let [resumed] = &after_resumes(&trace, case.regions)[..] else { panic!("one resume, one snapshot") };
    resumed.check(&clean, &in_sync, &none);
    assert_eq!(resumed.state.sync_search, 0, "a resume starts the search again");
    assert_eq!((resumed.state.sync_count, case.regions), status, "sync count: snapshot, dmsetup status");

    // The second one comes upon it, asks, and sees the region whose recovery hangs.
    let filter = ["-d", case.name];
    let recorder = Recorder::start(&path, &[&arguments[..], &filter].concat());
    let (held, mirror) = held_mirror;
    held.release();
    wait_in_sync(case.name);
    run("dmsetup", &["suspend", case.name]);
    let on_device = read_log(case.regions);
    run("dmsetup", &["resume", "--noudevsync", case.name]);
    let status = in_sync_ratio(case.name);
    drop(mirror);
    drop(leg);
    let (trace, asking) = stop(recorder);
    let found = snapshots(&trace, case.regions);
    let asked = &found[0];
    assert_eq!(asked.tid, asking, "the first bits are those that were asked for");
    let first_out_of_sync = in_sync.iter().position(|bit| !bit);
    let recovering: Vec<bool> = (0..none.len()).map(|place| Some(place) == first_out_of_sync).collect();
    asked.check(&clean, &in_sync, &recovering);
    if let Some(first) = first_out_of_sync {
        assert_eq!(asked.state.sync_search, i32::try_from(first + 1).unwrap_or(-1), "behind what was handed out");
        // A disk log may have been flushed since: the worker passes again whenever somebody wakes it.
        let is_touched = asked.state.touched_cleaned || case.kind == LogKind::Disk;
        assert!(is_touched, "handing out work touches the log");
    }
    let [resumed] = &after_resumes(&trace, case.regions)[..] else { panic!("one more resume, one more snapshot") };
    resumed.check(&all, &all, &none);
    assert_eq!((resumed.state.sync_count, case.regions), status, "sync count: snapshot, dmsetup status");
    if case.kind == LogKind::Disk {
        assert_same("log device", &on_device, &resumed.clean);
    }
    assert_eq!(resumed.parts as u64, if case.regions <= 512 { 1 } else { case.regions.div_ceil(32_768) });
}

/// From the bits of the resume, what is recorded behind them leads to the bits that the log device holds in the end.
fn check_life(kind: LogKind) {
    let name = format!("bits-{}", kind.name());
    let path = trace_path(&name);
    let recorder = Recorder::start(&path, &[]);
    let mirror = Mirror::create(&name, kind, 0);
    mirror.wait_in_sync();
    let device = Direct::open(&mirror.path());
    // Some regions twice, so that a mark finds the region in sync that was written before.
    for number in 0..48 {
        device.write(number * 5 % FEW * mirrors::REGION_SECTORS + number * WRITE_SECTORS);
    }
    drop(device);
    mirror.remove();
    let (trace, _) = stop(recorder);
    let [resumed] = &after_resumes(&trace, FEW)[..] else { panic!("one resume, one snapshot") };
    let (all, none): (Vec<bool>, Vec<bool>) = (0..FEW).map(|_region| (true, false)).unzip();
    // A log device without a header is a log of no regions.
    resumed.check(if kind == LogKind::Core { &all } else { &none }, &none, &none);
    let (mut clean, mut in_sync) = (resumed.clean.clone(), resumed.in_sync.clone());
    let mut marks = 0;
    for event in trace.events().skip(resumed.place) {
        let Op::Log(_, op) = &event.op else { continue };
        let (bits, region, bit) = match op {
            LogOp::MarkRegion { region } => (&mut clean, region, false),
            LogOp::ClearRegion { region } => (&mut clean, region, true),
            LogOp::SetRegionSync { region, in_sync: bit } => (&mut in_sync, region, *bit),
            _ => continue,
        };
        marks += u32::from(!bit);
        bits[usize::try_from(region.0).unwrap_or(usize::MAX)] = bit;
    }
    assert!(marks > 0, "writes mark regions");
    assert_same("clean in the end", &clean, &all);
    assert_same("in_sync in the end", &in_sync, &all);
    if kind == LogKind::Disk {
        assert_same("log device", &read_log(FEW), &clean);
    }
    let example = out_dir().join(format!("{}-{}.dmlog", kind.name(), kernel()));
    std::fs::copy(&path, &example).unwrap_or_else(|error| panic!("`{}`: {error}", example.display()));
}

const CORE: Case =
    Case { name: "bits", kind: LogKind::Core, regions: FEW, region_sectors: REGION_SECTORS, nosync: false };
const DISK: Case = Case { kind: LogKind::Disk, ..CORE };

#[test]
fn bits_of_a_small_core_log() {
    check(CORE, &[]);
}

#[test]
fn bits_of_a_small_disk_log() {
    check(DISK, &[]);
}

#[test]
fn bits_of_a_small_disk_log_probed_by_kprobe() {
    check(DISK, &["--probe", "kprobe"]);
}

/// Without the first synchronisation, which would take minutes.
#[test]
fn bits_of_a_large_core_log() {
    check(Case { regions: MANY, nosync: true, ..CORE }, &[]);
}

#[test]
fn bits_of_a_large_disk_log() {
    check(Case { regions: MANY, ..DISK }, &[]);
}

#[test]
fn bits_of_a_large_disk_log_probed_by_kprobe() {
    check(Case { regions: MANY, ..DISK }, &["--probe", "kprobe"]);
}

#[test]
fn bits_of_a_core_log_through_its_life() {
    check_life(LogKind::Core);
}

#[test]
fn bits_of_a_disk_log_through_its_life() {
    check_life(LogKind::Disk);
}

#[test]
fn a_log_with_more_regions_than_a_snapshot_is_cut_and_says_so() {
    let regions = u64::from(dmlog_common::record::BITS_REGIONS_MAX) + 5;
    let case = Case { regions, region_sectors: 2, nosync: true, ..CORE };
    let recorder = Recorder::start(&trace_path("bits"), &READ_BITS);
    let mirror = Other::create(case.name, &case.table("/dev/ram1"));
    drop(mirror);
    let (trace, _) = stop(recorder);
    let [resumed] = &after_resumes(&trace, regions)[..] else { panic!("one resume, one snapshot") };
    assert!(resumed.is_cut, "five regions are missing");
    assert_eq!((resumed.parts, resumed.state.sync_count), (32, regions));
    assert!(resumed.clean.iter().chain(&resumed.in_sync).all(|bit| *bit), "`nosync` makes all regions clean");
    assert!(!resumed.recovering.iter().any(|bit| *bit));
}
