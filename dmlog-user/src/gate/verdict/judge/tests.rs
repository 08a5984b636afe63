//! Verdicts over runs made by hand: two sides, what differs, and what is said.

use super::judge;
use crate::gate::durations::Durations;
use crate::gate::rules::{Rule, RuleSet, Worse};
use crate::gate::run::{Capture, DeviceRun, Figure, Run, Series, Slice};
use crate::gate::verdict::reason::ReasonKind;
use crate::gate::verdict::{Finding, Judged, Method, Outcome, Verdict};

const S: u64 = 1_000_000_000;

fn rule(metric: &str) -> Rule {
    Rule {
        metric: metric.parse().unwrap(),
        worse: Worse::Higher,
        relative_floor: 0.05,
        absolute_floor: 0.0,
        minimum_samples: None,
        confidence: 0.99,
        is_exact: false,
        devices: Vec::new(),
        is_optional: false,
    }
}

fn rules(rules: &[Rule]) -> RuleSet {
    RuleSet { rules: rules.to_vec(), allow: [].into() }
}

/// A run whose dirtied flushes take about `level_ns`, each second somewhat different, with two writes for each.
fn run(number: usize, seconds: u64, level_ns: u64) -> Run {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut slice = |second: u64| {
        let wave_ns = level_ns / 50 * (second % 3);
        let durations: Vec<u64> = (0..200).map(|_| level_ns + wave_ns + random.u64(..level_ns / 10)).collect();
        Slice { count: 200, durations: Durations::of(&durations) }
    };
    let flushes: Vec<Slice> = (0..seconds).map(&mut slice).collect();
    let writes =
        flushes.iter().map(|slice| Slice { count: 2 * slice.count, durations: Durations::default() }).collect();
    let series = |slices| Series { first_ns: 0, last_ns: (seconds - 1) * S + S / 2, slices };
    let device = DeviceRun {
        name: "vg/lv".to_owned(),
        log_type: Some("disk".to_owned()),
        region_size_bytes: vec![Some(524_288)],
        series: [
            ("flush".to_owned(), series(flushes.clone())),
            ("flush.dirtied".to_owned(), series(flushes)),
            ("write".to_owned(), series(writes)),
        ]
        .into(),
        ..DeviceRun::default()
    };
    let capture = Capture { kernel_release: "6.12".to_owned(), cpus: 2, io: true, ..Capture::default() };
    Run {
        name: format!("{number}.dmlog"),
        capture: Some(capture),
        duration_ns: seconds * S,
        events: 600 * seconds,
        slice_ns: S,
        devices: vec![device],
        ..Run::default()
    }
}

fn side(first: usize, runs: usize, level_ns: u64) -> Vec<Run> {
    (first..first + runs).map(|number| run(number, 10, level_ns)).collect()
}

fn finding<'a>(verdict: &'a Verdict, metric: &str) -> &'a Judged {
    verdict.judged.iter().find(|judged| judged.rule.metric.to_string() == metric).unwrap()
}

#[test]
fn a_slower_side_fails_a_faster_one_is_an_improvement_and_the_same_passes() {
    let rules = rules(&[rule("flush.dirtied.p99"), rule("flush.dirtied.p50"), rule("flush.dirtied.per_write")]);
    let (before, same, slower) = (side(0, 10, 1_000_000), side(10, 10, 1_000_000), side(20, 10, 1_200_000));
    let verdict = judge([&before, &slower], &rules);
    assert_eq!(verdict.outcome, Outcome::Failed);
    let judged = finding(&verdict, "flush.dirtied.p99");
    assert_eq!((&judged.finding, judged.method), (&Finding::Regression, Method::RankTest));
    let shift = judged.shift.unwrap();
    assert!((shift.relative.unwrap() - 0.2).abs() < 0.02, "{shift:?}");
    assert!(judged.p_adjusted.unwrap() >= judged.p.unwrap() && judged.p_adjusted.unwrap() < 0.01);
    assert_eq!(finding(&verdict, "flush.dirtied.per_write").finding, Finding::Unchanged);
    assert_eq!(verdict.reasons, []);

    let verdict = judge([&slower, &before], &rules);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(finding(&verdict, "flush.dirtied.p50").finding, Finding::Improvement);
    let verdict = judge([&before, &same], &rules);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert!(verdict.judged.iter().all(|judged| judged.finding == Finding::Unchanged), "{:?}", verdict.judged);
}

#[test]
fn a_shift_within_a_floor_is_none_however_sure_it_is() {
    let (before, slower) = (side(0, 10, 1_000_000), side(20, 10, 1_200_000));
    let of = |rule: Rule| judge([&before, &slower], &rules(&[rule]));
    let by_share = of(Rule { relative_floor: 0.25, ..rule("flush.dirtied.p50") });
    assert_eq!((by_share.outcome, &by_share.judged[0].finding), (Outcome::Passed, &Finding::Unchanged));
    assert!(by_share.judged[0].p.unwrap() < 0.001);
    let absolute = of(Rule { absolute_floor: 300_000.0, ..rule("flush.dirtied.p50") });
    assert_eq!((absolute.outcome, absolute.judged[0].floor), (Outcome::Passed, 300_000.0));
    let neither = of(Rule { absolute_floor: 100_000.0, relative_floor: 0.15, ..rule("flush.dirtied.p50") });
    assert_eq!(neither.outcome, Outcome::Failed);
    let lower = of(Rule { worse: Worse::Lower, ..rule("flush.dirtied.p50") });
    assert_eq!((lower.outcome, &lower.judged[0].finding), (Outcome::Passed, &Finding::Improvement));
}

#[test]
fn too_few_runs_say_how_many_are_needed() {
    let (before, slower) = (side(0, 3, 1_000_000), side(20, 3, 2_000_000));
    let verdict = judge([&before, &slower], &rules(&[rule("flush.dirtied.p50")]));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    let told = "5 runs a side are needed to be 99 % sure of one comparison; there are 3 and 3";
    assert_eq!(verdict.reasons[0].text, told);
    assert_eq!(verdict.reasons[0].kind, ReasonKind::Samples);
    // With more rules, more; five are as many as one rule needs.
    let (before, slower) = (side(0, 5, 1_000_000), side(20, 5, 2_000_000));
    assert_eq!(judge([&before, &slower], &rules(&[rule("flush.dirtied.p50")])).outcome, Outcome::Failed);
    let two = judge([&before, &slower], &rules(&[rule("flush.dirtied.p50"), rule("flush.dirtied.mean")]));
    assert_eq!(two.outcome, Outcome::Inconclusive);
    assert!(two.reasons[0].text.starts_with("6 runs a side"), "{:?}", two.reasons);
    let allowed = RuleSet {
        allow: [ReasonKind::Samples].into(),
        ..rules(&[rule("flush.dirtied.p50"), rule("flush.dirtied.mean")])
    };
    let verdict = judge([&before, &slower], &allowed);
    assert_eq!((verdict.outcome, verdict.reasons[0].is_allowed), (Outcome::Passed, true));
}

#[test]
fn too_few_durations_say_how_many_are_needed() {
    let (before, slower) = (side(0, 10, 1_000_000), side(20, 10, 2_000_000));
    let verdict = judge([&before, &slower], &rules(&[rule("flush.dirtied.p99.99")]));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        matches!(&verdict.judged[0].finding, Finding::TooFew { needs } if needs.contains("52981 a side")),
        "{:?}",
        verdict.judged
    );
    let wants = Rule { minimum_samples: Some(20_001), ..rule("flush.dirtied.p50") };
    let verdict = judge([&before, &slower], &rules(std::slice::from_ref(&wants)));
    assert!(
        verdict.reasons[0].text.contains("needs 20001 a side to be 99 % sure; there are 20000 and 20000"),
        "{:?}",
        verdict.reasons
    );
    // An optional rule that cannot tell stops nobody, as long as another one can.
    let optional = Rule { is_optional: true, ..wants };
    assert_eq!(
        judge([&before, &before], &rules(&[optional.clone(), rule("flush.dirtied.mean")])).outcome,
        Outcome::Passed
    );
    assert_eq!(judge([&before, &before], &rules(&[optional])).outcome, Outcome::Inconclusive);
}

#[test]
fn one_run_a_side_is_judged_by_its_slices() {
    let of = |seconds, level_ns| [run(1, seconds, 1_000_000), run(2, seconds, level_ns)];
    let verdict = |[left, right]: [Run; 2]| {
        judge([&[left], &[right]], &rules(&[rule("flush.dirtied.p50"), rule("flush.dirtied.p99")]))
    };
    let slower = verdict(of(60, 1_700_000));
    assert_eq!(slower.outcome, Outcome::Failed);
    assert_eq!(slower.judged[0].method, Method::Bootstrap { slice_ns: S, block: 4, rounds: 3_999 });
    assert!(slower.notes.iter().any(|note| note.contains("one run a side")), "{:?}", slower.notes);
    assert_eq!(slower, verdict(of(60, 1_700_000)), "the same runs, the same verdict");
    assert_eq!(verdict(of(60, 1_000_000)).outcome, Outcome::Passed);
    // Beyond its floor, and sure as seconds go; but two runs of the same thing differ by as much.
    let little = verdict(of(60, 1_300_000));
    assert_eq!((little.outcome, little.judged[0].p.unwrap() < 0.001), (Outcome::Passed, true));
    assert_eq!(verdict([run(1, 60, 1_700_000), run(2, 60, 700_000)]).judged[0].finding, Finding::Improvement);
    let short = verdict(of(9, 1_200_000));
    assert_eq!(short.outcome, Outcome::Inconclusive);
    assert!(short.reasons[0].text.contains("needs 15 slices of time"), "{:?}", short.reasons);
}

#[test]
fn what_has_no_noise_is_compared_as_it_is() {
    let with = |value: f64| {
        let figure = Figure { value, unit: "instructions/event".to_owned() };
        Run { name: "own".to_owned(), figures: [("cost".to_owned(), figure)].into(), ..Run::default() }
    };
    let exact = Rule { is_exact: true, relative_floor: 0.02, ..rule("figure.cost") };
    let of = |from, to| judge([&[with(from)], &[with(to)]], &rules(std::slice::from_ref(&exact)));
    let verdict = of(100.0, 103.0);
    assert_eq!((verdict.outcome, verdict.judged[0].method), (Outcome::Failed, Method::Exact));
    assert_eq!((verdict.judged[0].unit.name(), verdict.judged[0].device.as_deref()), ("instructions/event", None));
    assert_eq!(verdict.notes, Vec::<String>::new(), "one run a side is enough");
    assert_eq!(of(100.0, 101.9).outcome, Outcome::Passed);
    assert_eq!(of(100.0, 97.0).judged[0].finding, Finding::Improvement);
    // Counts of runs that all agree, too.
    let (mut before, mut after) = (side(0, 3, 1_000_000), side(10, 3, 1_000_000));
    let per_write = Rule { is_exact: true, relative_floor: 0.0, ..rule("flush.dirtied.per_write") };
    assert_eq!(judge([&before, &after], &rules(std::slice::from_ref(&per_write))).judged[0].method, Method::Exact);
    for run in &mut after {
        run.devices[0].series.get_mut("write").unwrap().slices[4].count -= 1;
    }
    let verdict = judge([&before, &after], &rules(std::slice::from_ref(&per_write)));
    assert_eq!((verdict.outcome, &verdict.judged[0].finding), (Outcome::Failed, &Finding::Regression));
    // If they do not agree, they have noise.
    before[1].devices[0].series.get_mut("write").unwrap().slices[4].count -= 50;
    let verdict = judge([&before, &after], &rules(&[per_write]));
    assert_eq!((verdict.outcome, verdict.judged[0].method), (Outcome::Inconclusive, Method::RankTest));
    assert!(verdict.notes[0].contains("is to be exact"), "{:?}", verdict.notes);
}

/// What is wrong, what is said of it, and what makes it so.
type Difference = (ReasonKind, &'static str, fn(&mut Run));

#[test]
fn sides_that_cannot_be_compared_are_not() {
    let before = side(0, 10, 1_000_000);
    let cases: [Difference; 12] = [
        (ReasonKind::Lost, "`23.dmlog` lost 7 events", |run| run.faults.lost = 7),
        (ReasonKind::Lost, "lost an unknown number", |run| run.faults.gaps_of_unknown_size = 1),
        (ReasonKind::Torn, "9 bytes of its tail", |run| run.faults.torn_tail_bytes = 9),
        (ReasonKind::Divergence, "differ 2 times", |run| run.faults.divergences = 2),
        (ReasonKind::Clock, "time goes back 1 times", |run| run.faults.times_back = 1),
        (ReasonKind::Kernel, "the kernel differs: 6.12 in `0.dmlog`, 6.13 in `23.dmlog`", |run| {
            run.capture.as_mut().unwrap().kernel_release = "6.13".to_owned();
        }),
        (ReasonKind::Machine, "2 CPUs in `0.dmlog`, , 4 CPUs in `23.dmlog`", |run| {
            run.capture.as_mut().unwrap().cpus = 4;
        }),
        (ReasonKind::Coverage, "no bios in `23.dmlog`", |run| run.capture.as_mut().unwrap().io = false),
        (ReasonKind::Coverage, "lacks hooks that `23.dmlog` has: dm_log:disk_flush", |run| {
            run.capture.as_mut().unwrap().probes = [("dm_log:disk_flush".to_owned(), "kprobe".to_owned())].into();
        }),
        (ReasonKind::LogType, "the log type of `vg/lv` differs", |run| {
            run.devices[0].log_type = Some("core".to_owned());
        }),
        (ReasonKind::RegionSize, "524288 bytes in `0.dmlog`, 65536 bytes", |run| {
            run.devices[0].region_size_bytes = vec![Some(65_536)];
        }),
        (ReasonKind::Devices, "mirror `vg/lv` is not in `23.dmlog`", |run| run.devices[0].name = "other".to_owned()),
    ];
    for (kind, told, change) in cases {
        let mut slower = side(20, 10, 2_000_000);
        change(&mut slower[3]);
        let strict = rules(&[rule("flush.dirtied.p50")]);
        let verdict = judge([&before, &slower], &strict);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{kind:?}");
        assert!(
            verdict.reasons.iter().any(|reason| reason.kind == kind && reason.text.contains(told)),
            "{told}: {:?}",
            verdict.reasons
        );
        assert!(verdict.judged.iter().all(|judged| !matches!(judged.finding, Finding::Regression)), "{kind:?}");
        let lenient = RuleSet { allow: [kind, ReasonKind::Samples].into(), ..strict };
        let verdict = judge([&before, &slower], &lenient);
        assert!(verdict.reasons.iter().all(|reason| reason.is_allowed), "{:?}", verdict.reasons);
        let expected = if kind == ReasonKind::Devices { Outcome::Passed } else { Outcome::Failed };
        assert_eq!(verdict.outcome, expected, "{kind:?}");
    }
}

#[test]
fn sides_that_were_recorded_one_after_the_other_are_told_so() {
    let at = |times: [u64; 2]| {
        let mut runs = side(0, 2, 1_000_000);
        for (run, time) in runs.iter_mut().zip(times) {
            run.capture.as_mut().unwrap().realtime_ns = time;
        }
        runs
    };
    let notes = |left, right| judge([&at(left), &at(right)], &rules(&[rule("flush.dirtied.p50")])).notes;
    assert!(notes([1, 2], [3, 4])[0].contains("before those of the other"));
    assert!(notes([3, 4], [1, 2])[0].contains("before those of the other"));
    assert_eq!(notes([1, 4], [2, 3]), Vec::<String>::new(), "A B B A");
    assert_eq!(notes([0, 0], [3, 4]), Vec::<String>::new(), "not known");
}

#[test]
fn hooks_that_are_probed_otherwise_are_named() {
    let with = |probe: &str| {
        let mut runs = side(0, 5, 1_000_000);
        let hooks = [("dm_log:disk_flush".to_owned(), probe.to_owned())];
        for run in &mut runs {
            run.capture.as_mut().unwrap().probes = hooks.clone().into();
        }
        runs
    };
    let verdict = judge([&with("fentry"), &with("kprobe")], &rules(&[rule("flush.dirtied.p50")]));
    assert_eq!(verdict.reasons[0].kind, ReasonKind::ProbeKind);
    assert!(verdict.reasons[0].text.contains("dm_log:disk_flush (fentry, kprobe)"), "{:?}", verdict.reasons);
}

#[test]
fn a_rule_is_judged_for_the_mirrors_it_names_and_wants_them_to_be_there() {
    let (before, after) = (side(0, 10, 1_000_000), side(20, 10, 1_000_000));
    let of = |device: &str, is_optional| {
        let rule = Rule { devices: vec![device.to_owned()], is_optional, ..rule("flush.dirtied.p50") };
        judge([&before, &after], &rules(&[rule]))
    };
    assert_eq!(of("/dev/mapper/vg-lv", false).judged[0].device.as_deref(), Some("vg/lv"));
    let both = [rule("flush.dirtied.p50"), rule("flush.dirtied.p50")].map(|rule| Rule { relative_floor: 0.5, ..rule });
    let named = Rule { devices: vec!["vg-lv".to_owned()], relative_floor: 0.1, ..rule("flush.dirtied.p50") };
    let twice =
        judge([&before, &after], &rules(&[named, both[0].clone(), Rule { is_optional: true, ..both[1].clone() }]));
    assert_eq!((twice.judged.len(), twice.judged[0].rule.relative_floor.to_string().as_str()), (1, "0.1"));
    assert_eq!(twice.notes, ["`flush.dirtied.p50` of `vg/lv` has two rules: the first one holds"]);
    let missing = of("vg/other", false);
    assert_eq!(missing.outcome, Outcome::Inconclusive);
    assert!(missing.reasons[0].text.contains("`flush.dirtied.p50` of `vg/other`"), "{:?}", missing.reasons);
}
