//! Stage two of a guest: its root file system, as archives one after the other.
//!
//! The base (busybox, kernel modules, the usual programs) depends on the kernel and the host's packages only, takes
//! seconds to make, and is cached by the content of what went into it. What a single run adds, the programs under test
//! and the script, follows as a second archive.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::guest::cpio::Tree;
use crate::guest::kernel::Kernel;
use crate::guest::{GuestFile, Start, libs, modules};
use crate::paths::cache_dir;
use crate::process;
use crate::setup::store::{create_dir, sha256, sha256_of, write_whole};

/// The first process.
const INIT: &str = include_str!("init.sh");
/// Programs of the host that every guest has besides busybox. GNU `env` can give a recorder back its SIGINT.
const PROGRAMS: [(&str, &str); 3] =
    [("dmsetup", "/usr/sbin/dmsetup"), ("env", "/usr/bin/env"), ("losetup", "/usr/sbin/losetup")];
/// Folders that the first process mounts on, or that programs expect.
const FOLDERS: [&str; 11] =
    ["/dev", "/proc", "/sys", "/tmp", "/run", "/root", "/out", "/mnt", "/etc", "/var/lib", "/var/log"];
/// Changes when the layout of the base changes in a way that none of its inputs shows.
const BASE_VERSION: u32 = 1;
/// Bases of kernels and packages that are gone are removed after this many newer ones.
const BASES_KEPT: usize = 12;

/// Writes the whole root file system of one run to `target`.
pub(crate) fn write(kernel: &Kernel, files: &[GuestFile], start: &Start, target: &Path) -> Result<()> {
    let base = base(kernel)?;
    let mut tree = Tree::default();
    for GuestFile { host, guest } in files {
        libs::add_file(&mut tree, host, guest)?;
    }
    match start {
        Start::Script(text) => tree.file("/dmlog/script", text.clone().into_bytes(), 0o755),
        Start::Terminal(text) => tree.file("/dmlog/terminal", text.clone().into_bytes(), 0o755),
    }
    let mut file = fs::File::create(target).with_context(|| format!("`{}` cannot be written", target.display()))?;
    let bytes = fs::read(&base).with_context(|| format!("`{}` cannot be read", base.display()))?;
    file.write_all(&bytes)
        .and_then(|()| file.write_all(&tree.archive().map_err(std::io::Error::other)?))
        .with_context(|| format!("`{}` cannot be written", target.display()))
}

/// The cached base archive of a kernel, made now if need be.
fn base(kernel: &Kernel) -> Result<PathBuf> {
    let busybox = program("busybox")?;
    let programs: Vec<(PathBuf, &str)> =
        PROGRAMS.iter().map(|(name, guest)| Ok((program(name)?, *guest))).collect::<Result<_>>()?;
    let mut key = format!("{BASE_VERSION} {INIT} {}", include_str!("modules.rs"));
    key += &sha256(&kernel.dir.join("SHA256SUMS"))?;
    for path in programs.iter().map(|(path, _)| path).chain([&busybox]) {
        key += &sha256(path)?;
    }
    let folder = cache_dir().join("initramfs");
    let name = format!("{}-{}.cpio", kernel.series, &sha256_of(&key)?[..16]);
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    create_dir(&folder)?;
    let mut tree = Tree::default();
    layout(&mut tree, &busybox)?;
    for (host, guest) in programs {
        libs::add_file(&mut tree, &host, guest)?;
    }
    modules::add(kernel, &mut tree)?;
    write_whole(&path, &tree.archive()?)?;
    forget_old(&folder)?;
    Ok(path)
}

/// The bare system: folders, busybox and its links, the first process.
fn layout(tree: &mut Tree, busybox: &Path) -> Result<()> {
    for folder in FOLDERS {
        tree.directory(folder);
    }
    for folder in ["bin", "sbin", "lib", "lib64"] {
        tree.directory(&format!("/usr/{folder}"));
        tree.symlink(&format!("/{folder}"), &format!("usr/{folder}"));
    }
    tree.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n".to_vec(), 0o644);
    tree.file("/etc/group", b"root:x:0:\n".to_vec(), 0o644);
    tree.file("/etc/hosts", b"127.0.0.1 localhost dmlog\n".to_vec(), 0o644);
    tree.symlink("/etc/mtab", "/proc/self/mounts");
    let applets = process::output(Command::new(busybox).arg("--list-full")).context("busybox does not run")?;
    for applet in applets.lines() {
        tree.symlink(&libs::in_merged_usr(&format!("/{applet}")), "/usr/bin/busybox");
    }
    libs::add_file(tree, busybox, "/usr/bin/busybox")?;
    tree.file("/init", INIT.as_bytes().to_vec(), 0o755);
    Ok(())
}

fn program(name: &str) -> Result<PathBuf> {
    process::find_program(name).with_context(|| format!("`{name}` is not installed; run `cargo xtask setup`"))
}

/// Removes the oldest bases; another run may have removed them first.
fn forget_old(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
    let mut bases: Vec<_> =
        entries.flatten().filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    bases.sort();
    let surplus = bases.len().saturating_sub(BASES_KEPT);
    for (_, path) in bases.into_iter().take(surplus) {
        drop(fs::remove_file(path));
    }
    Ok(())
}
