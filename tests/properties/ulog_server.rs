//! A core log behind the kernel's protocol gives the same answers as a core log: UserspaceLog → bytes → server →
//! CoreLog on one side, CoreLog on the other, with replies and requests lost on the way.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use dmlog_user::event::ids::{DurationNs, MonoNs, Region};
use dmlog_user::log::arguments::CoreArguments;
use dmlog_user::log::core_log::CoreLog;
use dmlog_user::log::dirty_log::{DirtyLog, StatusType};
use dmlog_user::log::userspace::constructor::{DaemonLog, DaemonTable};
use dmlog_user::log::userspace::ids::{Errno, Luid, Uuid};
use dmlog_user::log::userspace::reply::Reply;
use dmlog_user::log::userspace::request::Request;
use dmlog_user::log::userspace::server::{LogMaker, LogServer, MadeLog};
use dmlog_user::log::userspace::statics::UserspaceStatics;
use dmlog_user::log::userspace::transport::{Exchange, Transport};
use dmlog_user::log::userspace::userspace_log::UserspaceLog;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::test_runner::{TestCaseError, TestRunner};
use proptest::{prop_assert_eq, prop_oneof};

/// More than two groups of 32, so that a flush can need three requests.
const REGIONS: u64 = 80;
const TARGET_SECTORS: u64 = REGIONS * 8;

#[derive(Debug)]
struct CoreMaker;

impl LogMaker for CoreMaker {
    fn make(&mut self, _uuid: &Uuid, constructor: &str) -> Result<MadeLog, Errno> {
        let Ok(DaemonTable { log: DaemonLog::Core(core), .. }) = DaemonTable::parse(constructor) else {
            return Err(Errno::EINVAL);
        };
        Ok(MadeLog { log: Box::new(CoreLog::new(&core)), log_dev: None })
    }
}

/// The way to a server that all tables share, on which every now and then a datagram is lost.
#[derive(Clone, Debug)]
struct Wire {
    server: Rc<RefCell<LogServer<CoreMaker>>>,
    /// For each exchange, over and over: lost on the way there, lost on the way back.
    losses: Vec<(bool, bool)>,
    exchanges: usize,
}

impl Transport for Wire {
    fn exchange(&mut self, request: &Request) -> Exchange {
        let (is_lost_there, is_lost_back) = match self.losses.len() {
            0 => (false, false),
            count => self.losses[self.exchanges % count],
        };
        self.exchanges += 1;
        if is_lost_there {
            return Exchange::TimedOut;
        }
        let reply = self.server.borrow_mut().answer_datagram(&request.encode().unwrap()).unwrap();
        if is_lost_back { Exchange::TimedOut } else { Exchange::Reply(Reply::decode(&reply).unwrap()) }
    }

    fn pause(&mut self, _length: DurationNs) {}
}

fn construct(luid: u64, arguments: &[&str], wire: &Wire, statics: &Arc<UserspaceStatics>) -> UserspaceLog<Wire> {
    UserspaceLog::ctr(Luid::new(luid), TARGET_SECTORS, arguments, wire.clone(), Arc::clone(statics)).unwrap()
}

/// What the mirror does with its log, in the orders in which it does it.
#[derive(Clone, Debug)]
enum Step {
    /// Marks, clears, and the flush behind them. The kernel never has one region in both lists.
    Flush {
        marks: Vec<u64>,
        clears: Vec<u64>,
    },
    /// A region is handed out, and is recovered or fails.
    Recover {
        is_recovered: bool,
    },
    /// A leg fails in a region.
    LegFails {
        region: u64,
    },
    InSync {
        region: u64,
    },
    IsClean {
        region: u64,
    },
    SyncCount,
    Status,
    IsRemoteRecovering {
        region: u64,
    },
    SuspendAndResume,
    Reload,
}

fn region() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![3 => 0..8u64, 1 => 0..REGIONS]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (vec(region(), 0..70), vec(region(), 0..70)).prop_map(|(mut marks, clears)| {
            marks.retain(|region| !clears.contains(region));
            Step::Flush { marks, clears }
        }),
        4 => any::<bool>().prop_map(|is_recovered| Step::Recover { is_recovered }),
        1 => region().prop_map(|region| Step::LegFails { region }),
        2 => region().prop_map(|region| Step::InSync { region }),
        2 => region().prop_map(|region| Step::IsClean { region }),
        2 => Just(Step::SyncCount),
        1 => Just(Step::Status),
        1 => region().prop_map(|region| Step::IsRemoteRecovering { region }),
        1 => Just(Step::SuspendAndResume),
        1 => Just(Step::Reload),
    ]
}

/// Both sides, and what the kernel's side knows on top of the log.
struct Pair {
    direct: CoreLog,
    served: UserspaceLog<Wire>,
    wire: Wire,
    arguments: &'static [&'static str],
    statics: Arc<UserspaceStatics>,
    luid: u64,
    now: MonoNs,
    /// `in_sync_hint`: at the number of regions the kernel asks for no more work until the next resume.
    hint: u64,
}

impl Pair {
    fn new(arguments: &'static [&'static str], losses: Vec<(bool, bool)>) -> Self {
        let core = CoreArguments::parse(&arguments[arguments.len() - 1..], TARGET_SECTORS).unwrap();
        let statics = Arc::new(UserspaceStatics::default());
        let wire = Wire { server: Rc::new(RefCell::new(LogServer::new(CoreMaker))), losses, exchanges: 0 };
        let served = construct(1, arguments, &wire, &statics);
        let direct = CoreLog::new(&core);
        let mut pair = Self { direct, served, wire, arguments, statics, luid: 1, now: MonoNs(0), hint: 0 };
        pair.resume();
        pair
    }

    fn resume(&mut self) {
        self.direct.resume().unwrap();
        self.served.resume().unwrap();
        self.hint = 0;
    }

    fn suspend(&mut self) {
        self.direct.presuspend().unwrap();
        self.direct.postsuspend().unwrap();
        self.served.presuspend().unwrap();
        self.served.postsuspend().unwrap();
    }

    /// The kernel loads the same table again. The log in the daemon stays, so the direct one does too.
    fn reload(&mut self) -> Result<(), TestCaseError> {
        self.luid += 1;
        let new = construct(self.luid, self.arguments, &self.wire, &self.statics);
        self.suspend();
        let old = std::mem::replace(&mut self.served, new);
        self.resume();
        old.dtr();
        prop_assert_eq!(self.wire.server.borrow().table_count(), 1);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        self.now.0 += 1_000_000_000;
        self.served.advance(self.now);
        match step {
            Step::Flush { marks, clears } => {
                for region in marks.iter().copied().map(Region) {
                    self.direct.mark_region(region);
                    self.served.mark_region(region);
                }
                for region in clears.iter().copied().map(Region) {
                    self.direct.clear_region(region);
                    self.served.clear_region(region);
                }
                self.direct.flush().unwrap();
                self.served.flush().unwrap();
            }
            Step::Recover { is_recovered } => {
                let work = self.served.get_resync_work().unwrap();
                let expected = if self.hint < REGIONS { self.direct.get_resync_work().unwrap() } else { None };
                prop_assert_eq!(work, expected);
                if let Some(region) = work {
                    self.direct.set_region_sync(region, *is_recovered);
                    self.served.set_region_sync(region, *is_recovered);
                }
            }
            Step::LegFails { region } => {
                self.direct.set_region_sync(Region(*region), false);
                self.served.set_region_sync(Region(*region), false);
            }
            Step::InSync { region } => {
                let expected = self.direct.in_sync(Region(*region), true).unwrap();
                prop_assert_eq!(self.served.in_sync(Region(*region), true).unwrap(), expected);
            }
            Step::IsClean { region } => {
                let expected = self.direct.is_clean(Region(*region)).unwrap();
                prop_assert_eq!(self.served.is_clean(Region(*region)).unwrap(), expected);
            }
            Step::SyncCount => {
                let expected = self.direct.get_sync_count();
                if expected >= REGIONS {
                    self.hint = REGIONS;
                }
                prop_assert_eq!(self.served.get_sync_count(), expected);
            }
            Step::Status => {
                let expected = self.direct.status(StatusType::Info);
                prop_assert_eq!(self.served.status(StatusType::Info), expected);
            }
            Step::IsRemoteRecovering { region } => {
                prop_assert_eq!(self.served.is_remote_recovering(Region(*region)), false);
                // Regions below the hint are not asked about, and then it stays as it was.
                if *region >= self.hint {
                    let out_of_sync = self.direct.bits().in_sync.first_unset_from(Region(0));
                    self.hint = out_of_sync.map_or(REGIONS, |region| region.0);
                }
            }
            Step::SuspendAndResume => {
                self.suspend();
                self.resume();
            }
            Step::Reload => self.reload()?,
        }
        Ok(())
    }
}

fn check(arguments: &'static [&'static str], losses: Vec<(bool, bool)>, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(arguments, losses);
    for step in steps {
        pair.step(step)?;
    }
    // At last every region, whatever was asked about before.
    for region in (0..REGIONS).map(Region) {
        let expected = (pair.direct.is_clean(region).unwrap(), pair.direct.in_sync(region, true).unwrap());
        let served = (pair.served.is_clean(region).unwrap(), pair.served.in_sync(region, true).unwrap());
        prop_assert_eq!(served, expected);
    }
    Ok(())
}

fn run(arguments: &'static [&'static str]) {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    // Never all lost: the kernel would wait for ever.
    let losses = vec((proptest::bool::weighted(0.1), proptest::bool::weighted(0.1)), 0..20).prop_map(|mut losses| {
        losses.push((false, false));
        losses
    });
    TestRunner::new(config)
        .run(&(losses, vec(step(), 0..40)), |(losses, steps)| check(arguments, losses, &steps))
        .unwrap();
}

#[test]
fn a_served_core_log_answers_as_a_core_log() {
    run(&["LVM-uuid", "core", "8"]);
}

#[test]
fn a_served_core_log_answers_as_a_core_log_with_integrated_flush() {
    run(&["LVM-uuid", "integrated_flush", "core", "8"]);
}
