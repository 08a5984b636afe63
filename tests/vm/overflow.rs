//! A ring that is too small and not drained: what is kept and what is counted as lost are exactly what happened.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use dmlog_user::capture::device::DeviceMapper;
use dmlog_user::capture::plan::{ProbeChoice, Wishes};
use dmlog_user::capture::{Capture, CaptureOptions, Losses};
use dmlog_user::event::item::{Item, LossCause};
use dmlog_user::event::op::{LogOp, MirrorOp, Op};

use crate::support::counter::Counter;
use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror};
use crate::support::write::{Direct, WRITE_SECTORS};

/// The smallest ring.
const RING_BYTES: u32 = 64 << 10;
/// What asking for one table leaves in the ring: identity, status of the log, status of the mirror, each with the ring's own
/// header of 8 bytes.
const CALL_BYTES: u32 = 176 + 72 + 72;
/// What the kernel calls for that.
const ASKED: [&str; 2] = ["core_status", "mirror_status"];
/// Records of the same.
const CALL_RECORDS: u64 = 3;
/// Questions that fit.
const CAPACITY_CALLS: u64 = (RING_BYTES / CALL_BYTES) as u64;

/// A capture in its own thread, which loses its privileges there; it is not drained until it is told to stop.
struct Undrained {
    stop: Sender<()>,
    thread: JoinHandle<(Vec<Item>, Losses)>,
}

impl Undrained {
    /// Records calls of these functions; of all if none is named.
    fn start(probe: ProbeChoice, only: &'static [&'static str]) -> Self {
        let (stop, stopped) = channel();
        let (ready, is_ready) = channel();
        let thread = std::thread::spawn(move || capture(probe, only, &ready, &stopped));
        if is_ready.recv().is_err() {
            let panic = thread.join().map(|_| "the capture ended early");
            panic!("the capture did not start: {panic:?}");
        }
        Self { stop, thread }
    }

    fn stop(self) -> (Vec<Item>, Losses) {
        self.stop.send(()).unwrap_or_else(|_| panic!("the capture has ended by itself"));
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn capture(probe: ProbeChoice, only: &[&str], ready: &Sender<()>, stopped: &Receiver<()>) -> (Vec<Item>, Losses) {
    let only = only.iter().map(|&function| function.to_owned()).collect();
    let options = CaptureOptions {
        devices: Vec::new(),
        wishes: Wishes { probe, io: true, reads: false, only },
        ring_bytes: RING_BYTES,
        bpf_log: false,
        keeps_file_access: false,
        command_line: Vec::new(),
    };
    let mut capture = Capture::start(&options).unwrap_or_else(|error| panic!("{error}"));
    // What the start left is not part of the burst.
    let mut before = Vec::new();
    while capture.drain(&mut before, usize::MAX) > 0 {}
    ready.send(()).unwrap_or_else(|_| panic!("nobody waits for the capture"));
    stopped.recv().unwrap_or_else(|_| panic!("nobody ends the capture"));
    let mut items = Vec::new();
    let losses = capture.stop(&mut items);
    (items, losses)
}

fn kept(items: &[Item]) -> u64 {
    items.iter().filter(|item| matches!(item, Item::Event(_))).count() as u64
}

fn lost_in_gaps(items: &[Item]) -> u64 {
    let gap = |item: &Item| match item {
        Item::Gap(gap) if gap.cause == LossCause::RingFull => {
            gap.lost.unwrap_or_else(|| panic!("{gap:?} does not say"))
        }
        Item::Gap(gap) => panic!("a loss that is not the ring's: {gap:?}"),
        Item::Event(_) => 0,
        Item::DecodeError(failure) => panic!("{failure:?}"),
    };
    items.iter().map(gap).sum()
}

fn check_burst(probe: ProbeChoice, calls: u64) {
    let mirror = Mirror::create("overflow", LogKind::Core, 0);
    mirror.wait_in_sync();
    let device = mirror.device();
    let device_mapper = DeviceMapper::open().unwrap_or_else(|error| panic!("device-mapper: {error}"));
    let counter = Counter::start();
    counter.wait_rest();
    let capture = Undrained::start(probe, &ASKED);
    // The start asks for tables too; only what follows counts.
    counter.stop();
    let counter = Counter::start();
    for _ in 0..calls {
        device_mapper.mirrors(device).unwrap_or_else(|error| panic!("table of {device}: {error}"));
    }
    counter.wait_rest();
    let counts = counter.stop();
    let (items, losses) = capture.stop();

    assert_eq!(counts.of("status"), calls, "one status call for each question");
    assert_eq!(counts.of("mstatus"), calls, "one status call of the mirror for each question");
    let exact = counts.of("status") * 2 + counts.of("mstatus");
    assert_eq!(exact, calls * CALL_RECORDS);
    let (kept, lost) = (kept(&items), lost_in_gaps(&items));
    assert_eq!(kept + lost, exact, "{calls} calls: {kept} kept and {lost} lost");
    assert_eq!(lost, losses.ring, "{calls} calls: gaps, and the kernel's own count");
    assert_eq!((losses.unpaired, losses.recursion, losses.forgotten), (0, 0, 0), "{losses:?}");
    if calls < CAPACITY_CALLS {
        assert_eq!(lost, 0, "{calls} calls fit into the ring");
    } else if calls > CAPACITY_CALLS {
        assert!(lost > 0, "{calls} calls do not fit into the ring");
        let full = CAPACITY_CALLS * CALL_RECORDS;
        assert!((full..full + CALL_RECORDS).contains(&kept), "{kept} kept where {full} fit");
    }
}

fn check_bursts(probe: ProbeChoice) {
    for calls in [0, 1, CAPACITY_CALLS / 2, CAPACITY_CALLS - 1, 8 * CAPACITY_CALLS] {
        check_burst(probe, calls);
    }
}

#[test]
fn kept_and_lost_are_exact_probed_auto() {
    check_bursts(ProbeChoice::Auto);
}

#[test]
fn kept_and_lost_are_exact_probed_by_kprobe() {
    check_bursts(ProbeChoice::Kprobe);
}

/// Records of every kind, from threads and interrupts on all CPUs.
#[test]
fn a_burst_of_writes_loses_what_the_gaps_say() {
    const WRITES: u64 = 1500;
    let mirror = Mirror::create("overflow", LogKind::Disk, 0);
    mirror.wait_in_sync();
    let counter = Counter::start();
    counter.wait_rest();
    let capture = Undrained::start(ProbeChoice::Auto, &[]);
    let device = Direct::open(&mirror.path());
    for number in 0..WRITES {
        device.write((number * 641 % (MIRROR_SECTORS / WRITE_SECTORS)) * WRITE_SECTORS);
    }
    counter.wait_rest();
    let (items, losses) = capture.stop();
    let counts = counter.stop();

    let lost = lost_in_gaps(&items);
    assert!(lost > 0, "{WRITES} writes fit into the ring");
    assert_eq!(lost, losses.ring, "gaps, and the kernel's own count");
    let of = |wanted: fn(&Op) -> bool| {
        items.iter().filter(|item| matches!(item, Item::Event(event) if wanted(&event.op))).count() as u64
    };
    let marks = of(|op| matches!(op, Op::Log(_, LogOp::MarkRegion { .. })));
    let maps = of(|op| matches!(op, Op::Mirror(MirrorOp::Map(_))));
    let (all_marks, all_maps) = (counts.marks.values().sum::<u64>(), counts.of("map"));
    assert_eq!(all_maps, WRITES, "bios by the counter");
    assert!(marks > 0 && marks < all_marks && all_marks - marks <= lost, "{marks} of {all_marks} marks, {lost} lost");
    assert!(maps > 0 && maps < all_maps && all_maps - maps <= lost, "{maps} of {all_maps} bios, {lost} lost");
}
