//! Messages as bytes: little endian, whatever the machine, so that a cluster may mix them.
//!
//! ```text
//! 0 version u8 = 1, 1 kind u8, 2 session u64, 10 what the kind has
//! ```
//!
//! Total in both directions: any bytes give a message or a [`ClusterError`].

use super::error::ClusterError;
use super::ids::{NodeId, Position, Session};
use super::message::{Body, Message, Standing};
use crate::event::ids::Region;

/// Version of all messages and of the checkpoint. All nodes of a cluster have the same.
pub const VERSION: u8 = 1;

/// Numbers of the kinds. None is ever used again for something else.
mod kind {
    pub(super) const ANNOUNCE: u8 = 1;
    pub(super) const FOUNDED: u8 = 2;
    pub(super) const CHECKPOINT_START: u8 = 3;
    pub(super) const CHECKPOINT_CHUNK: u8 = 4;
    pub(super) const MARK: u8 = 5;
    pub(super) const CLEAR: u8 = 6;
    pub(super) const FLUSH: u8 = 7;
    pub(super) const WORK: u8 = 8;
    pub(super) const SET_REGION_SYNC: u8 = 9;
    pub(super) const IN_SYNC: u8 = 10;
    pub(super) const WANTED: u8 = 11;
    pub(super) const ACK: u8 = 12;
    pub(super) const DISK_WRITTEN: u8 = 13;
    pub(super) const HANDOVER: u8 = 14;
    pub(super) const NODE_GONE: u8 = 15;
}

/// Numbers of what a node can be.
mod standing {
    pub(super) const MEMBER: u8 = 0;
    pub(super) const JOINER: u8 = 1;
    pub(super) const JOINER_RECONNECT: u8 = 2;
    pub(super) const ISOLATED: u8 = 3;
}

/// Takes fields from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ClusterError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk::<N>().ok_or(ClusterError::Short { length: self.bytes.len() })?;
        self.at += N;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ClusterError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ClusterError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ClusterError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn region(&mut self) -> Result<Region, ClusterError> {
        self.u64().map(Region)
    }

    pub(super) fn node(&mut self) -> Result<NodeId, ClusterError> {
        self.u32().map(NodeId)
    }

    pub(super) fn flag(&mut self) -> Result<bool, ClusterError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(ClusterError::Flag { found }),
        }
    }

    /// A number of entries of this many bytes each; refused if they cannot be there.
    pub(super) fn count(&mut self, entry_bytes: usize) -> Result<usize, ClusterError> {
        let length = self.bytes.len();
        let count = self.u64()?;
        let fits = usize::try_from(count).ok().filter(|count| {
            count.checked_mul(entry_bytes).is_some_and(|bytes| bytes <= length.saturating_sub(self.at))
        });
        fits.ok_or(ClusterError::Count { count, length })
    }

    /// A list: the number of its entries, and the entries.
    pub(super) fn list<T>(
        &mut self,
        entry_bytes: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, ClusterError>,
    ) -> Result<Vec<T>, ClusterError> {
        let count = self.count(entry_bytes)?;
        (0..count).map(|_| entry(self)).collect()
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(super) fn version(&mut self) -> Result<(), ClusterError> {
        match self.u8()? {
            VERSION => Ok(()),
            found => Err(ClusterError::Version { found, expected: VERSION }),
        }
    }

    pub(super) fn end(self) -> Result<(), ClusterError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            count => Err(ClusterError::LeftOver { count }),
        }
    }
}

/// Puts a list behind some bytes.
pub(super) fn put_list<T>(
    bytes: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = T>,
    mut entry: impl FnMut(&mut Vec<u8>, T),
) {
    bytes.extend((entries.len() as u64).to_le_bytes());
    for item in entries {
        entry(bytes, item);
    }
}

fn put_regions(bytes: &mut Vec<u8>, regions: &[Region]) {
    put_list(bytes, regions.iter(), |bytes, region| bytes.extend(region.0.to_le_bytes()));
}

impl Message {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let Self { session, body } = self;
        let mut bytes = vec![VERSION, number_of(body)];
        bytes.extend(session.0.to_le_bytes());
        match body {
            Body::Announce(standing) => bytes.push(match standing {
                Standing::Member => standing::MEMBER,
                Standing::Joiner { is_reconnect: false } => standing::JOINER,
                Standing::Joiner { is_reconnect: true } => standing::JOINER_RECONNECT,
                Standing::Isolated => standing::ISOLATED,
            }),
            Body::Founded | Body::CheckpointStart | Body::Handover => {}
            Body::CheckpointChunk { index, count, bytes: chunk } => {
                bytes.extend(index.to_le_bytes());
                bytes.extend(count.to_le_bytes());
                bytes.extend(chunk);
            }
            Body::Mark { regions } | Body::Clear { regions } => put_regions(&mut bytes, regions),
            Body::Flush { request } | Body::Work { request } => bytes.extend(request.to_le_bytes()),
            Body::SetRegionSync { request, region, in_sync } => {
                bytes.extend(request.to_le_bytes());
                bytes.extend(region.0.to_le_bytes());
                bytes.push(u8::from(*in_sync));
            }
            Body::InSync { request, region } => {
                bytes.extend(request.to_le_bytes());
                bytes.extend(region.0.to_le_bytes());
            }
            Body::Wanted { region } => bytes.extend(region.0.to_le_bytes()),
            Body::Ack { up_to } => bytes.extend(up_to.0.to_le_bytes()),
            Body::DiskWritten { up_to, is_ok } => {
                bytes.extend(up_to.0.to_le_bytes());
                bytes.push(u8::from(*is_ok));
            }
            Body::NodeGone { node } => bytes.extend(node.0.to_le_bytes()),
        }
        bytes
    }

    /// Reads what somebody sent.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ClusterError> {
        let mut read = Reader::new(bytes);
        read.version()?;
        let kind = read.u8()?;
        let session = Session(read.u64()?);
        let body = match kind {
            kind::ANNOUNCE => Body::Announce(match read.u8()? {
                standing::MEMBER => Standing::Member,
                standing::JOINER => Standing::Joiner { is_reconnect: false },
                standing::JOINER_RECONNECT => Standing::Joiner { is_reconnect: true },
                standing::ISOLATED => Standing::Isolated,
                found => return Err(ClusterError::Kind { found }),
            }),
            kind::FOUNDED => Body::Founded,
            kind::CHECKPOINT_START => Body::CheckpointStart,
            kind::CHECKPOINT_CHUNK => {
                let (index, count) = (read.u32()?, read.u32()?);
                if index >= count {
                    return Err(ClusterError::Chunk { index, count });
                }
                Body::CheckpointChunk { index, count, bytes: read.rest().to_vec() }
            }
            kind::MARK => Body::Mark { regions: read.list(size_of::<u64>(), Reader::region)? },
            kind::CLEAR => Body::Clear { regions: read.list(size_of::<u64>(), Reader::region)? },
            kind::FLUSH => Body::Flush { request: read.u64()? },
            kind::WORK => Body::Work { request: read.u64()? },
            kind::SET_REGION_SYNC => {
                Body::SetRegionSync { request: read.u64()?, region: read.region()?, in_sync: read.flag()? }
            }
            kind::IN_SYNC => Body::InSync { request: read.u64()?, region: read.region()? },
            kind::WANTED => Body::Wanted { region: read.region()? },
            kind::ACK => Body::Ack { up_to: Position(read.u64()?) },
            kind::DISK_WRITTEN => Body::DiskWritten { up_to: Position(read.u64()?), is_ok: read.flag()? },
            kind::HANDOVER => Body::Handover,
            kind::NODE_GONE => Body::NodeGone { node: read.node()? },
            found => return Err(ClusterError::Kind { found }),
        };
        read.end()?;
        Ok(Self { session, body })
    }
}

fn number_of(body: &Body) -> u8 {
    match body {
        Body::Announce(_) => kind::ANNOUNCE,
        Body::Founded => kind::FOUNDED,
        Body::CheckpointStart => kind::CHECKPOINT_START,
        Body::CheckpointChunk { .. } => kind::CHECKPOINT_CHUNK,
        Body::Mark { .. } => kind::MARK,
        Body::Clear { .. } => kind::CLEAR,
        Body::Flush { .. } => kind::FLUSH,
        Body::Work { .. } => kind::WORK,
        Body::SetRegionSync { .. } => kind::SET_REGION_SYNC,
        Body::InSync { .. } => kind::IN_SYNC,
        Body::Wanted { .. } => kind::WANTED,
        Body::Ack { .. } => kind::ACK,
        Body::DiskWritten { .. } => kind::DISK_WRITTEN,
        Body::Handover => kind::HANDOVER,
        Body::NodeGone { .. } => kind::NODE_GONE,
    }
}
