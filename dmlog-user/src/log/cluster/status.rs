//! The words of a cluster log in a status line, and the answers that a node gives without knowing the state.

use super::protocol::{NodeConfig, Storage};
use crate::event::ids::Region;
use crate::log::userspace::ids::Errno;
use crate::log::userspace::reply::Answer;
use crate::log::userspace::request::RequestOp;

/// `STATUS_INFO`, in the words of cmirrord. A log device of a cluster has no `F`.
pub(super) fn info(config: &NodeConfig, is_log_device_failed: bool) -> String {
    match &config.storage {
        Storage::Memory => "1 clustered-core".to_owned(),
        Storage::LogDevice(device) => {
            format!("3 clustered-disk {device} {}", if is_log_device_failed { 'D' } else { 'A' })
        }
    }
}

/// `STATUS_TABLE`. The kernel never asks.
fn table(config: &NodeConfig) -> String {
    let sync = config.sync_option.table_words();
    let size = config.geometry.region_size_sectors();
    let count = u8::from(!sync.is_empty());
    match &config.storage {
        Storage::Memory => format!("clustered-core {} {size} {sync}", 1 + count),
        Storage::LogDevice(device) => format!("clustered-disk {} {device} {size} {sync}", 2 + count),
    }
}

/// What a node answers at any time, and whether or not it has the state.
pub(super) fn always(config: &NodeConfig, op: &RequestOp) -> Option<Result<Answer, Errno>> {
    let count = config.geometry.region_count();
    match op {
        RequestOp::Ctr { is_reconnect, .. } => {
            let device = match &config.storage {
                Storage::LogDevice(device) if !is_reconnect => Some(device.clone()),
                _ => None,
            };
            Some(Ok(Answer::LogDevice(device)))
        }
        RequestOp::GetRegionSize => Some(Ok(Answer::RegionSize(u64::from(config.geometry.region_size_sectors())))),
        RequestOp::StatusTable => Some(Ok(Answer::Status(table(config)))),
        RequestOp::IsClean { region }
        | RequestOp::InSync { region }
        | RequestOp::IsRemoteRecovering { region }
        | RequestOp::SetRegionSync { region, .. }
            if region.0 >= count =>
        {
            Some(Err(Errno::EINVAL))
        }
        RequestOp::Flush { marks: regions }
        | RequestOp::MarkRegion { regions }
        | RequestOp::ClearRegion { regions }
            if regions.iter().any(|region| region.0 >= count) =>
        {
            Some(Err(Errno::EINVAL))
        }
        _ => None,
    }
}

/// What a node without the state can say without claiming anything. `None`: it has to wait.
///
/// A clear or a recovery that nobody hears of leaves a region dirtier than it is, which is safe. A region that is not
/// in sync would be written to on one leg without a mark, so that question waits; so do marks and flushes.
pub(super) fn claiming_nothing(config: &NodeConfig, op: &RequestOp) -> Option<Answer> {
    match op {
        RequestOp::IsClean { .. } => Some(Answer::IsClean(false)),
        RequestOp::GetSyncCount => Some(Answer::SyncCount(0)),
        RequestOp::GetResyncWork => Some(Answer::ResyncWork(None)),
        RequestOp::IsRemoteRecovering { .. } => {
            Some(Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(0) })
        }
        RequestOp::StatusInfo => Some(Answer::Status(info(config, false))),
        RequestOp::Presuspend | RequestOp::ClearRegion { .. } | RequestOp::SetRegionSync { in_sync: true, .. } => {
            Some(Answer::Done)
        }
        _ => None,
    }
}
