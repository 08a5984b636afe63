//! `dmlog-top schema`: the JSON schemas of what the program writes.

use std::io::{Write as _, stdout};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use crate::export::schema;
use crate::gate::report::schema as gate_schema;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of what
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Of::Jsonl)]
    of: Of,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// A line of exported JSON lines
    Jsonl,
    /// A verdict of the gate
    Gate,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Io`] if stdout cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let bytes = match args.of {
        Of::Jsonl => schema::render(),
        Of::Gate => gate_schema::render(),
    };
    let bytes = bytes.map_err(|error| Failure::new(Exit::Io, error))?;
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.context("cannot write the schema to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}
