//! Reads and writes of a mirror: where the time of writes goes, and who they are of.

use super::{Context, facts};
use crate::analysis::failures::FailedLeg;
use crate::analysis::processes::ProcessSummary;
use crate::export::number::{bytes, bytes_per_s, count, duration, harmless, per_s, ratio};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::history::Series;
use crate::tui::page::Page;
use crate::tui::theme::Tone;

/// Characters of a bar of the split.
const BAR: usize = 30;

/// Lines from which on a page has all its graphs.
const ALL_GRAPHS_FROM: u16 = 30;

pub(super) fn page(context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    page.grid(kinds(device));
    page.gap();
    page.line(facts::graph(context, device, "writes/s", Series::PerSecond(|c| c.writes), per_s));
    if context.area.height >= ALL_GRAPHS_FROM {
        page.line(facts::graph(context, device, "written/s", Series::PerSecond(|c| c.write_bytes), bytes_per_s));
        let mean = Series::Mean(|c| c.write_ns, |c| c.writes_ended);
        page.line(facts::graph(context, device, "write, mean", mean, facts::mean_duration));
    }
    page.gap();
    page.main_grid(processes(device));
    page.begin_second();
    split(context, device, &mut page);
    legs(device, &mut page);
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
    let columns =
        [words("", 0), number("share", 0), number("p50", 1), number("p99", 0), number("max", 3), words("", 2)];
    let mut grid = Grid::new("Where the time of writes went", &columns, "no write of which all parts are known");
    let shares = [
        ("waiting for the worker", "pass", wait.pass_wait_ratio),
        ("mark and flush", "flush", wait.flush_wait_ratio),
        ("legs", "legs", wait.legs_ratio),
    ];
    for (id, (label, part, share)) in (0..).zip(shares) {
        let Some(share) = share else { continue };
        let latency = wait.parts.iter().find(|row| row.part == part).map(|row| row.latency);
        grid.push(
            id,
            vec![
                Cell::words(label),
                Cell::float(share, ratio),
                Cell::maybe(latency.map(|latency| latency.latency_ns_p50), duration),
                Cell::maybe(latency.map(|latency| latency.latency_ns_p99), duration),
                Cell::maybe(latency.map(|latency| latency.latency_ns_max), duration),
                Cell::words(context.theme.bar(share, BAR)).toned(Tone::Graph),
            ],
        );
    }
    page.grid(grid);
    if let Some(share) = wait.dirtied_flush_wait_ratio {
        let text = format!(
            "{} of their time they waited for dirtied flushes, {} of the {} writes",
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

/// What the legs did. The kernel hands a write to all of them at once and hears of it when the last one is done.
fn legs(device: &DeviceSnapshot, page: &mut Page) {
    let Some(legs) = device.legs.map(u64::from) else { return };
    let columns = [
        words("leg", 0),
        words("state", 0),
        number("writes", 1),
        number("failed: writes", 0),
        number("flushes", 4),
        number("reads", 3),
        number("copies", 2),
        number("read for copies", 6),
        number("copied to it", 5),
    ];
    let mut grid = Grid::new("Legs", &columns, "");
    let written = device.ops.count("write_callback");
    for leg in 0..legs {
        let failed = device.failures.failed_legs.iter().find(|row| row.leg == leg);
        let copies = device.recovery.legs.iter().find(|row| u64::from(row.leg) == leg);
        let errors = |pick: fn(&FailedLeg) -> u64| Cell::of(failed.map_or(0, pick), count).bad_unless_zero();
        let state = if failed.is_some() { Cell::words("failed").toned(Tone::Bad) } else { Cell::words("ok") };
        grid.push(
            leg,
            vec![
                Cell::of(leg, |leg| leg.to_string()),
                state,
                Cell::of(written.saturating_sub(failed.map_or(0, |row| row.failed_writes)), count),
                errors(|row| row.failed_writes),
                errors(|row| row.failed_flushes),
                errors(|row| row.failed_reads),
                errors(|row| row.failed_copies),
                Cell::maybe(copies.map(|row| row.read_bytes), bytes),
                Cell::maybe(copies.map(|row| row.write_bytes), bytes),
            ],
        );
    }
    page.grid(grid);
    let latency = device.io.write_wait.parts.iter().find(|row| row.part == "legs").map(|row| row.latency);
    if let Some(latency) = latency {
        let text = format!(
            "the kernel tells of a write when its last leg is done, so this is the slower leg's time: {} p50, {} p99",
            duration(latency.latency_ns_p50),
            duration(latency.latency_ns_p99)
        );
        page.text(text, Tone::Dim);
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
        number("pid", 4),
        number("writes", 2),
        number("written", 5),
        number("reads", 9),
        number("read", 9),
        number("write p50", 7),
        number("p99", 2),
        number("max", 8),
        number("worker", 0),
        number("flush", 1),
        number("legs", 1),
    ];
    let table = &device.processes;
    let title = format!("Processes, of {}; what their writes waited for", count(table.process_count));
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
                Cell::maybe_float(row.pass_wait_ratio, ratio),
                Cell::maybe_float(row.flush_wait_ratio, ratio),
                Cell::maybe_float(row.legs_ratio, ratio),
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
