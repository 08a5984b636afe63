//! The program behind `cargo xtask synth`: a trace of a mirror under load that never existed.
#![expect(clippy::print_stdout, reason = "a program for developers that talks to its terminal")]

#[path = "../support/synth/mod.rs"]
mod synth;

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use dmlog_user::trace::writer::TraceWriter;

/// Makes a trace of a mirror under load, without a kernel
#[derive(Debug, Parser)]
#[command(name = "cargo xtask synth", bin_name = "cargo xtask synth")]
struct Cli {
    /// Where the trace goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Events, exactly
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// Regions of each mirror, 512 KiB each
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = clap::value_parser!(u64).range(64..=1 << 31))]
    regions: u64,
    /// Mirrors, each with a log of its own; every second one is a core log
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    mirrors: u32,
    /// The table says `nosync`: everything is in sync from the start
    #[arg(long)]
    nosync: bool,
    /// Another seed, another trace
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let Cli { output, events, regions, mirrors, nosync, seed } = Cli::parse();
    let file = File::create(&output).with_context(|| format!("`{}` cannot be created", output.display()))?;
    let mut writer = TraceWriter::new(BufWriter::new(file), &synth::facts::facts())?;
    synth::machine::run(&synth::Settings { events, regions, mirrors, nosync, seed }, |item| writer.push(item))?;
    let totals = writer.finish().with_context(|| format!("`{}` cannot be written", output.display()))?;
    let bytes_per_event = totals.bytes as f64 / totals.events.max(1) as f64;
    println!("{}: {} events, {bytes_per_event:.2} B/event", output.display(), totals.events);
    Ok(())
}
