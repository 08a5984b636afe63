//! Flushes of a mirror's log: how they are spread by kind, and the slowest.

use super::{Context, facts, heat};
use crate::export::number::{count, duration, error, moment, per_s};
use crate::session::look::Counters;
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::Page;
use crate::tui::theme::Tone;

/// Characters of a bar.
const BAR: usize = 24;

pub(super) fn page(context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    page.grid(kinds(context, device));
    page.gap();
    heat::add(context, device, &mut page);
    let is_of_core = device.flush.kind("dirtied").is_none();
    let rate: (&str, fn(&Counters) -> u64) =
        if is_of_core { ("flushes/s", |c| c.flushes.iter().sum()) } else { ("dirtied/s", |c| c.flushes[0]) };
    page.line(facts::graph(context, device, rate.0, Series::PerSecond(rate.1), per_s));
    page.gap();
    page.main_grid(slowest(device));
    page.begin_second();
    page.grid(spread(context));
    page.gap();
    if let Some(marks) = device.flush.marks_per_dirtied_flush {
        let text = format!("a dirtied flush with marks carries {} of them on average", per_s(marks));
        page.text(text, Tone::Dim);
    }
    if let Some(flushes) = device.flush.io_flushes_per_write {
        page.text(format!("{} flushes with I/O for every write", per_s(flushes)), Tone::Dim);
    }
    page
}

fn kinds(context: &Context<'_>, device: &DeviceSnapshot) -> Grid {
    let columns = [
        words("flushes", 0),
        number("count", 0),
        number("per s", 8),
        number("errors", 6),
        number("p50", 0),
        number("p90", 3),
        number("p99", 0),
        number("p99.9", 4),
        number("p99.99", 5),
        number("max", 2),
        number("mean", 7),
    ];
    let mut grid = Grid::new("", &columns, "no flush so far");
    for (id, row) in (0..).zip(&device.flush.kinds) {
        let mut cells = vec![
            Cell::words(row.kind.replace('_', "-")),
            Cell::of(row.count, count),
            Cell::float(row.rate_per_s, per_s),
            Cell::of(row.errors, count).bad_unless_zero(),
        ];
        let spread = context.frame.spread.iter().find(|spread| spread.kind == row.kind);
        let percentiles = (0..5).map(|rank| Cell::maybe(spread.map(|spread| spread.percentiles_ns[rank]), duration));
        cells.extend(percentiles);
        cells.push(Cell::maybe(row.latency.map(|latency| latency.latency_ns_max), duration));
        cells.push(Cell::maybe(row.latency.map(|latency| latency.latency_ns_mean), duration));
        grid.push(id, cells);
    }
    grid
}

/// Slowest flushes; `Enter` opens one by its place in the snapshot.
fn slowest(device: &DeviceSnapshot) -> Grid {
    let columns = [
        number("took", 0),
        words("kind", 0),
        number("at", 0),
        number("marks", 1),
        number("clears", 2),
        number("writes waited", 1),
        number("leg flush", 5),
        number("log write", 5),
        words("result", 4),
        words("first regions", 3),
    ];
    let mut grid = Grid::new("Slowest flushes", &columns, "no flush has a duration");
    for (id, flush) in (0..).zip(&device.flush.slowest) {
        let regions: Vec<String> = flush.first_regions.iter().map(u64::to_string).collect();
        let result = if flush.result == 0 {
            Cell::words("ok")
        } else {
            Cell::words(error(flush.result.into())).toned(Tone::Bad)
        };
        grid.push(
            id,
            vec![
                Cell::of(flush.duration_ns, duration),
                Cell::words(flush.kind.replace('_', "-")),
                Cell::of(flush.start_ns, moment),
                Cell::of(flush.marks_carried, count),
                Cell::of(flush.clears_carried, count),
                Cell::of(flush.writes_waited, count),
                Cell::maybe(flush.leg_flush_ns, duration),
                Cell::maybe(flush.log_write_ns, duration),
                result,
                Cell::words(regions.join(" ")),
            ],
        );
    }
    grid
}

/// How latencies are spread, by doubling durations.
fn spread(context: &Context<'_>) -> Grid {
    let spread = &context.frame.spread;
    let columns = [
        number("from", 0),
        number("dirtied", 0),
        number("cleaned-only", 1),
        number("no-op", 2),
        number("unknown", 3),
        words("all", 0),
    ];
    let mut grid = Grid::new("How long flushes took", &columns, "no flush has a duration");
    let mut steps: Vec<u64> = spread.iter().flat_map(|kind| kind.steps.iter().map(|(step, _)| *step)).collect();
    steps.sort_unstable();
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return grid };
    let counted = |kind: &str, step: u64| {
        let kind = spread.iter().find(|row| row.kind == kind)?;
        kind.steps.iter().find(|(found, _)| *found == step).map(|(_, count)| *count)
    };
    let all = |step: u64| spread.iter().filter_map(|row| counted(row.kind, step)).sum::<u64>();
    let most = steps.iter().map(|step| all(*step)).max().unwrap_or(1);
    let ladder = std::iter::successors(Some(*first), |step| step.checked_mul(2)).take_while(|step| step <= last);
    for step in ladder {
        let blank_if_none =
            |kind| counted(kind, step).map_or_else(|| Cell::words(""), |number| Cell::of(number, count));
        grid.push(
            step,
            vec![
                Cell::of(step, duration),
                blank_if_none("dirtied"),
                blank_if_none("cleaned_only"),
                blank_if_none("no_op"),
                blank_if_none("unknown"),
                Cell::words(context.theme.bar(all(step) as f64 / most as f64, BAR)).toned(Tone::Graph),
            ],
        );
    }
    grid
}
