//! A verdict as commands to GitHub's runner, which shows them at the pull request: regressions as errors, reasons for not knowing as
//! warnings, improvements as notices. Behind them the page of [`text`](super::text), folded.
//!
//! The runner shows ten of each kind for a step, so the tenth says how many more there are. The summary of a step is
//! [`markdown`](super::markdown).

use super::{Report, in_order, sentence, text};
use crate::gate::verdict::{Finding, Judged};

/// Annotations of one kind that the runner shows for a step.
const SHOWN_MAX: usize = 10;

/// What an annotation is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Error,
    Warning,
    Notice,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Commands, a line each, and the page.
pub fn render(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let found = |finding: Finding| -> Vec<(String, String)> {
        let judged = in_order(verdict).into_iter().filter(|judged| judged.finding == finding);
        judged.map(|judged| (title(judged), message(judged))).collect()
    };
    let mut reasons: Vec<(String, String)> = Vec::new();
    for reason in verdict.reasons.iter().filter(|reason| !reason.is_allowed) {
        reasons.push((format!("inconclusive: {}", reason.kind.name()), format!("{}.", sentence::clause(&reason.text))));
    }
    let mut out = String::new();
    annotate(Kind::Error, "regressions", &found(Finding::Regression), &mut out);
    annotate(Kind::Warning, "reasons", &reasons, &mut out);
    annotate(Kind::Notice, "improvements", &found(Finding::Improvement), &mut out);
    out.push_str(&format!("::group::{}\n", data(&sentence::headline(report))));
    out.push_str(&text::render(report));
    out.push_str("::endgroup::\n");
    out
}

fn title(judged: &Judged) -> String {
    format!("{}: {}", judged.finding.name(), sentence::subject(judged))
}

fn message(judged: &Judged) -> String {
    format!("{}; {}.", sentence::shift_of(judged), sentence::certainty(judged))
}

fn annotate(kind: Kind, what: &str, all: &[(String, String)], out: &mut String) {
    let shown = if all.len() > SHOWN_MAX { SHOWN_MAX - 1 } else { all.len() };
    let more = all.len() - shown;
    let rest = (more > 0).then(|| (format!("{more} more {what}"), "The log and the summary have them.".to_owned()));
    for (title, message) in all.iter().take(shown).chain(&rest) {
        out.push_str(&format!("::{} title={}::{}\n", kind.name(), property(title), data(message)));
    }
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{Kind, annotate, data, property};

    #[test]
    fn nothing_in_a_text_ends_it() {
        assert_eq!(data("5 %\r\n::error::x"), "5 %25%0D%0A::error::x");
        assert_eq!(property("a,b: 5 %\n"), "a%2Cb%3A 5 %25%0A");
    }

    #[test]
    fn the_tenth_annotation_counts_the_others() {
        for (number, lines, last) in [(10, 10, "::error title=t9::m"), (12, 10, "::error title=3 more regressions::")] {
            let all: Vec<_> = (0..number).map(|place| (format!("t{place}"), "m".to_owned())).collect();
            let mut out = String::new();
            annotate(Kind::Error, "regressions", &all, &mut out);
            assert_eq!(out.lines().count(), lines);
            assert!(out.lines().last().is_some_and(|line| line.starts_with(last)), "{out}");
        }
    }
}
