//! Whatever a trace says, there is a report: any items in any order, extreme numbers and names included.

#[path = "../properties/items.rs"]
pub(crate) mod items;

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::ids::{DurationNs, IoId, LogId, MonoNs};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, MirrorOp, Op, RegionHashOp};
use dmlog_user::session::Settings;
use dmlog_user::session::window::Moment;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq};
use serde_json::Value;

use crate::render;

/// Few logs and bios, so that events meet: most numbers are folded into a small range.
pub(crate) fn meeting(mut item: Item, fold: bool) -> Item {
    if let (Item::Event(Event { log, op, .. }), true) = (&mut item, fold) {
        *log = LogId(log.0 % 5);
        if let Op::Mirror(MirrorOp::Map(io)) = op {
            io.io = IoId(io.io.0 % 20);
        } else if let Op::Mirror(MirrorOp::EndIo { io, .. } | MirrorOp::HoldBio { io })
        | Op::RegionHash(RegionHashOp::IncPending { io, .. } | RegionHashOp::Delay { io, .. }) = op
        {
            *io = IoId(io.0 % 20);
        } else if let Op::Identity(identity) = op {
            identity.device.major %= 2;
            identity.device.minor %= 3;
        }
    }
    item
}

fn settings() -> impl Strategy<Value = Settings> {
    let moment = || {
        of((any::<bool>(), 0..200_000_u64).prop_map(|(from_start, ns)| {
            if from_start { Moment::FromStart(DurationNs(ns)) } else { Moment::At(MonoNs(ns)) }
        }))
    };
    (moment(), moment()).prop_map(|(since, until)| Settings { since, until })
}

#[test]
fn any_items_have_a_report_that_adds_up() {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() });
    let stream = vec((items::item(), proptest::bool::weighted(0.8)), 0..300);
    let result = runner.run(&(stream, settings(), 1..100_usize), |(stream, settings, top)| {
        let items: Vec<Item> = stream.into_iter().map(|(item, fold)| meeting(item, fold)).collect();
        let facts = CaptureFacts::default();
        let rendered = render(&facts, &items, settings, top);
        prop_assert_eq!(&rendered, &render(&facts, &items, settings, top));
        for line in rendered.text.lines() {
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
        let report: Value = serde_json::from_str(&rendered.json).unwrap_or_default();
        let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count() as u64;
        let counted = report["window"]["events"].as_u64().unwrap_or_default();
        prop_assert_eq!(counted + report["window"]["events_outside_window"].as_u64().unwrap_or_default(), events);
        let devices = report["devices"].as_array().cloned().unwrap_or_default();
        let of_devices: u64 = devices.iter().filter_map(|device| device["events"].as_u64()).sum();
        prop_assert_eq!(of_devices, counted);
        let of_ops: u64 = devices
            .iter()
            .filter_map(|device| device["ops"].as_object())
            .flat_map(|ops| ops.values().filter_map(|op| op["count"].as_u64()))
            .sum();
        prop_assert_eq!(of_ops, counted);
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.map_or_else(|error| error.to_string(), |()| String::new()));
}
