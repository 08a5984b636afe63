//! `cargo xtask demo`: the README's first command. A guest kernel, a real mirror under load, a recording, a report.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::guest::{self, Echo, GuestFile, GuestSpec};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

/// The kernel of the demonstration: the newest long-term one.
const KERNEL: &str = "6.12";
/// The recording, in the guest's `/out` and on the host.
const TRACE: &str = "demo.dmlog";
/// What happens in the guest.
const SCRIPT: &str = include_str!("demo.sh");

/// Installs what is missing, builds, records in a guest, and shows the report of the recording.
pub(crate) fn run_command() -> Result<ExitCode> {
    setup::ensure(&Scope { kernels: vec![KERNEL.to_owned()], ..Scope::bpf() })?;
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", "dmlog-user", "--bins"]))?;
    let product = target_dir().join("release/dmlog-top");
    let out = target_dir().join("demo");
    guest::fresh_out(&out)?;
    record(&product, &out)?;
    let trace = out.join(TRACE);
    let size = fs::metadata(&trace).with_context(|| format!("the guest left no `{}`", trace.display()))?.len();
    println!();
    process::run(Command::new(&product).arg("report").arg(&trace))?;
    println!("\nthe trace of {size} bytes is {}", trace.display());
    println!("look closer with: {} print {}", product.display(), trace.display());
    Ok(ExitCode::SUCCESS)
}

/// Boots the guest and waits for the recording.
fn record(product: &Path, out: &Path) -> Result<()> {
    eprintln!("demo: booting Linux {KERNEL} with a disk-log mirror on ram disks; the recording takes ten seconds");
    let mut spec = GuestSpec::new(KERNEL, "demo", SCRIPT);
    spec.out = out.to_path_buf();
    spec.files.push(GuestFile { host: product.to_path_buf(), guest: "/bin/dmlog-top".to_owned() });
    spec.files.push(GuestFile::program("fio")?);
    spec.echo = Echo::Prefixed("guest: ".to_owned());
    guest::run(&spec)?.require_success()
}
