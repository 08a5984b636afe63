//! Tiers that are plain `cargo test` on this machine.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::paths::repo_root;
use crate::process;
use crate::setup::readers;
use crate::test::libtest::Parser;
use crate::test::tally::Tally;

/// The package that declares the tiers as test targets.
pub(crate) const PACKAGE: &str = "dmlog-user";
/// Builds for BPF only.
pub(crate) const BPF_PACKAGE: &str = "dmlog-ebpf";

/// Libraries, programs and documentation of every host crate.
pub(crate) fn unit(name: Option<&str>) -> Result<Tally> {
    let mut tally = Tally::default();
    for kinds in [["--lib", "--bins"].as_slice(), &["--doc"]] {
        let mut command = process::cargo(&repo_root());
        command.args(["test", "--workspace", "--exclude", BPF_PACKAGE, "--no-fail-fast"]).args(kinds);
        tally.add("", run(&mut command, name)?);
    }
    Ok(tally)
}

/// One test target of the main package; a tier that the manifest does not have yet is skipped, and said to be.
pub(crate) fn target(tier: &str, name: Option<&str>) -> Result<Tally> {
    if !has_target(tier)? {
        let mut tally = Tally::default();
        tally.skip("all".to_owned(), format!("`{PACKAGE}` has no test target `{tier}`"));
        return Ok(tally);
    }
    let mut command = process::cargo(&repo_root());
    // The same selection of packages as for unit tests, so that dependencies have the same features and are not rebuilt.
    command.args(["test", "--workspace", "--exclude", BPF_PACKAGE, "--test", tier, "--no-fail-fast"]);
    run(&mut command, name)
}

/// True when the main package's manifest declares the test target.
pub(crate) fn has_target(name: &str) -> Result<bool> {
    Ok(targets()?.iter().any(|target| target == name))
}

/// The test targets of the main package.
pub(crate) fn targets() -> Result<Vec<String>> {
    let mut command = process::cargo(&repo_root());
    let text = process::output(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("`cargo metadata` printed no JSON")?;
    let Some(packages) = metadata["packages"].as_array() else { bail!("`cargo metadata` lists no packages") };
    let targets =
        packages.iter().filter(|package| package["name"] == PACKAGE).filter_map(|it| it["targets"].as_array());
    let tests = targets.flatten().filter(|target| target["kind"][0] == "test");
    Ok(tests.filter_map(|target| target["name"].as_str()).map(str::to_owned).collect())
}

/// Runs `cargo test`, shows failures and the summary of every binary, and counts.
fn run(command: &mut Command, name: Option<&str>) -> Result<Tally> {
    command.arg("--").args(name).arg("--show-output").env("DMLOG_PYTHON", readers::python());
    let text = process::shown(command);
    eprintln!("$ {text}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{text}` did not start"))?;
    let stdout = child.stdout.take().with_context(|| format!("`{text}` has no output"))?;
    let mut parser = Parser::default();
    let mut lines = Vec::new();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("the tests' output cannot be read")?).into_owned();
        parser.line(&line);
        lines.push(line);
    }
    let status = child.wait().with_context(|| format!("`{text}` cannot be waited for"))?;
    let mut tally = parser.tally();
    if !status.success() {
        for line in lines.iter().filter(|line| !line.ends_with(" ... ok")) {
            eprintln!("{line}");
        }
        if tally.is_success() {
            tally.fail(format!("`{text}` ({status})"));
        }
    }
    Ok(tally)
}
