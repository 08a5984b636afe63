//! Recovery of all mirrors: how far, how fast, how long still, and what it meets.

use super::{Context, facts};
use crate::export::number::{bytes, bytes_per_s, count, counted, duration, harmless, per_s, ratio};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::{Page, piece};
use crate::tui::theme::Tone;

/// Characters of the progress bar.
const BAR: usize = 12;

pub(super) fn page(context: &Context<'_>) -> Page {
    let mut page = Page::default();
    let columns = [
        words("mirror", 0),
        words("progress", 0),
        number("in sync", 1),
        number("of regions", 2),
        number("time left", 0),
        number("regions/s", 3),
        number("copied/s", 2),
        number("copied", 6),
        number("failed", 1),
        number("copy errors", 8),
        number("copy p50", 5),
        number("copy p99", 4),
        number("delayed writes", 7),
    ];
    let mut grid = Grid::new("", &columns, "no mirror was seen so far");
    for (id, device) in (0..).zip(&context.frame.snapshot.devices) {
        grid.push(id, row(context, device));
    }
    // The least in sync first, as that is what one waits for.
    grid.rows.sort_by(|left, right| {
        let value = |row: &crate::tui::grid::Row| row.cells[1].value.unwrap_or(2.0);
        value(left).total_cmp(&value(right)).then(left.id.cmp(&right.id))
    });
    page.main_grid(grid);
    page.gap();
    if let Some(device) = context.chosen() {
        page.text(format!("Recovery of {}", harmless(&device.name)), Tone::Head);
        for (label, text, tone) in answers(context, device) {
            page.line(vec![piece(format!("{label:<17} "), Tone::Dim), piece(text, tone)]);
        }
        page.line(facts::graph(context, device, "regions/s", Series::PerSecond(|c| c.recovered), per_s));
        page.line(facts::graph(context, device, "copied/s", Series::PerSecond(|c| c.copied_bytes), bytes_per_s));
        page.line(facts::graph(context, device, "writes/s beside", Series::PerSecond(|c| c.writes), per_s));
    }
    page
}

fn row(context: &Context<'_>, device: &DeviceSnapshot) -> Vec<Cell> {
    let recovery = &device.recovery;
    let sync = facts::sync(device);
    let share = sync.map(|(sync, all)| if all == 0 { 1.0 } else { sync as f64 / all as f64 });
    let progress = share.map_or_else(Cell::missing, |share| {
        let bar = context.theme.bar(share, BAR);
        Cell { value: Some(share), ..Cell::words(format!("{bar:<BAR$} {}", ratio(share))).toned(Tone::Graph) }
    });
    let left = match recovery.time_left_ns {
        Some(0) => Cell { value: Some(0.0), ..Cell::words("in sync").toned(Tone::Good) },
        left => Cell::maybe(left, duration),
    };
    vec![
        Cell::words(harmless(&device.name)),
        progress,
        Cell::maybe(sync.map(|(sync, _)| sync), count),
        Cell::maybe(sync.map(|(_, all)| all), count),
        left,
        Cell::maybe_float(recovery.regions_per_s, per_s),
        Cell::maybe_float(recovery.bytes_per_s, bytes_per_s),
        Cell::of(recovery.copied_bytes, bytes),
        Cell::of(recovery.regions_failed, count).bad_unless_zero(),
        Cell::of(recovery.copy_errors, count).bad_unless_zero(),
        Cell::maybe(recovery.latency.map(|latency| latency.latency_ns_p50), duration),
        Cell::maybe(recovery.latency.map(|latency| latency.latency_ns_p99), duration),
        Cell::of(device.io.write_wait.writes_delayed_by_recovery, count),
    ]
}

/// What a person asks of a recovery, each in one line.
fn answers(context: &Context<'_>, device: &DeviceSnapshot) -> Vec<(&'static str, String, Tone)> {
    let recovery = &device.recovery;
    let mut lines = Vec::new();
    if recovery.regions_handed_out == 0 && recovery.copies == 0 {
        return vec![("so far", "no region was recovered".to_owned(), Tone::Dim)];
    }
    let in_flight = match (recovery.copying_region, recovery.copying_since_ns) {
        (region, Some(since_ns)) => {
            let region = region.map_or_else(|| "one region".to_owned(), |region| format!("region {region}"));
            let took_ns = context.frame.clock.now_ns.saturating_sub(since_ns);
            format!("{region} for {}, one at a time", duration(took_ns))
        }
        (_, None) => "none".to_owned(),
    };
    lines.push(("copy in flight", in_flight, Tone::Plain));
    if let Some(rate) = recovery.regions_per_s {
        let copied = recovery.bytes_per_s.map_or_else(String::new, |rate| format!(", {}", bytes_per_s(rate)));
        let text = format!("{} regions/s{copied} over {} of recovery", per_s(rate), duration(recovery.active_ns));
        lines.push(("rate", text, Tone::Plain));
    }
    lines.push(("throttle", "not in a trace: dm_mirror's raid1_resync_throttle".to_owned(), Tone::Dim));
    let left = match (recovery.time_left_ns, recovery.regions_left) {
        (Some(0), _) => "none: all regions are in sync".to_owned(),
        (Some(left_ns), Some(left)) => format!("{}: {} at that rate", duration(left_ns), counted(left, "region")),
        (_, Some(left)) => format!("not known: {} and no rate so far", counted(left, "region")),
        (_, None) => "not known: the kernel told no sync count".to_owned(),
    };
    lines.push(("time left", left, Tone::Plain));
    competition(device, &mut lines);
    let text = format!(
        "{} handed out, {} recovered, {} failed, {} with a failed copy",
        count(recovery.regions_handed_out),
        count(recovery.regions_recovered),
        count(recovery.regions_failed),
        count(recovery.copy_errors)
    );
    let is_bad = recovery.regions_failed + recovery.copy_errors > 0;
    lines.push(("regions", text, if is_bad { Tone::Bad } else { Tone::Plain }));
    let named: Vec<String> = device.failures.out_of_sync_regions.iter().map(u64::to_string).collect();
    if !named.is_empty() {
        lines.push(("set out of sync", named.join(" "), Tone::Bad));
    }
    lines
}

/// What writes and recovery cost each other.
fn competition(device: &DeviceSnapshot, lines: &mut Vec<(&'static str, String, Tone)>) {
    let rivals = &device.recovery.competition;
    let wait = &device.io.write_wait;
    let mut text = format!("{} in {} of copying", counted(rivals.writes, "write"), duration(rivals.copying_ns));
    if let Some(latency) = rivals.latency {
        text.push_str(&format!(": {} mean", duration(latency.latency_ns_mean)));
        if let Some(others_ns) = rivals.other_writes_latency_ns_mean {
            text.push_str(&format!(", {} at other times", duration(others_ns)));
        }
    }
    lines.push(("writes beside", text, Tone::Plain));
    let held = device.ops.count("hold_bio");
    if wait.writes_delayed_by_recovery + held > 0 {
        let text = format!(
            "{} waited for the recovery of their region, {} together; {} held until repair",
            counted(wait.writes_delayed_by_recovery, "write"),
            duration(wait.recovery_delay_ns),
            count(held)
        );
        lines.push(("writes delayed", text, Tone::Warn));
    }
}
