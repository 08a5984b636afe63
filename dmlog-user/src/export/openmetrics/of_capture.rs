//! Samples of a capture as a whole.

use super::text::{Number, Text};
use super::{DEVICES_MAX, Exposition};
use crate::analysis::losses::LossRow;
use crate::event::text::{CAUSES, cause_name};
use crate::export::TraceEnd;
use crate::export::coverage::HookCounts;
use crate::session::difference::ModelSummary;

pub(super) fn build(_: &Exposition<'_>, text: &mut Text) {
    text.put(&[("version", env!("CARGO_PKG_VERSION"))], Number::Count(1));
}

pub(super) fn facts(exposition: &Exposition<'_>, text: &mut Text) {
    let facts = exposition.report.facts;
    let labels = [
        ("host", facts.host.as_str()),
        ("kernel_release", &facts.kernel_release),
        ("machine", &facts.machine),
        ("version", &facts.tool_version),
    ];
    text.put(&labels, Number::Count(1));
}

pub(super) fn start(exposition: &Exposition<'_>, text: &mut Text) {
    // 0 is not known.
    let realtime_ns = exposition.report.facts.clock.realtime_ns;
    if realtime_ns > 0 {
        text.put(&[], Number::Ns(realtime_ns));
    }
}

pub(super) fn covered(exposition: &Exposition<'_>, text: &mut Text) {
    text.put(&[], Number::Ns(exposition.report.snapshot.window.duration_ns));
}

pub(super) fn hooks(exposition: &Exposition<'_>, text: &mut Text) {
    let HookCounts { fentry, kprobe, off, waiting, absent } = HookCounts::of(exposition.report.facts);
    let counts = [("fentry", fentry), ("kprobe", kprobe), ("off", off), ("waiting", waiting), ("absent", absent)];
    for (probe, count) in counts {
        text.put(&[("probe", probe)], Number::Count(count));
    }
}

pub(super) fn events(exposition: &Exposition<'_>, text: &mut Text) {
    text.put(&[], Number::Count(exposition.report.snapshot.window.events));
}

/// One sample for each cause, also where nothing was lost: an alert needs a number to look at.
fn by_cause(exposition: &Exposition<'_>, text: &mut Text, number: fn(&LossRow) -> u64) {
    let rows = &exposition.report.snapshot.losses.rows;
    for cause in CAUSES.map(cause_name) {
        let of_cause = rows.iter().filter(|row| row.cause == cause).map(number);
        text.put(&[("cause", cause)], Number::Count(of_cause.fold(0, u64::saturating_add)));
    }
}

pub(super) fn lost(exposition: &Exposition<'_>, text: &mut Text) {
    by_cause(exposition, text, |row| row.lost);
}

pub(super) fn gaps(exposition: &Exposition<'_>, text: &mut Text) {
    by_cause(exposition, text, |row| row.gaps);
}

pub(super) fn gaps_of_unknown_size(exposition: &Exposition<'_>, text: &mut Text) {
    by_cause(exposition, text, |row| row.gaps_of_unknown_size);
}

pub(super) fn undecoded(exposition: &Exposition<'_>, text: &mut Text) {
    text.put(&[], Number::Count(exposition.report.snapshot.losses.decode_errors));
}

pub(super) fn forgotten_bios(exposition: &Exposition<'_>, text: &mut Text) {
    text.put(&[], Number::Count(exposition.report.snapshot.bios_forgotten));
}

pub(super) fn logs_beyond_limit(exposition: &Exposition<'_>, text: &mut Text) {
    text.put(&[], Number::Count(exposition.report.snapshot.logs_beyond_limit));
}

pub(super) fn devices_left_out(exposition: &Exposition<'_>, text: &mut Text) {
    let left_out = exposition.report.snapshot.devices.len().saturating_sub(DEVICES_MAX);
    text.put(&[], Number::Count(left_out as u64));
}

pub(super) fn torn(exposition: &Exposition<'_>, text: &mut Text) {
    let bytes = match exposition.report.end {
        TraceEnd::Clean => 0,
        TraceEnd::Torn { bytes } => bytes,
    };
    text.put(&[], Number::Count(bytes));
}

fn of_model(exposition: &Exposition<'_>, text: &mut Text, number: fn(&ModelSummary) -> u64) {
    if let Some(model) = &exposition.report.snapshot.model {
        text.put(&[], Number::Count(number(model)));
    }
}

pub(super) fn answers(exposition: &Exposition<'_>, text: &mut Text) {
    let Some(model) = &exposition.report.snapshot.model else { return };
    let counts = [("compared", model.compared), ("unknown", model.unknown), ("concurrent", model.concurrent)];
    for (outcome, count) in counts {
        text.put(&[("outcome", outcome)], Number::Count(count));
    }
}

pub(super) fn divergences(exposition: &Exposition<'_>, text: &mut Text) {
    of_model(exposition, text, |model| model.divergences);
}

pub(super) fn unsettled(exposition: &Exposition<'_>, text: &mut Text) {
    of_model(exposition, text, |model| model.unsettled);
}

pub(super) fn not_modelled(exposition: &Exposition<'_>, text: &mut Text) {
    of_model(exposition, text, |model| model.logs_not_modelled);
}

pub(super) fn ring_lost(exposition: &Exposition<'_>, text: &mut Text) {
    if let Some(serving) = exposition.serving {
        text.put(&[], Number::Count(serving.ring_lost));
    }
}

pub(super) fn requests(exposition: &Exposition<'_>, text: &mut Text) {
    for (code, count) in exposition.serving.iter().flat_map(|serving| &serving.requests) {
        text.put(&[("code", &code.to_string())], Number::Count(*count));
    }
}

pub(super) fn refused(exposition: &Exposition<'_>, text: &mut Text) {
    if let Some(serving) = exposition.serving {
        text.put(&[], Number::Count(serving.refused));
    }
}

pub(super) fn timed_out(exposition: &Exposition<'_>, text: &mut Text) {
    if let Some(serving) = exposition.serving {
        text.put(&[], Number::Count(serving.timed_out));
    }
}
