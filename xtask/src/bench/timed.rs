//! One run of a program on one CPU: how long it was on it, and how much memory it had at most.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::setup::store::scratch_dir;

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// User and system time in seconds.
    pub(super) cpu_s: f64,
    /// Largest resident set.
    pub(super) peak_mib: f64,
}

/// Runs a program whose output nobody wants, on one CPU.
pub(super) fn timed(program: &Path, args: &[&OsStr]) -> Result<Run> {
    let dir = scratch_dir("timed")?;
    let notes = dir.join("time");
    let mut command = on_one_cpu(Path::new("time"));
    command.args(["--format", "%U %S %M", "--output"]).arg(&notes).arg(program).args(args);
    // btt writes what nobody asked it for where it stands.
    command.current_dir(&dir);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("`{}` did not start", process::shown(&command)))?;
    let text = fs::read_to_string(&notes).context("`time` wrote nothing; the package `time` has it")?;
    fs::remove_dir_all(&dir).with_context(|| format!("`{}` cannot be removed", dir.display()))?;
    if !status.success() {
        bail!("`{}` failed ({status})", process::shown(&command));
    }
    Run::parse(&text).with_context(|| format!("`time` said `{text}`"))
}

/// A program that is kept on the last CPU; the first one has more interrupts.
pub(super) fn on_one_cpu(program: &Path) -> Command {
    let last = thread::available_parallelism().map_or(0, |cpus| cpus.get() - 1);
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &last.to_string()]).arg(program);
    command
}

impl Run {
    /// User seconds, system seconds, KiB.
    fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<f64> = text.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let [user_s, system_s, peak_kib] = <[f64; 3]>::try_from(numbers).ok()?;
        Some(Self { cpu_s: user_s + system_s, peak_mib: peak_kib / 1024.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    #[test]
    fn both_times_count() {
        assert_eq!(Run::parse("1.25 0.50 2048\n"), Some(Run { cpu_s: 1.75, peak_mib: 2.0 }));
        assert_eq!(Run::parse("Command exited with non-zero status 1\n0.1 0.0 5\n"), None);
    }
}
