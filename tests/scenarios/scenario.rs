//! The form of a case file.
//!
//! ```text
//! # a comment, anywhere
//! [facts]
//! {"host": "node1"}                the capture facts as JSON, in one or more lines
//! [settings]
//! since_ns = 20000000              since_ns, until_ns, top
//! [events]
//! 1.000000000 cpu=0 tid=1 log=1 identity device="254:0" …
//! [report]
//! window.events = 10               path in the JSON report = value as JSON
//! [device vg/lv]
//! ops.mark_region.count = 1        the same, within the device of that name
//! ops.ctr = absent                 there is no such thing
//! ```
//!
//! A path that leads nowhere is an error, and so is an unknown section or a path given twice.

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::ids::DurationNs;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::session::Settings;
use dmlog_user::session::snapshot::TOP_DEFAULT;
use dmlog_user::session::window::Moment;
use serde_json::Value;

/// One case.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    /// What is known of the capture.
    pub(crate) facts: CaptureFacts,
    /// The window.
    pub(crate) settings: Settings,
    /// Rows of each list.
    pub(crate) top: usize,
    /// The stream.
    pub(crate) items: Vec<Item>,
    expected: Vec<Expectation>,
}

#[derive(Debug)]
struct Expectation {
    /// Number of its line, from 1.
    line: usize,
    /// `None` for the whole report.
    device: Option<String>,
    path: String,
    /// `None` if there must be nothing.
    value: Option<Value>,
}

#[derive(Clone, Debug)]
enum Section {
    None,
    Facts,
    Settings,
    Events,
    Report,
    Device(String),
}

impl Scenario {
    /// Reads a case; the error is a sentence with the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut scenario = Self { top: TOP_DEFAULT, ..Self::default() };
        let mut section = Section::None;
        let mut facts = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |problem: String| format!("line {number}: {problem}");
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = section_of(name).ok_or_else(|| at(format!("unknown section `{name}`")))?;
                continue;
            }
            match &section {
                Section::None => return Err(at("text before the first section".to_owned())),
                Section::Facts => facts.push_str(line),
                Section::Settings => scenario.set(line).map_err(at)?,
                Section::Events => scenario.items.push(parse(line).map_err(|error| at(error.to_string()))?),
                Section::Report => scenario.expect(number, None, line).map_err(at)?,
                Section::Device(name) => scenario.expect(number, Some(name.clone()), line).map_err(at)?,
            }
        }
        if !facts.is_empty() {
            scenario.facts = serde_json::from_str(&facts).map_err(|error| format!("facts: {error}"))?;
        }
        Ok(scenario)
    }

    fn set(&mut self, line: &str) -> Result<(), String> {
        let (key, value) = pair(line)?;
        let number: u64 = value.parse().map_err(|error| format!("`{value}` is no number: {error}"))?;
        match key {
            "since_ns" => self.settings.since = Some(Moment::FromStart(DurationNs(number))),
            "until_ns" => self.settings.until = Some(Moment::FromStart(DurationNs(number))),
            "top" => self.top = usize::try_from(number).map_err(|error| format!("`top`: {error}"))?,
            _ => return Err(format!("unknown setting `{key}`")),
        }
        Ok(())
    }

    fn expect(&mut self, line: usize, device: Option<String>, text: &str) -> Result<(), String> {
        let (path, value) = pair(text)?;
        let value = match value {
            "absent" => None,
            _ => Some(serde_json::from_str(value).map_err(|error| format!("`{value}` is not JSON: {error}"))?),
        };
        if self.expected.iter().any(|known| known.device == device && known.path == path) {
            return Err(format!("`{path}` is given twice"));
        }
        self.expected.push(Expectation { line, device, path: path.to_owned(), value });
        Ok(())
    }

    /// Number of expectations.
    pub(crate) fn expectations(&self) -> usize {
        self.expected.len()
    }

    /// Compares with a JSON report; one line for everything that is not as expected.
    pub(crate) fn check(&self, json: &str) -> Vec<String> {
        let report: Value = match serde_json::from_str(json) {
            Ok(report) => report,
            Err(error) => return vec![format!("the report is not JSON: {error}")],
        };
        self.expected.iter().filter_map(|expected| expected.problem(&report)).collect()
    }
}

impl Expectation {
    fn problem(&self, report: &Value) -> Option<String> {
        let Self { line, device, path, value } = self;
        let root = match device {
            None => report,
            Some(name) => match device_of(report, name) {
                Some(device) => device,
                None => return Some(format!("line {line}: the report has no device `{name}`")),
            },
        };
        match (resolve(root, path), value) {
            (Some(found), Some(value)) if found == value => None,
            (None, None) => None,
            (Some(found), Some(value)) => Some(format!("line {line}: {path} is {found}, not {value}")),
            (Some(found), None) => Some(format!("line {line}: {path} is {found}, and should not be there")),
            (None, Some(_)) => Some(format!("line {line}: the report has no `{path}`")),
        }
    }
}

fn section_of(name: &str) -> Option<Section> {
    Some(match name {
        "facts" => Section::Facts,
        "settings" => Section::Settings,
        "events" => Section::Events,
        "report" => Section::Report,
        _ => Section::Device(name.strip_prefix("device ")?.to_owned()),
    })
}

fn pair(line: &str) -> Result<(&str, &str), String> {
    let (key, value) = line.split_once('=').ok_or("expected `name = value`")?;
    Ok((key.trim(), value.trim()))
}

fn device_of<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    report.get("devices")?.as_array()?.iter().find(|device| device.get("name").and_then(Value::as_str) == Some(name))
}

/// Follows names and places, joined by dots.
fn resolve<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(root, |value, step| match value {
        Value::Array(rows) => rows.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn what_is_unknown_is_denied() {
        for (text, problem) in [
            ("x", "line 1: text before the first section"),
            ("[nonsense]", "line 1: unknown section `nonsense`"),
            ("[settings]\nfoo = 1", "line 2: unknown setting `foo`"),
            ("[report]\na = 1\na = 2", "line 3: `a` is given twice"),
            ("[report]\na", "line 2: expected `name = value`"),
        ] {
            assert_eq!(Scenario::parse(text).unwrap_err(), problem);
        }
        assert!(Scenario::parse("[events]\nnonsense").unwrap_err().starts_with("line 2: "));
        assert!(Scenario::parse("[facts]\n{").unwrap_err().starts_with("facts: "));
    }

    #[test]
    fn what_is_not_met_is_told() {
        let text = "[report]\na.b = 1\na.c = 1\na.d = absent\n[device x]\ne = 1\n[device y]\nrows.1 = 5";
        let scenario = Scenario::parse(text).unwrap();
        let json = r#"{"a": {"b": 2, "d": 3}, "devices": [{"name": "y", "rows": [4, 5]}]}"#;
        assert_eq!(
            scenario.check(json),
            [
                "line 2: a.b is 2, not 1",
                "line 3: the report has no `a.c`",
                "line 4: a.d is 3, and should not be there",
                "line 6: the report has no device `x`",
            ]
        );
    }
}
