//! The program behind `cargo xtask bench replay` and `cargo xtask costs`: reads a trace from memory, or reads and folds it, so
//! many times on one thread, and prints what each time took as JSON, or nothing but how many events there were.
#![expect(clippy::print_stdout, reason = "a program for developers that talks to another program")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use dmlog_user::event::call::Row;
use dmlog_user::event::ids::MonoNs;
use dmlog_user::event::item::Item;
use dmlog_user::export::csv::Csv;
use dmlog_user::export::sink::ItemSink as _;
use dmlog_user::session::cursor::Cursor;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;
use serde::Serialize;

/// Measures the replay of a trace, without start of a process and without output
#[derive(Debug, Parser)]
struct Cli {
    /// The trace
    file: PathBuf,
    /// What to do with it
    #[arg(long, value_enum)]
    work: Work,
    /// How often; with 0 the file is still brought into memory
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Looks at no clock and prints the events of all runs: the same instructions each time, for whoever counts them
    #[arg(long)]
    untimed: bool,
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
    /// Inflate, compare seals, and write it anew, as a recorder does
    Write,
    /// The same as comma-separated values
    Csv,
    /// To the end once, which leaves keyframes behind, and then to random times: the first run is the way to the end, each
    /// further one is a jump
    Jump,
}

/// Jumps that are timed.
const JUMPS: usize = 100;

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
    let Cli { file, work, runs, untimed } = Cli::parse();
    let work: fn(&[u8]) -> Result<u64> = match work {
        Work::Seals => seals,
        Work::Read => read,
        Work::Fold => |trace| fold(trace, false),
        Work::Ahead => |trace| fold(trace, true),
        Work::Write => write,
        Work::Csv => csv,
        Work::Jump => return print(&jumps(&file)?),
    };
    let trace = fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    if untimed {
        let events = (0..runs).try_fold(0, |sum, _run| anyhow::Ok(sum + work(&trace)?))?;
        println!("{events}");
        return Ok(());
    }
    print(&(0..runs).map(|_run| timed(|| work(&trace))).collect::<Result<Vec<_>>>()?)
}

fn print(runs: &[Run]) -> Result<()> {
    println!("{}", serde_json::to_string(runs).context("numbers have a JSON form")?);
    Ok(())
}

/// How long some work takes; it returns how many events it went over.
fn timed(work: impl FnOnce() -> Result<u64>) -> Result<Run> {
    let (wall, own_ns, all_ns) = (Instant::now(), on_cpu_ns()?, all_on_cpu_ns()?);
    let events = work()?;
    let wall_ns = u64::try_from(wall.elapsed().as_nanos()).context("that took centuries")?;
    let (own_ns, all_ns) = (on_cpu_ns()? - own_ns, all_on_cpu_ns()? - all_ns);
    // With two threads the one that works longer counts; the clock of the other one is a coarse one.
    let other_ns = all_ns.saturating_sub(own_ns);
    Ok(Run { events, wall_ns, cpu_ns: own_ns.max(other_ns) })
}

/// As somebody who looks around in a trace: from the file, through the cursor.
fn jumps(file: &Path) -> Result<Vec<Run>> {
    let open = || File::open(file).with_context(|| format!("`{}` cannot be opened", file.display()));
    let mut cursor = Cursor::with_settings(
        TraceReader::new(open()?)?,
        Settings::default(),
        Some(Box::new(tempfile::tempfile_in("/var/tmp")?)),
    );
    let first = cursor.next_item()?.context("an empty trace")?.time();
    let mut runs = vec![timed(|| {
        cursor.seek(MonoNs(u64::MAX))?;
        Ok(cursor.position())
    })?];
    cursor.step_back()?;
    let length = cursor.time().0.saturating_sub(first.0).max(1);
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..JUMPS {
        // Xorshift: every run of the bench goes to the same places.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let to = MonoNs(first.0 + random % length);
        let before = cursor.position();
        runs.push(timed(|| {
            cursor.seek(to)?;
            Ok(cursor.position().abs_diff(before))
        })?);
    }
    Ok(runs)
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

fn write(trace: &[u8]) -> Result<u64> {
    let mut reader = TraceReader::new(trace)?;
    let mut writer = TraceWriter::new(io::sink(), reader.facts())?;
    each_item(&mut reader, |item| Ok(writer.push(item)?))?;
    Ok(writer.finish()?.events)
}

fn csv(trace: &[u8]) -> Result<u64> {
    let mut reader = TraceReader::new(trace)?;
    let mut sink = Csv::new(io::sink());
    let events = each_item(&mut reader, |item| Ok(sink.take(item)?))?;
    sink.finish()?;
    Ok(events)
}

/// Hands over every item; the first error of `take` counts. Returns how many there were.
fn each_item(reader: &mut TraceReader<&[u8]>, mut take: impl FnMut(&Item) -> Result<()>) -> Result<u64> {
    let (mut items, mut outcome) = (0, Ok(()));
    while let Some(batch) = reader.next_batch_with(|item| {
        if outcome.is_ok() {
            outcome = take(&item);
        }
    })? {
        items += batch.rows;
    }
    outcome.map(|()| items)
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
