//! The bytes of replies, and the quirks of the protocol by name.

use super::{Answer, Reply};
use crate::event::ids::Region;
use crate::log::userspace::error::UlogError;
use crate::log::userspace::frame::Frame;
use crate::log::userspace::ids::{Errno, Luid, RequestSeq, Uuid};
use crate::log::userspace::request::{Envelope, RequestType};

fn envelope(request_type: RequestType) -> Envelope {
    let uuid = Uuid::new("LVM-uuid").unwrap();
    Envelope { luid: Luid::new(1), uuid, version: 3, seq: RequestSeq(7), request_type }
}

fn encoded(request_type: RequestType, outcome: Result<Answer, Errno>) -> Result<Vec<u8>, UlogError> {
    Reply::Full { envelope: envelope(request_type), outcome }.encode()
}

/// What a reply with these bytes of data, of any daemon, is read as.
fn read(request_type: RequestType, error: i32, data: &[u8]) -> Result<Reply, UlogError> {
    let body = envelope(request_type).encode(error, data).unwrap();
    Reply::decode(&Frame { seq: 7, ack: 0, body: &body }.encode().unwrap())
}

#[test]
fn answers_have_exactly_the_kernels_sizes() {
    for (request_type, answer, bytes) in [
        (RequestType::Ctr, Answer::LogDevice(None), 0),
        (RequestType::Ctr, Answer::LogDevice(Some("253:3".to_owned())), 6),
        (RequestType::Dtr, Answer::Done, 0),
        (RequestType::Flush, Answer::Done, 0),
        (RequestType::GetRegionSize, Answer::RegionSize(1024), 8),
        (RequestType::IsClean, Answer::IsClean(true), 8),
        (RequestType::InSync, Answer::InSync(true), 8),
        (RequestType::GetResyncWork, Answer::ResyncWork(None), 16),
        (RequestType::GetResyncWork, Answer::ResyncWork(Some(Region(9))), 16),
        (RequestType::GetSyncCount, Answer::SyncCount(32), 8),
        (RequestType::StatusInfo, Answer::Status("1 core".to_owned()), 7),
        (
            RequestType::IsRemoteRecovering,
            Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(3) },
            16,
        ),
    ] {
        let datagram = encoded(request_type, Ok(answer.clone())).unwrap();
        assert_eq!(datagram.len(), 196 + bytes, "{answer:?}");
        let Reply::Full { outcome, .. } = Reply::decode(&datagram).unwrap() else { panic!("a bare reply") };
        assert_eq!(outcome, Ok(answer));
    }
}

#[test]
fn in_sync_is_exactly_0_or_1() {
    for (is_in_sync, value) in [(false, 0_i64), (true, 1)] {
        let datagram = encoded(RequestType::InSync, Ok(Answer::InSync(is_in_sync))).unwrap();
        assert_eq!(datagram[196..], value.to_ne_bytes());
    }
    // cmirrord once answered with the bit itself, and the kernel took 2, 4, 8 for "not in sync".
    let refused = read(RequestType::InSync, 0, &2_i64.to_ne_bytes()).unwrap_err();
    assert_eq!(refused, UlogError::NotAFlag { request: "IN_SYNC", value: 2 });
}

#[test]
fn a_bare_acknowledgement_has_no_request_in_it() {
    for outcome in [Ok(()), Err(Errno::EAGAIN)] {
        let bare = Reply::Bare { seq: RequestSeq(7), outcome };
        let datagram = bare.encode().unwrap();
        assert_eq!(datagram.len(), 36);
        assert_eq!(Reply::decode(&datagram).unwrap(), bare);
    }
    // The kernel negates the acknowledgement; a daemon that negated it too would succeed by mistake.
    let negated = Frame { seq: 7, ack: (-11_i32).cast_unsigned(), body: &[] }.encode().unwrap();
    assert_eq!(Reply::decode(&negated).unwrap_err(), UlogError::ErrorSign { found: -4_294_967_285 });
}

#[test]
fn an_error_carries_no_data() {
    let datagram = encoded(RequestType::InSync, Err(Errno::EINVAL)).unwrap();
    assert_eq!(datagram.len(), 196);
    assert_eq!(datagram[36 + 144..36 + 148], (-22_i32).to_ne_bytes());
    assert_eq!(read(RequestType::InSync, -22, &[0; 8]).unwrap_err(), UlogError::DataWithError { bytes: 8 });
    assert_eq!(read(RequestType::InSync, 22, &[]).unwrap_err(), UlogError::ErrorSign { found: 22 });
    assert_eq!(read(RequestType::InSync, i32::MIN, &[]).unwrap_err(), UlogError::ErrorSign { found: -2_147_483_648 });
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    for (request_type, request, expected) in [
        (RequestType::GetRegionSize, "GET_REGION_SIZE", 8),
        (RequestType::InSync, "IN_SYNC", 8),
        (RequestType::GetResyncWork, "GET_RESYNC_WORK", 16),
        (RequestType::IsRemoteRecovering, "IS_REMOTE_RECOVERING", 16),
        (RequestType::MarkRegion, "MARK_REGION", 0),
    ] {
        let found = expected + 4;
        let refused = read(request_type, 0, &vec![0; found]).unwrap_err();
        assert_eq!(refused, UlogError::Payload { request, found, expected });
    }
}

#[test]
fn a_log_device_ends_in_a_nul_and_fits_128_bytes() {
    let device = |length: usize| Ok(Answer::LogDevice(Some("d".repeat(length))));
    assert_eq!(encoded(RequestType::Ctr, device(127)).unwrap().len(), 196 + 128);
    assert_eq!(encoded(RequestType::Ctr, device(128)).unwrap_err(), UlogError::DeviceNameTooLong { bytes: 129 });
    assert_eq!(read(RequestType::Ctr, 0, b"253:3").unwrap_err(), UlogError::DeviceNameUnterminated);
    assert_eq!(read(RequestType::Ctr, 0, b"\0").unwrap_err(), UlogError::Text { request: "CTR" });
}

#[test]
fn a_log_device_is_returned_from_version_2_on() {
    let old = Envelope { version: 1, ..envelope(RequestType::Ctr) };
    let reply = Reply::Full { envelope: old, outcome: Ok(Answer::LogDevice(Some("253:3".to_owned()))) };
    assert_eq!(reply.encode().unwrap_err(), UlogError::DeviceInReply { version: 1 });
}

#[test]
fn a_status_comes_with_and_without_its_nul() {
    for data in [&b"1 clustered-core"[..], b"1 clustered-core\0"] {
        let Reply::Full { outcome, .. } = read(RequestType::StatusInfo, 0, data).unwrap() else { panic!("bare") };
        assert_eq!(outcome, Ok(Answer::Status("1 clustered-core".to_owned())));
    }
    let long = Answer::Status("x".repeat(512));
    assert_eq!(encoded(RequestType::StatusInfo, Ok(long)).unwrap_err(), UlogError::StatusTooLong { bytes: 513 });
}

#[test]
fn an_answer_belongs_to_its_request() {
    let refused = encoded(RequestType::InSync, Ok(Answer::IsClean(true))).unwrap_err();
    assert_eq!(refused, UlogError::AnswerKind { request: "IN_SYNC" });
}
