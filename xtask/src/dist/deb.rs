//! The package of Debian, by `cargo-deb` and what `[package.metadata.deb]` of the main package says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::dist::{EPOCH_VARIABLE, PROFILE};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::packager;
use crate::setup::store::{create_dir, remove_dir};
use crate::test::cargo_tests::PACKAGE;

/// Packs what is laid out, into `out`; all times are `epoch_s`, in seconds since 1970.
pub(super) fn pack(epoch_s: u64, out: &Path) -> Result<PathBuf> {
    // A folder of its own: the name is known only afterwards.
    let folder = target_dir().join(PROFILE).join("deb");
    remove_dir(&folder)?;
    create_dir(&folder)?;
    let mut command = Command::new(packager::program());
    // The programs go in as Cargo built them, which are those of the archive.
    command.current_dir(repo_root()).args([
        "--package",
        PACKAGE,
        "--profile",
        PROFILE,
        "--no-build",
        "--no-strip",
        "--locked",
    ]);
    command.arg("--output").arg(&folder).env(EPOCH_VARIABLE, epoch_s.to_string());
    process::run(&mut command).context("the package was not made")?;
    let entries = fs::read_dir(&folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
    let made: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let [made] = made.as_slice() else { bail!("cargo-deb made {} files where one package was expected", made.len()) };
    let package = out.join(made.file_name().unwrap_or_default());
    fs::copy(made, &package).with_context(|| format!("`{}` cannot be written", package.display()))?;
    Ok(package)
}
