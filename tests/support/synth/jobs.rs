//! Who reads and writes: a few processes, each with one bio under way at a time.

use super::random::{Quantiles, Random};

/// A bio of a job.
#[derive(Clone, Debug)]
pub(crate) struct Bio {
    /// Number within its mirror, from 0.
    pub(crate) number: u64,
    pub(crate) job: usize,
    pub(crate) kind: BioKind,
    pub(crate) region: u64,
    pub(crate) entered_ns: u64,
}

/// What a bio does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BioKind {
    Read,
    Write,
    /// An empty write that asks for a flush.
    Flush,
}

/// How a job chooses the place of its next bio.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Places {
    /// Popular regions more often.
    Skewed,
    /// One after another.
    Sequential,
}

/// One thread that reads or writes.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) comm: &'static str,
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    pub(crate) cpu: u16,
    bytes: u32,
    places: Places,
    /// One bio in so many is a read; 0 for none.
    reads: u64,
    /// One bio in so many is a flush; 0 for none.
    flushes: u64,
    pub(crate) think: Quantiles,
    /// Flags of its writes in `bi_opf`.
    opf: u32,
    next_sector: u64,
}

/// REQ_OP_WRITE with REQ_SYNC and REQ_IDLE, as direct writes have.
const DIRECT: u32 = 0x8801;
/// REQ_OP_WRITE with REQ_BACKGROUND, as writeback has.
const WRITEBACK: u32 = 1 | 1 << 20;
const PREFLUSH: u32 = 1 << 18;
const SECTOR: u64 = 512;

/// Pauses of a job that waits for nothing but its last bio.
const BUSY: Quantiles = Quantiles([20_000, 36_000, 90_000, 300_000, 1_200_000, 4_000_000, 9_000_000]);
/// Pauses of a database between two writes.
const COMMITS: Quantiles = Quantiles([200_000, 400_000, 1_500_000, 5_000_000, 12_000_000, 30_000_000, 60_000_000]);
/// Pauses of writeback: bios in bursts.
const BURSTS: Quantiles = Quantiles([4_000, 8_000, 20_000, 9_000_000, 40_000_000, 90_000_000, 200_000_000]);

/// The jobs of a mirror.
pub(crate) fn jobs(mirror: u32, cpus: u16, random: &mut Random) -> Vec<Job> {
    let pid = 1_000 + mirror * 100;
    let mut cpu = || u16::try_from(random.below(u64::from(cpus))).unwrap_or(0);
    let plain = Job {
        comm: "fio",
        tgid: pid,
        tid: pid,
        cpu: 0,
        bytes: 4096,
        places: Places::Skewed,
        reads: 0,
        flushes: 0,
        think: BUSY,
        opf: DIRECT,
        next_sector: 0,
    };
    vec![
        Job { tid: pid + 1, cpu: cpu(), ..plain.clone() },
        Job { tid: pid + 2, cpu: cpu(), reads: 10, ..plain.clone() },
        Job {
            comm: "postgres",
            tgid: pid + 10,
            tid: pid + 10,
            cpu: cpu(),
            bytes: 8192,
            places: Places::Sequential,
            flushes: 5,
            think: COMMITS,
            ..plain.clone()
        },
        Job {
            comm: "kworker/u16:3",
            tgid: pid + 20,
            tid: pid + 20,
            cpu: cpu(),
            bytes: 65_536,
            places: Places::Sequential,
            think: BURSTS,
            opf: WRITEBACK,
            next_sector: 1 << 14,
            ..plain
        },
    ]
}

impl Job {
    /// What the next bio does, and where: first sector, length and `bi_opf`.
    pub(crate) fn next(&mut self, regions: u64, region_sectors: u64, random: &mut Random) -> (BioKind, u64, u32, u32) {
        if self.flushes > 0 && random.once_in(self.flushes) {
            return (BioKind::Flush, 0, 0, self.opf | PREFLUSH);
        }
        let sectors = u64::from(self.bytes) / SECTOR;
        let sector = match self.places {
            Places::Skewed => {
                // Popular regions are not neighbours: an odd factor spreads them over a power of two.
                let spread = regions.next_power_of_two();
                let region = random.zipf(regions).wrapping_mul(0x9e37_79b1) % spread;
                let region = if region < regions { region } else { region - regions };
                region * region_sectors + random.below(region_sectors / sectors) * sectors
            }
            Places::Sequential => {
                let sector = self.next_sector % (regions * region_sectors);
                self.next_sector = sector + sectors;
                sector
            }
        };
        if self.reads > 0 && random.once_in(self.reads) {
            return (BioKind::Read, sector, self.bytes, 0);
        }
        (BioKind::Write, sector, self.bytes, self.opf)
    }
}
