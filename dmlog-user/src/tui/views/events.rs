//! The latest events in the text form of `print`, with losses, failures and what the model of the log had otherwise in place.

use super::Context;
use crate::export::number::moment;
use crate::export::report::model::answers;
use crate::session::difference::DifferenceSnapshot;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::Page;
use crate::tui::theme::Tone;

pub(super) fn page(context: &Context<'_>) -> Page {
    let mut page = Page::default();
    let columns = [number("time", 0), words("event", 0)];
    let mut grid = Grid::new("", &columns, "no event before this time");
    let events = &context.frame.events;
    let mut different = differences(context).peekable();
    // What stands before the first line that is shown belongs to events that are not.
    let first_ns = events.first().map_or(u64::MAX, |line| line.time_ns);
    while different.next_if(|found| found.time_ns < first_ns).is_some() {}
    let mut ids = 0..;
    let mut row = |time_ns: u64, text: String, is_bad: bool| {
        let tone = if is_bad { Tone::Bad } else { Tone::Plain };
        let cells = vec![Cell::of(time_ns, moment).toned(Tone::Dim), Cell::words(text).toned(tone)];
        ids.next().into_iter().for_each(|id| grid.push(id, cells.clone()));
    };
    for (place, line) in events.iter().enumerate() {
        row(line.time_ns, line.text.clone(), line.is_bad);
        // Behind the answer, which may be one of several events of that time.
        let next_ns = events.get(place + 1).map_or(u64::MAX, |next| next.time_ns);
        while let Some(found) = different.next_if(|found| found.time_ns < next_ns) {
            let word = if found.reason == "none" { "DIVERGES" } else { "unsettled" };
            let region = found.region.map_or_else(String::new, |region| format!(" region={region}"));
            let text = format!("{word} log={} {}{region}: {}", found.log, found.comparison, answers(found));
            row(found.time_ns, text, true);
        }
    }
    page.main_grid(grid);
    page
}

/// What kernel and model differ in, in the order of the trace.
fn differences<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a DifferenceSnapshot> {
    context.frame.snapshot.model.iter().flat_map(|model| &model.differences)
}
