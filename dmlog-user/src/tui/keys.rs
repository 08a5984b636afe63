//! The keys: one table that dispatches them and from which the help is printed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::frame::Frame;
use super::screen::Screen;
use super::source::Travel;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the program.
    Quit,
    /// Closes what is open; with nothing open, ends the program.
    Close,
    /// Shows the keys.
    Help,
    /// Moves the choice.
    Move(Motion),
    /// To the next screen.
    NextScreen,
    /// To the screen before.
    PreviousScreen,
    /// To a screen.
    Go(Screen),
    /// To the next mirror.
    NextDevice,
    /// To the mirror before.
    PreviousDevice,
    /// Opens what is chosen.
    Open,
    /// Sorts by the next column.
    Sort,
    /// Turns the order around.
    Reverse,
    /// Asks for a filter.
    Filter,
    /// Goes elsewhere in time.
    Travel(Travel),
    /// Asks for a time.
    Jump,
    /// Shows fewer regions, or more.
    Zoom(bool),
    /// Shows another measure on the map.
    Measure,
    /// Writes what is on the screen to files.
    Export,
    /// Begins to record to a file, or ends that.
    Record,
    /// Turns the mouse on or off.
    Mouse,
    /// Draws everything anew.
    Redraw,
    /// Stops the program, as a shell expects.
    Suspend,
}

/// A movement of the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One up.
    Up,
    /// One down.
    Down,
    /// One to the left, on a map.
    Left,
    /// One to the right, on a map.
    Right,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
}

/// Where a key does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// Where rows can be chosen, or the map has a cursor.
    Moves,
    /// Where rows can be sorted.
    Sorts,
    /// Where rows can be filtered.
    Filters,
    Map,
    /// On a running kernel.
    Live,
    /// Where a map can show something else.
    Measures,
    Opens,
    /// Where there are several mirrors and the screen is about one.
    Devices,
}

impl When {
    fn applies(self, screen: Screen, frame: &Frame) -> bool {
        match self {
            Self::Always => true,
            Self::Moves => !frame.snapshot.devices.is_empty() || screen == Screen::Events,
            Self::Sorts => !matches!(screen, Screen::Regions | Screen::Events),
            Self::Filters => screen != Screen::Regions,
            Self::Map => screen == Screen::Regions,
            Self::Live => frame.live.is_some(),
            Self::Measures => matches!(screen, Screen::Regions | Screen::Flushes),
            Self::Opens => matches!(screen, Screen::Mirrors | Screen::Recovery | Screen::Regions | Screen::Flushes),
            Self::Devices => screen.is_of_one_device() && frame.snapshot.devices.len() > 1,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Keys that do it.
    chords: &'static [(KeyCode, KeyModifiers)],
    /// What they do.
    action: Action,
    when: When,
    /// Its heading in the help.
    pub group: &'static str,
    /// What it does, in the help. Lines with the same text are shown as one.
    pub help: &'static str,
    /// In the line at the bottom, where there is room.
    pub hint: &'static str,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

const fn key(
    chords: &'static [(KeyCode, KeyModifiers)],
    action: Action,
    when: When,
    texts: [&'static str; 3],
) -> Binding {
    let [group, help, hint] = texts;
    Binding { chords, action, when, group, help, hint }
}

macro_rules! chars {
    ($($c:literal),+) => { &[$((KeyCode::Char($c), NONE)),+] };
}

const PROGRAM: &str = "Program";
const CHOICE: &str = "Choosing";
const SCREENS: &str = "Screens";
const TIME: &str = "Time";

/// The table.
pub static KEYS: &[Binding] = &[
    key(chars!['?'], Action::Help, When::Always, [PROGRAM, "this help", "help"]),
    key(
        &[(KeyCode::Char('q'), NONE), (KeyCode::Char('c'), CONTROL)],
        Action::Quit,
        When::Always,
        [PROGRAM, "quit", "quit"],
    ),
    key(
        &[(KeyCode::Esc, NONE)],
        Action::Close,
        When::Always,
        [PROGRAM, "close what is open; with nothing open, twice: quit", ""],
    ),
    key(&[(KeyCode::Char('z'), CONTROL)], Action::Suspend, When::Always, [PROGRAM, "stop, for the shell's `fg`", ""]),
    key(&[(KeyCode::Char('l'), CONTROL)], Action::Redraw, When::Always, [PROGRAM, "draw everything anew", ""]),
    key(chars!['M'], Action::Mouse, When::Always, [PROGRAM, "mouse on or off (off: the terminal selects text)", ""]),
    key(chars!['e'], Action::Export, When::Always, [PROGRAM, "export this view: tables as CSV, the screen as SVG", ""]),
    key(
        chars!['r'],
        Action::Record,
        When::Live,
        [PROGRAM, "record to a file, from the moment on the screen; again: end the file", "record"],
    ),
    key(&[(KeyCode::Tab, NONE)], Action::NextScreen, When::Always, [SCREENS, "next screen, screen before", "screen"]),
    key(
        &[(KeyCode::BackTab, KeyModifiers::SHIFT)],
        Action::PreviousScreen,
        When::Always,
        [SCREENS, "next screen, screen before", ""],
    ),
    key(chars!['1'], Action::Go(Screen::Mirrors), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['2'], Action::Go(Screen::Regions), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['3'], Action::Go(Screen::Flushes), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['4'], Action::Go(Screen::Writes), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['5'], Action::Go(Screen::Recovery), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['6'], Action::Go(Screen::UserspaceLog), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['7'], Action::Go(Screen::Events), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['8'], Action::Go(Screen::WhatIf), When::Always, [SCREENS, "the screen of that number", ""]),
    key(chars!['d'], Action::NextDevice, When::Devices, [SCREENS, "next mirror, mirror before", "mirror"]),
    key(chars!['D'], Action::PreviousDevice, When::Devices, [SCREENS, "next mirror, mirror before", ""]),
    key(
        &[(KeyCode::Char('j'), NONE), (KeyCode::Down, NONE)],
        Action::Move(Motion::Down),
        When::Moves,
        [CHOICE, "down, up", ""],
    ),
    key(
        &[(KeyCode::Char('k'), NONE), (KeyCode::Up, NONE)],
        Action::Move(Motion::Up),
        When::Moves,
        [CHOICE, "down, up", ""],
    ),
    key(
        &[(KeyCode::Char('h'), NONE), (KeyCode::Left, NONE)],
        Action::Move(Motion::Left),
        When::Map,
        [CHOICE, "left, right", ""],
    ),
    key(
        &[(KeyCode::Char('l'), NONE), (KeyCode::Right, NONE)],
        Action::Move(Motion::Right),
        When::Map,
        [CHOICE, "left, right", ""],
    ),
    key(chars!['g'], Action::Move(Motion::First), When::Moves, [CHOICE, "first, last", ""]),
    key(chars!['G'], Action::Move(Motion::Last), When::Moves, [CHOICE, "first, last", ""]),
    key(&[(KeyCode::PageUp, NONE)], Action::Move(Motion::PageUp), When::Moves, [CHOICE, "a page up, down", ""]),
    key(&[(KeyCode::PageDown, NONE)], Action::Move(Motion::PageDown), When::Moves, [CHOICE, "a page up, down", ""]),
    key(
        &[(KeyCode::Char('u'), CONTROL)],
        Action::Move(Motion::HalfUp),
        When::Moves,
        [CHOICE, "half a page up, down", ""],
    ),
    key(
        &[(KeyCode::Char('d'), CONTROL)],
        Action::Move(Motion::HalfDown),
        When::Moves,
        [CHOICE, "half a page up, down", ""],
    ),
    key(
        &[(KeyCode::Enter, NONE)],
        Action::Open,
        When::Opens,
        [CHOICE, "open: a mirror's regions, a flush, the regions under the cursor one by one", "open"],
    ),
    key(chars!['s'], Action::Sort, When::Sorts, [CHOICE, "sort by the next column, turn the order around", "sort"]),
    key(chars!['S'], Action::Reverse, When::Sorts, [CHOICE, "sort by the next column, turn the order around", ""]),
    key(chars!['/'], Action::Filter, When::Filters, [CHOICE, "only rows that match a regular expression", "filter"]),
    key(chars!['+', '='], Action::Zoom(true), When::Map, [CHOICE, "zoom in, out", "zoom"]),
    key(chars!['-'], Action::Zoom(false), When::Map, [CHOICE, "zoom in, out", ""]),
    key(
        chars!['m'],
        Action::Measure,
        When::Measures,
        [CHOICE, "map of marks, re-marks, bytes, dirty, out of sync; of each kind of flush", "measure"],
    ),
    key(
        chars![' '],
        Action::Travel(Travel::PlayPause),
        When::Always,
        [TIME, "play or pause; at the end, play from the begin", "pause"],
    ),
    key(chars![']'], Action::Travel(Travel::Step(1)), When::Always, [TIME, "one event on, back", "step"]),
    key(chars!['['], Action::Travel(Travel::Step(-1)), When::Always, [TIME, "one event on, back", ""]),
    key(chars!['}'], Action::Travel(Travel::Step(10)), When::Always, [TIME, "ten events on, back", ""]),
    key(chars!['{'], Action::Travel(Travel::Step(-10)), When::Always, [TIME, "ten events on, back", ""]),
    key(chars!['t'], Action::Jump, When::Always, [TIME, "to a time: `1.5s`, `250ms`, `+2s`, `-100ms`", "time"]),
    key(chars!['>'], Action::Travel(Travel::Faster(true)), When::Always, [TIME, "play faster, slower", ""]),
    key(chars!['<'], Action::Travel(Travel::Faster(false)), When::Always, [TIME, "play faster, slower", ""]),
    key(&[(KeyCode::Home, NONE)], Action::Travel(Travel::Begin), When::Always, [TIME, "to the begin, to the end", ""]),
    key(&[(KeyCode::End, NONE)], Action::Travel(Travel::End), When::Always, [TIME, "to the begin, to the end", ""]),
];

/// What a key does on this screen.
pub fn action(key: KeyEvent, screen: Screen, frame: &Frame) -> Option<Action> {
    // A capital letter comes with or without Shift, by the terminal.
    let shift = match key.code {
        KeyCode::Char(_) => KeyModifiers::SHIFT,
        _ => NONE,
    };
    let chord = (key.code, key.modifiers.difference(shift));
    let binding = KEYS.iter().find(|binding| binding.chords.contains(&chord))?;
    binding.when.applies(screen, frame).then_some(binding.action)
}

/// Lines of the table that do something on this screen.
pub fn offered(screen: Screen, frame: &Frame) -> impl Iterator<Item = &'static Binding> {
    KEYS.iter().filter(move |binding| binding.when.applies(screen, frame) && binding.is_offered(frame))
}

impl Binding {
    fn is_offered(&self, frame: &Frame) -> bool {
        match self.action {
            Action::Go(screen) => screen.is_offered(frame),
            _ => true,
        }
    }

    /// Its keys, as they are written on keyboards.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.chords.iter().map(|(code, modifiers)| name(*code, *modifiers)).collect();
        names.join(" ")
    }

    /// The first of them, for where there is little room.
    pub fn short_name(&self) -> String {
        self.chords.first().map(|(code, modifiers)| name(*code, *modifiers)).unwrap_or_default()
    }
}

fn name(code: KeyCode, modifiers: KeyModifiers) -> String {
    match code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if modifiers == CONTROL => format!("Ctrl-{}", c.to_ascii_uppercase()),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        code => format!("{code:?}"),
    }
}
