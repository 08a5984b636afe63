//! The duties of the server, the member with the lowest number: it alone writes the log device, sends the state to
//! those who wait for it, and hands both over to a lower member.
//!
//! Every node keeps these books, because every node can become the server at the next change.

use super::checkpoint;
use super::ids::{Position, Session};
use super::message::{Body, Message};
use super::protocol::{NodeConfig, Output, Storage};
use super::replica::Replica;

/// What this node has multicast as the server and not seen delivered yet. One at a time, so that a state is not sent by
/// one who is not the server any more, and a handover does not come in the middle of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Start,
    Handover,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// The write of the log device that is under way, of the state at this place in the order.
    write: Option<Position>,
    /// Something has happened since that has to be on the log device.
    is_write_wanted: bool,
    sent: Sent,
}

impl Server {
    pub(super) fn new() -> Self {
        // A founder writes what it has founded, as the kernel's log does in its resume.
        Self { write: None, is_write_wanted: true, sent: Sent::Nothing }
    }

    /// Something has to be on the log device. Writes are coalesced: one is under way, and the next one carries
    /// everything that has come meanwhile.
    pub(super) fn want_write(&mut self) {
        self.is_write_wanted = true;
    }

    /// Whether a write of the log device is under way.
    pub(super) fn is_writing(&self) -> bool {
        self.write.is_some()
    }

    /// A write is over; what it has written, if it is the one that is under way.
    pub(super) fn disk_written(&mut self, write: u64) -> Option<Position> {
        self.write.take_if(|position| position.0 == write)
    }

    /// One of this node's messages was delivered; if it is a start that counts, the state follows.
    pub(super) fn delivered(&mut self, config: &NodeConfig, replica: &Replica, body: &Body) -> Vec<Body> {
        match body {
            Body::Handover => self.sent = Sent::Nothing,
            Body::CheckpointStart => {
                self.sent = Sent::Nothing;
                if replica.server == Some(config.node) && replica.transfer.is_some() {
                    return checkpoint::chunks(replica, config.chunk_bytes);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Does what is to be done, if this node is the server.
    pub(super) fn serve(
        &mut self,
        config: &NodeConfig,
        session: Session,
        replica: &Replica,
        outputs: &mut Vec<Output>,
    ) {
        if replica.server != Some(config.node) || self.sent == Sent::Handover {
            return;
        }
        if config.storage != Storage::Memory && self.is_write_wanted && self.write.is_none() {
            self.is_write_wanted = false;
            self.write = Some(replica.position);
            outputs.push(Output::WriteDisk { write: replica.position.0, clean: replica.clean.clone() });
        }
        if self.sent != Sent::Nothing || replica.transfer.is_some() {
            return;
        }
        let body = if replica.members.first() != Some(&config.node) && self.write.is_none() {
            // Nothing of ours reaches the log device behind this.
            self.sent = Sent::Handover;
            Body::Handover
        } else if replica.joiners.is_empty() {
            return;
        } else {
            self.sent = Sent::Start;
            Body::CheckpointStart
        };
        outputs.push(Output::Multicast(Message { session, body }));
    }
}
