//! Writes the first inputs of each target into `corpus/`: one of everything, from the encoders and from the traces of real
//! kernels in `tests/traces/data`. The same files every time.
//!
//! ```sh
//! cargo run --example seeds
//! ```

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use dmlog_common::record::{CallRecord, Header, IdentityRecord, IoRecord, flag};
use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::flat::OP_NAMES;
use dmlog_user::event::ids::Region;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::render;
use dmlog_user::log::disk::header::{BITS_OFFSET_BYTES, DiskLogHeader, HEADER_BYTES};
use dmlog_user::log::userspace::ids::{Errno, Luid, RequestSeq, Uuid};
use dmlog_user::log::userspace::reply::{Answer, Reply};
use dmlog_user::log::userspace::request::{Envelope, REQUEST_TYPES, Request, RequestOp, RequestType};
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;

/// Items of each operation that are taken from a trace.
const OF_EACH: u32 = 2;

fn main() {
    write("codec", codec());
    write("disk_header", disk_header());
    write("ring_decode", ring_decode());
    let traces = traces();
    write("text", traces.iter().map(|(name, items)| (name.clone(), lines(items).into_bytes())).collect());
    write("trace_reader", traces.iter().map(|(name, items)| (name.clone(), trace(items))).collect());
}

fn write(target: &str, inputs: Vec<(String, Vec<u8>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("the corpus has a place");
    for (name, bytes) in inputs {
        fs::write(folder.join(name), bytes).expect("an input can be written");
    }
}

/// Every request and an answer to it, and what a daemon says besides.
fn codec() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for (request_type, _) in REQUEST_TYPES {
        let uuid = Uuid::new("LVM-fuzz").expect("a short name");
        let (luid, version, seq) = (Luid::new(7), 3, RequestSeq(9));
        let request = Request { luid, uuid: uuid.clone(), version, seq, op: operation(request_type) };
        let envelope = Envelope { luid, uuid, version, seq, request_type: request_type };
        let reply = Reply::Full { envelope: envelope.clone(), outcome: Ok(answer(request_type)) };
        let name = request_type.name().to_ascii_lowercase();
        inputs.push((format!("request-{name}"), request.encode().expect("a request")));
        inputs.push((format!("reply-{name}"), reply.encode().expect("a reply")));
    }
    let failed = Reply::Bare { seq: RequestSeq(1), outcome: Err(Errno::new(22).expect("EINVAL")) };
    inputs.push(("reply-bare".to_owned(), failed.encode().expect("a reply")));
    inputs
}

fn operation(request_type: RequestType) -> RequestOp {
    let (region, regions) = (Region(3), vec![Region(3), Region(70_000)]);
    match request_type {
        RequestType::Ctr => {
            RequestOp::Ctr { arguments: "2048 clustered-disk 254:3 1024 nosync".to_owned(), is_reconnect: false }
        }
        RequestType::Dtr => RequestOp::Dtr,
        RequestType::Presuspend => RequestOp::Presuspend,
        RequestType::Postsuspend => RequestOp::Postsuspend,
        RequestType::Resume => RequestOp::Resume,
        RequestType::GetRegionSize => RequestOp::GetRegionSize,
        RequestType::IsClean => RequestOp::IsClean { region },
        RequestType::InSync => RequestOp::InSync { region },
        RequestType::Flush => RequestOp::Flush { marks: regions },
        RequestType::MarkRegion => RequestOp::MarkRegion { regions },
        RequestType::ClearRegion => RequestOp::ClearRegion { regions },
        RequestType::GetResyncWork => RequestOp::GetResyncWork,
        RequestType::SetRegionSync => RequestOp::SetRegionSync { region, in_sync: true },
        RequestType::GetSyncCount => RequestOp::GetSyncCount,
        RequestType::StatusInfo => RequestOp::StatusInfo,
        RequestType::StatusTable => RequestOp::StatusTable,
        RequestType::IsRemoteRecovering => RequestOp::IsRemoteRecovering { region },
    }
}

fn answer(request_type: RequestType) -> Answer {
    match request_type {
        RequestType::Ctr => Answer::LogDevice(Some("254:3".to_owned())),
        RequestType::GetRegionSize => Answer::RegionSize(1024),
        RequestType::IsClean => Answer::IsClean(true),
        RequestType::InSync => Answer::InSync(false),
        RequestType::GetResyncWork => Answer::ResyncWork(Some(Region(5))),
        RequestType::GetSyncCount => Answer::SyncCount(17),
        RequestType::StatusInfo => Answer::Status("2 clustered-core A".to_owned()),
        RequestType::StatusTable => Answer::Status("clustered-core 2 LVM-fuzz 1024".to_owned()),
        RequestType::IsRemoteRecovering => Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(9) },
        _ => Answer::Done,
    }
}

/// Tables of the same log device and of others.
fn disk_header() -> Vec<(String, Vec<u8>)> {
    // Length in sectors in three bytes, region size, option, faults.
    let tables: [(&str, [u8; 6]); 4] = [
        ("same", [0, 8, 0, 1, 0, 0]),
        ("larger", [0, 64, 0, 1, 0, 0]),
        ("nosync-blocks-of-4096", [0, 8, 0, 1, 10, 0]),
        ("no-writes", [0, 8, 0, 1, 0, 2]),
    ];
    let header = DiskLogHeader::decode(&DiskLogHeader::default().encode()).unwrap_or_default();
    let mut devices: Vec<(&str, Vec<u8>)> = vec![("blank", vec![0; 8 << 10])];
    for (name, count) in [("256-regions", 256), ("100-regions", 100), ("no-region", 0)] {
        let mut device = vec![0; 8 << 10];
        let header = DiskLogHeader { nr_regions: count, ..header };
        device[..HEADER_BYTES].copy_from_slice(&header.encode());
        device[BITS_OFFSET_BYTES..BITS_OFFSET_BYTES + 32].copy_from_slice(&[0xf5; 32]);
        devices.push((name, device));
    }
    let join = |table: &[u8; 6], device: &[u8]| [table, device].concat();
    let pairs = tables.iter().flat_map(|table| devices.iter().map(move |device| (table, device)));
    pairs.map(|((of, table), (on, device))| (format!("{of}-on-{on}"), join(table, device))).collect()
}

/// One record of every kind, alone and all in a row.
fn ring_decode() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    let mut all = Vec::new();
    for (seq, (kind, name)) in (0..).zip(OP_NAMES) {
        let length = match *name {
            "map" => size_of::<IoRecord>(),
            "identity" => size_of::<IdentityRecord>(),
            "bits" => 88 + 64,
            _ => size_of::<CallRecord>(),
        };
        let mut record = header(seq, *kind);
        record.extend((size_of::<Header>()..length).map(|place| u8::from(place % 8 == 0)));
        record.resize(length, 0);
        let mut framed = u16::try_from(length).expect("records are short").to_le_bytes().to_vec();
        framed.extend(record);
        all.extend(&framed);
        inputs.push(((*name).to_owned(), framed));
    }
    inputs.push(("all".to_owned(), all));
    inputs
}

fn header(seq: u32, kind: u16) -> Vec<u8> {
    let time = 5_000_000_000_000 + u64::from(seq) * 1_000;
    let object = 0xffff_8880_1234_0000_u64;
    let mut bytes = [time.to_ne_bytes(), object.to_ne_bytes()].concat();
    bytes.extend([seq, 4000].iter().flat_map(|number: &u32| number.to_ne_bytes()));
    bytes.extend([kind, 0, flag::HAS_DURATION, 1].iter().flat_map(|number: &u16| number.to_ne_bytes()));
    bytes
}

/// A few items of every operation of each trace of a real kernel.
fn traces() -> Vec<(String, Vec<Item>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/data");
    let mut paths: Vec<PathBuf> = ["v1", "v1.1"]
        .iter()
        .flat_map(|version| fs::read_dir(data.join(version)).expect("traces are committed"))
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| (name(path), few(path))).collect()
}

fn name(path: &Path) -> String {
    let parts: Vec<String> = path.iter().rev().take(2).map(|part| part.to_string_lossy().into_owned()).collect();
    format!("{}-{}", parts[1], parts[0].trim_end_matches(".dmlog"))
}

fn few(path: &Path) -> Vec<Item> {
    let file = fs::File::open(path).expect("a committed trace");
    let (mut all, mut taken, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    let mut reader = TraceReader::new(file).expect("a trace");
    while reader.next_batch(&mut all).expect("a whole trace").is_some() {}
    for item in all {
        let code = match &item {
            Item::Event(event) => event.op.code(),
            Item::Gap(_) | Item::DecodeError(_) => u16::MAX,
        };
        let count: &mut u32 = seen.entry(code).or_default();
        *count += 1;
        if *count <= OF_EACH {
            taken.push(item);
        }
    }
    taken
}

fn lines(items: &[Item]) -> String {
    items.iter().map(|item| render(item) + "\n").collect()
}

/// Without compression, so that a changed byte is a changed value.
fn trace(items: &[Item]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut writer = TraceWriter::new(&mut packed, &CaptureFacts::default()).expect("memory takes a header");
    for part in items.chunks(20) {
        for item in part {
            writer.push(item).expect("memory takes an item");
        }
        writer.flush_batch().expect("memory takes a batch");
    }
    writer.finish().expect("memory takes an end");
    let mut reader = arrow_ipc::reader::StreamReader::try_new(packed.as_slice(), None).expect("our own stream");
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &reader.schema()).expect("the same schema");
    for batch in &mut reader {
        writer.write(&batch.expect("our own batch")).expect("memory takes a batch");
    }
    writer.finish().expect("memory takes an end");
    writer.into_inner().expect("all is written")
}
