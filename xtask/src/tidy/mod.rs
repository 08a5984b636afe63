//! Rules of the repository that no compiler knows. `cargo xtask tidy` prints what breaks them, and a test of this crate
//! fails on the same findings, so `cargo test` is enough to see them.
//!
//! A rule is a function from the files to findings. It gets the whole tree in memory and opens nothing itself, so its
//! tests hand it a tree of two or three made-up files that break it.

pub(crate) mod documents;
mod layers;
mod source;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::paths::repo_root;

/// Folders that are not the repository's.
const SKIPPED_FOLDERS: [&str; 2] = ["target", ".git"];

/// One file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct RepoFile {
    /// Relative to the root, with slashes.
    path: String,
    /// Bytes.
    size_bytes: u64,
    /// `None` for binary files.
    text: Option<String>,
}

impl RepoFile {
    /// The text if it is a Rust source file.
    fn rust(&self) -> Option<&str> {
        self.text.as_deref().filter(|_| Path::new(&self.path).extension().is_some_and(|it| it == "rs"))
    }
}

/// A rule: what in these files breaks it, one sentence each.
type Rule = fn(&[RepoFile]) -> Vec<String>;

const RULES: [Rule; 9] = [
    source::module_docs,
    source::file_sizes,
    source::bare_matches,
    source::machine_paths,
    source::large_files,
    layers::imports,
    documents::dependencies_are_explained,
    documents::lock_names_the_public_registry,
    documents::format_follows_schema,
];

/// Runs the command.
pub(crate) fn run_command() -> Result<ExitCode> {
    let findings = check(&repo_root())?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything in the tree below `root` that breaks a rule.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    read(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(RULES.iter().flat_map(|rule| rule(&files)).collect())
}

fn read(root: &Path, folder: &Path, files: &mut Vec<RepoFile>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("`{}` cannot be listed", folder.display()))? {
        let entry = entry.with_context(|| format!("`{}` cannot be listed", folder.display()))?;
        let path = entry.path();
        let kind = entry.file_type().with_context(|| format!("`{}`", path.display()))?;
        if kind.is_dir() {
            if !SKIPPED_FOLDERS.iter().any(|skipped| entry.file_name() == *skipped) {
                read(root, &path, files)?;
            }
        } else if kind.is_file() {
            let bytes = fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(RepoFile { path: name, size_bytes: bytes.len() as u64, text: String::from_utf8(bytes).ok() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
