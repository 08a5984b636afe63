//! `do_mirror`: one pass of the worker, step by step as drivers/md/dm-raid1.c has it.

use dmlog_user::event::ids::{IoId, Region};
use dmlog_user::event::op::{FlushKind, LogOp, MirrorOp, Op, RegionHashOp};

use super::jobs::{Bio, BioKind};
use super::mirror::{Beside, Mirror, Run};
use super::region_hash::State;
use super::shapes;

impl Mirror {
    /// `do_mirror`; tells whether it was asked for again meanwhile.
    pub(super) fn pass(&mut self) -> Run {
        self.run = Run::Pass;
        let start_ns = self.now_ns;
        self.update_states();
        self.do_recovery();
        self.do_writes();
        self.returns(start_ns, Op::Mirror(MirrorOp::Pass));
        std::mem::replace(&mut self.run, Run::Idle)
    }

    /// `dm_rh_update_states`: the log hears of what is clean again, and is flushed whether or not there was anything.
    fn update_states(&mut self) {
        let start_ns = self.now_ns;
        let (recovered, clean) = self.hash.update();
        for (region, delayed) in recovered {
            self.clear(region);
            self.log.set_in_sync(region);
            self.call(&shapes::SET_REGION_SYNC, LogOp::SetRegionSync { region: Region(region), in_sync: true });
            self.writes.extend(delayed);
            self.hash.may_recover = true;
        }
        for region in clean {
            self.clear(region);
        }
        self.flush();
        self.returns(start_ns, Op::RegionHash(RegionHashOp::UpdateStates { errors_handled: true }));
    }

    fn clear(&mut self, region: u64) {
        self.log.clear(region);
        self.call(&shapes::CLEAR_REGION, LogOp::ClearRegion { region: Region(region) });
    }

    /// The log's `flush`; a core log has nothing to write and keeps its touched flags.
    fn flush(&mut self) {
        self.pause(&shapes::STEP);
        let start_ns = self.now_ns;
        let mut kind = FlushKind::NoOp;
        if self.is_disk {
            if self.log.has_cleaned() {
                self.pause(&shapes::STEP);
                let took_ns = self.pause(&shapes::LEG_FLUSH);
                self.emit(self.now_ns, self.worker, Some(took_ns), Op::Mirror(MirrorOp::LegFlush { result: 0 }));
            }
            kind = self.log.flush();
        }
        self.pause(match kind {
            FlushKind::Dirtied => &shapes::FLUSH_DIRTIED,
            FlushKind::CleanedOnly => &shapes::FLUSH_CLEANED,
            FlushKind::NoOp => &shapes::FLUSH_NO_OP,
        });
        let op = LogOp::Flush { kind: Some(kind), result: 0 };
        self.emit(self.now_ns, self.worker, Some(self.now_ns - start_ns), Op::Log(self.implementation(), op));
    }

    fn ask_in_sync(&mut self, region: u64) -> bool {
        let in_sync = self.log.in_sync(region);
        let op = LogOp::InSync { region: Region(region), can_block: true, result: i32::from(in_sync) };
        self.call(&shapes::IN_SYNC, op);
        in_sync
    }

    /// `do_recovery`: at most one region of a mirror is in recovery.
    fn do_recovery(&mut self) {
        let start_ns = self.now_ns;
        if self.hash.may_recover {
            let work = self.log.get_resync_work();
            let op = LogOp::GetResyncWork { region: work.map(Region), result: i32::from(work.is_some()) };
            self.call(&shapes::GET_RESYNC_WORK, op);
            if let Some(region) = work {
                if self.hash.state(region).is_none() {
                    let in_sync = self.ask_in_sync(region);
                    self.hash.insert(region, in_sync);
                }
                self.hash.prepare(region);
            }
        }
        self.returns(start_ns, Op::RegionHash(RegionHashOp::RecoveryPrepare));
        loop {
            self.pause(&shapes::STEP);
            let quiesced = self.hash.start();
            let took_ns = self.pause(&shapes::RECOVERY_START);
            let region = quiesced.map(Region);
            let op = Op::RegionHash(RegionHashOp::RecoveryStart { region });
            self.emit(self.now_ns, self.worker, Some(took_ns), op);
            let Some(quiesced) = quiesced else { break };
            self.pause(&shapes::STEP);
            self.emit(self.now_ns, self.worker, None, Op::Mirror(MirrorOp::Recover { region }));
            let took_ns = self.random.draw(&shapes::COPY);
            self.later(took_ns, Beside::Copied { region: quiesced, took_ns });
        }
        if !self.in_sync {
            self.call(&shapes::GET_SYNC_COUNT, LogOp::GetSyncCount { count: self.log.sync_count });
            self.in_sync = self.log.is_whole();
        }
    }

    /// `do_writes`: nothing at all happens where there is no write.
    fn do_writes(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let (mut sync, mut nosync, mut recover) = (Vec::new(), Vec::new(), Vec::new());
        for bio in std::mem::take(&mut self.writes) {
            if bio.kind == BioKind::Flush {
                sync.push(bio);
                continue;
            }
            match self.get_state(bio.region) {
                State::Clean | State::Dirty => sync.push(bio),
                State::Nosync => nosync.push(bio),
                State::Recovering => recover.push(bio),
            }
        }
        self.inc_pending(&sync);
        self.inc_pending(&nosync);
        let start_ns = self.now_ns;
        self.flush();
        self.returns(start_ns, Op::RegionHash(RegionHashOp::Flush { result: 0 }));
        for bio in sync {
            self.pause(&shapes::STEP);
            self.issue(self.now_ns, bio);
        }
        for bio in recover {
            self.pause(&shapes::COUNTED);
            let (region, io) = (Some(Region(bio.region)), IoId(bio.number));
            self.emit(self.now_ns, self.worker, None, Op::RegionHash(RegionHashOp::Delay { region, io }));
            self.hash.delay(bio.region, bio);
        }
        for bio in nosync {
            self.pause(&shapes::STEP);
            self.issue(self.now_ns, bio);
        }
    }

    /// `dm_rh_get_state`: what is not in the hash is asked of the log.
    fn get_state(&mut self, region: u64) -> State {
        self.pause(&shapes::STEP);
        let start_ns = self.now_ns;
        let state = match self.hash.state(region) {
            Some(state) => state,
            None if self.ask_in_sync(region) => State::Clean,
            None => State::Nosync,
        };
        let op = RegionHashOp::GetState { region: Region(region), may_block: true, state: state as i32 };
        self.returns(start_ns, Op::RegionHash(op));
        state
    }

    /// `dm_rh_inc_pending`: the probe tells all bios at its entry, then come the calls of the log.
    fn inc_pending(&mut self, bios: &[Bio]) {
        let counted = || bios.iter().filter(|bio| bio.kind == BioKind::Write);
        for bio in counted() {
            self.pause(&shapes::COUNTED);
            let (region, io) = (Some(Region(bio.region)), IoId(bio.number));
            self.emit(self.now_ns, self.worker, None, Op::RegionHash(RegionHashOp::IncPending { region, io }));
        }
        for bio in counted() {
            if self.hash.state(bio.region).is_none() {
                let in_sync = self.ask_in_sync(bio.region);
                self.hash.insert(bio.region, in_sync);
            }
            if self.hash.inc(bio.region) {
                self.log.mark(bio.region);
                self.call(&shapes::MARK_REGION, LogOp::MarkRegion { region: Region(bio.region) });
            }
        }
    }
}
