//! The folders that tasks read and write: the checkout, Cargo's target folder, and the cache outside both.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub(crate) fn repo_root() -> PathBuf {
    // Cargo sets the variable at run time too, so a checkout that was moved after the build is still found.
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Cargo's target folder, as absolute path: `CARGO_TARGET_DIR` may be relative to the folder a task was started in.
pub(crate) fn target_dir() -> PathBuf {
    let dir = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo_root().join("target"), PathBuf::from);
    std::path::absolute(&dir).unwrap_or(dir)
}

/// Where everything about guests goes: consoles, files that came out of them.
pub(crate) fn guest_dir() -> PathBuf {
    target_dir().join("guest")
}

/// Downloads and built tools, shared by all checkouts of this user.
pub(crate) fn cache_dir() -> PathBuf {
    bpf_toolchain::cache_dir()
}
