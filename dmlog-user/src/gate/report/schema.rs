//! The JSON schema of a verdict as [`json`](super::json) writes it.

use serde_json::{Map, Value, json};

use super::json::{SCHEMA_VERSION, worse_name};
use crate::gate::rules::Worse;
use crate::gate::verdict::reason::REASONS;
use crate::gate::verdict::{Finding, Method, Outcome};

/// The schema, with a line end.
///
/// # Errors
/// None in practice: it has no keys but strings.
pub fn render() -> Result<Vec<u8>, serde_json::Error> {
    let mut schema = object(&[
        ("schema_version", json!({"const": SCHEMA_VERSION})),
        ("outcome", json!({"enum": OUTCOMES.map(Outcome::name)})),
        ("summary", said("The verdict in one line.")),
        ("rules_from", said("The file of the rules, or `built-in rules`.")),
        ("command", said("The command line that says this again.")),
        ("baseline", json!({"$ref": "#/$defs/side"})),
        ("candidate", json!({"$ref": "#/$defs/side"})),
        ("reasons", list(&reason())),
        ("judged", list(&judged())),
        ("notes", list(&text())),
    ]);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dmlog-top gate --format json",
        "description": "What the gate says of two sides of runs. Regressions are first in `judged`, then improvements. Values, \
            shifts and floors are in the `unit` of their row; *_ns are nanoseconds; what is not known is null.",
        "$defs": {"side": side(), "values": values()},
    });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
    }
    let mut out = serde_json::to_vec_pretty(&schema)?;
    out.push(b'\n');
    Ok(out)
}

const OUTCOMES: [Outcome; 3] = [Outcome::Passed, Outcome::Failed, Outcome::Inconclusive];

fn finding_names() -> [&'static str; 6] {
    [
        Finding::Regression.name(),
        Finding::Improvement.name(),
        Finding::Unchanged.name(),
        Finding::TooFew { needs: String::new() }.name(),
        Finding::Absent { what: String::new() }.name(),
        Finding::NotCompared.name(),
    ]
}

fn method_names() -> [&'static str; 4] {
    let bootstrap = Method::Bootstrap { slice_ns: 0, block: 0, rounds: 0 };
    [Method::Exact, Method::RankTest, bootstrap, Method::NotJudged].map(Method::name)
}

fn side() -> Value {
    object(&[
        ("runs", described(&list(&text()), "Names of the runs.")),
        ("duration_ns", described(&count(), "What the runs cover together.")),
        ("events", count()),
        ("machines", described(&list(&text()), "Kernel release and host, each once.")),
    ])
}

fn values() -> Value {
    object(&[
        ("value", described(&maybe(&number()), "Median of the runs' values.")),
        ("runs", described(&list(&number()), "The value of each run that has one.")),
        ("samples", described(&count(), "Durations or events behind it, of all runs.")),
    ])
}

fn reason() -> Value {
    let kinds: Vec<&str> = REASONS.iter().map(|(name, _)| *name).collect();
    object(&[
        ("kind", described(&json!({"enum": kinds}), "The name by which it is allowed.")),
        ("text", text()),
        ("allowed", flag()),
    ])
}

fn judged() -> Value {
    let shift = object(&[
        ("estimate", number()),
        ("relative", described(&maybe(&number()), "As a share of the baseline.")),
        ("low", described(&maybe(&number()), "Lower end of the interval at `confidence`.")),
        ("high", described(&maybe(&number()), "Upper end.")),
    ]);
    let bootstrap = object(&[("slice_ns", count()), ("block_slices", count()), ("rounds", count())]);
    object(&[
        ("metric", text()),
        ("device", described(&maybe(&text()), "The mirror; null of a number that belongs to none.")),
        ("unit", text()),
        ("finding", json!({"enum": finding_names()})),
        ("sentence", said("The finding in words.")),
        ("needs", described(&maybe(&text()), "Of `too_few`: what would be needed to decide.")),
        ("what", described(&maybe(&text()), "Of `absent`: what is missing where.")),
        ("method", json!({"enum": method_names()})),
        ("bootstrap", described(&maybe(&bootstrap), "Of `block_bootstrap`.")),
        ("baseline", json!({"$ref": "#/$defs/values"})),
        ("candidate", json!({"$ref": "#/$defs/values"})),
        ("shift", described(&maybe(&shift), "By how much the candidate is larger.")),
        ("p", described(&maybe(&share()), "Chance of such a difference between sides that are alike.")),
        ("p_adjusted", described(&maybe(&share()), "The same after Holm's correction over all rules.")),
        ("floor", described(&number(), "What a shift has to be beyond to matter: the larger of both floors.")),
        ("worse", json!({"enum": ([Worse::Higher, Worse::Lower].map(worse_name))})),
        ("relative_floor", described(&number(), "As a share of the baseline.")),
        ("absolute_floor", number()),
        ("minimum_samples", maybe(&count())),
        ("confidence", share()),
        ("exact", described(&flag(), "The metric has no noise.")),
        ("optional", described(&flag(), "A mirror without the metric is not worth a word.")),
        ("devices", described(&list(&text()), "Mirrors that the rule holds for; empty: all.")),
    ])
}

/// An object that has all of these keys and no other.
fn object(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let kinds: Map<String, Value> = properties.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect();
    json!({"type": "object", "properties": kinds, "required": names, "additionalProperties": false})
}

fn described(kind: &Value, description: &str) -> Value {
    let mut kind = kind.clone();
    if let Value::Object(keys) = &mut kind {
        keys.insert("description".to_owned(), json!(description));
    }
    kind
}

fn said(description: &str) -> Value {
    described(&text(), description)
}

fn maybe(kind: &Value) -> Value {
    json!({"anyOf": [kind, {"type": "null"}]})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
}

fn number() -> Value {
    json!({"type": "number"})
}

fn share() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn text() -> Value {
    json!({"type": "string"})
}
