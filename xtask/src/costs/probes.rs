//! What the probes cost, in guest instructions, and how large a recording of the same load is.
//!
//! A shorter form of `bench probes`: one boot of one kernel, without the peer.

use anyhow::{Result, bail};

use crate::bench::probes::load::{self, Sessions, median};
use crate::costs::figures::Costs;
use crate::costs::{KERNEL, calls};
use crate::paths::{guest_dir, target_dir};

const SCRIPT: &str = include_str!("sessions.sh");
const PER_CALL: &str = "guest instructions/call";
const PER_RECORD: &str = "guest instructions/record";

/// Name of the guest's folder and log.
const GUEST: &str = "costs";

/// Boots the guest and measures, with the program of the release build.
pub(crate) fn measure() -> Result<Costs> {
    let sessions = load::run(KERNEL, GUEST, SCRIPT, Vec::new())?;
    let program = target_dir().join("release/dmlog-top");
    figures(&sessions, |session| {
        let trace = guest_dir().join(GUEST).join(format!("{session}.dmlog"));
        calls::of_runs(&program, &trace, sessions.runs_in(session)?)
    })
}

/// The figures, given the calls of each run of a session.
fn figures(sessions: &Sessions, calls: impl Fn(&str) -> Result<Vec<f64>>) -> Result<Costs> {
    let base = sessions.base()?;
    let mut costs = Costs::default();
    for (session, figure, unit) in [
        ("two-fentry", "probe.fentry_instructions_per_call", PER_CALL),
        ("two-kprobe", "probe.kprobe_instructions_per_call", PER_CALL),
        ("all-fentry", "probe.all_fentry_instructions_per_record", PER_RECORD),
    ] {
        let [_, lost, _] = sessions.recorded(session)?;
        if lost > 0.0 {
            bail!("`{session}` lost {lost} events, so that its calls are not known");
        }
        let calls = median(&calls(session)?);
        costs.add(figure, (median(&sessions.medians(session)?) - base) / calls, unit);
    }
    let [events, lost, bytes] = sessions.recorded("running-fentry")?;
    costs.add("record.trace_bytes_per_event", bytes / events, "B/event");
    costs.add("record.lost_events", lost, "events");
    Ok(costs)
}

#[cfg(test)]
mod tests {
    use super::figures;
    use crate::bench::probes::load::Sessions;

    const OUTPUT: &str = "R base 0.100 0.102 0.100\nR two-fentry 0.106 0.106 0.106\nE two-fentry 38000 0 400000\n\
        R two-kprobe 0.112 0.112 0.200\nE two-kprobe 60000 0 400000\nR base 0.100 0.100 0.100\n\
        R all-fentry 0.140 0.140 0.140\nE all-fentry 240000 0 1600000\nE running-fentry 400000 3 1500000\n";

    fn calls(session: &str) -> Vec<f64> {
        match session {
            "all-fentry" => vec![80_000.0; 3],
            _ => vec![12_000.0, 12_000.0, 14_000.0],
        }
    }

    #[test]
    fn costs_are_differences_over_the_calls_of_a_usual_run() {
        let costs = figures(&Sessions::parse(OUTPUT.lines()).unwrap(), |session| Ok(calls(session))).unwrap();
        let value = |name: &str| costs.figures[name].value;
        assert!((value("probe.fentry_instructions_per_call") - 500.0).abs() < 0.01);
        assert!((value("probe.kprobe_instructions_per_call") - 1000.0).abs() < 0.01);
        assert!((value("probe.all_fentry_instructions_per_record") - 500.0).abs() < 0.01);
        assert!((value("record.trace_bytes_per_event") - 3.75).abs() < 0.001);
        assert!((value("record.lost_events") - 3.0).abs() < 0.001);
    }

    #[test]
    fn without_all_calls_there_is_no_cost_of_one() {
        let lossy = OUTPUT.replace("two-kprobe 60000 0", "two-kprobe 60000 7");
        let sessions = Sessions::parse(lossy.lines()).unwrap();
        let error = figures(&sessions, |session| Ok(calls(session))).unwrap_err();
        assert_eq!(error.to_string(), "`two-kprobe` lost 7 events, so that its calls are not known");
    }
}
