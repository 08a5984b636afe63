//! The state of the screen, without any I/O: inputs in, commands out, and a buffer to look at.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::cells::{Places, Scroll};
use super::chrome;
use super::frame::Frame;
use super::grid::Choice;
use super::keys::{Action, Motion, action};
use super::page::Page;
use super::prompt::{self, Asked, Prompt, Typed};
use super::screen::Screen;
use super::settings::Settings;
use super::source::{Travel, Wants};
use super::theme::Theme;
use super::views::regions::MapChoice;
use super::views::{self, Context};
use crate::session::snapshot::DeviceSnapshot;

/// What the program must do about an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ends the program.
    Quit,
    /// Stops the program.
    Suspend,
    /// Draws everything anew.
    Redraw,
    /// Goes elsewhere in time.
    Travel(Travel),
    /// Turns the mouse on or off.
    Mouse(bool),
    /// Begins to record, or ends that.
    Record,
    /// Writes these files; names without a folder.
    Export(Vec<(String, String)>),
}

/// What lies over the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The keys.
    Help,
    /// One slow flush, by its place in the list.
    Flush(usize),
    /// A line that is typed.
    Prompt(Prompt),
}

/// What is chosen on one screen.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Rows.
    pub scroll: Scroll,
    /// Which rows.
    pub choice: Choice,
    /// The last row stays chosen as rows come.
    pub follows_end: bool,
}

/// The state of the screen.
#[derive(Clone, Debug)]
pub struct App {
    pub(super) screen: Screen,
    pub(super) device: Option<String>,
    /// The mirror that was marked on the screen of mirrors when it was drawn last: all is asked of it while none is chosen.
    pub(super) marked: Option<String>,
    pub(super) theme: Theme,
    pub(super) overlay: Overlay,
    /// Rows of what lies over the screen.
    pub(super) over: Scroll,
    /// Shown in place of the keys until the next input.
    pub(super) message: Option<String>,
    pub(super) tables: [Table; Screen::ALL.len()],
    pub(super) map: MapChoice,
    /// Where things were drawn.
    pub(super) places: Places,
    pub(super) tabs: Vec<(Screen, Rect)>,
    pub(super) body: Rect,
    is_mouse_on: bool,
    /// The last key was Esc with nothing open.
    asked_to_quit: bool,
    /// What was drawn last, for the export.
    pub(super) drawn: Option<(Page, Buffer)>,
}

impl App {
    /// A screen with these settings.
    pub fn new(settings: &Settings) -> Self {
        let mut tables: [Table; Screen::ALL.len()] = Default::default();
        tables[Screen::Events.place()].follows_end = true;
        Self {
            screen: settings.screen,
            device: settings.device.clone(),
            marked: None,
            theme: settings.theme,
            overlay: Overlay::None,
            over: Scroll::default(),
            message: None,
            tables,
            map: MapChoice::default(),
            places: Places::default(),
            tabs: Vec::new(),
            body: Rect::default(),
            is_mouse_on: settings.mouse,
            asked_to_quit: false,
            drawn: None,
        }
    }

    /// The screen that is shown.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// Shows a sentence until the next input.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    /// What the next frame must hold.
    pub fn wants(&self) -> Wants {
        let (columns, lines) = views::regions::room(self.body);
        Wants {
            screen: self.screen,
            device: self.device.clone().or_else(|| self.marked.clone()),
            zoom: self.map.zoom,
            cells: columns * lines,
            cursor: self.map.cursor,
            filter: self.tables[Screen::Events.place()].choice.filter.clone(),
        }
    }

    /// The page that is shown, as the choice leaves it.
    pub(super) fn page(&self, frame: &Frame, area: Rect) -> Page {
        let device = self.device.as_deref();
        let context = Context { frame, device, theme: self.theme, area, map: self.map };
        let mut page = match (&self.overlay, context.chosen()) {
            (Overlay::Help, _) => return super::help::page(self.screen, frame),
            (Overlay::Flush(place), Some(device)) => return views::flush::page(&context, device, *place),
            _ if self.screen == Screen::Mirrors => views::mirrors::table(&context),
            _ => views::page(self.screen, &context),
        };
        if let Some(grid) = page.main_mut() {
            grid.arrange(&self.tables[self.screen.place()].choice);
        }
        if self.screen == Screen::Mirrors {
            let chosen = self.mirror_row(&page, frame).and_then(|row| mirror_of(&page, row, frame));
            views::mirrors::tell(&context, chosen, &mut page);
        }
        page
    }

    /// The row of the chosen mirror on the screen of mirrors, which move as their numbers do; the first one where it is not.
    pub(super) fn mirror_row(&self, page: &Page, frame: &Frame) -> Option<usize> {
        let rows = &page.main()?.rows;
        let chosen = frame.snapshot.devices.iter().position(|device| Some(&device.name) == self.device.as_ref());
        let row = chosen.and_then(|place| rows.iter().position(|row| row.id == place as u64));
        row.or((!rows.is_empty()).then_some(0))
    }

    /// Name of the mirror in a row of the screen of mirrors.
    pub(super) fn mirror_name(page: &Page, row: usize, frame: &Frame) -> Option<String> {
        mirror_of(page, row, frame).map(|device| device.name.clone())
    }

    /// Chooses the mirror of a row of the screen of mirrors.
    pub(super) fn choose_mirror(&mut self, page: &Page, row: usize, frame: &Frame) {
        if let Some(device) = mirror_of(page, row, frame) {
            self.set_device(device.name.clone());
        }
    }

    /// Draws everything.
    pub fn draw(&mut self, frame: &Frame, area: Rect, buffer: &mut Buffer) {
        chrome::draw(self, frame, area, buffer);
    }

    /// Takes an input.
    pub fn update(&mut self, event: &Event, frame: &Frame) -> Option<Command> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.message = None;
                self.key(*key, frame)
            }
            Event::Paste(text) => {
                if let Overlay::Prompt(prompt) = &mut self.overlay {
                    prompt.paste(text);
                }
                None
            }
            Event::Mouse(mouse) if self.is_mouse_on => {
                self.mouse(*mouse, frame);
                None
            }
            _ => None,
        }
    }

    fn key(&mut self, key: KeyEvent, frame: &Frame) -> Option<Command> {
        if let Overlay::Prompt(prompt) = &mut self.overlay {
            match prompt.key(key) {
                Typed::More => return None,
                Typed::Dropped => self.overlay = Overlay::None,
                Typed::Taken => return self.take_prompt(frame),
            }
            return None;
        }
        let action = action(key, self.screen, frame);
        if action != Some(Action::Close) {
            self.asked_to_quit = false;
        }
        self.act(action?, frame)
    }

    fn act(&mut self, action: Action, frame: &Frame) -> Option<Command> {
        match action {
            Action::Quit => return Some(Command::Quit),
            Action::Close
                if self.overlay == Overlay::None && self.map.zoom.is_some() && self.screen == Screen::Regions =>
            {
                self.map.zoom = None;
            }
            Action::Close if self.overlay == Overlay::None && self.asked_to_quit => return Some(Command::Quit),
            Action::Close if self.overlay == Overlay::None => {
                // Whoever closes what has not opened must not leave by that.
                self.asked_to_quit = true;
                self.say("nothing is open; Esc again or q quits");
            }
            Action::Close => self.overlay = Overlay::None,
            Action::Help if self.overlay == Overlay::Help => self.overlay = Overlay::None,
            Action::Help => {
                self.overlay = Overlay::Help;
                self.over = Scroll::default();
            }
            Action::Move(motion) => self.move_choice(motion, frame),
            Action::NextScreen => self.go(self.screen.beside(frame, false), frame),
            Action::PreviousScreen => self.go(self.screen.beside(frame, true), frame),
            Action::Go(screen) => self.go(screen, frame),
            Action::NextDevice => self.choose_device(frame, 1),
            Action::PreviousDevice => self.choose_device(frame, frame.snapshot.devices.len().saturating_sub(1)),
            Action::Open => self.open(frame),
            Action::Sort => self.sort(frame),
            Action::Reverse => {
                let scroll = &mut self.table().choice.sort;
                *scroll = scroll.map(|(column, ascending)| (column, !ascending)).or(Some((0, true)));
            }
            Action::Filter => {
                let text =
                    self.table().choice.filter.as_ref().map_or(String::new(), |filter| filter.as_str().to_owned());
                self.overlay = Overlay::Prompt(Prompt::new(Asked::Filter, &text));
            }
            Action::Jump => self.overlay = Overlay::Prompt(Prompt::new(Asked::Time, "")),
            Action::Travel(travel) => return Some(Command::Travel(travel)),
            Action::Zoom(closer) => self.zoom(closer, frame),
            Action::Measure if self.screen == Screen::Flushes => {
                self.map.flush_kind = (self.map.flush_kind + 1) % frame.spread.len().max(1);
            }
            Action::Measure => self.map.measure = self.map.measure.next(),
            Action::Export => return self.export(frame),
            Action::Mouse => {
                self.is_mouse_on = !self.is_mouse_on;
                self.say(if self.is_mouse_on { "mouse on" } else { "mouse off: the terminal selects text" });
                return Some(Command::Mouse(self.is_mouse_on));
            }
            Action::Record => return Some(Command::Record),
            Action::Redraw => return Some(Command::Redraw),
            Action::Suspend => return Some(Command::Suspend),
        }
        None
    }

    fn table(&mut self) -> &mut Table {
        &mut self.tables[self.screen.place()]
    }

    fn go(&mut self, screen: Screen, frame: &Frame) {
        if self.screen == Screen::Mirrors && self.device.is_none() {
            // What is marked there is what the other screens are about.
            let page = self.page(frame, self.body);
            self.choose_mirror(&page, 0, frame);
        }
        if screen == Screen::Regions && !self.map.is_moved {
            // To where it is hot, until somebody moves the cursor.
            let hottest = frame.device(self.device.as_deref()).and_then(|device| device.regions.most_marked.first());
            self.map.cursor = hottest.map_or(self.map.cursor, |region| region.region);
        }
        if screen.is_offered(frame) {
            self.screen = screen;
            self.overlay = Overlay::None;
        } else {
            self.say("no userspace log was seen, so that screen is not there");
        }
    }

    fn choose_device(&mut self, frame: &Frame, step: usize) {
        let devices = &frame.snapshot.devices;
        if devices.is_empty() {
            return;
        }
        let row = (frame.device_row(self.device.as_deref()) + step) % devices.len();
        self.set_device(devices[row].name.clone());
    }

    fn set_device(&mut self, name: String) {
        if self.device.as_ref() != Some(&name) {
            self.map = MapChoice { measure: self.map.measure, ..MapChoice::default() };
            self.overlay = Overlay::None;
        }
        self.device = Some(name);
    }

    /// The row that is chosen, by the number that its view gave it.
    fn chosen_id(&self, frame: &Frame) -> Option<u64> {
        let page = self.page(frame, self.body);
        let rows = &page.main()?.rows;
        let selected = match self.screen {
            Screen::Mirrors => self.mirror_row(&page, frame)?,
            _ => self.tables[self.screen.place()].scroll.selected.min(rows.len().checked_sub(1)?),
        };
        rows.get(selected).map(|row| row.id)
    }

    fn open(&mut self, frame: &Frame) {
        match self.screen {
            Screen::Mirrors | Screen::Recovery => {
                let id = self.chosen_id(frame).and_then(|id| usize::try_from(id).ok());
                if let Some(device) = id.and_then(|place| frame.snapshot.devices.get(place)) {
                    self.set_device(device.name.clone());
                    self.go(Screen::Regions, frame);
                }
            }
            Screen::Flushes if self.overlay == Overlay::None => {
                let id = self.chosen_id(frame).and_then(|id| usize::try_from(id).ok());
                self.overlay = id.map_or(Overlay::None, Overlay::Flush);
                self.over = Scroll::default();
            }
            Screen::Regions => self.zoom_to(1, frame),
            _ => {}
        }
    }

    fn sort(&mut self, frame: &Frame) {
        let columns = self.page(frame, self.body).main().map_or(0, |grid| grid.columns.len());
        let shown = self.page(frame, self.body).main().map(|grid| grid.fitting(usize::from(self.body.width)));
        let Some(shown) = shown.filter(|_| columns > 0) else { return };
        let current = self.table().choice.sort.map(|(column, _)| column);
        // Only columns that are on the screen; after the last one, the view's own order.
        let next = match current {
            None => shown.first(),
            Some(column) => shown.iter().find(|(place, _)| *place > column),
        };
        self.table().choice.sort = next.map(|(place, _)| (*place, *place == 0));
        if next.is_none() {
            self.say("in the order of the screen: what matters most first");
        }
    }

    fn take_prompt(&mut self, frame: &Frame) -> Option<Command> {
        let Overlay::Prompt(prompt) = &mut self.overlay else { return None };
        let taken = match prompt.asked {
            Asked::Filter => prompt::filter(&prompt.text).map(|filter| {
                self.tables[self.screen.place()].choice.filter = filter;
                None
            }),
            Asked::Time => {
                prompt::time(&prompt.text, frame.clock.now_ns).map(|time| Some(Command::Travel(Travel::To(time))))
            }
        };
        match taken {
            Ok(command) => {
                self.overlay = Overlay::None;
                command
            }
            Err(problem) => {
                if let Overlay::Prompt(prompt) = &mut self.overlay {
                    prompt.problem = Some(problem);
                }
                None
            }
        }
    }

    fn export(&self, frame: &Frame) -> Option<Command> {
        let (page, buffer) = self.drawn.as_ref()?;
        let of: String = match frame.device(self.device.as_deref()).filter(|_| self.screen.is_of_one_device()) {
            Some(device) => format!("{}-", device.name),
            None => String::new(),
        };
        let of: String = of.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let name = format!("dmlog-{}-{of}{}ms", self.screen.word(), frame.clock.now_ns / 1_000_000);
        let mut files = vec![(format!("{name}.svg"), super::export::svg(buffer))];
        let tables = super::export::csv(page);
        if !tables.is_empty() {
            files.push((format!("{name}.csv"), tables));
        }
        Some(Command::Export(files))
    }

    fn mouse(&mut self, mouse: MouseEvent, frame: &Frame) {
        let at = Position { x: mouse.column, y: mouse.row };
        match mouse.kind {
            MouseEventKind::ScrollDown => self.move_choice(Motion::Down, frame),
            MouseEventKind::ScrollUp => self.move_choice(Motion::Up, frame),
            MouseEventKind::Down(MouseButton::Left) => {
                if let Some((screen, _)) = self.tabs.iter().find(|(_, rect)| rect.contains(at)) {
                    self.go(*screen, frame);
                } else if self.places.rows.contains(at) && self.overlay == Overlay::None {
                    let row = usize::from(at.y - self.places.rows.y);
                    let table = self.table();
                    let clicked = table.scroll.top + row;
                    // A second click on the same row opens it.
                    if table.scroll.selected == clicked {
                        self.open(frame);
                    } else {
                        table.scroll.selected = clicked;
                        table.follows_end = false;
                        if self.screen == Screen::Mirrors {
                            let page = self.page(frame, self.body);
                            self.choose_mirror(&page, clicked, frame);
                        }
                    }
                } else if self.screen == Screen::Regions && self.places.map.contains(at) {
                    let (x, y) = (at.x - self.places.map.x, at.y - self.places.map.y);
                    self.point_at(usize::from(x), usize::from(y), frame);
                }
            }
            _ => {}
        }
    }
}

/// The mirror of a row of the screen of mirrors.
fn mirror_of<'a>(page: &Page, row: usize, frame: &'a Frame) -> Option<&'a DeviceSnapshot> {
    let row = page.main()?.rows.get(row)?;
    frame.snapshot.devices.get(usize::try_from(row.id).ok()?)
}
