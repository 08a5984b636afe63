//! The writes so far under other region sizes and log types.

use super::Context;
use crate::analysis::whatif::result::{Activity, Row, TargetResult};
use crate::export::number::{bytes, count, duration, moment, ratio};
use crate::export::whatif::sentence;
use crate::session::snapshot::DeviceSnapshot;
use crate::tui::frame::WhatIfState;
use crate::tui::grid::{Cell, Grid, number, words};
use crate::tui::page::Page;
use crate::tui::theme::Tone;

pub(super) fn page(context: &Context<'_>, device: &DeviceSnapshot) -> Page {
    let mut page = Page::default();
    match &context.frame.what_if {
        WhatIfState::NotAsked => page.text("computed as soon as time stands still (Space)", Tone::Dim),
        WhatIfState::Running { events } => {
            page.text(format!("replaying the writes: {} events so far", count(*events)), Tone::Dim);
        }
        WhatIfState::Failed(error) => page.text(format!("cannot be computed: {error}"), Tone::Bad),
        WhatIfState::Done { until_ns, result } => {
            page.text(
                format!("writes up to {}, replayed; * marks the recorded settings", moment(*until_ns)),
                Tone::Dim,
            );
            let is_of = |target: &&TargetResult| Some(&target.device) == device.device.as_ref();
            match result.targets.iter().find(is_of) {
                None => page.text("region size and length of this mirror are not known", Tone::Dim),
                Some(target) => of_target(target, &mut page),
            }
            for note in &result.notes {
                page.text(sentence::note(note), Tone::Warn);
            }
        }
    }
    page
}

fn of_target(target: &TargetResult, page: &mut Page) {
    page.main_grid(table(target));
    page.gap();
    page.text(format!("ADVICE  {}", sentence::advice(target)), Tone::Head);
    for note in &target.notes {
        page.text(sentence::note(note), Tone::Warn);
    }
}

fn table(target: &TargetResult) -> Grid {
    let columns = [
        words("", 0),
        words("log", 0),
        number("region size", 0),
        number("regions", 6),
        number("marks", 1),
        number("dirtied", 3),
        number("cleaned-only", 8),
        number("writes wait", 0),
        number("adds, mean", 4),
        number("adds, p99", 2),
        number("dirty p99", 7),
        number("crash copies p99", 0),
        number("log memory", 9),
    ];
    let mut grid = Grid::new("", &columns, "no setting could be replayed");
    for (id, row) in (0..).zip(&target.rows) {
        let tone = if row.is_recorded { Tone::Head } else { Tone::Plain };
        grid.push(
            id,
            vec![
                Cell::words(if row.is_recorded { "*" } else { "" }),
                Cell::words(row.log_type.name()).toned(tone),
                Cell::of(row.region_size_bytes, bytes).toned(tone),
                Cell::of(row.region_count, count),
                told(row, |activity| Some(activity.marks), count),
                told(row, |activity| Some(activity.dirtied_flushes), count),
                told(row, |activity| Some(activity.cleaned_only_flushes), count),
                Cell::maybe_float(row.activity.as_ref().and_then(|activity| activity.waiting_writes_ratio), ratio),
                told(row, |activity| activity.added_write_latency_ns_mean, duration),
                told(row, |activity| activity.added_write_latency_ns_p99, duration),
                told(row, |activity| activity.dirty_regions_p99, count),
                told(row, |activity| activity.resync_bytes_p99, bytes),
                Cell::of(row.log_memory_bytes, bytes),
            ],
        );
    }
    grid
}

fn told(row: &Row, pick: impl Fn(&Activity) -> Option<u64>, spell: impl Fn(u64) -> String) -> Cell {
    Cell::maybe(row.activity.as_ref().and_then(pick), spell)
}
