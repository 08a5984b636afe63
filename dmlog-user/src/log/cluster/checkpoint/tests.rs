//! States in chunks and back, bytes that are none, and what a replica makes of a recovery that was disturbed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assembly, chunks};
use crate::event::ids::Region;
use crate::log::cluster::error::ClusterError;
use crate::log::cluster::ids::{NodeId, Session};
use crate::log::cluster::message::{Body, Message, Standing};
use crate::log::cluster::protocol::{LeaveReason, Membership};
use crate::log::cluster::replica::{Applied, Replica};
use crate::log::cluster::rules::Rules;
use crate::log::region_set::RegionSet;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

fn apply(replica: &mut Replica, from: NodeId, body: Body) -> Applied {
    let applied = replica.apply(from, &Message { session: Session(u64::from(from.0)), body });
    replica.self_check();
    applied
}

/// Two members, with something in every field.
fn replica(region_count: u64) -> Replica {
    let joiner = |is_reconnect| Standing::Joiner { is_reconnect };
    let round = BTreeMap::from([(ONE, (Session(1), joiner(false))), (TWO, (Session(2), joiner(false)))]);
    let mut replica = Replica::found(ONE, RegionSet::new_full(region_count), &round, Rules::SAFE);
    apply(&mut replica, ONE, Body::CheckpointStart);
    let last = Body::CheckpointChunk { index: 0, count: 1, bytes: Vec::new() };
    assert_eq!(apply(&mut replica, ONE, last), Applied::NewMembers(BTreeSet::from([TWO])));
    apply(&mut replica, ONE, Body::Mark { regions: vec![Region(3), Region(region_count - 1), Region(region_count)] });
    apply(&mut replica, TWO, Body::SetRegionSync { request: 0, region: Region(5), in_sync: false });
    assert_eq!(apply(&mut replica, TWO, Body::Work { request: 0 }), Applied::Work(Some(Region(5))));
    apply(&mut replica, TWO, Body::SetRegionSync { request: 0, region: Region(5), in_sync: false });
    apply(&mut replica, TWO, Body::SetRegionSync { request: 0, region: Region(6), in_sync: false });
    apply(&mut replica, TWO, Body::Work { request: 0 });
    apply(&mut replica, ONE, Body::Wanted { region: Region(5) });
    apply(&mut replica, NodeId(3), Body::Announce(joiner(true)));
    apply(&mut replica, NodeId(4), Body::Announce(Standing::Isolated));
    apply(&mut replica, ONE, Body::CheckpointStart);
    replica
}

fn assembled(bodies: &[Body], region_count: u64) -> Result<Replica, ClusterError> {
    let mut assembly = Assembly::default();
    let mut is_whole = false;
    for body in bodies {
        let Body::CheckpointChunk { index, count, bytes } = body else { panic!("no chunk") };
        is_whole = assembly.add(*index, *count, bytes)?;
    }
    assert!(is_whole);
    assembly.finish(region_count, Rules::SAFE)
}

#[test]
fn a_state_is_the_same_after_the_trip() {
    for (region_count, chunk_bytes) in [(7, 1), (7, 1000), (64, 50), (100_000, 1024)] {
        let replica = replica(region_count);
        let bodies = chunks(&replica, chunk_bytes);
        for body in &bodies {
            let Body::CheckpointChunk { bytes, .. } = body else { panic!("no chunk") };
            assert!(bytes.len() <= chunk_bytes);
        }
        assert_eq!(assembled(&bodies, region_count), Ok(replica));
    }
}

#[test]
fn chunks_come_in_order_and_belong_to_the_log() {
    let replica = replica(64);
    let bodies = chunks(&replica, 100);
    assert_eq!(assembled(&bodies, 65), Err(ClusterError::RegionCount { found: 64, expected: 65 }));
    let count = u32::try_from(bodies.len()).unwrap();
    assert_eq!(assembled(&bodies[1..], 64), Err(ClusterError::Chunk { index: 1, count }));
}

#[test]
fn no_bytes_are_taken_for_a_state_that_they_are_not() {
    let bodies = chunks(&replica(64), usize::MAX);
    let [Body::CheckpointChunk { bytes, .. }] = bodies.as_slice() else { panic!("not one chunk") };
    let read = |bytes: &[u8]| {
        let mut assembly = Assembly::default();
        assembly.add(0, 1, bytes)?;
        assembly.finish(64, Rules::SAFE)
    };
    for length in 0..bytes.len() {
        let short = read(&bytes[..length]).unwrap_err();
        let is_short = matches!(short, ClusterError::Short { .. } | ClusterError::Count { .. });
        assert!(is_short, "{length} bytes: {short:?}");
    }
    assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(ClusterError::LeftOver { count: 1 }));
    assert_eq!(read(&[2]), Err(ClusterError::Version { found: 2, expected: 1 }));
    // A list longer than there are bytes is refused before memory is asked for.
    let mut long = bytes.clone();
    long[25..33].fill(0xff);
    assert_eq!(read(&long), Err(ClusterError::Count { count: u64::MAX, length: bytes.len() }));
}

#[test]
fn a_recovery_during_which_somebody_dies_in_the_region_does_not_count() {
    let mut replica = replica(64);
    assert_eq!(apply(&mut replica, TWO, Body::Work { request: 0 }), Applied::Work(Some(Region(6))));
    // Its flush waits for the recovery, so it has not written; but who knows.
    apply(&mut replica, ONE, Body::Mark { regions: vec![Region(6)] });
    replica.change(&Membership {
        members: vec![TWO],
        left: vec![(ONE, LeaveReason::NodeDown)],
        ..Membership::default()
    });
    replica.self_check();
    apply(&mut replica, TWO, Body::SetRegionSync { request: 0, region: Region(6), in_sync: true });
    assert!(!replica.in_sync.get(Region(6)));
    assert_eq!(apply(&mut replica, TWO, Body::Work { request: 0 }), Applied::Work(None), "node 4 may be writing");
}
