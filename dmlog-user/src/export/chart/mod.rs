//! Charts as SVG: heat maps of latencies and of regions, regions over time, percentiles.
//!
//! ```text
//!  ┌──────────────────────────────┐
//!  │ ■ ■ ■ ■ ■ legend             │  LEGEND_Y
//!  │ 10 ms ┼──────────────────────│  top
//!  │  1 ms ┼   ▓ ▓▓ ▒             │        the plot
//!  │       └──┬─────┬─────┬───────│  bottom
//!  │          0     1     2       │
//!  └──────────────────────────────┘  height
//! ```
//!
//! A chart is the inside of an `<svg>` element. Its colours are classes, so that the same chart is light or dark by the style around
//! it. Colours differ in lightness, and lines in kind too: they can be told apart without seeing hues.

use super::markup::escaped;

pub mod heat;
mod latency_axis;
pub mod over_time;
pub mod percentiles;
pub mod time_axis;

/// Colours of the charts, light and dark.
pub const STYLE: &str = include_str!("style.css");

/// Steps of colour.
pub const LEVELS: u64 = 6;

/// Where the numbers of the vertical axis end.
const LEFT: f64 = 62.0;

/// Room behind the plot, for half of the last number.
const RIGHT: f64 = 14.0;

/// Middle of the legend's line.
const LEGEND_Y: f64 = 10.0;

/// Where the plot begins.
const TOP: f64 = 28.0;

/// Room for the numbers and the words below the plot.
const BELOW: f64 = 40.0;

/// About the width of a character.
const CHARACTER: f64 = 7.1;

/// How large a chart is, and how many cells it may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width in its own unit, which is a pixel at full size.
    pub width: f64,
    /// Height of the plot.
    pub plot: f64,
    /// Columns at most.
    pub columns: usize,
    /// Rows at most.
    pub rows: usize,
}

/// Beside another one in a page, and as wide as a phone.
pub const HALF: Size = Size { width: 480.0, plot: 176.0, columns: 64, rows: 40 };

/// As wide as a page.
pub const WHOLE: Size = Size { width: 960.0, plot: 240.0, columns: 128, rows: 48 };

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows, in a line.
    pub title: String,
    /// What it says, for those who do not see it.
    pub says: String,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The elements.
    pub body: String,
}

/// A plot that is being drawn.
struct Plot {
    body: String,
    size: Size,
    /// End of what the legend has so far.
    legend_x: f64,
}

impl Plot {
    fn new(size: Size) -> Self {
        Self { body: String::new(), size, legend_x: LEFT }
    }

    fn right(&self) -> f64 {
        self.size.width - RIGHT
    }

    fn bottom(&self) -> f64 {
        TOP + self.size.plot
    }

    fn width(&self) -> f64 {
        self.right() - LEFT
    }

    fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let text = escaped(text);
        self.push(&format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
    }

    /// A line across the plot with its number.
    fn row_tick(&mut self, y: f64, label: &str) {
        let right = self.right();
        self.push(&format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right:.1}\"/>"));
        self.text("end", LEFT - 6.0, y + 4.0, label);
    }

    /// The line below the plot, and what it counts.
    fn floor(&mut self, words: &str) {
        let (right, bottom) = (self.right(), self.bottom());
        self.push(&format!("<path class=\"axis\" d=\"M{LEFT} {bottom:.1}H{right:.1}\"/>"));
        self.text("mid", LEFT + self.width() / 2.0, bottom + 34.0, words);
    }

    /// A word of the legend behind a sign that is `width` wide.
    fn legend(&mut self, width: f64, word: &str, sign: impl FnOnce(f64) -> String) {
        let x = self.legend_x;
        if width > 0.0 {
            let sign = sign(x);
            self.push(&sign);
        }
        let gap = if width > 0.0 { 5.0 } else { 0.0 };
        self.text("", x + width + gap, LEGEND_Y + 4.0, word);
        self.legend_x = x + width + gap + word.chars().count() as f64 * CHARACTER + 14.0;
    }

    /// The steps of colour, of which the last one stands for `most`.
    fn colours(&mut self, what: &str, most: u64) {
        const SIDE: f64 = 11.0;
        self.legend(0.0, &format!("{what} 1"), |_| String::new());
        self.legend_x -= 8.0;
        // One event in every cell has one colour.
        let (from, word) = if most > 1 { (1, super::number::count(most)) } else { (LEVELS, String::new()) };
        self.legend(SIDE * (LEVELS + 1 - from) as f64, &word, |x| {
            let step = |level: u64| {
                let x = x + (level - from) as f64 * SIDE;
                let y = LEGEND_Y - SIDE / 2.0;
                format!("<rect class=\"h{level}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{SIDE}\" height=\"{SIDE}\"/>")
            };
            (from..=LEVELS).map(step).collect()
        });
    }

    fn finish(self, title: String, says: String) -> Chart {
        let height = self.bottom() + BELOW;
        Chart { title, says, width: self.size.width, height, body: self.body }
    }
}

/// The step of colour of a count, by its logarithm: 1 for the fewest, [`LEVELS`] for the most.
fn level(count: u64, most: u64) -> u64 {
    if count >= most {
        return LEVELS;
    }
    let share = (count.max(1) as f64).ln() / (most as f64).ln();
    // Of 1 the first step, of the most the last.
    (1..LEVELS).find(|level| share * ((LEVELS - 1) as f64) < *level as f64 - 0.5).unwrap_or(LEVELS)
}

/// Numbers at even distances, as few as make at most `most` of them: steps of 1, 2 or 5 and zeros.
fn even_ticks(first: u64, last: u64, most: u64) -> Vec<u64> {
    let span = last.saturating_sub(first).max(1);
    let steps =
        (0..20).flat_map(|power: u32| [1, 2, 5].map(|digit: u64| digit.saturating_mul(10_u64.saturating_pow(power))));
    let Some(step) = steps.into_iter().find(|step| span / step < most) else { return Vec::new() };
    let begin = first.div_ceil(step).saturating_mul(step);
    (0..=most)
        .map(|number| begin.saturating_add(number.saturating_mul(step)))
        .take_while(|tick| *tick <= last)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, even_ticks, level};

    #[test]
    fn few_and_most_have_the_ends_of_the_scale() {
        assert_eq!([level(1, 1), level(1, 2), level(1, 1_000_000), level(9, 9)], [LEVELS, 1, 1, LEVELS]);
        let levels: Vec<u64> = (0..20).map(|power| level(1 << power, 1 << 19)).collect();
        assert!(levels.is_sorted() && levels.contains(&3), "{levels:?}");
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(even_ticks(0, 2_118, 6), [0, 500, 1_000, 1_500, 2_000]);
        assert_eq!(even_ticks(333, 340, 6), [334, 336, 338, 340]);
        assert_eq!(even_ticks(0, 0, 6), [0]);
        assert!(even_ticks(0, u64::MAX, 6).len() <= 7);
    }
}
