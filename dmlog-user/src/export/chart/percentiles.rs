//! How latencies are distributed: a line from the least to the most, a bar from the median to the 99th percentile.

use super::latency_axis::Steps;
use super::{BELOW, Chart, LEFT, LEGEND_Y, Plot, RIGHT, Size, TOP};
use crate::analysis::latency::LatencySummary;
use crate::analysis::spread::step_of;
use crate::export::markup::escaped;
use crate::export::number::{count, counted, duration};

/// Room for the longest name beyond what numbers take.
const NAMES: f64 = 40.0;

/// Room for half of a number at the right.
const END: f64 = 14.0;

/// Height of a row.
const ROW: f64 = 30.0;

/// Some kinds of the same thing, with their latencies; `None` if none was timed.
pub fn rows(title: &str, kinds: &[(String, LatencySummary)], size: Size) -> Option<Chart> {
    let least = kinds.iter().map(|(_, latency)| latency.latency_ns_min).min()?;
    let most = kinds.iter().map(|(_, latency)| latency.latency_ns_max).max()?;
    let axis = Steps { first: step_of(least), end: step_of(most) + 1 };
    let mut plot = Plot::new(Size { plot: ROW * kinds.len() as f64, ..size });
    let (width, bottom) = (plot.width(), plot.bottom());
    let x_of = |ns: u64| LEFT + NAMES + axis.share(ns) * (width - NAMES - END);
    for (share, label) in axis.ticks(6) {
        let x = LEFT + NAMES + share * (width - NAMES - END);
        plot.push(&format!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom:.1}\"/>"));
        plot.text("mid", x, bottom + 17.0, &label);
    }
    let mut told = Vec::new();
    for (row, (name, latency)) in kinds.iter().enumerate() {
        let y = TOP + (row as f64 + 0.5) * ROW;
        let LatencySummary {
            latency_count,
            latency_ns_min,
            latency_ns_p50,
            latency_ns_p90,
            latency_ns_p99,
            latency_ns_max,
            ..
        } = *latency;
        let says = format!(
            "{name}: {} timed, min {}, p50 {}, p90 {}, p99 {}, max {}",
            count(latency_count),
            duration(latency_ns_min),
            duration(latency_ns_p50),
            duration(latency_ns_p90),
            duration(latency_ns_p99),
            duration(latency_ns_max)
        );
        let [min, p50, p90, p99, max] =
            [latency_ns_min, latency_ns_p50, latency_ns_p90, latency_ns_p99, latency_ns_max].map(x_of);
        let bar = (p99 - p50).max(1.5);
        plot.text("end", LEFT + NAMES - 10.0, y + 4.0, name);
        plot.push(&format!(
            "<g><title>{}</title><path class=\"axis\" d=\"M{min:.1} {y:.1}H{max:.1}M{min:.1} {:.1}v8M{max:.1} {:.1}v8\"/>\
             <rect class=\"bar\" x=\"{p50:.1}\" y=\"{:.1}\" width=\"{bar:.1}\" height=\"9\"/>\
             <path class=\"halo2\" d=\"M{p90:.1} {:.1}v9\"/><circle class=\"dot\" cx=\"{p50:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>",
            escaped(&says),
            y - 4.0,
            y - 4.0,
            y - 4.5,
            y - 4.5,
        ));
        told.push(says);
    }
    plot.legend(10.0, "p50", |x| format!("<circle class=\"dot\" cx=\"{:.1}\" cy=\"{LEGEND_Y}\" r=\"4.5\"/>", x + 5.0));
    plot.legend(20.0, "to p99, cut at p90", |x| {
        let top = LEGEND_Y - 4.5;
        format!(
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"20\" height=\"9\"/><path class=\"halo2\" d=\"M{:.1} {top:.1}v9\"/>",
            x + 9.0
        )
    });
    plot.legend(20.0, "min to max", |x| format!("<path class=\"axis\" d=\"M{x:.1} {LEGEND_Y}h20m0 -4v8m-20 -8v8\"/>"));
    let right = size.width - RIGHT;
    plot.push(&format!("<path class=\"axis\" d=\"M{:.1} {bottom:.1}H{right:.1}\"/>", LEFT + NAMES));
    let says = format!("{} of latencies. {}.", counted(kinds.len() as u64, "distribution"), told.join("; "));
    let mut chart = plot.finish(title.to_owned(), says);
    // There are no words below the numbers.
    chart.height -= BELOW / 3.0;
    Some(chart)
}
