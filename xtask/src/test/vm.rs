//! The tier `vm`: one boot of each kernel, in which the test binary runs as root against real mirrors.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::guest::verdict::Verdict;
use crate::guest::{self, Echo, GuestFile, GuestSpec, Limits};
use crate::paths::repo_root;
use crate::process;
use crate::test::cargo_tests::PACKAGE;
use crate::test::guests::Job;
use crate::test::libtest::Parser;
use crate::test::tally::Tally;

/// The test target.
const TARGET: &str = "vm";
/// Programs of this machine that the tests use besides `dmsetup`.
const PROGRAMS: [&str; 2] = ["fio", "lvm"];
/// One that a test skips itself without: it is large, and not everywhere.
const PROMETHEUS: &str = "prometheus";
/// Booted with the stock command line: what users run has address randomisation and mitigations on.
const STOCK: &str = "6.1";
/// Where the programs are in the guest.
const TEST_BINARY: &str = "/bin/dmlog-vm";
const PRODUCT: &str = "/bin/dmlog-top";

/// The files in their archive, unpacked in a file system that may take half of it, and room for what is tested.
const MEMORY_MIB: u32 = 2048;

/// Longest a guest may say nothing: a test is silent until it is over, and one kills fifty recorders one after the other
/// where guests share processors.
const SILENCE: Duration = Duration::from_mins(15);
/// Longest one boot may take.
const TOTAL: Duration = Duration::from_mins(45);

/// One job for each kernel. The stock command line takes longest, so it goes first.
pub(crate) fn jobs(kernels: &[String], files: &[GuestFile], name: Option<&str>) -> Vec<Job> {
    let (first, others): (Vec<_>, Vec<_>) = kernels.iter().cloned().partition(|kernel| kernel == STOCK);
    let job = |kernel: String| {
        let (files, name) = (files.to_vec(), name.map(str::to_owned));
        let label = format!("vm {kernel}");
        Job { name: label, work: Box::new(move || run_one(&kernel, &files, name.as_deref())) }
    };
    first.into_iter().chain(others).map(job).collect()
}

/// One boot of one kernel.
fn run_one(kernel: &str, files: &[GuestFile], name: Option<&str>) -> Result<Tally> {
    let spec = spec(kernel, files, name);
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
    Ok(tally)
}

fn spec(kernel: &str, files: &[GuestFile], name: Option<&str>) -> GuestSpec {
    let filter = name.map(|name| format!("'{}'", name.replace('\'', ""))).unwrap_or_default();
    let script = format!(
        "export DMLOG_TOP={PRODUCT} DMLOG_OUT=/out DMLOG_KERNEL={kernel} DMLOG_FIO=/usr/bin/fio \
         DMLOG_PROMETHEUS=/usr/bin/prometheus RUST_BACKTRACE=1\n\
         {TEST_BINARY} --test-threads=1 --show-output {filter}\n"
    );
    let mut spec = GuestSpec::new(kernel, &format!("vm-{kernel}"), &script);
    spec.files = files.to_vec();
    spec.machine.stock_command_line = kernel == STOCK;
    spec.machine.memory_mib = MEMORY_MIB;
    spec.limits = Limits { total: TOTAL, silence: SILENCE };
    spec.echo = Echo::Prefixed(format!("[{kernel}] "));
    spec
}

/// Builds the product and the test binary, and lists what goes into the guest.
///
/// One call builds both: dependencies of tests add features to shared crates, and a second call for the programs alone
/// would build all of those again.
pub(crate) fn build() -> Result<Vec<GuestFile>> {
    let mut command: Command = process::cargo(&repo_root());
    command.args(["test", "--release", "--package", PACKAGE, "--test", TARGET, "--no-run"]);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    eprintln!("$ {}", process::shown(&command));
    let messages = process::output(&mut command)?;
    let host = |kind, name| {
        executable(&messages, kind, name).with_context(|| format!("cargo built the tests and named no `{name}`"))
    };
    let mut files = vec![
        GuestFile { host: host("bin", "dmlog-top")?, guest: PRODUCT.to_owned() },
        GuestFile { host: host("test", TARGET)?, guest: TEST_BINARY.to_owned() },
    ];
    for program in PROGRAMS {
        files.push(GuestFile::program(program)?);
    }
    files.extend(GuestFile::program(PROMETHEUS).ok());
    Ok(files)
}

/// The program under test among those files.
pub(crate) fn product(files: &[GuestFile]) -> Option<&Path> {
    files.iter().find(|file| file.guest == PRODUCT).map(|file| file.host.as_path())
}

/// Cargo names test binaries with a hash, and says which one in its messages; the last message counts.
fn executable(messages: &str, kind: &str, name: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ours = artifacts.filter(|it| it["target"]["name"] == name && it["target"]["kind"][0] == kind);
    ours.find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::executable;

    #[test]
    fn the_executables_are_found_among_the_messages_of_cargo() {
        let messages = "{\"target\":{\"name\":\"vm\",\"kind\":[\"test\"]},\"executable\":\"/t/vm-1\"}\n\
                        {\"target\":{\"name\":\"dmlog-top\",\"kind\":[\"bin\"]},\"executable\":\"/t/dmlog-top\"}\n\
                        {\"target\":{\"name\":\"vm\",\"kind\":[\"test\"]},\"executable\":\"/t/vm-2\"}\nnot json\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages, "test", "vm"), Some(PathBuf::from("/t/vm-2")));
        assert_eq!(executable(messages, "bin", "dmlog-top"), Some(PathBuf::from("/t/dmlog-top")));
        assert_eq!(executable(messages, "bin", "dmlogd"), None);
    }
}
