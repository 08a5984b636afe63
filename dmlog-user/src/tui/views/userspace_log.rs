//! Round trips of a userspace log to its daemon.

use super::{Context, facts};
use crate::export::number::{count, error, per_s};
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::Page;
use crate::tui::theme::Tone;

pub(super) fn page(_context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    let mut columns =
        vec![words("request", 0), number("count", 0), number("per s", 6), number("errors", 1), words("last error", 2)];
    columns.extend(facts::LATENCY);
    let mut grid = Grid::new("Round trips to the daemon", &columns, "this mirror's log asked no daemon");
    let mut rows: Vec<_> = (0..).zip(&device.consults).collect();
    rows.sort_by_key(|(id, row)| (std::cmp::Reverse(row.count), *id));
    for (id, row) in rows {
        let last = match row.last_error {
            0 => Cell::words(""),
            number => Cell::words(error(number.into())).toned(Tone::Bad),
        };
        let mut cells = vec![
            Cell::words(row.request),
            Cell::of(row.count, count),
            Cell::float(row.rate_per_s, per_s),
            Cell::of(row.errors, count).bad_unless_zero(),
            last,
        ];
        cells.extend(facts::latency(row.latency.as_ref()));
        grid.push(id, cells);
    }
    page.main_grid(grid);
    page.gap();
    page.text(
        "a round trip is from the request of the kernel to the daemon's answer, retries of the kernel included; -110 \
         ETIMEDOUT is a daemon that did not answer, -3 ESRCH one that is not there",
        Tone::Dim,
    );
    page
}
