//! What a capture sees of the mirror, and what it loses.

use dmlog_user::event::ids::{DurationNs, LogId, MonoNs};
use dmlog_user::event::item::{Gap, Item, LossCause};
use dmlog_user::event::op::{Event, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::event::sequence::Lane;

/// CPUs of the machine.
pub(crate) const CPUS: u16 = 3;

/// Where a thread is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) cpu: u16,
    pub(crate) tid: u32,
}

/// The stream in the making.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) items: Vec<Item>,
    lanes: [Lane; CPUS as usize],
    counts: [u32; CPUS as usize],
    /// Before this time no hook is attached.
    pub(crate) from: u64,
    /// Hooks below this number are detached.
    pub(crate) detached: u16,
    /// So many records find no room.
    pub(crate) full_for: u32,
    /// Records that were lost.
    pub(crate) lost: u64,
}

impl Capture {
    pub(crate) fn new(from: u64) -> Self {
        Self {
            items: Vec::new(),
            lanes: Default::default(),
            counts: [0; CPUS as usize],
            from,
            detached: 0,
            full_for: 0,
            lost: 0,
        }
    }

    /// Puts an event into the stream; gives its place there.
    pub(crate) fn emit(&mut self, log: u32, at: Place, time: u64, duration: Option<u64>, op: Op) -> Option<usize> {
        // A call that was under way when its hook was attached is not seen.
        if time - duration.unwrap_or(0) < self.from || hook(&op) < self.detached {
            return None;
        }
        let cpu = usize::from(at.cpu);
        let seq = self.counts[cpu];
        self.counts[cpu] += 1;
        if self.full_for > 0 {
            self.full_for -= 1;
            self.lost += 1;
            return None;
        }
        self.tell(at.cpu, self.lanes[cpu].clone().observe(seq), time);
        self.lanes[cpu].observe(seq);
        let event = Event {
            time: MonoNs(time),
            cpu: at.cpu,
            tid: at.tid,
            log: LogId(log),
            duration: duration.map(DurationNs),
            op,
        };
        self.items.push(Item::Event(event));
        Some(self.items.len() - 1)
    }

    fn tell(&mut self, cpu: u16, lost: u64, time: u64) {
        if lost > 0 {
            let gap = Gap { time: MonoNs(time), cpu: Some(cpu), lost: Some(lost), cause: LossCause::RingFull };
            self.items.push(Item::Gap(gap));
        }
    }

    /// Ends the capture, and tells what is still to be told.
    pub(crate) fn finish(&mut self, time: u64) {
        for cpu in 0..CPUS {
            let place = usize::from(cpu);
            let lost = self.lanes[place].finish(self.counts[place]);
            self.tell(cpu, lost, time);
        }
    }
}

/// Number of the hook that sees an operation.
pub(crate) fn hook(op: &Op) -> u16 {
    use dmlog_common::hooks as h;
    match op {
        Op::Log(LogImpl::Disk, op) => match op {
            LogOp::Ctr { .. } => h::DISK_CTR,
            LogOp::Dtr => h::DISK_DTR,
            LogOp::Resume { .. } => h::DISK_RESUME,
            LogOp::Flush { .. } => h::DISK_FLUSH,
            _ => h::DISK_STATUS,
        },
        Op::Log(_, op) => match op {
            LogOp::Ctr { .. } => h::CORE_CTR,
            LogOp::Dtr => h::CORE_DTR,
            LogOp::Resume { .. } => h::CORE_RESUME,
            LogOp::Flush { .. } => h::CORE_FLUSH,
            LogOp::InSync { .. } => h::CORE_IN_SYNC,
            LogOp::MarkRegion { .. } => h::CORE_MARK_REGION,
            LogOp::ClearRegion { .. } => h::CORE_CLEAR_REGION,
            LogOp::GetResyncWork { .. } => h::CORE_GET_RESYNC_WORK,
            LogOp::SetRegionSync { .. } => h::CORE_SET_REGION_SYNC,
            LogOp::GetSyncCount { .. } => h::CORE_GET_SYNC_COUNT,
            _ => h::CORE_STATUS,
        },
        Op::RegionHash(op) => match op {
            RegionHashOp::IncPending { .. } => h::DM_RH_INC_PENDING,
            RegionHashOp::DecPending { .. } => h::DM_RH_DEC,
            RegionHashOp::MarkNosync { .. } => h::DM_RH_MARK_NOSYNC,
            RegionHashOp::GetState { .. } => h::DM_RH_GET_STATE,
            _ => h::DM_RH_START_RECOVERY,
        },
        Op::Mirror(MirrorOp::LegFlush { .. }) => h::MIRROR_FLUSH,
        Op::Identity(_) => h::DISK_STATUS,
        _ => h::DO_MIRROR,
    }
}
