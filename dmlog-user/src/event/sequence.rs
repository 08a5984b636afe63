//! Finds lost records by the holes in their sequence numbers.
//!
//! Each CPU counts its records in two lanes (fentry and kprobe), and takes the number before it asks the ring for room: a
//! record that found none leaves a hole. A record can also be late: an interrupt between taking the number and asking for
//! room lets a later number into the ring first. So a hole counts as a loss only after [`LATE_WINDOW`] further records.

use std::collections::VecDeque;

/// Records of the same lane after which a hole is a loss. Interrupts nest a few deep at most; the rest is safety.
pub const LATE_WINDOW: u32 = 64;

/// Numbers of one lane.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// The number that should come next.
    next: u32,
    /// Holes that may still be filled: first number, length, and `next` when it was seen.
    holes: VecDeque<Hole>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    first: u32,
    length: u32,
    seen_at: u32,
}

impl Lane {
    /// Takes in a record's number; returns how many records are now known to be lost.
    pub fn observe(&mut self, seq: u32) -> u64 {
        let ahead = seq.wrapping_sub(self.next);
        if ahead == 0 {
            self.next = seq.wrapping_add(1);
        } else if ahead < u32::MAX / 2 {
            self.holes.push_back(Hole { first: self.next, length: ahead, seen_at: seq });
            self.next = seq.wrapping_add(1);
        } else {
            self.fill(seq);
        }
        self.expire()
    }

    /// Ends the lane: all holes are losses, and so is what the kernel counted beyond the last record.
    pub fn finish(&mut self, counted: u32) -> u64 {
        let open: u64 = self.holes.drain(..).map(|hole| u64::from(hole.length)).sum();
        let behind = counted.wrapping_sub(self.next);
        let behind = if behind < u32::MAX / 2 { behind } else { 0 };
        self.next = counted;
        open + u64::from(behind)
    }

    fn fill(&mut self, seq: u32) {
        let found = self.holes.iter().position(|hole| seq.wrapping_sub(hole.first) < hole.length);
        if let Some(place) = found
            && let Some(hole) = self.holes.remove(place)
        {
            let before = seq.wrapping_sub(hole.first);
            let after = hole.length - before - 1;
            if after > 0 {
                self.holes.insert(place, Hole { first: seq.wrapping_add(1), length: after, ..hole });
            }
            if before > 0 {
                self.holes.insert(place, Hole { length: before, ..hole });
            }
        }
    }

    fn expire(&mut self) -> u64 {
        let mut lost = 0;
        while let Some(hole) = self.holes.front() {
            if self.next.wrapping_sub(hole.seen_at) <= LATE_WINDOW {
                break;
            }
            lost += u64::from(hole.length);
            self.holes.pop_front();
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::{LATE_WINDOW, Lane};

    #[test]
    fn an_unbroken_sequence_loses_nothing() {
        let mut lane = Lane::default();
        assert_eq!((0..1000).map(|seq| lane.observe(seq)).sum::<u64>(), 0);
        assert_eq!(lane.finish(1000), 0);
    }

    #[test]
    fn a_late_record_is_no_loss() {
        let mut lane = Lane::default();
        let order = (0..10).chain([12, 11, 10]).chain(13..200);
        assert_eq!(order.map(|seq| lane.observe(seq)).sum::<u64>(), 0);
        assert_eq!(lane.finish(200), 0);
    }

    #[test]
    fn a_hole_is_a_loss_after_the_window_and_not_before() {
        let mut lane = Lane::default();
        assert_eq!(lane.observe(0), 0);
        let lost: Vec<u64> = (6..6 + LATE_WINDOW + 2).map(|seq| lane.observe(seq)).collect();
        assert_eq!(lost.iter().sum::<u64>(), 5);
        assert_eq!(lost.iter().position(|lost| *lost == 5), Some(LATE_WINDOW as usize));
    }

    #[test]
    fn a_hole_that_is_filled_in_part_loses_the_rest() {
        let mut lane = Lane::default();
        for seq in [0, 10, 5, 7] {
            lane.observe(seq);
        }
        // 1 to 9 were missing, 5 and 7 came.
        assert_eq!(lane.finish(11), 7);
    }

    #[test]
    fn losses_after_the_last_record_are_known_from_the_kernels_count() {
        let mut lane = Lane::default();
        lane.observe(0);
        assert_eq!(lane.finish(42), 41);
    }

    #[test]
    fn the_count_wraps() {
        let mut lane = Lane { next: u32::MAX, ..Lane::default() };
        assert_eq!(lane.observe(u32::MAX), 0);
        assert_eq!(lane.observe(0), 0);
        assert_eq!(lane.observe(3), 0);
        assert_eq!(lane.finish(4), 2);
    }
}
