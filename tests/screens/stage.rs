//! A source, an app and a buffer, without a terminal.

use std::io::Cursor as Bytes;
use std::path::{Path, PathBuf};

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::ids::DurationNs;
use dmlog_user::event::item::Item;
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;
use dmlog_user::tui::app::{App, Command};
use dmlog_user::tui::replay::Replay;
use dmlog_user::tui::screen::Screen;
use dmlog_user::tui::settings::Settings;
use dmlog_user::tui::source::{Bytes as Readable, Source};
use dmlog_user::tui::theme::{Background, Theme};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::scenario::Scenario;

/// Sizes that every screen is shown at.
pub(crate) const SIZES: [(u16, u16); 4] = [(60, 15), (80, 24), (120, 40), (200, 60)];

pub(crate) const THEME: Theme = Theme { background: Background::Dark, has_colour: true, has_unicode: true };

/// Everything between a trace and what is drawn of it.
pub(crate) struct Stage {
    pub(crate) replay: Replay,
    pub(crate) app: App,
    size: (u16, u16),
}

impl Stage {
    /// A trace in memory, read to its end.
    pub(crate) fn new(title: &str, bytes: Vec<u8>, theme: Theme) -> Self {
        let open = move || {
            let bytes: Box<dyn Readable> = Box::new(Bytes::new(bytes.clone()));
            TraceReader::new(bytes)
        };
        let settings = Settings { theme, mouse: true, screen: Screen::Mirrors, device: None, frames_per_s: 10 };
        let app = App::new(&settings);
        let mut replay = Replay::new(title.to_owned(), Box::new(open), None).unwrap();
        replay.read_all(&app.wants());
        Self { replay, app, size: (80, 24) }
    }

    /// A committed trace of a real kernel.
    pub(crate) fn of_trace(name: &str) -> Self {
        Self::new(name, std::fs::read(trace(name)).unwrap(), THEME)
    }

    /// A scenario.
    pub(crate) fn of_case(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases").join(name);
        let scenario = Scenario::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self::of_items(name, &scenario.facts, &scenario.items)
    }

    /// Items.
    pub(crate) fn of_items(name: &str, facts: &CaptureFacts, items: &[Item]) -> Self {
        let mut bytes = Vec::new();
        let mut writer = TraceWriter::new(&mut bytes, facts).unwrap();
        for item in items {
            writer.push(item).unwrap();
        }
        writer.finish().unwrap();
        Self::new(name, bytes, THEME)
    }

    /// At another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
    }

    /// The next frames, until nothing is left to do.
    pub(crate) fn settle(&mut self) -> Buffer {
        // Once to learn the size, once with what it takes.
        self.frame();
        while {
            self.replay.tick(DurationNs(0), &self.app.wants());
            self.replay.is_busy()
        } {}
        self.frame()
    }

    /// One frame, as it is.
    pub(crate) fn frame(&mut self) -> Buffer {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let mut buffer = Buffer::empty(area);
        self.replay.tick(DurationNs(0), &self.app.wants());
        self.app.draw(self.replay.frame(), area, &mut buffer);
        buffer
    }

    /// Presses keys: single characters, or names in `<>` such as `<Enter>`. Returns the last command that is not about time.
    pub(crate) fn press(&mut self, keys: &str) -> Option<Command> {
        let mut last = None;
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (key, length) = match rest.split_once('>') {
                Some((name, _)) if c == '<' && name.len() > 1 => (named(&name[1..]), name.len() + 1),
                _ => (KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), c.len_utf8()),
            };
            rest = &rest[length..];
            match self.app.update(&Event::Key(key), self.replay.frame()) {
                Some(Command::Travel(travel)) => self.replay.travel(travel),
                Some(command) => last = Some(command),
                None => {}
            }
            self.settle();
        }
        last
    }

    /// What is on the screen, as text.
    pub(crate) fn text(&mut self) -> String {
        text(&self.settle())
    }

    /// The screen at all sizes.
    pub(crate) fn at_all_sizes(&mut self) -> String {
        let mut out = String::new();
        for (width, height) in SIZES {
            self.resize((width, height));
            out.push_str(&format!("== {width}x{height}\n{}", self.text()));
        }
        out
    }
}

/// A committed trace.
pub(crate) fn trace(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data/v1").join(name)
}

fn named(name: &str) -> KeyEvent {
    if let Some(c) = name.strip_prefix("C-").and_then(|rest| rest.chars().next()) {
        return KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Tab" => KeyCode::Tab,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "Right" => KeyCode::Right,
        "Down" => KeyCode::Down,
        "PgDn" => KeyCode::PageDown,
        "S-Tab" => return KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT),
        _ => panic!("no key is called `{name}` here"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// Symbols, without blanks at the ends of lines.
pub(crate) fn text(buffer: &Buffer) -> String {
    lines(buffer, |buffer, x, y| buffer[(x, y)].symbol().to_owned())
}

/// Styles, a letter for each: capital in reverse video.
pub(crate) fn styles(buffer: &Buffer) -> String {
    lines(buffer, |buffer, x, y| letter(buffer[(x, y)].style()).to_string())
}

fn letter(style: Style) -> char {
    let letter = match style.fg {
        Some(Color::Green) => 'g',
        Some(Color::Red) => 'r',
        Some(Color::Yellow) => 'y',
        Some(Color::Cyan) if style.add_modifier.contains(Modifier::BOLD) => 'h',
        Some(Color::Cyan) => 'c',
        _ if style.add_modifier.contains(Modifier::DIM) => 'd',
        _ if style.add_modifier.contains(Modifier::REVERSED) => 'x',
        _ => ' ',
    };
    if style.add_modifier.contains(Modifier::REVERSED) { letter.to_ascii_uppercase() } else { letter }
}

fn lines(buffer: &Buffer, of: impl Fn(&Buffer, u16, u16) -> String) -> String {
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let line: String = (0..area.width).map(|x| of(buffer, x, y)).collect();
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}
