//! What Prometheus and its kin read: counters, gauges and histograms of a capture, as OpenMetrics 1.0 text or in Prometheus's
//! own text format 0.0.4.
//!
//! ```text
//! # HELP dmlog_flushes Flushes of the log by kind.
//! # TYPE dmlog_flushes counter
//! dmlog_flushes_total{device="vg/lv",number="254:3",kind="dirtied"} 1459
//! ```
//!
//! A pure function of an [`Exposition`]. What there is stands in one table, [`families::FAMILIES`], each with the number of
//! the metric catalogue that it is. Cardinality is bounded: mirrors by [`DEVICES_MAX`], operations, kinds and causes by what
//! the kernel has; processes have no place here, and regions only those that were asked for.

use super::Report;
use crate::session::distributions::Distribution;
use crate::session::snapshot::{DeviceSnapshot, Snapshot};

use self::families::{FAMILIES, Source};
use self::text::{Labels, Text};

pub mod families;
mod of_capture;
mod of_device;
#[cfg(test)]
mod tests;
mod text;

/// Mirrors that are told of: those with most events. Each has some 500 series at most. Of more, the number is told.
pub const DEVICES_MAX: usize = 256;

/// Most marked regions of each mirror that can be asked for; the analysis keeps a few more at hand.
pub const REGIONS_MAX: usize = 100;

/// Bytes of a label's value; the kernel's names are 127 bytes at most. A longer one is cut.
pub const LABEL_BYTES_MAX: usize = 256;

/// In which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4, which everything reads that reads metrics at all.
    Prometheus,
}

impl Dialect {
    /// What it is called in HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Exposition<'a> {
    /// Everything that a report shows.
    pub report: &'a Report<'a>,
    /// How durations are spread, for each device of the report.
    pub distributions: &'a [Vec<Distribution>],
    /// Most marked, written and re-marked regions of each mirror that are told; the snapshot has to have them. 0 is none.
    pub regions: usize,
    /// When it is told of, in nanoseconds since 1970; `None` is whenever somebody looks.
    pub at_ns: Option<u64>,
    /// What whoever serves it has to tell of itself.
    pub serving: Option<&'a Serving>,
}

/// What a server of metrics tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Requests by status code.
    pub requests: Vec<(u16, u64)>,
    /// Connections beyond the limit.
    pub refused: u64,
    /// Connections that took too long.
    pub timed_out: u64,
    /// Records that found no room in the ring, by the kernel's own count.
    pub ring_lost: u64,
}

/// The text.
pub fn render(exposition: &Exposition<'_>, dialect: Dialect) -> String {
    let mut text = Text::new(dialect, exposition.at_ns);
    let devices = told(exposition.report.snapshot);
    let mut labels = Labels::default();
    let devices: Vec<Told<'_>> = devices
        .into_iter()
        .map(|(place, device)| Told {
            device,
            distributions: exposition.distributions.get(place).map_or(&[], Vec::as_slice),
            labels: labels.of(device),
        })
        .collect();
    for family in FAMILIES {
        text.begin(family);
        match family.source {
            Source::Capture(put) => put(exposition, &mut text),
            Source::Device(put) => {
                for told in &devices {
                    text.of(&told.labels);
                    put(told.device, &mut text);
                }
            }
            Source::Regions(rank, number) => {
                for told in &devices {
                    text.of(&told.labels);
                    of_device::regions(told.device, exposition.regions, rank, number, &mut text);
                }
            }
            Source::Spread(label, is) => {
                for told in &devices {
                    text.of(&told.labels);
                    for spread in told.distributions {
                        if let Some(value) = is(spread.of) {
                            text.histogram(label, value, spread);
                        }
                    }
                }
            }
        }
    }
    text.finish()
}

/// A mirror that is told of.
struct Told<'a> {
    device: &'a DeviceSnapshot,
    distributions: &'a [Distribution],
    labels: String,
}

/// The mirrors with most events, in their order, each with its place.
fn told(snapshot: &Snapshot) -> Vec<(usize, &DeviceSnapshot)> {
    let mut devices: Vec<(usize, &DeviceSnapshot)> = snapshot.devices.iter().enumerate().collect();
    if devices.len() > DEVICES_MAX {
        // Stable: of those with as many, the first.
        devices.sort_by_key(|(_, device)| std::cmp::Reverse(device.events));
        devices.truncate(DEVICES_MAX);
        devices.sort_by_key(|(place, _)| *place);
    }
    devices
}
