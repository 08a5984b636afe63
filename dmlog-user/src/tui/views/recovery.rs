//! Recovery of all mirrors: how far, how fast, how long still, and what it meets.

use super::{Context, facts};
use crate::export::number::{bytes, bytes_per_s, count, duration, harmless, per_s, ratio};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::Page;
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
        let of = format!("Recovery of {}", harmless(&device.name));
        page.text(of, Tone::Head);
        page.line(facts::graph(context, device, "regions/s", Series::PerSecond(|c| c.recovered), per_s));
        page.line(facts::graph(context, device, "copied/s", Series::PerSecond(|c| c.copied_bytes), bytes_per_s));
        page.line(facts::graph(context, device, "writes/s beside", Series::PerSecond(|c| c.writes), per_s));
        page.text(sentence(device), Tone::Dim);
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

fn sentence(device: &DeviceSnapshot) -> String {
    let recovery = &device.recovery;
    if recovery.regions_handed_out == 0 && recovery.copies == 0 {
        return "no region was recovered so far".to_owned();
    }
    let out_of_sync = &device.failures.out_of_sync_regions;
    let named: Vec<String> = out_of_sync.iter().take(8).map(u64::to_string).collect();
    let failed = if named.is_empty() { String::new() } else { format!("; set out of sync: {}", named.join(" ")) };
    format!(
        "{} regions handed out as resync work, {} recovered, {} failed, in {} of recovery; time left is what is out of sync \
         at the rate of that time{failed}",
        count(recovery.regions_handed_out),
        count(recovery.regions_recovered),
        count(recovery.regions_failed),
        duration(recovery.active_ns)
    )
}
