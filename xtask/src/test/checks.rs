//! Tiers that are single checks rather than test binaries: lints, and the build without a BPF toolchain.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::test::cargo_tests::{BPF_PACKAGE, PACKAGE};
use crate::test::tally::Tally;
use crate::tidy;

/// Makes the search for a BPF linker fail wherever this runs.
const NO_LINKER: (&str, &str) = ("DMLOG_BPF_LINKER", "/nonexistent/bpf-linker");

/// Rules of the repository, formatting, clippy on host crates, and the BPF crate with its own compiler.
pub(crate) fn lint() -> Result<Tally> {
    let root = repo_root();
    let mut tally = Tally::default();
    let findings = tidy::check(&root)?;
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    count(&mut tally, "tidy", findings.is_empty());
    let formatted = process::succeeds(process::cargo(&root).args(["fmt", "--all", "--check"]))?;
    count(&mut tally, "fmt", formatted);
    let mut clippy = process::cargo(&root);
    clippy.args(["clippy", "--quiet", "--workspace", "--exclude", BPF_PACKAGE, "--all-targets"]);
    count(&mut tally, "clippy", process::succeeds(clippy.args(["--", "-D", "warnings"]))?);
    // `--all-targets` leaves out tests with `test = false`, which are those that run in guests.
    let mut clippy = process::cargo(&root);
    clippy.args(["clippy", "--quiet", "--package", "dmlog-user", "--test", "vm"]);
    count(&mut tally, "clippy of guest tests", process::succeeds(clippy.args(["--", "-D", "warnings"]))?);
    lint_bpf(&root, &mut tally)?;
    Ok(tally)
}

/// Clippy needs the target, the library sources and the panic strategy of BPF, so it is a call of its own; where the
/// BPF compiler has no clippy, building the object has to do.
fn lint_bpf(root: &Path, tally: &mut Tally) -> Result<()> {
    let toolchain = bpf_toolchain::find()?;
    let manifest_dir = root.join(BPF_PACKAGE);
    let target = bpf_toolchain::shared_target_dir(&target_dir());
    count(
        tally,
        "bpf build",
        match toolchain.build_object(&manifest_dir, &target) {
            Ok(_) => true,
            Err(error) => {
                eprintln!("error: {error}");
                false
            }
        },
    );
    let clippy = toolchain.compiler.cargo.with_file_name("cargo-clippy");
    if clippy.is_file() {
        let mut command = toolchain.cargo(&manifest_dir, &target, "clippy");
        count(tally, "bpf clippy", process::succeeds(command.args(["--", "-D", "warnings"]))?);
    } else {
        let reason = format!("`{}` has no clippy", toolchain.compiler.cargo.display());
        tally.skip("bpf clippy".to_owned(), reason);
    }
    Ok(())
}

/// Without a BPF toolchain the offline commands build and run, and the live ones fail with the sentence that helps.
pub(crate) fn offline() -> Result<Tally> {
    let root = repo_root();
    let mut tally = Tally::default();
    let mut build = process::cargo(&root);
    build.args(["build", "--package", PACKAGE, "--no-default-features"]).env(NO_LINKER.0, NO_LINKER.1);
    let built = process::succeeds(&mut build)?;
    count(&mut tally, "build without features", built);
    if built {
        let help = process::output(Command::new(target_dir().join("debug/dmlog-top")).arg("--help"));
        count(&mut tally, "dmlog-top --help", help.is_ok_and(|text| text.contains("report")));
    }
    let mut live = process::cargo(&root);
    live.args(["build", "--package", PACKAGE]).env(NO_LINKER.0, NO_LINKER.1).stdin(Stdio::null());
    let output = live.output().context("cargo did not start")?;
    let message = String::from_utf8_lossy(&output.stderr);
    let explained = !output.status.success() && message.contains("cargo xtask setup");
    if !explained {
        eprintln!("a live build without a BPF toolchain should fail and name `cargo xtask setup`; it said:\n{message}");
    }
    count(&mut tally, "live build names the next step", explained);
    Ok(tally)
}

fn count(tally: &mut Tally, name: &str, passed: bool) {
    if passed {
        tally.pass();
    } else {
        tally.fail(name.to_owned());
    }
}
