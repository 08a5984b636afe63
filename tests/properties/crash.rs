//! Crashes of a disk log: whatever is lost, reordered or torn, no region whose legs may differ reads as clean.
//!
//! A mirror as dm-raid1 runs it works on a disk log whose device records everything:
//!
//! ```text
//! mark ─ write area ─ flush device ─ data to the legs ··· done ─ clear ─ flush legs ─ write area
//! ```
//!
//! Then a crash is tried at every point of the recording. At that point, each sector of the log device holds what it held
//! at the last flush that worked, or what any write since then has put there, each sector for itself. A fresh log resumes
//! from such images, and must take every region as dirty whose data had been on its way since the legs were last flushed.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use dmlog_user::event::ids::Region;
use dmlog_user::log::arguments::SyncOption;
use dmlog_user::log::dirty_log::DirtyLog;
use dmlog_user::log::disk::disk_log::DiskLog;
use dmlog_user::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, area_bytes};
use dmlog_user::log::disk::memory::{Faults, MemoryStorage};
use dmlog_user::log::disk::storage::LogStorage;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::prop_oneof;
use proptest::test_runner::TestRunner;

use crate::log_disk::{LOG_DEV, arguments};

const SECTOR_BYTES: usize = 512;
/// Bits in three sectors.
const REGION_COUNT: usize = 10_000;

/// What happened, as far as a crash cares.
#[derive(Clone, Debug)]
enum Event {
    /// The area was written; `worked` is what the log was told.
    LogWrite { area: Vec<u8>, worked: bool },
    /// The log device was flushed, and it worked. One that failed may have done nothing.
    LogFlush,
    /// Data of a region is on its way to the legs, which may differ from now on.
    DataWrite(usize),
    /// Data of a region is on all legs, perhaps in their caches.
    DataDone(usize),
    /// The copy of a region from the first leg to the others has begun.
    RecoveryStart(usize),
    /// The copy is on all legs, perhaps in their caches.
    RecoveryDone(usize),
    /// The caches of the legs were flushed, and it worked.
    LegFlush,
}

type Timeline = Arc<Mutex<Vec<Event>>>;

/// Which promise of the devices is broken, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// The log device says that it was flushed, and was not.
    LogFlush,
    /// The legs say that they were flushed, and were not.
    LegFlush,
}

/// A log device in memory that puts what happens on a timeline.
#[derive(Debug)]
struct Recorder {
    device: MemoryStorage,
    timeline: Timeline,
    lie: Lie,
}

impl LogStorage for Recorder {
    fn size_bytes(&mut self) -> io::Result<u64> {
        self.device.size_bytes()
    }

    fn logical_block_bytes(&self) -> u32 {
        self.device.logical_block_bytes()
    }

    fn read_area(&mut self, area: &mut [u8]) -> io::Result<()> {
        self.device.read_area(area)
    }

    fn write_area(&mut self, area: &[u8]) -> io::Result<()> {
        let result = self.device.write_area(area);
        let event = Event::LogWrite { area: area.to_vec(), worked: result.is_ok() };
        self.timeline.lock().unwrap().push(event);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.device.flush()?;
        if self.lie != Lie::LogFlush {
            self.timeline.lock().unwrap().push(Event::LogFlush);
        }
        Ok(())
    }
}

/// A write that was submitted: its region, and whether its data went to the legs or is held after a failed flush.
#[derive(Clone, Copy, Debug)]
struct Pending {
    region: usize,
    is_issued: bool,
}

/// dm-raid1 and dm-region-hash, as far as the log sees them.
struct Mirror {
    log: DiskLog<Recorder>,
    timeline: Timeline,
    legs_fail: Arc<Mutex<bool>>,
    pending: Vec<Pending>,
    /// Regions without pending writes that the next pass clears.
    clean_list: BTreeSet<usize>,
    /// The region in recovery: at most one.
    recovering: Option<usize>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Writes to these regions arrive together.
    Write(Vec<usize>),
    /// The oldest write, or another, is over.
    Complete(usize),
    /// A pass of the worker: recovered and clean regions, then a flush.
    Pass,
    /// Recovery of the next region begins.
    Recover,
    /// A suspend and a resume, once nothing is pending.
    Resume,
    Faults(Faults, bool),
}

impl Mirror {
    fn new(image: Vec<u8>, lie: Lie) -> Self {
        let timeline = Timeline::default();
        let legs_fail = Arc::new(Mutex::new(false));
        let recorder = Recorder { device: MemoryStorage::new(image, 512), timeline: Arc::clone(&timeline), lie };
        let (legs_timeline, legs_fails) = (Arc::clone(&timeline), Arc::clone(&legs_fail));
        let flush_legs = move || {
            if *legs_fails.lock().unwrap() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if lie != Lie::LegFlush {
                legs_timeline.lock().unwrap().push(Event::LegFlush);
            }
            Ok(())
        };
        let arguments = arguments(REGION_COUNT, SyncOption::Default);
        let mut log = DiskLog::new(&arguments, LOG_DEV, recorder, Some(Box::new(flush_legs))).unwrap();
        log.resume().unwrap();
        Self { log, timeline, legs_fail, pending: Vec::new(), clean_list: BTreeSet::new(), recovering: None }
    }

    fn happened(&self, event: Event) {
        self.timeline.lock().unwrap().push(event);
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Write(regions) => self.write(regions),
            Step::Complete(which) => self.complete(*which),
            Step::Pass => self.pass(),
            Step::Recover => self.recover(),
            Step::Resume if self.pending.is_empty() && self.recovering.is_none() => {
                self.pass();
                // The mirror goes on whatever they say.
                let _ = self.log.postsuspend();
                let _ = self.log.resume();
            }
            Step::Resume => {}
            Step::Faults(faults, legs_fail) => {
                self.log.storage_mut().device.faults = *faults;
                *self.legs_fail.lock().unwrap() = *legs_fail;
            }
        }
    }

    /// `do_writes`.
    fn write(&mut self, regions: &[usize]) {
        let mut arrived = Vec::new();
        for &region in regions {
            // To a region out of sync only the first leg is written; one in recovery waits. Neither is marked, so neither is
            // covered by what a flush promises.
            if !self.log.in_sync(Region(region as u64), true).unwrap() {
                continue;
            }
            // A region with pending writes is dirty already. One on the clean list is still dirty and marked again.
            if !self.pending.iter().any(|write| write.region == region) {
                self.clean_list.remove(&region);
                self.log.mark_region(Region(region as u64));
            }
            arrived.push(region);
            self.pending.push(Pending { region, is_issued: false });
        }
        let first = self.pending.len() - arrived.len();
        if self.log.flush().is_ok() {
            for region in arrived {
                self.happened(Event::DataWrite(region));
            }
            for write in &mut self.pending[first..] {
                write.is_issued = true;
            }
        }
    }

    /// `mirror_end_io` and `dm_rh_dec`.
    fn complete(&mut self, which: usize) {
        if self.pending.is_empty() {
            return;
        }
        let write = self.pending.remove(which % self.pending.len());
        if write.is_issued {
            self.happened(Event::DataDone(write.region));
        }
        if !self.pending.iter().any(|other| other.region == write.region) {
            self.clean_list.insert(write.region);
        }
    }

    /// `dm_rh_update_states`, which ignores what the flush says.
    fn pass(&mut self) {
        if let Some(region) = self.recovering.take() {
            self.happened(Event::RecoveryDone(region));
            self.log.clear_region(Region(region as u64));
            self.log.set_region_sync(Region(region as u64), true);
        }
        for region in std::mem::take(&mut self.clean_list) {
            self.log.clear_region(Region(region as u64));
        }
        let _ = self.log.flush();
    }

    /// `do_recovery`. The region is dirty on the device.
    fn recover(&mut self) {
        if self.recovering.is_none() {
            let region = self.log.get_resync_work().unwrap();
            self.recovering = region.map(|region| usize::try_from(region.0).unwrap());
            if let Some(region) = self.recovering {
                self.happened(Event::RecoveryStart(region));
            }
        }
    }
}

/// A region whose legs may differ reads as clean after a crash.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Events before the crash.
    at: usize,
    region: usize,
}

/// What a sector may hold.
#[derive(Clone, Debug)]
struct Sector {
    /// After the last flush: one content, or several where a write failed.
    durable: Vec<Vec<u8>>,
    /// Written since, with what the log was told.
    pending: Vec<(Vec<u8>, bool)>,
}

impl Sector {
    fn new(content: &[u8]) -> Self {
        Self { durable: vec![content.to_vec()], pending: Vec::new() }
    }

    fn write(&mut self, content: &[u8], worked: bool) {
        self.pending.push((content.to_vec(), worked));
    }

    /// The last write that worked is durable now; of one that failed behind it nobody knows.
    fn flush(&mut self) {
        if let Some(last) = self.pending.iter().rposition(|(_, worked)| *worked) {
            self.durable.clear();
            self.pending.drain(..last);
        }
        self.durable.extend(self.pending.drain(..).map(|(content, _)| content));
        self.durable.dedup();
    }

    /// Everything that it may hold after a crash now, oldest first.
    fn versions(&self) -> Vec<&[u8]> {
        let mut versions: Vec<&[u8]> = Vec::new();
        for content in self.durable.iter().chain(self.pending.iter().map(|(content, _)| content)) {
            if !versions.contains(&content.as_slice()) {
                versions.push(content);
            }
        }
        versions
    }
}

/// What is known of a region's legs.
#[derive(Clone, Copy, Debug, Default)]
struct Legs {
    /// Data on its way.
    outstanding: usize,
    /// Data went there since the last flush.
    is_unflushed: bool,
    /// They differed from the start, and recovery has not been there.
    differ_from_start: bool,
}

impl Legs {
    fn may_differ(self) -> bool {
        self.is_unflushed || self.differ_from_start
    }
}

/// Tries a crash behind every event.
fn crash_everywhere(image: &[u8], timeline: &[Event]) -> Result<(), Violation> {
    let mut sectors: Vec<Sector> = image.chunks(SECTOR_BYTES).map(Sector::new).collect();
    let is_clean = |region: usize| image[BITS_OFFSET_BYTES + region / 8] >> (region % 8) & 1 == 1;
    let legs = |region| Legs { differ_from_start: !is_clean(region), ..Legs::default() };
    let mut legs: Vec<Legs> = (0..REGION_COUNT).map(legs).collect();
    for (at, event) in timeline.iter().enumerate() {
        match event {
            Event::LogWrite { area, worked } => {
                for (sector, content) in sectors.iter_mut().zip(area.chunks(SECTOR_BYTES)) {
                    sector.write(content, *worked);
                }
            }
            Event::LogFlush => sectors.iter_mut().for_each(Sector::flush),
            Event::DataWrite(region) => {
                legs[*region].outstanding += 1;
                legs[*region].is_unflushed = true;
            }
            Event::RecoveryStart(region) => {
                // A copy from one leg to the others leaves them equal where they are.
                legs[*region].outstanding += 1;
                legs[*region].is_unflushed |= legs[*region].differ_from_start;
            }
            Event::DataDone(region) => legs[*region].outstanding -= 1,
            Event::RecoveryDone(region) => {
                legs[*region].outstanding -= 1;
                legs[*region].differ_from_start = false;
            }
            Event::LegFlush => {
                for legs in legs.iter_mut().filter(|legs| legs.outstanding == 0) {
                    legs.is_unflushed = false;
                }
            }
        }
        crash(at + 1, &sectors, &legs)?;
    }
    Ok(())
}

/// Resumes from every version of every sector, the other sectors once at their oldest and once at their newest. What one
/// region reads depends on the sector of its bit and on the header's, so this is every combination that matters.
fn crash(at: usize, sectors: &[Sector], legs: &[Legs]) -> Result<(), Violation> {
    let versions: Vec<Vec<&[u8]>> = sectors.iter().map(Sector::versions).collect();
    let oldest: Vec<&[u8]> = versions.iter().map(|versions| versions[0]).collect();
    let newest: Vec<&[u8]> = versions.iter().map(|versions| versions[versions.len() - 1]).collect();
    let mut images = BTreeSet::from([oldest.concat(), newest.concat()]);
    for base in [oldest, newest] {
        for (place, versions) in versions.iter().enumerate().filter(|(_, versions)| versions.len() > 1) {
            for version in versions {
                let mut image = base.clone();
                image[place] = version;
                images.insert(image.concat());
            }
        }
    }
    for image in images {
        let arguments = arguments(REGION_COUNT, SyncOption::Default);
        let mut log = DiskLog::new(&arguments, LOG_DEV, MemoryStorage::new(image, 512), None).unwrap();
        log.resume().unwrap();
        for (region, _) in legs.iter().enumerate().filter(|(_, legs)| legs.may_differ()) {
            if log.is_clean(Region(region as u64)).unwrap() {
                return Err(Violation { at, region });
            }
        }
    }
    Ok(())
}

/// A device with all regions clean but these.
fn image(dirty: &[usize]) -> Vec<u8> {
    let length = usize::try_from(area_bytes(REGION_COUNT as u64, 512)).unwrap();
    let mut image = vec![0xff; length];
    let header = DiskLogHeader { nr_regions: REGION_COUNT as u64, ..DiskLogHeader::new_log() };
    image[..16].copy_from_slice(&header.encode());
    for region in dirty {
        image[BITS_OFFSET_BYTES + region / 8] &= !(1 << (region % 8));
    }
    image
}

/// Regions in every sector of the bits, most of them few, so that they meet again.
fn region() -> impl Strategy<Value = usize> {
    prop_oneof![4 => (0..12_usize).prop_map(|number| number * 833), 1 => 0..REGION_COUNT]
}

fn step() -> impl Strategy<Value = Step> {
    let faults =
        (0..6_u8).prop_map(|kind| Step::Faults(Faults { read: false, write: kind == 0, flush: kind == 1 }, kind == 2));
    prop_oneof![
        6 => vec(region(), 1..4).prop_map(Step::Write),
        6 => any::<usize>().prop_map(Step::Complete),
        5 => Just(Step::Pass),
        2 => Just(Step::Recover),
        1 => Just(Step::Resume),
        1 => faults,
    ]
}

fn run(dirty: &[usize], steps: &[Step], lie: Lie) -> Result<(), Violation> {
    let image = image(dirty);
    let mut mirror = Mirror::new(image.clone(), lie);
    for step in steps {
        mirror.run(step);
    }
    let timeline = mirror.timeline.lock().unwrap();
    crash_everywhere(&image, &timeline)
}

#[test]
fn no_region_whose_legs_may_differ_reads_as_clean_after_any_crash() {
    let strategy = (vec(region(), 0..4), vec(step(), 0..60));
    TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })
        .run(&strategy, |(dirty, steps)| {
            assert_eq!(run(&dirty, &steps, Lie::None), Ok(()));
            Ok(())
        })
        .unwrap();
}

/// A write, its end, the clear, and a second write to the same region.
fn write_clear_write() -> Vec<Step> {
    vec![
        Step::Write(vec![4321]),
        Step::Complete(0),
        Step::Pass,
        Step::Write(vec![4321, 9999]),
        Step::Complete(0),
        Step::Complete(0),
        Step::Pass,
    ]
}

#[test]
fn the_plain_life_of_a_region_survives_every_crash() {
    assert_eq!(run(&[7], &write_clear_write(), Lie::None), Ok(()));
}

#[test]
fn the_check_sees_a_log_device_that_was_not_flushed() {
    let violation = run(&[], &write_clear_write(), Lie::LogFlush).unwrap_err();
    assert_eq!(violation.region, 4321);
}

#[test]
fn the_check_sees_legs_that_were_not_flushed_before_a_clear() {
    let violation = run(&[], &write_clear_write(), Lie::LegFlush).unwrap_err();
    assert_eq!(violation.region, 4321);
}

#[test]
fn a_held_write_keeps_its_region_dirty_and_is_issued_by_nobody() {
    let broken = Step::Faults(Faults { read: false, write: true, flush: false }, false);
    let mended = Step::Faults(Faults::default(), false);
    let steps = [broken, Step::Write(vec![5]), Step::Pass, mended, Step::Write(vec![5]), Step::Complete(0), Step::Pass];
    assert_eq!(run(&[], &steps, Lie::None), Ok(()));
}
