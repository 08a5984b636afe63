//! Values of runs, and of slices drawn from them.

use super::{Drawable, of};
use crate::gate::durations::Durations;
use crate::gate::metric::Metric;
use crate::gate::run::{DeviceRun, Figure, Run, Series, Slice};

const S: u64 = 1_000_000_000;

/// A series with these durations in each second, from the middle of the first to the middle of the last.
fn series(durations_ns: &[&[u64]]) -> Series {
    let slices: Vec<Slice> = durations_ns
        .iter()
        .map(|durations| Slice { count: durations.len() as u64, durations: Durations::of(durations) })
        .collect();
    Series { first_ns: S / 2, last_ns: (slices.len() as u64 - 1) * S + S / 2, slices }
}

fn run() -> Run {
    let mut device = DeviceRun { name: "m".to_owned(), ..DeviceRun::default() };
    let dirtied = series(&[&[10, 20], &[30, 40], &[], &[50, 1_000]]);
    device.series.insert("flush.dirtied".to_owned(), dirtied.clone());
    device.series.insert("flush".to_owned(), dirtied);
    device.series.insert("write".to_owned(), series(&[&[1], &[1, 1], &[], &[1]]));
    device.numbers.insert("occupancy.dirty_regions_max".to_owned(), 7.0);
    let figures = [("a".to_owned(), Figure { value: 2.5, unit: "x".to_owned() })];
    Run { slice_ns: S, devices: vec![device], figures: figures.into(), ..Run::default() }
}

fn value(run: &Run, metric: &str) -> Option<(f64, u64)> {
    let metric: Metric = metric.parse().unwrap();
    of(run, run.devices.first(), &metric).map(|value| (value.value, value.samples))
}

#[test]
fn every_kind_of_metric_has_its_value() {
    let run = run();
    for (metric, expected) in [
        ("flush.dirtied.p50", Some((30.0, 6))),
        ("flush.dirtied.p99", Some((1_000.0, 6))),
        ("flush.dirtied.max", Some((1_000.0, 6))),
        ("flush.dirtied.mean", Some((1_150.0 / 6.0, 6))),
        ("flush.dirtied.count", Some((6.0, 6))),
        // Five steps in three seconds.
        ("flush.dirtied.rate", Some((5.0 / 3.0, 6))),
        ("flush.dirtied.per_write", Some((1.5, 4))),
        ("mark.per_write", Some((0.0, 4))),
        ("errors.count", Some((0.0, 0))),
        ("mark.p99", None),
        ("mark.rate", None),
        ("report.occupancy.dirty_regions_max", Some((7.0, 1))),
        ("report.occupancy.dirty_regions_min", None),
        ("figure.a", Some((2.5, 1))),
        ("figure.b", None),
    ] {
        assert_eq!(value(&run, metric), expected, "{metric}");
    }
}

#[test]
fn flushes_of_unknown_kind_leave_kinds_unknown() {
    let mut run = run();
    run.devices[0].series.insert("flush".to_owned(), series(&[&[10, 20, 30], &[30, 40], &[], &[50, 1_000]]));
    assert_eq!(value(&run, "flush.dirtied.per_write"), None);
    assert_eq!(value(&run, "flush.no_op.count"), None);
    assert_eq!(value(&run, "flush.count"), Some((7.0, 7)));
}

#[test]
fn slices_that_are_all_drawn_once_are_the_run() {
    let run = run();
    for metric in
        ["flush.dirtied.p50", "flush.dirtied.p99", "flush.dirtied.max", "flush.dirtied.mean", "flush.dirtied.per_write"]
    {
        let mut drawable = Drawable::new(&run, run.devices.first(), &metric.parse().unwrap()).unwrap();
        assert_eq!(drawable.slices(), 4);
        assert_eq!(drawable.value(&[3, 1, 0, 2]), value(&run, metric).map(|(value, _)| value), "{metric}");
        assert_eq!(drawable.value(&[2, 2]), None, "{metric}: an idle second has none");
    }
    let mut rate = Drawable::new(&run, run.devices.first(), &"flush.dirtied.rate".parse().unwrap()).unwrap();
    assert_eq!((rate.slices(), rate.value(&[0, 1])), (2, Some(1.0)), "only whole seconds");
    assert!(Drawable::new(&run, None, &"figure.a".parse().unwrap()).is_none());
}
