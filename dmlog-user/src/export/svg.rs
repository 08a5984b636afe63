//! The heat maps of a trace as one SVG picture: for each mirror flushes by kind, writes, and marks by region.
//!
//! A pure function of a [`Report`] and its [`Maps`]. What was captured stands at the top; what was lost stands there too, and lies as
//! hatched bands where it happened.

use super::chart::heat::{flushes, marks, writes};
use super::chart::time_axis::Span;
use super::chart::{Chart, STYLE, Size, WHOLE};
use super::document::Group;
use super::markup::{cut, escaped};
use super::report::document;
use super::{Report, number};
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::heat::TARGETS_MAX;
use crate::session::maps::{Maps, MirrorMaps};
use crate::session::snapshot::{CoveredTime, DeviceSnapshot};

/// Mirrors of one picture or page that have charts; of the others it says how many there are.
pub const MIRRORS_SHOWN: usize = 16;

/// Distance of the picture's content to its edge.
const MARGIN: f64 = 16.0;

/// Height of a line of words.
const LINE: f64 = 17.0;

/// Characters of a line of words.
const LINE_MAX: usize = 100;

/// Characters of a name in a title.
const TITLE_MAX: usize = 60;

/// Characters of a sentence, which takes as many lines as it needs.
const SENTENCE_MAX: usize = 4 * LINE_MAX;

/// Alarms that have a line; all others are counted.
const ALARMS_SHOWN: usize = 8;

/// The time that a chart of this report covers.
pub fn span(window: &CoveredTime) -> Span {
    Span { first_ns: window.first_ns, last_ns: window.last_ns }
}

/// The maps of a mirror of the report.
pub fn maps_of<'a>(maps: &'a Maps, device: &DeviceSnapshot) -> Option<&'a MirrorMaps> {
    maps.mirrors.iter().find(|of| of.name == device.name && of.device == device.device)
}

/// All heat maps of a mirror: flushes by kind, writes, marks by target.
pub fn heat_maps(report: &Report<'_>, maps: &Maps, mirror: &MirrorMaps, size: Size) -> Vec<Chart> {
    let span = span(&report.snapshot.window);
    let losses = &maps.losses;
    let by_kind = (0..KIND_NAMES.len()).filter_map(|kind| flushes(mirror, kind, span, losses, size));
    let by_target = (0..TARGETS_MAX).filter_map(|target| marks(mirror, target, span, losses, size));
    by_kind.chain(writes(mirror, span, losses, size)).chain(by_target).collect()
}

/// The text in lines, broken between words; a word that is longer than a line is broken too.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.chars().count() > LINE_MAX {
            lines.push(String::new());
            length = 0;
        }
        for c in (length > 0).then_some(' ').into_iter().chain(word.chars()) {
            if length == LINE_MAX {
                lines.push(String::new());
                length = 0;
            }
            lines.last_mut().into_iter().for_each(|line| line.push(c));
            length += 1;
        }
    }
    lines
}

/// A picture in the making.
struct Picture {
    body: String,
    y: f64,
}

impl Picture {
    fn line(&mut self, class: &str, text: &str) {
        for line in lines(&cut(text, SENTENCE_MAX)) {
            self.y += LINE;
            let (line, y) = (escaped(&line), self.y);
            self.body.push_str(&format!("<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y:.1}\">{line}</text>\n"));
        }
    }

    fn chart(&mut self, chart: &Chart) {
        self.y += LINE;
        self.line("title", &chart.title);
        self.y += LINE / 2.0;
        let (y, body, says) = (self.y, &chart.body, escaped(&chart.says));
        self.body.push_str(&format!(
            "<g class=\"chart\" transform=\"translate({MARGIN} {y:.1})\"><desc>{says}</desc>\n{body}</g>\n"
        ));
        self.y += chart.height;
    }

    fn facts(&mut self, groups: &[Group<'_>]) {
        for group in groups {
            for (place, text) in group.texts.iter().enumerate() {
                let label = if place == 0 { format!("{}: ", group.label) } else { String::new() };
                self.line("", &format!("{label}{text}"));
            }
        }
    }
}

/// The picture.
pub fn render(report: &Report<'_>, maps: &Maps) -> String {
    let document = document(report);
    let outline = document.outline();
    let mut picture = Picture { body: String::new(), y: MARGIN / 2.0 };
    picture.line("title", &format!("Dirty region log: {}", cut(&number::harmless(report.source), TITLE_MAX)));
    for group in outline.alarms.iter().take(ALARMS_SHOWN) {
        picture.line("alarm", &format!("{}: {}", group.label, group.texts.join(" ")));
    }
    let more = outline.alarms.len().saturating_sub(ALARMS_SHOWN);
    if more > 0 {
        picture.line("alarm", &format!("and {more} more"));
    }
    picture.facts(
        outline
            .facts
            .iter()
            .filter(|group| matches!(group.label, "capture" | "time" | "losses"))
            .cloned()
            .collect::<Vec<_>>()
            .as_slice(),
    );
    if let Some(text) = outline.empty {
        picture.line("", text);
    }
    let mut left_out = 0;
    for (part, device) in outline.mirrors.iter().zip(&report.snapshot.devices) {
        let Some(mirror) = maps_of(maps, device).filter(|_| part.place < MIRRORS_SHOWN) else {
            left_out += 1;
            continue;
        };
        picture.y += LINE;
        let number = part.number.map_or_else(String::new, |number| format!(" ({number})"));
        picture.line("title", &format!("{}{number}", cut(part.name, TITLE_MAX)));
        picture.facts(&part.facts);
        let charts = heat_maps(report, maps, mirror, WHOLE);
        if charts.is_empty() {
            picture.line("", "no flush, no write and no mark of it was seen");
        }
        for chart in &charts {
            picture.chart(chart);
        }
        if mirror.marks_beyond_limit > 0 {
            let marks = number::counted(mirror.marks_beyond_limit, "mark");
            picture.line("alarm", &format!("{marks} of further targets are on no map"));
        }
    }
    if left_out > 0 {
        picture.line(
            "alarm",
            &format!(
                "{} without maps: none of its events is on one, or there are too many",
                number::counted(left_out, "mirror")
            ),
        );
    }
    let (width, height) = (WHOLE.width + 2.0 * MARGIN, picture.y + MARGIN);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\">\n<title>Dirty region log: {}</title>\n\
         <style>\n{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
        escaped(&cut(&number::harmless(report.source), super::markup::NAME_MAX)),
        picture.body
    )
}

#[cfg(test)]
mod tests {
    use super::{LINE_MAX, lines};

    #[test]
    fn sentences_take_as_many_lines_as_they_need() {
        assert_eq!(lines("a few words"), ["a few words"]);
        let long = lines(&format!("{} and {}", "word ".repeat(22).trim_end(), "x".repeat(2 * LINE_MAX + 5)));
        assert!(long.iter().all(|line| line.chars().count() <= LINE_MAX), "{long:?}");
        assert_eq!((long.len(), long.last().map(String::as_str)), (5, Some("xxxxx")));
        assert_eq!(long.concat().matches("word").count(), 22);
    }
}
