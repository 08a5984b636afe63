//! `gate.toml`: which metrics matter, and how much of a change does.
//!
//! ```toml
//! confidence = 0.99                # of all rules, 0.5 to 0.9999; 0.99 if it is not there
//! allow = ["kernel"]               # what must not make the verdict inconclusive
//! built_in = true                  # the built-in rules too, but for what has a rule here; false if it is not there
//!
//! [[rule]]
//! metric = "flush.dirtied.p99"     # see `gate::metric`
//! worse = "higher"                 # or "lower"; if it is not there, lower of rates, and higher of all others
//! relative_floor = "5%"            # or 0.05; 5 % if it is not there
//! absolute_floor = "50us"          # a duration for durations, else a number; 0 if it is not there
//! minimum_samples = 1000           # durations or events on each side; as many as the metric needs if it is not there
//! confidence = 0.999               # of this rule
//! exact = true                     # no noise: where the runs of a side agree, any change beyond the floors counts
//! devices = ["vg/lv"]              # only these mirrors; all if it is not there
//! optional = true                  # where there is nothing to judge, say nothing
//! ```

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::RuleError;
use super::{CONFIDENCE, Rule, RuleSet, Worse, built_in};
use crate::analysis::catalogue::Unit;
use crate::analysis::trigger::rule::duration_ns;
use crate::gate::metric::{Metric, NotAMetric, Statistic};
use crate::gate::verdict::reason::ReasonKind;

/// Largest rule file.
pub const BYTES_MAX: usize = 1 << 20;

/// Rules of a file at most: each is tested for each mirror, and each test costs all others some power.
pub const RULES_MAX: usize = 256;

/// A change that does not matter where a rule does not say.
pub const RELATIVE_FLOOR: f64 = 0.05;

const CONFIDENCES: std::ops::RangeInclusive<f64> = 0.5..=0.9999;

const TOP: [&str; 4] = ["confidence", "allow", "built_in", "rule"];
const OF_A_RULE: [&str; 9] = [
    "metric",
    "worse",
    "relative_floor",
    "absolute_floor",
    "minimum_samples",
    "confidence",
    "exact",
    "devices",
    "optional",
];

/// Reads a rule file.
///
/// # Errors
/// [`RuleError`]: one mistake, with its place.
pub fn parse(text: &str) -> Result<RuleSet, RuleError> {
    let file = File { text };
    if text.len() > BYTES_MAX {
        return Err(file.error(None, format!("{} bytes", text.len()), format!("at most {BYTES_MAX}")));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let expected = "TOML, such as `gate --print-rules` prints";
        file.error(error.span(), error.message().trim().replace('\n', ", "), expected)
    })?;
    let table = table.get_ref();
    file.known_keys(table, &TOP)?;
    let confidence = table.get("confidence").map_or(Ok(CONFIDENCE), |value| file.confidence(value))?;
    let allow = table.get("allow").map_or(Ok(BTreeSet::new()), |value| file.allow(value))?;
    let with_built_in = table.get("built_in").map_or(Ok(false), |value| file.boolean(value))?;
    let mut rules: Vec<Rule> = Vec::new();
    if let Some(value) = table.get("rule") {
        for (table, span) in file.tables(value)? {
            let rule = file.rule(table, span.clone(), confidence)?;
            if rules.len() >= RULES_MAX {
                return Err(file.error(Some(span), "one more rule", format!("at most {RULES_MAX}")));
            }
            if rules.iter().any(|other| is_twice(other, &rule)) {
                let found = format!("a second rule for `{}` of the same mirrors", rule.metric);
                return Err(file.error(Some(span), found, "one rule for a metric of a mirror"));
            }
            rules.push(rule);
        }
    }
    if with_built_in {
        // One for some mirrors leaves the others to the built-in rule; the verdict takes the first rule that a mirror has.
        let of_all = rules.iter().filter(|rule| rule.devices.is_empty());
        let written: Vec<Metric> = of_all.map(|rule| rule.metric.clone()).collect();
        let others = built_in::rules().rules.into_iter().filter(|rule| !written.contains(&rule.metric));
        rules.extend(others.map(|rule| Rule { confidence, ..rule }));
    }
    if rules.is_empty() {
        return Err(file.error(None, "no rule", "`[[rule]]` and its `metric`, or `built_in = true`"));
    }
    Ok(RuleSet { rules, allow })
}

/// Two rules that would judge the same.
fn is_twice(one: &Rule, other: &Rule) -> bool {
    let overlap = one.devices.is_empty()
        || other.devices.is_empty()
        || one.devices.iter().any(|device| other.devices.contains(device));
    one.metric == other.metric && overlap
}

/// A value and where it stands.
type At<'a> = Spanned<DeValue<'a>>;

#[derive(Clone, Copy)]
struct File<'a> {
    text: &'a str,
}

impl File<'_> {
    fn error(self, span: Option<Range<usize>>, found: impl Into<String>, expected: impl Into<String>) -> RuleError {
        RuleError::at(self.text, span, found, expected)
    }

    fn wrong(self, value: &At<'_>, expected: impl Into<String>) -> RuleError {
        let span = value.span();
        let found = match self.text.get(span.clone()) {
            Some(text) if !text.is_empty() => format!("`{text}`"),
            _ => value.get_ref().type_str().to_owned(),
        };
        self.error(Some(span), found, expected)
    }

    fn known_keys(self, table: &DeTable<'_>, known: &[&str]) -> Result<(), RuleError> {
        // In the order of the text, so that the first mistake is told.
        let mut keys: Vec<_> = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())).collect();
        keys.sort_by_key(|key| key.span().start);
        match keys.first() {
            None => Ok(()),
            Some(key) => {
                let found = format!("unknown key `{}`", key.get_ref());
                Err(self.error(Some(key.span()), found, format!("one of {}", known.join(", "))))
            }
        }
    }

    fn tables<'a>(self, value: &'a At<'_>) -> Result<Vec<(&'a DeTable<'a>, Range<usize>)>, RuleError> {
        let expected = "`[[rule]]`, with double brackets";
        let array = value.get_ref().as_array().ok_or_else(|| self.wrong(value, expected))?;
        let table = |value: &'a At<'_>| {
            let table = value.get_ref().as_table().ok_or_else(|| self.wrong(value, expected))?;
            Ok((table, value.span()))
        };
        array.iter().map(table).collect()
    }

    fn rule(self, table: &DeTable<'_>, span: Range<usize>, confidence: f64) -> Result<Rule, RuleError> {
        self.known_keys(table, &OF_A_RULE)?;
        let Some(metric) = table.get("metric") else {
            return Err(self.error(
                Some(span),
                "a rule without `metric`",
                "a metric, such as `metric = \"write.p99\"`",
            ));
        };
        let metric: Metric =
            self.string(metric)?.parse().map_err(|error: NotAMetric| self.wrong(metric, error.to_string()))?;
        let lower_is_worse = matches!(metric, Metric::Of(_, Statistic::Rate));
        let rule = Rule {
            worse: match table.get("worse") {
                Some(value) => self.worse(value)?,
                None if lower_is_worse => Worse::Lower,
                None => Worse::Higher,
            },
            relative_floor: table.get("relative_floor").map_or(Ok(RELATIVE_FLOOR), |value| self.share(value))?,
            absolute_floor: table.get("absolute_floor").map_or(Ok(0.0), |value| self.floor(value, &metric))?,
            minimum_samples: table.get("minimum_samples").map(|value| self.count(value)).transpose()?,
            confidence: table.get("confidence").map_or(Ok(confidence), |value| self.confidence(value))?,
            is_exact: table.get("exact").map_or(Ok(false), |value| self.boolean(value))?,
            devices: table.get("devices").map_or(Ok(Vec::new()), |value| self.devices(value))?,
            is_optional: table.get("optional").map_or(Ok(false), |value| self.boolean(value))?,
            metric,
        };
        if let (Metric::Figure(_), Some(devices)) = (&rule.metric, table.get("devices")) {
            return Err(self.wrong(devices, "no `devices`: a figure is of no mirror"));
        }
        Ok(rule)
    }

    fn string<'a>(self, value: &'a At<'_>) -> Result<&'a str, RuleError> {
        value.get_ref().as_str().ok_or_else(|| self.wrong(value, "a text in quotes"))
    }

    fn boolean(self, value: &At<'_>) -> Result<bool, RuleError> {
        value.get_ref().as_bool().ok_or_else(|| self.wrong(value, "`true` or `false`"))
    }

    /// A number; `None` of anything else, and of one that is not finite.
    fn number(value: &At<'_>) -> Option<f64> {
        let number: f64 = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok()?,
            DeValue::Float(number) => number.as_str().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    fn confidence(self, value: &At<'_>) -> Result<f64, RuleError> {
        let number = Self::number(value).filter(|number| CONFIDENCES.contains(number));
        number.ok_or_else(|| self.wrong(value, "a confidence from 0.5 to 0.9999"))
    }

    fn worse(self, value: &At<'_>) -> Result<Worse, RuleError> {
        match value.get_ref().as_str() {
            Some("higher") => Ok(Worse::Higher),
            Some("lower") => Ok(Worse::Lower),
            _ => Err(self.wrong(value, "`\"higher\"` or `\"lower\"`")),
        }
    }

    /// `"5%"` or 0.05.
    fn share(self, value: &At<'_>) -> Result<f64, RuleError> {
        let share = match value.get_ref().as_str() {
            Some(text) => text.strip_suffix('%').and_then(|text| plain(text.trim())).map(|percent| percent / 100.0),
            None => Self::number(value),
        };
        let share = share.filter(|share| (0.0..=100.0).contains(share));
        share.ok_or_else(|| self.wrong(value, "a share that is not negative, such as `\"5%\"` or 0.05"))
    }

    /// A duration where the metric is one, else a number.
    fn floor(self, value: &At<'_>, metric: &Metric) -> Result<f64, RuleError> {
        if metric.unit() == Some(Unit::Nanoseconds) {
            let text = value.get_ref().as_str();
            if Self::number(value) == Some(0.0) {
                return Ok(0.0);
            }
            return match text.and_then(duration_ns) {
                Some(ns) => Ok(ns as f64),
                None => Err(self.wrong(value, "a duration such as `\"50us\"`, in ns, us, ms, s or m")),
            };
        }
        let number = Self::number(value).filter(|number| *number >= 0.0);
        number.ok_or_else(|| self.wrong(value, format!("a number that is not negative, for `{metric}` is no duration")))
    }

    fn count(self, value: &At<'_>) -> Result<u64, RuleError> {
        let count = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        count.filter(|count| *count > 0).ok_or_else(|| self.wrong(value, "a whole number above 0"))
    }

    fn strings<'a>(self, value: &'a At<'_>, expected: &str) -> Result<Vec<(&'a str, &'a At<'a>)>, RuleError> {
        let array = value.get_ref().as_array().ok_or_else(|| self.wrong(value, expected))?;
        let one = |value: &'a At<'_>| {
            let text = value.get_ref().as_str().filter(|text| !text.is_empty());
            text.map(|text| (text, value)).ok_or_else(|| self.wrong(value, expected))
        };
        array.iter().map(one).collect()
    }

    fn allow(self, value: &At<'_>) -> Result<BTreeSet<ReasonKind>, RuleError> {
        let expected = format!("a list of {}", ReasonKind::names());
        let names = self.strings(value, &expected)?;
        let kind = |(name, value): (&str, &At<'_>)| {
            ReasonKind::named(name).ok_or_else(|| self.wrong(value, format!("one of {}", ReasonKind::names())))
        };
        names.into_iter().map(kind).collect()
    }

    fn devices(self, value: &At<'_>) -> Result<Vec<String>, RuleError> {
        let expected = "a list of mirrors, such as `[\"vg/lv\"]`";
        let names = self.strings(value, expected)?;
        if names.is_empty() {
            return Err(self.wrong(value, expected));
        }
        Ok(names.into_iter().map(|(name, _)| name.to_owned()).collect())
    }
}

/// A decimal number without sign.
fn plain(text: &str) -> Option<f64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests;
