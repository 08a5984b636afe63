//! A clean root: this machine's release of Debian with nothing in it that a build needs, made by `debootstrap` and kept in the
//! cache. Each check works in a copy.
//!
//! The release is this machine's own, because a program runs where the C library is as new as the one it was linked with. The
//! root's apt reaches mirrors as this machine's does: by the same mirror, the same settings of the administrator, the same
//! certificates and the proxies in the environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::cache_dir;
use crate::process;
use crate::setup::apt;
use crate::setup::store::{CacheLock, create_dir, remove_dir, scratch_dir, write_whole};

/// What the root has beside the smallest system: readers of manual pages and of completions, and certificates for apt.
const PACKAGES: &str = "bash-completion,ca-certificates,man-db";
/// Settings of the administrator: by custom, the last that apt reads.
const APT_SETTINGS: &str = "etc/apt/apt.conf.d";
const APT_SETTINGS_PREFIX: &str = "99";
/// All certificates in one file.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// A copy of the clean root, removed when dropped.
#[derive(Debug)]
pub(super) struct CleanRoot {
    path: PathBuf,
}

impl CleanRoot {
    /// Copies the cached root to `path`, making it first if need be.
    pub(super) fn make(path: &Path) -> Result<Self> {
        let cached = ensure()?;
        remove_dir(path)?;
        let root = Self { path: path.to_path_buf() };
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        process::run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&cached).arg(path))?;
        Ok(root)
    }

    /// A file or folder in it, by its absolute path there.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// A command that runs in it as root.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        enter(&self.path, &[], words)
    }

    /// A command that runs in it without any privilege.
    pub(super) fn unprivileged(&self, words: &[&str]) -> Command {
        enter(&self.path, &["--userspec=nobody:nogroup"], words)
    }

    /// Everything that is there, but for logs, caches and databases below `/var`.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let mut find = Command::new("find");
        find.current_dir(&self.path)
            .args([".", "-path", "./var", "-prune", "-o", "-path", "./tmp", "-prune", "-o", "-print"]);
        let mut names: Vec<String> = process::output(&mut find)?.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }
}

impl Drop for CleanRoot {
    fn drop(&mut self) {
        // Nothing is mounted in it. What is left is in Cargo's target folder and goes with the next run.
        drop(fs::remove_dir_all(&self.path));
    }
}

fn enter(root: &Path, options: &[&str], words: &[&str]) -> Command {
    let mut command = Command::new(process::find_program("chroot").unwrap_or_else(|| PathBuf::from("chroot")));
    command.args(options).arg(root).args(words);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("LC_ALL", "C.UTF-8").env("HOME", "/").env("DEBIAN_FRONTEND", "noninteractive");
    command.env_remove("TMPDIR");
    command
}

/// The cached root of this machine's release.
fn ensure() -> Result<PathBuf> {
    let (release, mirror) = apt::own_release().context("this machine's apt uses no mirror of Debian")?;
    let root = cache_dir().join("roots").join(&release);
    let stamp = root.with_extension("packages");
    let is_made = || fs::read_to_string(&stamp).is_ok_and(|text| text == PACKAGES);
    if is_made() {
        return Ok(root);
    }
    let _lock = CacheLock::take()?;
    if is_made() {
        return Ok(root);
    }
    eprintln!("dist: making a clean root of Debian {release} in the cache");
    let scratch = scratch_dir("root")?;
    let mut debootstrap = Command::new(process::find_program("debootstrap").context("`debootstrap` is not installed")?);
    debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), &release]).arg(&scratch).arg(&mirror);
    process::run(&mut debootstrap).context("a clean root cannot be made; check the network")?;
    take_over_settings(Path::new("/"), &scratch)?;
    process::run(&mut enter(&scratch, &[], &["apt-get", "-q", "update"]))?;
    remove_dir(&root)?;
    if let Some(parent) = root.parent() {
        create_dir(parent)?;
    }
    fs::rename(&scratch, &root).with_context(|| format!("`{}` cannot be put in place", root.display()))?;
    write_whole(&stamp, PACKAGES.as_bytes())?;
    Ok(root)
}

/// Lets the root's apt reach what this machine's apt reaches.
fn take_over_settings(machine: &Path, root: &Path) -> Result<()> {
    let mut names = vec![PathBuf::from(CERTIFICATES)];
    if let Ok(entries) = fs::read_dir(machine.join(APT_SETTINGS)) {
        let settings = entries.flatten().map(|entry| entry.file_name());
        let settings = settings.filter(|name| name.to_string_lossy().starts_with(APT_SETTINGS_PREFIX));
        names.extend(settings.map(|name| Path::new(APT_SETTINGS).join(name)));
    }
    for name in names.iter().filter(|name| machine.join(name).is_file()) {
        let to = root.join(name);
        if let Some(parent) = to.parent() {
            create_dir(parent)?;
        }
        fs::copy(machine.join(name), &to).with_context(|| format!("`{}` cannot be written", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::take_over_settings;
    use crate::scratch::Scratch;

    #[test]
    fn settings_of_the_administrator_are_taken_over_and_those_of_packages_are_not() {
        let scratch = Scratch::new("dist-root");
        for name in ["apt/apt.conf.d/99proxy", "apt/apt.conf.d/20packages", "ssl/certs/ca-certificates.crt"] {
            scratch.write(&format!("machine/etc/{name}"), name);
        }
        let root = scratch.path().join("root");
        take_over_settings(&scratch.path().join("machine"), &root).unwrap();
        assert!(root.join("etc/apt/apt.conf.d/99proxy").is_file());
        assert!(root.join("etc/ssl/certs/ca-certificates.crt").is_file());
        assert!(!root.join("etc/apt/apt.conf.d/20packages").exists());
        take_over_settings(&scratch.path().join("nothing"), &root).unwrap();
    }
}
