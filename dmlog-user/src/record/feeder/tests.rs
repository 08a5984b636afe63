//! The queue between the ring and the writer, with nobody at its other end.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::{Feeder, HOLD_FOR};
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, LogImpl, LogOp, Op};
use crate::record::drain::Outlet;

fn event(time: u64, op: Op) -> Item {
    Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
}

fn mark(time: u64) -> Item {
    event(time, Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time) }))
}

fn identity(time: u64) -> Item {
    event(time, Op::Identity(Box::default()))
}

/// A feeder whose queue has room for one batch, which is taken.
fn full() -> (Feeder, Receiver<Vec<Item>>) {
    let (queue, received) = sync_channel(1);
    let mut feeder = Feeder::new(queue);
    feeder.feed(vec![mark(0)]);
    (feeder, received)
}

/// Lets the batch that is held be as old as that.
fn age(feeder: &mut Feeder, by: Duration) {
    let held = feeder.held.take().unwrap();
    feeder.held = Some((held.0, Instant::now().checked_sub(by).unwrap()));
}

#[test]
fn a_full_queue_is_waited_for_and_nothing_is_lost() {
    let (mut feeder, received) = full();
    feeder.feed(vec![mark(1), mark(2)]);
    assert!(!feeder.is_ready(), "the ring waits");
    assert_eq!(received.recv().unwrap(), [mark(0)]);
    assert!(feeder.is_ready());
    assert_eq!(received.recv().unwrap(), [mark(1), mark(2)]);
    assert_eq!((feeder.dropped, feeder.events), (0, 3));
}

#[test]
fn a_batch_that_waited_too_long_is_dropped_and_the_next_one_says_so() {
    let (mut feeder, received) = full();
    feeder.feed(vec![identity(1), mark(2), mark(3)]);
    age(&mut feeder, HOLD_FOR);
    assert!(feeder.is_ready());
    assert_eq!(feeder.dropped, 2, "identities are kept");
    assert_eq!(received.recv().unwrap(), [mark(0)]);
    feeder.feed(vec![mark(4)]);
    let gap = Gap { time: MonoNs(4), cpu: None, lost: Some(2), cause: LossCause::QueueFull };
    assert_eq!(received.recv().unwrap(), [identity(1), Item::Gap(gap), mark(4)]);
    feeder.feed(vec![mark(5)]);
    assert_eq!(received.recv().unwrap(), [mark(5)], "said once");
}

#[test]
fn two_batches_dropped_in_a_row_are_one_gap() {
    let (mut feeder, received) = full();
    for time in [1, 2] {
        feeder.feed(vec![mark(time)]);
        age(&mut feeder, HOLD_FOR);
        assert!(feeder.is_ready());
    }
    assert_eq!(received.recv().unwrap(), [mark(0)]);
    feeder.feed(vec![mark(3)]);
    let gap = Gap { time: MonoNs(3), cpu: None, lost: Some(2), cause: LossCause::QueueFull };
    assert_eq!(received.recv().unwrap(), [Item::Gap(gap), mark(3)]);
    assert_eq!((feeder.dropped, feeder.events), (2, 4));
}

#[test]
fn the_end_brings_what_is_held_before_what_is_last() {
    let (mut feeder, received) = full();
    feeder.feed(vec![mark(1)]);
    let taker = std::thread::spawn(move || received.iter().flatten().collect::<Vec<_>>());
    feeder.finish(vec![mark(2)]);
    drop(feeder);
    assert_eq!(taker.join().unwrap(), [mark(0), mark(1), mark(2)]);
}

#[test]
fn a_writer_that_has_ended_is_noticed() {
    let (mut feeder, received) = full();
    drop(received);
    feeder.feed(vec![mark(1)]);
    assert!(feeder.is_closed);
}
