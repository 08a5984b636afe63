//! The type `disk`: a core log whose clean bits survive on a log device.
//!
//! Source: <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log.c>, `_disk_type`; the same from 5.10 to 7.3 but for
//! the padding (see [`super::header`]).
//!
//! Invariant, which crash tests check: when [`DirtyLog::flush`] has returned `Ok`, every region that was marked before it
//! reads as dirty after any crash, until it is cleared *and* the legs were flushed behind that.

use std::fmt;
use std::io;

use super::header::{DiskLogHeader, MAGIC, VERSION, VERSION_1, area_bytes, decode_bits, encode_bits};
use super::storage::{DurableWriteError, LogStorage};
use crate::event::ids::{DevNum, Region};
use crate::log::arguments::{ArgumentError, DiskArguments, SyncOption};
use crate::log::bits::LogBits;
use crate::log::dirty_log::{DirtyLog, LogError, LogType, StatusType};
use crate::log::geometry::LogGeometry;

/// Flushes all legs of the mirror and waits for it: `flush_callback_fn`, which is `mirror_flush` in the kernel.
pub type FlushCallback = Box<dyn FnMut() -> io::Result<()> + Send>;

/// What the status line says about the log device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogDevHealth {
    /// `A`: no error so far.
    Alive,
    /// `D`: a read or a write failed, or the header could not be used. Never goes back.
    Failed,
    /// `F`: a flush of the log device failed. Never goes back.
    FlushFailed,
}

impl LogDevHealth {
    /// The letter in a status line.
    pub const fn letter(self) -> char {
        match self {
            Self::Alive => 'A',
            Self::Failed => 'D',
            Self::FlushFailed => 'F',
        }
    }
}

/// Why a resume could not use what is on the log device. The log goes on with every region dirty.
#[derive(Debug, thiserror::Error)]
pub enum ReadHeaderError {
    /// The device could not be read.
    #[error("the log device could not be read")]
    Device {
        /// What the device said.
        #[source]
        source: io::Error,
    },
    /// The kernel says "incompatible disk log version".
    #[error("incompatible disk log version {version}")]
    Version {
        /// As it stands in the header.
        version: u32,
    },
}

/// A disk log.
pub struct DiskLog<S> {
    geometry: LogGeometry,
    log_dev: DevNum,
    bits: LogBits,
    storage: S,
    flush_callback: Option<FlushCallback>,
    /// `lc->header`: what the next resume or flush writes.
    header: DiskLogHeader,
    /// `lc->disk_header`: the whole area. What the kernel does not use in it is written back as it was read.
    area: Vec<u8>,
    log_dev_failed: bool,
    log_dev_flush_failed: bool,
    read_error: Option<ReadHeaderError>,
}

impl<S: LogStorage> DiskLog<S> {
    /// `disk_ctr`. Nothing is read before the first resume. Without a callback the legs are taken as flushed.
    ///
    /// # Errors
    /// [`ArgumentError::LogDeviceTooSmall`]; a device that does not tell its size has none.
    pub fn new(
        arguments: &DiskArguments,
        log_dev: DevNum,
        mut storage: S,
        flush_callback: Option<FlushCallback>,
    ) -> Result<Self, ArgumentError> {
        let DiskArguments { log_dev: _, geometry, sync_option } = arguments;
        let region_count = geometry.region_count();
        //= linux v6.12 drivers/md/dm-log.c create_log_context
        //= `if (buf_size > bdev_nr_bytes(dev->bdev)) { DMWARN("log device %s too small: need %llu bytes",`
        let area_bytes = area_bytes(region_count, storage.logical_block_bytes());
        let too_small = || ArgumentError::LogDeviceTooSmall { log_dev: log_dev.to_string(), area_bytes };
        if area_bytes > storage.size_bytes().unwrap_or(0) {
            return Err(too_small());
        }
        let area_length = usize::try_from(area_bytes).ok().ok_or_else(too_small)?;
        Ok(Self {
            geometry: *geometry,
            log_dev,
            bits: LogBits::new(region_count, *sync_option),
            storage,
            flush_callback,
            // The kernel's is what the heap holds, and it is written if the first read fails and a later write works.
            header: DiskLogHeader::default(),
            area: vec![0; area_length],
            log_dev_failed: false,
            log_dev_flush_failed: false,
            read_error: None,
        })
    }

    /// The state in memory.
    pub fn bits(&self) -> &LogBits {
        &self.bits
    }

    /// How the target is cut into regions.
    pub fn geometry(&self) -> &LogGeometry {
        &self.geometry
    }

    /// Where the log is kept.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Where the log is kept, to change it: for tests, which make it fail.
    pub fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Gives the storage back; `disk_dtr`.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// What the status line says about the log device.
    pub fn health(&self) -> LogDevHealth {
        //= linux v6.12 drivers/md/dm-log.c disk_status
        //= `lc->log_dev_flush_failed ? 'F' : lc->log_dev_failed ? 'D' : 'A'`
        match (self.log_dev_flush_failed, self.log_dev_failed) {
            (true, _) => LogDevHealth::FlushFailed,
            (false, true) => LogDevHealth::Failed,
            (false, false) => LogDevHealth::Alive,
        }
    }

    /// Why the last resume could not use what is on the device; the kernel prints it and goes on.
    pub fn read_error(&self) -> Option<&ReadHeaderError> {
        self.read_error.as_ref()
    }

    /// `read_header`: reads the area and takes its header.
    fn read_header(&mut self) -> Result<(), ReadHeaderError> {
        self.storage.read_area(&mut self.area).map_err(|source| ReadHeaderError::Device { source })?;
        self.header = DiskLogHeader::decode(&self.area).unwrap_or_default();
        //= `if (log->sync != DEFAULTSYNC || log->header.magic != MIRROR_MAGIC)`
        if self.bits.sync_option != SyncOption::Default || self.header.magic != MAGIC {
            self.header = DiskLogHeader::new_log();
        }
        //= `#ifdef __LITTLE_ENDIAN if (log->header.version == 1) log->header.version = 2;`
        if self.header.version == VERSION_1 {
            self.header.version = VERSION;
        }
        //= `if (log->header.version != MIRROR_DISK_VERSION) { DMWARN("incompatible disk log version"); return -EINVAL; }`
        // The header keeps that version, and is written with it: test a_bad_version_resumes_with_health_d_and_is_written_back.
        if self.header.version == VERSION {
            Ok(())
        } else {
            Err(ReadHeaderError::Version { version: self.header.version })
        }
    }

    /// Puts the bits into the area. In the kernel they live there.
    fn area_with_bits(&mut self) {
        encode_bits(&self.bits.clean, &mut self.area);
    }

    /// Writes and flushes the area and notes what failed.
    fn write_durably(&mut self) -> Result<(), LogError> {
        let log_dev = self.log_dev.to_string();
        self.storage.write_area_durably(&self.area).map_err(|error| {
            //= `fail_log_device(lc);`
            self.log_dev_failed = true;
            match error {
                DurableWriteError::Write { source } => LogError::WriteLogDevice { log_dev, source },
                DurableWriteError::Flush { source } => {
                    //= `lc->log_dev_flush_failed = 1;`
                    self.log_dev_flush_failed = true;
                    LogError::FlushLogDevice { log_dev, source }
                }
            }
        })
    }
}

impl<S: LogStorage> DirtyLog for DiskLog<S> {
    fn log_type(&self) -> LogType {
        LogType::Disk
    }

    fn presuspend(&mut self) -> Result<(), LogError> {
        // The disk type has no such operation.
        Ok(())
    }

    fn postsuspend(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log.c `.postsuspend = disk_flush,`
        self.flush()
    }

    fn resume(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log.c disk_resume `r = read_header(lc);`
        self.read_error = self.read_header().err();
        if self.read_error.is_some() {
            //= `fail_log_device(lc);` and `lc->header.nr_regions = 0;`
            self.log_dev_failed = true;
            self.header.nr_regions = 0;
        }
        let clean = decode_bits(&self.area, self.region_count());
        self.bits.resume_from_disk(clean, self.header.first_new_region());
        //= `lc->header.nr_regions = lc->region_count;` and `header_to_disk(&lc->header, lc->disk_header);`
        self.header.nr_regions = self.region_count();
        let header = self.header.encode();
        if let Some(place) = self.area.first_chunk_mut() {
            *place = header;
        }
        self.area_with_bits();
        //= `r = rw_header(lc, REQ_OP_WRITE); if (!r) { r = flush_header(lc);`
        // touched_dirtied and touched_cleaned are not reset, so the first flush mostly writes all of this again: test
        // the_first_flush_after_resume_writes_again_if_there_is_padding.
        self.write_durably()
    }

    fn get_region_size(&self) -> u32 {
        self.geometry.region_size_sectors()
    }

    fn region_count(&self) -> u64 {
        self.geometry.region_count()
    }

    fn is_clean(&mut self, region: Region) -> Result<bool, LogError> {
        Ok(self.bits.is_clean(region))
    }

    fn in_sync(&mut self, region: Region, _can_block: bool) -> Result<bool, LogError> {
        Ok(self.bits.in_sync(region))
    }

    fn flush(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log.c disk_flush `if (!lc->touched_cleaned && !lc->touched_dirtied) return 0;`
        if !self.bits.touched_cleaned && !self.bits.touched_dirtied {
            return Ok(());
        }
        //= `if (lc->touched_cleaned && log->flush_callback_fn && log->flush_callback_fn(lc->ti))`
        // A region may read as clean only when its data is on every leg for good.
        if self.bits.touched_cleaned && self.flush_callback.as_mut().is_some_and(|flush_legs| flush_legs().is_err()) {
            self.bits.legs_flush_failed();
        }
        // The header is the one of the last resume.
        self.area_with_bits();
        if self.bits.touched_dirtied {
            //= `r = rw_header(lc, REQ_OP_WRITE); if (r) fail_log_device(lc);`
            //= `else { if (lc->touched_dirtied) { r = flush_header(lc);`
            let written = self.write_durably();
            match &written {
                Ok(()) => {
                    self.bits.touched_dirtied = false;
                    self.bits.touched_cleaned = false;
                }
                // Written, so nothing is left to clean; not flushed, so the next flush does all of it again.
                Err(LogError::FlushLogDevice { .. }) => self.bits.touched_cleaned = false,
                Err(_) => {}
            }
            return written;
        }
        // Only cleaned: a crash that loses this costs a needless resync, so the log device is not flushed.
        if let Err(source) = self.storage.write_area(&self.area) {
            self.log_dev_failed = true;
            return Err(LogError::WriteLogDevice { log_dev: self.log_dev.to_string(), source });
        }
        //= `lc->touched_cleaned = 0;`
        self.bits.touched_cleaned = false;
        Ok(())
    }

    fn mark_region(&mut self, region: Region) {
        self.bits.mark_region(region);
    }

    fn clear_region(&mut self, region: Region) {
        self.bits.clear_region(region);
    }

    fn get_resync_work(&mut self) -> Result<Option<Region>, LogError> {
        Ok(self.bits.get_resync_work())
    }

    fn set_region_sync(&mut self, region: Region, in_sync: bool) {
        self.bits.set_region_sync(region, in_sync);
    }

    fn get_sync_count(&mut self) -> u64 {
        self.bits.get_sync_count()
    }

    fn status(&mut self, status: StatusType) -> String {
        let (name, log_dev) = (self.log_type().name(), self.log_dev);
        match status {
            //= linux v6.12 drivers/md/dm-log.c disk_status `DMEMIT("3 %s %s %c", log->type->name, lc->log_dev->name,`
            StatusType::Info => format!("3 {name} {log_dev} {}", self.health().letter()),
            //= `DMEMIT("%s %u %s %u ", log->type->name, lc->sync == DEFAULTSYNC ? 2 : 3, lc->log_dev->name, lc->region_size);`
            //= `DMEMIT_SYNC;`
            StatusType::Table => {
                let sync_option = self.bits.sync_option;
                let count = if sync_option == SyncOption::Default { 2 } else { 3 };
                format!("{name} {count} {log_dev} {} {}", self.get_region_size(), sync_option.table_words())
            }
            //= `case STATUSTYPE_IMA: *result = '\0';`
            StatusType::Ima => String::new(),
        }
    }

    fn is_remote_recovering(&mut self, _region: Region) -> bool {
        // The disk type has no such operation; the mirror takes that as no.
        false
    }
}

impl<S: fmt::Debug> fmt::Debug for DiskLog<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            geometry,
            log_dev,
            bits,
            storage,
            flush_callback: _,
            header,
            area: _,
            log_dev_failed,
            log_dev_flush_failed,
            read_error,
        } = self;
        f.debug_struct("DiskLog")
            .field("geometry", geometry)
            .field("log_dev", log_dev)
            .field("bits", bits)
            .field("storage", storage)
            .field("header", header)
            .field("log_dev_failed", log_dev_failed)
            .field("log_dev_flush_failed", log_dev_flush_failed)
            .field("read_error", read_error)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
