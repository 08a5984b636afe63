//! What reading, folding, writing and exporting a trace costs, in instructions for each event, and how large the trace is.
//!
//! The trace is that of `cargo xtask synth`, the same bytes each time. The program is the one behind `bench replay`, on one thread:
//! two threads wait for each other, and how long differs. A run that only brings the file into memory is taken off, so that
//! neither the start of a process nor the size of the file counts.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::costs::figures::Costs;
use crate::costs::instructions::count;
use crate::paths::target_dir;
use crate::process;
use crate::setup::store::{create_dir, remove_dir};

/// Events of the trace: the tables of keyframes, regions and statistics are warm after a tenth of them.
const EVENTS: u64 = 200_000;
/// Kinds of work besides reading, and their figures.
const WORKS: [(&str, &str); 3] = [
    ("fold", "replay.instructions_per_event"),
    ("write", "rewrite.instructions_per_event"),
    ("csv", "export.csv_instructions_per_event"),
];
const TRACE: &str = "costs.dmlog";
const COST: &str = "instructions/event";

/// Measures with the examples of the release build, which are there already.
pub(crate) fn measure() -> Result<Costs> {
    let examples = target_dir().join("release/examples");
    let folder = target_dir().join("costs");
    remove_dir(&folder)?;
    create_dir(&folder)?;
    let trace = folder.join(TRACE);
    let events = EVENTS.to_string();
    process::run(Command::new(examples.join("synth")).args(["--events", &events]).arg("-o").arg(&trace))?;
    let bytes = fs::metadata(&trace).with_context(|| format!("`{}` was not written", trace.display()))?.len();
    let mut costs = Costs::default();
    costs.add("trace.bytes_per_event", bytes as f64 / EVENTS as f64, "B/event");
    let replay = examples.join("replay");
    let nothing = run(&replay, &folder, "read", 0)?;
    let per_event = |work| -> Result<f64> {
        let all = run(&replay, &folder, work, 1)?;
        let of_events = all.checked_sub(nothing);
        let of_events =
            of_events.with_context(|| format!("`{work}` takes {all} instructions, and nothing {nothing}"))?;
        Ok(of_events as f64 / EVENTS as f64)
    };
    let read = per_event("read")?;
    costs.add("read.instructions_per_event", read, COST);
    for (work, figure) in WORKS {
        let all = per_event(work)?;
        costs.add(figure, all, COST);
        if work == "fold" {
            // Most of a replay is to inflate the trace; what is new in the fold shows better without.
            costs.add("fold.instructions_per_event", all - read, COST);
        }
    }
    Ok(costs)
}

/// Instructions of so many rounds of some work, the process around them included.
fn run(replay: &Path, folder: &Path, work: &str, rounds: u64) -> Result<u64> {
    let counted = count(replay, &[TRACE, "--work", work, "--untimed", "--runs", &rounds.to_string()], folder)?;
    let events = counted.output.trim();
    if events != (rounds * EVENTS).to_string() {
        bail!("`{work}` went over {events} events, and not over {}", rounds * EVENTS);
    }
    Ok(counted.instructions)
}
