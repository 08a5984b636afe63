//! `dmlog-top record`.

use super::exit::{Exit, Failure};

/// Arguments of `dmlog-top record`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(_args: &Args) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
