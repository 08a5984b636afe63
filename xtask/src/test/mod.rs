//! `cargo xtask test`: every tier in order, from the cheapest to guests, and one line of counts at the end.
//!
//! A tier that does not build has failed. Nothing is retried. What is skipped is listed with its reason, so that a
//! count of zero failures cannot hide that nothing ran.

pub(crate) mod cargo_tests;
mod checks;
mod costs;
mod gate;
mod guests;
mod libtest;
pub(crate) mod tally;
mod vm;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::dist;
use crate::setup::{self, Scope, kernels};
use crate::test::tally::Tally;

/// Runs the tests, guests included; the last line is `N passed, N failed, N skipped`
#[derive(Debug, Args, Default)]
pub(crate) struct TestArgs {
    /// Kernels for the tier vm [default: 5.10, 6.1, 6.12 and newest]
    #[arg(long)]
    kernel: Vec<String>,
    /// Tiers to run [default: all]
    #[arg(long)]
    tier: Vec<Tier>,
    /// Only tests whose name contains this
    #[arg(long)]
    name: Option<String>,
}

/// A group of tests with the same needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tier {
    /// Rules of the repository, formatting, lints
    Lint,
    /// Tests beside the code, and examples in the documentation
    Unit,
    /// Text events in, expected state out
    Scenarios,
    /// The log implementation against a slow one
    Properties,
    /// Trace files: every format, torn, damaged
    Traces,
    /// Arguments, output, exit codes
    Cli,
    /// Snapshots of every screen
    Screens,
    /// The screen of a trace in a terminal of its own
    Terminal,
    /// The build without a BPF toolchain
    Offline,
    /// The archive and the package, installed in a clean root
    Dist,
    /// Instructions and bytes that probes, replay and traces cost, against the committed baseline
    Costs,
    /// Real kernels in guests
    Vm,
    /// Real slow-downs in a guest, and what the gate says of them
    Gate,
}

impl Tier {
    /// The word used on the command line and before each name.
    fn word(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Scenarios => "scenarios",
            Self::Properties => "properties",
            Self::Traces => "traces",
            Self::Cli => "cli",
            Self::Screens => "screens",
            Self::Terminal => "terminal",
            Self::Offline => "offline",
            Self::Dist => "dist",
            Self::Costs => "costs",
            Self::Vm => "vm",
            Self::Gate => "gate",
        }
    }

    /// One that boots guests: those are run together.
    fn is_of_guests(self) -> bool {
        matches!(self, Self::Vm | Self::Gate)
    }
}

/// Runs the command.
pub(crate) fn run_command(args: &TestArgs) -> Result<ExitCode> {
    let tiers: Vec<Tier> = if args.tier.is_empty() { Tier::value_variants().to_vec() } else { args.tier.clone() };
    let mut kernels: Vec<String> = args.kernel.clone();
    if kernels.is_empty() {
        kernels = kernels::TESTED.map(str::to_owned).to_vec();
    }
    setup::ensure(&scope(&tiers, &kernels))?;
    let mut total = Tally::default();
    let name = args.name.as_deref();
    let (guests, others): (Vec<Tier>, Vec<Tier>) = tiers.into_iter().partition(|tier| tier.is_of_guests());
    for tier in others {
        let tally = timed(tier.word(), || run_tier(tier, &kernels, name));
        total.add(&format!("{} ", tier.word()), tally);
    }
    if !guests.is_empty() {
        total.add("", timed("guests", || run_guests(&guests, &kernels, name)));
    }
    print!("{}", total.details());
    println!("{total}");
    Ok(if total.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows what begins, and how it ended. What cannot be run at all has failed.
fn timed(word: &str, run: impl FnOnce() -> Result<Tally>) -> Tally {
    let started = Instant::now();
    eprintln!("=== {word}");
    let tally = run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        let mut tally = Tally::default();
        tally.fail("the tier itself (see the error above)".to_owned());
        tally
    });
    eprintln!("=== {word}: {tally} ({:.0} s)", started.elapsed().as_secs_f64());
    tally
}

/// Only what the chosen tiers use, so that a unit test run on a laptop does not download kernels.
fn scope(tiers: &[Tier], kernels: &[String]) -> Scope {
    let (vm, costs) = (tiers.contains(&Tier::Vm), tiers.contains(&Tier::Costs));
    let mut booted = if vm { kernels.to_vec() } else { Vec::new() };
    if costs {
        booted.extend(Scope::costs().kernels);
    }
    if tiers.contains(&Tier::Gate) {
        booted.push(gate::KERNEL.to_owned());
    }
    booted.sort();
    booted.dedup();
    Scope {
        bpf: tiers.iter().any(|tier| *tier != Tier::Offline),
        kernels: booted,
        readers: vm || tiers.contains(&Tier::Traces),
        peers: false,
        costs,
        packager: tiers.contains(&Tier::Dist) && dist::check::obstacle().is_none(),
    }
}

fn run_tier(tier: Tier, kernels: &[String], name: Option<&str>) -> Result<Tally> {
    match tier {
        Tier::Lint => checks::lint(),
        Tier::Unit => cargo_tests::unit(name),
        Tier::Scenarios | Tier::Properties | Tier::Traces | Tier::Cli | Tier::Screens | Tier::Terminal => {
            cargo_tests::target(tier.word(), name)
        }
        Tier::Offline => checks::offline(),
        Tier::Dist => dist::check::tier(),
        Tier::Costs => costs::tier(),
        Tier::Vm | Tier::Gate => run_guests(&[tier], kernels, name),
    }
}

/// The guests of all tiers that have some, in one queue.
fn run_guests(tiers: &[Tier], kernels: &[String], name: Option<&str>) -> Result<Tally> {
    let files = vm::build()?;
    let mut jobs = Vec::new();
    if tiers.contains(&Tier::Vm) {
        jobs.extend(vm::jobs(kernels, &files, name));
    }
    if tiers.contains(&Tier::Gate) {
        // Neither the longest, which goes first, nor what is waited for at the end.
        jobs.insert(jobs.len().min(1), gate::job(&files, name));
    }
    Ok(guests::run(jobs))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::Tier;
    use super::cargo_tests::targets;

    /// One that is in no tier would never be run by `cargo xtask test`, and nobody would notice.
    #[test]
    fn every_test_target_is_a_tier() {
        let targets = targets().unwrap();
        assert!(targets.len() > 3, "{targets:?}");
        for target in targets {
            assert!(Tier::value_variants().iter().any(|tier| tier.word() == target), "`{target}` is in no tier");
        }
    }
}
