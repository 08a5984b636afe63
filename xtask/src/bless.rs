//! `cargo xtask bless`: accepts a change that a rule ties to another file, after the other file was looked at.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::paths::repo_root;
use crate::tidy::documents::{FORMAT, SCHEMA, schema_line, with_schema_line};

/// Writes the hash of the trace schema's code into the description of the format.
pub(crate) fn run_command() -> Result<ExitCode> {
    let root = repo_root();
    let schema = root.join(SCHEMA);
    if !schema.is_file() {
        println!("there is no `{SCHEMA}`, so there is nothing to bless");
        return Ok(ExitCode::SUCCESS);
    }
    let text = fs::read_to_string(&schema).with_context(|| format!("`{SCHEMA}` cannot be read"))?;
    let line = schema_line(&text).context("sha256sum does not run")?;
    let path = root.join(FORMAT);
    let old = fs::read_to_string(&path)
        .with_context(|| format!("`{FORMAT}` cannot be read; describe the format there first"))?;
    let new = with_schema_line(&old, &line);
    if new == old {
        println!("`{FORMAT}` is up to date");
    } else {
        fs::write(&path, new).with_context(|| format!("`{FORMAT}` cannot be written"))?;
        println!("`{FORMAT}` now carries {line}");
    }
    Ok(ExitCode::SUCCESS)
}
