//! A running capture as a source, with a trace of a real kernel in place of the kernel: its items come a few at a time.

use std::io::Cursor as Bytes;
use std::sync::{Arc, Mutex};

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::ids::{DurationNs, MonoNs};
use dmlog_user::event::item::Item;
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;
use dmlog_user::tui::app::{App, Command};
use dmlog_user::tui::frame::{Pace, RecordingFrame};
use dmlog_user::tui::live::{Feed, Live};
use dmlog_user::tui::screen::Screen;
use dmlog_user::tui::settings::Settings;
use dmlog_user::tui::source::{Bytes as Readable, Open, Source};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::stage::{THEME, text, trace};

/// Time between two frames.
const FRAME: DurationNs = DurationNs(1_000_000);

/// What the test does and sees of the kernel's side.
#[derive(Default)]
struct Kernel {
    /// Items that have not come yet.
    ahead: Vec<Item>,
    come: Vec<Item>,
    /// Items before this one in `come` were taken.
    taken: usize,
    recording: Option<RecordingFrame>,
    recorded_from: Vec<Option<MonoNs>>,
    told: Vec<String>,
}

impl Kernel {
    /// Lets so many items come.
    fn go_on(&mut self, number: usize) {
        let number = number.min(self.ahead.len());
        let items: Vec<Item> = self.ahead.drain(..number).collect();
        self.come.extend(items);
    }
}

struct Tap(Arc<Mutex<Kernel>>, CaptureFacts);

impl Feed for Tap {
    fn take(&mut self, out: &mut Vec<Item>) {
        let mut kernel = self.0.lock().unwrap();
        out.extend_from_slice(&kernel.come[kernel.taken..]);
        kernel.taken = kernel.come.len();
    }

    fn past(&mut self) -> Open {
        let kernel = self.0.lock().unwrap();
        let mut bytes = Vec::new();
        let mut writer = TraceWriter::new(&mut bytes, &self.1).unwrap();
        kernel.come.iter().for_each(|item| writer.push(item).unwrap());
        // Not ended, as memory is.
        writer.flush_batch().unwrap();
        drop(writer);
        Box::new(move || {
            let bytes: Box<dyn Readable> = Box::new(Bytes::new(bytes.clone()));
            TraceReader::new(bytes)
        })
    }

    fn record(&mut self, from: Option<MonoNs>) -> Result<String, String> {
        let mut kernel = self.0.lock().unwrap();
        kernel.recorded_from.push(from);
        kernel.recording = Some(RecordingFrame { name: "x.dmlog".to_owned(), events: 7, bytes: 1 });
        Ok("x.dmlog".to_owned())
    }

    fn end_recording(&mut self) {
        let mut kernel = self.0.lock().unwrap();
        kernel.recording = None;
        kernel.told.push("wrote `x.dmlog`".to_owned());
    }

    fn recording(&mut self) -> (Option<RecordingFrame>, Vec<String>) {
        let mut kernel = self.0.lock().unwrap();
        (kernel.recording.clone(), std::mem::take(&mut kernel.told))
    }
}

struct LiveStage {
    kernel: Arc<Mutex<Kernel>>,
    live: Live<Tap>,
    app: App,
}

impl LiveStage {
    fn new(name: &str) -> Self {
        let mut reader = TraceReader::new(std::fs::File::open(trace(name)).unwrap()).unwrap();
        let facts = reader.facts().clone();
        let mut ahead = Vec::new();
        while reader.next_batch(&mut ahead).unwrap().is_some() {}
        let kernel = Arc::new(Mutex::new(Kernel { ahead, ..Kernel::default() }));
        let live = Live::new("host 6.12".to_owned(), &facts, Tap(Arc::clone(&kernel), facts.clone()));
        let settings = Settings { theme: THEME, mouse: true, screen: Screen::Mirrors, device: None, frames_per_s: 10 };
        Self { kernel, live, app: App::new(&settings) }
    }

    fn go_on(&mut self, number: usize) {
        self.kernel.lock().unwrap().go_on(number);
    }

    /// Frames until nothing is left to do, as the loop makes them.
    fn text(&mut self) -> String {
        let area = Rect::new(0, 0, 120, 40);
        let mut buffer = Buffer::empty(area);
        for number in 0.. {
            self.live.tick(if number == 0 { FRAME } else { DurationNs(0) }, &self.app.wants());
            if let Some(told) = self.live.told() {
                self.app.say(told);
            }
            self.app.draw(self.live.frame(), area, &mut buffer);
            if number > 0 && !self.live.is_busy() {
                break;
            }
        }
        text(&buffer)
    }

    fn press(&mut self, key: KeyCode) -> String {
        let event = Event::Key(KeyEvent::new(key, KeyModifiers::NONE));
        match self.app.update(&event, self.live.frame()) {
            Some(Command::Travel(travel)) => self.live.travel(travel),
            Some(Command::Record) => {
                let said = self.live.record();
                self.app.say(said);
            }
            other => assert_eq!(other, None),
        }
        self.text()
    }

    fn pace(&self) -> Pace {
        self.live.frame().clock.pace
    }

    /// Marks that the screen knows of.
    fn marks(&self) -> u64 {
        self.live.frame().snapshot.devices.iter().map(|device| device.regions.totals.marks).sum()
    }
}

#[test]
fn what_came_is_on_the_screen_and_the_same_as_in_a_replay() {
    let mut stage = LiveStage::new("disk-6.12.dmlog");
    assert!(stage.text().contains("live 0.0010"), "time goes on before anything happens");
    stage.go_on(400);
    let some = stage.text();
    assert!(some.contains("counts-disk") && some.contains(" live "), "{some}");
    let before = stage.marks();
    stage.go_on(usize::MAX);
    stage.text();
    assert!(stage.marks() > before);
    let mut replay = crate::stage::Stage::of_trace("disk-6.12.dmlog");
    replay.settle();
    let (live, replayed) = (&stage.live.frame().snapshot, &replay.replay.frame().snapshot);
    assert_eq!(live.devices, replayed.devices, "one fold");
}

#[test]
fn a_pause_stands_still_while_the_capture_goes_on() {
    let mut stage = LiveStage::new("disk-6.12.dmlog");
    stage.go_on(600);
    stage.text();
    let before = stage.marks();
    let still = stage.press(KeyCode::Char(' '));
    assert!(still.contains(" paused "), "{still}");
    stage.go_on(usize::MAX);
    for screen in ['2', '3', '4', '7'] {
        stage.press(KeyCode::Char(screen));
        assert_eq!((stage.pace(), stage.marks()), (Pace::Paused, before), "screen {screen}");
    }
    stage.press(KeyCode::Char(' '));
    assert_eq!(stage.pace(), Pace::Live);
    assert!(stage.marks() > before, "nothing was missed meanwhile");
}

#[test]
fn the_past_is_gone_into_and_left() {
    let mut stage = LiveStage::new("disk-6.12.dmlog");
    stage.go_on(600);
    let now = {
        stage.text();
        stage.live.frame().clock.position
    };
    stage.press(KeyCode::Char('['));
    assert_eq!((stage.pace(), stage.live.frame().clock.position), (Pace::Paused, now - 1));
    // The capture goes on meanwhile, and the moment that is looked at does not.
    stage.go_on(100);
    stage.press(KeyCode::Char('{'));
    assert_eq!(stage.live.frame().clock.position, now - 11);
    assert!(!stage.text().contains("not ended by its recorder"), "memory has no end");
    let begin = stage.press(KeyCode::Home);
    assert!(begin.contains(", 0 events") && stage.marks() == 0, "{begin}");
    stage.press(KeyCode::End);
    assert_eq!((stage.pace(), stage.live.frame().clock.position), (Pace::Live, now + 100));
    // From still, the same way, and played until it catches up with the moment of the pause.
    stage.press(KeyCode::Char(' '));
    stage.press(KeyCode::Char('['));
    assert_eq!(stage.live.frame().clock.position, now + 99);
    stage.press(KeyCode::Char(' '));
    for _ in 0..10_000 {
        if stage.pace() == Pace::Live {
            break;
        }
        stage.text();
    }
    assert_eq!(stage.pace(), Pace::Live);
}

#[test]
fn a_recording_begins_with_the_moment_on_the_screen() {
    let mut stage = LiveStage::new("disk-6.12.dmlog");
    stage.go_on(600);
    stage.text();
    let said = stage.press(KeyCode::Char('r'));
    assert!(said.contains("recording to x.dmlog; r ends") && said.contains(" REC 7"), "{said}");
    let said = stage.press(KeyCode::Char('r'));
    assert!(said.contains("wrote `x.dmlog`") && !said.contains(" REC"), "{said}");
    stage.press(KeyCode::Char('{'));
    let at_ns = stage.live.frame().clock.now_ns;
    let said = stage.press(KeyCode::Char('r'));
    assert!(said.contains("from the moment on the screen") && said.contains(" REC 7"), "{said}");
    let from = stage.kernel.lock().unwrap().recorded_from.clone();
    assert_eq!(from.len(), 2);
    assert_eq!(from[0], None);
    let Item::Event(first) = &stage.kernel.lock().unwrap().come[0] else { panic!("an event") };
    assert!(from[1].unwrap() > first.time && at_ns > 0);
}

#[test]
fn other_settings_are_computed_for_what_came_so_far() {
    let mut stage = LiveStage::new("disk-6.12.dmlog");
    stage.go_on(usize::MAX);
    stage.text();
    let answer = stage.press(KeyCode::Char('8'));
    assert!(answer.contains("ADVICE") || answer.contains("advice"), "{answer}");
}

#[test]
fn a_trace_cannot_be_recorded() {
    let mut stage = crate::stage::Stage::of_trace("disk-6.12.dmlog");
    assert_eq!(stage.press("r"), None, "the key is not there");
    assert_eq!(stage.replay.record(), "this is a recording already");
}
