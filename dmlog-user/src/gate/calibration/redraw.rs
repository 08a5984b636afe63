//! Runs like those that were recorded, as many as one likes.

use crate::gate::run::{DeviceRun, Run, Series};
use crate::gate::statistics::bootstrap::draw;
use crate::gate::verdict::test::block_of;

/// Two sides of so many runs, dealt from these. No run is on both sides, or twice on one, as long as there are enough.
pub fn sides(runs: &[Run], runs_a_side: usize, random: &mut fastrand::Rng) -> [Vec<Run>; 2] {
    let mut places: Vec<usize> = (0..runs.len()).collect();
    random.shuffle(&mut places);
    if runs.len() < 2 * runs_a_side {
        places = (0..2 * runs_a_side).map(|_| random.usize(..runs.len())).collect();
    }
    let (left, right) = places.split_at(runs_a_side);
    let right = right.get(..runs_a_side).unwrap_or(right);
    let mut redrawn =
        |places: &[usize]| places.iter().filter_map(|place| runs.get(*place)).map(|run| redraw(run, random)).collect();
    [redrawn(left), redrawn(right)]
}

/// A run whose slices are drawn from those of another, in blocks, and in all series alike: what happened in the same second
/// stays together.
pub fn redraw(run: &Run, random: &mut fastrand::Rng) -> Run {
    let series = || run.devices.iter().flat_map(|device| device.series.values());
    let slice_of = |ns: u64| usize::try_from(ns.checked_div(run.slice_ns).unwrap_or(0)).unwrap_or(0);
    let begin = series().map(|series| slice_of(series.first_ns)).min().unwrap_or(0);
    let end = series().map(|series| series.slices.len()).max().unwrap_or(0);
    let mut drawn = Vec::new();
    if begin < end {
        draw(random, end - begin, block_of(end - begin), &mut drawn);
    }
    let redrawn = |series: &Series| {
        let slice = |place: &usize| series.slices.get(begin + place).cloned().unwrap_or_default();
        let empty = std::iter::repeat_n(Default::default(), begin);
        Series { slices: empty.chain(drawn.iter().map(slice)).collect(), ..*series }
    };
    let device = |device: &DeviceRun| DeviceRun {
        series: device.series.iter().map(|(name, series)| (name.clone(), redrawn(series))).collect(),
        ..device.clone()
    };
    Run { devices: run.devices.iter().map(device).collect(), ..run.clone() }
}
