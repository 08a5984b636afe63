//! Replies of a daemon: the request's header with an error and an answer, or a bare acknowledgement.
//!
//! The kernel finds the request of a reply by `dm_ulog_request.seq`, and of a bare one (`cn_msg.len == 0`) by
//! `cn_msg.seq`. It copies the data into a buffer on its stack without looking at the request type: what is longer
//! fails the operation with `-ENOSPC`, and what is shorter leaves what was on the stack before. So an answer has
//! exactly the size of its type.

use super::error::UlogError;
use super::frame::Frame;
use super::ids::{Errno, RequestSeq};
use super::request::{Envelope, RequestType};
use super::wire::{DEVICE_NAME_BYTES_MAX, Fields, STATUS_BYTES_MAX, VERSION_LOG_DEVICE, bytes_of};
use crate::event::ids::Region;

/// The answer to a request that has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done: all requests that ask for nothing.
    Done,
    /// `CTR`: the device that the log is kept on, which the kernel then holds for the mirror; `None` for a log in
    /// memory.
    LogDevice(Option<String>),
    /// `GET_REGION_SIZE`, in sectors.
    RegionSize(u64),
    /// `IS_CLEAN`. Exactly 0 or 1 on the wire.
    IsClean(bool),
    /// `IN_SYNC`. Exactly 0 or 1 on the wire: `dm_rh_get_state` compares with 1.
    InSync(bool),
    /// `GET_RESYNC_WORK`: a region to recover, or none.
    ResyncWork(Option<Region>),
    /// `GET_SYNC_COUNT`, in regions. At the number of regions, the kernel stops asking for work until the next resume.
    SyncCount(u64),
    /// `STATUS_INFO`, `STATUS_TABLE`: the words for `dmsetup`.
    Status(String),
    /// `IS_REMOTE_RECOVERING`.
    RemoteRecovering {
        /// Another node recovers the region or is going to; the write has to wait.
        is_recovering: bool,
        /// The lowest region that is out of sync, or the number of regions: the kernel does not ask again about regions
        /// below it.
        in_sync_hint: Region,
    },
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A whole reply.
    Full {
        /// The request's.
        envelope: Envelope,
        /// The answer, or why there is none.
        outcome: Result<Answer, Errno>,
    },
    /// `cn_msg.len == 0`: done and no data, or an error. [`Errno::EAGAIN`] makes the kernel send again at once.
    Bare {
        /// `cn_msg.seq`, which the kernel sets to the request's.
        seq: RequestSeq,
        /// Why it failed.
        outcome: Result<(), Errno>,
    },
}

impl Reply {
    /// The request that it belongs to.
    pub const fn seq(&self) -> RequestSeq {
        match self {
            Self::Full { envelope, .. } => envelope.seq,
            Self::Bare { seq, .. } => *seq,
        }
    }

    /// Reads a datagram of a daemon.
    ///
    /// # Errors
    /// [`UlogError`].
    pub fn decode(datagram: &[u8]) -> Result<Self, UlogError> {
        let frame = Frame::decode(datagram)?;
        if frame.body.is_empty() {
            //= linux v6.12 drivers/md/dm-log-userspace-transfer.c fill_pkg `pkg->error = -msg->ack;`
            let ack = i32::try_from(frame.ack).ok();
            let ack = ack.ok_or(UlogError::ErrorSign { found: -i64::from(frame.ack) })?;
            let outcome = Errno::new(ack).map_or(Ok(()), Err);
            return Ok(Self::Bare { seq: RequestSeq(frame.seq), outcome });
        }
        let (envelope, error, data) = Envelope::decode(frame.body)?;
        let outcome = match (error, data.len()) {
            (0, _) => Ok(Answer::decode(envelope.request_type, envelope.version, data)?),
            (_, 0) => {
                let errno = error.checked_neg().and_then(Errno::new);
                Err(errno.ok_or(UlogError::ErrorSign { found: i64::from(error) })?)
            }
            (_, bytes) => return Err(UlogError::DataWithError { bytes }),
        };
        Ok(Self::Full { envelope, outcome })
    }

    /// The datagram to send.
    ///
    /// # Errors
    /// [`UlogError::AnswerKind`] if the answer is that of another request, [`UlogError::DeviceNameTooLong`],
    /// [`UlogError::DeviceInReply`], [`UlogError::StatusTooLong`], [`UlogError::Text`].
    pub fn encode(&self) -> Result<Vec<u8>, UlogError> {
        match self {
            Self::Bare { seq, outcome } => {
                let ack = outcome.err().map_or(0, |errno| errno.number().unsigned_abs());
                Frame { seq: seq.0, ack, body: &[] }.encode()
            }
            Self::Full { envelope, outcome } => {
                let body = match outcome {
                    Ok(answer) => envelope.encode(0, &answer.encode(envelope.request_type, envelope.version)?)?,
                    // The data size of a failed reply is 0, as the kernel's header asks.
                    Err(errno) => envelope.encode(-errno.number(), &[])?,
                };
                Frame { seq: envelope.seq.0, ack: 0, body: &body }.encode()
            }
        }
    }
}

impl Answer {
    /// Reads the data of a reply.
    fn decode(request_type: RequestType, version: u32, data: &[u8]) -> Result<Self, UlogError> {
        let request = request_type.name();
        let read = Fields(data);
        let expect = |expected: usize| match data.len() {
            found if found == expected => Ok(()),
            found => Err(UlogError::Payload { request, found, expected }),
        };
        let flag = || match read.u64(0).cast_signed() {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(UlogError::NotAFlag { request, value }),
        };
        match request_type {
            RequestType::Ctr => Ok(Self::LogDevice(device_name(version, data)?)),
            RequestType::GetRegionSize => expect(8).map(|()| Self::RegionSize(read.u64(0))),
            RequestType::IsClean => expect(8).and_then(|()| flag()).map(Self::IsClean),
            RequestType::InSync => expect(8).and_then(|()| flag()).map(Self::InSync),
            RequestType::GetResyncWork => {
                expect(16)?;
                Ok(Self::ResyncWork(flag()?.then(|| Region(read.u64(8)))))
            }
            RequestType::GetSyncCount => expect(8).map(|()| Self::SyncCount(read.u64(0))),
            RequestType::StatusInfo | RequestType::StatusTable => status_text(request, data),
            RequestType::IsRemoteRecovering => {
                expect(16)?;
                Ok(Self::RemoteRecovering { is_recovering: flag()?, in_sync_hint: Region(read.u64(8)) })
            }
            RequestType::Dtr
            | RequestType::Presuspend
            | RequestType::Postsuspend
            | RequestType::Resume
            | RequestType::Flush
            | RequestType::MarkRegion
            | RequestType::ClearRegion
            | RequestType::SetRegionSync => expect(0).map(|()| Self::Done),
        }
    }

    /// The data of a reply to a request of this type.
    pub(crate) fn encode(&self, request_type: RequestType, version: u32) -> Result<Vec<u8>, UlogError> {
        let request = request_type.name();
        match (request_type, self) {
            (RequestType::Ctr, Self::LogDevice(Some(name))) => {
                let data = terminated(request, name)?;
                device_name(version, &data)?;
                Ok(data)
            }
            (RequestType::GetRegionSize, Self::RegionSize(number))
            | (RequestType::GetSyncCount, Self::SyncCount(number)) => Ok(bytes_of(&[*number])),
            (RequestType::IsClean, Self::IsClean(flag)) | (RequestType::InSync, Self::InSync(flag)) => {
                Ok(bytes_of(&[u64::from(*flag)]))
            }
            (RequestType::GetResyncWork, Self::ResyncWork(work)) => {
                Ok(bytes_of(&[u64::from(work.is_some()), work.map_or(0, |region| region.0)]))
            }
            (RequestType::StatusInfo | RequestType::StatusTable, Self::Status(text)) => {
                let data = terminated(request, text)?;
                status_text(request, &data)?;
                Ok(data)
            }
            (RequestType::IsRemoteRecovering, Self::RemoteRecovering { is_recovering, in_sync_hint }) => {
                Ok(bytes_of(&[u64::from(*is_recovering), in_sync_hint.0]))
            }
            (RequestType::Ctr, Self::LogDevice(None))
            | (
                RequestType::Dtr
                | RequestType::Presuspend
                | RequestType::Postsuspend
                | RequestType::Resume
                | RequestType::Flush
                | RequestType::MarkRegion
                | RequestType::ClearRegion
                | RequestType::SetRegionSync,
                Self::Done,
            ) => Ok(Vec::new()),
            _ => Err(UlogError::AnswerKind { request }),
        }
    }
}

/// The name of the log device in a reply to `CTR`; none if there is no data.
fn device_name(version: u32, data: &[u8]) -> Result<Option<String>, UlogError> {
    if data.is_empty() {
        return Ok(None);
    }
    if version < VERSION_LOG_DEVICE {
        return Err(UlogError::DeviceInReply { version });
    }
    if data.len() > DEVICE_NAME_BYTES_MAX {
        return Err(UlogError::DeviceNameTooLong { bytes: data.len() });
    }
    //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_ctr
    //= `if (devices_rdata[devices_rdata_size - 1] != '\0') { DMERR("DM_ULOG_CTR device return string not properly terminated");`
    let [name @ .., 0] = data else { return Err(UlogError::DeviceNameUnterminated) };
    let refused = UlogError::Text { request: RequestType::Ctr.name() };
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() && !name.contains('\0') => Ok(Some(name.to_owned())),
        _ => Err(refused),
    }
}

/// The text of a status. Ours ends in a NUL, because the kernel copies it behind the mirror's words without adding one;
/// other daemons send none.
fn status_text(request: &'static str, data: &[u8]) -> Result<Answer, UlogError> {
    if data.len() > STATUS_BYTES_MAX {
        return Err(UlogError::StatusTooLong { bytes: data.len() });
    }
    let text = data.strip_suffix(&[0]).unwrap_or(data);
    match std::str::from_utf8(text) {
        Ok(text) if !text.contains('\0') => Ok(Answer::Status(text.to_owned())),
        _ => Err(UlogError::Text { request }),
    }
}

/// The text with a NUL behind it.
fn terminated(request: &'static str, text: &str) -> Result<Vec<u8>, UlogError> {
    if text.contains('\0') { Err(UlogError::Text { request }) } else { Ok([text.as_bytes(), &[0]].concat()) }
}

#[cfg(test)]
mod tests;
