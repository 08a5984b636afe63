//! `dmlog-top replay`: the screen on a trace, without privileges.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::screen::{SAMPLE, ScreenArgs};
use super::trace_file::TraceFile;
use crate::event::ids::DurationNs;
use crate::export::number::harmless;
use crate::session::cursor::spill::Spill;
use crate::trace::error::TraceError;
use crate::trace::reader::TraceReader;
use crate::tui::frame::Frame;
use crate::tui::plain;
use crate::tui::replay::Replay;
use crate::tui::run::run as show;
use crate::tui::settings::Settings;
use crate::tui::source::{Bytes, Open, Source, Travel, Wants};

/// Arguments of `dmlog-top replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to show
    #[arg(value_name = "FILE", required_unless_present = "print_config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for settings and for a terminal that shows no screen, 5 for a file that
/// cannot be read or is no trace.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    if args.screen.print_config {
        return print(SAMPLE);
    }
    let Some(path) = &args.file else { return Ok(Exit::Usage) };
    let settings = args.screen.settings()?;
    let file = TraceFile::from(path.as_path());
    if file.is_stdin() {
        let error = anyhow::anyhow!("a trace on stdin cannot be played back and forth; save it to a file first");
        return Err(Failure::new(Exit::Usage, error));
    }
    let mut replay = Replay::new(title(path, &file), opener(path, &file)?, Some(Box::new(TemporaryFile::default())))
        .map_err(|error| file.failure(error))?;
    if args.screen.plain {
        return in_lines(&mut replay, &args.screen, &settings);
    }
    show(&mut replay, &settings, &write_file).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(Exit::Done)
}

/// The name on the screen: that of the file, without its folders.
fn title(path: &Path, file: &TraceFile) -> String {
    path.file_name().map_or_else(|| file.name(), |name| name.to_string_lossy().into_owned())
}

/// Where keyframes go that memory has no room for: a file without a name, which is made when the first one comes, and gone with the
/// process. As in `/var/tmp`, which is on a disk, for it may take two gigabytes; or wherever `TMPDIR` says.
#[derive(Debug, Default)]
struct TemporaryFile(Option<File>);

impl TemporaryFile {
    fn file(&mut self) -> io::Result<&mut File> {
        if self.0.is_none() {
            let folder = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
            let folder = folder.unwrap_or_else(|| OsString::from("/var/tmp"));
            self.0 = Some(tempfile::tempfile_in(folder)?);
        }
        self.0.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Spill for TemporaryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_at(offset, bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file()?.read_at(offset, bytes)
    }
}

/// What opens the trace again and again. That it can be opened at all is seen at once.
fn opener(path: &Path, file: &TraceFile) -> Result<Open, Failure> {
    let seekable = File::open(path).with_context(|| format!("cannot open `{}`", file.name()));
    drop(seekable.map_err(|error| Failure::new(Exit::Io, error))?);
    let path = path.to_owned();
    Ok(Box::new(move || {
        let file = File::open(&path).map_err(|source| TraceError::Read { offset: 0, source })?;
        let bytes: Box<dyn Bytes> = Box::new(file);
        TraceReader::new(bytes)
    }))
}

/// Plays from the begin to the end as fast as lines can be made, one screenful of facts for every interval of the trace.
fn in_lines(replay: &mut Replay, args: &ScreenArgs, settings: &Settings) -> Result<Exit, Failure> {
    let wants = Wants { screen: settings.screen, device: settings.device.clone(), cells: 1024, ..Wants::default() };
    replay.read_all(&wants);
    check_device(replay.frame(), settings.device.as_deref())?;
    let end_ns = replay.now_ns();
    let first_ns = replay.frame().snapshot.window.first_ns;
    let mut at_ns = first_ns;
    let mut printed = 0;
    while at_ns < end_ns && args.times.is_none_or(|times| printed < times) {
        at_ns = at_ns.saturating_add(args.interval).min(end_ns);
        replay.travel(Travel::To(at_ns));
        replay.tick(DurationNs(0), &wants);
        while replay.is_busy() {
            replay.tick(DurationNs(0), &wants);
        }
        print(&plain::lines(settings.screen, replay.frame(), settings.device.as_deref(), settings.theme.has_unicode))?;
        printed += 1;
    }
    Ok(Exit::Done)
}

/// Refuses the name of a mirror that is not there.
fn check_device(frame: &Frame, device: Option<&str>) -> Result<(), Failure> {
    let devices = &frame.snapshot.devices;
    match device.filter(|name| devices.iter().all(|device| device.name != *name)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<String> = devices.iter().map(|device| harmless(&device.name)).collect();
            let error = anyhow::anyhow!("no mirror is called `{name}`; there are: {}", names.join(", "));
            Err(Failure::new(Exit::Usage, error))
        }
    }
}

/// Writes to stdout.
pub(super) fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}

/// Writes an exported view into the folder that the program was started in.
pub(super) fn write_file(name: &str, text: &str) -> io::Result<PathBuf> {
    std::fs::write(name, text)?;
    Ok(PathBuf::from(name))
}
