//! Requests of the kernel: `struct dm_ulog_request` with the data of each request type.
//!
//! ```text
//! 0 luid u64, 8 uuid char[129], 137 padding, 140 version u32, 144 error s32, 148 seq u32,
//! 152 request_type u32 (low 8 bits), 156 data_size u32, 160 data
//! ```
//!
//! Decoding goes in two steps, so that a daemon can refuse a request it does not understand: [`Envelope`] is the
//! header, and [`Request`] the meaning. The text of `include/uapi/linux/dm-log-userspace.h` says that a `DTR` carries
//! the arguments; it never did, and data where none is expected is an error here.

use super::error::UlogError;
use super::frame::Frame;
use super::ids::{Luid, RequestSeq, Uuid};
use super::wire::{
    Fields, GROUP_REGIONS_MAX, REQUEST_BYTES_MAX, REQUEST_TYPE_MASK, ULOG_HEADER_BYTES, UUID_FIELD_BYTES,
    VERSION_INTEGRATED_FLUSH, VERSION_MAX, at, bytes_of,
};
use crate::event::ids::Region;

/// `DM_ULOG_*`: what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub enum RequestType {
    Ctr = 1,
    Dtr = 2,
    Presuspend = 3,
    Postsuspend = 4,
    Resume = 5,
    GetRegionSize = 6,
    IsClean = 7,
    InSync = 8,
    Flush = 9,
    MarkRegion = 10,
    ClearRegion = 11,
    GetResyncWork = 12,
    SetRegionSync = 13,
    GetSyncCount = 14,
    StatusInfo = 15,
    StatusTable = 16,
    IsRemoteRecovering = 17,
}

/// All request types with the names that messages use, in the order of their numbers from 1 on.
pub const REQUEST_TYPES: [(RequestType, &str); 17] = [
    (RequestType::Ctr, "CTR"),
    (RequestType::Dtr, "DTR"),
    (RequestType::Presuspend, "PRESUSPEND"),
    (RequestType::Postsuspend, "POSTSUSPEND"),
    (RequestType::Resume, "RESUME"),
    (RequestType::GetRegionSize, "GET_REGION_SIZE"),
    (RequestType::IsClean, "IS_CLEAN"),
    (RequestType::InSync, "IN_SYNC"),
    (RequestType::Flush, "FLUSH"),
    (RequestType::MarkRegion, "MARK_REGION"),
    (RequestType::ClearRegion, "CLEAR_REGION"),
    (RequestType::GetResyncWork, "GET_RESYNC_WORK"),
    (RequestType::SetRegionSync, "SET_REGION_SYNC"),
    (RequestType::GetSyncCount, "GET_SYNC_COUNT"),
    (RequestType::StatusInfo, "STATUS_INFO"),
    (RequestType::StatusTable, "STATUS_TABLE"),
    (RequestType::IsRemoteRecovering, "IS_REMOTE_RECOVERING"),
];

impl RequestType {
    /// From the number on the wire, of which the upper 24 bits are reserved (`DM_ULOG_REQUEST_TYPE`).
    ///
    /// # Errors
    /// [`UlogError::RequestType`].
    pub fn from_wire(value: u32) -> Result<Self, UlogError> {
        let found = value & REQUEST_TYPE_MASK;
        let known = REQUEST_TYPES.iter().find(|(request_type, _)| u32::from(request_type.number()) == found);
        known.map(|(request_type, _)| *request_type).ok_or(UlogError::RequestType { found })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name that messages use.
    pub fn name(self) -> &'static str {
        REQUEST_TYPES.iter().find(|(request_type, _)| *request_type == self).map_or("", |(_, name)| *name)
    }
}

/// `struct dm_ulog_request` without data. A reply has the one of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Which instance of the log.
    pub luid: Luid,
    /// Which log.
    pub uuid: Uuid,
    /// Version of the protocol, 1 to 3.
    pub version: u32,
    /// Joins the reply to the request.
    pub seq: RequestSeq,
    /// What is asked.
    pub request_type: RequestType,
}

impl Envelope {
    /// Reads the header of a request or a reply; gives the error field, as it is, and the data as well.
    ///
    /// # Errors
    /// All that [`UlogError`] has for headers.
    pub(crate) fn decode(body: &[u8]) -> Result<(Self, i32, &[u8]), UlogError> {
        let length = body.len();
        if length < ULOG_HEADER_BYTES {
            return Err(UlogError::Short { length, expected: ULOG_HEADER_BYTES });
        }
        let read = Fields(body);
        let (data, data_size) = (read.rest(ULOG_HEADER_BYTES), read.u32(at::DATA_SIZE));
        if usize::try_from(data_size) != Ok(data.len()) {
            return Err(UlogError::DataSize { data_size, found: data.len() });
        }
        let version = read.u32(at::VERSION);
        if !(1..=VERSION_MAX).contains(&version) {
            return Err(UlogError::Version { found: version });
        }
        let envelope = Self {
            luid: Luid::new(read.u64(at::LUID)),
            uuid: Uuid::new(read.text(at::UUID, UUID_FIELD_BYTES).ok_or(UlogError::Uuid)?)?,
            version,
            seq: RequestSeq(read.u32(at::SEQ)),
            request_type: RequestType::from_wire(read.u32(at::REQUEST_TYPE))?,
        };
        Ok((envelope, read.u32(at::ERROR).cast_signed(), data))
    }

    /// The header and the data behind it.
    ///
    /// # Errors
    /// [`UlogError::RequestTooLong`] if the data has more than 32 bits of length.
    pub(crate) fn encode(&self, error: i32, data: &[u8]) -> Result<Vec<u8>, UlogError> {
        let Self { luid, uuid, version, seq, request_type } = self;
        let data_size = u32::try_from(data.len()).ok();
        let data_size = data_size.ok_or(UlogError::RequestTooLong { bytes: data.len() })?;
        let mut body = Vec::with_capacity(ULOG_HEADER_BYTES + data.len());
        body.extend(luid.wire_value().to_ne_bytes());
        // A UUID is shorter than its field, so there is a NUL behind it.
        body.extend(uuid.as_str().as_bytes());
        body.resize(at::VERSION, 0);
        body.extend(version.to_ne_bytes());
        body.extend(error.to_ne_bytes());
        body.extend(seq.0.to_ne_bytes());
        body.extend(u32::from(request_type.number()).to_ne_bytes());
        body.extend(data_size.to_ne_bytes());
        body.extend(data);
        Ok(body)
    }
}

/// What is asked, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOp {
    /// A table is loaded, or the kernel has found a daemon again and introduces a log that it has.
    Ctr {
        /// Length of the target in sectors and the daemon's arguments, as [`super::constructor`] builds it.
        arguments: String,
        /// The kernel reconnects. It then sends the NUL of the string too, and never otherwise.
        is_reconnect: bool,
    },
    /// A table is gone. May come when the next one is live already.
    Dtr,
    /// Recovery has stopped; writes may be under way.
    Presuspend,
    /// Nothing is under way.
    Postsuspend,
    /// I/O is about to begin.
    Resume,
    /// Asked once, behind `CTR`.
    GetRegionSize,
    /// Nobody asks it.
    IsClean {
        /// The region.
        region: Region,
    },
    /// Whether the legs are equal in a region.
    InSync {
        /// The region.
        region: Region,
    },
    /// What was marked and cleared becomes durable.
    Flush {
        /// With `integrated_flush`, the regions to mark before: at most 32, the latest first. Else empty.
        marks: Vec<Region>,
    },
    /// Regions become dirty.
    MarkRegion {
        /// 1 to 32, the latest first.
        regions: Vec<Region>,
    },
    /// Regions become clean.
    ClearRegion {
        /// 1 to 32, the latest first.
        regions: Vec<Region>,
    },
    /// A region to recover.
    GetResyncWork,
    /// A region was recovered, or a leg failed there.
    SetRegionSync {
        /// The region.
        region: Region,
        /// 0 or 1 on the wire; everything but 0 counts as true, as in the kernel's C.
        in_sync: bool,
    },
    /// Regions in sync.
    GetSyncCount,
    /// Health for `dmsetup status`.
    StatusInfo,
    /// Never sent: the kernel builds the table from the arguments of the `CTR`.
    StatusTable,
    /// Whether another node recovers a region.
    IsRemoteRecovering {
        /// The region.
        region: Region,
    },
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which instance of the log.
    pub luid: Luid,
    /// Which log.
    pub uuid: Uuid,
    /// Version of the protocol, 1 to 3.
    pub version: u32,
    /// Joins the reply to the request.
    pub seq: RequestSeq,
    /// What is asked.
    pub op: RequestOp,
}

impl Request {
    /// Reads a datagram of the kernel.
    ///
    /// # Errors
    /// [`UlogError`]. For a daemon that wants to refuse what it does not understand: [`Request::envelope`].
    pub fn decode(datagram: &[u8]) -> Result<Self, UlogError> {
        let (envelope, _, data) = Envelope::decode(Frame::decode(datagram)?.body)?;
        let op = RequestOp::decode(envelope.request_type, envelope.version, data)?;
        let Envelope { luid, uuid, version, seq, request_type: _ } = envelope;
        Ok(Self { luid, uuid, version, seq, op })
    }

    /// Reads just the header of a datagram, for the reply to a request whose data is not understood.
    ///
    /// # Errors
    /// [`UlogError`] if there is nobody to reply to.
    pub fn envelope_of(datagram: &[u8]) -> Result<Envelope, UlogError> {
        Ok(Envelope::decode(Frame::decode(datagram)?.body)?.0)
    }

    /// The datagram that the kernel would send.
    ///
    /// # Errors
    /// [`UlogError::RequestTooLong`] beyond 332 bytes of data, where the kernel refuses too;
    /// [`UlogError::MarksInFlush`], [`UlogError::RegionList`], [`UlogError::Text`] if there is no such request.
    pub fn encode(&self) -> Result<Vec<u8>, UlogError> {
        let data = self.op.encode(self.version)?;
        //= linux v6.12 drivers/md/dm-log-userspace-transfer.c dm_consult_userspace
        //= `if (data_size > (DM_ULOG_PREALLOCED_SIZE - overhead_size)) { DMINFO("Size of tfr exceeds preallocated size");`
        if data.len() > REQUEST_BYTES_MAX {
            return Err(UlogError::RequestTooLong { bytes: data.len() });
        }
        let body = self.envelope().encode(0, &data)?;
        Frame { seq: self.seq.0, ack: 0, body: &body }.encode()
    }

    /// The header of the request, and of its reply.
    pub fn envelope(&self) -> Envelope {
        let Self { luid, uuid, version, seq, op } = self;
        Envelope { luid: *luid, uuid: uuid.clone(), version: *version, seq: *seq, request_type: op.request_type() }
    }
}

impl RequestOp {
    /// The number it travels under.
    pub const fn request_type(&self) -> RequestType {
        match self {
            Self::Ctr { .. } => RequestType::Ctr,
            Self::Dtr => RequestType::Dtr,
            Self::Presuspend => RequestType::Presuspend,
            Self::Postsuspend => RequestType::Postsuspend,
            Self::Resume => RequestType::Resume,
            Self::GetRegionSize => RequestType::GetRegionSize,
            Self::IsClean { .. } => RequestType::IsClean,
            Self::InSync { .. } => RequestType::InSync,
            Self::Flush { .. } => RequestType::Flush,
            Self::MarkRegion { .. } => RequestType::MarkRegion,
            Self::ClearRegion { .. } => RequestType::ClearRegion,
            Self::GetResyncWork => RequestType::GetResyncWork,
            Self::SetRegionSync { .. } => RequestType::SetRegionSync,
            Self::GetSyncCount => RequestType::GetSyncCount,
            Self::StatusInfo => RequestType::StatusInfo,
            Self::StatusTable => RequestType::StatusTable,
            Self::IsRemoteRecovering { .. } => RequestType::IsRemoteRecovering,
        }
    }

    /// Reads the data of a request.
    fn decode(request_type: RequestType, version: u32, data: &[u8]) -> Result<Self, UlogError> {
        let request = request_type.name();
        let read = Fields(data);
        let expect = |expected: usize| match data.len() {
            found if found == expected => Ok(()),
            found => Err(UlogError::Payload { request, found, expected }),
        };
        let region = || expect(8).map(|()| Region(read.u64(0)));
        let nothing = |op: Self| expect(0).map(|()| op);
        match request_type {
            RequestType::Ctr => constructor_text(data),
            RequestType::Dtr => nothing(Self::Dtr),
            RequestType::Presuspend => nothing(Self::Presuspend),
            RequestType::Postsuspend => nothing(Self::Postsuspend),
            RequestType::Resume => nothing(Self::Resume),
            RequestType::GetRegionSize => nothing(Self::GetRegionSize),
            RequestType::IsClean => Ok(Self::IsClean { region: region()? }),
            RequestType::InSync => Ok(Self::InSync { region: region()? }),
            RequestType::Flush if data.is_empty() => Ok(Self::Flush { marks: Vec::new() }),
            RequestType::Flush if version < VERSION_INTEGRATED_FLUSH => Err(UlogError::MarksInFlush { version }),
            RequestType::Flush => Ok(Self::Flush { marks: region_list(data)? }),
            RequestType::MarkRegion => Ok(Self::MarkRegion { regions: region_list(data)? }),
            RequestType::ClearRegion => Ok(Self::ClearRegion { regions: region_list(data)? }),
            RequestType::GetResyncWork => nothing(Self::GetResyncWork),
            RequestType::SetRegionSync => {
                expect(16)?;
                Ok(Self::SetRegionSync { region: Region(read.u64(0)), in_sync: read.u64(8) != 0 })
            }
            RequestType::GetSyncCount => nothing(Self::GetSyncCount),
            RequestType::StatusInfo => nothing(Self::StatusInfo),
            RequestType::StatusTable => nothing(Self::StatusTable),
            RequestType::IsRemoteRecovering => Ok(Self::IsRemoteRecovering { region: region()? }),
        }
    }

    /// The data of a request.
    fn encode(&self, version: u32) -> Result<Vec<u8>, UlogError> {
        match self {
            Self::Ctr { arguments, is_reconnect } => {
                if arguments.is_empty() || arguments.contains('\0') {
                    return Err(UlogError::Text { request: RequestType::Ctr.name() });
                }
                //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_do_request
                //= `strlen(lc->usr_argv_str) + 1` where userspace_ctr says `ctr_str, str_size`
                let nul: &[u8] = if *is_reconnect { &[0] } else { &[] };
                Ok([arguments.as_bytes(), nul].concat())
            }
            Self::IsClean { region } | Self::InSync { region } | Self::IsRemoteRecovering { region } => {
                Ok(bytes_of(&[region.0]))
            }
            Self::Flush { marks } if marks.is_empty() => Ok(Vec::new()),
            Self::Flush { .. } if version < VERSION_INTEGRATED_FLUSH => Err(UlogError::MarksInFlush { version }),
            Self::Flush { marks: regions } | Self::MarkRegion { regions } | Self::ClearRegion { regions } => {
                let bytes = bytes_of(&regions.iter().map(|region| region.0).collect::<Vec<_>>());
                let is_group = (1..=GROUP_REGIONS_MAX).contains(&regions.len());
                if is_group { Ok(bytes) } else { Err(UlogError::RegionList { bytes: bytes.len() }) }
            }
            Self::SetRegionSync { region, in_sync } => Ok(bytes_of(&[region.0, u64::from(*in_sync)])),
            Self::Dtr
            | Self::Presuspend
            | Self::Postsuspend
            | Self::Resume
            | Self::GetRegionSize
            | Self::GetResyncWork
            | Self::GetSyncCount
            | Self::StatusInfo
            | Self::StatusTable => Ok(Vec::new()),
        }
    }
}

/// The string of a `CTR`: without NUL at first, with one when the kernel reconnects.
fn constructor_text(data: &[u8]) -> Result<RequestOp, UlogError> {
    let refused = UlogError::Text { request: RequestType::Ctr.name() };
    let (text, is_reconnect) = match data {
        [text @ .., 0] => (text, true),
        text => (text, false),
    };
    match std::str::from_utf8(text) {
        Ok(arguments) if !arguments.is_empty() && !arguments.contains('\0') => {
            Ok(RequestOp::Ctr { arguments: arguments.to_owned(), is_reconnect })
        }
        _ => Err(refused),
    }
}

/// 1 to 32 regions.
fn region_list(data: &[u8]) -> Result<Vec<Region>, UlogError> {
    let bytes = data.len();
    let is_list =
        bytes.is_multiple_of(size_of::<u64>()) && (1..=GROUP_REGIONS_MAX).contains(&(bytes / size_of::<u64>()));
    if !is_list {
        return Err(UlogError::RegionList { bytes });
    }
    Ok(Fields(data).numbers().map(Region).collect())
}

#[cfg(test)]
mod tests;
