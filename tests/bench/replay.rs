//! The program behind `cargo xtask bench replay`: reads a trace from memory, or reads and folds it, so many times on one
//! thread, and prints what each time took as JSON.
#![expect(clippy::print_stdout, reason = "a program for developers that talks to another program")]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use dmlog_user::event::call::Row;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use serde::Serialize;

/// Measures the replay of a trace, without start of a process and without output
#[derive(Debug, Parser)]
struct Cli {
    /// The trace
    file: PathBuf,
    /// What to do with it
    #[arg(long, value_enum)]
    work: Work,
    /// How often
    #[arg(long, default_value_t = 5)]
    runs: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Work {
    /// Inflate and compare seals
    Seals,
    /// The same, and look at the numbers of each row
    Read,
    /// The same, and fold
    Fold,
    /// The same, with a second thread that reads ahead; `cpu_ns` is that of the thread that works longer
    Ahead,
}

/// One run.
#[derive(Debug, Serialize)]
struct Run {
    events: u64,
    /// Time on the clock.
    wall_ns: u64,
    /// Time on a CPU: less than the other where somebody else wanted it.
    cpu_ns: u64,
}

fn main() -> Result<()> {
    let Cli { file, work, runs } = Cli::parse();
    let trace = fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let mut measured = Vec::new();
    for _ in 0..runs {
        let (wall, cpu_ns, all_ns) = (Instant::now(), on_cpu_ns()?, all_on_cpu_ns()?);
        let events = match work {
            Work::Seals => seals(&trace)?,
            Work::Read => read(&trace)?,
            Work::Fold => fold(&trace, false)?,
            Work::Ahead => fold(&trace, true)?,
        };
        let wall_ns = u64::try_from(wall.elapsed().as_nanos()).context("that took centuries")?;
        let (own_ns, all_ns) = (on_cpu_ns()? - cpu_ns, all_on_cpu_ns()? - all_ns);
        let cpu_ns = match work {
            Work::Ahead => own_ns.max(all_ns.saturating_sub(own_ns)),
            Work::Seals | Work::Read | Work::Fold => own_ns,
        };
        measured.push(Run { events, wall_ns, cpu_ns });
    }
    println!("{}", serde_json::to_string(&measured).context("numbers have a JSON form")?);
    Ok(())
}

fn seals(trace: &[u8]) -> Result<u64> {
    let mut reader = TraceReader::new(trace)?;
    let mut events = 0;
    while let Some(batch) = reader.check_batch()? {
        events += batch.rows;
    }
    Ok(events)
}

fn read(trace: &[u8]) -> Result<u64> {
    let mut reader = TraceReader::new(trace)?;
    let (mut events, mut sum) = (0, 0_u64);
    while let Some(batch) = reader.next_batch_rows(|row| match row {
        Row::Call(call) | Row::Map(call, _) => sum = sum.wrapping_add(call.region ^ call.duration_ns ^ call.io),
        Row::Item(item) => sum = sum.wrapping_add(item.time().0),
    })? {
        events += batch.rows;
    }
    black_box(sum);
    Ok(events)
}

fn fold(trace: &[u8], ahead: bool) -> Result<u64> {
    let mut reader = TraceReader::new(trace)?;
    let mut session = Session::new(Some(reader.facts()), Settings::default());
    if ahead {
        reader.rows_ahead(|row| session.apply_row(row))?;
    } else {
        while reader.next_batch_rows(|row| session.apply_row(row))?.is_some() {}
    }
    let snapshot = black_box(session.snapshot(10));
    if !snapshot.losses.is_empty() {
        bail!("something is missing in this trace, so that it is no measure");
    }
    Ok(snapshot.window.events)
}

/// What this thread has used of CPUs, as the scheduler counts it.
fn on_cpu_ns() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the kernel keeps no scheduler statistics")?;
    let first = text.split_ascii_whitespace().next().context("the kernel's scheduler statistics are empty")?;
    first.parse().context("the kernel's scheduler statistics are no number")
}

/// What all threads of this process have used of CPUs, those that are gone too, to a hundredth of a second.
fn all_on_cpu_ns() -> Result<u64> {
    const TICK_NS: u64 = 10_000_000;
    let text = fs::read_to_string("/proc/self/stat").context("the kernel does not tell what a process used")?;
    // Behind the name, which may be anything in parentheses: user and system time are the 12th and 13th.
    let (_, numbers) = text.rsplit_once(')').context("the kernel names no program")?;
    let ticks = numbers.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: Vec<u64> = ticks.collect::<Result<_, _>>().context("times are no numbers")?;
    Ok(ticks.iter().sum::<u64>() * TICK_NS)
}
