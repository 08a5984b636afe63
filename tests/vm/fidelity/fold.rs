//! A trace through the models.

use std::collections::BTreeMap;

use dmlog_user::event::call::Call;
use dmlog_user::event::ids::{LogId, Region};
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{LogOp, Op};
use dmlog_user::log::region_set::RegionSet;
use dmlog_user::session::model::Models;
use dmlog_user::session::model::finding::Divergence;
use dmlog_user::session::model::rules::Rules;
use dmlog_user::session::model::tally::Tally;

use crate::fidelity::stage::{AtRest, Recording, Scenario};
use crate::support::kernel;
use crate::support::recorder::dmlog_top;

/// What came of the comparisons of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    compared: u64,
    unknown: u64,
    concurrent: u64,
}

/// By the name of the comparison.
type Rows = BTreeMap<&'static str, Counts>;

/// A trace on its way through the models.
#[derive(Debug)]
struct Fold {
    models: Models,
    tally: Tally,
    /// Names of the mirrors, by their logs.
    names: BTreeMap<LogId, String>,
    /// What the log device of a mirror holds after its last log ended, as far as the model knows.
    left: BTreeMap<String, Option<(RegionSet, RegionSet)>>,
}

impl Fold {
    fn new(recording: &Recording, rules: Rules) -> Self {
        Self {
            models: Models::new(Some(&recording.trace.facts), rules),
            tally: Tally::default(),
            names: BTreeMap::new(),
            left: BTreeMap::new(),
        }
    }

    fn apply(&mut self, item: &Item) {
        self.models.apply_loss(item);
        let Item::Event(event) = item else { return };
        let call = Call::of(event);
        match &event.op {
            Op::Identity(identity) => {
                // A device that is gone by the time it is looked up has no name.
                if !identity.name.is_empty() {
                    self.names.insert(event.log, identity.name.clone());
                }
                self.models.identify(&call, identity, &mut self.tally, true);
            }
            Op::Bits(bits) => self.models.snapshot_bits(&call, bits, &mut self.tally, true),
            Op::Log(_, LogOp::Dtr) => {
                let name = self.names.get(&event.log).cloned().unwrap_or_default();
                self.left.insert(name, self.models.on_device(event.log));
                self.models.apply(&call, &mut self.tally, true);
            }
            Op::Log(..) | Op::RegionHash(_) | Op::Mirror(_) | Op::Consult { .. } => {
                self.models.apply(&call, &mut self.tally, true);
            }
        }
    }

    fn rows(&self) -> Rows {
        let rows = self.tally.rows(|_| (0, 0)).into_iter();
        rows.map(|row| (row.name, Counts { compared: row.compared, unknown: row.unknown, concurrent: row.concurrent }))
            .collect()
    }
}

/// Folds a recording with the kernel's rules: no difference, and all comparisons that its scenarios must make.
pub(super) fn check(recording: &Recording) {
    let mut fold = Fold::new(recording, Rules::Kernel);
    let mut items = recording.trace.items.iter().peekable();
    let mut before = Rows::new();
    let (mut missing, mut bits) = (Vec::new(), 0);
    for scenario in &recording.scenarios {
        while let Some(item) = items.next_if(|item| item.time() <= scenario.end) {
            fold.apply(item);
        }
        let after = fold.rows();
        missing.extend(report(scenario, &before, &after));
        bits += scenario.at_rest.iter().map(|rest| check_rest(rest, &fold)).sum::<u64>();
        before = after;
    }
    items.for_each(|item| fold.apply(item));
    show_total(recording, &fold.rows());
    println!("fidelity: {bits} bits compared on log devices at rest");
    let differences = fold.models.findings().kept();
    differences.iter().for_each(show);
    assert!(differences.is_empty(), "{} differences between kernel and model", differences.len());
    let has_rest = recording.scenarios.iter().any(|scenario| !scenario.at_rest.is_empty());
    assert!(bits > 0 || !has_rest, "no log at rest was compared");
    assert!(missing.is_empty(), "comparisons that were not made: {missing:?}");
    let (code, out, err) = dmlog_top(&["verify", &recording.path.display().to_string()]);
    assert_eq!(code, Some(0), "verify: {out}{err}");
}

/// Prints what a scenario compared, and returns what it should have compared and did not.
fn report(scenario: &Scenario, before: &Rows, after: &Rows) -> Vec<String> {
    let mut told = Vec::new();
    let (mut compared, mut unknown, mut concurrent) = (0, 0, 0);
    for (name, counts) in after {
        let earlier = before.get(name).copied().unwrap_or_default();
        let here = counts.compared - earlier.compared;
        compared += here;
        unknown += counts.unknown - earlier.unknown;
        concurrent += counts.concurrent - earlier.concurrent;
        if here > 0 {
            told.push(format!("{name} {here}"));
        }
    }
    let Scenario { name, expected, .. } = scenario;
    println!(
        "fidelity: {name}: {compared} comparisons ({}); left out: {unknown} unknown, {concurrent} concurrent",
        told.join(", ")
    );
    let was_made = |wanted: &str| told.iter().any(|told| told.split(' ').next() == Some(wanted));
    expected.iter().filter(|wanted| !was_made(wanted)).map(|wanted| format!("{name}: {wanted}")).collect()
}

fn show_total(recording: &Recording, rows: &Rows) {
    let sum = |of: fn(&Counts) -> u64| rows.values().map(of).sum::<u64>();
    let (compared, unknown) = (sum(|counts| counts.compared), sum(|counts| counts.unknown));
    let concurrent = sum(|counts| counts.concurrent);
    println!(
        "fidelity: total of {} on {}: {compared} comparisons in {} events; left out: {unknown} unknown, {concurrent} concurrent",
        recording.name,
        kernel(),
        recording.trace.events().count()
    );
    for (name, Counts { compared, unknown, concurrent }) in rows {
        println!("    {name:<16} {compared:>8} compared {unknown:>6} unknown {concurrent:>6} concurrent");
    }
}

/// Every bit on a log device without a mirror is as the model says, if it knows. Returns the number of bits compared: none where
/// the last flush may have met another call, so that what it wrote is not certain.
fn check_rest(rest: &AtRest, fold: &Fold) -> u64 {
    let AtRest { mirror, clean } = rest;
    let Some((model, known)) = fold.left.get(mirror).and_then(Option::as_ref) else {
        println!("fidelity: log of {mirror} at rest: not compared, the model is not certain");
        return 0;
    };
    let regions = (0..clean.len()).map(Region).filter(|region| known.get(*region));
    let wrong: Vec<_> = regions.filter(|region| model.get(*region) != clean.get(*region)).collect();
    assert!(wrong.is_empty(), "clean bits of the log of `{mirror}` that are not as the model says: {wrong:?}");
    println!(
        "fidelity: log of {mirror} at rest: {} of {} bits compared, {} clean",
        known.count(),
        clean.len(),
        clean.count()
    );
    known.count()
}

fn show(difference: &Divergence) {
    let Divergence { time, log, comparison, region, kernel, model, standing, context, .. } = difference;
    let name = comparison.name();
    println!(
        "DIFFERENCE {name} of {log:?} region {region:?} at {time:?}: kernel {kernel}, model {model} ({standing:?})"
    );
    for line in context {
        println!("    {line}");
    }
}

/// A model with a wrong rule must be found out by the same trace; a comparison that never fails proves nothing.
pub(super) fn check_wrong_rules(recording: &Recording, must_be_caught: &[Rules]) {
    let mut missed = Vec::new();
    for rules in Rules::WRONG {
        let mut fold = Fold::new(recording, rules);
        recording.trace.items.iter().for_each(|item| fold.apply(item));
        let (divergences, unsettled) = fold.models.findings().count(|_| true);
        let beyond = fold.models.findings().beyond_limit();
        println!(
            "fidelity: {rules:?} on {}: {divergences} divergences, {unsettled} unsettled, {beyond:?} more",
            recording.name
        );
        if divergences == 0 && must_be_caught.contains(&rules) {
            missed.push(rules);
        }
    }
    assert!(missed.is_empty(), "wrong rules that no comparison found: {missed:?}");
}
