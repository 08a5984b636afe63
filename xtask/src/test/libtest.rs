//! Reads what a Rust test binary prints.
//!
//! A result is a line `test NAME ... ok`. With one thread the name is printed before the test runs, so anything that a
//! test writes past the harness can stand between the name and the result. A test that cannot run where it is prints
//! `SKIP NAME: REASON` and returns; it is then counted as skipped, never as passed. A binary that ends before all its
//! tests have reported has failed as many as are missing.
//!
//! When all have, what they wrote is shown. A test of a test binary has the lines of another harness in it, which count for nothing.

use std::collections::BTreeMap;

use crate::test::tally::Tally;

/// What one test said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
}

/// Folds the lines of one or more test binaries.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    announced: usize,
    outcomes: Vec<(String, Outcome)>,
    skips: BTreeMap<String, String>,
    /// A test that has begun and not ended.
    running: Option<String>,
    /// Tests of the binary that runs, and results of it that are still to come.
    tests: usize,
    awaited: usize,
    /// All results are there, and what tests wrote is being shown.
    shows: bool,
}

impl Parser {
    /// Takes the next line.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(count) =
            line.strip_prefix("running ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok())
        {
            if !self.shows {
                self.announced += count;
                (self.tests, self.awaited) = (count, count);
            }
        } else if self.awaited == 0 && matches!(line, "successes:" | "failures:") {
            self.shows = true;
        } else if let Some(summary) = line.strip_prefix("test result: ") {
            // The last line of a binary; one of another harness is of another number of tests.
            self.shows = self.shows && summarized(summary) != self.tests;
        } else if let Some((name, reason)) = line.strip_prefix("SKIP ").and_then(|rest| rest.split_once(": ")) {
            self.skips.insert(name.to_owned(), reason.to_owned());
        } else if let Some((name, rest)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            match outcome(rest) {
                Some(outcome) => self.report(name.to_owned(), outcome),
                None if !self.shows => self.running = Some(name.to_owned()),
                None => {}
            }
        } else if let (Some(outcome), Some(name)) = (outcome(line), self.running.clone()) {
            self.running = None;
            self.report(name, outcome);
        }
    }

    fn report(&mut self, name: String, outcome: Outcome) {
        if !self.shows {
            self.awaited = self.awaited.saturating_sub(1);
            self.outcomes.push((name, outcome));
        }
    }

    /// The counts. `None` when there was no test binary at all in what was read.
    pub(crate) fn tally(self) -> Tally {
        let Self { announced, outcomes, mut skips, running, .. } = self;
        let mut tally = Tally::default();
        let reported = outcomes.len();
        for (name, outcome) in outcomes {
            match (outcome, skips.remove(&name)) {
                (Outcome::Failed, _) => tally.fail(name),
                (Outcome::Passed, None) => tally.pass(),
                (Outcome::Passed, Some(reason)) => tally.skip(name, reason),
                (Outcome::Ignored, reason) => tally.skip(name, reason.unwrap_or_else(|| "ignored".to_owned())),
            }
        }
        let mut missing = announced.saturating_sub(reported);
        if let (Some(name), 1..) = (running, missing) {
            tally.fail(format!("{name} (did not end)"));
            missing -= 1;
        }
        for number in 1..=missing {
            tally.fail(format!("a test that never reported ({number} of {missing})"));
        }
        tally
    }
}

/// Tests that the last line of a binary speaks of: `ok. 2 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; …`.
fn summarized(summary: &str) -> usize {
    let counts = summary.split(['.', ';']).filter_map(|part| part.trim().split_once(' '));
    let counts = counts.filter(|(_, what)| ["passed", "failed", "ignored", "measured"].contains(what));
    counts.filter_map(|(count, _)| count.parse::<usize>().ok()).sum()
}

/// The word after the dots; `ok` may be followed by a time.
fn outcome(text: &str) -> Option<Outcome> {
    match text.trim().split([' ', ',']).next()? {
        "ok" => Some(Outcome::Passed),
        "FAILED" => Some(Outcome::Failed),
        "ignored" => Some(Outcome::Ignored),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Parser;
    use crate::test::tally::Tally;

    fn tally(text: &str) -> Tally {
        let mut parser = Parser::default();
        text.lines().for_each(|line| parser.line(line));
        parser.tally()
    }

    #[test]
    fn results_skips_and_failures_are_counted_by_name() {
        let text = "\nrunning 4 tests\ntest a::one ... ok\ntest a::two ... FAILED\ntest three ... ok\n\
                    test four ... ignored, slow\n\nsuccesses:\n\n---- three stdout ----\nSKIP three: no BTF: none\n\n\
                    test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n";
        let tally = tally(text);
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 2 skipped");
        assert_eq!(tally.details(), "skipped three: no BTF: none\nskipped four: ignored\nfailed a::two\n");
    }

    #[test]
    fn output_between_a_name_and_its_result_does_not_hide_the_result() {
        assert_eq!(
            tally("running 1 test\ntest a ... created m1\nmore\nok\n").to_string(),
            "1 passed, 0 failed, 0 skipped"
        );
    }

    #[test]
    fn the_output_of_a_test_may_hold_another_harness() {
        let inner =
            "running 1 test\ntest inner ... FAILED\nfailures:\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        let text = format!(
            "running 2 tests\ntest a ... ok\ntest b ... ok\n\nsuccesses:\n\n---- a stdout ----\n{inner}\n\
             SKIP b: no\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 1.00s\n\
             \nrunning 1 test\ntest c ... FAILED\n"
        );
        assert_eq!(tally(&text).to_string(), "1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_binary_that_ends_early_has_failed_what_is_missing() {
        let tally = tally("running 3 tests\ntest a ... ok\ntest b ... ");
        assert_eq!(tally.to_string(), "1 passed, 2 failed, 0 skipped");
        assert!(tally.details().contains("failed b (did not end)"), "{}", tally.details());
    }
}
