//! Sides dealt from runs made by hand: how often they are called different, and what is seen.

use super::{check, redraw};
use crate::gate::durations::Durations;
use crate::gate::rules::built_in;
use crate::gate::run::{Capture, DeviceRun, Run, Series, Slice};

const S: u64 = 1_000_000_000;

/// Runs whose flushes take about a millisecond, more in some than in others by a share of `spread`, and each second leaning on the one
/// before.
fn runs(count: usize, spread: f64) -> Vec<Run> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut run = |number: usize| {
        let level = 1e6 * (1.0 + spread * (random.f64() - 0.5));
        let mut lean = 0.0;
        let mut slice = |_| {
            lean = 0.7 * lean + 0.05 * (random.f64() - 0.5);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about a million")]
            let durations: Vec<u64> = (0..60).map(|_| (level * (1.0 + lean + 0.2 * random.f64())) as u64).collect();
            Slice { count: 60, durations: Durations::of(&durations) }
        };
        let series = Series { first_ns: 0, last_ns: 19 * S + S / 2, slices: (0..20).map(&mut slice).collect() };
        let series = ["flush", "flush.dirtied", "write"].map(|subject| (subject.to_owned(), series.clone()));
        let device = DeviceRun { name: "m".to_owned(), series: series.into(), ..DeviceRun::default() };
        let capture = Some(Capture::default());
        Run { name: number.to_string(), capture, slice_ns: S, devices: vec![device], ..Run::default() }
    };
    (0..count).map(&mut run).collect()
}

#[test]
fn equal_sides_are_called_different_rarely_and_noise_hides_more() {
    let quiet = check(&runs(20, 0.01), &built_in::rules(), 60, 1);
    let noisy = check(&runs(20, 0.5), &built_in::rules(), 60, 1);
    assert_eq!((quiet.runs_a_side, quiet.shares_runs), (10, false));
    assert!(quiet.false_alarms <= 1 && noisy.false_alarms <= 1, "{quiet:?} {noisy:?}");
    let sees = |found: &super::SelfCheck| found.rules[0].detectable.unwrap_or(f64::INFINITY);
    assert!(sees(&quiet) < 0.08, "{}", sees(&quiet));
    assert!(sees(&noisy) > 2.0 * sees(&quiet), "{} and {}", sees(&noisy), sees(&quiet));
    assert_eq!(quiet, check(&runs(20, 0.01), &built_in::rules(), 60, 1), "the same runs, the same answer");
}

#[test]
fn few_runs_are_on_both_sides_and_one_is_drawn_from_itself() {
    let few = check(&runs(4, 0.1), &built_in::rules(), 5, 1);
    assert_eq!((few.runs_a_side, few.shares_runs), (7, true));
    let one = check(&runs(1, 0.1), &built_in::rules(), 2, 1);
    assert_eq!((one.runs_a_side, one.shares_runs, one.rules[0].judged), (1, true, 2));
}

#[test]
fn a_redrawn_run_has_the_seconds_of_the_run_and_keeps_what_happened_together() {
    let run = runs(1, 0.1).remove(0);
    let redrawn = redraw::redraw(&run, &mut fastrand::Rng::with_seed(3));
    let slices = |run: &Run, subject: &str| run.devices[0].series[subject].slices.clone();
    let (before, after) = (slices(&run, "flush"), slices(&redrawn, "flush"));
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|slice| before.contains(slice)) && after != before);
    assert_eq!(after, slices(&redrawn, "write"), "all series alike");
}
