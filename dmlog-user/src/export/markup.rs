//! Words from outside inside of markup: nothing of them is read as markup, and nothing is longer than a page can bear.

use std::borrow::Cow;

/// Characters of one sentence or cell that are shown in a page.
pub const TEXT_MAX: usize = 1000;

/// Characters of a name that are shown in a title or a label.
pub const NAME_MAX: usize = 120;

/// The text, cut to a number of characters; what was cut is counted.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            Cow::Owned(format!("{}… ({} more characters)", &text[..end], super::number::count(more as u64)))
        }
    }
}

/// Whether a character shows something else than itself: control characters, which a terminal obeys, and those that turn the
/// direction of the text, which move what is beside them.
pub fn misleads(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text for HTML and XML, in an element or a quoted attribute. What neither allows becomes U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            c if misleads(c) || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A sentence or a cell: cut and escaped.
pub fn words(text: &str) -> String {
    escaped(&cut(text, TEXT_MAX))
}

/// A name: cut to fewer characters, and escaped.
pub fn name(text: &str) -> String {
    escaped(&cut(text, NAME_MAX))
}

#[cfg(test)]
mod tests {
    use super::{TEXT_MAX, cut, escaped, words};

    #[test]
    fn nothing_of_a_name_is_markup() {
        let hostile = "<script>&\"'\u{202e}\u{0}\u{1b}[2J\u{fffe}]]>";
        assert_eq!(escaped(hostile), "&lt;script&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}\u{fffd}[2J\u{fffd}]]&gt;");
    }

    #[test]
    fn what_is_cut_is_counted() {
        assert_eq!(cut("größe", 5), "größe");
        assert_eq!(cut("größe und", 5), "größe… (4 more characters)");
        let long = words(&"<".repeat(1 << 20));
        assert!(long.len() < TEXT_MAX * 5 && long.ends_with("(1,047,576 more characters)"), "{}", long.len());
    }
}
