//! The type `core`: everything in memory, lost at reboot.
//!
//! Source: <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log.c>, `_core_type`; the same from 5.10 to 7.3.

use super::arguments::{CoreArguments, SyncOption};
use super::bits::LogBits;
use super::dirty_log::{DirtyLog, LogError, LogType, StatusType};
use super::geometry::LogGeometry;
use crate::event::ids::Region;

/// A core log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreLog {
    geometry: LogGeometry,
    bits: LogBits,
}

impl CoreLog {
    /// `core_ctr`.
    pub fn new(arguments: &CoreArguments) -> Self {
        let CoreArguments { geometry, sync_option } = arguments;
        Self { geometry: *geometry, bits: LogBits::new(geometry.region_count(), *sync_option) }
    }

    /// The state.
    pub fn bits(&self) -> &LogBits {
        &self.bits
    }

    /// How the target is cut into regions.
    pub fn geometry(&self) -> &LogGeometry {
        &self.geometry
    }
}

impl DirtyLog for CoreLog {
    fn log_type(&self) -> LogType {
        LogType::Core
    }

    fn presuspend(&mut self) -> Result<(), LogError> {
        // The core type has no such operation.
        Ok(())
    }

    fn postsuspend(&mut self) -> Result<(), LogError> {
        // The core type has no such operation.
        Ok(())
    }

    fn resume(&mut self) -> Result<(), LogError> {
        self.bits.resume();
        Ok(())
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
        //= linux v6.12 drivers/md/dm-log.c core_flush `return 0;`
        // touched_dirtied and touched_cleaned are not reset: on a core log they stay true for ever. Test
        // a_core_flush_does_not_reset_touched.
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
        let name = self.log_type().name();
        match status {
            //= linux v6.12 drivers/md/dm-log.c core_status `DMEMIT("1 %s", log->type->name);`
            StatusType::Info => format!("1 {name}"),
            //= `DMEMIT("%s %u %u ", log->type->name, lc->sync == DEFAULTSYNC ? 1 : 2, lc->region_size); DMEMIT_SYNC;`
            StatusType::Table => {
                let sync_option = self.bits.sync_option;
                let count = if sync_option == SyncOption::Default { 1 } else { 2 };
                format!("{name} {count} {} {}", self.get_region_size(), sync_option.table_words())
            }
            //= `case STATUSTYPE_IMA: *result = '\0';`
            StatusType::Ima => String::new(),
        }
    }

    fn is_remote_recovering(&mut self, _region: Region) -> bool {
        // The core type has no such operation; the mirror takes that as no.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::CoreLog;
    use crate::event::ids::Region;
    use crate::log::arguments::CoreArguments;
    use crate::log::dirty_log::{DirtyLog, StatusType};

    fn log(arguments: &[&str]) -> CoreLog {
        CoreLog::new(&CoreArguments::parse(arguments, 32_768).unwrap())
    }

    #[test]
    fn status_lines_are_the_kernels() {
        assert_eq!(log(&["1024"]).status(StatusType::Info), "1 core");
        assert_eq!(log(&["1024"]).status(StatusType::Table), "core 1 1024 ");
        assert_eq!(log(&["1024", "nosync"]).status(StatusType::Table), "core 2 1024 nosync ");
        assert_eq!(log(&["1024", "sync"]).status(StatusType::Table), "core 2 1024 sync ");
        assert_eq!(log(&["1024"]).status(StatusType::Ima), "");
    }

    #[test]
    fn a_core_flush_does_not_reset_touched() {
        let mut log = log(&["1024"]);
        log.mark_region(Region(1));
        log.clear_region(Region(1));
        log.flush().unwrap();
        assert!(log.bits().touched_dirtied && log.bits().touched_cleaned);
    }

    #[test]
    fn a_core_log_keeps_its_bits_over_suspend_and_resume() {
        let mut log = log(&["1024"]);
        log.mark_region(Region(1));
        assert_eq!(log.get_resync_work().unwrap(), Some(Region(0)));
        let before = log.bits().clone();
        log.presuspend().unwrap();
        log.postsuspend().unwrap();
        log.resume().unwrap();
        assert_eq!(log.bits().sync_search, 0);
        assert_eq!((&log.bits().clean, &log.bits().recovering), (&before.clean, &before.recovering));
    }
}
