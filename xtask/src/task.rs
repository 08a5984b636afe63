//! The command line: one variant for each task.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::bench::{self, BenchArgs};
use crate::costs::{self, CostsArgs};
use crate::dist::{self, DistArgs};
use crate::fuzz::{self, FuzzArgs};
use crate::gate_run::{self, GateRunArgs};
use crate::guest::command::GuestArgs;
use crate::setup::{self, Scope, SetupArgs};
use crate::synth::SynthArgs;
use crate::test::{self, TestArgs};
use crate::{bless, demo, guest, synth, tidy};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Developer tasks of dmlog-top")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Setup(SetupArgs),
    /// Records a real mirror in a guest kernel and shows the report
    Demo,
    Test(TestArgs),
    /// What a build machine runs: setup, then every test
    Ci,
    Guest(GuestArgs),
    Bench(BenchArgs),
    Costs(CostsArgs),
    GateRun(GateRunArgs),
    Dist(DistArgs),
    Fuzz(FuzzArgs),
    Synth(SynthArgs),
    /// Prints what breaks the rules of the repository
    Tidy,
    /// Accepts a change of the trace schema after its description was updated
    Bless,
}

/// Runs the task that the command line names.
pub(crate) fn run() -> Result<ExitCode> {
    match Cli::parse().task {
        Task::Setup(args) => setup::run_command(&args),
        Task::Demo => demo::run_command(),
        Task::Test(args) => test::run_command(&args),
        Task::Ci => {
            setup::ensure(&Scope::all())?;
            test::run_command(&TestArgs::default())
        }
        Task::Guest(args) => guest::command::run_command(&args),
        Task::Bench(args) => bench::run_command(&args),
        Task::Costs(args) => costs::run_command(&args),
        Task::GateRun(args) => gate_run::run_command(&args),
        Task::Dist(args) => dist::run_command(&args),
        Task::Fuzz(args) => fuzz::run_command(&args),
        Task::Synth(args) => synth::run_command(&args),
        Task::Tidy => tidy::run_command(),
        Task::Bless => bless::run_command(),
    }
}
