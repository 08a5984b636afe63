//! The program behind `cargo xtask bench tui`: what the screen costs on a trace that plays.
//!
//! Frames are timed within this process, source and drawing together, into a terminal whose bytes go nowhere. The CPU of the program and its first frame are those of the built program in a pseudo-terminal.
#![expect(clippy::print_stdout, reason = "a program for developers that talks to its terminal")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use dmlog_user::event::ids::DurationNs;
use dmlog_user::trace::error::TraceError;
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::tui::app::App;
use dmlog_user::tui::replay::Replay;
use dmlog_user::tui::screen::Screen;
use dmlog_user::tui::settings::Settings;
use dmlog_user::tui::source::{Bytes, Source as _, Travel};
use dmlog_user::tui::theme::{Background, Theme};
use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde::Serialize;

/// Measures the screen on a trace
#[derive(Debug, Parser)]
struct Cli {
    /// The trace
    file: PathBuf,
    /// What to measure
    #[arg(long, value_enum)]
    work: Work,
    /// The program, where it is what is measured
    #[arg(long)]
    program: Option<PathBuf>,
    /// How many frames of each screen, how many seconds of the program, or how many starts
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// How many speeds below that of the trace frames are played at: 2 is a quarter of it, 4 a hundredth
    #[arg(long, default_value_t = 2)]
    slower: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Work {
    /// Time of each frame while the trace plays, by screen
    Frames,
    /// Share of one core that the program takes while the trace plays
    Cpu,
    /// From the start of the program to its first frame
    First,
}

/// Numbers of one case.
#[derive(Debug, Serialize)]
struct Case {
    name: String,
    values: Vec<f64>,
}

/// Frames a second, and how long one is there.
const FRAMES_PER_S: u32 = 10;
const FRAME: Duration = Duration::from_millis(100);

/// The size of the screen.
const SIZE: (u16, u16) = (120, 40);

/// Keys from the end of the trace to its begin, at a quarter of its speed: `synth` makes 80 k events/s.
const PLAY: &str = "\u{1b}[H<< ";

/// Waits this long for something that takes a second.
const PATIENCE: Duration = Duration::from_mins(2);

fn main() -> Result<()> {
    let Cli { file, work, program, times, slower } = Cli::parse();
    // The program is started elsewhere.
    let file = std::path::absolute(file)?;
    let program =
        || std::path::absolute(program.as_ref().context("`--program` says which one")?).map_err(anyhow::Error::from);
    let cases = match work {
        Work::Frames => frames(&file, times, slower)?,
        Work::Cpu => vec![cpu(&program()?, &file, times)?],
        Work::First => first(&program()?, &file, times)?,
    };
    println!("{}", serde_json::to_string(&cases).context("numbers have a JSON form")?);
    Ok(())
}

fn frames(file: &Path, times: u32, slower: u32) -> Result<Vec<Case>> {
    let shown = [Screen::Mirrors, Screen::Regions, Screen::Flushes, Screen::Writes, Screen::Recovery, Screen::Events];
    shown.into_iter().map(|screen| frames_of(file, screen, times, slower)).collect()
}

fn frames_of(file: &Path, screen: Screen, times: u32, slower: u32) -> Result<Case> {
    let path = file.to_owned();
    let open = move || {
        let file = File::open(&path).map_err(|source| TraceError::Read { offset: 0, source })?;
        let bytes: Box<dyn Bytes> = Box::new(file);
        TraceReader::new(bytes)
    };
    let theme = Theme { background: Background::Dark, has_colour: true, has_unicode: true };
    let settings = Settings { theme, mouse: true, screen, device: None, frames_per_s: FRAMES_PER_S };
    let mut app = App::new(&settings);
    let mut replay =
        Replay::new("bench".to_owned(), Box::new(open), Some(Box::new(tempfile::tempfile_in("/var/tmp")?)))?;
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(std::io::sink()), options)?;
    replay.read_all(&app.wants());
    // From the middle on: there is as much to show as in a session of some length.
    replay.travel(Travel::To(replay.now_ns() / 2));
    for _ in 0..slower {
        replay.travel(Travel::Faster(false));
    }
    replay.travel(Travel::PlayPause);
    let step = DurationNs(u64::try_from(FRAME.as_nanos())?);
    let mut values = Vec::new();
    for _ in 0..times {
        let begin = Instant::now();
        replay.tick(step, &app.wants());
        terminal.draw(|to| app.draw(replay.frame(), to.area(), to.buffer_mut()))?;
        values.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Case { name: screen.word().to_owned(), values })
}

/// The program in a terminal of its own.
struct Running {
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    keys: Box<dyn std::io::Write + Send>,
    screen: vt100::Parser,
    /// Held, for the terminal ends with it.
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Running {
    fn start(program: &Path, file: &Path) -> Result<Self> {
        let size = PtySize { rows: SIZE.1, cols: SIZE.0, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(program);
        command.arg("replay");
        command.arg(file);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let lines = |number| NonZero::new(number).context("a screen has lines");
        let screen = vt100::Parser::new(lines(SIZE.1)?, lines(SIZE.0)?, 0);
        Ok(Self { child, output, keys: pair.master.take_writer()?, screen, _master: pair.master })
    }

    fn wait_for(&mut self, text: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.screen.screen().contents().contains(text) {
            let Ok(bytes) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                bail!("`{text}` did not come on the screen:\n{}", self.screen.screen().contents());
            };
            self.screen.process(&bytes);
        }
        Ok(())
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        self.keys.write_all(keys.as_bytes())?;
        self.keys.flush()?;
        Ok(())
    }

    /// Time on CPUs so far.
    fn cpu(&self) -> Result<Duration> {
        const TICK: Duration = Duration::from_millis(10);
        let pid = self.child.process_id().context("the program has no number")?;
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // Behind the name, which may be anything in parentheses: user and system time are the 12th and 13th.
        let (_, numbers) = text.rsplit_once(')').context("the kernel names no program")?;
        let ticks = numbers.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u32>);
        let ticks: Vec<u32> = ticks.collect::<Result<_, _>>()?;
        Ok(TICK * ticks.iter().sum())
    }

    fn end(mut self) -> Result<()> {
        self.press("q")?;
        self.child.wait()?;
        Ok(())
    }
}

fn cpu(program: &Path, file: &Path, seconds: u32) -> Result<Case> {
    let mut running = Running::start(program, file)?;
    running.wait_for("at the end")?;
    running.press(PLAY)?;
    running.wait_for("playing ×1/4")?;
    let mut values = Vec::new();
    let mut before = (Instant::now(), running.cpu()?);
    for _ in 0..seconds {
        let until = before.0 + Duration::from_secs(1);
        // Somebody must read what it writes.
        while let Ok(bytes) = running.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
            running.screen.process(&bytes);
        }
        let now = (Instant::now(), running.cpu()?);
        let share = now.1.saturating_sub(before.1).as_secs_f64() / now.0.duration_since(before.0).as_secs_f64();
        values.push(share * 100.0);
        before = now;
    }
    if !running.screen.screen().contents().contains("playing") {
        bail!("it did not play to the end:\n{}", running.screen.screen().contents());
    }
    running.end()?;
    Ok(Case { name: "cpu".to_owned(), values })
}

fn first(program: &Path, file: &Path, starts: u32) -> Result<Vec<Case>> {
    let (mut firsts, mut whole) = (Vec::new(), Vec::new());
    for start in 0..starts {
        let begin = Instant::now();
        let mut running = Running::start(program, file)?;
        // A row of the first screen, with numbers of what was read until then.
        running.wait_for("rates are of the last")?;
        firsts.push(begin.elapsed().as_secs_f64() * 1e3);
        if start == 0 {
            running.wait_for("at the end")?;
            whole.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        running.end()?;
    }
    Ok(vec![Case { name: "first".to_owned(), values: firsts }, Case { name: "whole".to_owned(), values: whole }])
}
