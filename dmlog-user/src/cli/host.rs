//! `dmlog-top host`.

use super::exit::{Exit, Failure};

/// Arguments of `dmlog-top host`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(_args: &Args) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
