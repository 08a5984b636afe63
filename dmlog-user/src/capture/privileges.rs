//! Gives privileges up once they are not needed: reading the ring and writing a file need none.

use std::collections::HashSet;

use caps::{CapSet, Capability};

/// What this process keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// What reading the counters of lost records needs, permitted but not in effect: before 5.19 every `bpf(2)` call needs
    /// `CAP_BPF` where unprivileged BPF is disabled, a look into a map too.
    ToCount,
    /// What attaching later needs, permitted but not in effect: a module is still awaited, or may be loaded again.
    ToAttachLater,
}

/// Capabilities that attaching needs.
const ATTACH: [Capability; 4] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_SYSLOG];

/// Drops everything else, for this thread and those that it starts later.
pub(super) fn drop_to(keep: Keep, file_access: bool) -> Result<(), caps::errors::CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let mut permitted: HashSet<Capability> = match keep {
        Keep::ToCount => [Capability::CAP_BPF].into_iter().filter(|capability| held.contains(capability)).collect(),
        Keep::ToAttachLater => ATTACH.into_iter().filter(|capability| held.contains(capability)).collect(),
    };
    if file_access && held.contains(&Capability::CAP_DAC_OVERRIDE) {
        permitted.insert(Capability::CAP_DAC_OVERRIDE);
    }
    caps::clear(None, CapSet::Effective)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Permitted, &permitted)
}

/// Runs something with the permitted capabilities in effect.
pub(super) fn with_permitted<T>(run: impl FnOnce() -> T) -> T {
    let permitted = caps::read(None, CapSet::Permitted).unwrap_or_default();
    // What cannot be raised shows in what is run.
    let _ = caps::set(None, CapSet::Effective, &permitted);
    let result = run();
    let _ = caps::clear(None, CapSet::Effective);
    result
}

/// Runs something with access to files as root has it, if that was kept: whoever says `sudo` in a folder of their own means
/// files to be written there.
pub(super) fn with_file_access<T>(run: impl FnOnce() -> T) -> T {
    let permitted = caps::has_cap(None, CapSet::Permitted, Capability::CAP_DAC_OVERRIDE).unwrap_or(false);
    // What cannot be raised shows in what is run.
    let raised = permitted && caps::raise(None, CapSet::Effective, Capability::CAP_DAC_OVERRIDE).is_ok();
    let result = run();
    if raised {
        let _ = caps::drop(None, CapSet::Effective, Capability::CAP_DAC_OVERRIDE);
    }
    result
}
