//! A report as a page for a terminal of 100 columns.

use super::Report;
use super::document::{Block, Document};
use super::number::shortened;
use super::report::document;
use super::table::{WIDTH, note, paragraph};

/// Characters of a device name in its title; device-mapper allows 127 bytes.
const NAME_SHOWN: usize = 60;

/// The page.
pub fn render(report: &Report<'_>) -> String {
    of(&document(report))
}

/// A document, or a part of one.
pub fn of(document: &Document) -> String {
    let mut out = String::new();
    for block in &document.blocks {
        match block {
            Block::Fact { label, text } | Block::Alarm { label, text } => paragraph(label, text, &mut out),
            Block::Mirror { place: _, name, number } => title(name, number.as_deref(), &mut out),
            Block::Heading { topic: _, text } => out.extend(["\n", text, "\n"]),
            Block::Note(text) => note(text, &mut out),
            Block::Table(table) => table.render(&mut out),
            Block::Empty(text) => out.extend(["\n", text, "\n"]),
        }
    }
    out
}

fn title(name: &str, number: Option<&str>, out: &mut String) {
    let name = shortened(name, NAME_SHOWN);
    let number = number.map_or_else(String::new, |number| format!(" ({number})"));
    let rule = "═".repeat(WIDTH.saturating_sub(name.chars().count() + number.chars().count() + 5));
    out.extend(["\n══ ", &name, &number, " ", &rule, "\n"]);
}
