//! What reaches whoever looks, and when: not before the keeper has it.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::Fan;
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::item::Item;
use crate::event::op::{Event, LogImpl, LogOp, Op};
use crate::record::drain::Outlet;
use crate::record::mailbox::Mailbox;

fn mark(time: u64) -> Item {
    let op = Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time) });
    Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
}

#[test]
fn nothing_is_seen_that_the_keeper_does_not_have() {
    let (queue, received) = sync_channel(1);
    let mailbox = Arc::new(Mailbox::default());
    let mut fan = Fan::new(queue, Arc::clone(&mailbox));
    let seen = || {
        let mut items = Vec::new();
        mailbox.take(&mut items);
        items
    };
    fan.feed(vec![mark(1)]);
    assert_eq!(seen(), [mark(1)]);
    // The queue has room for one batch, and is full.
    fan.feed(vec![mark(2)]);
    fan.feed(vec![mark(3)]);
    assert!(!fan.is_ready());
    assert_eq!(seen(), []);
    assert_eq!(received.recv().unwrap(), [mark(1)]);
    assert!(fan.is_ready());
    assert_eq!(received.recv().unwrap(), [mark(2), mark(3)]);
    assert_eq!(seen(), [mark(2), mark(3)]);
    fan.feed(Vec::new());
    assert_eq!(seen(), []);
}
