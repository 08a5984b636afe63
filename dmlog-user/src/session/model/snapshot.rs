//! Snapshots of a log's bits: after a resume, and when the capture asked.
//!
//! ```text
//! after a resume   resume ─ bits ─ bits ─ bits ─ start_recovery      one thread; the worker may still clear what was written
//! asked for                 bits ─ bits ─ bits ─ status              last before the suspend, or, if asked, do anything
//! ```
//!
//! A call of the worker between the first bit and the end of the snapshot may be in the bits or not, whichever side of them
//! its event stands. So a snapshot waits until a call of the worker has begun behind it. By then every call that may be in
//! the bits has been told, and its region is left out: what the call itself did is known.

use super::bits::snapshot::Compared;
use super::finding::{Answer, Standing};
use super::instance::{Instance, RESTS_ON_MARKS};
use super::judge::Judge;
use super::span::Span;
use super::suspect::Difference;
use super::tally::Comparison;
use crate::event::bits::{Bits, Bitset, LogState};
use crate::event::call::Call;
use crate::event::ids::Region;
use crate::log::arguments::SyncOption;

/// Calls of the worker while a snapshot is asked for. A snapshot takes a millisecond at most; one that meets more of them
/// than this is left out as a whole.
const MET_MAX: usize = 64;

/// Parts of a snapshot, which is of 2^20 regions at most in parts of 32,768: 32 for each of three bitsets.
const PARTS_MAX: usize = 96;

/// A snapshot that is not taken over yet.
#[derive(Clone, Debug)]
pub(super) struct AskedBits {
    /// From its first part to what comes behind it in the same thread.
    span: Span,
    is_over: bool,
    /// The log has just read its bits from a device, where somebody else may have written.
    reads_device: bool,
    parts: Vec<Bits>,
    /// Regions of calls that may be in the bits or not, if there was any such call: some name no region.
    met: Option<Vec<Region>>,
    inside: bool,
}

impl Instance {
    /// Part of the bits of the log as the kernel's memory has them.
    pub(super) fn snapshot_bits(&mut self, call: &Call, bits: &Bits, judge: &mut Judge<'_>) {
        let is_other = self.asked_bits.as_ref().is_some_and(|asked| asked.is_over || asked.span.tid != call.tid);
        if is_other {
            // Two at once: one follows a resume, and the capture asks one log at a time.
            return judge.concurrent(Comparison::Bits);
        }
        let was_read = self.resumed_by == Some(call.tid);
        if self.may_resume && !was_read {
            // The capture asked while the log was perhaps being resumed, which changes all bits and is told when it is over.
            return judge.concurrent(Comparison::Bits);
        }
        let reads_device =
            was_read && self.facts.log_device.is_some() && self.facts.sync_option == Some(SyncOption::Default);
        let span = Span { from: call.time, to: call.time, tid: call.tid };
        let asked = self.asked_bits.get_or_insert_with(|| {
            let (parts, inside) = (Vec::new(), judge.inside);
            Box::new(AskedBits { span, is_over: false, reads_device, parts, met: None, inside })
        });
        if asked.parts.len() < PARTS_MAX {
            asked.parts.push(bits.clone());
        } else {
            judge.unknown(Comparison::Bits);
        }
    }

    /// What comes behind the bits in the same thread: the end of the status that asked, or `dm_rh_start_recovery`.
    pub(super) fn end_asked_bits(&mut self, call: &Call) {
        if let Some(asked) = self.asked_bits.as_mut().filter(|asked| asked.span.tid == call.tid && !asked.is_over) {
            asked.span.to = asked.span.to.max(call.time);
            asked.is_over = true;
        }
    }

    /// The worker, or an ioctl, changes the log, while a snapshot is being asked for or waits to be taken over.
    #[cold]
    pub(super) fn meet_asked_bits(&mut self, span: &Span, region: Option<Region>, judge: &mut Judge<'_>) {
        let Some(mut asked) = self.asked_bits.take() else { return };
        if asked.is_over && asked.span.is_before(span) {
            self.take_over(*asked, judge);
        } else if asked.met.as_ref().is_none_or(|met| met.len() < MET_MAX) {
            asked.met.get_or_insert_default().extend(region);
            self.asked_bits = Some(asked);
        } else {
            asked.parts.iter().for_each(|_left_out| judge.concurrent(Comparison::Bits));
        }
    }

    /// Takes over a snapshot: every call that may be in it has been told.
    fn take_over(&mut self, asked: AskedBits, judge: &mut Judge<'_>) {
        let AskedBits { span, reads_device, parts, met, inside, is_over: _ } = asked;
        let (has_met, met) = (met.is_some(), met.unwrap_or_default());
        // A flush that was under way when the capture began is not told, and sets flags at its end.
        let is_exact = !has_met && self.is_after_losses(&span);
        let Some(regions) = &mut self.regions else { return };
        for bits in &parts {
            let is_certain = bits.bitset != Bitset::Recovering || !has_met;
            let part = if is_certain { regions.bits.take_part(bits, &met) } else { None };
            let mut outcomes = vec![part];
            if let Some(state) = state_of(bits) {
                outcomes.push(is_exact.then(|| regions.bits.take_state(state)));
            }
            for compared in outcomes {
                let Some(Compared { was_known, different }) = compared else {
                    judge.concurrent(Comparison::Bits);
                    continue;
                };
                match different {
                    None if was_known => judge.equal(Comparison::Bits),
                    None => judge.unknown(Comparison::Bits),
                    Some((region, kernel, model)) if inside => {
                        let difference = asked_difference(self.log, span, region, (kernel, model), judge.position);
                        let standing = if reads_device {
                            Standing::LogDevice
                        } else {
                            Standing::Open { rests_on: RESTS_ON_MARKS }
                        };
                        judge.differs(&difference, standing, self.recent.lines());
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Events may be missing: what was asked for cannot be compared any more.
    pub(super) fn forget_asked_bits(&mut self, judge: &mut Judge<'_>) {
        if let Some(asked) = self.asked_bits.take() {
            asked.parts.iter().for_each(|_left_out| judge.unknown(Comparison::Bits));
        }
    }

    /// Parts of a snapshot that waits.
    pub(super) fn undecided_bits(&self) -> usize {
        self.asked_bits.as_ref().map_or(0, |asked| asked.parts.len())
    }
}

/// The log's numbers and flags, which stand in the first part of each bitset; once is enough.
fn state_of(bits: &Bits) -> Option<&LogState> {
    bits.state.as_ref().filter(|_| bits.bitset == Bitset::Clean)
}

fn asked_difference(
    log: crate::event::ids::LogId,
    span: Span,
    region: Option<Region>,
    (kernel, model): (Answer, Answer),
    position: u64,
) -> Difference {
    let (time, comparison) = (span.to, Comparison::Bits);
    Difference { time, log, comparison, region, kernel, model, rests_on: RESTS_ON_MARKS, position }
}
