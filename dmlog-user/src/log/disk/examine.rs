//! What the area of some device says, read without being its log: for `inspect`, after a crash or before an activation.
//!
//! The file holds neither the region size nor the length of the target; where the caller knows them, the answer is that of
//! the kernel's next resume.

use std::fmt;

use super::header::{
    BITS_OFFSET_BYTES, DiskLogHeader, HEADER_BYTES, MAGIC, NR_REGIONS_OF_LVM, VERSION, VERSION_1, bitset_bytes,
    capacity_regions, decode_bits,
};
use crate::event::ids::Region;
use crate::log::arguments::SyncOption;
use crate::log::bits::LogBits;
use crate::log::geometry::LogGeometry;
use crate::log::region_set::{REGION_COUNT_MAX, RegionSet};

/// What a device says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Size of the device in bytes.
    pub device_bytes: u64,
    /// Regions whose bits fit on it.
    pub capacity_regions: u64,
    /// The header as it stands there; `None` if the device is shorter than a header.
    pub header: Option<DiskLogHeader>,
    /// The target, where the caller knows it.
    pub geometry: Option<LogGeometry>,
    /// Clean regions as the kernel would take them at its next resume. Speaks about the target's regions if the target is
    /// known, else about those of the header, and about none if there is no usable header.
    pub clean: RegionSet,
    /// What is odd, the worst first.
    pub findings: Vec<Finding>,
}

/// Something odd about a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Not even a header fits.
    TooShort {
        /// Size of the device in bytes.
        device_bytes: u64,
    },
    /// The magic is another one.
    NotALog {
        /// What stands there.
        magic: u32,
    },
    /// The kernel does not know the version.
    UnknownVersion {
        /// What stands there.
        version: u32,
    },
    /// The header counts more regions than have bits on the device, or than a log may have.
    BeyondDevice {
        /// What the header says.
        nr_regions: u64,
        /// What the device holds.
        capacity_regions: u64,
    },
    /// The target has more regions than have bits on the device: the kernel refuses this table.
    DeviceTooSmall {
        /// What the target needs.
        region_count: u64,
        /// What the device holds.
        capacity_regions: u64,
    },
    /// An old log; the kernel writes it back as version 2.
    Version1,
    /// Made by lvm2, never resumed by a kernel.
    FreshFromLvm,
    /// The target has more regions than the header.
    TargetGrew {
        /// What the header says.
        nr_regions: u64,
        /// What the target has.
        region_count: u64,
    },
    /// The target has fewer regions than the header.
    TargetShrank {
        /// What the header says.
        nr_regions: u64,
        /// What the target has.
        region_count: u64,
    },
    /// Bits behind the last region are set, within its last 64. They mean nothing.
    TailBits {
        /// How many.
        count: u32,
    },
}

impl Finding {
    /// Whether what the device says cannot be trusted, or is no log at all.
    pub const fn is_corrupt(self) -> bool {
        match self {
            Self::TooShort { .. } | Self::NotALog { .. } | Self::UnknownVersion { .. } | Self::BeyondDevice { .. } => {
                true
            }
            Self::DeviceTooSmall { .. }
            | Self::Version1
            | Self::FreshFromLvm
            | Self::TargetGrew { .. }
            | Self::TargetShrank { .. }
            | Self::TailBits { .. } => false,
        }
    }

    /// Name for programs; never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::NotALog { .. } => "not_a_log",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::BeyondDevice { .. } => "beyond_device",
            Self::DeviceTooSmall { .. } => "device_too_small",
            Self::Version1 => "version_1",
            Self::FreshFromLvm => "fresh_from_lvm",
            Self::TargetGrew { .. } => "target_grew",
            Self::TargetShrank { .. } => "target_shrank",
            Self::TailBits { .. } => "tail_bits",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort { device_bytes } => {
                write!(f, "{device_bytes} bytes hold no header, which has {HEADER_BYTES}")
            }
            Self::NotALog { magic } => write!(
                f,
                "the magic is 0x{magic:08x} and not 0x{MAGIC:08x}: this is no disk log, and the kernel would make a new one \
                 with every region out of sync"
            ),
            Self::UnknownVersion { version } => write!(
                f,
                "version {version} is not known: the kernel would show log health `D` and take every region as out of sync"
            ),
            Self::BeyondDevice { nr_regions, capacity_regions } => write!(
                f,
                "the header counts {nr_regions} regions, but at most {capacity_regions} have bits here: the image is cut, or \
                 the header is damaged"
            ),
            Self::DeviceTooSmall { region_count, capacity_regions } => write!(
                f,
                "the target has {region_count} regions, but at most {capacity_regions} have bits here: the kernel refuses \
                 such a table"
            ),
            Self::Version1 => f.write_str("version 1, which the kernel reads like version 2 and writes back as that"),
            Self::FreshFromLvm => f.write_str(
                "the number of regions is 2^64 - 1: lvm2 made this log and no kernel has resumed it yet; the table says \
                 how many regions there are",
            ),
            Self::TargetGrew { nr_regions, region_count } => {
                write!(f, "the target has {region_count} regions and the log {nr_regions}: those behind are out of sync")
            }
            Self::TargetShrank { nr_regions, region_count } => {
                write!(f, "the target has {region_count} regions and the log {nr_regions}: those behind are dropped")
            }
            Self::TailBits { count } => write!(
                f,
                "{count} bits behind the last region are set: they mean nothing, but no kernel since 5.19 leaves them"
            ),
        }
    }
}

impl Examination {
    /// Bytes at the start of the device that have to be read for [`Examination::of`], given what the first
    /// [`HEADER_BYTES`] of them say.
    pub fn bytes_to_read(start: &[u8], device_bytes: u64, geometry: Option<LogGeometry>) -> u64 {
        let known = known_regions(DiskLogHeader::decode(start), device_bytes);
        let regions = geometry.map_or(0, |geometry| geometry.region_count()).max(known);
        device_bytes.min(BITS_OFFSET_BYTES as u64 + bitset_bytes(regions))
    }

    /// Examines the start of a device, as many bytes as [`Examination::bytes_to_read`] says.
    pub fn of(area: &[u8], device_bytes: u64, geometry: Option<LogGeometry>) -> Self {
        let header = DiskLogHeader::decode(area);
        let known = known_regions(header, device_bytes);
        let region_count = geometry.map_or(known, |geometry| geometry.region_count());
        let on_device = decode_bits(area, region_count);
        let clean = match header {
            // lvm2's number, cut to 32 bits, is not below any table's: no region is new.
            Some(header) if is_usable(header) => {
                let mut bits = LogBits::new(region_count, SyncOption::Default);
                bits.resume_from_disk(on_device, header.first_new_region());
                bits.clean
            }
            Some(_) | None => RegionSet::new_empty(region_count),
        };
        let capacity_regions = capacity_regions(device_bytes);
        let findings = findings(area, header, device_bytes, geometry);
        Self { device_bytes, capacity_regions, header, geometry, clean, findings }
    }

    /// Whether what the device says cannot be trusted, or is no log at all.
    pub fn is_corrupt(&self) -> bool {
        self.findings.iter().any(|finding| finding.is_corrupt())
    }

    /// Regions that would be copied from the first leg to the others if the mirror were activated now.
    pub fn resync_regions(&self) -> u64 {
        self.clean.len() - self.clean.count()
    }
}

fn is_usable(header: DiskLogHeader) -> bool {
    header.magic == MAGIC && (header.version == VERSION || header.version == VERSION_1)
}

/// Regions whose bits the device holds and its header vouches for.
fn known_regions(header: Option<DiskLogHeader>, device_bytes: u64) -> u64 {
    match header {
        Some(header) if is_usable(header) => {
            header.nr_regions.min(capacity_regions(device_bytes)).min(REGION_COUNT_MAX)
        }
        Some(_) | None => 0,
    }
}

fn findings(
    area: &[u8],
    header: Option<DiskLogHeader>,
    device_bytes: u64,
    geometry: Option<LogGeometry>,
) -> Vec<Finding> {
    let capacity_regions = capacity_regions(device_bytes);
    let mut findings = Vec::new();
    let region_count = geometry.map_or(0, |geometry| geometry.region_count());
    if region_count > capacity_regions {
        findings.push(Finding::DeviceTooSmall { region_count, capacity_regions });
    }
    let Some(DiskLogHeader { magic, version, nr_regions }) = header else {
        findings.push(Finding::TooShort { device_bytes });
        findings.sort_unstable();
        return findings;
    };
    match (magic, version) {
        (MAGIC, VERSION) => {}
        (MAGIC, VERSION_1) => findings.push(Finding::Version1),
        (MAGIC, _) => findings.push(Finding::UnknownVersion { version }),
        _ => findings.push(Finding::NotALog { magic }),
    }
    // Without a usable header the number means nothing.
    if header.is_some_and(is_usable) {
        let beyond = capacity_regions.min(REGION_COUNT_MAX);
        if nr_regions == NR_REGIONS_OF_LVM {
            findings.push(Finding::FreshFromLvm);
        } else if nr_regions > beyond {
            findings.push(Finding::BeyondDevice { nr_regions, capacity_regions: beyond });
        } else {
            findings.extend(geometry.and_then(|geometry| resized(nr_regions, geometry.region_count())));
            findings.extend(tail_bits(area, nr_regions));
        }
    }
    findings.sort_unstable();
    findings
}

fn resized(nr_regions: u64, region_count: u64) -> Option<Finding> {
    match nr_regions.cmp(&region_count) {
        std::cmp::Ordering::Less => Some(Finding::TargetGrew { nr_regions, region_count }),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Finding::TargetShrank { nr_regions, region_count }),
    }
}

/// Ones between the last region and the end of its word.
fn tail_bits(area: &[u8], nr_regions: u64) -> Option<Finding> {
    let with_padding = decode_bits(area, nr_regions.next_multiple_of(64).min(REGION_COUNT_MAX));
    let count = (nr_regions..with_padding.len()).filter(|&region| with_padding.get(Region(region))).count();
    let count = u32::try_from(count).ok().filter(|&count| count > 0)?;
    Some(Finding::TailBits { count })
}

#[cfg(test)]
mod tests;
