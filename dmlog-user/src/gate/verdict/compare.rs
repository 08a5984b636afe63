//! Whether two sides can be compared at all: what is wrong with a run, and what differs between runs.

use std::collections::BTreeSet;

use super::reason::{Reason, ReasonKind};
use crate::gate::run::{Capture, DeviceRun, Run};

/// Names of runs or hooks that a sentence has; of the others it tells the number.
const NAMES_MAX: usize = 4;

/// Everything that makes a verdict inconclusive before any rule is judged, as sentences.
pub(super) fn reasons(sides: [&[Run]; 2], allow: &BTreeSet<ReasonKind>) -> Vec<Reason> {
    let mut found = Vec::new();
    for run in sides.iter().copied().flatten() {
        faults(run, &mut found);
    }
    captures(sides, &mut found);
    devices(sides, &mut found);
    let reason = |(kind, text): (ReasonKind, String)| Reason { kind, text, is_allowed: allow.contains(&kind) };
    found.into_iter().map(reason).collect()
}

fn faults(run: &Run, found: &mut Vec<(ReasonKind, String)>) {
    let faults = &run.faults;
    let name = &run.name;
    let mut tell = |kind, text: String| found.push((kind, text));
    if faults.lost > 0 {
        tell(
            ReasonKind::Lost,
            format!("`{name}` lost {} events; record it again with a larger `--ring-size`", faults.lost),
        );
    }
    if faults.gaps_of_unknown_size > 0 {
        let gaps = faults.gaps_of_unknown_size;
        tell(ReasonKind::Lost, format!("`{name}` lost an unknown number of events {gaps} times"));
    }
    if faults.decode_errors > 0 {
        tell(ReasonKind::Lost, format!("`{name}` has {} records that could not be understood", faults.decode_errors));
    }
    if faults.beyond_limits > 0 {
        let beyond = faults.beyond_limits;
        tell(
            ReasonKind::Lost,
            format!("`{name}` has {beyond} events that were not followed because too much was under way"),
        );
    }
    if faults.torn_tail_bytes > 0 {
        let bytes = faults.torn_tail_bytes;
        tell(ReasonKind::Torn, format!("`{name}` ends within a batch: {bytes} bytes of its tail cannot be read"));
    }
    if faults.divergences > 0 {
        let found = faults.divergences;
        let text = format!(
            "in `{name}` the kernel and the model of its logs differ {found} times; `dmlog-top verify` shows where"
        );
        tell(ReasonKind::Divergence, text);
    }
    if faults.times_back > 0 {
        tell(ReasonKind::Clock, format!("in `{name}` time goes back {} times", faults.times_back));
    }
    if faults.latency_clamped > 0 {
        let text =
            format!("`{name}` has {} durations above 1000 s, which a clock that jumped makes", faults.latency_clamped);
        tell(ReasonKind::Clock, text);
    }
}

/// What was recorded how and where has to be the same in all runs of both sides.
fn captures(sides: [&[Run]; 2], found: &mut Vec<(ReasonKind, String)>) {
    let captures: Vec<(&Run, &Capture)> =
        sides.iter().copied().flatten().filter_map(|run| Some((run, run.capture.as_ref()?))).collect();
    let mut differ = |kind, what: &str, of: &dyn Fn(&Capture) -> String| {
        if let Some(text) = difference(what, captures.iter().map(|(run, capture)| (run.name.as_str(), of(capture)))) {
            found.push((kind, text));
        }
    };
    differ(ReasonKind::Kernel, "the kernel", &|capture| capture.kernel_release.clone());
    differ(ReasonKind::Machine, "the machine", &|capture| format!("{}, {} CPUs", capture.machine, capture.cpus));
    let recorded = |capture: &Capture| {
        let Capture { devices, reads, io, .. } = capture;
        let devices = if devices.is_empty() { "all mirrors".to_owned() } else { devices.join(" ") };
        let bios = match (io, reads) {
            (true, true) => "bios, all reads",
            (true, false) => "bios",
            (false, _) => "no bios",
        };
        format!("{devices}, {bios}")
    };
    differ(ReasonKind::Coverage, "what was recorded", &recorded);
    let Some(((first, expected), others)) = captures.split_first() else { return };
    for (run, capture) in others {
        hooks((first, expected), (run, capture), found);
    }
}

/// Hooks that one of two runs has and the other not, or in another way. One sentence for all that differ in the same way.
fn hooks(first: (&Run, &Capture), run: (&Run, &Capture), found: &mut Vec<(ReasonKind, String)>) {
    let (one, other) = (&first.1.probes, &run.1.probes);
    let names = |left: &std::collections::BTreeMap<String, String>,
                 right: &std::collections::BTreeMap<String, String>| {
        left.keys().filter(|hook| !right.contains_key(*hook)).cloned().collect::<Vec<_>>()
    };
    for (missing, has, lacks) in [(names(one, other), first.0, run.0), (names(other, one), run.0, first.0)] {
        if !missing.is_empty() {
            let text = format!("`{}` lacks hooks that `{}` has: {}", lacks.name, has.name, listed(&missing));
            found.push((ReasonKind::Coverage, text));
        }
    }
    let otherwise: Vec<String> = one
        .iter()
        .filter_map(|(hook, probe)| {
            let there = other.get(hook).filter(|there| *there != probe)?;
            Some(format!("{hook} ({probe}, {there})"))
        })
        .collect();
    if !otherwise.is_empty() {
        let text = format!("`{}` and `{}` probe in different ways: {}", first.0.name, run.0.name, listed(&otherwise));
        found.push((ReasonKind::ProbeKind, text));
    }
}

/// Mirrors, and what they are.
fn devices(sides: [&[Run]; 2], found: &mut Vec<(ReasonKind, String)>) {
    let traces: Vec<&Run> = sides.iter().copied().flatten().filter(|run| run.capture.is_some()).collect();
    let mut names: Vec<&str> = Vec::new();
    for device in traces.iter().flat_map(|run| &run.devices) {
        if !names.contains(&device.name.as_str()) {
            names.push(&device.name);
        }
    }
    for name in names {
        let of = |run: &&&Run| !run.devices.iter().any(|device| device.name == name);
        let without: Vec<String> = traces.iter().filter(of).map(|run| format!("`{}`", run.name)).collect();
        if !without.is_empty() {
            found.push((ReasonKind::Devices, format!("mirror `{name}` is not in {}", listed(&without))));
        }
        let mut differ = |kind, what: &str, text: &dyn Fn(&DeviceRun) -> Option<String>| {
            let told = traces.iter().filter_map(|run| {
                let device = run.devices.iter().find(|device| device.name == name)?;
                Some((run.name.as_str(), text(device)?))
            });
            if let Some(text) = difference(&format!("{what} of `{name}`"), told) {
                found.push((kind, text));
            }
        };
        differ(ReasonKind::LogType, "the log type", &|device| device.log_type.clone());
        differ(ReasonKind::RegionSize, "the region size", &|device| known(&device.region_size_bytes, "bytes"));
        differ(ReasonKind::Shape, "the length", &|device| known(&device.target_sectors, "sectors"));
        differ(ReasonKind::Shape, "the number of legs", &|device| device.legs.map(|legs| legs.to_string()));
    }
}

/// Numbers of all targets, as far as they are known.
fn known(numbers: &[Option<u64>], unit: &str) -> Option<String> {
    let known: Vec<String> = numbers.iter().flatten().map(u64::to_string).collect();
    (!known.is_empty()).then(|| format!("{} {unit}", known.join(" and ")))
}

/// A sentence if not all are the same: each different text, and the first run that has it.
fn difference<'a>(what: &str, told: impl Iterator<Item = (&'a str, String)>) -> Option<String> {
    let mut different: Vec<(&str, String)> = Vec::new();
    for (run, text) in told {
        if !different.iter().any(|(_, known)| *known == text) {
            different.push((run, text));
        }
    }
    let parts: Vec<String> = different.iter().map(|(run, text)| format!("{text} in `{run}`")).collect();
    (parts.len() > 1).then(|| format!("{what} differs: {}", listed(&parts)))
}

fn listed(names: &[String]) -> String {
    let told = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMES_MAX) {
        Some(more) if more > 0 => format!("{told}, and {more} more"),
        _ => told,
    }
}
