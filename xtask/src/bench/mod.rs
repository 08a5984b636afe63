//! `cargo xtask bench NAME`: measures, reports, and never fails because a goal is missed.
//!
//! A bench is a function that returns a [`Report`]; it is registered by an entry in [`Bench`] and in `measure`.

mod blktrace;
mod export;
mod gate;
mod peers;
mod probes;
mod regions;
mod replay;
pub(crate) mod report;
mod timed;
mod tui;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::bench::report::Report;
use crate::paths::repo_root;

/// Measures one row or more of what the program must reach
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    name: Bench,
    /// How to print it; the text form also goes, dated, into tests/bench/RESULTS.md
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Kernel of the guest, for benches that need one
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Events of the trace, for benches that read one
    #[arg(long, default_value_t = replay::EVENTS)]
    events: u64,
    /// Memory of one large replay and jumps within it, instead of speed
    #[arg(long)]
    memory: bool,
}

/// The benches there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Guest instructions of each probe, beside funclatency in the same boot
    Probes,
    /// Region sets of the log, beside a plain memory read
    Regions,
    /// Speed and memory of reading and folding a trace, beside blkparse, btt and perf script
    Replay,
    /// Speed, size and memory of each format of `export`, beside blkparse, perf script and perf data convert
    Export,
    /// False alarms and power of the gate, beside a flat threshold and benchstat's test
    Gate,
    /// CPU and frames of the screen while a trace plays, and its first frame
    Tui,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// One JSON object
    Json,
}

/// Runs the command.
pub(crate) fn run_command(args: &BenchArgs) -> Result<ExitCode> {
    let report = measure(args)?;
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&report).context("the report is not JSON")?),
        Format::Text => {
            print!("{}", report.table());
            report.append_to(&repo_root().join(report::RESULTS))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &BenchArgs) -> Result<Report> {
    match args.name {
        Bench::Probes => probes::measure(&args.kernel),
        Bench::Regions => regions::measure(),
        Bench::Replay => replay::measure(args.events, args.memory),
        Bench::Export => export::measure(args.events),
        Bench::Gate => gate::measure(&args.kernel),
        Bench::Tui => tui::measure(),
    }
}
