//! A verdict as a page for the log of a CI system: no colours, and nothing wider than [`WIDTH`] but what must stay on one line: the
//! verdict, and the command that says it again.

use super::page::{Page, names, sampled};
use super::{Report, sentence};
use crate::export::number::harmless;
use crate::export::table::{note, paragraph};

/// Columns of a table; sentences are narrower.
pub const WIDTH: usize = 120;

/// Rules that are shown in all.
const ROWS_MAX: usize = 500;

/// The page.
pub fn render(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut out = format!("{}\n\n", sentence::headline(report));
    for reason in &verdict.reasons {
        paragraph(if reason.is_allowed { "allowed" } else { "REASON" }, &sentence::reason(reason), &mut out);
    }
    if let Some(how) = sentence::how_to_allow(verdict) {
        paragraph("", &how, &mut out);
    }
    for (label, side) in ["baseline", "candidate"].into_iter().zip(&verdict.sides) {
        paragraph(label, &sampled(side), &mut out);
        paragraph("", &names(&side.runs), &mut out);
    }
    paragraph("rules", &sentence::name(report.rules_from), &mut out);
    for text in &verdict.notes {
        paragraph("note", &format!("{}.", sentence::clause(text)), &mut out);
    }
    let page = Page::of(report, ROWS_MAX);
    for part in &page.parts {
        let title = part.title();
        let rule = "═".repeat(WIDTH.saturating_sub(title.chars().count() + 4));
        out.extend(["\n══ ", &title, " ", &rule, "\n"]);
        part.table().render_within(WIDTH, &mut out);
        out.push('\n');
        for remark in part.remarks() {
            note(&remark, &mut out);
        }
    }
    if let Some(left_out) = page.left_out() {
        out.push('\n');
        note(&left_out, &mut out);
    }
    out.extend(["\nreproduce ", &harmless(report.command), "\n"]);
    no_commands(&out)
}

/// The page so that GitHub's runner takes no line of it for a command, whatever the names of runs and mirrors are: it looks for `::` at
/// the start of a line and for `##[` anywhere.
fn no_commands(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for line in page.split_inclusive('\n') {
        let text = line.trim_start();
        if text.starts_with("::") {
            out.extend([&line[..line.len() - text.len()], "\\", text]);
        } else {
            out.push_str(line);
        }
    }
    out.replace("##[", "##(")
}

#[cfg(test)]
mod tests {
    use super::no_commands;

    #[test]
    fn no_line_is_a_command() {
        assert_eq!(no_commands("a ::b\n  ::error::c\n##[add-mask]d"), "a ::b\n  \\::error::c\n##(add-mask]d");
    }
}
