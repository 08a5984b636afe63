//! The device-mapper side: which mirrors exist, what their tables say, what people call them.
//!
//! Three uses. The names on the screen. The check of the structure offsets: what was read through them must be what the
//! table says. And the stimulus: asking every mirror for its table makes the kernel call `status` on its log, and the
//! probe on that call tells which log it is; that is how mirrors that existed before the start are identified.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::event::ids::DevNum;
use crate::event::op::Identity;

const CONTROL: &str = "/dev/mapper/control";
/// `_IOWR(0xfd, number, struct dm_ioctl)`.
const DM_LIST_DEVICES: u64 = 0xc138_fd02;
const DM_TABLE_STATUS: u64 = 0xc138_fd0c;
const DM_STATUS_TABLE_FLAG: u32 = 1 << 4;
const DM_BUFFER_FULL_FLAG: u32 = 1 << 8;
/// First buffer; doubled while the kernel says it is too small.
const BUFFER_BYTES: usize = 64 << 10;
const BUFFER_BYTES_MAX: usize = 16 << 20;

/// `struct dm_ioctl`, 312 bytes.
#[repr(C)]
struct DmIoctl {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event_nr: u32,
    padding: u32,
    dev: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
}

const _: () = assert!(size_of::<DmIoctl>() == 312);

/// A target of type `mirror` in a live table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorTarget {
    /// The device.
    pub device: DevNum,
    /// First sector in the device.
    pub begin: u64,
    /// Length in sectors.
    pub sectors: u64,
    /// Log type as the table writes it.
    pub log_type: String,
    /// Region size in sectors; `None` for a userspace log, whose daemon has it.
    pub region_size_sectors: Option<u64>,
}

impl MirrorTarget {
    /// Reads the target's line of a table, without begin, length and target type: `disk 2 7:2 1024 2 7:0 0 7:1 0`.
    fn parse(device: DevNum, begin: u64, sectors: u64, parameters: &str) -> Option<Self> {
        let words: Vec<&str> = parameters.split_ascii_whitespace().collect();
        let log_type = (*words.first()?).to_owned();
        let place = match log_type.as_str() {
            "core" => 2,
            "disk" => 3,
            _ => usize::MAX,
        };
        let region_size_sectors = words.get(place).and_then(|word| word.parse().ok());
        Some(Self { device, begin, sectors, log_type, region_size_sectors })
    }
}

/// The device-mapper control device. Needs `CAP_SYS_ADMIN`.
#[derive(Debug)]
pub struct DeviceMapper {
    control: File,
}

impl DeviceMapper {
    /// Opens the control device.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> io::Result<Self> {
        let control = OpenOptions::new().read(true).write(true).open(CONTROL)?;
        Ok(Self { control })
    }

    /// All mapped devices.
    ///
    /// # Errors
    /// The system's.
    pub fn devices(&self) -> io::Result<Vec<DevNum>> {
        let buffer = self.call(DM_LIST_DEVICES, 0, 0)?;
        let data = u32_at(&buffer, 16).unwrap_or(0) as usize;
        let mut devices = Vec::new();
        // `struct dm_name_list { u64 dev; u32 next; char name[]; }`; a zero device means an empty list.
        let mut at = data;
        while let (Some(dev), Some(next)) = (u64_at(&buffer, at), u32_at(&buffer, at + 8)) {
            if dev == 0 {
                break;
            }
            devices.push(decode_dev(dev));
            if next == 0 {
                break;
            }
            at += next as usize;
        }
        Ok(devices)
    }

    /// The mirror targets of a device's live table. Asking makes the kernel call `status` on every log of the device; asking
    /// for the table, not for the state, never reaches a log daemon.
    ///
    /// # Errors
    /// The system's.
    pub fn mirrors(&self, device: DevNum) -> io::Result<Vec<MirrorTarget>> {
        let buffer = self.call(DM_TABLE_STATUS, encode_dev(device), DM_STATUS_TABLE_FLAG)?;
        let data = u32_at(&buffer, 16).unwrap_or(0) as usize;
        let count = u32_at(&buffer, 20).unwrap_or(0);
        let mut mirrors = Vec::new();
        // `struct dm_target_spec { u64 begin, length; i32 status; u32 next; char type[16]; }` and the parameters.
        let mut at = data;
        for _ in 0..count {
            let (Some(begin), Some(sectors), Some(next)) =
                (u64_at(&buffer, at), u64_at(&buffer, at + 8), u32_at(&buffer, at + 20))
            else {
                break;
            };
            let target_type = text_at(&buffer, at + 24, 16);
            if target_type == "mirror" {
                mirrors.extend(MirrorTarget::parse(device, begin, sectors, &text_at(&buffer, at + 40, usize::MAX)));
            }
            // `next` counts from the start of the data.
            at = data + next as usize;
        }
        Ok(mirrors)
    }

    fn call(&self, request: u64, dev: u64, flags: u32) -> io::Result<Vec<u8>> {
        let mut size = BUFFER_BYTES;
        loop {
            let mut buffer = vec![0u8; size];
            let header = DmIoctl {
                version: [4, 0, 0],
                data_size: u32::try_from(size).map_err(io::Error::other)?,
                data_start: 312,
                target_count: 0,
                open_count: 0,
                flags,
                event_nr: 0,
                padding: 0,
                dev,
                name: [0; 128],
                uuid: [0; 129],
                data: [0; 7],
            };
            // SAFETY: the buffer is larger than the header and has no alignment needs for an unaligned write.
            unsafe { buffer.as_mut_ptr().cast::<DmIoctl>().write_unaligned(header) };
            // SAFETY: the buffer is as long as its header says.
            let result = unsafe { libc::ioctl(self.control.as_raw_fd(), request, buffer.as_mut_ptr()) };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
            let full = u32_at(&buffer, 28).unwrap_or(0) & DM_BUFFER_FULL_FLAG != 0;
            if !full {
                return Ok(buffer);
            }
            if size >= BUFFER_BYTES_MAX {
                return Err(io::Error::other("the device-mapper answer does not fit into 16 MiB"));
            }
            size *= 2;
        }
    }
}

/// The kernel's `huge_encode_dev`.
fn encode_dev(device: DevNum) -> u64 {
    let (major, minor) = (u64::from(device.major), u64::from(device.minor));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

fn decode_dev(dev: u64) -> DevNum {
    let low = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap_or(u32::MAX);
    DevNum { major: low((dev & 0x000f_ff00) >> 8), minor: low((dev & 0xff) | ((dev >> 12) & 0x000f_ff00)) }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn text_at(bytes: &[u8], at: usize, most: usize) -> String {
    let tail = bytes.get(at..).unwrap_or_default();
    let tail = &tail[..tail.len().min(most)];
    let end = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
    String::from_utf8_lossy(&tail[..end]).into_owned()
}

/// Name that people know a device by: `vg/lv` where LVM made it, else the dm name; empty if there is no such mapped device.
/// Needs no privileges.
pub fn display_name(device: DevNum) -> String {
    let folder = Path::new("/sys/dev/block").join(device.to_string()).join("dm");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let name = read("name");
    let name = name.trim_end_matches('\n');
    if read("uuid").starts_with("LVM-") { lvm_name(name) } else { name.to_owned() }
}

/// `vg--a-lv--b` is LVM's spelling of `vg-a/lv-b`: single hyphens part, double hyphens stand for one.
fn lvm_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut parted = false;
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '-' {
            out.push(character);
        } else if characters.next_if_eq(&'-').is_some() {
            out.push('-');
        } else {
            out.push(if parted { '-' } else { '/' });
            parted = true;
        }
    }
    out
}

/// Finds the device that a person means: a dm name, `vg/lv`, a path below `/dev`, or `MAJ:MIN`.
pub fn find(wanted: &str, devices: &[DevNum]) -> Option<DevNum> {
    use std::os::unix::fs::MetadataExt;
    if let Ok(device) = wanted.parse::<DevNum>() {
        return Some(device);
    }
    if wanted.starts_with('/') {
        let rdev = std::fs::metadata(wanted).ok()?.rdev();
        let device = DevNum { major: libc::major(rdev), minor: libc::minor(rdev) };
        return devices.contains(&device).then_some(device);
    }
    devices.iter().copied().find(|device| {
        let raw = Path::new("/sys/dev/block").join(device.to_string()).join("dm/name");
        let raw = std::fs::read_to_string(raw).unwrap_or_default();
        raw.trim_end_matches('\n') == wanted || display_name(*device) == wanted
    })
}

/// Compares what was read through the structure offsets with the table. An error is a sentence that says what differs.
///
/// # Errors
/// The sentence.
pub fn check(identity: &Identity, tables: &[MirrorTarget]) -> Result<(), String> {
    let begin = identity.target_begin.unwrap_or(0);
    let Some(table) = tables.iter().find(|table| table.begin == begin) else {
        return Err(format!("the table of {} has no mirror at sector {begin}", identity.device));
    };
    if table.log_type != identity.log_type {
        return Err(format!("the log type reads as `{}` and the table says `{}`", identity.log_type, table.log_type));
    }
    if identity.target_sectors != Some(table.sectors) {
        let read = identity.target_sectors.unwrap_or(0);
        return Err(format!("the length reads as {read} sectors and the table says {}", table.sectors));
    }
    let Some(size) = table.region_size_sectors else { return Ok(()) };
    if identity.region_size_sectors.map(u64::from) != Some(size) {
        let read = identity.region_size_sectors.unwrap_or(0);
        return Err(format!("the region size reads as {read} sectors and the table says {size}"));
    }
    let count = table.sectors.div_ceil(size.max(1));
    if identity.region_count != Some(count) {
        let read = identity.region_count.unwrap_or(0);
        return Err(format!("the region count reads as {read} and the table makes it {count}"));
    }
    Ok(())
}
