//! The replica as bytes, in chunks, for nodes that join.
//!
//! Two bitsets and short lists. cmirrord sends the same in one message, and a log that is too large for one can never
//! be joined.

use std::collections::BTreeSet;

use super::error::ClusterError;
use super::ids::{NodeId, Position, Session};
use super::message::Body;
use super::replica::{Recovery, Replica};
use super::rules::Rules;
use super::wire::{Reader, VERSION, put_list};
use crate::event::ids::Region;
use crate::log::region_set::RegionSet;

/// Most bytes that a joiner takes: two bitsets of the largest log, and as much again for lists.
pub(crate) const CHECKPOINT_BYTES_MAX: usize = 2 << 30;

/// Bytes of a region and a node.
const PAIR_BYTES: usize = 12;

/// The messages that carry a replica.
pub(super) fn chunks(replica: &Replica, chunk_bytes: usize) -> Vec<Body> {
    let bytes = encode(replica);
    let chunks: Vec<&[u8]> = bytes.chunks(chunk_bytes.max(1)).collect();
    let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    (0..count).zip(chunks).map(|(index, chunk)| Body::CheckpointChunk { index, count, bytes: chunk.to_vec() }).collect()
}

/// Chunks that have come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    next: u32,
}

impl Assembly {
    /// Takes the next chunk; true if it was the last.
    ///
    /// # Errors
    /// [`ClusterError::Chunk`] if it is another one, [`ClusterError::Count`] beyond [`CHECKPOINT_BYTES_MAX`].
    pub(super) fn add(&mut self, index: u32, count: u32, bytes: &[u8]) -> Result<bool, ClusterError> {
        if index != self.next || index >= count {
            return Err(ClusterError::Chunk { index, count });
        }
        let length = self.bytes.len() + bytes.len();
        if length > CHECKPOINT_BYTES_MAX {
            return Err(ClusterError::Count { count: u64::from(count), length });
        }
        self.bytes.extend(bytes);
        self.next += 1;
        Ok(self.next == count)
    }

    /// The replica that the chunks hold.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub(super) fn finish(&self, region_count: u64, rules: Rules) -> Result<Replica, ClusterError> {
        decode(&self.bytes, region_count, rules)
    }
}

fn put_set(bytes: &mut Vec<u8>, set: &RegionSet) {
    for word in set.words() {
        bytes.extend(word.to_le_bytes());
    }
}

fn put_pairs(bytes: &mut Vec<u8>, pairs: &BTreeSet<(Region, NodeId)>) {
    put_list(bytes, pairs.iter(), |bytes, (region, node)| {
        bytes.extend(region.0.to_le_bytes());
        bytes.extend(node.0.to_le_bytes());
    });
}

fn put_nodes(bytes: &mut Vec<u8>, nodes: &BTreeSet<NodeId>) {
    put_list(bytes, nodes.iter(), |bytes, node| bytes.extend(node.0.to_le_bytes()));
}

fn encode(replica: &Replica) -> Vec<u8> {
    let Replica {
        rules: _,
        clean,
        in_sync,
        marks,
        pins,
        failed,
        unknown_writers,
        blind,
        recovery,
        wanted,
        is_log_device_failed,
        position,
        members,
        joiners,
        sessions,
        server,
        announced,
        transfer,
    } = replica;
    let mut bytes = vec![VERSION];
    bytes.extend(in_sync.len().to_le_bytes());
    put_set(&mut bytes, clean);
    put_set(&mut bytes, in_sync);
    for pairs in [marks, pins, failed] {
        put_pairs(&mut bytes, pairs);
    }
    put_nodes(&mut bytes, unknown_writers);
    put_nodes(&mut bytes, blind);
    put_list(&mut bytes, recovery.iter(), |bytes, Recovery { region, node, is_spoiled }| {
        bytes.extend(region.0.to_le_bytes());
        bytes.extend(node.0.to_le_bytes());
        bytes.push(u8::from(*is_spoiled));
    });
    put_list(&mut bytes, wanted.iter(), |bytes, region| bytes.extend(region.0.to_le_bytes()));
    bytes.push(u8::from(*is_log_device_failed));
    bytes.extend(position.0.to_le_bytes());
    put_nodes(&mut bytes, members);
    put_nodes(&mut bytes, joiners);
    put_list(&mut bytes, sessions.iter(), |bytes, (node, session)| {
        bytes.extend(node.0.to_le_bytes());
        bytes.extend(session.0.to_le_bytes());
    });
    put_list(&mut bytes, server.iter(), |bytes, node| bytes.extend(node.0.to_le_bytes()));
    put_nodes(&mut bytes, announced);
    put_list(&mut bytes, transfer.iter(), put_nodes);
    bytes
}

fn decode(bytes: &[u8], expected: u64, rules: Rules) -> Result<Replica, ClusterError> {
    let mut read = Reader::new(bytes);
    read.version()?;
    let found = read.u64()?;
    if found != expected {
        return Err(ClusterError::RegionCount { found, expected });
    }
    let set = |read: &mut Reader<'_>| {
        let words = (0..found.div_ceil(64)).map(|_| read.u64()).collect::<Result<_, _>>()?;
        Ok::<_, ClusterError>(RegionSet::from_words(found, words))
    };
    let pairs = |read: &mut Reader<'_>| {
        let pairs = read.list(PAIR_BYTES, |read| Ok((read.region()?, read.node()?)))?;
        Ok::<BTreeSet<_>, ClusterError>(pairs.into_iter().filter(|(region, _)| region.0 < found).collect())
    };
    let nodes =
        |read: &mut Reader<'_>| Ok::<BTreeSet<_>, ClusterError>(read.list(4, Reader::node)?.into_iter().collect());
    let recovery =
        |read: &mut Reader<'_>| Ok(Recovery { region: read.region()?, node: read.node()?, is_spoiled: read.flag()? });
    let replica = Replica {
        rules,
        clean: set(&mut read)?,
        in_sync: set(&mut read)?,
        marks: pairs(&mut read)?,
        pins: pairs(&mut read)?,
        failed: pairs(&mut read)?,
        unknown_writers: nodes(&mut read)?,
        blind: nodes(&mut read)?,
        recovery: read.list(PAIR_BYTES + 1, recovery)?.pop(),
        wanted: read.list(8, Reader::region)?.into(),
        is_log_device_failed: read.flag()?,
        position: Position(read.u64()?),
        members: nodes(&mut read)?,
        joiners: nodes(&mut read)?,
        sessions: read.list(PAIR_BYTES, |read| Ok((read.node()?, Session(read.u64()?))))?.into_iter().collect(),
        server: read.list(4, Reader::node)?.pop(),
        announced: nodes(&mut read)?,
        transfer: read.list(8, nodes)?.pop(),
    };
    read.end()?;
    Ok(replica)
}

#[cfg(test)]
mod tests;
