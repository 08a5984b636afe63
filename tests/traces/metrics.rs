//! Somebody else's readers of numbers: HdrHistogram's Python port, Prometheus's Python client and `promtool` say what the
//! report says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dmlog_user::export::openmetrics::{Dialect, Exposition, render};
use dmlog_user::export::{Report, TraceEnd};
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use serde_json::Value;

use crate::exports::{export, python_with};
use crate::real::{recordings, report};

/// What the script says of a file.
fn read(python: &Path, arguments: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/metrics_counts.py");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the report says of everything that was timed, by the tag that it has.
fn timed(report: &Value) -> BTreeMap<String, Value> {
    let mut timed = BTreeMap::new();
    for device in report["devices"].as_array().unwrap() {
        let name = device["name"].as_str().unwrap();
        let ops = device["ops"].as_object().unwrap().iter().filter(|(op, _)| *op != "flush");
        let ops = ops.map(|(op, numbers)| (format!("{name}:{op}"), numbers));
        let kinds = device["flush"]["kinds"].as_object().unwrap();
        let kinds = kinds.iter().map(|(kind, numbers)| (format!("{name}:flush:{kind}"), numbers));
        timed.extend(
            ops.chain(kinds)
                .filter(|(_, numbers)| numbers["latency_count"].is_u64())
                .map(|(tag, numbers)| (tag, numbers.clone())),
        );
    }
    timed
}

#[test]
fn hdrhistogram_reads_the_log_and_finds_the_percentiles_of_the_report() {
    let python = match python_with("hdrh") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP hdrhistogram_reads_the_log_and_finds_the_percentiles_of_the_report: {reason}");
            return;
        }
    };
    let mut intervals = 0;
    for path in recordings() {
        let name = path.display();
        let read = read(&python, &["hlog".as_ref(), &export(&path, "hlog")]);
        let report = report(&path);
        let ours = timed(&report);
        let theirs = read["tags"].as_object().unwrap();
        assert_eq!(theirs.keys().collect::<BTreeSet<_>>(), ours.keys().collect::<BTreeSet<_>>(), "{name}");
        for (tag, theirs) in theirs {
            let ours = &ours[tag];
            let number = |key: &str| ours[key].as_u64().unwrap();
            let count = number("latency_count");
            assert_eq!(theirs["count"], count, "{name}: {tag}");
            intervals = intervals.max(theirs["intervals"].as_u64().unwrap());
            let keys = ["latency_ns_p50", "latency_ns_p90", "latency_ns_p99", "latency_ns_p999"];
            for (place, (key, percentile)) in keys.iter().zip([50.0, 90.0, 99.0, 99.9]).enumerate() {
                // What the report tells never exceeds what was seen; a bucket's end may.
                let seen =
                    |value: &Value| value.as_u64().unwrap().clamp(number("latency_ns_min"), number("latency_ns_max"));
                assert_eq!(seen(&theirs["percentiles"][place]), number(key), "{name}: {tag} {key}");
                let rank = percentile / 100.0 * count as f64;
                if (rank + 0.5).floor() >= rank.ceil() {
                    assert_eq!(seen(&theirs["librarys"][place]), number(key), "{name}: {tag} {key}");
                }
            }
        }
        let start_ms = report["capture"]["start_realtime_ns"].as_u64().unwrap() / 1_000_000;
        assert!(read["first_ms"].as_f64().unwrap() - start_ms as f64 <= 1_000.0, "{name}: {}", read["first_ms"]);
        assert_eq!((&read["is_ordered"], &read["lengths_ms"]), (&true.into(), &serde_json::json!([1_000])), "{name}");
    }
    assert!(intervals > 1, "some trace is longer than a second");
}

#[test]
fn percentile_distributions_have_the_rows_that_hdrhistogram_counts() {
    let python = match python_with("hdrh") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP percentile_distributions_have_the_rows_that_hdrhistogram_counts: {reason}");
            return;
        }
    };
    // Python takes seconds for each.
    for path in recordings().into_iter().step_by(4) {
        let name = path.display();
        let folder = export(&path, "hgrm");
        let read = read(&python, &["hgrm".as_ref(), &export(&path, "hlog"), &folder]);
        let report = report(&path);
        let ours = timed(&report);
        let theirs = read.as_object().unwrap();
        assert_eq!(theirs.keys().collect::<BTreeSet<_>>(), ours.keys().collect::<BTreeSet<_>>(), "{name}");
        for (tag, theirs) in theirs {
            let number = |key: &str| ours[tag][key].as_u64().unwrap();
            let ms = |key: &str| number(key) as f64 / 1e6;
            let is_near =
                |value: &Value, ms: f64, share: f64| (value.as_f64().unwrap() - ms).abs() <= ms * share + 2e-6;
            assert_eq!(theirs["wrong_rows"], 0, "{name}: {tag}");
            assert_eq!(theirs["last"][2], number("latency_count"), "{name}: {tag}");
            assert!(is_near(&theirs["last"][0], ms("latency_ns_max"), 0.0), "{name}: {tag}: {}", theirs["last"]);
            let said = &theirs["numbers"];
            assert_eq!(said["Total count"].as_f64(), ours[tag]["latency_count"].as_f64(), "{name}: {tag}");
            assert!(is_near(&said["Max"], ms("latency_ns_max"), 0.0), "{name}: {tag}: {said}");
            assert!(is_near(&said["Mean"], ms("latency_ns_mean"), 0.0), "{name}: {tag}: {said}");
            let deviation = theirs["deviation_ms"].as_f64().unwrap();
            assert!(is_near(&said["StdDeviation"], deviation, 0.01), "{name}: {tag}: {said}");
        }
    }
}

/// Samples as the client reads them.
struct Samples(Vec<Value>);

impl Samples {
    /// The number with this name and these labels.
    fn number(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let is = |sample: &&Value| {
            let known = sample["labels"].as_object().unwrap();
            sample["name"] == name
                && labels.iter().all(|(label, value)| known.get(*label).is_some_and(|known| known == value))
        };
        let mut found = self.0.iter().filter(is);
        let first = found.next().map(|sample| sample["value"].as_f64().unwrap());
        assert!(found.next().is_none(), "{name} {labels:?} is not one sample");
        first
    }

    fn check(&self, name: &str, labels: &[(&str, &str)], expected: &Value) {
        // What is not known has no sample.
        assert_eq!(self.number(name, labels), expected.as_f64(), "{name} {labels:?}");
    }

    /// A distribution: how many, and for how long together.
    fn check_spread(&self, name: &str, labels: &[(&str, &str)], expected: &Value) {
        self.check(&format!("{name}_count"), labels, &expected["latency_count"]);
        let sum = self.number(&format!("{name}_sum"), labels);
        let expected_s = expected["latency_ns_sum"].as_u64().map(|ns| ns as f64 / 1e9);
        assert!(
            sum.zip(expected_s).map_or(sum == expected_s, |(sum, expected)| (sum - expected).abs() < 1e-9),
            "{name} {labels:?}: {sum:?}, {expected_s:?}"
        );
        let mut whole = labels.to_vec();
        whole.push(("le", "+Inf"));
        self.check(&format!("{name}_bucket"), &whole, &expected["latency_count"]);
    }
}

#[test]
fn the_prometheus_client_reads_the_numbers_of_the_report() {
    let python = match python_with("prometheus_client") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP the_prometheus_client_reads_the_numbers_of_the_report: {reason}");
            return;
        }
    };
    for path in recordings() {
        let read = read(&python, &["openmetrics".as_ref(), &export(&path, "openmetrics")]);
        let report = report(&path);
        let samples = Samples(serde_json::from_value(read["samples"].clone()).unwrap());
        assert_eq!(read["families"]["dmlog_flush_duration_seconds"][1], "seconds");
        let times: BTreeSet<String> = samples.0.iter().map(|sample| sample["timestamp"].to_string()).collect();
        assert_eq!(times.len(), 1, "all of one moment: {times:?}");

        samples.check("dmlog_events_total", &[], &report["window"]["events"]);
        for probe in ["fentry", "kprobe", "off", "waiting", "absent"] {
            samples.check("dmlog_hooks", &[("probe", probe)], &report["capture"]["hooks"][probe]);
        }
        let lost: f64 = samples
            .0
            .iter()
            .filter(|s| s["name"] == "dmlog_lost_events_total")
            .map(|s| s["value"].as_f64().unwrap())
            .sum();
        assert_eq!(Some(lost), report["losses"]["lost"].as_f64());
        for outcome in ["compared", "unknown", "concurrent"] {
            samples.check("dmlog_model_answers_total", &[("outcome", outcome)], &report["model"][outcome]);
        }
        check_device(&samples, &report);
        check_bounds(&path, &samples);
    }
}

/// Everything that is told of the one mirror of a trace.
fn check_device(samples: &Samples, report: &Value) {
    let [device] = report["devices"].as_array().unwrap().as_slice() else { panic!("one mirror") };
    let (name, number) = (device["name"].as_str().unwrap(), device["device"].as_str().unwrap());
    let mirror = [("device", name), ("number", number)];
    let with = |label: &'static str, value: &'static str| [mirror[0], mirror[1], (label, value)];

    for (op, numbers) in device["ops"].as_object().unwrap() {
        let labels = with("op", op.clone().leak());
        samples.check("dmlog_operations_total", &labels, &numbers["count"]);
        samples.check("dmlog_operation_errors_total", &labels, &numbers["errors"]);
        samples.check_spread("dmlog_operation_duration_seconds", &labels, numbers);
    }
    for (kind, numbers) in device["flush"]["kinds"].as_object().unwrap() {
        let labels = with("kind", kind.clone().leak());
        samples.check("dmlog_flushes_total", &labels, &numbers["count"]);
        samples.check("dmlog_flush_marks_carried_total", &labels, &numbers["marks_carried"]);
        samples.check_spread("dmlog_flush_duration_seconds", &labels, numbers);
    }
    for (kind, numbers) in device["io"]["kinds"].as_object().unwrap() {
        let labels = with("kind", kind.clone().leak());
        samples.check("dmlog_bios_total", &labels, &numbers["count"]);
        samples.check("dmlog_bio_bytes_total", &labels, &numbers["bytes"]);
        samples.check_spread("dmlog_bio_duration_seconds", &labels, numbers);
    }
    for (part, numbers) in device["io"]["write_wait"]["parts"].as_object().unwrap() {
        samples.check_spread("dmlog_write_part_duration_seconds", &with("part", part.clone().leak()), numbers);
    }
    let regions = &device["regions"];
    for (sample, expected) in [
        ("dmlog_marks_total", &regions["marks"]),
        ("dmlog_clears_total", &regions["clears"]),
        ("dmlog_re_marks_total", &regions["re_marks"]),
        ("dmlog_marked_regions", &regions["marked_regions"]),
        ("dmlog_written_regions", &regions["written_regions"]),
        ("dmlog_regions", &device["targets"][0]["region_count"]),
        ("dmlog_in_sync_regions", &device["targets"][0]["sync_count"]),
        ("dmlog_dirty_regions", &device["occupancy"]["dirty_regions_last"]),
        ("dmlog_crash_copy_bytes", &device["occupancy"]["resync_bytes_last"]),
        ("dmlog_recovered_regions_total", &device["recovery"]["regions_recovered"]),
        ("dmlog_recovery_copied_bytes_total", &device["recovery"]["copied_bytes"]),
        ("dmlog_recovery_progress_ratio", &device["recovery"]["progress_ratio"]),
        ("dmlog_log_instances_total", &device["log_instances"]),
    ] {
        samples.check(sample, &mirror, expected);
    }
    samples.check_spread("dmlog_mark_to_clear_seconds", &mirror, &device["churn"]["mark_to_clear"]);
    samples.check_spread("dmlog_clean_bit_lag_seconds", &mirror, &device["churn"]["clean_bit_lag"]);
    samples.check_spread("dmlog_recovery_copy_duration_seconds", &mirror, &device["recovery"]);
}

/// Every bucket holds the durations that are in the trace, to a tenth of a percent of its bound.
fn check_bounds(path: &Path, samples: &Samples) {
    let print = Command::new(env!("CARGO_BIN_EXE_dmlog-top")).args(["print", "--format", "jsonl"]).arg(path).output();
    let lines = String::from_utf8(print.unwrap().stdout).unwrap();
    let mut durations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let ns = ["duration_ns", "latency_ns", "took_ns"].iter().find_map(|key| event[*key].as_f64());
        if let Some(ns) = ns {
            durations.entry(event["op"].as_str().unwrap().to_owned()).or_default().push(ns / 1e9);
        }
    }
    let mut compared = 0;
    for sample in samples.0.iter().filter(|sample| sample["name"] == "dmlog_operation_duration_seconds_bucket") {
        let op = sample["labels"]["op"].as_str().unwrap();
        let (le, count) = (sample["labels"]["le"].as_str().unwrap(), sample["value"].as_f64().unwrap());
        let Ok(bound) = le.parse::<f64>() else { panic!("{le}") };
        let within = |bound: f64| durations[op].iter().filter(|duration| **duration <= bound).count() as f64;
        assert!(
            (within(bound * 0.999)..=within(bound * 1.000_001)).contains(&count),
            "{}: {op} {le}: {count}",
            path.display()
        );
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

/// `promtool` of Debian's package `prometheus`.
fn promtool() -> Result<PathBuf, String> {
    let path = PathBuf::from(std::env::var_os("DMLOG_PROMTOOL").unwrap_or_else(|| "promtool".into()));
    match Command::new(&path).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(path),
        Ok(output) => Err(format!("{} ended with {}", path.display(), output.status)),
        Err(error) => Err(format!("{} does not run: {error}", path.display())),
    }
}

/// A trace in Prometheus's own format, which only `serve` speaks.
fn prometheus_text(path: &Path) -> String {
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let facts = reader.facts().clone();
    let mut session = Session::new(Some(&facts), Settings::default());
    while reader.next_batch_rows(|row| session.apply_row(row)).unwrap().is_some() {}
    let snapshot = session.snapshot(10);
    let report = Report { source: "x", facts: &facts, snapshot: &snapshot, end: TraceEnd::Clean };
    let distributions = session.distributions();
    let exposition =
        Exposition { report: &report, distributions: &distributions, regions: 10, at_ns: None, serving: None };
    render(&exposition, Dialect::Prometheus)
}

#[test]
fn promtool_has_nothing_to_say_against_names_and_units() {
    let promtool = match promtool() {
        Ok(promtool) => promtool,
        Err(reason) => {
            println!("SKIP promtool_has_nothing_to_say_against_names_and_units: {reason}");
            return;
        }
    };
    for path in recordings() {
        let mut command = Command::new(&promtool);
        command.args(["check", "metrics", "--extended"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(prometheus_text(&path).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
        assert!(String::from_utf8_lossy(&output.stdout).contains("dmlog_operation_duration_seconds"));
    }
}

/// A trace of last week can be put into Prometheus's own store: every sample has its time.
#[test]
fn promtool_makes_blocks_of_an_export() {
    let promtool = match promtool() {
        Ok(promtool) => promtool,
        Err(reason) => {
            println!("SKIP promtool_makes_blocks_of_an_export: {reason}");
            return;
        }
    };
    let path = recordings().pop().unwrap();
    let exported = export(&path, "openmetrics");
    let blocks = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blocks");
    let _ = std::fs::remove_dir_all(&blocks);
    let mut command = Command::new(&promtool);
    command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&exported).arg(&blocks);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&exported).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count().to_string();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.split_whitespace().filter(|word| *word == samples).count() >= 2, "{samples} samples: {said}");
}

/// Every `expr` in a dashboard.
fn expressions(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| expressions(value, out));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As rules they are parsed and their types checked.
#[test]
fn promtool_understands_the_queries_of_the_dashboard() {
    let promtool = match promtool() {
        Ok(promtool) => promtool,
        Err(reason) => {
            println!("SKIP promtool_understands_the_queries_of_the_dashboard: {reason}");
            return;
        }
    };
    let dashboard = include_str!("../../dmlog-user/dist/grafana.json");
    let mut queries = Vec::new();
    expressions(&serde_json::from_str(dashboard).unwrap(), &mut queries);
    let rules: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            // What Grafana puts in for its variables.
            let query = query.replace("$__rate_interval", "1m").replace("$__range", "1h");
            let query = query.replace("$instance", ".*").replace("$device", ".*");
            assert!(!query.contains('$'), "{query}");
            serde_json::json!({"record": format!("dashboard:{number}"), "expr": query})
        })
        .collect();
    assert!(rules.len() > 30, "{queries:?}");
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    // YAML takes JSON.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.yml");
    std::fs::write(&path, rules.to_string()).unwrap();
    let output = Command::new(&promtool).args(["check", "rules"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
