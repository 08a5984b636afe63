//! The daemon's side: answers any decoded request from any [`DirtyLog`].
//!
//! The kernel names a log twice. The UUID is the log, and the LUID one table of it. While a device is reloaded there
//! are two:
//!
//! ```text
//!                luid 1                              luid 2
//!                CTR … RESUME … live
//!                                                    CTR, GET_REGION_SIZE, GET_SYNC_COUNT     constructed
//!                PRESUSPEND, POSTSUSPEND             RESUME                                   takes the state over
//!                DTR                                 live
//! ```
//!
//! What the kernel repeats must not happen twice. It sends a request again when a reply is lost, with a new sequence
//! number and nothing else to know it by; so a region that was handed out is handed out again until it comes back, and
//! a region that is set in sync a second time is not counted twice.
//!
//! What the kernel forgets must not stay for ever. If it fails behind a `CTR` it sends no `DTR`; tables that were
//! constructed and never resumed are dropped when a later one is resumed, or when there are too many.

mod table;

use std::collections::BTreeMap;
use std::fmt;

use self::table::{Phase, Table};
use super::frame::Frame;
use super::ids::{Errno, Luid, RequestSeq, Uuid};
use super::reply::{Answer, Reply};
use super::request::{Request, RequestOp};
use crate::log::dirty_log::{DirtyLog, LogError};

/// Logs at a time. Each has a mirror in the kernel, and hosts with hundreds of mirrors are rare.
pub const LOGS_MAX: usize = 4096;
/// Tables of one log at a time. The kernel has one live and one inactive table, and can be between two inactive ones;
/// the rest are constructors that have failed behind `CTR`.
pub const TABLES_MAX: usize = 8;

/// A log that was made for a `CTR`.
pub struct MadeLog {
    /// The log.
    pub log: Box<dyn DirtyLog + Send>,
    /// The device that it is kept on and that the kernel shall hold for the mirror, as a path or `MAJ:MIN`.
    pub log_dev: Option<String>,
}

impl fmt::Debug for MadeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, log_dev } = self;
        f.debug_struct("MadeLog").field("log_type", &log.log_type()).field("log_dev", log_dev).finish()
    }
}

/// Makes logs. The daemon opens log devices here.
pub trait LogMaker {
    /// Makes the log that a `CTR` asks for.
    ///
    /// # Errors
    /// What the kernel shall be told; the table is not loaded then.
    fn make(&mut self, uuid: &Uuid, constructor: &str) -> Result<MadeLog, Errno>;
}

/// What happened that no reply says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// Datagrams that were none of the protocol.
    pub foreign_datagrams: u64,
    /// Requests that were refused because their data was not understood.
    pub refused_datagrams: u64,
    /// Tables that were dropped without a `DTR`.
    pub collected_tables: u64,
    /// `CTR`s that were refused because of [`LOGS_MAX`] or [`TABLES_MAX`].
    pub beyond_limit: u64,
    /// Requests for a table that is not there.
    pub unknown_tables: u64,
}

/// All logs of one daemon.
#[derive(Debug)]
pub struct LogServer<M> {
    maker: M,
    /// Tables of each log in the order of their `CTR`.
    logs: BTreeMap<Uuid, Vec<Table>>,
    counts: ServerCounts,
}

impl<M: LogMaker> LogServer<M> {
    /// No logs yet.
    pub fn new(maker: M) -> Self {
        Self { maker, logs: BTreeMap::new(), counts: ServerCounts::default() }
    }

    /// What happened that no reply says.
    pub fn counts(&self) -> ServerCounts {
        self.counts
    }

    /// Tables that it knows, of all logs.
    pub fn table_count(&self) -> usize {
        self.logs.values().map(Vec::len).sum()
    }

    /// Answers a datagram; nothing if it was not for us. What is not understood is refused: without a reply the kernel
    /// would ask again every 15 seconds for ever.
    pub fn answer_datagram(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let reply = match (Request::decode(datagram), Request::envelope_of(datagram), Frame::decode(datagram)) {
            (Ok(request), _, _) => self.answer(&request),
            (Err(_), Ok(envelope), _) => {
                self.counts.refused_datagrams += 1;
                Reply::Full { envelope, outcome: Err(Errno::EINVAL) }
            }
            (Err(_), Err(_), Ok(frame)) if !frame.body.is_empty() => {
                self.counts.refused_datagrams += 1;
                Reply::Bare { seq: RequestSeq(frame.seq), outcome: Err(Errno::ENOSYS) }
            }
            (Err(_), Err(_), _) => {
                self.counts.foreign_datagrams += 1;
                return None;
            }
        };
        reply.encode().ok()
    }

    /// Answers a request. The reply can always be encoded: an answer that has no bytes, such as the name of a log
    /// device that is too long, is refused here.
    pub fn answer(&mut self, request: &Request) -> Reply {
        let envelope = request.envelope();
        let reply = Reply::Full { outcome: self.outcome(request), envelope: envelope.clone() };
        if reply.encode().is_err() { Reply::Full { envelope, outcome: Err(Errno::EINVAL) } } else { reply }
    }

    fn outcome(&mut self, request: &Request) -> Result<Answer, Errno> {
        let Request { luid, uuid, version: _, seq: _, op } = request;
        match op {
            RequestOp::Ctr { arguments, is_reconnect } => self.construct(uuid, *luid, arguments, *is_reconnect),
            RequestOp::Dtr => {
                self.destruct(uuid, *luid);
                Ok(Answer::Done)
            }
            RequestOp::Resume => self.resume(uuid, *luid),
            op => {
                let tables = self.logs.get_mut(uuid);
                let table = tables.and_then(|tables| tables.iter_mut().find(|table| table.luid == Some(*luid)));
                let Some(table) = table else {
                    self.counts.unknown_tables += 1;
                    return Err(Errno::EINVAL);
                };
                table.answer(op)
            }
        }
    }

    /// `CTR`.
    fn construct(&mut self, uuid: &Uuid, luid: Luid, text: &str, is_reconnect: bool) -> Result<Answer, Errno> {
        if let Some(known) = self.known(uuid, luid, text, is_reconnect) {
            return Ok(known);
        }
        self.make_room(uuid)?;
        let MadeLog { log, log_dev } = self.maker.make(uuid, text)?;
        // When it reconnects, the kernel has no buffer for a name and would try again for ever.
        let answer = Answer::LogDevice(if is_reconnect { None } else { log_dev.clone() });
        self.logs.entry(uuid.clone()).or_default().push(Table::new(luid, text.to_owned(), log_dev, log, is_reconnect));
        Ok(answer)
    }

    /// The answer to a `CTR` of a table that is there: a reply was lost, or the kernel could not reach us for a while.
    /// A table that had the LUID before, whose `DTR` was lost, steps aside; its state waits for a resume.
    fn known(&mut self, uuid: &Uuid, luid: Luid, text: &str, is_reconnect: bool) -> Option<Answer> {
        let tables = self.logs.get_mut(uuid)?;
        let place = tables.iter().position(|table| table.luid == Some(luid))?;
        let table = tables.get_mut(place)?;
        let is_same = table.constructor == text;
        match table.phase {
            Phase::Live | Phase::Suspended if is_same && is_reconnect => return Some(Answer::LogDevice(None)),
            Phase::Constructed if is_same => {
                return Some(Answer::LogDevice(if is_reconnect { None } else { table.log_dev.clone() }));
            }
            Phase::Live | Phase::Suspended => table.luid = None,
            Phase::Constructed | Phase::HandedOver => {
                tables.remove(place);
            }
        }
        self.counts.collected_tables += 1;
        None
    }

    /// Drops what was left behind if there is no room for one more table.
    fn make_room(&mut self, uuid: &Uuid) -> Result<(), Errno> {
        let tables = self.logs.get_mut(uuid);
        let is_new_log = tables.is_none();
        if let Some(tables) = tables
            && tables.len() >= TABLES_MAX
        {
            let oldest = tables.iter().position(|table| table.phase == Phase::Constructed || table.luid.is_none());
            let Some(oldest) = oldest else {
                self.counts.beyond_limit += 1;
                return Err(Errno::ENOSPC);
            };
            tables.remove(oldest);
            self.counts.collected_tables += 1;
        }
        if is_new_log && self.logs.len() >= LOGS_MAX {
            let never_used = |tables: &Vec<Table>| tables.iter().all(|table| table.phase == Phase::Constructed);
            let unused = self.logs.iter().find(|(_, tables)| never_used(tables)).map(|(uuid, _)| uuid.clone());
            let Some(tables) = unused.and_then(|uuid| self.logs.remove(&uuid)) else {
                self.counts.beyond_limit += 1;
                return Err(Errno::ENOSPC);
            };
            self.counts.collected_tables += tables.len() as u64;
        }
        Ok(())
    }

    /// `DTR`. One of a table that is not there is answered too: its state is gone, which is all that was asked for.
    fn destruct(&mut self, uuid: &Uuid, luid: Luid) {
        if let Some(tables) = self.logs.get_mut(uuid) {
            tables.retain(|table| table.luid != Some(luid));
            if tables.is_empty() {
                self.logs.remove(uuid);
            }
        }
    }

    /// `RESUME`: the table takes over what its predecessor knew, if it is the same log in the same place, and goes
    /// live.
    fn resume(&mut self, uuid: &Uuid, luid: Luid) -> Result<Answer, Errno> {
        let tables = self.logs.get_mut(uuid).map(Vec::as_mut_slice).unwrap_or_default();
        let Some(place) = tables.iter().position(|table| table.luid == Some(luid)) else {
            self.counts.unknown_tables += 1;
            return Err(Errno::EINVAL);
        };
        let (before, rest) = tables.split_at_mut(place);
        let Some((table, after)) = rest.split_first_mut() else { return Err(Errno::EINVAL) };
        match table.phase {
            // A reply was lost, or the kernel has found us again: nothing has changed.
            Phase::Live => return Ok(Answer::Done),
            Phase::HandedOver => return Err(Errno::EINVAL),
            Phase::Suspended => {}
            Phase::Constructed => {
                let others = || before.iter().chain(after.iter());
                // Two devices with one UUID would share a log without knowing of each other's writes.
                if others().any(|other| other.phase == Phase::Live && other.luid.is_some()) {
                    return Err(Errno::EBUSY);
                }
                let has_state = |other: &&mut Table| match other.phase {
                    Phase::Live | Phase::Suspended => other.constructor == table.constructor,
                    Phase::Constructed | Phase::HandedOver => false,
                };
                let mut predecessors = before.iter_mut().chain(after.iter_mut()).filter(has_state);
                if let Some(predecessor) = predecessors.next_back() {
                    table.take_over(predecessor);
                }
            }
        }
        let result = table.resume();
        self.collect(uuid, luid);
        result.map(|()| Answer::Done)
    }

    /// Drops the tables that were constructed before this one and not resumed, and those whose luid was taken: this one
    /// has left the inactive slot, so nothing before it is in there.
    fn collect(&mut self, uuid: &Uuid, resumed: Luid) {
        let Some(tables) = self.logs.get_mut(uuid) else { return };
        let before = tables.len();
        let mut is_older = true;
        tables.retain(|table| {
            is_older &= table.luid != Some(resumed);
            let is_garbage = table.luid.is_none() || (is_older && table.phase == Phase::Constructed);
            !is_garbage
        });
        self.counts.collected_tables += (before - tables.len()) as u64;
    }
}

/// The errno of a log's error.
fn errno_of(error: &LogError) -> Errno {
    error.kernel_result().checked_neg().and_then(Errno::new).unwrap_or(Errno::EIO)
}

#[cfg(test)]
mod tests;
