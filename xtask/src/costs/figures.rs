//! The file of figures: what `cargo xtask costs` measures, in the form that `dmlog-top gate` reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::setup::store::create_dir;

/// What the file says it is, and which version of that.
const SCHEMA: (&str, u32) = ("dmlog-top gate runs", 1);

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// In `unit`.
    pub(crate) value: f64,
    /// `instructions/event`, `guest instructions/call`, `B/event`.
    pub(crate) unit: String,
}

/// All numbers of one run, and what they were measured with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Costs {
    /// Versions of everything that the numbers depend on besides our own code; the gate shows it as the name of the run.
    pub(crate) name: String,
    /// By name: `replay.instructions_per_event`.
    pub(crate) figures: BTreeMap<String, Figure>,
}

#[derive(Serialize)]
struct File<'a> {
    schema: &'static str,
    version: u32,
    runs: [&'a Costs; 1],
}

impl Costs {
    /// Adds a number. It is rounded to a thousandth: what is behind that is noise in every difference of two baselines.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &str) {
        let value = (value * 1e3).round() / 1e3;
        self.figures.insert(name.to_owned(), Figure { value, unit: unit.to_owned() });
    }

    /// Takes over the figures of another part.
    pub(crate) fn extend(&mut self, other: Self) {
        self.figures.extend(other.figures);
    }

    /// The file; one figure a few lines, so that a changed figure is one changed line of a difference.
    fn to_json(&self) -> Result<String> {
        let (schema, version) = SCHEMA;
        let text = serde_json::to_string_pretty(&File { schema, version, runs: [self] });
        Ok(text.context("a figure is no number")? + "\n")
    }

    /// Writes the file, and the folder that it is in.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            create_dir(folder)?;
        }
        fs::write(path, self.to_json()?).with_context(|| format!("`{}` cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Costs;

    #[test]
    fn the_file_is_one_run_with_figures() {
        let mut costs = Costs { name: "rustc 1".to_owned(), ..Costs::default() };
        costs.add("replay.instructions_per_event", 1_234.567_89, "instructions/event");
        let json: serde_json::Value = serde_json::from_str(&costs.to_json().unwrap()).unwrap();
        let figure = serde_json::json!({"value": 1234.568, "unit": "instructions/event"});
        let run = serde_json::json!({"name": "rustc 1", "figures": {"replay.instructions_per_event": figure}});
        assert_eq!(json, serde_json::json!({"schema": "dmlog-top gate runs", "version": 1, "runs": [run]}));
    }

    #[test]
    fn what_is_no_number_is_not_written() {
        let mut costs = Costs::default();
        costs.add("probe", f64::NAN, "x");
        assert!(costs.to_json().unwrap().contains("null"), "JSON has no other word for it");
    }
}
