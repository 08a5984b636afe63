//! `cargo xtask demo`: the README's first command. A guest kernel and real mirrors under load: at a terminal `dmlog-top` live
//! on them, elsewhere a recording and a report.

use std::fs;
use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::{self, Echo, GuestFile, GuestSpec, Start};
use crate::paths::{repo_root, target_dir};
use crate::process;
use crate::setup::{self, Scope};

/// The kernel of the demonstration: the newest long-term one.
const KERNEL: &str = "6.12";
/// The recording, in the guest's `/out` and on the host.
const TRACE: &str = "demo.dmlog";
/// What happens in the guest: a recording, or at a terminal the live screen.
const SCRIPT: &str = include_str!("demo.sh");
const LIVE_SCRIPT: &str = include_str!("demo-live.sh");
/// Longest that somebody may look.
const LOOK: Duration = Duration::from_hours(1);

/// Installs what is missing, builds, records in a guest, and shows the report of the recording.
pub(crate) fn run_command() -> Result<ExitCode> {
    setup::ensure(&Scope { kernels: vec![KERNEL.to_owned()], ..Scope::bpf() })?;
    process::run(process::cargo(&repo_root()).args(["build", "--release", "--package", "dmlog-user", "--bins"]))?;
    let product = target_dir().join("release/dmlog-top");
    let out = target_dir().join("demo");
    guest::fresh_out(&out)?;
    if stdin().is_terminal() && stdout().is_terminal() {
        return look(&product, &out);
    }
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
    let mut spec = spec(product, out, SCRIPT)?;
    spec.echo = Echo::Prefixed("guest: ".to_owned());
    guest::run(&spec)?.require_success()
}

/// Boots the guest and gives its screen this terminal.
fn look(product: &Path, out: &Path) -> Result<ExitCode> {
    eprintln!(
        "demo: booting Linux {KERNEL} with two mirrors under load; `dmlog-top` comes up in it, `?` shows its keys, `q` ends"
    );
    // A serial line does not know how large the terminal behind it is.
    let size = Command::new("stty").arg("size").stdin(Stdio::inherit()).output().context("`stty` does not run")?;
    let size = String::from_utf8_lossy(&size.stdout).into_owned();
    let (rows, columns) = size.trim().split_once(' ').unwrap_or(("24", "80"));
    let text = format!("stty rows {rows} cols {columns}\nexport TERM=xterm-256color LC_ALL=C.UTF-8\n{LIVE_SCRIPT}");
    let mut spec = spec(product, out, "")?;
    spec.start = Start::Terminal(text);
    spec.limits.total = LOOK;
    guest::run(&spec)?;
    Ok(ExitCode::SUCCESS)
}

fn spec(product: &Path, out: &Path, script: &str) -> Result<GuestSpec> {
    let mut spec = GuestSpec::new(KERNEL, "demo", script);
    spec.out = out.to_path_buf();
    spec.files.push(GuestFile { host: product.to_path_buf(), guest: "/bin/dmlog-top".to_owned() });
    spec.files.push(GuestFile::program("fio")?);
    Ok(spec)
}
