//! `gate`: sides from traces, folders and saved runs; rules; formats; exit codes. The traces are real ones, their copies made longer
//! or slower through the library.

use std::fs;
use std::path::{Path, PathBuf};

use dmlog_user::analysis::subject::Subject;
use dmlog_user::event::ids::{DurationNs, MonoNs};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{LogOp, Op};
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;
use serde_json::Value;

use crate::program::{Run, file, run};

/// A real recording of a disk log.
fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data/v1.1/disk-6.12.dmlog")
}

/// A folder with a copy of the recording for each run, with flushes that take so much longer, and not quite as long in each.
fn side(name: &str, runs: u32, factor: f64) -> PathBuf {
    let folder = file(name, b"").with_extension("runs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut reader = TraceReader::new(fs::File::open(recorded()).unwrap()).unwrap();
    let facts = reader.facts().clone();
    let mut items = Vec::new();
    while reader.next_batch_with(|item| items.push(item)).unwrap().is_some() {}
    for number in 0..runs {
        let path = folder.join(format!("{number:02}.dmlog"));
        let mut writer = TraceWriter::new(fs::File::create(path).unwrap(), &facts).unwrap();
        let slower = factor * (1.0 + f64::from(number) / 1_000.0);
        for item in &items {
            writer.push(&with_flushes(item, slower)).unwrap();
        }
        writer.finish().unwrap();
    }
    folder
}

fn with_flushes(item: &Item, factor: f64) -> Item {
    let mut item = item.clone();
    if let Item::Event(event) = &mut item
        && let (Op::Log(_, LogOp::Flush { .. }), Some(duration)) = (&event.op, event.duration)
    {
        let longer = (duration.0 as f64 * factor) as u64;
        event.time = MonoNs(event.time.0 + longer - duration.0.min(longer));
        event.duration = Some(DurationNs(longer));
    }
    item
}

/// Rules that so small traces can be judged by.
fn rules(name: &str) -> String {
    let rules = "[[rule]]\nmetric = \"flush.dirtied.p50\"\nminimum_samples = 5\n";
    file(name, rules.as_bytes()).display().to_string()
}

fn gate(arguments: &[&str]) -> Run {
    run(["gate"].iter().chain(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_slower_side_fails_and_says_how_to_see_it_again() {
    let (before, after) = (side("gate-before", 6, 1.0), side("gate-after", 6, 1.5));
    let rules = rules("gate-slower.toml");
    let run =
        gate(&["--baseline", text(&before), "--candidate", text(&after), "--rules", &rules, "--allow", "samples"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.stdout.starts_with("FAILED: 1 of 1 rules found a regression: flush.dirtied.p50"), "{}", run.stdout);
    let again = format!("reproduce dmlog-top gate --baseline {} --candidate {}", text(&before), text(&after));
    assert!(run.stdout.contains(&again) && run.stdout.contains("--allow samples"), "{}", run.stdout);
    let passed = gate(&["--baseline", text(&after), "--candidate", text(&before), "--rules", &rules]);
    assert_eq!(passed.code, Some(0), "{passed:?}");
    assert!(passed.stdout.contains("IMPROVEMENT"), "{}", passed.stdout);
}

#[test]
fn saved_runs_are_the_same_as_their_traces() {
    let (before, after) = (side("gate-save-before", 6, 1.0), side("gate-save-after", 6, 1.5));
    let rules = rules("gate-save.toml");
    let saved = file("gate-saved.json", b"");
    let save = gate(&["--candidate", text(&before), "--save", text(&saved)]);
    assert_eq!((save.code, save.stdout.as_str(), save.stderr.as_str()), (Some(0), "", ""));
    let size = fs::metadata(&saved).unwrap().len();
    let judged = |baseline: &Path| -> Value {
        let arguments =
            ["--baseline", text(baseline), "--candidate", text(&after), "--rules", rules.as_str(), "--format", "json"];
        let run = gate(&arguments);
        assert_eq!(run.code, Some(1), "{run:?}");
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (of_traces, of_file) = (judged(&before), judged(&saved));
    assert_eq!(of_traces["judged"], of_file["judged"]);
    assert_eq!(of_traces["baseline"], of_file["baseline"]);
    assert!(size < 6 * 64 * 1024, "{size} bytes for six runs");
}

#[test]
fn every_format_is_written_and_the_step_summary_is_added_to() {
    let (before, after) = (side("gate-formats-before", 6, 1.0), side("gate-formats-after", 6, 1.5));
    let rules = rules("gate-formats.toml");
    let [junit, json, summary] = ["gate.xml", "gate.json", "gate-summary.md"].map(|name| file(name, b"before\n"));
    let writes = [format!("junit={}", text(&junit)), format!("json={}", text(&json))];
    let arguments =
        ["gate", "--baseline", text(&before), "--candidate", text(&after), "--rules", &rules, "--format", "github"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dmlog-top"))
        .args(arguments)
        .args(["--write", &writes[0], "--write", &writes[1]])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("::error title="));
    assert!(fs::read_to_string(&junit).unwrap().contains("<failure"));
    let judged: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(judged["outcome"], "failed");
    let summary = fs::read_to_string(&summary).unwrap();
    assert!(summary.starts_with("before\n") && summary.contains("flush.dirtied.p50"), "{summary}");
}

#[test]
fn what_differs_is_inconclusive_until_it_is_allowed() {
    let data = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data/v1.1").join(name);
    let (old, new) = (data("disk-5.10.dmlog"), data("disk-6.12.dmlog"));
    let run = gate(&["--baseline", text(&old), "--candidate", text(&new)]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stdout.starts_with("INCONCLUSIVE"), "{}", run.stdout);
    for reason in ["the kernel differs: 5.10", "--allow kernel"] {
        assert!(run.stdout.contains(reason), "{reason}: {}", run.stdout);
    }
    let run = gate(&["--baseline", text(&old), "--candidate", text(&new), "--allow", "kernels"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("expected one of lost, torn"), "{}", run.stderr);
}

#[test]
fn a_check_of_itself_tells_what_it_would_see() {
    let runs = side("gate-self", 8, 1.0);
    let rules = rules("gate-self.toml");
    let run = gate(&["--self-check", text(&runs), "--rules", &rules, "--comparisons", "40"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert!(run.stdout.contains("of 40 comparisons had a false alarm"), "{}", run.stdout);
    let again = gate(&["--self-check", text(&runs), "--rules", &rules, "--comparisons", "40", "--format", "json"]);
    let found: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((found["runs"].as_u64(), found["comparisons"].as_u64()), (Some(8), Some(40)));
    assert_eq!(found["rules"][0]["metric"], "flush.dirtied.p50");
    let refused = gate(&["--self-check", text(&runs), "--format", "junit"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn mistakes_are_sentences() {
    let trace = recorded();
    let trace = text(&trace);
    let empty = file("gate-empty", b"").with_extension("none");
    fs::create_dir_all(&empty).unwrap();
    let bad_rules = file("gate-bad.toml", b"[[rule]]\nmetric = \"flush.dirty.p99\"\n");
    let no_runs = file("gate-none.json", b"{\"schema\": \"x\", \"version\": 1, \"runs\": []}");
    let cut = file("gate-cut.json", b"{\"schema\": \"dmlog-top gate runs\",\n  \"vers");
    for (arguments, code, told) in [
        (vec![], 2, "required"),
        (vec!["--baseline", trace], 2, "required"),
        (vec!["--candidate", trace], 2, "nothing to compare with"),
        (vec!["--baseline", trace, "--candidate", "/nonexistent.dmlog"], 5, "cannot open"),
        (vec!["--baseline", trace, "--candidate", text(&empty)], 5, "has no trace"),
        (vec!["--baseline", trace, "--candidate", text(&no_runs)], 5, "`schema` is `x`"),
        (vec!["--baseline", trace, "--candidate", text(&cut)], 5, "line 2, column"),
        (vec!["--baseline", trace, "--candidate", trace, "-d", "nosuch"], 2, "no run has a mirror"),
        (vec!["--baseline", trace, "--candidate", trace, "--rules", "/nonexistent.toml"], 5, "cannot read the rules"),
        (
            vec!["--baseline", trace, "--candidate", trace, "--rules", text(&bad_rules)],
            2,
            "line 2, column 10: `\"flush.dirty.p99\"`; expected a metric",
        ),
        (vec!["--baseline", trace, "--candidate", trace, "--write", "xml=a"], 2, "expected `text=FILE`"),
        (vec!["--baseline", trace, "--candidate", trace, "--write", "json=/nonexistent/a"], 5, "cannot write"),
        (vec!["--self-check", trace, "--baseline", trace], 2, "cannot be used with"),
    ] {
        let run = gate(&arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(told), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn the_sample_is_printed_and_is_a_rule_file() {
    let sample = gate(&["--print-rules"]);
    assert_eq!((sample.code, sample.stderr.as_str()), (Some(0), ""));
    let rules = file("gate-sample.toml", sample.stdout.as_bytes());
    let trace = recorded();
    let arguments =
        ["--baseline", text(&trace), "--candidate", text(&trace), "--rules", text(&rules), "--format", "json"];
    let judged: Value = serde_json::from_str(&gate(&arguments).stdout).unwrap();
    let built_in: Value = serde_json::from_str(
        &gate(&["--baseline", text(&trace), "--candidate", text(&trace), "--format", "json"]).stdout,
    )
    .unwrap();
    assert_eq!(judged["judged"], built_in["judged"]);
    assert!(
        judged["judged"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["metric"] == format!("{}.p99", Subject::DirtiedFlush.name()))
    );
}
