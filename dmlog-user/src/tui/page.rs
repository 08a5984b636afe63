//! What a view says: lines, tables and a map, in order, without a place on any screen.

use super::grid::Grid;
use super::theme::Tone;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// What it is.
    pub tone: Tone,
}

/// A piece of a line.
pub fn piece(text: impl Into<String>, tone: Tone) -> Piece {
    Piece { text: text.into(), tone }
}

/// Plain text as a piece.
pub fn plain(text: impl Into<String>) -> Piece {
    piece(text, Tone::Plain)
}

/// A map of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapPart {
    /// Characters per line.
    pub columns: usize,
    /// Cells, line by line.
    pub cells: Vec<(char, Tone)>,
    /// The character where the cell that is looked at begins.
    pub cursor: usize,
    /// Characters of that cell.
    pub cursor_width: usize,
}

impl MapPart {
    /// Lines that it takes.
    pub fn lines(&self) -> usize {
        self.cells.len().div_ceil(self.columns.max(1))
    }
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// One line, cut where there is no room.
    Line(Vec<Piece>),
    /// Text that is broken between words.
    Text(Piece),
    /// A table.
    Grid(Grid),
    /// A map.
    Map(MapPart),
}

/// What a view says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// The table whose rows can be chosen; it takes the room that is left, and others make room for it.
    pub main: Option<usize>,
    /// From here on parts stand in a second column, where the screen is wide enough for two.
    pub second: Option<usize>,
}

impl Page {
    /// Adds a line.
    pub fn line(&mut self, pieces: Vec<Piece>) {
        self.parts.push(Part::Line(pieces));
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.parts.push(Part::Line(Vec::new()));
    }

    /// Adds text that is broken between words.
    pub fn text(&mut self, text: impl Into<String>, tone: Tone) {
        self.parts.push(Part::Text(piece(text, tone)));
    }

    /// Adds a table.
    pub fn grid(&mut self, grid: Grid) {
        self.parts.push(Part::Grid(grid));
    }

    /// Adds the table whose rows can be chosen.
    pub fn main_grid(&mut self, grid: Grid) {
        self.main = Some(self.parts.len());
        self.parts.push(Part::Grid(grid));
    }

    /// What follows stands in a second column, where there is room for two.
    pub fn begin_second(&mut self) {
        self.gap();
        self.second = Some(self.parts.len());
    }

    /// The table whose rows can be chosen.
    pub fn main(&self) -> Option<&Grid> {
        match self.main.and_then(|place| self.parts.get(place)) {
            Some(Part::Grid(grid)) => Some(grid),
            _ => None,
        }
    }

    /// The same, to be arranged.
    pub fn main_mut(&mut self) -> Option<&mut Grid> {
        match self.main.and_then(|place| self.parts.get_mut(place)) {
            Some(Part::Grid(grid)) => Some(grid),
            _ => None,
        }
    }
}

/// Text broken between words into lines of at most so many characters.
pub fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if length > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(broken("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(broken("toolong b", 3), ["toolong", "b"]);
        assert_eq!(broken("", 3), [""]);
    }
}
