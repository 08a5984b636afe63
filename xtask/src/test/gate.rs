//! The tier `gate`: real slow-downs, recorded in one boot, and what `dmlog-top gate` says of each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::gate_run::record::{Load, Recording};
use crate::gate_run::side::Side;
use crate::guest::{self, GuestFile};
use crate::paths::guest_dir;
use crate::process;
use crate::test::guests::Job;
use crate::test::tally::Tally;
use crate::test::vm;

/// The kernel that is recorded.
pub(crate) const KERNEL: &str = "6.12";
/// Runs a side: the fewest that can be 99 % sure of all built-in rules at once.
const RUNS: u32 = 7;
const WRITES: u32 = 400;
/// What the built-in rules are about. All other hooks would take most of a run to attach and to detach.
const HOOKS: [&str; 7] =
    ["disk_ctr", "disk_resume", "disk_status", "disk_flush", "core_mark_region", "mirror_map", "mirror_end_io"];
/// A side that is recorded twice, for what does not differ.
const AGAIN: &str = "-again";

/// Two sides, and what the gate has to say.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    name: &'static str,
    baseline: &'static str,
    candidate: &'static str,
    /// Further arguments.
    arguments: &'static [&'static str],
    expected: Expected,
}

/// What has to be said.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// It passes, and nothing got worse.
    Passed,
    /// It passes, and one of these got better.
    Improved(&'static [&'static str]),
    /// It fails, and one of these got worse.
    Failed(&'static [&'static str]),
    /// It is inconclusive for this reason.
    Inconclusive(&'static str),
}

/// Latencies of flushes that put marks on the log device.
const FLUSHES: &[&str] = &["flush.dirtied.p50", "flush.dirtied.p99"];
/// How long writes take.
const WRITE_TIMES: &[&str] = &["write.p99", "write.mean"];

const COMPARISONS: [Comparison; 8] = [
    Comparison {
        name: "a_log_device_against_itself",
        baseline: "log-delay-0ms",
        candidate: "log-delay-0ms-again",
        arguments: &[],
        expected: Expected::Passed,
    },
    Comparison {
        name: "a_log_device_slower_by_1_ms",
        baseline: "log-delay-0ms",
        candidate: "log-delay-1ms",
        arguments: &[],
        expected: Expected::Failed(FLUSHES),
    },
    Comparison {
        name: "a_log_device_slower_by_5_ms",
        baseline: "log-delay-0ms",
        candidate: "log-delay-5ms",
        arguments: &[],
        expected: Expected::Failed(FLUSHES),
    },
    Comparison {
        name: "another_region_size",
        baseline: "plain",
        candidate: "small-regions",
        arguments: &[],
        expected: Expected::Inconclusive("region_size"),
    },
    Comparison {
        name: "a_smaller_region_size_that_is_allowed",
        baseline: "plain",
        candidate: "small-regions",
        arguments: &["--allow", "region_size"],
        expected: Expected::Failed(&["mark.per_write", "flush.dirtied.per_write"]),
    },
    Comparison {
        name: "a_log_on_the_disk_of_a_leg",
        baseline: "log-on-own-disk",
        candidate: "log-on-leg",
        arguments: &[],
        expected: Expected::Failed(FLUSHES),
    },
    Comparison {
        name: "a_mirror_that_resynchronises",
        baseline: "nosync",
        candidate: "resync",
        arguments: &[],
        expected: Expected::Failed(WRITE_TIMES),
    },
    Comparison {
        name: "a_mirror_that_need_not_resynchronise",
        baseline: "resync",
        candidate: "nosync",
        arguments: &[],
        expected: Expected::Improved(WRITE_TIMES),
    },
];

/// Records and judges; `name` chooses among the comparisons.
pub(crate) fn job(files: &[GuestFile], name: Option<&str>) -> Job {
    let product = vm::product(files).map(Path::to_path_buf);
    let chosen: Vec<Comparison> =
        COMPARISONS.into_iter().filter(|one| name.is_none_or(|name| one.name.contains(name))).collect();
    let work = move || run(product.context("there is no dmlog-top among what was built")?, &chosen);
    Job { name: "gate".to_owned(), work: Box::new(work) }
}

fn run(product: PathBuf, comparisons: &[Comparison]) -> Result<Tally> {
    let mut tally = Tally::default();
    if comparisons.is_empty() {
        return Ok(tally);
    }
    let out = guest_dir().join("gate");
    guest::fresh_out(&out)?;
    let recording = Recording {
        kernel: KERNEL.to_owned(),
        product,
        sides: sides(comparisons)?,
        runs: RUNS,
        load: Load::Writes(WRITES),
        hooks: HOOKS.map(str::to_owned).to_vec(),
        out: out.clone(),
        log_name: "gate".to_owned(),
        prefix: "[gate] ".to_owned(),
    };
    let recorded = recording.run()?;
    for one in comparisons {
        let (code, printed) = judge(&recording.product, &out, one)?;
        match check(one.expected, code, &printed) {
            Ok(said) => {
                eprintln!("gate {} ... ok: {said}", one.name);
                tally.pass();
            }
            Err(why) => {
                eprintln!("gate {} ... FAILED: {why}\n{printed}", one.name);
                tally.fail(one.name.to_owned());
            }
        }
    }
    eprintln!("=== gate: {tally} ({:.0} s), traces in {}", recorded.wall.as_secs_f64(), out.display());
    Ok(tally)
}

/// Every side that the comparisons need, once, in the order of their first use.
fn sides(comparisons: &[Comparison]) -> Result<Vec<Side>> {
    let mut sides: Vec<Side> = Vec::new();
    for folder in comparisons.iter().flat_map(|one| [one.baseline, one.candidate]) {
        if sides.iter().all(|side| side.folder != folder) {
            sides.push(Side::parse(folder.trim_end_matches(AGAIN), folder)?);
        }
    }
    Ok(sides)
}

/// The gate's exit code and what it printed.
fn judge(product: &Path, out: &Path, one: &Comparison) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(product);
    command.arg("gate").arg("--baseline").arg(out.join(one.baseline)).arg("--candidate").arg(out.join(one.candidate));
    command.args(one.arguments).args(["--format", "json"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let text = process::shown(&command);
    let output = command.output().with_context(|| format!("`{text}` did not start"))?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Whether the gate said what it had to; what it said, or what is wrong.
fn check(expected: Expected, code: Option<i32>, printed: &str) -> Result<String, String> {
    let verdict: Value = serde_json::from_str(printed).map_err(|error| format!("no JSON: {error}"))?;
    let (code_expected, outcome) = match expected {
        Expected::Passed | Expected::Improved(_) => (0, "passed"),
        Expected::Failed(_) => (1, "failed"),
        Expected::Inconclusive(_) => (3, "inconclusive"),
    };
    if code != Some(code_expected) || verdict["outcome"] != outcome {
        return Err(format!("exit code {code:?} and outcome {}, not {code_expected}", verdict["outcome"]));
    }
    let (worse, better) = (found(&verdict, "regression"), found(&verdict, "improvement"));
    let has_one = |found: &[String], metrics: &[&str]| found.iter().any(|metric| metrics.contains(&metric.as_str()));
    let is_right = match expected {
        Expected::Passed => worse.is_empty(),
        Expected::Improved(metrics) => worse.is_empty() && has_one(&better, metrics),
        Expected::Failed(metrics) => has_one(&worse, metrics),
        Expected::Inconclusive(reason) => {
            let reasons = verdict["reasons"].as_array().into_iter().flatten();
            reasons.filter(|it| it["allowed"] == false).map(|it| it["kind"].as_str()).eq([Some(reason)])
        }
    };
    let said = format!("{outcome}; worse: {}; better: {}", worse.join(" "), better.join(" "));
    if is_right { Ok(said) } else { Err(format!("{said}; expected {expected:?}")) }
}

/// Metrics of the mirror `gate` with this finding.
fn found(verdict: &Value, finding: &str) -> Vec<String> {
    let judged = verdict["judged"].as_array().into_iter().flatten();
    let of = judged.filter(|it| it["finding"] == finding && it["device"] == "gate");
    of.filter_map(|it| it["metric"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::{COMPARISONS, Expected, check, sides};

    fn verdict(outcome: &str, rows: &[(&str, &str)], reason: Option<&str>) -> String {
        let row = |(metric, finding): &(&str, &str)| serde_json::json!({"metric": metric, "device": "gate", "finding": finding});
        let rows: Vec<_> = rows.iter().map(row).collect();
        let reasons: Vec<_> = reason.iter().map(|kind| serde_json::json!({"kind": kind, "allowed": false})).collect();
        serde_json::json!({"outcome": outcome, "judged": rows, "reasons": reasons}).to_string()
    }

    #[test]
    fn a_verdict_has_to_name_the_right_metric() {
        let flush = verdict("failed", &[("flush.dirtied.p99", "regression"), ("write.p99", "unchanged")], None);
        check(Expected::Failed(&["flush.dirtied.p99"]), Some(1), &flush).unwrap();
        let error = check(Expected::Failed(&["write.p99"]), Some(1), &flush).unwrap_err();
        assert!(error.starts_with("failed; worse: flush.dirtied.p99;"), "{error}");
        let better = verdict("passed", &[("write.p99", "improvement")], None);
        check(Expected::Improved(&["write.p99"]), Some(0), &better).unwrap();
        check(Expected::Improved(&["write.mean"]), Some(0), &better).unwrap_err();
    }

    #[test]
    fn the_exit_code_the_outcome_and_the_reason_have_to_be_right() {
        let passed = verdict("passed", &[("write.p99", "unchanged")], None);
        check(Expected::Passed, Some(0), &passed).unwrap();
        check(Expected::Passed, Some(1), &passed).unwrap_err();
        check(Expected::Inconclusive("region_size"), Some(3), &passed).unwrap_err();
        let unlike = verdict("inconclusive", &[], Some("region_size"));
        check(Expected::Inconclusive("region_size"), Some(3), &unlike).unwrap();
        check(Expected::Inconclusive("kernel"), Some(3), &unlike).unwrap_err();
        assert!(check(Expected::Passed, Some(5), "").unwrap_err().starts_with("no JSON"));
    }

    #[test]
    fn every_side_of_a_comparison_is_there_once() {
        let folders: Vec<String> = sides(&COMPARISONS).unwrap().into_iter().map(|side| side.folder).collect();
        assert_eq!(folders.len(), 10, "{folders:?}");
        assert_eq!(folders.iter().filter(|folder| folder.starts_with("log-delay-0ms")).count(), 2);
    }
}
