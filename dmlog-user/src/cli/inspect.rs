//! `dmlog-top inspect`: what an on-disk log says. Needs no more than the right to read the file or device.

use std::fs::{File, OpenOptions};
use std::io::{Write, stdout};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::exit::{Exit, Failure};
use crate::event::ids::SECTOR_SIZE_BYTES;
use crate::event::text::quote::quote;
use crate::export::inspection::{Inspection, json, text};
use crate::log::disk::device::DeviceStorage;
use crate::log::disk::examine::Examination;
use crate::log::disk::header::BITS_OFFSET_BYTES;
use crate::log::disk::storage::LogStorage;
use crate::log::geometry::LogGeometry;

/// Reads from a device past the page cache are in multiples of this: the largest logical block that disks have.
const BLOCK_BYTES: u64 = 4096;

/// Arguments of `dmlog-top inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Log device, or an image of it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// A page for people, or one JSON object for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Size of a region, which is not in the log: `512K`, `2M`, or in sectors as in a table, `1024s`
    #[arg(long, value_name = "SIZE", value_parser = parse_region_size)]
    region_size: Option<u32>,
    /// Length of the mirror in sectors, which is not in the log either: the second number of its table
    #[arg(long, value_name = "N", requires = "region_size")]
    target_sectors: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with the exit code and a sentence: 2 for a target that the kernel would refuse, 5 for what cannot be read
/// or is no disk log. The latter is shown all the same.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let geometry = geometry(args)?;
    let source = quote(&args.path.to_string_lossy());
    let examination = examine(&args.path, geometry).with_context(|| format!("cannot inspect {source}"));
    let examination = examination.map_err(|error| Failure::new(Exit::Io, error))?;
    let inspection = Inspection {
        source: &args.path.to_string_lossy(),
        examination: &examination,
        region_size_sectors: args.region_size,
    };
    let bytes = match args.format {
        Format::Text => text::render(&inspection).into_bytes(),
        Format::Json => json::render(&inspection).map_err(|error| Failure::new(Exit::Io, error))?,
    };
    let mut out = stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush()).context("cannot write to stdout");
    written.map_err(|error| Failure::new(Exit::Io, error))?;
    match examination.findings.iter().find(|finding| finding.is_corrupt()) {
        Some(finding) => {
            let next = "check that this is the log device of a mirror, as its table names it";
            Err(Failure::new(Exit::Io, anyhow!("{source} is no healthy disk log: {finding}; {next}")))
        }
        None => Ok(Exit::Done),
    }
}

/// The target, checked as the kernel checks it.
fn geometry(args: &Args) -> Result<Option<LogGeometry>, Failure> {
    let (Some(region_size), Some(target_sectors)) = (args.region_size, args.target_sectors) else { return Ok(None) };
    let geometry = LogGeometry::new(target_sectors, region_size).with_context(|| {
        format!("a mirror of {target_sectors} sectors cannot have regions of {region_size}; look both up in its table")
    });
    geometry.map(Some).map_err(|error| Failure::new(Exit::Usage, error))
}

fn examine(path: &Path, geometry: Option<LogGeometry>) -> Result<Examination, anyhow::Error> {
    // The block size matters to who writes only.
    let mut storage = DeviceStorage::new(open(path)?, 512);
    let device_bytes = storage.size_bytes().context("its size cannot be found")?;
    let start = read(&mut storage, BITS_OFFSET_BYTES as u64, device_bytes)?;
    let needed = Examination::bytes_to_read(&start, device_bytes, geometry);
    let area = read(&mut storage, needed, device_bytes)?;
    Ok(Examination::of(&area, device_bytes, geometry))
}

/// The first bytes, whole blocks of them, as far as there are any.
fn read(storage: &mut DeviceStorage, needed: u64, device_bytes: u64) -> Result<Vec<u8>, anyhow::Error> {
    let length = usize::try_from(needed.next_multiple_of(BLOCK_BYTES).min(device_bytes))?;
    let mut area = vec![0; length];
    storage.read_area(&mut area).with_context(|| format!("its first {length} bytes cannot be read"))?;
    Ok(area)
}

/// Opens for reading. A device is read past the page cache: the kernel's mirror writes past it too, and as long as it has the
/// device open, what was cached by somebody else's read stays.
fn open(path: &Path) -> Result<File, anyhow::Error> {
    let mut options = OpenOptions::new();
    options.read(true);
    let is_device = std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_block_device());
    if is_device {
        direct(&mut options)?;
    }
    Ok(options.open(path)?)
}

#[cfg(target_os = "linux")]
fn direct(options: &mut OpenOptions) -> Result<(), anyhow::Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(i32::try_from(rustix::fs::OFlags::DIRECT.bits())?);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn direct(_options: &mut OpenOptions) -> Result<(), anyhow::Error> {
    Ok(())
}

/// A region size in sectors, of one that is written with a unit.
fn parse_region_size(text: &str) -> Result<u32, String> {
    const UNITS: [(char, u64); 5] =
        [('s', SECTOR_SIZE_BYTES), ('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];
    let wanted = || "expected a power of two of at least 2 sectors, such as `512K`, `2M` or `1024s`".to_owned();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(letter, unit)| text.strip_suffix([*letter, letter.to_ascii_lowercase()]).map(|rest| (rest, *unit)))
        .ok_or_else(wanted)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = number.parse::<u64>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(unit));
    let sectors = bytes.filter(|bytes| bytes.is_multiple_of(SECTOR_SIZE_BYTES)).map(|bytes| bytes / SECTOR_SIZE_BYTES);
    let sectors = sectors.and_then(|sectors| u32::try_from(sectors).ok()).ok_or_else(wanted)?;
    // The smallest target that such a region size allows.
    LogGeometry::new(u64::from(sectors), sectors).map(|_geometry| sectors).map_err(|_refused| wanted())
}

#[cfg(test)]
mod tests {
    use super::parse_region_size;

    #[test]
    fn a_region_size_has_a_unit_and_is_a_power_of_two() {
        for (text, sectors) in
            [("512K", 1024), ("512k", 1024), ("2M", 4096), ("1G", 1 << 21), ("1024s", 1024), ("2s", 2)]
        {
            assert_eq!(parse_region_size(text), Ok(sectors), "{text}");
        }
        for text in
            ["", "s", "1024", "1s", "3M", "0K", "+1M", "-1M", "1.5M", "2T", "16777216T", "99999999999999999999s"]
        {
            assert_eq!(
                parse_region_size(text),
                Err("expected a power of two of at least 2 sectors, such as `512K`, `2M` or `1024s`".to_owned()),
                "{text}"
            );
        }
    }
}
