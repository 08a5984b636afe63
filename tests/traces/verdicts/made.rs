//! Verdicts made by hand, one for each kind of ending and one whose every name is hostile.

use dmlog_user::analysis::catalogue::Unit;
use dmlog_user::gate::metric::MetricUnit;
use dmlog_user::gate::rules::{CONFIDENCE, Rule, Worse};
use dmlog_user::gate::verdict::reason::{Reason, ReasonKind};
use dmlog_user::gate::verdict::{Finding, Judged, Method, Outcome, Shift, Side, SideValue, Verdict};

/// What a name can do: end a cell, a line, an element, a command, a sentence; drive a terminal; be long.
pub(crate) fn hostile_name() -> String {
    let start = "::error title=x::y|`a`</testcase><script>\n\r| ##[add-mask]%0A,\u{1b}[2J\u{0}\u{9b}31m\u{202e}\u{fffe}]]> @me #1 https://e.x -->";
    format!("{start}{}", "n".repeat(300 - start.chars().count()))
}

/// A rule over latencies.
fn rule(metric: &str) -> Rule {
    Rule {
        metric: metric.parse().unwrap(),
        worse: Worse::Higher,
        relative_floor: 0.05,
        absolute_floor: 20_000.0,
        minimum_samples: None,
        confidence: CONFIDENCE,
        is_exact: false,
        devices: Vec::new(),
        is_optional: true,
    }
}

fn values(value: f64, samples: u64) -> SideValue {
    let runs = (0..5).map(|run| value * (0.98 + 0.01 * f64::from(run))).collect();
    SideValue { value: Some(value), runs, samples }
}

/// A metric in nanoseconds, tested.
fn tested(metric: &str, device: &str, values_ns: [f64; 2], half_width_ns: f64, p: f64, finding: Finding) -> Judged {
    let [baseline, candidate] = values_ns;
    let estimate = candidate - baseline;
    Judged {
        rule: rule(metric),
        device: Some(device.to_owned()),
        unit: MetricUnit::Known(Unit::Nanoseconds),
        method: Method::RankTest,
        values: [values(baseline, 52_000), values(candidate, 51_204)],
        shift: Some(Shift {
            estimate,
            interval: Some((estimate - half_width_ns, estimate + half_width_ns)),
            relative: Some(estimate / baseline),
        }),
        p: Some(p),
        p_adjusted: Some((p * 4.0).min(1.0)),
        floor: (baseline * 0.05).max(20_000.0),
        finding,
    }
}

/// A number without noise.
fn exact(metric: &str, device: Option<&str>, unit: MetricUnit, values: [f64; 2], finding: Finding) -> Judged {
    let [baseline, candidate] = values;
    Judged {
        rule: Rule { is_exact: true, relative_floor: 0.0, absolute_floor: 0.01, is_optional: false, ..rule(metric) },
        device: device.map(str::to_owned),
        unit,
        method: Method::Exact,
        values: values.map(|value| SideValue { value: Some(value), runs: vec![value; 5], samples: 20_000 }),
        shift: Some(Shift {
            estimate: candidate - baseline,
            interval: Some((candidate - baseline, candidate - baseline)),
            relative: (baseline != 0.0).then(|| (candidate - baseline) / baseline),
        }),
        p: None,
        p_adjusted: None,
        floor: 0.01,
        finding,
    }
}

/// A metric about which nothing is claimed.
fn untold(metric: &str, device: &str, finding: Finding) -> Judged {
    Judged {
        rule: Rule { is_optional: false, ..rule(metric) },
        device: Some(device.to_owned()),
        unit: MetricUnit::Known(Unit::Nanoseconds),
        method: Method::NotJudged,
        values: [SideValue { value: Some(4_520_000.0), runs: vec![4_520_000.0], samples: 12 }, SideValue::default()],
        shift: None,
        p: None,
        p_adjusted: None,
        floor: 20_000.0,
        finding,
    }
}

fn side(name: &str, runs: u32) -> Side {
    Side {
        runs: (1..=runs).map(|run| format!("{name}/{run}.dmlog")).collect(),
        duration_ns: u64::from(runs) * 60_000_000_000,
        events: u64::from(runs) * 120_345,
        machines: vec!["6.12.107 on storage1".to_owned()],
    }
}

fn verdict(outcome: Outcome, judged: Vec<Judged>) -> Verdict {
    Verdict { outcome, sides: [side("base", 5), side("pr", 5)], reasons: Vec::new(), judged, notes: Vec::new() }
}

fn reason(kind: ReasonKind, text: &str, is_allowed: bool) -> Reason {
    Reason { kind, text: text.to_owned(), is_allowed }
}

/// Nothing got worse, two things got better, one is close to what matters.
pub(crate) fn passed() -> Verdict {
    let per_write = MetricUnit::Known(Unit::Mean);
    verdict(
        Outcome::Passed,
        vec![
            tested("flush.dirtied.p99", "vg/lv", [4_520_000.0, 4_533_000.0], 90_000.0, 0.62, Finding::Unchanged),
            tested("flush.cleaned_only.p99", "vg/lv", [1_100_000.0, 1_120_000.0], 240_000.0, 0.4, Finding::Unchanged),
            tested("write.p99", "vg/lv", [9_800_000.0, 6_200_000.0], 400_000.0, 0.000_01, Finding::Improvement),
            exact("mark.per_write", Some("vg/lv"), per_write.clone(), [0.412, 0.208], Finding::Improvement),
            exact("flush.dirtied.per_write", Some("vg/lv"), per_write, [1.0, 1.0], Finding::Unchanged),
        ],
    )
}

/// Two regressions on two mirrors, an improvement, and a number of one's own.
pub(crate) fn failed() -> Verdict {
    let mut rate = tested("write.rate", "vg/data", [1_250.0, 1_040.0], 31.0, 0.000_2, Finding::Regression);
    rate.unit = MetricUnit::Known(Unit::PerSecond);
    rate.rule = Rule { worse: Worse::Lower, absolute_floor: 0.0, is_optional: false, ..rate.rule };
    rate.floor = 62.5;
    let own = MetricUnit::Own("guest instructions/call".to_owned());
    let mut figure = exact("figure.probe.cost", None, own, [390.0, 391.0], Finding::Unchanged);
    (figure.rule.absolute_floor, figure.floor) = (2.0, 2.0);
    let mut bootstrap = tested("write.p99.9", "vg/lv", [30e6, 29.5e6], 1e6, 0.3, Finding::Unchanged);
    bootstrap.method = Method::Bootstrap { slice_ns: 1_000_000_000, block: 6, rounds: 2_000 };
    let mut verdict = verdict(
        Outcome::Failed,
        vec![
            bootstrap,
            tested("flush.dirtied.p99", "vg/lv", [4_520_000.0, 6_420_000.0], 310_000.0, 0.000_4, Finding::Regression),
            tested("mark.p99", "vg/lv", [1_900.0, 2_050.0], 200.0, 0.03, Finding::Unchanged),
            tested(
                "flush.cleaned_only.p99",
                "vg/data",
                [1_100_000.0, 700_000.0],
                60_000.0,
                0.000_1,
                Finding::Improvement,
            ),
            rate,
            Judged { rule: rule("recovery.p99"), ..untold("recovery.p99", "vg/lv", absent()) },
            figure,
        ],
    );
    verdict.reasons =
        vec![reason(ReasonKind::Machine, "the baseline was recorded on 4 processors and the candidate on 8", true)];
    verdict.notes = vec!["pr/3.dmlog is 12 s shorter than the others.".to_owned()];
    verdict
}

fn absent() -> Finding {
    Finding::Absent { what: "no run of the candidate has recovery".to_owned() }
}

/// Several reasons, one of them allowed; nothing is claimed.
pub(crate) fn inconclusive() -> Verdict {
    let mut verdict = verdict(
        Outcome::Inconclusive,
        vec![
            tested("flush.dirtied.p99", "vg/lv", [4_520_000.0, 6_420_000.0], 310_000.0, 0.000_4, Finding::NotCompared),
            tested("write.p99", "vg/lv", [9_800_000.0, 9_810_000.0], 200_000.0, 0.8, Finding::NotCompared),
        ],
    );
    verdict.reasons = vec![
        reason(ReasonKind::Lost, "pr/2.dmlog lost 1,204 of 120,345 events", false),
        reason(ReasonKind::Lost, "pr/4.dmlog lost 3 of 120,345 events", false),
        reason(ReasonKind::Kernel, "the baseline ran on 6.12.107 and the candidate on 7.3.4.", false),
        reason(
            ReasonKind::RegionSize,
            "vg/lv has regions of 512 KiB in the baseline and of 1 MiB in the candidate",
            true,
        ),
    ];
    verdict
}

/// Rules that cannot decide.
pub(crate) fn too_few() -> Verdict {
    let needs = "15 more dirtied flushes on the candidate, or 5 runs a side (there are 3)";
    let mut verdict = verdict(
        Outcome::Inconclusive,
        vec![
            untold("flush.dirtied.p99.9", "vg/lv", Finding::TooFew { needs: needs.to_owned() }),
            untold("recovery.p99", "vg/lv", absent()),
            tested("write.p99", "vg/lv", [9_800_000.0, 9_810_000.0], 200_000.0, 0.8, Finding::Unchanged),
        ],
    );
    verdict.sides = [side("base", 3), side("pr", 3)];
    verdict.reasons = vec![reason(ReasonKind::Samples, "flush.dirtied.p99.9 of vg/lv cannot be decided", false)];
    verdict
}

/// Every text that can come from outside is the hostile one.
pub(crate) fn hostile() -> Verdict {
    let name = hostile_name();
    let mut verdict = verdict(
        Outcome::Failed,
        vec![
            tested("flush.dirtied.p99", &name, [4_520_000.0, 6_420_000.0], 310_000.0, 0.000_4, Finding::Regression),
            tested("write.p99", &name, [9_800_000.0, 6_200_000.0], 400_000.0, 0.000_01, Finding::Improvement),
            exact("figure.a", None, MetricUnit::Own(name.clone()), [390.0, 390.0], Finding::Unchanged),
            untold("mark.p99", &name, Finding::TooFew { needs: name.clone() }),
            untold("read.p99", &name, Finding::Absent { what: name.clone() }),
        ],
    );
    for judged in &mut verdict.judged {
        judged.rule.devices = vec![name.clone()];
    }
    for side in &mut verdict.sides {
        side.runs = vec![name.clone(); 3];
        side.machines = vec![name.clone()];
    }
    verdict.reasons = vec![reason(ReasonKind::Lost, &name, false), reason(ReasonKind::Kernel, &name, true)];
    verdict.notes = vec![name];
    verdict
}

/// All of them with names for snapshots.
pub(crate) fn all() -> [(&'static str, Verdict); 5] {
    [
        ("passed", passed()),
        ("failed", failed()),
        ("inconclusive", inconclusive()),
        ("too_few", too_few()),
        ("hostile", hostile()),
    ]
}
