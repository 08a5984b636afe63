use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{DiskLog, FlushCallback, LogDevHealth, ReadHeaderError};
use crate::event::ids::{DevNum, Region};
use crate::log::arguments::{ArgumentError, DiskArguments};
use crate::log::dirty_log::{DirtyLog, LogError, StatusType};
use crate::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, MAGIC, NR_REGIONS_OF_LVM};
use crate::log::disk::memory::{MemoryStorage, StorageOp};

const LOG_DEV: DevNum = DevNum { major: 7, minor: 2 };
/// 32 regions of 1,024 sectors.
const TARGET_SECTORS: u64 = 32_768;

fn arguments(words: &[&str], target_sectors: u64) -> DiskArguments {
    DiskArguments::parse(words, target_sectors).unwrap()
}

fn log_with(words: &[&str], target_sectors: u64, bytes: Vec<u8>) -> DiskLog<MemoryStorage> {
    DiskLog::new(&arguments(words, target_sectors), LOG_DEV, MemoryStorage::new(bytes, 512), None).unwrap()
}

/// A log on this device, resumed.
fn resumed(words: &[&str], bytes: Vec<u8>) -> DiskLog<MemoryStorage> {
    let mut log = log_with(words, TARGET_SECTORS, bytes);
    log.resume().unwrap();
    log.bits().self_check();
    log
}

/// A device of 4 KiB with this header, these bits, and 0xa5 everywhere else.
fn device(header: DiskLogHeader, bits: &[u8]) -> Vec<u8> {
    let mut device = vec![0xa5; 4096];
    device[..16].copy_from_slice(&header.encode());
    device[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + bits.len()].copy_from_slice(bits);
    device
}

fn header(nr_regions: u64) -> DiskLogHeader {
    DiskLogHeader { nr_regions, ..DiskLogHeader::new_log() }
}

fn kinds(log: &DiskLog<MemoryStorage>) -> Vec<&'static str> {
    let kind = |op: &StorageOp| match op {
        StorageOp::Write(_) => "write",
        StorageOp::FailedWrite(_) => "failed write",
        StorageOp::Flush => "flush",
        StorageOp::FailedFlush => "failed flush",
    };
    log.storage().stream.iter().map(kind).collect()
}

/// What the log does from here on.
fn forget_stream(log: &mut DiskLog<MemoryStorage>) {
    log.storage_mut().stream.clear();
}

#[test]
fn a_blank_device_becomes_a_new_log_with_everything_out_of_sync() {
    let log = resumed(&["7:2", "1024"], vec![0; 4096]);
    assert_eq!((log.bits().clean.count(), log.bits().sync_count, log.health()), (0, 0, LogDevHealth::Alive));
    assert!(log.read_error().is_none());
    let bytes = &log.storage().bytes;
    assert_eq!(bytes[..16], [0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(kinds(&log), ["write", "flush"]);
}

#[test]
fn what_is_on_the_device_is_both_clean_and_in_sync() {
    let mut log = resumed(&["7:2", "1024"], device(header(32), &[0xfb, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    assert_eq!((log.bits().clean.count(), log.get_sync_count()), (31, 31));
    assert!(!log.is_clean(Region(2)).unwrap() && !log.in_sync(Region(2), true).unwrap());
    assert_eq!(log.get_resync_work().unwrap(), Some(Region(2)));
}

#[test]
fn garbage_beside_header_and_bits_is_preserved() {
    let log = resumed(&["7:2", "1024"], device(header(32), &[0xff; 8]));
    let bytes = &log.storage().bytes;
    assert_eq!(bytes[16..BITS_OFFSET_BYTES], [0xa5; BITS_OFFSET_BYTES - 16]);
    assert_eq!(bytes[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + 8], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(bytes[BITS_OFFSET_BYTES + 8..], [0xa5; 4096 - BITS_OFFSET_BYTES - 8]);
}

#[test]
fn a_log_fresh_from_lvm_keeps_its_bits_and_gets_the_tables_number() {
    let mut log = resumed(&["7:2", "1024"], device(header(NR_REGIONS_OF_LVM), &[0xff; 16]));
    assert_eq!(log.get_sync_count(), 32);
    let bytes = &log.storage().bytes;
    assert_eq!(DiskLogHeader::decode(bytes), Some(header(32)));
    assert_eq!(
        bytes[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + 16],
        [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
    );
}

#[test]
fn version_1_is_taken_and_written_back_as_2() {
    let mut log = resumed(&["7:2", "1024"], device(DiskLogHeader { version: 1, ..header(32) }, &[0xff; 8]));
    assert_eq!((log.get_sync_count(), log.health()), (32, LogDevHealth::Alive));
    assert_eq!(DiskLogHeader::decode(&log.storage().bytes), Some(header(32)));
}

#[test]
fn a_bad_version_resumes_with_health_d_and_is_written_back() {
    let bad = DiskLogHeader { version: 3, ..header(32) };
    let mut log = resumed(&["7:2", "1024"], device(bad, &[0xff; 8]));
    assert!(matches!(log.read_error(), Some(ReadHeaderError::Version { version: 3 })), "{:?}", log.read_error());
    assert_eq!((log.bits().clean.count(), log.get_sync_count()), (0, 0));
    assert_eq!(log.status(StatusType::Info), "3 disk 7:2 D");
    assert_eq!(DiskLogHeader::decode(&log.storage().bytes), Some(bad));
    assert_eq!(log.storage().bytes[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + 8], [0; 8]);
}

#[test]
fn a_bad_version_under_another_magic_is_a_new_log() {
    let other = DiskLogHeader { magic: !MAGIC, version: 3, nr_regions: 32 };
    let log = resumed(&["7:2", "1024"], device(other, &[0xff; 8]));
    assert_eq!((log.bits().clean.count(), log.health()), (0, LogDevHealth::Alive));
}

#[test]
fn nosync_and_sync_forget_the_device_on_every_resume() {
    for (word, in_sync) in [("nosync", 32), ("sync", 0)] {
        let mut log = resumed(&["7:2", "1024", word], device(header(32), &[0xfb, 0xff, 0, 0xff, 0, 0, 0, 0]));
        assert_eq!(log.get_sync_count(), in_sync, "{word}");
        log.mark_region(Region(1));
        log.flush().unwrap();
        log.resume().unwrap();
        assert_eq!((log.get_sync_count(), log.bits().clean.count()), (in_sync, in_sync), "{word}");
    }
}

#[test]
fn a_target_that_grew_is_out_of_sync_behind_and_one_that_shrank_forgets() {
    let log = resumed(&["7:2", "1024"], device(header(20), &[0xff; 8]));
    assert_eq!((log.bits().clean.count(), log.bits().clean.first_unset_from(Region(0))), (20, Some(Region(20))));
    let log = resumed(&["7:2", "1024"], device(header(100), &[0xff; 16]));
    assert_eq!((log.bits().clean.count(), log.bits().sync_count), (32, 32));
}

#[test]
fn the_number_of_known_regions_is_cut_to_32_bits() {
    let log = resumed(&["7:2", "1024"], device(header((1 << 32) + 5), &[0xff; 8]));
    assert_eq!(log.bits().clean.count(), 5);
}

#[test]
fn a_read_error_makes_everything_dirty_and_the_log_goes_on() {
    let mut log = log_with(&["7:2", "1024"], TARGET_SECTORS, device(header(32), &[0xff; 8]));
    log.storage_mut().faults.read = true;
    log.resume().unwrap();
    assert!(matches!(log.read_error(), Some(ReadHeaderError::Device { .. })), "{:?}", log.read_error());
    assert_eq!((log.bits().clean.count(), log.health()), (0, LogDevHealth::Failed));
    // What was never read is written as no log at all, so that the next resume takes nothing from it.
    assert_eq!(DiskLogHeader::decode(&log.storage().bytes).map(|header| header.magic), Some(0));
    log.storage_mut().faults.read = false;
    log.resume().unwrap();
    assert!(log.read_error().is_none());
    assert_eq!(log.health(), LogDevHealth::Failed, "the letter never goes back");
    assert_eq!(DiskLogHeader::decode(&log.storage().bytes), Some(header(32)));
}

#[test]
fn resume_tells_what_became_of_its_write() {
    let mut log = log_with(&["7:2", "1024"], TARGET_SECTORS, vec![0; 4096]);
    log.storage_mut().faults.write = true;
    let error = log.resume().unwrap_err();
    assert!(matches!(error, LogError::WriteLogDevice { .. }), "{error:?}");
    assert_eq!((error.kernel_result(), log.status(StatusType::Info)), (-5, "3 disk 7:2 D".to_owned()));
    let mut log = log_with(&["7:2", "1024"], TARGET_SECTORS, vec![0; 4096]);
    log.storage_mut().faults.flush = true;
    let error = log.resume().unwrap_err();
    assert!(matches!(error, LogError::FlushLogDevice { .. }), "{error:?}");
    assert_eq!((error.kernel_result(), log.status(StatusType::Info)), (-5, "3 disk 7:2 F".to_owned()));
}

#[test]
fn the_first_flush_after_resume_writes_again_if_there_is_padding() {
    let mut log = resumed(&["7:2", "1024"], device(header(32), &[0xff; 8]));
    forget_stream(&mut log);
    log.flush().unwrap();
    assert_eq!(kinds(&log), ["write", "flush"]);
    log.flush().unwrap();
    assert_eq!(kinds(&log), ["write", "flush"], "nothing was touched since");
}

#[test]
fn a_flush_before_the_first_resume_does_no_io() {
    let mut log = log_with(&["7:2", "1024"], TARGET_SECTORS, vec![0; 4096]);
    log.flush().unwrap();
    assert_eq!(kinds(&log), [""; 0]);
}

/// A resumed log of 32 clean regions with nothing to flush, and its callback's counter and fault.
fn quiet_log() -> (DiskLog<MemoryStorage>, Arc<AtomicU32>, Arc<AtomicBool>) {
    let (calls, fails) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, failing) = (Arc::clone(&calls), Arc::clone(&fails));
    let callback: FlushCallback = Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        if failing.load(Ordering::Relaxed) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    });
    let storage = MemoryStorage::new(device(header(32), &[0xff; 8]), 512);
    let arguments = arguments(&["7:2", "1024"], TARGET_SECTORS);
    let mut log = DiskLog::new(&arguments, LOG_DEV, storage, Some(callback)).unwrap();
    log.resume().unwrap();
    log.flush().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 0, "nothing was cleaned");
    forget_stream(&mut log);
    (log, calls, fails)
}

#[test]
fn a_mark_is_written_and_flushed_and_the_legs_are_not() {
    let (mut log, calls, _) = quiet_log();
    log.mark_region(Region(3));
    log.flush().unwrap();
    assert_eq!((kinds(&log), calls.load(Ordering::Relaxed)), (vec!["write", "flush"], 0));
    assert_eq!(log.storage().bytes[BITS_OFFSET_BYTES], 0xf7);
}

#[test]
fn a_clear_flushes_the_legs_and_writes_and_does_not_flush_the_log_device() {
    let (mut log, calls, _) = quiet_log();
    log.mark_region(Region(3));
    log.flush().unwrap();
    forget_stream(&mut log);
    log.clear_region(Region(3));
    log.flush().unwrap();
    assert_eq!((kinds(&log), calls.load(Ordering::Relaxed)), (vec!["write"], 1));
    assert_eq!(log.storage().bytes[BITS_OFFSET_BYTES], 0xff);
}

#[test]
fn recovering_bits_make_a_flush_write_although_nothing_changed_on_disk() {
    let (mut log, calls, _) = quiet_log();
    // Out of sync: the recovering bit is cleared, which counts as dirtying.
    log.set_region_sync(Region(4), false);
    log.flush().unwrap();
    assert_eq!((kinds(&log), calls.load(Ordering::Relaxed)), (vec!["write", "flush"], 0));
    forget_stream(&mut log);
    // A hand-out sets the recovering bit, which counts as cleaning: the legs are flushed for it.
    assert_eq!(log.get_resync_work().unwrap(), Some(Region(4)));
    log.flush().unwrap();
    assert_eq!((kinds(&log), calls.load(Ordering::Relaxed)), (vec!["write"], 1));
    assert_eq!(log.bits().clean.count(), 32);
}

#[test]
fn a_failed_flush_of_the_legs_is_sticky_and_dirties_every_region() {
    let (mut log, calls, fails) = quiet_log();
    fails.store(true, Ordering::Relaxed);
    log.clear_region(Region(3));
    log.flush().unwrap();
    assert_eq!(kinds(&log), ["write", "flush"], "the dirty bits are made to last");
    assert_eq!((log.bits().clean.count(), log.storage().bytes[BITS_OFFSET_BYTES]), (0, 0));
    assert_eq!(log.health(), LogDevHealth::Alive);
    fails.store(false, Ordering::Relaxed);
    log.clear_region(Region(3));
    log.flush().unwrap();
    assert_eq!((log.bits().clean.count(), calls.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn a_failed_write_is_tried_again_by_the_next_flush() {
    let (mut log, calls, _) = quiet_log();
    log.storage_mut().faults.write = true;
    log.mark_region(Region(3));
    log.clear_region(Region(4));
    let error = log.flush().unwrap_err();
    assert!(matches!(error, LogError::WriteLogDevice { .. }), "{error:?}");
    assert_eq!(log.status(StatusType::Info), "3 disk 7:2 D");
    assert!(log.bits().touched_dirtied && log.bits().touched_cleaned);
    log.storage_mut().faults.write = false;
    log.flush().unwrap();
    assert_eq!(kinds(&log), ["failed write", "write", "flush"]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(log.status(StatusType::Info), "3 disk 7:2 D");
}

#[test]
fn a_failed_write_of_clears_alone_is_tried_again_too() {
    let (mut log, _, _) = quiet_log();
    log.storage_mut().faults.write = true;
    log.clear_region(Region(4));
    let error = log.flush().unwrap_err();
    assert!(matches!(error, LogError::WriteLogDevice { .. }), "{error:?}");
    assert!(log.bits().touched_cleaned);
    assert_eq!(log.health(), LogDevHealth::Failed);
}

#[test]
fn a_failed_flush_of_the_log_device_keeps_touched_dirtied_alone() {
    let (mut log, _, _) = quiet_log();
    log.storage_mut().faults.flush = true;
    log.mark_region(Region(3));
    log.clear_region(Region(4));
    let error = log.flush().unwrap_err();
    assert!(matches!(error, LogError::FlushLogDevice { .. }), "{error:?}");
    assert_eq!((log.bits().touched_dirtied, log.bits().touched_cleaned), (true, false));
    assert_eq!(log.status(StatusType::Info), "3 disk 7:2 F");
    log.storage_mut().faults.flush = false;
    log.flush().unwrap();
    assert_eq!((log.bits().touched_dirtied, kinds(&log)), (false, vec!["write", "failed flush", "write", "flush"]));
}

#[test]
fn postsuspend_is_a_flush() {
    let (mut log, _, _) = quiet_log();
    log.presuspend().unwrap();
    assert_eq!(kinds(&log), [""; 0]);
    log.mark_region(Region(3));
    log.postsuspend().unwrap();
    assert_eq!(kinds(&log), ["write", "flush"]);
}

#[test]
fn status_lines_are_the_kernels() {
    let status = |words: &[&str]| {
        let mut log = log_with(words, TARGET_SECTORS, vec![0; 4096]);
        [StatusType::Info, StatusType::Table, StatusType::Ima].map(|status| log.status(status))
    };
    assert_eq!(status(&["/dev/loop2", "1024"]), ["3 disk 7:2 A", "disk 2 7:2 1024 ", ""]);
    assert_eq!(status(&["7:2", "1024", "nosync"])[1], "disk 3 7:2 1024 nosync ");
    assert_eq!(status(&["7:2", "1024", "sync"])[1], "disk 3 7:2 1024 sync ");
}

#[test]
fn a_log_device_must_hold_the_area_in_whole_blocks() {
    let new = |bytes: usize, block: u32| {
        let storage = MemoryStorage::new(vec![0; bytes], block);
        DiskLog::new(&arguments(&["7:2", "1024"], TARGET_SECTORS), LOG_DEV, storage, None).map(|_log| ())
    };
    assert_eq!(new(1536, 512), Ok(()));
    let error = new(1535, 512).unwrap_err();
    assert_eq!(error, ArgumentError::LogDeviceTooSmall { log_dev: "7:2".to_owned(), area_bytes: 1536 });
    assert_eq!(error.to_string(), "log device 7:2 too small: need 1536 bytes");
    assert_eq!(new(4095, 4096).unwrap_err().to_string(), "log device 7:2 too small: need 4096 bytes");
}
