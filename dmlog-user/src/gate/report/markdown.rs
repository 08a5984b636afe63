//! A verdict as GitHub-flavoured Markdown, for a comment on a pull request and for the summary of a step: the verdict and a table for
//! each mirror; how it was found is folded.

use super::page::{Page, Part, names, sampled};
use super::{Report, sentence};
use crate::export::markdown::{add, name, words};
use crate::export::markup::cut;
use crate::export::number::harmless;
use crate::gate::verdict::Outcome;

/// Rules that are shown in all: GitHub takes 65,536 characters of a comment.
const ROWS_MAX: usize = 40;
/// Reasons and notes that are shown.
const SENTENCES_MAX: usize = 10;
/// Characters of the command.
const COMMAND_SHOWN: usize = 4_000;

/// The page.
pub fn render(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let alert = match verdict.outcome {
        Outcome::Failed => "CAUTION",
        Outcome::Inconclusive => "WARNING",
        Outcome::Passed => "NOTE",
    };
    let mut out = format!("## dmlog-top gate: {}\n\n", verdict.outcome.name());
    out.push_str(&format!("> [!{alert}]\n> {}\n\n", words(&sentence::headline(report))));
    let reasons = verdict
        .reasons
        .iter()
        .map(|reason| format!("{}{}", if reason.is_allowed { "allowed: " } else { "" }, sentence::reason(reason)));
    list(reasons.chain(sentence::how_to_allow(verdict)), &mut out);
    list(verdict.notes.iter().map(|note| format!("{}.", sentence::clause(note))), &mut out);
    let page = Page::of(report, ROWS_MAX);
    for part in &page.parts {
        mirror(part, &mut out);
    }
    if let Some(left_out) = page.left_out() {
        out.push_str(&format!("{}\n\n", words(&left_out)));
    }
    out.push_str("<details>\n<summary>What was compared, and how to do it again</summary>\n\n");
    for (label, side) in ["Baseline", "Candidate"].into_iter().zip(&verdict.sides) {
        out.push_str(&format!("- **{label}**: {}<br>{}\n", words(&sampled(side)), words(&names(&side.runs))));
    }
    out.push_str(&format!("- **Rules**: {}\n\n", name(&harmless(report.rules_from))));
    block(&cut(&harmless(report.command), COMMAND_SHOWN), &mut out);
    out.push_str("\n</details>\n");
    out
}

fn mirror(part: &Part<'_>, out: &mut String) {
    out.push_str(&format!("### {}\n\n", name(&part.title())));
    add(&part.table(), out);
    out.push_str("<details>\n<summary>How it was found</summary>\n\n");
    for remark in part.remarks() {
        out.push_str(&format!("- {}\n", words(&remark)));
    }
    out.push_str("\n</details>\n\n");
}

fn list(sentences: impl Iterator<Item = String>, out: &mut String) {
    let sentences: Vec<String> = sentences.collect();
    for sentence in sentences.iter().take(SENTENCES_MAX) {
        out.push_str(&format!("- {}\n", words(sentence)));
    }
    if sentences.len() > SENTENCES_MAX {
        out.push_str(&format!("- and {} more\n", sentences.len() - SENTENCES_MAX));
    }
    if !sentences.is_empty() {
        out.push('\n');
    }
}

/// Appends text as it is, between fences that are longer than any in it.
fn block(text: &str, out: &mut String) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    out.push_str(&format!("{fence}sh\n{text}\n{fence}\n"));
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let mut out = String::new();
        block("a ```` b", &mut out);
        assert_eq!(out, "`````sh\na ```` b\n`````\n");
    }
}
