//! How long flushes took over time, as a map: time to the right, longer upwards, more flushes darker.
//!
//! ```text
//!  4.19 ms ┤            ▒                 a row is a run of equal steps of a logarithm
//!   524 µs ┤      ━━━━━━━━                ━ is the 99th percentile of a column
//!  65.5 µs ┤░▓▓█▓▓██▓▓▓▓▓▓
//!          └──────────────
//!          0.300 s   2.118 s
//! ```

use super::{Context, facts};
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::spread::{STEPS_PER_DOUBLING, Spread, shortest_of};
use crate::export::number::{duration, moment};
use crate::session::look::FlushSpread;
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::page::{MapPart, Page, Part, piece, plain};
use crate::tui::theme::{Theme, Tone};

/// Characters of the scale at the left.
const SCALE: usize = 9;

/// Columns at most: there are twice as many samples, so that each has some of its own.
const COLUMNS_MAX: usize = crate::tui::history::SAMPLES_MAX / 4;

/// Lines of a page above which there is a map, and how many of them it may take.
const LINES_FROM: u16 = 16;

/// Rows at most.
const ROWS_MAX: usize = 16;

/// The percentile that is drawn.
const RANK: u64 = 99;

/// The kind of flush that is shown: of those that there are, the one that was chosen.
pub fn kind<'a>(context: &Context<'a>) -> Option<&'a FlushSpread> {
    let spread = &context.frame.spread;
    spread.get(context.map.flush_kind % spread.len().max(1))
}

/// Adds the map to a page; where there is no room for one, a line.
pub(super) fn add(context: &Context<'_>, device: &DeviceSnapshot, page: &mut Page) {
    let Some(shown) = kind(context) else { return };
    let kind = KIND_NAMES.iter().position(|name| *name == shown.kind).unwrap_or(0);
    let over_time =
        |points| context.frame.history.spreads(&device.name, kind, context.span(), points, Some(&shown.fine));
    let columns = facts::width(context).saturating_sub(SCALE + 1).clamp(8, COLUMNS_MAX);
    let name = shown.kind.replace('_', "-");
    if context.area.height < LINES_FROM {
        let columns = columns.saturating_sub(facts::GRAPH_LABEL + facts::GRAPH_HIGHEST).max(8);
        let percentile = |spread: &Option<Spread>| Some(shortest_of(spread.as_ref()?.percentile(RANK)?) as f64);
        let values: Vec<Option<f64>> = over_time(columns).iter().map(percentile).collect();
        page.line(facts::graph_of(context, &format!("{name} p99"), &values, facts::mean_duration));
        return;
    }
    let Some(map) = Map::of(&over_time(columns), usize::from(context.area.height / 4).clamp(4, ROWS_MAX)) else {
        return;
    };
    let mut caption = vec![piece(format!("{name} "), Tone::Head), plain("flushes over time  ")];
    for symbol in &context.theme.heat()[1..] {
        caption.push(piece(symbol.to_string(), Tone::Graph));
    }
    caption.push(piece(" most, logarithmic  ", Tone::Dim));
    caption.push(piece(line(context.theme).to_string(), Tone::Warn));
    caption.push(piece(" p99", Tone::Dim));
    page.line(caption);
    page.parts.push(Part::Map(map.drawn(context.theme)));
    let (first, last) = (moment(context.span().0), moment(context.span().1));
    let gap = columns.saturating_sub(first.chars().count());
    page.line(vec![piece(format!("{:width$}{first}{last:>gap$}", "", width = SCALE + 1), Tone::Dim)]);
}

/// The flushes of every column, by rows, the shortest in the first.
struct Map {
    lowest: usize,
    /// Steps of a [`Spread`] in a row.
    steps_of_row: usize,
    counts: Vec<Vec<u64>>,
    /// Row of the percentile.
    percentiles: Vec<Option<usize>>,
}

impl Map {
    /// Whole steps in a row, as few as make the map fit; `None` without any flush.
    fn of(spreads: &[Option<Spread>], rows_max: usize) -> Option<Self> {
        let steps = || spreads.iter().flatten().flat_map(Spread::steps).map(|(step, _)| step);
        let (lowest, highest) = (steps().min()?, steps().max()?);
        let steps_of_row = (highest - lowest + 1).div_ceil(rows_max).max(1);
        let row_of = |step: usize| (step - lowest) / steps_of_row;
        let mut counts = vec![vec![0; row_of(highest) + 1]; spreads.len()];
        for (column, spread) in counts.iter_mut().zip(spreads) {
            for (step, count) in spread.iter().flat_map(Spread::steps) {
                column[row_of(step)] += count;
            }
        }
        let percentiles = spreads.iter().map(|spread| spread.as_ref()?.percentile(RANK).map(row_of)).collect();
        Some(Self { lowest, steps_of_row, counts, percentiles })
    }

    fn drawn(&self, theme: Theme) -> MapPart {
        let columns = self.counts.len() + SCALE + 1;
        let rows = self.counts.first().map_or(0, Vec::len);
        let most = self.counts.iter().flatten().copied().max().unwrap_or(0);
        let [at, corner, floor] = if theme.has_unicode { ['┤', '└', '─'] } else { ['|', '+', '-'] };
        let mut cells = Vec::with_capacity((rows + 1) * columns);
        for row in (0..rows).rev() {
            // Every second row says its shortest duration where the next one is not much longer.
            let is_told = self.steps_of_row >= STEPS_PER_DOUBLING || row % 2 == 0;
            let text =
                if is_told { duration(shortest_of(self.lowest + row * self.steps_of_row)) } else { String::new() };
            cells.extend(format!("{:>SCALE$}", theme.text(&text)).chars().map(|c| (c, Tone::Dim)));
            cells.push((at, Tone::Dim));
            for (counts, percentile) in self.counts.iter().zip(&self.percentiles) {
                cells.push(match counts[row] {
                    _ if *percentile == Some(row) => (line(theme), Tone::Warn),
                    0 => (' ', Tone::Plain),
                    count => (theme.step(theme.heat(), (count as f64).ln_1p(), (most as f64).ln_1p()), Tone::Graph),
                });
            }
        }
        cells.extend(std::iter::repeat_n((' ', Tone::Dim), SCALE));
        cells.push((corner, Tone::Dim));
        cells.extend(std::iter::repeat_n((floor, Tone::Dim), columns - SCALE - 1));
        MapPart { columns, cells, cursor: 0, cursor_width: 0 }
    }
}

/// What the percentile is drawn with.
fn line(theme: Theme) -> char {
    if theme.has_unicode { '━' } else { '=' }
}
