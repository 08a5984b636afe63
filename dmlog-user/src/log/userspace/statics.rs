//! The variables that dm-log-userspace has once and not once per log.
//!
//! Logs that shall behave as those of one kernel share one [`UserspaceStatics`].

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::ids::RequestSeq;
use crate::event::ids::{DurationNs, MonoNs};

/// How often the kernel asks whether a region is recovered elsewhere: `HZ / 4`.
pub const REMOTE_RECOVERING_INTERVAL: DurationNs = DurationNs(250_000_000);

/// `static uint32_t dm_ulog_seq` and `static unsigned long limit` of `userspace_is_remote_recovering`.
#[derive(Debug, Default)]
pub struct UserspaceStatics {
    next_seq: AtomicU32,
    /// In nanoseconds; 0 is long ago.
    limit_ns: AtomicU64,
}

impl UserspaceStatics {
    /// `dm_ulog_seq++`, which wraps.
    pub(crate) fn next_seq(&self) -> RequestSeq {
        RequestSeq(self.next_seq.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether the question may be asked now; if so, not again before [`REMOTE_RECOVERING_INTERVAL`] has passed, by any
    /// log.
    pub(crate) fn may_ask_remote_recovering(&self, now: MonoNs) -> bool {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_is_remote_recovering
        //= `else if (time_after(limit, jiffies)) return 1;`
        //= `limit = jiffies + (HZ / 4);`
        if self.limit_ns.load(Ordering::Relaxed) > now.0 {
            return false;
        }
        self.limit_ns.store(now.0.saturating_add(REMOTE_RECOVERING_INTERVAL.0), Ordering::Relaxed);
        true
    }
}
