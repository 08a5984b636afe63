//! What a log says of itself: when it is made, resumed, or asked for its status.
//!
//! The probe reads the log's structure within the call, so what it says is of some moment between the event and the return
//! of the call. While a log is made or resumed nothing else changes it; a status may meet anything.

use super::bits::Image;
use super::finding::{Answer, Standing};
use super::instance::{Asked, Instance, RESTS_ON_SYNC};
use super::judge::Judge;
use super::span::Span;
use super::tally::Comparison;
use crate::event::call::Call;
use crate::event::op::LogImpl;
use crate::log::arguments::SyncOption;

/// Calls in which a log was asked what it is and that have still to return; each is a thread's own.
const ASKED_MAX: usize = 4;

impl Instance {
    /// `resume` has returned. `image` is what the log device of a disk log held, if that is known.
    pub(super) fn resume(&mut self, call: &Call, image: Option<Image>, judge: &mut Judge<'_>) {
        let result = call.result_i32();
        self.serial(call, None, false, judge);
        self.forget_asked_bits(judge);
        self.is_resumed = true;
        self.resumed_by = Some(call.tid);
        (self.learned, self.legs) = (None, None);
        let Some(regions) = &mut self.regions else { return };
        match call.implementation() {
            None | Some(LogImpl::Userspace) => {}
            Some(LogImpl::Core) => {
                regions.bits.core_resume();
                self.answered(call, judge);
            }
            Some(LogImpl::Disk) => {
                if let Some(hash) = &mut regions.hash {
                    hash.log_was_read_anew();
                }
                // If it failed, whether the bits could be read is not known.
                regions.bits.disk_resume(image.filter(|_| result == 0), self.facts.sync_option, result == 0);
                self.last_reading = Some(Span::of(call));
                let span = Span::of(call);
                if [self.last_clear, self.last_write].iter().flatten().any(|change| !change.is_before(&span)) {
                    // Which came first is not known: whether the sync bits were copied before or after a clear, or the device
                    // read before or after a flush of the worker, which wakes with its mirror.
                    regions.bits.forget_regions();
                    self.take_asked(call);
                    judge.concurrent(Comparison::Resume);
                } else {
                    self.disk_resumed(call, judge);
                }
            }
        }
        self.settle_overlap();
    }

    /// Compares what a disk log has read from its device with what was thought to be there.
    fn disk_resumed(&mut self, call: &Call, judge: &mut Judge<'_>) {
        let asked = self.take_asked(call);
        let Some(regions) = &mut self.regions else { return };
        let predicted = regions.bits.sync_count();
        let Some(count) = asked.and_then(|asked| asked.sync_count) else {
            return judge.unknown(Comparison::Resume);
        };
        match predicted {
            Some(model) if model == count => judge.equal(Comparison::Resume),
            Some(model) => {
                regions.bits.adopt_resumed_count(count);
                let answers = (Answer::Regions(count), Answer::Regions(model));
                // What the table says to forget cannot be on the device.
                let reads_device = self.facts.sync_option == Some(SyncOption::Default);
                let standing =
                    if reads_device { Standing::LogDevice } else { Standing::Open { rests_on: RESTS_ON_SYNC } };
                let difference = self.difference(call, Comparison::Resume, None, answers, RESTS_ON_SYNC, judge);
                judge.differs(&difference, standing, self.recent.lines());
            }
            None => {
                judge.unknown(Comparison::Resume);
                if count == 0 || count == regions.bits.region_count() {
                    regions.bits.adopt_resumed_count(count);
                } else {
                    regions.bits.adopt_sync_count(count);
                }
            }
        }
    }

    /// The log is asked what it is, in a call that has still to return.
    pub(super) fn ask(&mut self, asked: Asked, judge: &mut Judge<'_>) {
        let is_same = |other: &Asked| other.call.tid == asked.call.tid;
        let obsolete = self.asked.iter().position(is_same).or((self.asked.len() >= ASKED_MAX).then_some(0));
        if let Some(place) = obsolete {
            self.asked.remove(place);
            judge.unknown(Comparison::Status);
        }
        self.asked.push(asked);
    }

    fn take_asked(&mut self, call: &Call) -> Option<Asked> {
        let place = self.asked.iter().position(|asked| asked.call.tid == call.tid)?;
        Some(self.asked.swap_remove(place))
    }

    /// The call is over in which the log was asked what it is: compares its sync count.
    pub(super) fn answered(&mut self, call: &Call, judge: &mut Judge<'_>) {
        let Some(asked) = self.take_asked(call) else { return };
        let Some(count) = asked.sync_count else { return };
        let span = Span { from: asked.call.time, to: call.time.max(asked.call.time), tid: call.tid };
        let is_after_losses = self.is_after_losses(&span);
        let Some(regions) = &mut self.regions else { return judge.unknown(Comparison::Status) };
        // A flush that was under way when the capture began is not told, and may fail yet.
        if asked.flush_failed || is_after_losses {
            regions.bits.adopt_flush_failed(asked.flush_failed);
        }
        match regions.bits.sync_count() {
            Some(model) if model == count => judge.equal(Comparison::Status),
            Some(model) => {
                let answers = (Answer::Regions(count), Answer::Regions(model));
                let difference = self.difference(call, Comparison::Status, None, answers, RESTS_ON_SYNC, judge);
                self.suspect_unless_overlapped(difference, span, judge);
            }
            None => {
                judge.unknown(Comparison::Status);
                if self.last.is_none_or(|last| last.is_before(&span)) {
                    regions.bits.adopt_sync_count(count);
                    self.learned = Some(span);
                }
            }
        }
    }
}
