//! Gives privileges up once they are not needed: reading the ring and writing a file need none.

use std::collections::HashSet;

use caps::{CapSet, Capability};

/// What this process keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing: every hook is attached and every module is pinned.
    Nothing,
    /// What attaching later needs, permitted but not in effect: a module is still awaited, or may be loaded again.
    ToAttachLater,
}

/// Capabilities that attaching needs.
const ATTACH: [Capability; 4] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_SYSLOG];

/// Drops everything else, for this thread and those that it starts later.
pub(super) fn drop_to(keep: Keep) -> Result<(), caps::errors::CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let permitted: HashSet<Capability> = match keep {
        Keep::Nothing => HashSet::new(),
        Keep::ToAttachLater => ATTACH.into_iter().filter(|capability| held.contains(capability)).collect(),
    };
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
