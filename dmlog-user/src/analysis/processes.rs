//! Who reads and writes: by thread group and command name.
//!
//! Marks and clears are not attributable: the kernel's worker makes them, one mark for all writes of a pass.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::io::PART_NAMES;
use super::latency::{Latency, LatencySummary};
use crate::event::op::{Bio, IoKind};

/// Processes with counts of their own per device; a distribution of latencies takes up to 30 KiB, so this is 8 MiB at
/// most. The first ones seen are kept: on a busy machine a parade of short processes must not push out the server.
pub const PROCESSES_MAX: usize = 256;

/// Number of a process in its device that stands for all others.
pub const OTHER_PROCESS: u32 = 0;

const NO_MORE: u32 = u32::MAX;

/// Counters of one process.
#[derive(Clone, Debug)]
struct ProcessCounters {
    tgid: u32,
    comm: String,
    /// The next process with the same thread group id (after an exec, or a reused id).
    next: u32,
    reads: u64,
    read_bytes: u64,
    writes: u64,
    write_bytes: u64,
    write_latency: Latency,
    /// Writes of which all parts are known, and how long these took together, in the order of [`PART_NAMES`].
    split: u64,
    parts_ns: [u64; PART_NAMES.len()],
}

/// Processes of one device.
#[derive(Clone, Debug)]
pub struct Processes {
    rows: Vec<ProcessCounters>,
    by_tgid: FxHashMap<u32, u32>,
    /// The process of the bio before, which is often that of the next.
    last: u32,
}

impl Default for Processes {
    fn default() -> Self {
        Self { rows: vec![ProcessCounters::new(0, String::new())], by_tgid: FxHashMap::default(), last: OTHER_PROCESS }
    }
}

impl ProcessCounters {
    fn new(tgid: u32, comm: String) -> Self {
        let write_latency = Latency::of_many();
        Self {
            tgid,
            comm,
            next: NO_MORE,
            reads: 0,
            read_bytes: 0,
            writes: 0,
            write_bytes: 0,
            write_latency,
            split: 0,
            parts_ns: [0; PART_NAMES.len()],
        }
    }

    fn is(&self, tgid: u32, comm: &str) -> bool {
        self.tgid == tgid && self.comm == comm
    }

    fn absorb(&mut self, other: &Self) {
        self.reads += other.reads;
        self.read_bytes += other.read_bytes;
        self.writes += other.writes;
        self.write_bytes += other.write_bytes;
        self.write_latency.absorb(&other.write_latency);
        self.split += other.split;
        for (ours, theirs) in self.parts_ns.iter_mut().zip(other.parts_ns) {
            *ours = ours.saturating_add(theirs);
        }
    }
}

impl Processes {
    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        self.rows.iter_mut().map(|row| &mut row.write_latency)
    }

    /// A bio has entered; returns the number of its process.
    pub fn enter(&mut self, bio: &Bio<'_>, kind: IoKind) -> u32 {
        let number = self.number(bio.tgid, bio.comm);
        let Some(row) = self.rows.get_mut(number as usize) else { return OTHER_PROCESS };
        match kind {
            IoKind::Read => {
                row.reads += 1;
                row.read_bytes += u64::from(bio.bytes);
            }
            IoKind::Write => {
                row.writes += 1;
                row.write_bytes += u64::from(bio.bytes);
            }
            IoKind::Flush | IoKind::Discard | IoKind::Other => {}
        }
        number
    }

    /// Number of the process of a bio that is not counted.
    pub fn number_of(&mut self, bio: &Bio<'_>) -> u32 {
        self.number(bio.tgid, bio.comm)
    }

    /// A write is over; `parts_ns` is how long its parts took, if that is known.
    pub fn end_write(&mut self, number: u32, latency_ns: u64, parts_ns: Option<[u64; PART_NAMES.len()]>) {
        let Some(row) = self.rows.get_mut(number as usize) else { return };
        row.write_latency.record(latency_ns);
        if let Some(parts_ns) = parts_ns {
            row.split += 1;
            for (sum, part_ns) in row.parts_ns.iter_mut().zip(parts_ns) {
                *sum = sum.saturating_add(part_ns);
            }
        }
    }

    /// Adds another device's processes; returns the numbers here of its processes.
    pub fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(other.rows.len());
        for (place, theirs) in other.rows.iter().enumerate() {
            let number =
                if place == OTHER_PROCESS as usize { OTHER_PROCESS } else { self.number(theirs.tgid, &theirs.comm) };
            if let Some(ours) = self.rows.get_mut(number as usize) {
                ours.absorb(theirs);
            }
            numbers.push(number);
        }
        numbers
    }

    /// What the process with this number goes by.
    pub fn name_of(&self, number: u32) -> ProcessName {
        match self.rows.get(number as usize).filter(|_| number != OTHER_PROCESS) {
            Some(row) => ProcessName { comm: row.comm.clone(), tgid: Some(row.tgid) },
            None => ProcessName { comm: "(others)".to_owned(), tgid: None },
        }
    }

    /// Number of a process, made if there is room.
    fn number(&mut self, tgid: u32, comm: &str) -> u32 {
        if self.last != OTHER_PROCESS && self.rows[self.last as usize].is(tgid, comm) {
            return self.last;
        }
        let first = self.by_tgid.get(&tgid).copied();
        let mut place = first;
        while let Some(row) = place.and_then(|number| self.rows.get(number as usize)) {
            if row.comm == comm {
                self.last = place.unwrap_or(OTHER_PROCESS);
                return self.last;
            }
            place = Some(row.next);
        }
        if self.rows.len() > PROCESSES_MAX {
            return OTHER_PROCESS;
        }
        let Ok(number) = u32::try_from(self.rows.len()) else { return OTHER_PROCESS };
        let mut row = ProcessCounters::new(tgid, comm.to_owned());
        row.next = first.unwrap_or(NO_MORE);
        self.rows.push(row);
        self.by_tgid.insert(tgid, number);
        self.last = number;
        number
    }

    /// Only how many there are, for whoever shows many mirrors.
    pub fn brief(&self) -> ProcessTable {
        ProcessTable { process_count: self.rows.len() as u64 - 1, rows: Vec::new(), other: None }
    }

    /// What is told of the processes: most bytes first, at most `top`; the rest and those without counts of their own
    /// together.
    pub fn summary(&self, top: usize) -> ProcessTable {
        let mut rows: Vec<&ProcessCounters> = self.rows.iter().skip(1).collect();
        rows.sort_by(|left, right| {
            let bytes = |row: &ProcessCounters| row.write_bytes + row.read_bytes;
            let ios = |row: &ProcessCounters| row.writes + row.reads;
            bytes(right)
                .cmp(&bytes(left))
                .then(ios(right).cmp(&ios(left)))
                .then_with(|| (left.tgid, &left.comm).cmp(&(right.tgid, &right.comm)))
        });
        let mut other = self.rows[OTHER_PROCESS as usize].clone();
        let count = rows.len() as u64;
        let cut = rows.split_off(top.min(rows.len()));
        for row in cut {
            other.absorb(row);
        }
        ProcessTable {
            process_count: count,
            rows: rows.into_iter().map(ProcessSummary::of).collect(),
            other: (other.reads + other.writes > 0).then(|| ProcessSummary::of(&other)),
        }
    }
}

/// What a process goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessName {
    /// Command name; `(others)` for all that have no counts of their own.
    pub comm: String,
    /// Thread group id; `None` for the others.
    pub tgid: Option<u32>,
}

/// What is told of the processes of a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessTable {
    /// Processes that have counts of their own.
    pub process_count: u64,
    /// Most bytes first.
    pub rows: Vec<ProcessSummary>,
    /// All others together; `None` if there are none.
    pub other: Option<ProcessSummary>,
}

/// What is told of one process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessSummary {
    /// Command name.
    pub comm: String,
    /// Thread group id, which userspace calls pid.
    pub tgid: u32,
    /// Writes.
    pub writes: u64,
    /// Bytes of them.
    pub write_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Bytes of them.
    pub read_bytes: u64,
    /// Latency of the writes that have ended, with two digits.
    #[serde(flatten)]
    pub write_latency: Option<LatencySummary>,
    /// Writes of which all three parts below are known; the shares are of their latencies.
    pub writes_split: u64,
    /// Share from entry until a pass of the worker picked the write up.
    pub pass_wait_ratio: Option<f64>,
    /// Share from there until the flush of that pass was over.
    pub flush_wait_ratio: Option<f64>,
    /// Share from there until the end: the legs.
    pub legs_ratio: Option<f64>,
}

impl ProcessSummary {
    fn of(row: &ProcessCounters) -> Self {
        let all_ns = row.parts_ns.iter().fold(0, |sum: u64, part_ns| sum.saturating_add(*part_ns));
        let [pass, flush, legs] = row.parts_ns.map(|part_ns| (all_ns > 0).then(|| part_ns as f64 / all_ns as f64));
        Self {
            writes_split: row.split,
            pass_wait_ratio: pass,
            flush_wait_ratio: flush,
            legs_ratio: legs,
            comm: row.comm.clone(),
            tgid: row.tgid,
            writes: row.writes,
            write_bytes: row.write_bytes,
            reads: row.reads,
            read_bytes: row.read_bytes,
            write_latency: row.write_latency.summary(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PROCESSES_MAX, Processes};
    use crate::event::ids::{IoId, Sector};
    use crate::event::op::{Bio, IoKind};

    fn io(tgid: u32, comm: &str, bytes: u32) -> Bio<'_> {
        Bio { io: IoId(1), sector: Sector(0), bytes, opf: 1, tgid, comm }
    }

    #[test]
    fn one_id_may_have_several_names() {
        let mut processes = Processes::default();
        let shell = processes.enter(&io(10, "sh", 512), IoKind::Write);
        let dd = processes.enter(&io(10, "dd", 4096), IoKind::Write);
        assert_ne!(shell, dd);
        assert_eq!(processes.enter(&io(10, "sh", 512), IoKind::Read), shell);
        processes.end_write(dd, 2_000, Some([500, 0, 1_500]));
        processes.end_write(dd, 2_000, None);
        let table = processes.summary(10);
        let rows: Vec<_> = table.rows.iter().map(|r| (r.comm.as_str(), r.writes, r.reads, r.write_bytes)).collect();
        assert_eq!(rows, [("dd", 1, 0, 4096), ("sh", 1, 1, 512)]);
        assert_eq!(table.rows[0].write_latency.unwrap().latency_ns_p50, 2_000);
        assert_eq!(table.other, None);
        let of = |row: &super::ProcessSummary| (row.writes_split, row.pass_wait_ratio, row.legs_ratio);
        assert_eq!(of(&table.rows[0]), (1, Some(0.25), Some(0.75)));
        assert_eq!(of(&table.rows[1]), (0, None, None));
    }

    #[test]
    fn processes_beyond_the_limit_and_beyond_the_top_are_told_together() {
        let mut processes = Processes::default();
        let count = u32::try_from(PROCESSES_MAX).unwrap() + 4;
        for tgid in 1..=count {
            processes.enter(&io(tgid, "w", 100), IoKind::Write);
        }
        let table = processes.summary(6);
        assert_eq!(table.process_count, PROCESSES_MAX as u64);
        assert_eq!(table.rows.len(), 6);
        let other = table.other.unwrap();
        assert_eq!(other.writes, u64::from(count) - 6);
        assert_eq!(other.write_bytes, (u64::from(count) - 6) * 100);
    }

    #[test]
    fn absorbing_joins_the_same_process() {
        let (mut left, mut right) = (Processes::default(), Processes::default());
        left.enter(&io(10, "dd", 1), IoKind::Write);
        right.enter(&io(10, "dd", 2), IoKind::Write);
        right.enter(&io(11, "cp", 4), IoKind::Read);
        left.absorb(&right);
        let rows: Vec<_> = left.summary(9).rows.iter().map(|r| (r.tgid, r.write_bytes, r.read_bytes)).collect();
        assert_eq!(rows, [(11, 0, 4), (10, 3, 0)]);
    }
}
