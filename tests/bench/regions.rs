//! How fast region sets are counted, searched and cut into runs, beside a plain read of the same memory.
//!
//! `cargo xtask bench regions` runs it and makes a table of it. One line a case: `R NAME SECONDS…`, one time for each
//! round. The cases of a round run in turn, so that a neighbour on the machine disturbs all of them.

#![expect(clippy::print_stdout, reason = "the lines are what this program is for")]

use std::hint::black_box;
use std::time::Instant;

use dmlog_user::event::ids::Region;
use dmlog_user::log::region_set::{REGION_COUNT_MAX, RegionSet};

/// Times that every case is measured; the table shows the median.
const ROUNDS: usize = 11;
/// A round of a small set is repeated until it has read this much, so that the clock's own cost does not show.
const BYTES_PER_ROUND: usize = 256 << 20;
/// Every so many regions a few dirty ones: what a busy mirror looks like.
const DIRTY_EVERY: u64 = 1 << 16;
const DIRTY_REGIONS: u64 = 4;
/// As many as a volume of 2 TiB has with regions of 2 MiB.
const MILLION: u64 = 1 << 20;

fn main() {
    measure("largest", REGION_COUNT_MAX);
    measure("million", MILLION);
}

fn measure(name: &str, region_count: u64) {
    let mut full = RegionSet::new_full(region_count);
    // A search has to go to the end.
    full.remove(Region(region_count - 1));
    let mut busy = RegionSet::new_full(region_count);
    for run in 0..region_count.div_ceil(DIRTY_EVERY) {
        let first = run * DIRTY_EVERY;
        (first..first + DIRTY_REGIONS).for_each(|region| busy.remove(Region(region)));
    }
    assert_eq!(busy.unset_runs().count() as u64, region_count.div_ceil(DIRTY_EVERY), "what is measured is right");
    // No two words alike: the worst for counting.
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let words = std::iter::successors(Some(1), next).take(full.words().len()).collect();
    let random = RegionSet::from_words(region_count, words);
    let repeats = (BYTES_PER_ROUND / (8 * full.words().len())).max(1);
    let cases: [(&str, &dyn Fn() -> u64); 8] = [
        ("read-busy", &|| read(&busy)),
        ("count", &|| black_box(&busy).count()),
        ("runs", &|| black_box(&busy).unset_runs().map(|run| run.first.0 ^ run.last.0).fold(0, u64::wrapping_add)),
        ("read-busy-again", &|| read(&busy)),
        ("read-full", &|| read(&full)),
        ("find", &|| black_box(&full).first_unset_from(Region(0)).map_or(0, |region| region.0)),
        ("read-random", &|| read(&random)),
        ("count-random", &|| black_box(&random).count()),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, case), times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..repeats {
                black_box(case());
            }
            times.push(start.elapsed().as_secs_f64());
        }
    }
    for ((case, _), times) in cases.iter().zip(times) {
        let times: Vec<String> = times.iter().map(|time| format!("{time:.9}")).collect();
        println!("R {name}-{case} {}", times.join(" "));
    }
}

/// The plain read: the sum of all words.
fn read(set: &RegionSet) -> u64 {
    black_box(set).words().iter().fold(0, |sum, word| sum.wrapping_add(*word))
}
