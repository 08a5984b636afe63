//! A view as lines: for screen readers, logs and pipes.

use ratatui::layout::Rect;

use super::frame::Frame;
use super::grid::{Align, GAP, Grid};
use super::page::{Page, Part};
use super::screen::Screen;
use super::theme::{Background, Theme};
use super::views::regions::MapChoice;
use super::views::{self, Context};
use crate::export::number::{count, harmless, moment};

/// A page that is as wide as it needs, with all rows.
const AREA: Rect = Rect { x: 0, y: 0, width: 100, height: 40 };

/// The facts of a screen at one moment, as lines, with an empty line at the end.
pub fn lines(screen: Screen, frame: &Frame, device: Option<&str>, has_unicode: bool) -> String {
    let theme = Theme { background: Background::Dark, has_colour: false, has_unicode };
    let mut out =
        format!("{} {}, {} events", harmless(&frame.title), moment(frame.clock.now_ns), count(frame.clock.position));
    let losses = &frame.snapshot.losses;
    if !losses.is_empty() {
        out.push_str(&format!(", LOST {} events in {} gaps", count(losses.lost), count(losses.gaps)));
    }
    if let Some(problem) = &frame.problem {
        out.push_str(&format!(", {}", harmless(problem)));
    }
    out.push('\n');
    let context = Context { frame, device, theme, area: AREA, map: MapChoice::default() };
    if screen.is_of_one_device()
        && let Some(device) = context.chosen()
    {
        out.push_str(&format!("mirror {}\n", harmless(&device.name)));
    }
    render(&views::page(screen, &context), theme, &mut out);
    out.push('\n');
    out
}

fn render(page: &Page, theme: Theme, out: &mut String) {
    for part in &page.parts {
        match part {
            Part::Line(pieces) => {
                let text: String = pieces.iter().map(|piece| theme.text_or_graph(&piece.text, piece.tone)).collect();
                if !text.trim().is_empty() {
                    push(text.trim_end(), out);
                }
            }
            Part::Text(text) => push(&theme.text(&text.text), out),
            Part::Grid(grid) => table(grid, theme, out),
            Part::Map(map) => {
                for line in map.cells.chunks(map.columns.max(1)) {
                    push(&line.iter().map(|(symbol, _)| *symbol).collect::<String>(), out);
                }
            }
        }
    }
}

fn push(line: &str, out: &mut String) {
    out.push_str(line);
    out.push('\n');
}

fn table(grid: &Grid, theme: Theme, out: &mut String) {
    if !grid.title.is_empty() {
        push(&grid.title, out);
    }
    if grid.rows.is_empty() {
        push(grid.when_empty, out);
        return;
    }
    let widths = grid.fitting(usize::MAX / 2);
    let heads: Vec<String> = grid.columns.iter().map(|column| column.title.to_owned()).collect();
    let rows = grid
        .rows
        .iter()
        .map(|row| row.cells.iter().map(|cell| theme.text_or_graph(&cell.text, cell.tone)).collect::<Vec<String>>());
    for texts in std::iter::once(heads).chain(rows) {
        let mut line = String::new();
        for (place, width) in &widths {
            let text = texts.get(*place).map_or("", String::as_str);
            let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
            match grid.columns[*place].align {
                Align::Left => line.extend([text, &blanks]),
                Align::Right => line.extend([&blanks, text]),
            }
            line.push_str(&" ".repeat(GAP));
        }
        push(line.trim_end(), out);
    }
}
