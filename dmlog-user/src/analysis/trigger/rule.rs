//! What a person writes as a rule: `flush.dirtied.p99 > 20ms`, `write.max >= 1s over 10s`, `lost > 0`.
//!
//! ```text
//! rule    = subject [ "." statistic ] ( ">" | ">=" ) value [ "over" duration ]
//! subject = flush | flush.dirtied | flush.cleaned_only | flush.no_op | mark | clear | write | read | recovery | userspace
//!                                   with a statistic
//!         | errors | lost           without
//! ```

use std::fmt;
use std::str::FromStr;

use crate::analysis::subject::Subject;

/// Time over which a rule is judged where it does not say: one second.
const WINDOW_NS: u64 = 1_000_000_000;

/// Longest time over which a rule is judged: an hour.
const WINDOW_NS_MAX: u64 = 3_600_000_000_000;

/// What is told of their durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// How many there are.
    Count,
    /// Mean, in nanoseconds.
    Mean,
    /// Median, in nanoseconds.
    P50,
    /// What 90 % do not exceed, in nanoseconds.
    P90,
    /// What 99 % do not exceed.
    P99,
    /// What 99.9 % do not exceed.
    P999,
    /// The longest.
    Max,
}

const STATISTICS: [(&str, Statistic); 7] = [
    ("count", Statistic::Count),
    ("mean", Statistic::Mean),
    ("p50", Statistic::P50),
    ("p90", Statistic::P90),
    ("p99", Statistic::P99),
    ("p999", Statistic::P999),
    ("max", Statistic::Max),
];

const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)];

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As it was written.
    pub text: String,
    /// Of what.
    pub subject: Subject,
    /// Which number.
    pub statistic: Statistic,
    /// Nanoseconds, or how many.
    pub threshold: u64,
    /// Reaching the threshold is enough.
    pub or_equal: bool,
    /// Nanoseconds over which it is judged.
    pub window_ns: u64,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct RuleError {
    /// Where, from 1, in characters.
    pub column: usize,
    /// What should stand there.
    pub expected: String,
}

impl Rule {
    /// Whether a number breaks the rule.
    pub fn is_broken_by(&self, number: u64) -> bool {
        number > self.threshold || (self.or_equal && number == self.threshold)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut words = Words { text, at: 0 };
        let (at, metric) = words.next(|c| !c.is_whitespace() && c != '>');
        let (subject, statistic) = metric_of(metric).ok_or_else(|| words.error(at, metrics()))?;
        let (at, sign) = words.next(|c| c == '>' || c == '=');
        let or_equal = match sign {
            ">" => false,
            ">=" => true,
            _ => return Err(words.error(at, "`>` or `>=`")),
        };
        let (at, value) = words.next(|c| !c.is_whitespace());
        let threshold = if statistic == Statistic::Count {
            value.parse().map_err(|_not_a_number| words.error(at, "a whole number"))?
        } else {
            duration_ns(value).ok_or_else(|| words.error(at, "a duration such as `20ms`, in ns, us, ms, s or m"))?
        };
        let (at, over) = words.next(|c| !c.is_whitespace());
        let window_ns = match over {
            "" => WINDOW_NS,
            "over" => {
                let (at, window) = words.next(|c| !c.is_whitespace());
                let window = duration_ns(window).filter(|ns| (WINDOW_NS / 10..=WINDOW_NS_MAX).contains(ns));
                window.ok_or_else(|| words.error(at, "a duration between 100ms and 60m"))?
            }
            _ => return Err(words.error(at, "`over` and a duration, or the end")),
        };
        let (at, more) = words.next(|c| !c.is_whitespace());
        if !more.is_empty() {
            return Err(words.error(at, "the end"));
        }
        Ok(Self { text: text.trim().to_owned(), subject, statistic, threshold, or_equal, window_ns })
    }
}

fn metric_of(text: &str) -> Option<(Subject, Statistic)> {
    if let Some(subject) = Subject::named(text).filter(|subject| subject.is_count()) {
        return Some((subject, Statistic::Count));
    }
    let (name, statistic) = text.rsplit_once('.')?;
    let (_, statistic) = STATISTICS.iter().find(|(known, _)| *known == statistic)?;
    let subject = Subject::named(name).filter(|subject| !subject.is_count())?;
    Some((subject, *statistic))
}

fn metrics() -> String {
    let subjects = Subject::timed_names().join(", ");
    let statistics: Vec<&str> = STATISTICS.iter().map(|(name, _)| *name).collect();
    format!("`errors`, `lost`, or one of {subjects} with a dot and one of {}", statistics.join(", "))
}

/// A duration with its unit, in nanoseconds.
pub fn duration_ns(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let ns = number.parse::<f64>().ok()? * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just compared")]
    (0.0..1e18).contains(&ns).then_some(ns as u64)
}

/// The words of a rule and where they stand.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    /// The next word of such characters, behind white space; empty at the end or at other characters.
    fn next(&mut self, is_of_word: impl Fn(char) -> bool) -> (usize, &'a str) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let begin = self.at + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();
        let word = rest.split_at(rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())).0;
        self.at = begin + word.len();
        (begin, word)
    }

    fn error(&self, at: usize, expected: impl Into<String>) -> RuleError {
        let column = self.text.get(..at).unwrap_or_default().chars().count() + 1;
        RuleError { column, expected: expected.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, Statistic, Subject};

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[test]
    fn rules_are_read() {
        let first = rule(" flush.dirtied.p99>20ms ");
        assert_eq!(
            (first.subject, first.statistic, first.threshold),
            (Subject::DirtiedFlush, Statistic::P99, 20_000_000)
        );
        assert_eq!((first.window_ns, first.to_string().as_str()), (1_000_000_000, "flush.dirtied.p99>20ms"));
        assert!(!first.is_broken_by(20_000_000) && first.is_broken_by(20_000_001));
        let second = rule("write.max >= 1.5s over 10s");
        assert_eq!(
            (second.subject, second.statistic, second.threshold),
            (Subject::Write, Statistic::Max, 1_500_000_000)
        );
        assert_eq!(second.window_ns, 10_000_000_000);
        assert!(second.is_broken_by(1_500_000_000));
        assert_eq!((rule("lost > 0").subject, rule("lost > 0").statistic), (Subject::Lost, Statistic::Count));
        assert_eq!((rule("flush.count > 9").subject, rule("flush.count > 9").threshold), (Subject::Flush, 9));
        assert_eq!(rule("read.mean > 7µs").threshold, 7_000);
    }

    #[test]
    fn what_is_no_rule_says_where_and_what_was_expected() {
        let wrong = |text: &str| text.parse::<Rule>().unwrap_err().to_string();
        for (text, column, expected) in [
            ("", 1, "`errors`, `lost`"),
            ("flush > 1ms", 1, "with a dot"),
            ("flush.dirty.p99 > 1ms", 1, "flush.dirtied"),
            ("lost.p99 > 1ms", 1, "one of"),
            ("  flush.p98 > 1ms", 3, "p999"),
            ("flush.p99 < 1ms", 11, "`>` or `>=`"),
            ("flush.p99", 10, "`>` or `>=`"),
            ("flush.p99 > 20", 13, "a duration"),
            ("flush.p99 > -1ms", 13, "a duration"),
            ("flush.p99 > 99999999999m", 13, "a duration"),
            ("errors > 1ms", 10, "a whole number"),
            ("errors > 1 or lost > 1", 12, "`over`"),
            ("errors > 1 over 9h", 17, "between 100ms and 60m"),
            ("errors > 1 over 9s x", 20, "the end"),
        ] {
            let told = wrong(text);
            assert!(
                told.starts_with(&format!("column {column}: expected")) && told.contains(expected),
                "{text}: {told}"
            );
        }
    }
}
