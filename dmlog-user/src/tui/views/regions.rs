//! A map of all regions of a mirror, and the most marked of them.
//!
//! Every cell of the map is an equal run of regions; what it shows is on a logarithmic scale, so that a region with one mark
//! can be told from none beside one with thousands.

use ratatui::layout::Rect;

use super::{Context, facts};
use crate::event::ids::Region;
use crate::export::number::{bytes, count, duration};
use crate::session::look::{RegionCell, RegionMap};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::{MapPart, Page, piece, plain};
use crate::tui::theme::{Theme, Tone};

/// Lines of the page that are not the map, where the hot list stands below it.
const LINES_BESIDE: u16 = 13;

/// The same where it stands in a second column.
const LINES_ABOVE: u16 = 7;

/// From this width on there are two columns.
const TWO_COLUMNS_FROM: u16 = 110;

/// Characters of one cell at most, where there are few regions.
const WIDEST: usize = 4;

/// What a cell shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Marks.
    #[default]
    Marks,
    /// Marks soon after a clear.
    ReMarks,
    /// Bytes written.
    Written,
    /// Share of regions that are dirty now.
    Dirty,
    /// Share of regions that are out of sync now.
    OutOfSync,
}

impl Measure {
    const ALL: [Self; 5] = [Self::Marks, Self::ReMarks, Self::Written, Self::Dirty, Self::OutOfSync];

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|measure| *measure == self).unwrap_or(0);
        Self::ALL[(place + 1) % Self::ALL.len()]
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Marks => "marks",
            Self::ReMarks => "marks soon after a clear",
            Self::Written => "bytes written",
            Self::Dirty => "dirty now",
            Self::OutOfSync => "out of sync now",
        }
    }

    /// The value of a cell; `None` if the model of the log does not know.
    fn of(self, cell: &RegionCell) -> Option<f64> {
        let share = |part: u64, known: u64| (known > 0).then(|| part as f64 / known as f64);
        match self {
            Self::Marks => Some(cell.marks as f64),
            Self::ReMarks => Some(cell.re_marks as f64),
            Self::Written => Some(cell.write_bytes as f64),
            Self::Dirty => share(cell.dirty, cell.dirty_known),
            Self::OutOfSync => share(cell.out_of_sync, cell.sync_known),
        }
    }
}

/// What the map shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapChoice {
    /// The region that is looked at.
    pub cursor: u64,
    /// Somebody chose that; before, it is the hottest.
    pub is_moved: bool,
    /// First region and regions per cell; `None` for all regions.
    pub zoom: Option<(u64, u64)>,
    /// What a cell shows.
    pub measure: Measure,
    /// Which kind of flush the map over time shows: its place among those that there are.
    pub flush_kind: usize,
}

/// Columns and lines that the map has room for.
pub fn room(area: Rect) -> (usize, usize) {
    let has_two_columns = area.width >= TWO_COLUMNS_FROM;
    let (columns, beside) =
        if has_two_columns { (area.width * 11 / 20, LINES_ABOVE) } else { (area.width, LINES_BESIDE) };
    (usize::from(columns.max(8)), usize::from(area.height.saturating_sub(beside).max(2)))
}

/// Characters of a cell, and cells of a line.
pub fn layout(map: &RegionMap, area: Rect) -> (usize, usize) {
    let (columns, lines) = room(area);
    let fits = |wide: &usize| map.cells.len() <= columns / wide * lines;
    let wide = (1..=WIDEST).rev().find(fits).unwrap_or(1);
    let most = (columns / wide).max(1);
    // Lines of a round number of cells are easier to count, where there is room for more lines.
    let round = 1 << most.ilog2();
    (wide, if map.cells.len() <= round * lines { round } else { most })
}

pub(super) fn page(context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    let Some(map) = context.frame.map.as_ref().filter(|map| map.region_count > 0) else {
        page.text("no region was seen and their number is not known", Tone::Dim);
        return page;
    };
    caption(context, map, &mut page);
    page.parts.push(crate::tui::page::Part::Map(drawn(context, map)));
    legend(context, &mut page);
    cursor(context, device, map, &mut page);
    page.begin_second();
    page.grid(hottest(context.map.measure, device));
    if let Some(lived) = device.churn.mark_to_clear {
        let text = format!(
            "regions stay dirty {} p50, {} p99, {} at most, from mark to clear",
            duration(lived.latency_ns_p50),
            duration(lived.latency_ns_p99),
            duration(lived.latency_ns_max)
        );
        page.text(text, Tone::Dim);
    }
    let totals = &device.regions.totals;
    if totals.other.marks > 0 {
        page.text(
            format!("{} marks of regions beyond those counted one by one", count(totals.other.marks)),
            Tone::Warn,
        );
    }
    page
}

fn caption(context: &Context<'_>, map: &RegionMap, page: &mut Page) {
    let size = map.geometry.region_size_sectors.map_or_else(String::new, |sectors| {
        format!(" of {}", bytes(u64::from(sectors) * crate::event::ids::SECTOR_SIZE_BYTES))
    });
    let shown = if context.map.zoom.is_some() {
        let last = map.first.saturating_add(map.per_cell.saturating_mul(map.cells.len() as u64)).min(map.region_count);
        format!(", {} to {} shown", map.first, last.saturating_sub(1))
    } else {
        String::new()
    };
    let per_cell = if map.per_cell == 1 { "one a cell".to_owned() } else { format!("{} a cell", count(map.per_cell)) };
    page.line(vec![
        piece(format!("{} ", context.map.measure.words()), Tone::Head),
        plain(format!("{} regions{size}, {per_cell}{shown}", count(map.region_count))),
    ]);
}

fn drawn(context: &Context<'_>, map: &RegionMap) -> MapPart {
    let (wide, columns) = layout(map, context.area);
    let measure = context.map.measure;
    let highest = map.cells.iter().filter_map(|cell| measure.of(cell)).fold(0.0, f64::max);
    let mut cells = Vec::with_capacity(map.cells.len() * wide);
    for line in map.cells.chunks(columns) {
        for cell in line {
            cells.extend(std::iter::repeat_n(symbol(context.theme, measure, cell, highest), wide));
        }
    }
    let at = context.map.cursor.saturating_sub(map.first) / map.per_cell.max(1);
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(map.cells.len().saturating_sub(1));
    MapPart { columns: columns * wide, cells, cursor: at * wide, cursor_width: wide }
}

fn symbol(theme: Theme, measure: Measure, cell: &RegionCell, highest: f64) -> (char, Tone) {
    let Some(value) = measure.of(cell) else { return ('?', Tone::Dim) };
    let steps = theme.heat();
    let is_share = matches!(measure, Measure::Dirty | Measure::OutOfSync);
    let symbol =
        if is_share { theme.step(steps, value, 1.0) } else { theme.step(steps, value.ln_1p(), highest.ln_1p()) };
    let tone = match steps.iter().position(|step| *step == symbol) {
        Some(0) | None => Tone::Dim,
        Some(1 | 2) => Tone::Graph,
        Some(_) => Tone::Warn,
    };
    (symbol, tone)
}

fn legend(context: &Context<'_>, page: &mut Page) {
    let mut pieces = vec![piece("none ", Tone::Dim)];
    for step in context.theme.heat() {
        pieces.push(piece(step.to_string(), Tone::Graph));
    }
    let most = match context.map.measure {
        Measure::Dirty | Measure::OutOfSync => " all, ? not known to the model",
        Measure::Marks | Measure::ReMarks | Measure::Written => " most, logarithmic",
    };
    pieces.push(piece(most, Tone::Dim));
    page.line(pieces);
}

/// Facts of the cell that is looked at.
fn cursor(context: &Context<'_>, device: &DeviceSnapshot, map: &RegionMap, page: &mut Page) {
    let at = context.map.cursor.saturating_sub(map.first) / map.per_cell.max(1);
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(map.cells.len().saturating_sub(1));
    let Some(cell) = map.cells.get(at) else { return };
    let first = map.first + at as u64 * map.per_cell;
    let last = first + cell.regions.saturating_sub(1);
    let named = if first == last { format!("region {first}") } else { format!("regions {first} to {last}") };
    let mut line = vec![piece(format!("{named}  "), Tone::Head)];
    if let (Some(begin), Some(end)) = (map.geometry.sectors(Region(first)), map.geometry.sectors(Region(last))) {
        line.extend(facts::fact("sectors", format!("{} to {}", begin.first_sector, end.last_sector), Tone::Plain));
    }
    page.line(line);
    let mut line = facts::fact("marks", count(cell.marks), Tone::Plain).to_vec();
    line.extend(facts::fact("clears", count(cell.clears), Tone::Plain));
    line.extend(facts::fact("re-marks", count(cell.re_marks), Tone::Plain));
    line.extend(facts::fact("writes", count(cell.writes), Tone::Plain));
    line.extend(facts::fact("written", bytes(cell.write_bytes), Tone::Plain));
    page.line(line);
    let of = |part: u64, known: u64| match known {
        0 => "not known".to_owned(),
        known if known == cell.regions => format!("{} of {}", count(part), count(known)),
        known => format!("{} of {} known", count(part), count(known)),
    };
    let mut line = facts::fact("dirty now", of(cell.dirty, cell.dirty_known), Tone::Plain).to_vec();
    line.extend(facts::fact("out of sync", of(cell.out_of_sync, cell.sync_known), Tone::Plain));
    if device.failures.out_of_sync_regions.iter().any(|region| (first..=last).contains(region)) {
        line.push(piece("was set out of sync after a failure", Tone::Bad));
    }
    page.line(line);
    let under = &map.cursor;
    let mut line = match (under.dirty_for_ns, under.cleared_ago_ns) {
        (Some(dirty_ns), _) => facts::fact("dirty for", duration(dirty_ns), Tone::Plain).to_vec(),
        (None, Some(ago_ns)) => facts::fact("last cleared", format!("{} ago", duration(ago_ns)), Tone::Plain).to_vec(),
        (None, None) => Vec::new(),
    };
    let writers: Vec<String> = under.writers.iter().map(facts::process).collect();
    if !writers.is_empty() {
        line.extend(facts::fact("writers", writers.join(" "), Tone::Plain));
    }
    page.line(line);
    page.gap();
}

/// The first regions by what the map shows, where that is a number that grows.
fn hottest(measure: Measure, device: &DeviceSnapshot) -> Grid {
    let regions = &device.regions;
    let (title, rows) = match measure {
        Measure::ReMarks => ("Most marked again soon after a clear", &regions.most_re_marked),
        Measure::Written => ("Most bytes written", &regions.most_written),
        Measure::Marks | Measure::Dirty | Measure::OutOfSync => ("Most marked", &regions.most_marked),
    };
    let columns = [
        number("region", 0),
        number("marks", 0),
        number("re-marks", 1),
        number("clears", 6),
        number("writes", 4),
        number("written", 3),
        words("writers", 1),
        number("first sector", 5),
        number("last sector", 7),
    ];
    let mut grid = Grid::new(title, &columns, "no region so far");
    for row in rows {
        grid.push(
            row.region,
            vec![
                Cell::of(row.region, |region| region.to_string()),
                Cell::of(row.marks, count),
                Cell::of(row.re_marks, count),
                Cell::of(row.clears, count),
                Cell::of(row.writes, count),
                Cell::of(row.write_bytes, bytes),
                Cell::words(row.writers.iter().map(facts::process).collect::<Vec<_>>().join(" ")),
                Cell::maybe(row.sectors.map(|range| range.first_sector), |sector| sector.to_string()),
                Cell::maybe(row.sectors.map(|range| range.last_sector), |sector| sector.to_string()),
            ],
        );
    }
    grid
}
