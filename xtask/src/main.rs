//! Developer tasks of dmlog-top: `cargo xtask TASK`, and `cargo xtask --help` for the list.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers that talks to its terminal")]

mod guest;
mod paths;
mod process;
#[cfg(test)]
mod scratch;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of dmlog-top")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Setup(setup::SetupArgs),
    Guest(guest::GuestArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup(args) => setup::run_command(&args),
        Task::Guest(args) => guest::run_command(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
