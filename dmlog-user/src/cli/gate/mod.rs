//! `dmlog-top gate`: did the mirror get slower? And how often would the gate be wrong?

use std::collections::BTreeSet;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow};

use super::exit::{Exit, Failure};
use super::output::Output;
use crate::event::text::quote::quote;
use crate::gate::calibration::{self, COMPARISONS};
use crate::gate::report::{Report, github, json, junit, markdown, self_check, text};
use crate::gate::rules::{RuleSet, built_in, file};
use crate::gate::run::saved::to_json;
use crate::gate::verdict::judge::judge;
use crate::gate::verdict::reason::ReasonKind;
use crate::gate::verdict::{Outcome, Verdict};

mod inputs;

use self::inputs::{narrow, runs_of};

/// Where GitHub's runners want the summary of a step.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Largest rule file that is read at all.
const RULE_FILE_BYTES_MAX: u64 = 16 << 20;

/// What sides of a self-check are dealt by: the same runs, the same answer.
const SELF_CHECK_SEED: u64 = 1;

const AFTER_HELP: &str = "\
A side is any number of traces, folders of traces (*.dmlog) or of saved runs (*.json), or files that --save wrote. Record the \
runs of both sides alternately (A B B A ...) on one machine: ten a side see a shift of a few percent. The gate fails only where a \
difference is significant over all rules together and larger than the rule's floors.

Exit codes: 0 passed, 1 a regression, 2 usage or rules, 3 inconclusive, 5 a file cannot be read.";

/// Arguments of `dmlog-top gate`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["candidate", "self_check", "print_rules"]))]
pub struct Args {
    /// Runs before the change: traces, folders of traces, or saved runs
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["self_check", "print_rules"])]
    baseline: Vec<PathBuf>,
    /// Runs after the change
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["self_check", "print_rules"])]
    candidate: Vec<PathBuf>,
    /// Rules to judge by; without it, the built-in ones, which --print-rules prints
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// What must not make the verdict inconclusive: `kernel`, `region_size`, ...; may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_reason)]
    allow: Vec<ReasonKind>,
    /// Only this device: `vg/lv`, its dm name or `MAJ:MIN`; may be given several times
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// How to print the verdict
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write it to a file in another format too: `junit=gate.xml`; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_write)]
    write: Vec<WriteTo>,
    /// Keep the runs of the candidate in a small file, a baseline for later; without --baseline nothing is judged
    #[arg(long, value_name = "FILE", requires = "candidate")]
    save: Option<PathBuf>,
    /// Deal two sides from these runs, again and again: how often would the gate be wrong, and what would it see?
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "print_rules")]
    self_check: Vec<PathBuf>,
    /// How often they are dealt
    #[arg(long, value_name = "N", default_value_t = COMPARISONS, value_parser = parse_comparisons, requires = "self_check")]
    comparisons: usize,
    /// Print the built-in rules as a rule file
    #[arg(long)]
    print_rules: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for a terminal or a log
    Text,
    /// One JSON object for programs
    Json,
    /// JUnit XML for a CI system
    Junit,
    /// A comment for a pull request
    Markdown,
    /// Annotations for GitHub, and a summary of the step
    Github,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct WriteTo {
    format: Format,
    path: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for rules that cannot be read and devices that are nowhere, 5 for a file
/// that cannot be read or written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    if args.print_rules {
        print(built_in::SAMPLE)?;
        return Ok(Exit::Done);
    }
    let (rules, rules_from) = rules(args)?;
    if !args.self_check.is_empty() {
        return check_itself(args, &rules, &rules_from);
    }
    let mut candidate = runs_of(&args.candidate)?;
    narrow(&mut candidate, &args.devices)?;
    if let Some(path) = &args.save {
        write(path, &to_json(&candidate))?;
    }
    if args.baseline.is_empty() {
        if args.save.is_some() {
            return Ok(Exit::Done);
        }
        let error = anyhow!("there is nothing to compare with; give --baseline, or --save to keep these runs as one");
        return Err(Failure::new(Exit::Usage, error));
    }
    let mut baseline = runs_of(&args.baseline)?;
    narrow(&mut baseline, &args.devices)?;
    let verdict = judge([&baseline, &candidate], &rules);
    tell(args, &verdict, &rules_from)?;
    Ok(match verdict.outcome {
        Outcome::Passed => Exit::Done,
        Outcome::Failed => Exit::Failed,
        Outcome::Inconclusive => Exit::Inconclusive,
    })
}

/// The rules, and where they are from.
fn rules(args: &Args) -> Result<(RuleSet, String), Failure> {
    let (mut rules, from) = match &args.rules {
        None => (built_in::rules(), "built-in rules".to_owned()),
        Some(path) => {
            let name = quote(&path.display().to_string());
            let length = fs::metadata(path).map_or(0, |known| known.len());
            let text = if length > RULE_FILE_BYTES_MAX {
                Err(anyhow!("cannot read the rules in {name}: it has {length} bytes, which no rule file has"))
            } else {
                fs::read_to_string(path).with_context(|| format!("cannot read the rules in {name}"))
            };
            let text = text.map_err(|error| Failure::new(Exit::Io, error))?;
            let rules = file::parse(&text).map_err(|error| {
                Failure::new(Exit::Usage, anyhow::Error::new(error).context(format!("the rules in {name}")))
            })?;
            (rules, path.display().to_string())
        }
    };
    rules.allow.extend(args.allow.iter().copied());
    Ok((rules, from))
}

/// Prints the verdict, and writes it to all files that were asked for.
fn tell(args: &Args, verdict: &Verdict, rules_from: &str) -> Result<(), Failure> {
    let command = command_line(args);
    let report = Report { verdict, rules_from, command: &command };
    for WriteTo { format, path } in &args.write {
        write(path, &render(*format, &report)?)?;
    }
    print(&render(args.format, &report)?)?;
    if args.format == Format::Github
        && let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty())
    {
        let path = PathBuf::from(path);
        // The steps of a job share the file.
        let appended = fs::File::options().create(true).append(true).open(&path);
        let appended = appended.and_then(|mut file| file.write_all(markdown::render(&report).as_bytes()));
        let appended = appended.with_context(|| format!("cannot write the summary to `{}`", path.display()));
        appended.map_err(|error| Failure::new(Exit::Io, error))?;
    }
    Ok(())
}

fn render(format: Format, report: &Report<'_>) -> Result<String, Failure> {
    Ok(match format {
        Format::Text => text::render(report),
        Format::Json => json::render(report).map_err(|error| Failure::new(Exit::Io, error))?,
        Format::Junit => junit::render(report).map_err(|error| Failure::new(Exit::Io, error))?,
        Format::Markdown => markdown::render(report),
        Format::Github => github::render(report),
    })
}

fn check_itself(args: &Args, rules: &RuleSet, rules_from: &str) -> Result<Exit, Failure> {
    if !args.write.is_empty() || !matches!(args.format, Format::Text | Format::Json) {
        let error = anyhow!("a self-check is printed as text or JSON; leave --write out, and give no other --format");
        return Err(Failure::new(Exit::Usage, error));
    }
    let mut runs = runs_of(&args.self_check)?;
    narrow(&mut runs, &args.devices)?;
    let found = calibration::check(&runs, rules, args.comparisons, SELF_CHECK_SEED);
    let told = match args.format {
        Format::Json => self_check::json(&found, rules_from).map_err(|error| Failure::new(Exit::Io, error))?,
        _ => self_check::text(&found, rules_from),
    };
    print(&told)?;
    Ok(if found.rules.iter().any(|rule| rule.judged > 0) { Exit::Done } else { Exit::Inconclusive })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write to stdout").map_err(|error| Failure::new(Exit::Io, error))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = Output::open(path).and_then(|mut output| {
        output.write_all(text.as_bytes())?;
        output.commit()
    });
    let written = written.with_context(|| format!("cannot write {}", quote(&path.display().to_string())));
    written.map_err(|error| Failure::new(Exit::Io, error))
}

/// What repeats the verdict: the files that were read, as they were given.
fn command_line(args: &Args) -> String {
    let word = |text: &str| {
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | ':' | '=' | ',' | '+');
        if !text.is_empty() && text.chars().all(is_plain) {
            text.to_owned()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    let paths =
        |paths: &[PathBuf]| paths.iter().map(|path| word(&path.display().to_string())).collect::<Vec<_>>().join(" ");
    let mut line =
        format!("dmlog-top gate --baseline {} --candidate {}", paths(&args.baseline), paths(&args.candidate));
    if let Some(rules) = &args.rules {
        line += &format!(" --rules {}", word(&rules.display().to_string()));
    }
    for kind in args.allow.iter().copied().collect::<BTreeSet<_>>() {
        line += &format!(" --allow {}", kind.name());
    }
    for device in &args.devices {
        line += &format!(" -d {}", word(device));
    }
    line
}

fn parse_reason(text: &str) -> Result<ReasonKind, String> {
    ReasonKind::named(text).ok_or_else(|| format!("expected one of {}", ReasonKind::names()))
}

fn parse_comparisons(text: &str) -> Result<usize, String> {
    match usize::from_str(text) {
        Ok(comparisons) if (1..=100_000).contains(&comparisons) => Ok(comparisons),
        Ok(_) | Err(_) => Err("expected a number from 1 to 100000".to_owned()),
    }
}

fn parse_write(text: &str) -> Result<WriteTo, String> {
    const EXPECTED: &str = "expected `text=FILE`, `json=FILE`, `junit=FILE`, `markdown=FILE` or `github=FILE`";
    let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or(EXPECTED)?;
    let format = <Format as clap::ValueEnum>::from_str(format, false).map_err(|_unknown| EXPECTED.to_owned())?;
    Ok(WriteTo { format, path: PathBuf::from(path) })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Format, WriteTo, parse_comparisons, parse_reason, parse_write};
    use crate::gate::verdict::reason::ReasonKind;

    #[test]
    fn what_is_typed_is_read() {
        assert_eq!(parse_reason("region_size"), Ok(ReasonKind::RegionSize));
        assert!(parse_reason("regions").unwrap_err().contains("region_size, shape"));
        assert_eq!(parse_write("junit=a=b.xml"), Ok(WriteTo { format: Format::Junit, path: PathBuf::from("a=b.xml") }));
        for wrong in ["junit", "junit=", "xml=a", "=a"] {
            assert!(parse_write(wrong).unwrap_err().starts_with("expected `text=FILE`"), "{wrong}");
        }
        assert_eq!(parse_comparisons("7"), Ok(7));
        assert!(parse_comparisons("0").unwrap_err().starts_with("expected a number"));
    }
}
