//! The program behind `cargo xtask bench gate`: deals two sides from real runs of one and the same thing, again and again, and
//! counts how often the gate, a flat threshold and benchstat's test call them different; and how often they see a slower tail
//! that was put in. Prints figures as JSON.
#![expect(clippy::print_stdout, reason = "a program for developers that talks to another program")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use dmlog_user::analysis::subject::{Subject, Subjects};
use dmlog_user::event::item::Item;
use dmlog_user::gate::calibration::redraw::sides;
use dmlog_user::gate::rules::{RuleSet, Worse, built_in};
use dmlog_user::gate::run::Run;
use dmlog_user::gate::run::summary::Summary;
use dmlog_user::gate::statistics::rank::mann_whitney;
use dmlog_user::gate::verdict::judge::judge;
use dmlog_user::gate::verdict::{Finding, Judged, Verdict};
use dmlog_user::trace::reader::TraceReader;
use serde::Serialize;

/// Measures how often a gate is wrong, and what it sees
#[derive(Debug, Parser)]
struct Cli {
    /// Traces of one and the same thing
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// How often two sides are dealt
    #[arg(long, default_value_t = 1_000)]
    comparisons: u64,
    /// Runs on each side
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// How much slower the tail of dirtied flushes gets, in percent
    #[arg(long, default_value_t = 10.0)]
    slower: f64,
}

/// From where on a tail gets slower: below the percentile that has to show it.
const TAIL: u32 = 9_500;

/// What a flat rule calls a change.
const FLAT: f64 = 0.10;

/// What benchstat calls significant, for each metric by itself.
const BENCHSTAT_ALPHA: f64 = 0.05;

/// The rule that has to see it.
const SEEN_BY: &str = "flush.dirtied.p99";

#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// How often each way of deciding found something worse in some metric, and how often in the one that was made worse.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    gate: u64,
    gate_better: u64,
    gate_inconclusive: u64,
    gate_named: u64,
    flat: u64,
    flat_named: u64,
    benchstat: u64,
    benchstat_named: u64,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let (runs, correlations): (Vec<Run>, Vec<Option<f64>>) =
        cli.traces.iter().map(|path| run(path)).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    if runs.len() < 2 * cli.runs {
        bail!("{} runs a side need {} traces; there are {}", cli.runs, 2 * cli.runs, runs.len());
    }
    let rules = built_in::rules();
    let mut figures = about(&runs, &correlations);
    for (runs_a_side, what) in [(cli.runs, format!("{} runs a side", cli.runs)), (1, "one run a side".to_owned())] {
        let deal = |slower| dealt(&runs, &rules, &cli, runs_a_side, slower);
        let (same, slower) = (deal(0.0), deal(cli.slower / 100.0));
        let mut tell = |name: String, count: u64| {
            let value = count as f64 * 100.0 / cli.comparisons as f64;
            figures.push(Figure { name: format!("{what}: {name}"), value, unit: "%" });
        };
        tell("false alarms, all rules together".to_owned(), same.gate);
        tell("flat 10 % rule: false alarms".to_owned(), same.flat);
        tell("benchstat, 0.05 for each metric: false alarms".to_owned(), same.benchstat);
        tell("false improvements, all rules together".to_owned(), same.gate_better);
        tell("inconclusive".to_owned(), same.gate_inconclusive);
        let put_in = format!("p99 of dirtied flushes +{} %", cli.slower);
        tell(format!("power, {put_in}, that metric named"), slower.gate_named);
        tell(format!("flat 10 % rule: power, {put_in}, that metric named"), slower.flat_named);
        tell(format!("benchstat: power, {put_in}, that metric named"), slower.benchstat_named);
    }
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// A run, and how alike a dirtied flush and the next one are.
fn run(path: &Path) -> Result<(Run, Option<f64>)> {
    let file = File::open(path).with_context(|| format!("`{}`", path.display()))?;
    let mut reader = TraceReader::new(file)?;
    let mut summary = Summary::new(&path.display().to_string(), reader.facts());
    let (mut subjects, mut flushes) = (Subjects::default(), Vec::new());
    let mut see = |item: Item| {
        summary.see(&item);
        subjects.see(&item, |seen| {
            if seen.subject == Subject::DirtiedFlush {
                flushes.extend(seen.duration_ns.map(|ns| ns as f64));
            }
        });
    };
    while reader.next_batch_with(&mut see)?.is_some() {}
    Ok((summary.finish(0), autocorrelation(&flushes)))
}

/// Deals on all processors; each comparison has a seed of its own, so that their number changes nothing.
fn dealt(runs: &[Run], rules: &RuleSet, cli: &Cli, runs_a_side: usize, slower: f64) -> Counts {
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let work = |worker: usize| {
        let mut counts = Counts::default();
        for number in (0..cli.comparisons).skip(worker).step_by(workers) {
            let mut random = fastrand::Rng::with_seed(number);
            let [left, mut right] = sides(runs, runs_a_side, &mut random);
            if slower > 0.0 {
                for run in &mut right {
                    slow_down(run, 1.0 + slower);
                }
            }
            counts.count(&judge([&left, &right], rules));
        }
        counts
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).fold(Counts::default(), Counts::add)
    })
}

impl Counts {
    fn add(self, other: Self) -> Self {
        Self {
            gate: self.gate + other.gate,
            gate_better: self.gate_better + other.gate_better,
            gate_inconclusive: self.gate_inconclusive + other.gate_inconclusive,
            gate_named: self.gate_named + other.gate_named,
            flat: self.flat + other.flat,
            flat_named: self.flat_named + other.flat_named,
            benchstat: self.benchstat + other.benchstat,
            benchstat_named: self.benchstat_named + other.benchstat_named,
        }
    }

    fn count(&mut self, verdict: &Verdict) {
        let any = |is: &dyn Fn(&Judged) -> bool| u64::from(verdict.judged.iter().any(is));
        let named = |judged: &Judged| judged.rule.metric.to_string() == SEEN_BY;
        let is = |finding: Finding| move |judged: &Judged| judged.finding == finding;
        self.gate += any(&is(Finding::Regression));
        self.gate_better += any(&is(Finding::Improvement));
        self.gate_inconclusive +=
            any(&|judged| matches!(judged.finding, Finding::TooFew { .. } | Finding::NotCompared));
        self.gate_named += any(&|judged| named(judged) && judged.finding == Finding::Regression);
        self.flat += any(&flat);
        self.flat_named += any(&|judged| named(judged) && flat(judged));
        self.benchstat += any(&benchstat);
        self.benchstat_named += any(&|judged| named(judged) && benchstat(judged));
    }
}

fn is_worse(judged: &Judged, difference: f64) -> bool {
    if judged.rule.worse == Worse::Higher { difference > 0.0 } else { difference < 0.0 }
}

/// Medians that differ by more than a tenth.
fn flat(judged: &Judged) -> bool {
    let [Some(from), Some(to)] = judged.values.each_ref().map(|side| side.value) else { return false };
    is_worse(judged, to - from) && (to - from).abs() > FLAT * from.abs()
}

/// Its rank test over the runs, with no correction and no floor.
fn benchstat(judged: &Judged) -> bool {
    let [left, right] = &judged.values;
    let (Some(from), Some(to)) = (left.value, right.value) else { return false };
    let test = mann_whitney(&left.runs, &right.runs);
    is_worse(judged, to - from) && test.is_some_and(|test| test.p < BENCHSTAT_ALPHA)
}

/// Makes the longest of a run's dirtied flushes longer.
fn slow_down(run: &mut Run, factor: f64) {
    for device in &mut run.devices {
        let Some(series) = device.series.get_mut(Subject::DirtiedFlush.name()) else { continue };
        let all = dmlog_user::gate::durations::Durations::merged(series.slices.iter().map(|slice| &slice.durations));
        let Some(from_ns) = all.quantile_ns(TAIL) else { continue };
        for slice in &mut series.slices {
            slice.durations = slice.durations.with_tail(from_ns, factor);
        }
    }
}

/// What the runs are like: how many, how alike neighbouring seconds are, and how much runs differ.
fn about(runs: &[Run], flushes: &[Option<f64>]) -> Vec<Figure> {
    let series =
        |run: &Run| run.devices.first().and_then(|device| device.series.get(Subject::DirtiedFlush.name()).cloned());
    let mut correlations = Vec::new();
    let (mut tails, mut seconds) = (Vec::new(), 0);
    for series in runs.iter().filter_map(series) {
        let means: Vec<f64> = series.slices.iter().filter_map(|slice| slice.durations.mean_ns()).collect();
        seconds += means.len();
        correlations.extend(autocorrelation(&means));
        let all = dmlog_user::gate::durations::Durations::merged(series.slices.iter().map(|slice| &slice.durations));
        tails.extend(all.quantile_ns(9_900).map(|ns| ns as f64));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let level = mean(&tails);
    let spread = mean(&tails.iter().map(|tail| (tail - level).powi(2)).collect::<Vec<_>>()).sqrt();
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit };
    vec![
        figure("traces dealt from", runs.len() as f64, "traces"),
        figure("their seconds", seconds as f64, "s"),
        figure("p99 of dirtied flushes, mean of the traces", level / 1e6, "ms"),
        figure("p99 of dirtied flushes, standard deviation between traces", 100.0 * spread / level, "%"),
        figure(
            "a dirtied flush with the next, correlation",
            mean(&flushes.iter().flatten().copied().collect::<Vec<_>>()),
            "x",
        ),
        figure("mean dirtied flush of a second with that of the next, correlation", mean(&correlations), "x"),
    ]
}

/// Of values with their neighbours, mean taken off.
fn autocorrelation(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let all: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let pairs = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
    (values.len() > 3 && all > 0.0).then(|| pairs.sum::<f64>() / all)
}
