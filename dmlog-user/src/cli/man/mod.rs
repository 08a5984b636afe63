//! `dmlog-top man`: manual pages, one for the program and one for each of its commands.
//!
//! Synopsis and options come from the definition of the arguments, which `--help` shows too; what that does not know (exit
//! codes, files, examples) stands in `pages.rs`. Nothing in a page depends on the machine or the day it is made.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use self::pages::{PROGRAM, Page, page};
use super::Cli;
use super::exit::{Exit, Failure};
use super::output::Output;

mod pages;

/// User commands: of the manual's sections the one for programs that anybody may start.
const SECTION: &str = "1";

/// Arguments of `dmlog-top man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the pages of all commands, made if it is not there; without it the main page goes to stdout
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Exit::Io`] if the folder or stdout cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let program = program();
    let written = match &args.folder {
        None => write(Path::new("-"), &program).context("cannot write the manual page to stdout"),
        Some(folder) => write_all(folder, &program)
            .with_context(|| format!("cannot write the manual pages into `{}`", folder.display())),
    };
    written.map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}

/// The definition of the arguments, complete, as pages want it.
fn program() -> Command {
    let mut program = Cli::command().disable_help_subcommand(true).subcommand_help_heading("COMMANDS");
    program.build();
    program
}

fn write_all(folder: &Path, program: &Command) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for command in std::iter::once(program).chain(program.get_subcommands()) {
        write(&folder.join(format!("{}.{SECTION}", title(command))), command)?;
    }
    Ok(())
}

fn write(path: &Path, command: &Command) -> io::Result<()> {
    let mut out = Output::open(path)?;
    out.write_all(&render(command)?)?;
    out.commit()
}

/// `dmlog-top`, or `dmlog-top-record` for a command.
fn title(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of one command as roff.
fn render(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")))
        .manual("Dirty region logs");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    if let Some(page) = page(command.get_name()) {
        sections(page, command).to_writer(&mut out)?;
    }
    Ok(typeset(&String::from_utf8_lossy(&out)).into_bytes())
}

/// What stands between backticks in help texts is bold in a page. A tilde is to stay one, for `~/` is copied from pages;
/// left alone, it becomes a small one that no shell knows.
fn typeset(roff: &str) -> String {
    let mut out = String::with_capacity(roff.len());
    for line in roff.lines() {
        let mut parts = line.split('`');
        let is_paired = line.matches('`').count() % 2 == 0;
        out.push_str(parts.next().unwrap_or_default());
        for (index, part) in parts.enumerate() {
            out.push_str(match (is_paired, index % 2) {
                (true, 0) => r"\fB",
                (true, _) => r"\fR",
                (false, _) => r"\(ga",
            });
            out.push_str(part);
        }
        out.push('\n');
    }
    out.replace('~', r"\(ti")
}

/// What the arguments do not tell.
fn sections(page: &Page, command: &Command) -> Roff {
    let Page { command: _, notes, privileges, exits, files, environment, examples, see } = page;
    let mut roff = Roff::new();
    let after_help = command.get_after_help().map(|text| text.to_string().replace('\n', " "));
    if let Some(notes) = notes.map(str::to_owned).or(after_help) {
        roff.control("SH", ["NOTES"]);
        roff.text([roman(notes)]);
    }
    roff.control("SH", ["PRIVILEGES"]);
    roff.text([roman(*privileges)]);
    roff.control("SH", ["EXIT STATUS"]);
    for exit in *exits {
        entry(&mut roff, &exit.code().to_string(), exit.meaning());
    }
    for (heading, entries) in [("FILES", files), ("ENVIRONMENT", environment)] {
        if !entries.is_empty() {
            roff.control("SH", [heading]);
            entries.iter().for_each(|(name, text)| entry(&mut roff, name, text));
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    examples.iter().for_each(|(line, text)| entry(&mut roff, line, text));
    roff.control("SH", ["SEE ALSO"]);
    // Names of pages are not to be broken over lines.
    roff.control("nh", [] as [&str; 0]);
    roff.text([roman(see_also(see, command).join(", "))]);
    roff
}

/// A term and what it means.
fn entry(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// From a command to the program and what belongs with it, from the program to all its commands; then pages of others.
fn see_also(see: &[&str], command: &Command) -> Vec<String> {
    let is_known = |name: &str| program().find_subcommand(name).is_some();
    let page = |name: &str| format!("{PROGRAM}-{name}({SECTION})");
    let ours: Vec<String> = if command.get_name() == PROGRAM {
        command.get_subcommands().map(|command| page(command.get_name())).collect()
    } else {
        let related = see.iter().filter(|name| is_known(name)).map(|name| page(name));
        std::iter::once(format!("{PROGRAM}({SECTION})")).chain(related).collect()
    };
    let others = ["dmsetup(8)", "lvs(8)"].map(str::to_owned);
    ours.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests;
