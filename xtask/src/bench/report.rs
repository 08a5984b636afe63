//! What a bench found: one JSON object, or a dated table in `tests/bench/RESULTS.md`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::process;
use crate::setup::store::create_dir;

/// Where tables are kept, newest last.
pub(crate) const RESULTS: &str = "tests/bench/RESULTS.md";

/// Everything one bench measured.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub(crate) struct Report {
    /// Name of the bench: `probes`.
    pub(crate) bench: String,
    /// The command that repeats it; part of the table only.
    #[serde(skip)]
    pub(crate) command: String,
    /// Where it ran, in one line: kernel, machine type; part of the table only.
    #[serde(skip)]
    pub(crate) conditions: String,
    /// One for each row of the table.
    pub(crate) figures: Vec<Figure>,
}

/// One measured number beside what it should be and what others reach.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub(crate) struct Figure {
    /// What was measured; a peer's own row begins with the peer's name.
    pub(crate) name: String,
    /// The median of the runs, in `unit`.
    pub(crate) value: f64,
    /// `guest instructions/call`, `B/event`, `M events/s`, `MiB`, `ms`, `%` or `x`.
    pub(crate) unit: String,
    /// What it must reach, in `unit`; absent where there is no goal.
    pub(crate) goal: Option<f64>,
    /// Who else was measured in the same run.
    pub(crate) peer: Option<String>,
    /// What the peer reached, in `unit`.
    pub(crate) peer_value: Option<f64>,
    /// The single runs, in `unit`, in order.
    pub(crate) runs: Vec<f64>,
}

impl Figure {
    /// A figure whose value is the median of its runs.
    pub(crate) fn from_runs(
        name: &str,
        runs: Vec<f64>,
        unit: &str,
        goal: Option<f64>,
        peer: Option<(&str, f64)>,
    ) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            value: sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN),
            unit: unit.to_owned(),
            goal,
            peer: peer.map(|(name, _)| name.to_owned()),
            peer_value: peer.map(|(_, value)| value),
            runs,
        }
    }
}

impl Report {
    /// The table, without date.
    pub(crate) fn table(&self) -> String {
        let Self { bench, command, conditions, figures } = self;
        let mut text = format!("`{command}` ({bench}; {conditions})\n\n");
        text += "| figure | value | unit | goal | peer | peer value | runs |\n| --- | ---: | --- | ---: | --- | ---: | --- |\n";
        for figure in figures {
            text += &row(figure);
        }
        text
    }

    /// Appends the table under a heading with today's date.
    pub(crate) fn append_to(&self, path: &Path) -> Result<()> {
        let date = process::output(Command::new("date").arg("+%Y-%m-%d")).context("today's date is not known")?;
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        let old = fs::read_to_string(path).unwrap_or_else(|_missing| "# Results of `cargo xtask bench`\n".to_owned());
        let text = format!("{old}\n## {} {}\n\n{}", date.trim(), self.bench, self.table());
        fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
    }
}

fn row(figure: &Figure) -> String {
    let Figure { name, value, unit, goal, peer, peer_value, runs } = figure;
    let optional = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let runs = runs.iter().map(|run| number(*run)).collect::<Vec<_>>().join(", ");
    let peer = peer.as_deref().unwrap_or("–");
    let value = number(*value);
    format!("| {name} | {value} | {unit} | {} | {peer} | {} | {runs} |\n", optional(goal), optional(peer_value))
}

/// Large numbers without decimals, small ones with two.
fn number(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Report};
    use crate::scratch::Scratch;

    fn report() -> Report {
        let figure = Figure {
            name: "fentry".to_owned(),
            value: 412.4,
            unit: "guest instructions/call".to_owned(),
            goal: Some(500.0),
            peer: Some("funclatency".to_owned()),
            peer_value: Some(1675.0),
            runs: vec![412.4, 413.0, 3.25],
        };
        let command = "cargo xtask bench probes".to_owned();
        Report { bench: "probes".to_owned(), command, conditions: "6.12".to_owned(), figures: vec![figure] }
    }

    #[test]
    fn the_json_form_has_the_agreed_keys() {
        let json = serde_json::to_value(report()).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&json), ["bench", "figures"]);
        assert_eq!(keys(&json["figures"][0]), ["goal", "name", "peer", "peer_value", "runs", "unit", "value"]);
    }

    #[test]
    fn tables_are_appended_under_a_date() {
        let scratch = Scratch::new("bench");
        let path = scratch.path().join("bench/RESULTS.md");
        report().append_to(&path).unwrap();
        report().append_to(&path).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.matches(" probes\n").count(), 2, "{text}");
        let row = "| fentry | 412 | guest instructions/call | 500 | funclatency | 1675 | 412, 413, 3.25 |";
        assert!(text.contains(row), "{text}");
    }
}
