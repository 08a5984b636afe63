//! `dmlog-top record --flight`: keeps the last stretch of time in memory, and writes it when it is worth keeping.
//!
//! It is written on SIGUSR1, when a rule is broken, and at the end. Whatever is written begins with the logs that were alive then,
//! and is a trace like any other.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _, stderr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::exit::{Exit, Failure};
use super::record::{parse_bytes, parse_duration};
use crate::analysis::trigger::rule::Rule;
use crate::analysis::trigger::{Fired, Trigger};
use crate::capture::{Capture, CaptureOptions, monotonic_ns, with_file_access};
use crate::event::ids::MonoNs;
use crate::export::number::{self, harmless};
use crate::record::keeper::Target;
use crate::record::past::PAST_BYTES;
use crate::record::watch::{Watch, WatchOptions, Watched, watch_with};

/// How often the flight recorder looks at what came.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Names that are tried for a file.
const NAMES_MAX: u32 = 100;

/// Arguments of a flight recorder.
#[derive(Debug, clap::Args)]
pub struct FlightArgs {
    /// Keep this much of the past in memory, for example 60s, and write it on SIGUSR1, when a rule is broken (`--trigger`), and
    /// to FILE at the end
    #[arg(long = "flight", value_name = "TIME", value_parser = parse_duration)]
    pub window: Option<Duration>,
    /// Write when this rule is broken, for example 'flush.dirtied.p99 > 20ms' or 'write.max > 1s over 10s' (may be given more
    /// than once)
    #[arg(long = "trigger", value_name = "RULE", requires = "window")]
    triggers: Vec<Rule>,
    /// Memory for the past, for example 32M; half as much again is used at times. Where TIME does not fit, less of the past is
    /// written, which is said
    #[arg(long, value_name = "BYTES", requires = "window", value_parser = parse_past, default_value_t = PAST_BYTES)]
    flight_memory: u64,
    /// Files that rules may write; signals may always
    #[arg(long, value_name = "N", requires = "window", default_value_t = 16)]
    flight_files: u32,
}

/// Runs `record --flight`.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence.
pub fn run(
    args: &FlightArgs,
    window: Duration,
    output: &Path,
    mut options: CaptureOptions,
    duration: Option<Duration>,
) -> Result<Exit, Failure> {
    if output.as_os_str() == "-" {
        let error =
            anyhow!("a flight recorder writes several files; name one with `-o`, the others are named after it");
        return Err(Failure::new(Exit::Usage, error));
    }
    let name = output.display().to_string();
    // What it holds is replaced at the end, not before.
    let last = OpenOptions::new().write(true).create(true).truncate(false).open(output).map_err(|error| {
        Failure::new(Exit::Io, anyhow!("`{name}` cannot be written ({error}); choose another output with `-o`"))
    })?;
    options.keeps_file_access = true;
    let capture = Capture::start(&options).map_err(|error| Failure::new(Exit::CaptureFailed, error))?;
    let watch_options = WatchOptions { past_bytes: args.flight_memory, takes_user_signal: true };
    let watched = watch_with(capture, watch_options, |watch| {
        let window_ns = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        let flight = Flight {
            watch,
            stem: name.strip_suffix(".dmlog").unwrap_or(&name).to_owned(),
            window_ns,
            trigger: Trigger::new(args.triggers.clone()),
            files_left: args.flight_files,
            quiet_until: MonoNs(0),
        };
        flight.run(&name, last, duration)
    });
    let Watched { result, losses, told } =
        watched.map_err(|error| Failure::new(Exit::CaptureFailed, anyhow!("the recorder cannot run: {error}")))?;
    for sentence in told {
        say(&sentence);
    }
    if losses.ring > 0 {
        say(&format!("{} events were lost; a larger `--ring-size` helps", losses.ring));
    }
    result
}

/// A flight recorder under way.
#[derive(Debug)]
struct Flight {
    watch: Watch,
    /// What names of files begin with.
    stem: String,
    window_ns: u64,
    trigger: Trigger,
    /// Files that rules may still write.
    files_left: u32,
    /// No rule writes before this: what it would write is in the last file.
    quiet_until: MonoNs,
}

impl Flight {
    fn run(mut self, name: &str, last: File, duration: Option<Duration>) -> Result<Exit, Failure> {
        say(&format!(
            "recording to {name}: keeps the last {}; `kill -USR1 {}` writes what it keeps; Ctrl-C ends",
            number::duration(self.window_ns),
            std::process::id()
        ));
        let begin = Instant::now();
        let (mut items, mut fired) = (Vec::new(), Vec::new());
        while !self.watch.is_over() && duration.is_none_or(|duration| begin.elapsed() < duration) {
            std::thread::sleep(LOOK_EVERY);
            self.watch.take(&mut items);
            for item in items.drain(..) {
                self.trigger.see(&item, &mut fired);
            }
            // Events take a moment to get here.
            let now = MonoNs(monotonic_ns().saturating_sub(2 * u64::from(LOOK_EVERY.subsec_nanos())));
            self.trigger.judge(now, &mut fired);
            for fired in fired.drain(..) {
                self.fire(&fired);
            }
            if self.watch.is_asked() {
                self.write("signal");
            }
            self.tell();
        }
        self.tell();
        last.set_len(0).map_err(|error| Failure::new(Exit::Io, anyhow!("`{name}` cannot be written: {error}")))?;
        // The capture ends it, with what is still in the ring.
        self.watch.record(Target { name: name.to_owned(), file: last, from: Some(self.from()) });
        Ok(Exit::Done)
    }

    /// The begin of what is kept.
    fn from(&self) -> MonoNs {
        MonoNs(monotonic_ns().saturating_sub(self.window_ns))
    }

    /// A rule was broken.
    fn fire(&mut self, fired: &Fired) {
        let Fired { rule, device, number, is_duration, until } = fired;
        let told = if *is_duration { number::duration(*number) } else { number.to_string() };
        let device = device.as_ref().map_or_else(String::new, |device| format!("{}: ", harmless(device)));
        let why = format!("{device}{} with {told}", harmless(rule));
        if *until < self.quiet_until {
            return;
        }
        if self.files_left == 0 {
            say(&format!("{why}; not written, because rules have written all files that they may (`--flight-files`)"));
        } else {
            say(&why);
            self.files_left -= 1;
            self.write("rule");
        }
        self.quiet_until = MonoNs(until.0.saturating_add(self.window_ns));
    }

    fn write(&self, why: &str) {
        match with_file_access(|| create_new(&format!("{}-{}-{why}", self.stem, now()))) {
            Ok((name, file)) => {
                self.watch.record(Target { name, file, from: Some(self.from()) });
                self.watch.end_recording();
            }
            Err(told) => say(&told),
        }
    }

    fn tell(&self) {
        for sentence in self.watch.status().told {
            say(&sentence);
        }
    }
}

/// The time of the clock, for a name.
pub(super) fn now() -> impl std::fmt::Display {
    jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S")
}

/// A trace file of a name that is not taken.
pub(super) fn create_new(stem: &str) -> Result<(String, File), String> {
    for number in 1..=NAMES_MAX {
        let name = if number == 1 { format!("{stem}.dmlog") } else { format!("{stem}-{number}.dmlog") };
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("`{name}` cannot be written ({error})")),
        }
    }
    Err(format!("`{stem}.dmlog` and {NAMES_MAX} names after it are taken"))
}

fn parse_past(text: &str) -> Result<u64, String> {
    let bytes = parse_bytes(text).filter(|bytes| (1 << 20..=1 << 31).contains(bytes));
    bytes.map(u64::from).ok_or_else(|| "expected a size between 1M and 2048M".to_owned())
}

/// One line on stderr; if that is gone, nobody is there to be told.
fn say(line: &str) {
    let _ = writeln!(stderr(), "dmlog-top: {line}");
}
