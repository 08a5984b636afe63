//! The top: arguments, settings and exit codes of `dmlog-top`. Imports everything; nothing imports it.
//!
//! One file per command, each with its arguments and a `run`; this file only tells them apart, prints the error and
//! turns the result into an exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::exit::{Exit, Failure};

pub mod completions;
pub mod exit;
pub mod export;
#[cfg(feature = "live")]
pub mod flight;
pub mod gate;
#[cfg(feature = "live")]
pub mod host;
pub mod inspect;
pub mod interrupt;
#[cfg(all(feature = "live", feature = "tui"))]
pub mod live;
pub mod man;
pub mod output;
pub mod print;
pub mod progress;
#[cfg(feature = "live")]
pub mod record;
#[cfg(feature = "tui")]
pub mod replay;
pub mod report;
pub mod schema;
#[cfg(feature = "tui")]
pub mod screen;
pub mod selection;
#[cfg(feature = "serve")]
pub mod serve;
pub mod trace_file;
pub mod verify;
pub mod whatif;
mod whole;

/// Observes device-mapper dirty region logs: what a mirror marks, clears and flushes, and what it costs.
#[derive(Debug, Parser)]
#[command(name = "dmlog-top", version, propagate_version = true)]
#[cfg_attr(all(feature = "live", feature = "tui"), command(args_conflicts_with_subcommands = true))]
pub struct Cli {
    #[cfg(not(all(feature = "live", feature = "tui")))]
    #[command(subcommand)]
    command: Command,
    /// Without one, the screen on the running kernel.
    #[cfg(all(feature = "live", feature = "tui"))]
    #[command(subcommand)]
    command: Option<Command>,
    #[cfg(all(feature = "live", feature = "tui"))]
    #[command(flatten)]
    live: live::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the running kernel's mirrors on the screen (root); this is also what happens without a command
    #[cfg(all(feature = "live", feature = "tui"))]
    Live(live::Args),
    /// Record the running kernel's mirrors to a trace file (root)
    #[cfg(feature = "live")]
    Record(record::Args),
    /// Serve the running kernel's mirrors as metrics for Prometheus (root)
    #[cfg(feature = "live")]
    Serve(serve::command::Args),
    /// Show a trace on the screen, back and forth in time
    #[cfg(feature = "tui")]
    Replay(replay::Args),
    /// Print the events of a trace, one a line
    Print(print::Args),
    /// Write a trace in a format of other tools
    Export(export::Args),
    /// Print the JSON schema of `export --to jsonl`, or of a verdict of the gate
    Schema(schema::Args),
    /// Summarise a trace
    Report(report::Args),
    /// Judge whether a mirror got slower, by the traces of two sides
    Gate(gate::Args),
    /// Check a trace: seals, losses, and the kernel's answers against the model of its logs
    Verify(verify::Args),
    /// Show what an on-disk log says: its header, its dirty regions, what a crash now would cost
    Inspect(inspect::Args),
    /// Replay a trace's writes under other region sizes and log types
    Whatif(whatif::Args),
    /// Show what could be probed on this machine, without attaching anything
    #[cfg(feature = "live")]
    Host(host::Args),
    /// Print a shell's completions for this program
    Completions(completions::Args),
    /// Print the manual page, or write those of all commands into a folder
    Man(man::Args),
}

/// Runs the program with these arguments, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let to_stderr = error.use_stderr();
            // Nothing can be done if the terminal is gone.
            let _ = error.print();
            return if to_stderr { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => {
            if is_broken_pipe(&error) {
                return Exit::Done.into();
            }
            let _ = writeln!(std::io::stderr(), "dmlog-top: {error:#}");
            exit.into()
        }
    }
}

#[cfg(all(feature = "live", feature = "tui"))]
fn run(cli: &Cli) -> Result<Exit, Failure> {
    cli.command.as_ref().map_or_else(|| live::run(&cli.live), dispatch)
}

#[cfg(not(all(feature = "live", feature = "tui")))]
fn run(cli: &Cli) -> Result<Exit, Failure> {
    dispatch(&cli.command)
}

fn dispatch(command: &Command) -> Result<Exit, Failure> {
    match command {
        #[cfg(all(feature = "live", feature = "tui"))]
        Command::Live(args) => live::run(args),
        #[cfg(feature = "live")]
        Command::Record(args) => record::run(args),
        #[cfg(feature = "live")]
        Command::Serve(args) => serve::command::run(args),
        #[cfg(feature = "tui")]
        Command::Replay(args) => replay::run(args),
        Command::Print(args) => print::run(args),
        Command::Export(args) => export::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Report(args) => report::run(args),
        Command::Gate(args) => gate::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Whatif(args) => whatif::run(args),
        #[cfg(feature = "live")]
        Command::Host(args) => host::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}

/// A reader that closes the pipe early has seen enough: that is success, as everywhere.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
