//! The cache as a store: one lock for everybody who changes it, files that appear whole or not at all, and checksums.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths::cache_dir;
use crate::process;

/// The program of GNU coreutils.
const SHA256SUM: &str = "sha256sum";

/// The list of checksums in a folder of the store, in the format of `sha256sum`.
const SUMS: &str = "SHA256SUMS";

/// Holds the cache for one process until dropped; the kernel releases it if the process dies.
#[derive(Debug)]
pub(crate) struct CacheLock {
    _file: File,
}

impl CacheLock {
    /// Waits for other runs that are changing the cache, and says that it waits.
    pub(crate) fn take() -> Result<Self> {
        let path = cache_dir().join("lock");
        create_dir(&cache_dir())?;
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("`{}` cannot be opened", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("setup: another run is changing `{}`; waiting for it", cache_dir().display());
            file.lock().with_context(|| format!("`{}` cannot be locked", path.display()))?;
        }
        let lock = Self { _file: file };
        lock.sweep()?;
        Ok(lock)
    }

    /// Removes what runs that were interrupted have left: only the holder of the lock makes such folders.
    fn sweep(&self) -> Result<()> {
        let Self { _file: _ } = self;
        let folder = cache_dir();
        let entries = fs::read_dir(&folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(SCRATCH_PREFIX) {
                remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Begins the name of a folder that [`scratch_dir`] made.
const SCRATCH_PREFIX: &str = "tmp-";

/// Creates a folder and its parents.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("folder `{}` cannot be created", path.display()))
}

/// Removes a folder if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("folder `{}` cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file under a temporary name and renames it, so that no reader ever sees half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    fs::write(&temporary, bytes).with_context(|| format!("`{}` cannot be written", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("`{}` cannot be put in place", path.display()))
}

/// A folder to prepare things in, beside the place where they will be renamed to.
pub(crate) fn scratch_dir(name: &str) -> Result<PathBuf> {
    let path = cache_dir().join(format!("{SCRATCH_PREFIX}{name}-{}", std::process::id()));
    remove_dir(&path)?;
    create_dir(&path)?;
    Ok(path)
}

/// The SHA-256 of a file in lower-case hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    Ok(sums(&[path])?.remove(0))
}

/// The SHA-256 of several files, in their order.
///
/// Coreutils' `sha256sum` is used throughout: this crate is built without optimisation, and its own code would need
/// seconds for the modules of one kernel.
fn sums(paths: &[&Path]) -> Result<Vec<String>> {
    let text = process::output(Command::new(SHA256SUM).arg("--").args(paths))?;
    // A name with a line break or a backslash is escaped, and then the line starts with a backslash.
    let sums: Vec<String> =
        text.lines().filter_map(|line| line.trim_start_matches('\\').split(' ').next()).map(str::to_owned).collect();
    if sums.len() != paths.len() {
        bail!("`{SHA256SUM}` printed {} sums for {} files", sums.len(), paths.len());
    }
    Ok(sums)
}

/// The SHA-256 of a text at hand.
pub(crate) fn sha256_of(text: &str) -> Result<String> {
    let failed = || format!("`{SHA256SUM}` failed");
    let mut child =
        Command::new(SHA256SUM).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(failed)?;
    // Taken, so that it is closed after the text and the program sees the end.
    child.stdin.take().with_context(failed)?.write_all(text.as_bytes()).with_context(failed)?;
    let output = child.wait_with_output().with_context(failed)?;
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    line.split(' ').next().filter(|sum| sum.len() == 64).map(str::to_owned).with_context(failed)
}

/// Records the checksum of every file below `dir`, in a fixed order.
pub(crate) fn seal(dir: &Path) -> Result<()> {
    let files = files_below(dir)?;
    let sums = sums(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let lines = files
        .iter()
        .zip(sums)
        .map(|(path, sum)| format!("{sum}  {}\n", path.strip_prefix(dir).unwrap_or(path).display()));
    write_whole(&dir.join(SUMS), lines.collect::<String>().as_bytes())
}

/// Compares the files below `dir` with what [`seal`] recorded.
pub(crate) fn check(dir: &Path) -> Result<()> {
    let mut command = Command::new(SHA256SUM);
    command.current_dir(dir).env("LC_ALL", "C").args(["--check", "--strict", "--quiet", SUMS]);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{SHA256SUM}` did not start"))?;
    if !output.status.success() {
        let report = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        bail!("`{}` is not what was downloaded ({})", dir.display(), report.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// All regular files below a folder, sorted; the list of checksums itself is left out.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("`{}` cannot be listed", folder.display()))?;
            let kind = entry.file_type().with_context(|| format!("`{}`", entry.path().display()))?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && entry.file_name() != SUMS {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{check, create_dir, files_below, seal, sha256_of};
    use crate::scratch::Scratch;

    #[test]
    fn a_changed_or_missing_file_fails_the_check() {
        let scratch = Scratch::new("store");
        let dir = scratch.path().join("kernel");
        create_dir(&dir.join("sub")).unwrap();
        fs::write(dir.join("vmlinuz"), b"one").unwrap();
        fs::write(dir.join("sub/a.ko"), b"two").unwrap();
        seal(&dir).unwrap();
        check(&dir).unwrap();
        assert_eq!(files_below(&dir).unwrap().len(), 2, "the list does not list itself");

        fs::write(dir.join("sub/a.ko"), b"twO").unwrap();
        let error = check(&dir).unwrap_err().to_string();
        assert!(error.contains("sub/a.ko: FAILED"), "{error}");
        fs::remove_file(dir.join("sub/a.ko")).unwrap();
        assert!(check(&dir).unwrap_err().to_string().contains("sub/a.ko"));
    }

    #[test]
    fn the_digest_is_sha256() {
        assert_eq!(sha256_of("abc").unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
