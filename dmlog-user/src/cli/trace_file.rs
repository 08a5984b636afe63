//! A trace as the command line names it: a path, or `-` for what comes on stdin; and times within it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread;

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::progress::Progress;
use crate::event::call::Row;
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::export::TraceEnd;
use crate::export::markup::misleads;
use crate::trace::error::TraceError;
use crate::trace::reader::{Tail, TraceReader};

/// Where a trace comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFile(PathBuf);

/// Reads from a file or from stdin, on any thread.
pub type Source = Box<dyn Read + Send>;

impl From<&Path> for TraceFile {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl TraceFile {
    /// Is it stdin, which can be read only once?
    pub fn is_stdin(&self) -> bool {
        self.0 == Path::new("-")
    }

    /// Opens it and reads its header.
    ///
    /// # Errors
    /// [`Exit::Io`] for what cannot be opened or is no trace.
    pub fn open(&self) -> Result<TraceReader<Source>, Failure> {
        let source = if self.is_stdin() { Box::new(io::stdin()) as Source } else { Box::new(self.file()?) };
        TraceReader::new(source).map_err(|error| self.failure(error))
    }

    /// The same for work that takes a while: how far it is, is shown under the name of the `work`.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn open_for(&self, work: &str) -> Result<TraceReader<Source>, Failure> {
        if self.is_stdin() {
            return self.open();
        }
        let file = self.file()?;
        let bytes = file.metadata().map_or(0, |known| known.len());
        let progress = Progress::new(format!("{work} of {}", self.name()), bytes);
        let source: Source = Box::new(Watched { file, progress: Some(progress), bytes: 0 });
        TraceReader::new(source).map_err(|error| self.failure(error))
    }

    fn file(&self) -> Result<File, Failure> {
        let file = File::open(&self.0).with_context(|| format!("cannot open `{}`", self.name()));
        file.map_err(|error| Failure::new(Exit::Io, error))
    }

    /// Hands every item of an opened trace to `take`, and says how the trace ends.
    ///
    /// # Errors
    /// [`Exit::Io`] for a corrupt trace.
    pub fn read_items(
        &self,
        reader: &mut TraceReader<Source>,
        mut take: impl FnMut(&Item),
    ) -> Result<TraceEnd, Failure> {
        while reader.next_batch_with(|item| take(&item)).map_err(|error| self.failure(error))?.is_some() {}
        Ok(end_of(reader))
    }

    /// The same for whoever takes rows, which is quicker than making items.
    ///
    /// # Errors
    /// As of [`read_items`](Self::read_items).
    pub fn read_rows(
        &self,
        reader: &mut TraceReader<Source>,
        mut take: impl FnMut(&Row<'_>),
    ) -> Result<TraceEnd, Failure> {
        // With one CPU a second thread would only be in the way.
        if thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
            reader.rows_ahead(take).map_err(|error| self.failure(error))?;
        } else {
            while reader.next_batch_rows(&mut take).map_err(|error| self.failure(error))?.is_some() {}
        }
        Ok(end_of(reader))
    }

    /// An error of this trace, with its name.
    pub fn failure(&self, error: TraceError) -> Failure {
        Failure::new(Exit::Io, anyhow::Error::new(error).context(format!("`{}`", self.name())))
    }

    /// Its name for messages, without characters that mislead.
    pub fn name(&self) -> String {
        if self.is_stdin() {
            return "stdin".to_owned();
        }
        self.0.display().to_string().chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect()
    }
}

/// A file, and how far it was read.
struct Watched {
    file: File,
    /// Until the end.
    progress: Option<Progress>,
    bytes: u64,
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.bytes += read as u64;
        match &mut self.progress {
            // What is printed after it must not stand behind a bar.
            Some(_) if read == 0 && !out.is_empty() => self.progress = None,
            Some(progress) => progress.at(self.bytes),
            None => {}
        }
        Ok(read)
    }
}

/// How a trace ends that was read as far as it goes.
pub(super) fn end_of(reader: &TraceReader<Source>) -> TraceEnd {
    match reader.tail() {
        Tail::Torn { bytes } => TraceEnd::Torn { bytes },
        Tail::Clean | Tail::NotReached => TraceEnd::Clean,
    }
}

/// A time within a trace, as typed: `1.5s` or `250ms` from its start, or seconds of the monotonic clock as `print` shows
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceTime {
    /// Nanoseconds from the start of the trace.
    FromStart(u64),
    /// A point of the monotonic clock.
    At(MonoNs),
}

impl TraceTime {
    /// The point of the monotonic clock, in a trace that starts at `start`.
    pub fn resolve(self, start: MonoNs) -> MonoNs {
        match self {
            Self::FromStart(ns) => MonoNs(start.0.saturating_add(ns)),
            Self::At(time) => time,
        }
    }
}

/// A text that is no [`TraceTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a time from the start such as `1.5s`, `250ms`, `10us`, `2m`, or seconds of the monotonic clock such as `5012.25`"
)]
pub struct NotATime;

impl FromStr for TraceTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        const UNITS: [(&str, u32); 4] = [("ms", 6), ("us", 3), ("ns", 0), ("s", 9)];
        if let Some(minutes) = text.strip_suffix('m') {
            return Ok(Self::FromStart(decimal(minutes, 9)?.checked_mul(60).ok_or(NotATime)?));
        }
        for (unit, digits) in UNITS {
            if let Some(number) = text.strip_suffix(unit) {
                return Ok(Self::FromStart(decimal(number, digits)?));
            }
        }
        Ok(Self::At(MonoNs(decimal(text, 9)?)))
    }
}

/// A decimal number times 10 to the power of `digits`, exactly.
fn decimal(text: &str, digits: u32) -> Result<u64, NotATime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let places = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || places > digits {
        return Err(NotATime);
    }
    let number = |part: &str| if part.is_empty() { Ok(0) } else { part.parse::<u64>().map_err(|_too_long| NotATime) };
    let fraction = number(fraction)?.checked_mul(10u64.pow(digits - places)).ok_or(NotATime)?;
    number(whole)?.checked_mul(10u64.pow(digits)).and_then(|whole| whole.checked_add(fraction)).ok_or(NotATime)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::{NotATime, Progress, TraceTime, Watched};
    use crate::event::ids::MonoNs;

    #[test]
    fn progress_goes_with_the_file_and_ends_with_it() {
        let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let length = file.metadata().unwrap().len();
        let progress = Some(Progress::new("a test".to_owned(), length));
        let mut watched = Watched { file, progress, bytes: 0 };
        watched.read_exact(&mut [0; 10]).unwrap();
        assert!(watched.progress.is_some() && watched.bytes == 10);
        watched.read_to_end(&mut Vec::new()).unwrap();
        assert!(watched.progress.is_none(), "what is printed next stands by itself");
        assert_eq!(watched.bytes, length);
    }

    #[test]
    fn times_are_exact() {
        let cases = [
            ("1.5s", TraceTime::FromStart(1_500_000_000)),
            ("250ms", TraceTime::FromStart(250_000_000)),
            ("0.25us", TraceTime::FromStart(250)),
            ("7ns", TraceTime::FromStart(7)),
            ("2m", TraceTime::FromStart(120_000_000_000)),
            ("5012.25", TraceTime::At(MonoNs(5_012_250_000_000))),
            ("0", TraceTime::At(MonoNs(0))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "s", "-1s", "1.5ns", "1e3", "1h", "+1", "18446744073709551615s", "0.0000000001", "1.5.2s"] {
            assert_eq!(text.parse::<TraceTime>(), Err(NotATime), "{text}");
        }
    }
}
