//! A recorder that is killed at any moment leaves a file in which every sealed batch is readable.

use std::time::Duration;

use dmlog_user::trace::error::TraceError;
use dmlog_user::trace::reader::Tail;

use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror};
use crate::support::recorder::{FEW_HOOKS, Recorder, Trace, dmlog_top, trace_path};
use crate::support::write::Load;
use crate::support::{kernel, kernel_complaints};

/// Longest life of a recorder after it says that it records: a seal and more.
const LIFE_MS_MAX: u64 = 1_600;

/// Kills on each kernel: 52 on the four.
const KILLS: usize = 13;

/// A fixed sequence of numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn every_sealed_batch_of_a_killed_recorder_reads_back() {
    let mirror = Mirror::create("kill", LogKind::Disk, 0);
    mirror.wait_in_sync();
    let load = Load::start(&mirror.path(), MIRROR_SECTORS);
    // Other moments on every kernel.
    let seed = kernel().bytes().fold(0x2545_f491_4f6c_dd1d, |seed: u64, byte| seed.rotate_left(9) ^ u64::from(byte));
    let mut random = Random(seed);
    let (mut sealed, mut events, mut torn) = (0, 0, 0);
    for number in 0..KILLS {
        let path = trace_path("kill");
        let mut recorder = Recorder::spawn(&path, &FEW_HOOKS);
        recorder.wait_recording();
        // The moment is what is tried here; nothing is waited for.
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MS_MAX)));
        recorder.signal("KILL");
        let (status, said) = recorder.wait();
        assert_eq!(status.code(), None, "kill {number}: ended with {status}: {said}");
        let context = format!("kill {number}");
        let path_text = path.display().to_string();
        let (code, out, err) = dmlog_top(&["verify", &path_text]);
        match Trace::try_read(&path) {
            Ok(trace) => {
                assert_eq!(code, Some(0), "{context}: verify: {out}{err}");
                if let Tail::Torn { bytes } = trace.tail {
                    torn += usize::from(bytes > 0);
                    assert!(out.contains("recorder"), "{context}: verify does not name the end: {out}");
                }
                sealed += trace.batches;
                events += trace.events().count();
            }
            // Killed before even the header was whole: there is nothing to read, and that is said.
            Err(error @ (TraceError::Empty | TraceError::TornHeader { .. })) => {
                assert_eq!(code, Some(5), "{context}: verify after {error}: {out}{err}");
                assert_eq!(err.trim_end().lines().count(), 1, "{context}: {err}");
            }
            Err(error) => panic!("{context}: {error}"),
        }
        assert!(!err.contains("panicked"), "{context}: {err}");
    }
    assert!(sealed > 0 && events > 0, "no kill came after a seal: {sealed} batches, {events} events");
    assert!(load.writes() > 0);
    drop(load);
    println!("kill: {KILLS} kills, {sealed} sealed batches, {events} events, {torn} torn tails");
    let complaints = kernel_complaints();
    assert!(complaints.is_empty(), "the kernel complains: {complaints:#?}");
}
