//! Pages and pictures of traces: somebody else's parsers read them and count what the report counts, a browser shows them without
//! scrolling sideways, and nothing that a name holds is markup.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dmlog_user::analysis::heat::MIRRORS_MAX;
use dmlog_user::event::ids::{DurationNs, LogId, MonoNs, Region};
use dmlog_user::event::item::{DecodeFailure, Gap, Item, LossCause};
use dmlog_user::event::op::{Event, FlushKind, LogImpl, LogOp, MirrorOp, Op};
use dmlog_user::export::svg::MIRRORS_SHOWN;
use dmlog_user::export::{Report, TraceEnd, html, markdown, svg};
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::writer::TraceWriter;
use serde_json::Value;

use crate::pyarrow::python;
use crate::real::{recordings, report};
use crate::workload::{facts, workload};

/// A file of this test.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn run(arguments: &[&str], path: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_dmlog-top")).args(arguments).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn page(path: &Path, format: &str) -> Vec<u8> {
    run(&["report", "--format", format], path)
}

fn picture(path: &Path) -> Vec<u8> {
    run(&["export", "--to", "svg", "-o", "-"], path)
}

/// What the script says of a page or picture.
fn read(python: &Path, kind: &str, name: &str, bytes: &[u8]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/pages.py");
    let output = Command::new(python).arg(script).arg(kind).arg(file(name, bytes)).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn name(path: &Path, kind: &str) -> String {
    let version = path.parent().unwrap().file_name().unwrap().display();
    format!("page-{version}-{}.{kind}", path.file_stem().unwrap().display())
}

/// Events on heat maps by what the report has: timed flushes by kind, timed writes, marks.
fn on_maps(report: &Value) -> Vec<(String, u64)> {
    let mut numbers = Vec::new();
    for device in report["devices"].as_array().unwrap() {
        let kinds = device["flush"]["kinds"].as_object().unwrap();
        for (kind, row) in kinds {
            let timed = row["latency_count"].as_u64().unwrap_or(0);
            numbers.push((format!("{} flushes", kind.replace('_', "-")), timed));
        }
        let writes = device["io"]["kinds"]["write"]["latency_count"].as_u64();
        numbers.push(("writes".to_owned(), writes.unwrap_or(0)));
        numbers.push(("marks".to_owned(), device["regions"]["marks"].as_u64().unwrap()));
    }
    numbers.retain(|(_, number)| *number > 0);
    numbers.sort();
    numbers
}

/// The same by what the charts have: `Heat map of 81 dirtied flushes by …`, and the sum of all cells.
fn on_charts(charts: &Value) -> Vec<(String, u64)> {
    let mut numbers = Vec::new();
    for chart in charts.as_array().unwrap() {
        let says = chart["says"].as_str().unwrap();
        let Some(says) = says.strip_prefix("Heat map of ") else { continue };
        let (number, says) = says.split_once(' ').unwrap();
        let (what, _) = says.split_once(" by time").unwrap();
        assert_eq!(number.replace(',', ""), chart["sum"].to_string(), "{says}");
        let what = if what == "mark" { "marks" } else { what };
        numbers.push((what.to_owned(), chart["sum"].as_u64().unwrap()));
    }
    numbers.sort();
    numbers
}

#[test]
fn pictures_are_xml_and_their_cells_are_what_the_report_counts() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP pictures_are_xml_and_their_cells_are_what_the_report_counts: {reason}");
            return;
        }
    };
    for path in recordings() {
        let read = read(&python, "svg", &name(&path, "svg"), &picture(&path));
        let expected = on_maps(&report(&path));
        assert!(expected.len() >= 3, "{expected:?}");
        assert_eq!(on_charts(&read["charts"]), expected, "{}", path.display());
    }
}

/// The cells of a row that begins with this, in all tables below this heading.
fn rows<'a>(read: &'a Value, caption: &str, first: &str) -> Vec<Vec<&'a str>> {
    let tables = read["tables"].as_array().unwrap().iter().filter(|table| table["caption"] == caption);
    let rows = tables.flat_map(|table| table["rows"].as_array().unwrap());
    let cells = rows.map(|row| row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect::<Vec<_>>());
    cells.filter(|cells| cells.first() == Some(&first)).collect()
}

#[test]
fn pages_are_html_that_fetches_nothing_and_has_the_numbers_of_the_report() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP pages_are_html_that_fetches_nothing_and_has_the_numbers_of_the_report: {reason}");
            return;
        }
    };
    for path in recordings() {
        let read = read(&python, "html", &name(&path, "html"), &page(&path, "html"));
        let report = report(&path);
        assert_eq!(read["errors"], serde_json::json!([]), "{}", path.display());
        assert!(read["links"].as_array().unwrap().iter().all(|link| link.as_str().unwrap().starts_with('#')));
        assert_eq!(on_charts(&read["charts"]), on_maps(&report), "{}", path.display());
        for device in report["devices"].as_array().unwrap() {
            for (op, row) in device["ops"].as_object().unwrap() {
                let found = rows(&read, "All operations", op);
                let count = row["count"].to_string();
                assert!(found.iter().any(|cells| cells[1].replace(',', "") == count), "{op} {count} {found:?}");
            }
        }
    }
}

/// A trace whose names want to be markup, and where something is missing.
fn hostile() -> Vec<u8> {
    let mut items = workload(30);
    let map = items.iter().find_map(|item| match item {
        Item::Event(event @ Event { op: Op::Mirror(MirrorOp::Map(io)), .. }) => Some((event.clone(), io.clone())),
        _ => None,
    });
    let (event, io) = map.unwrap();
    let end = items.last().unwrap().time();
    for comm in
        ["<script>alert(1)</script>", "a|b\n# c", "\u{202e}\"'&amp;<!--", "]]><img src=x onerror=y>", "\u{1b}[2J\u{0}"]
    {
        let op = Op::Mirror(MirrorOp::Map(dmlog_user::event::op::Io { comm: comm.to_owned(), ..io.clone() }));
        items.push(Item::Event(Event { time: end, op, ..event.clone() }));
    }
    for item in &mut items {
        if let Item::Event(Event { op: Op::Identity(identity), .. }) = item {
            identity.name = format!("</h2><script>|`{}", "\u{202e}n".repeat(100));
            "disk\"><b onload=x>".clone_into(&mut identity.log_type);
        }
    }
    items.push(Item::Gap(Gap { time: end, cpu: Some(1), lost: Some(77), cause: LossCause::RingFull }));
    items.push(Item::DecodeError(DecodeFailure { time: end, reason: "<b>".repeat(1 << 16) }));
    let mut facts = facts();
    facts.host = "<i>@everyone #1 https://example.org |".repeat(1 << 15);
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts).unwrap();
    for item in &items {
        writer.push(item).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn names_are_words_wherever_they_stand() {
    let path = file("pages-hostile.dmlog", &hostile());
    let (html, svg, markdown) = (page(&path, "html"), picture(&path), page(&path, "markdown"));
    for (kind, bytes) in [("html", &html), ("svg", &svg), ("markdown", &markdown)] {
        let text = std::str::from_utf8(bytes).unwrap();
        assert!(text.len() < 400 << 10, "{kind} {}", text.len());
        for markup in ["<script", "<img", "<i>", "<b ", "<b>", "</h2><"] {
            assert!(!text.contains(markup), "{kind} has {markup}");
        }
        let forbidden = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(forbidden), "{kind}");
        assert!(text.contains("more characters)") && text.contains("77"), "{kind}: cut and lost is told");
    }
    let markdown = String::from_utf8(markdown).unwrap();
    assert!(!markdown.contains("@everyone") && !markdown.contains("https://example") && !markdown.contains(" #1 "));
    for line in markdown.lines().filter(|line| line.starts_with("| ")) {
        assert!(line.ends_with(" |"), "{line}");
    }
    let Ok(python) = python() else {
        println!("SKIP names_are_words_wherever_they_stand: no Python");
        return;
    };
    let read_html = read(&python, "html", "pages-hostile.html", &html);
    assert_eq!(read_html["errors"], serde_json::json!([]));
    assert!(read_html["text"].as_str().unwrap().contains("<script>alert(1)</script>"), "shown as it is");
    let read_svg = read(&python, "svg", "pages-hostile.svg", &svg);
    let gaps = &read_svg["charts"][0]["gaps"];
    assert!(gaps[0].as_str().unwrap().contains("78 events missing"), "the gap and the record: {gaps}");
    let elements = ["desc", "g", "path", "rect", "style", "svg", "text", "title"];
    assert_eq!(read_svg["elements"], serde_json::json!(elements));
}

/// A machine with more mirrors than have heat maps says so, and counts what is on none.
#[test]
fn mirrors_beyond_the_limit_are_counted() {
    let facts = facts();
    let mut session = Session::new(Some(&facts), Settings::default()).with_maps();
    for mirror in 1..=u32::try_from(MIRRORS_MAX + 3).unwrap() {
        for item in workload(1) {
            let Item::Event(mut event) = item else { continue };
            event.log = LogId(mirror);
            if let Op::Identity(identity) = &mut event.op {
                (identity.name, identity.device.minor) = (format!("vg/lv{mirror}"), mirror);
            }
            session.apply(&Item::Event(event));
        }
    }
    let (snapshot, maps) = (session.snapshot(1), session.maps().unwrap());
    assert_eq!((snapshot.devices.len(), maps.mirrors.len()), (MIRRORS_MAX + 3, MIRRORS_MAX));
    // A mark, three flushes and a write of each.
    assert_eq!(maps.events_left_out, 3 * 5);
    let report = Report { source: "many", facts: &facts, snapshot: &snapshot, end: TraceEnd::Clean };
    let left_out = MIRRORS_MAX + 3 - MIRRORS_SHOWN;
    assert!(svg::render(&report, &maps).contains(&format!("{left_out} mirrors without maps")));
    assert_eq!(html::render(&report, &maps).matches("Charts are of the first 16 mirrors only").count(), left_out);
}

/// What a fuzzed trace may hold: no number makes a chart larger, or the program stop.
#[test]
fn absurd_numbers_stay_on_the_charts() {
    let mut items = workload(20);
    let log = |op| Op::Log(LogImpl::Disk, op);
    let known = items.iter().find_map(|item| if let Item::Event(event) = item { Some(event.clone()) } else { None });
    let known = known.unwrap();
    for time in [0, 1, u64::MAX / 2, u64::MAX] {
        let event =
            |op, ns| Item::Event(Event { time: MonoNs(time), duration: Some(DurationNs(ns)), op, ..known.clone() });
        for number in [0, 1 << 40, u64::MAX - 1, u64::MAX] {
            items.push(event(log(LogOp::MarkRegion { region: Region(number) }), 1));
            items.push(event(log(LogOp::Flush { kind: Some(FlushKind::Dirtied), result: 0 }), number));
        }
        items.push(Item::Gap(Gap { time: MonoNs(time), cpu: None, lost: Some(u64::MAX), cause: LossCause::RingFull }));
    }
    let facts = facts();
    for count in [None, Some(0), Some(1), Some(u64::MAX)] {
        let mut session = Session::new(Some(&facts), Settings::default()).with_maps();
        for item in &items {
            let mut item = item.clone();
            if let Item::Event(Event { op: Op::Identity(identity), .. }) = &mut item {
                identity.region_count = count;
            }
            session.apply(&item);
        }
        let snapshot = session.snapshot(10);
        let maps = session.maps().unwrap();
        let report = Report { source: "absurd", facts: &facts, snapshot: &snapshot, end: TraceEnd::Clean };
        let picture = svg::render(&report, &maps);
        let marks = snapshot.devices[0].regions.totals.marks;
        assert!(picture.contains(&format!("Heat map of {marks} marks by time and region")), "{count:?}");
        for page in [picture, html::render(&report, &maps), markdown::render(&report)] {
            assert!(page.len() < 400 << 10 && !page.contains("NaN") && !page.contains("inf "), "{count:?}");
        }
    }
}

/// Width of a phone, in CSS pixels.
const PHONE: u32 = 375;

/// A page inside of a frame as wide as a phone, for no browser makes so narrow a window; it tells how wide its content is.
fn framed(html: &str) -> String {
    let page = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!DOCTYPE html><meta charset=utf-8><style>body{{margin:0}}iframe{{border:0;width:{PHONE}px;height:2400px}}</style>\
         <iframe srcdoc=\"{page}\"></iframe><p id=told></p><script>onload = () => {{\
         const root = document.querySelector('iframe').contentDocument.documentElement;\
         document.querySelector('#told').textContent = 'width ' + root.scrollWidth + ' charts ' + root.querySelectorAll('svg').length;\
         }}</script>"
    )
}

fn chromium(arguments: &[&str], page: &Path) -> Option<(String, String)> {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium");
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000", "--timeout=60000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some((text(&output.stdout), text(&output.stderr)))
}

/// The pictures stay beside the test's other files, to be looked at.
#[test]
fn a_browser_shows_the_page_on_a_phone_without_scrolling_sideways() {
    let path = recordings().into_iter().find(|path| path.ends_with("v1.1/disk-6.12.dmlog")).unwrap();
    let hostile = file("pages-browser.dmlog", &hostile());
    for (name, path) in [("real", path), ("hostile", hostile)] {
        let html = String::from_utf8(page(&path, "html")).unwrap();
        let whole = file(&format!("browser-{name}.html"), html.as_bytes());
        let phone = file(&format!("browser-{name}-phone.html"), framed(&html).as_bytes());
        let Some((dom, log)) = chromium(&["--dump-dom", "--window-size=600,2400"], &phone) else {
            println!("SKIP a_browser_shows_the_page_on_a_phone_without_scrolling_sideways: no chromium");
            return;
        };
        let told = dom.rsplit_once("<p id=\"told\">").unwrap().1.split_once('<').unwrap().0;
        let charts = html.matches("<svg ").count();
        assert_eq!(told, format!("width {PHONE} charts {charts}"), "{name}");
        assert!(charts >= 5 && !log.contains("CONSOLE"), "{name}: {log}");
        for (shown, arguments) in [
            ("light", &["--window-size=1100,2600"][..]),
            ("dark", &["--window-size=1100,2600", "--blink-settings=preferredColorScheme=0"]),
        ] {
            let png = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{name}-{shown}.png"));
            let _ = fs::remove_file(&png);
            let shot = format!("--screenshot={}", png.display());
            let (_, log) = chromium(&[&[shot.as_str()], arguments].concat(), &whole).unwrap();
            assert!(!log.contains("CONSOLE"), "{log}");
            let begin = fs::read(&png).unwrap();
            assert!(begin.starts_with(b"\x89PNG") && begin.len() > 20_000, "{} bytes", begin.len());
        }
    }
}
