//! A table of facts: the same rows are drawn, sorted, filtered, printed as lines and exported.
//!
//! A line too long for its place loses columns, those with the highest [`Column::give_way`] first; then words are cut. Numbers
//! never are.

use regex_lite::Regex;

use super::theme::Tone;

/// What stands where a number is not known.
pub const MISSING: &str = "-";

/// Blanks between columns.
pub const GAP: usize = 2;

/// A column of words cannot be squeezed below this.
const NARROWEST: usize = 6;

/// On which side a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// Its side.
    pub align: Align,
    /// How early it goes when there is no room: 0 never does.
    pub give_way: u8,
}

/// A column of words.
pub const fn words(title: &'static str, give_way: u8) -> Column {
    Column { title, align: Align::Left, give_way }
}

/// A column of numbers.
pub const fn number(title: &'static str, give_way: u8) -> Column {
    Column { title, align: Align::Right, give_way }
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// As people read it.
    pub text: String,
    /// What it is.
    pub tone: Tone,
    /// The number behind it, by which it is sorted and as which it is exported.
    pub value: Option<f64>,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain, value: None }
    }

    /// A whole number, written by `spell`.
    pub fn of(value: u64, spell: impl Fn(u64) -> String) -> Self {
        Self { text: spell(value), tone: Tone::Plain, value: Some(value as f64) }
    }

    /// A whole number that may not be known.
    pub fn maybe(value: Option<u64>, spell: impl Fn(u64) -> String) -> Self {
        value.map_or_else(Self::missing, |value| Self::of(value, spell))
    }

    /// A number with a fraction, written by `spell`.
    pub fn float(value: f64, spell: impl Fn(f64) -> String) -> Self {
        Self { text: spell(value), tone: Tone::Plain, value: Some(value) }
    }

    /// A number with a fraction that may not be known.
    pub fn maybe_float(value: Option<f64>, spell: impl Fn(f64) -> String) -> Self {
        value.map_or_else(Self::missing, |value| Self::float(value, spell))
    }

    /// A number that is not known.
    pub fn missing() -> Self {
        Self { text: MISSING.to_owned(), tone: Tone::Dim, value: None }
    }

    /// The same in another tone.
    #[must_use]
    pub fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// A count of what should not be: a warning unless it is 0.
    #[must_use]
    pub fn bad_unless_zero(self) -> Self {
        match self.value {
            Some(value) if value > 0.0 => self.toned(Tone::Bad),
            _ => self,
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is of, as the view numbers things: `Enter` opens that.
    pub id: u64,
    /// One cell per column.
    pub cells: Vec<Cell>,
}

/// How rows are ordered and which are left out.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Column to sort by, and whether the smallest comes first; `None` is the view's own order.
    pub sort: Option<(usize, bool)>,
    /// Only rows with a match.
    pub filter: Option<Regex>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// What it is of; no line of its own where empty.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, hottest first.
    pub rows: Vec<Row>,
    /// What to say when there is no row.
    pub when_empty: &'static str,
}

impl Grid {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: &[Column], when_empty: &'static str) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new(), when_empty }
    }

    /// Adds a row.
    pub fn push(&mut self, id: u64, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for every column");
        self.rows.push(Row { id, cells });
    }

    /// Orders rows and leaves out those that do not match.
    pub fn arrange(&mut self, choice: &Choice) {
        if let Some(filter) = &choice.filter {
            let had_rows = !self.rows.is_empty();
            self.rows.retain(|row| row.cells.iter().any(|cell| filter.is_match(&cell.text)));
            if had_rows && self.rows.is_empty() {
                self.when_empty = "no row matches the filter: `/` and Enter with nothing typed shows all";
            }
        }
        let Some((column, ascending)) = choice.sort.filter(|(column, _)| *column < self.columns.len()) else { return };
        self.rows.sort_by(|left, right| {
            let (left, right) = (&left.cells[column], &right.cells[column]);
            match (left.value, right.value) {
                (Some(one), Some(other)) if ascending => one.total_cmp(&other),
                (Some(one), Some(other)) => other.total_cmp(&one),
                // What is not known comes last, whatever the order.
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) if ascending => left.text.cmp(&right.text),
                (None, None) => right.text.cmp(&left.text),
            }
        });
    }

    /// Columns that fit into so many characters, with their widths.
    pub fn fitting(&self, width: usize) -> Vec<(usize, usize)> {
        let natural = |place: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(place));
            let widest = cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0);
            widest.max(self.columns[place].title.chars().count())
        };
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len()).map(|place| (place, natural(place))).collect();
        // Behind the last one is a place for the mark of the sorted column.
        let whole = |shown: &[(usize, usize)]| {
            shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP) + 1
        };
        while whole(&shown) > width {
            let first = shown.iter().enumerate().max_by_key(|(at, (place, _))| (self.columns[*place].give_way, *at));
            match first {
                Some((at, (place, _))) if self.columns[*place].give_way > 0 => drop(shown.remove(at)),
                _ => break,
            }
        }
        let excess = whole(&shown).saturating_sub(width);
        let is_words = |place: usize| self.columns[place].align == Align::Left;
        if let Some((_, widest)) = shown.iter_mut().filter(|(place, _)| is_words(*place)).max_by_key(|(_, w)| *w) {
            *widest = widest.saturating_sub(excess).max(NARROWEST.min(*widest));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::{Cell, Choice, Grid, number, words};

    fn grid() -> Grid {
        let mut grid = Grid::new("", &[words("name", 0), number("n", 2), number("m", 1)], "");
        for (id, name, n) in [(0, "b-long-name", Some(2)), (1, "a", Some(10)), (2, "c", None)] {
            grid.push(id, vec![Cell::words(name), Cell::maybe(n, |n| n.to_string()), Cell::of(7, |n| n.to_string())]);
        }
        grid
    }

    fn ids(choice: &Choice) -> Vec<u64> {
        let mut grid = grid();
        grid.arrange(choice);
        grid.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn rows_are_sorted_by_value_and_what_is_not_known_is_last() {
        assert_eq!(ids(&Choice { sort: Some((1, false)), filter: None }), [1, 0, 2]);
        assert_eq!(ids(&Choice { sort: Some((1, true)), filter: None }), [0, 1, 2]);
        assert_eq!(ids(&Choice { sort: Some((0, true)), filter: None }), [1, 0, 2]);
        assert_eq!(ids(&Choice { sort: Some((9, true)), filter: None }), [0, 1, 2]);
        assert_eq!(ids(&Choice { sort: None, filter: Regex::new("^(a|c)$").ok() }), [1, 2]);
    }

    #[test]
    fn columns_give_way_before_words_are_cut() {
        let widths = |width| grid().fitting(width);
        assert_eq!(widths(40), [(0, 11), (1, 2), (2, 1)]);
        assert_eq!(widths(16), [(0, 11), (2, 1)]);
        assert_eq!(widths(12), [(0, 11)]);
        assert_eq!(widths(8), [(0, 7)]);
    }
}
