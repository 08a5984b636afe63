//! `dmlog-top host`: facts, plan and coverage, without attaching anything.

use std::io::Write;

use anyhow::anyhow;
use clap::ValueEnum;
use dmlog_common::hooks::HOOKS;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::record::CaptureArgs;
use crate::capture::host::{HostFacts, capability};
use crate::capture::layout;
use crate::capture::plan::Plan;
use crate::event::facts::{HookCoverage, Probe};

/// Arguments of `dmlog-top host`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    capture: CaptureArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What is shown, as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    schema_version: u32,
    host: &'a str,
    kernel_release: &'a str,
    kernel_version: &'a str,
    machine: &'a str,
    cpus: u32,
    modules_loaded: Vec<&'a str>,
    modules_with_btf: Vec<&'a str>,
    capabilities: Vec<&'static str>,
    perf_event_paranoid: Option<i32>,
    lockdown: &'a str,
    kprobes_disabled: bool,
    preemptible: bool,
    layout: &'a [String],
    can_capture: bool,
    hooks: &'a [HookCoverage],
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] if the output cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let (facts, btf) = HostFacts::probe();
    let plan = Plan::new(&facts, &args.capture.wishes());
    let proposal = layout::propose(&btf, &facts.release);
    let coverage = plan.coverage();
    let shown = Shown {
        schema_version: 1,
        host: &facts.host,
        kernel_release: &facts.release,
        kernel_version: &facts.version,
        machine: &facts.machine,
        cpus: facts.cpus,
        modules_loaded: facts.modules.keys().map(String::as_str).collect(),
        modules_with_btf: facts.modules_with_btf.iter().map(String::as_str).collect(),
        capabilities: capabilities(&facts),
        perf_event_paranoid: facts.perf_event_paranoid,
        lockdown: &facts.lockdown,
        kprobes_disabled: facts.kprobes_disabled,
        preemptible: facts.preemptible,
        layout: &proposal.notes,
        can_capture: can_capture(&facts),
        hooks: &coverage,
    };
    let text = match args.format {
        Format::Text => render(&shown),
        Format::Json => serde_json::to_string_pretty(&shown).map_err(|error| Failure::new(Exit::Io, error))? + "\n",
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::new(Exit::Io, anyhow!(error).context("standard output cannot be written")))?;
    Ok(Exit::Done)
}

const NEEDED: [(u32, &str); 3] =
    [(capability::SYS_ADMIN, "CAP_SYS_ADMIN"), (capability::BPF, "CAP_BPF"), (capability::PERFMON, "CAP_PERFMON")];

fn capabilities(facts: &HostFacts) -> Vec<&'static str> {
    NEEDED.iter().filter(|(bit, _)| facts.can(*bit)).map(|(_, name)| *name).collect()
}

fn can_capture(facts: &HostFacts) -> bool {
    NEEDED.iter().all(|(bit, _)| facts.can(*bit)) && facts.lockdown != "confidentiality"
}

fn render(shown: &Shown<'_>) -> String {
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
    let mut out = String::new();
    let mut line = |title: &str, value: &str| out.push_str(&format!("{title:<22}{value}\n"));
    line("kernel", &format!("{} {} on {}", shown.kernel_release, shown.machine, shown.host));
    line("possible CPUs", &shown.cpus.to_string());
    line("modules loaded", &list(&shown.modules_loaded));
    line("modules with BTF", &list(&shown.modules_with_btf));
    line("capabilities", &list(&shown.capabilities));
    let paranoid = shown.perf_event_paranoid.map_or("unknown".to_owned(), |value| value.to_string());
    line("perf_event_paranoid", &paranoid);
    line("lockdown", if shown.lockdown.is_empty() { "none" } else { shown.lockdown });
    line("kernel preemption", if shown.preemptible { "on, or not known to be off" } else { "off" });
    for note in shown.layout {
        line("offsets", note);
    }
    line("a capture can start", if shown.can_capture { "yes" } else { "no: run with sudo" });
    out.push('\n');
    let width = HOOKS.iter().map(|hook| hook.function.len()).max().unwrap_or(0);
    for hook in shown.hooks {
        let probe = match hook.probe {
            Probe::Fentry => "fentry",
            Probe::Kprobe => "kprobe",
            Probe::Off => "off",
            Probe::Waiting => "waiting",
            Probe::Absent => "ABSENT",
        };
        out.push_str(&format!("{probe:<8}{:<18}{:<width$}", hook.module, hook.function));
        if !hook.reason.is_empty() {
            out.push_str(&format!("  {}", hook.reason));
        }
        if !hook.loss.is_empty() {
            out.push_str(&format!("; without it {}", hook.loss));
        }
        out.push('\n');
    }
    let count = |probe| shown.hooks.iter().filter(|hook| hook.probe == probe).count();
    out.push_str(&format!(
        "\n{} hooks: {} fentry, {} kprobe, {} off, {} waiting, {} absent\n",
        shown.hooks.len(),
        count(Probe::Fentry),
        count(Probe::Kprobe),
        count(Probe::Off),
        count(Probe::Waiting),
        count(Probe::Absent)
    ));
    out
}
