//! Runs in a file: what `gate --save` writes, and what carries numbers of one's own.
//!
//! ```json
//! {"schema": "dmlog-top gate runs", "version": 1, "runs": [
//!   {"name": "own costs", "figures": {"replay.instructions_per_event": {"value": 1234.5, "unit": "instructions/event"}}}
//! ]}
//! ```

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::export::markup::misleads;

/// What the file says it is.
pub const SCHEMA: &str = "dmlog-top gate runs";

/// Counts up when a reader of before would take something for something else.
pub const VERSION: u32 = 1;

/// Largest file that is read: some ten thousand runs.
pub const BYTES_MAX: u64 = 1 << 30;

/// Why a file has no runs.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is no such JSON.
    #[error("is no file of runs: line {}, column {}: {}", .0.line(), .0.column(), said(.0))]
    Json(#[source] serde_json::Error),
    /// It is JSON of something else.
    #[error("is no file of runs: `schema` is `{found}`, and not `{SCHEMA}`")]
    Schema {
        /// What it says it is.
        found: String,
    },
    /// Of a newer version.
    #[error("is a file of runs of version {found}, and this program knows up to {VERSION}; use a newer one")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Something in it cannot be.
    #[error("has a run `{run}` in which {what}")]
    Run {
        /// Name of the run.
        run: String,
        /// What is wrong, as the end of a sentence.
        what: &'static str,
    },
    /// There is nothing in it.
    #[error("has no runs")]
    Empty,
}

/// What the parser says, without the place, which is told before it.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    said.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect()
}

#[derive(Serialize, Deserialize)]
struct File<R> {
    schema: String,
    version: u32,
    runs: R,
}

/// The file, with one run a line, so that a change of one run is one line of a difference.
pub fn to_json(runs: &[Run]) -> String {
    let mut text = format!("{{\"schema\": \"{SCHEMA}\", \"version\": {VERSION}, \"runs\": [\n");
    for (place, run) in runs.iter().enumerate() {
        // Strings and numbers always have a JSON form.
        text.push_str(&serde_json::to_string(run).unwrap_or_default());
        text.push_str(if place + 1 < runs.len() { ",\n" } else { "\n" });
    }
    text.push_str("]}\n");
    text
}

/// Reads such a file.
///
/// # Errors
/// [`SavedError`]: JSON with its line and column, another schema or version, a run that cannot be.
pub fn from_json(text: &str) -> Result<Vec<Run>, SavedError> {
    // What it is first, for the runs of another version may be of another shape.
    let File { schema, version, runs: IgnoredAny } = serde_json::from_str(text).map_err(SavedError::Json)?;
    if schema != SCHEMA {
        let found = schema.chars().filter(|c| !misleads(*c)).take(80).collect();
        return Err(SavedError::Schema { found });
    }
    if version > VERSION {
        return Err(SavedError::Version { found: version });
    }
    let File { runs, .. } = serde_json::from_str::<File<Vec<Run>>>(text).map_err(SavedError::Json)?;
    if runs.is_empty() {
        return Err(SavedError::Empty);
    }
    for run in &runs {
        check(run)
            .map_err(|what| SavedError::Run { run: run.name.chars().filter(|c| !misleads(*c)).collect(), what })?;
    }
    Ok(runs)
}

fn check(run: &Run) -> Result<(), &'static str> {
    let slices = run.devices.iter().flat_map(|device| device.series.values());
    if slices.clone().any(|series| !series.slices.is_empty()) && run.slice_ns == 0 {
        return Err("`slice_ns` is 0");
    }
    if run.devices.len() > 2 * super::summary::LOGS_MAX {
        return Err("there are more mirrors than there can be");
    }
    if slices.clone().any(|series| series.slices.len() > super::summary::SLICES_MAX) {
        return Err("a mirror has more slices than there can be");
    }
    if slices.flat_map(|series| &series.slices).any(|slice| slice.durations.count() > slice.count) {
        return Err("more was timed than there was");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SavedError, from_json, to_json};
    use crate::gate::run::{DeviceRun, Figure, Run};

    #[test]
    fn figures_alone_are_a_run() {
        let text = "{\"schema\": \"dmlog-top gate runs\", \"version\": 1, \"more\": [], \"runs\": [\n\
                    {\"name\": \"own\", \"figures\": {\"a.b\": {\"value\": 12.5, \"unit\": \"instructions/event\"}}}]}";
        let runs = from_json(text).unwrap();
        let figure = Figure { value: 12.5, unit: "instructions/event".to_owned() };
        assert_eq!(runs[0].figures.get("a.b"), Some(&figure));
        assert_eq!(from_json(&to_json(&runs)).unwrap(), runs);
    }

    /// Exact metrics are compared to the last digit, with a saved baseline too.
    #[test]
    fn numbers_come_back_to_the_last_digit() {
        // Found by fuzzing: the first one, read without care, becomes another number.
        for number in [1.524_367_529_061_344_6, 1.0 / 3.0, f64::MIN_POSITIVE, f64::MAX] {
            let numbers = [("ops.resume.rate_per_s".to_owned(), number)].into_iter().collect();
            let devices = vec![DeviceRun { numbers, ..DeviceRun::default() }];
            let runs = [Run { devices, ..Run::default() }];
            assert_eq!(from_json(&to_json(&runs)).unwrap(), runs);
        }
    }

    #[test]
    fn what_is_no_file_of_runs_says_why() {
        let told = |text: &str| from_json(text).unwrap_err().to_string();
        for (text, expected) in [
            ("", "line 1, column 0: EOF"),
            (
                "{\"schema\": \"dmlog-top gate runs\",\n\"version\": 1, \"runs\": [{\"name\": 5}]}",
                "line 2, column 33: invalid type",
            ),
            ("{\"schema\": \"x\", \"version\": 1, \"runs\": []}", "`schema` is `x`"),
            ("{\"schema\": \"dmlog-top gate runs\", \"version\": 9, \"runs\": 7}", "version 9"),
            ("{\"schema\": \"dmlog-top gate runs\", \"version\": 1, \"runs\": []}", "no runs"),
            (
                "{\"schema\": \"dmlog-top gate runs\", \"version\": 1, \"runs\": [{\"name\": \"r\", \"devices\": [{\"series\": \
                 {\"write\": {\"slices\": [{\"count\": 1}]}}}]}]}",
                "`slice_ns` is 0",
            ),
            (
                "{\"schema\": \"dmlog-top gate runs\", \"version\": 1, \"runs\": [{\"name\": \"r\", \"slice_ns\": 1, \"devices\": \
                 [{\"series\": {\"write\": {\"slices\": [{\"count\": 1, \"buckets\": [4, 2]}]}}}]}]}",
                "more was timed",
            ),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
        let many = Run { devices: vec![DeviceRun::default(); 8_193], ..Run::default() };
        assert!(told(&to_json(&[many])).contains("more mirrors"));
        assert!(matches!(from_json("[]"), Err(SavedError::Json(_))));
        assert_eq!(to_json(&[Run::default()]).lines().count(), 3);
    }
}
