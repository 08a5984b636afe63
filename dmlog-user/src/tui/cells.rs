//! Pages into cells of a buffer: where each part goes, and what is cut when there is no room.
//!
//! The main table takes what is left and gives way down to a few rows; then parts are left out from the end.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::grid::{Align, GAP, Grid};
use super::page::{MapPart, Page, Part, Piece, broken};
use super::theme::{Theme, Tone};
use crate::export::number::shortened;

/// Two columns of parts from this width on.
const TWO_COLUMNS_FROM: u16 = 110;

/// Rows that the main table keeps, with its head, before other parts are left out.
const MAIN_ROWS_MIN: usize = 8;

/// What is chosen in the main table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// Chosen row.
    pub selected: usize,
    /// First row that is shown.
    pub top: usize,
    /// Column that it is sorted by, and whether the smallest comes first.
    pub sort: Option<(usize, bool)>,
    /// Whether the chosen row is marked.
    pub is_marked: bool,
}

/// Where things came to lie, for the mouse and for moving by pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Rows of the main table, without its head.
    pub rows: Rect,
    /// The map.
    pub map: Rect,
}

/// Draws a page. `scroll` is moved so that the chosen row is there and in sight.
pub fn draw(page: &Page, area: Rect, theme: Theme, scroll: &mut Scroll, buffer: &mut Buffer) -> Places {
    let mut places = Places::default();
    let second = page.second.filter(|_| area.width >= TWO_COLUMNS_FROM);
    let all = 0..page.parts.len();
    match second {
        None => column(page, all, area, theme, scroll, buffer, &mut places),
        Some(second) => {
            let left = Rect { width: area.width * 11 / 20, ..area };
            let x = area.x + left.width + 2;
            let right = Rect { x, width: area.right().saturating_sub(x), ..area };
            column(page, 0..second, left, theme, scroll, buffer, &mut places);
            column(page, second..all.end, right, theme, scroll, buffer, &mut places);
        }
    }
    places
}

fn column(
    page: &Page,
    parts: std::ops::Range<usize>,
    area: Rect,
    theme: Theme,
    scroll: &mut Scroll,
    buffer: &mut Buffer,
    places: &mut Places,
) {
    let heights = heights(page, parts.clone(), area);
    let mut y = area.y;
    for (place, height) in parts.zip(heights) {
        if height == 0 {
            continue;
        }
        let rect = Rect { y, height, ..area };
        match &page.parts[place] {
            Part::Line(pieces) => {
                line(pieces, rect, theme, buffer);
            }
            Part::Text(text) => {
                for (text_line, row) in broken(&text.text, usize::from(area.width)).iter().zip(rect.rows()) {
                    buffer.set_stringn(row.x, row.y, theme.text(text_line), row.width.into(), theme.style(text.tone));
                }
            }
            Part::Grid(table) if page.main == Some(place) => {
                places.rows = grid(table, rect, theme, Some(scroll), buffer);
            }
            Part::Grid(table) => {
                grid(table, rect, theme, None, buffer);
            }
            Part::Map(part) => places.map = map(part, rect, theme, buffer),
        }
        y += height;
    }
}

/// Lines that each part gets.
fn heights(page: &Page, parts: std::ops::Range<usize>, area: Rect) -> Vec<u16> {
    let wanted = |place: usize| match &page.parts[place] {
        Part::Line(_) => 1,
        Part::Text(text) => broken(&text.text, usize::from(area.width)).len(),
        Part::Grid(grid) => usize::from(!grid.title.is_empty()) + 1 + grid.rows.len().max(1),
        Part::Map(map) => map.lines(),
    };
    let mut heights: Vec<usize> = parts.clone().map(wanted).collect();
    let room = usize::from(area.height);
    let mut excess = heights.iter().sum::<usize>().saturating_sub(room);
    if let Some(main) = page.main.filter(|main| parts.contains(main)).map(|main| main - parts.start) {
        let given = heights[main].saturating_sub(MAIN_ROWS_MIN).min(excess);
        heights[main] -= given;
        excess -= given;
        for height in heights[main + 1..].iter_mut().rev() {
            let given = (*height).min(excess);
            *height -= given;
            excess -= given;
        }
    }
    for height in heights.iter_mut().rev() {
        let given = (*height).min(excess);
        *height -= given;
        excess -= given;
    }
    heights.into_iter().map(|height| u16::try_from(height).unwrap_or(u16::MAX)).collect()
}

/// Draws pieces one after the other; returns where the next one would begin.
pub fn line(pieces: &[Piece], area: Rect, theme: Theme, buffer: &mut Buffer) -> u16 {
    let mut x = area.x;
    for piece in pieces {
        let room = usize::from(area.right().saturating_sub(x));
        x = buffer
            .set_stringn(x, area.y, theme.text_or_graph(&piece.text, piece.tone), room, theme.style(piece.tone))
            .0;
    }
    x
}

/// Draws a table; returns where its rows are.
fn grid(grid: &Grid, area: Rect, theme: Theme, scroll: Option<&mut Scroll>, buffer: &mut Buffer) -> Rect {
    let mut rect = area;
    if !grid.title.is_empty() && rect.height > 0 {
        buffer.set_stringn(rect.x, rect.y, theme.text(&grid.title), rect.width.into(), theme.style(Tone::Head));
        rect = below(rect);
    }
    if grid.rows.is_empty() {
        buffer.set_stringn(rect.x, rect.y, theme.text(grid.when_empty), rect.width.into(), theme.style(Tone::Dim));
        return Rect::default();
    }
    let widths = grid.fitting(usize::from(rect.width));
    let sort = scroll.as_ref().and_then(|scroll| scroll.sort);
    let heads: Vec<(String, Tone)> = grid
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| match sort.filter(|(sorted, _)| *sorted == place) {
            Some((_, ascending)) => (format!("{}{}", column.title, if ascending { '▲' } else { '▼' }), Tone::Head),
            None => (format!("{} ", column.title), Tone::Dim),
        })
        .collect();
    cells(&heads, &widths, 1, grid, rect, theme, buffer);
    let rows = below(rect);
    let visible = usize::from(rows.height);
    let (top, marked) = match scroll {
        None => (0, None),
        Some(scroll) => {
            scroll.selected = scroll.selected.min(grid.rows.len() - 1);
            let lowest = (scroll.selected + 1).saturating_sub(visible);
            scroll.top =
                scroll.top.clamp(lowest, scroll.selected.max(lowest)).min(grid.rows.len().saturating_sub(visible));
            (scroll.top, scroll.is_marked.then_some(scroll.selected))
        }
    };
    for ((place, row), rect) in grid.rows.iter().enumerate().skip(top).zip(rows.rows()) {
        let texts: Vec<(String, Tone)> = row.cells.iter().map(|cell| (cell.text.clone(), cell.tone)).collect();
        cells(&texts, &widths, 0, grid, rect, theme, buffer);
        if marked == Some(place) {
            buffer.set_style(rect, theme.style(Tone::Selected));
        }
    }
    rows
}

fn below(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

/// Draws one line of a table; `beyond` characters of a cell reach into the gap behind it: the mark of the sorted column.
fn cells(
    texts: &[(String, Tone)],
    widths: &[(usize, usize)],
    beyond: usize,
    grid: &Grid,
    area: Rect,
    theme: Theme,
    buffer: &mut Buffer,
) {
    let mut x = usize::from(area.x);
    for (place, width) in widths {
        let Some((text, tone)) = texts.get(*place) else { continue };
        let text = shortened(text, width + beyond);
        let blanks = width + beyond - text.chars().count();
        let indent = if grid.columns[*place].align == Align::Right { blanks } else { 0 };
        let begin = u16::try_from(x + indent).unwrap_or(u16::MAX);
        if begin < area.right() {
            let room = usize::from(area.right() - begin);
            buffer.set_stringn(begin, area.y, theme.text_or_graph(&text, *tone), room, theme.style(*tone));
        }
        x += width + GAP;
    }
}

fn map(map: &MapPart, area: Rect, theme: Theme, buffer: &mut Buffer) -> Rect {
    let columns = map.columns.max(1);
    for (row, cells) in area.rows().zip(map.cells.chunks(columns)) {
        for (x, (symbol, tone)) in (row.x..row.right()).zip(cells) {
            buffer[(x, row.y)].set_char(*symbol).set_style(theme.style(*tone));
        }
    }
    for place in map.cursor..map.cursor + map.cursor_width {
        let (x, y) = (place % columns, place / columns);
        if let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y))
            && x < area.width
            && y < area.height
        {
            buffer[(area.x + x, area.y + y)].set_style(Style::reset()).set_style(theme.style(Tone::Selected));
        }
    }
    Rect { width: area.width.min(u16::try_from(columns).unwrap_or(u16::MAX)), ..area }
}
