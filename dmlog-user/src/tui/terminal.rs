//! The terminal: taken over once, and given back whatever happens.
//!
//! It is given back when the guard is dropped, before a panic is told, at SIGTERM, SIGINT and SIGHUP (the loop sees a flag and
//! leaves), and while the program is stopped (Ctrl-Z or SIGTSTP). At SIGCONT it is taken again, also after a SIGSTOP that
//! nobody can see coming.

use std::io::{self, IsTerminal, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag;
use signal_hook::iterator::Signals as EndSignals;
use signal_hook::low_level::emulate_default_handler;

use super::error::TuiError;

/// How long the loop may take to end by itself after a signal.
const END_WITHIN: Duration = Duration::from_secs(1);

/// A terminal that was taken over.
#[derive(Debug)]
pub struct Guard {
    /// The screen.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    has_mouse: bool,
    signals: Asked,
}

/// What signals asked for.
#[derive(Debug)]
struct Asked {
    end: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
}

impl Asked {
    fn new() -> io::Result<Self> {
        let signals = Self { end: Arc::default(), stop: Arc::default(), go_on: Arc::default() };
        let mut ends = EndSignals::new([SIGTERM, SIGINT, SIGHUP])?;
        let end = Arc::clone(&signals.end);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in &mut ends {
                end.store(true, Ordering::Relaxed);
                // A loop that does not come round is held up: by a terminal that hung up, which is read without end, or by
                // a disk. It has had its time.
                std::thread::sleep(END_WITHIN);
                leave();
                let _ = emulate_default_handler(signal);
            }
        })?;
        flag::register(SIGTSTP, Arc::clone(&signals.stop))?;
        flag::register(SIGCONT, Arc::clone(&signals.go_on))?;
        Ok(signals)
    }
}

/// Whether standard output is a terminal that can show a screen.
///
/// # Errors
/// [`TuiError::NotATerminal`], [`TuiError::DumbTerminal`].
pub fn check() -> Result<(), TuiError> {
    if !stdout().is_terminal() {
        return Err(TuiError::NotATerminal);
    }
    let term = std::env::var("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Err(TuiError::DumbTerminal { term });
    }
    Ok(())
}

impl Guard {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// [`TuiError`], each with a way out.
    pub fn enter(has_mouse: bool) -> Result<Self, TuiError> {
        check()?;
        let failed = |source| TuiError::Terminal { source };
        let signals = Asked::new().map_err(failed)?;
        tell_panics_after_leaving();
        take(has_mouse).map_err(|source| {
            leave();
            TuiError::Terminal { source }
        })?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).map_err(|source| {
            leave();
            TuiError::Terminal { source }
        })?;
        Ok(Self { terminal, has_mouse, signals })
    }

    /// Whether a signal asked the program to end.
    pub fn is_over(&self) -> bool {
        self.signals.end.load(Ordering::Relaxed)
    }

    /// Does what signals asked for about stopping and going on.
    ///
    /// # Errors
    /// [`TuiError::Lost`].
    pub fn follow_signals(&mut self) -> Result<(), TuiError> {
        if self.signals.stop.swap(false, Ordering::Relaxed) {
            return self.suspend();
        }
        if self.signals.go_on.swap(false, Ordering::Relaxed) {
            return self.retake();
        }
        Ok(())
    }

    /// Gives the terminal back, stops the program, and takes the terminal again when it goes on.
    ///
    /// # Errors
    /// [`TuiError::Lost`].
    pub fn suspend(&mut self) -> Result<(), TuiError> {
        leave();
        emulate_default_handler(SIGTSTP).map_err(|source| TuiError::Lost { source })?;
        self.signals.go_on.store(false, Ordering::Relaxed);
        self.retake()
    }

    /// Turns clicks on or off.
    ///
    /// # Errors
    /// [`TuiError::Lost`].
    pub fn set_mouse(&mut self, is_on: bool) -> Result<(), TuiError> {
        self.has_mouse = is_on;
        let done = if is_on { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) };
        done.map_err(|source| TuiError::Lost { source })
    }

    /// Forgets what is on the screen, so that the next frame draws all of it. (`Terminal::clear` would ask the terminal where
    /// its cursor is, and not all of them answer.)
    ///
    /// # Errors
    /// [`TuiError::Lost`].
    pub fn redraw(&mut self) -> Result<(), TuiError> {
        let cleared = execute!(stdout(), Clear(ClearType::All));
        let fresh = cleared.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        self.terminal = fresh.map_err(|source| TuiError::Lost { source })?;
        Ok(())
    }

    fn retake(&mut self) -> Result<(), TuiError> {
        take(self.has_mouse).map_err(|source| TuiError::Lost { source })?;
        self.redraw()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// Whether this program has the terminal.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

fn take(has_mouse: bool) -> io::Result<()> {
    IS_TAKEN.store(true, Ordering::Relaxed);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    if has_mouse {
        execute!(stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back, once: leaving the screen again puts the cursor back to where it was, and what is written then
/// goes over what a panic has told. Nothing can be done where it fails.
fn leave() {
    if !IS_TAKEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic is told on a terminal that shows it.
fn tell_panics_after_leaving() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        tell(panic);
    }));
}
