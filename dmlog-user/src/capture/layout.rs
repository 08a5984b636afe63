//! Where the members of the kernel's structures are: from BTF, else from a table of known kernels.
//!
//! The same names are looked up module by module, because `struct log_c` exists twice, in dm-log and in dm-log-userspace, with
//! different layouts. What comes out is a proposal: [`super::device`] checks it against the device-mapper tables.

use std::sync::Arc;

use dmlog_common::config::{ABSENT, Layout};

use super::btf::Btf;

/// Type information of the modules in question, each on top of vmlinux.
#[derive(Clone, Debug, Default)]
pub struct ModuleBtf {
    /// The kernel image.
    pub vmlinux: Option<Arc<Btf>>,
    /// `dm_mod`.
    pub dm_mod: Option<Arc<Btf>>,
    /// `dm_log`.
    pub dm_log: Option<Arc<Btf>>,
    /// `dm_region_hash`.
    pub dm_region_hash: Option<Arc<Btf>>,
    /// `dm_mirror`.
    pub dm_mirror: Option<Arc<Btf>>,
    /// `dm_log_userspace`.
    pub dm_log_userspace: Option<Arc<Btf>>,
}

/// A layout and one sentence for each part that did not come from BTF.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The offsets.
    pub layout: Layout,
    /// Where they came from, for the trace's header.
    pub notes: Vec<String>,
}

/// Finds all offsets.
pub fn propose(btf: &ModuleBtf, release: &str) -> Proposal {
    let mut notes = Vec::new();
    let mut layout = known(release);
    let source = if layout == Layout::UNKNOWN { "nothing is known of this kernel" } else { "a table of known kernels" };
    from_dm_log(&mut layout, btf.dm_log.as_deref(), &mut notes, source);
    from_dm_mod(&mut layout, btf.dm_mod.as_deref(), &mut notes, source);
    from_region_hash(&mut layout, btf.dm_region_hash.as_deref(), &mut notes, source);
    from_mirror(&mut layout, btf.dm_mirror.as_deref(), &mut notes, source);
    from_vmlinux(&mut layout, btf.vmlinux.as_deref(), &mut notes, source);
    match btf.dm_log_userspace.as_deref() {
        Some(btf) => {
            take(btf, "log_c", "region_size", &mut layout.user_log_c_region_size);
            take(btf, "log_c", "region_count", &mut layout.user_log_c_region_count);
        }
        // The module comes with the first userspace log; the layout has been the same since 2009.
        None => notes
            .push("offsets of dm_log_userspace come from a table: the module is not loaded or has no BTF".to_owned()),
    }
    if notes.is_empty() {
        notes.push("all structure offsets come from BTF".to_owned());
    }
    Proposal { layout, notes }
}

fn take(btf: &Btf, structure: &str, member: &str, into: &mut u32) {
    *into = btf.member(structure, member).unwrap_or(ABSENT);
}

fn missing(module: &str, source: &str, notes: &mut Vec<String>) {
    notes.push(format!("offsets of {module} come from {source}: there is no BTF for it"));
}

fn from_dm_log(layout: &mut Layout, btf: Option<&Btf>, notes: &mut Vec<String>, source: &str) {
    let Some(btf) = btf else { return missing("dm_log", source, notes) };
    take(btf, "dm_dirty_log", "type", &mut layout.log_type);
    take(btf, "dm_dirty_log", "context", &mut layout.log_context);
    take(btf, "dm_dirty_log_type", "name", &mut layout.log_type_name);
    take(btf, "log_c", "ti", &mut layout.log_c_ti);
    take(btf, "log_c", "touched_dirtied", &mut layout.log_c_touched_dirtied);
    take(btf, "log_c", "touched_cleaned", &mut layout.log_c_touched_cleaned);
    take(btf, "log_c", "flush_failed", &mut layout.log_c_flush_failed);
    take(btf, "log_c", "region_size", &mut layout.log_c_region_size);
    take(btf, "log_c", "region_count", &mut layout.log_c_region_count);
    take(btf, "log_c", "sync_count", &mut layout.log_c_sync_count);
    take(btf, "log_c", "bitset_uint32_count", &mut layout.log_c_bitset_uint32_count);
    take(btf, "log_c", "clean_bits", &mut layout.log_c_clean_bits);
    take(btf, "log_c", "sync_bits", &mut layout.log_c_sync_bits);
    take(btf, "log_c", "recovering_bits", &mut layout.log_c_recovering_bits);
    take(btf, "log_c", "sync_search", &mut layout.log_c_sync_search);
    take(btf, "log_c", "sync", &mut layout.log_c_sync);
    take(btf, "log_c", "log_dev_failed", &mut layout.log_c_log_dev_failed);
    take(btf, "log_c", "log_dev_flush_failed", &mut layout.log_c_log_dev_flush_failed);
    take(btf, "log_c", "log_dev", &mut layout.log_c_log_dev);
    take(btf, "dm_dev", "name", &mut layout.dm_dev_name);
    take(btf, "dm_target", "table", &mut layout.target_table);
    take(btf, "dm_target", "begin", &mut layout.target_begin);
    take(btf, "dm_target", "len", &mut layout.target_len);
    take(btf, "dm_target", "private", &mut layout.target_private);
}

fn from_dm_mod(layout: &mut Layout, btf: Option<&Btf>, notes: &mut Vec<String>, source: &str) {
    let Some(btf) = btf else { return missing("dm_mod", source, notes) };
    take(btf, "dm_table", "md", &mut layout.table_md);
    take(btf, "mapped_device", "name", &mut layout.md_name);
}

fn from_region_hash(layout: &mut Layout, btf: Option<&Btf>, notes: &mut Vec<String>, source: &str) {
    let Some(btf) = btf else { return missing("dm_region_hash", source, notes) };
    take(btf, "dm_region_hash", "region_shift", &mut layout.rh_region_shift);
    take(btf, "dm_region_hash", "log", &mut layout.rh_log);
    take(btf, "dm_region_hash", "target_begin", &mut layout.rh_target_begin);
    take(btf, "dm_region", "rh", &mut layout.region_rh);
    take(btf, "dm_region", "key", &mut layout.region_key);
    take(btf, "bio_list", "head", &mut layout.bio_list_head);
}

fn from_mirror(layout: &mut Layout, btf: Option<&Btf>, notes: &mut Vec<String>, source: &str) {
    let Some(btf) = btf else { return missing("dm_mirror", source, notes) };
    take(btf, "mirror_set", "ti", &mut layout.mirror_set_ti);
    take(btf, "mirror_set", "rh", &mut layout.mirror_set_rh);
    take(btf, "mirror_set", "kmirrord_work", &mut layout.mirror_set_work);
    take(btf, "mirror_set", "nr_mirrors", &mut layout.mirror_set_nr_mirrors);
    take(btf, "mirror_set", "mirror", &mut layout.mirror_set_mirror);
    take(btf, "mirror", "ms", &mut layout.mirror_ms);
    layout.mirror_size = btf.size("mirror").unwrap_or(ABSENT);
}

fn from_vmlinux(layout: &mut Layout, btf: Option<&Btf>, notes: &mut Vec<String>, source: &str) {
    let Some(btf) = btf else { return missing("bio", source, notes) };
    take(btf, "bio", "bi_next", &mut layout.bio_next);
    take(btf, "bio", "bi_opf", &mut layout.bio_opf);
    take(btf, "bio", "bi_iter.bi_sector", &mut layout.bio_sector);
    take(btf, "bio", "bi_iter.bi_size", &mut layout.bio_size);
}

/// Offsets of kernels whose modules have no BTF, read from their machine code and checked by running them.
fn known(release: &str) -> Layout {
    // What has been the same from 5.10 to 7.3; members behind it are not, and are not here.
    let userspace = Layout { user_log_c_region_size: 28, user_log_c_region_count: 32, ..Layout::UNKNOWN };
    if !release.starts_with("5.10.") {
        return userspace;
    }
    Layout {
        log_type: 0,
        log_context: 16,
        log_type_name: 0,
        log_c_ti: 0,
        log_c_touched_dirtied: 8,
        log_c_touched_cleaned: 12,
        log_c_flush_failed: 16,
        log_c_region_size: 20,
        log_c_region_count: 24,
        log_c_sync_count: 32,
        log_c_bitset_uint32_count: 40,
        log_c_clean_bits: 48,
        log_c_sync_bits: 56,
        log_c_recovering_bits: 64,
        log_c_sync_search: 72,
        log_c_sync: 76,
        log_c_log_dev_failed: 128,
        log_c_log_dev_flush_failed: 132,
        log_c_log_dev: 136,
        dm_dev_name: 20,
        target_table: 0,
        target_begin: 16,
        target_len: 24,
        target_private: 64,
        table_md: 0,
        md_name: 168,
        mirror_set_ti: 0,
        mirror_set_rh: 104,
        mirror_set_work: 168,
        mirror_set_nr_mirrors: 280,
        mirror_set_mirror: 288,
        mirror_ms: 0,
        mirror_size: 40,
        rh_region_shift: 4,
        rh_log: 8,
        rh_target_begin: 232,
        region_rh: 0,
        region_key: 8,
        bio_next: 0,
        bio_opf: 16,
        bio_sector: 32,
        bio_size: 40,
        bio_list_head: 0,
        ..userspace
    }
}
