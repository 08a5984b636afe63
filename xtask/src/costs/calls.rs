//! How many calls each run of the load made, from the trace of a session.
//!
//! Few runs make more calls than the others, and their sum over the number of runs is then none of any run. The runs are told
//! apart by the pauses between them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Longer without a call is a pause: the script makes them of 200 ms, while a run makes a call every few microseconds.
const PAUSE_NS: u64 = 50_000_000;
/// A run makes more; fewer are the clears and flushes that follow one, and what the kernel is asked about its mirrors.
const CALLS_MIN: usize = 4_000;

/// Calls of each run, in order.
pub(super) fn of_runs(program: &Path, trace: &Path, runs: usize) -> Result<Vec<f64>> {
    let mut command = Command::new(program);
    let rows = process::output(command.arg("export").arg(trace).args(["--to", "csv", "-o", "-"]))?;
    let calls = split(rows.lines().skip(1)).with_context(|| format!("`{}` has rows without time", trace.display()))?;
    if calls.len() != runs {
        bail!("`{}` has {} runs of the load, {calls:?} calls each, and not {runs}", trace.display(), calls.len());
    }
    Ok(calls.iter().map(|calls| *calls as f64).collect())
}

/// Rows of each run, by the time that each row begins with.
fn split<'a>(rows: impl Iterator<Item = &'a str>) -> Option<Vec<usize>> {
    let mut times: Vec<u64> = rows.map(|row| row.split(',').next()?.parse().ok()).collect::<Option<_>>()?;
    // A row is where its call ended, and calls end in another order than they are told.
    times.sort_unstable();
    let groups = times.chunk_by(|one, next| next - one < PAUSE_NS).map(<[u64]>::len);
    Some(groups.filter(|calls| *calls >= CALLS_MIN).collect())
}

#[cfg(test)]
mod tests {
    use super::{CALLS_MIN, PAUSE_NS, split};

    #[test]
    fn pauses_separate_runs_and_what_follows_a_run_is_none() {
        let run = |from: u64, calls: usize| (0..calls as u64).map(move |call| from + call * 1_000);
        let second = CALLS_MIN as u64 * 1_000 + PAUSE_NS * 2;
        let times = run(0, CALLS_MIN).chain(run(second, CALLS_MIN + 7)).chain(run(second * 2, 12));
        let rows: Vec<String> = times.map(|time| format!("{time},mark_region,0")).collect();
        assert_eq!(split(rows.iter().map(String::as_str)), Some(vec![CALLS_MIN, CALLS_MIN + 7]));
        assert_eq!(split(["time_ns,op"].into_iter()), None);
    }
}
