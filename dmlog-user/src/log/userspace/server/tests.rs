//! Tables that come, go, overlap and are forgotten; requests that come twice.

use super::{LOGS_MAX, LogMaker, LogServer, MadeLog, TABLES_MAX};
use crate::event::ids::Region;
use crate::log::core_log::CoreLog;
use crate::log::userspace::constructor::{DaemonLog, DaemonTable};
use crate::log::userspace::ids::{Errno, Luid, RequestSeq, Uuid};
use crate::log::userspace::reply::{Answer, Reply};
use crate::log::userspace::request::{Request, RequestOp};

/// Makes core logs, and says that a `disk` one is on its device.
#[derive(Debug)]
struct Maker;

impl LogMaker for Maker {
    fn make(&mut self, _uuid: &Uuid, constructor: &str) -> Result<MadeLog, Errno> {
        let table = DaemonTable::parse(constructor).ok().ok_or(Errno::EINVAL)?;
        match table.log {
            DaemonLog::Core(core) => Ok(MadeLog { log: Box::new(CoreLog::new(&core)), log_dev: None }),
            DaemonLog::Disk(disk) => {
                let words = [disk.geometry.region_size_sectors().to_string()];
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let core = crate::log::arguments::CoreArguments::parse(&words, disk.geometry.target_sectors()).unwrap();
                Ok(MadeLog { log: Box::new(CoreLog::new(&core)), log_dev: Some(disk.log_dev) })
            }
            _ => Err(Errno::ENOSYS),
        }
    }
}

const CONSTRUCTOR: &str = "32768 core 1024";

fn request(uuid: &str, luid: u64, op: RequestOp) -> Request {
    Request { luid: Luid::new(luid), uuid: Uuid::new(uuid).unwrap(), version: 3, seq: RequestSeq(0), op }
}

fn ctr(arguments: &str) -> RequestOp {
    RequestOp::Ctr { arguments: arguments.to_owned(), is_reconnect: false }
}

fn reconnect(arguments: &str) -> RequestOp {
    RequestOp::Ctr { arguments: arguments.to_owned(), is_reconnect: true }
}

fn set_sync(region: u64, in_sync: bool) -> RequestOp {
    RequestOp::SetRegionSync { region: Region(region), in_sync }
}

#[derive(Debug)]
struct Kernel(LogServer<Maker>);

impl Kernel {
    fn new() -> Self {
        Self(LogServer::new(Maker))
    }

    /// One request about table `luid` of the one log.
    fn ask(&mut self, luid: u64, op: RequestOp) -> Result<Answer, Errno> {
        self.ask_log("a", luid, op)
    }

    fn ask_log(&mut self, uuid: &str, luid: u64, op: RequestOp) -> Result<Answer, Errno> {
        let reply = self.0.answer(&request(uuid, luid, op));
        let Reply::Full { outcome, .. } = reply else { panic!("a bare reply") };
        outcome
    }

    fn construct_and_resume(&mut self, luid: u64) {
        self.ask(luid, ctr(CONSTRUCTOR)).unwrap();
        self.ask(luid, RequestOp::Resume).unwrap();
    }

    fn suspend(&mut self, luid: u64) {
        self.ask(luid, RequestOp::Presuspend).unwrap();
        self.ask(luid, RequestOp::Postsuspend).unwrap();
    }
}

#[test]
fn a_reload_hands_the_state_over_at_resume() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    assert_eq!(kernel.ask(1, RequestOp::GetResyncWork), Ok(Answer::ResyncWork(Some(Region(0)))));
    kernel.ask(1, set_sync(0, true)).unwrap();
    // The inactive table is constructed while the live one runs, and knows nothing yet.
    kernel.ask(2, ctr(CONSTRUCTOR)).unwrap();
    assert_eq!(kernel.ask(2, RequestOp::GetRegionSize), Ok(Answer::RegionSize(1024)));
    assert_eq!(kernel.ask(2, RequestOp::GetSyncCount), Ok(Answer::SyncCount(0)));
    kernel.suspend(1);
    kernel.ask(2, RequestOp::Resume).unwrap();
    assert_eq!(kernel.ask(2, RequestOp::GetSyncCount), Ok(Answer::SyncCount(1)));
    // The old table is gone but for its DTR, which comes when the new one is at work.
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Err(Errno::EINVAL));
    assert_eq!(kernel.ask(1, RequestOp::GetRegionSize), Ok(Answer::RegionSize(1024)));
    assert_eq!(kernel.ask(2, RequestOp::GetResyncWork), Ok(Answer::ResyncWork(Some(Region(1)))));
    assert_eq!(kernel.ask(1, RequestOp::Dtr), Ok(Answer::Done));
    assert_eq!(kernel.ask(2, RequestOp::GetResyncWork), Ok(Answer::ResyncWork(Some(Region(1)))));
    assert_eq!(kernel.0.table_count(), 1);
}

#[test]
fn another_geometry_starts_anew() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(1, set_sync(3, true)).unwrap();
    kernel.ask(2, ctr("65536 core 1024")).unwrap();
    kernel.suspend(1);
    kernel.ask(2, RequestOp::Resume).unwrap();
    assert_eq!(kernel.ask(2, RequestOp::GetSyncCount), Ok(Answer::SyncCount(0)));
}

#[test]
fn two_live_tables_of_one_log_are_refused() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(2, ctr(CONSTRUCTOR)).unwrap();
    assert_eq!(kernel.ask(2, RequestOp::Resume), Err(Errno::EBUSY));
}

#[test]
fn resync_work_is_handed_out_again_until_it_comes_back() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    for _ in 0..3 {
        assert_eq!(kernel.ask(1, RequestOp::GetResyncWork), Ok(Answer::ResyncWork(Some(Region(0)))));
    }
    kernel.ask(1, set_sync(0, true)).unwrap();
    assert_eq!(kernel.ask(1, RequestOp::GetResyncWork), Ok(Answer::ResyncWork(Some(Region(1)))));
}

#[test]
fn a_region_that_is_set_in_sync_twice_counts_once() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(1, RequestOp::GetResyncWork).unwrap();
    for _ in 0..3 {
        kernel.ask(1, set_sync(0, true)).unwrap();
    }
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Ok(Answer::SyncCount(1)));
}

#[test]
fn the_hint_is_the_first_region_out_of_sync() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    let hint = |kernel: &mut Kernel| {
        let answer = kernel.ask(1, RequestOp::IsRemoteRecovering { region: Region(9) }).unwrap();
        let Answer::RemoteRecovering { is_recovering: false, in_sync_hint } = answer else { panic!("{answer:?}") };
        in_sync_hint.0
    };
    assert_eq!(hint(&mut kernel), 0);
    for region in [0, 1, 3] {
        kernel.ask(1, set_sync(region, true)).unwrap();
    }
    assert_eq!(hint(&mut kernel), 2);
    (2..32).for_each(|region| drop(kernel.ask(1, set_sync(region, true))));
    assert_eq!(hint(&mut kernel), 32);
    kernel.ask(1, set_sync(7, false)).unwrap();
    assert_eq!(hint(&mut kernel), 7);
}

#[test]
fn regions_beyond_the_end_are_refused_before_anything_is_done() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    for op in [
        RequestOp::InSync { region: Region(32) },
        RequestOp::IsClean { region: Region(u64::MAX) },
        set_sync(32, true),
        RequestOp::IsRemoteRecovering { region: Region(32) },
        RequestOp::MarkRegion { regions: vec![Region(5), Region(32)] },
        RequestOp::Flush { marks: vec![Region(5), Region(32)] },
        RequestOp::ClearRegion { regions: vec![Region(32)] },
    ] {
        assert_eq!(kernel.ask(1, op), Err(Errno::EINVAL));
    }
    assert_eq!(kernel.ask(1, RequestOp::IsClean { region: Region(5) }), Ok(Answer::IsClean(true)));
}

#[test]
fn a_flush_marks_what_it_carries() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(1, RequestOp::Flush { marks: vec![Region(5)] }).unwrap();
    assert_eq!(kernel.ask(1, RequestOp::IsClean { region: Region(5) }), Ok(Answer::IsClean(false)));
}

#[test]
fn a_ctr_that_comes_twice_makes_one_table() {
    let mut kernel = Kernel::new();
    let device = Ok(Answer::LogDevice(Some("253:3".to_owned())));
    assert_eq!(kernel.ask(1, ctr("32768 disk 253:3 1024")), device);
    assert_eq!(kernel.ask(1, ctr("32768 disk 253:3 1024")), device);
    assert_eq!(kernel.0.table_count(), 1);
}

#[test]
fn a_reconnect_keeps_the_state_and_names_no_device() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(1, set_sync(3, true)).unwrap();
    assert_eq!(kernel.ask(1, reconnect(CONSTRUCTOR)), Ok(Answer::LogDevice(None)));
    assert_eq!(kernel.ask(1, RequestOp::Resume), Ok(Answer::Done));
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Ok(Answer::SyncCount(1)));
    // So does one to a daemon that has been started anew: the kernel's buffer for the name has no bytes.
    assert_eq!(kernel.ask_log("b", 5, reconnect("32768 disk 253:3 1024")), Ok(Answer::LogDevice(None)));
}

#[test]
fn a_flush_behind_a_reconnect_may_be_for_marks_that_we_never_got() {
    let is_clean = |kernel: &mut Kernel, region| kernel.ask(1, RequestOp::IsClean { region: Region(region) });
    let mut kernel = Kernel::new();
    kernel.ask(1, reconnect("32768 core 1024 nosync")).unwrap();
    kernel.ask(1, RequestOp::Resume).unwrap();
    kernel.ask(1, RequestOp::Flush { marks: Vec::new() }).unwrap();
    assert_eq!(is_clean(&mut kernel, 5), Ok(Answer::IsClean(false)));
    // What the kernel says itself is believed, and the rest when nothing is under way any more.
    kernel.ask(1, RequestOp::ClearRegion { regions: vec![Region(5)] }).unwrap();
    kernel.ask(1, RequestOp::MarkRegion { regions: vec![Region(6)] }).unwrap();
    assert_eq!(is_clean(&mut kernel, 5), Ok(Answer::IsClean(true)));
    assert_eq!(is_clean(&mut kernel, 7), Ok(Answer::IsClean(false)));
    kernel.suspend(1);
    kernel.ask(1, RequestOp::Resume).unwrap();
    let expected = [true, false, true].map(|is_clean| Ok(Answer::IsClean(is_clean)));
    assert_eq!([5, 6, 7].map(|region| is_clean(&mut kernel, region)), expected);
}

#[test]
fn a_luid_that_comes_back_with_a_new_table_gets_the_state_at_resume() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    kernel.ask(1, set_sync(3, true)).unwrap();
    // The DTR was lost, and the kernel has used the memory again.
    kernel.ask(1, ctr(CONSTRUCTOR)).unwrap();
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Ok(Answer::SyncCount(0)));
    kernel.ask(1, RequestOp::Resume).unwrap();
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Ok(Answer::SyncCount(1)));
    assert_eq!(kernel.0.table_count(), 1);
}

#[test]
fn a_ctr_without_dtr_is_collected_at_the_next_resume() {
    let mut kernel = Kernel::new();
    kernel.ask(1, ctr(CONSTRUCTOR)).unwrap();
    kernel.ask(2, ctr(CONSTRUCTOR)).unwrap();
    kernel.ask(3, ctr(CONSTRUCTOR)).unwrap();
    kernel.ask(2, RequestOp::Resume).unwrap();
    // Table 3 may be on its way to the inactive slot.
    assert_eq!(kernel.ask(1, RequestOp::GetRegionSize), Err(Errno::EINVAL));
    assert_eq!(kernel.ask(3, RequestOp::GetRegionSize), Ok(Answer::RegionSize(1024)));
    assert_eq!((kernel.0.counts().collected_tables, kernel.0.counts().unknown_tables), (1, 1));
}

#[test]
fn ctrs_without_dtr_have_a_limit() {
    let mut kernel = Kernel::new();
    kernel.construct_and_resume(1);
    for luid in 2..100 {
        kernel.ask(luid, ctr(CONSTRUCTOR)).unwrap();
        assert!(kernel.0.table_count() <= TABLES_MAX);
    }
    assert_eq!(kernel.ask(1, RequestOp::GetSyncCount), Ok(Answer::SyncCount(0)), "the live one stays");
    assert_eq!(kernel.ask(99, RequestOp::Resume), Err(Errno::EBUSY));
}

#[test]
fn logs_have_a_limit_and_those_never_used_go_first() {
    let mut kernel = Kernel::new();
    kernel.ask_log("never used", 1, ctr(CONSTRUCTOR)).unwrap();
    for log in 1..LOGS_MAX {
        let uuid = format!("log-{log}");
        kernel.ask_log(&uuid, 1, ctr(CONSTRUCTOR)).unwrap();
        kernel.ask_log(&uuid, 1, RequestOp::Resume).unwrap();
    }
    kernel.ask_log("one more", 1, ctr(CONSTRUCTOR)).unwrap();
    kernel.ask_log("one more", 1, RequestOp::Resume).unwrap();
    assert_eq!(kernel.ask_log("never used", 1, RequestOp::GetRegionSize), Err(Errno::EINVAL));
    assert_eq!(kernel.ask_log("too many", 1, ctr(CONSTRUCTOR)), Err(Errno::ENOSPC));
    assert_eq!(kernel.0.counts().beyond_limit, 1);
}

#[test]
fn a_dtr_of_nothing_is_answered() {
    let mut kernel = Kernel::new();
    assert_eq!(kernel.ask(1, RequestOp::Dtr), Ok(Answer::Done));
    kernel.ask(1, ctr(CONSTRUCTOR)).unwrap();
    kernel.ask(1, RequestOp::Dtr).unwrap();
    assert_eq!(kernel.0.table_count(), 0);
}

#[test]
fn datagrams_that_are_not_understood_are_refused_and_foreign_ones_ignored() {
    let mut server = LogServer::new(Maker);
    let datagram = request("a", 1, RequestOp::InSync { region: Region(1) }).encode().unwrap();
    let with = |place: usize, value: u32| {
        let mut datagram = datagram.clone();
        datagram[place..place + 4].copy_from_slice(&value.to_ne_bytes());
        datagram
    };
    let answer = |server: &mut LogServer<Maker>, datagram: &[u8]| {
        server.answer_datagram(datagram).map(|reply| Reply::decode(&reply).unwrap())
    };
    // A known request with wrong data: its own header comes back.
    let Some(Reply::Full { outcome, .. }) = answer(&mut server, &with(188, 12)) else { panic!("no whole reply") };
    assert_eq!(outcome, Err(Errno::EINVAL));
    // An unknown request: only its number is known.
    let bare = Reply::Bare { seq: RequestSeq(0), outcome: Err(Errno::ENOSYS) };
    assert_eq!(answer(&mut server, &with(188, 99)), Some(bare));
    assert_eq!(answer(&mut server, &with(16, 1)), None);
    assert_eq!(answer(&mut server, &[]), None);
    assert_eq!((server.counts().refused_datagrams, server.counts().foreign_datagrams), (2, 2));
}
