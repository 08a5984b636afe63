//! What the kernel sends for each operation, and its quirks by name.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{ConstructError, UserspaceCounts, UserspaceLog};
use crate::event::ids::{DurationNs, MonoNs, Region};
use crate::log::dirty_log::{DirtyLog, LogError, StatusType};
use crate::log::userspace::ids::{Errno, Luid};
use crate::log::userspace::reply::{Answer, Reply};
use crate::log::userspace::request::{Envelope, Request, RequestOp, RequestType};
use crate::log::userspace::statics::UserspaceStatics;
use crate::log::userspace::transport::{Exchange, Transport};

const SECOND: u64 = 1_000_000_000;
const PLAIN: [&str; 3] = ["LVM-uuid", "core", "1024"];
const INTEGRATED: [&str; 4] = ["LVM-uuid", "Integrated_Flush", "core", "1024"];

/// What the daemon does with one request.
#[derive(Debug)]
enum Deed {
    Answer(Answer),
    /// An answer to a request of another type.
    Strange(RequestType, Answer),
    Fail(Errno),
    Bare(Result<(), Errno>),
    Lose,
    NotThere,
}

/// A daemon that does what it is told, and after that answers everything with zeros.
#[derive(Debug, Default)]
struct Daemon {
    deeds: VecDeque<Deed>,
    seen: Vec<RequestOp>,
    pauses: Vec<DurationNs>,
}

fn usual(request_type: RequestType) -> Answer {
    match request_type {
        RequestType::Ctr => Answer::LogDevice(None),
        RequestType::GetRegionSize => Answer::RegionSize(1024),
        RequestType::IsClean => Answer::IsClean(false),
        RequestType::InSync => Answer::InSync(false),
        RequestType::GetResyncWork => Answer::ResyncWork(None),
        RequestType::GetSyncCount => Answer::SyncCount(0),
        RequestType::StatusInfo | RequestType::StatusTable => Answer::Status("1 core".to_owned()),
        RequestType::IsRemoteRecovering => Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(0) },
        _ => Answer::Done,
    }
}

impl Transport for Daemon {
    fn exchange(&mut self, request: &Request) -> Exchange {
        self.seen.push(request.op.clone());
        let envelope = request.envelope();
        let full = |envelope: Envelope, outcome| Exchange::Reply(Reply::Full { envelope, outcome });
        match self.deeds.pop_front() {
            None => full(envelope.clone(), Ok(usual(envelope.request_type))),
            Some(Deed::Answer(answer)) => full(envelope, Ok(answer)),
            Some(Deed::Strange(request_type, answer)) => full(Envelope { request_type, ..envelope }, Ok(answer)),
            Some(Deed::Fail(errno)) => full(envelope, Err(errno)),
            Some(Deed::Bare(outcome)) => Exchange::Reply(Reply::Bare { seq: request.seq, outcome }),
            Some(Deed::Lose) => Exchange::TimedOut,
            Some(Deed::NotThere) => Exchange::NotSent(Errno::ESRCH),
        }
    }

    fn pause(&mut self, length: DurationNs) {
        self.pauses.push(length);
    }
}

fn make(arguments: &[&str], daemon: Daemon) -> Result<UserspaceLog<Daemon>, ConstructError> {
    UserspaceLog::ctr(Luid::new(1), 32_768, arguments, daemon, Arc::default())
}

/// A log of 32 regions whose daemon does these things with what follows.
fn log(arguments: &[&str], deeds: impl IntoIterator<Item = Deed>) -> UserspaceLog<Daemon> {
    let mut log = make(arguments, Daemon::default()).unwrap();
    log.transport.seen.clear();
    log.transport.deeds.extend(deeds);
    log
}

fn regions(regions: impl IntoIterator<Item = u64>) -> Vec<Region> {
    regions.into_iter().map(Region).collect()
}

fn mark(list: impl IntoIterator<Item = u64>) -> RequestOp {
    RequestOp::MarkRegion { regions: regions(list) }
}

fn clear(list: impl IntoIterator<Item = u64>) -> RequestOp {
    RequestOp::ClearRegion { regions: regions(list) }
}

fn flush(list: impl IntoIterator<Item = u64>) -> RequestOp {
    RequestOp::Flush { marks: regions(list) }
}

fn daemon_error(error: &LogError) -> (&'static str, i32) {
    let LogError::Daemon { request, errno } = error else { panic!("{error}") };
    (request, *errno)
}

#[test]
fn a_constructor_asks_for_the_region_size() {
    let log = make(&INTEGRATED, Daemon::default()).unwrap();
    let ctr = RequestOp::Ctr { arguments: "32768 core 1024".to_owned(), is_reconnect: false };
    assert_eq!(log.transport.seen, [ctr, RequestOp::GetRegionSize]);
    assert_eq!((log.get_region_size(), log.region_count()), (1024, 32));
}

#[test]
fn a_constructor_that_fails_behind_ctr_sends_no_dtr() {
    let device = Deed::Answer(Answer::LogDevice(Some("253:3".to_owned())));
    let deeds = VecDeque::from([device, Deed::Fail(Errno::EIO)]);
    let failed = make(&PLAIN, Daemon { deeds, ..Daemon::default() }).unwrap_err();
    assert_eq!(failed, ConstructError::Daemon { request: "GET_REGION_SIZE", errno: Errno::EIO });
    let deeds = VecDeque::from([Deed::Bare(Ok(())), Deed::Bare(Ok(()))]);
    // A bare acknowledgement is a success without data, and no data is a region size of 0.
    assert_eq!(make(&PLAIN, Daemon { deeds, ..Daemon::default() }).unwrap_err(), ConstructError::RegionSize);
}

#[test]
fn a_constructor_without_a_listener_fails_at_once() {
    let deeds = VecDeque::from([Deed::NotThere]);
    let failed = make(&PLAIN, Daemon { deeds, ..Daemon::default() }).unwrap_err();
    assert_eq!(failed, ConstructError::Daemon { request: "CTR", errno: Errno::ESRCH });
}

#[test]
fn arguments_that_do_not_fit_a_request_fail_the_constructor() {
    let long = "a".repeat(330);
    let failed = make(&["LVM-uuid", "core", &long], Daemon::default()).unwrap_err();
    assert_eq!(failed, ConstructError::Daemon { request: "CTR", errno: Errno::EINVAL });
}

#[test]
fn a_region_size_is_cut_to_32_bits() {
    let deeds = [Deed::Answer(Answer::LogDevice(None)), Deed::Answer(Answer::RegionSize((7 << 32) | 2048))];
    let log = make(&PLAIN, Daemon { deeds: deeds.into(), ..Daemon::default() }).unwrap();
    assert_eq!((log.get_region_size(), log.region_count()), (2048, 16));
}

#[test]
fn a_flush_with_nothing_queued_contacts_nobody() {
    let mut log = log(&PLAIN, []);
    log.flush().unwrap();
    assert_eq!(log.transport.seen, []);
}

#[test]
fn clears_go_first_and_the_latest_region_leads() {
    let mut log = log(&PLAIN, []);
    (0..3).for_each(|region| log.mark_region(Region(region)));
    (7..9).for_each(|region| log.clear_region(Region(region)));
    assert_eq!(log.transport.seen, []);
    log.flush().unwrap();
    assert_eq!(log.transport.seen, [clear([8, 7]), mark([2, 1, 0]), flush([])]);
}

#[test]
fn groups_have_at_most_32_regions() {
    let mut log = log(&PLAIN, []);
    (0..70).for_each(|region| log.mark_region(Region(region)));
    log.flush().unwrap();
    let descending = |from: u64, to: u64| mark((to..=from).rev());
    assert_eq!(log.transport.seen, [descending(69, 38), descending(37, 6), descending(5, 0), flush([])]);
}

#[test]
fn a_group_that_fails_is_sent_one_by_one_with_the_groups_before() {
    let mut log = log(&PLAIN, [Deed::Answer(Answer::Done), Deed::Fail(Errno::EIO)]);
    (0..35).for_each(|region| log.mark_region(Region(region)));
    log.flush().unwrap();
    let groups = [mark((3..35).rev()), mark([2, 1, 0])];
    let singles = (0..35).map(|region| mark([region]));
    let expected: Vec<RequestOp> = groups.into_iter().chain(singles).chain([flush([])]).collect();
    assert_eq!(log.transport.seen, expected);
    assert_eq!(log.counts().table_events, 0);
}

#[test]
fn clears_that_fail_take_the_marks_with_them() {
    let mut log = log(&PLAIN, [Deed::Fail(Errno::EIO), Deed::Fail(Errno::EINVAL)]);
    log.mark_region(Region(1));
    log.clear_region(Region(2));
    assert_eq!(daemon_error(&log.flush().unwrap_err()), ("CLEAR_REGION", 22));
    assert_eq!(log.transport.seen, [clear([2]), clear([2])]);
    assert_eq!(log.counts().table_events, 1);
    log.flush().unwrap();
    assert_eq!(log.transport.seen.len(), 2, "nothing is left to flush");
}

#[test]
fn integrated_flush_sends_marks_with_the_flush() {
    let mut log = log(&INTEGRATED, []);
    (0..33).for_each(|region| log.mark_region(Region(region)));
    log.clear_region(Region(40));
    log.flush().unwrap();
    assert_eq!(log.transport.seen, [clear([40]), flush((1..33).rev()), flush([0])]);
    assert_eq!(log.delayed_flush(), None);
}

#[test]
fn an_integrated_flush_that_fails_is_not_sent_one_by_one() {
    let mut log = log(&INTEGRATED, [Deed::Fail(Errno::EIO)]);
    (0..33).for_each(|region| log.mark_region(Region(region)));
    assert_eq!(daemon_error(&log.flush().unwrap_err()), ("FLUSH", 5));
    assert_eq!(log.transport.seen, [flush((1..33).rev())]);
}

#[test]
fn a_flush_of_clears_alone_is_put_off_three_seconds() {
    let mut log = log(&INTEGRATED, []);
    log.advance(MonoNs(SECOND));
    log.clear_region(Region(1));
    log.flush().unwrap();
    assert_eq!(log.delayed_flush(), Some(MonoNs(4 * SECOND)));
    log.advance(MonoNs(4 * SECOND - 1));
    assert_eq!(log.transport.seen, [clear([1])]);
    log.advance(MonoNs(4 * SECOND));
    assert_eq!(log.transport.seen, [clear([1]), flush([])]);
}

#[test]
fn a_second_flush_of_clears_alone_cancels_the_first_and_sends_nothing() {
    let mut log = log(&INTEGRATED, []);
    for (region, is_scheduled) in [(1, true), (2, false), (3, true), (4, false)] {
        log.clear_region(Region(region));
        log.flush().unwrap();
        assert_eq!(log.delayed_flush().is_some(), is_scheduled, "after clear {region}");
    }
    log.advance(MonoNs(60 * SECOND));
    assert_eq!(log.transport.seen, [clear([1]), clear([2]), clear([3]), clear([4])]);
}

#[test]
fn marks_cancel_a_flush_that_was_put_off() {
    let mut log = log(&INTEGRATED, []);
    log.clear_region(Region(1));
    log.flush().unwrap();
    log.mark_region(Region(2));
    log.flush().unwrap();
    assert_eq!(log.delayed_flush(), None);
    assert_eq!(log.transport.seen, [clear([1]), flush([2])]);
}

#[test]
fn postsuspend_and_dtr_run_the_flush_that_was_put_off() {
    let mut log = log(&INTEGRATED, []);
    log.clear_region(Region(1));
    log.flush().unwrap();
    log.postsuspend().unwrap();
    assert_eq!(log.transport.seen, [clear([1]), flush([]), RequestOp::Postsuspend]);
    log.transport.seen.clear();
    log.clear_region(Region(1));
    log.flush().unwrap();
    log.transport.deeds.push_back(Deed::Fail(Errno::EIO));
    log.run_delayed_flush();
    assert_eq!(log.counts().table_events, 1);
    log.dtr();
}

#[test]
fn in_sync_without_blocking_asks_nobody() {
    let mut log = log(&PLAIN, [Deed::Answer(Answer::InSync(true))]);
    let error = log.in_sync(Region(1), false).unwrap_err();
    assert_eq!(error.kernel_result(), -11);
    assert_eq!(log.transport.seen, []);
    assert!(log.in_sync(Region(1), true).unwrap());
}

#[test]
fn errors_of_questions_count_as_the_careful_answer() {
    let mut log = log(&PLAIN, std::iter::repeat_with(|| Deed::Fail(Errno::EIO)).take(6));
    assert!(!log.in_sync(Region(1), true).unwrap());
    assert!(!log.is_clean(Region(1)).unwrap());
    assert_eq!(log.get_sync_count(), 0);
    assert!(log.is_remote_recovering(Region(1)));
    log.set_region_sync(Region(1), true);
    assert_eq!(daemon_error(&log.get_resync_work().unwrap_err()), ("GET_RESYNC_WORK", 5));
}

#[test]
fn a_status_without_an_answer_is_com_failure() {
    let mut log = log(&INTEGRATED, [Deed::Fail(Errno::EIO)]);
    assert_eq!(log.status(StatusType::Info), "userspace 1 COM_FAILURE");
    assert_eq!(log.status(StatusType::Info), "1 core");
    log.transport.seen.clear();
    assert_eq!(log.status(StatusType::Table), "userspace 4 LVM-uuid integrated_flush core 1024 ");
    assert_eq!(log.status(StatusType::Ima), "");
    assert_eq!(log.transport.seen, [], "the table is known without the daemon");
}

#[test]
fn at_the_full_sync_count_no_more_work_is_asked_for_until_resume() {
    let mut log = log(&PLAIN, [Deed::Answer(Answer::SyncCount(31)), Deed::Answer(Answer::ResyncWork(Some(Region(4))))]);
    assert_eq!(log.get_sync_count(), 31);
    assert_eq!(log.get_resync_work().unwrap(), Some(Region(4)));
    log.transport.deeds.push_back(Deed::Answer(Answer::SyncCount(32)));
    assert_eq!(log.get_sync_count(), 32);
    log.transport.seen.clear();
    assert_eq!(log.get_resync_work().unwrap(), None);
    assert!(!log.is_remote_recovering(Region(31)));
    assert_eq!(log.transport.seen, []);
    log.resume().unwrap();
    assert_eq!(log.get_resync_work().unwrap(), None);
    assert_eq!(log.transport.seen, [RequestOp::Resume, RequestOp::GetResyncWork]);
}

#[test]
fn is_remote_recovering_is_asked_four_times_a_second_by_all_logs_together() {
    let statics = Arc::new(UserspaceStatics::default());
    let answers = |is_recovering| Answer::RemoteRecovering { is_recovering, in_sync_hint: Region(10) };
    let mut logs = [1, 2].map(|luid| {
        UserspaceLog::ctr(Luid::new(luid), 32_768, &PLAIN, Daemon::default(), Arc::clone(&statics)).unwrap()
    });
    for log in &mut logs {
        log.advance(MonoNs(SECOND));
        log.transport.seen.clear();
        log.transport.deeds.push_back(Deed::Answer(answers(false)));
    }
    let [first, second] = &mut logs;
    assert!(!first.is_remote_recovering(Region(20)));
    // Within the window the answer is "recovering", for every log, without a question.
    assert!(second.is_remote_recovering(Region(20)));
    assert!(first.is_remote_recovering(Region(10)));
    // Below the hint it is "not recovering", without a question and without a limit.
    assert!(!first.is_remote_recovering(Region(9)));
    second.advance(MonoNs(SECOND + 250_000_000));
    assert!(!second.is_remote_recovering(Region(20)));
    assert_eq!((first.transport.seen.len(), second.transport.seen.len()), (1, 1));
}

#[test]
fn a_lost_reply_makes_the_kernel_ask_again_with_a_new_seq() {
    let mut log = log(&PLAIN, [Deed::Lose, Deed::Lose, Deed::Answer(Answer::InSync(true))]);
    let before = log.statics.next_seq();
    assert!(log.in_sync(Region(3), true).unwrap());
    assert_eq!(log.transport.seen, vec![RequestOp::InSync { region: Region(3) }; 3]);
    assert_eq!(log.statics.next_seq().0, before.0 + 4);
    assert_eq!(log.counts(), UserspaceCounts { timeouts: 2, ..UserspaceCounts::default() });
}

#[test]
fn try_again_is_said_with_a_bare_acknowledgement() {
    let deeds = [Deed::Bare(Err(Errno::EAGAIN)), Deed::Answer(Answer::InSync(true))];
    assert!(log(&PLAIN, deeds).in_sync(Region(3), true).unwrap());
    // A whole reply with -EAGAIN shrinks the kernel's buffer to nothing, and the next answer does not fit.
    let deeds = [Deed::Fail(Errno::EAGAIN), Deed::Answer(Answer::InSync(true))];
    assert!(!log(&PLAIN, deeds).in_sync(Region(3), true).unwrap());
}

#[test]
fn a_longer_answer_fails_the_operation_and_a_shorter_one_counts_as_zero() {
    let longer = || Deed::Strange(RequestType::GetResyncWork, Answer::ResyncWork(Some(Region(1))));
    let mut log = log(&PLAIN, [longer(), longer(), Deed::Bare(Ok(()))]);
    assert!(!log.in_sync(Region(3), true).unwrap());
    log.mark_region(Region(1));
    // A flush has no buffer at all; MARK_REGION is then sent one by one.
    log.flush().unwrap();
    assert_eq!(log.transport.seen.len(), 4);
    log.transport.deeds.push_back(Deed::Bare(Ok(())));
    assert_eq!(log.get_sync_count(), 0);
}

#[test]
fn without_a_listener_the_log_is_introduced_again() {
    let mut log = log(&PLAIN, [Deed::NotThere, Deed::NotThere, Deed::Fail(Errno::EINVAL)]);
    log.in_sync_hint = 32;
    assert!(!log.in_sync(Region(3), true).unwrap());
    let ctr = RequestOp::Ctr { arguments: "32768 core 1024".to_owned(), is_reconnect: true };
    let question = RequestOp::InSync { region: Region(3) };
    let expected = [question.clone(), ctr.clone(), ctr.clone(), ctr, RequestOp::Resume, question];
    assert_eq!(log.transport.seen, expected);
    assert_eq!(log.transport.pauses, [DurationNs(2 * SECOND); 3]);
    assert_eq!(log.counts().reconnects, 1);
    // A daemon with an empty log is not asked for work until the next resume of the table.
    assert_eq!(log.get_resync_work().unwrap(), None);
    assert_eq!(log.transport.seen.len(), expected.len());
}

#[test]
fn a_reconnect_whose_resume_fails_is_esrch() {
    let mut log = log(&PLAIN, [Deed::NotThere, Deed::Answer(Answer::LogDevice(None)), Deed::Fail(Errno::EIO)]);
    assert_eq!(daemon_error(&log.get_resync_work().unwrap_err()), ("GET_RESYNC_WORK", 3));
}

#[test]
fn a_daemon_that_names_a_device_on_reconnect_is_asked_for_ever() {
    let device = || Deed::Answer(Answer::LogDevice(Some("253:3".to_owned())));
    let mut log = log(&PLAIN, [Deed::NotThere, device(), device(), device()]);
    assert!(!log.in_sync(Region(3), true).unwrap());
    assert_eq!(log.transport.pauses.len(), 4, "three replies did not fit the buffer of no bytes");
}

#[test]
fn direct_requests_do_not_wait_for_a_listener() {
    let mut log = log(&PLAIN, [Deed::NotThere, Deed::NotThere, Deed::NotThere]);
    assert_eq!(daemon_error(&log.presuspend().unwrap_err()), ("PRESUSPEND", 3));
    assert_eq!(daemon_error(&log.postsuspend().unwrap_err()), ("POSTSUSPEND", 3));
    assert_eq!(daemon_error(&log.resume().unwrap_err()), ("RESUME", 3));
    assert_eq!(log.transport.pauses, []);
}
