//! Rules on single files.

use crate::tidy::RepoFile;

/// Lines of a source file at which it has to be split. Tests in `tests.rs` do not count.
const LINE_LIMIT: usize = 700;
/// Larger files belong to the fixtures of trace formats, or nowhere.
const SIZE_LIMIT_BYTES: u64 = 256 * 1024;
/// Where large files are allowed.
const FIXTURES: &str = "tests/traces/";
/// Folders of machines this was written on. In two halves, or this file would break its own rule.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// A module that does not say what it is. The name `tests` says it.
pub(super) fn module_docs(files: &[RepoFile]) -> Vec<String> {
    let lacks_docs = |text: &str| {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.find(|line| !line.starts_with("// SPDX") && !line.starts_with("#!["));
        !first.is_some_and(|line| line.starts_with("//!"))
    };
    let modules = files.iter().filter(|file| !file.path.ends_with("/tests.rs"));
    let silent = modules.filter(|file| file.rust().is_some_and(lacks_docs));
    silent.map(|file| format!("{}: does not begin with `//!` and what the module is", file.path)).collect()
}

/// A file that nobody reads to its end.
pub(super) fn file_sizes(files: &[RepoFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.path.ends_with("/tests.rs")) {
        let count = file.rust().map_or(0, |text| text.lines().count());
        if LINE_LIMIT < count {
            findings.push(format!("{}: {count} lines; split it below {LINE_LIMIT}", file.path));
        }
    }
    findings
}

/// A statement `matches!(…);` compares and throws the answer away; `assert!` around it was forgotten.
pub(super) fn bare_matches(files: &[RepoFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let lines: Vec<&str> = file.rust().unwrap_or_default().lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("matches!(") && is_statement(&lines[index..]) {
                findings.push(format!("{}:{}: a bare `matches!` checks nothing", file.path, index + 1));
            }
        }
    }
    findings
}

/// True when the parentheses that open on the first line close before a semicolon.
fn is_statement(lines: &[&str]) -> bool {
    let mut depth = 0_i32;
    for line in lines {
        for (at, c) in line.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth -= 1;
                    if depth == 0 {
                        return line[at + 1..].trim_start().starts_with(';');
                    }
                }
                _ => {}
            }
        }
    }
    false
}

/// A path of somebody's machine, which means nothing on another.
pub(super) fn machine_paths(files: &[RepoFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|path| line.contains(**path)) {
                findings.push(format!("{}:{}: `{path}` is a folder of one machine", file.path, index + 1));
            }
        }
    }
    findings
}

/// A file that makes every clone slower for ever.
pub(super) fn large_files(files: &[RepoFile]) -> Vec<String> {
    let is_large = |file: &&RepoFile| SIZE_LIMIT_BYTES < file.size_bytes && !file.path.starts_with(FIXTURES);
    let large = files.iter().filter(is_large);
    large.map(|file| format!("{}: {} bytes; only fixtures may be that large", file.path, file.size_bytes)).collect()
}
