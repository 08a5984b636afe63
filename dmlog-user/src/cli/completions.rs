//! `dmlog-top completions`: what a shell needs to complete this program's commands, flags and their values.
//!
//! Made from the same definition as `--help`, so that it cannot lag behind. Needs no privileges and reads nothing.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::{CommandFactory as _, ValueEnum};
use clap_complete::{Shell, generate};

use super::Cli;
use super::exit::{Exit, Failure};
use super::output::Output;

/// Arguments of `dmlog-top completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell to write them for
    #[arg(value_enum, value_name = "SHELL")]
    shell: ShellArg,
}

/// A shell whose completions are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShellArg {
    /// To be read by `source`, or as `/usr/share/bash-completion/completions/dmlog-top`
    Bash,
    /// A file `_dmlog-top` in a folder of `$fpath`
    Zsh,
    /// A file `dmlog-top.fish` in `~/.config/fish/completions`
    Fish,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Io`] if stdout cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let shell = match args.shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Zsh => Shell::Zsh,
        ShellArg::Fish => Shell::Fish,
    };
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    generate(shell, &mut command, name.as_str(), &mut text);
    // With a hyphen in the program's name, what follows a command finds no branch of its own
    // (https://github.com/clap-rs/clap/issues/6421): the branches spell the name in another way than the search for them.
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    let text = String::from_utf8_lossy(&text).replace(&wrong, &right);
    let written = Output::open(Path::new("-")).and_then(|mut out| {
        out.write_all(text.as_bytes())?;
        out.commit()
    });
    written.context("cannot write the completions to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}
