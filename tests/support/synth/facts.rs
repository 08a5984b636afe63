//! What the capture would say of itself.

use dmlog_common::hooks::HOOKS;
use dmlog_user::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};

/// `CLOCK_MONOTONIC` at the start of the capture.
pub(crate) const START_NS: u64 = 98_635_640_681;

/// CPUs of the machine.
pub(crate) const CPUS: u16 = 8;

/// Facts of the machine that the stream is of.
pub(crate) fn facts() -> CaptureFacts {
    let coverage = HOOKS.iter().map(|hook| {
        let is_loaded = hook.module != "dm_log_userspace";
        HookCoverage {
            module: hook.module.to_owned(),
            function: hook.function.to_owned(),
            probe: if is_loaded { Probe::Fentry } else { Probe::Waiting },
            reason: String::new(),
            loss: if is_loaded { String::new() } else { hook.loss.to_owned() },
        }
    });
    CaptureFacts {
        tool_version: "0.1.0".to_owned(),
        command_line: ["dmlog-top", "record", "-o", "synth.dmlog"].map(str::to_owned).to_vec(),
        host: "synth".to_owned(),
        kernel_release: "6.12.0".to_owned(),
        machine: "x86_64".to_owned(),
        cpus: u32::from(CPUS),
        clock: ClockPair { monotonic_ns: START_NS, realtime_ns: 1_790_000_000_000_000_000 },
        ring_bytes: 8 << 20,
        io: true,
        coverage: coverage.collect(),
        ..CaptureFacts::default()
    }
}
