//! Who wrote a region most, in twelve bytes a region.
//!
//! Space-Saving (Metwally and others, 2005) with three counters: a process that is not among them takes the place of the least
//! one, and its count. So whoever made more than a third of the writes is among them, and the others in the list may
//! have made fewer than one that is not. Counts are halved when one is full: what is long ago counts less. They are
//! bounds, no counts, and are not told.

/// Processes per region.
pub const WRITERS_MAX: usize = 3;

/// A process, by its number in the device, and at most how many of the writes were its.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) process: u16,
    /// 0 is an empty place.
    pub(super) writes: u16,
}

/// The processes that wrote a region most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writers(pub(super) [Writer; WRITERS_MAX]);

impl Writers {
    /// Counts a write.
    #[inline]
    pub(super) fn write(&mut self, process: u16) {
        let first = &mut self.0[0];
        if first.process == process && (1..u16::MAX).contains(&first.writes) {
            first.writes += 1;
        } else {
            self.add(process, 1);
        }
    }

    /// Counts writes of one process.
    pub(super) fn add(&mut self, process: u16, writes: u16) {
        let has = |writer: &Writer| writer.process == process && writer.writes > 0;
        let known = self.0.iter().position(has);
        let place = known.unwrap_or_else(|| {
            let least = self.0.iter().enumerate().min_by_key(|(_, writer)| writer.writes);
            least.map_or(0, |(place, _)| place)
        });
        if self.0[place].writes.checked_add(writes).is_none() {
            self.0.iter_mut().for_each(|writer| writer.writes /= 2);
        }
        let writer = &mut self.0[place];
        *writer = Writer { process, writes: writer.writes.saturating_add(writes) };
    }

    /// Adds those of another table, whose processes have other numbers.
    pub(super) fn absorb(&mut self, other: &Self, number_here: impl Fn(u16) -> u16) {
        for writer in other.0.iter().filter(|writer| writer.writes > 0) {
            self.add(number_here(writer.process), writer.writes);
        }
    }

    /// The processes, most writes first.
    pub(super) fn processes(&self) -> impl Iterator<Item = u16> {
        let mut writers = self.0;
        writers.sort_by_key(|writer| (std::cmp::Reverse(writer.writes), writer.process));
        writers.into_iter().filter(|writer| writer.writes > 0).map(|writer| writer.process)
    }
}

#[cfg(test)]
mod tests {
    use super::Writers;

    fn of(processes: impl IntoIterator<Item = u16>) -> Vec<u16> {
        let mut writers = Writers::default();
        processes.into_iter().for_each(|process| writers.write(process));
        writers.processes().collect()
    }

    #[test]
    fn writers_are_told_by_their_writes() {
        assert_eq!(of([]), Vec::<u16>::new());
        assert_eq!(of([5, 0, 0, 7, 0, 7]), [0, 7, 5]);
    }

    #[test]
    fn whoever_made_more_than_a_third_is_among_them() {
        // Process 9 makes two of five writes, a parade of others the rest.
        let parade = (0..3_000_u16).map(|n| if n % 5 < 2 { 9 } else { 10 + n });
        assert!(of(parade).contains(&9));
    }

    #[test]
    fn full_counts_are_halved_and_the_order_stays() {
        let mut writers = Writers::default();
        for n in 0..200_000_u32 {
            writers.write(if n % 3 == 0 { 1 } else { 2 });
        }
        assert_eq!(writers.processes().collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn absorbing_renumbers() {
        let (mut ours, mut theirs) = (Writers::default(), Writers::default());
        (0..3).for_each(|_| ours.write(1));
        (0..5).for_each(|_| theirs.write(1));
        ours.absorb(&theirs, |process| process + 10);
        assert_eq!(ours.processes().collect::<Vec<_>>(), [11, 1]);
    }
}
