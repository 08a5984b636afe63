//! Differences between the kernel and the model, and whether anything but a wrong rule can be the reason.
//!
//! A difference is data: it is kept, shown and counted, and the fold goes on. It becomes a divergence only when nothing
//! that a capture may have missed explains it:
//!
//! ```text
//! Open ── an event of a hook that ends no later than those it rests on ──▶ Settled: a divergence
//!   │                                                                         │
//!   └──────────── a loss is told that may lie before it ──────────────────────┴──▶ Loss: unsettled
//! ```
//!
//! A loss is noticed late (see [`reach`](super::reach)), and a capture ends while the mirror goes on: near the end some calls
//! are seen and others are not. All hooks end at once now; captures of older traces ended by detaching one after the other, in
//! the order of their numbers. So a difference stays open until a hook is heard that is detached before those it rests on.

use std::fmt;

use super::tally::Comparison;
use crate::event::ids::{LogId, MonoNs, Region};
use crate::event::op::FlushKind;
use crate::event::text::flush_kind_name;

/// Differences that are kept with their context, about 3 KiB each; more are counted. One wrong rule makes many at
/// once, and nobody reads more.
pub const FINDINGS_MAX: usize = 128;

/// What the kernel answered, or the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A region is in sync, or not.
    InSync(bool),
    /// A region is clean, or dirty.
    Clean(bool),
    /// A region, or none.
    Region(Option<Region>),
    /// A number of regions.
    Regions(u64),
    /// A number of sectors.
    Sectors(u64),
    /// Why a flush did what it did.
    Flush(FlushKind),
    /// It happened, or not.
    Happened(bool),
    /// One of these states of a region: a bit for each, `DM_RH_CLEAN` 1, `DM_RH_DIRTY` 2, `DM_RH_NOSYNC` 4,
    /// `DM_RH_RECOVERING` 8.
    States(u8),
    /// Writes that are pending in a region.
    Pending(u32),
    /// Something that no kernel answers.
    Other(i32),
}

/// Names of the region states, in the order of their bits.
const STATES: [&str; 4] = ["clean", "dirty", "nosync", "recovering"];

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InSync(true) => f.write_str("in sync"),
            Self::InSync(false) => f.write_str("out of sync"),
            Self::Clean(true) => f.write_str("clean"),
            Self::Clean(false) => f.write_str("dirty"),
            Self::Region(Some(Region(region))) => write!(f, "region {region}"),
            Self::Region(None) => f.write_str("no region"),
            Self::Regions(count) => write!(f, "{count} regions"),
            Self::Sectors(count) => write!(f, "{count} sectors"),
            Self::Flush(kind) => f.write_str(flush_kind_name(*kind)),
            Self::Happened(true) => f.write_str("yes"),
            Self::Happened(false) => f.write_str("no"),
            Self::States(mask) => {
                let names = (0..).zip(STATES).filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| name);
                f.write_str(&names.collect::<Vec<_>>().join(" or "))
            }
            Self::Pending(writes) => write!(f, "{writes} writes pending"),
            Self::Other(answer) => write!(f, "{answer}"),
        }
    }
}

/// What is known of the reason of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not settled yet: whether a hook with a number above this one was still attached has not been seen.
    Open {
        /// Lowest number of the hooks that the prediction rests on.
        rests_on: u16,
    },
    /// Nothing explains it: a divergence.
    Settled,
    /// Events are missing that may explain it.
    Loss,
    /// The log device did not hold what the log had written last: it lost that, or somebody else wrote there.
    LogDevice,
}

/// The kernel answered something else than the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// When the kernel answered.
    pub time: MonoNs,
    /// Which log.
    pub log: LogId,
    /// What was compared.
    pub comparison: Comparison,
    /// Region that it is about, if it is about one.
    pub region: Option<Region>,
    /// What the kernel said.
    pub kernel: Answer,
    /// What the model had predicted.
    pub model: Answer,
    /// What is known of the reason.
    pub standing: Standing,
    /// The last events of that log up to this one, oldest first, in the text form.
    pub context: Vec<String>,
    /// Events that the models had taken in before.
    pub(super) position: u64,
}

/// All differences of a stream, in its order.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    kept: Vec<Divergence>,
    /// Differences that are [`Standing::Open`], kept or not.
    open: u64,
    beyond: Beyond,
}

/// Differences that are not kept.
#[derive(Clone, Copy, Debug, Default)]
struct Beyond {
    open: u64,
    /// Lowest hook that those which are open rest on.
    rests_on: u16,
    settled: u64,
    unsettled: u64,
}

impl Findings {
    pub(super) fn add(&mut self, divergence: Divergence) {
        let is_kept = self.kept.len() < FINDINGS_MAX;
        match divergence.standing {
            Standing::Open { rests_on } => {
                self.open += 1;
                if !is_kept {
                    let before = if self.beyond.open == 0 { u16::MAX } else { self.beyond.rests_on };
                    self.beyond.rests_on = before.min(rests_on);
                    self.beyond.open += 1;
                }
            }
            Standing::Settled if !is_kept => self.beyond.settled += 1,
            Standing::Loss | Standing::LogDevice if !is_kept => self.beyond.unsettled += 1,
            Standing::Settled | Standing::Loss | Standing::LogDevice => {}
        }
        if is_kept {
            self.kept.push(divergence);
        }
    }

    /// Whether any is open.
    #[inline]
    pub(super) fn has_open(&self) -> bool {
        self.open > 0
    }

    /// A call was seen whose hook has this number.
    pub(super) fn heard(&mut self, hook: u16) {
        for divergence in &mut self.kept {
            if let Standing::Open { rests_on } = divergence.standing
                && hook <= rests_on
            {
                divergence.standing = Standing::Settled;
                self.open -= 1;
            }
        }
        if hook <= self.beyond.rests_on {
            self.open -= self.beyond.open;
            self.beyond.settled += std::mem::take(&mut self.beyond.open);
        }
    }

    /// Events may be missing from this position on.
    pub(super) fn excuse_from(&mut self, position: u64) {
        for divergence in self.kept.iter_mut().filter(|divergence| position <= divergence.position) {
            if let Standing::Open { .. } = divergence.standing {
                self.open -= 1;
            }
            if divergence.standing != Standing::LogDevice {
                divergence.standing = Standing::Loss;
            }
        }
        // Where those beyond the limit stand is not known.
        let Beyond { open, rests_on: _, settled, unsettled } = self.beyond;
        self.open -= open;
        self.beyond = Beyond { unsettled: open + settled + unsettled, ..Beyond::default() };
    }

    /// The differences that are kept.
    pub fn kept(&self) -> &[Divergence] {
        &self.kept
    }

    /// Divergences and unsettled differences beyond [`FINDINGS_MAX`].
    pub fn beyond_limit(&self) -> (u64, u64) {
        (self.beyond.settled, self.beyond.open + self.beyond.unsettled)
    }

    /// Divergences and unsettled differences that are kept and that `wanted` takes.
    pub fn count(&self, wanted: impl Fn(&Divergence) -> bool) -> (u64, u64) {
        let settled = |divergence: &&Divergence| divergence.standing == Standing::Settled;
        let wanted: Vec<&Divergence> = self.kept.iter().filter(|divergence| wanted(divergence)).collect();
        let divergences = wanted.iter().copied().filter(settled).count() as u64;
        (divergences, wanted.len() as u64 - divergences)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Divergence, FINDINGS_MAX, Findings, Standing};
    use crate::event::ids::{LogId, MonoNs};
    use crate::session::model::tally::Comparison;

    fn at(position: u64, rests_on: u16) -> Divergence {
        Divergence {
            time: MonoNs(position),
            log: LogId(1),
            comparison: Comparison::InSync,
            region: None,
            kernel: Answer::InSync(true),
            model: Answer::InSync(false),
            standing: Standing::Open { rests_on },
            context: Vec::new(),
            position,
        }
    }

    #[test]
    fn a_difference_is_settled_by_a_hook_that_is_detached_no_later() {
        let mut findings = Findings::default();
        findings.add(at(5, 9));
        findings.heard(10);
        assert_eq!(findings.count(|_| true), (0, 1));
        findings.heard(9);
        assert_eq!(findings.count(|_| true), (1, 0));
    }

    #[test]
    fn a_loss_that_is_told_late_excuses_what_is_behind_it() {
        let mut findings = Findings::default();
        for position in [5, 50, 500] {
            findings.add(at(position, 9));
        }
        findings.heard(7);
        findings.add(at(600, 9));
        findings.excuse_from(50);
        let standings: Vec<_> = findings.kept().iter().map(|d| d.standing).collect();
        assert_eq!(standings, [Standing::Settled, Standing::Loss, Standing::Loss, Standing::Loss]);
        findings.heard(0);
        assert_eq!(findings.count(|_| true), (1, 3), "what is excused stays so");
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut findings = Findings::default();
        for position in 0..=FINDINGS_MAX as u64 {
            findings.add(at(position, 9));
        }
        assert_eq!((findings.kept().len(), findings.beyond_limit()), (FINDINGS_MAX, (0, 1)));
        findings.heard(9);
        assert_eq!(findings.beyond_limit(), (1, 0));
        findings.excuse_from(u64::MAX);
        assert_eq!(findings.beyond_limit(), (0, 1));
        assert_eq!(findings.count(|_| true), (FINDINGS_MAX as u64, 0), "none of those kept is that late");
    }

    #[test]
    fn answers_are_words() {
        assert_eq!(Answer::States(0b0011).to_string(), "clean or dirty");
        assert_eq!(Answer::Region(None).to_string(), "no region");
        assert_eq!(Answer::Other(-11).to_string(), "-11");
    }
}
