//! The short way from a row to an operation, for those operations of which every single write causes one or more.
//!
//! What it cannot make sense of it leaves to the long way through [`Flat`](crate::event::flat::Flat), which knows every
//! operation and says what is wrong; a test compares the two for all operations.

use dmlog_common::record::kind;

use super::rows::Rows;
use crate::event::ids::{DurationNs, IoId, Region};
use crate::event::op::{FlushKind, LogOp, MirrorOp, Op, RegionHashOp};

impl Rows<'_> {
    /// The operation of a row, if it is one of the frequent ones and all its columns are as they should be.
    #[inline]
    pub(super) fn hot(&self, row: usize, code: u16) -> Option<Op> {
        match code {
            kind::IN_SYNC | kind::FLUSH | kind::MARK_REGION | kind::CLEAR_REGION | kind::GET_RESYNC_WORK => {
                Some(Op::Log(self.implementation(row)?, self.hot_log_op(row, code)?))
            }
            kind::RH_INC..=kind::RH_STOP_RECOVERY => Some(Op::RegionHash(self.hot_region_hash_op(row, code)?)),
            kind::END_IO | kind::PASS | kind::LEG_FLUSH | kind::WRITE_CALLBACK => {
                Some(Op::Mirror(self.hot_mirror_op(row, code)?))
            }
            _ => None,
        }
    }

    #[inline]
    fn hot_log_op(&self, row: usize, code: u16) -> Option<LogOp> {
        Some(match code {
            kind::IN_SYNC => {
                LogOp::InSync { region: self.region(row)?, can_block: self.flag(row)?, result: self.result(row)? }
            }
            kind::FLUSH => {
                let kind = match self.arg.get(row) {
                    None => None,
                    Some(number) => Some(FlushKind::from_number(i64::from_le_bytes(number))?),
                };
                LogOp::Flush { kind, result: self.result(row)? }
            }
            kind::MARK_REGION => LogOp::MarkRegion { region: self.region(row)? },
            kind::CLEAR_REGION => LogOp::ClearRegion { region: self.region(row)? },
            kind::GET_RESYNC_WORK => LogOp::GetResyncWork { region: self.region(row), result: self.result(row)? },
            _ => return None,
        })
    }

    #[inline]
    fn hot_region_hash_op(&self, row: usize, code: u16) -> Option<RegionHashOp> {
        Some(match code {
            kind::RH_INC => RegionHashOp::IncPending { region: self.region(row), io: self.io(row)? },
            kind::RH_DEC => RegionHashOp::DecPending { region: self.region(row)? },
            kind::RH_UPDATE_STATES => RegionHashOp::UpdateStates { errors_handled: self.flag(row)? },
            kind::RH_FLUSH => RegionHashOp::Flush { result: self.result(row)? },
            kind::RH_GET_STATE => RegionHashOp::GetState {
                region: self.region(row)?,
                may_block: self.flag(row)?,
                state: self.result(row)?,
            },
            kind::RH_RECOVERY_PREPARE => RegionHashOp::RecoveryPrepare,
            kind::RH_RECOVERY_START => RegionHashOp::RecoveryStart { region: self.region(row) },
            _ => return None,
        })
    }

    #[inline]
    fn hot_mirror_op(&self, row: usize, code: u16) -> Option<MirrorOp> {
        Some(match code {
            kind::END_IO => {
                let latency = self.duration_ns.get(row).map(|ns| DurationNs(u64::from_le_bytes(ns)));
                MirrorOp::EndIo { io: self.io(row)?, latency, status: self.result(row)? }
            }
            kind::PASS => MirrorOp::Pass,
            kind::LEG_FLUSH => MirrorOp::LegFlush { result: self.result(row)? },
            kind::WRITE_CALLBACK => {
                let failed_legs = u64::from_le_bytes(self.result.get(row)?);
                MirrorOp::WriteCallback { io: self.io(row)?, failed_legs }
            }
            _ => return None,
        })
    }

    #[inline]
    fn region(&self, row: usize) -> Option<Region> {
        self.region.get(row).map(|region| Region(u64::from_le_bytes(region)))
    }

    #[inline]
    fn io(&self, row: usize) -> Option<IoId> {
        self.io.get(row).map(|io| IoId(u64::from_le_bytes(io)))
    }

    #[inline]
    fn result(&self, row: usize) -> Option<i32> {
        i32::try_from(i64::from_le_bytes(self.result.get(row)?)).ok()
    }

    #[inline]
    fn flag(&self, row: usize) -> Option<bool> {
        match i64::from_le_bytes(self.arg.get(row)?) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}
