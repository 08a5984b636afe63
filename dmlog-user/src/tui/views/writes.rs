//! Reads and writes of a mirror: where the time of writes goes, and who they are of.

use super::{Context, facts};
use crate::analysis::processes::ProcessSummary;
use crate::export::number::{bytes, bytes_per_s, count, duration, harmless, per_s, ratio};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::{Page, piece, plain};
use crate::tui::theme::Tone;

/// Characters of a bar of the split.
const BAR: usize = 30;

pub(super) fn page(context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    page.grid(kinds(device));
    page.gap();
    page.line(facts::graph(context, device, "writes/s", Series::PerSecond(|c| c.writes), per_s));
    page.line(facts::graph(context, device, "written/s", Series::PerSecond(|c| c.write_bytes), bytes_per_s));
    let mean = Series::Mean(|c| c.write_ns, |c| c.writes_ended);
    page.line(facts::graph(context, device, "write, mean", mean, facts::mean_duration));
    page.gap();
    page.main_grid(processes(device));
    page.begin_second();
    split(context, device, &mut page);
    under_way(device, &mut page);
    page
}

fn kinds(device: &DeviceSnapshot) -> Grid {
    let mut columns = vec![
        words("I/O", 0),
        number("count", 0),
        number("per s", 5),
        number("bytes", 1),
        number("bytes/s", 6),
        number("errors", 2),
    ];
    columns.extend(facts::LATENCY);
    let mut grid = Grid::new("", &columns, "no read or write was seen (a trace of `record --no-io` has none)");
    for (id, row) in (0..).zip(&device.io.kinds) {
        let mut cells = vec![
            Cell::words(row.kind),
            Cell::of(row.count, count),
            Cell::float(row.rate_per_s, per_s),
            Cell::of(row.bytes, bytes),
            Cell::float(row.bytes_per_s, bytes_per_s),
            Cell::of(row.errors, count).bad_unless_zero(),
        ];
        cells.extend(facts::latency(row.latency.as_ref()));
        grid.push(id, cells);
    }
    grid
}

/// Where the time of writes went.
fn split(context: &Context<'_>, device: &DeviceSnapshot, page: &mut Page) {
    let wait = &device.io.write_wait;
    page.line(vec![piece("Where the time of writes went", Tone::Head)]);
    let parts = [
        ("waiting for the worker", wait.pass_wait_ratio),
        ("mark and flush", wait.flush_wait_ratio),
        ("legs", wait.legs_ratio),
    ];
    if wait.writes_split == 0 {
        page.text("no write of which all parts are known", Tone::Dim);
    }
    for (label, share) in parts.iter().filter_map(|(label, share)| Some((label, (*share)?))) {
        let bar = context.theme.bar(share, BAR);
        let share = ratio(share);
        page.line(vec![
            piece(format!("{label:<22} "), Tone::Dim),
            plain(format!("{share:>6} ")),
            piece(bar, Tone::Graph),
        ]);
    }
    if let Some(share) = wait.dirtied_flush_wait_ratio {
        let text = format!(
            "{} of their time, dirtied flushes held them up; {} of {} writes waited for one",
            ratio(share),
            count(wait.writes_that_waited),
            count(wait.writes)
        );
        page.text(text, Tone::Plain);
    }
    if wait.writes_delayed_by_recovery > 0 {
        let text = format!(
            "{} writes waited for the recovery of their region, {} together",
            count(wait.writes_delayed_by_recovery),
            duration(wait.recovery_delay_ns)
        );
        page.text(text, Tone::Warn);
    }
    page.gap();
}

fn under_way(device: &DeviceSnapshot, page: &mut Page) {
    let under_way = &device.io.under_way;
    let mut line = facts::fact("under way: writes", count(under_way.writes_under_way), Tone::Plain).to_vec();
    line.extend(facts::fact("reads", count(under_way.reads_under_way), Tone::Plain));
    if let Some(oldest) = under_way.oldest_under_way_ns {
        line.extend(facts::fact("oldest", duration(oldest), Tone::Plain));
    }
    page.line(line);
}

fn processes(device: &DeviceSnapshot) -> Grid {
    let columns = [
        words("process", 0),
        number("pid", 0),
        number("writes", 0),
        number("written", 1),
        number("reads", 5),
        number("read", 6),
        number("write p50", 3),
        number("p99", 2),
        number("max", 4),
    ];
    let table = &device.processes;
    let title = format!("Processes, of {}", count(table.process_count));
    let mut grid = Grid::new(title, &columns, "no process was seen to read or write");
    let mut push = |id: u64, row: &ProcessSummary, name: String, pid: Cell| {
        let latency = row.write_latency;
        grid.push(
            id,
            vec![
                Cell::words(name),
                pid,
                Cell::of(row.writes, count),
                Cell::of(row.write_bytes, bytes),
                Cell::of(row.reads, count),
                Cell::of(row.read_bytes, bytes),
                Cell::maybe(latency.map(|latency| latency.latency_ns_p50), duration),
                Cell::maybe(latency.map(|latency| latency.latency_ns_p99), duration),
                Cell::maybe(latency.map(|latency| latency.latency_ns_max), duration),
            ],
        );
    };
    for (id, row) in (0..).zip(&table.rows) {
        push(id, row, harmless(&row.comm), Cell::of(row.tgid.into(), |pid| pid.to_string()));
    }
    if let Some(other) = &table.other {
        push(u64::MAX, other, "all others".to_owned(), Cell::missing());
    }
    grid
}
