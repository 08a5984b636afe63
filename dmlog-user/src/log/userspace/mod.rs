//! The kernel's userspace log type: every operation becomes a request to a daemon, over a netlink connector.
//!
//! ```text
//! kernel side                                            daemon side
//! userspace_log ── request ──▶ transport ── datagram ──▶ server ──▶ any DirtyLog
//!   queues, hints, resends    ◀── reply ──              ◀── answer ──
//!                     └──────── the codec: wire, frame, request, reply ────────┘
//! ```
//!
//! * The codec speaks both directions and is total: any bytes give a request, a reply, or a [`error::UlogError`].
//! * [`userspace_log`] is dm-log-userspace, line by line, over a [`transport::Transport`]; the replay model and the
//!   tests of the server use it.
//! * [`server`] answers decoded requests from any log. The daemon and the tests use it; the kernel cannot tell.
//!
//! No socket, no clock: the time is handed in, and so are the datagrams.
//!
//! Sources: `include/uapi/linux/dm-log-userspace.h`, `include/uapi/linux/connector.h`,
//! `drivers/md/dm-log-userspace-transfer.c`, `drivers/md/dm-log-userspace-base.c`
//! (<https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log-userspace-base.c>), the same from 5.10 to 7.3.

pub mod error;
pub mod ids;

pub mod frame;
pub mod reply;
pub mod request;
pub mod wire;

pub mod constructor;
pub mod statics;
pub mod transport;
pub mod userspace_log;

pub(crate) mod flush_lists;

pub mod server;
