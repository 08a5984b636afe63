//! setup
pub(crate) mod apt;
pub(crate) mod kernels;
pub(crate) mod store;

/// Makes one guest kernel bootable.
pub(crate) fn ensure_guest(kernel: &str) -> anyhow::Result<()> {
    let _lock = store::CacheLock::take()?;
    if kernels::missing(&[kernel]).is_empty() { Ok(()) } else { kernels::install(&[kernel]) }
}
