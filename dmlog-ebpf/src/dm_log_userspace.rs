//! Probes on dm-log-userspace: the userspace type, and its round trips to the daemon.

use crate::dm_log::{
    count, get_resync_work, identify, in_sync, int, int_and_identify, nothing, plain, region, region_int,
    set_region_sync, status, unsigned,
};
use crate::emit::Call;
use crate::site::{Return, Returned, call_probe};

/// `int flush(log)`: what was touched is a list here, not a flag; the kind is told from the requests it sends.
#[inline(always)]
pub fn flush<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).result_int(result))
}

/// `int dm_consult_userspace(uuid, luid, request_type, …)`. The luid is the address of the log's context.
#[inline(always)]
pub fn consult<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(1)).arg(u64::from(site.argument(2) as u32)).result_int(result))
}

call_probe!(userspace_ctr, USERSPACE_CTR, CTR, IMPL_USERSPACE, arguments: 4, entry: nothing, call: int_and_identify::<_, HOOK>);
call_probe!(userspace_dtr, USERSPACE_DTR, DTR, IMPL_USERSPACE, arguments: 1, entry: nothing, call: plain);
call_probe!(userspace_presuspend, USERSPACE_PRESUSPEND, PRESUSPEND, IMPL_USERSPACE, arguments: 1, entry: nothing, call: int);
call_probe!(userspace_postsuspend, USERSPACE_POSTSUSPEND, POSTSUSPEND, IMPL_USERSPACE, arguments: 1, entry: nothing, call: int);
call_probe!(userspace_resume, USERSPACE_RESUME, RESUME, IMPL_USERSPACE, arguments: 1, entry: nothing, call: int_and_identify::<_, HOOK>);
call_probe!(userspace_get_region_size, USERSPACE_GET_REGION_SIZE, GET_REGION_SIZE, IMPL_USERSPACE, arguments: 1, entry: nothing, call: unsigned);
call_probe!(userspace_is_clean, USERSPACE_IS_CLEAN, IS_CLEAN, IMPL_USERSPACE, arguments: 2, entry: nothing, call: region_int);
call_probe!(userspace_in_sync, USERSPACE_IN_SYNC, IN_SYNC, IMPL_USERSPACE, arguments: 3, entry: nothing, call: in_sync);
call_probe!(userspace_flush, USERSPACE_FLUSH, FLUSH, IMPL_USERSPACE, arguments: 1, entry: nothing, call: flush);
call_probe!(userspace_mark_region, USERSPACE_MARK_REGION, MARK_REGION, IMPL_USERSPACE, arguments: 2, entry: nothing, call: region);
call_probe!(userspace_clear_region, USERSPACE_CLEAR_REGION, CLEAR_REGION, IMPL_USERSPACE, arguments: 2, entry: nothing, call: region);
call_probe!(userspace_get_resync_work, USERSPACE_GET_RESYNC_WORK, GET_RESYNC_WORK, IMPL_USERSPACE, arguments: 2, entry: nothing, call: get_resync_work);
call_probe!(userspace_set_region_sync, USERSPACE_SET_REGION_SYNC, SET_REGION_SYNC, IMPL_USERSPACE, arguments: 3, entry: nothing, call: set_region_sync);
call_probe!(userspace_get_sync_count, USERSPACE_GET_SYNC_COUNT, GET_SYNC_COUNT, IMPL_USERSPACE, arguments: 1, entry: nothing, call: count);
call_probe!(userspace_status, USERSPACE_STATUS, STATUS, IMPL_USERSPACE, arguments: 4, entry: identify::<_, HOOK>, call: status);
call_probe!(userspace_is_remote_recovering, USERSPACE_IS_REMOTE_RECOVERING, IS_REMOTE_RECOVERING, IMPL_USERSPACE, arguments: 2, entry: nothing, call: region_int);
call_probe!(dm_consult_userspace, DM_CONSULT_USERSPACE, CONSULT, IMPL_USERSPACE, arguments: 7, entry: nothing, call: consult);
