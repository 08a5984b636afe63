//! Heat maps: time to the right, latencies or regions upwards, more events darker (on a dark page, brighter).

use super::latency_axis::Steps;
use super::time_axis::Span;
use super::{Chart, LEGEND_Y, Plot, Size, even_ticks, level};
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::spread::{Spread, shortest_of};
use crate::export::markup::escaped;
use crate::export::number::{count, counted, duration, moment};
use crate::session::maps::{LostSlot, MirrorMaps, TargetMap};

/// The percentile that is drawn.
const RANK: u64 = 99;

/// What the columns of a heat map are of.
struct Columns<T> {
    /// Each with its begin, from the start of the trace.
    columns: Vec<(i64, T)>,
    /// How long each is.
    slot_ns: u64,
}

impl<T> Columns<T> {
    /// Slots side by side, as many as make them fit.
    fn of(maps: &MirrorMaps, most: usize, of: impl Fn(&[usize]) -> T) -> Self {
        let slots_of_column = maps.slots.len().div_ceil(most.max(1)).max(1);
        let places: Vec<usize> = (0..maps.slots.len()).collect();
        let columns = places.chunks(slots_of_column).filter_map(|places| {
            let start_ns = maps.slots.get(*places.first()?)?.start_ns;
            Some((start_ns, of(places)))
        });
        Self { columns: columns.collect(), slot_ns: maps.slot_ns.saturating_mul(slots_of_column as u64) }
    }

    /// Begin and end on the plot, and the begin in words.
    fn places(&self, plot: &Plot, span: Span) -> impl Iterator<Item = (f64, f64, String, &T)> {
        let slot_ns = i64::try_from(self.slot_ns).unwrap_or(i64::MAX);
        self.columns.iter().map(move |(start_ns, of)| {
            let (begin, end) = (plot.x(span, *start_ns), plot.x(span, start_ns.saturating_add(slot_ns)));
            let from = moment(u64::try_from(*start_ns).unwrap_or(0).max(span.first_ns));
            (begin, end, from, of)
        })
    }
}

/// How long flushes of one kind took over time, with the 99th percentile; `None` if none was timed. The place of the kind is that in
/// [`KIND_NAMES`].
pub fn flushes(maps: &MirrorMaps, kind: usize, span: Span, losses: &[LostSlot], size: Size) -> Option<Chart> {
    let name = KIND_NAMES.get(kind)?.replace('_', "-");
    let name = if name == "unknown" { "flushes of unknown kind".to_owned() } else { format!("{name} flushes") };
    let spread = |places: &[usize]| {
        let mut all = Spread::default();
        for spread in places.iter().filter_map(|place| maps.slots.get(*place)?.flushes.get(kind)) {
            all.merge(spread);
        }
        all
    };
    latencies(&name, ["flush", "flushes"], &Columns::of(maps, size.columns, spread), span, losses, size)
}

/// How long writes took over time, with the 99th percentile; `None` if none ended.
pub fn writes(maps: &MirrorMaps, span: Span, losses: &[LostSlot], size: Size) -> Option<Chart> {
    let spread = |places: &[usize]| {
        let mut all = Spread::default();
        places.iter().filter_map(|place| maps.slots.get(*place)).for_each(|slot| all.merge(&slot.writes));
        all
    };
    latencies("writes", ["write", "writes"], &Columns::of(maps, size.columns, spread), span, losses, size)
}

/// Latencies by columns and rows, the shortest in the first row.
struct Grid {
    axis: Steps,
    steps_of_row: usize,
    rows: usize,
    counts: Vec<Vec<u64>>,
    /// The largest count, at least 1.
    most: u64,
}

impl Grid {
    /// Whole steps in a row, as few as make the rows fit; `None` without any latency.
    fn of(columns: &Columns<Spread>, rows_max: usize) -> Option<Self> {
        /// Few steps have some room above and below instead of fat rows.
        const FEWEST: usize = 12;
        let steps = || columns.columns.iter().flat_map(|(_, spread)| spread.steps()).map(|(step, _)| step);
        let (lowest, highest) = (steps().min()?, steps().max()?);
        let missing = FEWEST.saturating_sub(highest - lowest + 1);
        let lowest = lowest.saturating_sub(missing / 2);
        let length = (highest - lowest + 1).max(FEWEST);
        let steps_of_row = length.div_ceil(rows_max).max(1);
        let rows = length.div_ceil(steps_of_row);
        let axis = Steps { first: lowest, end: lowest + rows * steps_of_row };
        let mut grid = Self { axis, steps_of_row, rows, counts: Vec::new(), most: 1 };
        for (_, spread) in &columns.columns {
            let mut counts = vec![0_u64; rows];
            for (step, number) in spread.steps() {
                counts[grid.row_of(step)] += number;
            }
            grid.most = counts.iter().copied().max().unwrap_or(0).max(grid.most);
            grid.counts.push(counts);
        }
        Some(grid)
    }

    fn row_of(&self, step: usize) -> usize {
        (step - self.axis.first) / self.steps_of_row
    }
}

fn latencies(
    name: &str,
    things: [&str; 2],
    columns: &Columns<Spread>,
    span: Span,
    losses: &[LostSlot],
    size: Size,
) -> Option<Chart> {
    let grid = Grid::of(columns, size.rows)?;
    let Grid { axis, steps_of_row, rows, most, .. } = grid;
    let mut plot = Plot::new(size);
    for (share, label) in axis.ticks(6) {
        let y = plot.bottom() - share * size.plot;
        plot.row_tick(y, &label);
    }
    plot.colours(&format!("{} per cell", things[1]), most);
    plot.losses(span, losses);
    let height = size.plot / rows as f64;
    let bottom = plot.bottom();
    let mut cells = String::from("<g class=\"cells\">\n");
    let mut line = String::new();
    let mut last_end = None;
    let mut worst = None;
    for ((begin, end, from, spread), counts) in columns.places(&plot, span).zip(&grid.counts) {
        for (row, number) in counts.iter().enumerate().filter(|(_, number)| **number > 0) {
            let step = axis.first + row * steps_of_row;
            let told = format!(
                "{} {}, {} to {}, from {from}",
                count(*number),
                things[usize::from(*number > 1)],
                duration(shortest_of(step)),
                duration(shortest_of(step + steps_of_row)),
            );
            cell(&mut cells, (begin, end), (bottom - (row + 1) as f64 * height, height), level(*number, most), &told);
        }
        if let Some(step) = spread.percentile(RANK) {
            // It does not exceed the upper end of its row.
            let y = bottom - (grid.row_of(step) + 1) as f64 * height;
            worst = worst.max(Some(step));
            match last_end {
                Some(at) if at == columns_end(begin) => line.push_str(&format!("V{y:.1}H{end:.1}")),
                _ => line.push_str(&format!("M{begin:.1} {y:.1}H{end:.1}")),
            }
            last_end = Some(columns_end(end));
        }
    }
    cells.push_str("</g>");
    plot.push(&cells);
    plot.push(&format!("<path class=\"halo\" d=\"{line}\"/><path class=\"p99\" d=\"{line}\"/>"));
    plot.legend(16.0, "p99", |x| format!("<path class=\"p99\" d=\"M{x:.1} {LEGEND_Y}h16\"/>"));
    plot.time(span);
    let all: u64 = grid.counts.iter().flatten().sum();
    let worst = worst.map_or_else(String::new, |step| {
        format!(" The largest 99th percentile of a column is below {}.", duration(shortest_of(step + 1)))
    });
    let says = format!(
        "Heat map of {} {name} by time and latency, {} to {}.{worst}",
        count(all),
        duration(shortest_of(axis.first)),
        duration(shortest_of(axis.end)),
    );
    Some(plot.finish(format!("Latency of {name}"), says))
}

/// Places that are one, whatever was rounded.
fn columns_end(x: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a place on a picture")]
    let rounded = (x * 100.0).round() as i64;
    rounded
}

fn cell(out: &mut String, (begin, end): (f64, f64), (top, height): (f64, f64), level: u64, told: &str) {
    /// No cell is narrower: what happened is seen.
    const NARROWEST: f64 = 1.0;
    let width = (end - begin).max(NARROWEST);
    out.push_str(&format!(
        "<rect class=\"h{level}\" x=\"{begin:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">\
         <title>{}</title></rect>\n",
        escaped(told)
    ));
}

/// Which regions a map of marks shows.
struct Shown {
    first: u64,
    /// Behind the last.
    end: u64,
    regions_of_row: u64,
}

impl Shown {
    /// All regions, or only those around the marks where that is less than half of them; `None` without a mark.
    fn of(map: &TargetMap, rows_max: usize) -> Option<Self> {
        let fine = map.regions_of_row.max(1);
        let rows = || map.marks.iter().flat_map(|marks| (0_u64..).zip(marks)).filter(|(_, number)| **number > 0);
        let (lowest, highest) = (rows().map(|(row, _)| row).min()?, rows().map(|(row, _)| row).max()?);
        let end = highest.saturating_add(1).saturating_mul(fine);
        // A mark beyond the number of regions is shown too: then that number is wrong.
        let count = if highest.saturating_mul(fine) >= map.region_count { end } else { map.region_count.max(1) };
        let mut shown = Self { first: 0, end: count, regions_of_row: fine };
        if (end - lowest * fine).saturating_mul(2) < count {
            (shown.first, shown.end) = (lowest * fine, end.min(count));
        }
        while (shown.end - shown.first).div_ceil(shown.regions_of_row) > rows_max as u64 {
            shown.regions_of_row = shown.regions_of_row.saturating_mul(2);
            shown.first -= shown.first % shown.regions_of_row;
        }
        Some(shown)
    }

    /// Marks by rows from the first that is shown.
    fn counts(&self, map: &TargetMap, slots: &[usize]) -> Vec<u64> {
        let mut counts = Vec::new();
        for marks in slots.iter().filter_map(|place| map.marks.get(*place)) {
            for (row, number) in (0_u64..).zip(marks).filter(|(_, number)| **number > 0) {
                let region = row.saturating_mul(map.regions_of_row);
                let row = region.saturating_sub(self.first) / self.regions_of_row;
                let Ok(row) = usize::try_from(row) else { continue };
                if counts.len() <= row {
                    counts.resize(row + 1, 0);
                }
                counts[row] += number;
            }
        }
        counts
    }
}

/// Which regions of a target were marked when; `None` if none was.
pub fn marks(maps: &MirrorMaps, target: usize, span: Span, losses: &[LostSlot], size: Size) -> Option<Chart> {
    let map = maps.targets.get(target)?;
    let shown = Shown::of(map, size.rows)?;
    let Shown { first, end, regions_of_row } = shown;
    let columns = Columns::of(maps, size.columns, |slots| shown.counts(map, slots));
    let all: u64 = columns.columns.iter().flat_map(|(_, counts)| counts).sum();
    let most = columns.columns.iter().flat_map(|(_, counts)| counts).copied().max()?;
    let mut plot = Plot::new(size);
    let bottom = plot.bottom();
    let y_of =
        |region: u64| bottom - size.plot * (region.clamp(first, end) - first) as f64 / (end - first).max(1) as f64;
    for tick in even_ticks(first, end, 6) {
        plot.row_tick(y_of(tick), &count(tick));
    }
    plot.colours("marks per cell", most);
    plot.losses(span, losses);
    let mut cells = String::from("<g class=\"cells\">\n");
    for (begin_x, end_x, from, counts) in columns.places(&plot, span) {
        for (row, number) in (0..).zip(counts).filter(|(_, number)| **number > 0) {
            let begin = first.saturating_add(regions_of_row.saturating_mul(row)).min(end);
            let behind = begin.saturating_add(regions_of_row).min(end);
            let which = if regions_of_row == 1 {
                format!("region {begin}")
            } else {
                format!("regions {begin}-{}", behind.saturating_sub(1))
            };
            let told = format!("{}, {which}, from {from}", counted(*number, "mark"));
            let top = y_of(behind);
            let height = (y_of(begin) - top).max(1.0);
            cell(&mut cells, (begin_x, end_x), (top, height), level(*number, most), &told);
        }
    }
    cells.push_str("</g>");
    plot.push(&cells);
    plot.time(span);
    let which = if maps.targets.len() > 1 { format!(" of target {}", target + 1) } else { String::new() };
    let part = if end - first < map.region_count {
        format!(", regions {} to {} of {}", count(first), count(end - 1), count(map.region_count))
    } else {
        String::new()
    };
    let per_row = if regions_of_row == 1 { String::new() } else { format!(", {} a row", count(regions_of_row)) };
    let regions = counted(map.region_count, "region");
    let says = format!("Heat map of {} by time and region; {regions}{part}{per_row}.", counted(all, "mark"));
    Some(plot.finish(format!("Marks{which} by region{part}{per_row}"), says))
}
