//! The JSON schema of one line of the JSON lines: which keys each operation has, and of what kind.
//!
//! It is made from the tables that the text form is made from, so that a new operation is in both or in neither.

use serde_json::{Map, Value, json};

use crate::event::bits::Bitset;
use crate::event::flat::OP_NAMES;
use crate::event::text::keys::{DURATION_KEY, Form, is_log_op, is_point, keys_of};
use crate::event::text::{
    CAUSES, DECODE_ERROR, FLUSH_KINDS, GAP, IMPLEMENTATIONS, cause_name, flush_kind_name, impl_name,
};

/// Which keys an object has.
#[derive(Debug, Default)]
struct Keys {
    properties: Map<String, Value>,
    needed: Vec<String>,
}

impl Keys {
    fn new(op: &str) -> Self {
        let mut keys = Self::default();
        keys.needs("time_ns", count());
        keys.needs("op", json!({"const": op}));
        keys
    }

    fn needs(&mut self, name: &str, kind: Value) {
        self.needed.push(name.to_owned());
        self.may_have(name, kind);
    }

    fn may_have(&mut self, name: &str, kind: Value) {
        self.properties.insert(name.to_owned(), kind);
    }

    fn schema(self) -> Value {
        let Self { properties, needed } = self;
        json!({"properties": properties, "required": needed, "additionalProperties": false})
    }
}

/// The schema, with a line end.
///
/// # Errors
/// None in practice: it has no keys but strings.
pub fn render() -> Result<Vec<u8>, serde_json::Error> {
    let mut kinds: Vec<Value> = OP_NAMES.iter().map(|(code, name)| event(*code, name).schema()).collect();
    kinds.extend([gap().schema(), decode_error().schema()]);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dmlog-top export --to jsonl",
        "description": "One line: an event of a device-mapper dirty region log, a gap, or a decode error. time_ns is \
            CLOCK_MONOTONIC when a call was over; *_ns are nanoseconds, sectors have 512 bytes, region counts from 0.",
        "type": "object",
        "oneOf": kinds,
    });
    let mut out = serde_json::to_vec_pretty(&schema)?;
    out.push(b'\n');
    Ok(out)
}

fn event(code: u16, name: &str) -> Keys {
    let mut keys = Keys::new(name);
    for common in ["cpu", "tid", "log"] {
        keys.needs(common, count());
    }
    if is_log_op(code) {
        keys.needs("impl", words(IMPLEMENTATIONS.map(impl_name)));
    }
    match name {
        "identity" => identity(&mut keys),
        "bits" => bits(&mut keys),
        _ => {}
    }
    for key in keys_of(code).unwrap_or_default() {
        let kind = match key.form {
            Form::Count | Form::Bits => count(),
            Form::Signed => json!({"type": "integer"}),
            Form::Flag => flag(),
            Form::FlushKind => words(FLUSH_KINDS.map(flush_kind_name)),
            Form::Text => text(),
        };
        if key.needed { keys.needs(key.name, kind) } else { keys.may_have(key.name, kind) }
    }
    if !is_point(code) {
        keys.may_have(DURATION_KEY, count());
    }
    keys
}

fn identity(keys: &mut Keys) {
    keys.needs("device", device());
    for name in ["name", "log_type"] {
        keys.needs(name, text());
    }
    for name in ["region_size_sectors", "region_count", "sync_count", "sync_option", "target_sectors", "target_begin"] {
        keys.may_have(name, count());
    }
    keys.may_have("log_device", device());
    keys.may_have("legs", count());
    for name in ["flush_failed", "log_device_failed"] {
        keys.needs(name, flag());
    }
}

fn bits(keys: &mut Keys) {
    keys.needs("bitset", words(Bitset::ALL.map(Bitset::name)));
    for name in ["first", "regions"] {
        keys.needs(name, count());
    }
    keys.may_have("region_count", count());
    keys.needs("cut", flag());
    keys.may_have("bits", json!({"type": "string", "pattern": r"^0x[0-9a-f]+(\*[0-9]+)?(,0x[0-9a-f]+(\*[0-9]+)?)*$"}));
    keys.may_have("sync_count", count());
    keys.may_have("sync_search", json!({"type": "integer"}));
    for name in ["touched_dirtied", "touched_cleaned", "flush_failed", "log_device_failed", "log_device_flush_failed"] {
        keys.may_have(name, flag());
    }
}

fn gap() -> Keys {
    let mut keys = Keys::new(GAP);
    keys.may_have("cpu", count());
    keys.may_have("lost", count());
    keys.needs("cause", words(CAUSES.map(cause_name)));
    keys
}

fn decode_error() -> Keys {
    let mut keys = Keys::new(DECODE_ERROR);
    keys.needs("reason", text());
    keys
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn device() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+:[0-9]+$"})
}

fn words<const N: usize>(words: [&str; N]) -> Value {
    json!({"enum": words.to_vec()})
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::render;
    use crate::event::flat::OP_NAMES;

    #[test]
    fn every_operation_is_there_once() {
        let schema: Value = serde_json::from_slice(&render().unwrap()).unwrap();
        let kinds = schema["oneOf"].as_array().unwrap();
        let mut names: Vec<&str> =
            kinds.iter().map(|kind| kind["properties"]["op"]["const"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = OP_NAMES.iter().map(|(_, name)| *name).chain(["gap", "decode_error"]).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let flush = kinds.iter().find(|kind| kind["properties"]["op"]["const"] == "flush").unwrap();
        assert_eq!(flush["required"], serde_json::json!(["time_ns", "op", "cpu", "tid", "log", "impl", "result"]));
        assert_eq!(flush["properties"]["kind"]["enum"], serde_json::json!(["no-op", "dirtied", "cleaned-only"]));
    }
}
