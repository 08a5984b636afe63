//! Facts that several screens tell in the same words.

use super::Context;
use crate::analysis::latency::LatencySummary;
use crate::analysis::over_time::{SeriesSummary, SlotTimes};
use crate::analysis::processes::ProcessName;
use crate::export::number::{count, duration, harmless};
use crate::session::look::Counters;
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Column, number};
use crate::tui::history::Series;
use crate::tui::page::{Piece, piece, plain};
use crate::tui::theme::Tone;

/// Columns of a graph of a mirror's whole time.
pub const GRAPH_LABEL: usize = 18;

/// Characters of the highest value behind it.
pub const GRAPH_HIGHEST: usize = 18;

/// How a mirror is, in a word, and whether that is good.
pub fn health(device: &DeviceSnapshot) -> (String, Tone) {
    let failures = &device.failures;
    let has = |name: &str| failures.kinds.iter().any(|row| row.kind == name);
    if let Some(leg) = failures.failed_legs.first() {
        return (format!("leg {} failed", leg.leg), Tone::Bad);
    }
    if has("log_device_failed") || has("flush_error") {
        return ("log failed".to_owned(), Tone::Bad);
    }
    if has("log_flush_failed") {
        return ("flush failed".to_owned(), Tone::Bad);
    }
    if divergences(device) > 0 {
        return ("diverges".to_owned(), Tone::Bad);
    }
    let failed: u64 = failures.kinds.iter().map(|row| row.count).sum();
    match failed {
        0 => ("ok".to_owned(), Tone::Good),
        1 => ("1 failure".to_owned(), Tone::Warn),
        _ => (format!("{} failures", count(failed)), Tone::Warn),
    }
}

/// Answers of the kernel that differ from the model.
pub fn divergences(device: &DeviceSnapshot) -> u64 {
    device.comparisons.iter().map(|row| row.divergences).sum()
}

/// Regions in sync, and all, over all targets.
pub fn sync(device: &DeviceSnapshot) -> Option<(u64, u64)> {
    device.targets.iter().try_fold((0, 0), |(sync, all), target| {
        let regions = target.region_count?;
        Some((sync + target.sync.sync_count?.min(regions), all + regions))
    })
}

/// Columns of a latency.
pub const LATENCY: [Column; 6] =
    [number("p50", 0), number("p90", 3), number("p99", 0), number("p99.9", 4), number("max", 2), number("mean", 5)];

/// Cells of a latency.
pub fn latency(latency: Option<&LatencySummary>) -> Vec<Cell> {
    let of = |pick: fn(&LatencySummary) -> u64| Cell::maybe(latency.map(pick), duration);
    vec![
        of(|latency| latency.latency_ns_p50),
        of(|latency| latency.latency_ns_p90),
        of(|latency| latency.latency_ns_p99),
        of(|latency| latency.latency_ns_p999),
        of(|latency| latency.latency_ns_max),
        of(|latency| latency.latency_ns_mean),
    ]
}

/// A graph of a mirror over the whole time, with a label before and the highest value behind.
pub fn graph(
    context: &Context<'_>,
    device: &DeviceSnapshot,
    label: &str,
    series: Series,
    spell: impl Fn(f64) -> String,
) -> Vec<Piece> {
    let points = width(context).saturating_sub(GRAPH_LABEL + GRAPH_HIGHEST).clamp(8, 120);
    let values = context.frame.history.series(&device.name, context.span(), points, series);
    graph_of(context, label, &values, spell)
}

/// A graph of values, with a label before and the highest value behind.
pub fn graph_of(
    context: &Context<'_>,
    label: &str,
    values: &[Option<f64>],
    spell: impl Fn(f64) -> String,
) -> Vec<Piece> {
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    vec![
        piece(format!("{label:<GRAPH_LABEL$}"), Tone::Dim),
        piece(context.theme.spark(values), Tone::Graph),
        plain(format!(" max {}", spell(highest))),
    ]
}

/// The highest values of a series of a mirror in `points` steps of its whole time; `None` where it was not known.
pub fn highest_over_time(
    context: &Context<'_>,
    slots: SlotTimes,
    series: &SeriesSummary,
    points: usize,
) -> Vec<Option<f64>> {
    let (first_ns, last_ns) = context.span();
    let Some(start_ns) = slots.slots_start_ns.filter(|_| slots.slot_ns > 0) else { return vec![None; points] };
    let slot_of = |point: usize| {
        let part = u128::from(last_ns - first_ns) * point as u128 / points.max(1) as u128;
        let time_ns = first_ns.saturating_add(u64::try_from(part).unwrap_or(u64::MAX));
        usize::try_from(time_ns.saturating_sub(start_ns) / slots.slot_ns).unwrap_or(usize::MAX)
    };
    let highest = |point: usize| {
        let (begin, end) = (slot_of(point), slot_of(point + 1).max(slot_of(point) + 1));
        let within = series.slots.iter().take(end).skip(begin).flatten();
        within.map(|slot| slot.max).max().map(|max| max as f64)
    };
    (0..points).map(highest).collect()
}

/// Characters that a part in the first column of a page has.
pub fn width(context: &Context<'_>) -> usize {
    usize::from(if context.area.width >= 110 { context.area.width * 11 / 20 } else { context.area.width })
}

/// Rate of a counter in the window before now.
pub fn rate(context: &Context<'_>, device: &DeviceSnapshot, of: fn(&Counters) -> u64) -> f64 {
    context.frame.history.rate(device, context.span(), of)
}

/// A process, by name and number.
pub fn process(name: &ProcessName) -> String {
    let comm = harmless(&name.comm);
    name.tgid.map_or_else(|| comm.clone(), |tgid| format!("{comm} ({tgid})"))
}

/// A duration that is a mean, and so may have a fraction.
pub fn mean_duration(ns: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration; saturates")]
    duration(ns.round() as u64)
}

/// A label and a value, for lines of facts.
pub fn fact(label: &str, value: impl Into<String>, tone: Tone) -> [Piece; 2] {
    [piece(format!("{label} "), Tone::Dim), piece(format!("{}  ", value.into()), tone)]
}
