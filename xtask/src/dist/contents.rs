//! What an installation consists of beside the programs, and where each part goes: one table for the archive and the package.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::dist::licences;
use crate::paths::repo_root;
use crate::process;
use crate::setup::store::{create_dir, files_below};

/// Files that are written for installations only. Each has a row in [`CONTENTS`].
const FOLDER: &str = "dmlog-user/dist";

/// Where something comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A file of the repository.
    File(&'static str),
    /// What the program prints.
    Printed(&'static [&'static str]),
    /// The program's manual pages, one file for each command.
    Pages,
    /// The licences of everything that is linked into the programs.
    Licences,
}

/// One row: a source, its place below the archive's folder, and its place below `/usr` where the package has it.
#[derive(Debug, Clone, Copy)]
struct Row {
    source: Source,
    archive: &'static str,
    package: Option<&'static str>,
}

const fn row(source: Source, archive: &'static str, package: &'static str) -> Row {
    Row { source, archive, package: Some(package) }
}

const CONTENTS: &[Row] = &[
    row(Source::Pages, "share/man/man1", "share/man/man1"),
    row(
        Source::Printed(&["completions", "bash"]),
        "share/bash-completion/completions/dmlog-top",
        "share/bash-completion/completions/dmlog-top",
    ),
    // Debian keeps the usual folder for files of the administrator.
    row(
        Source::Printed(&["completions", "zsh"]),
        "share/zsh/site-functions/_dmlog-top",
        "share/zsh/vendor-completions/_dmlog-top",
    ),
    row(
        Source::Printed(&["completions", "fish"]),
        "share/fish/vendor_completions.d/dmlog-top.fish",
        "share/fish/vendor_completions.d/dmlog-top.fish",
    ),
    row(
        Source::Printed(&["replay", "--print-config"]),
        "share/doc/dmlog-top/config.toml",
        "share/doc/dmlog-top/config.toml",
    ),
    row(Source::File("README.md"), "share/doc/dmlog-top/README.md", "share/doc/dmlog-top/README.md"),
    row(Source::Licences, "share/doc/dmlog-top/THIRD-PARTY.txt", "share/doc/dmlog-top/THIRD-PARTY.txt"),
    // A package of Debian has both licences in `copyright`, which `[package.metadata.deb]` names.
    Row { source: Source::File("LICENSE-MIT"), archive: "share/doc/dmlog-top/LICENSE-MIT", package: None },
    Row { source: Source::File("LICENSE-APACHE"), archive: "share/doc/dmlog-top/LICENSE-APACHE", package: None },
    Row { source: Source::File("dmlog-user/dist/copyright"), archive: "share/doc/dmlog-top/copyright", package: None },
    row(
        Source::File("dmlog-user/dist/dmlog-top.service"),
        "lib/systemd/system/dmlog-top.service",
        "lib/systemd/system/dmlog-top.service",
    ),
    row(Source::File("dmlog-user/dist/gate.toml"), "share/doc/dmlog-top/gate.toml", "share/doc/dmlog-top/gate.toml"),
    row(
        Source::File("dmlog-user/dist/gate-workflow.yml"),
        "share/doc/dmlog-top/gate-workflow.yml",
        "share/doc/dmlog-top/gate-workflow.yml",
    ),
    row(
        Source::File("dmlog-user/dist/grafana.json"),
        "share/doc/dmlog-top/grafana.json",
        "share/doc/dmlog-top/grafana.json",
    ),
];

/// Which of the two columns of the table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Below a folder that may be unpacked anywhere, `/usr/local` for one.
    Archive,
    /// Below `/usr`.
    Package,
}

impl Row {
    fn place(self, form: Form) -> Option<&'static str> {
        match form {
            Form::Archive => Some(self.archive),
            Form::Package => self.package,
        }
    }
}

/// Puts everything but the programs below `folder`.
pub(super) fn lay_out(form: Form, product: &Path, folder: &Path) -> Result<()> {
    let unlisted = unlisted(&repo_root())?;
    if !unlisted.is_empty() {
        bail!("files without a row in the table of xtask/src/dist/contents.rs: {}", unlisted.join(", "));
    }
    for row in CONTENTS {
        let Some(place) = row.place(form) else { continue };
        let target = folder.join(place);
        if let Some(parent) = target.parent() {
            create_dir(parent)?;
        }
        match row.source {
            Source::File(name) => write(&target, &read(&repo_root(), name)?)?,
            Source::Printed(arguments) => {
                write(&target, process::output(Command::new(product).args(arguments))?.as_bytes())?;
            }
            Source::Pages => {
                process::output(Command::new(product).arg("man").arg(&target))?;
                if form == Form::Package {
                    // Debian wants pages compressed, and cargo-deb does not touch what is in Cargo's target folder.
                    compress(&files_below(&target)?)?;
                }
            }
            Source::Licences => write(&target, licences::text()?.as_bytes())?,
        }
    }
    Ok(())
}

/// Replaces each file by its compressed form, without a name and a time in it.
fn compress(files: &[PathBuf]) -> Result<()> {
    process::output(Command::new("gzip").args(["-9", "--no-name", "--"]).args(files)).map(drop)
}

/// A file of the repository that an installation has.
fn read(root: &Path, name: &str) -> Result<Vec<u8>> {
    fs::read(root.join(name)).with_context(|| {
        format!("an installation has `{name}`, which is not there; restore it or take its row out of xtask/src/dist/contents.rs")
    })
}

/// Writes a file that everybody may read, whatever the umask says.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("`{}` cannot be written", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .with_context(|| format!("the mode of `{}` cannot be set", path.display()))
}

/// Files in the folder for installations that no row takes.
fn unlisted(root: &Path) -> Result<Vec<String>> {
    let listed = |name: &str| CONTENTS.iter().any(|row| matches!(row.source, Source::File(known) if known == name));
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(FOLDER)).with_context(|| format!("`{FOLDER}` cannot be listed"))? {
        names.push(format!("{FOLDER}/{}", entry?.file_name().to_string_lossy()));
    }
    names.retain(|name| !listed(name));
    names.sort();
    Ok(names)
}

/// The places below `/usr` of everything that the package has; folders stand for what is in them.
pub(super) fn package_places() -> Vec<&'static str> {
    CONTENTS.iter().filter_map(|row| row.package).collect()
}

#[cfg(test)]
mod tests {
    use super::{CONTENTS, Form, Source, read, unlisted};
    use crate::paths::repo_root;
    use crate::scratch::Scratch;

    #[test]
    fn every_file_for_installations_has_a_row_and_is_there() {
        assert_eq!(unlisted(&repo_root()).unwrap(), Vec::<String>::new());
        for row in CONTENTS {
            if let Source::File(name) = row.source {
                assert!(!read(&repo_root(), name).unwrap().is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn a_file_without_a_row_and_a_row_without_a_file_are_named() {
        let scratch = Scratch::new("dist-contents");
        scratch.write("dmlog-user/dist/new.conf", "x");
        assert_eq!(unlisted(scratch.path()).unwrap(), ["dmlog-user/dist/new.conf"]);
        let error = read(scratch.path(), "dmlog-user/dist/copyright").unwrap_err().to_string();
        assert!(error.contains("`dmlog-user/dist/copyright`, which is not there"), "{error}");
    }

    #[test]
    fn no_two_rows_have_one_place() {
        for form in [Form::Archive, Form::Package] {
            let mut places: Vec<_> = CONTENTS.iter().filter_map(|row| row.place(form)).collect();
            places.sort_unstable();
            let count = places.len();
            places.dedup();
            assert_eq!(places.len(), count, "{form:?}");
        }
    }
}
