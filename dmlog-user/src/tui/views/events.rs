//! The latest events in the text form of `print`, losses and failures in place.

use super::Context;
use crate::export::number::moment;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::Page;
use crate::tui::theme::Tone;

pub(super) fn page(context: &Context<'_>) -> Page {
    let mut page = Page::default();
    let columns = [number("time", 0), words("event", 0)];
    let mut grid = Grid::new("", &columns, "no event before this time");
    for (id, line) in (0..).zip(&context.frame.events) {
        let tone = if line.is_bad { Tone::Bad } else { Tone::Plain };
        grid.push(
            id,
            vec![Cell::of(line.time_ns, moment).toned(Tone::Dim), Cell::words(line.text.as_str()).toned(tone)],
        );
    }
    page.main_grid(grid);
    page
}
