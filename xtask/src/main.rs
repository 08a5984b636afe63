//! Developer tasks of dmlog-top: `cargo xtask TASK`, and `cargo xtask --help` for the list.
//!
//! There is no other build tool beside Cargo and this: no Make, no scripts. Each task shows the commands it runs. Nothing
//! of the product depends on this crate.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers that talks to its terminal")]

mod bench;
mod bless;
mod costs;
mod demo;
mod dist;
mod fuzz;
mod gate_run;
mod guest;
mod paths;
mod process;
#[cfg(test)]
mod scratch;
mod setup;
mod synth;
mod task;
mod test;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    task::run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
