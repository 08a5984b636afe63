//! A report as GitHub-flavoured Markdown, for a ticket: what is missing and the facts first, then the tables of each mirror.

use super::Report;
use super::document::{Block, Group, Topic};
use super::markup::{NAME_MAX, TEXT_MAX, cut, misleads};
use super::number::harmless;
use super::report::document;
use super::table::Table;

/// The page.
pub fn render(report: &Report<'_>) -> String {
    let document = document(report);
    let outline = document.outline();
    let mut out = format!("## Dirty region log: {}\n\n", name(&harmless(report.source)));
    for Group { label, texts, tables } in &outline.alarms {
        out.push_str("> [!WARNING]\n");
        for (place, text) in texts.iter().enumerate() {
            let label = if place == 0 { format!("**{label}** ") } else { String::new() };
            out.push_str(&format!("> {label}{}\n", words(text)));
        }
        out.push('\n');
        for table in tables {
            add(table, &mut out);
        }
    }
    facts(&outline.facts, &mut out);
    if let Some(text) = outline.empty {
        out.push_str(&format!("{}\n", words(text)));
    }
    for part in &outline.mirrors {
        let number = part.number.map_or_else(String::new, |number| format!(" ({})", words(number)));
        out.push_str(&format!("### {}{number}\n\n", name(part.name)));
        facts(&part.facts, &mut out);
        for section in &part.sections {
            let heading = if section.topic == Topic::Failures { "⚠ Failures" } else { section.text };
            out.push_str(&format!("#### {}\n\n", words(heading)));
            for block in &section.blocks {
                match block {
                    Block::Note(text) => out.push_str(&format!("{}\n\n", words(text))),
                    Block::Table(table) => add(table, &mut out),
                    _ => {}
                }
            }
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn facts(groups: &[Group<'_>], out: &mut String) {
    for Group { label, texts, tables: _ } in groups {
        let texts: Vec<String> = texts.iter().map(|text| words(text)).collect();
        out.push_str(&format!("- **{label}** {}\n", texts.join("<br>")));
    }
    if !groups.is_empty() {
        out.push('\n');
    }
}

/// Appends a table; numbers are aligned right.
pub fn add(table: &Table, out: &mut String) {
    let columns: Vec<(&str, bool)> = table.heads().collect();
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(columns.iter().map(|(head, _)| words(head)).collect()));
    out.push_str(&line(
        columns.iter().map(|(_, is_number)| if *is_number { "--:" } else { "---" }.to_owned()).collect(),
    ));
    for row in table.rows() {
        let cells = (0..columns.len()).map(|place| words(row.get(place).map_or("", String::as_str)));
        out.push_str(&line(cells.collect()));
    }
    out.push('\n');
}

/// A name: cut, and escaped.
pub fn name(text: &str) -> String {
    escaped(&cut(text, NAME_MAX))
}

/// A sentence or a cell: cut, and escaped.
pub fn words(text: &str) -> String {
    escaped(&cut(text, TEXT_MAX))
}

/// The text so that nothing in it is Markdown or HTML, a link, a mention of somebody or of another ticket.
fn escaped(text: &str) -> String {
    /// Between two characters that would mean something together; it is not shown.
    const APART: &str = "<!-- -->";
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => {
                out.push(c);
                out.push_str(APART);
            }
            ':' if text[at..].starts_with("://") => out.extend([":", APART]),
            '.' if text[..at].to_ascii_lowercase().ends_with("www") => out.extend([".", APART]),
            c if misleads(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{add, escaped};
    use crate::analysis::catalogue::COUNT;
    use crate::export::table::Table;

    #[test]
    fn nothing_of_a_name_means_anything() {
        assert_eq!(
            escaped("a|b`c<img>&[x](y) @me #12 https://x www.y \\ $z$"),
            "a\\|b\\`c&lt;img&gt;&amp;\\[x\\](y) @<!-- -->me #<!-- -->12 https:<!-- -->//x www.<!-- -->y \\\\ \\$z\\$"
        );
        assert_eq!(escaped("a\nb\u{202e}"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_table_has_as_many_cells_in_every_line() {
        let mut table = Table::default().words("name").number(COUNT);
        table.row(vec!["a|b".to_owned()]);
        let mut out = String::new();
        add(&table, &mut out);
        assert_eq!(out, "| name | count |\n| --- | --: |\n| a\\|b |  |\n\n");
    }
}
