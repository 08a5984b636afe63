//! `dmlog-top` and `dmlog-top live`: the screen on the running kernel.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::exit::{Exit, Failure};
use super::flight::{create_new, now};
use super::record::CaptureArgs;
use super::replay::{print, write_file};
use super::screen::{SAMPLE, ScreenArgs};
use crate::capture::{Capture, with_file_access};
use crate::event::ids::{DurationNs, MonoNs};
use crate::event::item::Item;
use crate::record::keeper::{RecordingStatus, Target};
use crate::record::watch::{Watch, Watched, watch};
use crate::trace::reader::TraceReader;
use crate::tui::error::TuiError;
use crate::tui::frame::RecordingFrame;
use crate::tui::live::{Feed, Live};
use crate::tui::plain;
use crate::tui::run::run as show;
use crate::tui::settings::Settings;
use crate::tui::source::{Bytes, Open, Source, Wants};
use crate::tui::terminal::check;

/// How soon a signal ends lines at an interval.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Arguments of `dmlog-top live`, which are those of `dmlog-top` itself.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this mirror: dm name, vg/lv, path or MAJ:MIN (may be given more than once)
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// Also record to this trace file from the start; `r` does so from any moment
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for settings and for a terminal that shows no screen, 4 if the capture
/// cannot start, 5 for a file that cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    if args.screen.print_config {
        return print(SAMPLE);
    }
    let settings = args.screen.settings()?;
    if !args.screen.plain {
        // Attaching takes a moment, and is for nothing where there is no screen.
        check().map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    let target = args.record.as_deref().map(first_target).transpose()?;
    if stderr().is_terminal() {
        let _ = writeln!(stderr(), "dmlog-top: attaching to the kernel");
    }
    let mut options = args.capture.options(&args.devices);
    options.keeps_file_access = true;
    let capture = Capture::start(&options).map_err(|error| Failure::new(Exit::CaptureFailed, error))?;
    let watched = watch(capture, |watch| {
        if let Some(target) = target {
            watch.record(target);
        }
        let result = look(watch, args, &settings);
        if stderr().is_terminal() {
            // The kernel waits for every CPU at each of the probes.
            let _ = writeln!(stderr(), "dmlog-top: detaching from the kernel");
        }
        result
    });
    let Watched { result, losses, told } =
        watched.map_err(|error| Failure::new(Exit::CaptureFailed, anyhow!("the capture cannot run: {error}")))?;
    for sentence in told {
        let _ = writeln!(stderr(), "dmlog-top: {sentence}");
    }
    if losses.ring > 0 {
        let _ = writeln!(stderr(), "dmlog-top: {} events were lost; a larger `--ring-size` helps", losses.ring);
    }
    result
}

fn look(watch: Watch, args: &Args, settings: &Settings) -> Result<Exit, Failure> {
    let facts = watch.facts().clone();
    let title = format!("{} {}", facts.host, facts.kernel_release);
    let mut live = Live::new(title, &facts, Tap { watch, host: facts.host.clone() });
    if args.screen.plain {
        return in_lines(&mut live, &args.screen, settings);
    }
    let write = |name: &str, text: &str| with_file_access(|| write_file(name, text));
    show(&mut live, settings, &write).map_err(|error| match error {
        TuiError::Lost { .. } => Failure::new(Exit::Io, error),
        TuiError::NotATerminal | TuiError::DumbTerminal { .. } | TuiError::Terminal { .. } => {
            Failure::new(Exit::Usage, error)
        }
    })?;
    Ok(Exit::Done)
}

/// One screenful of facts for every interval, until there were enough or a signal comes.
fn in_lines(live: &mut Live<Tap>, args: &ScreenArgs, settings: &Settings) -> Result<Exit, Failure> {
    let wants = Wants { screen: settings.screen, device: settings.device.clone(), cells: 1024, ..Wants::default() };
    let interval = Duration::from_nanos(args.interval);
    let mut printed = 0;
    let mut last = Instant::now();
    while args.times.is_none_or(|times| printed < times) {
        while last.elapsed() < interval {
            if live.feed().watch.is_over() {
                return Ok(Exit::Done);
            }
            std::thread::sleep(LOOK_EVERY.min(interval.saturating_sub(last.elapsed())));
        }
        let elapsed = u64::try_from(last.elapsed().as_nanos()).unwrap_or(u64::MAX);
        last = Instant::now();
        live.tick(DurationNs(elapsed), &wants);
        while live.is_busy() {
            live.tick(DurationNs(0), &wants);
        }
        while let Some(told) = live.told() {
            print(&format!("{told}\n"))?;
        }
        print(&plain::lines(settings.screen, live.frame(), settings.device.as_deref(), settings.theme.has_unicode))?;
        printed += 1;
    }
    Ok(Exit::Done)
}

/// A watch, as the screen needs it.
#[derive(Debug)]
struct Tap {
    watch: Watch,
    host: String,
}

impl Feed for Tap {
    fn take(&mut self, out: &mut Vec<Item>) {
        self.watch.take(out);
    }

    fn past(&mut self) -> Open {
        // What is there now: a replay must not run after a capture.
        let pieces = self.watch.past().settled();
        Box::new(move || {
            let bytes: Box<dyn Bytes> = Box::new(pieces.reader(false));
            TraceReader::new(bytes)
        })
    }

    fn record(&mut self, from: Option<MonoNs>) -> Result<String, String> {
        let (name, file) = with_file_access(|| new_file(&self.host))?;
        self.watch.record(Target { name: name.clone(), file, from });
        Ok(name)
    }

    fn end_recording(&mut self) {
        self.watch.end_recording();
    }

    fn recording(&mut self) -> (Option<RecordingFrame>, Vec<String>) {
        let status = self.watch.status();
        let frame = |RecordingStatus { name, events, bytes }| RecordingFrame { name, events, bytes };
        (status.recording.map(frame), status.told)
    }
}

/// A file of a name that is not taken, in the folder that the program was started in.
fn new_file(host: &str) -> Result<(String, File), String> {
    let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    create_new(&format!("dmlog-{host}-{}", now())).map_err(|told| format!("{told}; start in another folder"))
}

fn first_target(path: &Path) -> Result<Target, Failure> {
    let name = path.display().to_string();
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(|error| {
        Failure::new(Exit::Io, anyhow!("`{name}` cannot be written ({error}); choose another file with `--record`"))
    })?;
    Ok(Target { name, file, from: None })
}

#[cfg(test)]
mod tests {
    use super::new_file;

    #[test]
    fn a_recording_never_takes_the_place_of_another() {
        // A name without a folder, whatever the host is called.
        let host = format!("../{}", std::process::id());
        let (first, _) = new_file(&host).unwrap();
        let (second, _) = new_file(&host).unwrap();
        for name in [&first, &second] {
            assert_eq!(std::path::Path::new(name).extension(), Some("dmlog".as_ref()), "{name}");
            assert!(!name.contains('/'), "{name}");
            std::fs::remove_file(name).unwrap();
        }
        assert_ne!(first, second);
    }
}
