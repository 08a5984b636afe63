//! Probes on dm-raid1, the mirror target (module `dm_mirror`).

use aya_ebpf::helpers::bpf_get_current_comm;
use dmlog_common::config::ABSENT;
use dmlog_common::record::{COMM_LEN, IoRecord, NONE, flag, kind};

use crate::dm_log::{int, nothing, plain};
use crate::emit::{Call, entered, header, reserve, wanted};
use crate::identity;
use crate::kernel::{callback_context_argument, filtering, offset, probe};
use crate::site::{Lane, Moment, Return, Returned, call_probe, entry_probe};

/// `int mirror_map(ti, bio)`, in the submitter's context.
#[inline(always)]
pub fn map<L: Lane>(site: &L, hook: u16) {
    let (target, bio) = (site.argument(0), site.argument(1));
    if !wanted(target) {
        return;
    }
    let mut failed = 0;
    let sector: u64 = L::member_or_zero(bio, offset!(bio_sector), &mut failed);
    let bytes: u32 = L::member_or_zero(bio, offset!(bio_size), &mut failed);
    let opf: u32 = L::member_or_zero(bio, offset!(bio_opf), &mut failed);
    let moment = Moment::now();
    let comm = bpf_get_current_comm().unwrap_or([0; COMM_LEN]);
    reserve::<L, IoRecord>(hook, |entry, seq| {
        entry.write(IoRecord {
            header: header(hook, kind::MAP, L::FLAG | failed, &moment, target, seq),
            bio,
            sector,
            bytes,
            opf,
            tgid: (moment.pid_tgid >> 32) as u32,
            reserved: 0,
            comm,
        });
    });
}

/// `int mirror_end_io(ti, bio, *error)`; runs in interrupts.
#[inline(always)]
pub fn end_io<L: Lane>(site: &L, hook: u16) {
    let status: Option<u8> = probe(site.argument(2), 0);
    let mut call = Call::of(site.argument(0)).arg(site.argument(1)).result(i64::from(status.unwrap_or(0)));
    if status.is_none() {
        call.flags |= flag::READ_FAILED;
    }
    entered::<L>(hook, kind::END_IO, &call);
}

/// `void {write,read}_callback(error, …, bio)`; runs in interrupts. The mirror target keeps the leg in `bi_next` of a bio
/// that is under way (`bio_set_m`), which leads to the mirror set. Only a filter needs that: user space knows the bio.
#[inline(always)]
fn callback<L: Lane>(site: &L, hook: u16, kind: u16) {
    let bio = site.untyped_argument(callback_context_argument());
    let mut call = Call::of(0).arg(bio).result(site.argument(0) as i64);
    if filtering() {
        let mirror: u64 = probe(bio, offset!(bio_next)).unwrap_or(0);
        call.object = probe(mirror, offset!(mirror_ms)).unwrap_or(0);
        call.object = probe(call.object, offset!(mirror_set_ti)).unwrap_or(0);
    }
    entered::<L>(hook, kind, &call);
}

#[inline(always)]
pub fn write_callback_entry<L: Lane>(site: &L, hook: u16) {
    callback(site, hook, kind::WRITE_CALLBACK);
}

#[inline(always)]
pub fn read_callback_entry<L: Lane>(site: &L, hook: u16) {
    callback(site, hook, kind::READ_CALLBACK);
}

/// `void recover(ms, region)`.
#[inline(always)]
pub fn recover_entry<L: Lane>(site: &L, hook: u16) {
    let call = Call::of(site.argument(0)).region_read(probe(site.untyped_argument(1), offset!(region_key)));
    entered::<L>(hook, kind::RECOVER, &call);
}

/// `void recovery_complete(read_err, write_err, region)`; the object is the region's hash.
#[inline(always)]
pub fn recovery_complete_entry<L: Lane>(site: &L, hook: u16) {
    let region = site.argument(2);
    let call = Call::of(probe(region, offset!(region_rh)).unwrap_or(0))
        .region_read(probe(region, offset!(region_key)))
        .result_int(site.argument(0))
        .arg(site.argument(1));
    entered::<L>(hook, kind::RECOVERY_COMPLETE, &call);
}

/// `void fail_mirror(mirror, error_type)`: which leg is told by its place in the mirror set; may run in interrupts.
#[inline(always)]
pub fn fail_mirror_entry<L: Lane>(site: &L, hook: u16) {
    let mirror = site.untyped_argument(0);
    let mirror_set: u64 = probe(mirror, offset!(mirror_ms)).unwrap_or(0);
    let (first, size) = (offset!(mirror_set_mirror), offset!(mirror_size));
    let leg = if mirror_set == 0 || first == ABSENT || size == ABSENT || size == 0 {
        NONE
    } else {
        mirror.wrapping_sub(mirror_set.wrapping_add(u64::from(first))) / u64::from(size)
    };
    entered::<L>(hook, kind::FAIL_MIRROR, &Call::of(mirror_set).arg(leg).result_int(site.argument(1)));
}

/// `void hold_bio(ms, bio)`.
#[inline(always)]
pub fn hold_bio_entry<L: Lane>(site: &L, hook: u16) {
    entered::<L>(hook, kind::HOLD_BIO, &Call::of(site.argument(0)).arg(site.argument(1)));
}

/// `void do_mirror(work)`: the work is a member of the mirror set.
#[inline(always)]
pub fn pass<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    let work = offset!(mirror_set_work);
    if work == ABSENT {
        return Some(Call::of(0));
    }
    Some(Call::of(site.argument(0).wrapping_sub(u64::from(work))))
}

/// `int mirror_ctr(ti, argc, argv)`: after success the target can say which log it has.
#[inline(always)]
pub fn ctr<R: Return, const HOOK: u16>(site: &R, _: &Returned, result: u64) -> Option<Call> {
    if result as i32 == 0 {
        identity::of_target::<R>(HOOK, site.argument(0));
    }
    Some(Call::of(site.argument(0)).result_int(result))
}

/// `void mirror_status(ti, type, …)`.
#[inline(always)]
pub fn mirror_status_call<R: Return>(site: &R, _: &Returned, _: u64) -> Option<Call> {
    Some(Call::of(site.argument(0)).arg(u64::from(site.argument(1) as u32)))
}

entry_probe!(mirror_map, MIRROR_MAP, map);
entry_probe!(mirror_end_io, MIRROR_END_IO, end_io);
entry_probe!(write_callback, WRITE_CALLBACK, write_callback_entry);
entry_probe!(read_callback, READ_CALLBACK, read_callback_entry);
entry_probe!(recover, RECOVER, recover_entry);
entry_probe!(recovery_complete, RECOVERY_COMPLETE, recovery_complete_entry);
entry_probe!(fail_mirror, FAIL_MIRROR, fail_mirror_entry);
entry_probe!(hold_bio, HOLD_BIO, hold_bio_entry);
call_probe!(do_mirror, DO_MIRROR, PASS, IMPL_CORE, arguments: 1, entry: nothing, call: pass);
call_probe!(mirror_flush, MIRROR_FLUSH, LEG_FLUSH, IMPL_CORE, arguments: 1, entry: nothing, call: int);
call_probe!(mirror_ctr, MIRROR_CTR, MIRROR_CTR, IMPL_CORE, arguments: 3, entry: nothing, call: ctr::<_, HOOK>);
call_probe!(mirror_dtr, MIRROR_DTR, MIRROR_DTR, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(mirror_presuspend, MIRROR_PRESUSPEND, MIRROR_PRESUSPEND, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(mirror_postsuspend, MIRROR_POSTSUSPEND, MIRROR_POSTSUSPEND, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(mirror_resume, MIRROR_RESUME, MIRROR_RESUME, IMPL_CORE, arguments: 1, entry: nothing, call: plain);
call_probe!(mirror_status, MIRROR_STATUS, MIRROR_STATUS, IMPL_CORE, arguments: 5, entry: nothing, call: mirror_status_call);
