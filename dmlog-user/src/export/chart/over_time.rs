//! Numbers over time: a line for the mean of each slot, and a band from its smallest to its largest value.

use super::time_axis::Span;
use super::{Chart, LEGEND_Y, Plot, Size, even_ticks};
use crate::analysis::occupancy::OccupancySummary;
use crate::analysis::over_time::{SeriesSummary, SlotSummary};
use crate::export::number::count;
use crate::session::maps::LostSlot;

/// How many regions are dirty over time, and how many are being recovered; `None` if it was never known, or was always none.
pub fn dirty(occupancy: &OccupancySummary, span: Span, losses: &[LostSlot], size: Size) -> Option<Chart> {
    let lines = [("dirty", &occupancy.dirty_regions), ("recovering", &occupancy.recovering_regions)];
    series("Dirty regions over time", &lines, occupancy, span, losses, size)
}

/// How many regions a crash would leave to copy over time, and how many are not in sync.
pub fn crash(occupancy: &OccupancySummary, span: Span, losses: &[LostSlot], size: Size) -> Option<Chart> {
    let lines = [("to copy after a crash", &occupancy.resync_regions), ("not in sync", &occupancy.not_in_sync_regions)];
    series("Regions to copy after a crash", &lines, occupancy, span, losses, size)
}

fn series(
    title: &str,
    lines: &[(&str, &SeriesSummary)],
    occupancy: &OccupancySummary,
    span: Span,
    losses: &[LostSlot],
    size: Size,
) -> Option<Chart> {
    let start_ns = occupancy.slots.slots_start_ns?;
    let known = || lines.iter().filter(|(_, series)| series.max.is_some_and(|max| max > 0));
    let most = known().filter_map(|(_, series)| series.max).max()?;
    let mut plot = Plot::new(size);
    let bottom = plot.bottom();
    let room = most as f64 * 1.05;
    let y_of = |value: f64| bottom - size.plot * (value / room).min(1.0);
    for tick in even_ticks(0, most, 6) {
        plot.row_tick(y_of(tick as f64), &count(tick));
    }
    plot.losses(span, losses);
    let mut told = Vec::new();
    for (number, (name, series)) in (1..).zip(lines).filter(|(_, (_, series))| series.max.is_some_and(|max| max > 0)) {
        let (mut line, mut band) = (String::new(), String::new());
        let mut is_open = false;
        for (place, slot) in (0..).zip(&series.slots) {
            let Some(SlotSummary { min, mean, max, .. }) = slot else {
                is_open = false;
                continue;
            };
            let begin_ns = start_ns.saturating_add(occupancy.slots.slot_ns.saturating_mul(place));
            let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
            let begin = plot.x(span, signed(begin_ns));
            let end = plot.x(span, signed(begin_ns.saturating_add(occupancy.slots.slot_ns)));
            let (low, high, y) = (y_of(*min as f64), y_of(*max as f64), y_of(*mean));
            let step = if is_open { format!("V{y:.1}H{end:.1}") } else { format!("M{begin:.1} {y:.1}H{end:.1}") };
            line.push_str(&step);
            if low - high > 0.5 {
                band.push_str(&format!("M{begin:.1} {high:.1}H{end:.1}V{low:.1}H{begin:.1}z"));
            }
            is_open = true;
        }
        plot.push(&format!("<path class=\"a{number}\" d=\"{band}\"/><path class=\"s{number}\" d=\"{line}\"/>"));
        plot.legend(18.0, name, |x| format!("<path class=\"s{number}\" d=\"M{x:.1} {LEGEND_Y}h18\"/>"));
        told.push(format!("{name}: at most {}", count(series.max.unwrap_or(0))));
    }
    plot.legend(12.0, "least to most", |x| {
        format!("<rect class=\"a1\" x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"10\"/>", LEGEND_Y - 5.0)
    });
    plot.time(span);
    let says = format!("Regions over time, mean, least and most of each slot; {}.", told.join(", "));
    Some(plot.finish(title.to_owned(), says))
}
