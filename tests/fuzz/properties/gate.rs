//! What must hold for any text that is taken for a rule file, and for a file of runs: a mistake has a place in the text and is harmless,
//! and what is read can be judged and told.

use dmlog_user::gate::report::{Report, github, json, junit, markdown, text};
use dmlog_user::gate::rules::{built_in, file};
use dmlog_user::gate::run::saved::{from_json, to_json};
use dmlog_user::gate::verdict::judge::judge;

/// Runs that are judged; more take long and are not another case.
const RUNS_MAX: usize = 8;

/// The text as rules, and as runs that are judged against each other.
pub(crate) fn check(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    match file::parse(&given) {
        Ok(rules) => assert!(!rules.rules.is_empty()),
        Err(error) => {
            let lines = given.matches('\n').count() + 1;
            let line = given.split('\n').nth(error.line - 1).unwrap_or_default();
            assert!((1..=lines).contains(&error.line) && error.column <= line.chars().count() + 1, "{error}");
            assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
        }
    }
    match from_json(&given) {
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
        Ok(mut runs) => {
            runs.truncate(RUNS_MAX);
            assert_eq!(from_json(&to_json(&runs)).ok().as_ref(), Some(&runs));
            let (left, right) = runs.split_at(runs.len() / 2);
            let left = if left.is_empty() { right } else { left };
            let verdict = judge([left, right], &built_in::rules());
            let report = Report { verdict: &verdict, rules_from: "built-in rules", command: "dmlog-top gate" };
            let pages = [text::render(&report), markdown::render(&report), github::render(&report)];
            let machines = [json::render(&report).unwrap_or_default(), junit::render(&report).unwrap_or_default()];
            for page in pages.iter().chain(&machines) {
                assert!(!page.is_empty() && !page.chars().any(|c| c.is_control() && c != '\n'), "{page}");
            }
        }
    }
}
