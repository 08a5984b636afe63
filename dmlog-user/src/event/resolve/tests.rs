//! Records of made-up addresses: which log, which bio, which latency they become.

use dmlog_common::record::{CallRecord, Header, IdentityRecord, IoRecord, NONE, flag, kind};

use super::Resolver;
use crate::event::bits::Bits;
use crate::event::decode::Record;
use crate::event::ids::{DurationNs, IoId, LogId};
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, LogOp, MirrorOp, Op, RegionHashOp};

const LOG: u64 = 0xffff_0000_0000_1000;
const TARGET: u64 = 0xffff_0000_0000_2000;
const HASH: u64 = 0xffff_0000_0000_3000;
const BIO: u64 = 0xffff_0000_0000_4000;

/// Feeds records with consecutive sequence numbers and times.
#[derive(Default)]
struct Feed {
    resolver: Resolver,
    seq: u32,
    items: Vec<Item>,
}

impl Feed {
    fn header(&mut self, record_kind: u16, object: u64) -> Header {
        let seq = self.seq;
        self.seq += 1;
        let time_ns = 1000 * u64::from(seq);
        Header { time_ns, object, seq, tid: 7, kind: record_kind, cpu: 0, flags: 0, hook: 0 }
    }

    fn call(&mut self, record_kind: u16, object: u64, region: u64, result: i64, arg: u64) -> Event {
        let header = self.header(record_kind, object);
        self.apply(&Record::Call(CallRecord { header, duration_ns: 0, region, result, arg }))
    }

    fn identity(&mut self) -> Event {
        let header = self.header(kind::IDENTITY, LOG);
        let mut device = [0; 16];
        device[..5].copy_from_slice(b"254:3");
        self.apply(&Record::Identity(IdentityRecord {
            header,
            target: TARGET,
            mirror_set: 0,
            region_hash: HASH,
            context: 0,
            target_sectors: 4096,
            target_begin: 0,
            region_count: 4,
            sync_count: NONE,
            region_size: 1024,
            sync_option: 0,
            flush_failed: 0,
            log_dev_failed: 0,
            log_type: [0; 16],
            device,
            log_device: [0; 16],
            legs: 2,
            reserved: 0,
        }))
    }

    fn map(&mut self, bio: u64) -> Event {
        let header = self.header(kind::MAP, TARGET);
        let comm = *b"fio\0\0\0\0\0\0\0\0\0\0\0\0\0";
        self.apply(&Record::Io(IoRecord { header, bio, sector: 8, bytes: 4096, opf: 1, tgid: 7, reserved: 0, comm }))
    }

    /// The event that a record becomes.
    fn apply(&mut self, record: &Record) -> Event {
        self.resolver.apply(record, &mut self.items);
        match self.items.last() {
            Some(Item::Event(event)) => event.clone(),
            other => panic!("no event: {other:?}"),
        }
    }
}

#[test]
fn all_objects_of_a_mirror_lead_to_its_log() {
    let mut feed = Feed::default();
    assert_eq!(feed.call(kind::RH_DEC, HASH, 0, 0, 0).log, LogId::UNKNOWN, "before it is known");
    let identity = feed.identity();
    assert_eq!(identity.log, LogId(1));
    assert_eq!(feed.call(kind::MARK_REGION, LOG, 3, 0, 0).log, LogId(1));
    assert_eq!(feed.call(kind::RH_DEC, HASH, 3, 0, 0).log, LogId(1));
    assert_eq!(feed.map(BIO).log, LogId(1));
}

#[test]
fn bits_belong_to_their_log_even_before_it_is_identified() {
    let mut feed = Feed::default();
    let bits = Bits { regions: 32, words: Some(vec![7]), ..Bits::unread() };
    let header = feed.header(kind::BITS, LOG);
    let event = feed.apply(&Record::Bits(header, Box::new(bits.clone())));
    assert_eq!((event.log, event.duration, event.op), (LogId(1), None, Op::Bits(Box::new(bits))));
    assert_eq!(feed.identity().log, LogId(1));
}

#[test]
fn a_log_that_was_never_identified_still_has_a_number() {
    let mut feed = Feed::default();
    assert_eq!(feed.call(kind::MARK_REGION, LOG, 3, 0, 0).log, LogId(1));
    assert_eq!(feed.call(kind::MARK_REGION, LOG + 64, 3, 0, 0).log, LogId(2));
}

#[test]
fn the_address_of_a_dead_log_may_serve_another_one() {
    let mut feed = Feed::default();
    feed.identity();
    feed.call(kind::DTR, LOG, NONE, 0, 0);
    assert_eq!(feed.call(kind::RH_DEC, HASH, 0, 0, 0).log, LogId::UNKNOWN);
    assert_eq!(feed.identity().log, LogId(2));
    assert_eq!(feed.call(kind::CTR, LOG, NONE, 0, 0).log, LogId(2), "the constructor's record follows its identity");
}

#[test]
fn the_end_of_a_bio_knows_its_beginning() {
    let mut feed = Feed::default();
    feed.identity();
    let Op::Mirror(MirrorOp::Map(io)) = feed.map(BIO).op else { panic!("no map") };
    let inc = feed.call(kind::RH_INC, HASH, 0, 0, BIO);
    assert_eq!(
        inc.op,
        Op::RegionHash(RegionHashOp::IncPending { region: Some(super::super::ids::Region(0)), io: io.io })
    );
    let end = feed.call(kind::END_IO, TARGET, NONE, 0, BIO);
    let latency = Some(DurationNs(2000));
    assert_eq!(end.op, Op::Mirror(MirrorOp::EndIo { io: io.io, latency, status: 0 }));
    let again = feed.call(kind::END_IO, TARGET, NONE, 0, BIO);
    assert_eq!(again.op, Op::Mirror(MirrorOp::EndIo { io: IoId::UNKNOWN, latency: None, status: 0 }));
}

#[test]
fn a_failed_read_may_end_once_more() {
    let mut feed = Feed::default();
    feed.map(BIO);
    feed.call(kind::END_IO, TARGET, NONE, 10, BIO);
    let end = feed.call(kind::END_IO, TARGET, NONE, 0, BIO);
    assert_eq!(end.op, Op::Mirror(MirrorOp::EndIo { io: IoId(1), latency: Some(DurationNs(2000)), status: 0 }));
}

#[test]
fn holes_in_the_sequence_become_a_gap_at_the_end() {
    let mut feed = Feed::default();
    feed.call(kind::MARK_REGION, LOG, 0, 0, 0);
    feed.seq += 5;
    feed.call(kind::MARK_REGION, LOG, 0, 0, 0);
    let mut rest = Vec::new();
    // The kernel counted two more after the last record.
    feed.resolver.finish(&[[9, 0], [0, 0]], crate::event::ids::MonoNs(99), &mut rest);
    let [Item::Gap(Gap { cpu: Some(0), lost: Some(7), cause: LossCause::RingFull, .. })] = rest[..] else {
        panic!("{rest:?}")
    };
}

#[test]
fn the_two_lanes_count_apart() {
    let mut feed = Feed::default();
    feed.call(kind::MARK_REGION, LOG, 0, 0, 0);
    let mut header = feed.header(kind::MARK_REGION, LOG);
    header.flags = flag::LANE_KPROBE;
    header.seq = 0;
    feed.apply(&Record::Call(CallRecord { header, duration_ns: 0, region: 0, result: 0, arg: 0 }));
    let mut rest = Vec::new();
    feed.resolver.finish(&[[1, 1]], crate::event::ids::MonoNs(99), &mut rest);
    assert_eq!(rest, []);
}

#[test]
fn an_unknown_kind_is_a_decode_error_and_not_an_event() {
    let mut feed = Feed::default();
    let header = feed.header(500, LOG);
    feed.resolver
        .apply(&Record::Call(CallRecord { header, duration_ns: 0, region: 0, result: 0, arg: 0 }), &mut feed.items);
    let Some(Item::DecodeError(failure)) = feed.items.last() else { panic!("{:?}", feed.items) };
    assert!(failure.reason.contains("500"), "{}", failure.reason);
}

#[test]
fn a_flush_whose_flags_were_not_read_has_no_kind() {
    let mut feed = Feed::default();
    let flush = feed.call(kind::FLUSH, LOG, NONE, 0, 0);
    let Op::Log(_, LogOp::Flush { kind: None, result: 0 }) = flush.op else { panic!("{flush:?}") };
}
