//! Traces out of nothing: the stream that the probes would deliver of a kernel with mirrors under load.
//!
//! ```text
//! jobs ─ bios ─▶ Mirror: do_mirror's passes over a region hash and a log ─▶ events ─▶ Machine: one order of time
//! ```
//!
//! It plays the kernel's own rules (drivers/md/dm-raid1.c, dm-region-hash.c, dm-log.c) instead of repeating a pattern, so a
//! model of the log that is run over the stream finds nothing to contradict: marks come with the change of a region from
//! clean to dirty only, clears when nothing is pending, flush kinds follow the touched flags, every answer is right.
//! Durations and pauses are drawn from what was measured on recordings of real kernels ([`shapes`]). Everything comes from
//! one seed and from integers only: the same settings give the same items on every machine.
//!
//! For benches and tests; no real trace is ever completed with it.

pub(crate) mod facts;
mod jobs;
mod log_bits;
pub(crate) mod machine;
mod mirror;
mod pass;
mod random;
mod region_hash;
mod shapes;

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Events, exactly.
    pub(crate) events: u64,
    /// Regions of each mirror.
    pub(crate) regions: u64,
    /// Mirrors, each with its own log, worker and jobs.
    pub(crate) mirrors: u32,
    /// The table says `nosync`: everything is in sync from the start, and there is nothing to recover.
    pub(crate) nosync: bool,
    /// Where the random numbers begin.
    pub(crate) seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { events: 1_000_000, regions: 16_384, mirrors: 1, nosync: false, seed: 1 }
    }
}
