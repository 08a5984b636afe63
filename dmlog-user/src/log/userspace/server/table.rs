//! One table of a log: what the kernel knows under one LUID.

use std::fmt;

use super::super::ids::{Errno, Luid};
use super::super::reply::Answer;
use super::super::request::RequestOp;
use super::errno_of;
use crate::event::ids::Region;
use crate::log::dirty_log::{DirtyLog, LogError, StatusType};
use crate::log::region_set::RegionSet;

/// Where a table is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Made; in the kernel's inactive slot, or on its way there, or forgotten.
    Constructed,
    /// Resumed.
    Live,
    /// Suspended.
    Suspended,
    /// Its state went to the next table; a `DTR` will come.
    HandedOver,
}

/// A log that is served.
pub(super) struct Served {
    log: Box<dyn DirtyLog + Send>,
    /// Handed out as resync work and not yet back. Asked again, the same one is given: the kernel may have lost the
    /// reply.
    handed_out: Option<Region>,
    /// No region below this one is out of sync.
    in_sync_hint: u64,
    /// Regions that the kernel may be writing to without our having its mark; see [`Table::new`].
    presumed: Option<RegionSet>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, handed_out, in_sync_hint, presumed } = self;
        f.debug_struct("Served")
            .field("log_type", &log.log_type())
            .field("handed_out", handed_out)
            .field("in_sync_hint", in_sync_hint)
            .field("presumed", presumed)
            .finish()
    }
}

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    /// `None` once the kernel has given the number to another table.
    pub(super) luid: Option<Luid>,
    pub(super) constructor: String,
    pub(super) log_dev: Option<String>,
    pub(super) phase: Phase,
    region_size_sectors: u32,
    /// `None` when it was handed over.
    served: Option<Served>,
}

impl Table {
    /// A table that was just constructed.
    ///
    /// `is_reconnect`: the kernel has been using the log with a daemon that is gone. That one may have died between a
    /// `MARK_REGION` and the `FLUSH` behind it. The kernel then sends the `FLUSH` to us and takes the answer for both,
    /// so every region is presumed to be marked until the mirror is suspended.
    pub(super) fn new(
        luid: Luid,
        constructor: String,
        log_dev: Option<String>,
        log: Box<dyn DirtyLog + Send>,
        is_reconnect: bool,
    ) -> Self {
        let presumed = is_reconnect.then(|| RegionSet::new_full(log.region_count()));
        Self {
            luid: Some(luid),
            constructor,
            log_dev,
            phase: Phase::Constructed,
            region_size_sectors: log.get_region_size(),
            served: Some(Served { log, handed_out: None, in_sync_hint: 0, presumed }),
        }
    }

    /// The state of the predecessor becomes that of this table.
    pub(super) fn take_over(&mut self, predecessor: &mut Self) {
        self.served = predecessor.served.take();
        predecessor.phase = Phase::HandedOver;
    }

    /// `RESUME`. The mirror goes live whether or not this succeeds.
    pub(super) fn resume(&mut self) -> Result<(), Errno> {
        self.phase = Phase::Live;
        let Some(served) = &mut self.served else { return Err(Errno::EINVAL) };
        served.in_sync_hint = 0;
        served.log.resume().map_err(|error| errno_of(&error))?;
        served.mark_presumed().map_err(|error| errno_of(&error))
    }

    /// Everything but `CTR`, `DTR` and `RESUME`.
    pub(super) fn answer(&mut self, op: &RequestOp) -> Result<Answer, Errno> {
        if let RequestOp::GetRegionSize = op {
            return Ok(Answer::RegionSize(u64::from(self.region_size_sectors)));
        }
        let Some(served) = &mut self.served else {
            // The table has nothing left to suspend.
            return match op {
                RequestOp::Presuspend | RequestOp::Postsuspend => Ok(Answer::Done),
                _ => Err(Errno::EINVAL),
            };
        };
        let answer = served.answer(op);
        if let (RequestOp::Postsuspend, Phase::Live) = (op, self.phase) {
            self.phase = Phase::Suspended;
        }
        answer
    }
}

impl Served {
    fn answer(&mut self, op: &RequestOp) -> Result<Answer, Errno> {
        self.check(op)?;
        let log = &mut self.log;
        let done = |result: Result<(), LogError>| result.map(|()| Answer::Done).map_err(|error| errno_of(&error));
        match op {
            RequestOp::Presuspend => done(log.presuspend()),
            RequestOp::Postsuspend => {
                self.clear_presumed();
                done(self.log.postsuspend())
            }
            RequestOp::IsClean { region } => log.is_clean(*region).map(Answer::IsClean).map_err(|e| errno_of(&e)),
            RequestOp::InSync { region } => log.in_sync(*region, true).map(Answer::InSync).map_err(|e| errno_of(&e)),
            RequestOp::Flush { marks } => {
                self.mark(marks);
                done(self.log.flush())
            }
            RequestOp::MarkRegion { regions } => {
                self.mark(regions);
                Ok(Answer::Done)
            }
            RequestOp::ClearRegion { regions } => {
                for region in regions {
                    self.known(*region);
                    self.log.clear_region(*region);
                }
                Ok(Answer::Done)
            }
            RequestOp::GetResyncWork => self.resync_work().map(Answer::ResyncWork).map_err(|error| errno_of(&error)),
            RequestOp::SetRegionSync { region, in_sync } => {
                self.set_region_sync(*region, *in_sync).map(|()| Answer::Done).map_err(|error| errno_of(&error))
            }
            RequestOp::GetSyncCount => Ok(Answer::SyncCount(log.get_sync_count())),
            RequestOp::StatusInfo => Ok(Answer::Status(log.status(StatusType::Info))),
            RequestOp::StatusTable => Ok(Answer::Status(log.status(StatusType::Table))),
            RequestOp::IsRemoteRecovering { region } => {
                let is_recovering = log.is_remote_recovering(*region);
                self.find_hint().map_err(|error| errno_of(&error))?;
                Ok(Answer::RemoteRecovering { is_recovering, in_sync_hint: Region(self.in_sync_hint) })
            }
            RequestOp::Ctr { .. } | RequestOp::Dtr | RequestOp::Resume | RequestOp::GetRegionSize => Err(Errno::EINVAL),
        }
    }

    fn mark(&mut self, regions: &[Region]) {
        for region in regions {
            self.known(*region);
            self.log.mark_region(*region);
        }
    }

    /// The kernel has said itself whether it writes to the region.
    fn known(&mut self, region: Region) {
        if let Some(presumed) = &mut self.presumed {
            presumed.remove(region);
        }
    }

    fn mark_presumed(&mut self) -> Result<(), LogError> {
        let Some(presumed) = &self.presumed else { return Ok(()) };
        for run in presumed.set_runs() {
            for region in run.first.0..=run.last.0 {
                self.log.mark_region(Region(region));
            }
        }
        self.log.flush()
    }

    /// The mirror is suspended, so nobody writes to a region whose mark we do not have.
    fn clear_presumed(&mut self) {
        let Some(presumed) = self.presumed.take() else { return };
        for run in presumed.set_runs() {
            for region in (run.first.0..=run.last.0).map(Region) {
                if self.log.in_sync(region, true).is_ok_and(|is_in_sync| is_in_sync) {
                    self.log.clear_region(region);
                }
            }
        }
    }

    /// Regions that the log does not have are refused before anything is done.
    fn check(&self, op: &RequestOp) -> Result<(), Errno> {
        let count = self.log.region_count();
        let is_known = match op {
            RequestOp::IsClean { region }
            | RequestOp::InSync { region }
            | RequestOp::IsRemoteRecovering { region }
            | RequestOp::SetRegionSync { region, .. } => region.0 < count,
            RequestOp::Flush { marks: regions }
            | RequestOp::MarkRegion { regions }
            | RequestOp::ClearRegion { regions } => regions.iter().all(|region| region.0 < count),
            _ => true,
        };
        if is_known { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn resync_work(&mut self) -> Result<Option<Region>, LogError> {
        if self.handed_out.is_none() {
            self.handed_out = self.log.get_resync_work()?;
        }
        Ok(self.handed_out)
    }

    /// The log counts every region that is set in sync, whether it was or not. A request that comes twice must not.
    fn set_region_sync(&mut self, region: Region, in_sync: bool) -> Result<(), LogError> {
        let is_first = self.handed_out == Some(region) || self.log.in_sync(region, true)? != in_sync;
        if is_first {
            self.log.set_region_sync(region, in_sync);
        }
        if self.handed_out == Some(region) {
            self.handed_out = None;
        }
        if !in_sync {
            self.in_sync_hint = self.in_sync_hint.min(region.0);
        }
        Ok(())
    }

    /// Moves the hint to the first region that is out of sync, or to the end. As high as the truth allows: at and above
    /// it the kernel delays writes by 200 ms and more to ask.
    fn find_hint(&mut self) -> Result<(), LogError> {
        while self.in_sync_hint < self.log.region_count() && self.log.in_sync(Region(self.in_sync_hint), true)? {
            self.in_sync_hint += 1;
        }
        Ok(())
    }
}
