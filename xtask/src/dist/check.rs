//! Installs what was packed in a clean root, uses it there as somebody without privileges, and removes it.
//!
//! Every step is one test in the count. What cannot run here (no root, no Debian) is one skipped test with the reason.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::dist::root::CleanRoot;
use crate::dist::{Build, PRODUCT, Packed, contents};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::store::sha256;
use crate::setup::{apt, packages};
use crate::test::tally::Tally;

/// A trace that is part of the repository.
const TRACE: &str = "tests/traces/data/v1.1/disk-6.12.dmlog";
/// Its place in the root.
const TRACE_THERE: &str = "/tmp/recorded.dmlog";
/// Where the archive is unpacked in the root.
const UNPACKED: &str = "/opt/dmlog-top";

/// Why nothing can be installed on this machine, if so.
pub(crate) fn obstacle() -> Option<String> {
    if !packages::is_root() {
        return Some("only root can make and enter a clean root".to_owned());
    }
    if apt::own_release().is_none() {
        return Some("a clean root comes from a mirror of Debian, and this machine's apt uses none".to_owned());
    }
    None
}

/// The tier `dist`.
pub(crate) fn tier() -> Result<Tally> {
    if let Some(reason) = obstacle() {
        let mut tally = Tally::default();
        tally.skip("all".to_owned(), reason);
        return Ok(tally);
    }
    let build = Build::make()?;
    let packed = build.pack(&Build::folder().join("check/first"))?;
    check(&build, &packed)
}

/// Packs once more and compares, then installs, uses and removes.
pub(super) fn check(build: &Build, packed: &Packed) -> Result<Tally> {
    if let Some(reason) = obstacle() {
        bail!("{reason}");
    }
    let root = CleanRoot::make(&target_dir().join("dist/check/root"))?;
    let trace = root.place(TRACE_THERE);
    fs::copy(repo_root().join(TRACE), &trace).with_context(|| format!("`{TRACE}` cannot be copied"))?;
    let before = root.files()?;
    let mut steps = Steps::default();
    steps.step("packing again gives the same bytes", || packs_the_same(build, packed));
    steps.step("the archive runs where it is unpacked", || archive_runs(&root, packed));
    steps.step("apt installs the package", || install(&root, packed));
    steps.step("the package has what it should", || has_everything(&root, packed));
    steps.step("the programs run", || programs_run(&root, packed));
    steps.step("a recorded trace is reported and replayed", || reads_a_trace(&root, "dmlog-top"));
    steps.step("every command has a manual page", || manual(&root));
    steps.step("bash loads the completions", || completions(&root));
    steps.step("nothing is left when it is removed", || remove(&root, &before));
    Ok(steps.0)
}

/// Counts.
#[derive(Debug, Default)]
struct Steps(Tally);

impl Steps {
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        match check() {
            Ok(()) => self.0.pass(),
            Err(error) => {
                eprintln!("error: {name}: {error:#}");
                self.0.fail(name.to_owned());
            }
        }
    }
}

fn packs_the_same(build: &Build, packed: &Packed) -> Result<()> {
    let again = build.pack(&Build::folder().join("check/again"))?;
    for (one, two) in [(&packed.archive, &again.archive), (&packed.package, &again.package)] {
        ensure!(sha256(one)? == sha256(two)?, "`{}` and `{}` differ", one.display(), two.display());
    }
    Ok(())
}

fn archive_runs(root: &CleanRoot, packed: &Packed) -> Result<()> {
    let folder = root.place(UNPACKED);
    fs::create_dir(&folder).with_context(|| format!("`{UNPACKED}` cannot be made in the root"))?;
    let mut tar = Command::new("tar");
    tar.arg("--directory").arg(&folder).args(["--strip-components=1", "--extract", "--file"]).arg(&packed.archive);
    process::run(&mut tar)?;
    let result = reads_a_trace(root, &format!("{UNPACKED}/bin/{PRODUCT}"));
    fs::remove_dir_all(&folder).with_context(|| format!("`{UNPACKED}` cannot be removed from the root"))?;
    result
}

fn install(root: &CleanRoot, packed: &Packed) -> Result<()> {
    let name = packed.package.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let there = format!("/tmp/{name}");
    fs::copy(&packed.package, root.place(&there)).context("the package cannot be copied into the root")?;
    process::run(&mut apt_get(root, &["install", "--yes", "--no-install-recommends", &there]))
}

/// Apt in the root, which has no terminals for a log of its own.
fn apt_get(root: &CleanRoot, arguments: &[&str]) -> Command {
    let mut command = root.command(&["apt-get", "-q", "-o", "Dpkg::Use-Pty=0"]);
    command.args(arguments);
    command
}

fn has_everything(root: &CleanRoot, packed: &Packed) -> Result<()> {
    let fields = process::output(Command::new("dpkg-deb").arg("--field").arg(&packed.package))?;
    for field in ["Package: dmlog-top\n", "Section: admin\n", "Depends: libc6 (>= "] {
        ensure!(fields.contains(field), "no `{field}` among the fields:\n{fields}");
    }
    let listed = process::output(&mut root.command(&["dpkg", "-L", PRODUCT]))?;
    let places = contents::package_places().into_iter().map(|place| format!("/usr/{place}"));
    let programs = packed.programs.iter().map(|name| format!("/usr/bin/{name}"));
    let copyright = format!("/usr/share/doc/{PRODUCT}/copyright");
    for place in places.chain(programs).chain([copyright.clone()]) {
        ensure!(listed.lines().any(|line| line == place), "`{place}` is not in the package:\n{listed}");
    }
    let text = fs::read_to_string(root.place(&copyright)).with_context(|| format!("`{copyright}` cannot be read"))?;
    ensure!(text.contains("License: Apache-2.0\n"), "`{copyright}` says: {text}");
    Ok(())
}

fn programs_run(root: &CleanRoot, packed: &Packed) -> Result<()> {
    for program in &packed.programs {
        let text = process::output(&mut root.unprivileged(&[program, "--version"]))?;
        let expected = format!("{program} {}", env!("CARGO_PKG_VERSION"));
        ensure!(text.trim() == expected, "`{program} --version` says `{}`, not `{expected}`", text.trim());
    }
    Ok(())
}

/// What the program says of a trace in the root is what it says outside.
fn reads_a_trace(root: &CleanRoot, program: &str) -> Result<()> {
    let outside = Build::folder().join(PRODUCT);
    for arguments in [["report", TRACE_THERE].as_slice(), &["replay", "--plain", "-n", "1", TRACE_THERE]] {
        let words: Vec<&str> = std::iter::once(program).chain(arguments.iter().copied()).collect();
        let inside = process::output(&mut root.unprivileged(&words))?;
        let path = root.place(TRACE_THERE).to_string_lossy().into_owned();
        let arguments = arguments.iter().map(|word| if *word == TRACE_THERE { path.as_str() } else { word });
        let same = process::output(Command::new(&outside).args(arguments).env("LC_ALL", "C.UTF-8"))?;
        ensure!(inside.lines().count() > 5, "`{}` says only: {inside}", words.join(" "));
        let same = same.replace(&path, TRACE_THERE);
        let differs = inside.lines().zip(same.lines()).find(|(one, two)| one != two);
        ensure!(inside == same, "`{}` says something else than outside: {differs:?}", words.join(" "));
    }
    Ok(())
}

fn manual(root: &CleanRoot) -> Result<()> {
    let pages = root.place("/usr/share/man/man1");
    let entries = fs::read_dir(&pages).with_context(|| format!("`{}` cannot be listed", pages.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".1.gz")?.to_owned())).collect();
    let ours: Vec<&String> = names.iter().filter(|name| name.starts_with(PRODUCT)).collect();
    // One for each command, and there are ten at least.
    ensure!(ours.len() > 10, "there are only these pages: {ours:?}");
    for name in ours {
        let page = process::output(root.unprivileged(&["man", name]).env("MANPAGER", "cat"))?;
        ensure!(page.contains("EXIT STATUS"), "`man {name}` shows: {page}");
        let line = process::output(&mut root.unprivileged(&["whatis", name]))?;
        ensure!(line.starts_with(name.as_str()), "`whatis {name}` says: {line}");
    }
    Ok(())
}

fn completions(root: &CleanRoot) -> Result<()> {
    // What an interactive shell does at the first tabulator.
    let script =
        "source /usr/share/bash-completion/bash_completion; _completion_loader dmlog-top; complete -p dmlog-top";
    let text = process::output(&mut root.unprivileged(&["bash", "-c", script]))?;
    ensure!(text.contains("-F _dmlog"), "bash knows only: {text}");
    Ok(())
}

fn remove(root: &CleanRoot, before: &[String]) -> Result<()> {
    process::run(&mut apt_get(root, &["remove", "--yes", PRODUCT]))?;
    let known = process::succeeds(&mut root.command(&["dpkg", "-s", PRODUCT]))?;
    ensure!(!known, "dpkg still knows the package");
    let after = root.files()?;
    let left: Vec<&String> = after.iter().filter(|name| before.binary_search(name).is_err()).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    let gone: Vec<&String> = before.iter().filter(|name| after.binary_search(name).is_err()).collect();
    ensure!(gone.is_empty(), "removed as well: {gone:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Steps;

    #[test]
    fn a_step_that_fails_is_named_and_the_next_one_runs() {
        let mut steps = Steps::default();
        steps.step("first", || anyhow::bail!("broken"));
        steps.step("second", || Ok(()));
        assert_eq!(steps.0.to_string(), "1 passed, 1 failed, 0 skipped");
        assert_eq!(steps.0.details(), "failed first\n");
    }
}
