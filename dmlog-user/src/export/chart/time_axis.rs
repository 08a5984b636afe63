//! The axis of time below a plot, and what was lost when.

use super::{LEFT, LEGEND_Y, Plot, TOP, even_ticks};
use crate::export::markup::escaped;
use crate::export::number::{count, counted, moment};
use crate::session::maps::LostSlot;

/// From when to when a chart goes, in nanoseconds from the start of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the plot begins.
    pub first_ns: u64,
    /// Where it ends.
    pub last_ns: u64,
}

impl Span {
    fn length_ns(self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns).max(1)
    }

    /// Where a time is, from 0 to 1; times outside are at the edge.
    fn share(self, time_ns: i64) -> f64 {
        let after = i128::from(time_ns) - i128::from(self.first_ns);
        (after as f64 / self.length_ns() as f64).clamp(0.0, 1.0)
    }
}

impl Plot {
    /// Where a time is.
    pub(super) fn x(&self, span: Span, time_ns: i64) -> f64 {
        LEFT + span.share(time_ns) * self.width()
    }

    /// The axis.
    pub(super) fn time(&mut self, span: Span) {
        const UNITS: [(u64, &str); 4] = [
            (1_000, "microseconds"),
            (1_000_000, "milliseconds"),
            (1_000_000_000, "seconds"),
            (60_000_000_000, "minutes"),
        ];
        /// Units that the plot must have for the next larger one to be too large.
        const AT_LEAST: u64 = 4;
        let fits = UNITS.iter().rev().find(|(ns, _)| span.length_ns() / ns >= AT_LEAST);
        let (unit_ns, unit) = fits.copied().unwrap_or(UNITS[0]);
        let bottom = self.bottom();
        for tick in even_ticks(span.first_ns / unit_ns, span.last_ns / unit_ns, 6) {
            let time_ns = tick.saturating_mul(unit_ns);
            if time_ns < span.first_ns {
                continue;
            }
            let x = self.x(span, i64::try_from(time_ns).unwrap_or(i64::MAX));
            self.push(&format!("<path class=\"axis\" d=\"M{x:.1} {bottom:.1}v4\"/>"));
            self.text("mid", x, bottom + 17.0, &count(tick));
        }
        self.floor(&format!("{unit} from the start of the trace"));
    }

    /// Hatched bands where something was lost.
    pub(super) fn losses(&mut self, span: Span, losses: &[LostSlot]) {
        /// No band is narrower, however short the time.
        const NARROWEST: f64 = 3.0;
        /// Distance of the strokes.
        const STROKE: f64 = 7.0;
        let (bottom, right) = (self.bottom(), self.right());
        for lost in losses {
            let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
            let begin = self.x(span, signed(lost.start_ns)).min(right - NARROWEST);
            let end = self.x(span, signed(lost.start_ns.saturating_add(lost.slot_ns))).max(begin + NARROWEST);
            let width = end - begin;
            let mut strokes = String::new();
            let mut y = TOP;
            while y < bottom {
                let y_end = (y + STROKE).min(bottom);
                strokes.push_str(&format!("M{begin:.1} {y_end:.1}L{end:.1} {y:.1}"));
                y += STROKE;
            }
            let told = format!(
                "{} from {}: {} missing as far as known",
                counted(lost.gaps, "gap"),
                moment(lost.start_ns),
                counted(lost.lost, "event")
            );
            let told = escaped(&told);
            let height = bottom - TOP;
            self.push(&format!(
                "<g class=\"gap\"><title>{told}</title><rect class=\"lostband\" x=\"{begin:.1}\" y=\"{TOP}\" \
                 width=\"{width:.1}\" height=\"{height:.1}\"/><path class=\"lost\" d=\"{strokes}\"/></g>"
            ));
        }
        if !losses.is_empty() {
            let (top, low) = (LEGEND_Y - 5.0, LEGEND_Y + 5.0);
            self.legend(14.0, "events lost", |x| {
                format!(
                    "<path class=\"lost\" d=\"M{x:.1} {low}L{:.1} {top}M{:.1} {low}L{:.1} {top}\"/>",
                    x + 7.0,
                    x + 7.0,
                    x + 14.0
                )
            });
        }
    }
}
