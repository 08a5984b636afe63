//! Stage one of a guest: the kernel, from the cache, checked.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::setup::kernels::kernel_dir;
use crate::setup::store;

/// A kernel in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// `6.12`; never `newest`.
    pub(crate) series: String,
    /// What `uname -r` prints in the guest.
    pub(crate) release: String,
    /// The image to boot.
    pub(crate) image: PathBuf,
    /// The folder that holds `vmlinuz`, `System.map`, `modules` and the checksums.
    pub(crate) dir: PathBuf,
}

/// Finds a kernel by series or as `newest` and checks that the cache still holds what was downloaded.
pub(crate) fn locate(name: &str) -> Result<Kernel> {
    let dir = kernel_dir(name).filter(|dir| dir.join("SHA256SUMS").is_file());
    let Some(dir) = dir else {
        bail!("kernel `{name}` is not in the cache; run `cargo xtask setup`");
    };
    store::check(&dir).context("the cached kernel is damaged; run `cargo xtask setup` to download it again")?;
    let release = fs::read_to_string(dir.join("release")).context("the cached kernel has no release")?;
    let series = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Kernel { series, release, image: dir.join("vmlinuz"), dir })
}
