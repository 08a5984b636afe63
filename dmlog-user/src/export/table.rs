//! Tables, and how they look on a terminal: columns as wide as their content, and no line wider than [`WIDTH`].

use crate::analysis::catalogue::Metric;

use super::number::shortened;

/// Columns of the page.
pub const WIDTH: usize = 100;

/// Blanks between two columns.
const GAP: usize = 2;

/// Blanks before a table.
const INDENT: usize = 2;

/// What stands where a number is not known.
pub const MISSING: &str = "-";

/// A column cannot be squeezed below this.
const NARROWEST: usize = 8;

/// On which side a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A table in the making.
#[derive(Clone, Debug, Default)]
pub struct Table {
    heads: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a column of words, aligned left; the first such columns give way when a line is too wide.
    #[must_use]
    pub fn words(mut self, head: &'static str) -> Self {
        self.heads.push((head, Align::Left));
        self
    }

    /// Adds a column of numbers with the metric's title, aligned right.
    #[must_use]
    pub fn number(mut self, metric: Metric) -> Self {
        self.heads.push((metric.title, Align::Right));
        self
    }

    /// Adds several columns of numbers.
    #[must_use]
    pub fn numbers(self, metrics: &[Metric]) -> Self {
        metrics.iter().fold(self, |table, metric| table.number(*metric))
    }

    /// Adds a column of numbers that differ in what they measure from row to row, aligned right.
    #[must_use]
    pub fn mixed(mut self, head: &'static str) -> Self {
        self.heads.push((head, Align::Right));
        self
    }

    /// Adds a row. Cells that are missing stay empty.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert!(cells.len() <= self.heads.len(), "a row has no more cells than there are columns");
        self.rows.push(cells);
    }

    /// Heads of the columns, and whether they hold numbers.
    pub fn heads(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.heads.iter().map(|(head, align)| (*head, *align == Align::Right))
    }

    /// The rows; cells that are missing at their end are empty.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends the table, one line per row, heads first.
    pub fn render(&self, out: &mut String) {
        self.render_within(WIDTH, out);
    }

    /// Appends the table, squeezed until no line is wider than `width` columns, as far as its words can give way.
    pub fn render_within(&self, width: usize, out: &mut String) {
        let widths = self.widths(width);
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = " ".repeat(INDENT);
            for (place, (&width, (_, align))) in widths.iter().zip(&self.heads).enumerate() {
                let cell = shortened(row.get(place).map_or("", String::as_str), width);
                let blanks = " ".repeat(width - cell.chars().count());
                if place > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                match align {
                    Align::Left => line.extend([cell, blanks]),
                    Align::Right => line.extend([blanks, cell]),
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heads.iter().map(|(head, _)| head.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let whole = |widths: &[usize]| INDENT + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut excess = whole(&widths).saturating_sub(width);
        while excess > 0 {
            let words = widths.iter_mut().zip(&self.heads).filter(|(_, (_, align))| *align == Align::Left);
            let Some((widest, _)) = words.max_by_key(|(width, _)| **width).filter(|(width, _)| **width > NARROWEST)
            else {
                break;
            };
            let cut = excess.min(*widest - NARROWEST).min((*widest / 4).max(1));
            *widest -= cut;
            excess -= cut;
        }
        widths
    }
}

/// Appends text after a label, broken between words so that no line is wider than [`WIDTH`]; further lines are set in.
pub fn paragraph(label: &str, text: &str, out: &mut String) {
    const LABEL_WIDTH: usize = 10;
    wrapped(format!("{label:<LABEL_WIDTH$}"), LABEL_WIDTH, text, out);
}

/// Appends a sentence below a table, broken likewise.
pub fn note(text: &str, out: &mut String) {
    wrapped(" ".repeat(INDENT), INDENT, text, out);
}

fn wrapped(first: String, indent: usize, text: &str, out: &mut String) {
    let mut line = first;
    let mut is_empty = true;
    let room = WIDTH.saturating_sub(indent).max(1);
    for word in text.split(' ').flat_map(|word| pieces(word, room)) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// A word in pieces of so many characters at most; nearly always one.
fn pieces(word: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some((end, _)) = rest.char_indices().nth(room) {
        let (piece, further) = rest.split_at(end);
        pieces.push(piece);
        rest = further;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Table, WIDTH, paragraph};
    use crate::analysis::catalogue::{COUNT, LATENCY_P50};

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let mut table = Table::default().words("op").numbers(&[COUNT, LATENCY_P50]);
        table.row(vec!["mark_region".to_owned(), "1,234".to_owned(), "950 ns".to_owned()]);
        table.row(vec!["flush".to_owned(), "7".to_owned(), "12.3 µs".to_owned()]);
        let mut out = String::new();
        table.render(&mut out);
        assert_eq!(
            out,
            "  op           count      p50\n  \
               mark_region  1,234   950 ns\n  \
               flush            7  12.3 µs\n"
        );
    }

    #[test]
    fn words_give_way_and_numbers_do_not() {
        let mut table = Table::default().words("name").number(COUNT).words("why");
        table.row(vec!["n".repeat(90), "123456789".to_owned(), "w".repeat(40)]);
        let mut out = String::new();
        table.render(&mut out);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
        assert!(out.contains("123456789") && out.contains('…'));
    }

    #[test]
    fn paragraphs_break_between_words() {
        let mut out = String::new();
        paragraph("label", &"word ".repeat(40), &mut out);
        assert!(out.lines().count() > 1);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH && line.ends_with("word")), "{out}");
        let mut out = String::new();
        paragraph("label", &format!("a {}", "ö".repeat(250)), &mut out);
        let widths: Vec<usize> = out.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [11, WIDTH, WIDTH, 80]);
    }
}
