//! `dmlog-top schema`: the JSON schema of the JSON lines.

use std::io::{Write as _, stdout};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use crate::export::schema;

/// Runs the command.
///
/// # Errors
/// [`Exit::Io`] if stdout cannot be written.
pub fn run() -> Result<Exit, Failure> {
    let bytes = schema::render().map_err(|error| Failure::new(Exit::Io, error))?;
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.context("cannot write the schema to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}
