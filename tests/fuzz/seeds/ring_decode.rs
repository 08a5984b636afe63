//! Records: what the kernel side would have sent for the items of a recording. `properties/ring_decode.rs` says what stands
//! between them.

use dmlog_common::record::{NONE, flag, kind};
use dmlog_user::event::flat::Flat;
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, Identity};

use crate::lines::first_of_each;
use crate::{Recording, Seed};

pub(crate) fn seeds(recordings: &[Recording]) -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        recordings.iter().map(|recording| (recording.name.clone(), stream(&recording.items))).collect();
    seeds.push(("bits-small".to_owned(), [vec![3], bits(64, 70, 0)].concat()));
    seeds.push(("bits-big".to_owned(), [vec![4], bits(4096, 40_000, 1)].concat()));
    seeds.push(("short".to_owned(), vec![3, 1, 2, 3]));
    seeds
}

fn stream(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (seq, item) in (0..).zip(first_of_each(items, 3)) {
        if let Item::Event(event) = item {
            let flat = Flat::from_event(event);
            match (flat.code, &flat.identity) {
                (kind::MAP, _) => bytes.extend([vec![1], io(&flat, event, seq)].concat()),
                (_, Some(identity)) => bytes.extend([vec![2], facts(&flat, event, identity, seq)].concat()),
                (kind::BITS, _) => {}
                _ => bytes.extend([vec![0], call(&flat, event, seq)].concat()),
            }
        }
    }
    bytes
}

fn header(flat: &Flat, event: &Event, seq: u32) -> Vec<u8> {
    let mut flags = u16::from(flat.implementation);
    if flat.duration_ns.is_some() {
        flags |= flag::HAS_DURATION;
    }
    let object = address(event, flat.code);
    let mut bytes = [flat.time.0, object].map(u64::to_ne_bytes).concat();
    bytes.extend([seq, flat.tid].map(u32::to_ne_bytes).concat());
    bytes.extend([flat.code, flat.cpu, flags, 0].map(u16::to_ne_bytes).concat());
    bytes
}

/// Objects as an identity names them: the log itself, its region hash, its mirror set.
fn address(event: &Event, code: u16) -> u64 {
    let family = match code {
        32..64 => 3,
        64..96 => 1,
        96..128 if code != kind::IDENTITY && code != kind::BITS => 4,
        _ => 0,
    };
    (u64::from(event.log.0) << 16) | 0xf000 | (family << 8)
}

fn call(flat: &Flat, event: &Event, seq: u32) -> Vec<u8> {
    let arg = flat.arg.or(flat.io.map(u64::cast_signed)).unwrap_or(0).cast_unsigned();
    let result = flat.result.unwrap_or(0).cast_unsigned();
    let fields = [flat.duration_ns.unwrap_or(0), flat.region.unwrap_or(NONE), result, arg];
    [header(flat, event, seq), fields.map(u64::to_ne_bytes).concat()].concat()
}

fn io(flat: &Flat, event: &Event, seq: u32) -> Vec<u8> {
    let mut bytes = header(flat, event, seq);
    bytes.extend([flat.io.unwrap_or(0), flat.sector.unwrap_or(0)].map(u64::to_ne_bytes).concat());
    let numbers = [flat.bytes.unwrap_or(0), flat.opf.unwrap_or(0), flat.tgid.unwrap_or(0), 0];
    bytes.extend(numbers.map(u32::to_ne_bytes).concat());
    bytes.extend(padded(flat.comm.as_deref().unwrap_or_default()));
    bytes
}

fn facts(flat: &Flat, event: &Event, identity: &Identity, seq: u32) -> Vec<u8> {
    let mut bytes = header(flat, event, seq);
    let family = [1u64, 2, 3, 4].map(|family| address(event, flat.code) | (family << 8));
    bytes.extend(family.map(u64::to_ne_bytes).concat());
    let sizes = [identity.target_sectors, identity.target_begin, identity.region_count].map(Option::unwrap_or_default);
    bytes.extend(sizes.map(u64::to_ne_bytes).concat());
    bytes.extend(identity.sync_count.unwrap_or(NONE).to_ne_bytes());
    let region_size = identity.region_size_sectors.unwrap_or_default();
    let numbers = [region_size, identity.sync_option.unwrap_or_default(), 0, 0];
    bytes.extend(numbers.map(u32::to_ne_bytes).concat());
    for name in [identity.log_type.clone(), identity.device.to_string(), String::from("7:2")] {
        bytes.extend(padded(&name));
    }
    bytes.extend([identity.legs.unwrap_or_default(), 0].map(u32::to_ne_bytes).concat());
    bytes
}

/// A record of a bitset's first bits, with the log's state.
fn bits(payload_bytes: usize, region_count: u64, bitset: u16) -> Vec<u8> {
    let flat = Flat { code: kind::BITS, ..Flat::default() };
    let mut bytes = [9, 0x1_f000].map(u64::to_ne_bytes).concat();
    bytes.extend([0, flat.tid].map(u32::to_ne_bytes).concat());
    bytes.extend([flat.code, 0, 0, 0].map(u16::to_ne_bytes).concat());
    bytes.extend([0, region_count, 3].map(u64::to_ne_bytes).concat());
    bytes.extend([7u32, 1, 0, 0, 0, 0, 0].map(u32::to_ne_bytes).concat());
    bytes.extend([bitset, 0].map(u16::to_ne_bytes).concat());
    bytes.resize(bytes.len() + payload_bytes, 0xfe);
    bytes
}

/// A name in 16 bytes with NULs behind it.
fn padded(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}
