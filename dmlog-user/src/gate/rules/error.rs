//! Why a rule file is none: where in it, what stands there, and what should.

use std::ops::Range;

use crate::export::markup::misleads;

/// A mistake in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {found}; expected {expected}")]
pub struct RuleError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters; a tab is one.
    pub column: usize,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl RuleError {
    /// At a place in the text.
    pub(super) fn at(
        text: &str,
        span: Option<Range<usize>>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let (line, column) = place(text, span.map_or(0, |span| span.start));
        Self { line, column, found: printable(&found.into()), expected: printable(&expected.into()) }
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Without characters that mislead, and not endless: what stands in a file goes to a terminal.
fn printable(text: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    let cut = if text.chars().count() > CHARACTERS_MAX { "..." } else { "" };
    let told: String = text.chars().take(CHARACTERS_MAX).map(|c| if misleads(c) { ' ' } else { c }).collect();
    told + cut
}

#[cfg(test)]
mod tests {
    use super::{RuleError, place};

    #[test]
    fn places_are_counted_in_characters() {
        let text = "a = 1\r\nü\tb = 2\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('b').unwrap()), (2, 3));
        // Within a character, and behind the end.
        assert_eq!(place(text, text.find('ü').unwrap() + 1), (2, 1));
        assert_eq!(place(text, 99), (3, 1));
        assert_eq!(RuleError::at("", None, "a\u{202e}b", "x").found, "a b");
        let long = RuleError::at("", None, "\u{1b}".repeat(900), "x");
        assert!(long.to_string().chars().count() < 500 && !long.to_string().contains('\u{1b}'));
    }
}
