//! Probes on dm-region-hash: states and pending writes of regions, and their recovery.

use aya_log_ebpf::warn;
use dmlog_common::record::{NONE, flag, kind};

use crate::dm_log::nothing;
use crate::emit::{Call, entered};
use crate::kernel::offset;
use crate::site::{Lane, Return, Returned, call_probe, entry_probe};

/// Writes of one `dm_rh_inc_pending` that are reported one by one; the mirror hands over what was queued since its last
/// pass. One more is reported as truncated.
const BIOS_MAX: usize = 128;

/// `REQ_PREFLUSH` and `REQ_OP_DISCARD`: `dm_rh_inc_pending` passes over them.
const PREFLUSH: u32 = 1 << 18;
const OP_MASK: u32 = 0xff;
const OP_DISCARD: u32 = 3;

/// Region of a bio, as `dm_rh_bio_to_region` computes it.
#[inline(always)]
fn region_of<L: Lane>(rh: u64, bio: u64) -> Option<u64> {
    let sector: u64 = L::member(bio, offset!(bio_sector))?;
    let begin: u64 = L::member(rh, offset!(rh_target_begin))?;
    let shift: u32 = L::member(rh, offset!(rh_region_shift))?;
    Some(sector.wrapping_sub(begin) >> (shift & 63))
}

/// `void dm_rh_inc_pending(rh, bios)`: one record for each write in the list.
#[inline(always)]
pub fn inc_pending<L: Lane>(site: &L, hook: u16) {
    let rh = site.argument(0);
    let mut bio: u64 = L::member(site.argument(1), offset!(bio_list_head)).unwrap_or(0);
    let mut i = 0;
    while i < BIOS_MAX {
        if bio == 0 {
            return;
        }
        let opf: u32 = L::member(bio, offset!(bio_opf)).unwrap_or(0);
        if opf & PREFLUSH == 0 && opf & OP_MASK != OP_DISCARD {
            let mut call = Call::of(L::log_or_hash(rh)).arg(bio).region_read(region_of::<L>(rh, bio));
            if i == BIOS_MAX - 1 {
                call.flags |= flag::TRUNCATED;
                warn!((), "more than {} writes in one pass", BIOS_MAX as u32);
            }
            entered::<L>(hook, kind::RH_INC, &call);
        }
        bio = L::member(bio, offset!(bio_next)).unwrap_or(0);
        i += 1;
    }
}

/// `void dm_rh_dec(rh, region)`; runs in interrupts.
#[inline(always)]
pub fn dec<L: Lane>(site: &L, hook: u16) {
    entered::<L>(hook, kind::RH_DEC, &Call::of(L::log_or_hash(site.argument(0))).region(site.argument(1)));
}

/// `void dm_rh_mark_nosync(rh, bio)`.
#[inline(always)]
pub fn mark_nosync<L: Lane>(site: &L, hook: u16) {
    let (rh, bio) = (site.argument(0), site.argument(1));
    entered::<L>(
        hook,
        kind::RH_MARK_NOSYNC,
        &Call::of(L::log_or_hash(rh)).arg(bio).region_read(region_of::<L>(rh, bio)),
    );
}

/// `void dm_rh_delay(rh, bio)`.
#[inline(always)]
pub fn delay<L: Lane>(site: &L, hook: u16) {
    let (rh, bio) = (site.argument(0), site.argument(1));
    entered::<L>(hook, kind::RH_DELAY, &Call::of(L::log_or_hash(rh)).arg(bio).region_read(region_of::<L>(rh, bio)));
}

/// `void dm_rh_recovery_end(region, success)`; the region says which hash it is in.
#[inline(always)]
pub fn recovery_end<L: Lane>(site: &L, hook: u16) {
    let region = site.argument(0);
    let rh: u64 = L::member(region, offset!(region_rh)).unwrap_or(0);
    let success = site.argument(1) as u32 != 0;
    let call = Call::of(L::log_or_hash(rh)).region_read(L::member(region, offset!(region_key))).arg(u64::from(success));
    entered::<L>(hook, kind::RH_RECOVERY_END, &call);
}

/// `void dm_rh_start_recovery(rh)`.
#[inline(always)]
pub fn start_recovery<L: Lane>(site: &L, hook: u16) {
    entered::<L>(hook, kind::RH_START_RECOVERY, &Call::of(L::log_or_hash(site.argument(0))));
}

/// `void op(rh)`.
#[inline(always)]
pub fn plain<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    Some(Call::of(R::log_or_hash(site.argument(0))))
}

/// `int op(rh)`.
#[inline(always)]
pub fn int<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    Some(Call::of(R::log_or_hash(site.argument(0))).result_int(result))
}

/// `void dm_rh_update_states(rh, errors_handled)`.
#[inline(always)]
pub fn update_states<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    Some(Call::of(R::log_or_hash(site.argument(0))).arg(u64::from(site.argument(1) as u32 != 0)))
}

/// `int dm_rh_get_state(rh, region, may_block)`.
#[inline(always)]
pub fn get_state<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    let may_block = site.argument(2) as u32 != 0;
    Some(
        Call::of(R::log_or_hash(site.argument(0)))
            .region(site.argument(1))
            .arg(u64::from(may_block))
            .result_int(result),
    )
}

/// `struct dm_region *dm_rh_recovery_start(rh)`.
#[inline(always)]
pub fn recovery_start<R: Return>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    let call = Call::of(R::log_or_hash(site.argument(0)));
    Some(if result == 0 {
        call.region(NONE)
    } else {
        call.region_read(crate::kernel::probe(result, offset!(region_key)))
    })
}

entry_probe!(dm_rh_inc_pending, DM_RH_INC_PENDING, inc_pending);
entry_probe!(dm_rh_dec, DM_RH_DEC, dec);
entry_probe!(dm_rh_mark_nosync, DM_RH_MARK_NOSYNC, mark_nosync);
entry_probe!(dm_rh_delay, DM_RH_DELAY, delay);
entry_probe!(dm_rh_recovery_end, DM_RH_RECOVERY_END, recovery_end);
entry_probe!(dm_rh_start_recovery, DM_RH_START_RECOVERY, start_recovery);
call_probe!(dm_rh_update_states, DM_RH_UPDATE_STATES, RH_UPDATE_STATES, IMPL_CORE, arguments: 2, entry: nothing, call: update_states);
call_probe!(dm_rh_flush, DM_RH_FLUSH, RH_FLUSH, IMPL_CORE, arguments: 1, entry: nothing, call: int);
call_probe!(dm_rh_get_state, DM_RH_GET_STATE, RH_GET_STATE, IMPL_CORE, arguments: 3, entry: nothing, call: get_state);
call_probe!(dm_rh_recovery_prepare, DM_RH_RECOVERY_PREPARE, RH_RECOVERY_PREPARE, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(dm_rh_recovery_start, DM_RH_RECOVERY_START, RH_RECOVERY_START, IMPL_CORE, arguments: 1, entry: nothing, call: recovery_start);
call_probe!(dm_rh_stop_recovery, DM_RH_STOP_RECOVERY, RH_STOP_RECOVERY, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
