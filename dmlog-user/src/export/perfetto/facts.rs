//! What stands before the first event: clocks, names, the machine, and what is known of the capture.
//!
//! Times are those of the trace, `CLOCK_MONOTONIC`, and said to be: the snapshot of clocks names it as the one to show times in and pairs it
//! with the wall clock. Perfetto's default, `CLOCK_BOOTTIME`, goes on while a machine sleeps; no trace has it.

use super::names::{Category, Name, interned};
use super::proto::{
    CLOCK_MONOTONIC, CLOCK_REALTIME, Clock, ClockSnapshot, DebugAnnotation, ORDER_EXPLICIT,
    SEQ_INCREMENTAL_STATE_CLEARED, SEQ_NEEDS_INCREMENTAL_STATE, SystemInfo, TracePacket, TracePacketDefaults,
    TrackDescriptor, TrackEvent, Utsname,
};
use super::tracks::{File, push_packet, push_track, shown};
use crate::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};

/// Texts of a list of facts. Hooks are 63, arguments a few; a forged header may have any number.
const TEXTS_MAX: usize = 256;

/// Tracks that belong to no mirror.
#[derive(Clone, Copy, Debug)]
pub struct Roots {
    /// The one above all.
    pub root: u64,
    /// What is known of the capture.
    pub capture: u64,
    /// What is missing.
    pub losses: u64,
}

/// Writes what stands before the first event.
pub fn push_header(facts: &CaptureFacts, file: &mut File) -> Roots {
    let ClockPair { monotonic_ns, realtime_ns } = facts.clock;
    let clock = |id, ns| Clock { clock_id: Some(id), timestamp: Some(ns) };
    let mut clocks = vec![clock(CLOCK_MONOTONIC, monotonic_ns)];
    if realtime_ns != 0 {
        clocks.push(clock(CLOCK_REALTIME, realtime_ns));
    }
    let begin = TracePacket {
        sequence_flags: Some(SEQ_INCREMENTAL_STATE_CLEARED),
        trace_packet_defaults: Some(TracePacketDefaults { timestamp_clock_id: Some(CLOCK_MONOTONIC) }),
        interned_data: Some(interned()),
        ..TracePacket::default()
    };
    let snapshot = ClockSnapshot { clocks, primary_trace_clock: Some(CLOCK_MONOTONIC) };
    push_packet(TracePacket { clock_snapshot: Some(snapshot), ..TracePacket::default() }, &mut file.out);
    push_packet(begin, &mut file.out);
    let utsname = Utsname {
        sysname: Some("Linux".to_owned()),
        version: Some(shown(&facts.kernel_version)),
        release: Some(shown(&facts.kernel_release)),
        machine: Some(shown(&facts.machine)),
    };
    let system = SystemInfo { utsname: Some(utsname), num_cpus: Some(facts.cpus) };
    push_packet(TracePacket { system_info: Some(system), ..TracePacket::default() }, &mut file.out);
    push_roots(facts, file)
}

/// Shows what is known of the capture at the time of the first event, ns.
pub fn push_capture(facts: &CaptureFacts, roots: Roots, time: u64, file: &mut File) {
    let event = TrackEvent {
        kind: Some(3),
        track_uuid: Some(roots.capture),
        name_iid: Some(Name::CAPTURE.0.into()),
        category_iids: vec![Category::Capture.iid()],
        debug_annotations: annotations(facts),
        ..TrackEvent::default()
    };
    let packet = TracePacket {
        timestamp: Some(time),
        sequence_flags: Some(SEQ_NEEDS_INCREMENTAL_STATE),
        track_event: Some(event),
        ..TracePacket::default()
    };
    push_packet(packet, &mut file.out);
}

fn push_roots(facts: &CaptureFacts, file: &mut File) -> Roots {
    let roots = Roots { root: file.new_track(), capture: file.new_track(), losses: file.new_track() };
    let root = TrackDescriptor {
        uuid: Some(roots.root),
        name: Some(shown(&format!("dirty region log {}", facts.host))),
        child_ordering: Some(ORDER_EXPLICIT),
        ..TrackDescriptor::default()
    };
    push_track(root, &mut file.out);
    for (rank, uuid, name) in [(0, roots.capture, "capture"), (1, roots.losses, "losses")] {
        let track = TrackDescriptor {
            uuid: Some(uuid),
            parent_uuid: Some(roots.root),
            name: Some(name.to_owned()),
            sibling_order_rank: Some(rank),
            ..TrackDescriptor::default()
        };
        push_track(track, &mut file.out);
    }
    roots
}

/// An argument that is a text.
fn text(name: &str, text: &str) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), string_value: Some(shown(text)), ..DebugAnnotation::default() }
}

fn number(name: &str, number: u64) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), uint_value: Some(number), ..DebugAnnotation::default() }
}

fn texts<'a>(name: &str, all: impl IntoIterator<Item = &'a String>) -> DebugAnnotation {
    let value = |text: &String| DebugAnnotation { string_value: Some(shown(text)), ..DebugAnnotation::default() };
    let array_values = all.into_iter().take(TEXTS_MAX).map(value).collect();
    DebugAnnotation { name: Some(name.to_owned()), array_values, ..DebugAnnotation::default() }
}

fn annotations(facts: &CaptureFacts) -> Vec<DebugAnnotation> {
    let CaptureFacts {
        tool_version,
        command_line,
        host,
        kernel_release,
        kernel_version,
        machine,
        cpus,
        clock: ClockPair { monotonic_ns, realtime_ns },
        ring_bytes,
        devices,
        reads,
        io,
        coverage,
        layout,
    } = facts;
    let hooks = coverage.iter().take(TEXTS_MAX).map(hook).collect();
    vec![
        text("recorded by dmlog-top", tool_version),
        text("exported by dmlog-top", env!("CARGO_PKG_VERSION")),
        texts("command_line", command_line),
        text("host", host),
        text("kernel_release", kernel_release),
        text("kernel_version", kernel_version),
        text("machine", machine),
        number("cpus", (*cpus).into()),
        number("monotonic_ns", *monotonic_ns),
        number("realtime_ns", *realtime_ns),
        number("ring_bytes", *ring_bytes),
        texts("devices", devices),
        number("reads", (*reads).into()),
        number("io", (*io).into()),
        texts("layout", layout),
        DebugAnnotation { name: Some("hooks".to_owned()), dict_entries: hooks, ..DebugAnnotation::default() },
    ]
}

/// A function, and what became of its probe.
fn hook(hook: &HookCoverage) -> DebugAnnotation {
    let HookCoverage { module, function, probe, reason, loss } = hook;
    let probe = match probe {
        Probe::Fentry => "fentry",
        Probe::Kprobe => "kprobe",
        Probe::Off => "off",
        Probe::Waiting => "waiting",
        Probe::Absent => "absent",
    };
    let parts = [probe, reason, loss];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    text(&shown(&format!("{module}:{function}")), &parts.join("; "))
}
