//! No node of a cluster log ever says of a region that it is clean or in sync if any node may have half-written it:
//! over thousands of histories of writes, recoveries, crashes, partitions and rejoins. And when all is quiet, every
//! region ends in sync and clean.

mod choice;
mod kernel;
mod ring;
mod world;

use dmlog_user::log::cluster::protocol::Storage;
use dmlog_user::log::cluster::rules::{Rule, Rules};

use self::world::{Counts, Plan, World};

/// Histories with all rules in force.
const HISTORIES: u64 = 10_000;

fn plan(seed: u64, rules: Rules) -> Plan {
    let storage = if seed.is_multiple_of(2) { Storage::Memory } else { Storage::LogDevice("253:3".to_owned()) };
    let nodes = if seed % 8 < 6 { 3 } else { 4 };
    let regions = if seed % 16 < 8 { 2 } else { 3 };
    Plan { seed, nodes, regions, steps: 300, storage, rules, is_failing: seed % 4 < 2 }
}

/// Worlds in which all nodes are there and everything is in sync; most histories begin in one.
#[derive(Default)]
struct Beginnings(Vec<(Plan, World)>);

impl Beginnings {
    fn begin(&mut self, plan: &Plan, is_logging: bool) -> World {
        if plan.seed.is_multiple_of(5) {
            return World::new(plan, is_logging);
        }
        let is_alike = |other: &Plan| {
            (other.nodes, other.regions, &other.storage, other.rules)
                == (plan.nodes, plan.regions, &plan.storage, plan.rules)
        };
        let place = self.0.iter().position(|(other, _)| is_alike(other)).unwrap_or_else(|| {
            let mut world = World::new(plan, false);
            world.settle().unwrap();
            self.0.push((plan.clone(), world));
            self.0.len() - 1
        });
        self.0[place].1.branch(plan, is_logging)
    }

    /// Runs a history; the violation, if there is one.
    fn run(&mut self, plan: &Plan, is_logging: bool, is_settling: bool) -> (World, Result<(), String>) {
        let mut world = self.begin(plan, is_logging);
        for _ in 0..plan.steps {
            if let Err(violation) = world.step() {
                return (world, Err(violation));
            }
        }
        let result = if is_settling { world.settle() } else { Ok(()) };
        (world, result)
    }
}

fn check_histories(seeds: impl Iterator<Item = u64>, is_settling: bool) -> Counts {
    let mut total = Counts::default();
    let mut beginnings = Beginnings::default();
    for seed in seeds {
        let plan = plan(seed, Rules::SAFE);
        let (world, result) = beginnings.run(&plan, false, is_settling);
        if let Err(violation) = result {
            let (world, _) = beginnings.run(&plan, true, is_settling);
            panic!("seed {seed}: {violation}\n{}", world.log());
        }
        let Counts { writes, recovered, torn, isolated, claims } = world.counts;
        total.writes += writes;
        total.recovered += recovered;
        total.torn += torn;
        total.isolated += isolated;
        total.claims += claims;
    }
    total
}

/// The first history in which a broken rule shows.
fn first_violation(rule: Rule) -> Option<(u64, String)> {
    let mut beginnings = Beginnings::default();
    (0..HISTORIES).find_map(|seed| {
        let (_, result) = beginnings.run(&plan(seed, Rules::without(rule)), false, false);
        result.err().map(|violation| (seed, violation))
    })
}

/// Half of the histories: seeds that are even, or odd.
fn check_half(first: u64) {
    let counts = check_histories((first..HISTORIES).step_by(2), false);
    // The histories must be about something.
    let Counts { writes, recovered, torn, isolated, claims } = counts;
    let half = HISTORIES / 2;
    assert!(writes > half && torn > half && claims > half, "{counts:?}");
    assert!(recovered > half / 5 && isolated > half / 5, "{counts:?}");
}

#[test]
fn no_node_claims_what_may_be_half_written_with_the_log_in_memory() {
    check_half(0);
}

#[test]
fn no_node_claims_what_may_be_half_written_with_the_log_on_a_device() {
    check_half(1);
}

#[test]
fn everything_ends_in_sync_and_clean() {
    check_histories(0..1000, true);
}

#[test]
fn broken_rules_are_seen() {
    for rule in [
        Rule::MarksOfTheDeadStay,
        Rule::ClearNeedsNoOtherMark,
        Rule::FlushWaitsForEverybody,
        Rule::RecoveryWaitsForWriters,
        Rule::NoClaimWithoutQuorum,
        Rule::JoinersCatchUp,
    ] {
        let Some((seed, violation)) = first_violation(rule) else { panic!("{rule:?} broken, and nothing happens") };
        println!("{rule:?}: seed {seed}: {violation}");
    }
}
