//! A line that is typed: a filter, or a time.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use regex_lite::Regex;

/// Characters of a prompt at most; a paste of a megabyte is cut.
pub const LENGTH_MAX: usize = 200;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A regular expression.
    Filter,
    /// A time.
    Time,
}

/// A line in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked for.
    pub asked: Asked,
    /// What was typed.
    pub text: String,
    /// Why that was not taken.
    pub problem: Option<String>,
}

/// What a key made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// There is more to come.
    More,
    /// It is to be taken.
    Taken,
    /// It is to be forgotten.
    Dropped,
}

impl Prompt {
    /// A prompt that begins with this text.
    pub fn new(asked: Asked, text: &str) -> Self {
        Self { asked, text: text.to_owned(), problem: None }
    }

    /// The line, with its label.
    pub fn line(&self) -> String {
        let label = match self.asked {
            Asked::Filter => "only rows that match (regular expression, empty for all): ",
            Asked::Time => "go to time (1.5s, 250ms, 2m, +1s, -1s): ",
        };
        // The end of the line is what is always in sight.
        match &self.problem {
            Some(problem) => format!("{problem}: {}_", self.text),
            None => format!("{label}{}_", self.text),
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Typed::Taken,
            KeyCode::Esc => return Typed::Dropped,
            KeyCode::Char('c') if control => return Typed::Dropped,
            KeyCode::Char('u') if control => self.text.clear(),
            KeyCode::Backspace => drop(self.text.pop()),
            KeyCode::Char(c) if !control => self.paste(&c.to_string()),
            _ => {}
        }
        self.problem = None;
        Typed::More
    }

    /// Takes pasted text, as far as there is room; lines and control characters are left out.
    pub fn paste(&mut self, text: &str) {
        let room = LENGTH_MAX.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().filter(|c| !c.is_control()).take(room));
    }
}

/// A filter as typed; nothing is no filter.
///
/// # Errors
/// A sentence.
pub fn filter(text: &str) -> Result<Option<Regex>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Regex::new(text).map(Some).map_err(|error| format!("not a regular expression: {error}"))
}

/// A time as typed, from the start of the stream: with a sign, from `now_ns`. A number without unit is seconds.
///
/// # Errors
/// A sentence.
pub fn time(text: &str, now_ns: u64) -> Result<u64, String> {
    const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let expected = || "expected a time such as `1.5s`, `250ms`, `2m` or `+1s`".to_owned();
    let text = text.trim();
    let (sign, rest) = match text.chars().next() {
        Some(sign @ ('+' | '-')) => (Some(sign), &text[1..]),
        _ => (None, text),
    };
    let unit = UNITS.iter().find_map(|(unit, ns)| Some((rest.strip_suffix(unit)?, *ns)));
    let (number, unit_ns) = unit.unwrap_or((rest, 1e9));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.trim().parse().ok().filter(|_| is_number).ok_or_else(expected)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    let ns = (number * unit_ns).round() as u64;
    Ok(match sign {
        None => ns,
        Some('+') => now_ns.saturating_add(ns),
        Some(_) => now_ns.saturating_sub(ns),
    })
}

#[cfg(test)]
mod tests {
    use super::{Asked, LENGTH_MAX, Prompt, time};

    #[test]
    fn times_have_units_and_signs() {
        for (text, expected) in [
            ("1.5s", 1_500_000_000),
            ("250ms", 250_000_000),
            ("2m", 120_000_000_000),
            ("3", 3_000_000_000),
            ("+1us", 1_500),
        ] {
            assert_eq!(time(text, 500), Ok(expected), "{text}");
        }
        assert_eq!(time("-1ms", 500), Ok(0));
        for text in ["", "s", "1x", "1e9s", "--1s", "1.2.3s", "inf", "é"] {
            assert!(time(text, 0).unwrap_err().starts_with("expected a time"), "{text}");
        }
    }

    #[test]
    fn a_paste_is_cut_and_has_no_control_characters() {
        let mut prompt = Prompt::new(Asked::Filter, "");
        prompt.paste(&"a\u{1b}\nb".repeat(1 << 18));
        assert_eq!(prompt.text.len(), LENGTH_MAX);
        assert!(prompt.text.starts_with("abab"));
    }
}
