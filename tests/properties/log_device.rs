//! A disk log in a file against one in memory, through the page cache and past it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use dmlog_user::event::ids::Region;
use dmlog_user::log::arguments::SyncOption;
use dmlog_user::log::dirty_log::DirtyLog;
use dmlog_user::log::disk::device::DeviceStorage;
use dmlog_user::log::disk::disk_log::DiskLog;
use dmlog_user::log::disk::header::area_bytes;
use dmlog_user::log::disk::memory::MemoryStorage;
use dmlog_user::log::disk::storage::LogStorage;
use proptest::collection::vec;
use proptest::prelude::ProptestConfig;
use proptest::prop_assert_eq;
use proptest::test_runner::TestRunner;
use rustix::fs::OFlags;

use crate::log_disk::{LOG_DEV, arguments, device, device_bytes};
use crate::oracle::{LogStep, region_count, step};

/// A file in the test's folder, opened with these flags.
fn open(name: &str, bytes: &[u8], flags: OFlags) -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    let flags = i32::try_from(flags.bits()).unwrap();
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path).unwrap()
}

#[test]
fn a_log_in_a_file_is_the_same_as_in_memory_with_and_without_the_page_cache() {
    let strategy = (region_count(), device(), vec(step(), 0..12));
    for (name, flags) in [("cached", OFlags::empty()), ("direct", OFlags::DIRECT)] {
        TestRunner::new(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })
            .run(&strategy, |(region_count, (header, bits), steps)| {
                let bytes = device_bytes(header, &bits);
                let arguments = arguments(region_count, SyncOption::Default);
                let file = open(&format!("log-{name}.img"), &bytes, flags);
                let block_bytes = 4096;
                prop_assert_eq!(area_bytes(region_count as u64, block_bytes), 4096);
                let memory = MemoryStorage::new(bytes, block_bytes);
                let mut in_memory = DiskLog::new(&arguments, LOG_DEV, memory, None).unwrap();
                let device = DeviceStorage::new(file, block_bytes);
                let mut in_file = DiskLog::new(&arguments, LOG_DEV, device, None).unwrap();
                in_memory.resume().unwrap();
                in_file.resume().unwrap();
                for step in steps {
                    run(&step, &mut in_memory);
                    run(&step, &mut in_file);
                    prop_assert_eq!(in_memory.bits(), in_file.bits());
                }
                in_memory.postsuspend().unwrap();
                in_file.postsuspend().unwrap();
                let mut read = vec![0; 4096];
                in_file.into_storage().read_area(&mut read).unwrap();
                prop_assert_eq!(&read, &in_memory.storage().bytes);
                Ok(())
            })
            .unwrap();
    }
}

fn run(step: &LogStep, log: &mut impl DirtyLog) {
    let number = |region: usize| Region(region as u64 % log.region_count());
    match *step {
        LogStep::Mark(region) => log.mark_region(number(region)),
        LogStep::Clear(region) => log.clear_region(number(region)),
        LogStep::GetResyncWork => {
            log.get_resync_work().unwrap();
        }
        LogStep::SetRegionSync(region, in_sync) => log.set_region_sync(number(region), in_sync),
        LogStep::Resume => log.resume().unwrap(),
        LogStep::Suspend => log.postsuspend().unwrap(),
        LogStep::Flush => log.flush().unwrap(),
    }
}
