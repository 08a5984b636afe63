//! `dmlog-top whatif`: the writes of a trace under other region sizes and log types, side by side.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use super::selection::is_called;
use super::trace_file::TraceFile;
use crate::analysis::whatif::WhatIf;
use crate::analysis::whatif::result::{TargetResult, WhatIfResult};
use crate::analysis::whatif::settings::{Settings, is_taken, log_type_of};
use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::event::text::quote::quote;
use crate::export::TraceEnd;
use crate::export::whatif::{WhatIfReport, json, text};
use crate::log::dirty_log::LogType;

const AFTER_HELP: &str = "\
The passes of the mirror's worker stay as they were recorded; marks, clears and what each flush finds to write are computed
anew from the sectors of the writes. A write that spans several smaller regions is split. Writes that device-mapper had split
already at the recorded region size are not put together again for larger ones. Log devices are taken to have blocks of 512
bytes.";

/// Arguments of `dmlog-top whatif`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Trace to replay; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Region sizes such as `256K,1M`, or in sectors such as `512s`; without it, a quarter to 16 times the recorded one
    #[arg(long, value_name = "SIZE", value_delimiter = ',', value_parser = parse_size)]
    region_size: Vec<u64>,
    /// Log types: `core`, `disk`, `userspace`; without it, the recorded one, `core` and `disk`
    #[arg(long, value_name = "TYPE", value_delimiter = ',', value_parser = parse_log_type)]
    log: Vec<LogType>,
    /// Only this device: `vg/lv`, its dm name or `MAJ:MIN`; may be given several times
    #[arg(short, long = "device", value_name = "DEV")]
    devices: Vec<String>,
    /// A page for people, or one JSON object for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for settings that the kernel would refuse and for a device that is not
/// in the trace, 5 for a file that cannot be read or is corrupt.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let settings = Settings::new(&args.region_size, &args.log).map_err(|error| Failure::new(Exit::Usage, error))?;
    let file = TraceFile::from(args.file.as_path());
    let (mut result, end) = fold(&file, &settings)?;
    select(&mut result, &args.devices, &file)?;
    check_sizes(&settings, &result.targets)?;
    let report = WhatIfReport { source: &file.name(), result: &result, end };
    let bytes = match args.format {
        Format::Text => text::render(&report).into_bytes(),
        Format::Json => json::render(&report).map_err(|error| Failure::new(Exit::Io, error))?,
    };
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.context("cannot write the tables to stdout").map_err(|error| Failure::new(Exit::Io, error))?;
    Ok(Exit::Done)
}

fn fold(file: &TraceFile, settings: &Settings) -> Result<(WhatIfResult, TraceEnd), Failure> {
    let mut reader = file.open_for("what-if")?;
    let mut whatif = WhatIf::new(Some(reader.facts()), settings.clone());
    let end = file.read_items(&mut reader, |item| whatif.apply(item))?;
    Ok((whatif.result(), end))
}

/// Keeps the devices that were asked for.
fn select(result: &mut WhatIfResult, wanted: &[String], file: &TraceFile) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    let is = |target: &TargetResult, name: &str| {
        target.device.parse().is_ok_and(|device| is_called(device, &target.name, name))
    };
    for name in wanted {
        if !result.targets.iter().any(|target| is(target, name)) {
            let mut known: Vec<String> =
                result.targets.iter().map(|target| format!("{} ({})", quote(&target.name), target.device)).collect();
            known.dedup();
            let there = if known.is_empty() {
                "it has no mirror whose region size is known".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            let error = anyhow::anyhow!("`{}` has no device {}; {there}", file.name(), quote(name));
            return Err(Failure::new(Exit::Usage, error));
        }
    }
    result.targets.retain(|target| wanted.iter().any(|name| is(target, name)));
    Ok(())
}

/// A size that no target can have is a mistake of the user; one that only some can have is a note.
fn check_sizes(settings: &Settings, targets: &[TargetResult]) -> Result<(), Failure> {
    let refused = |size: &&u32| !targets.is_empty() && !targets.iter().any(|of| is_taken(**size, of.target_sectors));
    let Some(size) = settings.region_sizes_sectors().iter().find(refused) else { return Ok(()) };
    let largest = targets.iter().map(|target| target.target_sectors).max().unwrap_or(0);
    let error = anyhow::anyhow!(
        "no mirror in the trace can have regions of {size} sectors: the largest has {largest} sectors, and the kernel \
         takes a region size from 2 sectors up to the length, with less than 2^32 regions"
    );
    Err(Failure::new(Exit::Usage, error))
}

/// A size with a unit, in sectors.
fn parse_size(text: &str) -> Result<u64, String> {
    const EXPECTED: &str = "expected a size with its unit, such as `256K`, `1M`, `1G` or `512s` (sectors)";
    const UNITS: [(&[&str], u64); 4] =
        [(&["K", "k", "KiB"], 1 << 10), (&["M", "m", "MiB"], 1 << 20), (&["G", "g", "GiB"], 1 << 30), (&["s"], 512)];
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(names, _)| names.contains(&unit)).ok_or(EXPECTED)?.1;
    let number: u64 = number.parse().map_err(|_none_or_too_long| EXPECTED.to_owned())?;
    number.checked_mul(unit).map(|bytes| bytes / SECTOR_SIZE_BYTES).ok_or_else(|| EXPECTED.to_owned())
}

fn parse_log_type(text: &str) -> Result<LogType, String> {
    log_type_of(text).ok_or_else(|| "expected `core`, `disk` or `userspace`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        let sizes = [("256K", 512), ("1M", 2048), ("1MiB", 2048), ("2g", 1 << 22), ("512s", 512), ("0K", 0)];
        for (text, sectors) in sizes {
            assert_eq!(parse_size(text), Ok(sectors), "{text}");
        }
        for text in ["", "512", "K", "-1K", "1.5M", "1T", "99999999999999999999K", "18446744073709551615G", "1 M"] {
            assert!(parse_size(text).unwrap_err().starts_with("expected a size"), "{text}");
        }
    }
}
