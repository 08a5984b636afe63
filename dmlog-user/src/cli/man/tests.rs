//! Every command has a page, and what a page says is true.

use clap::Parser as _;

use super::pages::{PROGRAM, page};
use super::{program, render, typeset};
use crate::cli::Cli;

/// The program and its commands.
fn names() -> Vec<String> {
    let program = program();
    let commands = program.get_subcommands().map(|command| command.get_name().to_owned());
    std::iter::once(PROGRAM.to_owned()).chain(commands).collect()
}

#[test]
fn every_command_has_a_row_in_the_table() {
    for name in names() {
        assert!(page(&name).is_some(), "`{name}` has no row in pages.rs");
    }
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    for name in names() {
        let page = page(&name).unwrap();
        assert!(!page.examples.is_empty(), "`{name}` has no example");
        for (line, _) in page.examples {
            let is_of_the_command = line.split(' ').nth(1) == Some(name.as_str()) || name == PROGRAM;
            assert!(is_of_the_command, "`{line}` on the page of `{name}`");
            if cfg!(all(feature = "live", feature = "tui")) || name != PROGRAM {
                Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("`{line}`: {error}"));
            }
        }
    }
}

#[test]
fn every_page_that_is_referred_to_is_there() {
    let all = ["live", "record", "replay", "host"];
    for name in names() {
        for other in page(&name).unwrap().see {
            let is_there = names().iter().any(|known| known == other) || all.contains(other);
            assert!(is_there, "`{name}` refers to `{other}`");
        }
    }
}

#[test]
fn every_page_has_every_section() {
    for command in std::iter::once(&program()).chain(program().get_subcommands()) {
        let text = String::from_utf8(render(command).unwrap()).unwrap();
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "PRIVILEGES", "\"EXIT STATUS\"", "EXAMPLES", "\"SEE ALSO\""]
        {
            assert!(text.contains(&format!("\n.SH {section}\n")), "{section} is not in:\n{text}");
        }
    }
}

#[test]
fn backticks_are_bold_and_tildes_can_be_copied() {
    assert_eq!(typeset("a `b` `c`\n`d\n~/x\n"), "a \\fBb\\fR \\fBc\\fR\n\\(gad\n\\(ti/x\n");
}
