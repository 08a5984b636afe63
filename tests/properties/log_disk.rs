//! The disk type against the oracle, with a log device that fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dmlog_user::event::ids::{DevNum, Region};
use dmlog_user::log::arguments::{DiskArguments, SyncOption};
use dmlog_user::log::dirty_log::{DirtyLog, LogError, StatusType};
use dmlog_user::log::disk::disk_log::{DiskLog, FlushCallback};
use dmlog_user::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, MAGIC, decode_bits};
use dmlog_user::log::disk::memory::{Faults, MemoryStorage};
use dmlog_user::log::geometry::LogGeometry;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert_eq, prop_oneof};

use crate::oracle::{LogStep, Oracle, region_count, step, sync_option};

pub(crate) const LOG_DEV: DevNum = DevNum { major: 7, minor: 2 };

pub(crate) fn arguments(region_count: usize, sync_option: SyncOption) -> DiskArguments {
    let geometry = LogGeometry::new(region_count as u64 * 2, 2).unwrap();
    DiskArguments { log_dev: "7:2".to_owned(), geometry, sync_option }
}

/// A disk log on a device as the kernel's text has it: header numbers, a boolean for each bit of the device, flags.
#[derive(Debug)]
struct DiskOracle {
    log: Oracle,
    /// The header in memory.
    header: DiskLogHeader,
    /// What the device holds.
    device_header: DiskLogHeader,
    device_clean: Vec<bool>,
    faults: Faults,
    legs_fail: bool,
    log_dev_failed: bool,
    log_dev_flush_failed: bool,
}

impl DiskOracle {
    fn read_header(&mut self) -> Result<(), ()> {
        if self.faults.read {
            return Err(());
        }
        self.header = self.device_header;
        if self.log.sync_option != SyncOption::Default || self.header.magic != MAGIC {
            self.header = DiskLogHeader { magic: MAGIC, version: 2, nr_regions: 0 };
        }
        if self.header.version == 1 {
            self.header.version = 2;
        }
        for (info, is_clean) in self.log.state.iter_mut().zip(&self.device_clean) {
            info.clean = *is_clean;
        }
        if self.header.version == 2 { Ok(()) } else { Err(()) }
    }

    /// Writes bits, and the header too at resume; then flushes the device if that is asked for.
    fn write(&mut self, flushes: bool) -> Result<(), i32> {
        if self.faults.write {
            self.log_dev_failed = true;
            return Err(-5);
        }
        self.device_header = self.header;
        for (is_clean, info) in self.device_clean.iter_mut().zip(&self.log.state) {
            *is_clean = info.clean;
        }
        if flushes && self.faults.flush {
            self.log_dev_flush_failed = true;
            self.log_dev_failed = true;
            return Err(-5);
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), i32> {
        if self.read_header() == Err(()) {
            self.log_dev_failed = true;
            self.header.nr_regions = 0;
        }
        let region_count = self.log.state.len();
        let first_new = usize::try_from(self.header.nr_regions & 0xffff_ffff).unwrap();
        for region in first_new..region_count {
            if self.log.sync_option == SyncOption::Nosync {
                self.log.state[region].clean = true;
                self.log.touched_cleaned = true;
            } else {
                self.log.state[region].clean = false;
                self.log.touched_dirtied = true;
            }
        }
        let mut padding = region_count;
        while !padding.is_multiple_of(64) {
            self.log.touched_dirtied = true;
            padding += 1;
        }
        self.log.sync_count = 0;
        for info in &mut self.log.state {
            info.in_sync = info.clean;
            self.log.sync_count += u64::from(info.clean);
        }
        self.log.sync_search = 0;
        self.header.nr_regions = region_count as u64;
        self.write(true)
    }

    fn flush(&mut self) -> Result<(), i32> {
        if !self.log.touched_cleaned && !self.log.touched_dirtied {
            return Ok(());
        }
        if self.log.touched_cleaned && self.legs_fail {
            self.log.flush_failed = true;
            for info in &mut self.log.state {
                info.clean = false;
                self.log.touched_dirtied = true;
            }
        }
        let dirtied = self.log.touched_dirtied;
        let write_fails = self.faults.write;
        let result = self.write(dirtied);
        if !write_fails {
            if dirtied && result.is_ok() {
                self.log.touched_dirtied = false;
            }
            self.log.touched_cleaned = false;
        }
        result
    }

    fn info(&self) -> &'static str {
        match (self.log_dev_flush_failed, self.log_dev_failed) {
            (true, _) => "3 disk 7:2 F",
            (false, true) => "3 disk 7:2 D",
            (false, false) => "3 disk 7:2 A",
        }
    }

    fn check(&self, log: &mut DiskLog<MemoryStorage>) {
        self.log.check(log.bits());
        assert_eq!(log.status(StatusType::Info), self.info());
        let bytes = &log.storage().bytes;
        assert_eq!(DiskLogHeader::decode(bytes), Some(self.device_header));
        let on_device = decode_bits(bytes, self.device_clean.len() as u64);
        for (number, is_clean) in self.device_clean.iter().enumerate() {
            assert_eq!(on_device.get(Region(number as u64)), *is_clean, "region {number} on the device");
        }
    }
}

/// A step of the mirror, or a change of what fails.
#[derive(Clone, Debug)]
enum DiskStep {
    Log(LogStep),
    Faults { read: bool, write: bool, flush: bool, legs: bool },
}

fn disk_step() -> impl Strategy<Value = DiskStep> {
    let faults = (0..8_u8, any::<bool>()).prop_map(|(kind, legs)| DiskStep::Faults {
        read: kind == 0,
        write: kind == 1,
        flush: kind == 2,
        legs: legs && kind == 3,
    });
    prop_oneof![12 => step().prop_map(DiskStep::Log), 1 => faults]
}

/// What stands on the device before: any of the headers that mean something, and any bits.
pub(crate) fn device() -> impl Strategy<Value = (DiskLogHeader, Vec<u8>)> {
    let magic = prop_oneof![4 => Just(MAGIC), 1 => any::<u32>()];
    let version = prop_oneof![4 => Just(2), 2 => Just(1), 1 => any::<u32>()];
    let nr_regions = prop_oneof![
        4 => 0..2100_u64,
        1 => Just(u64::MAX),
        1 => (0..100_u64).prop_map(|low| (1 << 32) + low)
    ];
    let header = (magic, version, nr_regions).prop_map(|(magic, version, nr_regions)| DiskLogHeader {
        magic,
        version,
        nr_regions,
    });
    let bits = prop_oneof![Just(vec![0xff; 300]), vec(any::<u8>(), 300)];
    (header, bits)
}

pub(crate) fn device_bytes(header: DiskLogHeader, bits: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xa5; BITS_OFFSET_BYTES];
    bytes[..16].copy_from_slice(&header.encode());
    bytes.extend_from_slice(bits);
    bytes.resize(4096, 0xa5);
    bytes
}

#[test]
fn a_disk_log_is_the_oracle_after_every_step() {
    let strategy = ((region_count(), sync_option(), device()), vec(disk_step(), 0..60));
    TestRunner::new(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })
        .run(&strategy, |((region_count, sync_option, (header, bits)), steps)| {
            let bytes = device_bytes(header, &bits);
            let on_device = |region: usize| bytes[BITS_OFFSET_BYTES + region / 8] >> (region % 8) & 1 == 1;
            let mut oracle = DiskOracle {
                log: Oracle::new(region_count, sync_option),
                header: DiskLogHeader::default(),
                device_header: header,
                device_clean: (0..region_count).map(on_device).collect(),
                faults: Faults::default(),
                legs_fail: false,
                log_dev_failed: false,
                log_dev_flush_failed: false,
            };
            let legs_fail = Arc::new(AtomicBool::new(false));
            let legs = Arc::clone(&legs_fail);
            let callback: FlushCallback =
                Box::new(
                    move || {
                        if legs.load(Ordering::Relaxed) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
                    },
                );
            let arguments = arguments(region_count, sync_option);
            let mut log = DiskLog::new(&arguments, LOG_DEV, MemoryStorage::new(bytes, 512), Some(callback)).unwrap();
            // Nothing comes to a log before its first resume but an empty flush.
            log.flush().unwrap();
            oracle.flush().unwrap();
            prop_assert_eq!(kernel_result(log.resume()), oracle.resume());
            oracle.check(&mut log);
            for step in steps {
                match step {
                    DiskStep::Log(step) => apply(&step, &mut oracle, &mut log),
                    DiskStep::Faults { read, write, flush, legs } => {
                        oracle.faults = Faults { read, write, flush };
                        oracle.legs_fail = legs;
                        log.storage_mut().faults = oracle.faults;
                        legs_fail.store(legs, Ordering::Relaxed);
                    }
                }
                oracle.check(&mut log);
            }
            Ok(())
        })
        .unwrap();
}

fn kernel_result(result: Result<(), LogError>) -> Result<(), i32> {
    result.map_err(|error| error.kernel_result())
}

fn apply(step: &LogStep, oracle: &mut DiskOracle, log: &mut DiskLog<MemoryStorage>) {
    let number = |region: usize| region % oracle.log.state.len();
    match *step {
        LogStep::Mark(region) => {
            let region = number(region);
            oracle.log.mark_region(region);
            log.mark_region(Region(region as u64));
        }
        LogStep::Clear(region) => {
            let region = number(region);
            oracle.log.clear_region(region);
            log.clear_region(Region(region as u64));
        }
        LogStep::GetResyncWork => {
            let expected = oracle.log.get_resync_work().map(|region| Region(region as u64));
            assert_eq!(log.get_resync_work().unwrap(), expected);
        }
        LogStep::SetRegionSync(region, in_sync) => {
            let region = number(region);
            oracle.log.set_region_sync(region, in_sync);
            log.set_region_sync(Region(region as u64), in_sync);
        }
        LogStep::Resume => assert_eq!(kernel_result(log.resume()), oracle.resume()),
        LogStep::Suspend => {
            log.presuspend().unwrap();
            assert_eq!(kernel_result(log.postsuspend()), oracle.flush());
        }
        LogStep::Flush => assert_eq!(kernel_result(log.flush()), oracle.flush()),
    }
}
