//! A folder of Parquet files that many traces share: one folder for each host and day, as Hive, Spark and DuckDB read them.
//!
//! ```text
//! DIR/host=web-1/date=2026-11-26/20261126T170000.123456789Z.parquet
//!          │             │         └ when the capture began, by the wall clock: a trace that comes twice replaces its rows
//!          │             └ day of the event, UTC
//!          └ host of the capture; what is no letter, digit, `.`, `-` or `_` in hexadecimal
//! ```
//!
//! Files are opened by the caller, and get their names from it when all are whole.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ParquetFile;
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::item::Item;
use crate::export::sink::{DeviceNames, ItemSink};

/// Days of one trace: files stay open until all are whole.
pub const DAYS_MAX: usize = 366;

/// Bytes of a host's name in a path; the kernel's limit is 64.
const HOST_BYTES_MAX: usize = 64;

/// How Hive calls what has no name.
const NO_NAME: &str = "__HIVE_DEFAULT_PARTITION__";

const NS_PER_DAY: i128 = 86_400 * 1_000_000_000;

/// Writes the rows of one trace into the folders of its days. `F` opens a file at a path below the dataset's.
#[expect(missing_debug_implementations, reason = "the writer of the library has none")]
pub struct Dataset<W: Write + Send, F> {
    open: F,
    facts: CaptureFacts,
    host: String,
    file_name: String,
    /// By day since 1970. Nearly always the last one gets the next row: events of different CPUs are a little out of order.
    days: Vec<(i128, ParquetFile<W>)>,
    /// Devices so far: an identity names its log on later days too.
    devices: DeviceNames<Box<str>>,
}

/// Why a trace can be no part of a dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// No clock.
    #[error("the trace does not tell the wall clock, so its events have no date; export it without `--dataset`")]
    NoClock,
}

impl<W: Write + Send, F: FnMut(&PathBuf) -> io::Result<W>> Dataset<W, F> {
    /// For the trace of this capture. Nothing is opened before the first event.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn new(facts: &CaptureFacts, open: F) -> Result<Self, DatasetError> {
        let began = Timestamp::from_nanosecond(facts.clock.realtime_ns.into());
        let began = began.ok().filter(|_| facts.clock.realtime_ns != 0).ok_or(DatasetError::NoClock)?;
        let file_name = began.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S.%9fZ.parquet").to_string();
        Ok(Self {
            open,
            facts: facts.clone(),
            host: in_path(&facts.host),
            file_name,
            days: Vec::new(),
            devices: DeviceNames::default(),
        })
    }

    /// The place in `days` of an item's, opened if it was not.
    fn day_of(&mut self, item: &Item) -> io::Result<usize> {
        let ClockPair { monotonic_ns, realtime_ns } = self.facts.clock;
        let wall_ns = i128::from(item.time().0) - i128::from(monotonic_ns) + i128::from(realtime_ns);
        let day = wall_ns.div_euclid(NS_PER_DAY);
        if let Some(place) = self.days.iter().rposition(|(known, _)| *known == day) {
            return Ok(place);
        }
        if self.days.len() >= DAYS_MAX {
            let told =
                format!("the trace has events of more than {DAYS_MAX} days; choose some by `--since` and `--until`");
            return Err(io::Error::other(told));
        }
        let date = Timestamp::from_nanosecond(day * NS_PER_DAY).map_err(io::Error::other)?;
        let date = date.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d");
        let path = PathBuf::from(format!("host={}/date={date}", self.host)).join(&self.file_name);
        let mut file = ParquetFile::new((self.open)(&path)?, &self.facts)?;
        file.know(&self.devices);
        self.days.push((day, file));
        Ok(self.days.len() - 1)
    }
}

impl<W: Write + Send, F: FnMut(&PathBuf) -> io::Result<W>> ItemSink for Dataset<W, F> {
    /// The files, whole, in the order in which they were opened.
    type Out = Vec<W>;

    fn take(&mut self, item: &Item) -> io::Result<()> {
        let place = self.day_of(item)?;
        self.devices.note(item, |name| Box::from(name));
        match self.days.get_mut(place) {
            Some((_, file)) => file.take(item),
            None => Ok(()),
        }
    }

    fn finish(self) -> io::Result<Vec<W>> {
        self.days.into_iter().map(|(_, file)| file.finish()).collect()
    }
}

/// A name as part of a path, escaped as Hive does.
fn in_path(name: &str) -> String {
    if name.is_empty() {
        return NO_NAME.to_owned();
    }
    let mut text = String::new();
    for byte in name.bytes().take(HOST_BYTES_MAX) {
        if byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'.' && !text.is_empty()) || byte == b'-' {
            text.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bytes::Bytes;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::{Dataset, DatasetError, NS_PER_DAY, in_path};
    use crate::event::facts::{CaptureFacts, ClockPair};
    use crate::event::text::parse::parse;
    use crate::export::sink::ItemSink as _;

    /// A second before midnight of 26 November 2026, UTC.
    const CLOCK: ClockPair = ClockPair { monotonic_ns: 1_000_000_000, realtime_ns: 1_795_737_599_000_000_000 };

    fn facts(clock: ClockPair) -> CaptureFacts {
        CaptureFacts { host: "web-1".to_owned(), clock, ..CaptureFacts::default() }
    }

    /// Paths, and device and time of each row.
    fn files(lines: &[&str]) -> Vec<(String, Vec<(Field, Field)>)> {
        let mut paths = Vec::new();
        let open = |path: &PathBuf| {
            paths.push(path.display().to_string());
            Ok(Vec::new())
        };
        let mut dataset = Dataset::new(&facts(CLOCK), open).unwrap();
        for line in lines {
            dataset.take(&parse(line).unwrap()).unwrap();
        }
        let files = dataset.finish().unwrap();
        let rows = |bytes: Vec<u8>| {
            let file = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
            let field = |row: &parquet::record::Row, name: &str| {
                row.get_column_iter().find(|(column, _)| *column == name).unwrap().1.clone()
            };
            file.get_row_iter(None)
                .unwrap()
                .map(|row| row.map(|row| (field(&row, "device"), field(&row, "time_ns"))))
                .map(Result::unwrap)
                .collect()
        };
        paths.into_iter().zip(files.into_iter().map(rows)).collect()
    }

    #[test]
    fn a_row_goes_to_its_day_and_knows_its_device() {
        let files = files(&[
            r#"1.500000000 cpu=1 tid=2 log=3 identity device="254:0" name="vg/lv" log_type="disk" flush_failed=0 log_device_failed=0"#,
            "1.999999999 cpu=1 tid=2 log=3 pass",
            "2.000000000 cpu=1 tid=2 log=3 pass",
            "1.999999998 cpu=2 tid=2 log=3 pass",
        ]);
        let device = || Field::Str("vg/lv".to_owned());
        let path = |date: &str| format!("host=web-1/date={date}/20261126T235959.000000000Z.parquet");
        let row = |time_ns| (device(), Field::ULong(time_ns));
        let first = vec![row(1_500_000_000), row(1_999_999_999), row(1_999_999_998)];
        assert_eq!(files, [(path("2026-11-26"), first), (path("2026-11-27"), vec![row(2_000_000_000)])]);
    }

    #[test]
    fn a_trace_without_a_wall_clock_is_no_part() {
        let dataset = Dataset::new(&facts(ClockPair::default()), |_: &PathBuf| Ok(Vec::new()));
        assert!(matches!(dataset.err(), Some(DatasetError::NoClock)));
    }

    #[test]
    fn a_trace_of_all_days_is_refused_before_files_run_out() {
        let mut dataset = Dataset::new(&facts(CLOCK), |_: &PathBuf| Ok(Vec::new())).unwrap();
        let day_ns = u64::try_from(NS_PER_DAY).unwrap();
        let pass =
            |day: u64| parse(&format!("{}.000000000 cpu=1 tid=2 log=3 pass", day * day_ns / 1_000_000_000)).unwrap();
        let error = (0..400).find_map(|day| dataset.take(&pass(day)).err()).unwrap();
        assert!(error.to_string().contains("--since"), "{error}");
    }

    #[test]
    fn a_name_is_no_way_out_of_the_folder() {
        assert_eq!(in_path("../a b=c/ü"), "%2E./a b".replace("/a b", "%2Fa%20b%3Dc%2F%C3%BC"));
        assert_eq!(in_path(""), "__HIVE_DEFAULT_PARTITION__");
        assert_eq!(in_path(&"x".repeat(999)).len(), 64);
    }
}
