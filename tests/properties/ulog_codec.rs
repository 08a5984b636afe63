//! Requests and replies of the userspace log protocol are what they were after a trip over the wire, and no bytes panic
//! the codec.

use dmlog_user::event::ids::Region;
use dmlog_user::log::userspace::frame::Frame;
use dmlog_user::log::userspace::ids::{Errno, Luid, RequestSeq, Uuid};
use dmlog_user::log::userspace::reply::{Answer, Reply};
use dmlog_user::log::userspace::request::{Envelope, REQUEST_TYPES, Request, RequestOp, RequestType};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any};
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

fn region() -> impl Strategy<Value = Region> + Clone {
    any::<u64>().prop_map(Region)
}

fn regions(least: usize) -> impl Strategy<Value = Vec<Region>> {
    vec(region(), least..=32)
}

fn words() -> impl Strategy<Value = String> {
    "[ -~äß€]{1,80}"
}

fn op(request_type: RequestType, version: u32) -> BoxedStrategy<RequestOp> {
    match request_type {
        RequestType::Ctr => (words(), any::<bool>())
            .prop_map(|(arguments, is_reconnect)| RequestOp::Ctr { arguments, is_reconnect })
            .boxed(),
        RequestType::Dtr => Just(RequestOp::Dtr).boxed(),
        RequestType::Presuspend => Just(RequestOp::Presuspend).boxed(),
        RequestType::Postsuspend => Just(RequestOp::Postsuspend).boxed(),
        RequestType::Resume => Just(RequestOp::Resume).boxed(),
        RequestType::GetRegionSize => Just(RequestOp::GetRegionSize).boxed(),
        RequestType::IsClean => region().prop_map(|region| RequestOp::IsClean { region }).boxed(),
        RequestType::InSync => region().prop_map(|region| RequestOp::InSync { region }).boxed(),
        RequestType::Flush if version < 3 => Just(RequestOp::Flush { marks: Vec::new() }).boxed(),
        RequestType::Flush => regions(0).prop_map(|marks| RequestOp::Flush { marks }).boxed(),
        RequestType::MarkRegion => regions(1).prop_map(|regions| RequestOp::MarkRegion { regions }).boxed(),
        RequestType::ClearRegion => regions(1).prop_map(|regions| RequestOp::ClearRegion { regions }).boxed(),
        RequestType::GetResyncWork => Just(RequestOp::GetResyncWork).boxed(),
        RequestType::SetRegionSync => {
            (region(), any::<bool>()).prop_map(|(region, in_sync)| RequestOp::SetRegionSync { region, in_sync }).boxed()
        }
        RequestType::GetSyncCount => Just(RequestOp::GetSyncCount).boxed(),
        RequestType::StatusInfo => Just(RequestOp::StatusInfo).boxed(),
        RequestType::StatusTable => Just(RequestOp::StatusTable).boxed(),
        RequestType::IsRemoteRecovering => region().prop_map(|region| RequestOp::IsRemoteRecovering { region }).boxed(),
    }
}

fn answer(request_type: RequestType, version: u32) -> BoxedStrategy<Answer> {
    match request_type {
        RequestType::Ctr if version < 2 => Just(Answer::LogDevice(None)).boxed(),
        RequestType::Ctr => of("[ -~]{1,127}").prop_map(Answer::LogDevice).boxed(),
        RequestType::GetRegionSize => any::<u64>().prop_map(Answer::RegionSize).boxed(),
        RequestType::IsClean => any::<bool>().prop_map(Answer::IsClean).boxed(),
        RequestType::InSync => any::<bool>().prop_map(Answer::InSync).boxed(),
        RequestType::GetResyncWork => of(region()).prop_map(Answer::ResyncWork).boxed(),
        RequestType::GetSyncCount => any::<u64>().prop_map(Answer::SyncCount).boxed(),
        RequestType::StatusInfo | RequestType::StatusTable => "[ -~]{0,200}".prop_map(Answer::Status).boxed(),
        RequestType::IsRemoteRecovering => (any::<bool>(), region())
            .prop_map(|(is_recovering, in_sync_hint)| Answer::RemoteRecovering { is_recovering, in_sync_hint })
            .boxed(),
        _ => Just(Answer::Done).boxed(),
    }
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let types: Vec<RequestType> = REQUEST_TYPES.iter().map(|(request_type, _)| *request_type).collect();
    (any::<u64>(), "[!-~]{1,128}", 1..=3u32, any::<u32>(), select(types)).prop_map(
        |(luid, uuid, version, seq, request_type)| Envelope {
            luid: Luid::new(luid),
            uuid: Uuid::new(&uuid).unwrap(),
            version,
            seq: RequestSeq(seq),
            request_type,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    envelope().prop_flat_map(|envelope| {
        op(envelope.request_type, envelope.version).prop_map(move |op| {
            let Envelope { luid, uuid, version, seq, request_type: _ } = envelope.clone();
            Request { luid, uuid, version, seq, op }
        })
    })
}

fn errno() -> impl Strategy<Value = Errno> {
    (1..=i32::MAX).prop_map(|number| Errno::new(number).unwrap())
}

fn reply() -> impl Strategy<Value = Reply> {
    let failed = (envelope(), errno()).prop_map(|(envelope, errno)| Reply::Full { envelope, outcome: Err(errno) });
    let answered = envelope().prop_flat_map(|envelope| {
        answer(envelope.request_type, envelope.version)
            .prop_map(move |answer| Reply::Full { envelope: envelope.clone(), outcome: Ok(answer) })
    });
    let bare = (any::<u32>(), of(errno())).prop_map(|(seq, errno)| {
        let outcome = errno.map_or(Ok(()), Err);
        Reply::Bare { seq: RequestSeq(seq), outcome }
    });
    prop_oneof![1 => failed, 3 => answered, 1 => bare]
}

#[test]
fn a_request_is_the_same_after_the_wire() {
    runner(3000)
        .run(&request(), |request| {
            let datagram = request.encode().unwrap();
            prop_assert_eq!(Request::envelope_of(&datagram).unwrap(), request.envelope());
            prop_assert_eq!(Request::decode(&datagram).unwrap(), request);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reply_is_the_same_after_the_wire() {
    runner(3000)
        .run(&reply(), |reply| {
            prop_assert_eq!(Reply::decode(&reply.encode().unwrap()).unwrap(), reply);
            Ok(())
        })
        .unwrap();
}

/// What decodes from any bytes must be something that encodes, and to the same again.
fn check_any_bytes(bytes: &[u8]) -> Result<(), proptest::test_runner::TestCaseError> {
    if let Ok(request) = Request::decode(bytes) {
        // A decoded request may be one that the kernel's buffer would not hold.
        if let Ok(again) = request.encode() {
            prop_assert_eq!(Request::decode(&again).unwrap(), request);
        }
    }
    if let Ok(reply) = Reply::decode(bytes)
        && let Ok(again) = reply.encode()
    {
        prop_assert_eq!(Reply::decode(&again).unwrap(), reply);
    }
    Ok(())
}

#[test]
fn no_bytes_panic_the_codec() {
    runner(2000).run(&vec(any::<u8>(), 0..300), |bytes| check_any_bytes(&bytes)).unwrap();
    // Bytes that get past the frame.
    let framed = (any::<u32>(), any::<u32>(), vec(any::<u8>(), 0..300));
    runner(2000)
        .run(&framed, |(seq, ack, body)| check_any_bytes(&Frame { seq, ack, body: &body }.encode().unwrap()))
        .unwrap();
}

#[test]
fn no_damage_panics_the_codec() {
    // Whole messages with a few bytes changed, cut off or added.
    let damage = vec((any::<Index>(), prop_oneof![any::<u8>(), select(vec![0, 1, 255])]), 0..4);
    let message = prop_oneof![
        request().prop_map(|request| request.encode().unwrap()),
        reply().prop_map(|reply| reply.encode().unwrap())
    ];
    runner(4000)
        .run(&(message, damage, -6..6i32), |(mut bytes, damage, length)| {
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let length = bytes.len().saturating_add_signed(isize::try_from(length).unwrap());
            bytes.resize(length, 0);
            check_any_bytes(&bytes)
        })
        .unwrap();
}

#[test]
fn a_luid_is_in_no_debug_text() {
    runner(300)
        .run(&request(), |request| {
            let text = format!("{request:?}");
            prop_assert!(text.contains("luid: Luid(hidden)"), "{}", text);
            Ok(())
        })
        .unwrap();
}
