//! The type `userspace` as the kernel runs it: dm-log-userspace-base.c over a [`Transport`].
//!
//! Marks and clears wait in memory for a flush. Everything else is one round trip to the daemon, and is repeated until
//! it comes back. What the kernel can answer itself, it does: see `in_sync_hint`.
//!
//! Two kinds of requests behave differently when nobody listens. *Direct* ones (`CTR`, `DTR`, suspend, resume, region
//! size) fail with `-ESRCH`; all others introduce the log to whoever listens next (`CTR`, `RESUME`) and go on.
//!
//! Not copied: memory that cannot be had (the kernel then drops a clear), and the wait of `destroy_workqueue`.
//!
//! Source: <https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-log-userspace-base.c>, the same from 5.10 to
//! 7.3.

use std::sync::Arc;

use super::constructor;
use super::flush_lists::FlushList;
use super::ids::{Errno, Luid, Uuid};
use super::reply::Reply;
use super::request::{Request, RequestOp};
use super::statics::UserspaceStatics;
use super::transport::{Exchange, RECONNECT_PAUSE, Transport};
use super::wire::{DEVICE_NAME_BYTES_MAX, Fields, STATUS_BYTES_MAX, VERSION_MAX};
use crate::event::ids::{DurationNs, MonoNs, Region};
use crate::log::arguments::{ArgumentError, UserspaceArguments};
use crate::log::dirty_log::{DirtyLog, LogError, LogType, StatusType};

/// How long a flush of clears alone is put off with `integrated_flush`: `3 * HZ`.
pub const DELAYED_FLUSH: DurationNs = DurationNs(3_000_000_000);

/// Sizes of the kernel's buffers for replies.
mod buffer {
    pub(super) const NONE: usize = 0;
    pub(super) const NUMBER: usize = 8;
    pub(super) const PAIR: usize = 16;
}

/// A log whose daemon is reached through `T`.
#[derive(Debug)]
pub struct UserspaceLog<T> {
    transport: T,
    statics: Arc<UserspaceStatics>,
    now: MonoNs,
    luid: Luid,
    uuid: Uuid,
    arguments: UserspaceArguments,
    /// `usr_argv_str`.
    constructor: String,
    /// Version of the protocol that it speaks; 3, unless a test plays an old kernel.
    version: u32,
    log_dev: Option<String>,
    region_size_sectors: u32,
    region_count: u64,
    mark_list: FlushList,
    clear_list: FlushList,
    /// The first region that is out of sync as far as the daemon has said. Regions below it are not asked about by
    /// `is_remote_recovering`, and at `region_count` no more resync work is asked for until the next resume.
    in_sync_hint: u64,
    /// `sched_flush` and `flush_log_work`: when a flush of clears alone is due.
    delayed_flush: Option<MonoNs>,
    /// The transport has given up; see [`Exchange::GivenUp`].
    is_given_up: bool,
    counts: UserspaceCounts,
}

/// What happened that no operation returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserspaceCounts {
    /// `dm_table_event`: flushes that failed.
    pub table_events: u64,
    /// Requests that were sent again because no reply came in time.
    pub timeouts: u64,
    /// Times that the log was introduced to a new daemon.
    pub reconnects: u64,
}

/// The log could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstructError {
    /// The table is wrong.
    #[error("the kernel refuses the arguments")]
    Arguments {
        /// Its words.
        #[source]
        source: ArgumentError,
    },
    /// The UUID has no place in a request.
    #[error("the UUID is empty or has a NUL")]
    Uuid,
    /// The daemon refused, or there is none.
    #[error("Userspace log server failed to create log: {request} gave {errno}")]
    Daemon {
        /// Name of the request type.
        request: &'static str,
        /// What came back.
        errno: Errno,
    },
    /// The daemon says that regions have no size. The kernel divides by it.
    #[error("the daemon gave a region size of 0")]
    RegionSize,
}

impl<T: Transport> UserspaceLog<T> {
    /// `userspace_ctr`, with the arguments behind the count.
    ///
    /// If something fails behind a `CTR` that succeeded, no `DTR` follows; the daemon has to notice by itself.
    ///
    /// # Errors
    /// [`ConstructError`].
    pub fn ctr(
        luid: Luid,
        target_sectors: u64,
        arguments: &[&str],
        transport: T,
        statics: Arc<UserspaceStatics>,
    ) -> Result<Self, ConstructError> {
        let arguments = UserspaceArguments::parse(arguments).map_err(|source| ConstructError::Arguments { source })?;
        let mut log = Self {
            transport,
            statics,
            now: MonoNs(0),
            luid,
            uuid: Uuid::new(&arguments.uuid).ok().ok_or(ConstructError::Uuid)?,
            constructor: constructor::build(target_sectors, &arguments.daemon_arguments),
            version: VERSION_MAX,
            arguments,
            log_dev: None,
            region_size_sectors: 0,
            region_count: 0,
            mark_list: FlushList::default(),
            clear_list: FlushList::default(),
            in_sync_hint: 0,
            delayed_flush: None,
            is_given_up: false,
            counts: UserspaceCounts::default(),
        };
        let failed = |request| move |errno| ConstructError::Daemon { request, errno };
        //= `r = dm_consult_userspace(lc->uuid, lc->luid, DM_ULOG_CTR, ctr_str, str_size, devices_rdata, &devices_rdata_size);`
        let ctr = RequestOp::Ctr { arguments: log.constructor.clone(), is_reconnect: false };
        let device = log.consult(&ctr, DEVICE_NAME_BYTES_MAX).map_err(failed("CTR"))?;
        //= `lc->region_size = (uint32_t)rdata; lc->region_count = dm_sector_div_up(ti->len, lc->region_size);`
        let size = log.consult(&RequestOp::GetRegionSize, buffer::NUMBER).map_err(failed("GET_REGION_SIZE"))?;
        let size = Fields(&size).u64(0) & u64::from(u32::MAX);
        log.region_size_sectors = u32::try_from(size).unwrap_or(u32::MAX);
        log.region_count = match size {
            0 => return Err(ConstructError::RegionSize),
            size => target_sectors.div_ceil(size),
        };
        log.log_dev = Fields(&device).text(0, device.len()).map(str::to_owned);
        Ok(log)
    }

    /// `userspace_dtr`: a flush that was put off runs now, and the daemon is told. What it answers does not matter.
    pub fn dtr(mut self) {
        //= `if (atomic_read(&lc->sched_flush)) flush_delayed_work(&lc->flush_log_work);`
        self.run_delayed_flush();
        //= `(void) dm_consult_userspace(lc->uuid, lc->luid, DM_ULOG_DTR, NULL, 0, NULL, NULL);`
        drop(self.consult(&RequestOp::Dtr, buffer::NONE));
    }

    /// Time passes; a flush that was put off runs if it is due. Never goes back.
    pub fn advance(&mut self, now: MonoNs) {
        self.now = self.now.max(now);
        if self.delayed_flush.is_some_and(|due| due <= self.now) {
            self.run_delayed_flush();
        }
    }

    /// When a flush that was put off is due.
    pub fn delayed_flush(&self) -> Option<MonoNs> {
        self.delayed_flush
    }

    /// The device that the daemon keeps the log on.
    pub fn log_dev(&self) -> Option<&str> {
        self.log_dev.as_deref()
    }

    /// What happened that no operation returns.
    pub fn counts(&self) -> UserspaceCounts {
        self.counts
    }

    /// The way to the daemon.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// `dm_consult_userspace`: one request, sent again until something comes back. Gives the data of the reply, which
    /// may be shorter than it should be; what is missing counts as 0, which is what the kernel finds on a stack that is
    /// initialised (6.1 and later).
    fn consult(&mut self, op: &RequestOp, mut buffer_bytes: usize) -> Result<Vec<u8>, Errno> {
        loop {
            let seq = self.statics.next_seq();
            let request =
                Request { luid: self.luid, uuid: self.uuid.clone(), version: self.version, seq, op: op.clone() };
            //= linux v6.12 drivers/md/dm-log-userspace-transfer.c dm_consult_userspace
            //= `if (data_size > (DM_ULOG_PREALLOCED_SIZE - overhead_size)) { … return -EINVAL; }`
            request.encode().ok().ok_or(Errno::EINVAL)?;
            let reply = match self.transport.exchange(&request) {
                Exchange::Reply(reply) if reply.seq() == seq => reply,
                //= `DMWARN("[%s] Request timed out: [%u/%u] - retrying", …); goto resend;`
                Exchange::Reply(_) | Exchange::TimedOut => {
                    self.counts.timeouts += 1;
                    continue;
                }
                Exchange::NotSent(errno) => return Err(errno),
                Exchange::GivenUp => {
                    self.is_given_up = true;
                    return Err(Errno::EIO);
                }
            };
            if let Reply::Full { outcome: Err(_), .. } = reply {
                //= fill_pkg `pkg->error = tfr->error; … *(pkg->data_size) = tfr->data_size;`
                // After a whole reply with -EAGAIN the buffer counts as empty, and the data of the next reply does not
                // fit. "Try again" has to be said with a bare acknowledgement.
                buffer_bytes = 0;
            }
            let data = match reply {
                Reply::Bare { outcome, .. } => outcome.map(|()| Vec::new()),
                Reply::Full { envelope, outcome } => outcome.and_then(|answer| {
                    answer.encode(envelope.request_type, envelope.version).ok().ok_or(Errno::EINVAL)
                }),
            };
            match data {
                //= `if (r == -EAGAIN) goto resend;`
                Err(Errno::EAGAIN) => {}
                //= fill_pkg `} else if (tfr->data_size > *(pkg->data_size)) { … pkg->error = -ENOSPC;`
                Ok(data) if data.len() > buffer_bytes => return Err(Errno::ENOSPC),
                other => return other,
            }
        }
    }

    /// `userspace_do_request`: as [`Self::consult`], and if nobody listens, wait for somebody and start over there.
    fn request(&mut self, op: &RequestOp, buffer_bytes: usize) -> Result<Vec<u8>, Errno> {
        loop {
            match self.consult(op, buffer_bytes) {
                Err(Errno::ESRCH) => {}
                other => return other,
            }
            //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_do_request
            //= `while (1) { … schedule_timeout(2*HZ); … DM_ULOG_CTR, lc->usr_argv_str, strlen(lc->usr_argv_str) + 1, NULL, NULL); if (!r) break; }`
            let ctr = RequestOp::Ctr { arguments: self.constructor.clone(), is_reconnect: true };
            loop {
                self.transport.pause(RECONNECT_PAUSE);
                // The buffer for the name of the log device is NULL with size 0: a daemon that names one fails here for
                // ever.
                match self.consult(&ctr, buffer::NONE) {
                    Ok(_) => break,
                    // The end of the model, not of the kernel.
                    Err(errno) if self.is_given_up => return Err(errno),
                    Err(_) => {}
                }
            }
            self.counts.reconnects += 1;
            //= `r = dm_consult_userspace(uuid, lc->luid, DM_ULOG_RESUME, NULL, 0, NULL, NULL); if (!r) goto retry;`
            // in_sync_hint is not reset: a log that was in sync never asks for work again, whatever the new daemon
            // knows.
            if self.consult(&RequestOp::Resume, buffer::NONE).is_err() {
                //= `DMERR("Error trying to resume userspace log: %d", r); return -ESRCH;`
                return Err(Errno::ESRCH);
            }
        }
    }

    /// A direct request without an answer.
    fn tell(&mut self, op: &RequestOp) -> Result<(), LogError> {
        self.consult(op, buffer::NONE).map(drop).map_err(|errno| failed(op, errno))
    }

    /// `do_flush`: the flush that was put off.
    fn run_delayed_flush(&mut self) {
        if self.delayed_flush.take().is_some()
            && self.request(&RequestOp::Flush { marks: Vec::new() }, buffer::NONE).is_err()
        {
            //= `if (r) dm_table_event(lc->ti->table);`
            self.counts.table_events += 1;
        }
    }

    /// `flush_by_group`: everything on the list, 32 at a time. `group_op` says as what.
    fn flush_by_group(&mut self, list: &mut FlushList, group_op: fn(Vec<Region>) -> RequestOp) -> Result<(), LogError> {
        let mut sent = FlushList::default();
        while let Some(group) = list.next_group(&mut sent) {
            let op = group_op(group);
            let Err(errno) = self.request(&op, buffer::NONE) else { continue };
            if let RequestOp::Flush { .. } = op {
                //= `if (flush_with_payload) { … if (r) break; }`
                return Err(failed(&op, errno));
            }
            //= `list_splice_init(&tmp_list, flush_list); r = flush_one_by_one(lc, flush_list); break;`
            // tmp_list holds the groups before too, so those are sent a second time.
            list.splice(&mut sent);
            return self.flush_one_by_one(list, group_op);
        }
        Ok(())
    }

    /// `flush_one_by_one`.
    fn flush_one_by_one(&mut self, list: &FlushList, group_op: fn(Vec<Region>) -> RequestOp) -> Result<(), LogError> {
        for region in list.iter() {
            let op = group_op(vec![region]);
            self.request(&op, buffer::NONE).map_err(|errno| failed(&op, errno))?;
        }
        Ok(())
    }

    /// `userspace_flush` behind the check for empty lists.
    fn flush_lists(&mut self, mut marks: FlushList, mut clears: FlushList) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_flush
        //= `r = flush_by_group(lc, &clear_list, 0); if (r) goto out;`
        // Where that fails, the marks are dropped too: the caller is told that the log has failed.
        self.flush_by_group(&mut clears, |regions| RequestOp::ClearRegion { regions })?;
        if !self.arguments.is_integrated_flush {
            //= `r = flush_by_group(lc, &mark_list, 0); … DM_ULOG_FLUSH, NULL, 0, NULL, NULL);`
            self.flush_by_group(&mut marks, |regions| RequestOp::MarkRegion { regions })?;
            let op = RequestOp::Flush { marks: Vec::new() };
            return self.request(&op, buffer::NONE).map(drop).map_err(|errno| failed(&op, errno));
        }
        let is_clear_only = marks.is_empty();
        //= `r = flush_by_group(lc, &mark_list, 1); if (r) goto out;`
        self.flush_by_group(&mut marks, |marks| RequestOp::Flush { marks })?;
        //= `if (mark_list_is_empty && !atomic_read(&lc->sched_flush)) { queue_delayed_work(…, 3 * HZ); atomic_set(&lc->sched_flush, 1); }`
        //= `else { cancel_delayed_work(&lc->flush_log_work); atomic_set(&lc->sched_flush, 0); }`
        // So a second flush of clears alone cancels the one that the first has scheduled, and sends none itself.
        self.delayed_flush =
            (is_clear_only && self.delayed_flush.is_none()).then(|| MonoNs(self.now.0.saturating_add(DELAYED_FLUSH.0)));
        Ok(())
    }
}

/// The error of an operation.
fn failed(op: &RequestOp, errno: Errno) -> LogError {
    LogError::Daemon { request: op.request_type().name(), errno: errno.number() }
}

impl<T: Transport> DirtyLog for UserspaceLog<T> {
    fn log_type(&self) -> LogType {
        LogType::Userspace
    }

    fn presuspend(&mut self) -> Result<(), LogError> {
        self.tell(&RequestOp::Presuspend)
    }

    fn postsuspend(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_postsuspend
        //= `if (lc->integrated_flush && atomic_read(&lc->sched_flush)) flush_delayed_work(&lc->flush_log_work);`
        self.run_delayed_flush();
        self.tell(&RequestOp::Postsuspend)
    }

    fn resume(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_resume `lc->in_sync_hint = 0;`
        self.in_sync_hint = 0;
        self.tell(&RequestOp::Resume)
    }

    fn get_region_size(&self) -> u32 {
        self.region_size_sectors
    }

    fn region_count(&self) -> u64 {
        self.region_count
    }

    fn is_clean(&mut self, region: Region) -> Result<bool, LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_is_clean `return (r) ? 0 : (int)is_clean;`
        let data = self.request(&RequestOp::IsClean { region }, buffer::NUMBER).unwrap_or_default();
        Ok(Fields(&data).u32(LOW_HALF) != 0)
    }

    fn in_sync(&mut self, region: Region, can_block: bool) -> Result<bool, LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_in_sync `if (!can_block) return -EWOULDBLOCK;`
        if !can_block {
            return Err(LogError::WouldBlock);
        }
        //= `return (r) ? 0 : (int)in_sync;`
        // dm_rh_get_state compares the result with 1.
        let data = self.request(&RequestOp::InSync { region }, buffer::NUMBER).unwrap_or_default();
        Ok(Fields(&data).u32(LOW_HALF) == 1)
    }

    fn flush(&mut self) -> Result<(), LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_flush
        //= `if (mark_list_is_empty && clear_list_is_empty) return 0;`
        let (marks, clears) = (self.mark_list.take(), self.clear_list.take());
        if marks.is_empty() && clears.is_empty() {
            return Ok(());
        }
        let result = self.flush_lists(marks, clears);
        if result.is_err() {
            //= `if (r) dm_table_event(lc->ti->table);`
            self.counts.table_events += 1;
        }
        result
    }

    fn mark_region(&mut self, region: Region) {
        self.mark_list.add(region);
    }

    fn clear_region(&mut self, region: Region) {
        self.clear_list.add(region);
    }

    fn get_resync_work(&mut self) -> Result<Option<Region>, LogError> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_get_resync_work
        //= `if (lc->in_sync_hint >= lc->region_count) return 0;`
        if self.in_sync_hint >= self.region_count {
            return Ok(None);
        }
        let op = RequestOp::GetResyncWork;
        let data = self.request(&op, buffer::PAIR).map_err(|errno| failed(&op, errno))?;
        //= `*region = pkg.r; return (r) ? r : (int)pkg.i;`
        // dm_rh_recovery_prepare takes what is above 0 as work.
        let has_work = Fields(&data).u32(LOW_HALF).cast_signed() > 0;
        Ok(has_work.then(|| Region(Fields(&data).u64(8))))
    }

    fn set_region_sync(&mut self, region: Region, in_sync: bool) {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_set_region_sync
        //= `It would be nice to be able to report failures.`
        drop(self.request(&RequestOp::SetRegionSync { region, in_sync }, buffer::NONE));
    }

    fn get_sync_count(&mut self) -> u64 {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_get_sync_count
        //= `if (r) return 0; if (sync_count >= lc->region_count) lc->in_sync_hint = lc->region_count;`
        let Ok(data) = self.request(&RequestOp::GetSyncCount, buffer::NUMBER) else { return 0 };
        let sync_count = Fields(&data).u64(0);
        if sync_count >= self.region_count {
            self.in_sync_hint = self.region_count;
        }
        sync_count
    }

    fn status(&mut self, status: StatusType) -> String {
        let name = self.log_type().name();
        match status {
            //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_status
            //= `if (r) { sz = 0; DMEMIT("%s 1 COM_FAILURE", log->type->name); }`
            StatusType::Info => match self.request(&RequestOp::StatusInfo, STATUS_BYTES_MAX) {
                Ok(data) => String::from_utf8_lossy(data.strip_suffix(&[0]).unwrap_or(&data)).into_owned(),
                Err(_) => format!("{name} 1 COM_FAILURE"),
            },
            //= `DMEMIT("%s %u %s ", log->type->name, lc->usr_argc, lc->uuid); if (lc->integrated_flush) DMEMIT("integrated_flush ");`
            //= `DMEMIT("%s ", table_args);`
            StatusType::Table => {
                let UserspaceArguments { uuid, is_integrated_flush, daemon_arguments } = &self.arguments;
                let count = 1 + usize::from(*is_integrated_flush) + daemon_arguments.len();
                let keyword = if *is_integrated_flush { "integrated_flush " } else { "" };
                format!("{name} {count} {uuid} {keyword}{} ", daemon_arguments.join(" "))
            }
            //= `case STATUSTYPE_IMA: *result = '\0';`
            StatusType::Ima => String::new(),
        }
    }

    fn is_remote_recovering(&mut self, region: Region) -> bool {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c userspace_is_remote_recovering
        //= `if (region < lc->in_sync_hint) return 0; else if (time_after(limit, jiffies)) return 1;`
        if region.0 < self.in_sync_hint {
            return false;
        }
        if !self.statics.may_ask_remote_recovering(self.now) {
            return true;
        }
        //= `if (r) return 1; lc->in_sync_hint = pkg.in_sync_hint; return (int)pkg.is_recovering;`
        let Ok(data) = self.request(&RequestOp::IsRemoteRecovering { region }, buffer::PAIR) else { return true };
        self.in_sync_hint = Fields(&data).u64(8);
        Fields(&data).u32(LOW_HALF) != 0
    }
}

/// Where the lower half of a 64-bit number at 0 lies: the kernel's `(int)` of an `int64_t`.
const LOW_HALF: usize = if cfg!(target_endian = "little") { 0 } else { 4 };

#[cfg(test)]
mod tests;
