//! A verdict as JUnit XML: one test case for each rule and mirror, and one for each reason not to trust it.
//!
//! | what | test case | why |
//! | --- | --- | --- |
//! | regression | failure | what was asserted does not hold |
//! | improvement, unchanged | passed | the numbers are in its output |
//! | a reason to be inconclusive | error, in the suite `comparison` | JUnit's error is a test that could not be carried out. CI systems count it as not passed; `skipped` would be green in Jenkins and GitLab while the gate exits with 3 |
//! | a reason that is allowed | skipped | it is told, and changes nothing |
//! | too few, absent, not compared | skipped, with what is needed | it was not carried out. Why the verdict is inconclusive is told once, by the error of its reason, and not by an error for each rule |
//! | the same, in a verdict that is inconclusive without a reason | error | then there is nothing else to tell it |
//!
//! So a file has a failure if the gate failed, an error if it is inconclusive, and neither if it passed. No time is told: a rule
//! takes none.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Document, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::page::Page;
use super::{Report, sentence};
use crate::export::number::harmless;
use crate::gate::verdict::{Finding, Judged, Outcome, Verdict};

/// The suite of what has nothing to do with any rule.
const COMPARISON: &str = "comparison";

/// The document.
///
/// # Errors
/// [`SerializeError`] if something has no place in XML; control characters are spelled out before.
pub fn render(report: &Report<'_>) -> Result<String, SerializeError> {
    let verdict = report.verdict;
    let mut document = Document::new("dmlog-top gate");
    document.add_test_suite(comparison(report));
    // One error for each rule only where no reason has one already.
    let is_error = verdict.outcome == Outcome::Inconclusive && verdict.reasons.iter().all(|reason| reason.is_allowed);
    for part in Page::of(report, usize::MAX).parts {
        let title = part.title();
        let mut suite = TestSuite::new(title.as_str());
        let mut names = Names::default();
        for judged in part.judged {
            let name = names.unique(sentence::name(&judged.rule.metric.to_string()));
            let mut case = TestCase::new(name, status(judged, is_error));
            case.set_classname(format!("gate.{title}"));
            case.set_system_out(output(judged));
            suite.add_test_case(case);
        }
        document.add_test_suite(suite);
    }
    Ok(by_the_schema(&document.to_string()?))
}

/// The same without `skipped` of the outermost element, which Jenkins' schema does not know there; readers sum it up from the suites.
fn by_the_schema(xml: &str) -> String {
    let known = |tag: &str| {
        let (before, rest) = tag.split_once(" skipped=\"")?;
        rest.split_once('"').map(|(_, after)| format!("{before}{after}"))
    };
    let whole = |start: usize| {
        let end = start + xml[start..].find('>')?;
        known(&xml[start..end]).map(|tag| format!("{}{tag}{}", &xml[..start], &xml[end..]))
    };
    xml.find("<testsuites").and_then(whole).unwrap_or_else(|| xml.to_owned())
}

/// What was compared, and whether it could be.
fn comparison(report: &Report<'_>) -> TestSuite {
    let verdict = report.verdict;
    let mut suite = TestSuite::new(COMPARISON);
    suite.add_property(("rules", harmless(report.rules_from).as_str()));
    suite.add_property(("command", harmless(report.command).as_str()));
    suite.add_property(("verdict", sentence::headline(report).as_str()));
    let mut names = Names::default();
    for reason in &verdict.reasons {
        let mut status = if reason.is_allowed {
            TestCaseStatus::skipped()
        } else {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        };
        status.set_type(if reason.is_allowed { "allowed" } else { "inconclusive" });
        status.set_message(sentence::reason(reason));
        suite.add_test_case(case(names.unique(reason.kind.name().to_owned()), status));
    }
    if is_without_doubt(verdict) {
        // A test case that is there when all is well too, so that CI systems have a history of it.
        suite.add_test_case(case("comparable".to_owned(), TestCaseStatus::success()));
    }
    suite
}

fn is_without_doubt(verdict: &Verdict) -> bool {
    verdict.reasons.iter().all(|reason| reason.is_allowed)
}

fn case(name: String, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("gate.{COMPARISON}"));
    case
}

fn status(judged: &Judged, is_error: bool) -> TestCaseStatus {
    let mut status = match judged.finding {
        Finding::Improvement | Finding::Unchanged => return TestCaseStatus::success(),
        Finding::Regression => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Finding::TooFew { .. } | Finding::Absent { .. } | Finding::NotCompared if is_error => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        Finding::TooFew { .. } | Finding::Absent { .. } | Finding::NotCompared => TestCaseStatus::skipped(),
    };
    status.set_type(judged.finding.name());
    status.set_message(format!("{}.", sentence::finding(judged)));
    if judged.finding == Finding::Regression {
        status.set_description(format!("{}.", sentence::certainty(judged)));
    }
    status
}

/// All that is known of a rule, a line each.
fn output(judged: &Judged) -> String {
    let mut lines = vec![sentence::finding(judged), sentence::certainty(judged)];
    lines.extend(sentence::could_hide(judged));
    lines.push(sentence::method(judged));
    lines.join("\n")
}

/// Names of test cases within a suite: CI systems merge those that are alike.
#[derive(Default)]
struct Names(BTreeMap<String, u32>);

impl Names {
    fn unique(&mut self, name: String) -> String {
        let count = self.0.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    }
}
