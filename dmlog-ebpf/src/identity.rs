//! Follows pointers from a log to its target, mirror set, region hash and mapped device, and reports what it finds.
//!
//! ```text
//! dm_dirty_log.context ─▶ log_c.ti ─▶ dm_target.table ─▶ dm_table.md ─▶ mapped_device.name "MAJ:MIN"
//!                                        dm_target.private ─▶ mirror_set.rh ─▶ dm_region_hash.log (must be the log again)
//! ```
//!
//! Runs at construction, resume and status only, so it takes the slow and safe reads everywhere. User space checks what it
//! says against the device's table before it trusts the offsets.

use aya_ebpf::maps::ring_buf::RingBufEntry;
use aya_log_ebpf::warn;
use dmlog_common::record::{Header, IdentityRecord, NAME_LEN, NONE, kind};

use crate::emit::{header, reserve};
use crate::kernel::{filtering, offset, probe, probe_into};
use crate::maps::{ALLOWED, DEVICES};
use crate::site::{Lane, Moment};

/// `"userspac"`, the first eight bytes of the userspace type's name.
const USERSPACE: u64 = u64::from_le_bytes(*b"userspac");

/// The objects that belong to one log; zero where unknown.
struct Family {
    log: u64,
    context: u64,
    target: u64,
    mirror_set: u64,
    region_hash: u64,
    md: u64,
}

/// Reports the log that a target uses.
#[inline(always)]
pub fn of_target<L: Lane>(hook: u16, target: u64) {
    let mirror_set: u64 = probe(target, offset!(target_private)).unwrap_or(0);
    let region_hash: u64 = probe(mirror_set, offset!(mirror_set_rh)).unwrap_or(0);
    let log: u64 = probe(region_hash, offset!(rh_log)).unwrap_or(0);
    if log != 0 {
        of_log::<L>(hook, log);
    }
}

/// Reports a log.
#[inline(always)]
pub fn of_log<L: Lane>(hook: u16, log: u64) {
    let context: u64 = probe(log, offset!(log_context)).unwrap_or(0);
    let target: u64 = probe(context, offset!(log_c_ti)).unwrap_or(0);
    let table: u64 = probe(target, offset!(target_table)).unwrap_or(0);
    let md: u64 = probe(table, offset!(table_md)).unwrap_or(0);
    let mut family = Family { log, context, target, mirror_set: 0, region_hash: 0, md };
    // While a table is being built, `private` is not the mirror set yet: believe it only if it points back.
    let mirror_set: u64 = probe(target, offset!(target_private)).unwrap_or(0);
    if mirror_set != 0 && probe::<u64>(mirror_set, offset!(mirror_set_ti)) == Some(target) {
        let region_hash: u64 = probe(mirror_set, offset!(mirror_set_rh)).unwrap_or(0);
        if region_hash != 0 && probe::<u64>(region_hash, offset!(rh_log)) == Some(log) {
            family.mirror_set = mirror_set;
            family.region_hash = region_hash;
        } else {
            warn!((), "hook {}: the region hash of a mirror names another log", hook);
        }
    }
    if md == 0 {
        warn!((), "hook {}: no mapped device behind a log", hook);
    }
    if !admit(&family) {
        return;
    }
    reserve::<L, IdentityRecord>(hook, |entry, seq| {
        fill(entry, &family, header(hook, kind::IDENTITY, L::FLAG, &Moment::now(), log, seq));
    });
}

/// Under a filter: lets the objects of a wanted device in, and forgets objects whose memory now serves another device.
#[inline(always)]
fn admit(family: &Family) -> bool {
    if !filtering() {
        return true;
    }
    let name: [u8; NAME_LEN] = probe(family.md, offset!(md_name)).unwrap_or([0; NAME_LEN]);
    let wanted = DEVICES.get_ptr(name).is_some();
    for object in [family.log, family.context, family.target, family.mirror_set, family.region_hash] {
        if object != 0 {
            if wanted {
                let _ = ALLOWED.insert(object, 1, 0);
            } else {
                let _ = ALLOWED.remove(object);
            }
        }
    }
    wanted
}

#[inline(always)]
fn fill(entry: &mut RingBufEntry<IdentityRecord>, family: &Family, header: Header) {
    let record = entry.as_mut_ptr();
    let Family { log, context, target, mirror_set, region_hash, md } = *family;
    let log_type: u64 = probe(log, offset!(log_type)).unwrap_or(0);
    let type_name: u64 = probe(log_type, offset!(log_type_name)).unwrap_or(0);
    // SAFETY: `record` is the reserved memory; every field is written, and `probe_into` zeroes what it cannot read.
    unsafe {
        (*record).header = header;
        (*record).target = target;
        (*record).mirror_set = mirror_set;
        (*record).region_hash = region_hash;
        (*record).context = context;
        (*record).target_sectors = probe(target, offset!(target_len)).unwrap_or(0);
        (*record).target_begin = probe(target, offset!(target_begin)).unwrap_or(0);
        (*record).legs = probe(mirror_set, offset!(mirror_set_nr_mirrors)).unwrap_or(0);
        (*record).reserved = 0;
        (*record).log_type = [0; NAME_LEN];
        (*record).device = [0; NAME_LEN];
        (*record).log_device = [0; NAME_LEN];
        probe_into(&raw mut (*record).log_type, type_name, 0);
        probe_into(&raw mut (*record).device, md, offset!(md_name));
        let is_userspace = probe::<u64>(type_name, 0) == Some(USERSPACE);
        if is_userspace {
            (*record).region_size = probe(context, offset!(user_log_c_region_size)).unwrap_or(0);
            (*record).region_count = probe(context, offset!(user_log_c_region_count)).unwrap_or(0);
            (*record).sync_count = NONE;
            (*record).sync_option = 0;
            (*record).flush_failed = 0;
            (*record).log_dev_failed = 0;
        } else {
            (*record).region_size = probe(context, offset!(log_c_region_size)).unwrap_or(0);
            (*record).region_count = u64::from(probe::<u32>(context, offset!(log_c_region_count)).unwrap_or(0));
            (*record).sync_count = probe(context, offset!(log_c_sync_count)).unwrap_or(NONE);
            (*record).sync_option = probe(context, offset!(log_c_sync)).unwrap_or(0);
            (*record).flush_failed = probe(context, offset!(log_c_flush_failed)).unwrap_or(0);
            (*record).log_dev_failed = probe(context, offset!(log_c_log_dev_failed)).unwrap_or(0);
            let log_dev: u64 = probe(context, offset!(log_c_log_dev)).unwrap_or(0);
            probe_into(&raw mut (*record).log_device, log_dev, offset!(dm_dev_name));
        }
    }
}
