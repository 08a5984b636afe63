//! What must hold for every format that items are exported in, whatever names, texts and numbers they have.
//!
//! The input is lines of the text form, as for the target `text`; the first one that is no item names host and kernel.

use dmlog_user::event::facts::{CaptureFacts, ClockPair};
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::export::csv::Csv;
use dmlog_user::export::hdr::Names;
use dmlog_user::export::hdr::hgrm::Hgrm;
use dmlog_user::export::hdr::hlog::Hlog;
use dmlog_user::export::jsonl::JsonLines;
use dmlog_user::export::openmetrics::{Dialect, Exposition};
use dmlog_user::export::perfetto::Perfetto;
use dmlog_user::export::sink::{DeviceNames, ItemSink};
use dmlog_user::export::{Report, TraceEnd, html, markdown, openmetrics, svg, text};
use dmlog_user::session::{Session, Settings};

/// Lines that are looked at.
const LINES_MAX: usize = 256;
/// Most that a page, a picture or a metric text of so few items can have; 128 columns by 128 rows of cells for a few mirrors.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// Elements that our pages and pictures have. None of them runs anything or fetches anything.
const ELEMENTS: [&str; 52] = [
    "!doctype",
    "?xml",
    "a",
    "article",
    "aside",
    "b",
    "body",
    "br",
    "caption",
    "circle",
    "code",
    "col",
    "colgroup",
    "dd",
    "defs",
    "desc",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "g",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "li",
    "line",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "path",
    "pattern",
    "polyline",
    "rect",
    "section",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "text",
    "title",
    "ul",
];
const TABLE_ELEMENTS: [&str; 7] = ["table", "tbody", "td", "tfoot", "th", "thead", "tr"];

/// Every format takes the items and keeps what they say within its bounds.
pub(crate) fn check(data: &[u8], is_thorough: bool) {
    let input = String::from_utf8_lossy(data);
    let host = input.lines().find(|line| parse(line).is_err()).unwrap_or_default().to_owned();
    let items: Vec<Item> = input.lines().take(LINES_MAX).filter_map(|line| parse(line).ok()).collect();
    let clock = ClockPair { monotonic_ns: 1, realtime_ns: 1_795_737_599_000_000_000 };
    let facts = CaptureFacts { host: host.clone(), kernel_release: host, clock, ..CaptureFacts::default() };

    assert_rows(&written(&items, Csv::new(Vec::new())), &items);
    for line in lines(&written(&items, JsonLines::new(Vec::new()))) {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    let packets = written(&items, Perfetto::new(Vec::new(), &facts));
    assert!(packets.len() <= PAGE_BYTES_MAX, "{} bytes", packets.len());
    lines(&written(&items, Hlog::new(Vec::new(), &facts, Names::Met(DeviceNames::default()))));
    written(&items, Hgrm::new(Names::Met(DeviceNames::default())));
    if is_thorough {
        check_pages(&items, &facts);
    }
}

/// What a report is made into.
fn check_pages(items: &[Item], facts: &CaptureFacts) {
    let mut session = Session::new(Some(facts), Settings::default()).with_maps();
    for item in items {
        session.apply(item);
    }
    let (snapshot, distributions, maps) =
        (session.snapshot(20), session.distributions(), session.maps().unwrap_or_default());
    let report = Report { source: &facts.host, facts, snapshot: &snapshot, end: TraceEnd::Torn { bytes: 7 } };
    lines(text::render(&report).as_bytes());
    lines(markdown::render(&report).as_bytes());
    for page in [html::render(&report, &maps), svg::render(&report, &maps)] {
        assert_elements(&page);
        lines(page.as_bytes());
    }
    let exposition =
        Exposition { report: &report, distributions: &distributions, regions: 20, at_ns: Some(1), serving: None };
    for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
        lines(openmetrics::render(&exposition, dialect).as_bytes());
    }
}

/// Everything that a format writes.
fn written<S: ItemSink>(items: &[Item], mut sink: S) -> S::Out {
    for item in items {
        assert!(sink.take(item).is_ok(), "memory can always be written");
    }
    let Ok(out) = sink.finish() else { panic!("memory can always be written") };
    out
}

/// Lines of harmless text, of which there are not too many.
fn lines(bytes: &[u8]) -> Vec<&str> {
    assert!(bytes.len() <= PAGE_BYTES_MAX, "{} bytes", bytes.len());
    let Ok(text) = std::str::from_utf8(bytes) else { panic!("it is no text") };
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    lines
}

/// A header and a row for each item, all as wide, and no cell that a spreadsheet would compute.
fn assert_rows(bytes: &[u8], items: &[Item]) {
    let lines = lines(bytes);
    assert_eq!(lines.len(), items.len() + 1);
    let mut width = None;
    for line in lines {
        let cells = cells(line);
        assert_eq!(*width.get_or_insert(cells.len()), cells.len(), "{line}");
        for cell in cells {
            let is_number = cell.parse::<i64>().is_ok();
            assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\t']), "{line}");
        }
    }
}

fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    assert!(!is_quoted, "{line}");
    cells.push(cell);
    cells
}

/// Whatever begins like an element is one of ours, opened and closed in order.
fn assert_elements(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, behind)) = rest.split_once('<') {
        let end = behind.find('>').unwrap_or_else(|| panic!("an element without an end: {behind:.80}"));
        let (inside, after) = behind.split_at(end);
        rest = after;
        let name = inside.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        let is_ours = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        assert!(is_ours(&ELEMENTS) || is_ours(&TABLE_ELEMENTS), "<{inside:.80}>");
        let is_alone = inside.ends_with('/')
            || ["br", "meta", "col", "!doctype", "?xml"].iter().any(|void| void.eq_ignore_ascii_case(name));
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes another element");
        } else if !is_alone {
            open.push(name);
        }
        if name == "style" && !inside.starts_with('/') {
            // What is in it is ours and has no names.
            rest = rest.split_once("</style").map_or("", |(_, behind)| behind);
            rest = rest.strip_prefix('>').unwrap_or(rest);
            open.pop();
        }
    }
    assert_eq!(open, [""; 0], "elements that are not closed");
}
