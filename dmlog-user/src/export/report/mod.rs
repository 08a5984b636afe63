//! What a report says of a trace, as a [`Document`] that every format for people is made from.
//!
//! ```text
//! what was captured, and what is missing      (this file)
//! one part per mirror                         (device)
//!   failures, operations                      (device)
//!   reads, writes, processes                  (io)
//!   flushes, recovery, log daemon             (log)
//!   regions, hot ones and over time           (regions)
//!   what the model made of its log's answers  (model)
//! ```

use super::coverage::{HookCounts, HookGroup, groups};
use super::document::{Block, Document};
use super::number::{count, counted, duration, harmless, moment, wall_time};
use super::table::Table;
use super::{Report, TraceEnd};
use crate::analysis::catalogue::{CPU, FIRST_TIME, GAPS, LAST_TIME, LOST};
use crate::analysis::losses::LossSummary;
use crate::event::facts::{CaptureFacts, Probe};
use crate::session::snapshot::Snapshot;

mod device;
mod io;
mod log;
pub mod model;
mod regions;

/// Everything that a report says, in its order.
pub fn document(report: &Report<'_>) -> Document {
    let Report { source, facts, snapshot, end } = report;
    let mut out = Document::default();
    out.fact("trace", harmless(source));
    capture(facts, &mut out);
    covered(facts, snapshot, &mut out);
    hooks(facts, &mut out);
    torn_tail(*end, &mut out);
    losses(snapshot, &mut out);
    model::summary(snapshot.model.as_ref(), &mut out);
    if snapshot.devices.is_empty() {
        out.blocks.push(Block::Empty("no mirror was seen in this time"));
    }
    for (place, device) in snapshot.devices.iter().enumerate() {
        device::add(place, device, facts, &mut out);
    }
    out
}

fn capture(facts: &CaptureFacts, out: &mut Document) {
    let known = |text: &str| if text.is_empty() { "unknown".to_owned() } else { harmless(text) };
    let mut line = format!("host {}, Linux {}", known(&facts.host), known(&facts.kernel_release));
    if !facts.machine.is_empty() {
        line.extend([" ", &harmless(&facts.machine)]);
    }
    if facts.cpus > 0 {
        line.extend([", ", &counted(u64::from(facts.cpus), "CPU")]);
    }
    line.extend([", dmlog-top ", &known(&facts.tool_version)]);
    out.fact("capture", line);
    let mut asked = Vec::new();
    if !facts.command_line.is_empty() {
        asked.push(facts.command_line.iter().map(|word| harmless(word)).collect::<Vec<_>>().join(" "));
    }
    if !facts.devices.is_empty() {
        asked.push(format!("narrowed to {}", facts.devices.iter().map(|d| harmless(d)).collect::<Vec<_>>().join(", ")));
    }
    if !asked.is_empty() {
        out.fact("", asked.join("; "));
    }
    for sentence in &facts.layout {
        out.fact("", harmless(sentence));
    }
}

fn covered(facts: &CaptureFacts, snapshot: &Snapshot, out: &mut Document) {
    let window = &snapshot.window;
    let mut line = format!(
        "{} from {} to {}; {}",
        duration(window.duration_ns),
        moment(window.first_ns),
        moment(window.last_ns),
        counted(window.events, "event"),
    );
    if window.events_outside_window > 0 {
        line.extend([", ", &count(window.events_outside_window), " outside the window left out"]);
    }
    out.fact("time", line);
    if facts.clock.realtime_ns != 0 {
        let start = format!("{} is {}", moment(0), wall_time(facts.clock.realtime_ns));
        out.fact("", start);
    }
}

fn hooks(facts: &CaptureFacts, out: &mut Document) {
    if facts.coverage.is_empty() {
        return;
    }
    let counts = HookCounts::of(facts);
    let HookCounts { fentry, kprobe, off, waiting, absent } = counts;
    let parts = [(fentry, "fentry"), (kprobe, "kprobe"), (off, "off"), (waiting, "waiting"), (absent, "absent")];
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, name)| format!("{number} {name}")).collect();
    out.fact("hooks", format!("{} functions: {}", counts.total(), parts.join(", ")));
    for group in groups(facts) {
        hook_group(&group, out);
    }
}

/// Functions of a group that are named one by one, each with what is missing without it.
const NAMED_HOOKS_MAX: usize = 4;

fn hook_group(group: &HookGroup<'_>, out: &mut Document) {
    let module = harmless(group.module);
    let reason = if group.reason.is_empty() { String::new() } else { format!(" ({})", harmless(group.reason)) };
    let names: Vec<String> = group.hooks.iter().map(|hook| harmless(&hook.function)).collect();
    let text = match group.probe {
        Probe::Fentry => return,
        Probe::Kprobe => format!("{module}: {} by kprobe{reason}", counted(names.len() as u64, "function")),
        Probe::Off => format!("{module}: left out by request: {}{reason}", names.join(", ")),
        Probe::Waiting if group.is_whole_module => {
            format!("{module}: nothing of this module is seen until it is loaded{reason}")
        }
        Probe::Absent if group.is_whole_module && names.len() > NAMED_HOOKS_MAX => {
            format!("{module}: nothing of this module is seen{reason}")
        }
        Probe::Waiting | Probe::Absent if names.len() > NAMED_HOOKS_MAX => {
            format!("{module}: not seen: {}{reason}", names.join(", "))
        }
        Probe::Waiting | Probe::Absent => {
            for hook in &group.hooks {
                let (function, loss) = (harmless(&hook.function), harmless(&hook.loss));
                out.fact("", format!("without {module} {function}, {loss}{reason}"));
            }
            return;
        }
    };
    out.fact("", text);
}

fn torn_tail(end: TraceEnd, out: &mut Document) {
    if let TraceEnd::Torn { bytes } = end {
        let text = format!(
            "the trace was not ended by its recorder; {bytes} bytes behind the last whole batch say nothing, and what \
             happened after that batch is not in here"
        );
        out.alarm("TORN END", text);
    }
}

fn losses(snapshot: &Snapshot, out: &mut Document) {
    let losses = &snapshot.losses;
    if snapshot.bios_forgotten > 0 {
        let forgotten = counted(snapshot.bios_forgotten, "bio");
        let text = format!("{forgotten} forgotten because too many were under way: no latency of these");
        out.alarm("LIMIT", text);
    }
    if snapshot.logs_beyond_limit > 0 {
        let logs = counted(snapshot.logs_beyond_limit, "log");
        out.alarm("LIMIT", format!("{logs} were too many: they count for the unknown device"));
    }
    if losses.is_empty() {
        out.fact("losses", "none");
        return;
    }
    let unknown = match losses.gaps_of_unknown_size {
        0 => String::new(),
        gaps => format!(", and {} of unknown size", counted(gaps, "gap")),
    };
    if losses.gaps > 0 {
        let lost = counted(losses.lost, "event");
        let text = format!("{lost} missing{unknown}: counts below are too low, and pairs may not match");
        out.alarm("LOSSES", text);
        loss_table(losses, out);
    }
    if losses.decode_errors > 0 {
        let errors = counted(losses.decode_errors, "record");
        out.alarm("LOSSES", format!("{errors} could not be understood:"));
        for reason in &losses.decode_error_reasons {
            out.fact("", harmless(reason));
        }
    }
}

fn loss_table(losses: &LossSummary, out: &mut Document) {
    let mut table = Table::default().words("cause").number(CPU).numbers(&[LOST, GAPS, FIRST_TIME, LAST_TIME]).words("");
    for row in &losses.rows {
        let cpu = row.cpu.map_or_else(|| "all".to_owned(), |cpu| cpu.to_string());
        table.row(vec![
            row.cause.to_owned(),
            cpu,
            count(row.lost),
            count(row.gaps),
            moment(row.first_ns),
            moment(row.last_ns),
            meaning(row.cause).to_owned(),
        ]);
    }
    out.table(table);
}

/// What a cause of loss means, in a few words.
fn meaning(cause: &str) -> &'static str {
    match cause {
        "ring_full" => "the ring buffer was full",
        "queue_full" => "the recorder's disk was too slow",
        "recursion" => "another BPF program was running",
        "unpaired" => "entry without return",
        "module_reload" => "the module was unloaded",
        "write_failed" => "the trace could not be written",
        _ => "",
    }
}
