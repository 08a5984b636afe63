//! The keeper without a capture: what is in the file, whenever it began.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};

use super::{Keeper, Order, Status, Target};
use crate::event::facts::CaptureFacts;
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::item::Item;
use crate::event::op::{Event, LogImpl, LogOp, Op};
use crate::record::past::Past;
use crate::trace::reader::{Tail, TraceReader};

fn event(time: u64, log: u32, op: Op) -> Item {
    Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(log), duration: None, op })
}

fn identity(time: u64, log: u32) -> Item {
    event(time, log, Op::Identity(Box::default()))
}

fn dtr(time: u64, log: u32) -> Item {
    event(time, log, Op::Log(LogImpl::Core, LogOp::Dtr))
}

fn mark(time: u64) -> Item {
    event(time, 1, Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time) }))
}

fn keeper(status: &Arc<Mutex<Status>>) -> Keeper {
    let facts = CaptureFacts::default();
    Keeper::new(&facts, Past::new(&facts, 1 << 20).unwrap(), Arc::clone(status))
}

struct Stage {
    keeper: Keeper,
    status: Arc<Mutex<Status>>,
    path: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let status = Arc::new(Mutex::new(Status::default()));
        let keeper = keeper(&status);
        let path = std::env::temp_dir().join(format!("dmlog-keeper-{}-{name}.dmlog", std::process::id()));
        Self { keeper, status, path }
    }

    fn target(&self, from: Option<u64>) -> Target {
        let file = File::create(&self.path).unwrap();
        Target { name: "x.dmlog".to_owned(), file, from: from.map(MonoNs) }
    }

    fn record(&mut self, from: Option<u64>) {
        let target = self.target(from);
        self.keeper.obey(Order::Record(target));
    }

    fn items(&self) -> Vec<Item> {
        let mut reader = TraceReader::new(File::open(&self.path).unwrap()).unwrap();
        let mut items = Vec::new();
        while reader.next_batch(&mut items).unwrap().is_some() {}
        assert_eq!(reader.tail(), Tail::Clean);
        items
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.status.lock().unwrap().told)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn a_recording_from_now_has_the_logs_and_what_comes() {
    let mut stage = Stage::new("now");
    stage.keeper.take(&[identity(1, 1), identity(2, 2), dtr(3, 2), mark(4)]);
    stage.record(None);
    stage.keeper.take(&[mark(5), mark(6)]);
    stage.keeper.tell_progress();
    assert_eq!(stage.status.lock().unwrap().recording.as_ref().unwrap().events, 3);
    stage.keeper.obey(Order::End);
    stage.keeper.take(&[mark(7)]);
    assert_eq!(stage.items(), [identity(4, 1), mark(5), mark(6)]);
    let told = stage.told();
    assert!(told.len() == 1 && told[0].starts_with("wrote `x.dmlog`: 3 events"), "{told:?}");
    assert_eq!(stage.status.lock().unwrap().recording, None);
}

#[test]
fn a_recording_from_the_past_misses_nothing_and_says_nothing_twice() {
    let mut stage = Stage::new("past");
    stage.keeper.take(&[identity(1, 1), identity(1, 2), mark(2)]);
    stage.keeper.seal();
    stage.keeper.take(&[mark(10), dtr(11, 2), mark(12)]);
    stage.record(Some(10));
    assert!(stage.keeper.is_behind());
    stage.keeper.catch_up();
    // While it catches up, more comes: some of it sealed already.
    stage.keeper.take(&[mark(13)]);
    stage.keeper.seal();
    stage.keeper.take(&[mark(14)]);
    while stage.keeper.is_behind() {
        stage.keeper.catch_up();
    }
    stage.keeper.take(&[mark(15)]);
    stage.keeper.obey(Order::End);
    let logs_then = [identity(10, 1), identity(10, 2)];
    let rest = [mark(10), dtr(11, 2), mark(12), mark(13), mark(14), mark(15)];
    assert_eq!(stage.items(), [&logs_then[..], &rest].concat());
}

#[test]
fn one_that_ends_while_it_is_behind_has_everything_up_to_then() {
    let mut stage = Stage::new("behind");
    stage.keeper.take(&[identity(1, 1), mark(2), mark(3)]);
    stage.record(Some(3));
    stage.keeper.obey(Order::End);
    assert_eq!(stage.items(), [identity(3, 1), mark(3)]);
    stage.record(Some(9));
    stage.keeper.obey(Order::End);
    assert_eq!(stage.items(), [identity(9, 1)], "nothing happened since then, but the log is there");
}

#[test]
fn a_file_that_cannot_be_written_ends_the_recording_and_says_so() {
    let mut stage = Stage::new("full");
    let file = File::options().write(true).open("/dev/full").unwrap();
    stage.keeper.obey(Order::Record(Target { name: "full.dmlog".to_owned(), file, from: None }));
    stage.keeper.take(&[mark(1)]);
    stage.keeper.obey(Order::End);
    let told = stage.told();
    assert!(told.len() == 1 && told[0].contains("`full.dmlog`"), "{told:?}");
    stage.keeper.take(&[mark(2)]);
    stage.keeper.seal();
    assert_eq!(stage.told(), Vec::<String>::new(), "the past goes on");
}

#[test]
fn what_was_sent_before_an_order_is_in_the_file() {
    let stage = Stage::new("order");
    let (batches, queue) = sync_channel(3);
    let (sender, orders) = channel();
    for batch in [vec![identity(1, 1), mark(2)], vec![mark(3)], vec![mark(4)]] {
        batches.send(batch).unwrap();
    }
    sender.send(Order::Record(stage.target(Some(1)))).unwrap();
    sender.send(Order::End).unwrap();
    drop((batches, sender));
    keeper(&stage.status).run(&queue, &orders);
    assert_eq!(stage.items(), [identity(1, 1), mark(2), mark(3), mark(4)]);
}
