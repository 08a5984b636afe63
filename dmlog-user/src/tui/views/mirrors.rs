//! All mirrors, one row each: what a person looks at first.

use super::{Context, facts};
use crate::export::number::{bytes, count, counted, duration, harmless, moment, per_s, ratio};
use crate::export::report::model::verdict;
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::{Page, piece};
use crate::tui::theme::Tone;

/// Characters of the graph in a row.
const GRAPH: usize = 12;

/// Characters of the recovery bar.
const BAR: usize = 6;

/// The page without anybody who chooses a row: what is told of one mirror is there only if there is no other.
pub(super) fn page(context: &Context<'_>) -> Page {
    let mut page = table(context);
    let devices = &context.frame.snapshot.devices;
    tell(context, devices.first().filter(|_| devices.len() == 1), &mut page);
    page
}

/// The losses and the table.
pub(in crate::tui) fn table(context: &Context<'_>) -> Page {
    let mut page = Page::default();
    losses(context, &mut page);
    let columns = [
        words("mirror", 0),
        words("health", 0),
        words("log", 4),
        words("legs", 11),
        words("in sync", 3),
        number("dirty", 3),
        number("out of sync", 9),
        number("recovering", 13),
        number("of regions", 14),
        number("crash copies", 2),
        words("crash over time", 18),
        number("marks/s", 0),
        number("clears/s", 10),
        number("dirtied/s", 5),
        number("cleaned/s", 16),
        number("no-op/s", 17),
        number("flush p50", 12),
        number("flush p99", 1),
        number("write p99", 2),
        number("log wait", 6),
        number("re-marks", 15),
        number("dirty for, p50", 19),
        number("diverg.", 7),
        words("marks over time", 8),
    ];
    let mut grid = Grid::new("", &columns, "no mirror was seen so far");
    let mut rows: Vec<(f64, u64, Vec<Cell>)> = Vec::new();
    for (id, device) in (0..).zip(&context.frame.snapshot.devices) {
        rows.push((facts::rate(context, device, |c| c.marks), id, row(context, device)));
    }
    // Hottest first; the same heat in order of appearance.
    rows.sort_by(|(left, one, _), (right, other, _)| right.total_cmp(left).then(one.cmp(other)));
    for (_, id, cells) in rows {
        grid.push(id, cells);
    }
    page.main_grid(grid);
    page
}

/// What is told beneath it: of the mirror that is chosen, and of the table.
pub(in crate::tui) fn tell(context: &Context<'_>, device: Option<&DeviceSnapshot>, page: &mut Page) {
    page.gap();
    if let Some(device) = device {
        if context.frame.snapshot.devices.len() > 1 {
            page.line(vec![piece(harmless(&device.name), Tone::Head)]);
        }
        graphs(context, device, page);
    }
    if let Some(model) = &context.frame.snapshot.model {
        page.text(format!("{:<18} {}", "kernel and model", verdict(model)), Tone::Plain);
    }
    let window = context.frame.history.window_ns(context.span().0, context.span().1);
    let text = format!(
        "rates are of the last {}; percentiles of everything so far; flush p50 and p99 are of dirtied flushes, which put \
         marks on the log device; log wait: share of the writes' time spent waiting for those",
        duration(window)
    );
    page.text(text, Tone::Dim);
}

fn losses(context: &Context<'_>, page: &mut Page) {
    let snapshot = &context.frame.snapshot;
    if !snapshot.losses.is_empty() {
        let losses = &snapshot.losses;
        let text = format!(
            "LOST {} in {}, {} of unknown size; {} could not be decoded: numbers are too low",
            counted(losses.lost, "event"),
            counted(losses.gaps, "gap"),
            count(losses.gaps_of_unknown_size),
            counted(losses.decode_errors, "record")
        );
        page.text(text, Tone::Bad);
    }
    for difference in snapshot.model.iter().flat_map(|model| &model.differences).filter(|d| d.is_divergence()).take(2) {
        let region = difference.region.map_or_else(String::new, |region| format!(" of region {region}"));
        let text = format!(
            "DIVERGENCE at {}: {} {}{region}: kernel {}, model {}",
            moment(difference.time_ns),
            harmless(&difference.device),
            difference.comparison,
            difference.kernel,
            difference.model
        );
        page.text(text, Tone::Bad);
    }
}

fn row(context: &Context<'_>, device: &DeviceSnapshot) -> Vec<Cell> {
    let (health, tone) = facts::health(device);
    let per_second = |of| Cell::float(facts::rate(context, device, of), per_s);
    let dirtied = device.flush.kind("dirtied").and_then(|row| row.latency);
    let write = device.io.kind("write").and_then(|row| row.latency);
    let occupancy = &device.occupancy;
    let crash = facts::highest_over_time(context, occupancy.slots, &occupancy.resync_bytes, GRAPH);
    let series = Series::PerSecond(|counters| counters.marks);
    let marks = context.frame.history.series(&device.name, context.span(), GRAPH, series);
    vec![
        Cell::words(harmless(&device.name)),
        Cell::words(health).toned(tone),
        Cell::words(log(device)),
        legs(device),
        in_sync(context, device),
        Cell::maybe(occupancy.dirty_regions.last, count),
        Cell::maybe(occupancy.not_in_sync_regions.last, count),
        Cell::maybe(occupancy.recovering_regions.last, count),
        Cell::maybe(regions(device), count),
        Cell::maybe(occupancy.resync_bytes.last, bytes),
        Cell::words(context.theme.spark(&crash)).toned(Tone::Graph),
        per_second(|c| c.marks),
        per_second(|c| c.clears),
        per_second(|c| c.flushes[0]),
        per_second(|c| c.flushes[1]),
        per_second(|c| c.flushes[2]),
        Cell::maybe(dirtied.map(|latency| latency.latency_ns_p50), duration),
        Cell::maybe(dirtied.map(|latency| latency.latency_ns_p99), duration),
        Cell::maybe(write.map(|latency| latency.latency_ns_p99), duration),
        Cell::maybe_float(device.io.write_wait.dirtied_flush_wait_ratio, ratio),
        Cell::of(device.regions.totals.re_marks, count),
        Cell::maybe(device.churn.mark_to_clear.map(|latency| latency.latency_ns_p50), duration),
        Cell::of(facts::divergences(device), count).bad_unless_zero(),
        Cell::words(context.theme.spark(&marks)).toned(Tone::Graph),
    ]
}

/// Regions of all targets, if known.
fn regions(device: &DeviceSnapshot) -> Option<u64> {
    device.targets.iter().try_fold(0_u64, |sum, target| Some(sum.saturating_add(target.region_count?)))
}

fn log(device: &DeviceSnapshot) -> String {
    let kind = device.log_type.as_deref().unwrap_or("unknown");
    match &device.log_device {
        Some(number) => format!("{kind} on {number}"),
        None => kind.to_owned(),
    }
}

fn legs(device: &DeviceSnapshot) -> Cell {
    let Some(legs) = device.legs else { return Cell::missing() };
    let failed = device.failures.failed_legs.len();
    if failed == 0 {
        return Cell::of(legs.into(), |legs| legs.to_string());
    }
    Cell::of(legs.into(), |legs| format!("{legs}, {failed} bad")).toned(Tone::Bad)
}

fn in_sync(context: &Context<'_>, device: &DeviceSnapshot) -> Cell {
    match facts::sync(device) {
        None => Cell::missing(),
        Some((sync, all)) if sync >= all => Cell { value: Some(1.0), ..Cell::words("all").toned(Tone::Good) },
        Some((sync, all)) => {
            let share = sync as f64 / all as f64;
            let left = device.recovery.time_left_ns.map_or_else(String::new, |ns| format!(", {} left", duration(ns)));
            let bar = context.theme.bar(share, BAR);
            let text = format!("{bar:<BAR$} {}{left}", ratio(share));
            Cell { value: Some(share), ..Cell::words(text).toned(Tone::Warn) }
        }
    }
}

fn graphs(context: &Context<'_>, device: &DeviceSnapshot, page: &mut Page) {
    let per_second = |of| Series::PerSecond(of);
    page.line(facts::graph(context, device, "marks/s", per_second(|c| c.marks), per_s));
    page.line(facts::graph(context, device, "writes/s", per_second(|c| c.writes), per_s));
    page.line(facts::graph(context, device, "dirtied flushes/s", per_second(|c| c.flushes[0]), per_s));
    let mean = Series::Mean(|c| c.dirtied_ns, |c| c.dirtied_timed);
    page.line(facts::graph(context, device, "their mean time", mean, facts::mean_duration));
    let occupancy = &device.occupancy;
    let points = facts::width(context).saturating_sub(facts::GRAPH_LABEL + facts::GRAPH_HIGHEST).clamp(8, 120);
    let crash = facts::highest_over_time(context, occupancy.slots, &occupancy.resync_bytes, points);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "was a whole number of bytes")]
    let spell = |bytes_now: f64| bytes(bytes_now as u64);
    page.line(facts::graph_of(context, "a crash copies", &crash, spell));
    page.gap();
    for (label, text) in answers(device) {
        page.text(format!("{label:<18} {text}"), Tone::Plain);
    }
    page.gap();
}

/// What a person asks first about a mirror, each in one line.
fn answers(device: &DeviceSnapshot) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(hot) = device.regions.most_marked.first() {
        let totals = &device.regions.totals;
        let text = format!(
            "{}: {} of {}; {} marked, {} of the marks soon after a clear",
            hot.region,
            count(hot.marks),
            counted(totals.marks, "mark"),
            counted(totals.marked_regions, "region"),
            count(totals.re_marks)
        );
        lines.push(("hottest region", text));
    }
    if let Some(writer) = device.processes.rows.first().filter(|row| row.writes > 0) {
        let text = format!(
            "{} (pid {}): {} in {} writes",
            harmless(&writer.comm),
            writer.tgid,
            bytes(writer.write_bytes),
            count(writer.writes)
        );
        lines.push(("writes most", text));
    }
    if let Some(slow) = device.flush.slowest.first() {
        let text = format!(
            "{} at {}: {}, {} and {}",
            duration(slow.duration_ns),
            moment(slow.start_ns),
            slow.kind.replace('_', "-"),
            counted(slow.marks_carried, "mark"),
            counted(slow.clears_carried, "clear")
        );
        lines.push(("slowest flush", text));
    }
    let (crash, regions) = (&device.occupancy.resync_bytes, &device.occupancy.resync_regions);
    if let (Some(now), Some(most)) = (crash.last, crash.max) {
        let regions = regions.last.map_or_else(String::new, |regions| format!(" in {}", counted(regions, "region")));
        lines.push((
            "a crash now",
            format!("leaves {}{regions} to be copied; {} at most so far", bytes(now), bytes(most)),
        ));
    }
    if let (Some(lived), Some(re_marked)) = (device.churn.mark_to_clear, device.churn.re_marks_ratio) {
        let text = format!(
            "{} p50, {} p99 from mark to clear; {} of the marks came soon after a clear",
            duration(lived.latency_ns_p50),
            duration(lived.latency_ns_p99),
            ratio(re_marked)
        );
        lines.push(("regions stay dirty", text));
    }
    let wait = &device.io.write_wait;
    if let (Some(pass), Some(flush), Some(legs)) = (wait.pass_wait_ratio, wait.flush_wait_ratio, wait.legs_ratio) {
        let text = format!("worker {}, mark and flush {}, legs {}", ratio(pass), ratio(flush), ratio(legs));
        lines.push(("writes wait for", text));
    }
    for failure in &device.failures.kinds {
        lines.push(("FAILED", format!("{}, {}", failure.meaning, counted(failure.count, "time"))));
    }
    lines
}
