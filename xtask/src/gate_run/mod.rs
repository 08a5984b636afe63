//! `cargo xtask gate-run`: a workload on real mirrors in a guest, two sides alternately, and what `dmlog-top gate` says of them.
//!
//! ```text
//! side (a scenario or a file) → order (A B B A …) → record (one boot) → OUT/a/*.dmlog, OUT/b/*.dmlog → dmlog-top gate
//! ```
//!
//! The tier `gate` of the tests records by the same way ([`record`]) and judges by itself.

mod order;
pub(crate) mod record;
pub(crate) mod side;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::gate_run::record::{Load, Recording};
use crate::gate_run::side::Side;
use crate::guest;
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

/// Most candidates beside a baseline: folders `b` to `z`.
const CANDIDATES_MAX: usize = 25;

const AFTER_HELP: &str = "\
A SIDE is one of these scenarios, each a mirror that is called `gate`:
  plain            a disk log on its own ram disk, regions of 8 MiB
  small-regions    the same with regions of 64 KiB
  log-delay-0ms    a log device under dm-delay; also log-delay-1ms and log-delay-5ms
  log-on-own-disk  disks that serve one request at a time, the log on a third one
  log-on-leg       the same with the log on the disk of the first leg
  nosync           recorded from its creation, on the same disks, without a first copy
  resync           the same with all regions to be copied while the load runs
or a file that defines three shell functions: `before` makes the mirror, then the recorder is started;
`during` is what is recorded; then the recorder is stopped, and `after` removes everything. RUN is the
number of the run. They can use what the scenarios use (xtask/src/gate_run/toolbox.sh): ram_disks,
slow_disks, device, remove, mirror, in_sync, load JOBS. A file:
  before() { ram_disks; mirror 32768 /dev/ram0 /dev/ram1 /dev/ram2 1024; in_sync; }
  during() { load 8; }
  after()  { remove gate; }

What follows `--` goes to the gate:
  cargo xtask gate-run --b small-regions -- --allow region_size --format markdown

The exit code is the gate's: 0 passed, 1 a regression, 3 inconclusive.";

/// Records two sides of a workload alternately in a guest, and runs `dmlog-top gate` on them
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct GateRunArgs {
    /// The baseline
    #[arg(long, value_name = "SIDE", default_value = "plain")]
    a: String,
    /// The candidate; with --record-only several, in OUT/b, OUT/c, ...
    #[arg(long, value_name = "SIDE", required_unless_present = "record_only")]
    b: Vec<String>,
    /// Runs a side
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Writes of each run
    #[arg(long, value_name = "N", default_value_t = 600)]
    writes: u32,
    /// Seconds of load in each run, instead of a number of writes
    #[arg(long, value_name = "N", conflicts_with = "writes")]
    seconds: Option<u32>,
    /// Series of the kernel: 5.10, 6.1, 6.12, or newest
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Only probe this function, which attaches faster; may be given several times
    #[arg(long = "hook", value_name = "FUNCTION")]
    hooks: Vec<String>,
    /// An empty folder for the traces [default: target/gate-run, emptied first]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Record, and judge nothing
    #[arg(long)]
    record_only: bool,
    /// Further arguments of `dmlog-top gate`
    #[arg(last = true, value_name = "GATE-ARGUMENT", conflicts_with = "record_only")]
    gate: Vec<String>,
}

/// Records, judges, and returns the gate's exit code.
pub(crate) fn run_command(args: &GateRunArgs) -> Result<ExitCode> {
    let sides = sides(args)?;
    setup::ensure(&Scope { kernels: vec![args.kernel.clone()], ..Scope::bpf() })?;
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", "dmlog-user", "--bins"]))?;
    let product = target_dir().join("release/dmlog-top");
    let out = out(args.out.as_deref())?;
    let recording = Recording {
        kernel: args.kernel.clone(),
        product: product.clone(),
        sides,
        runs: args.runs,
        load: args.seconds.map_or(Load::Writes(args.writes), Load::Seconds),
        hooks: args.hooks.clone(),
        out: out.clone(),
        log_name: format!("gate-run-{}", args.kernel),
        prefix: "guest: ".to_owned(),
    };
    let run = recording.run()?;
    eprintln!("gate-run: recorded in {:.0} s; the traces are in {}", run.wall.as_secs_f64(), out.display());
    if args.record_only {
        return Ok(ExitCode::SUCCESS);
    }
    let mut gate = Command::new(&product);
    gate.arg("gate").arg("--baseline").arg(out.join("a")).arg("--candidate").arg(out.join("b")).args(&args.gate);
    let text = process::shown(&gate);
    eprintln!("$ {text}");
    let status = gate.status().with_context(|| format!("`{text}` did not start"))?;
    let code = status.code().with_context(|| format!("`{text}` ended with {status}"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The sides, the baseline first.
fn sides(args: &GateRunArgs) -> Result<Vec<Side>> {
    if args.b.len() > 1 && !args.record_only {
        bail!("the gate compares two sides; leave all but one --b out, or give --record-only");
    }
    if args.b.len() > CANDIDATES_MAX {
        bail!("{} candidates are more than {CANDIDATES_MAX}", args.b.len());
    }
    let folders = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
    std::iter::once(&args.a).chain(&args.b).zip(folders).map(|(side, folder)| Side::parse(side, &folder)).collect()
}

/// The folder for the traces. One that somebody named is not emptied: it may hold what took an hour to record.
fn out(named: Option<&Path>) -> Result<PathBuf> {
    let Some(named) = named else {
        let out = target_dir().join("gate-run");
        guest::fresh_out(&out)?;
        return Ok(out);
    };
    let out = std::path::absolute(named).with_context(|| format!("folder `{}`", named.display()))?;
    if fs::read_dir(&out).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("`{}` is not empty", out.display());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{AFTER_HELP, GateRunArgs, out, sides};
    use crate::gate_run::side::names;
    use crate::scratch::Scratch;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: GateRunArgs,
    }

    fn parse(line: &str) -> GateRunArgs {
        Line::try_parse_from(line.split(' ')).unwrap().args
    }

    #[test]
    fn candidates_are_numbered_by_letters_and_more_than_one_is_only_recorded() {
        let args = parse("x --record-only --a log-delay-0ms --b log-delay-1ms --b log-delay-5ms");
        let folders: Vec<String> = sides(&args).unwrap().into_iter().map(|side| side.folder).collect();
        assert_eq!(folders, ["a", "b", "c"]);
        let error = sides(&parse("x --b plain --b nosync")).unwrap_err().to_string();
        assert!(error.contains("--record-only"), "{error}");
    }

    #[test]
    fn what_follows_two_hyphens_is_for_the_gate() {
        let args = parse("x --b small-regions -- --allow region_size --format json");
        assert_eq!(args.gate, ["--allow", "region_size", "--format", "json"]);
        assert!(
            Line::try_parse_from(["x", "--b", "plain", "--format", "json"])
                .is_err_and(|error| { error.kind() == clap::error::ErrorKind::UnknownArgument })
        );
    }

    #[test]
    fn every_scenario_is_described() {
        for name in names() {
            assert!(AFTER_HELP.contains(name), "{name}");
        }
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let scratch = Scratch::new("gate-run-out");
        assert_eq!(out(Some(scratch.path())).unwrap(), scratch.path());
        scratch.write("a/01.dmlog", "precious");
        assert!(out(Some(scratch.path())).unwrap_err().to_string().ends_with("is not empty"));
    }
}
