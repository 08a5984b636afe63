//! Messages between the nodes of a cluster are what they were after a trip over the wire, and no bytes panic the codec.

use dmlog_user::event::ids::Region;
use dmlog_user::log::cluster::ids::{NodeId, Position, Session};
use dmlog_user::log::cluster::message::{Body, Message, Standing};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert_eq, prop_oneof};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn body() -> impl Strategy<Value = Body> {
    let region = || any::<u64>().prop_map(Region);
    let regions = || vec(any::<u64>().prop_map(Region), 0..40);
    let joiner = |is_reconnect| Standing::Joiner { is_reconnect };
    let chunk = (any::<u32>(), 1..u32::MAX, vec(any::<u8>(), 0..100));
    prop_oneof![
        select(vec![Standing::Member, joiner(false), joiner(true), Standing::Isolated]).prop_map(Body::Announce),
        select(vec![Body::Founded, Body::CheckpointStart, Body::Handover]),
        chunk.prop_map(|(index, count, bytes)| Body::CheckpointChunk { index: index % count, count, bytes }),
        regions().prop_map(|regions| Body::Mark { regions }),
        regions().prop_map(|regions| Body::Clear { regions }),
        any::<u64>().prop_map(|request| Body::Flush { request }),
        any::<u64>().prop_map(|request| Body::Work { request }),
        (any::<u64>(), region(), any::<bool>()).prop_map(|(request, region, in_sync)| Body::SetRegionSync {
            request,
            region,
            in_sync
        }),
        (any::<u64>(), region()).prop_map(|(request, region)| Body::InSync { request, region }),
        region().prop_map(|region| Body::Wanted { region }),
        any::<u64>().prop_map(|up_to| Body::Ack { up_to: Position(up_to) }),
        (any::<u64>(), any::<bool>()).prop_map(|(up_to, is_ok)| Body::DiskWritten { up_to: Position(up_to), is_ok }),
        any::<u32>().prop_map(|node| Body::NodeGone { node: NodeId(node) }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    (any::<u64>(), body()).prop_map(|(session, body)| Message { session: Session(session), body })
}

#[test]
fn a_message_is_the_same_after_the_wire() {
    runner(3000)
        .run(&message(), |message| {
            prop_assert_eq!(Message::decode(&message.encode()).unwrap(), message);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    // There is one way to write a message, so that bytes which were changed are another message or none.
    let damage = vec((any::<Index>(), prop_oneof![any::<u8>(), select(vec![0, 1, 255])]), 0..4);
    let bytes = prop_oneof![
        1 => vec(any::<u8>(), 0..60),
        1 => (Just(1u8), 1..17u8, vec(any::<u8>(), 8..60)).prop_map(|(version, kind, rest)| [vec![version, kind], rest].concat()),
        2 => message().prop_map(|message| message.encode()),
    ];
    runner(5000)
        .run(&(bytes, damage), |(mut bytes, damage)| {
            for (place, value) in damage {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = value;
                }
            }
            if let Ok(message) = Message::decode(&bytes) {
                prop_assert_eq!(message.encode(), bytes);
            }
            Ok(())
        })
        .unwrap();
}
