//! Why a capture could not start.

use std::io;

/// Errors of [`super::Capture::start`]. Every message says what, where and the next step.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Not enough privileges.
    #[error(
        "{missing} missing: run with sudo, or give the program the capabilities CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON"
    )]
    Privileges {
        /// The capabilities, and a verb.
        missing: String,
    },
    /// The mirror target is not there.
    #[error(
        "the kernel module `dm-mirror` is neither loaded nor loadable on {release} ({detail}): install the package with the \
         device-mapper modules of this kernel, or load it with `modprobe dm-mirror`"
    )]
    NoMirrorModule {
        /// Kernel release.
        release: String,
        /// What modprobe said.
        detail: String,
    },
    /// Lockdown forbids it.
    #[error(
        "kernel lockdown is in mode `{mode}`, which forbids reading kernel memory: boot without it (`lockdown=integrity` is \
         enough) or disable secure boot"
    )]
    Lockdown {
        /// Mode.
        mode: String,
    },
    /// Locked memory.
    #[error(
        "the limit on locked memory cannot be raised ({source}), which kernels before 5.11 need for BPF maps: run as root or raise `memlock` in limits.conf"
    )]
    Memlock {
        /// The system's error.
        source: io::Error,
    },
    /// `-d` names nothing.
    #[error("no device-mapper device is called `{name}`; there are: {known}")]
    UnknownDevice {
        /// As typed.
        name: String,
        /// Names of the mirrors that exist.
        known: String,
    },
    /// `-d` names something else.
    #[error("`{name}` is no mirror: its table has no target of type `mirror`; mirrors are: {known}")]
    NotAMirror {
        /// As typed.
        name: String,
        /// Names of the mirrors that exist.
        known: String,
    },
    /// The control device.
    #[error("device-mapper does not answer at /dev/mapper/control ({source}): load `dm_mod`, and run as root")]
    DeviceMapper {
        /// The system's error.
        source: io::Error,
    },
    /// aya could not load the object.
    #[error("the BPF object cannot be loaded: {source}; `dmlog-top host` shows what this kernel offers")]
    Object {
        /// aya's error.
        source: Box<aya::EbpfError>,
    },
    /// The object file is not what this program was built with.
    #[error(
        "the BPF object built into this program is damaged ({detail}): build it again with `cargo xtask setup` done"
    )]
    DamagedObject {
        /// What is missing.
        detail: String,
    },
    /// Nothing could be attached.
    #[error(
        "no probe could be attached; the first refusal was: {first}; `dmlog-top host` shows what this kernel offers"
    )]
    NothingAttached {
        /// Reason of the first hook that failed.
        first: String,
    },
    /// The ring.
    #[error("the ring buffer cannot be mapped: {source}; a smaller `--ring-size` needs less memory")]
    Ring {
        /// aya's error.
        source: aya::maps::MapError,
    },
    /// A map that is shared as memory.
    #[error(
        "the memory of the BPF map `{name}` cannot be shared: {source}; kernels from 5.5 share it: `dmlog-top host` shows which one runs"
    )]
    SharedMap {
        /// Its name.
        name: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Privileges could not be dropped.
    #[error(
        "privileges cannot be dropped ({detail}); not recording with more than needed: run it outside of a sandbox that forbids `capset`"
    )]
    DropPrivileges {
        /// What failed.
        detail: String,
    },
}
