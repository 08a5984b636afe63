//! What stands on a log device: logs that a kernel wrote are read as it means them, and a kernel goes on with logs that
//! were written here, as it would with its own.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use dmlog_user::event::ids::{DevNum, Region};
use dmlog_user::log::arguments::DiskArguments;
use dmlog_user::log::dirty_log::DirtyLog;
use dmlog_user::log::disk::device::DeviceStorage;
use dmlog_user::log::disk::disk_log::DiskLog;
use dmlog_user::log::disk::header::{
    DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM, VERSION, VERSION_1, area_bytes, encode_bits,
};
use dmlog_user::log::disk::storage::LogStorage;
use dmlog_user::log::region_set::RegionSet;

use crate::support::counter::Counter;
use crate::support::device::{Device, SyncRatio};
use crate::support::mirrors::{REGION_SECTORS, prepare};
use crate::support::read;
use crate::support::recorder::dmlog_top;
use crate::support::write::Direct;

/// Ram disks of these tests: the first leg, what is below the second, and the log.
const LEG: &str = "/dev/ram0";
const BELOW_LEG: &str = "/dev/ram1";
const LOG: &str = "/dev/ram2";
const LOG_NAME: &str = "ram2";

/// Lengths of the mirror: a word of bits that is half full, and one that is full to a part, with a last region that is
/// shorter than the others.
const LENGTHS: [u64; 2] = [32 * REGION_SECTORS, 49 * REGION_SECTORS + 200];

/// The log device, past the page cache.
fn log_file() -> File {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_DIRECT).open(LOG);
    file.unwrap_or_else(|error| panic!("`{LOG}` cannot be opened: {error}"))
}

fn storage() -> DeviceStorage {
    let size = read(format!("/sys/block/{LOG_NAME}/queue/logical_block_size"));
    let size = size.trim().parse().unwrap_or_else(|error| panic!("the block size of `{LOG}` is `{size}`: {error}"));
    DeviceStorage::new(log_file(), size)
}

fn region_count(sectors: u64) -> u64 {
    sectors.div_ceil(REGION_SECTORS)
}

/// The second leg, which can be made to fail or to stand still.
fn second_leg(sectors: u64) -> Device {
    Device::create("format-leg", &linear(sectors))
}

fn linear(sectors: u64) -> String {
    format!("0 {sectors} linear {BELOW_LEG} 0")
}

fn mirror_table(sectors: u64, features: &str) -> String {
    format!("0 {sectors} mirror disk 2 {LOG} {REGION_SECTORS} 2 {LEG} 0 /dev/mapper/format-leg 0 {features}")
}

/// A header, and clean bits for all regions but the dirty ones, written as they are.
fn write_image(header: DiskLogHeader, sectors: u64, dirty: &[u64]) {
    let mut storage = storage();
    let count = region_count(sectors);
    let length = area_bytes(count, storage.logical_block_bytes());
    // What a log does not use may hold anything.
    let mut area = vec![0xa5; usize::try_from(length).unwrap_or(0)];
    area[..16].copy_from_slice(&header.encode());
    let mut clean = RegionSet::new_full(count);
    for region in dirty {
        clean.remove(Region(*region));
    }
    encode_bits(&clean, &mut area);
    storage.write_area(&area).and_then(|()| storage.flush()).unwrap_or_else(|error| panic!("`{LOG}`: {error}"));
}

/// A blank log.
fn erase() {
    storage().write_area(&[0; 16 << 10]).unwrap_or_else(|error| panic!("`{LOG}`: {error}"));
}

/// What `inspect` says of the log, checked for health, and its dirty regions.
fn inspect(sectors: u64) -> (serde_json::Value, BTreeSet<u64>) {
    let (size, length) = (format!("{REGION_SECTORS}s"), sectors.to_string());
    let (code, out, err) =
        dmlog_top(&["inspect", LOG, "--format", "json", "--region-size", &size, "--target-sectors", &length]);
    assert_eq!(code, Some(0), "inspect: {err}{out}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert_eq!(json["findings"], serde_json::json!([]), "{out}");
    assert_eq!(json["header"]["version"], VERSION, "{out}");
    assert_eq!(json["header"]["nr_regions"], region_count(sectors), "{out}");
    let runs = json["dirty_runs"].as_array().unwrap_or_else(|| panic!("no runs: {out}"));
    let ends = runs.iter().map(|run| (run["first_region"].as_u64(), run["last_region"].as_u64()));
    let dirty = ends.flat_map(|ends| match ends {
        (Some(first), Some(last)) => first..=last,
        _ => panic!("a run without ends: {out}"),
    });
    let dirty = dirty.collect();
    (json, dirty)
}

/// A log of the kernel's: after a first synchronisation and writes, and again after a leg has failed under some regions.
#[test]
fn logs_that_a_kernel_wrote_are_read_as_it_means_them() {
    prepare();
    for sectors in LENGTHS {
        erase();
        let count = region_count(sectors);
        let leg = second_leg(sectors);
        let mirror = Device::create("format", &mirror_table(sectors, "2 handle_errors keep_log"));
        mirror.wait_in_sync();
        let device = Direct::open(&mirror.path());
        for region in [0, 7, count - 1] {
            device.write(region * REGION_SECTORS);
        }
        drop(device);
        mirror.remove();
        let (json, dirty) = inspect(sectors);
        assert_eq!(json["clean_regions"], count, "a mirror that was removed in sync: {json}");
        assert_eq!(dirty, BTreeSet::new());

        let mirror = Device::create("format", &mirror_table(sectors, "2 handle_errors keep_log"));
        assert_eq!(mirror.sync_ratio(), SyncRatio { in_sync: count, regions: count }, "nothing to be done");
        leg.reload(&format!("0 {sectors} error"));
        let device = Direct::open(&mirror.path());
        for region in [2, 5, 6, count - 1] {
            device.write(region * REGION_SECTORS);
        }
        drop(device);
        mirror.wait_status("AD");
        let ratio = mirror.sync_ratio();
        mirror.remove();
        let (json, dirty) = inspect(sectors);
        assert_eq!(dirty, BTreeSet::from([2, 5, 6, count - 1]), "regions written while a leg failed");
        assert_eq!(json["clean_regions"], ratio.in_sync, "regions in sync by the kernel's status: {json}");
        println!("disk_format: {count} regions by the kernel, {} dirty", dirty.len());
    }
}

/// Gives a log to the kernel whose second leg stands still, so that its first answer is what it read; then lets it recover.
fn check_resumed(what: &str, sectors: u64, dirty: &BTreeSet<u64>) {
    let count = region_count(sectors);
    let leg = second_leg(sectors);
    leg.suspend();
    let counter = Counter::start();
    let mirror = Device::create("format", &mirror_table(sectors, "1 handle_errors"));
    let ratio = mirror.sync_ratio();
    leg.resume();
    assert_eq!(ratio, SyncRatio { in_sync: count - dirty.len() as u64, regions: count }, "{what}: status at once");
    mirror.wait_in_sync();
    counter.wait_rest();
    let counts = counter.stop();
    assert_eq!(counts.recovered, *dirty, "{what}: regions that the kernel recovered");
    let recoveries = dirty.len() as u64;
    assert_eq!([counts.resync_work, counts.of("recover")], [recoveries; 2], "{what}: work handed out, recoveries");
    mirror.remove();
    let (json, left) = inspect(sectors);
    assert_eq!((json["clean_regions"].as_u64(), left), (Some(count), BTreeSet::new()), "{what}: afterwards");
    println!("disk_format: {what}, {count} regions: {recoveries} recovered by the kernel");
}

/// Our log, with its bits in memory and on the device.
fn our_log(sectors: u64) -> DiskLog<DeviceStorage> {
    let region_size = REGION_SECTORS.to_string();
    let arguments = DiskArguments::parse(&[LOG, &region_size], sectors);
    let arguments = arguments.unwrap_or_else(|error| panic!("{error}"));
    let mut log = DiskLog::new(&arguments, DevNum { major: 1, minor: 2 }, storage(), None)
        .unwrap_or_else(|error| panic!("{error}"));
    log.resume().unwrap_or_else(|error| panic!("resume: {error}"));
    log
}

/// A log that lived here, and crashed with regions dirty: the kernel goes on, and we after it.
#[test]
fn a_kernel_goes_on_with_a_log_of_ours() {
    prepare();
    for sectors in LENGTHS {
        erase();
        let count = region_count(sectors);
        let mut log = our_log(sectors);
        assert_eq!(log.get_sync_count(), 0, "a blank log");
        while let Ok(Some(region)) = log.get_resync_work() {
            log.clear_region(region);
            log.set_region_sync(region, true);
        }
        let dirty = BTreeSet::from([0, 3, 17, 31, count - 1]);
        for region in &dirty {
            log.mark_region(Region(*region));
        }
        log.flush().unwrap_or_else(|error| panic!("flush: {error}"));
        // Dropped as a crash would: nothing more is written.
        drop(log);
        check_resumed("a log of ours", sectors, &dirty);
        assert_eq!(our_log(sectors).get_sync_count(), count, "what the kernel left");
    }
}

/// Headers that no kernel writes, or only one for a smaller target.
#[test]
fn a_kernel_takes_headers_as_we_say_that_it_does() {
    prepare();
    let sectors = LENGTHS[1];
    let count = region_count(sectors);
    let header = |version, nr_regions| DiskLogHeader { magic: MAGIC, version, nr_regions };
    write_image(header(VERSION_1, count), sectors, &[4, 33]);
    check_resumed("version 1", sectors, &BTreeSet::from([4, 33]));
    write_image(header(VERSION, NR_REGIONS_OF_LVM), sectors, &[8]);
    check_resumed("a number of regions as lvm2 writes it", sectors, &BTreeSet::from([8]));
    write_image(header(VERSION, 40), sectors, &[1]);
    check_resumed("a log of a smaller mirror", sectors, &std::iter::once(1).chain(40..count).collect());
    write_image(header(VERSION, (1 << 32) + 45), sectors, &[]);
    check_resumed("a number of regions that is cut to 32 bits", sectors, &(45..count).collect());
    write_image(DiskLogHeader { magic: MAGIC ^ 1, version: VERSION, nr_regions: count }, sectors, &[]);
    check_resumed("no magic", sectors, &(0..count).collect());
}
