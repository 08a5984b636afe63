//! A report as one page for a browser: nothing is fetched, and no script is needed to read it.
//!
//! ```text
//! title, what was lost, capture, probes      light or dark as the reader's system is, narrow enough for a phone,
//! each mirror: its facts, then by topic      and printable; tables and charts that are wider scroll inside their own box
//!   charts, tables, sentences
//! ```

use super::Report;
use super::chart::heat::{flushes, marks, writes};
use super::chart::time_axis::Span;
use super::chart::{Chart, HALF, STYLE, over_time, percentiles};
use super::document::{Block, Group, MirrorPart, Outline, Section, Topic};
use super::markup::{name, words};
use super::number::{counted, harmless};
use super::report::document;
use super::svg::{MIRRORS_SHOWN, maps_of, span};
use super::table::Table;
use crate::analysis::flush::KIND_NAMES;
use crate::analysis::heat::{MIRRORS_MAX, TARGETS_MAX};
use crate::analysis::latency::LatencySummary;
use crate::event::facts::{CaptureFacts, Probe};
use crate::session::maps::{Maps, MirrorMaps};
use crate::session::snapshot::DeviceSnapshot;

/// How the page looks, charts apart.
const PAGE_STYLE: &str = include_str!("style.css");

/// The page.
pub fn render(report: &Report<'_>, maps: &Maps) -> String {
    let document = document(report);
    let outline = document.outline();
    let source = name(&harmless(report.source));
    let mut page = Page { report, maps, out: String::new() };
    page.push(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{source}: dirty region log report</title>\n\
         <style>\n{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>\n<header>\n<p class=\"kind\">Dirty region log report</p>\n\
         <h1>{source}</h1>\n</header>"
    ));
    page.push("<main>");
    page.contents(&outline);
    page.alarms(&outline);
    page.push("<section aria-labelledby=\"capture\">\n<h2 id=\"capture\">Capture</h2>");
    // The title has the name of the trace.
    let facts: Vec<_> = outline.facts.iter().filter(|group| group.label != "trace").cloned().collect();
    page.facts(&facts);
    page.probes(report.facts);
    page.push("</section>");
    if let Some(text) = outline.empty {
        page.push(&format!("<p class=\"empty\">{}</p>", words(text)));
    }
    for (part, device) in outline.mirrors.iter().zip(&report.snapshot.devices) {
        page.mirror(part, device);
    }
    page.push("</main>\n<footer>Made by dmlog-top. Times are from the start of the trace.</footer>\n</body>\n</html>");
    page.out
}

/// A page in the making.
struct Page<'a> {
    report: &'a Report<'a>,
    maps: &'a Maps,
    out: String,
}

impl Page<'_> {
    fn push(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Links to the mirrors, where there are several.
    fn contents(&mut self, outline: &Outline<'_>) {
        if outline.mirrors.len() < 2 {
            return;
        }
        self.push("<nav aria-label=\"Mirrors\">\n<ul>");
        for part in &outline.mirrors {
            self.push(&format!("<li><a href=\"#mirror-{}\">{}</a></li>", part.place, name(part.name)));
        }
        self.push("</ul>\n</nav>");
    }

    fn alarms(&mut self, outline: &Outline<'_>) {
        if outline.alarms.is_empty() {
            self.push("<p class=\"fine\">Nothing is missing from this trace.</p>");
            return;
        }
        self.push("<section class=\"alarms\" aria-labelledby=\"missing\">\n<h2 id=\"missing\">Read this first</h2>");
        self.groups(&outline.alarms);
        self.push("</section>");
    }

    fn facts(&mut self, groups: &[Group<'_>]) {
        self.groups(groups);
    }

    fn groups(&mut self, groups: &[Group<'_>]) {
        self.push("<dl>");
        for Group { label, texts, tables } in groups {
            self.push(&format!("<dt>{}</dt>", words(label)));
            for text in texts {
                self.push(&format!("<dd>{}</dd>", words(text)));
            }
            for table in tables {
                self.push("<dd>");
                self.table(table, label);
                self.push("</dd>");
            }
        }
        self.push("</dl>");
    }

    /// Every function of the kernel that the capture knows of, folded away.
    fn probes(&mut self, facts: &CaptureFacts) {
        if facts.coverage.is_empty() {
            return;
        }
        let mut table =
            Table::default().words("module").words("function").words("probe").words("why").words("missing without it");
        for hook in &facts.coverage {
            let probe = match hook.probe {
                Probe::Fentry => "fentry",
                Probe::Kprobe => "kprobe",
                Probe::Off => "off",
                Probe::Waiting => "waiting",
                Probe::Absent => "absent",
            };
            let is_there = matches!(hook.probe, Probe::Fentry | Probe::Kprobe);
            let missing = if is_there { String::new() } else { harmless(&hook.loss) };
            table.row(vec![
                harmless(&hook.module),
                harmless(&hook.function),
                probe.to_owned(),
                harmless(&hook.reason),
                missing,
            ]);
        }
        let all = counted(facts.coverage.len() as u64, "function");
        self.push(&format!("<details>\n<summary>Probes: {all} of the kernel</summary>"));
        self.table(&table, "Probes");
        self.push("</details>");
    }

    fn mirror(&mut self, part: &MirrorPart<'_>, device: &DeviceSnapshot) {
        let number =
            part.number.map_or_else(String::new, |number| format!(" <span class=\"number\">{}</span>", words(number)));
        let place = part.place;
        self.push(&format!(
            "<section class=\"mirror\" aria-labelledby=\"mirror-{place}\">\n<h2 id=\"mirror-{place}\">{}{number}</h2>",
            name(part.name)
        ));
        self.facts(&part.facts);
        let is_shown = place < MIRRORS_SHOWN;
        if !is_shown {
            self.push(&format!("<p class=\"note\">Charts are of the first {MIRRORS_SHOWN} mirrors only.</p>"));
        }
        for section in &part.sections {
            self.section(section, device, is_shown);
        }
        self.push("</section>");
    }

    fn section(&mut self, section: &Section<'_>, device: &DeviceSnapshot, has_charts: bool) {
        let class = if section.topic == Topic::Failures { " class=\"failures\"" } else { "" };
        let heading = if section.topic == Topic::Failures { "Failures" } else { section.text };
        self.push(&format!("<h3{class}>{}</h3>", words(heading)));
        let charts = if has_charts { self.charts(section.topic, device) } else { Vec::new() };
        if !charts.is_empty() {
            self.push("<div class=\"charts\">");
            for chart in &charts {
                self.chart(chart);
            }
            self.push("</div>");
        }
        if let Some(limit) = self.limit(section.topic, device).filter(|_| has_charts) {
            self.push(&format!("<p class=\"note\">{}</p>", words(&limit)));
        }
        for block in &section.blocks {
            match block {
                Block::Note(text) => self.push(&format!("<p class=\"note\">{}</p>", words(text))),
                Block::Table(table) => self.table(table, heading),
                _ => {}
            }
        }
    }

    /// What is on no chart of a topic because there is too much of it.
    fn limit(&self, topic: Topic, device: &DeviceSnapshot) -> Option<String> {
        match (topic, maps_of(self.maps, device)) {
            (Topic::Flushes | Topic::Io, None) if self.maps.events_left_out > 0 => {
                Some(format!("Heat maps are of the first {MIRRORS_MAX} mirrors to which something happened."))
            }
            (Topic::Regions, Some(mirror)) if mirror.marks_beyond_limit > 0 => {
                Some(format!("{} of further targets are on no map.", counted(mirror.marks_beyond_limit, "mark")))
            }
            _ => None,
        }
    }

    /// What there is to see of a topic.
    fn charts(&self, topic: Topic, device: &DeviceSnapshot) -> Vec<Chart> {
        let span = span(&self.report.snapshot.window);
        let losses = &self.maps.losses;
        let mirror = maps_of(self.maps, device);
        match topic {
            Topic::Io => {
                let kinds = device.io.kinds.iter().filter_map(|kind| Some((spoken(kind.kind), kind.latency?)));
                let kinds: Vec<_> = kinds.collect();
                let map = mirror.and_then(|mirror| writes(mirror, span, losses, HALF));
                map.into_iter().chain(percentiles::rows("Latencies of reads and writes", &kinds, HALF)).collect()
            }
            Topic::Flushes => {
                let kinds = device.flush.kinds.iter().filter_map(|kind| Some((spoken(kind.kind), kind.latency?)));
                let kinds: Vec<(String, LatencySummary)> = kinds.collect();
                let maps = mirror.into_iter().flat_map(|mirror| flush_maps(mirror, span, self.maps));
                maps.chain(percentiles::rows("Latencies of flushes", &kinds, HALF)).collect()
            }
            Topic::Regions => {
                let targets = mirror.into_iter().flat_map(|mirror| {
                    (0..TARGETS_MAX).filter_map(move |target| marks(mirror, target, span, losses, HALF))
                });
                targets.collect()
            }
            Topic::OverTime => {
                let crash = over_time::crash(&device.occupancy, span, losses, HALF);
                over_time::dirty(&device.occupancy, span, losses, HALF).into_iter().chain(crash).collect()
            }
            Topic::Failures | Topic::Other => Vec::new(),
        }
    }

    fn chart(&mut self, chart: &Chart) {
        let Chart { title, says, width, height, body } = chart;
        let (title, says) = (words(title), words(says));
        self.push(&format!(
            "<figure>\n<figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"{says}\">\n\
             {body}</svg>\n</figure>"
        ));
    }

    /// A table in a box of its own, which scrolls where it is too narrow.
    fn table(&mut self, table: &Table, caption: &str) {
        let caption = words(caption);
        self.push(&format!("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>"));
        self.push(&format!("<caption>{caption}</caption>\n<thead>"));
        let heads: Vec<(&str, bool)> = table.heads().collect();
        let class = |is_number: bool| if is_number { " class=\"n\"" } else { "" };
        let head = |(head, is_number): &(&str, bool)| {
            if head.is_empty() {
                "<td></td>".to_owned()
            } else {
                format!("<th scope=\"col\"{}>{}</th>", class(*is_number), words(head))
            }
        };
        let line: String = heads.iter().map(head).collect();
        self.push(&format!("<tr>{line}</tr>\n</thead>\n<tbody>"));
        for row in table.rows() {
            let cells = heads.iter().enumerate().map(|(place, (_, is_number))| {
                let cell = row.get(place).map_or("", String::as_str);
                // Bars are a picture, which the chart above tells in words.
                let is_bars = !cell.is_empty() && cell.chars().all(|c| c == ' ' || ('▁'..='█').contains(&c));
                let cell = words(cell);
                let cell =
                    if is_bars { format!("<span class=\"bars\" aria-hidden=\"true\">{cell}</span>") } else { cell };
                // The first column says what the row is of.
                if place == 0 && !is_number {
                    format!("<th scope=\"row\">{cell}</th>")
                } else {
                    format!("<td{}>{cell}</td>", class(*is_number))
                }
            });
            let line: String = cells.collect();
            self.push(&format!("<tr>{line}</tr>"));
        }
        self.push("</tbody>\n</table>\n</div>");
    }
}

/// A kind as people spell it.
fn spoken(kind: &str) -> String {
    kind.replace('_', "-")
}

fn flush_maps(mirror: &MirrorMaps, span: Span, maps: &Maps) -> Vec<Chart> {
    (0..KIND_NAMES.len()).filter_map(|kind| flushes(mirror, kind, span, &maps.losses, HALF)).collect()
}
