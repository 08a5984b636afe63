//! The loop: inputs, a tick of the source, a frame on the terminal. It redraws on ticks and after keys, never on data.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ratatui::crossterm::event;

use super::app::{App, Command};
use super::error::TuiError;
use super::settings::Settings;
use super::source::Source;
use super::terminal::Guard;
use crate::event::ids::DurationNs;

/// Inputs are taken in for this long at most before the screen is drawn again: a paste of a megabyte, a storm of resizes.
const INPUT_FOR: Duration = Duration::from_millis(50);

/// Writes a file into the folder that the program was started in; the answer is a sentence.
pub type WriteFile<'a> = &'a dyn Fn(&str, &str) -> std::io::Result<PathBuf>;

/// Shows a source until the user has seen enough.
///
/// # Errors
/// [`TuiError`].
pub fn run(source: &mut dyn Source, settings: &Settings, write: WriteFile<'_>) -> Result<(), TuiError> {
    let mut guard = Guard::enter(settings.mouse)?;
    let mut app = App::new(settings);
    let tick = Duration::from_secs(1) / settings.frames_per_s.clamp(1, 60);
    let lost = |source| TuiError::Lost { source };
    let mut last = Instant::now();
    while !guard.is_over() {
        guard.follow_signals()?;
        let now = Instant::now();
        let elapsed = u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX);
        last = now;
        source.tick(DurationNs(elapsed), &app.wants());
        if let Some(told) = source.told() {
            app.say(told);
        }
        let frame = source.frame();
        guard.terminal.draw(|to| app.draw(frame, to.area(), to.buffer_mut())).map_err(lost)?;
        let wait = if source.is_busy() { Duration::ZERO } else { tick.saturating_sub(now.elapsed()) };
        if !event::poll(wait).map_err(lost)? {
            continue;
        }
        let begin = Instant::now();
        loop {
            let input = event::read().map_err(lost)?;
            if let Some(command) = app.update(&input, source.frame())
                && !execute(command, source, &mut app, &mut guard, write)?
            {
                return Ok(());
            }
            if begin.elapsed() > INPUT_FOR || guard.is_over() || !event::poll(Duration::ZERO).map_err(lost)? {
                break;
            }
        }
    }
    Ok(())
}

/// Does what an input asked for; `false` at the end.
fn execute(
    command: Command,
    source: &mut dyn Source,
    app: &mut App,
    guard: &mut Guard,
    write: WriteFile<'_>,
) -> Result<bool, TuiError> {
    match command {
        Command::Quit => return Ok(false),
        Command::Suspend => guard.suspend()?,
        Command::Redraw => guard.redraw()?,
        Command::Travel(travel) => source.travel(travel),
        Command::Mouse(is_on) => guard.set_mouse(is_on)?,
        Command::Record => app.say(source.record()),
        Command::Export(files) => app.say(export(&files, write)),
    }
    Ok(true)
}

fn export(files: &[(String, String)], write: WriteFile<'_>) -> String {
    let mut written = Vec::new();
    for (name, text) in files {
        match write(name, text) {
            Ok(path) => written.push(path.display().to_string()),
            Err(error) => return format!("`{name}` cannot be written: {error}"),
        }
    }
    format!("wrote {}", written.join(" and "))
}
