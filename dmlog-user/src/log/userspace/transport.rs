//! The way from the kernel's side to a daemon and back.

use super::ids::Errno;
use super::reply::Reply;
use super::request::Request;
use crate::event::ids::DurationNs;

/// `DM_ULOG_RETRY_TIMEOUT`: how long the kernel waits for a reply before it sends the request again with a new sequence
/// number.
pub const REPLY_TIMEOUT: DurationNs = DurationNs(15_000_000_000);
/// How long the kernel sleeps before each attempt to find a daemon again (`schedule_timeout(2*HZ)`).
pub const RECONNECT_PAUSE: DurationNs = DurationNs(2_000_000_000);

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The reply. One that belongs to another request counts as a timeout; a transport had better drop it and wait on.
    Reply(Reply),
    /// Nothing came within [`REPLY_TIMEOUT`].
    TimedOut,
    /// It could not be sent. [`Errno::ESRCH`]: nobody listens.
    NotSent(Errno),
    /// Nobody is interested any more. The kernel waits for ever; whoever runs this code has to end some time, and ends
    /// here.
    GivenUp,
}

/// Takes requests to a daemon.
pub trait Transport {
    /// Sends one request and waits for its reply, for [`REPLY_TIMEOUT`] at most.
    fn exchange(&mut self, request: &Request) -> Exchange;

    /// The kernel sleeps. Afterwards it tries again, until [`Transport::exchange`] gives [`Exchange::GivenUp`].
    fn pause(&mut self, length: DurationNs);
}
