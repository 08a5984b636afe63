//! The tier `vm`: one boot of each kernel, in which the test binary runs as root against real mirrors.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::guest::verdict::Verdict;
use crate::guest::{self, Echo, GuestFile, GuestSpec};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::test::cargo_tests::{PACKAGE, has_target};
use crate::test::libtest::Parser;
use crate::test::tally::Tally;

/// The test target.
const TARGET: &str = "vm";
/// Programs of this machine that the tests use besides `dmsetup`.
const PROGRAMS: [&str; 2] = ["fio", "lvm"];
/// Booted with the stock command line: what users run has address randomisation and mitigations on.
const STOCK: &str = "6.1";
/// Where the programs are in the guest.
const TEST_BINARY: &str = "/bin/dmlog-vm";
const PRODUCT: &str = "/bin/dmlog-top";

/// Boots the kernels one after the other; on two processors side by side would only be slower.
pub(crate) fn run(kernels: &[String], name: Option<&str>) -> Result<Tally> {
    let mut total = Tally::default();
    if !has_target(TARGET)? {
        total.skip("all".to_owned(), format!("`{PACKAGE}` has no test target `{TARGET}`"));
        return Ok(total);
    }
    let files = build()?;
    for kernel in kernels {
        let spec = spec(kernel, &files, name);
        guest::fresh_out(&spec.out)?;
        let run = guest::run(&spec)?;
        let mut parser = Parser::default();
        run.output.iter().for_each(|line| parser.line(line));
        let mut tally = parser.tally();
        let nothing_ran = tally.total() == 0 && name.is_none();
        if tally.is_success() && (run.verdict != Verdict::Exited(0) || nothing_ran) {
            tally.fail(format!("the guest {}", run.verdict));
        }
        if !tally.is_success() {
            run.show_tail();
        }
        eprintln!("=== vm {kernel}: {tally} ({:.0} s), console in {}", run.wall.as_secs_f64(), run.log.display());
        total.add(&format!("{kernel} "), tally);
    }
    Ok(total)
}

fn spec(kernel: &str, files: &[GuestFile], name: Option<&str>) -> GuestSpec {
    let filter = name.map(|name| format!("'{}'", name.replace('\'', ""))).unwrap_or_default();
    let script = format!(
        "export DMLOG_TOP={PRODUCT} DMLOG_OUT=/out DMLOG_KERNEL={kernel} DMLOG_FIO=/usr/bin/fio RUST_BACKTRACE=1\n\
         {TEST_BINARY} --test-threads=1 --show-output {filter}\n"
    );
    let mut spec = GuestSpec::new(kernel, &format!("vm-{kernel}"), &script);
    spec.files = files.to_vec();
    spec.machine.stock_command_line = kernel == STOCK;
    spec.echo = Echo::Prefixed(format!("[{kernel}] "));
    spec
}

/// Builds the product and the test binary, and lists what goes into the guest.
fn build() -> Result<Vec<GuestFile>> {
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", PACKAGE, "--bins"]))?;
    let product = target_dir().join("release/dmlog-top");
    let mut files = vec![
        GuestFile { host: product, guest: PRODUCT.to_owned() },
        GuestFile { host: test_binary()?, guest: TEST_BINARY.to_owned() },
    ];
    for program in PROGRAMS {
        files.push(GuestFile::program(program)?);
    }
    Ok(files)
}

/// Cargo names the binary with a hash, and says which one in its messages.
fn test_binary() -> Result<PathBuf> {
    let mut command: Command = process::cargo(&repo_root());
    command.args(["test", "--release", "--package", PACKAGE, "--test", TARGET, "--no-run"]);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let messages = process::output(&mut command)?;
    let mut found = None;
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let target = &message["target"];
        if target["name"] == TARGET && target["kind"][0] == "test" {
            found = message["executable"].as_str().map(PathBuf::from).or(found);
        }
    }
    found.context("cargo built the tests and named no executable")
}
