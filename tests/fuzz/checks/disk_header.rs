//! Log devices: any bytes on one are examined without surprise, and a log that is resumed from them counts what it holds,
//! writes what it counts, and reads that back.
//!
//! The first six bytes of an input choose the table (length in sectors, region size), the rest is the device.

use dmlog_user::event::ids::DevNum;
use dmlog_user::log::arguments::{DiskArguments, SyncOption};
use dmlog_user::log::dirty_log::{DirtyLog as _, StatusType};
use dmlog_user::log::disk::disk_log::DiskLog;
use dmlog_user::log::disk::examine::Examination;
use dmlog_user::log::disk::header::DiskLogHeader;
use dmlog_user::log::disk::memory::MemoryStorage;
use dmlog_user::log::geometry::LogGeometry;

/// Larger devices only take longer.
const DEVICE_BYTES_MAX: usize = 64 << 10;

/// One table and one device.
pub(crate) fn check(bytes: &[u8]) {
    let Some((table, device)) = bytes.split_first_chunk::<6>() else { return };
    let device = &device[..device.len().min(DEVICE_BYTES_MAX)];
    if let Some(header) = DiskLogHeader::decode(device) {
        assert_eq!(DiskLogHeader::decode(&header.encode()), Some(header));
    }
    let [a, b, c, size, option, fault] = *table;
    let geometry = LogGeometry::new(u64::from(u32::from_le_bytes([a, b, c, 0])), 1 << (2 + size % 12)).ok();
    let device_bytes = device.len() as u64;
    let to_read = Examination::bytes_to_read(device, device_bytes, geometry);
    assert!(to_read <= device_bytes, "{to_read} of {device_bytes}");
    let area = &device[..usize::try_from(to_read).expect("not more than there is")];
    let examined = Examination::of(area, device_bytes, geometry);
    assert!(examined.resync_regions() <= examined.clean.len());
    for finding in &examined.findings {
        assert!(!finding.to_string().chars().any(char::is_control));
    }
    if let Some(geometry) = geometry {
        resume(device, geometry, option, fault);
    }
}

/// A log of this table takes the device over.
fn resume(device: &[u8], geometry: LogGeometry, option: u8, fault: u8) {
    let sync_option = [SyncOption::Default, SyncOption::Nosync, SyncOption::Force][usize::from(option) % 3];
    let log_dev = DevNum { major: 254, minor: 7 };
    let arguments = DiskArguments { log_dev: log_dev.to_string(), geometry, sync_option };
    let storage = MemoryStorage::new(device.to_vec(), 512 << (option / 3 % 4));
    let Ok(mut log) = DiskLog::new(&arguments, log_dev, storage, None) else { return };
    log.storage_mut().faults.read = fault & 1 != 0;
    log.storage_mut().faults.write = fault & 2 != 0;
    log.storage_mut().faults.flush = fault & 4 != 0;
    let resumed = log.resume();
    check_counts(&mut log);
    // What a status line is, a table line is too.
    for status in [StatusType::Info, StatusType::Table] {
        assert!(!log.status(status).chars().any(char::is_control));
    }
    if resumed.is_err() || fault & 7 != 0 {
        return;
    }
    let flushed = log.flush();
    assert!(flushed.is_ok(), "the device takes writes: {flushed:?}");
    let clean = log.bits().clean.clone();
    let examined = Examination::of(&log.storage().bytes, device.len() as u64, Some(geometry));
    assert_eq!(examined.clean, clean, "what is on the device is what the log knows");
}

fn check_counts(log: &mut DiskLog<MemoryStorage>) {
    let bits = log.bits();
    bits.clean.self_check();
    bits.in_sync.self_check();
    assert_eq!(bits.sync_count, bits.in_sync.count(), "a resume counts");
}
