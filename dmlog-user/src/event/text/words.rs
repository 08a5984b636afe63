//! Words of a bitset in the text form.
//!
//! ```text
//! 0xffffffffffffffff*511,0x7fff      511 words with all bits set, then one with the lowest 15
//! 0x0                                nothing is set
//! ```
//!
//! The first word holds the first 64 regions, the lowest bit the first of them. Equal words are written once and counted, because
//! a bitset is mostly all ones or all zeros. Zero words at the end are left out, as they are in
//! [`Bits::words`](crate::event::bits::Bits::words).

use std::fmt::Write as _;

use super::super::bits::PART_REGIONS_MAX;

/// Words that are read at most: those of one event.
const WORDS_MAX: usize = (PART_REGIONS_MAX / u64::BITS) as usize;

/// Appends the words.
pub fn render_into(words: &[u64], out: &mut String) {
    if words.is_empty() {
        out.push_str("0x0");
    }
    for (place, run) in words.chunk_by(|one, next| one == next).enumerate() {
        if place > 0 {
            out.push(',');
        }
        let word = run.first().copied().unwrap_or(0);
        // Writing to a String cannot fail.
        let _ = write!(out, "{word:#x}");
        if run.len() > 1 {
            let _ = write!(out, "*{}", run.len());
        }
    }
}

/// Reads what [`render_into`] writes; `None` for anything else.
pub fn parse(text: &str) -> Option<Vec<u64>> {
    if text == "0x0" {
        return Some(Vec::new());
    }
    let mut words: Vec<u64> = Vec::new();
    for part in text.split(',') {
        let (word, count) = part.split_once('*').unwrap_or((part, "1"));
        let count: usize = super::parse::number(count)?;
        if count == 0 || words.len() + count.min(WORDS_MAX + 1) > WORDS_MAX {
            return None;
        }
        let word = super::parse::bits(word)?;
        words.resize(words.len() + count, word);
    }
    // One form only: what would be written in another way was not written here.
    let mut again = String::new();
    render_into(&words, &mut again);
    (again == text).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{WORDS_MAX, parse, render_into};

    #[test]
    fn runs_are_written_once() {
        let cases: [(Vec<u64>, &str); 5] = [
            (vec![], "0x0"),
            (vec![5], "0x5"),
            (vec![0, 0, 1], "0x0*2,0x1"),
            (vec![u64::MAX; WORDS_MAX], "0xffffffffffffffff*512"),
            (vec![u64::MAX, u64::MAX, 0, 7], "0xffffffffffffffff*2,0x0,0x7"),
        ];
        for (words, text) in cases {
            let mut out = String::new();
            render_into(&words, &mut out);
            assert_eq!(out, text);
            assert_eq!(parse(text), Some(words), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        for text in [
            "",
            "0x",
            "5",
            "0x05",
            "0xA",
            "0x1*1",
            "0x1*0",
            "0x1,0x1",
            "0x1,",
            ",0x1",
            "0x1*-1",
            "0x10000000000000000",
            "0x1*513",
            "0x1*512,0x2",
            "0x1*18446744073709551615",
            "0x1*18446744073709551616",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
