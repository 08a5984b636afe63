//! One slow flush, opened from the list: what its time went on, what it carried and who waited for it.
//!
//! ```text
//! pass before             8.92 ms ┄┄┄┄┄┄┄┄┄┄┄
//! flush of the legs        120 µs            ██████████
//! header, log device       123 µs                      ██████████
//! ```

use super::{Context, facts};
use crate::analysis::geometry::Geometry;
use crate::analysis::slow_flush::SlowFlush;
use crate::event::ids::{Region, SECTOR_SIZE_BYTES};
use crate::export::number::{bytes, count, counted, duration, error, harmless, moment};
use crate::session::snapshot::{DeviceSnapshot, TargetSnapshot};
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::{Page, Piece, piece, plain};
use crate::tui::theme::{Theme, Tone};

/// Characters before a bar of the timeline: what it is, and how long.
const LABEL: usize = 20;
const TOOK: usize = 9;

/// Bars of the timeline together have so many characters at most.
const BARS_MAX: usize = 80;

/// The page of the flush at this place of the list of slow ones.
pub fn page(context: &Context<'_>, device: &DeviceSnapshot, place: usize) -> Page {
    let mut page = Page::default();
    let Some(flush) = device.flush.slowest.get(place) else {
        page.text("this flush is not among the slowest any more", Tone::Dim);
        return page;
    };
    let kind = flush.kind.replace('_', "-");
    let mut line = facts::fact("flush", kind, Tone::Head).to_vec();
    line.extend(facts::fact("took", duration(flush.duration_ns), Tone::Plain));
    line.extend(facts::fact("from", moment(flush.start_ns), Tone::Plain));
    line.extend(facts::fact("to", moment(flush.start_ns.saturating_add(flush.duration_ns)), Tone::Plain));
    page.line(line);
    let mut line = facts::fact("log", flush.log.to_string(), Tone::Plain).to_vec();
    if flush.result == 0 {
        line.extend(facts::fact("result", "0, ok", Tone::Plain));
    } else {
        line.extend(facts::fact("result", error(flush.result.into()), Tone::Bad));
    }
    line.extend(facts::fact("marks", count(flush.marks_carried), Tone::Plain));
    line.extend(facts::fact("clears", count(flush.clears_carried), Tone::Plain));
    if let Some(median) =
        device.flush.kind(flush.kind).and_then(|row| row.latency).map(|latency| latency.latency_ns_p50)
    {
        let times = flush.duration_ns as f64 / median.max(1) as f64;
        line.push(piece(format!("{times:.1} times the median of {}", duration(median)), Tone::Dim));
    }
    page.line(line);
    timeline(context, flush, &mut page);
    match flush.writes_waited {
        0 => page.text("no write waited for it", Tone::Dim),
        writes => {
            let who: Vec<String> = flush.waiters.iter().map(|waiter| facts::process(&waiter.process)).collect();
            let (writes, longest) = (counted(writes, "write"), duration(flush.longest_wait_ns));
            page.text(format!("{writes} waited for it, {longest} at most: {}", who.join(", ")), Tone::Warn);
        }
    }
    page.gap();
    page.main_grid(regions(device, flush));
    if !flush.waiters.is_empty() {
        page.begin_second();
        page.grid(waiters(flush));
    }
    page
}

/// One part of a flush, from the begin of the flush.
struct Bar {
    label: &'static str,
    took_ns: Option<u64>,
    begin_ns: u64,
}

/// What its time went on, one under the other. What came before it in its pass has no more than a quarter of the room, for
/// that may be much longer.
fn timeline(context: &Context<'_>, flush: &SlowFlush, page: &mut Page) {
    let width = facts::width(context).saturating_sub(LABEL + TOOK + 2).clamp(8, BARS_MAX);
    let all_ns = flush.duration_ns.max(1);
    let lead_ns = flush.pass_to_flush_ns.unwrap_or(0);
    let share = |ns: u64, of_ns: u64, room: usize| {
        let part = u128::from(ns) * room as u128 / u128::from(of_ns.max(1));
        usize::try_from(part).unwrap_or(room).min(room)
    };
    let fits = lead_ns <= all_ns / 3;
    let lead = if fits { share(lead_ns, lead_ns + all_ns, width) } else { width / 4 };
    let room = width - lead;
    let cut = if fits { "" } else { ", cut short" };
    let took = |ns: Option<u64>| ns.map_or_else(|| "not seen".to_owned(), duration);
    row(
        page,
        "pass before it",
        &took(flush.pass_to_flush_ns),
        vec![piece(dots(context.theme, lead), Tone::Dim), piece(cut, Tone::Dim)],
    );
    let mut bars = vec![Bar { label: "whole flush", took_ns: Some(flush.duration_ns), begin_ns: 0 }];
    if let Some(log_write_ns) = flush.log_write_ns {
        let writes = if flush.kind == "dirtied" { "header, log device" } else { "header and bits" };
        let legs_ns = flush.leg_flush_ns.unwrap_or(0);
        bars.push(Bar { label: "flush of the legs", took_ns: flush.leg_flush_ns, begin_ns: 0 });
        bars.push(Bar { label: writes, took_ns: Some(log_write_ns), begin_ns: legs_ns });
    }
    for Bar { label, took_ns, begin_ns } in bars {
        let begin = share(begin_ns, all_ns, room).min(room - 1);
        // What took time at all is seen.
        let length = share(took_ns.unwrap_or(0), all_ns, room).max(usize::from(took_ns.is_some())).min(room - begin);
        let bar = context.theme.bar(1.0, length);
        // The kernel flushes the legs only before it writes that regions are clean.
        let is_none = took_ns.is_none() && flush.clears_carried == 0;
        let told = if is_none { "none".to_owned() } else { took(took_ns) };
        row(page, label, &told, vec![plain(" ".repeat(lead + begin)), piece(bar, Tone::Graph)]);
    }
}

fn row(page: &mut Page, label: &str, took: &str, bar: Vec<Piece>) {
    let mut line = vec![piece(format!("{label:<LABEL$}"), Tone::Dim), plain(format!("{took:>TOOK$}  "))];
    line.extend(bar);
    page.line(line);
}

fn dots(theme: Theme, length: usize) -> String {
    (if theme.has_unicode { "·" } else { "." }).repeat(length)
}

/// Writes that could not go on before its end, by process.
fn waiters(flush: &SlowFlush) -> Grid {
    let columns = [words("process", 0), number("pid", 0), number("writes waited", 0), number("longest", 0)];
    let mut grid = Grid::new("Whose writes waited", &columns, "no write waited for it");
    for (id, waiter) in (0..).zip(&flush.waiters) {
        grid.push(
            id,
            vec![
                Cell::words(harmless(&waiter.process.comm)),
                Cell::maybe(waiter.process.tgid.map(u64::from), |pid| pid.to_string()),
                Cell::of(waiter.writes.into(), count),
                Cell::of(waiter.longest_wait_ns, duration),
            ],
        );
    }
    grid
}

/// The regions that it committed as dirty, in runs.
fn regions(device: &DeviceSnapshot, flush: &SlowFlush) -> Grid {
    let title = match u64::try_from(flush.first_regions.len()) {
        Ok(named) if named < flush.marks_carried => {
            format!("Regions of the first {named} of its {} marks", count(flush.marks_carried))
        }
        _ => "Regions that it committed as dirty".to_owned(),
    };
    let columns = [
        words("regions", 0),
        number("how many", 2),
        number("first sector", 1),
        number("last sector", 1),
        number("size", 3),
        number("marks so far", 0),
        words("writers", 4),
    ];
    let mut grid = Grid::new(title, &columns, "it carried no marks: it was for clears or for recovery");
    let geometry = device.targets.first().map(geometry).unwrap_or_default();
    for (first, last) in runs(&flush.first_regions) {
        let begin = geometry.sectors(Region(first)).map(|range| range.first_sector);
        let end = geometry.sectors(Region(last)).map(|range| range.last_sector);
        let size = begin.zip(end).map(|(begin, end)| (end - begin + 1) * SECTOR_SIZE_BYTES);
        let known = || (first..=last).map(|region| device.regions.most_marked.iter().find(|row| row.region == region));
        let marks = known().map(|row| row.map(|row| row.marks)).sum::<Option<u64>>();
        let mut writers: Vec<String> = known().flatten().flat_map(|row| &row.writers).map(facts::process).collect();
        writers.sort_unstable();
        writers.dedup();
        grid.push(
            first,
            vec![
                Cell::words(if first == last { first.to_string() } else { format!("{first} to {last}") }),
                Cell::of(last - first + 1, count),
                Cell::maybe(begin, |sector| sector.to_string()),
                Cell::maybe(end, |sector| sector.to_string()),
                Cell::maybe(size, bytes),
                Cell::maybe(marks, count),
                Cell::words(writers.join(" ")),
            ],
        );
    }
    grid
}

/// First and last of every run of regions that lie side by side.
fn runs(regions: &[u64]) -> Vec<(u64, u64)> {
    let mut sorted = regions.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for region in sorted {
        match runs.last_mut() {
            Some((_, last)) if region <= last.saturating_add(1) => *last = region,
            _ => runs.push((region, region)),
        }
    }
    runs
}

fn geometry(target: &TargetSnapshot) -> Geometry {
    Geometry {
        region_size_sectors: target.region_size_bytes.and_then(|bytes| u32::try_from(bytes / SECTOR_SIZE_BYTES).ok()),
        region_count: target.region_count,
        target_begin: target.target_begin_sector,
        target_sectors: target.target_sectors,
    }
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn regions_side_by_side_are_one_run() {
        assert_eq!(runs(&[7, 3, 4, 4, 9, 5]), [(3, 5), (7, 7), (9, 9)]);
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[u64::MAX, u64::MAX - 1]), [(u64::MAX - 1, u64::MAX)]);
    }
}
