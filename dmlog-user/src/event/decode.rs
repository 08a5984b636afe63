//! The kernel's bytes to records: lengths and kinds are checked here, meanings in [`super::resolve`].
//!
//! The bytes come from another program and may be anything; every one of them is read by value at a checked place.

use std::mem::offset_of;

use dmlog_common::record::{
    BIG_BITS_BYTES, BITS_REGIONS_MAX, BitsRecord, COMM_LEN, CallRecord, Header, IdentityRecord, IoRecord, NAME_LEN,
    SMALL_BITS_BYTES, flag, kind,
};

use super::bits::{Bits, Bitset, LogState, words_of_padded};
use super::ids::Region;

/// One record of the ring buffer.
#[derive(Clone, Debug)]
pub enum Record {
    /// One call.
    Call(CallRecord),
    /// A bio enters.
    Io(IoRecord),
    /// Who is who.
    Identity(IdentityRecord),
    /// Bits of a log. What they mean needs no table, so that they are read at once.
    Bits(Header, Box<Bits>),
}

impl Record {
    /// The part that all records share.
    pub fn header(&self) -> &Header {
        match self {
            Self::Call(record) => &record.header,
            Self::Io(record) => &record.header,
            Self::Identity(record) => &record.header,
            Self::Bits(header, _) => header,
        }
    }
}

/// Bytes that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not even a header.
    #[error("a record of {length} bytes is shorter than a header")]
    Short {
        /// Length in bytes.
        length: usize,
    },
    /// The length does not fit the kind.
    #[error("a record of kind {kind} has {length} bytes instead of {expected}")]
    Length {
        /// The kind.
        kind: u16,
        /// Length in bytes.
        length: usize,
        /// Length that the kind has.
        expected: usize,
    },
    /// There is no such bitset.
    #[error("a record of bits has the unknown bitset {number}")]
    Bitset {
        /// Its number.
        number: u16,
    },
}

type SmallBits = BitsRecord<SMALL_BITS_BYTES>;

/// Reads integers and byte arrays at fixed places.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// The array at `at`; zero where the bytes end, which the length check before makes impossible.
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.array(at))
    }

    fn header(&self) -> Header {
        Header {
            time_ns: self.u64(0),
            object: self.u64(8),
            seq: self.u32(16),
            tid: self.u32(20),
            kind: self.u16(24),
            cpu: self.u16(26),
            flags: self.u16(28),
            hook: self.u16(30),
        }
    }
}

/// Reads one record.
///
/// # Errors
/// [`RecordError`] if the length does not fit.
pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    let length = bytes.len();
    if length < size_of::<Header>() {
        return Err(RecordError::Short { length });
    }
    let read = Bytes(bytes);
    let header = read.header();
    let expected = match header.kind {
        kind::MAP => size_of::<IoRecord>(),
        kind::IDENTITY => size_of::<IdentityRecord>(),
        kind::BITS if length <= size_of::<SmallBits>() => size_of::<SmallBits>(),
        kind::BITS => size_of::<BitsRecord<BIG_BITS_BYTES>>(),
        _ => size_of::<CallRecord>(),
    };
    if length != expected {
        return Err(RecordError::Length { kind: header.kind, length, expected });
    }
    Ok(match header.kind {
        kind::MAP => Record::Io(io(&read, header)),
        kind::IDENTITY => Record::Identity(identity(&read, header)),
        kind::BITS => Record::Bits(header, Box::new(bits(&read, header.flags)?)),
        _ => Record::Call(CallRecord {
            header,
            duration_ns: read.u64(32),
            region: read.u64(40),
            result: read.u64(48).cast_signed(),
            arg: read.u64(56),
        }),
    })
}

fn io(read: &Bytes<'_>, header: Header) -> IoRecord {
    IoRecord {
        header,
        bio: read.u64(32),
        sector: read.u64(40),
        bytes: read.u32(48),
        opf: read.u32(52),
        tgid: read.u32(56),
        reserved: read.u32(60),
        comm: read.array::<COMM_LEN>(64),
    }
}

fn identity(read: &Bytes<'_>, header: Header) -> IdentityRecord {
    IdentityRecord {
        header,
        target: read.u64(32),
        mirror_set: read.u64(40),
        region_hash: read.u64(48),
        context: read.u64(56),
        target_sectors: read.u64(64),
        target_begin: read.u64(72),
        region_count: read.u64(80),
        sync_count: read.u64(88),
        region_size: read.u32(96),
        sync_option: read.u32(100),
        flush_failed: read.u32(104),
        log_dev_failed: read.u32(108),
        log_type: read.array::<NAME_LEN>(112),
        device: read.array::<NAME_LEN>(128),
        log_device: read.array::<NAME_LEN>(144),
        legs: read.u32(160),
        reserved: read.u32(164),
    }
}

/// A record's bits. Of the payload only the bits of its regions count.
fn bits(read: &Bytes<'_>, flags: u16) -> Result<Bits, RecordError> {
    let number = read.u16(84);
    let bitset = Bitset::from_number(number).ok_or(RecordError::Bitset { number })?;
    let payload = read.0.get(offset_of!(SmallBits, payload)..).unwrap_or_default();
    let (first, region_count) = (read.u64(32), read.u64(40));
    let room = payload.len() as u64 * u64::from(u8::BITS);
    // The length was checked: there is no more room than a page of bits.
    let regions = u32::try_from(region_count.saturating_sub(first).min(room)).unwrap_or(0);
    let end = first.saturating_add(u64::from(regions));
    let is_read = flags & flag::READ_FAILED == 0;
    let flag_at = |at: usize| read.u32(at) != 0;
    Ok(Bits {
        bitset,
        first: Region(first),
        regions,
        region_count: Some(region_count).filter(|count| *count != 0),
        is_cut: end == u64::from(BITS_REGIONS_MAX) && end < region_count,
        words: is_read.then(|| words_of_padded(payload, regions)),
        state: (read.u32(80) == 0).then(|| LogState {
            sync_count: read.u64(48),
            sync_search: read.u32(56).cast_signed(),
            touched_dirtied: flag_at(60),
            touched_cleaned: flag_at(64),
            flush_failed: flag_at(68),
            log_device_failed: flag_at(72),
            log_device_flush_failed: flag_at(76),
        }),
    })
}

/// Text of a NUL-padded name; bytes that are not UTF-8 are replaced.
pub fn name(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests;
