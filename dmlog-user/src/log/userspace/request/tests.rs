//! The bytes of requests, and the quirks of the protocol by name.

use super::{REQUEST_TYPES, Request, RequestOp, RequestType};
use crate::event::ids::Region;
use crate::log::userspace::error::UlogError;
use crate::log::userspace::ids::{Luid, RequestSeq, Uuid};
use crate::log::userspace::wire::{FRAME_BYTES, REQUEST_BYTES_MAX, at};

fn request(op: RequestOp) -> Request {
    let uuid = Uuid::new("LVM-uuid").unwrap();
    Request { luid: Luid::new(0xffff_8880_1234_5678), uuid, version: 3, seq: RequestSeq(7), op }
}

fn mark(regions: impl IntoIterator<Item = u64>) -> RequestOp {
    RequestOp::MarkRegion { regions: regions.into_iter().map(Region).collect() }
}

/// The datagram of a request with one field of the ulog header changed.
fn changed(op: RequestOp, place: usize, value: u32) -> Result<Request, UlogError> {
    let mut datagram = request(op).encode().unwrap();
    let place = FRAME_BYTES + place;
    datagram[place..place + 4].copy_from_slice(&value.to_ne_bytes());
    Request::decode(&datagram)
}

/// The datagram with its data cut or filled up to a length, and the headers made to agree.
fn resized(op: RequestOp, data_bytes: usize) -> Result<Request, UlogError> {
    let request = request(op);
    let mut data = request.op.encode(3).unwrap();
    data.resize(data_bytes, 1);
    let body = request.envelope().encode(0, &data).unwrap();
    Request::decode(&super::Frame { seq: 7, ack: 0, body: &body }.encode().unwrap())
}

#[test]
fn the_layout_is_the_kernels() {
    let datagram = request(mark([5])).encode().unwrap();
    let u32_at = |place: usize| u32::from_ne_bytes(datagram[place..place + 4].try_into().unwrap());
    assert_eq!(datagram.len(), 16 + 20 + 160 + 8);
    // nlmsghdr: length, type and flags, sequence number, pid.
    assert_eq!((u32_at(0), &datagram[4..8], u32_at(8), u32_at(12)), (204, &[3, 0, 0, 0][..], 7, 0));
    // cn_msg: group, message, sequence number, ack, length and flags.
    assert_eq!((u32_at(16), u32_at(20), u32_at(24), u32_at(28)), (7, 1, 7, 0));
    assert_eq!(datagram[32..36], [168, 0, 0, 0]);
    // dm_ulog_request, which begins at a byte that is no multiple of 8.
    assert_eq!(datagram[36..44], 0xffff_8880_1234_5678_u64.to_ne_bytes());
    assert_eq!(datagram[44..53], *b"LVM-uuid\0");
    assert!(datagram[53..176].iter().all(|byte| *byte == 0));
    assert_eq!([176, 180, 184, 188, 192].map(u32_at), [3, 0, 7, 10, 8]);
    assert_eq!(datagram[196..], 5_u64.to_ne_bytes());
}

#[test]
fn request_types_have_the_kernels_numbers() {
    for (index, (request_type, _)) in REQUEST_TYPES.iter().enumerate() {
        assert_eq!(usize::from(request_type.number()), index + 1);
        assert_eq!(RequestType::from_wire(u32::from(request_type.number())).unwrap(), *request_type);
    }
    assert_eq!(RequestType::from_wire(0).unwrap_err(), UlogError::RequestType { found: 0 });
    assert_eq!(RequestType::from_wire(18).unwrap_err(), UlogError::RequestType { found: 18 });
}

#[test]
fn the_upper_24_bits_of_the_request_type_are_reserved() {
    let read = changed(RequestOp::Resume, at::REQUEST_TYPE, 0xabcd_ef05).unwrap();
    assert_eq!(read, request(RequestOp::Resume));
}

#[test]
fn the_nul_of_a_ctr_says_that_the_kernel_reconnects() {
    for is_reconnect in [false, true] {
        let ctr = request(RequestOp::Ctr { arguments: "32768 core 1024".to_owned(), is_reconnect });
        let datagram = ctr.encode().unwrap();
        assert_eq!(datagram.len(), 196 + 15 + usize::from(is_reconnect));
        assert_eq!(Request::decode(&datagram).unwrap(), ctr);
    }
}

#[test]
fn netlink_pads_datagrams_to_four_bytes() {
    let ctr = request(RequestOp::Ctr { arguments: "32768 core 1024".to_owned(), is_reconnect: false });
    let mut datagram = ctr.encode().unwrap();
    datagram.push(0);
    assert_eq!(datagram.len() % 4, 0);
    assert_eq!(Request::decode(&datagram).unwrap(), ctr);
    // Old kernels count the padding.
    datagram[..4].copy_from_slice(&212_u32.to_ne_bytes());
    assert_eq!(Request::decode(&datagram).unwrap(), ctr);
    datagram.extend([0; 3]);
    let lengths = UlogError::Lengths { netlink: 212, connector: 175, length: 215 };
    assert_eq!(Request::decode(&datagram).unwrap_err(), lengths);
}

#[test]
fn the_kernel_refuses_more_than_332_bytes() {
    let ctr = |length: usize| RequestOp::Ctr { arguments: "1".repeat(length), is_reconnect: false };
    assert_eq!(REQUEST_BYTES_MAX, 332);
    assert_eq!(request(ctr(332)).encode().unwrap().len(), 36 + 512 - 20);
    assert_eq!(request(ctr(333)).encode().unwrap_err(), UlogError::RequestTooLong { bytes: 333 });
}

#[test]
fn a_group_has_one_to_32_regions() {
    let most = mark(0..32);
    assert_eq!(Request::decode(&request(most.clone()).encode().unwrap()).unwrap(), request(most));
    assert_eq!(request(mark(0..33)).encode().unwrap_err(), UlogError::RegionList { bytes: 264 });
    assert_eq!(request(mark([])).encode().unwrap_err(), UlogError::RegionList { bytes: 0 });
    for bytes in [0, 7, 9, 264] {
        assert_eq!(resized(mark([1]), bytes).unwrap_err(), UlogError::RegionList { bytes });
    }
}

#[test]
fn marks_travel_with_a_flush_from_version_3_on() {
    let flush = RequestOp::Flush { marks: vec![Region(3), Region(1)] };
    assert_eq!(Request::decode(&request(flush.clone()).encode().unwrap()).unwrap(), request(flush.clone()));
    assert_eq!(changed(flush.clone(), at::VERSION, 2).unwrap_err(), UlogError::MarksInFlush { version: 2 });
    let old = Request { version: 2, ..request(flush) };
    assert_eq!(old.encode().unwrap_err(), UlogError::MarksInFlush { version: 2 });
    let plain = Request { version: 2, ..request(RequestOp::Flush { marks: Vec::new() }) };
    assert_eq!(Request::decode(&plain.encode().unwrap()).unwrap(), plain);
}

#[test]
fn versions_that_do_not_exist_are_refused() {
    for found in [0, 4, u32::MAX] {
        assert_eq!(changed(RequestOp::Resume, at::VERSION, found).unwrap_err(), UlogError::Version { found });
    }
}

#[test]
fn a_dtr_carries_nothing_whatever_the_header_comment_says() {
    let expected = UlogError::Payload { request: "DTR", found: 16, expected: 0 };
    assert_eq!(resized(RequestOp::Dtr, 16).unwrap_err(), expected);
}

#[test]
fn in_sync_of_a_set_region_sync_is_true_if_it_is_not_zero() {
    let request = request(RequestOp::SetRegionSync { region: Region(4), in_sync: true });
    let mut datagram = request.encode().unwrap();
    datagram[204..212].copy_from_slice(&(-1_i64).to_ne_bytes());
    assert_eq!(Request::decode(&datagram).unwrap(), request);
}

#[test]
fn other_peoples_messages_are_told_apart() {
    let datagram = request(RequestOp::Resume).encode().unwrap();
    let with = |place: usize, bytes: &[u8]| {
        let mut datagram = datagram.clone();
        datagram[place..place + bytes.len()].copy_from_slice(bytes);
        Request::decode(&datagram).unwrap_err()
    };
    // Process events, which sockets bound with nl_groups = 7 get too.
    assert_eq!(with(16, &1_u32.to_ne_bytes()), UlogError::Foreign { idx: 1, value: 1 });
    assert_eq!(with(20, &9_u32.to_ne_bytes()), UlogError::Foreign { idx: 7, value: 9 });
    assert_eq!(with(4, &2_u16.to_ne_bytes()), UlogError::NetlinkType { found: 2 });
    assert_eq!(with(192, &4_u32.to_ne_bytes()), UlogError::DataSize { data_size: 4, found: 0 });
    assert_eq!(with(44, &[b'x'; 129]), UlogError::Uuid);
    assert_eq!(with(44, &[0]), UlogError::Uuid);
    assert_eq!(with(44, &[0xff]), UlogError::Uuid);
}

#[test]
fn the_luid_is_never_printed() {
    let request = request(RequestOp::Resume);
    let printed = format!("{request:?} {:?} {}", request.envelope(), request.luid);
    assert!(printed.contains("Luid(hidden)") && printed.contains("(hidden)"));
    let address = 0xffff_8880_1234_5678_u64;
    for form in [format!("{address}"), format!("{address:x}"), format!("{}", address.cast_signed())] {
        assert!(!printed.contains(&form), "{printed}");
    }
}
