//! How things look: tones instead of colours, and symbols for terminals with and without Unicode.
//!
//! Only the sixteen colours that every terminal lets its user choose are used, so that the screen follows the user's own
//! palette. No fact is told by colour alone: what is bad has a word or a sign, what is selected is in reverse video.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is, from which its look follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Text and numbers.
    #[default]
    Plain,
    /// Labels and what matters less.
    Dim,
    /// Heads of tables, titles.
    Head,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Graphs and bars.
    Graph,
    /// Selected.
    Selected,
}

/// Background that the colours must be readable on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Background of the terminal.
    pub background: Background,
    /// Whether there are colours at all.
    pub has_colour: bool,
    /// Whether the terminal shows more than ASCII.
    pub has_unicode: bool,
}

impl Theme {
    /// The look of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::default();
        let modified = match tone {
            Tone::Plain | Tone::Good | Tone::Graph => plain,
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Head | Tone::Warn => plain.add_modifier(Modifier::BOLD),
            Tone::Bad => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Tone::Selected => return plain.add_modifier(Modifier::REVERSED),
        };
        if !self.has_colour {
            return modified;
        }
        let colour = match (tone, self.background) {
            (Tone::Good, _) => Color::Green,
            (Tone::Bad, _) => Color::Red,
            (Tone::Warn, Background::Dark) => Color::Yellow,
            (Tone::Warn, Background::Light) => Color::Magenta,
            (Tone::Graph | Tone::Head, Background::Dark) => Color::Cyan,
            (Tone::Graph | Tone::Head, Background::Light) => Color::Blue,
            (Tone::Plain | Tone::Dim | Tone::Selected, _) => return modified,
        };
        modified.fg(colour)
    }

    /// Steps of a graph of one character per value, lowest first; the first is nothing.
    pub fn steps(self) -> &'static [char] {
        if self.has_unicode {
            &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &[' ', '.', ':', '-', '=', '+', '*', '#']
        }
    }

    /// Steps of a heat map; the first is nothing.
    pub fn heat(self) -> &'static [char] {
        if self.has_unicode { &['·', '░', '▒', '▓', '█'] } else { &['.', '-', '+', '*', '#'] }
    }

    /// A bar of a share of `width` characters.
    pub fn bar(self, share: f64, width: usize) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width")]
        let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
        let (full, part) =
            if self.has_unicode { ('█', ['▏', '▎', '▍', '▌', '▋', '▊', '▉']) } else { ('#', ['#'; 7]) };
        let mut bar: String = std::iter::repeat_n(full, eighths / 8).collect();
        match eighths % 8 {
            0 => {}
            // Without parts of a character, what is less than half of one is nothing, but something is never nothing.
            eighth if self.has_unicode || eighth >= 4 || bar.is_empty() => bar.push(part[eighth - 1]),
            _ => {}
        }
        bar
    }

    /// A graph of values, one character each; what is not known is a gap. The highest is the whole height.
    pub fn spark(self, values: &[Option<f64>]) -> String {
        let highest = values.iter().flatten().copied().fold(0.0, f64::max);
        values.iter().map(|value| value.map_or(' ', |value| self.step(self.steps(), value, highest))).collect()
    }

    /// The step of a value; only zero is the lowest one.
    pub fn step(self, steps: &[char], value: f64, highest: f64) -> char {
        if value <= 0.0 || highest <= 0.0 {
            return steps[0];
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of steps"
        )]
        let step = (value / highest * (steps.len() - 1) as f64).ceil() as usize;
        steps[step.clamp(1, steps.len() - 1)]
    }

    /// Text for this terminal: without Unicode, what the tables write is spelled in ASCII.
    pub fn text(self, text: &str) -> String {
        if self.has_unicode {
            return text.to_owned();
        }
        text.chars()
            .map(|c| match c {
                'µ' => 'u',
                '…' | '·' => '.',
                '▲' => '^',
                '▼' => 'v',
                '×' => 'x',
                '→' | '–' => '-',
                '▶' | '≥' => '>',
                c if c.is_ascii() => c,
                _ => '?',
            })
            .collect()
    }
}

impl Theme {
    /// As [`text`](Self::text), but graphs already have the symbols of this terminal.
    pub fn text_or_graph(self, text: &str, tone: Tone) -> String {
        if tone == Tone::Graph { text.to_owned() } else { self.text(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Background, Theme, Tone};

    const UNICODE: Theme = Theme { background: Background::Dark, has_colour: true, has_unicode: true };
    const ASCII: Theme = Theme { background: Background::Dark, has_colour: false, has_unicode: false };

    #[test]
    fn graphs_have_every_height() {
        assert_eq!(UNICODE.spark(&[Some(0.0), Some(1.0), None, Some(8.0), Some(0.01)]), " ▁ █▁");
        assert_eq!(ASCII.spark(&[Some(0.0), Some(7.0)]), " #");
        assert_eq!([UNICODE.bar(0.5, 4), UNICODE.bar(0.28, 4), UNICODE.bar(2.0, 2)], ["██", "█▏", "██"]);
        assert_eq!([ASCII.bar(0.01, 4), ASCII.bar(0.0, 4), ASCII.bar(0.3, 4)], ["", "", "#"]);
    }

    #[test]
    fn without_colour_no_style_has_one() {
        for tone in [Tone::Plain, Tone::Dim, Tone::Head, Tone::Good, Tone::Warn, Tone::Bad, Tone::Graph, Tone::Selected]
        {
            assert_eq!(ASCII.style(tone).fg, None, "{tone:?}");
        }
        assert_eq!(ASCII.text("3 µs…é"), "3 us.?");
    }
}
