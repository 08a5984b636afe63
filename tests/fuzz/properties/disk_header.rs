//! What must hold for any bytes that are taken for a log device.
//!
//! ```text
//! data   block u8 | sync option u8 | regions u16 | region u16 | region u16 | image of the log device ···
//! ```
//!
//! Block, sync option and regions are the mirror's table; the last two are regions that are written to.

use std::collections::BTreeSet;

use dmlog_user::event::ids::{DevNum, Region};
use dmlog_user::log::arguments::{ArgumentError, DiskArguments, SyncOption};
use dmlog_user::log::dirty_log::{DirtyLog, StatusType};
use dmlog_user::log::disk::disk_log::DiskLog;
use dmlog_user::log::disk::examine::Examination;
use dmlog_user::log::disk::header::{
    BITS_OFFSET_BYTES, DiskLogHeader, HEADER_BYTES, MAGIC, VERSION, VERSION_1, area_bytes,
};
use dmlog_user::log::disk::memory::MemoryStorage;
use dmlog_user::log::geometry::LogGeometry;

const LOG_DEV: DevNum = DevNum { major: 7, minor: 2 };
/// Bytes before the image.
const TABLE_BYTES: usize = 8;

/// The part of a table that a log is made from.
#[derive(Clone, Copy)]
struct Table {
    block_bytes: u32,
    sync_option: SyncOption,
    geometry: LogGeometry,
    written: [Region; 2],
}

impl Table {
    fn of(bytes: [u8; TABLE_BYTES]) -> Option<Self> {
        let [block, sync_option, regions @ ..] = bytes;
        let [count, first, second] = [0, 2, 4].map(|at| u64::from(u16::from_le_bytes([regions[at], regions[at + 1]])));
        let region_count = count.max(1);
        Some(Self {
            block_bytes: [512, 4096, 0, 1].get(usize::from(block % 4)).copied()?,
            sync_option: [SyncOption::Default, SyncOption::Nosync, SyncOption::Force]
                .get(usize::from(sync_option % 3))
                .copied()?,
            geometry: LogGeometry::new(region_count * 2, 2).ok()?,
            written: [Region(first % region_count), Region(second % region_count)],
        })
    }

    fn log(&self, image: &[u8]) -> Result<DiskLog<MemoryStorage>, ArgumentError> {
        let Self { block_bytes, sync_option, geometry, .. } = *self;
        let arguments = DiskArguments { log_dev: LOG_DEV.to_string(), geometry, sync_option };
        DiskLog::new(&arguments, LOG_DEV, MemoryStorage::new(image.to_vec(), block_bytes), None)
    }
}

/// What `inspect` says about an image is what the log does that resumes from it.
pub(crate) fn check(data: &[u8]) {
    let Some((table, image)) = data.split_first_chunk() else { return };
    let Some(table) = Table::of(*table) else { return };
    check_header(image);
    check_examination(image, None);
    let examination = check_examination(image, Some(table.geometry));
    match table.log(image) {
        Err(error) => {
            let needed = area_bytes(table.geometry.region_count(), table.block_bytes);
            let refusal = ArgumentError::LogDeviceTooSmall { log_dev: LOG_DEV.to_string(), area_bytes: needed };
            assert_eq!(error, refusal);
            assert!((image.len() as u64) < needed);
        }
        Ok(log) => check_log(&table, image, log, &examination),
    }
}

/// A header is there if its bytes are, and encodes to them.
fn check_header(image: &[u8]) {
    let header = DiskLogHeader::decode(image);
    assert_eq!(header.map(DiskLogHeader::encode).as_ref().map(<[u8; 16]>::as_slice), image.get(..HEADER_BYTES));
}

/// What has to be read is all that has to be read, and memory is bounded by it.
fn check_examination(image: &[u8], geometry: Option<LogGeometry>) -> Examination {
    let device_bytes = image.len() as u64;
    let needed = Examination::bytes_to_read(image, device_bytes, geometry);
    assert!(needed <= device_bytes);
    let start = image.get(..usize::try_from(needed).unwrap_or_default()).unwrap_or_default();
    let examination = Examination::of(start, device_bytes, geometry);
    assert_eq!(examination, Examination::of(image, device_bytes, geometry));
    examination.clean.self_check();
    let known = geometry.map_or(device_bytes * 8, |geometry| geometry.region_count());
    assert!(examination.clean.len() <= known, "{} regions", examination.clean.len());
    assert_eq!(examination.resync_regions(), examination.clean.len() - examination.clean.count());
    assert!(examination.findings.is_sorted());
    for finding in &examination.findings {
        assert!(!finding.to_string().chars().any(char::is_control), "{finding:?}");
    }
    examination
}

/// Resume, write to regions, flush, and resume once more as after a crash.
fn check_log(table: &Table, image: &[u8], mut log: DiskLog<MemoryStorage>, examination: &Examination) {
    let found = DiskLogHeader::decode(image).unwrap_or_default();
    let is_known = found.magic != MAGIC || found.version == VERSION || found.version == VERSION_1;
    assert_eq!(log.resume().map_err(|error| error.to_string()), Ok(()));
    let is_refused = table.sync_option == SyncOption::Default && !is_known;
    assert_eq!(log.read_error().is_some(), is_refused, "{found:?}");
    assert_eq!(log.status(StatusType::Info), format!("3 disk 7:2 {}", if is_refused { 'D' } else { 'A' }));
    if table.sync_option == SyncOption::Default {
        assert_eq!(log.bits().clean, examination.clean);
    }
    log.bits().clean.self_check();
    assert_unused_bytes_stay(image, &log, table.geometry.region_count());
    for region in table.written {
        log.mark_region(region);
    }
    assert_eq!(log.flush().map_err(|error| error.to_string()), Ok(()));
    let (before, crashed) = (log.bits().clean.clone(), log.into_storage().bytes);
    let after = check_examination(&crashed, Some(table.geometry));
    for region in BTreeSet::from(table.written) {
        assert!(!before.get(region) && !after.clean.get(region), "{region:?} was marked and reads as clean");
    }
    if !is_refused {
        assert_eq!((&after.clean, after.is_corrupt()), (&before, false), "{:?}", after.findings);
    }
}

/// What the kernel does not use in the area, and what is behind it, is as it was.
fn assert_unused_bytes_stay(image: &[u8], log: &DiskLog<MemoryStorage>, region_count: u64) {
    let bits_end = BITS_OFFSET_BYTES + usize::try_from(region_count.div_ceil(64) * 8).unwrap_or_default();
    let bytes = &log.storage().bytes;
    assert_eq!(bytes.len(), image.len());
    assert_eq!(bytes.get(HEADER_BYTES..BITS_OFFSET_BYTES), image.get(HEADER_BYTES..BITS_OFFSET_BYTES));
    assert_eq!(bytes.get(bits_end..), image.get(bits_end..));
}
