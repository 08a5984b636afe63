//! Probes on dm-log: the core and the disk type. The disk type shares most of the core type's functions.

use dmlog_common::config::ABSENT;
use dmlog_common::record::{NONE, kind, touched};

use crate::emit::{Call, returned};
use crate::identity;
use crate::kernel::{is_asking, offset, probe, reads};
use crate::site::{Lane, Return, Returned, call_probe};
use crate::snapshot;

/// `STATUSTYPE_TABLE` of `status_type_t`.
const STATUS_TYPE_TABLE: u32 = 1;

/// For hooks that remember nothing from entry.
#[inline(always)]
pub fn nothing<L: Lane>(_site: &L) -> u64 {
    0
}

/// `void op(log)`.
#[inline(always)]
pub fn plain<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)))
}

/// `int op(log)`.
#[inline(always)]
pub fn int<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).result_int(result))
}

/// `u32 op(log)`.
#[inline(always)]
pub fn unsigned<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).result(i64::from(result as u32)))
}

/// `region_t op(log)`.
#[inline(always)]
pub fn count<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).result(result as i64))
}

/// `void op(log, region)`.
#[inline(always)]
pub fn region<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).region(site.argument(1)))
}

/// `int op(log, region)`.
#[inline(always)]
pub fn region_int<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).region(site.argument(1)).result_int(result))
}

/// `int in_sync(log, region, can_block)`. The read path asks without blocking; it is hot, and off unless asked for.
#[inline(always)]
pub fn in_sync<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    let can_block = site.argument(2) as u32 != 0;
    if !can_block && !reads() {
        return None;
    }
    Some(Call::of(site.argument(0)).region(site.argument(1)).arg(u64::from(can_block)).result_int(result))
}

/// `void set_region_sync(log, region, in_sync)`.
#[inline(always)]
pub fn set_region_sync<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    let in_sync = site.argument(2) as u32 != 0;
    Some(Call::of(site.argument(0)).region(site.argument(1)).arg(u64::from(in_sync)))
}

/// `int get_resync_work(log, *region)`: the region is behind the pointer, and only if the result is 1.
#[inline(always)]
pub fn get_resync_work<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    let call = Call::of(site.argument(0)).result_int(result);
    Some(if result as u32 == 1 { call.region_read(probe(site.argument(1), 0)) } else { call.region(NONE) })
}

/// `int status(log, type, result, maxlen)`. Asked for the table, it is also the moment to say what the log is: that is how
/// logs that existed before the start are identified.
#[inline(always)]
pub fn status<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).arg(u64::from(site.argument(1) as u32)).result_int(result))
}

/// Entry of a status call: identifies the log.
#[inline(always)]
pub fn identify<L: Lane, const HOOK: u16>(site: &L) -> u64 {
    identity::of_log::<L>(HOOK, site.argument(0));
    0
}

/// Entry of a status call of a log that has bits: if the capture asks, the log tells them too. Others ask often, and pay nothing.
#[inline(always)]
pub fn identify_with_bits<L: Lane, const HOOK: u16>(site: &L) -> u64 {
    identify::<L, HOOK>(site);
    if is_asking() && site.argument(1) as u32 == STATUS_TYPE_TABLE {
        snapshot::of_log::<L>(HOOK, site.argument(0));
    }
    0
}

/// `int resume(log)` of a log that has bits. They are at rest: the mirror starts recovery after this, and writes come later still.
/// The call is recorded here, before the bits that it left behind, whatever its result.
#[inline(always)]
pub fn resume<R: Return, const HOOK: u16, const IMPLEMENTATION: u16>(
    site: &R,
    returned_call: &Returned,
    result: u64,
) -> Option<Call> {
    if let Some(call) = int_and_identify::<R, HOOK>(site, returned_call, result) {
        returned::<R>(HOOK, kind::RESUME, IMPLEMENTATION, returned_call, &call);
    }
    snapshot::of_log::<R>(HOOK, site.argument(0));
    None
}

/// `int ctr(log, ti, argc, argv)` or `int resume(log)`: after success the log can say what it is.
#[inline(always)]
pub fn int_and_identify<R: Return, const HOOK: u16>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    if result as i32 == 0 {
        identity::of_log::<R>(HOOK, site.argument(0));
    }
    Some(Call::of(site.argument(0)).result_int(result))
}

/// Entry of `disk_flush`: why it is going to do what it does.
#[inline(always)]
pub fn touched_bits<L: Lane>(site: &L) -> u64 {
    let context: Option<u64> = L::member(site.argument(0), offset!(log_context));
    let Some(context) = context else { return 0 };
    // The two flags are neighbours in every known layout: one read for both.
    if offset!(log_c_touched_dirtied) == ABSENT
        || offset!(log_c_touched_cleaned) != offset!(log_c_touched_dirtied).wrapping_add(4)
    {
        return 0;
    }
    let Some(flags) = probe::<u64>(context, offset!(log_c_touched_dirtied)) else { return 0 };
    let dirtied = if flags as u32 != 0 { touched::DIRTIED } else { 0 };
    let cleaned = if flags >> 32 != 0 { touched::CLEANED } else { 0 };
    touched::KNOWN | dirtied | cleaned
}

/// `int disk_flush(log)`.
#[inline(always)]
pub fn disk_flush_call<R: Return>(site: &R, returned: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).arg(returned.extra).result_int(result))
}

/// `int core_flush(log)`: never does anything, whatever was touched.
#[inline(always)]
pub fn core_flush_call<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).arg(touched::KNOWN).result_int(result))
}

call_probe!(core_ctr, CORE_CTR, CTR, IMPL_CORE, arguments: 4, entry: nothing, call: int_and_identify::<_, HOOK>);
call_probe!(core_dtr, CORE_DTR, DTR, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(core_resume, CORE_RESUME, RESUME, IMPL_CORE, arguments: 1, entry: nothing, call: resume::<_, HOOK, { flag::IMPL_CORE }>);
call_probe!(core_get_region_size, CORE_GET_REGION_SIZE, GET_REGION_SIZE, IMPL_CORE, arguments: 1, entry: nothing, call: unsigned);
call_probe!(core_is_clean, CORE_IS_CLEAN, IS_CLEAN, IMPL_CORE, arguments: 2, entry: nothing, call: region_int);
call_probe!(core_in_sync, CORE_IN_SYNC, IN_SYNC, IMPL_CORE, arguments: 3, entry: nothing, call: in_sync);
call_probe!(core_flush, CORE_FLUSH, FLUSH, IMPL_CORE, arguments: 1, entry: nothing, call: core_flush_call);
call_probe!(core_mark_region, CORE_MARK_REGION, MARK_REGION, IMPL_CORE, arguments: 2, entry: nothing, call: region);
call_probe!(core_clear_region, CORE_CLEAR_REGION, CLEAR_REGION, IMPL_CORE, arguments: 2, entry: nothing, call: region);
call_probe!(core_get_resync_work, CORE_GET_RESYNC_WORK, GET_RESYNC_WORK, IMPL_CORE, arguments: 2, entry: nothing, call: get_resync_work);
call_probe!(core_set_region_sync, CORE_SET_REGION_SYNC, SET_REGION_SYNC, IMPL_CORE, arguments: 3, entry: nothing, call: set_region_sync);
call_probe!(core_get_sync_count, CORE_GET_SYNC_COUNT, GET_SYNC_COUNT, IMPL_CORE, arguments: 1, entry: nothing, call: count);
call_probe!(core_status, CORE_STATUS, STATUS, IMPL_CORE, arguments: 4, entry: identify_with_bits::<_, HOOK>, call: status);
call_probe!(disk_ctr, DISK_CTR, CTR, IMPL_DISK, arguments: 4, entry: nothing, call: int_and_identify::<_, HOOK>);
call_probe!(disk_dtr, DISK_DTR, DTR, IMPL_DISK, arguments: 1, entry: nothing, call: plain);
call_probe!(disk_resume, DISK_RESUME, RESUME, IMPL_DISK, arguments: 1, entry: nothing, call: resume::<_, HOOK, { flag::IMPL_DISK }>);
call_probe!(disk_flush, DISK_FLUSH, FLUSH, IMPL_DISK, arguments: 1, entry: touched_bits, call: disk_flush_call);
call_probe!(disk_status, DISK_STATUS, STATUS, IMPL_DISK, arguments: 4, entry: identify_with_bits::<_, HOOK>, call: status);
