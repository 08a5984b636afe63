//! What user space decides and hands to the programs as read-only globals before they are loaded.
//!
//! Rust BPF objects carry no CO-RE field relocations, so a structure compiled into the program would be right for one
//! kernel only. User space looks the offsets up in the running kernel's BTF (or in a table of known kernels), writes
//! them here, and afterwards checks what is read through them against `dmsetup table`.

/// An offset that this kernel does not have or that nobody could find; the program then skips the read.
pub const ABSENT: u32 = u32::MAX;

/// Byte offsets of structure members in the running kernel. All integers, so that any bit pattern is valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `dm_dirty_log.type`.
    pub log_type: u32,
    /// `dm_dirty_log.context`.
    pub log_context: u32,
    /// `dm_dirty_log_type.name`.
    pub log_type_name: u32,
    /// dm-log's `log_c.ti`; dm-log-userspace's has the same place (checked by user space).
    pub log_c_ti: u32,
    /// dm-log's `log_c.touched_dirtied`.
    pub log_c_touched_dirtied: u32,
    /// dm-log's `log_c.touched_cleaned`.
    pub log_c_touched_cleaned: u32,
    /// dm-log's `log_c.flush_failed`.
    pub log_c_flush_failed: u32,
    /// dm-log's `log_c.region_size`.
    pub log_c_region_size: u32,
    /// dm-log's `log_c.region_count`.
    pub log_c_region_count: u32,
    /// dm-log's `log_c.sync_count`.
    pub log_c_sync_count: u32,
    /// dm-log's `log_c.bitset_uint32_count`.
    pub log_c_bitset_uint32_count: u32,
    /// dm-log's `log_c.clean_bits`.
    pub log_c_clean_bits: u32,
    /// dm-log's `log_c.sync_bits`.
    pub log_c_sync_bits: u32,
    /// dm-log's `log_c.recovering_bits`.
    pub log_c_recovering_bits: u32,
    /// dm-log's `log_c.sync_search`.
    pub log_c_sync_search: u32,
    /// dm-log's `log_c.sync`.
    pub log_c_sync: u32,
    /// dm-log's `log_c.log_dev_failed`.
    pub log_c_log_dev_failed: u32,
    /// dm-log's `log_c.log_dev_flush_failed`.
    pub log_c_log_dev_flush_failed: u32,
    /// dm-log's `log_c.log_dev`.
    pub log_c_log_dev: u32,
    /// dm-log-userspace's `log_c.region_size`.
    pub user_log_c_region_size: u32,
    /// dm-log-userspace's `log_c.region_count`.
    pub user_log_c_region_count: u32,
    /// `dm_dev.name`.
    pub dm_dev_name: u32,
    /// `dm_target.table`.
    pub target_table: u32,
    /// `dm_target.begin`.
    pub target_begin: u32,
    /// `dm_target.len`.
    pub target_len: u32,
    /// `dm_target.private`.
    pub target_private: u32,
    /// `dm_table.md`.
    pub table_md: u32,
    /// `mapped_device.name`.
    pub md_name: u32,
    /// `mirror_set.ti`.
    pub mirror_set_ti: u32,
    /// `mirror_set.rh`.
    pub mirror_set_rh: u32,
    /// `mirror_set.kmirrord_work`.
    pub mirror_set_work: u32,
    /// `mirror_set.nr_mirrors`.
    pub mirror_set_nr_mirrors: u32,
    /// `mirror_set.mirror`.
    pub mirror_set_mirror: u32,
    /// `mirror.ms`.
    pub mirror_ms: u32,
    /// Size of `struct mirror`.
    pub mirror_size: u32,
    /// `dm_region_hash.region_shift`.
    pub rh_region_shift: u32,
    /// `dm_region_hash.log`.
    pub rh_log: u32,
    /// `dm_region_hash.target_begin`.
    pub rh_target_begin: u32,
    /// `dm_region.rh`.
    pub region_rh: u32,
    /// `dm_region.key`.
    pub region_key: u32,
    /// `bio.bi_next`.
    pub bio_next: u32,
    /// `bio.bi_opf`.
    pub bio_opf: u32,
    /// `bio.bi_iter.bi_sector`.
    pub bio_sector: u32,
    /// `bio.bi_iter.bi_size`.
    pub bio_size: u32,
    /// `bio_list.head`.
    pub bio_list_head: u32,
    /// Zero.
    pub reserved: u32,
}

impl Layout {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        log_type: ABSENT,
        log_context: ABSENT,
        log_type_name: ABSENT,
        log_c_ti: ABSENT,
        log_c_touched_dirtied: ABSENT,
        log_c_touched_cleaned: ABSENT,
        log_c_flush_failed: ABSENT,
        log_c_region_size: ABSENT,
        log_c_region_count: ABSENT,
        log_c_sync_count: ABSENT,
        log_c_bitset_uint32_count: ABSENT,
        log_c_clean_bits: ABSENT,
        log_c_sync_bits: ABSENT,
        log_c_recovering_bits: ABSENT,
        log_c_sync_search: ABSENT,
        log_c_sync: ABSENT,
        log_c_log_dev_failed: ABSENT,
        log_c_log_dev_flush_failed: ABSENT,
        log_c_log_dev: ABSENT,
        user_log_c_region_size: ABSENT,
        user_log_c_region_count: ABSENT,
        dm_dev_name: ABSENT,
        target_table: ABSENT,
        target_begin: ABSENT,
        target_len: ABSENT,
        target_private: ABSENT,
        table_md: ABSENT,
        md_name: ABSENT,
        mirror_set_ti: ABSENT,
        mirror_set_rh: ABSENT,
        mirror_set_work: ABSENT,
        mirror_set_nr_mirrors: ABSENT,
        mirror_set_mirror: ABSENT,
        mirror_ms: ABSENT,
        mirror_size: ABSENT,
        rh_region_shift: ABSENT,
        rh_log: ABSENT,
        rh_target_begin: ABSENT,
        region_rh: ABSENT,
        region_key: ABSENT,
        bio_next: ABSENT,
        bio_opf: ABSENT,
        bio_sector: ABSENT,
        bio_size: ABSENT,
        bio_list_head: ABSENT,
        reserved: 0,
    };
}

const _: () = assert!(size_of::<Layout>() == 46 * 4);

/// Switches of a capture.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Not zero: only objects listed in the map `ALLOWED` are recorded, and identities fill that map for the devices
    /// in the map `DEVICES`.
    pub filter: u32,
    /// Not zero: `in_sync` calls that must not block (the read path) are recorded too.
    pub reads: u32,
    /// Index of the argument of `write_callback` and `read_callback` that holds the bio: 1, and 2 from 7.x on, where
    /// an argument was added before it.
    pub callback_context_argument: u32,
    /// The thread that asks mirrors for their tables, by the number that the kernel itself gives it: what it asks for is told
    /// with the log's bits. Zero: nobody does.
    pub asking_tid: u32,
}

/// Most objects (logs, targets, region hashes, mirror sets) that a device filter can follow: four per mirror table,
/// two tables per mirror during a reload, 4,096 mirrors.
pub const ALLOWED_MAX: u32 = 32_768;

/// Most devices that can be named in a filter.
pub const DEVICES_MAX: u32 = 1_024;
